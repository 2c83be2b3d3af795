"""Volumes grown, shrunk and hollowed by a distance.

Growing by d takes everything within d of the volume, so that edges become round; shrinking by d leaves what is more
than d below the surface. How exact the result is:

- grown: exact for primitives, polyhedra, meshes and unions of them. Of an intersection or a difference it contains the
  true result and, beside edges, more: up to d/sin(θ/2) from an edge of angle θ instead of d.
- shrunk: exact for primitives, polyhedra, meshes of one body, intersections, and differences of these. Of a union it
  is contained in the true result: where the parts overlap, what lies within d of the surfaces of both is lost.
- A cylinder, capsule, cone or `Custom` that was stretched by its pose is offset by between d and κ·d, where κ is the
  ratio of the largest to the smallest stretch. Offset first and stretch then to avoid it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes.base import BOUNDARY, Volume
from construction_zone.build.volumes.combine import Difference, Intersection, Union
from construction_zone.build.volumes.mesh import Mesh
from construction_zone.build.volumes.polyhedron import ConvexPolyhedron, corners_of_planes, parallelepiped
from construction_zone.build.volumes.posed import Posed, reach
from construction_zone.build.volumes.primitives import Ball, Block, Cylinder, HalfSpace
from construction_zone.build.volumes.rounded import Capsule, Cone, Ellipsoid
from construction_zone.build.volumes.slab import Slab
from construction_zone.errors import InvalidInput


@dataclass(frozen=True)
class Nothing(Volume):
    """The volume that holds no point: what is left when shrinking takes everything."""

    @property
    def bounds(self) -> Floats:
        return np.array([[np.inf] * 3, [-np.inf] * 3])

    @property
    def measure(self) -> float:
        """Content in Å³: zero."""
        return 0.0

    def moved(self, affine: Affine) -> Nothing:
        """This volume after the map `affine`: itself."""
        return self

    def _contains(self, points: Floats) -> Bools:
        return np.zeros(len(points), dtype=bool)

    def _signed_distance(self, points: Floats) -> Floats:
        return np.full(len(points), np.inf)


@dataclass(frozen=True)
class Offset(Posed):
    """`volume` grown by `distance` Å on all sides, or shrunk if negative. The surface is inside.

    `offset` makes it, and gives a simpler volume where there is one. The pose acts after the offset.
    """

    volume: Volume
    distance: float

    def __post_init__(self) -> None:
        if not isinstance(self.volume, Volume):
            raise InvalidInput(f"volume is {self.volume!r}; give a volume such as Ball(20)")
        object.__setattr__(self, "distance", _finite(self.distance))
        self.volume.signed_distance((0.0, 0.0, 0.0))  # a volume that knows no distances says so now

    @property
    def bounds(self) -> Floats:
        extra = self.distance * np.linalg.norm(self.pose.matrix, axis=1)
        if self.distance > 0:
            extra = extra * slack(self.volume)
        return self.volume.moved(self.pose).bounds + np.stack([-extra, extra])

    def _near_distance(self, points: Floats, limit: float) -> Floats:
        scale = self._least_stretch
        return scale * self._local_near_distance(self._local(points), limit / scale)

    def _local_contains(self, points: Floats) -> Bools:
        return np.asarray(self._local_near_distance(points, 2 * BOUNDARY) <= BOUNDARY)

    def _local_signed_distance(self, points: Floats) -> Floats:
        return self.volume._signed_distance(points) - self.distance

    def _local_near_distance(self, points: Floats, limit: float) -> Floats:
        return self.volume._near_distance(points, limit + abs(self.distance)) - self.distance


def offset(volume: Volume, distance: float) -> Volume:
    """`volume` grown by `distance` Å on all sides, shrunk if negative; how exactly is said above.

    Gives `Nothing` if shrinking a primitive or a polyhedron takes all of it.
    """
    amount = _finite(distance)
    if amount == 0:
        return volume
    match volume:
        case Union(first, second):
            return Union(offset(first, amount), offset(second, amount))
        case Intersection(first, second):
            return Intersection(offset(first, amount), offset(second, amount))
        case Difference(first, second):
            return Difference(offset(first, amount), offset(second, -amount))
        case Nothing():
            return volume
        case Offset() if volume.pose.is_rigid and volume.distance * amount > 0:
            return replace(volume, distance=volume.distance + amount)
        case Posed():
            simple = _resized(_distance_keeping(volume), amount)
            return Offset(_distance_keeping(volume), amount) if simple is None else simple
        case Volume():
            return Offset(volume, amount)
    raise InvalidInput(f"volume is {volume!r}; give a volume such as Ball(20)")


def shell(volume: Volume, thickness: float, *, outward: bool = False) -> Volume:
    """The layer of `thickness` Å just inside the surface of `volume`, or with `outward` just outside it.

    The inner layer and ``offset(volume, -thickness)`` share no point and make up `volume`; likewise the outer layer
    and `volume`. As exact as `offset`.
    """
    depth = inputs.positive(thickness, "thickness")
    return Difference(offset(volume, depth), volume) if outward else Difference(volume, offset(volume, -depth))


def slack(volume: Volume) -> float:
    """How much further (a factor ≥ 1) a volume may reach beyond its bounds than it was grown by."""
    match volume:
        case Union(first, second) | Intersection(first, second) | Difference(first, second):
            return max(slack(first), slack(second))
        case HalfSpace() | Slab() | Ellipsoid() | ConvexPolyhedron() | Mesh():
            return 1.0
        case Posed():
            inner = getattr(volume, "volume", None)  # an offset or a rough volume
            return reach(volume.pose) * (slack(inner) if isinstance(inner, Volume) else 1.0)
    return 1.0


def _distance_keeping(volume: Posed) -> Posed:
    """The same set as a volume with exact distances, where its pose stretches and there is one."""
    if volume.pose.is_rigid:
        return volume
    match volume:
        case Ball(radius, center):
            return Ellipsoid((radius, radius, radius), center, pose=volume.pose).settled()
        case Ellipsoid() | ConvexPolyhedron() | Slab():
            return volume.settled()
        case Block(size, center):
            return parallelepiped(np.array(size), np.array(center), volume.pose)
        case HalfSpace():
            normal = np.linalg.inv(volume.pose.matrix).T @ inputs.direction(volume.normal, "normal")
            return HalfSpace(inputs.point(normal, "normal"), inputs.point(volume.pose.apply(volume.point), "point"))
    return volume


def _resized(volume: Posed, amount: float) -> Volume | None:
    """The offset of `volume` as a volume of the same kind, None where there is none. Its pose must be rigid."""
    if not volume.pose.is_rigid:
        return None
    match volume:
        case Ball(radius):
            return replace(volume, radius=radius + amount) if radius + amount > 0 else Nothing()
        case Capsule(radius, length):
            return (
                Nothing()
                if radius + amount <= 0
                else replace(volume, radius=radius + amount, length=length + 2 * amount)
            )
        case Slab(thickness):
            return replace(volume, thickness=thickness + 2 * amount) if thickness + 2 * amount > 0 else Nothing()
        case HalfSpace():
            return replace(volume, point=_along(volume.point, volume.normal, amount))
        case Block() if amount < 0:
            x, y, z = (length + 2 * amount for length in volume.size)
            return Nothing() if min(x, y, z) <= 0 else replace(volume, size=(x, y, z))
        case Cylinder() if amount < 0:
            radius, length = volume.radius + amount, volume.length + 2 * amount
            return replace(volume, radius=radius, length=length) if min(radius, length) > 0 else Nothing()
        case Cone() if amount < 0:
            return _shrunk_cone(volume, -amount)
        case ConvexPolyhedron() if amount < 0:
            normals, distances = volume._planes
            corners = corners_of_planes(normals, distances + amount)
            return Nothing() if corners is None else replace(volume, vertices=corners)
    return None


def _shrunk_cone(cone: Cone, depth: float) -> Volume:
    """The cone whose base, side and top have moved in by `depth`: its radius at every height less the slanted depth."""
    slope = (cone.top_radius - cone.radius) / cone.height
    start = cone.radius - depth * math.hypot(1, slope)

    def radius(height: float) -> float:
        return max(start + slope * height, 0.0)

    low, high = depth, cone.height - depth
    if slope < 0:
        high = min(high, -start / slope)
    elif slope > 0:
        low = max(low, -start / slope)
    if high - low < 1e-9 or max(radius(low), radius(high)) < 1e-9:
        return Nothing()
    base = _along(cone.base, cone.axis, low)
    return replace(cone, radius=radius(low), top_radius=radius(high), height=high - low, base=base)


def _along(start: Point, direction: Point, amount: float) -> Point:
    return inputs.point(np.array(start) + amount * inputs.direction(direction, "direction"), "point")


def _finite(distance: float) -> float:
    try:
        amount = float(distance)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"distance is {distance!r}; give a finite number of Å") from error
    if not math.isfinite(amount):
        raise InvalidInput(f"distance is {distance!r}; give a finite number of Å")
    return amount
