import subprocess
import sys
import time

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.build import molecule as ase_molecule

from construction_zone.build import Ball, Block, Crystal, HalfSpace, Scene, Zone, reference, transforms
from construction_zone.errors import InvalidInput, SceneError, StructureFileError

HUGE = (1e3, 1e3, 1e3)
TRICLINIC = Crystal([[4.0, 0.3, 0.1], [1.1, 5.0, 0.2], [-0.7, 0.9, 6.0]], [[0, 0, 0], [0.3, 0.6, 0.2]], [79, 8])


def brute_force(crystal, volume, reach=12):
    n = np.arange(-reach, reach + 1)
    cells = np.stack(np.meshgrid(n, n, n, indexing="ij"), axis=-1).reshape(-1, 3)
    sites = (cells[:, None, :] + crystal.fractional).reshape(-1, 3) @ crystal.lattice
    points = crystal.pose.apply(sites)
    inside = volume.contains(points)
    return points[inside], np.tile(crystal.numbers, len(cells))[inside]


def as_set(points):
    return {tuple(row) for row in np.round(points, 5) + 0.0}


@pytest.mark.parametrize("crystal", [Crystal.fcc("Au"), Crystal.wurtzite("CdSe"), TRICLINIC])
@pytest.mark.parametrize(
    "volume", [Ball(12, (1, 2, 3)), Block((22, 17, 19), (3, -2, 1)).moved(transforms.rotation((1, 1, 0), 33))]
)
def test_filling_finds_every_site_and_no_other(crystal, volume):
    crystal = crystal.moved(transforms.rotation((3, 1, 2), 77) @ transforms.translation((0.4, 0.1, -0.2)))
    atoms = crystal.fill(volume, cell=HUGE)
    expected, numbers = brute_force(crystal, volume)
    assert len(atoms) == len(expected) > 100
    for z in np.unique(crystal.numbers):
        assert as_set(atoms.positions[atoms.numbers == z]) == as_set(expected[numbers == z])


def test_filling_in_chunks_is_the_same(monkeypatch):
    from construction_zone.build.generators import lattice

    crystal = TRICLINIC.moved(transforms.rotation((1, 2, 0), 20))
    whole = crystal.fill(Ball(15), cell=HUGE)
    monkeypatch.setattr(lattice, "_ROWS_PER_CHUNK", 7)
    monkeypatch.setattr(lattice, "_CELLS_PER_CHUNK", 50)
    pieces = crystal.fill(Ball(15), cell=HUGE)
    np.testing.assert_array_equal(whole.positions, pieces.positions)
    np.testing.assert_array_equal(whole.numbers, pieces.numbers)


def test_candidates_hardly_exceed_the_box():
    from construction_zone.build.generators.lattice import cells_in_box

    turn = transforms.random_rotation(np.random.default_rng(3))
    lattice = turn.apply_direction(4.0 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2)
    box = np.array([[-60.0] * 3, [60.0] * 3])
    cells = sum(len(c) for c in cells_in_box(lattice, np.zeros((1, 3)), np.zeros(3), box))
    assert cells == pytest.approx(120**3 / 16, rel=0.02)


def test_atom_count_of_a_ball_follows_its_volume():
    atoms = Crystal.fcc("Au").moved(transforms.rotation((1, 2, 3), 40)).fill(Ball(60, (0.7, 0.2, 0.4)), cell=HUGE)
    assert len(atoms) == pytest.approx(4 / 3 * np.pi * 60**3 * 4 / 4.07825**3, rel=0.003)


def test_blocks_of_whole_cells_tile():
    gold = Crystal.fcc("Au", a=4.0)
    atoms = gold.fill(Block.between((0, 0, 0), (40, 40, 40)), cell=(40, 40, 40))
    assert len(atoms) == 4 * 10**3


def test_speed_of_filling():
    gold = Crystal.fcc("Au").with_zone_axis((1, 1, 1))
    start = time.perf_counter()
    atoms = gold.fill(Ball(100), cell=HUGE)
    assert len(atoms) / (time.perf_counter() - start) > 2e5  # ten times slower than measured: this is no benchmark


def test_half_space_is_clipped_to_the_cell():
    gold = Crystal.fcc("Au", a=4.0)
    atoms = gold.fill(HalfSpace((0, 0, 1), (0, 0, 9)), cell=(8, 8, 40))
    assert atoms.positions.min() >= 0
    np.testing.assert_allclose(np.unique(np.round(atoms.positions[:, 2], 6)), [0, 2, 4, 6, 8])
    assert len(atoms) == 5 * 2 * 4


def test_volume_longer_than_a_period_is_filled_once():
    # without care the overhanging atoms would come in again on top of others
    gold = Crystal.fcc("Au", a=4.0)
    atoms = gold.fill(Block.between((-6, -6, 0), (30, 30, 8)), cell=(20, 20, 30))
    assert len(atoms) == 4 * 5 * 5 * 2
    scene = Scene([Zone(Block.between((-6, -6, 0), (30, 30, 8)), gold, "film")], (20, 20, 30))
    assert len(scene.atoms()) == 4 * 5 * 5 * 2


def test_zone_axis_points_along_the_beam():
    for crystal in (Crystal.fcc("Au"), Crystal.wurtzite("CdSe"), TRICLINIC):
        turned = crystal.with_zone_axis([1, 1, 0], along=(0, 0, 2))
        direction = turned.direction([1, 1, 0])
        np.testing.assert_allclose(direction / np.linalg.norm(direction), (0, 0, 1), atol=1e-12)
        assert turned.pose.is_rigid


def test_zone_axis_with_a_second_direction():
    gold = Crystal.fcc("Au").moved(transforms.translation((1, 2, 3)))
    turned = gold.with_zone_axis([1, 1, 0], second=[0, 0, 1], second_along=(1, 0, 0))
    np.testing.assert_allclose(turned.direction([0, 0, 1]), (4.07825, 0, 0), atol=1e-12)
    np.testing.assert_allclose(turned.pose.vector, (1, 2, 3), atol=1e-12)  # about its own origin


def test_plane_normal_points_where_asked():
    for crystal, hkl in (
        (Crystal.fcc("Au"), [1, 1, 1]),
        (TRICLINIC, [1, -2, 1]),
        (Crystal.wurtzite("CdSe"), [1, 0, 1]),
    ):
        turned = crystal.shifted((1, 2, 3)).with_plane(hkl, along=(0, 3, 0))
        np.testing.assert_allclose(turned.normal(hkl), (0, 1, 0), atol=1e-12)
        np.testing.assert_allclose(turned.pose.vector, (1, 2, 3), atol=1e-12)
        heights = turned.lattice @ turned.pose.matrix.T @ (0, 1, 0)  # of a, b, c: whole planes of this family
        spacing = heights[np.flatnonzero(hkl)[0]] / hkl[np.flatnonzero(hkl)[0]]
        np.testing.assert_allclose(heights / spacing, hkl, atol=1e-9)
    gold = Crystal.fcc("Au").with_plane([1, 1, 1], second=[1, -1, 0], second_along=(1, 0, 0))
    np.testing.assert_allclose(np.cross(gold.direction([1, -1, 0]), (1, 0, 0)), 0, atol=1e-12)


def test_normals_of_a_sheared_pose_stay_across_their_planes():
    sheared = TRICLINIC.moved(transforms.affine([[1, 0.4, 0], [0, 1.1, 0.2], [0.1, 0, 0.9]]))
    for hkl, in_plane in (([1, 0, 0], ([0, 1, 0], [0, 0, 1])), ([1, 1, -1], ([1, -1, 0], [0, 1, 1]))):
        for uvw in in_plane:
            assert abs(sheared.normal(hkl) @ sheared.direction(uvw)) < 1e-12


def test_four_indices_of_a_hexagonal_crystal():
    crystal = Crystal.wurtzite("ZnO")
    np.testing.assert_allclose(crystal.direction([2, -1, -1, 0]), 3 * crystal.direction([1, 0, 0]), atol=1e-12)
    np.testing.assert_allclose(crystal.normal([1, 0, -1, 0]), crystal.normal([1, 0, 0]), atol=1e-12)
    turned = crystal.with_zone_axis([1, 1, -2, 0], second=[0, 0, 0, 1], second_along=(0, 1, 0))
    np.testing.assert_allclose(turned.direction([0, 0, 1]), (0, 5.2071, 0), atol=1e-12)


def test_fill_order_is_deterministic_and_ignores_the_seed():
    a = TRICLINIC.fill(Ball(12), cell=HUGE, seed=1)
    b = TRICLINIC.fill(Ball(12), cell=HUGE, seed=2)
    assert a.positions.tobytes() == b.positions.tobytes()


def test_diamond_knows_its_displacement_and_gold_leaves_it_open():
    assert set(Crystal.diamond("C").fill(Ball(5), cell=HUGE).arrays["thermal_u"]) == {0.042}
    assert set(Crystal.fcc("Au").fill(Ball(5), cell=HUGE).arrays["thermal_u"]) == {0.0}
    salt = Crystal.rocksalt("NaCl").with_thermal_u({"Na": 0.15})
    assert dict(zip(salt.numbers.tolist(), salt.thermal_u.tolist(), strict=True)) == {11: 0.15, 17: 0.0}


def test_every_tabulated_lattice_can_be_made_and_has_a_source():
    for (prototype, formula), row in reference.lattices().items():
        crystal = Crystal.named(f"{prototype} {formula}")
        assert crystal.phase == f"{prototype} {formula}"
        assert row.source
    assert Crystal.named("fcc Au") == Crystal.fcc("Au")
    assert Crystal.named("fcc Au", a=4.1) == Crystal.fcc("Au", a=4.1)


def test_from_atoms_and_back():
    crystal = Crystal.from_structure(bulk("Cu", "fcc", a=3.6))
    ours, prototype = crystal.fill(Ball(10), cell=HUGE), Crystal.fcc("Cu", a=3.6).fill(Ball(10), cell=HUGE)
    assert as_set(ours.positions) == as_set(prototype.positions)


def test_read_a_cif(tmp_path):
    cif = tmp_path / "salt.cif"
    cif.write_text(CIF)
    crystal = Crystal.read(cif)
    assert sorted(crystal.numbers.tolist()) == [11] * 4 + [17] * 4
    assert abs(np.linalg.det(crystal.lattice)) == pytest.approx(5.64**3)
    assert crystal.phase == "ClNa" or crystal.phase == "NaCl"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("", "cannot read|no atoms"),
        ("this is no CIF\n", "cannot read|no atoms"),
        ("CUT", "cannot read|no atoms"),
        ("NAN", "not finite|cannot read"),
    ],
)
def test_missing_and_broken_cif(tmp_path, content, message):
    path = tmp_path / "broken.cif"
    if content is not None:
        content = {
            "CUT": CIF[: CIF.index("loop_\n_atom_site_label")],
            "NAN": CIF.replace("0.5 0.5 0.5", "nan nan nan"),
        }.get(content, content)
        path.write_text(content)
    with pytest.raises(StructureFileError, match=message) as caught:
        Crystal.read(path)
    assert "broken.cif" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Crystal.fcc("Aurum"), "not a chemical|not a chemical formula"),
        (lambda: Crystal.fcc("Xx"), "'Xx' is not a chemical element"),
        (lambda: Crystal.fcc("X"), "'X' is not a chemical element"),
        (lambda: Crystal.fcc("Ge"), r"no lattice constant of fcc Ge .*give a="),
        (lambda: Crystal.hcp("Au"), r"give a= and c="),
        (lambda: Crystal.hcp("Ti", a=2.9), "together"),
        (lambda: Crystal.fcc("Au", a=-4), "a is -4 Å"),
        (lambda: Crystal.fcc("Au", a=np.nan), "a is nan"),
        (lambda: Crystal.fcc("GaAs"), "needs 1 element"),
        (lambda: Crystal.zincblende("Si"), "needs 2 element"),
        (lambda: Crystal.fluorite("CeO"), "ratio 1 : 2"),
        (lambda: Crystal.wurtzite("CdSe", u=0.7), "u is 0.7"),
        (lambda: Crystal.named("Au"), "names no crystal"),
        (lambda: Crystal.named("fc Au"), "did you mean 'fcc'"),
        (lambda: Crystal.named("fcc Au", b=3.0), "b is no lattice constant"),
        (lambda: Crystal.fcc("Au").with_zone_axis([0, 0, 0]), "all zeros"),
        (lambda: Crystal.fcc("Au").with_zone_axis([1, 0, -1, 0]), "need a hexagonal lattice"),
        (lambda: Crystal.fcc("Au").with_plane([0, 0, 0]), "all zeros"),
        (lambda: Crystal.fcc("Au").with_plane([1, 1], (0, 0, 1)), "three numbers, or four"),
        (lambda: Crystal.fcc("Au").with_plane([1, 1, 1], (0, 0, 0)), "zero vector"),
        (lambda: Crystal.fcc("Au").with_plane([1, 1, 1], second=[2, 2, 2], second_along=(1, 0, 0)), "cannot fix"),
        (lambda: Crystal.from_spacegroup(225, ["Au"], [[0, 0, 0]], (4, 4, 5, 90, 90, 90)), "has not the symmetry"),
        (lambda: Crystal.from_spacegroup(194, ["Ti"], [[0, 0, 0]], (3, 3, 5, 90, 90, 90)), "has not the symmetry"),
        (lambda: Crystal.from_spacegroup(1, ["Au"], [[0, 0, 0]], (4, 4, 4, 60, 60, 170)), "no three edges"),
        (lambda: Crystal(np.ones((3, 3)), [[0, 0, 0]], [79]), "encloses no volume"),
        (lambda: Crystal(np.eye(3) * 4, [[0, 0, 0], [0, 0, 0.99]], [79, 79]), "0.040 Å apart"),
        (lambda: Crystal(np.eye(3) * 4, [[0, 0, np.nan]], [79]), "not finite"),
        (lambda: Crystal(np.eye(3) * 4, [[0, 0, 0]], [200]), "not all elements"),
        (lambda: Crystal(np.eye(3) * 4, [[0, 0, 0]], [79, 8]), "1 sites"),
        (lambda: Crystal.from_structure(ase_molecule("H2O")), "three-dimensional cell"),
        (lambda: Crystal.from_structure(Atoms(cell=(1, 1, 1))), "no atoms"),
        (lambda: Crystal.from_structure("Au"), "str is no structure"),
        (lambda: Crystal.from_spacegroup(231, ["Au"], [[0, 0, 0]], (4, 4, 4, 90, 90, 90)), "no space group"),
        (lambda: Crystal.from_spacegroup(225, ["Au"], [[0, 0, 0]], (4, 4, 4)), "alpha, beta, gamma"),
        (lambda: Crystal.from_spacegroup(225, ["Au", "Ag"], [[0, 0, 0]], (4, 4, 4, 90, 90, 90)), "2 species"),
        (lambda: Crystal.from_spacegroup(225, ["Au", "Ag"], [[0, 0, 0]] * 2, (4, 4, 4, 90, 90, 90)), "each orbit"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (Ball(1) & Ball(1, (9, 0, 0)), "its parts do not meet"),
        (HalfSpace((0, 0, 1), (0, 0, -5)), "does not meet the cell"),
        (Ball(0.1, (1, 0.9, 0.8)), "no atom of fcc Au lies in the volume"),
    ],
)
def test_volumes_that_hold_nothing(volume, message):
    with pytest.raises(SceneError, match=message):
        Crystal.fcc("Au").fill(volume, cell=(50, 50, 50))


def test_importing_the_room_needs_no_torch_and_no_pymatgen():
    heavy = ("torch", "pymatgen", "scipy.stats", "matplotlib")
    code = f"import sys, construction_zone.build; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
Na1 Na 0 0 0 1.0
Cl1 Cl 0.5 0.5 0.5 1.0
"""
