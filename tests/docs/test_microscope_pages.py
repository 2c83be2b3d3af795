"""The pages and examples of the microscope run as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_on_microscopes_can_be_followed(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "microscope.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    coma, astigmatism, shift = re.split(r"\s+", run(["-c", code], tmp_path).strip(), maxsplit=2)
    assert abs(float(coma) / 1.8e5 - 1) < 1e-9
    assert abs(float(astigmatism) / 300 - 1) < 1e-9
    assert abs(float(shift.strip("()").split(",")[0]) / 1.5 - 1) < 1e-9


@pytest.mark.slow
def test_the_pictures_are_drawn(tmp_path: Path) -> None:
    run([str(ROOT / "examples" / "microscope_pictures.py"), str(tmp_path)], tmp_path)
    for name in ("through_focus.png", "aberrations.png"):
        assert 20_000 < (tmp_path / name).stat().st_size < 150_000
