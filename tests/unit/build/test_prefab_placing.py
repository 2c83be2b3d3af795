"""Substrates, and particles at rest on them and scattered over them."""

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from construction_zone import prefabs
from construction_zone.build import Amorphous, Ball, Crystal, Scene, Zone, variant
from construction_zone.build.prefabs.relief import rough
from construction_zone.distributions import Uniform
from construction_zone.errors import InvalidInput, SceneError

CELL = (90.0, 90.0, 120.0)
ENERGIES = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
CARBON = Amorphous("C", density=2.2, structure="random")


def film(seed=0, **more):
    return prefabs.film(CARBON, cell=CELL[:2], thickness=20, seed=seed, **more).shifted((45, 45, 25))


def gold(diameter=30.0, name="particle"):
    return prefabs.wulff("fcc Au", energies=ENERGIES, diameter=diameter, name=name)


def closest(atoms, first, second):
    trees = [
        cKDTree(np.mod(variant(atoms, only=[name]).positions, [*CELL[:2], 1e6]), boxsize=[*CELL[:2], 1e6])
        for name in (first, second)
    ]
    return trees[0].query(trees[1].data)[0].min()


@pytest.mark.parametrize("more", [{}, {"roughness": 2.0, "correlation_length": 15.0}, {"wedge": 4.0}])
@pytest.mark.parametrize("facet", [None, (1, 1, 1)])
def test_a_particle_touches_by_its_atoms(more, facet):
    ground = film(3, **more)
    particle = prefabs.rest(gold(), ground, cell=CELL, at=(5, 80), facet=facet, spin=20, gap=2.4, seed=7)
    atoms = Scene([ground, particle], CELL).atoms(seed=7)
    assert closest(atoms, "film", "particle") == pytest.approx(2.4, abs=1e-6)
    record = atoms.info["record"]["zones"]
    assert record["film"]["too_close"] == record["film"]["overlapping"] == 0


def test_facet_down_turns_lattice_and_facets():
    particle = prefabs.rest(gold(), 10.0, cell=CELL, facet=(1, 0, 0), gap=0.0, at=(45, 45))
    atoms = Scene([particle], CELL).atoms()
    facets = atoms.info["record"]["zones"]["particle"]["fill"]["facets"]
    down = next(facet for facet in facets if facet["hkl"] == [1, 0, 0])
    np.testing.assert_allclose(down["normal"], (0, 0, -1), atol=1e-12)
    lowest = atoms.positions[:, 2].min()
    assert lowest == pytest.approx(10.0)
    assert (atoms.positions[:, 2] < lowest + 1e-3).sum() == down["atoms"]


def test_an_embedded_particle_displaces_the_film():
    ground = film()
    high = prefabs.rest(gold(), ground, cell=CELL, at=(45, 45))
    deep = prefabs.rest(gold(), ground, cell=CELL, at=(45, 45), embedded=6.0)
    np.testing.assert_allclose(high.volume.bounds[:, 2] - deep.volume.bounds[:, 2], 6.0)
    record = Scene([ground, deep], CELL).atoms().info["record"]["zones"]
    assert record["film"]["overlapping"] > 50
    assert record["particle"]["atoms"] == record["particle"]["filled"]


def test_scattered_particles_keep_their_gap_across_the_seam():
    ground = film()
    zones = prefabs.several("wulff", 6, seed=2, crystal="fcc Au", energies=ENERGIES, diameter=Uniform(14, 22))
    placed = prefabs.scatter(zones, ground, cell=CELL, gap=6.0, seed=2)
    atoms = Scene([ground, *placed], CELL).atoms(seed=2)
    flat = [np.mod(variant(atoms, only=[zone.name]).positions[:, :2], CELL[:2]) for zone in placed]
    for i, one in enumerate(flat):
        for other in flat[i + 1 :]:
            assert cKDTree(one, boxsize=CELL[:2]).query(other)[0].min() >= 6.0
    for zone in placed:
        assert closest(atoms, "film", zone.name) == pytest.approx(2.5, abs=1e-6)


def test_overlap_lets_circles_meet_by_no_more_than_asked():
    zones = [gold(20, f"p{k}") for k in range(9)]
    placed = prefabs.scatter(zones, 0.0, cell=CELL, overlap=0.3, orientation="keep", seed=1)
    centres = np.array([zone.volume.bounds.mean(axis=0)[:2] for zone in placed])
    radius = np.linalg.norm(gold(20).generator.fill(gold(20).volume, cell=CELL).positions[:, :2], axis=1).max()
    step = centres[:, None] - centres
    step -= 90 * np.round(step / 90)
    distance = np.hypot(*np.moveaxis(step, 2, 0))[np.triu_indices(9, 1)]
    assert 1.4 * radius - 1e-6 <= distance.min() < 2 * radius


def test_stacked_particles_fall_on_each_other():
    ground = film()
    zones = [prefabs.cube("fcc Pt", edge=24, name=f"p{k}") for k in range(10)]
    placed = prefabs.scatter(zones, ground, cell=CELL, stacked=True, seed=5)
    atoms = Scene([ground, *placed], (*CELL[:2], 200.0)).atoms(seed=5)
    for k, zone in enumerate(placed):
        below = ["film", *[other.name for other in placed[:k]]]
        assert min(closest(atoms, name, zone.name) for name in below) == pytest.approx(2.5, abs=1e-6)


def test_random_places_do_not_hang_on_later_particles():
    zones = [gold(20, f"p{k}") for k in range(5)]
    few = prefabs.scatter(zones[:3], 0.0, cell=CELL, gap=5, seed=4)
    many = prefabs.scatter(zones, 0.0, cell=CELL, gap=5, seed=4)
    assert few == many[:3]


def test_too_many_particles_say_how_many_fitted():
    zones = [gold(30, f"p{k}") for k in range(12)]
    with pytest.raises(SceneError, match=r"only [4-9] of 12 particles fitted"):
        prefabs.scatter(zones, 0.0, cell=CELL, gap=2, seed=1)
    with pytest.raises(SceneError, match="does not fit a cell"):
        prefabs.scatter([gold(120)], 0.0, cell=CELL)


# substrates


def test_flat_film_has_its_density_and_thickness():
    atoms = Scene([film()], CELL).atoms()
    assert len(atoms) == pytest.approx(90 * 90 * 20 * 2.2 * 6.02214076e23 / 12.011 * 1e-24, abs=1)
    record = atoms.info["record"]["zones"]["film"]["fill"]
    assert record["thickness"] == pytest.approx(20, abs=1)
    assert record["covered"] == 1.0


def test_relief_has_its_rms_and_correlation_length_and_repeats():
    relief = rough((300.0, 300.0), 3.0, 20.0, np.random.default_rng(1))
    grid = np.stack(np.meshgrid(np.arange(0, 300, 1.0), np.arange(0, 300, 1.0), indexing="ij"), axis=-1).reshape(-1, 2)
    heights = relief(grid)
    assert heights.std() == pytest.approx(3.0, rel=0.02)
    for shift, expected in ((10.0, math.exp(-0.25)), (20.0, math.exp(-1)), (40.0, math.exp(-4))):
        moved = relief(grid + np.array([shift, 0]))
        assert (heights * moved).mean() / 9 == pytest.approx(expected, abs=0.12)
    np.testing.assert_allclose(relief(grid + np.array([300.0, -600.0])), heights, atol=1e-9)


def test_wedge_and_holes():
    wedge = Scene([film(wedge=6.0)], CELL).atoms()
    left, right = wedge.positions[:, 0] < 20, wedge.positions[:, 0] > 70
    rise = wedge.positions[right, 2].max() - wedge.positions[left, 2].max()
    assert rise == pytest.approx(70 * math.tan(math.radians(6)), abs=1.5)
    assert len(wedge) == pytest.approx(len(Scene([film()], CELL).atoms()), rel=0.005)
    holey = Scene([film(holes=2, hole_radius=12.0)], CELL).atoms()
    record = holey.info["record"]["zones"]["film"]["fill"]
    assert record["holes"] == 2
    assert record["covered"] == pytest.approx(1 - 2 * math.pi * 144 / 8100, abs=0.05)
    with pytest.raises(SceneError, match="holes"):
        film(holes=30, hole_radius=12.0)
    with pytest.raises(InvalidInput, match="wedge"):
        film(wedge=40.0)


@pytest.mark.parametrize(
    ("name", "plane", "per_area"),
    [
        ("fcc Au", "111", 4 / (math.sqrt(3) * 4.07825**2)),
        ("rocksalt MgO", "001", 4 / 4.212**2),
        ("hcp Co", "0001", None),
    ],
)
def test_slab_repeats_with_the_cell_and_ends_between_layers(name, plane, per_area):
    zone = prefabs.slab(name, cell=CELL[:2], thickness=15, plane=plane, seed=3).shifted((45, 45, 20))
    atoms = Scene([zone], CELL).atoms()
    record = atoms.info["record"]["zones"]["slab"]["fill"]
    layers = np.unique(np.round(atoms.positions[:, 2], 2))
    counts = [int((np.abs(atoms.positions[:, 2] - z) < 0.05).sum()) for z in layers]
    assert len(set(counts)) == 1  # whole layers, each with as many atoms
    if per_area is not None:
        stretch = (1 + record["strain"][0]) * (1 + record["strain"][1])
        assert counts[0] / 8100 * stretch == pytest.approx(per_area, rel=1e-3)
    # nothing closer than the strained lattice allows, across the seams too
    shortest = min(atoms.info["record"]["checks"]["closest"].values())
    crystal = Crystal.named(name)
    from construction_zone.build.prefabs.compound import nearest_neighbour

    assert shortest >= nearest_neighbour(crystal) * (1 - max(map(abs, record["strain"])) - 1e-6)


def test_slab_that_does_not_fit_says_what_would():
    with pytest.raises(InvalidInput, match=r"a cell of .* fits"):
        prefabs.slab("fcc Au", cell=(7, 80), thickness=10)


def test_contamination_lies_on_a_film_and_gives_way():
    ground = film()
    patch = prefabs.contamination(CARBON, radius=25, thickness=10, irregularity=0.2, seed=3)
    placed = prefabs.rest(patch, ground, cell=CELL, at=(45, 45), gap=1.5)
    particle = prefabs.rest(gold(), ground, cell=CELL, at=(45, 45))
    atoms = Scene([ground, particle, placed], CELL).atoms()
    record = atoms.info["record"]["zones"]
    assert record["contamination"]["overlapping"] > 50
    assert record["particle"]["atoms"] == record["particle"]["filled"]
    assert 20 < record["contamination"]["fill"]["radius"] < 36
    assert 8 < record["contamination"]["fill"]["thickness"] < 16
    with pytest.raises(InvalidInput, match="irregularity"):
        prefabs.contamination(CARBON, radius=25, thickness=10, irregularity=0.5)


def test_rest_refuses_what_it_cannot_do():
    with pytest.raises(InvalidInput, match="no planes"):
        prefabs.rest(gold(), 0.0, cell=CELL, facet=(1, 0, -1, 0))
    with pytest.raises(InvalidInput, match="no crystal"):
        prefabs.rest(film(), 0.0, cell=CELL, facet=(1, 0, 0))
    with pytest.raises(InvalidInput, match="on is"):
        prefabs.rest(gold(), "film", cell=CELL)
    with pytest.raises(InvalidInput, match="no prefab"):
        prefabs.several("wulf", 2)
    holey = film(holes=1, hole_radius=30.0)
    place = holey.volume.pose.apply([*holey.volume.holes[0], 0.0])
    with pytest.raises(SceneError, match="nothing below"):
        prefabs.rest(gold(12), holey, cell=CELL, at=(place[0], place[1]), gap=1.0)


def test_a_particle_wider_than_the_cell_does_not_overlap_its_own_image():
    ball = Zone(Ball(35), Crystal.fcc("Au"), name="ball")
    with pytest.raises(InvalidInput, match=r"wide along x.*repeats after 60 Å"):
        prefabs.rest(ball, 5.0, cell=(60, 90, 90))
    assert prefabs.rest(ball, 5.0, cell=(60, 90, 90), periodic=(False, False, False))
