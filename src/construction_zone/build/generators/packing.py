"""Random sequential addition: points put down one by one, each kept if no earlier one is too close.

The result is exactly that of the one-by-one procedure; candidates are only judged many at a time.
Saturation: Torquato & Stillinger, Rev. Mod. Phys. 82, 2633 (2010) give a packing fraction of 0.384 for spheres.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.neighbours import close_pairs, has_near

SATURATION = 0.384
"""Packing fraction at which random sequential addition of equal spheres comes to a halt in three dimensions."""

MOST_TRIALS_A_POINT = 2_000
"""Candidates tried for each wanted point before giving up."""

_BATCH = 262_144


def random_sequential(
    draw: Callable[[int], Floats], count: int, distance: float, boxsize: Floats
) -> tuple[Floats, int]:
    """Up to `count` points no two of which are closer than `distance` (Å), and the number of candidates tried.

    Parameters
    ----------
    draw
        Gives n random candidates (m, 3), m ≤ n, uniform in the region.
    boxsize
        (3,) periods in Å; 0 along axes that do not repeat. Candidates lie in [0, period) along the others.

    Fewer points than asked come back when the region is full, or nearly: see `MOST_TRIALS_A_POINT`.
    """
    kept = np.zeros((0, 3))
    tried, budget = 0, MOST_TRIALS_A_POINT * count + 10_000
    acceptance = 1.0
    while len(kept) < count and tried < budget:
        missing = count - len(kept)
        candidates = draw(min(_BATCH, int(missing / max(acceptance, 0.02) * 1.1) + 64))
        tried += max(len(candidates), 1)
        free = candidates[~has_near(candidates, kept, distance, boxsize)]
        fresh = free[first_come(free, distance, boxsize)][:missing]
        acceptance = max(len(fresh), 1) / max(len(candidates), 1)
        kept = np.concatenate([kept, fresh])
    return kept, tried


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
