"""Datasets made without interruption, and small disks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from runs import RECIPE  # type: ignore[import-not-found]

from construction_zone.dataset.generate import generate


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory):
    """Datasets of `count` structures that were made without interruption."""
    made: dict[int, Path] = {}

    def of(count: int) -> Path:
        if count not in made:
            made[count] = tmp_path_factory.mktemp("reference") / str(count)
            generate(RECIPE, made[count], count=count, workers=1, progress=False)
        return made[count]

    return of


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few megabytes, mounted for the test: `disk(size)` gives its folder, and again changes its size."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def disk(size: str, how: str = "rw") -> Path:
        again = "remount," if os.path.ismount(folder) else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{again}{how},size={size}", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, check=False).returncode
        except FileNotFoundError:
            done = 1
        if done:
            pytest.skip("mounting a small disk needs root")
        return folder

    yield disk
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=True)
