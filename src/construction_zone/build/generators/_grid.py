"""A grid of cells over a box that may repeat, for the compiled searches of this room."""

from __future__ import annotations

import numpy as np

from construction_zone.compiling import njit


@njit()
def cell_of(x, y, z, scale, shape):  # type: ignore[no-untyped-def]
    """The cell (i, j, k) that the point (x, y, z) lies in, the nearest one if it lies outside."""
    return (
        min(max(int(x * scale[0]), 0), shape[0] - 1),
        min(max(int(y * scale[1]), 0), shape[1] - 1),
        min(max(int(z * scale[2]), 0), shape[2] - 1),
    )


@njit()
def around(x, y, z, shape, period, found):  # type: ignore[no-untyped-def]
    """Write the runs of cells at and around the cell (x, y, z) into `found` (27, 2), and give how many there are.

    A run has its first cell and the one after its last.
    """
    nx, ny, nz = shape[0], shape[1], shape[2]
    count = 0
    for dw in range(-1, 2):
        w = z + dw
        if period[2] > 0:
            if (nz < 3 and dw > 0) or (nz < 2 and dw < 0):
                continue  # so few cells that this one was met already
            w = w + nz if w < 0 else (w - nz if w >= nz else w)
        elif w < 0 or w >= nz:
            continue
        for dv in range(-1, 2):
            v = y + dv
            if period[1] > 0:
                if (ny < 3 and dv > 0) or (ny < 2 and dv < 0):
                    continue
                v = v + ny if v < 0 else (v - ny if v >= ny else v)
            elif v < 0 or v >= ny:
                continue
            row = (w * ny + v) * nx
            found[count, 0] = row + max(x - 1, 0)
            found[count, 1] = row + min(x + 2, nx)
            count += 1
            if period[0] > 0 and nx > 2 and (x == 0 or x == nx - 1):
                far = nx - 1 if x == 0 else 0
                found[count, 0], found[count, 1] = row + far, row + far + 1
                count += 1
    return count


@njit()
def nearest(delta, period):  # type: ignore[no-untyped-def]
    """The shortest image of a difference of coordinates along an axis of `period` (0: does not repeat)."""
    if period > 0:
        if delta > 0.5 * period:
            return delta - period
        if delta < -0.5 * period:
            return delta + period
    return delta


@njit()
def wrapped(value, period):  # type: ignore[no-untyped-def]
    """A coordinate brought into [0, period) along an axis that repeats."""
    if period > 0 and (value < 0 or value >= period):
        value -= period * np.floor(value / period)
        if value >= period:  # rounding of tiny negative numbers
            value = 0.0
    return value


@njit()
def sort(points, scale, shape):  # type: ignore[no-untyped-def]
    """Where each cell begins (cells + 1,), and the points (n,) in the order of the cells, x fastest."""
    count = len(points)
    cell = np.empty(count, np.int64)
    start = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    for i in range(count):
        x, y, z = cell_of(points[i, 0], points[i, 1], points[i, 2], scale, shape)
        cell[i] = (z * shape[1] + y) * shape[0] + x
        start[cell[i] + 1] += 1
    for c in range(len(start) - 1):
        start[c + 1] += start[c]
    place = start[:-1].copy()
    order = np.empty(count, np.uint32)
    for i in range(count):
        order[place[cell[i]]] = i
        place[cell[i]] += 1
    return start, order
