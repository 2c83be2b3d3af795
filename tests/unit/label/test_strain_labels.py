"""Strain against fields that were put in."""

from __future__ import annotations

import numpy as np
import pytest
from label_scenes import PIXEL, SHAPE, A, alone, ball

import construction_zone as cz
from construction_zone.build import modifiers, prefabs, transforms
from construction_zone.label.masks import projected
from construction_zone.label.strain import atomic_strain, strain_map

TENSOR = np.array([[0.02, 0.005, 0.003], [0.005, -0.01, 0.0], [0.003, 0.0, 0.015]])


def test_a_homogeneous_strain_in_the_lab_is_told_exactly() -> None:
    turned = cz.Crystal.fcc("Au").moved(transforms.random_rotation(np.random.default_rng(3)))
    atoms = alone(ball(turned, modifiers=(modifiers.Strain(TENSOR, frame="lab"),)))
    found = atomic_strain(atoms)
    np.testing.assert_allclose(found, np.tile([0.02, -0.01, 0.005, 0.0], (len(atoms), 1)), atol=1e-9)
    mapped = strain_map(atoms, SHAPE, PIXEL)
    inside = projected(atoms, SHAPE, PIXEL) > 0
    assert mapped.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(mapped[0]), inside)
    np.testing.assert_allclose(mapped[:, inside].T, np.tile([0.02, -0.01, 0.005, 0], (inside.sum(), 1)), atol=1e-5)


def test_a_strain_in_the_crystal_turns_with_it() -> None:
    turned = cz.Crystal.fcc("Au").moved(transforms.rotation((0, 0, 1), 30.0))
    atoms = alone(ball(turned, modifiers=(modifiers.Strain(np.diag([0.03, 0.0, 0.0]), frame="crystal"),)))
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    wanted = [0.03 * c * c, 0.03 * s * s, 0.03 * c * s, 0.0]
    np.testing.assert_allclose(atomic_strain(atoms), np.tile(wanted, (len(atoms), 1)), atol=1e-9)


def test_a_rotation_is_no_strain() -> None:
    angle = np.radians(3.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    found = atomic_strain(alone(ball(cz.Crystal.fcc("Au"), modifiers=(modifiers.Deformation(turn, frame="lab"),))))
    np.testing.assert_allclose(found, np.tile([0, 0, 0, angle], (len(found), 1)), atol=1e-9)


def test_a_crystal_that_is_strained_and_then_turned_is_strained_along_its_new_axes() -> None:
    """F = R(1 + ε) = V R with V − 1 = R ε Rᵀ, in the axes of the image."""
    angle = np.radians(30.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    gradient = turn @ np.diag([1.03, 1.0, 1.0])
    found = atomic_strain(alone(ball(cz.Crystal.fcc("Au"), modifiers=(modifiers.Deformation(gradient, frame="lab"),))))
    c, s = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(found, np.tile([0.03 * c * c, 0.03 * s * s, 0.03 * c * s, angle], (len(found), 1)))


@pytest.mark.parametrize("material", ["fcc Au", "zincblende GaAs", "bcc Fe"])
def test_a_bent_crystal_is_stretched_by_its_distance_from_the_neutral_line(material: str) -> None:
    """Pure bending, u = (κxy, −κx²/2): exx = κy, eyy = 0, exy = 0 and the rotation −κx, to first order."""
    curvature = 0.002

    def bend(x: np.ndarray) -> np.ndarray:
        return curvature * np.stack([x[:, 0] * x[:, 1], -(x[:, 0] ** 2) / 2, 0 * x[:, 2]], axis=1)

    atoms = alone(ball(cz.Crystal.named(material), modifiers=(modifiers.Displacement(bend, frame="crystal"),)))
    x, y = (atoms.arrays["ideal"][:, axis] - 24 for axis in (0, 1))
    found = atomic_strain(atoms)
    deep = np.linalg.norm(atoms.arrays["ideal"] - 24, axis=1) < 10  # neighbours on all sides
    wanted = np.column_stack([curvature * y, 0 * y, 0 * y, -curvature * x])
    assert np.abs(wanted[deep, 0]).max() > 0.015
    # what is left is of second order: (κx)²/2 = 2e-4
    np.testing.assert_allclose(found[deep], wanted[deep], atol=4e-4)
    mapped = strain_map(atoms, SHAPE, PIXEL)
    rows, columns = np.arange(80, 161, 8), np.arange(80, 161, 8)
    place = np.meshgrid(rows, columns, indexing="ij")
    np.testing.assert_allclose(mapped[0][tuple(place)], curvature * (place[0] * 0.2 - 24), atol=1.5e-3)


def test_where_nothing_moved_there_is_no_strain() -> None:
    atoms = alone(ball(cz.Crystal.fcc("Au")))
    found = strain_map(atoms, SHAPE, PIXEL)
    inside = projected(atoms, SHAPE, PIXEL) > 0
    assert not found[:, inside].any()
    assert np.isnan(found[:, ~inside]).all()


def test_a_closed_decahedron_is_stretched_across_its_twins() -> None:
    """Each crystal is stretched by 1.02749 along its [1-10], the tangential direction of its middle."""
    zone = prefabs.decahedron("fcc Au", edge=5, column=5).shifted((24, 24, 24))
    atoms = alone(zone)
    found = atomic_strain(atoms)
    assert (found[:, 0] + found[:, 1]).max() == pytest.approx(0.02749, abs=1e-5)
    np.testing.assert_allclose(found[:, 0] + found[:, 1], 0.02749, atol=1e-5)
    grains = [np.flatnonzero(atoms.arrays["grain"] == k) for k in range(5)]
    lowest = min(grains, key=lambda own: atoms.positions[own, 1].mean())  # opposite to a corner: its tangent is x
    np.testing.assert_allclose(found[lowest, 0], 0.02749, atol=1e-5)
    np.testing.assert_allclose(found[lowest, 1:3], 0.0, atol=1e-5)


def test_a_strained_particle_that_the_seam_cuts_has_the_same_strain() -> None:
    crystal = cz.Crystal.fcc("Au")
    atoms = alone(ball(crystal, modifiers=(modifiers.Strain(TENSOR, frame="lab"),), at=(1.0, 47.0, 24.0)))
    found = atomic_strain(atoms)
    np.testing.assert_allclose(found, np.tile([0.02, -0.01, 0.005, 0.0], (len(atoms), 1)), atol=1e-9)


def test_a_coherent_shell_is_strained_to_its_core() -> None:
    core = prefabs.cube("fcc Au", edge=16)
    atoms = alone(prefabs.core_shell(core, "fcc Ag", thickness=5).shifted((24, 24, 24)))
    found, silver = atomic_strain(atoms), cz.Crystal.fcc("Ag").lattice[0, 0]
    np.testing.assert_allclose(found[atoms.numbers == 79], 0, atol=1e-9)
    np.testing.assert_allclose(found[atoms.numbers == 47][:, :2], A / silver - 1, atol=1e-6)


def test_amorphous_matter_has_no_strain() -> None:
    film = cz.Zone(
        cz.Block.between((0, 0, 5), (48, 48, 15)), cz.Amorphous("C", density=2.0, structure="random"), "film"
    )
    atoms = cz.Scene([film], cell=(48, 48, 20)).atoms(seed=0)
    assert np.isnan(strain_map(atoms, SHAPE, PIXEL)).all()
