"""How a crystal repeats in an orthogonal cell, with a plane up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.build.lattice_directions import plane_normal
from construction_zone.build.prefabs.facets import shown
from construction_zone.build.prefabs.symmetry import Indices
from construction_zone.build.transforms import IDENTITY, align
from construction_zone.errors import InvalidInput

_SQUARE = 1e-6


@dataclass(frozen=True)
class Fit:
    """A crystal turned and strained so that it repeats with a cell.

    Parameters
    ----------
    crystal
        With the plane up; its strain is in its lattice.
    edges
        Å along x and y of the smallest rectangle with which it repeats, after the strain.
    repeats
        How many of them fill the cell.
    strain
        Along x and y; the third direction keeps its length.
    """

    crystal: Crystal
    edges: tuple[float, float]
    repeats: tuple[int, int]
    strain: tuple[float, float]


def fitted_repeat(crystal: Crystal, hkl: Indices, size: tuple[float, float], max_strain: float) -> Fit:
    """The crystal with (hkl) up and the shortest lattice vector in it along x, strained to repeat with a cell.

    Raises `InvalidInput` if no rectangle repeats in the plane, or where the strain would be above `max_strain`.
    """
    first, second = rectangle(crystal, hkl)
    turn = align(plane_normal(crystal.lattice, hkl), (0, 0, 1), first, (1, 0, 0))
    edges = [float(np.linalg.norm(first)), float(np.linalg.norm(second))]
    repeats = [max(1, round(side / edge)) for side, edge in zip(size, edges, strict=True)]
    strain = [side / (n * edge) - 1 for side, n, edge in zip(size, repeats, edges, strict=True)]
    if max(map(abs, strain)) > max_strain:
        fitting = [f"{max(1, round(s / e)) * e:.4f}" for s, e in zip(size, edges, strict=True)]
        raise InvalidInput(
            f"{crystal.phase} {shown(hkl)} repeats every {edges[0]:.4f} × {edges[1]:.4f} Å: a cell of {size[0]:g} × "
            f"{size[1]:g} Å strains it by {strain[0]:+.2%} and {strain[1]:+.2%}, more than {max_strain:.2%}; a cell of "
            f"{fitting[0]} × {fitting[1]} Å fits, or allow more with max_strain="
        )
    stretched = turn.apply_direction(crystal.lattice) * np.array([1 + strain[0], 1 + strain[1], 1.0])
    made = replace(crystal, lattice=stretched, pose=IDENTITY)
    stretch = (edges[0] * (1 + strain[0]), edges[1] * (1 + strain[1]))
    return Fit(made, stretch, (repeats[0], repeats[1]), (strain[0], strain[1]))


def rectangle(crystal: Crystal, hkl: Indices) -> tuple[Floats, Floats]:
    """The shortest lattice vector in (hkl), and the shortest one in the plane at right angles to it, Å."""
    translations = centrings(crystal)
    reach = 1 + 2 * max(map(abs, hkl))
    while reach <= 24:
        cells = np.array(list(product(range(-reach, reach + 1), repeat=3)), dtype=np.float64)
        indices = (cells[:, None] + translations).reshape(-1, 3)
        indices = indices[np.abs(indices @ np.array(hkl)) < 1e-6]
        vectors = indices @ crystal.lattice
        lengths = np.linalg.norm(vectors, axis=1)
        # ties go to the vector with the largest first index, so that the choice hangs on nothing else
        order = np.lexsort((*np.round(-indices.T[::-1], 6), np.round(lengths, 6)))
        vectors, lengths = vectors[order], lengths[order]
        vectors, lengths = vectors[lengths > 1e-3], lengths[lengths > 1e-3]
        across = np.abs(vectors @ vectors[0]) < _SQUARE * lengths * lengths[0]
        if across.any():
            return vectors[0], vectors[int(np.argmax(across))]
        reach *= 2
    raise InvalidInput(f"{crystal.phase} {shown(hkl)} repeats in no rectangle; choose another plane")


def centrings(crystal: Crystal) -> Floats:
    """The translations (n, 3), in fractions of the cell, that leave the crystal as it is: (0, 0, 0) and centrings."""
    found = [np.zeros(3)]
    kinds = np.array([hash(k) for k in (crystal.occupancy or crystal.numbers.tolist())])
    for other in range(1, len(crystal.numbers)):
        step = crystal.fractional[other] - crystal.fractional[0]
        delta = (crystal.fractional + step)[:, None] - crystal.fractional
        delta -= np.round(delta)
        close = np.linalg.norm(delta @ crystal.lattice, axis=2) < 0.02
        if (close & (kinds[:, None] == kinds)).any(axis=1).all():
            found.append(step)
    return np.array(found)
