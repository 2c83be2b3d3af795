"""Twins and stacking faults: parallel planar faults in any volume."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.generators.domains import Domain, Domains
from construction_zone.build.prefabs import stacking as stacks
from construction_zone.build.prefabs.base import crystal_of, prefab
from construction_zone.build.prefabs.marks import CUBIC, HEXAGONAL, Faults, Marked
from construction_zone.build.prefabs.room import Room
from construction_zone.build.prefabs.stacking import Fault, Stacking
from construction_zone.build.prefabs.symmetry import Indices, Miller, family, miller
from construction_zone.build.transforms import IDENTITY
from construction_zone.build.volumes import Ball, Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed


@prefab
def twinned(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    positions: Sequence[int] | None = None,
    count: int | None = None,
    plane: Miller | None = None,
    spacing: int = 3,
    edge: int = 2,
    seed: Seed = 0,
    name: str = "twinned",
) -> Zone:
    """Parallel coherent {111} twins in an fcc, diamond or zincblende crystal: one twin, a lamella (two), or more.

    The crystal above a twin is turned by 180° about the normal through a sheet of atoms, which both sides share
    (Hirth & Lothe, *Theory of Dislocations*, 2nd ed. (1982), section 10-2). Parameters as in `faulted`.

    Parameters
    ----------
    positions
        The sheets that are twin planes.
    """
    defects = None if positions is None else [("twin", sheet) for sheet in positions]
    zone = faulted(
        crystal,
        radius=radius,
        volume=volume,
        defects=defects,
        count=1 if positions is None and count is None else count,
        kinds=("twin",),
        plane=plane,
        spacing=spacing,
        edge=edge,
        seed=seed,
        name=name,
    )
    return replace(zone, generator=replace(zone.generator, prefab="twinned"))  # type: ignore[type-var]


@prefab
def faulted(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    defects: Sequence[tuple[str, int]] | None = None,
    count: int | None = None,
    kinds: Sequence[str] | None = None,
    plane: Miller | None = None,
    spacing: int = 3,
    edge: int = 2,
    seed: Seed = 0,
    name: str = "faulted",
) -> Zone:
    """Parallel planar faults in a close-packed crystal.

    There are "twin", "intrinsic" and "extrinsic" in ABCABC stacks, "I1", "I2" and "E" in ABAB stacks. Faults cut
    between close-packed sheets, in tetrahedral crystals between pairs of layers (the glide set), so that every atom
    keeps its neighbours; see `stacking.CUBIC_FAULTS` and `stacking.HEXAGONAL_FAULTS` for their sources.

    Parameters
    ----------
    crystal
        fcc, diamond, zincblende, hcp or wurtzite, turned as its pose says.
    radius, volume
        A ball about the origin (Å), or any volume anywhere, or a particle (such as ``wulff(…)``) for its shape.
    defects
        Kinds and sheets, e.g. ``[("twin", -4), ("intrinsic", 3)]``. Sheets are counted along the normal from the one
        nearest to the middle of the volume; the sheet given is the first that the fault gives another environment.
    count
        Or the number of defects at random places, all arrangements being equally likely.
    kinds
        What the random ones are drawn from; default: twins in cubic crystals, I1 in hexagonal ones.
    plane
        (hkl) of the sheets, or "random" for a random variant; default (111), or (0001).
    spacing
        Least number of sheets between random defects.
    edge
        Least number of sheets between random defects and the ends of the volume.
    seed
        Decides what is random.

    The record has `defects`: for each that has atoms with all their neighbours, the `kind`, `plane` (hkl) and `normal`
    (in the scene), a `point` on it (Å), `sheet`, `sheets` with another environment, and `atoms` in them. A fault of
    which the surface leaves a part is recorded as what is left. Atoms carry `layer` and `defect`.

    Raises `InvalidInput` for another kind of lattice, kinds and planes that it does not have, defects outside the
    volume or so close to each other that they would be others, and more defects than fit.
    """
    given = crystal_of(crystal)
    region = ball_or(volume, radius)
    rng = seeding.generator(seed, "defects")
    hkl = _plane(given, plane, rng)
    stack = Stacking.of(given, hkl)
    room = Room.of(stack, region)
    known = stacks.faults_of(room.stack)
    if (defects is None) == (count is None):
        raise InvalidInput("give defects=[(kind, sheet), …] or count=, one of the two")
    if defects is not None:
        chosen = sorted(((str(kind), int(sheet)) for kind, sheet in defects), key=lambda row: row[1])
        _refuse_unknown([kind for kind, _ in chosen], known, given)
        room.refuse(chosen, known)
    else:
        choice = list(kinds or (next(iter(known)),))
        _refuse_unknown(choice, known, given)
        chosen = room.drawn(_count(count), choice, known, spacing, edge, rng)
    return Zone(region, stacked(given, room.stack, chosen, hkl, "faulted"), name)


def ball_or(volume: Volume | Zone | None, radius: float | None) -> Volume:
    """The volume, or the ball of `radius` (Å) about the origin: one of the two has to be given."""
    if (volume is None) == (radius is None):
        raise InvalidInput("give radius= (Å) or volume=, one of the two")
    return Ball(inputs.positive(radius, "radius")) if volume is None else space_of(volume)


def space_of(given: Volume | Zone) -> Volume:
    """A volume, or that of a zone: so defects go into the shape of another prefab."""
    if isinstance(given, Zone):
        return given.volume
    if not isinstance(given, Volume):
        raise InvalidInput(f"volume is {given!r}; give a volume such as Ball(20), or a particle for its shape")
    return given


def stacked(
    crystal: Crystal, stack: Stacking, chosen: Sequence[tuple[str, int]], hkl: Indices, prefab_name: str
) -> Marked:
    """The crystal with the faults `chosen` (kind, sheet), in rising order."""
    known = stacks.faults_of(stack)
    cuts = stacks.above(stack, [(known[kind], sheet) for kind, sheet in chosen])
    levels = [-math.inf, *(stack.cut(sheet) for sheet, _, _ in cuts), math.inf]
    maps = [IDENTITY, *(affine for _, affine, _ in cuts)]
    turned = [False, *(turn for *_, turn in cuts)]
    grains = np.cumsum([0, *(a != b for a, b in pairwise(turned))]).tolist()
    domains = []
    for i, (affine, grain) in enumerate(zip(maps, grains, strict=True)):
        planes = [(stack.normal, levels[i + 1]), (-stack.normal, -levels[i])]
        held = [(normal, level) for normal, level in planes if math.isfinite(level)]
        normals, ends = [normal for normal, _ in held], [level for _, level in held]
        domains.append(Domain(crystal.moved(affine), np.array(normals), np.array(ends), grain))
    layer = CUBIC if stack.cubic else HEXAGONAL
    return Marked(Domains(domains), prefab_name, (Faults(stack, hkl, tuple(chosen)),), layer)


def _plane(crystal: Crystal, plane: Miller | None, rng: np.random.Generator) -> Indices:
    metric = crystal.lattice @ crystal.lattice.T
    hexagonal = abs(abs(metric[0, 1]) - metric[0, 0] / 2) < 1e-6 * metric[0, 0] and abs(metric[0, 2]) < 1e-6
    usual: Miller = (0, 0, 1) if hexagonal else (1, 1, 1)
    if isinstance(plane, str) and plane == "random":
        variants = family(crystal, usual)
        return variants[int(rng.integers(len(variants)))]
    return miller(usual if plane is None else plane, crystal)


def _refuse_unknown(kinds: Sequence[str], known: Mapping[str, Fault], crystal: Crystal) -> None:
    for kind in kinds:
        if kind not in known:
            raise InvalidInput(f"{crystal.phase} has no fault {kind!r} on these planes; give {', '.join(known)}")


def _count(count: int | None) -> int:
    if count is None or isinstance(count, bool) or count != int(count) or count < 0:
        raise InvalidInput(f"count is {count!r}; give a whole number of defects, 0 or more")
    return int(count)
