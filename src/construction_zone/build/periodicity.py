"""Atoms of any origin, brought to what neighbour searches take: an orthogonal cell that repeats along some axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from construction_zone.build import inputs, torus
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms


def wrapped(atoms: Atoms) -> tuple[Floats, Floats]:
    """Positions (n, 3) brought into [0, period) along axes that repeat, and the periods (3,) in Å, 0 on open axes.

    Raises `InvalidInput` if a cell that repeats is not orthogonal with its edges along x, y and z.
    """
    points = inputs.points(atoms.positions.reshape(-1, 3), "positions")
    periodic = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
    matrix = np.asarray(atoms.cell.array)
    lengths = np.diag(matrix)
    if any(periodic) and (not np.allclose(matrix, np.diag(lengths), atol=1e-8) or (lengths[list(periodic)] <= 0).any()):
        raise InvalidInput(
            f"the cell {matrix.tolist()} Å repeats but its edges are not along x, y and z; use an orthogonal cell"
        )
    cell = (float(lengths[0]), float(lengths[1]), float(lengths[2]))
    return torus.wrap(points, cell, periodic), np.where(periodic, lengths, 0.0)
