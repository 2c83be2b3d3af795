"""Orientations of grains against those that they were given."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from label_scenes import A, alone, ball, tilted, upright

import construction_zone as cz
from construction_zone.build import modifiers, prefabs, transforms
from construction_zone.errors import InvalidInput
from construction_zone.label.orientation import nearest_axis, orientation_matrix, orientations


def test_a_crystal_in_its_own_axes_is_not_turned() -> None:
    (row,) = orientations(alone(ball(cz.Crystal.fcc("Au"))))
    np.testing.assert_allclose(np.reshape(row["matrix"], (3, 3)), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.reshape(row["lattice"], (3, 3)), A * np.eye(3), atol=1e-9)
    assert (row["zone"], row["phase"], row["grain"]) == ("ball", "fcc Au", 0)
    assert row["axis"] == [0, 0, 1]
    assert row["angle"] == pytest.approx(0, abs=1e-6)
    assert row["aligned"]


@pytest.mark.parametrize("material", ["fcc Au", "wurtzite CdSe", "rutile TiO2"])
def test_the_matrix_is_the_rotation_that_the_crystal_was_given(material: str) -> None:
    turn = transforms.random_rotation(np.random.default_rng(5))
    (row,) = orientations(alone(ball(cz.Crystal.named(material).moved(turn))))
    np.testing.assert_allclose(np.reshape(row["matrix"], (3, 3)), turn.matrix, atol=1e-9)


@pytest.mark.parametrize(("angle", "aligned"), [(19.9, True), (20.1, False)])
def test_a_tilt_off_the_axis_is_told_in_mrad(angle: float, aligned: bool) -> None:
    (row,) = orientations(alone(ball(tilted(angle))), tolerance=20.0)
    assert row["axis"] == [0, 0, 1]
    assert row["angle"] == pytest.approx(angle, rel=1e-6)
    # turned about x from y towards z, the axis that was along z leans towards −y
    assert row["tilt_y"] == pytest.approx(-angle, rel=1e-6)
    assert row["tilt_x"] == pytest.approx(0, abs=1e-6)
    assert row["aligned"] is aligned


def test_the_nearest_axis_is_that_of_the_smallest_angle_and_points_along_the_beam() -> None:
    assert nearest_axis(A * np.eye(3))[0] == (0, 0, 1)
    turn = cz.Crystal.fcc("Au").with_zone_axis((1, -1, 2)).pose
    axis, along = nearest_axis(turn.apply_direction(A * np.eye(3)))
    assert axis == (1, -1, 2)
    np.testing.assert_allclose(along, [0, 0, 1], atol=1e-12)
    # [1 2 3] is not among indices up to 2: the nearest is [1 1 2], arccos(9/√84) away
    turned = cz.Crystal.fcc("Au").with_zone_axis((1, 2, 3)).pose.apply_direction(A * np.eye(3))
    axis, along = nearest_axis(turned)
    assert sorted(axis) == [1, 1, 2]
    assert np.arccos(along[2]) == pytest.approx(np.arccos(9 / np.sqrt(84)))
    assert nearest_axis(turned, most=3)[0] == (1, 2, 3)


def test_twins_are_grains_of_their_own_turned_by_the_twin_law() -> None:
    zone = prefabs.twinned(upright(), radius=15, positions=[0]).shifted((24, 24, 24))
    first, second = orientations(alone(zone))
    turn = np.reshape(second["matrix"], (3, 3)) @ np.reshape(first["matrix"], (3, 3)).T
    # 180° about (111), which is along y
    np.testing.assert_allclose(turn, np.diag([-1, 1, -1]), atol=1e-9)
    assert first["aligned"]
    assert second["aligned"]
    assert first["axis"] == [1, -1, 0]
    assert second["axis"] == [-1, 1, 0]


def test_parts_of_a_particle_have_their_own_lattices() -> None:
    zone = prefabs.core_shell(prefabs.cube("fcc Au", edge=16), "fcc Ag", thickness=5).shifted((24, 24, 24))
    core, shell = orientations(alone(zone))
    assert [core["phase"], shell["phase"]] == ["fcc Au", "fcc Ag"]
    assert core["lattice"][0] == pytest.approx(A)
    assert shell["lattice"][0] == pytest.approx(A)  # the shell is coherent


def test_a_modifier_that_turns_and_stretches_is_in_the_lattice() -> None:
    angle = np.radians(2.0)
    gradient = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    gradient = gradient @ np.diag([1.02, 1.0, 0.99])
    zone = ball(cz.Crystal.fcc("Au"), modifiers=(modifiers.Deformation(gradient, frame="lab"),))
    (row,) = orientations(alone(zone))
    np.testing.assert_allclose(np.reshape(row["lattice"], (3, 3)), A * gradient.T, atol=1e-9)
    assert row["angle"] == pytest.approx(1e3 * angle, rel=1e-6)


def test_amorphous_matter_has_no_grain() -> None:
    film = cz.Zone(
        cz.Block.between((0, 0, 5), (48, 48, 15)), cz.Amorphous("C", density=2.0, structure="random"), "film"
    )
    assert orientations(cz.Scene([film], cell=(48, 48, 20)).atoms(seed=0)) == []


def test_a_left_handed_lattice_is_turned_from_one_with_c_down() -> None:
    np.testing.assert_allclose(orientation_matrix(np.diag([3.0, 4.0, -5.0])), np.eye(3), atol=1e-12)
    turn = transforms.random_rotation(np.random.default_rng(2)).matrix
    np.testing.assert_allclose(orientation_matrix(np.diag([3.0, 4.0, -5.0]) @ turn.T), turn, atol=1e-12)


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no record of their zones"):
        orientations(ase.Atoms("Au", cell=[5, 5, 5]))
    atoms = alone(ball(cz.Crystal.fcc("Au"), radius=8))
    with pytest.raises(InvalidInput, match="tolerance is -1"):
        orientations(atoms, tolerance=-1)
    with pytest.raises(InvalidInput, match="most is 0"):
        orientations(atoms, most=0)
