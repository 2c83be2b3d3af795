"""Intersection, union and difference of volumes.

Containment is exact. Signed distances are the usual max/min bounds: never larger in magnitude than the true distance,
exact inside an intersection and outside a union.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes.base import Volume, is_empty


@dataclass(frozen=True)
class Intersection(Volume):
    """The points that lie in both volumes."""

    first: Volume
    second: Volume

    @property
    def bounds(self) -> Floats:
        a, b = self.first.bounds, self.second.bounds
        return np.stack([np.maximum(a[0], b[0]), np.minimum(a[1], b[1])])

    def moved(self, affine: Affine) -> Intersection:
        """This volume after the map `affine`."""
        return Intersection(self.first.moved(affine), self.second.moved(affine))

    def _contains(self, points: Floats) -> Bools:
        inside = self.first._contains(points)
        inside[inside] = self.second._contains(points[inside])
        return inside

    def _signed_distance(self, points: Floats) -> Floats:
        return np.maximum(self.first._signed_distance(points), self.second._signed_distance(points))

    def _near_distance(self, points: Floats, limit: float) -> Floats:
        return np.maximum(self.first._near_distance(points, limit), self.second._near_distance(points, limit))


@dataclass(frozen=True)
class Union(Volume):
    """The points that lie in either volume."""

    first: Volume
    second: Volume

    @property
    def bounds(self) -> Floats:
        a, b = self.first.bounds, self.second.bounds
        if is_empty(a) or is_empty(b):
            return b if is_empty(a) else a
        return np.stack([np.minimum(a[0], b[0]), np.maximum(a[1], b[1])])

    def moved(self, affine: Affine) -> Union:
        """This volume after the map `affine`."""
        return Union(self.first.moved(affine), self.second.moved(affine))

    def _contains(self, points: Floats) -> Bools:
        inside = self.first._contains(points)
        outside = ~inside
        inside[outside] = self.second._contains(points[outside])
        return inside

    def _signed_distance(self, points: Floats) -> Floats:
        return np.minimum(self.first._signed_distance(points), self.second._signed_distance(points))

    def _near_distance(self, points: Floats, limit: float) -> Floats:
        return np.minimum(self.first._near_distance(points, limit), self.second._near_distance(points, limit))


@dataclass(frozen=True)
class Difference(Volume):
    """The points of the first volume that do not lie in the second."""

    first: Volume
    second: Volume

    @property
    def bounds(self) -> Floats:
        return self.first.bounds

    def moved(self, affine: Affine) -> Difference:
        """This volume after the map `affine`."""
        return Difference(self.first.moved(affine), self.second.moved(affine))

    def _contains(self, points: Floats) -> Bools:
        inside = self.first._contains(points)
        inside[inside] = ~self.second._contains(points[inside])
        return inside

    def _signed_distance(self, points: Floats) -> Floats:
        return np.maximum(self.first._signed_distance(points), -self.second._signed_distance(points))

    def _near_distance(self, points: Floats, limit: float) -> Floats:
        return np.maximum(self.first._near_distance(points, limit), -self.second._near_distance(points, limit))
