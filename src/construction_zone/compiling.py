"""The one door to numba, whose compiled code is kept on disk and never older than the package.

numba compiles a function again when its own file has changed, but not when a function of another file that it calls
and has compiled into itself has. So whatever was compiled before the newest source of the package was written is
removed as soon as this module is imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numba

njit: Any = numba.njit


def drop_stale(package: Path) -> int:
    """Remove numba's files below `package` if any is older than a source there; the number of functions forgotten."""
    newest = max(source.stat().st_mtime for source in package.rglob("*.py"))
    dropped = 0
    for index in package.rglob("__pycache__/*.nbi"):
        try:
            if index.stat().st_mtime <= newest:
                index.unlink()
                dropped += 1
        except OSError:  # not ours to remove, or another process has been faster
            continue
    return dropped


drop_stale(Path(__file__).parent)
