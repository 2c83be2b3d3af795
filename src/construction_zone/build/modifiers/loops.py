"""The displacement field of a dislocation loop in an isotropic elastic medium."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Floats, Point
from construction_zone.errors import InvalidInput

_CORE = 1e-6
"""Å. On the line itself nothing is defined: this keeps it finite."""

_FLAT = 1e-6
"""Share of its size by which the corners of a loop may leave their plane."""


@dataclass(frozen=True)
class DislocationLoop:
    """A flat polygonal loop of any Burgers vector.

    The displacement is a sum over the sides of the polygon and its solid angle Ω (Barnett, Philos. Mag. A 51, 383
    (1985))::

        u = −b Ω/4π + (1−2ν)/(8π(1−ν)) Σ (b × t) ln[(R₁+R₂+L)/(R₁+R₂−L)]
            − 1/(8π(1−ν)) Σ [b·(λ₁×λ₂)] (λ₁+λ₂)/(1+λ₁·λ₂)

    with R₁ and R₂ the distances to the ends of a side, λ₁ and λ₂ the unit vectors to them, t its direction and L its
    length. Ω is that of triangles (van Oosterom & Strackee, IEEE Trans. Biomed. Eng. 30, 125 (1983)), negative on the
    side of the normal. Across the disc u jumps by the Burgers vector: what lies on the side of the normal is moved by
    `burgers` against the other; that is the opposite sign of b for a line that turns to the left in Barnett's paper.

    Parameters
    ----------
    burgers
        Å, in the frame of the displacement.
    corners
        (n, 3) Å, in one plane; the normal is that about which they turn to the left.
    poisson
        ν.
    """

    burgers: Point
    corners: tuple[Point, ...]
    poisson: float = 0.3

    def __post_init__(self) -> None:
        object.__setattr__(self, "burgers", inputs.point(self.burgers, "burgers"))
        inputs.direction(self.burgers, "burgers")
        corners = inputs.points(self.corners, "corners")
        if len(corners) < 3:
            raise InvalidInput(f"corners has {len(corners)} points; a loop needs three or more")
        object.__setattr__(self, "corners", tuple(inputs.point(corner, "corners") for corner in corners))
        if not -1 < self.poisson < 0.5:
            raise InvalidInput(f"poisson is {self.poisson}; Poisson's ratio lies between −1 and 0.5")
        size = float(np.ptp(corners, axis=0).max())
        if self.area < 1e-9 * size**2:
            raise InvalidInput("the corners of the loop lie on a line; give those of a polygon")
        if np.abs((corners - corners[0]) @ self.normal).max() > _FLAT * size:
            raise InvalidInput("the corners of the loop do not lie in a plane; make it flat")

    @classmethod
    def regular(
        cls, burgers: Point, radius: float, normal: Point, sides: int, toward: Point, point: Point, poisson: float = 0.3
    ) -> DislocationLoop:
        """A regular polygon whose corners lie `radius` Å from `point`, the first of them along `toward`."""
        axis = inputs.direction(normal, "normal")
        first = np.array(toward) - np.dot(toward, axis) * axis
        first = inputs.direction(first, "toward")
        angles = 2 * math.pi * np.arange(sides) / sides
        ring = np.outer(np.cos(angles), first) + np.outer(np.sin(angles), np.cross(axis, first))
        corners = np.array(point) + inputs.positive(radius, "radius") * ring
        return cls(burgers, tuple(map(tuple, corners.tolist())), poisson)

    @property
    def area_vector(self) -> Floats:
        """The area (Å²) of the disc along its normal (3,)."""
        corners = np.array(self.corners)
        return np.asarray(np.cross(corners, np.roll(corners, -1, axis=0)).sum(axis=0) / 2)

    @property
    def area(self) -> float:
        """Å² of the disc."""
        return float(np.linalg.norm(self.area_vector))

    @property
    def normal(self) -> Floats:
        """Unit normal (3,)."""
        return self.area_vector / self.area

    @property
    def opening(self) -> float:
        """Å by which the two sides of the disc move apart: above zero with interstitials, below with vacancies."""
        return float(np.dot(self.burgers, self.normal))

    def solid_angle(self, points: Floats) -> Floats:
        """Ω (n,) of the disc, from −2π just above it to 2π just below."""
        corners = np.array(self.corners)
        total = np.zeros(len(points))
        first = corners[0] - points
        one = np.linalg.norm(first, axis=1)
        for k in range(1, len(corners) - 1):
            second, third = corners[k] - points, corners[k + 1] - points
            two, three = np.linalg.norm(second, axis=1), np.linalg.norm(third, axis=1)
            top = (first * np.cross(second, third)).sum(axis=1)
            bottom = (
                one * two * three
                + (first * second).sum(axis=1) * three
                + (second * third).sum(axis=1) * one
                + (third * first).sum(axis=1) * two
            )
            total += 2 * np.arctan2(top, bottom)
        return total

    def smooth(self, points: Floats) -> Floats:
        """The part (n, 3) in Å of the displacement that does not jump: all but −b Ω/4π."""
        burgers, nu = np.array(self.burgers), self.poisson
        corners = np.array(self.corners)
        total = np.zeros(points.shape)
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            length = float(np.linalg.norm(end - start))
            one, two = start - points, end - points
            far_one = np.maximum(np.linalg.norm(one, axis=1), _CORE)
            far_two = np.maximum(np.linalg.norm(two, axis=1), _CORE)
            both = far_one + far_two
            log = np.log((both + length) / np.maximum(both - length, _CORE))
            total += (1 - 2 * nu) * log[:, None] * np.cross(burgers, (end - start) / length)
            one, two = one / far_one[:, None], two / far_two[:, None]
            turn = np.cross(one, two) @ burgers / np.maximum(1 + (one * two).sum(axis=1), _CORE**2)
            total -= turn[:, None] * (one + two)
        return total / (8 * math.pi * (1 - nu))

    def __call__(self, points: Floats) -> Floats:
        """Displacement (n, 3) in Å."""
        return self.smooth(points) - np.outer(self.solid_angle(points), self.burgers) / (4 * math.pi)
