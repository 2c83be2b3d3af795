"""The one-by-one rule of random sequential addition, compiled by numba."""

from __future__ import annotations

import numpy as np

from construction_zone.build.generators._grid import around, nearest
from construction_zone.compiling import njit


@njit()
def place(candidates, species, squares, low, scale, shape, period, most_misses, head, link, kept, done, misses):  # type: ignore[no-untyped-def]
    """Judge `candidates` (m, 3) in turn; gives how many atoms there are, candidates were used, and last missed.

    Atom number `done` is of `species[done]` and takes the first candidate that is nowhere closer to an atom than the
    `squares` (s, s) of the distances ask. `head` has the last atom of each cell of a grid of `shape` cells (x fastest)
    that starts at `low`, `link` the atom before each; the cells are no smaller than the largest distance. `period`
    (3,) is 0 along axes that do not repeat. `head`, `link` and `kept` are changed in place.
    """
    nx, ny, nz = shape[0], shape[1], shape[2]
    found, steps = np.empty((27, 2), np.int64), np.empty(27, np.int64)
    order = np.array([0, -1, 1])
    for k in range(27):
        steps[k] = (order[k // 9] * ny + order[k // 3 % 3]) * nx + order[k % 3]
    used = 0
    while used < len(candidates) and done < len(species) and misses < most_misses:
        px, py, pz = candidates[used, 0], candidates[used, 1], candidates[used, 2]
        used += 1
        x = min(max(int((px - low[0]) * scale[0]), 0), nx - 1)
        y = min(max(int((py - low[1]) * scale[1]), 0), ny - 1)
        z = min(max(int((pz - low[2]) * scale[2]), 0), nz - 1)
        cell = (z * ny + y) * nx + x
        kind = species[done]
        if 0 < x < nx - 1 and 0 < y < ny - 1 and 0 < z < nz - 1:
            free = True
            for k in range(27):  # the cell itself first, which turns down most candidates
                other = head[cell + steps[k]]
                while other >= 0:
                    dx, dy, dz = px - kept[other, 0], py - kept[other, 1], pz - kept[other, 2]
                    if dx * dx + dy * dy + dz * dz < squares[kind, species[other]]:
                        free = False
                        break
                    other = link[other]
                if not free:
                    break
        else:
            free = _free_at_edge(px, py, pz, x, y, z, kind, species, squares, shape, period, head, link, kept, found)
        if free:
            kept[done, 0], kept[done, 1], kept[done, 2] = px, py, pz
            link[done] = head[cell]
            head[cell] = done
            done += 1
            misses = 0
        else:
            misses += 1
    return done, used, misses


@njit()
def _free_at_edge(px, py, pz, x, y, z, kind, species, squares, shape, period, head, link, kept, found):  # type: ignore[no-untyped-def]
    """Whether no atom is too close to a point in the cell (x, y, z) of the grid, whose neighbours may lie across."""
    for k in range(around(x, y, z, shape, period, found)):
        for cell in range(found[k, 0], found[k, 1]):
            other = head[cell]
            while other >= 0:
                dx = nearest(px - kept[other, 0], period[0])
                dy = nearest(py - kept[other, 1], period[1])
                dz = nearest(pz - kept[other, 2], period[2])
                if dx * dx + dy * dy + dz * dz < squares[kind, species[other]]:
                    return False
                other = link[other]
    return True
