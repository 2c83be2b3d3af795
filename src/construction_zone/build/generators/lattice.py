"""Which lattice points lie in a box."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.inputs import Floats

Integers = NDArray[np.int64]

_ROWS_PER_CHUNK = 65_536
_CELLS_PER_CHUNK = 1_000_000


def cells_in_box(lattice: Floats, basis: Floats, origin: Floats, box: Floats) -> Iterator[Floats]:
    """Corners (n, 3), in Å, of the lattice cells that have a basis point inside `box`, a chunk at a time.

    The cells are taken in rows along the first lattice vector; each row is cut where it leaves the box, so that the
    candidates hardly exceed the box whatever the lattice and its orientation. Order: third index, second, first.

    Parameters
    ----------
    lattice
        (3, 3) with the lattice vectors as rows, in the frame of the box, in Å.
    basis
        (m, 3) positions of the basis relative to the corner of its cell, in the frame of the box, in Å.
    origin
        (3,) corner of cell (0, 0, 0).
    box
        (2, 3) low and high corner.
    """
    for starts, first, last in rows_in_box(lattice, basis, origin, box):
        yield from _expand(starts, lattice[0], first, last)


def rows_in_box(
    lattice: Floats, basis: Floats, origin: Floats, box: Floats, planes: tuple[Floats, Floats] | None = None
) -> Iterator[tuple[Floats, Integers, Integers]]:
    """The rows of `cells_in_box`, a chunk at a time: cell n of a row has its corner at start + n·lattice[0].

    Gives the starts (r, 3) in Å and the first and last n (r,) of each row; a row with last < first is empty. Rows may
    be cut further by `planes`, unit normals (k, 3) and levels (k,) in Å of which normal·x ≤ level is wanted.
    """
    # a cell matters when its corner lies in the box dilated by the extent of the basis
    slack = 1e-6
    low = box[0] - basis.max(axis=0) - origin - slack
    high = box[1] - basis.min(axis=0) - origin + slack
    corners = np.array([[(low, high)[(i >> axis) & 1][axis] for axis in range(3)] for i in range(8)])
    fractional = corners @ np.linalg.inv(lattice)
    first = np.ceil(fractional.min(axis=0) - 1e-9).astype(np.int64)
    last = np.floor(fractional.max(axis=0) + 1e-9).astype(np.int64)
    if (last < first).any():
        return
    normals, levels = (np.zeros((0, 3)), np.zeros(0)) if planes is None else planes
    levels = levels - normals @ origin - (basis @ normals.T).min(axis=0) + slack
    seconds, thirds = np.arange(first[1], last[1] + 1), np.arange(first[2], last[2] + 1)
    per_chunk = max(1, _ROWS_PER_CHUNK // len(seconds))
    for begin in range(0, len(thirds), per_chunk):
        third, second = np.meshgrid(thirds[begin : begin + per_chunk], seconds, indexing="ij")
        starts = second.reshape(-1, 1) * lattice[1] + third.reshape(-1, 1) * lattice[2]
        row_first, row_last = _clip_rows(starts, lattice[0], low, high, normals, levels)
        yield starts + origin, row_first, row_last


def _clip_rows(
    starts: Floats, step: Floats, low: Floats, high: Floats, normals: Floats, levels: Floats
) -> tuple[Integers, Integers]:
    """First and last whole n for which low ≤ start + n·step ≤ high, for each start (r, 3) (the slab method).

    Each normal·(start + n·step) must be at most its level, too.
    """
    entry = np.full(len(starts), -np.inf)
    leave = np.full(len(starts), np.inf)
    for axis in range(3):
        to_low, to_high = low[axis] - starts[:, axis], high[axis] - starts[:, axis]
        if abs(step[axis]) < 1e-12:
            leave[(to_low > 0) | (to_high < 0)] = -np.inf
            continue
        near, far = to_low / step[axis], to_high / step[axis]
        entry = np.maximum(entry, np.minimum(near, far))
        leave = np.minimum(leave, np.maximum(near, far))
    for normal, level in zip(normals, levels, strict=True):
        room, slope = level - starts @ normal, float(step @ normal)
        if abs(slope) < 1e-12:
            leave[room < 0] = -np.inf
        elif slope > 0:
            leave = np.minimum(leave, room / slope)
        else:
            entry = np.maximum(entry, room / slope)
    missed = entry > leave
    first, last = np.where(missed, 0.0, np.ceil(entry - 1e-9)), np.where(missed, -1.0, np.floor(leave + 1e-9))
    return first.astype(np.int64), last.astype(np.int64)


def _expand(starts: Floats, step: Floats, first: Integers, last: Integers) -> Iterator[Floats]:
    """All starts + n·step for n = first … last, row after row, about a million at a time."""
    full = last >= first
    starts, first = starts[full], first[full]
    counts = last[full] - first + 1
    groups = np.cumsum(counts) // _CELLS_PER_CHUNK
    edges = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(counts)]
    for begin, end in pairwise(edges):
        if begin == end:
            continue
        repeat = counts[begin:end]
        within = np.arange(int(repeat.sum())) - np.repeat(np.cumsum(repeat) - repeat, repeat)
        index = np.repeat(first[begin:end], repeat) + within
        yield np.repeat(starts[begin:end], repeat, axis=0) + index[:, None] * step
