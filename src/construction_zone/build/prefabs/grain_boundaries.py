"""Grain boundaries: two crystals of one kind that meet in a plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.generators.domains import Domain, Domains
from construction_zone.build.inputs import Floats
from construction_zone.build.prefabs import coincidence
from construction_zone.build.prefabs.base import crystal_of, prefab
from construction_zone.build.prefabs.marks import Boundary, Marked
from construction_zone.build.prefabs.planar import ball_or
from construction_zone.build.prefabs.symmetry import Miller, is_cubic, miller
from construction_zone.build.transforms import IDENTITY, align, rotation
from construction_zone.build.volumes import Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

OVERLAP = 0.75
"""Share of the distances in the crystal below which one of two atoms at a boundary goes."""

_SAME_ORIENTATION = 1e-4
"""Degrees below which two crystals are one."""

_X, _Z = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


@prefab
def grain_boundary(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    axis: Sequence[int] = (0, 0, 1),
    angle: float | None = None,
    sigma: int | None = None,
    kind: Literal["tilt", "twist"] = "tilt",
    plane: Miller | None = None,
    share: float = 0.5,
    shift: ArrayLike = (0.0, 0.0, 0.0),
    overlap: float = OVERLAP,
    seed: Seed = 0,
    name: str = "grain_boundary",
) -> Zone:
    """A tilt or twist boundary in the plane x = 0; with `radius=` a bicrystal nanoparticle.

    Parameters
    ----------
    crystal
        Its orientation plays no part.
    radius, volume
        A ball about the origin (Å), or any volume anywhere.
    axis
        [uvw] about which the crystals are turned against each other. Of a tilt boundary it points along z, so that the
        beam sees the boundary edge on; of a twist boundary along x.
    angle
        Degrees.
    sigma
        Or Σ of the coincidence lattice of a cubic crystal; the smallest angle that gives it is taken.
    kind
        "tilt" or "twist".
    plane
        Of a tilt boundary: (hkl), a plane that holds the axis, from which the crystals are turned to either side.
        Default: the one of lowest indices.
    share
        Of the turn that the crystal at x < 0 takes; 1/2 is a symmetric boundary.
    shift
        Å by which the crystal at x > 0 is moved in the end, along x (apart), y and z.
    overlap
        Share of the shortest distance of two elements in the crystal: of two atoms of different grains that are closer,
        the one at x > 0 goes.

    The record has the boundary in `defects`, with its `axis`, `angle`, `sigma`, `normal` and `point`, and the
    `disorientation` (the smallest equivalent angle, which is 0 where there is no boundary and no entry), the two
    `grains` and the atoms `removed`.

    Raises `InvalidInput` for a Σ that the axis does not have (it lists those that it has) or a crystal that is not
    cubic, and for a plane that does not hold the axis.
    """
    region = ball_or(volume, radius)
    base = replace(crystal_of(crystal), pose=IDENTITY)
    base = base.shifted(-base.positions[0])
    if kind not in ("tilt", "twist"):
        raise InvalidInput(f"kind is {kind!r}; give 'tilt' or 'twist'")
    turn = _angle(base, axis, angle, sigma)
    part = inputs.not_negative(share, "share", "")
    if part > 1:
        raise InvalidInput(f"share is {share}; give a number from 0 to 1")
    if kind == "tilt":
        hkl = _holding(base, axis) if plane is None else miller(plane, base)
        if abs(float(base.direction(axis) @ base.normal(hkl))) > 1e-6:
            raise InvalidInput(
                f"the plane {hkl} does not hold the axis {list(axis)}; a tilt boundary needs one that does"
            )
        about = _Z
        reference = base.moved(align(base.direction(axis), _Z, base.normal(hkl), _X))
    else:
        about = _X
        reference = between_layers(base.moved(align(base.direction(axis), _X)), np.array(_X))
    first = reference.moved(rotation(about, turn * part))
    second = reference.moved(rotation(about, turn * (part - 1))).shifted(shift)
    what = {
        "axis": [int(index) for index in axis],
        "angle": turn,
        "sigma": None if sigma is None else int(sigma),
        "type": kind,
    }
    return Zone(region, two_grains(first, second, "grain_boundary", overlap, what), name)


def two_grains(first: Crystal, second: Crystal, prefab_name: str, overlap: float, about: dict[str, object]) -> Marked:
    """`first` at x < 0 and `second` at x > 0, with what the record says of their boundary."""
    limits = coincidence.shortest_distances(first, inputs.not_negative(overlap, "overlap", ""))
    domains = [
        Domain(first, np.array([_X]), np.zeros(1)),
        Domain(second, -np.array([_X]), np.zeros(1)),
    ]
    bond = coincidence.shortest_distances(first, 1.0).default
    turn = coincidence.disorientation(first.pose.matrix, second.pose.matrix, coincidence.proper_rotations(first))
    what = {**about, "disorientation": turn}
    mark = Boundary("grain boundary", np.array(_X), 0.0, reach=bond / 2, beyond=1.5 * bond, about=what)
    marks = (mark,) if turn > _SAME_ORIENTATION else ()
    return Marked(Domains(domains, min_distance=limits), prefab_name, marks, 0)


def between_layers(crystal: Crystal, normal: Floats) -> Crystal:
    """The crystal shifted along `normal` so that the origin lies in the middle of the widest gap between its layers."""
    lattice = crystal.pose.apply_direction(crystal.lattice)
    cells = np.array(list(product(range(-4, 5), repeat=3)))
    heights = ((cells @ lattice)[:, None] + crystal.pose.apply(crystal.positions)).reshape(-1, 3) @ normal
    near = np.sort(heights[np.abs(heights) < np.linalg.norm(lattice, axis=1).max()])
    gaps = np.diff(near)
    widest = np.flatnonzero(gaps > gaps.max() - 1e-6)
    middles = (near[widest] + near[widest + 1]) / 2
    return crystal.shifted(-middles[np.argmin(np.abs(middles))] * normal)


def _angle(crystal: Crystal, axis: Sequence[int], angle: float | None, sigma: int | None) -> float:
    if (angle is None) == (sigma is None):
        raise InvalidInput("give angle= (degrees) or sigma=, one of the two")
    if sigma is None:
        if not math.isfinite(float(angle or 0.0)):
            raise InvalidInput(f"angle is {angle}; give a finite angle in degrees")
        return float(angle or 0.0)
    if not is_cubic(crystal):
        raise InvalidInput(f"coincidence lattices are known for cubic crystals; {crystal.phase} is none: give angle=")
    return coincidence.angle_of(sigma, axis)


def _holding(crystal: Crystal, axis: Sequence[int]) -> tuple[int, int, int]:
    """The plane of lowest indices that holds the axis."""
    direction = crystal.direction(axis)
    planes = [hkl for hkl in product(range(3, -4, -1), repeat=3) if any(hkl)]
    planes.sort(key=lambda hkl: (sum(index * index for index in hkl), [-index for index in hkl]))
    for hkl in planes:
        if abs(float(crystal.normal(hkl) @ direction)) < 1e-6:
            return miller(hkl, crystal)
    raise InvalidInput(f"no plane of low indices holds the axis {list(axis)}; give plane=")
