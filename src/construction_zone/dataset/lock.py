"""One writer to a dataset directory at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from construction_zone.errors import StoreError


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the length of a ``with``; it tells the process id of who holds it.

    The operating system lets go of the lock when its holder ends, however it ends, so a lock file left by a dead
    process stops nobody. Raises `StoreError` when another process, or this one, holds it already.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 100).decode(errors="replace").strip() or "unknown"
            raise StoreError(
                f"{path.parent} is being written by process {holder}; wait until it is done or give another directory"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)
