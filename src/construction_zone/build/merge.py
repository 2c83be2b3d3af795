"""Which atoms of which zone stay when zones meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols

from construction_zone.build import elements, neighbours, torus
from construction_zone.build.distances import PairDistances, pair_name
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.neighbours import Integers
from construction_zone.build.torus import Periodic
from construction_zone.build.volumes import Volume


def outside_rivals(
    points: Sequence[Floats], volumes: Sequence[Volume], priorities: Sequence[int], cell: Point, periodic: Periodic
) -> list[Bools]:
    """Which wrapped points of each zone lie in no other zone of the same or a lower priority number."""
    keep = []
    for i, own in enumerate(points):
        stays = np.ones(len(own), dtype=bool)
        for j, volume in enumerate(volumes):
            if j != i and priorities[j] <= priorities[i]:
                stays &= ~torus.contains(volume, own, cell, periodic)
        keep.append(stays)
    return keep


def keep_apart(
    points: Sequence[Floats],
    numbers: Sequence[Integers],
    priorities: Sequence[int],
    distances: PairDistances,
    cell: Point,
    periodic: Periodic,
) -> list[Bools]:
    """Which points of each zone are no closer than `distances` allow to a kept one of a zone that goes first.

    Lower priority numbers go first, then zones earlier in the list. `numbers` are the atomic numbers of the points.
    """
    counts = [len(own) for own in points]
    if len(points) < 2 or distances.largest <= 0:
        return [np.ones(count, dtype=bool) for count in counts]
    rank = np.empty(len(points), dtype=np.int64)
    rank[sorted(range(len(points)), key=lambda i: (priorities[i], i))] = np.arange(len(points))
    ranks = np.repeat(rank, counts)
    kinds, species = elements.kinds(np.concatenate(numbers))
    pairs = neighbours.pairs_between(
        np.concatenate(points), ranks, species, distances.matrix(kinds), np.where(periodic, cell, 0.0)
    )
    first, second = pairs.T
    winner, loser = np.where(ranks[first] < ranks[second], [first, second], [second, first])
    keep = np.ones(len(ranks), dtype=bool)
    # zone by zone, because an atom that has gone itself drives out no other
    for turn in range(1, len(points)):
        here = ranks[loser] == turn
        keep[loser[here & keep[winner]]] = False
    return np.split(keep, np.cumsum(counts)[:-1])


def closest(points: Floats, numbers: Integers, below: float, boxsize: Floats) -> dict[str, tuple[float, int, int]]:
    """The closest two atoms of each pair of elements that come closer than `below`: {"Au-C": (Å, index, index)}.

    `boxsize` (3,) has the periods in Å, 0 along axes that do not repeat.
    """
    kinds, species = elements.kinds(numbers)
    best, where = neighbours.closest(points, species, len(kinds), below, boxsize)
    return {
        pair_name(chemical_symbols[kinds[p]], chemical_symbols[kinds[q]]): (
            float(best[p, q]),
            int(where[p, q, 0]),
            int(where[p, q, 1]),
        )
        for p in range(len(kinds))
        for q in range(p, len(kinds))
        if np.isfinite(best[p, q])
    }
