"""Displacement fields for `Displacement`: bending, a strain gradient, the relaxation of a misfit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Floats, Point
from construction_zone.errors import InvalidInput

_ORIGIN: Point = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Bending:
    """Bends lines along `along` into circles of `radius` (Å) about an axis on the side that `toward` leaves.

    Lengths in the neutral plane through `point` stay; at the height t along `toward` the strain is t/radius. Material
    at or beyond the centre of curvature would fold, and more than half a turn to either side would meet itself.
    """

    radius: float
    along: Point
    toward: Point
    point: Point = _ORIGIN

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", inputs.positive(self.radius, "radius"))
        along, toward = inputs.direction(self.along, "along"), inputs.direction(self.toward, "toward")
        if abs(float(along @ toward)) > 1e-6:
            raise InvalidInput(f"along {self.along} and toward {self.toward} are not at right angles; make them so")
        object.__setattr__(self, "along", inputs.point(along, "along"))
        object.__setattr__(self, "toward", inputs.point(toward, "toward"))
        object.__setattr__(self, "point", inputs.point(self.point, "point"))

    def __call__(self, points: Floats) -> Floats:
        """Displacement (n, 3) in Å."""
        along, toward = np.array(self.along), np.array(self.toward)
        offset = points - np.array(self.point)
        length, height = offset @ along, offset @ toward
        angle = length / self.radius
        # beyond half a turn the field goes on straight, so that it stays bounded where nothing is asked of it
        angle = np.clip(angle, -math.pi, math.pi)
        rest = length - angle * self.radius
        lever = self.radius + height
        new_length = lever * np.sin(angle) + rest * np.cos(angle)
        new_height = lever * np.cos(angle) - self.radius - rest * np.sin(angle)
        return np.outer(new_length - length, along) + np.outer(new_height - height, toward)


@dataclass(frozen=True)
class StrainGradient:
    """A strain along `along` that grows along the same direction: ε = rate·s, s the distance (Å) from `point`.

    `rate` is in 1/Å; where rate·s ≤ −1 space would fold.
    """

    rate: float
    along: Point
    point: Point = _ORIGIN

    def __post_init__(self) -> None:
        if not math.isfinite(self.rate):
            raise InvalidInput(f"rate is {self.rate}; give a finite strain per Å")
        object.__setattr__(self, "along", inputs.point(inputs.direction(self.along, "along"), "along"))
        object.__setattr__(self, "point", inputs.point(self.point, "point"))

    def __call__(self, points: Floats) -> Floats:
        """Displacement (n, 3) in Å."""
        along = np.array(self.along)
        distance = (points - np.array(self.point)) @ along
        return np.outer(0.5 * self.rate * distance**2, along)


@dataclass(frozen=True)
class Misfit:
    """A film strained to match its substrate at an interface, relaxing to its own lattice away from it.

    At the height h above the interface the in-plane strain is mismatch·exp(−h/decay) and the strain along the normal
    −2ν/(1 − ν) times that (biaxial stress in an isotropic film; Hirth & Lothe, *Theory of Dislocations*, 2nd ed.).
    Below the interface everything is strained in the plane as at it.

    Parameters
    ----------
    mismatch
        (a_substrate − a_film)/a_film.
    normal
        From the substrate into the film.
    point
        A point (Å) of the interface; in the plane, nothing above it moves.
    decay
        Å; None for a coherent film that does not relax.
    poisson
        ν of the film.
    """

    mismatch: float
    normal: Point
    point: Point = _ORIGIN
    decay: float | None = None
    poisson: float = 0.3

    def __post_init__(self) -> None:
        if not math.isfinite(self.mismatch) or self.mismatch <= -1:
            raise InvalidInput(f"mismatch is {self.mismatch}; give a strain above −1 such as 0.02")
        if not -1 < self.poisson < 0.5:
            raise InvalidInput(f"poisson is {self.poisson}; Poisson's ratio lies between −1 and 0.5")
        if self.decay is not None:
            object.__setattr__(self, "decay", inputs.positive(self.decay, "decay"))
        object.__setattr__(self, "normal", inputs.point(inputs.direction(self.normal, "normal"), "normal"))
        object.__setattr__(self, "point", inputs.point(self.point, "point"))

    def __call__(self, points: Floats) -> Floats:
        """Displacement (n, 3) in Å."""
        normal = np.array(self.normal)
        offset = points - np.array(self.point)
        height = offset @ normal
        in_plane = offset - np.outer(height, normal)
        above = np.maximum(height, 0.0)
        ratio = -2 * self.poisson / (1 - self.poisson) * self.mismatch
        if self.decay is None:
            share, lift = np.ones(len(points)), ratio * above
        else:
            share = np.exp(-above / self.decay)
            lift = ratio * self.decay * -np.expm1(-above / self.decay)
        return self.mismatch * share[:, None] * in_plane + np.outer(lift, normal)
