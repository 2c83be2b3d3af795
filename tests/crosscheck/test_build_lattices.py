"""Crystals against pymatgen and ASE: neighbour shells, space groups, orientation of every lattice."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from pymatgen.core import Lattice, Structure
from scipy.spatial import cKDTree

from construction_zone.build import Ball, Crystal, transforms

HUGE = (1e3, 1e3, 1e3)
REACH = 6.83  # Å; no shell of the lattices here lies at this very distance


def shells_of_fill(crystal, species, turn=True):
    """Neighbour distances (up to REACH) around an atom of each kind, counted in a filled ball."""
    if turn:
        crystal = crystal.moved(transforms.rotation((1, 2, 3), 63) @ transforms.translation((0.3, 0.7, 0.1)))
    atoms = crystal.fill(Ball(REACH + 8), cell=HUGE)
    tree = cKDTree(atoms.positions)
    found = {}
    for number in sorted(set(species)):
        own = np.flatnonzero(atoms.numbers == number)
        near = own[np.linalg.norm(atoms.positions[own], axis=1) < 7]
        shells = [
            np.sort(np.linalg.norm(atoms.positions[tree.query_ball_point(p, REACH)] - p, axis=1))[1:]
            for p in atoms.positions[near]
        ]
        found[number] = sorted(tuple(np.round(s, 4)) for s in shells)
    return found


def shells_of_pymatgen(structure):
    found = {}
    for i, site in enumerate(structure):
        distances = np.sort([n.nn_distance for n in structure.get_neighbors(site, REACH)])
        found.setdefault(structure.atomic_numbers[i], []).append(tuple(np.round(distances, 4)))
    return found


def assert_same_shells(crystal, structure):
    ours, theirs = shells_of_fill(crystal, structure.atomic_numbers), shells_of_pymatgen(structure)
    assert ours.keys() == theirs.keys()
    for number, expected in theirs.items():
        kinds = {len(s): s for s in expected}
        assert ours[number]
        for shell in ours[number]:
            np.testing.assert_allclose(shell, kinds[len(shell)], atol=2e-4)
        assert {len(s) for s in ours[number]} == set(kinds)


# made by pymatgen from the space group, the asymmetric unit and nothing of ours
PROTOTYPES = {
    "fcc Au": ("Fm-3m", Lattice.cubic(4.07825), ["Au"], [[0, 0, 0]]),
    "bcc Fe": ("Im-3m", Lattice.cubic(2.86762), ["Fe"], [[0, 0, 0]]),
    "hcp Ti": ("P6_3/mmc", Lattice.hexagonal(2.95, 4.686), ["Ti"], [[1 / 3, 2 / 3, 0.25]]),
    "diamond Si": ("Fd-3m", Lattice.cubic(5.4307), ["Si"], [[0, 0, 0]]),
    "zincblende GaAs": ("F-43m", Lattice.cubic(5.6533), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
    "wurtzite CdSe": (
        "P6_3mc",
        Lattice.hexagonal(4.299, 7.01),
        ["Cd", "Se"],
        [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.375]],
    ),
    "rocksalt PbS": ("Fm-3m", Lattice.cubic(5.9362), ["Pb", "S"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "fluorite CeO2": ("Fm-3m", Lattice.cubic(5.40972), ["Ce", "O"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
}


@pytest.mark.parametrize("name", PROTOTYPES)
def test_neighbour_shells_of_prototypes(name):
    group, lattice, species, coords = PROTOTYPES[name]
    assert_same_shells(Crystal.named(name), Structure.from_spacegroup(group, lattice, species, coords))


TRICLINIC = Structure(
    Lattice.from_parameters(4.1, 5.3, 6.2, 71, 83, 102),
    ["Ti", "O", "O"],
    [[0, 0, 0], [0.3, 0.55, 0.2], [0.6, 0.2, 0.7]],
)
MOS2 = Structure.from_spacegroup(
    "P6_3/mmc", Lattice.hexagonal(3.160, 12.295), ["Mo", "S"], [[1 / 3, 2 / 3, 0.25], [1 / 3, 2 / 3, 0.621]]
)
MONOCLINIC = Structure(Lattice.monoclinic(5.15, 5.2, 5.3, 99), ["Zr", "O"], [[0.28, 0.04, 0.21], [0.07, 0.33, 0.34]])


@pytest.mark.parametrize("structure", [TRICLINIC, MOS2, MONOCLINIC], ids=["triclinic", "MoS2", "monoclinic"])
def test_neighbour_shells_of_oblique_cells(structure):
    assert_same_shells(Crystal.from_structure(structure), structure)


def test_mo_mo_distance_in_mos2():
    # a transposed lattice gives 2.76, 3.40 and 3.57 Å instead
    atoms = Crystal.from_structure(MOS2).fill(Ball(15), cell=HUGE)
    molybdenum = atoms.positions[(atoms.numbers == 42) & (np.linalg.norm(atoms.positions, axis=1) < 9)]
    everything = cKDTree(atoms.positions[atoms.numbers == 42])
    np.testing.assert_allclose(everything.query(molybdenum, k=7)[0][:, 1:], 3.160, atol=1e-9)


@pytest.mark.parametrize(
    ("group", "lattice", "species", "coords"),
    [
        (186, Lattice.hexagonal(4.3, 7.02), ["Cd", "Se"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.377]]),
        (136, Lattice.tetragonal(4.593, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]),  # rutile
        (
            62,
            Lattice.orthorhombic(5.44, 7.64, 5.37),
            ["Ca", "Ti", "O"],
            [[0.04, 0.25, 0.99], [0, 0, 0.5], [0.48, 0.25, 0.07]],
        ),
        (14, Lattice.monoclinic(5.15, 5.2, 5.3, 99.2), ["Zr", "O"], [[0.275, 0.04, 0.208], [0.07, 0.33, 0.34]]),
        (2, Lattice.from_parameters(5, 6, 7, 80, 95, 100), ["Si"], [[0.1, 0.2, 0.3]]),
        (167, Lattice.hexagonal(4.76, 12.99), ["Al", "O"], [[0, 0, 0.352], [0.306, 0, 0.25]]),  # corundum
    ],
)
def test_space_groups(group, lattice, species, coords):
    ours = Crystal.from_spacegroup(group, species, coords, lattice.parameters)
    theirs = Structure.from_spacegroup(group, lattice, species, coords)
    assert len(ours.numbers) == len(theirs)
    assert_same_shells(ours, theirs)


@pytest.mark.parametrize("atoms", [bulk("Au"), bulk("Ti", "hcp", a=2.95, c=4.69), bulk("NaCl", "rocksalt", a=5.64)])
def test_crystals_of_ase(atoms):
    structure = Structure(atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions())
    assert_same_shells(Crystal.from_structure(atoms), structure)


def test_site_positions_agree_with_ase_for_a_triclinic_cell():
    atoms = Atoms("TiO", scaled_positions=[[0, 0, 0], [0.3, 0.6, 0.2]], cell=TRICLINIC.lattice.matrix, pbc=True)
    crystal = Crystal.from_structure(atoms)
    np.testing.assert_allclose(crystal.positions, atoms.get_positions(), atol=1e-12)
