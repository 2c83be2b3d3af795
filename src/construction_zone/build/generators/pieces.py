"""Atoms in a box, cut from relaxed tiles, and what mends them: merging, removing, adding and relaxing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.generators.packing import first_come
from construction_zone.build.generators.tiles import Material
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.neighbours import Integers

SHORTEST = 0.95
"""No two atoms are closer than this times the shortest distance between two such atoms in the tiles."""

SKIN = 0.3
"""Å by which lists of neighbours reach farther than the potential, so that they stay true while atoms move."""

_MERGED = 0.75  # of the shortest distance allowed: so close, two atoms stand for one
_APART = 0.8  # of the potential's reach: new atoms are judged alone, so they must not meet
_SITES = 5  # tried for each new atom
_ATTEMPTS = 40
_BONDED = -1.0  # energy of a site that is worth taking
_STEPS = 6  # in which a site settles

Draw = Callable[[int], Floats]
Inside = Callable[[Floats], Bools]


@dataclass(frozen=True, eq=False)
class Piece:
    """Atoms in a box.

    Parameters
    ----------
    material
        What they are cut from.
    points
        (n, 3) Å from the low corner of the box, in [0, period) along axes that repeat.
    species
        (n,) index into the kinds of the material.
    lengths, boxsize
        (3,) Å: the box, and its periods (0 along axes that do not repeat; else no less than `least_period`).
    """

    material: Material
    points: Floats
    species: Integers
    lengths: Floats
    boxsize: Floats
    _grids: dict[float, tuple[Any, ...]] = field(default_factory=dict, init=False)

    def grid(self, edge: float) -> tuple[Any, ...]:
        """(scale, shape, start, order) of the atoms in cells no smaller than `edge` (Å)."""
        from construction_zone.build.generators import _grid

        if edge not in self._grids:
            size = edge
            # few atoms in a vast box would need more cells than memory holds
            while np.prod(np.maximum(self.lengths / size, 1.0)) > 8.0 * len(self.points) + 1000:
                size *= 1.26
            shape = np.maximum(np.floor(self.lengths / size), 1).astype(np.int64)
            scale = shape / self.lengths
            self._grids[edge] = (scale, shape, *_grid.sort(self.points, scale, shape))
        return self._grids[edge]

    def replaced(self, points: Floats, species: Integers) -> Piece:
        """This box with other atoms."""
        return Piece(self.material, points, species, self.lengths, self.boxsize)

    def part(self, chosen: Bools | Integers) -> Piece:
        """This box with the `chosen` atoms alone."""
        return self.replaced(self.points[chosen], self.species[chosen])

    @property
    def knots(self) -> float:
        """Entries of the potential's tables per Å²."""
        return (self.material.energy.shape[2] - 1) / self.material.reach**2

    @property
    def floors(self) -> Floats:
        """(s, s) smallest distances allowed, in Å."""
        return floors(self.material)

    @property
    def amounts(self) -> Integers:
        """(s,) atoms of each kind."""
        return np.bincount(self.species, minlength=len(self.material.kinds))


def floors(material: Material) -> Floats:
    """(s, s) smallest distances in Å that atoms cut from the tiles of a material keep."""
    return np.where(np.isfinite(material.shortest), SHORTEST * material.shortest, 0.0)


def least_period(material: Material) -> float:
    """The shortest period in Å that a box may have: an atom sees no other twice."""
    return 2 * (material.reach + SKIN)


def merged(piece: Piece, near: Bools) -> tuple[Piece, Bools]:
    """The piece with atoms that coincide made one, and which (n,) atoms are left; only atoms `near` seams coincide.

    Two of one element meet half way; of two different ones the second goes.
    """
    from construction_zone.build.torus import wrap

    index = np.flatnonzero(near)
    part, stays = piece.part(index), np.ones(len(near), dtype=bool)
    left = np.arange(len(index))
    while True:
        pairs, lengths = pairs_closer(part, _MERGED * piece.floors)
        if not len(pairs):
            break
        # the closest first, and each atom once a round
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0], lengths))]
        turn = np.full(len(left), len(pairs))
        np.minimum.at(turn, pairs.ravel(), np.repeat(np.arange(len(pairs)), 2))
        keep, gone = pairs[(turn[pairs] == np.arange(len(pairs))[:, None]).all(axis=1)].T
        points = part.points.copy()
        apart = points[gone] - points[keep]
        for axis in np.flatnonzero(piece.boxsize):
            apart[:, axis] -= np.round(apart[:, axis] / piece.boxsize[axis]) * piece.boxsize[axis]
        alike = part.species[keep] == part.species[gone]
        points[keep[alike]] += apart[alike] / 2
        cell = (float(piece.boxsize[0]), float(piece.boxsize[1]), float(piece.boxsize[2]))
        points = wrap(points, cell, (cell[0] > 0, cell[1] > 0, cell[2] > 0))
        stays[index[left[gone]]] = False
        remaining = np.ones(len(left), dtype=bool)
        remaining[gone] = False
        part, left = part.replaced(points[remaining], part.species[remaining]), left[remaining]
    points = piece.points.copy()
    points[index[left]] = part.points
    return piece.replaced(points[stays], piece.species[stays]), stays


def relaxed(piece: Piece, chosen: Bools, steps: int, parting: int = 0) -> Piece:
    """The piece after the `chosen` (n,) atoms have moved down the forces, a number of steps.

    In the first, `parting` ones of their own, three atoms bonded to each other part, and so do those that are one too
    many about an atom: a pair potential knows nothing of such bonds, which the tiles do not have.
    """
    from construction_zone.build.generators import _mending

    index, material, points = np.flatnonzero(chosen), piece.material, piece.points.copy()
    begin, other = _neighbours(piece, index, material.reach + SKIN)
    if parting:
        _mending.sever(points, piece.species, index, begin, other, material.bonds**2, material.most, piece.boxsize)
    for count in (parting, steps):
        _mending.relax(
            points, piece.species, index, begin, other, material.force, piece.knots, material.reach + 3 * SKIN,
            piece.boxsize, piece.lengths, count,
        )  # fmt: skip
        other &= _mending.PLAIN
    return piece.replaced(points, piece.species)


def energies(piece: Piece, chosen: Integers) -> Floats:
    """(k,) the energy of each of the `chosen` atoms with its neighbours, in the potential of mean force."""
    from construction_zone.build.generators import _mending

    begin, other = _neighbours(piece, chosen, piece.material.reach)
    energy = piece.material.energy
    return np.asarray(
        _mending.energies(piece.points, piece.species, chosen, begin, other, energy, piece.knots, piece.boxsize)
    )


def worst(piece: Piece, kind: int, count: int, where: Bools) -> Bools:
    """Which (n,) atoms are the `count` of a `kind` among those `where` that are bonded worst."""
    index = np.flatnonzero(where & (piece.species == kind))
    found = np.zeros(len(piece.points), dtype=bool)
    found[index[np.argsort(-energies(piece, index), kind="stable")[:count]]] = True
    return found


def bond_counts(piece: Piece, where: Bools) -> Integers:
    """(n,) to how many of the atoms `where` (n,) each of them is bonded; 0 for the others."""
    index = np.flatnonzero(where)
    pairs, _ = pairs_closer(piece.part(index), piece.material.bonds)
    return np.bincount(index[pairs.ravel()], minlength=len(where))


def with_more(piece: Piece, kind: int, count: int, draw: Draw, inside: Inside) -> Piece:
    """The piece with up to `count` more atoms of a `kind`, the last ones.

    `draw` gives about n random points (m, 3); each settles where the potential is lowest near it. The sites of lowest
    energy are taken that are no closer to an atom than the floors, and `inside`.
    """
    from construction_zone.build.generators import _mending

    material, missing = piece.material, count
    limits = piece.floors**2
    for attempt in range(_ATTEMPTS):
        if missing <= 0:
            break
        sites = draw(_SITES * missing + 200)
        scale, shape, start, order = piece.grid(material.reach)
        found = _mending.settle(
            sites, kind, _STEPS, piece.points, piece.species, piece.boxsize, scale, shape, start, order,
            material.energy, material.force, piece.knots, limits, material.bonds**2, material.most,
        )  # fmt: skip
        # good sites first, later worse ones, in the end any
        good = (found < _BONDED + 1.5 * attempt) & np.isfinite(found) & inside(sites)
        sites = sites[good][np.argsort(found[good], kind="stable")]
        sites = sites[first_come(sites, _APART * material.reach, piece.boxsize)][:missing]
        missing -= len(sites)
        piece = piece.replaced(
            np.concatenate([piece.points, sites]), np.concatenate([piece.species, np.full(len(sites), kind)])
        )
    return piece


def pairs_closer(piece: Piece, cutoffs: Floats) -> tuple[Integers, Floats]:
    """Pairs (m, 2) of atoms closer than the `cutoffs` (s, s) of their kinds, and their distances (m,), all in Å."""
    from construction_zone.build.generators import _mending

    capacity = len(piece.points) // 8 + 1000
    grid = piece.grid(max(float(cutoffs.max()), 0.6 * piece.material.reach))
    while True:
        pairs, squares, count = _mending.pairs(piece.points, piece.species, cutoffs**2, piece.boxsize, *grid, capacity)
        if count <= capacity:
            return pairs[:count], np.sqrt(squares[:count])
        capacity = count


def _neighbours(piece: Piece, chosen: Integers, distance: float) -> tuple[Integers, NDArray[np.int32]]:
    from construction_zone.build.generators import _mending

    expected = 4 / 3 * np.pi * distance**3 * len(piece.points) / piece.lengths.prod()
    capacity = int(len(chosen) * expected * 1.2) + 1000
    while True:
        begin, other = _mending.neighbours(
            piece.points, chosen, distance, piece.boxsize, *piece.grid(distance), capacity
        )
        if begin[-1] <= capacity:
            return begin, other
        capacity = int(begin[-1])
