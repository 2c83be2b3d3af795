"""Relaxing atoms in tabulated pair potentials, and judging sites for new ones, compiled by numba.

`points` (n, 3) in Å start at 0 and lie in [0, `period`) along axes that repeat (`period` 0: does not). They are sorted
into a grid of `shape` cells, `scale` cells per Å, none smaller than the distance looked for; `start` and `order` are
what `_grid.sort` gives. `table` (s, s, m) is in even steps of r², `knots` of them per Å².
"""

from __future__ import annotations

import numpy as np

from construction_zone.build.generators._grid import around, cell_of, nearest, wrapped
from construction_zone.compiling import njit

MARK, PLAIN = np.uint32(2**31), np.uint32(2**31 - 1)
CROWDED = 1.5  # energy of a bond that strains others, about that of a bond
LONELY = 1.5  # energy of each bond that a site lacks to two


@njit()
def neighbours(points, chosen, distance, period, scale, shape, start, order, capacity):  # type: ignore[no-untyped-def]
    """Neighbours of the `chosen` (k,) points: where those of each begin (k + 1,), and their numbers.

    If there are more than `capacity` only their number, the last entry of the first array, is right.
    """
    begin = np.zeros(len(chosen) + 1, np.int64)
    other = np.empty(capacity, np.uint32)
    cells = np.empty((27, 2), np.int64)
    count = 0
    limit = distance * distance
    for m in range(len(chosen)):
        i = chosen[m]
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        x, y, z = cell_of(px, py, pz, scale, shape)
        for c in range(around(x, y, z, shape, period, cells)):
            for k in range(start[cells[c, 0]], start[cells[c, 1]]):
                j = order[k]
                dx = nearest(px - points[j, 0], period[0])
                dy = nearest(py - points[j, 1], period[1])
                dz = nearest(pz - points[j, 2], period[2])
                if dx * dx + dy * dy + dz * dz < limit and i != j:
                    if count < capacity:
                        other[count] = j
                    count += 1
        begin[m + 1] = count
    return begin, other


@njit()
def pairs(points, species, squares, period, scale, shape, start, order, capacity):  # type: ignore[no-untyped-def]
    """Pairs (m, 2) of points closer than the `squares` (s, s) of their species' distances, and how many there are."""
    found, lengths, count = np.empty((capacity, 2), np.int64), np.empty(capacity), 0
    cells = np.empty((27, 2), np.int64)
    for i in range(len(points)):
        x, y, z = cell_of(points[i, 0], points[i, 1], points[i, 2], scale, shape)
        for c in range(around(x, y, z, shape, period, cells)):
            for k in range(start[cells[c, 0]], start[cells[c, 1]]):
                j = order[k]
                if j <= i:
                    continue
                dx = nearest(points[i, 0] - points[j, 0], period[0])
                dy = nearest(points[i, 1] - points[j, 1], period[1])
                dz = nearest(points[i, 2] - points[j, 2], period[2])
                square = dx * dx + dy * dy + dz * dz
                if square < squares[species[i], species[j]]:
                    if count < capacity:
                        found[count, 0], found[count, 1], lengths[count] = i, j, square
                    count += 1
    return found, lengths, count


@njit()
def energies(points, species, chosen, begin, other, table, knots, period):  # type: ignore[no-untyped-def]
    """(k,) sum of the tabulated energies of each `chosen` point with its neighbours."""
    found = np.zeros(len(chosen))
    for m in range(len(chosen)):
        i = chosen[m]
        for k in range(begin[m], begin[m + 1]):
            j = other[k]
            dx = nearest(points[i, 0] - points[j, 0], period[0])
            dy = nearest(points[i, 1] - points[j, 1], period[1])
            dz = nearest(points[i, 2] - points[j, 2], period[2])
            place = int((dx * dx + dy * dy + dz * dz) * knots)
            if place < table.shape[2]:
                found[m] += table[species[i], species[j], place]
    return found


@njit()
def sever(points, species, chosen, begin, other, bonds, most, period):  # type: ignore[no-untyped-def]
    """Mark the neighbours in `other` that the `chosen` points must not be bonded to, by its highest bit.

    Points closer than the `bonds` (s, s, Å²) of their species are bonded. Of three points bonded to each other the
    farthest two are to part, and so are those that are not among the `most` (s,) nearest bonded ones of a point.
    """
    room = 32
    near, square = np.empty(room, np.int64), np.empty(room)
    farthest = np.full(len(points), np.inf)
    for step in range(2):
        for m in range(len(chosen)):
            i = chosen[m]
            count = 0
            for k in range(begin[m], begin[m + 1]):
                j = other[k]
                dx = nearest(points[i, 0] - points[j, 0], period[0])
                dy = nearest(points[i, 1] - points[j, 1], period[1])
                dz = nearest(points[i, 2] - points[j, 2], period[2])
                length = dx * dx + dy * dy + dz * dz
                if length < bonds[species[i], species[j]] and count < room:
                    near[count], square[count] = k, length
                    count += 1
            if step == 0:
                if count > most[species[i]]:
                    farthest[i] = np.sort(square[:count])[most[species[i]] - 1]
                continue
            for a in range(count):
                j = other[near[a]]
                part = square[a] > min(farthest[i], farthest[j])
                for b in range(count):
                    if part or b == a or square[b] >= square[a]:
                        continue
                    # marked or not, it is the same point
                    k = other[near[b]] & PLAIN
                    dx = nearest(points[j, 0] - points[k, 0], period[0])
                    dy = nearest(points[j, 1] - points[k, 1], period[1])
                    dz = nearest(points[j, 2] - points[k, 2], period[2])
                    length = dx * dx + dy * dy + dz * dz
                    part = length < square[a] and length < bonds[species[j], species[k]]
                if part:
                    other[near[a]] |= MARK


@njit()
def relax(points, species, chosen, begin, other, table, knots, reach, period, lengths, steps):  # type: ignore[no-untyped-def]
    """Move the `chosen` points down their forces for some `steps`; `points` are changed in place.

    The fast inertial relaxation engine of Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), with steps of at most
    0.1 Å. Along axes that do not repeat the points stay in [0, `lengths`). `table` (2, s, s, m) has −V′/r, for
    neighbours as they are and for those that `sever` marked; none is farther than `reach` (Å), wherever it moves.
    """
    force, speed = np.zeros((len(chosen), 3)), np.zeros((len(chosen), 3))
    time, most, mixing, downhill = 0.03, 0.08, 0.1, 0
    last = table.shape[3] - 1
    seam = np.zeros(len(chosen), np.bool_)  # of the box itself; away from it no neighbour lies across
    for m in range(len(chosen)):
        for a in range(3):
            place = points[chosen[m], a]
            seam[m] = seam[m] or (period[a] > 0 and min(place, period[a] - place) < reach)
    for _ in range(steps):
        power, push, pace = 0.0, 0.0, 0.0
        for m in range(len(chosen)):
            i = chosen[m]
            fx, fy, fz = 0.0, 0.0, 0.0
            px, py, pz = points[i, 0], points[i, 1], points[i, 2]
            for k in range(begin[m], begin[m + 1]):
                marked = other[k] >> np.uint32(31)
                j = other[k] & PLAIN
                dx, dy, dz = px - points[j, 0], py - points[j, 1], pz - points[j, 2]
                if seam[m]:
                    dx, dy, dz = nearest(dx, period[0]), nearest(dy, period[1]), nearest(dz, period[2])
                # the last entry is 0: no branch to guess wrong
                place = np.uint64(min(int((dx * dx + dy * dy + dz * dz) * knots), last))
                pull = table[marked, species[i], species[j], place]
                fx += pull * dx
                fy += pull * dy
                fz += pull * dz
            force[m, 0], force[m, 1], force[m, 2] = fx, fy, fz
            power += fx * speed[m, 0] + fy * speed[m, 1] + fz * speed[m, 2]
            push += fx * fx + fy * fy + fz * fz
            pace += speed[m, 0] ** 2 + speed[m, 1] ** 2 + speed[m, 2] ** 2
        if power > 0:
            along = mixing * np.sqrt(pace / max(push, 1e-300))
            keep = 1 - mixing
            downhill += 1
            if downhill > 5:
                time, mixing = min(time * 1.1, most), mixing * 0.99
        else:
            along, keep = 0.0, 0.0
            time, mixing, downhill = time * 0.5 if downhill else time, 0.1, 0
        for m in range(len(chosen)):
            length = 0.0
            for a in range(3):
                speed[m, a] = keep * speed[m, a] + (along + time) * force[m, a]
                length += speed[m, a] ** 2
            length = np.sqrt(length) * time
            shorter = 0.1 / length if length > 0.1 else 1.0
            for a in range(3):
                speed[m, a] *= shorter
                place = wrapped(points[chosen[m], a] + speed[m, a] * time, period[a])
                points[chosen[m], a] = place if period[a] > 0 else min(max(place, 0.0), lengths[a] - 1e-4)


@njit()
def at_site(px, py, pz, kind, points, species, period, scale, shape, start, order, energy, force, knots, floors, cells):  # type: ignore[no-untyped-def]
    """Energy and force of an atom of `kind` at a site, and whether no point is closer than the `floors` (s, s, Å²)."""
    total, fx, fy, fz, free = 0.0, 0.0, 0.0, 0.0, True
    x, y, z = cell_of(px, py, pz, scale, shape)
    for c in range(around(x, y, z, shape, period, cells)):
        for k in range(start[cells[c, 0]], start[cells[c, 1]]):
            j = order[k]
            dx = nearest(px - points[j, 0], period[0])
            dy = nearest(py - points[j, 1], period[1])
            dz = nearest(pz - points[j, 2], period[2])
            square = dx * dx + dy * dy + dz * dz
            place = int(square * knots)
            if place < energy.shape[2]:
                total += energy[kind, species[j], place]
                fx += force[0, kind, species[j], place] * dx
                fy += force[0, kind, species[j], place] * dy
                fz += force[0, kind, species[j], place] * dz
                free = free and square >= floors[kind, species[j]]
    return total, fx, fy, fz, free


@njit()
def strain(px, py, pz, kind, points, species, period, scale, shape, start, order, bonds, most, cells):  # type: ignore[no-untyped-def]
    """How many bonds an atom of `kind` would have at a site, and how many of them strain others.

    Those beyond the `most` do, and those with points that are bonded to each other.
    """
    near = np.empty(16, np.int64)
    count = found = 0
    x, y, z = cell_of(px, py, pz, scale, shape)
    for c in range(around(x, y, z, shape, period, cells)):
        for k in range(start[cells[c, 0]], start[cells[c, 1]]):
            j = order[k]
            dx = nearest(px - points[j, 0], period[0])
            dy = nearest(py - points[j, 1], period[1])
            dz = nearest(pz - points[j, 2], period[2])
            if dx * dx + dy * dy + dz * dz < bonds[kind, species[j]] and count < 16:
                for m in range(count):
                    dx = nearest(points[near[m], 0] - points[j, 0], period[0])
                    dy = nearest(points[near[m], 1] - points[j, 1], period[1])
                    dz = nearest(points[near[m], 2] - points[j, 2], period[2])
                    found += dx * dx + dy * dy + dz * dz < bonds[species[near[m]], species[j]]
                near[count] = j
                count += 1
    return count, found + max(count - most[kind], 0)


@njit()
def settle(  # type: ignore[no-untyped-def]
    sites,
    kind,
    steps,
    points,
    species,
    period,
    scale,
    shape,
    start,
    order,
    energy,
    force,
    knots,
    floors,
    bonds,
    most,
):
    """Move each of `sites` (k, 3) down its force, all else at rest; gives their energies, inf where too close.

    A bond that strains others costs as much as it gains, and so does each that is missing to two: many neighbours of
    the second shell make up for none of the first.
    """
    found = np.empty(len(sites))
    cells = np.empty((27, 2), np.int64)
    for m in range(len(sites)):
        px, py, pz = sites[m, 0], sites[m, 1], sites[m, 2]
        total, free = 0.0, False
        for step in range(steps + 1):
            total, fx, fy, fz, free = at_site(
                px,
                py,
                pz,
                kind,
                points,
                species,
                period,
                scale,
                shape,
                start,
                order,
                energy,
                force,
                knots,
                floors,
                cells,
            )
            length = np.sqrt(fx * fx + fy * fy + fz * fz)
            if step == steps or length == 0.0:
                break
            # ever shorter steps find the bottom of wells that are steep and narrow
            stride = min(0.004 * length, 0.25 * 0.8**step) / length
            px = wrapped(px + stride * fx, period[0])
            py = wrapped(py + stride * fy, period[1])
            pz = wrapped(pz + stride * fz, period[2])
        sites[m, 0], sites[m, 1], sites[m, 2] = px, py, pz
        if free:
            # a pair potential does not know that such bonds are bad ones
            count, strained = strain(
                px, py, pz, kind, points, species, period, scale, shape, start, order, bonds, most, cells
            )
            found[m] = total + CROWDED * strained + LONELY * max(2 - count, 0)
        else:
            found[m] = np.inf
    return found
