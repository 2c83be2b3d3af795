"""Sites that hold one of several elements: drawn as asked, from every source, or refused."""

import numpy as np
import pytest
from ase.data import atomic_numbers
from pymatgen.core import Lattice, Structure

from construction_zone.build import Ball, Block, Crystal, Scene, Zone
from construction_zone.errors import InvalidInput, StructureFileError

HUGE = (1e3, 1e3, 1e3)

CIF = """data_salt
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 0.3
K1 K 0 0 0 0.5
Cl1 Cl 0.5 0.5 0.5 1.0
"""


def shares(atoms, of):
    """Fractions of the sites of a sublattice, whose number is known from `of`, the element that fills another."""
    sites = int((atoms.numbers == atomic_numbers[of]).sum())
    symbols, counts = np.unique(atoms.get_chemical_symbols(), return_counts=True)
    return {s: n / sites for s, n in zip(symbols.tolist(), counts.tolist(), strict=True)}


def assert_shares(found, expected, sites):
    for symbol, probability in expected.items():
        sigma = np.sqrt(probability * (1 - probability) / sites)
        assert abs(found[symbol] - probability) < 4 * sigma + 1e-12, symbol


def test_occupancies_come_out_as_probabilities():
    salt = Crystal.rocksalt("NaCl").with_occupancy({"Na": {"Na": 0.3, "K": 0.5}})
    volume = Block.between((0, 0, 0), (10 * 5.6401,) * 3)  # whole cells: 4000 of each site
    atoms = salt.fill(volume, cell=HUGE, seed=1)
    assert (atoms.numbers == 17).sum() == 4000
    assert_shares(shares(atoms, "Cl"), {"Na": 0.3, "K": 0.5}, 4000)
    drawn = atoms.info["record"]["occupancy"]
    assert drawn["vacancy"] == 8000 - len(atoms)
    assert drawn["Na"] == (atoms.numbers == 11).sum()
    # chlorine is on its own sublattice, whoever its neighbours are
    assert set(atoms.arrays["sublattice"][atoms.numbers == 17]) == {1}
    assert set(atoms.arrays["sublattice"][atoms.numbers != 17]) == {0}


def test_neighbouring_sites_are_independent():
    alloy = Crystal.fcc("Au", a=4.0).with_occupancy({"Au": {"Au": 0.5, "Cu": 0.5}})
    atoms = alloy.fill(Block.between((0, 0, 0), (64, 64, 64)), cell=HUGE, seed=3)
    gold = (atoms.numbers == 79).astype(float)
    in_order = np.corrcoef(gold[:-1], gold[1:])[0, 1]
    assert abs(in_order) < 4 / np.sqrt(len(gold))


def test_the_seed_decides_and_positions_do_not_move():
    alloy = Crystal.fcc("Au").with_occupancy({"Au": {"Au": 0.6, "Ag": 0.4}})
    one, again, other = (alloy.fill(Ball(15), cell=HUGE, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.numbers, again.numbers)
    assert (one.numbers != other.numbers).any()
    np.testing.assert_array_equal(one.positions, other.positions)


def test_from_a_disordered_pymatgen_structure():
    structure = Structure(Lattice.cubic(4), [{"Au": 0.5, "Ag": 0.25}, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystal = Crystal.from_structure(structure)
    atoms = crystal.fill(Block.between((0, 0, 0), (60, 60, 60)), cell=HUGE)
    assert_shares(shares(atoms, "O"), {"Au": 0.5, "Ag": 0.25}, 15**3)


def test_ions_of_one_element_count_together():
    iron = Structure(Lattice.cubic(4), [{"Fe2+": 0.5, "Fe3+": 0.5}], [[0, 0, 0]])
    assert Crystal.from_structure(iron).occupancy == ()


def test_from_a_cif(tmp_path):
    path = tmp_path / "mixed.cif"
    path.write_text(CIF)
    crystal = Crystal.read(path)
    assert len(crystal.numbers) == 8
    atoms = crystal.fill(Block.between((0, 0, 0), (56.4, 56.4, 56.4)), cell=HUGE)
    assert_shares(shares(atoms, "Cl"), {"Na": 0.3, "K": 0.5}, 4000)


def test_a_cif_with_occupancies_above_one_is_refused(tmp_path):
    path = tmp_path / "over.cif"
    path.write_text(CIF.replace("0 0 0 0.5", "0 0 0 0.8"))
    with pytest.raises(StructureFileError, match=r"over\.cif.*add up to 1\.1, more than 1"):
        Crystal.read(path)


def test_sublattices_of_files_and_labels():
    spinel = Structure.from_spacegroup(
        "Fd-3m", Lattice.cubic(8.4), ["Fe", "Fe", "O"], [[0] * 3, [0.625] * 3, [0.38] * 3], labels=["A", "B", "O"]
    )
    assert np.bincount(Crystal.from_structure(spinel).sublattice).tolist() == [8, 16, 32]
    by_group = Crystal.from_spacegroup(
        227, ["Fe", "Fe", "O"], [[0.125] * 3, [0.5] * 3, [0.255] * 3], (8.4,) * 3 + (90,) * 3, setting=2
    )
    assert np.bincount(by_group.sublattice).tolist() == [8, 16, 32]


def test_sublattices_survive_the_scene():
    zone = Zone(Ball(8, (20, 20, 20)), Crystal.zincblende("GaAs"), "dot")
    atoms = Scene([zone], (40, 40, 40)).atoms()
    np.testing.assert_array_equal(atoms.arrays["sublattice"], np.where(atoms.numbers == 31, 0, 1))


def test_vegards_law():
    crystal = Crystal.alloy({"zincblende GaAs": 0.7, "zincblende InAs": 0.3})
    assert crystal.lattice[0, 0] == pytest.approx(0.7 * 5.6533 + 0.3 * 6.0584, abs=1e-9)
    volume = Block.between((0, 0, 0), (10 * crystal.lattice[0, 0],) * 3)
    atoms = crystal.fill(volume, cell=HUGE)
    assert (atoms.numbers == 33).sum() == 4000
    assert_shares(shares(atoms, "As"), {"Ga": 0.7, "In": 0.3}, 4000)


def test_vegards_law_for_free_coordinates():
    crystal = Crystal.alloy({"wurtzite GaN": 0.5, "wurtzite AlN": 0.5})
    np.testing.assert_allclose(np.linalg.norm(crystal.lattice, axis=1), [3.15, 3.15, 5.0845], atol=1e-9)
    assert crystal.fractional[2, 2] == pytest.approx((0.375 + 0.382) / 2)


def test_an_alloy_of_one_part_is_that_part():
    alone = Crystal.alloy({"fcc Au": 1.0})
    assert alone.occupancy == ()
    np.testing.assert_array_equal(alone.lattice, Crystal.fcc("Au").lattice)


def test_strained_lattice_constants():
    film = Crystal.fcc("Au").strained([0.01, 0.01, -0.02])
    np.testing.assert_allclose(np.diag(film.lattice), 4.07825 * np.array([1.01, 1.01, 0.98]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Crystal.fcc("Au").with_occupancy({"Au": {"Au": 0.7, "Cu": 0.6}}), r"add up to 1\.3, more than 1"),
        (lambda: Crystal.fcc("Au").with_occupancy({"Au": {"Au": -0.1}}), "from 0 to 1"),
        (lambda: Crystal.fcc("Au").with_occupancy({"Au": {"Au": 0.0}}), "never occupied"),
        (lambda: Crystal.fcc("Au").with_occupancy({"Au": {"Xq": 0.5}}), "not a chemical element"),
        (lambda: Crystal.fcc("Au").with_occupancy({"Cu": {"Au": 0.5}}), "has no site of 'Cu'"),
        (lambda: Crystal(np.eye(3) * 4, [[0, 0, 0]], [79], occupancy=[{"Au": 1}] * 2), "2 entries for 1 sites"),
        (lambda: Crystal(np.eye(3) * 4, [[0, 0, 0]], [79], sublattice=[-1]), "sublattice"),
        (lambda: Crystal.alloy({"fcc Au": 0.7, "fcc Ag": 0.7}), r"add up to 1\.4"),
        (lambda: Crystal.alloy({"fcc Au": 0.5, "bcc Fe": 0.5}), "different structures"),
        (lambda: Crystal.alloy({"wurtzite CdSe": 0.5, "zincblende ZnSe": 0.5}), "different structures"),
        (lambda: Crystal.alloy({}), "mole fractions"),
        (lambda: Crystal.fcc("Au").strained(np.eye(2)), "3 × 3|shape"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
