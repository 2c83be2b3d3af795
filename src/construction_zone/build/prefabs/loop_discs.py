"""Where in a crystal the disc of a dislocation loop may lie, and what fills its gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from construction_zone.build import lattice_directions
from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.prefabs.dislocations import is_lattice_vector
from construction_zone.build.prefabs.stacking import Stacking
from construction_zone.build.prefabs.symmetry import Indices
from construction_zone.errors import InvalidInput

SAME = 1e-3
"""Å within which vectors count as the same."""

_LEVELS = 360
"""Heights in a period that are tried for the disc."""


@dataclass(frozen=True)
class Disc:
    """Where along the normal a disc may lie: at `levels` (Å), every `period` (Å); and how its gap is filled."""

    levels: tuple[float, ...]
    period: float
    faulted: bool
    width: float = 0.0
    filler: Point = (0.0, 0.0, 0.0)

    def level(self, height: float) -> float:
        """The height nearest to `height` (Å)."""
        allowed = [level + self.period * round((height - level) / self.period) for level in self.levels]
        return min(allowed, key=lambda level: abs(level - height))


def disc_of(crystal: Crystal, vector: Floats, hkl: Indices, normal: Floats) -> Disc:
    opening = float(vector @ normal)
    if is_lattice_vector(crystal, vector):
        return _between_sheets(crystal, hkl, normal, opening)
    try:
        stack = Stacking.of(crystal, hkl)
    except InvalidInput:
        raise _no_loop(crystal, vector) from None
    across = vector - opening * normal
    flat = float(np.linalg.norm(across)) < SAME
    if not stack.cubic:
        raise _no_loop(crystal, vector)
    if flat and abs(abs(opening) - stack.spacing) < SAME:
        if opening < 0:
            return Disc((stack.middle(0),), stack.spacing, True)
        return Disc((stack.cut(0),), stack.spacing, True, stack.spacing, as_point(-stack.step))
    if abs(opening) < SAME and is_lattice_vector(crystal, vector - stack.step):
        return Disc((stack.cut(0),), stack.spacing, True)
    raise _no_loop(crystal, vector)


def _no_loop(crystal: Crystal, vector: Floats) -> InvalidInput:
    terms = ", ".join(f"{value:.3g}" for value in vector @ np.linalg.inv(crystal.lattice))
    return InvalidInput(
        f"burgers [{terms}] makes no loop in {crystal.phase} on this plane: give a vector from site to equivalent "
        "site, or on {111} of fcc, diamond or zincblende ±1/3 of the normal (Frank), or the 1/6⟨112⟩ that puts no "
        "atoms on top of each other (Shockley; the opposite one does)"
    )


def _between_sheets(crystal: Crystal, hkl: Indices, normal: Floats, opening: float) -> Disc:
    """The heights in a period that are farthest from the sheets as they lie on both sides of the disc."""
    period = lattice_directions.plane_spacing(crystal.lattice, hkl)
    heights = crystal.positions @ normal
    tried = period * np.arange(_LEVELS) / _LEVELS
    both = np.concatenate([heights + opening / 2, heights - opening / 2])
    gaps = np.abs((tried[:, None] - both + period / 2) % period - period / 2).min(axis=1)
    best = tried[gaps > gaps.max() - 1e-6 - period / _LEVELS]
    return Disc(tuple(best.tolist()), period, False)


def as_point(vector: Floats) -> Point:
    return (float(vector[0]), float(vector[1]), float(vector[2]))
