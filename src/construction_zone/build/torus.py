"""Volumes in a cell that repeats: which images of a point lie inside, and which image stands for the point.

Along an axis on which a volume is unbounded it is clipped to the cell. Along a periodic axis a bounded volume may
stick through the seam: what is outside comes in again on the other side.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.neighbours import corners
from construction_zone.build.volumes.base import Volume, is_empty
from construction_zone.errors import SceneError

Periodic = tuple[bool, bool, bool]


def window(volume: Volume, cell: Point) -> Floats:
    """The (2, 3) box in Å in which a generator has to fill `volume`: its bounds, clipped to the cell where infinite.

    Raises `SceneError` if nothing is left.
    """
    bounds = volume.bounds
    if is_empty(bounds):
        raise SceneError("the volume is empty: its parts do not meet; check their positions and sizes")
    box = np.stack(
        [
            np.where(np.isfinite(bounds[0]), bounds[0], np.minimum(0.0, bounds[1])),
            np.where(np.isfinite(bounds[1]), bounds[1], np.maximum(np.asarray(cell), bounds[0])),
        ]
    )
    # an axis that is unbounded on one side only may still miss the cell altogether
    half_open = ~np.isfinite(bounds).all(axis=0)
    box[:, half_open] = np.clip(box[:, half_open], 0.0, np.asarray(cell)[half_open])
    if (box[0] >= box[1]).any():
        axis = "xyz"[int(np.flatnonzero(box[0] >= box[1])[0])]
        raise SceneError(
            f"the volume does not meet the cell of {_lengths(cell)} Å along {axis} "
            f"(it reaches from {bounds[0].tolist()} to {bounds[1].tolist()}); move it or enlarge the cell"
        )
    return box


def clipped_axes(volume: Volume) -> Bools:
    """Along which axes (3,) the volume is unbounded and is therefore clipped to the cell."""
    return np.asarray(~np.isfinite(volume.bounds).all(axis=0))


def wrap(points: Floats, cell: Point, periodic: Periodic) -> Floats:
    """`points` (n, 3) brought into [0, L) along the periodic axes."""
    wrapped = points.copy()
    for axis in np.flatnonzero(periodic):
        column = wrapped[:, axis]
        if len(column) and column.min() >= 0 and column.max() < cell[axis]:
            continue  # several times faster than the modulus
        column = np.mod(column, cell[axis])
        column[column >= cell[axis]] = 0.0  # rounding of tiny negative numbers
        wrapped[:, axis] = column
    return wrapped


def image_numbers(volume: Volume, cell: Point, periodic: Periodic) -> list[Point]:
    """The cell vectors (Å) that carry some point of the cell into the volume, the zero vector first if it is one.

    Clipped axes have only the cell itself.
    """
    bounds, clipped = volume.bounds, clipped_axes(volume)
    if is_empty(bounds):
        return []
    ranges: list[list[int]] = []
    for axis in range(3):
        if not periodic[axis] or clipped[axis]:
            ranges.append([0])
            continue
        first = int(np.floor(bounds[0, axis] / cell[axis] - 1e-9))
        last = int(np.floor(bounds[1, axis] / cell[axis] + 1e-9))
        ranges.append(sorted(range(first, last + 1), key=lambda n: (abs(n), n)))
    numbers = sorted(product(*ranges), key=lambda n: sum(map(abs, n)))
    return [(n[0] * cell[0], n[1] * cell[1], n[2] * cell[2]) for n in numbers]


def contains(volume: Volume, points: Floats, cell: Point, periodic: Periodic) -> Bools:
    """Which wrapped `points` (n, 3) have an image inside `volume`, as (n,) booleans."""
    inside = np.zeros(len(points), dtype=bool)
    if not len(points):
        return inside
    bounds, reach = volume.bounds, corners(points)
    for shift in image_numbers(volume, cell, periodic):
        low, high = bounds[0] - shift - 1e-3, bounds[1] - shift + 1e-3
        if (reach[1] < low).any() or (reach[0] > high).any():
            continue
        open_ = np.arange(len(points))
        for axis in range(3):  # one column after the other: most points are out after the first
            if reach[0][axis] < low[axis] or reach[1][axis] > high[axis]:
                column = points[open_, axis]
                open_ = open_[(column >= low[axis]) & (column <= high[axis])]
        open_ = open_[~inside[open_]]
        inside[open_] = volume.contains(points[open_] + shift)
    return inside


def overlaps_itself(volume: Volume, cell: Point, periodic: Periodic) -> bool:
    """Whether the bounds of `volume` are longer than a period, so that two images of a point may be inside."""
    bounds, clipped = volume.bounds, clipped_axes(volume)
    longer = bounds[1] - bounds[0] > np.asarray(cell) + 1e-6
    return bool((longer & np.asarray(periodic) & ~clipped).any())


def first_images(volume: Volume, points: Floats, cell: Point, periodic: Periodic) -> Bools:
    """Which of `points` (n, 3), all inside `volume`, are the image that stands for their position in the cell.

    Of the images that lie in the volume, the one in the cell itself stands for all; else the nearest image does.
    """
    wrapped = wrap(points, cell, periodic)
    chosen = np.zeros(len(points), dtype=bool)
    taken = np.zeros(len(points), dtype=bool)
    for shift in image_numbers(volume, cell, periodic):
        image = wrapped + shift
        inside = ~taken & volume.contains(image)
        chosen |= inside & (np.abs(image - points) < 1e-6).all(axis=1)
        taken |= inside
    return chosen


def _lengths(cell: Point) -> str:
    return " × ".join(f"{length:g}" for length in cell)
