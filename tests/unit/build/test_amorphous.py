import time

import numpy as np
import pytest
from scipy.spatial import cKDTree

from construction_zone.build import Amorphous, Ball, Block, Crystal, Cylinder, HalfSpace, Scene, Zone, transforms
from construction_zone.build.generators.packing import first_come
from construction_zone.errors import InvalidInput, SceneError

CARBON = Amorphous("C", density=2.20, structure="random")


def closest(atoms, cell, periodic=(True, True, False)):
    tree = cKDTree(atoms.positions, boxsize=np.where(periodic, cell, 0.0))
    return tree.query(atoms.positions, k=2)[0][:, 1].min()


def test_density_of_carbon_is_the_textbook_number():
    assert CARBON.number_density == pytest.approx(0.1103, abs=1e-4)  # 2.20 g/cm³


@pytest.mark.parametrize(
    ("volume", "content"),
    [
        (Block.between((0, 0, 5), (40, 30, 25)), 40 * 30 * 20),
        (Ball(9, (20, 15, 12)), 4 / 3 * np.pi * 9**3),
        (Cylinder(8, 20, (20, 15, 15), (0, 0, 1)), np.pi * 64 * 20),
        (Ball(9, (1, 29, 12)), 4 / 3 * np.pi * 9**3),  # through both seams
    ],
)
def test_exact_count_and_minimum_distance_across_the_seams(volume, content):
    cell = (40.0, 30.0, 60.0)
    atoms = CARBON.fill(volume, cell=cell, seed=3)
    assert len(atoms) == round(CARBON.number_density * content)
    assert closest(atoms, cell) >= 1.4
    assert closest(atoms, cell) < 1.45  # and it is not far more, either
    assert (atoms.positions[:, :2] >= 0).all()
    assert (atoms.positions[:, :2] < cell[:2]).all()


def test_atoms_lie_in_the_volume_wherever_it_is():
    volume = Block.between((-7, 11, 35), (12, 29, 52))
    atoms = CARBON.fill(volume, cell=(40, 40, 60), seed=0)
    shifted = atoms.positions - [40, 0, 0] * (atoms.positions[:, :1] > 20)
    assert volume.contains(shifted).all()
    assert len(atoms) == round(CARBON.number_density * 19 * 18 * 17)


def test_atoms_fill_a_film_evenly():
    atoms = CARBON.fill(Block.between((0, 0, 30), (60, 60, 60)), cell=(60, 60, 90), seed=1)
    counts, _ = np.histogramdd(atoms.positions, bins=(4, 4, 3), range=[(0, 60), (0, 60), (30, 60)])
    expected = len(atoms) / 48
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_a_combined_volume_has_its_measured_content():
    volume = Ball(15, (25, 25, 25)) & HalfSpace((0, 0, 1), (0, 0, 25))
    atoms = CARBON.fill(volume, cell=(50, 50, 50), seed=0)
    assert len(atoms) == pytest.approx(CARBON.number_density * 2 / 3 * np.pi * 15**3, rel=2e-3)
    assert atoms.positions[:, 2].max() <= 25.001


def test_unbounded_volumes_end_at_the_cell():
    atoms = CARBON.fill(HalfSpace((0, 0, 1), (0, 0, 10)), cell=(30, 30, 40), seed=0)
    assert len(atoms) == pytest.approx(CARBON.number_density * 30 * 30 * 10, abs=2)
    assert atoms.positions.min() >= 0
    assert closest(atoms, (30, 30, 40)) >= 1.4


def test_a_block_wider_than_the_cell_is_filled_once():
    atoms = CARBON.fill(Block.between((-5, -5, 0), (45, 35, 10)), cell=(40, 30, 20), seed=0)
    assert len(atoms) == pytest.approx(CARBON.number_density * 40 * 30 * 10, abs=3)
    assert closest(atoms, (40, 30, 20)) >= 1.4


def test_periodic_along_all_axes():
    cell = (20.0, 20.0, 20.0)
    atoms = CARBON.fill(Block.between((0, 0, 0), cell), cell=cell, seed=5, periodic=(True, True, True))
    assert closest(atoms, cell, (True, True, True)) >= 1.4


def test_seeds():
    volume = Block((10, 10, 10), (10, 10, 10))
    one, again, other = (CARBON.fill(volume, cell=(20, 20, 20), seed=s) for s in (1, 1, 2))
    assert one.positions.tobytes() == again.positions.tobytes()
    assert not np.allclose(one.positions, other.positions)


def test_composition_is_exact_and_its_atoms_are_mixed():
    silica = Amorphous("SiO2", density=2.20, structure="random")
    assert silica == Amorphous({"Si": 1, "O": 2}, density=2.20, structure="random")
    atoms = silica.fill(Block((30, 30, 30), (15, 15, 15)), cell=(30, 30, 30), seed=0)
    silicon = int((atoms.numbers == 14).sum())
    assert silicon == pytest.approx(len(atoms) / 3, abs=1)
    assert atoms.get_masses().sum() / 0.602214076 / 30**3 == pytest.approx(2.20, rel=2e-3)
    half = atoms.numbers[: len(atoms) // 2]
    assert (half == 14).mean() == pytest.approx(1 / 3, abs=0.06)


def test_displacements():
    assert CARBON.displacements == {"C": 0.087}
    assert 8 * np.pi**2 * 0.087**2 == pytest.approx(0.60, abs=0.01)  # B of graphite, Trucano & Chen (1975)
    assert Amorphous("SiO2", 2.2).displacements == {"Si": 0.0, "O": 0.0}
    assert Amorphous("SiO2", 2.2, thermal_u={"O": 0.1}).displacements == {"Si": 0.0, "O": 0.1}
    atoms = Amorphous("C", 2.2, thermal_u=0.07).fill(Ball(6, (9, 9, 9)), cell=(18, 18, 18))
    assert set(atoms.arrays["thermal_u"]) == {0.07}


def test_first_come_is_the_one_by_one_rule():
    points = np.random.default_rng(0).uniform(0, 10, (400, 3))
    kept: list[int] = []
    for i, point in enumerate(points):
        delta = points[kept] - point
        delta -= np.round(delta / 10) * 10
        if not (np.linalg.norm(delta, axis=1) < 1.3).any():
            kept.append(i)
    np.testing.assert_array_equal(np.flatnonzero(first_come(points, 1.3, np.full(3, 10.0))), kept)
    assert len(kept) < 400


def test_speed():
    start = time.perf_counter()
    atoms = CARBON.fill(Block.between((0, 0, 0), (80, 80, 30)), cell=(80, 80, 40), seed=0)
    assert len(atoms) / (time.perf_counter() - start) > 6e4  # ten times slower than measured


def test_moving_changes_the_pose_only():
    moved = CARBON.moved(transforms.translation((1, 2, 3)))
    np.testing.assert_array_equal(moved.pose.vector, (1, 2, 3))
    assert moved.density == CARBON.density


def test_a_dense_but_possible_packing_is_made():
    # packing fraction 0.34, not far below where random addition stops
    dense = Amorphous("C", density=2.20, min_distance=1.8)
    atoms = dense.fill(Block.between((0, 0, 0), (15, 15, 15)), cell=(15, 15, 15), seed=0, periodic=(True, True, True))
    assert closest(atoms, (15.0, 15.0, 15.0), (True, True, True)) >= 1.8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Amorphous("C", density=0), "density is 0 g/cm³"),
        (lambda: Amorphous("C", density=-2.2), "density is -2.2"),
        (lambda: Amorphous("C", density=np.nan), "density is nan"),
        (lambda: Amorphous("Zz", density=1), "'Zz' is not a chemical element"),
        (lambda: Amorphous("carbon", density=1), "not a chemical formula"),
        (lambda: Amorphous({}, density=1), "composition is"),
        (lambda: Amorphous({"C": -1}, density=1), "amount of C is -1"),
        (lambda: Amorphous("C", 2.2, structure="annealed"), "structure is 'annealed'; give 'relaxed' or 'random'"),
        (lambda: Amorphous("C", 2.2, min_distance=0), "min_distance is 0"),
        (lambda: Amorphous("SiO2", 2.2, min_distance={("Si", "C"): 1.5}), "names C–Si, which amorphous SiO2 does not"),
        (lambda: Amorphous("SiO2", 2.2, min_distance={"O-O": 0}), "min_distance of O–O is 0"),
        (lambda: Amorphous("SiO2", 2.2, min_distance={"default": 0, "O-O": 2}), "min_distance 'default' is 0"),
        (lambda: Amorphous("SiO2", 2.2, min_distance={"O-O": 3.5}), r"O–O 3.5 Å\) has a packing fraction of 0.99"),
        (lambda: Amorphous("C", 2.2, min_distance=2.5), r"packing fraction of 0.90.*lower min_distance below 1.88 Å"),
        (lambda: Amorphous("C", 2.2, thermal_u={"Si": 0.1}), "does not contain"),
        (lambda: Amorphous("C", 2.2, thermal_u=-1), "thermal_u is -1"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_unpackable_material_says_the_limit():
    tight = Amorphous("C", 2.2, min_distance=2.0)  # 0.46: possible for a crystal, not at random
    with pytest.raises(SceneError, match=r"0.46; random placement stops at about 0.38: lower min_distance below 1.88"):
        tight.fill(Block((30, 30, 30), (15, 15, 15)), cell=(30, 30, 30))


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (Ball(1) & Ball(1, (9, 9, 9)), "its parts do not meet"),
        (Ball(5, (9, 9, 9)) - Ball(6, (9, 9, 9)), "the volume is empty"),
        (HalfSpace((0, 0, 1), (0, 0, -3)), "does not meet the cell"),
        (Ball(0.5, (5, 5, 5)), "too small"),
    ],
)
def test_volumes_that_hold_nothing(volume, message):
    with pytest.raises(SceneError, match=message):
        CARBON.fill(volume, cell=(20, 20, 20))


def test_a_cell_thinner_than_an_atom_is_refused():
    with pytest.raises(SceneError, match="shorter than min_distance"):
        CARBON.fill(HalfSpace((0, 0, 1), (0, 0, 10)), cell=(1.2, 100, 20))


def test_carving_by_a_particle_keeps_the_rest():
    cell = (40.0, 40.0, 50.0)
    film = Zone(Block.between((0, 0, 0), (40, 40, 20)), CARBON, "film", priority=1)
    ball = Zone(Ball(8, (20, 20, 20)), Crystal.fcc("Au").shifted((20, 20, 20)), "ball")
    alone, both = Scene([film], cell).atoms(seed=4), Scene([film, ball], cell).atoms(seed=4)
    left = both[both.arrays["zone"] == 0].positions
    assert {tuple(p) for p in left} < {tuple(p) for p in alone.positions}
