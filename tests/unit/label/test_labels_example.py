"""The example that draws all labels of a scene."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[3]


def test_the_figure_of_labels_is_drawn(tmp_path: Path) -> None:
    example = runpy.run_path(str(ROOT / "examples" / "labels.py"))
    found = example["main"](tmp_path / "labels.png", phonons=None)
    with Image.open(tmp_path / "labels.png") as figure:
        assert figure.size[0] > 900
        assert np.asarray(figure.convert("L")).std() > 20
    twinned, decahedron, bent, dot = found.tables["instances"]
    assert decahedron["behind"] == [twinned["instance"]]
    assert 0.02 < decahedron["occlusion"] < 0.2
    assert twinned["behind"] == bent["behind"] == dot["behind"] == []
    kinds = [(row["zone"], row["kind"]) for row in found.tables["defects"]]
    assert kinds[:3] == [("twinned", "twin"), ("twinned", "intrinsic"), ("twinned", "twin")]
    assert kinds.count(("decahedron", "twin")) == 5
    # the block is bent with a radius of 400 Å: strain changes by 1/400 an Å across it
    place = found.maps["strain"][0][:, int(bent["x"] / 0.2)]
    inside = np.flatnonzero((np.arange(480) * 0.2 > bent["y"] - 5) & (np.arange(480) * 0.2 < bent["y"] + 5))
    slope = np.polyfit(inside * 0.2, place[inside], 1)[0]
    np.testing.assert_allclose(slope, 1 / 400, rtol=0.1)
    assert (ROOT / "docs" / "images" / "labels.png").stat().st_size < 300_000
