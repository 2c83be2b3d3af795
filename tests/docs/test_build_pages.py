"""The pages about shapes and crystals do what they say, and their pictures come out of their scripts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def python(arguments: list[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("page", "made"), [("shapes", []), ("crystals_and_modifiers", ["wire.png"])])
def test_the_pages_code_runs_from_top_to_bottom(page: str, made: list[str], tmp_path: Path) -> None:
    blocks = PYTHON.findall((ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 3
    python(["-c", "".join(blocks)], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == made


@pytest.mark.parametrize("name", ["shapes", "crystals"])
def test_the_scripts_draw_the_pages_pictures(name: str, tmp_path: Path) -> None:
    python([str(ROOT / "examples" / f"{name}.py"), f"{name}.png"], tmp_path)
    assert (tmp_path / f"{name}.png").stat().st_size > 50_000
    assert (ROOT / "docs" / "images" / f"{name}.png").stat().st_size < 150_000
