"""Surfaces of particles: which atoms, which way out, and what can be done to them."""

import math

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial import cKDTree

from construction_zone import prefabs
from construction_zone.build import Amorphous, Ball, Crystal, Scene, Zone, surfaces, transforms
from construction_zone.errors import InvalidInput, SceneError

ENERGIES = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
BOND = float(Crystal.fcc("Au").lattice[0, 0]) / math.sqrt(2)
TURN = transforms.rotation((1, 2, 3), 40)


def gold(diameter=30):
    return prefabs.wulff("fcc Au", energies=ENERGIES, diameter=diameter)


def made(zone, seed=0):
    atoms = Scene.fitted([zone], padding=10).atoms(seed=seed)
    return atoms, atoms.info["record"]["zones"][zone.name]["fill"]


def test_coordinations_of_a_cuboctahedron():
    # 147 atoms: 12 corners with 5, 2·24 on edges with 7, 6·4 in squares with 8, 8·1 in triangles with 9, 55 inside
    found = prefabs.coordination(made(prefabs.cuboctahedron("fcc Au", edge_atoms=4))[0])
    assert {k: int((found == k).sum()) for k in np.unique(found).tolist()} == {5: 12, 7: 48, 8: 24, 9: 8, 12: 55}


@pytest.mark.parametrize(
    "form", [prefabs.cuboctahedron, prefabs.octahedron, prefabs.cube, prefabs.truncated_octahedron]
)
def test_three_ways_find_the_same_surface(form):
    atoms = made(form("fcc Pt", edge_atoms=5).moved(TURN))[0]
    by_alpha, triangles = prefabs.alpha_shape(atoms, 3.0)
    np.testing.assert_array_equal(by_alpha, prefabs.undercoordinated(atoms))
    np.testing.assert_array_equal(by_alpha, surfaces.exposed(atoms))
    # a closed surface of triangles: Euler's V − E + F = 2, with 3F = 2E
    assert len(np.unique(triangles)) - len(triangles) / 2 == 2


def test_alpha_shape_finds_inner_walls():
    whole = prefabs.cube("fcc Pt", edge=40)
    atoms = made(prefabs.hollow(whole, thickness=8))[0]
    by_alpha, _ = prefabs.alpha_shape(atoms, 3.5)
    reach = np.sort(np.abs(atoms.positions - atoms.positions.mean(axis=0)), axis=1)
    innermost = reach[:, 2] < reach[:, 2].min() + 0.5
    assert by_alpha[innermost & (reach[:, 1] < reach[:, 2] - 1.0)].all()  # all but those in the edges of the cavity
    assert innermost.sum() > 300


def test_normals_point_out_of_a_ball():
    atoms = Scene.fitted([Zone(Ball(25), Crystal.fcc("Au"), "ball")]).atoms()
    out = prefabs.normals(atoms)
    radial = atoms.positions - atoms.positions.mean(axis=0)
    shell = surfaces.exposed(atoms)
    cosine = (out * radial).sum(axis=1)[shell] / np.linalg.norm(radial[shell], axis=1)
    assert cosine.min() > 0.8
    assert cosine.mean() > 0.96
    np.testing.assert_allclose(np.linalg.norm(out[shell], axis=1), 1)


def test_adatoms_sit_on_sites_of_the_lattice_with_three_neighbours():
    before = len(made(gold())[0])
    atoms, record = made(prefabs.adatoms(gold(), coverage=0.1, element="Pd").moved(TURN))
    new = atoms.numbers == 46
    assert new.sum() == record["added"] == len(atoms) - before == round(0.1 * record["of_sites"])
    near = cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1]
    np.testing.assert_allclose(near.min(), BOND, atol=1e-6)
    old = cKDTree(atoms.positions[~new])
    assert all(len(found) >= 3 for found in old.query_ball_point(atoms.positions[new], 1.1 * BOND))
    assert record["base"]["prefab"] == "wulff"


def test_a_step_is_one_layer_on_one_side_of_a_line():
    plain, stepped = made(gold(40))[0], prefabs.stepped(gold(40), facet=(1, 1, 1), covered=0.4, seed=5)
    atoms, record = made(stepped)
    normal = np.ones(3) / math.sqrt(3)
    heights = atoms.positions @ normal
    added = np.arange(len(plain), len(atoms))
    assert record["added"] == len(added)
    assert np.ptp(heights[added]) < 1e-6
    gap = heights[added].min() - heights[: len(plain)].max()
    assert gap == pytest.approx(BOND * math.sqrt(2 / 3))
    assert abs(np.dot(record["along"], normal)) < 1e-9


def test_roughening_takes_loose_atoms_first():
    whole = made(gold(40))[0]
    rough, told = made(prefabs.roughened(gold(40), fraction=0.1))
    assert len(rough) == len(whole) - told["removed"]
    assert told["removed"] >= round(0.1 * told["exposed"])
    lost = cKDTree(rough.positions).query(whole.positions)[0] > 0.1
    assert lost.sum() == told["removed"]
    found = prefabs.coordination(whole)
    assert found[lost].mean() < found[surfaces.exposed(whole)].mean() - 0.3
    assert prefabs.coordination(rough).min() >= 1


@pytest.mark.parametrize(("material", "fewest"), [("zincblende CdSe", 2), ("diamond Si", 2), ("fcc Au", 6)])
def test_trimming_leaves_no_atom_with_fewer_bonds_and_takes_no_other(material, fewest):
    side = float(Crystal.named(material).lattice[0, 0])
    bonds = 1.1 * side * (math.sqrt(0.5) if "fcc" in material else math.sqrt(3) / 4)
    ball = Zone(Ball(17, (5, -3, 2)), Crystal.named(material).moved(TURN), "ball")
    whole = Scene.fitted([ball], padding=10).atoms()
    atoms, told = made(prefabs.trimmed(ball, fewest=fewest).moved(transforms.translation((4, 4, 4))))

    def counts(points):
        return np.array([len(near) - 1 for near in cKDTree(points).query_ball_point(points, bonds)])

    assert (counts(whole.positions) < fewest).any()
    assert counts(atoms.positions).min() >= fewest
    assert told["removed"] == len(whole) - len(atoms) > 0
    # the largest set with that property: none of those that went could have stayed
    points = whole.positions
    for _ in range(told["rounds"]):
        points = points[counts(points) >= fewest]
    assert len(points) == len(atoms)


def test_trimming_a_closed_shell_of_gold_takes_nothing_unless_it_must():
    zone = prefabs.cuboctahedron("fcc Au", edge_atoms=4)
    assert made(prefabs.trimmed(zone, fewest=5))[1]["removed"] == 0
    assert made(prefabs.trimmed(zone, fewest=6))[1]["removed"] >= 12
    with pytest.raises(SceneError, match="ask for fewer"):
        made(prefabs.trimmed(zone, fewest=13))
    # edges of tetrahedral crystals have two bonds, so that more of them melt away whole
    with pytest.raises(SceneError, match="ask for fewer"):
        made(prefabs.trimmed(prefabs.octahedron("diamond Si", edge=25), fewest=3))


def test_adsorbates_keep_their_height_spacing_and_shape():
    zone = prefabs.adsorbates(gold(), "CO", coverage=0.15, spacing=4.5, height=1.9, head=1).moved(TURN)
    atoms, record = made(zone, seed=3)
    carbon, oxygen = atoms.positions[atoms.numbers == 6], atoms.positions[atoms.numbers == 8]
    metal = atoms.positions[atoms.numbers == 79]
    assert len(carbon) == len(oxygen) == record["molecules"]
    assert record["coverage"] == pytest.approx(0.15, abs=0.01)
    assert cKDTree(carbon).query(carbon, k=2)[0][:, 1].min() >= 4.5
    np.testing.assert_allclose(cKDTree(metal).query(carbon)[0], 1.9, atol=0.4)
    np.testing.assert_allclose(np.linalg.norm(carbon - oxygen, axis=1), 1.15034, atol=1e-4)
    assert (cKDTree(metal).query(oxygen)[0] > cKDTree(metal).query(carbon)[0]).all()
    assert atoms.info["phases"] == ["fcc Au", "CO"]


def test_spins_of_adsorbates_are_random():
    zone = prefabs.adsorbates(prefabs.cube("fcc Pt", edge=30), "NH3", coverage=0.2, height=2.1)
    atoms, _ = made(zone)
    first = np.flatnonzero(atoms.numbers == 7)
    legs = atoms.positions[first + 1] - atoms.positions[first]
    spins = np.arctan2(legs[:, 1], legs[:, 0])
    assert np.abs(np.exp(3j * spins).mean()) < 0.5  # three hydrogens: the spin counts modulo 120°


def test_seeds_decide_and_repeat():
    zone = prefabs.adatoms(gold(), coverage=0.1, seed=1)
    one, same, scene, own = (
        made(z, s)[0].positions.tobytes()
        for z, s in ((zone, 0), (zone, 0), (zone, 1), (prefabs.adatoms(gold(), coverage=0.1, seed=2), 0))
    )
    assert one == same
    assert len({one, scene, own}) == 3


def test_changes_stack():
    zone = prefabs.adsorbates(prefabs.roughened(gold(), fraction=0.2), "CO", coverage=0.1, head=1)
    record = made(zone)[1]
    assert [record["prefab"], record["base"]["prefab"], record["base"]["base"]["prefab"]] == [
        "adsorbates",
        "roughened",
        "wulff",
    ]


def test_too_many_molecules_say_how_many_fitted():
    with pytest.raises(SceneError, match=r"only \d+ of \d+ molecules"):
        made(prefabs.adsorbates(gold(), "CO", coverage=1.0, spacing=6.0, head=1))


@pytest.mark.parametrize(
    "call",
    [
        lambda: prefabs.adatoms(gold(), coverage=0),
        lambda: prefabs.adatoms(gold(), coverage=1.5),
        lambda: made(prefabs.adatoms(gold(), element="Xx")),
        lambda: made(prefabs.adatoms(Zone(Ball(12), Amorphous("C", 2.0, structure="random"), "c"))),
        lambda: prefabs.stepped(gold(), facet=(1, 0, -1, 0)),
        lambda: prefabs.roughened(gold(), fraction=-1),
        lambda: prefabs.trimmed(gold(), fewest=0),
        lambda: prefabs.trimmed(gold(), fewest=1.5),
        lambda: prefabs.adsorbates(gold(), "XyZ"),
        lambda: prefabs.adsorbates(gold(), "CO", head=5),
        lambda: prefabs.adsorbates(gold(), 3),
        lambda: prefabs.alpha_shape(Atoms("Au3", np.eye(3)), 3.0),
        lambda: prefabs.alpha_shape(made(gold())[0], 0.5),
    ],
)
def test_bad_input(call):
    with pytest.raises(InvalidInput):
        call()
