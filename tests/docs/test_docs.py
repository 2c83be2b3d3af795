"""What the documents say is true: their commands and snippets run, in order, as a reader would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """(language, text) of the fenced blocks of a page."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def run(command, folder):
    bin_folder = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command,
        cwd=folder,
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PATH": bin_folder},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def follow(page, folder):
    """Do all that a page says, but setting up with make or pip."""
    for language, text in blocks(page):
        if language == "python":
            run([sys.executable, "-W", "error", "-c", text], folder)
        for line in text.splitlines() if language == "sh" else ():
            if not line.startswith(("make ", "pip ")):
                run(line, folder)


def test_the_readme_shows_the_quickstart_and_it_runs(tmp_path):
    script = (ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8")
    assert [text for language, text in blocks("README.md") if language == "python"] == [script]
    assert len([line for line in script.splitlines() if line.strip()]) <= 10
    run([sys.executable, "-W", "error", str(ROOT / "examples" / "quickstart.py")], tmp_path)
    assert (tmp_path / "gold_on_carbon.png").stat().st_size > 10_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.slow
def test_the_tutorial_and_what_builds_on_it_can_be_followed(tmp_path):
    recipe = next(text for language, text in blocks("docs/tutorial/first_dataset.md") if language == "yaml")
    (tmp_path / "my_first.yaml").write_text(recipe, encoding="utf-8")
    for page in (
        "tutorial/first_dataset",
        "explanation/layout_of_a_dataset",
        "how-to/image_again",
        "how-to/train_a_network",
        "how-to/look_after_a_dataset",
        "how-to/run_on_a_cluster",
        "how-to/scale_to_a_million",
    ):
        follow(f"docs/{page}.md", tmp_path)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"model.pt", "history.json", "split.json"}
    written = {path.name for path in (tmp_path / "data").iterdir()}
    layout = (ROOT / "docs/explanation/layout_of_a_dataset.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^      (\S+?)/? ", layout, re.MULTILINE))
    assert named - {"crystals"} <= written
    assert (tmp_path / "sheet.png").exists()
    shutil.rmtree(tmp_path / "data")


def test_the_crystal_page_can_be_followed(tmp_path):
    follow("docs/how-to/use_your_own_crystal.md", tmp_path)
    assert {"rutile.xyz", "rutile.png"} <= {path.name for path in tmp_path.iterdir()}


def test_the_page_on_exit_waves_can_be_followed(tmp_path):
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    follow("docs/how-to/simulate_exit_waves.md", tmp_path)
    assert {"gold.zarr", "scene.zarr"} <= {path.name for path in tmp_path.iterdir()}
