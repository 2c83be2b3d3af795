"""Sweeps: every combination of the points of all swept leaves, numbered.

Sweeps of what a structure is made of go from structure to structure, those of imaging from image to image of the same
structure, which is simulated once. The first path varies slowest. Numbers beyond the last combination begin again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from construction_zone.distributions import Distribution, Sweep


@dataclass(frozen=True)
class SweepGrid:
    """The swept leaves by dotted path, with how many points each has."""

    axes: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, leaves: Iterable[tuple[str, Distribution]]) -> SweepGrid:
        """The grid of those `leaves` that are sweeps."""
        return cls(tuple((path, len(leaf.points)) for path, leaf in leaves if isinstance(leaf, Sweep)))

    @property
    def size(self) -> int:
        """How many combinations there are; 1 where nothing is swept."""
        return math.prod(points for _, points in self.axes)

    def places(self, index: int) -> dict[str, int]:
        """Path → number of the point, for combination `index` (counted on from 0 again after the last)."""
        rest, found = index % self.size, {}
        for path, points in reversed(self.axes):
            rest, found[path] = divmod(rest, points)
        return found
