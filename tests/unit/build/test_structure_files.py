import os
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from construction_zone.build import Amorphous, Ball, Block, Crystal, Scene, Zone, files
from construction_zone.errors import StructureFileError


@pytest.fixture
def scene_atoms():
    zones = [
        Zone(Block.between((0, 0, 0), (20, 24, 8)), Amorphous("C", 2.2), "amorphous film, 100 % of 8 Å", 1),
        Zone(Ball(5, (10, 10, 16)), Crystal.fcc("Au"), 'the "particle\\'),
    ]
    return Scene(zones, (20, 24, 30)).atoms(seed=3)


def test_extended_xyz_keeps_everything(tmp_path, scene_atoms):
    back = files.read(files.write(scene_atoms, tmp_path / "scene.xyz"))
    assert set(back.arrays) >= {"id", "zone", "grain", "phase", "thermal_u"}
    for name in ("numbers", "id", "zone", "grain", "phase"):
        np.testing.assert_array_equal(back.arrays[name], scene_atoms.arrays[name])
        assert back.arrays[name].dtype.kind == "i"
    np.testing.assert_allclose(back.positions, scene_atoms.positions, atol=1e-7)
    np.testing.assert_allclose(back.arrays["thermal_u"], scene_atoms.arrays["thermal_u"], atol=1e-7)
    np.testing.assert_allclose(back.cell.array, scene_atoms.cell.array)
    assert back.pbc.tolist() == [True, True, False]
    assert list(back.info["zones"]) == scene_atoms.info["zones"]
    assert list(back.info["phases"]) == scene_atoms.info["phases"]


def test_one_zone_keeps_its_name_as_a_list(tmp_path):
    atoms = Scene([Zone(Ball(5, (10, 10, 10)), Crystal.fcc("Au"), "ball")], (20, 20, 20)).atoms()
    back = files.read(files.write(atoms, tmp_path / "ball.xyz"))
    assert list(back.info["zones"]) == ["ball"]


def test_same_atoms_same_bytes(tmp_path, scene_atoms):
    one, two = files.write(scene_atoms, tmp_path / "1.xyz"), files.write(scene_atoms, tmp_path / "2.xyz")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(("name", "format"), [("scene.XYZ", None), ("scene.dat", "prismatic")])
def test_prismatic_file_line_by_line(tmp_path, scene_atoms, name, format):
    lines = files.write(scene_atoms, tmp_path / name, format).read_text().splitlines()
    assert [float(v) for v in lines[1].split()] == [20, 24, 30]
    assert lines[-1] == "-1"
    assert len(lines) == len(scene_atoms) + 3
    row = [float(v) for v in lines[2].split()]
    np.testing.assert_allclose(row, [6, *scene_atoms.positions[0], 1, 0.087], atol=1e-6)


def test_prismatic_needs_an_orthogonal_cell(tmp_path):
    with pytest.raises(ValueError, match="orthogonal"):
        files.write(bulk("Au"), tmp_path / "gold.XYZ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [("scene.nonsense", "no format that ASE writes; use e.g. .xyz"), ("no/such/folder/scene.xyz", "No such file")],
)
def test_places_and_formats_that_cannot_be_written(tmp_path, scene_atoms, name, message):
    with pytest.raises(StructureFileError, match=message):
        files.write(scene_atoms, tmp_path / name)
    assert not list(tmp_path.rglob("*.*"))


def test_unknown_format_name(tmp_path, scene_atoms):
    with pytest.raises(StructureFileError, match="no format that ASE writes"):
        files.write(scene_atoms, tmp_path / "scene.xyz", format="nonsense")
    with pytest.raises(StructureFileError, match="names no format"):
        files.write(scene_atoms, tmp_path / "scene")


def test_a_folder_in_the_way(tmp_path, scene_atoms):
    (tmp_path / "scene.xyz").mkdir()
    with pytest.raises(StructureFileError, match="it is a folder"):
        files.write(scene_atoms, tmp_path / "scene.xyz")
    assert os.listdir(tmp_path) == ["scene.xyz"]


def test_nan_coordinates_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="row 1"):
        files.write(Atoms("Au2", [[0, 0, 0], [0, 0, np.nan]]), tmp_path / "a.xyz")


FULL_DISK = """
import resource, signal, sys
from ase.build import bulk
from construction_zone.build import files
from construction_zone.errors import StructureFileError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    files.write(bulk("Au", cubic=True).repeat(10), sys.argv[1])
except StructureFileError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("name", ["gold.xyz", "gold.XYZ", "gold.cif"])
def test_a_disk_that_fills_up_leaves_the_old_file_alone(tmp_path, name):
    path = tmp_path / name
    path.write_text("what was there before")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    assert "refused: cannot write" in done.stdout
    assert path.read_text() == "what was there before"
    assert os.listdir(tmp_path) == [name]


def test_a_file_is_replaced_in_one_step(tmp_path, scene_atoms):
    path = tmp_path / "scene.xyz"
    path.write_text("what was there before")
    with path.open() as before:  # a reader that was there first never sees a mixture
        files.write(scene_atoms, path)
        assert before.read() == "what was there before"
    assert len(files.read(path)) == len(scene_atoms)
    assert os.listdir(tmp_path) == ["scene.xyz"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xyz", None, "does not exist"),
        ("a.xyz", "3\n\nAu 0 0 0\n", "cannot read"),
        ("a.xyz", "2\n\nAu 0 0 0\nAu 0 0 nan\n", "row 1"),
        ("a.xyz", "1\n\nQq 0 0 0\n", "cannot read"),
        ("a.XYZ", "gold\n4 4 4\n79 0 0 0 1 0.1\n", "-1 that closes"),
        ("a.unknown", "what is this", "cannot read"),
        ("a.xyz", b"\xff\xfe\x00\x01", "cannot read"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StructureFileError, match=message) as caught:
        files.read(path)
    assert name in str(caught.value)


def test_reading_a_folder(tmp_path):
    with pytest.raises(StructureFileError, match="is a folder"):
        files.read(tmp_path)


def test_prismatic_gets_the_mean_of_anisotropic_displacements():
    atoms = Atoms("Au2", [[1, 1, 1], [2, 2, 2]], cell=[4, 4, 4])
    for array in (np.array([[0.1, 0.1, 0.1], [0.3, 0, 0]]), np.array([np.eye(3) * 0.01, np.diag([0.09, 0, 0])])):
        atoms.arrays.pop("thermal_u", None)
        atoms.set_array("thermal_u", array)
        rows = [line.split() for line in files.prismatic(atoms).splitlines()[2:-1]]
        assert [float(row[5]) for row in rows] == pytest.approx([0.1, 0.3 / np.sqrt(3)], abs=1e-5)
