"""The command, as a user runs it: what it leaves, what it says, how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import ase.io
import numpy as np
import pytest
import yaml
from ase import Atoms

from construction_zone.cli import main
from construction_zone.simulate import ExitWaves, exit_waves

READY = Path(__file__).parents[3] / "recipes" / "gold_on_carbon.yaml"
TINY = {
    "version": 1,
    "count": 2,
    "cell": [24, 20],
    "substrate": {"amorphous": "C", "density": 2.2, "thickness": 6, "structure": "random"},
    "particles": {"count": 1, "crystal": "fcc Au", "radius": {"uniform": [4, 5]}, "gap": 0},
    "simulation": {"sampling": 0.2, "phonons": 1},
    "imaging": {"pixel_size": 0.4, "defocus": -100, "dose": 400},
}
COMMANDS = ["demo", "generate", "build", "simulate", "image", "info", "show", "train", "recipe check", "recipe schema"]


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture
def czone(capsys):
    """Run the command in this process; its exit code, what it printed, and what it told on stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(czone, command):
    code, out, err = czone(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert f"Example: czone {command}" in " ".join(out.split())


def test_help_is_quick_and_imports_no_torch():
    start = time.perf_counter()
    code = "import sys; from construction_zone.cli import main\ntry: main(['--help'])\nfinally: print([*sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 5  # 1.5 s on a free machine
    heavy = {"torch", "zarr", "matplotlib", "pyarrow", "pymatgen"}
    assert heavy.isdisjoint(done.stdout.splitlines()[-1].replace("'", "").strip("[]").split(", "))


def test_the_installed_command_is_there():
    done = subprocess.run([Path(sys.executable).with_name("czone"), "--version"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.strip()[0].isdigit()


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["generate"],
        ["generate", "nowhere.yaml", "--out", "data"],
        ["generate", str(READY)],
        ["generate", str(READY), "--out", "data", "--count", "0"],
        ["generate", str(READY), "--out", "data", "--workers", "many"],
        ["info", "nowhere"],
        ["recipe", "check"],
    ],
)
def test_wrong_use_ends_with_2(czone, arguments):
    code, out, err = czone(*arguments)
    assert code == 2
    assert out == ""
    assert "Usage" in err
    assert "Traceback" not in err


def test_from_recipe_to_dataset_and_sheet(czone, recipe, tmp_path):
    data = tmp_path / "data"
    code, out, _ = czone("generate", recipe, "--out", data, "--workers", 1, "--count", 3)
    assert code == 0
    assert "3 structures made" in out
    assert all(stage in out for stage in ("build", "simulate", "image", "label", "store", "peak memory"))
    code, out, _ = czone("generate", recipe, "--out", data, "--workers", 1, "--count", 2)
    assert code == 0
    assert "nothing to do" in out
    assert "2 structures were asked for; the 3 that are there stay" in out
    code, out, _ = czone("info", data)
    assert code == 0
    assert "3 of 3" in out
    assert "50 × 60 pixels (y × x) of 0.4 Å" in out
    code, out, _ = czone("show", data, "--out", tmp_path / "sheet.png")
    assert code == 0
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_a_file_for_prismatic_tells_each_displacement(czone, recipe, tmp_path):
    code, _, err = czone("build", recipe, "--out", tmp_path / "scene.XYZ")
    assert (code, err) == (0, "")
    rows = [line.split() for line in (tmp_path / "scene.XYZ").read_text().splitlines()[2:-1]]
    # gold 0.090 Å (Gao & Peng 1999), carbon as its phase says
    assert {row[0]: float(row[5]) for row in rows} == {"6": 0.087, "79": 0.09}


def test_from_recipe_to_atoms_waves_and_images(czone, recipe, tmp_path):
    scene, waves = tmp_path / "scene.xyz", tmp_path / "waves.zarr"
    code, out, _ = czone("build", recipe, "--out", scene, "--index", 1)
    assert code == 0
    atoms = ase.io.read(scene)
    assert f"{len(atoms)} atoms" in out
    assert all(part in out for part in ("closest Au-Au 2.88", "contact Au-C", "g/cm³", "outside       0 atoms"))
    assert set(atoms.symbols) == {"C", "Au"}
    code, out, _ = czone("simulate", scene, "--out", waves, "--sampling", 0.2, "--phonons", 2)
    assert code == 0
    assert "2 × 100 × 120" in out
    options = ("--defocus", -100, "--Cs", 1e4, "--focal-spread", 10, "--dose", 400, "--pixel-size", 0.4, "--seed", 2)
    for suffix in (".png", ".tif", ".npy"):
        code, out, _ = czone("image", waves, "--out", tmp_path / f"image{suffix}", *options)
        assert code == 0
        assert "50 × 60 pixels of 0.4 Å" in out
    counts = np.load(tmp_path / "image.npy")
    assert counts.mean() == pytest.approx(64, rel=0.05)
    assert np.array_equal(counts, counts.round())
    code, _, _ = czone("image", waves, "--out", tmp_path / "other.npy", "--defocus", 500, *options[2:])
    assert code == 0
    assert not np.array_equal(np.load(tmp_path / "other.npy"), counts)
    code, _, err = czone("simulate", scene, "--out", waves)
    assert code == 1
    assert "exists" in err


def simple(tmp_path, count=3):
    """A file of `count` frames: an atom that moves by 1 Å along x from frame to frame."""
    frames = [
        Atoms("Au2", positions=[(3 + k, 4, 3), (3 + k, 4, 6)], cell=(8, 8, 9), pbc=(True, True, False))
        for k in range(count)
    ]
    ase.io.write(tmp_path / "moving.xyz", frames)
    return frames, tmp_path / "moving.xyz"


def test_a_trajectory_is_not_simulated_without_saying_which_frame(czone, tmp_path):
    frames, path = simple(tmp_path)
    options = ("--sampling", 0.2, "--phonons", 0)
    code, _, err = czone("simulate", path, "--out", tmp_path / "waves.zarr", *options)
    assert code == 1
    assert "holds 3 frames; say which with --frame (0 … 2" in err
    assert not (tmp_path / "waves.zarr").exists()
    for number, wanted in (("1", 1), ("-1", 2)):
        out = tmp_path / f"{wanted}.zarr"
        code, told, _ = czone("simulate", path, "--out", out, "--frame", number, *options)
        assert code == 0
        assert f"frame {wanted} of 0 … 2" in told
        alone = exit_waves(frames[wanted], sampling=0.2, phonons=None)
        np.testing.assert_array_equal(ExitWaves.load(out).numpy(), alone.numpy())
    assert czone("simulate", path, "--out", tmp_path / "all.zarr", "--frame", "all", *options)[0] == 0
    np.testing.assert_array_equal(
        ExitWaves.load(tmp_path / "all.zarr").numpy(), exit_waves(frames, sampling=0.2, phonons=None).numpy()
    )
    for number, told in (("3", "no frame 3; "), ("first", "--frame first is neither a number nor all")):
        code, _, err = czone("simulate", path, "--out", tmp_path / "no.zarr", "--frame", number, *options)
        assert code == 1
        assert told in err


def test_slices_tilts_depths_and_padding_reach_the_simulation(czone, tmp_path):
    (atoms,), path = simple(tmp_path, 1)
    options = ("--slice-thickness", "planes", "--tilt", "2,-1", "--tilt", "-2,1", "--depth", 4.5, "--pad", 2)
    code, out, _ = czone("simulate", path, "--out", tmp_path / "w.zarr", "--sampling", 0.2, "--phonons", 0, *options)
    assert code == 0, out
    wanted = exit_waves(
        atoms, sampling=0.2, phonons=None, slice_thickness="planes", tilts=[(2, -1), (-2, 1)], depths=[4.5], pad=2
    )
    found = ExitWaves.load(tmp_path / "w.zarr")
    assert found.dims == wanted.dims == ("tilt", "depth", "configuration", "y", "x")
    assert found.metadata == wanted.metadata
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    for option, value, told in (
        ("--slices", "thin", "--slice-thickness thin: give a length in Å, or planes"),
        ("--tilt", "2", "--tilt 2: give the tilts towards x and y in mrad"),
        ("--depth", "4.4", "the depth 4.4 Å is no boundary of a slice"),
    ):
        code, _, err = czone("simulate", path, "--out", tmp_path / "no.zarr", option, value)
        assert code == 1
        assert told in err


def test_the_waves_of_a_dataset_can_be_imaged(czone, recipe, tmp_path):
    assert czone("generate", recipe, "--out", tmp_path / "data", "--workers", 1, "--count", 1)[0] == 0
    stored = tmp_path / "data" / "waves.zarr" / "000" / "000000"
    assert czone("image", stored, "--out", tmp_path / "image.npy", "--defocus", 50)[0] == 0
    # without a dose the mean intensity of vacuum is 1; little is scattered out of the band
    assert np.load(tmp_path / "image.npy").mean() == pytest.approx(1, abs=0.03)


def test_a_bad_recipe_fails_with_one_message(czone, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(yaml.safe_dump({**TINY, "particles": {**TINY["particles"], "raduis": 4}}))
    for arguments in (
        ["recipe", "check", bad],
        ["generate", bad, "--out", tmp_path / "data"],
        ["build", bad, "--out", "x"],
    ):
        code, out, err = czone(*arguments)
        assert (code, out) == (1, "")
        assert err == f"error: {bad} cannot be used:\n  particles.raduis: unknown key; did you mean 'radius'?\n"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("place", [0, 3, 4])
def test_debug_shows_the_traceback_wherever_it_stands(czone, tmp_path, place):
    (tmp_path / "bad.yaml").write_text("version: 1")
    arguments = ["recipe", "check", str(tmp_path / "bad.yaml")]
    arguments.insert(place, "--debug")
    code, _, err = czone(*arguments)
    assert code == 1
    assert "Traceback (most recent call last)" in err
    assert "error: " in err


def test_a_broken_structure_file_fails_with_one_message(czone, tmp_path):
    (tmp_path / "broken.cif").write_text("data_nothing\n_cell_length_a x\n")
    for name in ("broken.cif", "missing.cif"):
        code, _, err = czone("simulate", tmp_path / name, "--out", tmp_path / "waves.zarr")
        assert code == 1
        assert name in err
        assert "Traceback" not in err
    assert not (tmp_path / "waves.zarr").exists()


def test_a_path_that_cannot_be_written_fails_with_one_message(czone, recipe):
    code, _, err = czone("generate", recipe, "--out", "/proc/data")
    assert code == 1
    assert err.startswith("error: cannot write the dataset /proc/data")
    assert "Traceback" not in err


def test_structures_that_fail_end_with_1(czone, tmp_path):
    crowded = tmp_path / "crowded.yaml"
    particles = {"count": 5, "crystal": "fcc Au", "radius": 4.5, "gap": 0.9}
    crowded.write_text(yaml.safe_dump({**TINY, "particles": particles}))
    code, _, err = czone("generate", crowded, "--out", tmp_path / "data", "--workers", 1)
    assert code == 1
    assert "structure 0 failed (seed 0): SceneError: only" in err
    assert "2 structures failed; " in err


def test_the_schema_is_json_that_accepts_the_ready_recipe(czone):
    code, out, _ = czone("recipe", "schema")
    assert code == 0
    schema = json.loads(out)
    assert set(yaml.safe_load(READY.read_text())) <= set(schema["properties"])


def test_check_prints_a_recipe_that_can_be_used(czone, tmp_path):
    code, out, _ = czone("recipe", "check", READY)
    assert code == 0
    (tmp_path / "full.yaml").write_text(out)
    assert czone("recipe", "check", tmp_path / "full.yaml")[1] == out


def test_training_prints_dice_on_unseen_structures(czone, recipe, tmp_path):
    pytest.importorskip("monai")
    assert czone("generate", recipe, "--out", tmp_path / "data", "--workers", 1)[0] == 0
    code, out, _ = czone("train", tmp_path / "data", "--out", tmp_path / "run", "--epochs", 1)
    assert code == 0
    assert "Dice 0." in out
    assert "on 1 unseen structures after 1 epochs" in out


def test_the_demo_leaves_figure_dataset_and_sheet(czone, recipe, tmp_path, monkeypatch):
    """The tour itself, with atoms at rest in the figure and the tiny recipe for the dataset."""
    from construction_zone import show
    from construction_zone.cli import demo

    monkeypatch.setattr(show, "figure1", partial(show.figure1, phonons=None))
    monkeypatch.setattr(demo, "READY", recipe)
    code, out, _ = czone("demo", "--out", tmp_path / "demo", "--workers", 1)
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == ["contact_sheet.png", "dataset", "figure1.png"]
    assert "2 structures made" in out
    for name in ("contact_sheet.png", "dataset", "figure1.png"):
        assert str(tmp_path / "demo" / name) in out


@pytest.mark.slow
def test_the_ready_recipe_is_made_in_full(czone, tmp_path):
    code, out, _ = czone("generate", READY, "--out", tmp_path / "data")
    assert code == 0
    assert "8 structures made" in out
