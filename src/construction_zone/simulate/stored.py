"""Arrays of planes (…, y, x) as they are kept in zarr groups: one chunk a plane, many chunks a file, compressed.

Zarr format 3, the sharding codec, Blosc with Zstandard on shuffled bytes, named dimensions: plain zarr and xarray
read it. The bytes depend on the values and on the versions of the libraries alone.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import zarr

LARGEST_FILE = 2**28
"""Bytes before compression of the planes that share a file; a larger plane is cut across y."""


def layout(shape: Sequence[int], itemsize: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of the chunks and of the files (shards) for an array (…, y, x)."""
    rows = max(1, min(shape[-2], LARGEST_FILE // max(1, shape[-1] * itemsize)))
    chunk = (*(1 for _ in shape[:-2]), rows, max(1, shape[-1]))
    file = list(chunk)
    held = int(np.prod(chunk)) * itemsize
    if rows >= shape[-2]:
        for axis in reversed(range(len(shape) - 2)):
            file[axis] = max(1, min(shape[axis], LARGEST_FILE // held))
            held *= file[axis]
            if file[axis] < shape[axis]:
                break
    return chunk, tuple(file)


def write_array(
    group: zarr.Group, name: str, values: np.ndarray, dims: Sequence[str], attributes: Mapping[str, Any] | None = None
) -> None:
    """Put `values` (…, y, x) into `group` as the array `name` whose dimensions are called `dims`."""
    from zarr.codecs import BloscCodec

    _lock_that_nothing_leaves_behind()
    chunk, file = layout(values.shape, values.dtype.itemsize)
    stored = group.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=chunk,
        shards=file,
        # complex numbers are shuffled as the floats that they are made of
        compressors=BloscCodec(
            cname="zstd", clevel=5, shuffle="shuffle", typesize=4 if values.dtype.kind == "c" else values.dtype.itemsize
        ),
        dimension_names=tuple(dims),
        attributes=dict(attributes or {}),
    )
    stored[...] = values


@cache
def _lock_that_nothing_leaves_behind() -> None:
    """Have numcodecs make the lock of its Blosc, once, in the way of forked processes.

    It is a named semaphore, which a spawned process that is killed (a worker at Ctrl-C, or beyond its time) leaves to
    Python's resource tracker, and that complains. Forked ones give up the name at once; nobody needs it.
    """
    from numcodecs import blosc

    make = getattr(blosc, "get_mutex", None)
    if make is None or "fork" not in multiprocessing.get_all_start_methods():
        return
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("fork", force=True)
    try:
        make()
    finally:
        multiprocessing.set_start_method(before, force=True)
