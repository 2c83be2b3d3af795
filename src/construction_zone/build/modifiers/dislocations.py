"""The displacement field of straight dislocations in an isotropic elastic medium."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Floats, Point
from construction_zone.errors import InvalidInput

_ORIGIN: Point = (0.0, 0.0, 0.0)
_PARALLEL = 1e-6


@dataclass(frozen=True)
class Dislocation:
    """A straight dislocation: edge, screw or mixed, as its Burgers vector lies to its line.

    With z along the line, x along the edge part bₑ of the Burgers vector and bₛ its screw part (Hirth & Lothe, *Theory
    of Dislocations*, 2nd ed. (1982), equations 3-1 and 3-45)::

        u_x =  bₑ/2π [θ + xy/(2(1−ν)r²)]
        u_y = −bₑ/2π [(1−2ν)/(4(1−ν)) ln(r²/b²) + (x²−y²)/(4(1−ν)r²)]
        u_z =  bₛ/2π θ

    θ jumps by 2π across the half-plane y = 0, x < 0, the glide plane of an edge: there the displacement jumps by the
    Burgers vector, along the plane, so that the lattice goes on and no atom is doubled or lost. It closes with the
    extra half-plane of an edge at y > 0.

    Use it in ``Displacement(Dislocation(…), frame, slips=True)``.

    Parameters
    ----------
    burgers
        Å, in the frame of the displacement; a lattice vector, lest the cut be a fault.
    line
        Direction of the line.
    point
        A point (Å) of the line.
    poisson
        ν.
    """

    burgers: Point
    line: Point
    point: Point = _ORIGIN
    poisson: float = 0.3

    def __post_init__(self) -> None:
        object.__setattr__(self, "burgers", inputs.point(self.burgers, "burgers"))
        object.__setattr__(self, "line", inputs.point(inputs.direction(self.line, "line"), "line"))
        object.__setattr__(self, "point", inputs.point(self.point, "point"))
        inputs.direction(self.burgers, "burgers")
        if not -1 < self.poisson < 0.5:
            raise InvalidInput(f"poisson is {self.poisson}; Poisson's ratio lies between −1 and 0.5")

    @property
    def angle(self) -> float:
        """Degrees from the line to the Burgers vector: 0 for a screw, 90 for an edge."""
        share = abs(float(np.dot(self.burgers, self.line))) / float(np.linalg.norm(self.burgers))
        return math.degrees(math.acos(min(1.0, share)))

    @property
    def character(self) -> str:
        """ "screw", "edge" or "mixed"."""
        angle = self.angle
        return "screw" if angle < 0.01 else "edge" if angle > 89.99 else "mixed"

    @property
    def axes(self) -> Floats:
        """Unit vectors (3, 3), as rows, along x, y and z of the formulas."""
        z = np.array(self.line)
        x = np.array(self.burgers) - np.dot(self.burgers, z) * z
        if np.linalg.norm(x) < _PARALLEL * np.linalg.norm(self.burgers):  # a screw: any cut does
            x = np.cross(z, np.eye(3)[int(np.argmin(np.abs(z)))])
        x = x / np.linalg.norm(x)
        return np.stack([x, np.cross(z, x), z])

    def __call__(self, points: Floats) -> Floats:
        """Displacement (n, 3) in Å."""
        axes, nu = self.axes, self.poisson
        edge, screw = float(np.dot(self.burgers, axes[0])), float(np.dot(self.burgers, axes[2]))
        x, y, _ = ((points - np.array(self.point)) @ axes.T).T
        # on the line itself nothing is defined: the smallest distance keeps it finite
        square = np.maximum(x * x + y * y, 1e-12)
        theta = np.arctan2(y, x)
        size = float(np.dot(self.burgers, self.burgers))
        along = edge * (theta + x * y / (2 * (1 - nu) * square))
        across = (1 - 2 * nu) / (4 * (1 - nu)) * np.log(square / size) + (x * x - y * y) / (4 * (1 - nu) * square)
        local = np.stack([along, -edge * across, screw * theta], axis=1) / (2 * math.pi)
        return np.asarray(local @ axes)
