"""Slices along the beam: where they lie and which atoms each holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import inputs
from construction_zone.errors import InvalidInput

SliceThickness: TypeAlias = float | Literal["planes"] | Sequence[float]

SAME_PLANE = 0.5
"""Å. Atoms whose heights follow each other more closely than this belong to one lattice plane."""

THINNEST = 0.001
"""Å. Thinner slices are a mistake in units."""

EDGE = 1e-9
"""Å. An atom this little below a boundary belongs to the slice behind it: rounding must not decide."""


@dataclass(frozen=True)
class Slices:
    """Atoms sorted into slices along the beam.

    Attributes
    ----------
    boundaries
        (slices + 1,) heights in Å from 0 to the cell's height; slice i lies between i and i + 1.
    members
        for each slice the indices of its atoms, in the order of the atoms. Every atom is in exactly one: one on a
        boundary in the slice behind it, one at or beyond the bottom or top of the cell in the first or last.
    """

    boundaries: NDArray[np.float64]
    members: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        return len(self.members)

    @property
    def thicknesses(self) -> NDArray[np.float64]:
        """Thickness of each slice in Å."""
        return np.diff(self.boundaries)


def cut(z: NDArray[np.float64], height: float, thickness: SliceThickness) -> Slices:
    """Cut a cell of `height` (Å) into slices and sort atoms at heights `z` (n,) into them.

    `thickness` is the largest thickness of equal slices in Å, or "planes" for one slice to each lattice plane with
    boundaries halfway between planes, or the thickness of every slice, which together make up the height.
    """
    boundaries = _boundaries(z, height, thickness)
    index = np.searchsorted(boundaries[1:-1], z + EDGE, side="right")
    order = np.argsort(index, kind="stable")
    bounds = np.searchsorted(index[order], np.arange(len(boundaries)))
    return Slices(boundaries, tuple(order[bounds[i] : bounds[i + 1]] for i in range(len(boundaries) - 1)))


def _boundaries(z: NDArray[np.float64], height: float, thickness: SliceThickness) -> NDArray[np.float64]:
    if isinstance(thickness, str):
        if thickness != "planes":
            raise InvalidInput(f"slice_thickness is {thickness!r}; give a length in Å, a list of lengths, or 'planes'")
        planes = np.sort(z)
        gaps = np.flatnonzero(np.diff(planes) > SAME_PLANE)
        middles = (planes[gaps] + planes[gaps + 1]) / 2
        return np.concatenate([[0.0], middles[(middles > 0) & (middles < height)], [height]])
    given = inputs.floats(thickness, "slice_thickness")
    if not (np.all(np.isfinite(given)) and np.all(given > 0) and given.ndim <= 1 and given.size):
        raise InvalidInput(f"slice_thickness is {thickness!r}; give a positive length in Å, such as 2.0, or a list")
    if given.min() < THINNEST:
        raise InvalidInput(f"slices of {given.min():g} Å are thinner than {THINNEST} Å; thicknesses are in Å")
    if given.ndim == 0:
        return np.linspace(0.0, height, max(1, int(np.ceil(height / float(given) - 1e-6))) + 1)
    if abs(given.sum() - height) > 1e-3:
        raise InvalidInput(
            f"the slices are {given.sum():.3f} Å thick together and the cell is {height:.3f} Å high; "
            "give thicknesses that add up to the height of the cell"
        )
    return np.concatenate([[0.0], np.cumsum(given)[:-1], [height]])


def up_to(slices: Slices, depths: Sequence[float]) -> NDArray[np.int64]:
    """How many slices lie above each of `depths` (Å from the entrance), which must be boundaries to within 1 mÅ.

    Raises `InvalidInput` and names the nearest boundary for a depth that is none.
    """
    wanted = inputs.floats(depths, "depths")
    if wanted.ndim != 1 or not len(wanted) or not np.all(np.isfinite(wanted)) or np.any(np.diff(wanted) <= 0):
        raise InvalidInput(f"depths are {depths!r}; give rising heights in Å from the entrance")
    nearest = np.abs(slices.boundaries[:, None] - wanted).argmin(axis=0)
    off = np.flatnonzero(np.abs(slices.boundaries[nearest] - wanted) > 1e-3)
    if len(off):
        raise InvalidInput(
            f"the depth {wanted[off[0]]:g} Å is no boundary of a slice; the nearest is "
            f"{slices.boundaries[nearest[off[0]]]:.4f} Å (slices of about {slices.thicknesses.mean():.3g} Å)"
        )
    if nearest[0] == 0:
        raise InvalidInput("the depth 0 Å is the entrance, where the wave is 1; give depths beyond the first slice")
    return nearest
