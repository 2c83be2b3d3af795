"""Compiled cell lists: all pairs of atoms within a distance, in time proportional to their number.

Atoms are sorted into cubic cells of about the distance looked for (or half of it), so that a kernel walks memory in
order and meets each neighbour in one of a few runs of cells that follow each other. Periodic axes are dealt with
beforehand by copies of the atoms near the seam, so that the kernels know of no cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.neighbours import corners
from construction_zone.compiling import njit

Integers = NDArray[np.int64]

FEW = 12
"""Neighbours that settle most atoms inside a solid or a glass."""


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
    span
        In how many cells to either side neighbours may be.
    """

    points: Floats
    source: Integers
    start: Integers
    shape: tuple[int, int, int]
    real: int
    span: int


@dataclass(frozen=True, eq=False)
class Survey:
    """The pairs of atoms closer than some distance, by species.

    Parameters
    ----------
    closest
        (s, s) the shortest distance in Å between atoms of each two species; inf where there is none.
    pairs
        (s, s, 2) the two atoms that have it, the lower index first; −1 where there are none.
    contacts
        (s, s) the shortest distance in Å between atoms of different groups; inf where there is none.
    neighbours
        (s, s) neighbours of each species that all atoms of a species have together.
    histogram
        (s, s, bins) ordered pairs by distance, in equal bins from 0.
    """

    closest: Floats
    pairs: Integers
    contacts: Floats
    neighbours: Integers
    histogram: Integers


def sort(points: Floats, distance: float, boxsize: Floats, span: int = 1) -> Cells:
    """`points` (n, 3) in cells for searches up to `distance` (Å); `boxsize` (3,) has the periods, 0 on open axes.

    Neighbours are at most `span` cells away: more and smaller cells leave fewer atoms to look at where many are near.
    Points must lie in [0, period) along periodic axes.
    """
    whole, source = _with_copies(np.ascontiguousarray(points, dtype=np.float64), distance, boxsize)
    low, high = corners(whole)
    edge = max(distance / span * (1 + 1e-9), 1e-3)
    # few atoms in a vast cell would need more cells than memory holds
    while np.prod(np.floor((high - low) / edge) + 1) > 8.0 * len(whole) + 1000:
        edge *= 1.26
    nx, ny, nz = (int(n) for n in np.floor((high - low) / edge) + 1)
    ordered, order, start = _ordered(whole, low, 1.0 / edge, nx, ny, nz)
    return Cells(ordered, source[order], start, (nx, ny, nz), len(points), span)


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
            cells.points,
            cells.source,
            cells.start,
            *cells.shape,
            cells.span,
            cells.real,
            group,
            species,
            cutoffs**2,
            capacity,
        )
        if count <= capacity:
            return pairs[:count], np.sqrt(lengths[:count])
        capacity = count


def survey(
    cells: Cells,
    species: Integers,
    kinds: int,
    distance: float,
    *,
    group: Integers | None = None,
    cutoffs: Floats | None = None,
    reach: float = 0.0,
    bins: int = 1,
) -> Survey:
    """All pairs of atoms closer than `distance` (Å), by species; `species` is (n,), below `kinds`.

    Contacts are between atoms of different `group` (n,), neighbours are counted within the (s, s) `cutoffs`, and the
    histogram is made up to `reach`; all of them up to `distance`.
    """
    groups = np.zeros(cells.real, dtype=np.int64) if group is None else group
    limits = np.zeros((kinds, kinds)) if cutoffs is None else np.ascontiguousarray(cutoffs, dtype=np.float64)
    squares, pairs, contacts, near, histogram = _survey(
        cells.points,
        cells.source,
        cells.start,
        *cells.shape,
        cells.span,
        cells.real,
        species,
        groups,
        distance**2,
        limits**2,
        reach,
        bins,
    )
    return Survey(np.sqrt(squares), pairs, np.sqrt(contacts), near, histogram)


def touchable(cells: Cells, asked: Bools, radius: float, near: float) -> Bools:
    """(n,) which of the atoms `asked` (n,) a ball of `radius` (Å) can touch with no atom's centre inside it.

    Only atoms closer than `near`, for which cells must be sorted, are looked at: the fewer, the more are touchable.
    """
    return np.asarray(
        _touchable(cells.points, cells.source, cells.start, *cells.shape, cells.span, cells.real, asked, radius, near)
    )


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


@njit()
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


@njit()
def _pairs_between(points, source, start, nx, ny, nz, span, real, group, species, squares, capacity):  # type: ignore[no-untyped-def]
    pairs = np.empty((capacity, 2), np.int64)
    lengths = np.empty(capacity)
    count = 0
    largest = squares.max()
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = (z * ny + y) * nx + x
                for w in range(z, min(z + span + 1, nz)):
                    for v in range(y if w == z else max(y - span, 0), min(y + span + 1, ny)):
                        row = (w * ny + v) * nx
                        first, last = start[row + max(x - span, 0)], start[row + min(x + span, nx - 1) + 1]
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


@njit()
def _survey(points, source, start, nx, ny, nz, span, real, species, group, below, limits, reach, bins):  # type: ignore[no-untyped-def]
    kinds = len(limits)
    best = np.full((kinds, kinds), np.inf)
    pairs = np.full((kinds, kinds, 2), -1, np.int64)
    contacts = np.full((kinds, kinds), np.inf)
    near = np.zeros((kinds, kinds), np.int64)
    histogram = np.zeros((kinds, kinds, bins), np.int64)
    counted, scale = reach * reach, bins / max(reach, 1e-300)
    # in the order of the cells, so that memory is walked in order
    count = len(points)
    kind, part, own = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.bool_)
    for i in range(count):
        own[i] = source[i] < real
        k = source[i] if own[i] else source[i] - real
        kind[i], part[i] = species[k], group[k]
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = (z * ny + y) * nx + x
                for w in range(z, min(z + span + 1, nz)):
                    for v in range(y if w == z else max(y - span, 0), min(y + span + 1, ny)):
                        row = (w * ny + v) * nx
                        first, last = start[row + max(x - span, 0)], start[row + min(x + span, nx - 1) + 1]
                        for i in range(start[c], start[c + 1]):
                            px, py, pz, p = points[i, 0], points[i, 1], points[i, 2], kind[i]
                            for j in range(i + 1 if w == z and v == y else first, last):
                                dx = px - points[j, 0]
                                dy = py - points[j, 1]
                                dz = pz - points[j, 2]
                                square = dx * dx + dy * dy + dz * dz
                                if square >= below or not (own[i] or own[j]):
                                    continue
                                q = kind[j]
                                if square < best[p, q]:
                                    best[p, q] = best[q, p] = square
                                    k = source[i] if own[i] else source[i] - real
                                    m = source[j] if own[j] else source[j] - real
                                    pairs[p, q, 0] = pairs[q, p, 0] = min(k, m)
                                    pairs[p, q, 1] = pairs[q, p, 1] = max(k, m)
                                if square < contacts[p, q] and part[i] != part[j]:
                                    contacts[p, q] = contacts[q, p] = square
                                # a pair across the seam is met once from either side
                                if square < limits[p, q]:
                                    near[p, q] += own[i]
                                    near[q, p] += own[j]
                                if square < counted:
                                    bin_ = min(int(np.sqrt(square) * scale), bins - 1)
                                    histogram[p, q, bin_] += own[i]
                                    histogram[q, p, bin_] += own[j]
    return best, pairs, contacts, near, histogram


@njit()
def _touchable(points, source, start, nx, ny, nz, span, real, asked, radius, near):  # type: ignore[no-untyped-def]
    result = np.zeros(real, np.bool_)
    fullest = 0
    for c in range(nx * ny * nz):
        fullest = max(fullest, start[c + 1] - start[c])
    around = np.empty((fullest * (2 * span + 1) ** 3, 4))
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = (z * ny + y) * nx + x
                for i in range(start[c], start[c + 1]):
                    a = source[i]
                    if a >= real or not asked[a]:
                        continue
                    count = 0
                    for w in range(max(z - span, 0), min(z + span + 1, nz)):
                        for v in range(max(y - span, 0), min(y + span + 1, ny)):
                            row = (w * ny + v) * nx
                            first, last = start[row + max(x - span, 0)], start[row + min(x + span, nx - 1) + 1]
                            for j in range(first, last):
                                dx = points[j, 0] - points[i, 0]
                                dy = points[j, 1] - points[i, 1]
                                dz = points[j, 2] - points[i, 2]
                                square = dx * dx + dy * dy + dz * dz
                                if 0.0 < square < near * near:
                                    around[count, 0] = dx
                                    around[count, 1] = dy
                                    around[count, 2] = dz
                                    around[count, 3] = square / (2 * radius)
                                    count += 1
                    nearest = around[np.argsort(around[:count, 3])]
                    result[a] = _has_gap(nearest, min(FEW, count)) and (count <= FEW or _has_gap(nearest, count))
    return result


@njit()
def _has_gap(around, count):  # type: ignore[no-untyped-def]
    """Whether some unit vector u has u·d ≤ h for all rows (d, h): a ball touching at u then holds no atom d.

    The rows' caps u·d > h cover the sphere if they cover one point of each cap's rim and all points where rims meet.
    """
    # what covers one point often covers the next, and near atoms, which come first, have the largest caps
    u, cover = np.empty(3), 0
    for p in range(count):
        d, h = around[p, :3], around[p, 3]
        square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
        if h * h >= square:
            continue
        # some point of this rim
        axis = 0 if abs(d[0]) <= min(abs(d[1]), abs(d[2])) else (1 if abs(d[1]) <= abs(d[2]) else 2)
        across = np.sqrt((1 - h * h / square) / (1 - d[axis] * d[axis] / square))
        for k in range(3):
            u[k] = d[k] * h / square + across * ((1.0 if k == axis else 0.0) - d[k] * d[axis] / square)
        cover = _covers(u, around, count, p, p, cover)
        if cover < 0:
            return True
        for q in range(p):
            e, g = around[q, :3], around[q, 3]
            other = e[0] * e[0] + e[1] * e[1] + e[2] * e[2]
            mixed = d[0] * e[0] + d[1] * e[1] + d[2] * e[2]
            det = square * other - mixed * mixed
            if det <= 1e-12 * square * other:
                continue
            first, second = (h * other - g * mixed) / det, (g * square - h * mixed) / det
            rest = (1 - first * h - second * g) / det
            if rest < 0:
                continue
            rest = np.sqrt(rest)
            for side in (-rest, rest):
                u[0] = first * d[0] + second * e[0] + side * (d[1] * e[2] - d[2] * e[1])
                u[1] = first * d[1] + second * e[1] + side * (d[2] * e[0] - d[0] * e[2])
                u[2] = first * d[2] + second * e[2] + side * (d[0] * e[1] - d[1] * e[0])
                cover = _covers(u, around, count, p, q, cover)
                if cover < 0:
                    return True
    return count == 0


@njit()
def _covers(u, around, count, p, q, guess):  # type: ignore[no-untyped-def]
    """Which cap but p and q covers `u`, at first the one that is guessed; −1 if none does."""
    for k in range(-1, count):
        m = guess if k < 0 else k
        if m != p and m != q and u[0] * around[m, 0] + u[1] * around[m, 1] + u[2] * around[m, 2] > around[m, 3] + 1e-9:
            return m
    return -1
