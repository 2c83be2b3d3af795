"""Compiled cell lists: all pairs of atoms within a distance, in time proportional to their number.

Atoms are sorted into cubic cells of about the distance looked for, so that a kernel walks memory in order and meets
each neighbour in one of nine runs of three cells (five where a pair is looked at once). Periodic axes are dealt with
beforehand by copies of the atoms near the seam, so that the kernels know of no cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray

from construction_zone.build.inputs import Floats
from construction_zone.build.neighbours import corners

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cells:
    """Atoms sorted into cells.

    Parameters
    ----------
    points
        (m, 3) coordinates in Å in the order of the cells, copies across the seam included.
    source
        (m,) which of the `real` atoms each is, or is a copy of; copies have `source` + `real`.
    start
        (cells + 1,) where each cell begins; x runs fastest.
    shape
        Cells along x, y and z.
    real
        Number of atoms without copies.
    """

    points: Floats
    source: Integers
    start: Integers
    shape: tuple[int, int, int]
    real: int


def sort(points: Floats, distance: float, boxsize: Floats) -> Cells:
    """`points` (n, 3) in cells no smaller than `distance` (Å); `boxsize` (3,) has the periods, 0 on open axes.

    Points must lie in [0, period) along periodic axes.
    """
    whole, source = _with_copies(np.ascontiguousarray(points, dtype=np.float64), distance, boxsize)
    low, high = corners(whole)
    edge = max(distance * (1 + 1e-9), 1e-3)
    # few atoms in a vast cell would need more cells than memory holds
    while np.prod(np.floor((high - low) / edge) + 1) > 8.0 * len(whole) + 1000:
        edge *= 1.26
    nx, ny, nz = (int(n) for n in np.floor((high - low) / edge) + 1)
    ordered, order, start = _ordered(whole, low, 1.0 / edge, nx, ny, nz)
    return Cells(ordered, source[order], start, (nx, ny, nz), len(points))


def pairs_between(
    cells: Cells, group: Integers, species: Integers, cutoffs: Floats
) -> tuple[NDArray[np.int64], Floats]:
    """Pairs (m, 2) of real atoms of different `group` that are closer than their species' cutoff, and their distances.

    `group` and `species` are (n,) for the real atoms, `cutoffs` (s, s) in Å. A pair has the lower index first; it
    comes once for each way across the seam in which it is close.
    """
    capacity = max(1024, cells.real // 8)
    while True:
        pairs, lengths, count = _pairs_between(
            cells.points, cells.source, cells.start, *cells.shape, cells.real, group, species, cutoffs**2, capacity
        )
        if count <= capacity:
            return pairs[:count], np.sqrt(lengths[:count])
        capacity = count


def closest(cells: Cells, species: Integers, kinds: int, below: float) -> tuple[Floats, Integers]:
    """The shortest distance (s, s) in Å between atoms of each two species, and the pair (s, s, 2) that has it.

    Species that come nowhere closer than `below` (Å) have the distance inf.
    """
    squares, pairs = _closest(
        cells.points, cells.source, cells.start, *cells.shape, cells.real, species, kinds, below**2
    )
    return np.sqrt(squares), pairs


def neighbours(cells: Cells, species: Integers, cutoffs: Floats) -> Integers:
    """(n, s) how many atoms of each species lie within the (s, s) `cutoffs` (Å) of each atom."""
    return np.asarray(
        _neighbours(cells.points, cells.source, cells.start, *cells.shape, cells.real, species, cutoffs**2)
    )


def histogram(cells: Cells, species: Integers, kinds: int, reach: float, bins: int) -> Integers:
    """(s, s, bins) ordered pairs of atoms by distance, in equal bins from 0 to `reach` (Å)."""
    return np.asarray(
        _histogram(cells.points, cells.source, cells.start, *cells.shape, cells.real, species, kinds, reach, bins)
    )


def touchable(cells: Cells, radii: Floats, directions: Floats) -> NDArray[np.bool_]:
    """(n,) whether a point of the sphere of radius `radii` (n,) about an atom lies in no other atom's sphere.

    Only the (k, 3) unit `directions` from the atom are looked at. Cells must be sorted for twice the largest radius.
    """
    return np.asarray(_touchable(cells.points, cells.source, cells.start, *cells.shape, cells.real, radii, directions))


def _with_copies(points: Floats, distance: float, boxsize: Floats) -> tuple[Floats, Integers]:
    """`points` and their periodic images that are within `distance` of the cell, with the index of each."""
    count = len(points)
    index = np.arange(count, dtype=np.int64)
    for axis in np.flatnonzero(boxsize):
        period = float(boxsize[axis])
        column = points[:, axis]
        times = int(np.ceil(distance / period))
        found, sources = [points], [index]
        for step in product((-1, 1), range(1, times + 1)):
            shift = step[0] * step[1] * period
            near = np.flatnonzero((column + shift >= -distance) & (column + shift <= period + distance))
            copy = points[near]
            copy[:, axis] += shift
            found.append(copy)
            sources.append(index[near] % count + count)
        points, index = np.concatenate(found), np.concatenate(sources)
    return points, index


@njit(cache=True)
def _ordered(points, low, scale, nx, ny, nz):  # type: ignore[no-untyped-def]
    count = len(points)
    cell = np.empty(count, np.int64)
    start = np.zeros(nx * ny * nz + 1, np.int64)
    for i in range(count):
        x = min(int((points[i, 0] - low[0]) * scale), nx - 1)
        y = min(int((points[i, 1] - low[1]) * scale), ny - 1)
        z = min(int((points[i, 2] - low[2]) * scale), nz - 1)
        cell[i] = (z * ny + y) * nx + x
        start[cell[i] + 1] += 1
    for c in range(nx * ny * nz):
        start[c + 1] += start[c]
    place = start[:-1].copy()
    order = np.empty(count, np.int64)
    ordered = np.empty_like(points)
    for i in range(count):
        k = place[cell[i]]
        place[cell[i]] += 1
        order[k] = i
        for axis in range(3):
            ordered[k, axis] = points[i, axis]
    return ordered, order, start


@njit(cache=True)
def _pairs_between(points, source, start, nx, ny, nz, real, group, species, squares, capacity):  # type: ignore[no-untyped-def]
    pairs = np.empty((capacity, 2), np.int64)
    lengths = np.empty(capacity)
    count = 0
    largest = squares.max()
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = (z * ny + y) * nx + x
                for w in range(z, min(z + 2, nz)):
                    for v in range(y if w == z else max(y - 1, 0), min(y + 2, ny)):
                        row = (w * ny + v) * nx
                        first, last = start[row + max(x - 1, 0)], start[row + min(x + 1, nx - 1) + 1]
                        for i in range(start[c], start[c + 1]):
                            a = source[i]
                            for j in range(i + 1 if w == z and v == y else first, last):
                                dx = points[i, 0] - points[j, 0]
                                dy = points[i, 1] - points[j, 1]
                                dz = points[i, 2] - points[j, 2]
                                square = dx * dx + dy * dy + dz * dz
                                if square >= largest:
                                    continue
                                b = source[j]
                                if a >= real and b >= real:
                                    continue
                                p, q = (a if a < real else a - real), (b if b < real else b - real)
                                if group[p] != group[q] and square < squares[species[p], species[q]]:
                                    if count < capacity:
                                        pairs[count, 0] = min(p, q)
                                        pairs[count, 1] = max(p, q)
                                        lengths[count] = square
                                    count += 1
    return pairs, lengths, count


@njit(cache=True)
def _closest(points, source, start, nx, ny, nz, real, species, kinds, below):  # type: ignore[no-untyped-def]
    best = np.full((kinds, kinds), np.inf)
    pairs = np.full((kinds, kinds, 2), -1, np.int64)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = (z * ny + y) * nx + x
                for w in range(z, min(z + 2, nz)):
                    for v in range(y if w == z else max(y - 1, 0), min(y + 2, ny)):
                        row = (w * ny + v) * nx
                        first, last = start[row + max(x - 1, 0)], start[row + min(x + 1, nx - 1) + 1]
                        for i in range(start[c], start[c + 1]):
                            a = source[i]
                            for j in range(i + 1 if w == z and v == y else first, last):
                                dx = points[i, 0] - points[j, 0]
                                dy = points[i, 1] - points[j, 1]
                                dz = points[i, 2] - points[j, 2]
                                square = dx * dx + dy * dy + dz * dz
                                if square >= below:
                                    continue
                                b = source[j]
                                if a >= real and b >= real:
                                    continue
                                k, m = (a if a < real else a - real), (b if b < real else b - real)
                                p, q = species[k], species[m]
                                if square < best[p, q]:
                                    for s, t in ((p, q), (q, p)):
                                        best[s, t] = square
                                        pairs[s, t, 0] = min(k, m)
                                        pairs[s, t, 1] = max(k, m)
    return best, pairs


@njit(cache=True)
def _neighbours(points, source, start, nx, ny, nz, real, species, squares):  # type: ignore[no-untyped-def]
    found = np.zeros((real, len(squares)), np.int64)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = (z * ny + y) * nx + x
                for w in range(max(z - 1, 0), min(z + 2, nz)):
                    for v in range(max(y - 1, 0), min(y + 2, ny)):
                        row = (w * ny + v) * nx
                        first, last = start[row + max(x - 1, 0)], start[row + min(x + 1, nx - 1) + 1]
                        for i in range(start[c], start[c + 1]):
                            a = source[i]
                            if a >= real:
                                continue
                            for j in range(first, last):
                                if i == j:
                                    continue
                                dx = points[i, 0] - points[j, 0]
                                dy = points[i, 1] - points[j, 1]
                                dz = points[i, 2] - points[j, 2]
                                b = source[j]
                                kind = species[b if b < real else b - real]
                                if dx * dx + dy * dy + dz * dz < squares[species[a], kind]:
                                    found[a, kind] += 1
    return found


@njit(cache=True)
def _histogram(points, source, start, nx, ny, nz, real, species, kinds, reach, bins):  # type: ignore[no-untyped-def]
    found = np.zeros((kinds, kinds, bins), np.int64)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = (z * ny + y) * nx + x
                for w in range(max(z - 1, 0), min(z + 2, nz)):
                    for v in range(max(y - 1, 0), min(y + 2, ny)):
                        row = (w * ny + v) * nx
                        first, last = start[row + max(x - 1, 0)], start[row + min(x + 1, nx - 1) + 1]
                        for i in range(start[c], start[c + 1]):
                            a = source[i]
                            if a >= real:
                                continue
                            for j in range(first, last):
                                if i == j:
                                    continue
                                dx = points[i, 0] - points[j, 0]
                                dy = points[i, 1] - points[j, 1]
                                dz = points[i, 2] - points[j, 2]
                                square = dx * dx + dy * dy + dz * dz
                                if square < reach * reach:
                                    k = min(int(np.sqrt(square) / reach * bins), bins - 1)
                                    b = source[j]
                                    found[species[a], species[b if b < real else b - real], k] += 1
    return found


@njit(cache=True)
def _touchable(points, source, start, nx, ny, nz, real, radii, directions):  # type: ignore[no-untyped-def]
    result = np.zeros(real, np.bool_)
    fullest = 0
    for c in range(nx * ny * nz):
        fullest = max(fullest, start[c + 1] - start[c])
    near = np.empty((27 * fullest, 4))
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = (z * ny + y) * nx + x
                for i in range(start[c], start[c + 1]):
                    a = source[i]
                    if a >= real:
                        continue
                    count = 0
                    for w in range(max(z - 1, 0), min(z + 2, nz)):
                        for v in range(max(y - 1, 0), min(y + 2, ny)):
                            row = (w * ny + v) * nx
                            first, last = start[row + max(x - 1, 0)], start[row + min(x + 1, nx - 1) + 1]
                            for j in range(first, last):
                                if i == j:
                                    continue
                                dx = points[j, 0] - points[i, 0]
                                dy = points[j, 1] - points[i, 1]
                                dz = points[j, 2] - points[i, 2]
                                square = dx * dx + dy * dy + dz * dz
                                b = source[j]
                                reach = radii[b if b < real else b - real]
                                if square < (radii[a] + reach) ** 2:
                                    # |R u − d|² < r²  <=>  u·d > (R² + d² − r²) / 2R
                                    near[count, 0] = dx
                                    near[count, 1] = dy
                                    near[count, 2] = dz
                                    near[count, 3] = (radii[a] ** 2 + square - reach**2) / (2 * radii[a])
                                    count += 1
                    last_hit = 0
                    for k in range(len(directions)):
                        ux, uy, uz = directions[k, 0], directions[k, 1], directions[k, 2]
                        covered = False
                        # the neighbour that covers one direction often covers the next
                        for m in range(count):
                            n = (m + last_hit) % count
                            if ux * near[n, 0] + uy * near[n, 1] + uz * near[n, 2] > near[n, 3]:
                                covered = True
                                last_hit = n
                                break
                        if not covered:
                            result[a] = True
                            break
    return result
