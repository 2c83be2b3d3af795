"""Crystals with a dislocation loop: how many atoms, which stacking, and what the record says."""

import judges
import numpy as np
import pytest
from scipy.spatial import cKDTree

import construction_zone as cz
from construction_zone.build.transforms import random_rotation, translation
from construction_zone.errors import InvalidInput

OPEN = (False, False, False)
GOLD = cz.Crystal.fcc("Au")
A = GOLD.lattice[0, 0]
BOND = A / np.sqrt(2)
THIRD = 1 / 3


def atoms_of(zone):
    return zone.generator.fill(zone.volume, cell=(1.0, 1.0, 1.0), periodic=OPEN)


def loop(crystal="fcc Au", *, radius=24.3, loop_radius=12, **kwargs):
    return cz.prefabs.dislocation_loop(crystal, radius=radius, loop_radius=loop_radius, **kwargs)


def local(atoms, defect):
    """Height over the disc (n,) and distance from its axis (n,)."""
    offset, normal = atoms.positions - defect["point"], np.array(defect["normal"])
    height = offset @ normal
    return height, np.linalg.norm(offset - height[:, None] * normal, axis=1)


def area(defect):
    corners = np.array(defect["corners"]) - defect["point"]
    return np.linalg.norm(np.cross(corners, np.roll(corners, -1, axis=0)), axis=1).sum() / 2


@pytest.mark.parametrize(
    ("crystal", "burgers", "plane"),
    [
        ("fcc Au", (-THIRD, -THIRD, -THIRD), "111"),
        ("fcc Au", (THIRD, THIRD, THIRD), "111"),
        ("fcc Au", (0.5, 0.5, 0), "110"),
        ("fcc Au", (-0.5, -0.5, 0), "111"),
        ("fcc Au", (0.5, -0.5, 0), "111"),
        ("bcc Fe", (0.5, 0.5, 0.5), "111"),
        ("bcc Fe", (-1, 0, 0), "100"),
        ("diamond Si", (THIRD, THIRD, THIRD), "111"),
        ("zincblende CdSe", (-0.5, -0.5, 0), "110"),
    ],
)
def test_the_disc_gains_or_loses_the_atoms_that_the_burgers_vector_asks_for(crystal, burgers, plane):
    zone = loop(crystal, burgers=burgers, plane=plane)
    atoms = atoms_of(zone)
    (defect,) = atoms.info["record"]["dislocations"]
    material = cz.Crystal.named(crystal)
    volume_of_atom = abs(np.linalg.det(material.lattice)) / len(material.numbers)
    wanted = area(defect) * np.dot(defect["burgers"], defect["normal"]) / volume_of_atom
    record = atoms.info["record"]
    assert record["inserted"] - record["removed"] == pytest.approx(wanted, abs=0.15 * abs(wanted) + 1)
    assert defect["character"] == ("shear" if abs(wanted) < 1 else "interstitial" if wanted > 0 else "vacancy")
    assert defect["faulted"] == (THIRD in np.abs(burgers))
    assert defect["inside"] == 1
    cells = np.array(list(np.ndindex(2, 2, 2)))
    bond = judges.shortest(np.concatenate([material.positions + cell @ material.lattice for cell in cells]))
    assert judges.shortest(atoms.positions) > 0.749 * bond


def test_one_side_of_the_disc_is_moved_by_the_burgers_vector_against_the_other():
    atoms = atoms_of(loop(burgers=(0.5, -0.5, 0), plane="111"))
    (defect,) = atoms.info["record"]["dislocations"]
    height, across = local(atoms, defect)
    moved = atoms.positions - atoms.arrays["ideal"]
    near = (across < 3) & (np.abs(height) < 1.5)
    above, below = (moved[near & side].mean(axis=0) for side in (height > 0, height < 0))
    # the smooth part of the field differs between two sheets by b times their distance over the radius, at most
    np.testing.assert_allclose(above - below, defect["burgers"], atol=0.2 * BOND)
    assert np.linalg.norm(moved, axis=1)[np.linalg.norm(atoms.positions, axis=1) > 22].max() < 0.3 * BOND


@pytest.mark.parametrize("burgers", [(0.5, -0.5, 0), (-0.5, -0.5, 0), (0.5, 0.5, 0)])
def test_a_perfect_loop_leaves_a_perfect_crystal_off_its_line(burgers):
    atoms = atoms_of(loop(burgers=burgers, plane="111"))
    (defect,) = atoms.info["record"]["dislocations"]
    corners = np.array(defect["corners"])
    line = cKDTree(np.concatenate(np.linspace(corners, np.roll(corners, -1, axis=0), 9)))
    off = (line.query(atoms.positions)[0] > 6) & (np.linalg.norm(atoms.positions, axis=1) < 24.3 - 1.5 * BOND)
    kind, _ = judges.close_packed(atoms.positions, BOND)
    assert off.sum() > 1000
    assert (kind[off] == judges.CUBIC).mean() > 0.99
    assert set(judges.coordination(atoms.positions, BOND)[off].tolist()) == {12}


@pytest.mark.parametrize(
    ("burgers", "heights"),
    [
        ((-THIRD, -THIRD, -THIRD), (-0.5, 0.5)),  # one sheet less: intrinsic, two hexagonal sheets side by side
        ((THIRD, THIRD, THIRD), (-1, 1)),  # one sheet more: extrinsic, a cubic sheet between
        ((1 / 6, 1 / 6, -THIRD), (-0.5, 0.5)),  # sheared
    ],
)
@pytest.mark.parametrize("material", ["fcc Au", "diamond Si"])
def test_a_faulted_loop_has_the_fault_of_its_kind(material, burgers, heights):
    zone = loop(material, burgers=burgers, plane="111", loop_radius=14)
    rng = np.random.default_rng(5)
    atoms = atoms_of(zone.moved(translation((30, -10, 5)) @ random_rotation(rng)))
    (defect,) = atoms.info["record"]["dislocations"]
    assert defect["faulted"]
    metal = material.startswith("fcc")
    side = cz.Crystal.named(material).lattice[0, 0]
    judge = judges.close_packed if metal else judges.tetrahedral
    kind, axis = judge(atoms.positions, side / np.sqrt(2) if metal else side * np.sqrt(3) / 4)
    height, across = local(atoms, defect)
    spacing = side / np.sqrt(3)
    hexagonal = (kind == judges.HEXAGONAL) & (across < 8)
    assert hexagonal.sum() > 30
    levels = np.unique(np.round(height[hexagonal] / spacing * (1 if metal else 2)) / (1 if metal else 2))
    if metal:
        near = np.array([np.abs(height[hexagonal] / spacing - level).min() for level in heights])
        assert near.max() < 0.2
        assert np.abs(np.abs(height[hexagonal] / spacing) - abs(heights[0])).max() < 0.2
    else:  # sheets of two atoms, three quarters of a spacing from each other
        assert np.abs(np.abs(height[hexagonal] / spacing) - abs(heights[0])).max() < 0.375 + 0.2
    assert len(levels) >= 2
    assert abs(judges.common_axis(axis[hexagonal]) @ defect["normal"]) > np.cos(np.radians(3))
    # inside the disc there is nothing but cubic and hexagonal stacking
    core = (across < 6) & (np.abs(height) < 10)
    assert (kind[core] != judges.OTHER).mean() > 0.97


def test_atoms_and_record_move_with_the_particle():
    zone = loop(burgers=(-THIRD, -THIRD, -THIRD), plane="111", sides=6, toward=(1, -1, 0), radius=20, loop_radius=9)
    there = translation((5, 6, 7)) @ random_rotation(np.random.default_rng(2))
    still, moved = atoms_of(zone), atoms_of(zone.moved(there))
    np.testing.assert_allclose(moved.positions, there.apply(still.positions), atol=1e-5)
    one, other = (found.info["record"]["dislocations"][0] for found in (still, moved))
    np.testing.assert_allclose(there.apply(one["corners"]), other["corners"], atol=1e-6)
    np.testing.assert_allclose(there.apply_direction(one["burgers"]), other["burgers"], atol=1e-9)
    np.testing.assert_allclose(there.apply_direction(one["normal"]), other["normal"], atol=1e-9)
    first = np.array(one["corners"][0]) - one["point"]
    np.testing.assert_allclose(first / np.linalg.norm(first), np.array([1, -1, 0]) / np.sqrt(2), atol=1e-9)


def test_a_random_centre_lies_in_the_volume_and_repeats():
    def centred(seed):
        volume = cz.Ball(25, center=(40, -30, 20))
        zone = cz.prefabs.dislocation_loop(
            "fcc Au",
            volume=volume,
            burgers=(THIRD, THIRD, THIRD),
            plane="111",
            loop_radius=8,
            point="random",
            seed=seed,
        )
        return np.array(atoms_of(zone).info["record"]["dislocations"][0]["point"])

    one, same, other = centred(1), centred(1), centred(2)
    np.testing.assert_array_equal(one, same)
    assert np.linalg.norm(one - other) > 1
    assert np.linalg.norm(one - [40, -30, 20]) < 25 - 8 + 3


def test_a_loop_that_was_cut_away_is_not_in_the_record():
    zone = loop(burgers=(0.5, -0.5, 0), plane="111", loop_radius=6, point=(0, 0, 14))
    halved = cz.Zone(zone.volume & cz.HalfSpace((0, 0, 1.0), (0, 0, -2.0)), zone.generator, "half")
    assert atoms_of(halved).info["record"]["dislocations"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"burgers": (0.3, 0, 0), "plane": "111"}, "makes no loop"),
        ({"burgers": (-1 / 6, -1 / 6, THIRD), "plane": "111"}, "Shockley; the opposite"),
        ({"burgers": (0, 0, 0), "plane": "111"}, "zero"),
        ({"burgers": (THIRD, THIRD, THIRD), "plane": "100"}, "makes no loop"),
        ({"burgers": (0.5, 0.5, 0), "plane": "110", "loop_radius": 40}, "outside the volume"),
        ({"burgers": (0.5, 0.5, 0), "plane": "110", "loop_radius": 40, "point": "random"}, "does not fit"),
        ({"burgers": (0.5, 0.5, 0), "plane": "110", "point": "middle"}, "random"),
        ({"burgers": (0.5, 0.5, 0), "plane": "110", "sides": 2}, "3 to 200"),
        ({"burgers": (0.5, 0.5, 0), "plane": "110", "toward": (1, 1, 0)}, "along the normal"),
        ({"burgers": (0.5, 0.5, 0), "plane": "110", "poisson": 0.5}, "Poisson"),
        ({"burgers": (0.5, 0.5, 0), "plane": (1, 0, -1, 0)}, "planes"),
    ],
)
def test_impossible_loops_say_why(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        loop(**{"loop_radius": 10, **arguments})
