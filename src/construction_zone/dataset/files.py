"""Files that appear whole or not at all, and are on the disk when they appear."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from construction_zone.errors import StoreError


def write_whole(path: Path, data: bytes) -> None:
    """Put a file of `data` at `path` in one step, replacing what was there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def move_whole(source: Path, target: Path) -> None:
    """Move the finished folder `source` to `target` in one step, once every file in it is on the disk."""
    for folder, _, names in os.walk(source):
        for name in names:
            sync(Path(folder, name))
        sync(Path(folder))
    source.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Have the operating system put a file or a folder's entries on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Tell what goes wrong on the disk as a `StoreError` about the dataset `root`."""
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise StoreError(
            f"cannot write the dataset {root}: {error.strerror or error}{place}; what is done stays whole: "
            "make room or give a directory that can be written, then run the same command again"
        ) from error
