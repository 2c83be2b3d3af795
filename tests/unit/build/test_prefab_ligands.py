"""Ligands: whole molecules, bound by their anchors, and nothing in each other's way."""

import numpy as np
import pytest
from ase.build import molecule
from scipy.spatial import cKDTree

from construction_zone import prefabs
from construction_zone.build import Crystal, Molecule, Scene, transforms
from construction_zone.build.prefabs import alkyl
from construction_zone.errors import InvalidInput, SceneError

ENERGIES = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
BOND = float(Crystal.fcc("Au").lattice[0, 0]) / np.sqrt(2)
TURN = transforms.translation((30, -20, 10)) @ transforms.rotation((1, 2, 3), 40)
BONDI = {1: 1.20, 6: 1.70, 16: 1.80, 79: 1.66}
"""van der Waals radii of Bondi (1964), not those that the prefab uses."""


def gold(diameter=26):
    return prefabs.wulff("fcc Au", energies=ENERGIES, diameter=diameter)


def made(zone, seed=0):
    atoms = Scene.fitted([zone], padding=10).atoms(seed=seed)
    return atoms, atoms.info["record"]["zones"][zone.name]["fill"]


@pytest.mark.parametrize("carbons", [1, 2, 5, 12])
def test_a_thiolate_has_the_atoms_and_bonds_of_its_formula(carbons):
    chain = alkyl.chain("S", carbons)
    assert np.bincount(chain.numbers, minlength=17)[[1, 6, 16]].tolist() == [2 * carbons + 1, carbons, 1]
    tree = cKDTree(chain.positions)
    near = np.array([len(found) - 1 for found in tree.query_ball_point(chain.positions, 1.9)])
    close = np.array([len(found) - 1 for found in tree.query_ball_point(chain.positions, 1.6)])
    assert set(close[chain.numbers == 1].tolist()) == {1}
    assert (np.where(chain.numbers == 6, close, 4)[2:] == 4).all()
    assert near[0] == 1  # the anchor
    # hydrogens of one carbon and of neighbours are staggered: as far apart as in ASE's ethane and propane
    hydrogen = chain.positions[chain.numbers == 1]
    reference = molecule("C2H6")
    apart = cKDTree(reference.positions[reference.numbers == 1]).query(reference.positions[reference.numbers == 1], k=2)
    assert cKDTree(hydrogen).query(hydrogen, k=2)[0][:, 1].min() > 0.97 * apart[0][:, 1].min()
    wide = np.linalg.norm(hydrogen[:, None] - hydrogen, axis=2)
    assert not ((wide > 1.85) & (wide < 2.2)).any()  # eclipsed ones are 2.27 apart only across three bonds


def test_an_amine_keeps_two_hydrogens():
    chain = alkyl.named("hexylamine")
    assert np.bincount(chain.numbers, minlength=8)[[1, 6, 7]].tolist() == [15, 6, 1]
    assert chain.numbers[0] == 7


@pytest.mark.parametrize(("site", "touched"), [("top", 1), ("bridge", 2), ("hollow", 3)])
def test_anchors_touch_as_many_atoms_as_their_site_has(site, touched):
    zone = prefabs.ligands(gold(), "propanethiolate", coverage=0.1, site=site, tilt=20).moved(TURN)
    atoms, record = made(zone)
    metal, sulfur = atoms.positions[atoms.numbers == 79], atoms.positions[atoms.numbers == 16]
    assert len(sulfur) == record["molecules"] == round(0.1 * record["exposed"])
    tree = cKDTree(metal)
    np.testing.assert_allclose(tree.query(sulfur)[0], 1.36 + 1.05, atol=1e-6)
    counts = np.array([len(near) for near in tree.query_ball_point(sulfur, 2.41 * 1.04)])
    assert np.median(counts) == touched
    assert (counts >= 1).all()


def test_nothing_is_in_the_way_of_anything():
    zone = prefabs.ligands(gold(), "octanethiolate", coverage=0.2, spacing=4.4, site="hollow", seed=3)
    atoms, record = made(zone, seed=2)
    count, size = record["molecules"], 26
    first = len(atoms) - count * size
    assert (atoms.numbers[:first] == 79).all()
    owner = np.arange(count * size) // size
    places, numbers = atoms.positions[first:], atoms.numbers[first:]
    radii = np.array([BONDI[int(z)] for z in numbers])
    pairs = cKDTree(places).query_pairs(3.2, output_type="ndarray")
    pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
    length = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)
    assert (length / (radii[pairs[:, 0]] + radii[pairs[:, 1]])).min() > 0.66
    metal = cKDTree(atoms.positions[:first])
    assert metal.query(places[numbers == 1])[0].min() > 2.0
    assert metal.query(places[numbers == 6])[0].min() > 2.4
    anchors = places[numbers == 16]
    assert cKDTree(anchors).query(anchors, k=2)[0][:, 1].min() == pytest.approx(record["spacing"])
    assert record["spacing"] >= 4.4
    # each is whole, and the same molecule
    shape = np.linalg.norm(places.reshape(count, size, 3) - anchors[:, None], axis=2)
    np.testing.assert_allclose(shape, shape[:1].repeat(count, axis=0), atol=1e-9)


def test_chains_stand_off_the_surface_and_lean_up_to_the_tilt():
    for tilt in (0.0, 40.0):
        atoms, _ = made(prefabs.ligands(gold(), "octanethiolate", coverage=0.12, tilt=tilt))
        sulfur = atoms.positions[atoms.numbers == 16]
        chains = atoms.positions[atoms.numbers == 6].reshape(-1, 8, 3)
        last = chains[:, -1]
        metal = atoms.positions[atoms.numbers == 79].mean(axis=0)
        outward = sulfur - metal
        cosine = (outward * (last - sulfur)).sum(axis=1) / np.linalg.norm(outward, axis=1)
        cosine /= np.linalg.norm(last - sulfur, axis=1)
        # ways out of facets differ from the radial one by up to 35°
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < tilt + 45


def test_dense_packing_makes_the_net_of_a_full_monolayer():
    plate = prefabs.plate("hcp Co", thickness=10, diameter=60)
    a = float(np.linalg.norm(Crystal.hcp("Co").lattice[0]))
    arguments = {"ligand": "methanethiolate", "coverage": 0.26, "spacing": 1.6 * a, "tilt": 5}
    with pytest.raises(SceneError, match=r"only \d+ of"):
        made(prefabs.ligands(plate, **arguments))
    atoms, record = made(prefabs.ligands(plate, **arguments, packing="dense"))
    sulfur = atoms.positions[atoms.numbers == 16]
    metal = atoms.positions[atoms.numbers == 27]
    assert len(sulfur) == record["molecules"] == round(0.26 * record["exposed"])
    under = metal[cKDTree(metal).query(sulfur)[1]]
    # (√3 × √3)R30°, as alkanethiolates have it on Au(111)
    assert np.median(cKDTree(under).query(under, k=2)[0][:, 1]) == pytest.approx(np.sqrt(3) * a, abs=1e-6)


def test_ligands_bind_to_the_element_that_is_asked_for():
    dot = prefabs.wulff("wurtzite CdSe", energies={"10-10": 1.0, "0001": 1.1, "000-1": 1.1}, diameter=26)
    atoms, record = made(prefabs.ligands(dot, "butylamine", coverage=0.05, on="Cd"))
    nitrogen = atoms.positions[atoms.numbers == 7]
    assert len(nitrogen) == record["molecules"]
    cadmium, selenium = (cKDTree(atoms.positions[atoms.numbers == z]) for z in (48, 34))
    np.testing.assert_allclose(cadmium.query(nitrogen)[0].min(), 1.44 + 0.71, atol=1e-6)
    assert selenium.query(nitrogen)[0].min() >= 1.20 + 0.71 - 1e-6
    with pytest.raises(SceneError, match="does not contain"):
        made(prefabs.ligands(dot, "butylamine", on="Au"))


def test_any_molecule_by_its_anchor():
    phosphine = Molecule.from_structure(molecule("PH3"))
    anchor = int(np.flatnonzero(phosphine.numbers == 15)[0])
    zone = prefabs.ligands(gold(), phosphine, coverage=0.1, anchor=anchor, bond=2.3)
    atoms, record = made(zone)
    phosphorus = atoms.positions[atoms.numbers == 15]
    np.testing.assert_allclose(cKDTree(atoms.positions[atoms.numbers == 79]).query(phosphorus)[0], 2.3, atol=1e-6)
    assert atoms.info["phases"][-1] == "H3P"
    assert record["bond"] == pytest.approx(2.3)
    new = np.isin(atoms.numbers, (1, 15))
    assert (atoms.arrays["thermal_u"][new] == 0.2).all()


def test_seeds_decide_and_repeat():
    zone = prefabs.ligands(gold(20), "ethanethiolate", coverage=0.1, seed=1)
    other = prefabs.ligands(gold(20), "ethanethiolate", coverage=0.1, seed=2)
    one, same, scene, own = (
        made(z, s)[0].positions.tobytes() for z, s in ((zone, 0), (zone, 0), (zone, 1), (other, 0))
    )
    assert one == same
    assert len({one, scene, own}) == 3


def test_too_many_say_how_many_fitted():
    with pytest.raises(SceneError, match=r"only \d+ of \d+ molecules"):
        made(prefabs.ligands(gold(20), "hexanethiolate", coverage=1.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ligand": "unobtainylamine"}, "there is no molecule"),
        ({"ligand": 3}, "give a Molecule"),
        ({"anchor": 99}, "the molecule has atoms"),
        ({"packing": "tight"}, "'random', 'dense'"),
        ({"site": "kink"}, "'top', 'bridge', 'hollow'"),
        ({"coverage": 0}, "coverage"),
        ({"tilt": 120.0}, "at most 90"),
        ({"bond": -1.0}, "bond"),
        ({"on": "Xx"}, "Xx"),
        ({"displacement": 0.0}, "displacement"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        prefabs.ligands(gold(20), **arguments)


def test_chains_need_a_head_and_carbons():
    with pytest.raises(InvalidInput, match="head"):
        alkyl.chain("P", 3)
    with pytest.raises(InvalidInput, match="carbons"):
        alkyl.chain("S", 0)
