"""Random sequential addition: points put down one by one, each kept if no earlier one is too close.

Saturation: Torquato & Stillinger, Rev. Mod. Phys. 82, 2633 (2010) give a packing fraction of 0.384 for equal spheres.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.neighbours import Integers, close_pairs

SATURATION = 0.384
"""Packing fraction at which random sequential addition of equal spheres comes to a halt in three dimensions."""

MOST_TRIALS_A_POINT = 2_000
"""Candidates tried for each wanted point before giving up."""

MOST_MISSES = 3_000_000
"""Candidates that may fail one after the other before giving up."""

_BATCH = 65_536


def random_sequential(
    draw: Callable[[int], Floats], species: Integers, distances: Floats, box: Floats, boxsize: Floats
) -> tuple[Floats, int]:
    """Points (n, 3) no two of which are closer than their species may be, and the number of candidates tried.

    Parameters
    ----------
    draw
        Gives n random candidates (m, 3), m ≤ n, uniform in the region.
    species
        (count,) species of the points in the order in which they are put down.
    distances
        (s, s) the smallest distance in Å between points of two species; symmetric.
    box
        (2, 3) corners in Å of a box that holds the region.
    boxsize
        (3,) periods in Å; 0 along axes that do not repeat. Candidates lie in [0, period) along the others, and no
        period is shorter than the distance of a species to itself.

    Fewer points than `species` come back when the region is full, or nearly: see `MOST_TRIALS_A_POINT` and
    `MOST_MISSES`. Candidates are judged strictly one after the other, so the result depends on them alone.
    """
    # numba takes half a second to import
    from construction_zone.build.generators._sequential import place

    count = len(species)
    period = np.asarray(boxsize, dtype=np.float64)
    low = np.where(period > 0, 0.0, box[0])
    length = np.where(period > 0, period, box[1] - box[0])
    shape, scale = _grid(length, float(distances.max()), count)
    head = np.full(int(shape.prod()), -1, dtype=np.int32)
    link, kept = np.empty(count, dtype=np.int32), np.empty((count, 3))
    squares = np.ascontiguousarray(distances, dtype=np.float64) ** 2
    done = tried = misses = 0
    budget = MOST_TRIALS_A_POINT * count + 10_000
    while done < count and tried < budget and misses < MOST_MISSES:
        candidates = draw(min(_BATCH, 4 * (count - done) + 256))  # how many at once changes nothing
        done, used, misses = place(
            candidates, species, squares, low, scale, shape, period, MOST_MISSES, head, link, kept, done, misses
        )
        tried += max(used, 1)
    return kept[:done], tried


def _grid(length: Floats, distance: float, count: int) -> tuple[Integers, Floats]:
    """Cells (3,) along each axis of a box of `length` (3,) and cells per Å, none smaller than `distance`."""
    edge = distance * (1 + 1e-9)
    # few points in a vast box would need more cells than memory holds
    while np.prod(np.maximum(length / edge, 1.0)) > 8.0 * count + 1000:
        edge *= 1.26
    shape = np.maximum(np.floor(length / edge), 1).astype(np.int64)
    return shape, shape / np.maximum(length, 1e-9)


def first_come(points: Floats, distance: float, boxsize: Floats) -> Bools:
    """Which points (n,) stay if each is kept unless an earlier kept one lies closer than `distance`."""
    keep = np.ones(len(points), dtype=bool)
    pairs, _ = close_pairs(points, distance, boxsize)
    decided = np.zeros(len(points), dtype=bool)
    while len(pairs):
        # a point with no undecided earlier neighbour is settled: it stays, and its later neighbours go
        waiting = np.zeros(len(points), dtype=bool)
        waiting[pairs[:, 1]] = True
        settled = ~waiting & ~decided
        decided |= settled
        lost = pairs[settled[pairs[:, 0]], 1]
        keep[lost] = False
        decided[lost] = True
        pairs = pairs[~decided[pairs[:, 0]] & ~decided[pairs[:, 1]]]
    return keep


def packing_fraction(count: int, distance: float, volume: float) -> float:
    """The part of `volume` (Å³) that `count` balls of diameter `distance` (Å) take up."""
    return count * math.pi / 6 * distance**3 / volume
