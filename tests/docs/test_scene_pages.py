"""The pages about scenes, checks and other codes: their code runs, and ours and ASE's make the same atoms."""

from __future__ import annotations

import contextlib
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from construction_zone.build import checks
from construction_zone.cli import main

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PEERS = ROOT / "docs" / "explanation" / "coming_from_other_codes.md"
TASKS = {title: BLOCK.findall(text) for title, text in SECTION.findall(PEERS.read_text(encoding="utf-8"))}


def done(block: str) -> dict:
    """The names that a block of code leaves."""
    names: dict = {}
    exec(compile(block, str(PEERS), "exec"), names)
    return names


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_scene_page_runs_from_top_to_bottom(tmp_path):
    page = (ROOT / "docs" / "how-to" / "scenes.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert len(blocks) == 5
    done("".join(blocks))
    commands = re.findall(r"^czone (.*)$", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        with contextlib.suppress(SystemExit):
            main(command.split())
    names = {"scene.xyz", "zones.png", "elements.png", "structure.png"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_the_script_draws_the_scene_pages_picture(tmp_path):
    place = ROOT / "examples" / "scene.py"
    specification = importlib.util.spec_from_file_location("scene_example", place)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    picture = module.main(tmp_path / "scene.png")
    assert 50_000 < picture.stat().st_size < 150_000
    assert [path.name for path in tmp_path.iterdir()] == ["scene.png"]
    assert (ROOT / "docs" / "images" / "scene.png").stat().st_size < 150_000


def test_every_task_is_there_for_both_codes():
    assert {title: len(blocks) for title, blocks in TASKS.items()} == {
        "A gold ball seen along [110]": 2,
        "An amorphous carbon film": 2,
        "A particle on a film": 2,
        "A twin": 2,
        "An alloy": 2,
        "A file for the simulation": 2,
    }


def test_the_same_ball():
    ours, theirs = (done(block)["ball"] for block in TASKS["A gold ball seen along [110]"])
    assert len(ours) == len(theirs) > 800
    for ball in (ours, theirs):
        assert np.linalg.norm(ball.positions - 20, axis=1).max() <= 15 + 1e-6
        steps = np.diff(np.unique(ball.positions[:, 2].round(5)))
        np.testing.assert_allclose(steps, 4.0782 / np.sqrt(8), atol=1e-4)


def test_the_same_film():
    ours, theirs = (done(block) for block in TASKS["An amorphous carbon film"])
    for film in (*ours["films"], theirs["film"]):
        assert len(film) == pytest.approx(40 * 40 * 20 * 0.1103, rel=0.001)
    relaxed, random = (checks.closest(film)["C-C"] for film in ours["films"])
    assert 1.2 < relaxed
    assert random >= 1.4
    assert checks.closest(theirs["film"])["C-C"] < 0.5  # as the page says


def test_the_same_particle_on_a_film():
    ours, theirs = (done(block)["atoms"] for block in TASKS["A particle on a film"])
    for atoms in (ours, theirs):
        assert checks.closest(atoms)["Au-C"] >= 2.3
        assert (atoms.numbers == 79).sum() == pytest.approx(4 / 3 * np.pi * 12**3 * 4 / 4.0782**3, rel=0.06)


def test_the_same_twin():
    ours, theirs = (done(block)["atoms"] for block in TASKS["A twin"])
    ours.positions -= 20
    # where the mirror plane has atoms, one half is the other's mirror image: which is which does not matter
    normal = np.ones(3) / np.sqrt(3)
    flipped = theirs.positions - 2 * np.outer(theirs.positions @ normal, normal)
    inner = ours.positions[np.linalg.norm(ours.positions, axis=1) < 14.5]
    assert len(inner) > 600
    off = min(cKDTree(points).query(inner)[0].max() for points in (theirs.positions, flipped))
    assert off < 0.01
    assert len(ours) == pytest.approx(len(theirs), abs=15)  # atoms at the rim of the ball
    ours.pbc = False
    assert checks.closest(ours)["Au-Au"] == pytest.approx(4.0782 / np.sqrt(2), abs=1e-3)


def test_the_same_alloy():
    for block in TASKS["An alloy"]:
        atoms = done(block)["atoms"]
        assert (atoms.numbers == 29).mean() == pytest.approx(0.25, abs=0.001)
        assert set(atoms.numbers) == {29, 79}


def test_the_same_files(tmp_path):
    ours, theirs = TASKS["A file for the simulation"]
    done(ours)
    assert {path.name for path in tmp_path.iterdir()} == {"ball.xyz", "ball.cif", "ball.XYZ"}
    done(theirs)
    for name in ("ball.XYZ", "gold.XYZ"):
        assert (tmp_path / name).read_text(encoding="ascii").splitlines()[-1].strip() == "-1"
    # B = 0.637 Å² is an rms displacement of 0.0898 Å, which ours has from its table
    assert float((tmp_path / "ball.XYZ").read_text().splitlines()[5].split()[-1]) == pytest.approx(0.09, abs=0.001)
    assert float((tmp_path / "gold.XYZ").read_text().splitlines()[5].split()[-1]) == pytest.approx(0.0898, abs=0.001)
