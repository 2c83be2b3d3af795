"""The one door to numba, whose compiled code is kept on disk where that is possible, and never outlives its sources.

numba compiles a function again when its own file has changed, but not when a function of another file that it calls
and has compiled into itself has. So a folder of its cache is emptied if it was filled from other sources of the package
than those of today, which a mark in the folder tells. Where numba may write nowhere (an installation that is read-only,
no home) functions are compiled anew in each process.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

MARK = "construction-zone.sources"


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` with a cache on disk that is as old as the package at most."""

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            dispatcher = numba.njit(**options, cache=True)(function)
        except RuntimeError:  # no place for a cache
            return numba.njit(**options)(function)
        _check(Path(dispatcher.stats.cache_path))
        return dispatcher

    return compiled


def fingerprint(package: Path) -> str:
    """A digest of which sources lie below `package`, their sizes and times."""
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        state = source.stat()
        digest.update(f"{source.relative_to(package)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def drop_stale(folder: Path, sources: str) -> int:
    """Empty a `folder` of numba's cache that was filled from others than `sources`; the number of functions forgotten.

    `sources` is the `fingerprint` of the package.
    """
    mark = folder / MARK
    with contextlib.suppress(OSError):
        if mark.read_text() == sources:
            return 0
    dropped = 0
    # not ours to write, or another process has been faster
    for index in folder.glob("*.nbi"):
        with contextlib.suppress(OSError):
            index.unlink()
            dropped += 1
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(sources)
    return dropped


@cache
def _check(folder: Path) -> None:
    drop_stale(folder, _sources())


@cache
def _sources() -> str:
    return fingerprint(Path(__file__).parent)
