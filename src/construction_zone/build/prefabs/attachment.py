"""Oriented attachment: two particles that have grown together at a neck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.prefabs.base import crystal_of, prefab
from construction_zone.build.prefabs.grain_boundaries import OVERLAP, between_layers, two_grains
from construction_zone.build.prefabs.planar import space_of
from construction_zone.build.prefabs.symmetry import Miller, miller
from construction_zone.build.transforms import IDENTITY, align, rotation, translation
from construction_zone.build.volumes import Ball, Cylinder, Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

_X, _Z = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


@prefab
def attached(
    crystal: Crystal | str,
    *,
    radii: Sequence[float] | None = None,
    volumes: Sequence[Volume | Zone] | None = None,
    neck: float,
    facet: Miller = (1, 1, 1),
    twist: float = 0.0,
    tilt: float = 0.0,
    overlap: float = OVERLAP,
    seed: Seed = 0,
    name: str = "attached",
) -> Zone:
    """Two particles joined by a facet each, side by side along x, with a neck between them (oriented attachment).

    Penn, J. Phys. Chem. B 108, 12707 (2004). Turned by neither angle the two make one crystal.

    Parameters
    ----------
    crystal
        Its orientation plays no part.
    radii
        Of two balls, Å; they meet in a circle of the radius `neck`.
    volumes
        Or two volumes: moved along x until they touch the plane x = 0 from either side, their middles on the x axis.
        A cylinder of the radius `neck` joins them.
    neck
        Radius of the neck, Å; not above the smaller of the radii.
    facet
        (hkl) of both particles along x. The cut lies between its layers.
    twist, tilt
        Degrees by which the particle at x > 0 is turned about the x axis, and then about the z axis.
    overlap
        As in `grain_boundary`.

    The record has the two `grains`, and their boundary in `defects` if they are turned against each other.
    """
    width = inputs.positive(neck, "neck")
    if (radii is None) == (volumes is None):
        raise InvalidInput("give radii= (two, Å) or volumes= (two), one of the two")
    base = replace(crystal_of(crystal), pose=IDENTITY)
    base = base.shifted(-base.positions[0])
    hkl = miller(facet, base)
    first = between_layers(base.moved(align(base.normal(hkl), _X)), np.array(_X))
    second = first.moved(rotation(_X, twist)).moved(rotation(_Z, tilt))
    region = _balls(radii, width) if radii is not None else _joined(volumes or (), width)
    what: dict[str, object] = {"plane": list(hkl), "twist": float(twist), "tilt": float(tilt), "type": "attachment"}
    return Zone(region, two_grains(first, second, "attached", overlap, what), name)


def _balls(radii: Sequence[float], neck: float) -> Volume:
    if len(radii) != 2:
        raise InvalidInput(f"radii is {radii!r}; give two, in Å")
    sizes = [inputs.positive(radius, "radius") for radius in radii]
    if neck > min(sizes):
        raise InvalidInput(
            f"neck is {neck:g} Å, more than the radius {min(sizes):g} Å of a particle; give a thinner neck"
        )
    left, right = (math.sqrt(size**2 - neck**2) for size in sizes)
    return Ball(sizes[0], center=(-left, 0, 0)) | Ball(sizes[1], center=(right, 0, 0))


def _joined(volumes: Sequence[Volume | Zone], neck: float) -> Volume:
    if len(volumes) != 2:
        raise InvalidInput(f"volumes is {volumes!r}; give two volumes")
    placed = []
    for volume, side in zip(map(space_of, volumes), (1, 0), strict=True):
        bounds = volume.bounds
        if not np.isfinite(bounds).all():
            raise InvalidInput("particles that are attached need an end on all sides; give bounded volumes")
        middle = bounds.mean(axis=0)
        placed.append(volume.moved(translation((-bounds[side, 0], -middle[1], -middle[2]))))
    return placed[0] | placed[1] | Cylinder(neck, 2 * neck, axis=_X)
