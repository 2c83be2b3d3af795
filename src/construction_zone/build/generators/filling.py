"""Which sites of a lattice lie in a volume, found without asking about each of them.

A row of cells is cut into stretches. The signed distance at the middle of a stretch tells most of them to lie wholly
inside or wholly outside; only the sites of the rest are put to the volume one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.generators.lattice import rows_in_box
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.volumes import Volume
from construction_zone.build.volumes.base import in_chunks
from construction_zone.errors import InvalidInput

Sites = NDArray[np.unsignedinteger]

_STRETCH = 8
"""Cells in a stretch, and half as many in a small volume, of which the surface takes up more."""

_SMALL = 50_000
"""Sites in the box of a small volume."""

_FEW = 4000
"""Sites up to which asking about each costs less than classifying stretches."""

_SITES_PER_CHUNK = 16_384
"""Sites that are worked on at once: few enough to stay in the processor's cache."""

_SLACK = 1e-3


def sites_in_volume(
    volume: Volume,
    lattice: Floats,
    basis: Floats,
    origin: Floats,
    box: Floats,
    clip: Floats,
    planes: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Sites]:
    """Positions (n, 3) in Å of the lattice sites inside `volume`, and which site of the basis (n,) each is.

    Order: cells by third index, second, first; in a cell in the order of the basis.

    Parameters
    ----------
    lattice, basis, origin, box
        As in `lattice.cells_in_box`; the box holds all of the volume that is wanted.
    clip
        (2, 3) low (included) and high (excluded) limits of the coordinates; infinite where there is none.
    planes
        Unit normals (k, 3) and levels (k,) in Å of planes that the volume does not cross, as for `lattice.rows_in_box`:
        where it is small beside its box fewer sites are looked at.
    """
    kind = np.min_scalar_type(len(basis) - 1)
    found: list[Floats] = []
    sites: list[Sites] = []
    for points, mask in _candidates(volume, lattice, basis, origin, box, clip, planes):
        taken = np.flatnonzero(mask)
        found.append(points.take(taken, axis=0))
        sites.append((taken % len(basis)).astype(kind))
    if not found:
        return np.zeros((0, 3)), np.zeros(0, dtype=kind)
    if len(found) == 1:
        return found[0], sites[0]
    return np.concatenate(found), np.concatenate(sites)


def _candidates(
    volume: Volume,
    lattice: Floats,
    basis: Floats,
    origin: Floats,
    box: Floats,
    clip: Floats,
    planes: tuple[Floats, Floats] | None,
) -> Iterator[tuple[Floats, Bools]]:
    """Sites (m, 3) in the order of `sites_in_volume`, and which of them are inside."""
    step, clipped = lattice[0], bool(np.isfinite(clip).any())
    for starts, first, last in rows_in_box(lattice, basis, origin, box, planes):
        cells = np.maximum(last - first + 1, 0)
        longest = int(cells.max(initial=0))
        if not longest:
            continue
        small = int(cells.sum()) * len(basis) < _SMALL
        length = min(_STRETCH // 2 if small else _STRETCH, longest)
        # a stretch may reach past the end of its row: no site of those cells is in the box
        stretch = (np.arange(length)[:, None, None] * step + basis).reshape(-1, 3)
        number = -(-cells // length)
        row = np.repeat(np.arange(len(cells)), number)
        within = np.arange(len(row)) - np.repeat(np.cumsum(number) - number, number)
        begin = starts[row] + (first[row] + within * length)[:, None] * step
        inside, outside = _classified(volume, begin, stretch, clip)
        begin, inside = begin[~outside], inside[~outside]
        per_chunk = max(1, _SITES_PER_CHUNK // len(stretch))
        for at in range(0, len(begin), per_chunk):
            points = begin[at : at + per_chunk, None, :] + stretch
            mask = np.repeat(inside[at : at + per_chunk, None], len(stretch), axis=1)
            unsure = ~inside[at : at + per_chunk]
            if unsure.any():
                asked = points[unsure].reshape(-1, 3)
                held = volume.contains(asked)
                if clipped:
                    held &= ((asked >= clip[0]) & (asked < clip[1])).all(axis=1)
                mask[unsure] = held.reshape(-1, len(stretch))
            yield points.reshape(-1, 3), mask.ravel()


def _classified(volume: Volume, begin: Floats, stretch: Floats, clip: Floats) -> tuple[Bools, Bools]:
    """Which of the stretches that start at `begin` (k, 3) lie wholly inside, and which wholly outside."""
    nothing = np.zeros(len(begin), dtype=bool)
    if len(begin) * len(stretch) <= _FEW:
        return nothing, nothing
    low, high = stretch.min(axis=0), stretch.max(axis=0)
    middle = (low + high) / 2
    reach = float(np.linalg.norm(stretch - middle, axis=1).max()) + _SLACK
    try:
        # how far beyond the reach does not matter, and takes most of the time of a mesh
        distance = in_chunks(lambda points: volume._near_distance(points, reach), begin + middle, np.float64)
    except InvalidInput:  # a volume that only knows what is inside
        return nothing, nothing
    inside = distance < -reach
    inside &= ((begin + low >= clip[0]) & (begin + high < clip[1])).all(axis=1)
    return inside, distance > reach
