"""Two-dimensional materials: stacking, strain, twist, ripples, steps and tubes."""

import math

import numpy as np
import pytest

from construction_zone import prefabs
from construction_zone.build import Crystal, Scene
from construction_zone.build.prefabs import sheets
from construction_zone.errors import InvalidInput

GRAPHENE = Crystal.named("graphene C")
SIDE = float(np.linalg.norm(GRAPHENE.lattice[0]))
CELL = (SIDE * 20, SIDE * math.sqrt(3) * 12)


def made(zone, cell=CELL, height=40.0, seed=0):
    if cell is None:
        scene = Scene.fitted([zone])
    else:
        scene = Scene([zone.shifted((cell[0] / 2, cell[1] / 2, height / 2))], (*cell, height))
    atoms = scene.atoms(seed=seed)
    return atoms, atoms.info["record"]["zones"][zone.name]["fill"]


def bonds(atoms, cutoff=1.7):
    from ase.neighborlist import neighbor_list

    return np.bincount(neighbor_list("i", atoms, cutoff), minlength=len(atoms))


def test_graphene_across_a_cell_that_fits_is_whole_and_unstrained():
    atoms, record = made(prefabs.layers(cell=CELL))
    assert len(atoms) == 2 * 2 * 20 * 12
    assert (bonds(atoms) == 3).all()
    np.testing.assert_allclose(record["strain"], 0, atol=1e-12)
    assert record["repeats"] == [20, 12]


def test_sheets_are_strained_into_a_cell_that_does_not_fit():
    cell = (CELL[0] * 1.01, CELL[1] * 0.99)
    atoms, record = made(prefabs.layers(cell=cell), cell)
    np.testing.assert_allclose(record["strain"], (0.01, -0.01), atol=1e-12)
    assert (bonds(atoms) == 3).all()
    with pytest.raises(InvalidInput, match="fits"):
        prefabs.layers(cell=cell, max_strain=0.005)


@pytest.mark.parametrize(
    ("material", "stacking", "bulk"),
    [("graphene C", "AB", "graphite C"), ("h-BN-sheet BN", "AA'", "h-BN BN"), ("1H MoS2", "AA'", "2H MoS2")],
)
def test_stacks_are_the_bulk_crystal(material, stacking, bulk):
    crystal = Crystal.named(bulk)
    stack = sheets._stacked(Crystal.named(material), 2, stacking, float(crystal.lattice[2, 2]) / 2)
    here = fractions(stack.fractional[:, :2], sheets._heights(stack), crystal, stack.numbers)
    there = fractions(
        crystal.fractional[:, :2], crystal.fractional[:, 2] * crystal.lattice[2, 2], crystal, crystal.numbers
    )
    # equal up to a translation: some site of one falls on each of the other
    assert any(np.allclose(shifted(here, site), shifted(there, there[0]), atol=1e-4) for site in here)


def fractions(flat, height, crystal, numbers):
    return np.column_stack([flat, height / crystal.lattice[2, 2], numbers])


def shifted(sites, origin):
    moved = sites[:, :3] - origin[:3]
    moved -= np.floor(moved + 1e-6)
    rows = np.column_stack([np.round(moved, 4), sites[:, 3]])
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize("indices", [(1, 2), (2, 3), (1, 3), (5, 6)])
def test_commensurate_twist(indices):
    m, n = indices
    pair, angle = sheets._commensurate(GRAPHENE, indices, 3.35)
    total = m * m + m * n + n * n
    assert len(pair.numbers) == 4 * total
    assert math.cos(math.radians(angle)) == pytest.approx((m * m + 4 * m * n + n * n) / (2 * total))
    assert np.linalg.norm(pair.lattice[0]) == pytest.approx(SIDE * math.sqrt(total))


def test_moire_repeats_with_the_cell():
    side = SIDE * math.sqrt(7)
    cell = (side * 6, side * math.sqrt(3) * 3)
    atoms, record = made(prefabs.moire(indices=(1, 2), cell=cell), cell)
    assert (bonds(atoms) == 3).all()
    assert record["angle"] == pytest.approx(21.7867893, abs=1e-6)


def test_any_twist_as_a_flake():
    atoms, record = made(prefabs.moire(angle=7.3, radius=40), None)
    assert record["angle"] == 7.3
    heights = np.unique(np.round(atoms.positions[:, 2], 3))
    assert np.ptp(heights) == pytest.approx(3.354, abs=0.01)
    angles = []
    for height in heights:
        layer = atoms[np.abs(atoms.positions[:, 2] - height) < 0.01]
        inner = layer.positions - layer.positions.mean(axis=0)
        first = np.argmin(np.linalg.norm(inner, axis=1))
        around = inner - inner[first]
        bond = around[(np.linalg.norm(around, axis=1) > 0.1) & (np.linalg.norm(around, axis=1) < 1.6)]
        angles.append(math.degrees(math.atan2(bond[0, 1], bond[0, 0])) % 60)
    assert (angles[1] - angles[0]) % 60 == pytest.approx(7.3, abs=1e-6)


def test_a_flake_may_be_smaller_than_its_ripples_and_a_cell_may_not():
    atoms, _ = made(prefabs.layers(radius=15, ripple=0.8))
    assert 0.1 < np.std(atoms.positions[:, 2]) < 2.0
    with pytest.raises(InvalidInput, match="ripple_length is 30 Å; a cell of"):
        prefabs.layers(cell=(41.8, 42.6), ripple=0.8, ripple_length=30.0)


def test_ripples_have_their_height_and_repeat():
    atoms, _ = made(prefabs.layers(cell=CELL, ripple=0.6, ripple_length=12.0, seed=4))
    assert atoms.positions[:, 2].std() == pytest.approx(0.6, rel=0.05)
    assert (bonds(atoms, 1.9) == 3).all()
    assert "ideal" in atoms.arrays
    flat = np.ptp(atoms.arrays["ideal"][:, 2])
    assert flat < 1e-9


def test_vacancies_and_step_edges():
    whole = len(made(prefabs.layers(cell=CELL, count=2))[0])
    missing = len(made(prefabs.layers(cell=CELL, count=2, vacancies=0.05))[0])
    assert missing == whole - round(0.05 * whole)
    stepped, _ = made(prefabs.layers(cell=CELL, count=2, step=0.25))
    top = stepped.positions[:, 2] > stepped.positions[:, 2].mean()
    assert (~top).sum() == whole / 2
    assert top.sum() == pytest.approx(whole / 8, rel=0.1)
    assert stepped.positions[top, 0].max() <= 0.25 * CELL[0] + 1e-6


def test_nanotube_has_its_radius():
    atoms, record = made(prefabs.nanotube(n=10, m=5, length=40), None)
    expected = SIDE * math.sqrt(100 + 50 + 25) / (2 * math.pi)
    assert record["radius"] == pytest.approx(expected, rel=1e-3)
    assert record["length"] == pytest.approx(40, abs=8)
    assert len(atoms) == 4 * (100 + 50 + 25) / math.gcd(2 * 10 + 5, 2 * 5 + 10) * round(
        record["length"] / (math.sqrt(3) * SIDE * math.sqrt(175) / math.gcd(25, 20))
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: prefabs.layers("fcc Au", cell=CELL),
        lambda: prefabs.layers(cell=CELL, radius=20),
        lambda: prefabs.layers(),
        lambda: prefabs.layers(cell=CELL, count=0),
        lambda: prefabs.layers(cell=CELL, stacking="AD"),
        lambda: prefabs.layers(cell=CELL, count=2, step=1.5),
        lambda: prefabs.moire(cell=CELL),
        lambda: prefabs.moire(angle=3, cell=CELL),
        lambda: prefabs.moire(indices=(2, 4), cell=CELL),
        lambda: prefabs.moire(indices=(0, 4), cell=CELL),
        lambda: prefabs.nanotube(n=0, m=0, length=30),
        lambda: prefabs.nanotube(n=5, m=5, length=-3),
    ],
)
def test_bad_input(call):
    with pytest.raises(InvalidInput):
        call()
