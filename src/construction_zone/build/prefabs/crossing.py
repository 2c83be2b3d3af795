"""Planar faults on two planes of the {111} family that cross."""

from __future__ import annotations

from typing import Literal

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.generators.domains import Domain, Domains
from construction_zone.build.inputs import Floats
from construction_zone.build.prefabs import coincidence
from construction_zone.build.prefabs import stacking as stacks
from construction_zone.build.prefabs.base import crystal_of, prefab
from construction_zone.build.prefabs.grain_boundaries import OVERLAP
from construction_zone.build.prefabs.marks import CUBIC, Boundary, Faults, Marked
from construction_zone.build.prefabs.planar import ball_or
from construction_zone.build.prefabs.stacking import Stacking
from construction_zone.build.volumes import Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

_FIRST = (1, 1, 1)
_SECOND = {"acute": (1, -1, -1), "obtuse": (-1, 1, 1)}


@prefab
def crossing_twins(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    wedge: Literal["acute", "obtuse"] = "obtuse",
    overlap: float = OVERLAP,
    seed: Seed = 0,
    name: str = "crossing_twins",
) -> Zone:
    """Two twins on {111} planes that meet in a line, with the Σ9 boundary that goes on from there.

    Between the twin planes is a wedge of the crystal, 70.53° ("acute") or 109.47° ("obtuse") wide. Its two twins are
    turned against each other by 38.94° about the common [110], which is Σ9 (Grimmer, Bollmann & Warrington, Acta
    Crystallogr. A 30, 197 (1974)); they meet in the plane that halves the rest, which is a mirror of the whole.

    Parameters
    ----------
    crystal
        fcc, turned as its pose says. Not diamond or zincblende: there the Σ9 boundary is rebuilt so that each atom has
        four bonds, and two crystals that are merely cut leave a few percent of the atoms of a particle with three or
        six, however they are cut.
    radius, volume
        A ball about the origin (Å), or any volume anywhere; the twins meet in the row of atoms nearest to its middle.
    wedge
        Which of the two angles is between the twin planes.
    overlap
        As in `grain_boundary`, at the Σ9 boundary.
    """
    given = crystal_of(crystal)
    region = ball_or(volume, radius)
    if wedge not in _SECOND:
        raise InvalidInput(f"wedge is {wedge!r}; give 'acute' or 'obtuse'")
    first, second = _through(given, _FIRST, region), _through(given, _SECOND[wedge], region)
    if first.thickness > 0 or not first.cubic:
        raise InvalidInput(f"crossing twins need an fcc crystal: in {given.phase} atoms of the Σ9 boundary lack bonds")
    junction = _junction(first, second)
    halving = first.normal - second.normal
    halving /= np.linalg.norm(halving)
    level = float(halving @ junction)
    twin = stacks.CUBIC_FAULTS["twin"]
    turned = [given.moved(stacks.above(stack, [(twin, 0)])[0][1]) for stack in (first, second)]
    domains = [
        Domain(given, np.stack([first.normal, second.normal]), np.array([first.cut(0), second.cut(0)]), 0),
        Domain(turned[0], np.stack([-first.normal, -halving]), np.array([-first.cut(0), -level]), 1),
        Domain(turned[1], np.stack([-second.normal, halving]), np.array([-second.cut(0), level]), 2),
    ]
    bond = first.unit
    outside = np.stack([-first.normal, -second.normal])
    marks = (
        Faults(first, _FIRST, (("twin", 0),), -halving[None], np.array([-level])),
        Faults(second, _SECOND[wedge], (("twin", 0),), halving[None], np.array([level])),
        Boundary(
            "grain boundary",
            halving,
            level,
            reach=bond / 2,
            beyond=1.5 * bond,
            normals=outside,
            levels=-np.array([first.cut(0), second.cut(0)]),
            about={"sigma": 9, "angle": coincidence.angle_of(9, (1, 1, 0)), "axis": [0, 1, -1], "type": "tilt"},
        ),
    )
    limits = coincidence.shortest_distances(given, inputs.not_negative(overlap, "overlap", ""))
    return Zone(region, Marked(Domains(domains, min_distance=limits), "crossing_twins", marks, CUBIC), name)


@prefab
def crossing_faults(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    overlap: float = OVERLAP,
    seed: Seed = 0,
    name: str = "crossing_faults",
) -> Zone:
    """Two intrinsic stacking faults on {111} planes that cross, the second stepped where the first sheared it.

    Parameters
    ----------
    crystal
        fcc, diamond or zincblende, turned as its pose says.
    radius, volume
        A ball about the origin (Å), or any volume anywhere; the faults cross near its middle.
    overlap
        As in `grain_boundary`, along the line where the faults cross.
    """
    given = crystal_of(crystal)
    region = ball_or(volume, radius)
    first, second = _through(given, _FIRST, region), _through(given, _SECOND["obtuse"], region)
    if not first.cubic:
        raise InvalidInput(f"crossing faults need a cubic crystal, not {given.phase}")
    fault = stacks.CUBIC_FAULTS["intrinsic"]
    lower, upper = (stacks.above(stack, [(fault, 0)])[0][1] for stack in (first, second))
    # what lies above the first fault was shifted as a whole, the second fault in it included
    stepped = second.moved(lower)
    cuts = (first.cut(0), second.cut(0), stepped.cut(0))
    domains = []
    for above in (False, True):
        side = -1.0 if above else 1.0
        other = cuts[2] if above else cuts[1]
        for beyond in (False, True):
            sign = -1.0 if beyond else 1.0
            placed = given.moved(upper) if beyond else given
            normals = np.stack([side * first.normal, sign * second.normal])
            levels = np.array([side * cuts[0], sign * other])
            domains.append(Domain(placed.moved(lower) if above else placed, normals, levels, 0))
    known = (("intrinsic", 0),)
    marks = (
        Faults(first, _FIRST, known),
        Faults(second, _SECOND["obtuse"], known, first.normal[None], np.array([cuts[0]])),
        Faults(stepped, _SECOND["obtuse"], known, -first.normal[None], -np.array([cuts[0]])),
    )
    limits = coincidence.shortest_distances(given, inputs.not_negative(overlap, "overlap", ""))
    return Zone(region, Marked(Domains(domains, min_distance=limits), "crossing_faults", marks, CUBIC), name)


def _through(crystal: Crystal, hkl: tuple[int, int, int], volume: Volume) -> Stacking:
    """The stacking along (hkl), numbered from the sheet through the lattice point nearest to the volume's middle."""
    bounds = volume.bounds
    middle = bounds.mean(axis=0) if np.isfinite(bounds).all() else np.zeros(3)
    lattice = crystal.pose.apply_direction(crystal.lattice)
    sites = crystal.pose.apply(crystal.positions)
    cells = np.round((middle - sites[0]) @ np.linalg.inv(lattice))
    site = sites[0] + cells @ lattice
    stack = Stacking.of(crystal, hkl)
    return stack.from_sheet(int(stack.sheets(site[None])[0]))


def _junction(first: Stacking, second: Stacking) -> Floats:
    """A point in both sheets 0."""
    rows = np.stack([first.normal, second.normal])
    return np.asarray(np.linalg.lstsq(rows, np.array([first.middle(0), second.middle(0)]), rcond=None)[0])
