"""Atomic columns: where they are, of what, and heat maps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ase
import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from construction_zone.build.inputs import Floats, positive
from construction_zone.label.field import TAIL, Field
from construction_zone.label.grains import Grain, grains, together
from construction_zone.label.orientation import MOST, TOLERANCE, nearest_axis, orientations

REACH = 0.3
"""Å: atoms nearer than this along the zone axis, where the lattice has them, are one column."""

WIDTH = 0.4
"""Å, standard deviation of a column in a heat map."""


def atomic_columns(atoms: ase.Atoms, *, tolerance: float = TOLERANCE, most: int = MOST) -> list[dict[str, Any]]:
    """The atomic columns of every grain that has a zone axis within `tolerance` (mrad) of the beam, a row each.

    ``zone``, ``grain``; ``x`` and ``y`` (Å), the mean place of its atoms; ``atoms``, how many; ``formula`` such as
    "Au12" or "Cd5Se5"; ``bottom``, ``top`` and ``spread`` (Å), the lowest and highest z of its atoms and their
    difference. A column is what lies in a line along the zone axis [uvw] (indices up to `most`) of the unmodified
    lattice, so that strained and tilted columns stay whole; its place is that of the atoms as they are. Grains at
    other orientations have no columns: `orientations` tells which are ``aligned``.
    """
    aligned = {row["grain"] for row in orientations(atoms, tolerance=tolerance, most=most) if row["aligned"]}
    rows: list[dict[str, Any]] = []
    for grain in grains(atoms):
        if grain.number in aligned:
            rows += _of_grain(atoms, grain, most)
    return rows


def heat_map(
    found: Sequence[Mapping[str, Any]], shape: tuple[int, int], pixel_size: tuple[float, float], *,
    periodic: tuple[bool, bool] = (True, True), width: float = WIDTH,
) -> np.ndarray:  # fmt: skip
    """A Gaussian of height 1 and standard deviation `width` (Å) at each of the columns `found`; the largest counts.

    Parameters
    ----------
    found
        rows with ``x`` and ``y`` in Å, of `atomic_columns`.
    shape, pixel_size
        (ny, nx) and (dy, dx) in Å.
    periodic
        whether the field repeats along y and x.
    width
        Å.

    Returns
    -------
    float32 (ny, nx).
    """
    width = positive(width, "width")
    extent = (shape[0] * pixel_size[0], shape[1] * pixel_size[1])
    field = Field(shape, pixel_size, (extent[0] if periodic[0] else 0.0, extent[1] if periodic[1] else 0.0))
    result = np.zeros(shape, np.float32)
    if not found:
        return result
    places = np.array([[row["y"], row["x"]] for row in found]) / pixel_size
    nearest = np.round(places).astype(int)
    axes, index = [], []
    for axis in (0, 1):
        half = int(np.ceil(TAIL * width / pixel_size[axis]))
        if field.periods[axis]:
            half = min(half, (shape[axis] - 1) // 2)
        own = nearest[:, axis, None] + np.arange(-half, half + 1)
        axes.append(np.exp(-(((own - places[:, axis, None]) * pixel_size[axis] / width) ** 2) / 2))
        if field.periods[axis]:
            own %= shape[axis]
        else:
            axes[-1][(own < 0) | (own >= shape[axis])] = 0
            own = np.clip(own, 0, shape[axis] - 1)
        index.append(own)
    patches = (axes[0][:, :, None] * axes[1][:, None, :]).astype(np.float32)
    np.maximum.at(result, (index[0][:, :, None], index[1][:, None, :]), patches)
    return result


def _of_grain(atoms: ase.Atoms, grain: Grain, most: int) -> list[dict[str, Any]]:
    assert grain.lattice is not None
    assert grain.lattice_now is not None
    axis, _ = nearest_axis(grain.lattice_now, most)
    along = np.array(axis) @ grain.lattice
    now, before = together(atoms, grain.atoms)
    label = _lines(before, along / np.linalg.norm(along))
    numbers, rows = atoms.numbers[grain.atoms], []
    order = np.argsort(label, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        z = now[members, 2]
        x, y = now[members, :2].mean(axis=0)
        rows.append(
            {
                "zone": grain.zone,
                "grain": grain.number,
                "x": _in_cell(float(x), atoms, 0),
                "y": _in_cell(float(y), atoms, 1),
                "atoms": len(members),
                "formula": _formula(numbers[members]),
                "bottom": float(z.min()),
                "top": float(z.max()),
                "spread": float(np.ptp(z)),
            }
        )
    return rows


def _lines(points: Floats, direction: Floats) -> NDArray[np.int64]:
    """For each of `points` (n, 3) the number of the line along `direction` that it lies in."""
    _, _, basis = np.linalg.svd(direction[None])
    pairs = cKDTree(points @ basis[1:].T).query_pairs(REACH, output_type="ndarray")
    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _formula(numbers: NDArray[np.int64]) -> str:
    kinds, counts = np.unique(numbers, return_counts=True)
    return "".join(f"{chemical_symbols[z]}{n}" for z, n in zip(kinds[::-1], counts[::-1], strict=True))


def _in_cell(place: float, atoms: ase.Atoms, axis: int) -> float:
    return place % float(atoms.cell[axis, axis]) if atoms.pbc[axis] else place
