"""How the grains' lattices stand to the beam."""

from __future__ import annotations

import math
from itertools import product
from numbers import Real
from typing import Any

import ase
import numpy as np
from ase.geometry import cell_to_cellpar, cellpar_to_cell

from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput
from construction_zone.label.grains import grains

TOLERANCE = 20.0
"""mrad within which a zone axis counts as along the beam: over 50 Å a column then spreads by 1 Å."""

MOST = 2
"""Indices of a low-index zone axis are at most this."""


def orientations(atoms: ase.Atoms, *, tolerance: float = TOLERANCE, most: int = MOST) -> list[dict[str, Any]]:
    """The lattice orientation of every grain of `atoms`, a row each.

    ``zone``, ``grain``, ``phase``, ``atoms`` (how many); ``matrix``, the rotation (nine numbers, row by row) from the
    crystal with a along x and b in the xy-plane to the scene; ``lattice``, its vectors a, b, c in the scene (nine
    numbers, Å), homogeneous strain included; ``axis``, the zone axis [uvw] with indices up to `most` that is nearest
    to the beam, ``angle`` (mrad) between them, ``tilt_x`` and ``tilt_y`` (mrad), the angle's parts towards x and y; and
    ``aligned``, whether the angle is within `tolerance` (mrad). Of grains whose lattice the record does not tell these
    are None, and they are not aligned.
    """
    if isinstance(tolerance, bool) or not isinstance(tolerance, Real) or not 0 <= tolerance < 500 * math.pi:
        raise InvalidInput(f"tolerance is {tolerance!r}; give mrad, from 0 to a quarter turn")
    rows = []
    for grain in grains(atoms):
        row: dict[str, Any] = {
            "zone": grain.zone,
            "grain": grain.number,
            "phase": grain.phase,
            "atoms": len(grain.atoms),
            **dict.fromkeys(("matrix", "lattice", "axis", "angle", "tilt_x", "tilt_y")),
            "aligned": False,
        }
        lattice = grain.lattice_now
        if lattice is not None:
            axis, along = nearest_axis(lattice, most)
            angle = 1e3 * math.atan2(math.hypot(along[0], along[1]), along[2])
            share = angle / (math.hypot(along[0], along[1]) or 1.0)
            row |= {
                "matrix": orientation_matrix(lattice).ravel().tolist(),
                "lattice": lattice.ravel().tolist(),
                "axis": list(axis),
                "angle": angle,
                "tilt_x": float(along[0]) * share,
                "tilt_y": float(along[1]) * share,
                "aligned": bool(angle <= tolerance),
            }
        rows.append(row)
    return rows


def nearest_axis(lattice: Floats, most: int = MOST) -> tuple[tuple[int, int, int], Floats]:
    """The zone axis [uvw] of `lattice` (rows, Å) with indices up to `most` that is nearest to +z, and its direction.

    Of equally near ones that of the smallest indices.
    """
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= 20:
        raise InvalidInput(f"most is {most!r}; give the largest index of a zone axis, a whole number from 1 to 20")
    indices = [uvw for uvw in product(range(-most, most + 1), repeat=3) if math.gcd(*uvw) == 1]
    indices.sort(key=lambda uvw: (sum(map(abs, uvw)), [-u for u in uvw]))
    vectors = np.array(indices) @ lattice
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    # the sine tells small angles apart where the cosine is 1 to rounding
    angles = np.arctan2(np.hypot(vectors[:, 0], vectors[:, 1]), vectors[:, 2])
    best = int(np.flatnonzero(angles <= angles.min() + 1e-9)[0])
    u, v, w = indices[best]
    return (u, v, w), np.asarray(vectors[best])


def orientation_matrix(lattice: Floats) -> Floats:
    """The rotation that takes the crystal with a along x and b in the xy-plane to its `lattice` (rows, Å).

    A left-handed lattice is compared with a crystal whose c points down.
    """
    standard = cellpar_to_cell(cell_to_cellpar(lattice))
    if np.linalg.det(lattice) < 0:
        standard[2] *= -1
    return np.asarray(np.linalg.solve(standard, lattice).T)
