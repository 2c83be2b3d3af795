"""A straight dislocation in any volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build import inputs, lattice_directions
from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.modifiers import AnisotropicDislocation, Dislocation, Displacement, Modified
from construction_zone.build.prefabs.base import Described, crystal_of, prefab
from construction_zone.build.prefabs.planar import ball_or
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_GRID = 24
"""Points along each edge of the cell in projection that are tried for the core."""

_AROUND = 3.0
"""Burgers vectors around the line within which there must be atoms on all sides for it to be in the material."""

_WIDEST_GAP = 120.0
"""Degrees about the line that may be without atoms there."""


@prefab
def dislocated(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    burgers: Sequence[float],
    line: Sequence[float],
    point: ArrayLike | None = None,
    poisson: float = 0.3,
    stiffness: Sequence[float] | None = None,
    seed: Seed = 0,
    name: str = "dislocated",
) -> Zone:
    """A crystal with a straight dislocation: screw, edge or mixed, as the Burgers vector lies to the line.

    Isotropic elasticity (see `Dislocation`), or with `stiffness` anisotropic. The volume cuts the displaced crystal, so
    that it is full to its surface.

    Parameters
    ----------
    crystal
        Turned as its pose says.
    radius, volume
        A ball about the origin (Å), or any volume anywhere.
    burgers
        In lattice terms, e.g. (0.5, 0.5, 0) for a/2[110]; a vector from site to equivalent site.
    line
        [uvw] of the line.
    point
        A point (Å) of the line; by default the place near the middle of the volume that is farthest from the rows of
        atoms along the line.
    poisson
        Poisson's ratio.
    stiffness
        Elastic constants (C11, C12, C44) of a cubic crystal in its usual axes, about (192, 163, 42) GPa for gold
        (Neighbours & Alers, Phys. Rev. 111, 707 (1958)), (C11, C12, C13, C33, C44) of a hexagonal one, or a 6 × 6
        matrix. The displacement is then that of `AnisotropicDislocation`, which needs the extra "anisotropic".

    The record has, for a line with atoms all around it, `dislocations` with its `burgers` (Å), `line` and `point` (Å)
    in the scene, its `character`, `angle` (degrees between line and Burgers vector) and `elasticity`.

    Raises `InvalidInput` for Burgers vectors that are no lattice vectors, since those leave a fault behind.
    """
    given = crystal_of(crystal)
    region = ball_or(volume, radius)
    vector = lattice_directions.direction(given.lattice, burgers)
    along = inputs.direction(lattice_directions.direction(given.lattice, line), "line")
    _refuse_partial(given, vector, burgers)
    bounds = region.bounds
    middle = bounds.mean(axis=0) if np.isfinite(bounds).all() else np.zeros(3)
    at = inputs.points(middle if point is None else point, "point")[0]
    own = given.pose.inverse.apply(at)
    if point is None:
        own = _between_rows(given, along, own)
    straight = Dislocation(_point(vector), _point(along), _point(own), poisson)
    field = straight if stiffness is None else AnisotropicDislocation(straight, stiffness)
    strained = Modified(given, [Displacement(field, "crystal", slips=True)])
    elasticity = "isotropic" if stiffness is None else "anisotropic"
    return Zone(region, Described(strained, "dislocated", Line(straight, given.pose, elasticity)), name)


@dataclass(frozen=True)
class Line:
    """Describes a dislocation, if its line runs through the atoms.

    Parameters
    ----------
    dislocation
        In the frame of the crystal.
    pose
        Of the crystal, before the prefab was moved.
    elasticity
        "isotropic" or "anisotropic".
    """

    dislocation: Dislocation
    pose: Affine
    elasticity: str

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        """`dislocations`: none or one."""
        pose, field = placed @ self.pose, self.dislocation
        local = pose.inverse.apply(atoms.positions) - np.array(field.point)
        x, y, z = (local @ field.axes.T).T
        near = np.hypot(x, y) < _AROUND * np.linalg.norm(field.burgers)
        if near.sum() < 3:
            return {"dislocations": []}
        angles = np.sort(np.degrees(np.arctan2(y[near], x[near])))
        if np.diff(angles, append=angles[0] + 360).max() > _WIDEST_GAP:
            return {"dislocations": []}
        middle = np.array(field.point) + z[near].mean() * field.axes[2]
        return {
            "dislocations": [
                {
                    "burgers": pose.apply_direction(field.burgers).tolist(),
                    "line": (pose.apply_direction(field.line)).tolist(),
                    "point": pose.apply(middle).tolist(),
                    "character": field.character,
                    "angle": field.angle,
                    "elasticity": self.elasticity,
                }
            ]
        }


def _refuse_partial(crystal: Crystal, vector: Floats, burgers: Sequence[float]) -> None:
    if not is_lattice_vector(crystal, vector):
        raise InvalidInput(
            f"burgers {list(burgers)} is no lattice vector of {crystal.phase}: a partial dislocation ends a fault; "
            "give a vector from site to equivalent site, such as (0.5, 0.5, 0) in fcc"
        )


def is_lattice_vector(crystal: Crystal, vector: Floats) -> bool:
    """Whether a shift by `vector` (Å, in the crystal's frame) brings every site onto one of the same occupation."""
    fractional = np.concatenate([crystal.fractional, crystal.fractional + vector @ np.linalg.inv(crystal.lattice)])
    count = len(crystal.fractional)
    kinds = list(map(repr, crystal.occupancy or crystal.numbers.tolist()))
    for site in range(count):
        delta = fractional[count + site] - fractional[:count]
        delta -= np.round(delta)
        there = np.linalg.norm(delta @ crystal.lattice, axis=1) < 1e-3
        if not any(there[other] and kinds[other] == kinds[site] for other in range(count)):
            return False
    return True


def _between_rows(crystal: Crystal, along: Floats, near: Floats) -> Floats:
    """The point next to `near` that is farthest from the rows of sites along a direction, in the crystal's frame."""
    across = np.cross(along, np.eye(3)[int(np.argmin(np.abs(along)))])
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(along, across)])
    reach = 2 * float(np.linalg.norm(crystal.lattice, axis=1).max())
    most = np.ceil(reach * np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)).astype(int) + 1
    cells = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing="ij"), axis=-1).reshape(-1, 3)
    corner = np.floor(near @ np.linalg.inv(crystal.lattice)) @ crystal.lattice
    sites = ((cells @ crystal.lattice)[:, None] + crystal.positions).reshape(-1, 3) + corner
    rows = np.unique(np.round((sites - near) @ frame.T, 6), axis=0)
    rows = rows[np.linalg.norm(rows, axis=1) < reach]
    ticks = np.linspace(-reach / 4, reach / 4, 2 * _GRID + 1)
    tried = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    distance = np.linalg.norm(tried[:, None] - rows, axis=2).min(axis=1)
    best = tried[distance > distance.max() - 0.02]
    chosen = best[int(np.argmin(np.round(np.linalg.norm(best, axis=1), 6)))]
    return np.asarray(near + chosen @ frame)


def _point(vector: Floats) -> Point:
    return (float(vector[0]), float(vector[1]), float(vector[2]))
