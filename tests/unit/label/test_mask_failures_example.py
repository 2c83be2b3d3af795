"""The example that draws where phase masks fail, with one of its rows."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[3] / "examples" / "mask_failures.py"


def test_the_figure_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(EXAMPLE))
    name, case = next(iter(example["balls"]().items()))
    two = {name: case, "again": (case[0], 8.0)}
    example["main"].__globals__["balls"] = lambda: two
    example["main"](tmp_path / "figure.png")
    first, blurred, projected = (float(word) for word in capsys.readouterr().out.splitlines()[0].split()[-3:])
    assert first < 0.1 < 0.8 < blurred < projected
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.size[0] > 900
        assert np.asarray(figure.convert("L")).std() > 20
