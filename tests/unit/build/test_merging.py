import re
import warnings

import numpy as np
import pytest
from scipy.spatial import cKDTree

from construction_zone.build import Amorphous, Ball, Block, Crystal, HalfSpace, Scene, Zone, transforms, variant
from construction_zone.errors import InvalidInput, SceneError

CELL = (40.0, 40.0, 50.0)
GOLD = Crystal.fcc("Au", a=4.0)
SILVER = Crystal.fcc("Ag", a=4.0).shifted((1.0, 1.0, 1.0))
FILM = Zone(Block.between((0, 0, 0), (40, 40, 15)), Amorphous("C", density=2.20), "film", priority=1)


def positions(atoms, zone):
    return atoms.positions[atoms.arrays["zone"] == zone]


def test_arrays_and_names():
    ball = Zone(Ball(8, (20, 20, 25)), GOLD, "ball")
    atoms = Scene([FILM, ball], CELL).atoms(seed=1)
    assert atoms.info["zones"] == ["film", "ball"]
    assert atoms.info["phases"] == ["amorphous C", "fcc Au"]
    np.testing.assert_array_equal(atoms.arrays["id"], np.arange(len(atoms)))
    np.testing.assert_array_equal(atoms.numbers, np.where(atoms.arrays["zone"] == 0, 6, 79))
    np.testing.assert_array_equal(atoms.arrays["phase"], atoms.arrays["zone"])
    np.testing.assert_array_equal(atoms.arrays["grain"], atoms.arrays["zone"])
    np.testing.assert_allclose(atoms.arrays["thermal_u"], np.where(atoms.arrays["zone"] == 0, 0.087, 0))
    np.testing.assert_array_equal(atoms.cell.lengths(), CELL)
    assert atoms.pbc.tolist() == [True, True, False]


def test_two_grains_of_one_phase():
    zones = [Zone(Ball(5, (10, 10, 25)), GOLD, "a"), Zone(Ball(5, (30, 10, 25)), GOLD, "b")]
    atoms = Scene(zones, CELL).atoms()
    assert atoms.info["phases"] == ["fcc Au"]
    assert set(atoms.arrays["phase"]) == {0}
    assert set(atoms.arrays["grain"]) == {0, 1}


def test_lower_priority_number_wins_the_overlap():
    first, second = Ball(8, (16, 20, 25)), Ball(8, (24, 20, 25))
    zones = [Zone(first, GOLD, "loser", priority=2), Zone(second, SILVER, "winner", priority=1)]
    atoms = Scene(zones, CELL, min_distance=0).atoms()
    assert len(positions(atoms, 1)) == len(SILVER.fill(second, cell=CELL))
    assert not second.contains(positions(atoms, 0)).any()
    alone = GOLD.fill(first, cell=CELL).positions
    assert len(positions(atoms, 0)) == (~second.contains(alone)).sum() > 0


def test_equal_priority_leaves_the_overlap_empty():
    first, second = Ball(8, (16, 20, 25)), Ball(8, (24, 20, 25))
    atoms = Scene([Zone(first, GOLD, "a"), Zone(second, SILVER, "b")], CELL, min_distance=0).atoms()
    assert not (first & second).contains(atoms.positions).any()
    assert len(positions(atoms, 0)) > 0
    assert len(positions(atoms, 1)) > 0


@pytest.mark.parametrize(("priorities", "loser"), [((0, 1), 1), ((1, 0), 0), ((0, 0), 1)])
def test_minimum_distance_between_zones(priorities, loser):
    volumes = Block.between((5, 5, 5), (20, 35, 45)), Block.between((20, 5, 5), (35, 35, 45))
    generators = GOLD.moved(transforms.rotation((1, 0, 0), 15)), SILVER.moved(transforms.rotation((1, 1, 0), 40))
    zones = [Zone(v, g, n, p) for v, g, n, p in zip(volumes, generators, "ab", priorities, strict=True)]
    atoms = Scene(zones, CELL, min_distance=2.4).atoms()
    a, b = positions(atoms, 0), positions(atoms, 1)
    assert cKDTree(a).query(b)[0].min() >= 2.4
    full = [len(g.fill(v, cell=CELL)) for v, g in zip(volumes, generators, strict=True)]
    assert (len(a), len(b))[1 - loser] == full[1 - loser]
    assert (len(a), len(b))[loser] < full[loser]


def test_ball_through_the_seam_is_wrapped_and_carves_there():
    ball = Ball(8, (1, 39, 15))
    zones = [FILM, Zone(ball, GOLD.shifted((1, 39, 15)), "ball")]
    atoms = Scene(zones, CELL, min_distance=2.0).atoms(seed=2)
    gold, carbon = positions(atoms, 1), positions(atoms, 0)
    assert len(gold) == len(GOLD.shifted((1, 39, 15)).fill(ball, cell=CELL))
    assert (gold[:, :2] >= 0).all()
    assert (gold[:, :2] < 40).all()
    assert {bool(x) for x in gold[:, 0] > 20} == {True, False}
    delta = carbon - (1, 39, 15)
    delta[:, :2] -= np.round(delta[:, :2] / 40) * 40
    assert np.linalg.norm(delta, axis=1).min() > 8
    tree = cKDTree(gold, boxsize=(40, 40, 0))
    assert tree.query(carbon)[0].min() >= 2.0


def test_minimum_distance_across_the_seam():
    tilted = SILVER.moved(transforms.rotation((1, 1, 0), 40))
    zones = [
        Zone(Block.between((0.1, 5, 5), (10, 35, 45)), GOLD, "left"),
        Zone(Block.between((30, 5, 5), (39.9, 35, 45)), tilted, "right"),
    ]
    atoms = Scene(zones, CELL, min_distance=3.0).atoms()
    tree = cKDTree(positions(atoms, 0), boxsize=(40, 40, 0))
    assert tree.query(positions(atoms, 1))[0].min() >= 3.0
    assert len(positions(atoms, 1)) < len(tilted.fill(zones[1].volume, cell=CELL))


def test_images_of_a_volume_carve_across_the_seam():
    ball = Ball(8, (1, 39, 15))
    atoms = Scene([FILM, Zone(ball, Crystal.bcc("Ba"), "ball")], CELL, min_distance=0.6).atoms(seed=2)
    delta = positions(atoms, 0) - (1, 39, 15)
    delta[:, :2] -= np.round(delta[:, :2] / 40) * 40
    assert np.linalg.norm(delta, axis=1).min() > 8


def test_half_space_beats_what_it_covers():
    film = Zone(HalfSpace((0, 0, 1), (0, 0, 20)), Amorphous("C", 2.2), "film", priority=0)
    ball = Zone(Ball(8, (20, 20, 20)), GOLD, "ball", priority=5)
    atoms = Scene([film, ball], CELL).atoms()
    assert positions(atoms, 1)[:, 2].min() > 20


def test_same_seed_same_bytes_and_a_new_zone_moves_no_other():
    other = Zone(Ball(6, (30, 30, 35)), Amorphous("SiO2", 2.2), "other")
    one, again = (Scene([FILM], CELL).atoms(seed=9) for _ in range(2))
    assert one.positions.tobytes() == again.positions.tobytes()
    both = Scene([other, FILM], CELL).atoms(seed=9)
    assert positions(both, 1).tobytes() == one.positions.tobytes()


def test_zones_of_the_same_material_differ():
    volumes = Block.between((0, 0, 0), (40, 40, 10)), Block.between((0, 0, 20), (40, 40, 30))
    zones = [Zone(v, Amorphous("C", 2.2), n) for v, n in zip(volumes, "ab", strict=True)]
    atoms = Scene(zones, CELL).atoms(seed=0)
    assert not np.allclose(positions(atoms, 0), positions(atoms, 1) - [0, 0, 20])


@pytest.mark.parametrize(
    ("what", "volume_moves", "generator_moves"), [("both", 1, 1), ("volume", 1, 0), ("generator", 0, 1)]
)
def test_moving_volume_generator_or_both(what, volume_moves, generator_moves):
    zone = Zone(Ball(8, (20, 20, 20)), GOLD, "ball", 3)
    moved = zone.moved(transforms.translation((1.3, 0, 0)), what)
    np.testing.assert_allclose(moved.volume.bounds[0, 0], 12 + 1.3 * volume_moves)
    np.testing.assert_allclose(moved.generator.pose.vector[0], 1.3 * generator_moves)
    assert (moved.name, moved.priority) == ("ball", 3)


def test_variant_keeps_identities_and_cell():
    atoms = Scene([FILM, Zone(Ball(8, (20, 20, 25)), GOLD, "ball")], CELL).atoms(seed=1)
    ball, rest = variant(atoms, only=["ball"]), variant(atoms, without=["film"])
    assert ball == rest
    np.testing.assert_array_equal(ball.arrays["id"], np.flatnonzero(atoms.arrays["zone"] == 1))
    np.testing.assert_array_equal(ball.positions, atoms.positions[ball.arrays["id"]])
    np.testing.assert_array_equal(ball.cell, atoms.cell)
    assert ball.info["zones"] == atoms.info["zones"]
    assert len(variant(atoms, only="film")) + len(ball) == len(atoms)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of the two"),
        ({"only": ["a"], "without": ["b"]}, "one of the two"),
        ({"only": ["bal"]}, "no zone is called 'bal'"),
    ],
)
def test_bad_variants(arguments, message):
    atoms = Scene([Zone(Ball(5, (20, 20, 25)), GOLD, "ball")], CELL).atoms()
    with pytest.raises(InvalidInput, match=message):
        variant(atoms, **arguments)
    del atoms.arrays["zone"]
    with pytest.raises(InvalidInput, match="do not say which zone"):
        variant(atoms, only=["ball"])


def test_atoms_that_leave_the_cell():
    with pytest.raises(SceneError, match=r"atoms of zone 'ball' leave the cell along z: .* from 0 to 50 Å"):
        Scene([Zone(Ball(8, (20, 20, 46)), GOLD, "ball")], CELL).atoms()
    with pytest.raises(SceneError, match=r"along x"):
        Scene([Zone(Ball(8, (2, 20, 20)), GOLD, "ball")], CELL, periodic=(False, True, False)).atoms()


def test_atoms_on_top_of_each_other():
    # touching blocks of crystals 0.2 Å apart, with the distance between zones switched off
    near = GOLD.shifted((0.2, 0, 0))
    zones = [
        Zone(Block.between((0, 0, 0), (20.1, 40, 20)), GOLD, "left"),
        Zone(Block.between((20.1, 0, 0), (40, 40, 20)), near, "right"),
    ]
    with pytest.raises(SceneError, match=r"zones 'left' and 'right' are 0.200 Å apart at \(.*min_distance is 0 Å"):
        Scene(zones, CELL, min_distance=0).atoms()
    assert len(Scene(zones, CELL, min_distance=2.0).atoms())


def test_a_crystal_that_does_not_fit_its_seam():
    zone = Zone(HalfSpace((0, 0, 1), (0, 0, 10)), GOLD, "slab")
    with pytest.raises(SceneError, match=r"zone 'slab' are 0.100 Å apart .*seam"):
        Scene([zone], (40.1, 40, 20)).atoms()
    assert len(Scene([zone], (40, 40, 20)).atoms()) == 100 * (4 * 2 + 2 * 2)


def test_a_zone_covered_by_others():
    zones = [Zone(Ball(5, (20, 20, 25)), GOLD, "inner", 1), Zone(Ball(9, (20, 20, 25)), SILVER, "outer", 0)]
    with pytest.raises(SceneError, match="zone 'inner' is left with no atoms"):
        Scene(zones, CELL).atoms()


def test_a_generator_that_fails_names_its_zone():
    with pytest.raises(SceneError, match="zone 'far': the volume does not meet the cell"):
        Scene([Zone(HalfSpace((0, 0, 1), (0, 0, -9)), GOLD, "far")], CELL).atoms()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scene([], CELL), "at least one Zone"),
        (lambda: Scene([GOLD], CELL), "at least one Zone"),
        (lambda: Scene([FILM, FILM], CELL), "several zones are called 'film'"),
        (lambda: Scene([FILM], (40, 40)), "cell has shape"),
        (lambda: Scene([FILM], (40, 40, -1)), "cell is"),
        (lambda: Scene([FILM], (40, 40, np.inf)), "finite"),
        (lambda: Scene([FILM], CELL, periodic=(True, True)), "three booleans"),
        (lambda: Scene([FILM], CELL, min_distance=-1), "min_distance is -1"),
        (lambda: Scene([FILM], CELL, min_distance=np.nan), "min_distance is nan"),
        (lambda: Zone("ball", GOLD, "x"), "volume is 'ball'"),
        (lambda: Zone(Ball(1), "gold", "x"), "generator is 'gold'"),
        (lambda: Zone(Ball(1), GOLD, ""), "name is ''"),
        (lambda: Zone(Ball(1), GOLD, "x", priority=0.5), "priority of zone 'x' is 0.5"),
        (lambda: FILM.moved(transforms.Affine(), "all"), "what is 'all'"),
        (lambda: Scene([FILM], CELL).atoms(seed=-1), "seed is -1"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


@pytest.mark.parametrize(
    ("edge", "shift", "message"),
    [
        (4.0782 * 10, 0.0, None),  # ten cells of gold
        (4.0782 * 10, 13.3, None),
        (40.0, 0.0, r"zone 'gold' meets itself across the period along x and y: Au-Au .* 1\.78 Å .* 2\.88 Å"),
    ],
)
def test_a_crystal_that_does_not_fit_the_period_is_told(edge, shift, message):
    block = Block.between((shift, shift, 5), (shift + edge, shift + edge, 17))
    scene = Scene([Zone(block, Crystal.fcc("Au"), name="gold")], cell=(edge, edge, 24))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        scene.atoms(seed=1)
    if message is None:
        assert told == []
    else:
        (one,) = told
        # 19 spacings of a/2 leave 40 − 38.743 = 1.257 Å along x and along y: across both, √2 · 1.257 = 1.78 Å
        assert re.search(message, str(one.message))


def test_a_particle_wider_than_the_period_is_told():
    scene = Scene([Zone(Ball(20, center=(12, 40, 25)), Crystal.fcc("Au"), name="ball")], cell=(30, 80, 50))
    with pytest.warns(UserWarning, match="zone 'ball' meets itself across the period along x: "):
        scene.atoms(seed=1)
