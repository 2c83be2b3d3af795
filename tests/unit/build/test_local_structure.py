"""Local structure of perfect and of faulted crystals."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.cluster import Icosahedron

from construction_zone.build import Ball, Crystal, HalfSpace, Scene, Zone, local_structure, transforms
from construction_zone.build.local_structure import classify


def count(atoms):
    found = np.bincount(classify(atoms), minlength=len(local_structure.NAMES))
    return {name: int(n) for name, n in zip(local_structure.NAMES, found, strict=True) if n}


PERFECT = {
    "fcc": bulk("Au", "fcc", 4.08, cubic=True).repeat(5),
    "hcp": bulk("Mg", "hcp", a=3.21, c=5.21, orthorhombic=True).repeat((6, 4, 4)),
    "bcc": bulk("Fe", "bcc", 2.87, cubic=True).repeat(6),
    "cubic diamond": bulk("GaAs", "zincblende", 5.65, cubic=True).repeat(3),
}


@pytest.mark.parametrize("name", PERFECT)
def test_perfect_crystals_atom_for_atom(name):
    assert count(PERFECT[name]) == {name: len(PERFECT[name])}


@pytest.mark.parametrize("name", PERFECT)
def test_turned_rattled_and_cut_crystals(name):
    atoms = PERFECT[name].copy()
    atoms.pbc = False
    atoms.rotate(37, (1, 2, 3))
    atoms.positions += np.random.default_rng(0).normal(0, 0.03, atoms.positions.shape)
    center = atoms.positions.mean(axis=0)
    inner = np.linalg.norm(atoms.positions - center, axis=1) < 5.5
    assert set(classify(atoms)[inner]) == {local_structure.NAMES.index(name)}
    assert count(atoms)["other"] > 50  # the surface


def test_wurtzite_is_hexagonal_diamond():
    ball = Crystal.wurtzite("CdSe").fill(Ball(16, (20, 20, 20)), cell=(40, 40, 40))
    inner = np.linalg.norm(ball.positions - 20, axis=1) < 9
    assert set(classify(ball)[inner]) == {local_structure.HEXAGONAL_DIAMOND}


def test_the_heart_of_an_icosahedron():
    atoms = Icosahedron("Au", 5)
    kinds = classify(atoms)
    center = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1).argmin()
    assert kinds[center] == local_structure.ICOSAHEDRAL
    # twenty tetrahedra, joined at thirty twin planes: hcp where two meet, fcc inside each
    assert count(atoms)["hcp"] == 3 * 30
    assert count(atoms)["fcc"] == 20


def test_a_twin_is_one_layer_of_hcp():
    center = (25.0, 25, 25)
    gold = Crystal.fcc("Au").with_zone_axis([1, -1, 0], second=[1, 1, 1], second_along=(1, 0, 0)).shifted(center)
    left = HalfSpace((1, 0, 0), (25.5, 25, 25))
    zones = [
        Zone(Ball(15, center) & left, gold, "left"),
        Zone(Ball(15, center) - left, gold.moved(transforms.reflection((1, 0, 0), center)), "right"),
    ]
    atoms = Scene(zones, (50, 50, 50)).atoms()
    faulted = atoms.positions[classify(atoms) == local_structure.HCP]
    assert len(faulted) > 50
    np.testing.assert_allclose(faulted[:, 0], 25, atol=1e-6)
    assert set(classify(atoms).tolist()) == {local_structure.OTHER, local_structure.FCC, local_structure.HCP}


def test_few_atoms_and_disorder_are_other():
    assert classify(Atoms("Au3", np.eye(3) * 2.9)).tolist() == [0, 0, 0]
    assert len(classify(Atoms())) == 0
    gas = Atoms("C500", np.random.default_rng(0).uniform(0, 18, (500, 3)), cell=[18, 18, 18], pbc=True)
    assert count(gas) == {"other": 500}
