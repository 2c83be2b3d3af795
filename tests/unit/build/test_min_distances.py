"""How close atoms of different zones may come, by pair of elements."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from construction_zone.build import Amorphous, Ball, Block, Crystal, Scene, Zone, merge, transforms
from construction_zone.build.distances import PairDistances
from construction_zone.errors import InvalidInput

CELL = (40.0, 40.0, 50.0)


def nearest(first, second):
    return cKDTree(first, boxsize=(40, 40, 0)).query(second)[0].min()


@pytest.mark.parametrize(
    "asked", [{("Au", "Cd"): 3.2, "Se-Au": 2.6}, {"Cd-Au": 2.2, ("Se", "Au"): 3.4, "default": 1.0}]
)
def test_each_pair_of_elements_has_its_own_distance(asked):
    gold = Zone(Ball(9, (16, 20, 25)), Crystal.fcc("Au").moved(transforms.rotation((1, 2, 0), 30)), "gold")
    cadmium_selenide = Zone(Block.between((14, 5, 10), (36, 35, 40)), Crystal.wurtzite("CdSe"), "rest", priority=1)
    atoms = Scene([cadmium_selenide, gold], CELL, min_distance=asked).atoms()
    known = PairDistances.of(asked)
    gold_atoms = atoms.positions[atoms.numbers == 79]
    for z, symbol in ((48, "Cd"), (34, "Se")):
        limit = known.matrix([79, z])[0, 1]
        found = nearest(gold_atoms, atoms.positions[atoms.numbers == z])
        assert limit <= found < limit + 0.4, symbol
    # nothing more than needed is gone
    everything = cadmium_selenide.generator.fill(cadmium_selenide.volume, cell=CELL)
    everything = everything[~gold.volume.contains(everything.positions)]
    distance = cKDTree(gold_atoms).query(everything.positions)[0]
    allowed = distance >= known.matrix([79, 48, 34])[0][np.where(everything.numbers == 48, 1, 2)]
    assert allowed.sum() == (atoms.numbers != 79).sum()


def test_an_atom_that_has_gone_drives_out_no_other():
    # in a row, each too close to the next: the first drives out the second, so that the third stays
    points = [np.array([[x, 20.0, 20.0]]) for x in (23.0, 20.0, 21.5)]
    numbers = [np.array([79])] * 3
    kept = merge.keep_apart(points, numbers, [2, 0, 1], PairDistances(2.0), CELL, (True, True, False))
    assert [stays.tolist() for stays in kept] == [[True], [True], [False]]


def test_large_scenes_keep_their_distance_too():
    film = Zone(Block.between((0, 0, 0), (80, 80, 60)), Crystal.diamond("C"), "film", priority=1)
    balls = [
        Zone(
            Ball(14, (20 + 40 * i, 20 + 40 * j, 62)),
            Crystal.fcc("Au")
            .moved(transforms.rotation((1, i, j), 20 + 30 * j))
            .shifted((20 + 40 * i, 20 + 40 * j, 62)),
            f"ball {i}{j}",
        )
        for i in (0, 1)
        for j in (0, 1)
    ]
    atoms = Scene([film, *balls], (80, 80, 90), periodic=(False, False, False), min_distance=2.3).atoms()
    assert len(atoms) > 60_000
    gold = atoms.numbers == 79
    assert 2.3 <= cKDTree(atoms.positions[gold]).query(atoms.positions[~gold])[0].min() < 2.4
    closest = atoms.info["record"]["checks"]["closest"]
    assert closest["Au-C"] == pytest.approx(cKDTree(atoms.positions[gold]).query(atoms.positions[~gold])[0].min())


def test_forms_of_asking():
    known = PairDistances.of({("C", "Au"): 2.3, "C-C": 1.4})
    assert known == PairDistances.of({"Au-C": 2.3, ("C", "C"): 1.4, "default": 2.0}) == PairDistances.of(known.plain())
    np.testing.assert_allclose(known.matrix([6, 79, 14]), [[1.4, 2.3, 2], [2.3, 2, 2], [2, 2, 2]])
    assert known.largest == 2.3
    film = Zone(Block.between((0, 0, 0), (40, 40, 10)), Amorphous("C", 2.2, structure="random"), "film")
    assert hash(Scene([film], CELL, min_distance={"C-C": 1.4})) != hash(Scene([film], CELL, min_distance=1.4))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({("C", "Xx"): 2}, "'Xx' is not a chemical element"),
        ({("C", "Au"): 2, "Au-C": 3}, "gives the pair Au–C twice"),
        ({("C", "Au"): -2}, "min_distance of Au–C is -2"),
        ({"default": float("nan")}, "min_distance 'default' is nan"),
        ({"C": 2}, "has the key 'C'"),
        ({("C", "Au", "H"): 2}, "has the key"),
        ("near", "min_distance is 'near'"),
    ],
)
def test_bad_distances(given, message):
    with pytest.raises(InvalidInput, match=message):
        PairDistances.of(given)
