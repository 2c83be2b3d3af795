"""Where molecules touch a surface and each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.inputs import Floats
from construction_zone.build.neighbours import tree

_OPEN = np.zeros(3)
"""No direction repeats."""

_AROUND = 8.0
"""Å about a site within which atoms can be in the way of the anchor."""


class Crowd:
    """Atoms that others must keep away from."""

    def __init__(self, numbers: NDArray[np.int64], points: Floats) -> None:
        self.trees = {int(z): tree(points[numbers == z], _OPEN) for z in np.unique(numbers)}

    def touches(self, numbers: NDArray[np.int64], points: Floats, shares: Floats) -> bool:
        """Whether one of `points` (n, 3) is closer to one of the crowd than its share (n,) of their radii."""
        radii = van_der_waals(numbers)
        return any(
            bool((known.query(points)[0] < shares * (radii + van_der_waals(np.array([z]))[0])).any())
            for z, known in self.trees.items()
        )


def covalent(numbers: Any) -> Floats:
    """Covalent radii in Å."""
    from ase.data import covalent_radii

    return np.asarray(covalent_radii[numbers])


def van_der_waals(numbers: NDArray[np.int64]) -> Floats:
    """van der Waals radii (n,) in Å."""
    from ase.data.vdw_alvarez import vdw_radii

    return np.nan_to_num(np.asarray(vdw_radii, dtype=np.float64)[numbers], nan=2.0)


def lowered(site: Floats, out: Floats, points: Floats, lengths: Floats, known: Any) -> Floats | None:
    """Where a ball that comes down along `out` over `site` first is a bond away from an atom; None if it meets none."""
    near = np.array(known.query_ball_point(site, _AROUND), dtype=np.int64)
    offset = points[near] - site
    along = offset @ out
    square = lengths[near] ** 2 - ((offset**2).sum(axis=1) - along**2)
    met = square > 0
    if not met.any():
        return None
    return np.asarray(site + float((along[met] + np.sqrt(square[met])).max()) * out)


def equally_far(corners: Floats, out: Floats) -> Floats:
    """Unit vectors (m, 3) next to `out` (m, 3) that are across all edges between the corners (m, 1 to 3, 3)."""
    if corners.shape[1] == 1:
        return out
    edge = corners[:, 1] - corners[:, 0]
    edge /= np.linalg.norm(edge, axis=1)[:, None]
    if corners.shape[1] == 2:
        line = out - (out * edge).sum(axis=1)[:, None] * edge
    else:
        normal = np.cross(edge, corners[:, 2] - corners[:, 0])
        line = normal * np.sign((normal * out).sum(axis=1))[:, None]
    length = np.linalg.norm(line, axis=1)
    return np.where(length[:, None] > 1e-6, line / np.maximum(length, 1e-6)[:, None], out)


def circumcentres(corners: Floats) -> Floats:
    """The points (m, 3) as far from each of three corners (m, 3, 3), in their plane."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(a, b)
    square = (normal**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = (
            (a**2).sum(axis=1)[:, None] * np.cross(b, normal) + (b**2).sum(axis=1)[:, None] * np.cross(normal, a)
        ) / (2 * square[:, None])
    return np.asarray(corners[:, 0] + np.where(square[:, None] > 1e-6, shift, np.nan))
