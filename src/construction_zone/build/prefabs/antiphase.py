"""Antiphase boundaries of ordered crystals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from construction_zone import seeding
from construction_zone.build.generators import Crystal
from construction_zone.build.generators.domains import Domain, Domains
from construction_zone.build.inputs import Floats
from construction_zone.build.lattice_directions import plane_spacing
from construction_zone.build.prefabs.base import crystal_of, prefab
from construction_zone.build.prefabs.grain_boundaries import between_layers
from construction_zone.build.prefabs.marks import Boundary, Marked
from construction_zone.build.prefabs.planar import ball_or
from construction_zone.build.prefabs.symmetry import Miller, miller
from construction_zone.build.transforms import IDENTITY, Affine, align, inversion, translation
from construction_zone.build.volumes import Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

_SAME_PLACE = 1e-3
"""Å."""


@prefab
def antiphase(
    crystal: Crystal | str,
    *,
    plane: Miller,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    shift: Sequence[float] | None = None,
    positions: Sequence[int] | None = None,
    count: int | None = None,
    spacing: int = 2,
    edge: int = 1,
    seed: Seed = 0,
    name: str = "antiphase",
) -> Zone:
    """Antiphase boundaries: across each the sites go on and their elements change places.

    In an ordered alloy the crystal beyond is shifted by a vector between sites of different elements (Hirth & Lothe,
    *Theory of Dislocations*, 2nd ed. (1982), chapter 10); in zincblende, where no shift does that, it is inverted
    through the middle of a bond, so that anions are where cations would be.

    Parameters
    ----------
    crystal
        An ordered crystal, turned as its pose says.
    plane
        (hkl) of the boundaries. They lie in the widest gap between layers.
    radius, volume
        A ball about the origin (Å), or any volume anywhere.
    shift
        In lattice terms, e.g. (0.5, 0, 0.5); default: the shortest that does it, else the inversion.
    positions
        Number of each boundary, in lattice planes (hkl) from the one nearest to the middle of the volume.
    count
        Or the number of boundaries at random places, all arrangements being equally likely; default 1.
    spacing, edge
        Least number of lattice planes between random boundaries, and from them to the ends of the volume.
    seed
        Decides what is random.

    The record has the boundaries with atoms on both sides as `defects`. Raises `InvalidInput` for shifts that do not
    take sites to sites or change no element, crystals without such order, and more boundaries than fit.
    """
    given = crystal_of(crystal)
    region = ball_or(volume, radius)
    hkl = miller(plane, given)
    change, what = _change(given, shift)
    lattice = given.pose.apply_direction(given.lattice)
    normal = given.normal(hkl)
    step = plane_spacing(lattice, hkl)
    gap = float((given.pose.vector - between_layers(given, normal).pose.vector) @ normal)
    low, high = region.moved(align(normal, (0.0, 0.0, 1.0))).bounds[:, 2]
    first = last = None
    if math.isfinite(low + high):
        gap += round(((low + high) / 2 - gap) / step) * step
        first, last = math.ceil((low - gap) / step), math.floor((high - gap) / step)
    chosen = _chosen(positions, count, first, last, spacing, edge, seed)
    levels = [-math.inf, *(gap + number * step for number in chosen), math.inf]
    domains, pose = [], IDENTITY
    for index in range(len(levels) - 1):
        planes = [(normal, levels[index + 1]), (-normal, -levels[index])]
        held = [(row, level) for row, level in planes if math.isfinite(level)]
        rows, ends = np.array([row for row, _ in held]), np.array([level for _, level in held])
        domains.append(Domain(given.moved(pose), rows, ends, 0))
        pose = change @ pose
    about = {"plane": list(hkl), **what}
    marks = [
        Boundary("antiphase boundary", normal, level, reach=step / 2 + 1e-3, beyond=1.5 * step + 1e-3, about=about)
        for level in levels[1:-1]
    ]
    return Zone(region, Marked(Domains(domains), "antiphase", tuple(marks), 0), name)


def _change(crystal: Crystal, shift: Sequence[float] | None) -> tuple[Affine, dict[str, object]]:
    """The map to the other side, and what the record says of it."""
    if shift is not None:
        vector = np.array([float(value) for value in shift])
        verdict = _exchanges(crystal, crystal.fractional + vector)
        if verdict is None:
            raise InvalidInput(f"shift {list(shift)} does not take the sites of {crystal.phase} to sites")
        if not verdict:
            raise InvalidInput(f"shift {list(shift)} is a lattice vector of {crystal.phase}: no boundary comes of it")
        return _shifted(crystal, vector)
    sites, own = crystal.fractional, crystal.fractional[0]
    cells = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)
    vectors = (sites[:, None] + cells - own).reshape(-1, 3)
    lengths = np.linalg.norm(vectors @ crystal.lattice, axis=1)
    near = np.argsort(np.round(lengths, 6), kind="stable")
    for vector in vectors[near]:
        if _exchanges(crystal, sites + vector):
            return _shifted(crystal, vector)
    for vector in vectors[near]:
        if _exchanges(crystal, 2 * own + vector - sites):
            centre = crystal.pose.apply((own + vector / 2) @ crystal.lattice)
            return inversion(centre), {"change": "inversion"}
    raise InvalidInput(
        f"{crystal.phase} has no order that a shift or an inversion would exchange; give an ordered crystal"
    )


def _shifted(crystal: Crystal, vector: Floats) -> tuple[Affine, dict[str, object]]:
    moved = translation(crystal.pose.apply_direction(vector @ crystal.lattice))
    return moved, {"change": "shift", "shift": [float(value) for value in vector]}


def _exchanges(crystal: Crystal, moved: Floats) -> bool | None:
    """Whether sites at `moved` (n, 3) fractions change elements; None if they are not on sites."""
    delta = moved[:, None] - crystal.fractional
    delta -= np.round(delta)
    there = np.linalg.norm(delta @ crystal.lattice, axis=2) < _SAME_PLACE
    if not there.any(axis=1).all():
        return None
    kinds = list(map(repr, crystal.occupancy or crystal.numbers.tolist()))
    return any(kinds[i] != kinds[int(j)] for i, j in enumerate(there.argmax(axis=1)))


def _chosen(
    positions: Sequence[int] | None,
    count: int | None,
    first: int | None,
    last: int | None,
    spacing: int,
    edge: int,
    seed: Seed,
) -> list[int]:
    if positions is not None and count is not None:
        raise InvalidInput("give positions= or count=, one of the two")
    if positions is not None:
        chosen = sorted(int(number) for number in positions)
        if len(set(chosen)) < len(chosen):
            raise InvalidInput(f"positions {list(positions)} has a place twice: two boundaries there undo each other")
        if first is not None and last is not None and chosen and not first <= chosen[0] <= chosen[-1] <= last:
            raise InvalidInput(f"positions {chosen} reach out of the volume, which holds {first} to {last}")
        return chosen
    wanted = 1 if count is None else count
    if isinstance(wanted, bool) or wanted != int(wanted) or wanted < 0:
        raise InvalidInput(f"count is {count!r}; give a whole number of boundaries, 0 or more")
    if first is None or last is None:
        raise InvalidInput("the volume has no end along the normal of the boundaries; give positions=")
    if spacing < 1 or edge < 0:
        raise InvalidInput(f"spacing is {spacing!r} and edge {edge!r}; give at least 1 and 0")
    free = last - first + 1 - 2 * edge - (wanted - 1) * (spacing - 1)
    if wanted and free < wanted:
        raise InvalidInput(
            f"{wanted} boundaries do not fit: the volume holds {last - first + 1} places along this normal, {edge} at "
            f"either end stay free and boundaries are {spacing} apart; ask for fewer, or give a larger volume"
        )
    rng = seeding.generator(seed, "boundaries")
    places = np.sort(rng.choice(max(free, 0), size=int(wanted), replace=False)) if wanted else np.zeros(0, dtype=int)
    return [int(place) + first + edge + i * (spacing - 1) for i, place in enumerate(places)]
