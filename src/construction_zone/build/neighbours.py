"""Neighbour searches in a cell that repeats along some axes.

Small sets go to scipy's k-d tree. Large ones go to compiled cell lists, which are several times faster and need less
memory, but whose compiler takes half a second to import. Both give the same answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.inputs import Bools, Floats

LARGE = 30_000
"""Points from which on compiled cell lists are worth their import."""

Integers = NDArray[np.int64]


def corners(points: Floats) -> tuple[Floats, Floats]:
    """The lowest and the highest coordinates (3,) of `points` (n, 3)."""
    columns = [points[:, axis] for axis in range(3)]  # numpy is several times slower along axis 0
    return np.array([column.min() for column in columns]), np.array([column.max() for column in columns])


def tree(points: Floats, boxsize: Floats) -> Any:
    """A scipy k-d tree of `points` (n, 3); `boxsize` (3,) holds the periods in Å, 0 along axes that do not repeat.

    Points must lie in [0, period) along the periodic axes.
    """
    # scipy.spatial takes longer to import than the rest of the room together
    from scipy.spatial import cKDTree

    return cKDTree(points, boxsize=boxsize)


def has_near(points: Floats, others: Floats, distance: float, boxsize: Floats) -> Bools:
    """Which of `points` have one of `others` closer than `distance` (Å), as (n,) booleans."""
    if not len(points) or not len(others):
        return np.zeros(len(points), dtype=bool)
    found, _ = tree(others, boxsize).query(points, distance_upper_bound=distance)
    return np.asarray(found < distance)


def close_pairs(points: Floats, distance: float, boxsize: Floats) -> tuple[NDArray[np.int64], Floats]:
    """All pairs (m, 2) of points closer than `distance`, the lower index first, and their distances (m,) in Å."""
    if len(points) < 2:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    pairs = tree(points, boxsize).query_pairs(distance, output_type="ndarray").astype(np.int64)
    delta = points[pairs[:, 0]] - points[pairs[:, 1]]
    for axis in np.flatnonzero(boxsize):
        delta[:, axis] -= np.round(delta[:, axis] / boxsize[axis]) * boxsize[axis]
    lengths = np.sqrt(np.einsum("ij,ij->i", delta, delta))
    closer = lengths < distance  # the tree also gives pairs at exactly the distance
    return np.sort(pairs[closer], axis=1), lengths[closer]


def pairs_between(
    points: Floats, group: Integers, species: Integers, cutoffs: Floats, boxsize: Floats, large: int = LARGE
) -> Integers:
    """Pairs (m, 2) of points of different `group` that are closer than the cutoff of their species.

    `group` and `species` are (n,), `cutoffs` (s, s) in Å. The lower index comes first; a pair may come twice.
    """
    reach = float(cutoffs.max(initial=0.0))
    if len(points) < 2 or reach <= 0:
        return np.zeros((0, 2), dtype=np.int64)
    if len(points) >= large:
        from construction_zone.build import cells

        return cells.pairs_between(cells.sort(points, reach, boxsize), group, species, cutoffs)[0]
    pairs, lengths = close_pairs(points, reach, boxsize)
    first, second = pairs.T
    return pairs[(group[first] != group[second]) & (lengths < cutoffs[species[first], species[second]])]


def closest(
    points: Floats, species: Integers, kinds: int, below: float, boxsize: Floats, large: int = LARGE
) -> tuple[Floats, Integers]:
    """The shortest distance (s, s) in Å between points of each two species, and the pair (s, s, 2) that has it.

    Species that come nowhere closer than `below` (Å) have the distance inf and the pair −1. `species` is (n,), below
    `kinds`. A point's own image across the seam counts if the period is shorter than `below`.
    """
    if len(points) >= large or (np.asarray(boxsize)[np.asarray(boxsize) > 0] < 2 * below).any():
        from construction_zone.build import cells

        found = cells.survey(cells.sort(points, below, boxsize), species, kinds, below)
        return found.closest, found.pairs
    best, where = np.full((kinds, kinds), np.inf), np.full((kinds, kinds, 2), -1, dtype=np.int64)
    pairs, lengths = close_pairs(points, below, boxsize)
    order = np.argsort(-lengths, kind="stable")  # of several writes to one place the last one stays
    for one, other in ((0, 1), (1, 0)):
        p, q = species[pairs[order, one]], species[pairs[order, other]]
        best[p, q], where[p, q] = lengths[order], pairs[order]
    both = best > best.T
    best[both], where[both] = best.T[both], where.transpose(1, 0, 2)[both]
    return best, where
