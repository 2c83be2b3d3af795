"""Files written here and read by others, and the other way round."""

import warnings

import ase.io
import numpy as np
import pytest
from ase.io.prismatic import read_prismatic
from pymatgen.core import Lattice, Structure

from construction_zone.build import Ball, Crystal, Scene, Zone, files

BALL = Scene([Zone(Ball(7, (15, 15, 15)), Crystal.diamond("C"), "ball")], (30, 31, 32)).atoms()


@pytest.mark.parametrize("suffix", [".xyz", ".cif", ".pdb", ".vasp", ".json", ".traj"])
def test_ase_formats(tmp_path, suffix):
    path = files.write(BALL, tmp_path / f"ball{suffix}")
    tolerance = 2e-3 if suffix == ".pdb" else 1e-5
    for back in (ase.io.read(path), files.read(path)):
        np.testing.assert_array_equal(np.sort(back.numbers), np.sort(BALL.numbers))
        np.testing.assert_allclose(back.cell.lengths(), (30, 31, 32), atol=2e-3)
        np.testing.assert_allclose(back.positions, BALL.positions, atol=tolerance)


def test_prismatic_as_ase_reads_it(tmp_path):
    path = files.write(BALL, tmp_path / "ball.XYZ")
    with path.open() as stream:
        theirs = read_prismatic(stream)
    for back in (theirs, files.read(path)):
        np.testing.assert_array_equal(back.numbers, BALL.numbers)
        np.testing.assert_allclose(back.positions, BALL.positions, atol=1e-6)
        np.testing.assert_allclose(back.cell.lengths(), (30, 31, 32))
    np.testing.assert_allclose(files.read(path).arrays["thermal_u"], 0.042)
    np.testing.assert_allclose(theirs.arrays["debye_waller_factors"], 8 * np.pi**2 * 0.042**2, rtol=1e-3)


@pytest.mark.parametrize(
    "structure",
    [
        Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]]),
        Structure.from_spacegroup(
            "P6_3mc", Lattice.hexagonal(4.3, 7.0), ["Cd", "Se"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.377]]
        ),
        Structure(Lattice.from_parameters(4.1, 5.3, 6.2, 71, 83, 102), ["Ti", "O"], [[0, 0, 0], [0.3, 0.55, 0.2]]),
    ],
    ids=["diamond", "wurtzite", "triclinic"],
)
@pytest.mark.parametrize("symmetry", [None, 0.01], ids=["P1", "with symmetry"])
def test_cif_of_pymatgen(tmp_path, structure, symmetry):
    from pymatgen.io.cif import CifWriter

    path = tmp_path / "crystal.cif"
    with warnings.catch_warnings():  # spglib's own, while pymatgen writes; reading must raise none
        warnings.simplefilter("ignore", DeprecationWarning)
        CifWriter(structure, symprec=symmetry).write_file(path)
    crystal = Crystal.read(path)
    assert len(crystal.numbers) / abs(np.linalg.det(crystal.lattice)) == pytest.approx(
        structure.num_sites / structure.volume
    )
    near = Crystal.from_structure(structure)
    ours, theirs = (np.sort(np.linalg.norm(c.positions - c.positions[0], axis=1)) for c in (crystal, near))
    if symmetry is None:
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_poscar_is_read_as_a_crystal(tmp_path):
    structure = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.07825), ["Au"], [[0, 0, 0]])
    structure.to(str(tmp_path / "POSCAR"), fmt="poscar")
    gold = Crystal.read(tmp_path / "POSCAR")
    cell = (40.0, 40.0, 40.0)
    ours, theirs = gold.fill(Ball(9), cell=cell), Crystal.fcc("Au").fill(Ball(9), cell=cell)
    assert {tuple(np.round(p, 4) + 0.0) for p in ours.positions} == {
        tuple(np.round(p, 4) + 0.0) for p in theirs.positions
    }
