"""How thick the matter is along the beam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import inputs
from construction_zone.build.inputs import Floats
from construction_zone.build.neighbours import corners
from construction_zone.build.periodicity import wrapped
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

CLOSING = 3.0
"""Å. Spaces that a ball of this radius cannot enter count as matter; it is wider than any interstice of a crystal."""

PORES = 6.0
"""Å. The same for what is on no lattice: relaxed amorphous carbon has pores that a ball of 4 Å enters, and its density
counts them in."""

EDGE = 1.0
"""Å by which matter reaches beyond the centres of its outermost atoms: about half a lattice plane."""

_LARGEST = 3e8
"""Voxels beyond which a map is refused: some 3 GB."""


def thickness(atoms: Atoms, pixel: float = 1.0) -> Floats:
    """Length of matter along z, (ny, nx) in Å; hollows are left out.

    Matter is what is left after closing the atoms with a ball of radius 3 Å, or 6 Å for those that are on no lattice
    (array ``sublattice``), ending 1 Å beyond the outermost atoms, on cubic voxels of about `pixel` (Å) whose size sets
    the accuracy. Pixel *i* is at *i*·d, d = edge of the cell over the number of pixels. Where the cell does not repeat
    and has no edge, it is taken to end 5 Å beyond the last atom.
    """
    step = inputs.positive(pixel, "pixel")
    points, boxsize = wrapped(atoms)
    if not len(points):
        raise InvalidInput("there are no atoms; give at least one")
    low, high = corners(points)
    edges = np.diag(atoms.cell.array)
    lengths = np.where(edges > 0, edges, high + 5)
    counts = np.maximum(np.round(lengths / step).astype(int), 1)
    sizes = lengths / counts
    # a scene without any crystal has no such array; of atoms that no scene made nothing is known
    unknown = np.full(len(points), -1 if "phase" in atoms.arrays else 0)
    loose = np.asarray(atoms.arrays.get("sublattice", unknown)) < 0
    parts = [(points[own], ball) for own, ball in ((~loose, CLOSING), (loose, PORES)) if own.any()]
    reach = np.ceil(2 * max(ball for _, ball in parts) / sizes).astype(int) + 2
    # along z only where there is matter
    first, last = int(np.floor(low[2] / sizes[2])), int(np.ceil(high[2] / sizes[2]))
    shape = (last - first + 1 + 2 * reach[2], counts[1] + 2 * reach[1], counts[0] + 2 * reach[0])
    if np.prod(shape, dtype=float) > _LARGEST:
        raise InvalidInput(
            f"a map with pixels of {step:g} Å needs {np.prod(shape, dtype=float):.3g} voxels; enlarge them"
        )
    inside = np.zeros(shape, dtype=bool)
    for own, ball in parts:
        index = np.round(own / sizes).astype(int) - (0, 0, first) + reach
        inside |= _matter(index[((index >= 0) & (index < shape[::-1])).all(axis=1)], shape, sizes, reach, boxsize, ball)
    across = inside.sum(axis=0) * sizes[2]
    return np.asarray(across[reach[1] : reach[1] + counts[1], reach[0] : reach[0] + counts[0]], dtype=np.float64)


def _matter(
    index: NDArray[np.int64],
    shape: tuple[int, ...],
    sizes: Floats,
    reach: NDArray[np.int64],
    boxsize: Floats,
    ball: float,
) -> NDArray[np.bool_]:
    """Voxels of `shape` (z, y, x) that atoms in the voxels `index` (n, 3: x, y, z) fill, closed with a ball (Å)."""
    from scipy import ndimage

    empty = np.ones(shape, dtype=bool)
    empty[index[:, 2], index[:, 1], index[:, 0]] = False
    for axis, (margin, period) in enumerate(zip(reach, boxsize, strict=True)):
        if period > 0 and axis < 2:  # the margins of an axis that repeats hold copies of the other side
            inner = np.moveaxis(empty, 2 - axis, 0)
            count = len(inner) - 2 * margin
            own = inner[margin : margin + count].copy()
            own[0] &= inner[margin + count]  # an atom may be rounded to the far edge
            inner[:] = own[(np.arange(len(inner)) - margin) % count]
    closed = ndimage.distance_transform_edt(empty, sampling=sizes[::-1]) <= ball
    # a voxel's centre is half a voxel away from where the next one begins
    found: NDArray[np.bool_] = (
        ndimage.distance_transform_edt(closed, sampling=sizes[::-1]) > ball - EDGE + sizes.mean() / 2
    )
    return found
