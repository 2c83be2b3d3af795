"""Directions and planes in lattice terms: [uvw], (hkl), and the motions that bring them where they should be.

A lattice is a (3, 3) matrix in Å with the vectors a, b, c as *rows*, in the frame in which it is to be moved: for a
posed crystal ``crystal.pose.apply_direction(crystal.lattice)``. Indices are three numbers, or four (Miller–Bravais)
for hexagonal lattices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build import inputs
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.transforms import Affine, align, translation
from construction_zone.build.volumes import HalfSpace
from construction_zone.errors import InvalidInput

Side = Literal["nearest", "below", "above"]

_ORIGIN: Point = (0.0, 0.0, 0.0)
_UP: Point = (0.0, 0.0, 1.0)
_ON_PLANE = 1e-6
"""Å. A point this close to a lattice plane lies on it."""


@dataclass(frozen=True)
class LatticePlane:
    """A lattice plane.

    Parameters
    ----------
    normal
        Unit vector along the reciprocal lattice vector of (hkl).
    point
        A point (Å) of the plane.
    spacing
        Å from one lattice plane (hkl) to the next; with more than one site in the cell there may be others between.
    """

    normal: Point
    point: Point
    spacing: float

    @property
    def below(self) -> HalfSpace:
        """Everything on the side that the normal leaves, the plane included."""
        return HalfSpace(self.normal, self.point)

    @property
    def above(self) -> HalfSpace:
        """Everything on the side that the normal points to, the plane included."""
        x, y, z = self.normal
        return HalfSpace((-x, -y, -z), self.point)

    def shifted(self, distance: float) -> LatticePlane:
        """This plane moved by `distance` Å along its normal, e.g. half a spacing to cut between layers."""
        return replace(self, point=_point(np.array(self.point) + distance * np.array(self.normal)))


class HasLattice(Protocol):
    """What `plane_of` needs to know of a crystal."""

    @property
    def lattice(self) -> Floats:
        """(3, 3) lattice vectors as rows in the crystal's own frame, Å."""
        ...

    @property
    def fractional(self) -> Floats:
        """(n, 3) fractional coordinates of the sites."""
        ...

    @property
    def pose(self) -> Affine:
        """Origin and orientation in the scene."""
        ...


def direction(lattice: ArrayLike, uvw: Sequence[float]) -> Floats:
    """The lattice vector [uvw] = u·a + v·b + w·c as (3,) in Å; [UVTW] for hexagonal lattices."""
    rows = _lattice(lattice)
    indices = _indices(uvw, "[uvw]")
    if len(indices) == 4:
        _require_hexagonal(rows, indices)
        u, v, _, w = indices
        indices = [2 * u + v, 2 * v + u, w]
    return np.asarray(np.array(indices) @ rows)


def reciprocal_vector(lattice: ArrayLike, hkl: Sequence[float]) -> Floats:
    """The reciprocal vector of (hkl) as (3,) in Å⁻¹, |g| = 1/d; (hkil) for hexagonal lattices."""
    rows = _lattice(lattice)
    indices = _indices(hkl, "(hkl)")
    if len(indices) == 4:
        _require_hexagonal(rows, indices)
        indices = [indices[0], indices[1], indices[3]]
    return np.asarray(np.linalg.inv(rows) @ np.array(indices))


def plane_normal(lattice: ArrayLike, hkl: Sequence[float]) -> Floats:
    """The unit normal (3,) of the planes (hkl)."""
    vector = reciprocal_vector(lattice, hkl)
    return vector / np.linalg.norm(vector)


def plane_spacing(lattice: ArrayLike, hkl: Sequence[float]) -> float:
    """The spacing d = 1/|g| of the planes (hkl) in Å."""
    return 1 / float(np.linalg.norm(reciprocal_vector(lattice, hkl)))


def zone_axis(
    lattice: ArrayLike,
    uvw: Sequence[float],
    along: ArrayLike = _UP,
    *,
    second: Sequence[float] | None = None,
    second_plane: Sequence[float] | None = None,
    second_along: ArrayLike | None = None,
    origin: ArrayLike = _ORIGIN,
) -> Affine:
    """The rotation about `origin` (Å) that brings the zone axis [uvw] `along` the beam.

    With `second`, another direction [uvw], or `second_plane`, the normal of (hkl), and `second_along` the spin is fixed
    too: what of it lies across the zone axis ends up along what of `second_along` lies across `along`.
    """
    turned = _second(lattice, second, second_plane)
    return align(direction(lattice, uvw), along, turned, second_along, origin=origin)


def plane_along(
    lattice: ArrayLike,
    hkl: Sequence[float],
    along: ArrayLike = _UP,
    *,
    second: Sequence[float] | None = None,
    second_plane: Sequence[float] | None = None,
    second_along: ArrayLike | None = None,
    origin: ArrayLike = _ORIGIN,
) -> Affine:
    """The rotation about `origin` (Å) that brings the normal of (hkl) `along` a direction; see `zone_axis`."""
    turned = _second(lattice, second, second_plane)
    return align(plane_normal(lattice, hkl), along, turned, second_along, origin=origin)


def plane_to_plane(
    lattice: ArrayLike,
    hkl: Sequence[float],
    onto: ArrayLike,
    onto_hkl: Sequence[float],
    *,
    uvw: Sequence[float] | None = None,
    onto_uvw: Sequence[float] | None = None,
    opposite: bool = False,
    origin: ArrayLike = _ORIGIN,
) -> Affine:
    """The rotation about `origin` (Å) of an orientation relationship (hkl) ∥ (h′k′l′), [uvw] ∥ [u′v′w′].

    Parameters
    ----------
    lattice, hkl, uvw
        What is turned; [uvw] must lie in (hkl).
    onto, onto_hkl, onto_uvw
        What it is turned to, in the scene.
    opposite
        Whether the normals end up antiparallel instead of parallel, as between two crystals that face each other.
    """
    sign = -1.0 if opposite else 1.0
    in_plane = None if uvw is None else _in_plane(lattice, hkl, uvw)
    onto_in_plane = None if onto_uvw is None else _in_plane(onto, onto_hkl, onto_uvw)
    if (in_plane is None) != (onto_in_plane is None):
        raise InvalidInput("give uvw and onto_uvw together, or neither")
    normal, onto_normal = plane_normal(lattice, hkl), sign * plane_normal(onto, onto_hkl)
    return align(normal, onto_normal, in_plane, onto_in_plane, origin=origin)


def face_to_face(
    normal: ArrayLike,
    point: ArrayLike,
    onto_normal: ArrayLike,
    onto_point: ArrayLike,
    *,
    gap: float = 0.0,
    second: ArrayLike | None = None,
    second_to: ArrayLike | None = None,
) -> Affine:
    """The motion that brings one surface face to face with another, point to point.

    Parameters
    ----------
    normal, point
        Outward normal and a point (Å) of the surface that moves: `point` ends up `gap` Å before `onto_point`, with the
        normals antiparallel.
    onto_normal, onto_point
        The same of the surface that stays.
    second, second_to
        Directions that fix the spin, as in `align`.
    """
    facing = inputs.direction(onto_normal, "onto_normal")
    if not math.isfinite(gap):
        raise InvalidInput(f"gap is {gap} Å; give a finite distance")
    start, end = np.array(inputs.point(point, "point")), np.array(inputs.point(onto_point, "onto_point"))
    turn = align(normal, -facing, second, second_to, origin=start)
    return translation(end + gap * facing - start) @ turn


def snapped_plane(
    lattice: ArrayLike,
    hkl: Sequence[int],
    near: ArrayLike,
    side: Side = "nearest",
    *,
    sites: ArrayLike = ((0.0, 0.0, 0.0),),
    origin: ArrayLike = _ORIGIN,
    seen_from: ArrayLike | None = None,
) -> LatticePlane:
    """The plane (hkl) through lattice sites that is nearest to a point, or the first one below or above it.

    Parameters
    ----------
    lattice, hkl
        (hkl) whole numbers, not all zero; a common divisor does not matter.
    near
        The point in Å; the plane's `point` is the foot of the perpendicular from it.
    side
        "below" and "above" count along the plane's normal; a plane that holds the point (within 1e-6 Å) is both.
    sites
        (n, 3) fractional coordinates of the sites that planes may pass through.
    origin
        Where in the scene the lattice has its corner (0, 0, 0), Å.
    seen_from
        A point in Å. With it the normal points away from this point, whatever the signs of (hkl), so that "below"
        means nearer to it.
    """
    if side not in ("nearest", "below", "above"):
        raise InvalidInput(f"side is {side!r}; give 'nearest', 'below' or 'above'")
    vector = reciprocal_vector(lattice, hkl)
    indices = np.array(_indices(hkl, "(hkl)"))[[0, 1, -1]]
    whole = np.round(indices).astype(int)
    if np.abs(indices - whole).max() > 1e-9:
        raise InvalidInput(f"(hkl) is {list(hkl)}; a plane through lattice sites needs whole numbers")
    # through the corners of the cells pass the planes of the coprime indices
    divisor = math.gcd(*whole.tolist())
    spacing = divisor / float(np.linalg.norm(vector))
    normal = vector / np.linalg.norm(vector)
    fractions = inputs.points(sites, "sites") @ whole / divisor
    place, corner = np.array(inputs.point(near, "near")), np.array(inputs.point(origin, "origin"))
    if seen_from is not None and (place - np.array(inputs.point(seen_from, "seen_from"))) @ normal < 0:
        normal, fractions = -normal, -fractions
    height = float((place - corner) @ normal) / spacing
    steps = np.mod(fractions - height, 1.0)  # to the next plane up, in spacings
    up = steps.copy()
    up[1 - steps < _ON_PLANE / spacing] -= 1
    down = up - 1
    down[np.abs(up) < _ON_PLANE / spacing] = up[np.abs(up) < _ON_PLANE / spacing]
    above, below = float(up.min()), float(down.max())
    step = {"above": above, "below": below, "nearest": above if above <= -below else below}[side]
    return LatticePlane(_point(normal), _point(place + step * spacing * normal), spacing)


def plane_of(
    crystal: HasLattice,
    hkl: Sequence[int],
    near: ArrayLike,
    side: Side = "nearest",
    *,
    seen_from: ArrayLike | None = None,
) -> LatticePlane:
    """The plane (hkl) through sites of a `crystal`, where it stands in the scene; see `snapped_plane`."""
    lattice = crystal.pose.apply_direction(crystal.lattice)
    origin, sites = crystal.pose.vector, crystal.fractional
    return snapped_plane(lattice, hkl, near, side, sites=sites, origin=origin, seen_from=seen_from)


def _second(lattice: ArrayLike, uvw: Sequence[float] | None, hkl: Sequence[float] | None) -> Floats | None:
    if uvw is not None and hkl is not None:
        raise InvalidInput("give second or second_plane, not both")
    if uvw is not None:
        return direction(lattice, uvw)
    return None if hkl is None else plane_normal(lattice, hkl)


def _in_plane(lattice: ArrayLike, hkl: Sequence[float], uvw: Sequence[float]) -> Floats:
    vector = direction(lattice, uvw)
    product = float(vector @ reciprocal_vector(lattice, hkl))
    if abs(product) > 1e-6:
        raise InvalidInput(
            f"[{' '.join(f'{u:g}' for u in uvw)}] does not lie in ({' '.join(f'{h:g}' for h in hkl)}): "
            f"hu + kv + lw is {product:.6g}; give a direction for which it is 0"
        )
    return vector


def _lattice(values: ArrayLike) -> Floats:
    try:
        rows = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"lattice is {values!r}; give a 3 × 3 matrix with the vectors a, b, c as rows (Å)"
        ) from error
    if rows.shape != (3, 3) or not np.isfinite(rows).all():
        raise InvalidInput(f"lattice has shape {rows.shape}; give a finite 3 × 3 matrix with a, b, c as rows (Å)")
    if not rows.any(axis=1).all() or np.linalg.cond(rows / np.linalg.norm(rows, axis=1)[:, None]) > 1e10:
        raise InvalidInput(f"lattice {rows.tolist()} is flat: a, b and c must not lie in a plane")
    return rows


def _indices(values: Sequence[float], what: str) -> list[float]:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{what} is {values!r}; give three numbers, or four for a hexagonal lattice") from error
    if array.shape not in ((3,), (4,)) or not np.isfinite(array).all():
        raise InvalidInput(f"{what} is {values!r}; give three numbers, or four for a hexagonal lattice")
    if not array.any():
        raise InvalidInput(f"{what} is all zeros, which is no direction; give indices such as [1, 1, 0]")
    return [float(x) for x in array]


def _require_hexagonal(rows: Floats, indices: list[float]) -> None:
    if abs(indices[0] + indices[1] + indices[2]) > 1e-9:
        raise InvalidInput(f"four indices {indices}: the third must be minus the sum of the first two")
    lengths = np.linalg.norm(rows, axis=1)
    metric = (rows / lengths[:, None]) @ (rows / lengths[:, None]).T
    alike = np.isclose(lengths[0], lengths[1], rtol=1e-6)
    angles = [metric[0, 1], metric[0, 2], metric[1, 2]]
    if not alike or not np.allclose(angles, [-0.5, 0, 0], atol=1e-6):
        raise InvalidInput("four indices need a hexagonal lattice (a = b, γ = 120°, c across them); give three")


def _point(values: Floats) -> Point:
    return (float(values[0]), float(values[1]), float(values[2]))
