"""Frames of trajectories: which of a file's frames a recipe takes, and what those of one structure come to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase.geometry import find_mic
from numpy.typing import NDArray

from construction_zone.build import files
from construction_zone.dataset.parts import FRAMES, FromFiles
from construction_zone.errors import SceneError

MOST_CONFIGURATIONS = 1000
"""Frames that are configurations of one structure: as many as there may be frozen phonons."""

FARTHEST = 2.0
"""Å by which an atom may be away from its mean place. Bonds are hardly longer, so beyond it has left its site."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Frames of one structure.

    `first` is the first of them, `mean` its atoms at their mean places, and `u` the rms displacement from there per
    axis, in Å.
    """

    first: ase.Atoms
    mean: ase.Atoms
    u: float


def numbers_of(path: Path, scene: FromFiles) -> range:
    """The numbers of the frames that are taken of a file. Errors as of `build.files.read`."""
    count = _count(path, *_state(path))
    start, stop, step = (
        (int(part) if part else None for part in FRAMES.fullmatch(scene.slice).groups())  # type: ignore[union-attr]
        if scene.slice is not None
        else (None, None, None)
    )
    return range(count)[slice(start, stop, step)]


def total(scene: FromFiles, paths: Sequence[Path]) -> int:
    """How many frames are taken of all files."""
    return sum(len(numbers_of(path, scene)) for path in paths)


def chosen(scene: FromFiles, paths: Sequence[Path], places: Mapping[str, int]) -> dict[str, int]:
    """The number of the file, and of its frame if each is a structure, at the points that `places` tells."""
    if scene.frames != "each":
        return {"scene.file": places["scene.file"]}
    place = places["scene.frame"]
    for number, path in enumerate(paths):
        taken = numbers_of(path, scene)
        if place < len(taken):
            return {"scene.file": number, "scene.frame": taken[place]}
        place -= len(taken)
    raise SceneError("the files have fewer frames than when they were counted; leave them alone while they are used")


def motion(path: Path, scene: FromFiles) -> Motion:
    """What the frames of a file come to that are configurations of one structure.

    Raises `SceneError` if they are too few or too many, differ in their atoms or cell, or if an atom leaves its site.
    """
    return _motion(path, numbers_of(path, scene), *_state(path))


def snapshots(path: Path, scene: FromFiles, atoms: ase.Atoms, count: int) -> Iterator[ase.Atoms]:
    """The first `count` configurations of a file, of `atoms` (what `given.prepared` made of their mean)."""
    known = motion(path, scene)
    taken = numbers_of(path, scene)[:count]
    for frame in files.each_frame(path, taken):
        moved = atoms.copy()
        moved.positions += _away(frame, known.mean)
        yield moved


@lru_cache(maxsize=10_000)
def _count(path: Path, *state: int) -> int:
    return files.count_frames(path)


def _state(path: Path) -> tuple[int, ...]:
    """What changes when a file does."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=2)
def _motion(path: Path, taken: range, *state: int) -> Motion:
    name = path.name
    if len(taken) < 2:
        raise SceneError(
            f"{name} gives {len(taken)} frame(s); configurations are 2 at least, else leave scene.frames out"
        )
    if len(taken) > MOST_CONFIGURATIONS:
        raise SceneError(
            f"{name} gives {len(taken)} frames; configurations of one structure are at most {MOST_CONFIGURATIONS}, "
            'take some of them with scene.slice, such as "::10"'
        )
    first: ase.Atoms | None = None
    for number, frame in zip(taken, files.each_frame(path, taken), strict=True):
        if first is None:
            first = frame
            sums, squares = np.zeros((2, len(first), 3))
            low, high = np.zeros((2, len(first), 3))
        _same(name, number, frame, first)
        away = _away(frame, first)
        sums, squares = sums + away, squares + away**2
        low, high = np.minimum(low, away), np.maximum(high, away)
    assert first is not None
    middle = sums / len(taken)
    # corners of the box that an atom moves in are as far from its mean place as it can have been
    farthest = np.linalg.norm(np.maximum(high - middle, middle - low), axis=1)
    if farthest.max() > FARTHEST:
        atom = int(farthest.argmax())
        raise SceneError(
            f"in {name} atom {atom} ({first.symbols[atom]}) moves up to {farthest[atom]:.2g} Å from its mean place; in "
            f"configurations of one structure it may be {FARTHEST:g} Å. Give scene.frames: each, or fewer frames by "
            "scene.slice"
        )
    mean = first.copy()
    mean.positions += middle
    spread = (squares - len(taken) * middle**2) / (len(taken) - 1)
    return Motion(first, mean, float(np.sqrt(max(0.0, spread.mean()))))


def _same(name: str, number: int, frame: ase.Atoms, first: ase.Atoms) -> None:
    if not np.array_equal(frame.numbers, first.numbers):
        what = f"{len(frame)} atoms, or others, where the first frame has {len(first)}"
    elif not np.allclose(frame.cell.array, first.cell.array, atol=1e-6):
        what = "another cell than the first frame"
    else:
        return
    raise SceneError(
        f"frame {number} of {name} has {what}; configurations move the same atoms in one cell, else give "
        "scene.frames: each"
    )


def _away(frame: ase.Atoms, other: ase.Atoms) -> NDArray[np.float64]:
    """How far (n, 3) the atoms of a frame are from those of another, by the shortest way around periodic cells."""
    difference: Any = frame.positions - other.positions
    if not other.pbc.any() or not other.cell.rank:
        return np.asarray(difference)
    return np.asarray(find_mic(difference, other.cell, other.pbc)[0])
