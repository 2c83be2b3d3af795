"""The strain that closes the gaps of multiply twinned particles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import ConvexHull

from construction_zone.build.arrays import IDEAL
from construction_zone.build.inputs import Floats
from construction_zone.build.modifiers import Setting
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

_HALF_ANGLE = math.atan(math.sqrt(0.5))
"""Half the angle between the two {111} of a tetrahedron of fcc that meet at the axis: 35.264°."""

DECAHEDRAL_STRETCH = math.tan(math.pi / 5) / math.tan(_HALF_ANGLE)
"""1.02749: what stretches five tetrahedra, each along its [1-10], until they close."""

ICOSAHEDRAL_STRETCH = 1 / math.sin(2 * math.pi / 5)
"""1.05146: tangential over radial bonds of an icosahedron."""


@dataclass(frozen=True)
class Closure:
    """Moves the atoms of a homogeneously closed particle to where isotropic elasticity has them.

    With σ_rr = 0 at the surface and the tangential stretch 1 + κ that closes the gap, the displacement along the
    radius is mκr[(1 − 2ν)/(1 − ν) ln(r/R) − 1] for a point at r in the unstrained crystals, with m = 1/2 and 1 + κ =
    36°/35.264° about an axis, and m = 2/3 and (1 + κ)² the ratio of the solid angles, 4π/20 to 0.5513, about a point.

    Parameters
    ----------
    dimensions
        2 about the z axis, 3 about the origin.
    radius
        R, Å.
    poisson
        ν.
    """

    dimensions: int
    radius: float
    poisson: float

    def __post_init__(self) -> None:
        if not -1 < self.poisson < 0.5:
            raise InvalidInput(f"poisson is {self.poisson}; Poisson's ratio lies between −1 and 0.5")

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "disclination"

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, dict[str, Any]]:
        """The atoms at their new places, and the largest displacement (Å)."""
        local = setting.placed.inverse.apply(atoms.positions)
        moved = setting.placed.apply(self.relaxed(local))
        atoms.arrays.setdefault(IDEAL, atoms.positions.copy())
        largest = float(np.linalg.norm(moved - atoms.positions, axis=1).max(initial=0.0))
        atoms.positions = moved
        return atoms, {
            "model": "wedge disclination" if self.dimensions == 2 else "isotropic sphere",
            "radius": self.radius,
            "poisson": self.poisson,
            "largest_displacement": largest,
        }

    def relaxed(self, points: Floats) -> Floats:
        """Where `points` (n, 3) of the homogeneously closed particle go."""
        return self._about_axis(points) if self.dimensions == 2 else self._about_point(points)

    def _about_axis(self, points: Floats) -> Floats:
        sector = 2 * math.pi / 5
        angle = np.arctan2(points[:, 1], points[:, 0])
        middle = np.floor((angle - math.pi / 2) / sector) * sector + math.pi / 2 + sector / 2
        length = np.hypot(points[:, 0], points[:, 1])
        along, across = length * np.cos(angle - middle), length * np.sin(angle - middle) / DECAHEDRAL_STRETCH
        before = np.hypot(along, across)
        spread = math.pi / 5 / _HALF_ANGLE
        after = before + self._radial(before, 0.5 * (spread - 1))
        turned = middle + np.arctan2(across, along) * spread
        return np.stack([after * np.cos(turned), after * np.sin(turned), points[:, 2]], axis=1)

    def _about_point(self, points: Floats) -> Floats:
        length = np.linalg.norm(points, axis=1)
        axial = (points @ _face_directions().T).max(axis=1)
        tangential = np.sqrt(np.maximum(length**2 - axial**2, 0.0))
        # the radial edges of the tetrahedra keep their length, so that the height over the outer face shrinks
        height = math.sqrt((1 - ICOSAHEDRAL_STRETCH**2 / 3) / (2 / 3))
        before = np.hypot(axial / height, tangential / ICOSAHEDRAL_STRETCH)
        solid = 3 * math.acos(1 / 3) - math.pi
        after = before + self._radial(before, 2 / 3 * (math.sqrt(4 * math.pi / 20 / solid) - 1))
        return points * (after / np.where(length > 0, length, 1.0))[:, None]

    def _radial(self, r: Floats, factor: float) -> Floats:
        logarithm = np.log(np.maximum(r, 1e-12) / self.radius)
        nu = self.poisson
        return np.asarray(factor * r * ((1 - 2 * nu) / (1 - nu) * logarithm - 1))


def icosahedral() -> Floats:
    """The unit vectors (12, 3) to the corners of an icosahedron with a twofold axis along z."""
    golden = (1 + math.sqrt(5)) / 2
    corners = np.array([(0.0, i, j * golden) for i in (1, -1) for j in (1, -1)])
    return np.concatenate([np.roll(corners, turn, axis=1) for turn in range(3)]) / math.hypot(1, golden)


def _face_directions() -> Floats:
    """The unit vectors (20, 3) to the middles of its faces."""
    corners = icosahedral()
    middles = corners[ConvexHull(corners).simplices].mean(axis=1)
    return np.asarray(middles / np.linalg.norm(middles, axis=1)[:, None])
