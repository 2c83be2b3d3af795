"""Which atoms of a particle lie at its surface, and which way out is.

Beside the rolling probe of `construction_zone.build.surfaces.exposed`: by coordination, and by alpha shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.neighbours import close_pairs
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

BOND = 1.2
"""Two atoms are neighbours up to this many times the sum of their covalent radii."""


def coordination(atoms: Atoms, cutoff: float | None = None) -> NDArray[np.int64]:
    """The number of neighbours (n,) of each atom within `cutoff` Å (default: 1.2 times the sum of covalent radii)."""
    first, second = _bonds(atoms, cutoff).T
    return np.bincount(np.concatenate([first, second]), minlength=len(atoms))


def undercoordinated(atoms: Atoms, cutoff: float | None = None) -> Bools:
    """Which atoms (n,) have fewer neighbours than the most that an atom of their element has here."""
    found = coordination(atoms, cutoff)
    most = np.zeros(int(atoms.numbers.max(initial=0)) + 1, dtype=np.int64)
    np.maximum.at(most, atoms.numbers, found)
    return np.asarray(found < most[atoms.numbers])


def alpha_shape(atoms: Atoms, radius: float) -> tuple[Bools, NDArray[np.int64]]:
    """The atoms (n,) at the surface of the alpha shape, and its triangles (m, 3).

    What is left of space when every ball of `radius` (Å) that holds no atom is taken away (Edelsbrunner & Mücke, ACM
    Trans. Graph. 13, 43 (1994)). `radius` must be larger than the holes between the atoms inside, and smaller than
    cavities that should count. Raises `InvalidInput` if nothing is left.
    """
    from scipy.spatial import Delaunay

    reach = inputs.positive(radius, "radius")
    if len(atoms) < 5:
        raise InvalidInput(f"{len(atoms)} atoms have no surface; give at least five")
    points = np.asarray(atoms.positions)
    # lattices have five points on many spheres: joggle breaks the ties
    simplices = Delaunay(points, qhull_options="QJ").simplices
    inside = simplices[_circumradii(points[simplices]) < reach]
    if not len(inside):
        raise InvalidInput(f"radius is {reach:g} Å, smaller than the holes between the atoms; give more")
    faces = np.sort(np.concatenate([inside[:, [0, 1, 2]], inside[:, [0, 1, 3]], inside[:, [0, 2, 3]], inside[:, 1:]]))
    unique, counts = np.unique(faces, axis=0, return_counts=True)
    outer = unique[counts == 1]
    at_surface = np.zeros(len(points), dtype=bool)
    at_surface[outer.ravel()] = True
    return at_surface, outer.astype(np.int64)


def normals(atoms: Atoms, reach: float = 6.0) -> Floats:
    """The way out (n, 3) at each atom: the unit vector away from the mean of the atoms within `reach` Å.

    Where an atom lies in the very middle of its neighbours there is no way out, and the vector is zero.
    """
    points = np.asarray(atoms.positions)
    first, second = close_pairs(points, inputs.positive(reach, "reach"), np.zeros(3))[0].T
    delta = points[first] - points[second]
    total = np.zeros_like(points)
    np.add.at(total, first, delta)
    np.add.at(total, second, -delta)
    length = np.linalg.norm(total, axis=1)
    out = length > 1e-6 * reach
    total[out] /= length[out, None]
    total[~out] = 0.0
    return total


def _bonds(atoms: Atoms, cutoff: float | None) -> NDArray[np.int64]:
    radii = covalent_radii[atoms.numbers]
    most = 2 * BOND * float(radii.max(initial=0)) if cutoff is None else inputs.positive(cutoff, "cutoff")
    pairs, lengths = close_pairs(np.asarray(atoms.positions), most, np.zeros(3))
    if cutoff is not None:
        return pairs
    return pairs[lengths < BOND * (radii[pairs[:, 0]] + radii[pairs[:, 1]])]


def _circumradii(corners: Floats) -> Floats:
    """The radius (m,) of the ball through the four corners (m, 4, 3) of each tetrahedron; infinite where flat."""
    edges = corners[:, 1:] - corners[:, :1]
    volume = np.linalg.det(edges)
    squares = (edges**2).sum(axis=2)
    a, b, c = edges[:, 0], edges[:, 1], edges[:, 2]
    top = squares[:, :1] * np.cross(b, c) + squares[:, 1:2] * np.cross(c, a) + squares[:, 2:] * np.cross(a, b)
    flat = np.abs(volume) < 1e-6
    return np.where(flat, np.inf, np.linalg.norm(top, axis=1) / np.where(flat, 1.0, 2 * np.abs(volume)))
