import numpy as np
import pytest
from ase.build import molecule

from construction_zone.build import Ball, Block, Crystal, HalfSpace, Scene, Zone, transforms
from construction_zone.build.generators import Molecule, Void
from construction_zone.errors import InvalidInput, SceneError

CELL = (40.0, 40.0, 40.0)


def test_a_molecule_keeps_its_shape_in_any_pose():
    turn = transforms.translation((20, 20, 20)) @ transforms.rotation((1, 2, 3), 70)
    placed = Molecule.named("C60").moved(turn).fill(Ball(5, (20, 20, 20)), cell=CELL)
    free = molecule("C60")
    assert len(placed) == 60
    np.testing.assert_allclose(placed.get_all_distances(), free.get_all_distances(), atol=1e-9)
    np.testing.assert_allclose(placed.positions.mean(axis=0), 20, atol=1e-9)


def test_a_molecule_is_placed_whole_or_not_at_all():
    with pytest.raises(SceneError, match=r"of the 60 atoms of the molecule C60 lie outside"):
        Molecule.named("C60").shifted((20, 20, 20)).fill(Ball(3.4, (20, 20, 20)), cell=CELL)


def test_a_molecule_may_cross_the_periodic_seam():
    water = Molecule.named("H2O").shifted((0, 0, 10))
    atoms = Scene([Zone(HalfSpace((0, 0, 1), (0, 0, 20)), water, "water")], CELL).atoms()
    assert len(atoms) == 3
    assert atoms.get_distance(0, 1, mic=True) == pytest.approx(molecule("H2O").get_distance(0, 1))
    assert atoms.positions.max() > 35


def test_molecules_from_files_and_other_packages(tmp_path):
    from pymatgen.io.ase import AseAtomsAdaptor

    benzene = molecule("C6H6")
    path = tmp_path / "benzene.xyz"
    benzene.write(path)
    read = Molecule.read(path)
    converted = Molecule.from_structure(AseAtomsAdaptor.get_molecule(benzene))
    np.testing.assert_allclose(read.positions, benzene.positions - benzene.positions.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(converted.positions, read.positions, atol=1e-6)
    kept = Molecule.from_structure(benzene, centred=False)
    np.testing.assert_array_equal(kept.positions, benzene.positions)


def test_thermal_displacements_by_element():
    water = Molecule.named("H2O").with_thermal_u({"O": 0.1, "H": 0.2})
    assert dict(zip(water.numbers.tolist(), water.thermal_u.tolist(), strict=True)) == {8: 0.1, 1: 0.2}


def test_a_void_carves_what_comes_after_it():
    gold, shell = Crystal.fcc("Au").shifted((20, 20, 20)), Ball(15, (20, 20, 20))
    hole = Zone(Ball(8, (20, 20, 20)), Void(), "pore", priority=-1)
    full = Scene([Zone(shell, gold, "shell")], CELL).atoms()
    hollow = Scene([Zone(shell, gold, "shell"), hole], CELL).atoms()
    radius = np.linalg.norm(full.positions - 20, axis=1)
    np.testing.assert_allclose(hollow.positions, full.positions[radius > 8])
    assert hollow.info["phases"] == ["fcc Au"]


def test_a_void_of_a_higher_number_carves_nothing():
    gold = Zone(Ball(10, (20, 20, 20)), Crystal.fcc("Au"), "gold")
    with_void = Scene([gold, Zone(Ball(5, (20, 20, 20)), Void(), "pore", priority=1)], CELL).atoms()
    assert len(with_void) == len(Scene([gold], CELL).atoms())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Molecule.named("unobtainium"), "ASE knows no molecule"),
        (lambda: Molecule([[0, 0, 0]], [200]), "not all elements"),
        (lambda: Molecule([[0, 0, 0]], [1, 1]), "1 atoms"),
        (lambda: Molecule([[0, 0, np.nan]], [1]), "not finite"),
        (lambda: Molecule.from_structure("H2O"), "str is no molecule"),
        (lambda: Molecule.named("H2O").moved(transforms.affine(np.eye(3) * 2)), "rigid"),
        (lambda: Void().fill(Block((4, 4, 4), (0, 0, 90)) & Ball(1), cell=CELL), "do not meet"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
