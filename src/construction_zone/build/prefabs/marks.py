"""Planar defects that find out which of their atoms are there.

A defect is in the record when atoms show it, whatever was asked for: the record is what labels are made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.generators.domains import Domains, moved_planes
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.prefabs import stacking as stacks
from construction_zone.build.prefabs.stacking import Stacking
from construction_zone.build.prefabs.symmetry import Indices
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import BOUNDARY, Volume
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_NEIGHBOURS = 1.2
"""Units of the nearest distance up to which atoms are neighbours."""

_FEW = 8
"""Atoms whose neighbours are counted at once."""


CUBIC, HEXAGONAL = 1, 2
"""What the array `layer` says; 0 is not known."""


class Mark(Protocol):
    """A defect, or several of one kind, to look for among atoms."""

    def moved(self, affine: Affine) -> Self:
        """This mark after the map `affine`."""
        ...

    def enter(self, atoms: Atoms, made: list[dict[str, Any]]) -> None:
        """Append what is there to `made`; mark its atoms in the arrays `layer` and `defect` (index into `made`)."""
        ...


@dataclass(frozen=True, eq=False)
class Marked:
    """Domains whose atoms know their layer and defect.

    Parameters
    ----------
    domains
        What makes the atoms.
    prefab
        Name of the prefab, for the record.
    marks
        What to look for.
    layer
        What the array `layer` says of atoms that are in no defect: 1 cubic, 2 hexagonal, 0 not known.

    The record has `defects`, a list of what the marks found, beside that of `Domains`.
    """

    domains: Domains
    prefab: str
    marks: tuple[Mark, ...]
    layer: int = CUBIC

    @property
    def phase(self) -> str:
        """Name of the material."""
        return self.domains.phase

    @property
    def pose(self) -> Affine:
        """Origin and orientation of the first domain's crystal."""
        return self.domains.pose

    @property
    def lattice(self) -> Floats:
        """The lattice of the first domain (rows, Å, in its own frame)."""
        return self.domains.lattice

    def moved(self, affine: Affine) -> Marked:
        """This generator after the map `affine`."""
        return replace(self, domains=self.domains.moved(affine), marks=tuple(m.moved(affine) for m in self.marks))

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The atoms inside `volume` with `layer`, `defect` and their record; see `Generator.fill`."""
        atoms = self.domains.fill(volume, cell=cell, seed=seed, periodic=periodic)
        atoms.arrays["layer"] = np.full(len(atoms), self.layer, dtype=np.int64)
        atoms.arrays["defect"] = np.full(len(atoms), -1, dtype=np.int64)
        made: list[dict[str, Any]] = []
        for mark in self.marks:
            mark.enter(atoms, made)
        atoms.info["record"] = {**atoms.info.get("record", {}), "prefab": self.prefab, "defects": made}
        return atoms


@dataclass(frozen=True, eq=False)
class Faults:
    """Faults of a stack of sheets.

    Parameters
    ----------
    stack, hkl, faults
        The sheets, their plane, and (kind, sheet) in rising order.
    normals, levels
        (k, 3) and (k,): planes normal·x ≤ level (Å) between which the faults are; none for all of space.
    """

    stack: Stacking
    hkl: Indices
    faults: tuple[tuple[str, int], ...]
    normals: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    levels: Floats = field(default_factory=lambda: np.zeros(0))

    def moved(self, affine: Affine) -> Faults:
        """These faults after the map `affine`."""
        normals, levels = moved_planes(self.normals, self.levels, affine)
        return replace(self, stack=self.stack.moved(affine), normals=normals, levels=levels)

    def enter(self, atoms: Atoms, made: list[dict[str, Any]]) -> None:
        """See `Mark.enter`."""
        stack, points = self.stack, atoms.positions
        sheet = stack.sheets(points)
        if len(self.levels):
            # elsewhere sheets are others: these get a number that is nobody's neighbour
            outside = (points @ self.normals.T > self.levels + stack.spacing / 2).any(axis=1)
            sheet[outside] = np.iinfo(np.int32).min
        known = stacks.faults_of(stack)
        for kind, first in self.faults:
            near = np.flatnonzero((sheet >= first - 1) & (sheet <= first + known[kind].span + 1))
            around, numbers = points[near], sheet[near]
            own = [
                first + offset
                for offset in known[kind].foreign
                if _has_complete(around, np.flatnonzero(numbers == first + offset), stack)
            ]
            if not own:
                continue
            members = near[np.isin(numbers, own)]
            middle = points[members].mean(axis=0)
            height = float(np.mean([stack.middle(number) for number in own]))
            atoms.arrays["layer"][members] = HEXAGONAL if stack.cubic else CUBIC
            atoms.arrays["defect"][members] = len(made)
            made.append(
                {
                    "kind": stacks.name_of(own, stack),
                    "plane": list(self.hkl),
                    "normal": stack.normal.tolist(),
                    "point": (middle + (height - middle @ stack.normal) * stack.normal).tolist(),
                    "sheet": own[0],
                    "sheets": len(own),
                    "atoms": len(members),
                }
            )


@dataclass(frozen=True, eq=False)
class Boundary:
    """A plane at which two domains meet: a grain boundary, an antiphase boundary, or a twin plane full of atoms.

    Parameters
    ----------
    kind
        For the record.
    normal, level
        The plane normal·x = level (Å), unit normal (3,).
    reach
        Å: atoms nearer to the plane than this belong to the boundary.
    beyond
        Å: the boundary is there if on either side there are atoms between `reach` and `beyond`.
    normals, levels
        (k, 3) and (k,): the planes normal·x ≤ level (Å) that bound the boundary.
    layer
        What the array `layer` says of its atoms.
    about
        What else the record says, in values that do not depend on where the boundary is.
    """

    kind: str
    normal: Floats
    level: float
    reach: float
    beyond: float
    normals: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    levels: Floats = field(default_factory=lambda: np.zeros(0))
    layer: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)

    def moved(self, affine: Affine) -> Boundary:
        """This boundary after the map `affine`."""
        normal, level = moved_planes(self.normal[None], np.array([self.level]), affine)
        normals, levels = moved_planes(self.normals, self.levels, affine)
        return replace(self, normal=normal[0], level=float(level[0]), normals=normals, levels=levels)

    def enter(self, atoms: Atoms, made: list[dict[str, Any]]) -> None:
        """See `Mark.enter`."""
        height = atoms.positions @ self.normal - self.level
        near = np.flatnonzero(np.abs(height) < self.beyond)
        inside = (atoms.positions[near] @ self.normals.T <= self.levels + BOUNDARY).all(axis=1)
        near = near[inside]
        height = height[near]
        if not ((height > self.reach).any() and (height < -self.reach).any()):
            return
        members = near[np.abs(height) < self.reach]
        held = members if len(members) else near
        middle = atoms.positions[held].mean(axis=0)
        # where boundaries meet atoms belong to the first, and their environment is neither's
        again = members[atoms.arrays["defect"][members] >= 0]
        members = members[atoms.arrays["defect"][members] < 0]
        atoms.arrays["layer"][members] = self.layer
        atoms.arrays["layer"][again] = 0
        atoms.arrays["defect"][members] = len(made)
        made.append(
            {
                "kind": self.kind,
                **self.about,
                "normal": self.normal.tolist(),
                "point": (middle + (self.level - middle @ self.normal) * self.normal).tolist(),
                "atoms": len(members),
            }
        )


def _has_complete(points: Floats, sheet: NDArray[np.intp], stack: Stacking) -> bool:
    """Whether one of the atoms `sheet` has all the neighbours, among `points` (n, 3), that decide its environment."""
    if not len(sheet):
        return False
    height = points @ stack.normal - stack.middle(0)
    lower = height < np.rint(height / stack.spacing) * stack.spacing
    pairs = stack.thickness > 0.1 * stack.unit
    # those in the middle most likely have them
    off = points[sheet] - points[sheet].mean(axis=0)
    order = sheet[np.argsort((off * off).sum(axis=1), kind="stable")]
    for some in np.split(order, np.arange(_FEW, len(order), _FEW)):
        delta = points[some, None] - points
        square = (delta * delta).sum(axis=2)
        near = square < (_NEIGHBOURS * stack.unit) ** 2
        if pairs:  # an atom of a pair has twelve neighbours of its kind and four bonds
            full = (near & (lower[some, None] == lower)).sum(axis=1) == 13
            full &= (square < (_NEIGHBOURS * stack.thickness) ** 2).sum(axis=1) == 5
        else:
            full = near.sum(axis=1) == 13
        if full.any():
            return True
    return False
