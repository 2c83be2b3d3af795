"""Strain: of each atom's surroundings, and as a map in the image plane."""

from __future__ import annotations

import ase
import numpy as np
from scipy.spatial import cKDTree

from construction_zone.build.arrays import IDEAL
from construction_zone.build.inputs import Floats, positive
from construction_zone.label.field import Field
from construction_zone.label.grains import Grain, grains, together
from construction_zone.label.masks import projected

COMPONENTS = ("exx", "eyy", "exy", "rotation")
"""What the maps hold: strain, and the rotation in radians from x towards y."""

WIDTH = 1.5
"""Å over which atoms are averaged in projection."""

_NEAREST = 12
"""Atoms whose distance says how far neighbours are looked for: all of the shell that the twelfth is in count."""


def atomic_strain(atoms: ase.Atoms) -> np.ndarray:
    """Strain (n, 4) in the image plane about each atom: exx, eyy, exy and the rotation (rad), NaN in no crystal.

    F, the least-squares map of an atom's neighbours from where they were in the unstrained crystal (array ``ideal``) to
    where they are (Falk & Langer, Phys. Rev. E 57, 7192 (1998)), is taken apart as F = V R; the strain is V − 1, the
    rotation that of R about the beam. A grain that was made stretched, as those of multiply twinned particles, has that
    strain too. Where no modifier moved anything, there is none.
    """
    result = np.full((len(atoms), len(COMPONENTS)), np.nan)
    for grain in grains(atoms):
        result[grain.atoms] = _in_plane(_gradients(atoms, grain) @ grain.stretch)
    return result


def strain_map(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    width: float = WIDTH,
    within: np.ndarray | None = None,
) -> np.ndarray:
    """The mean strain of the crystals of `atoms` along the beam, float32 (4, ny, nx): `COMPONENTS`; NaN elsewhere.

    At each pixel of the crystals' mask atoms count by a Gaussian of their distance in projection, of standard deviation
    `width` (Å); strain is `atomic_strain`, against the unstrained crystal and in the axes of the image. `within` is
    that mask, if it is known already.
    """
    field, width = Field.of(atoms, shape, pixel_size), positive(width, "width")
    result = np.full((len(COMPONENTS), *field.shape), np.nan, np.float32)
    values = atomic_strain(atoms)
    known = np.isfinite(values[:, 0])
    crystals: ase.Atoms = atoms[known]
    if not len(crystals):
        return result
    mask = (projected(crystals, shape, pixel_size) if within is None else within) > 0
    if not np.abs(values[known]).any():
        result[:, mask] = 0
        return result
    weights = np.concatenate([np.ones((1, len(crystals))), values[known].T])
    rows, columns, sums = field.summed(crystals.positions[:, 1::-1], weights, width)
    inside = mask[field.at(rows, columns)] & (sums[0] > 0)
    for component, total in zip(result, sums[1:], strict=True):
        component[field.at(rows, columns)] = np.where(inside, total / np.where(inside, sums[0], 1), np.nan)
    return result


def _gradients(atoms: ase.Atoms, grain: Grain) -> Floats:
    """F (n, 3, 3) about the atoms of a grain."""
    count = len(grain.atoms)
    if IDEAL not in atoms.arrays or count < 2:
        return np.broadcast_to(np.eye(3), (count, 3, 3))
    now, before = together(atoms, grain.atoms)
    if np.array_equal(now, before):
        return np.broadcast_to(np.eye(3), (count, 3, 3))
    most = min(2 * _NEAREST, count - 1)
    length, index = cKDTree(before).query(before, k=most + 1)
    length, index = length[:, 1:], index[:, 1:]
    counted = length <= 1.05 * length[:, min(_NEAREST, most) - 1, None]
    old = (before[index] - before[:, None]) * counted[..., None]
    moved = (now[index] - now[:, None]) * counted[..., None] - old
    # in directions without neighbours, as across a sheet, nothing changes
    square = np.einsum("nki,nkj->nij", old, old)
    change = np.einsum("nki,nkj->nij", moved, old) @ np.linalg.pinv(square, rcond=1e-6, hermitian=True)
    return np.asarray(np.eye(3) + change)


def _in_plane(gradient: Floats) -> Floats:
    """exx, eyy, exy and rotation (n, 4) of F (n, 3, 3)."""
    u, values, v = np.linalg.svd(gradient)
    stretch = (u * values[:, None, :]) @ np.swapaxes(u, 1, 2)
    turn = u @ v
    angle = np.arctan2(turn[:, 1, 0] - turn[:, 0, 1], turn[:, 0, 0] + turn[:, 1, 1])
    return np.column_stack([stretch[:, 0, 0] - 1, stretch[:, 1, 1] - 1, stretch[:, 0, 1], angle])
