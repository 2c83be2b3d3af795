"""Rods, wires and plates: prisms of side facets along a direction of the lattice, with caps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.lattice_directions import direction, plane_normal
from construction_zone.build.prefabs import facets
from construction_zone.build.prefabs.base import crystal_of, prefab
from construction_zone.build.prefabs.facets import Planes
from construction_zone.build.prefabs.shapes import _ON_ATOM, Origin
from construction_zone.build.prefabs.symmetry import Miller, centred_on, family
from construction_zone.build.volumes import Capsule, ConvexPolyhedron
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

_PARALLEL = 1e-6


@prefab
def rod(
    crystal: Crystal | str,
    *,
    length: float,
    diameter: float,
    axis: Sequence[float] = (0, 0, 1),
    sides: Miller = (1, 0, 0),
    caps: Miller | str = "flat",
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "rod",
) -> Zone:
    """A rod along a direction of the lattice, with facets of one family round its sides.

    Wurtzite rods grow along c between {10-10} facets (X. Peng et al., Nature 404, 59 (2000)).

    Parameters
    ----------
    crystal
        Turned as its pose says.
    length, diameter
        Å, from tip to tip and across opposite sides.
    axis
        [uvw] along the rod.
    sides
        The family of its side facets, of which those along the axis are taken; (1, 0, 0) of a hexagonal crystal is
        {10-10}.
    caps
        "flat", "round" (half balls), or a family of pyramid facets such as "10-11" that meet at the tips.
    origin, seed
        As in `wulff`.

    Raises `InvalidInput` if too few planes of `sides` are parallel to the axis, or of `caps` inclined to it.
    """
    return _prism("rod", crystal_of(crystal), length, diameter, axis, sides, caps, origin, seed, name)


@prefab
def plate(
    crystal: Crystal | str,
    *,
    thickness: float,
    diameter: float,
    axis: Sequence[float] = (0, 0, 1),
    sides: Miller = (1, 0, 0),
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "plate",
) -> Zone:
    """A flat prism, `thickness` (Å) along `axis` and `diameter` (Å) across opposite sides. Parameters as in `rod`."""
    return _prism("plate", crystal_of(crystal), thickness, diameter, axis, sides, "flat", origin, seed, name)


def _prism(
    kind: str,
    crystal: Crystal,
    length: float,
    diameter: float,
    axis: Sequence[float],
    sides: Miller,
    caps: Miller | str,
    origin: Origin,
    seed: Seed,
    name: str,
) -> Zone:
    long, wide = inputs.positive(length, "length"), inputs.positive(diameter, "diameter")
    placed = centred_on(crystal, origin, seeding.generator(seed, "origin"))
    lattice = placed.pose.apply_direction(placed.lattice)
    unit = direction(lattice, axis)
    unit = unit / np.linalg.norm(unit)
    rows, normals = _family(placed, lattice, sides)
    along = np.abs(normals @ unit) < _PARALLEL
    if along.sum() < 3 or np.linalg.matrix_rank(normals[along], tol=1e-3) < 2:
        raise InvalidInput(
            f"{facets.shown(sides)} of {placed.phase} has {int(along.sum())} planes along "
            f"[{' '.join(map(str, axis))}]; a rod needs three or more around it: give another family or axis"
        )
    side = Planes(rows[along], normals[along], np.full(int(along.sum()), wide / 2))
    cap = _caps(placed, lattice, unit, caps, long)
    planes = side.with_(cap)
    facets.refuse_open(planes, placed, "cap or side")
    if caps != "round":
        return facets.zone_of(planes, placed, kind, name)
    corners = planes.corners()
    girth = float(np.linalg.norm(corners - np.outer(corners @ unit, unit), axis=1).max())
    if long <= 2 * girth:
        raise InvalidInput(
            f"length is {long:g} Å; with round caps it must be above {2 * girth:g} Å, or give other caps"
        )
    # the capsule touches the edges of the prism, so that only its ends cut
    volume = ConvexPolyhedron(corners) & Capsule(girth, long, axis=_point(unit))
    return facets.zone_of(planes, placed, kind, name, volume)


def _family(crystal: Crystal, lattice: Floats, hkl: Miller) -> tuple[NDArray[np.int64], Floats]:
    rows = family(crystal, hkl)
    rows += [
        opposite for h, k, m in rows if (opposite := (-h, -k, -m)) not in rows
    ]  # a rod has both ends of a polar axis
    return np.array(rows), np.array([plane_normal(lattice, row) for row in rows])


def _caps(crystal: Crystal, lattice: Floats, unit: Floats, caps: Miller | str, length: float) -> Planes:
    if caps in ("flat", "round"):
        # the plane across [uvw] has indices in proportion to the lattice vectors' components along it
        indices = lattice @ unit
        whole = np.round(indices / np.abs(indices[np.abs(indices) > 1e-6 * np.abs(indices).max()]).min()).astype(
            np.int64
        )
        if plane_normal(lattice, whole.tolist()) @ unit < 1 - 1e-9:
            raise InvalidInput(f"no plane of {crystal.phase} lies across this axis; give a family as caps=")
        return Planes(np.stack([whole, -whole]), np.stack([unit, -unit]), np.full(2, length / 2))
    rows, normals = _family(crystal, lattice, caps)
    cosine = normals @ unit
    inclined = np.abs(cosine) > _PARALLEL
    if not inclined.any():
        raise InvalidInput(f"no plane of {facets.shown(caps)} is inclined to the axis; give another family of caps")
    steepest = np.abs(cosine) > np.abs(cosine[inclined]).max() - _PARALLEL
    # planes through the tip
    return Planes(rows[steepest], normals[steepest], np.abs(cosine[steepest]) * length / 2)


def _point(values: Floats) -> Point:
    return (float(values[0]), float(values[1]), float(values[2]))
