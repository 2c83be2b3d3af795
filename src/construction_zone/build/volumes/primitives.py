"""Ball, block, half-space and cylinder.

Each is described in its own frame and carries a `pose`, the map from that frame to the scene; `moved` composes poses,
so that a shape stays what it is under any motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.volumes.base import BOUNDARY, centred_box
from construction_zone.build.volumes.posed import Posed
from construction_zone.errors import InvalidInput

_ORIGIN: Point = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Ball(Posed):
    """A ball of `radius` (Å) about `center` (Å). Points on the surface are inside."""

    radius: float
    center: Point = _ORIGIN

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", inputs.positive(self.radius, "radius"))
        object.__setattr__(self, "center", inputs.point(self.center, "center"))

    @property
    def measure(self) -> float:
        """Content in Å³."""
        return 4 / 3 * math.pi * self.radius**3 * self._stretch

    @property
    def bounds(self) -> Floats:
        half = self.radius * np.linalg.norm(self.pose.matrix, axis=1)
        return centred_box(self.pose.apply(self.center), half)

    def _local_contains(self, points: Floats) -> Bools:
        return np.asarray(self._square(points) <= (self.radius + BOUNDARY) ** 2)

    def _local_signed_distance(self, points: Floats) -> Floats:
        return np.sqrt(self._square(points)) - self.radius

    def _square(self, points: Floats) -> Floats:
        """Squared distances (n,) from the centre, a coordinate at a time: several times faster than row by row."""
        total = np.zeros(len(points))
        for axis, middle in enumerate(self.center):
            offset = points[:, axis] - middle
            offset *= offset
            total += offset
        return total


@dataclass(frozen=True)
class Block(Posed):
    """A rectangular block with edge lengths `size` (Å) about `center` (Å).

    Half-open: a point on a low face is inside, one on a high face is outside (within 1e-6 Å), so that blocks set side
    by side share no lattice point and miss none.
    """

    size: Point
    center: Point = _ORIGIN

    def __post_init__(self) -> None:
        size = inputs.point(self.size, "size")
        if min(size) <= 0:
            raise InvalidInput(f"size is {size} Å; the three edge lengths of a Block must be above zero")
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "center", inputs.point(self.center, "center"))

    @classmethod
    def between(cls, low: ArrayLike, high: ArrayLike) -> Block:
        """The block from corner `low` to corner `high` (Å)."""
        start, end = np.array(inputs.point(low, "low")), np.array(inputs.point(high, "high"))
        if (start >= end).any():
            raise InvalidInput(f"low {start.tolist()} must lie below high {end.tolist()} along every axis")
        return cls(tuple(end - start), tuple((start + end) / 2))

    @property
    def measure(self) -> float:
        """Content in Å³."""
        return math.prod(self.size) * self._stretch

    @property
    def bounds(self) -> Floats:
        half = np.abs(self.pose.matrix) @ (np.array(self.size) / 2)
        return centred_box(self.pose.apply(self.center), half)

    def _local_contains(self, points: Floats) -> Bools:
        offset = points - np.asarray(self.center)
        half = np.asarray(self.size) / 2
        return np.asarray(((offset >= -half - BOUNDARY) & (offset < half - BOUNDARY)).all(axis=1))

    def _local_signed_distance(self, points: Floats) -> Floats:
        beyond = np.abs(points - np.asarray(self.center)) - np.asarray(self.size) / 2
        outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
        return np.asarray(outside + np.minimum(beyond.max(axis=1), 0))


@dataclass(frozen=True)
class HalfSpace(Posed):
    """Everything on the far side of a plane: inside where normal·(x − point) ≤ 0.

    Parameters
    ----------
    normal
        Direction out of the half-space; its length does not matter.
    point
        A point (Å) of the plane.
    """

    normal: Point
    point: Point = _ORIGIN

    def __post_init__(self) -> None:
        inputs.direction(self.normal, "normal")
        object.__setattr__(self, "normal", inputs.point(self.normal, "normal"))
        object.__setattr__(self, "point", inputs.point(self.point, "point"))

    @property
    def bounds(self) -> Floats:
        box = np.array([[-np.inf] * 3, [np.inf] * 3])
        normal = np.linalg.inv(self.pose.matrix).T @ inputs.direction(self.normal, "normal")
        normal /= np.linalg.norm(normal)
        axis = int(np.argmax(np.abs(normal)))
        if np.allclose(np.delete(normal, axis), 0, atol=1e-12):
            box[1 if normal[axis] > 0 else 0, axis] = self.pose.apply(self.point)[axis]
        return box

    def _signed_distance(self, points: Floats) -> Floats:
        # the image of a plane is a plane, so this distance is exact under any affine map
        normal = np.linalg.inv(self.pose.matrix).T @ inputs.direction(self.normal, "normal")
        return np.asarray((points - self.pose.apply(self.point)) @ (normal / np.linalg.norm(normal)))

    def _contains(self, points: Floats) -> Bools:
        return np.asarray(self._signed_distance(points) <= BOUNDARY)

    def _local_signed_distance(self, points: Floats) -> Floats:
        return np.asarray((points - np.asarray(self.point)) @ inputs.direction(self.normal, "normal"))


@dataclass(frozen=True)
class Cylinder(Posed):
    """A round cylinder of `radius` and `length` (Å) about `center` (Å) along `axis`. The surface is inside."""

    radius: float
    length: float
    center: Point = _ORIGIN
    axis: Point = (0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", inputs.positive(self.radius, "radius"))
        object.__setattr__(self, "length", inputs.positive(self.length, "length"))
        object.__setattr__(self, "center", inputs.point(self.center, "center"))
        inputs.direction(self.axis, "axis")
        object.__setattr__(self, "axis", inputs.point(self.axis, "axis"))

    @property
    def measure(self) -> float:
        """Content in Å³."""
        return math.pi * self.radius**2 * self.length * self._stretch

    @property
    def bounds(self) -> Floats:
        unit = inputs.direction(self.axis, "axis")
        along = self.pose.matrix @ unit
        across = np.linalg.norm(self.pose.matrix - np.outer(along, unit), axis=1)
        return centred_box(self.pose.apply(self.center), self.length / 2 * np.abs(along) + self.radius * across)

    def _local_signed_distance(self, points: Floats) -> Floats:
        unit = inputs.direction(self.axis, "axis")
        offset = points - np.asarray(self.center)
        height = offset @ unit
        radial = np.linalg.norm(offset - height[:, None] * unit, axis=1)
        beyond = np.stack([radial - self.radius, np.abs(height) - self.length / 2], axis=1)
        outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
        return np.asarray(outside + np.minimum(beyond.max(axis=1), 0))
