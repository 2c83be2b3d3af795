"""Which atoms of a tile fall into a part of a box, compiled by numba."""

from __future__ import annotations

import numpy as np

from construction_zone.build.generators._grid import wrapped
from construction_zone.compiling import njit


@njit()
def height(axis, x, y, z, lengths, across_x, across_y, across_z):  # type: ignore[no-untyped-def]
    """How far the seams across an axis lie below their planes at a point."""
    if axis == 0:
        table, u, v = across_x, y / lengths[1], z / lengths[2]
    elif axis == 1:
        table, u, v = across_y, x / lengths[0], z / lengths[2]
    else:
        table, u, v = across_z, x / lengths[0], y / lengths[1]
    return table[
        min(max(int(u * table.shape[0]), 0), table.shape[0] - 1),
        min(max(int(v * table.shape[1]), 0), table.shape[1] - 1),
    ]


@njit()
def cut(steps, unit, offset, turn, flip, place, margin, lengths, period, parts, first, size, across_x, across_y, across_z, points, atoms, count):  # type: ignore[no-untyped-def] # fmt: skip  # noqa: E501
    """Write the atoms of a tile that fall into the part `place` (3,) of a box from `count` on; gives the new count.

    The tile's positions `steps` (n, 3), in units of `unit` Å, are turned (axes in the order `turn`), mirrored where
    `flip` says so, and shifted by `offset`, in sixteen bits so that they wrap. `points` gets the positions in the box,
    `atoms` which atom of the tile each is; what has no room is counted, but not written.
    """
    edge = unit * 65536
    low, high = np.empty(3), np.empty(3)
    for a in range(3):
        low[a] = first[a] + place[a] * size[a] - margin
        high[a] = low[a] + size[a] + 2 * margin
        if period[a] == 0:
            low[a], high[a] = max(low[a], 0.0), min(high[a], lengths[a])
    at, q, p = np.empty(3), np.empty(3), np.empty(3)
    for n in range(len(steps)):
        outside = False
        for a in range(3):
            value = np.int64(steps[n, turn[a]])
            at[a] = low[a] + ((65535 - value if flip[a] else value) + offset[a]) % 65536 * unit
            outside = outside or at[a] >= high[a]
        if outside:
            continue
        q[0] = at[0]
        while q[0] < high[0]:
            q[1] = at[1]
            while q[1] < high[1]:
                q[2] = at[2]
                while q[2] < high[2]:
                    inside = True
                    for a in range(3):
                        p[a] = wrapped(q[a], period[a])
                    for a in range(3):
                        way = height(a, p[0], p[1], p[2], lengths, across_x, across_y, across_z)
                        t = (q[a] + way - first[a]) / size[a] - place[a]
                        # the outermost parts go on to the end of an axis that does not repeat
                        if (t < 0 and (period[a] > 0 or place[a] > 0)) or (
                            t >= 1 and (period[a] > 0 or place[a] < parts[a] - 1)
                        ):
                            inside = False
                            break
                    if inside:
                        if count < len(points):
                            points[count, 0], points[count, 1], points[count, 2] = p[0], p[1], p[2]
                            atoms[count] = n
                        count += 1
                    q[2] += edge
                q[1] += edge
            q[0] += edge
    return count


@njit()
def seam_distance(points, lengths, period, parts, first, size, across_x, across_y, across_z):  # type: ignore[no-untyped-def]
    """(n,) distance of `points` along an axis to the nearest seam."""
    found = np.full(len(points), np.inf)
    for a in range(3):
        if period[a] == 0 and parts[a] == 1:
            continue
        table = across_x if a == 0 else (across_y if a == 1 else across_z)
        b, c = (1 if a == 0 else 0), (1 if a == 2 else 2)
        rows, columns = table.shape
        u, v, per = rows / lengths[b], columns / lengths[c], 1.0 / size[a]
        for n in range(len(points)):
            row = min(max(int(points[n, b] * u), 0), rows - 1)
            column = min(max(int(points[n, c] * v), 0), columns - 1)
            t = (points[n, a] + table[row, column] - first[a]) * per
            nearest = np.floor(t + 0.5)
            if period[a] == 0:
                nearest = min(max(nearest, 1.0), parts[a] - 1.0)
            found[n] = min(found[n], abs(t - nearest) * size[a])
    return found
