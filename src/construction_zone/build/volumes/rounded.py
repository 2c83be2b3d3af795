"""Ellipsoid, capsule and cone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes.base import BOUNDARY, centred_box
from construction_zone.build.volumes.posed import Posed
from construction_zone.errors import InvalidInput

_ORIGIN: Point = (0.0, 0.0, 0.0)
_UP: Point = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Ellipsoid(Posed):
    """An ellipsoid with `semi_axes` (Å) along its own x, y, z about `center` (Å). The surface is inside.

    Its signed distance is exact under any affine map: the image of an ellipsoid is an ellipsoid.
    """

    semi_axes: Point
    center: Point = _ORIGIN

    def __post_init__(self) -> None:
        semi_axes = inputs.point(self.semi_axes, "semi_axes")
        if min(semi_axes) <= 0:
            raise InvalidInput(f"semi_axes is {semi_axes} Å; the three semi-axes of an Ellipsoid must be above zero")
        object.__setattr__(self, "semi_axes", semi_axes)
        object.__setattr__(self, "center", inputs.point(self.center, "center"))

    @property
    def measure(self) -> float:
        """Content in Å³."""
        return 4 / 3 * math.pi * math.prod(self.semi_axes) * self._stretch

    @property
    def bounds(self) -> Floats:
        half = np.linalg.norm(self.pose.matrix * np.asarray(self.semi_axes), axis=1)
        return centred_box(self.pose.apply(self.center), half)

    def settled(self) -> Ellipsoid:
        """The same set of points with a rigid pose: the singular value decomposition of the pose gives its axes."""
        if self.pose.is_rigid:
            return self
        axes, lengths, _ = np.linalg.svd(self.pose.matrix * np.asarray(self.semi_axes))
        size = (float(lengths[0]), float(lengths[1]), float(lengths[2]))
        return Ellipsoid(size, pose=Affine(axes, self.pose.apply(self.center)))

    def _signed_distance(self, points: Floats) -> Floats:
        settled = self.settled()
        return settled._local_signed_distance(settled._local(points))

    def _local_contains(self, points: Floats) -> Bools:
        scaled = (points - np.asarray(self.center)) / (np.asarray(self.semi_axes) + BOUNDARY)
        return np.asarray(np.einsum("ij,ij->i", scaled, scaled) <= 1)

    def _local_signed_distance(self, points: Floats) -> Floats:
        return _distance_to_ellipsoid(points - np.asarray(self.center), np.asarray(self.semi_axes))


@dataclass(frozen=True)
class Capsule(Posed):
    """A round rod with hemispherical ends, about `center` (Å) along `axis`. The surface is inside.

    Parameters
    ----------
    radius
        Of the rod and of its ends, Å.
    length
        From tip to tip, Å; more than twice the radius.
    """

    radius: float
    length: float
    center: Point = _ORIGIN
    axis: Point = _UP

    def __post_init__(self) -> None:
        radius, length = inputs.positive(self.radius, "radius"), inputs.positive(self.length, "length")
        if length <= 2 * radius:
            raise InvalidInput(
                f"a Capsule of length {length:g} Å and radius {radius:g} Å has no straight part; "
                f"make it longer than {2 * radius:g} Å, or use Ball({radius:g})"
            )
        object.__setattr__(self, "radius", radius)
        object.__setattr__(self, "length", length)
        object.__setattr__(self, "center", inputs.point(self.center, "center"))
        inputs.direction(self.axis, "axis")
        object.__setattr__(self, "axis", inputs.point(self.axis, "axis"))

    @property
    def measure(self) -> float:
        """Content in Å³."""
        straight = self.length - 2 * self.radius
        return math.pi * self.radius**2 * (straight + 4 / 3 * self.radius) * self._stretch

    @property
    def bounds(self) -> Floats:
        along = self.pose.apply_direction(inputs.direction(self.axis, "axis")) * (self.length / 2 - self.radius)
        around = self.radius * np.linalg.norm(self.pose.matrix, axis=1)
        return centred_box(self.pose.apply(self.center), np.abs(along) + around)

    def _local_signed_distance(self, points: Floats) -> Floats:
        height, radial = _cylindrical(points, self.center, self.axis)
        half = self.length / 2 - self.radius
        return np.hypot(radial, height - np.clip(height, -half, half)) - self.radius


@dataclass(frozen=True)
class Cone(Posed):
    """A right circular cone, or with `top_radius` the frustum of one. The surface is inside.

    Parameters
    ----------
    radius
        Of the base, Å.
    height
        From the base to the apex, or to the top face, Å.
    base
        Centre of the base, Å.
    axis
        From the base to the apex.
    top_radius
        Of the top face, Å; 0 for a pointed cone. It may exceed `radius`, which in turn may then be 0.
    """

    radius: float
    height: float
    base: Point = _ORIGIN
    axis: Point = _UP
    top_radius: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", inputs.not_negative(self.radius, "radius"))
        object.__setattr__(self, "top_radius", inputs.not_negative(self.top_radius, "top_radius"))
        if self.radius == self.top_radius == 0:
            raise InvalidInput("radius and top_radius of a Cone are both zero; give one that is above zero (Å)")
        object.__setattr__(self, "height", inputs.positive(self.height, "height"))
        object.__setattr__(self, "base", inputs.point(self.base, "base"))
        inputs.direction(self.axis, "axis")
        object.__setattr__(self, "axis", inputs.point(self.axis, "axis"))

    @property
    def measure(self) -> float:
        """Content in Å³."""
        r, t = self.radius, self.top_radius
        return math.pi / 3 * self.height * (r * r + r * t + t * t) * self._stretch

    @property
    def bounds(self) -> Floats:
        unit = inputs.direction(self.axis, "axis")
        along = self.pose.apply_direction(unit)
        across = np.linalg.norm(self.pose.matrix - np.outer(along, unit), axis=1)
        base = self.pose.apply(self.base)
        ends = ((base, self.radius), (base + self.height * along, self.top_radius))
        low, high = zip(*(centred_box(middle, radius * across) for middle, radius in ends), strict=True)
        return np.stack([np.minimum(*low), np.maximum(*high)])

    def _local_signed_distance(self, points: Floats) -> Floats:
        # in the half-plane of radius and height: a trapezium, of whose four sides the one on the axis is no boundary
        height, radial = _cylindrical(points, self.base, self.axis)
        narrowing, slant = self.radius - self.top_radius, math.hypot(self.radius - self.top_radius, self.height)
        beside = ((radial - self.radius) * self.height + height * narrowing) / slant
        inside = np.maximum(np.maximum(-height, height - self.height), beside)
        part = np.clip(((self.radius - radial) * narrowing + height * self.height) / slant**2, 0, 1)
        outside = np.hypot(radial - (self.radius - part * narrowing), height - part * self.height)
        for level, end in ((0.0, self.radius), (self.height, self.top_radius)):
            np.minimum(outside, np.hypot(np.maximum(radial - end, 0), height - level), out=outside)
        return np.where(inside <= 0, inside, outside)


def _cylindrical(points: Floats, center: Point, axis: Point) -> tuple[Floats, Floats]:
    """Height along `axis` and distance from it, (n,) each."""
    unit = inputs.direction(axis, "axis")
    offset = points - np.asarray(center)
    height = offset @ unit
    offset -= height[:, None] * unit
    return height, np.sqrt(np.einsum("ij,ij->i", offset, offset))


def _distance_to_ellipsoid(points: Floats, semi_axes: Floats) -> Floats:
    """Signed distance (n,) of `points` (n, 3) to the ellipsoid Σ(xᵢ/aᵢ)² = 1, to about 1e-12 of its size.

    The nearest point is xᵢ = aᵢ²yᵢ/(aᵢ² + t), t the largest root of Σ(aᵢyᵢ/(aᵢ² + t))² = 1 (Eberly, *Distance from a
    point to an ellipse, an ellipsoid, or a hyperellipsoid*, 2013). The root is found by Newton's method on the
    reciprocal of the norm, which is concave in t, so that the steps rise to the root from below (Moré & Sorensen, SIAM
    J. Sci. Stat. Comput. 4, 553 (1983)); t is counted from −min aᵢ².
    """
    shortest = int(np.argmin(semi_axes))
    least = semi_axes[shortest]
    y = np.abs(points)
    # off the plane of symmetry, where the root may run into the pole: this moves a point by 1e-13 of the ellipsoid
    y[:, shortest] = np.maximum(y[:, shortest], 1e-13 * least)
    gap = semi_axes**2 - least**2
    weighted = semi_axes * y
    root = (weighted - gap).max(axis=1)  # every single term is at most one there
    for _ in range(50):
        ratio = weighted / (gap + root[:, None])
        square = np.einsum("ij,ij->i", ratio, ratio)
        if (square <= 1 + 1e-13).all():
            break
        slope = np.einsum("ij,ij,ij->i", ratio, ratio, 1 / (gap + root[:, None]))
        root += np.maximum(square * (np.sqrt(square) - 1) / slope, 0)
    nearest = semi_axes * weighted / (gap + root[:, None])
    distance = np.linalg.norm(y - nearest, axis=1)
    scaled = y / semi_axes
    return np.where(np.einsum("ij,ij->i", scaled, scaled) <= 1, -distance, distance)
