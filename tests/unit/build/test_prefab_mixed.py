"""Particles of several materials: what lies where, strains, shares, and what is refused."""

import numpy as np
import pytest

from construction_zone import prefabs
from construction_zone.build import Amorphous, Ball, Crystal, Scene, Zone, local_structure, transforms
from construction_zone.errors import InvalidInput

ENERGIES = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
GOLD = Crystal.fcc("Au")
TURN = transforms.rotation((1, 2, 3), 40)


def core(diameter=30, **more):
    return prefabs.wulff(GOLD, energies=ENERGIES, diameter=diameter, **more)


def made(zone, seed=0, cell=None):
    atoms = Scene.fitted([zone]).atoms(seed=seed)
    return atoms, atoms.info["record"]["zones"][zone.name]["fill"]


def symbols(atoms, element):
    return np.array(atoms.get_chemical_symbols()) == element


def test_coherent_shell_continues_the_lattice_of_the_core():
    atoms, record = made(prefabs.core_shell(core(), "fcc Pd", thickness=8).moved(TURN))
    # one perfect crystal: everything that is not at the surface is fcc
    kinds = local_structure.classify(atoms)
    assert set(kinds[symbols(atoms, "Au")]) == {local_structure.FCC}
    closest = {pair: round(d, 6) for pair, d in atoms_closest(atoms).items()}
    assert len(set(closest.values())) == 1
    gold, shell = record["parts"]
    assert (gold["name"], shell["name"]) == ("core", "shell")
    assert gold["atoms"] + shell["atoms"] == len(atoms)
    a_pd, a_au = 3.8898, GOLD.lattice[0, 0]
    np.testing.assert_allclose(shell["fill"]["misfit"], a_pd / a_au - 1, atol=1e-4)
    np.testing.assert_allclose(shell["fill"]["strain"], a_au / a_pd - 1, atol=1e-4)
    assert gold["fill"]["prefab"] == "wulff"


def atoms_closest(atoms):
    from construction_zone.build import checks

    return checks.closest(atoms)


def test_relaxed_shell_has_its_own_lattice_in_the_orientation_of_the_core():
    atoms, record = made(prefabs.core_shell(core(), "fcc Pd", thickness=12, relaxation=1.0).moved(TURN))
    assert atoms_closest(atoms)["Pd-Pd"] == pytest.approx(3.8898 / np.sqrt(2), abs=1e-3)
    np.testing.assert_allclose(record["parts"][1]["fill"]["strain"], 0, atol=1e-12)
    assert atoms_closest(atoms)["Au-Pd"] >= 0.8 * 3.8898 / np.sqrt(2) - 1e-3


def test_shell_thickness_and_sharp_facets():
    inner = core(40)
    zone = prefabs.core_shell(inner, "fcc Ag", thickness=10)
    planes, levels = inner.volume.planes
    for normal, level in zip(planes, levels, strict=True):
        assert zone.volume.contains(((level + 9.9) * normal)[None])[0]
        assert not zone.volume.contains(((level + 10.1) * normal)[None])[0]


def test_amorphous_shell_keeps_its_distance_and_density():
    zone = prefabs.core_shell(core(30), Amorphous("SiO2", density=2.2, structure="random"), thickness=12)
    atoms, record = made(zone)
    shell = record["parts"][1]["atoms"]
    content = zone.volume.measure - core(30).volume.measure
    density = 2.2 * 6.02214076e23 / (28.085 + 2 * 15.999) * 3e-24
    assert shell / content == pytest.approx(density, rel=0.06)  # some go at the interface
    near = atoms_closest(atoms)
    assert min(near["Au-O"], near["Au-Si"]) >= 2.0
    assert set(atoms.info["phases"]) == {"fcc Au", "amorphous SiO2"}


def test_consumed_core_shrinks_by_what_the_oxide_took():
    oxide = Amorphous("SiO2", density=2.2, structure="random")
    whole, eaten = (
        made(prefabs.core_shell(core(40), oxide, thickness=12, consumed=c))[1]["parts"][0]["atoms"] for c in (0, 5)
    )
    assert eaten == len(made(Zone(core(40).volume.grown(-5), core(40).generator, "c"))[0])
    assert eaten < whole


def test_eccentric_core_lies_where_the_seed_says():
    shells = [prefabs.core_shell(core(), "fcc Ag", thickness=10, eccentricity=6, seed=seed) for seed in (1, 1, 2)]
    assert shells[0] == shells[1]
    shift = shells[0].volume.bounds.mean(axis=0)
    assert np.linalg.norm(shift) == pytest.approx(6)
    assert np.linalg.norm(shells[2].volume.bounds.mean(axis=0) - shift) > 0.1


def test_shells_in_shells():
    zone = prefabs.multi_shell(core(), shells=[("fcc Ag", 5), ("fcc Pd", 5), ("fcc Au", 4)])
    atoms, record = made(zone)
    assert [part["name"] for part in record["parts"]] == ["core", "shell", "shell 2", "shell 3"]
    assert record["prefab"] == "multi_shell"
    # the whole is the crystal of the core, part by part
    assert len(atoms) == len(Scene.fitted([Zone(zone.volume, GOLD, "whole")]).atoms())
    distance = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    means = [distance[atoms.arrays["part"] == k].mean() for k in range(4)]
    assert means == sorted(means)


def test_wurtzite_dot_in_a_shell_keeps_every_bond():
    dot = prefabs.wulff("wurtzite CdSe", energies={"10-10": 1.0, "0001": 1.1, "000-1": 1.1}, diameter=30)
    atoms, _ = made(prefabs.core_shell(dot, "wurtzite ZnS", thickness=8))
    kinds = local_structure.classify(atoms)
    inner = symbols(atoms, "Cd") | symbols(atoms, "Se")
    assert (kinds[inner] == local_structure.HEXAGONAL_DIAMOND).mean() > 0.99


def test_janus_is_cut_between_layers():
    atoms, record = made(prefabs.janus(core(40), "fcc Ag", plane=(1, 1, 1), fraction=0.3))
    normal = np.ones(3) / np.sqrt(3)
    heights = atoms.positions @ normal
    silver = symbols(atoms, "Ag")
    assert heights[silver].min() - heights[~silver].max() == pytest.approx(GOLD.lattice[0, 0] / np.sqrt(3), abs=0.02)
    assert silver.mean() == pytest.approx(0.3, abs=0.06)
    assert [part["atoms"] for part in record["parts"]] == [int((~silver).sum()), int(silver.sum())]


def test_gradient_follows_its_profile():
    _, record = made(prefabs.alloy_gradient(core(70), to="Pd", inner=0.1, outer=0.9))
    made_ = record["profile"]
    assert made_ == sorted(made_)
    # the mean of a straight line over each step, weighted by the volume of the shell
    for k, value in enumerate(made_):
        low, high = k / 5, (k + 1) / 5
        mean = 0.1 + 0.8 * 0.75 * (high**4 - low**4) / (high**3 - low**3)
        assert value == pytest.approx(mean, abs=0.12 if k == 0 else 0.06)
    assert record["base"]["prefab"] == "wulff"


def test_linear_gradient_runs_along_z_and_turns_with_the_particle():
    zone = prefabs.alloy_gradient(core(60), to="Pd", profile="linear").moved(transforms.rotation((0, 1, 0), 90))
    atoms, record = made(zone)
    local = atoms.positions - atoms.positions.mean(axis=0)
    pd = symbols(atoms, "Pd")
    assert local[pd, 0].mean() - local[~pd, 0].mean() > 10
    assert record["profile"][0] < 0.2 < 0.8 < record["profile"][-1]


def test_hollow_cube_has_walls_of_the_thickness():
    atoms, record = made(prefabs.hollow(prefabs.cube("fcc Pt", edge=50), thickness=9))
    local = atoms.positions - (atoms.positions.max(axis=0) + atoms.positions.min(axis=0)) / 2
    depth = np.abs(local).max(axis=1)
    assert depth.min() > 25 - 9 - 0.01
    full = len(made(prefabs.cube("fcc Pt", edge=50))[0])
    assert record["porosity"] == pytest.approx(1 - len(atoms) / full)


def test_porosity_is_what_was_taken():
    solid = core(60)
    full = len(made(solid)[0])
    for asked in (0.15, 0.4):
        atoms, record = made(prefabs.porous(solid, porosity=asked, pore_radius=6, seed=3))
        assert record["porosity"] == pytest.approx(1 - len(atoms) / full)
        assert record["porosity"] == pytest.approx(asked, abs=0.02)
        assert record["pores"] >= 5


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_tetrapod_changes_its_stacking_and_breaks_no_bond(seed):
    zone = prefabs.tetrapod(length=40, diameter=22, seed=seed)
    atoms = Scene.fitted([zone.shifted(-zone.generator.pose.vector)]).atoms()
    record = atoms.info["record"]["zones"]["tetrapod"]["fill"]
    assert [part["name"] for part in record["parts"]] == ["core", *[f"arm {k}" for k in range(4)]]
    assert all(35 < reach <= 40.01 for reach in record["arms"])
    assert min(atoms_closest(atoms).values()) > 0.97 * np.sqrt(3) / 4 * 6.05
    # along the axis of each arm every atom has its four neighbours, from inside the core to below the tip
    part, bonds = atoms.arrays["part"], prefabs.coordination(atoms, 3.0)
    centre = atoms.positions[part == 0].mean(axis=0)
    for k in range(1, 5):
        axis = atoms.positions[part == k].mean(axis=0) - centre
        axis /= np.linalg.norm(axis)
        along = (atoms.positions - centre) @ axis
        off = np.linalg.norm(atoms.positions - centre - np.outer(along, axis), axis=1)
        inner = (along > 0) & (along < 40) & (off < 5.5)
        assert inner.sum() > 80
        assert (bonds[inner] == 4).all()
        assert set(part[inner]) == {0, k}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: prefabs.tetrapod("fcc Au", length=30, diameter=20), "zincblende"),
        (lambda: prefabs.tetrapod("zincblende CdSe", "wurtzite ZnS", length=30, diameter=20), "one material"),
        (lambda: prefabs.core_shell(core(), "fcc Pd", thickness=0), "above zero"),
        (lambda: prefabs.core_shell(core(), "fcc Pd", thickness=5, eccentricity=6), "stick out"),
        (lambda: prefabs.core_shell(core(), "fcc Pd", thickness=5, consumed=6), "must be less"),
        (lambda: prefabs.core_shell(core(), "fcc Pd", thickness=5, relaxation=2), "relaxation"),
        (lambda: prefabs.core_shell(core(), "bcc Fe", thickness=5, epitaxial=True), "has not the structure"),
        (lambda: prefabs.core_shell(core(), "amorphous SiO2", thickness=5), "density"),
        (lambda: prefabs.core_shell(core(), 3, thickness=5), "no material"),
        (lambda: prefabs.multi_shell(core(), shells=[]), "no shells"),
        (lambda: prefabs.janus(core(), "fcc Ag", fraction=1.0), "between 0 and 1"),
        (lambda: prefabs.janus(Zone(Ball(15), Amorphous("C", 2.0), "a"), "fcc Ag"), "no crystal"),
        (lambda: prefabs.alloy_gradient(core(), to="Xx"), "chemical element"),
        (lambda: prefabs.alloy_gradient(core(), to="Pd", outer=1.4), "between 0 and 1"),
        (lambda: prefabs.alloy_gradient(core(), to="Pd", profile="cubic"), "radial"),
        (lambda: prefabs.hollow(core(), thickness=200), "walls of it fill the particle"),
        (lambda: prefabs.porous(core(), porosity=1.2, pore_radius=3), "between 0 and 1"),
        (lambda: prefabs.porous(core(), porosity=0.1, pore_radius=30), "smaller pores"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
