"""A recipe small enough to be made in a fraction of a second, and a dataset made from it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from construction_zone.dataset.generate import generate

TINY: dict[str, Any] = {
    "version": 1,
    "seed": 3,
    "count": 4,
    "cell": [24, 20],
    "substrate": {"amorphous": "C", "density": 2.2, "thickness": {"uniform": [5, 8]}, "structure": "random"},
    "particles": {"count": {"integers": [1, 2]}, "crystal": "fcc Au", "radius": {"uniform": [4, 5]}, "gap": 0},
    "simulation": {"sampling": 0.2, "phonons": 2},
    "imaging": {
        "pixel_size": 0.4,
        "per_structure": 2,
        "defocus": {"normal": [-100, 15]},
        "focal_spread": 10,
        "dose": 400,
    },
}


@pytest.fixture
def tiny() -> dict[str, Any]:
    """The recipe as plain data, free to be changed."""
    return copy.deepcopy(TINY)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of the tiny recipe, made by one worker without interruption. Not to be changed."""
    out = tmp_path_factory.mktemp("whole") / "dataset"
    generate(copy.deepcopy(TINY), out, workers=1, progress=False)
    return out


@pytest.fixture
def contents():
    """What must be the same in two datasets: bytes of what is kept, records but for what was measured."""
    return read_contents


def read_contents(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in ("structures", "waves.zarr", "images.zarr", "tables"):
        for path in sorted((root / part).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(root))] = path.read_bytes()
    for path in sorted((root / "records").rglob("*.json")):
        record = json.loads(path.read_bytes())
        del record["measured"], record["seal"]
        found[str(path.relative_to(root))] = record
    return found
