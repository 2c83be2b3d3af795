"""Shapes of least energy of multiply twinned particles: Wulff's construction for each crystal, twin planes included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.generators.domains import Domain, Domains
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.prefabs.facets import Planes, Size, planes_of
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes import BOUNDARY, ConvexPolyhedron, Volume
from construction_zone.build.volumes.polyhedron import corners_of_planes
from construction_zone.errors import InvalidInput

_SAME_SHELL = 1e-6
"""Relative difference of the sizes at which two atoms enter a growing particle, below which they enter together."""


@dataclass(frozen=True, eq=False)
class Grain:
    """One crystal of a multiply twinned particle in its shape of least energy, the axis or tip at the origin.

    Parameters
    ----------
    planes
        Its facets in the unstrained crystal; heights in the unit of the energies.
    twins
        (k, 3) outward unit normals of its twin planes, which pass through the origin.
    """

    planes: Planes
    twins: Floats

    def corners(self, scale: float) -> Floats:
        """Corners (n, 3) of the crystal for `scale` Å per unit of energy."""
        normals = np.concatenate([self.planes.normals, self.twins])
        heights = np.concatenate([self.planes.heights, np.zeros(len(self.twins))])
        corners = corners_of_planes(normals, heights)
        if corners is None:
            raise InvalidInput("the energies leave nothing of the crystals; check them")
        return corners * scale

    def entry(self, points: Floats) -> Floats:
        """The scale (n,) at which `points` (n, 3) of the unstrained crystal enter it."""
        return np.asarray((points @ self.planes.normals.T / self.planes.heights).max(axis=1))


def grain_of(
    crystal: Crystal, energies: Any, twin_energy: float, bonds: Sequence[Sequence[float]], *, about_axis: bool = False
) -> Grain:
    """The Wulff construction of one crystal between twin planes (L. D. Marks, J. Cryst. Growth 61, 556 (1983)).

    Facets are at heights ∝ their energies from a centre, and the twin planes at heights ∝ `twin_energy` from it.

    Parameters
    ----------
    crystal
        fcc; its pose plays no part.
    energies
        Of each family of planes, e.g. {(1, 1, 1): 1.28, (1, 0, 0): 1.63}.
    twin_energy
        In the same unit, as each of the two crystals at a twin plane counts it.
    bonds
        Three vectors from an atom to atoms that touch each other; each two span a twin plane.
    about_axis
        Only those twin planes are there that hold the last of the bonds.

    Raises `InvalidInput` where the twin energy forbids the shape.
    """
    if not isinstance(energies, Mapping):
        raise InvalidInput(f"energies is {energies!r}; give one for each family of planes, e.g. {{(1, 1, 1): 1.28}}")
    planes = planes_of(replace(crystal, pose=IDENTITY), energies)
    cost = inputs.not_negative(twin_energy, "twin_energy", "")
    least = float(planes.heights.min())
    if cost >= least / 2:
        raise InvalidInput(
            f"twin_energy is {cost:g}, and the least surface energy {least:g}: at half of it and above a single "
            "crystal is the shape of least energy; give a smaller one"
        )
    rows = np.array(bonds, dtype=np.float64)
    pairs = [(0, 2), (1, 2)] if about_axis else [(0, 2), (1, 2), (0, 1)]
    twins = np.array([np.cross(rows[i], rows[j]) for i, j in pairs])
    twins /= -(np.linalg.norm(twins, axis=1) * np.sign(twins @ rows.mean(axis=0)))[:, None]
    # where the twin planes meet, seen from the centre of the construction
    meeting = np.linalg.lstsq(twins, np.full(len(twins), cost), rcond=None)[0]
    heights = planes.heights - planes.normals @ meeting
    if (heights <= 1e-9 * least).any():
        raise InvalidInput(
            f"twin_energy is {cost:g}, so much beside the surface energies that facets cut off the place where the "
            "twins meet; give a smaller one"
        )
    return Grain(Planes(planes.hkl, planes.normals, heights), twins)


def shape_of(grain: Grain, domains: Sequence[Domain], size: Size, cell: float) -> Volume:
    """The particle that `grain` makes in each of the `domains` (at their place, closed), as large as `size` says.

    `cell` is the lattice constant in Å. One convex piece is made for each crystal.
    """
    maps = [domain.crystal.pose.matrix for domain in domains]
    own = ConvexHull(grain.corners(1.0)).volume * abs(float(np.linalg.det(maps[0]))) * len(maps)
    if size.content is not None:
        scale = (size.content / own) ** (1 / 3)
    else:
        wanted = int(size.atoms or 0)
        scale = _for_atoms(grain, domains, maps, wanted, (wanted * cell**3 / 4 / own) ** (1 / 3), cell)
    return _joined(grain.corners(scale), maps)


@dataclass(frozen=True)
class Pieces(Volume):
    """Convex polyhedra side by side.

    Its signed distances are those to the planes of the polyhedra, inner ones included: bounds, and quickly found.
    """

    polyhedra: tuple[ConvexPolyhedron, ...]

    @classmethod
    def of(cls, corners: Sequence[Floats]) -> Pieces:
        """The hulls of several sets of corners (n, 3)."""
        return cls(tuple(ConvexPolyhedron(points) for points in corners))

    @property
    def bounds(self) -> Floats:
        bounds = np.stack([piece.bounds for piece in self.polyhedra])
        return np.stack([bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0)])

    @property
    def measure(self) -> float:
        """Content in Å³."""
        return sum(piece.measure for piece in self.polyhedra)

    def moved(self, affine: Affine) -> Pieces:
        """These polyhedra after the map `affine`."""
        return Pieces(tuple(piece.moved(affine).settled() for piece in self.polyhedra))

    def _contains(self, points: Floats) -> Bools:
        return np.asarray(self._depth(points) <= BOUNDARY)

    def _signed_distance(self, points: Floats) -> Floats:
        return self._depth(points)

    def _depth(self, points: Floats) -> Floats:
        least = np.full(len(points), np.inf)
        for piece in self.polyhedra:
            normals, levels = piece.planes
            np.minimum(least, (normals @ points.T - levels[:, None]).max(axis=0), out=least)
        return least


def _joined(corners: Floats, maps: Sequence[Floats]) -> Volume:
    """The crystals with these corners (n, 3), side by side: one polyhedron if there is nothing re-entrant."""
    pieces = Pieces.of([corners @ matrix.T for matrix in maps])
    hull = ConvexPolyhedron(np.concatenate([piece.vertices for piece in pieces.polyhedra]))
    return hull if hull.measure < pieces.measure * (1 + 1e-9) else pieces


def _for_atoms(
    grain: Grain, domains: Sequence[Domain], maps: Sequence[Floats], wanted: int, guess: float, cell: float
) -> float:
    """The scale at which the number of atoms is nearest to the one wanted."""
    margin = cell / float(grain.planes.heights.min())
    volume = _joined(grain.corners(1.1 * guess + margin), maps)
    atoms = Domains(domains).fill(volume, cell=(1.0, 1.0, 1.0), periodic=(False, False, False))
    local = np.empty((len(atoms), 3))
    for number, matrix in enumerate(maps):
        held = atoms.arrays["grain"] == number
        local[held] = atoms.positions[held] @ np.linalg.inv(matrix).T
    entry = np.sort(grain.entry(local))
    ends = np.flatnonzero(np.diff(entry) > _SAME_SHELL * entry[-1])
    last = int(ends[np.argmin(np.abs(ends + 1 - wanted))])
    return float(entry[last] + entry[last + 1]) / 2
