"""Which points a closed mesh holds, by counting how often a ray leaves it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.inputs import Bools, Floats

Ints = NDArray[np.int64]

_GRID = 64
"""Cells along the longest side of the mesh in the map of cells that lie wholly inside or outside."""

_PAIRS = 2_000_000
_UNDECIDED = 2


@dataclass(frozen=True, eq=False)
class Columns:
    """The triangles of a mesh, sorted into square columns along z.

    `first` (bins + 1,) and `listed` say which triangles each column holds.
    """

    vertices: Floats
    faces: Ints
    origin: Floats
    width: float
    shape: tuple[int, int]
    first: Ints
    listed: Ints

    def winding(self, points: Floats) -> Ints:
        """How often the mesh wraps around each of `points` (n, 3): 1 inside a closed outward mesh, 0 outside.

        A ray along +z counts the triangles that it passes upwards minus those downwards. Each edge is evaluated in one
        direction only, whichever triangle asks, and a point exactly on one is taken to lie a little further along x,
        then y; so no ray slips between two triangles or meets both.
        """
        bins: Ints = np.floor((points[:, :2] - self.origin) / self.width).astype(np.int64)
        within = ((bins >= 0) & (bins < np.array(self.shape))).all(axis=1)
        column = np.where(within, bins[:, 0] * self.shape[1] + bins[:, 1], 0)
        counts = np.where(within, self.first[column + 1] - self.first[column], 0)
        total = np.zeros(len(points), dtype=np.int64)
        edges = np.searchsorted(np.cumsum(counts), np.arange(_PAIRS, counts.sum() + _PAIRS, _PAIRS), side="right")
        start = 0
        for end in [*edges[:-1].tolist(), len(points)]:
            if end > start:
                total[start:end] = self._count(points[start:end], column[start:end], counts[start:end])
                start = end
        return total

    def _count(self, points: Floats, column: Ints, counts: Ints) -> Ints:
        point = np.repeat(np.arange(len(points)), counts)
        place = np.arange(len(point)) - np.repeat(np.cumsum(counts) - counts, counts)
        face = self.faces[self.listed[self.first[column][point] + place]]
        x, y, z = points[point].T
        weights = np.empty((3, len(point)))
        sides = np.empty((3, len(point)), dtype=bool)
        for k in range(3):  # the edge opposite corner k
            weights[k], sides[k] = self._side(face[:, (k + 1) % 3], face[:, (k + 2) % 3], x, y)
        up = np.asarray(sides.all(axis=0))
        met = np.flatnonzero(up | ~sides.any(axis=0))
        area = weights[:, met].sum(axis=0)
        height = np.einsum("kn,nk->n", weights[:, met], self.vertices[face[met], 2])
        height = np.divide(height, area, out=np.full(len(met), np.inf), where=area != 0)
        above = met[height > z[met]]
        sign = np.where(up[above], 1, -1)
        return np.bincount(point[above], weights=sign, minlength=len(points)).astype(np.int64)

    def _side(self, start: Ints, end: Ints, x: Floats, y: Floats) -> tuple[Floats, Bools]:
        """Twice the signed area that (x, y) spans with an edge, and whether it lies on the left."""
        swapped = start > end
        a = self.vertices[np.where(swapped, end, start)]
        b = self.vertices[np.where(swapped, start, end)]
        dx, dy = b[:, 0] - a[:, 0], b[:, 1] - a[:, 1]
        area = dx * (y - a[:, 1]) - dy * (x - a[:, 0])
        left = (area > 0) | ((area == 0) & ((dy < 0) | ((dy == 0) & (dx > 0))))
        return np.where(swapped, -area, area), left != swapped


@dataclass(frozen=True, eq=False)
class CellMap:
    """For each cell of a grid over a mesh: 0 wholly outside, 1 wholly inside, 2 cut by the surface."""

    states: NDArray[np.int8]
    origin: Floats
    width: float

    def look_up(self, points: Floats) -> NDArray[np.int8]:
        """The state of the cell of each of `points` (n, 3); 0 beyond the grid."""
        cell = np.floor((points - self.origin) / self.width)
        beyond = np.any((cell < 0) | (cell >= np.array(self.states.shape)), axis=1)
        index = np.where(beyond[:, None], 0, cell).astype(np.int64)
        found = self.states[index[:, 0], index[:, 1], index[:, 2]]
        found[beyond] = 0
        return found


def columns(vertices: Floats, faces: Ints) -> Columns:
    """The columns of a closed mesh of `vertices` (n, 3) and `faces` (k, 3)."""
    flat = vertices[:, :2]
    origin = flat.min(axis=0)
    extent = float(np.ptp(flat, axis=0).max())
    width = extent / np.clip(np.sqrt(len(faces)), 4, 512)
    low = np.floor((flat[faces].min(axis=1) - origin) / width - 1e-9).astype(np.int64)
    high = np.floor((flat[faces].max(axis=1) - origin) / width + 1e-9).astype(np.int64)
    shape = tuple((high.max(axis=0) + 1).tolist())
    low = np.maximum(low, 0)
    flat_low, flat_high = (np.pad(ends, ((0, 0), (0, 1))) for ends in (low, high))
    face, cell = _boxes_to_cells(flat_low, flat_high)
    column = cell[:, 0] * shape[1] + cell[:, 1]
    order = np.argsort(column, kind="stable")
    first = np.searchsorted(column[order], np.arange(shape[0] * shape[1] + 1))
    return Columns(vertices, faces, origin, width, (shape[0], shape[1]), first, face[order])


def cell_map(lines: Columns) -> CellMap:
    """The map of the mesh of `lines`: cells that no triangle comes near are settled by one point for each region."""
    corners = lines.vertices[lines.faces]
    low, extent = corners.min(axis=(0, 1)), np.ptp(corners.reshape(-1, 3), axis=0)
    width = float(extent.max()) / _GRID
    origin = low - 1.5 * width
    shape = tuple((np.ceil(extent / width).astype(int) + 3).tolist())
    cut = np.zeros(shape, dtype=bool)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    slack = 1e-3 * width
    starts = np.floor((corners.min(axis=1) - slack - origin) / width).astype(np.int64)
    ends = np.floor((corners.max(axis=1) + slack - origin) / width).astype(np.int64)
    for begin in range(0, len(corners), 1024):
        face, cell = _boxes_to_cells(starts[begin : begin + 1024], ends[begin : begin + 1024])
        face = face + begin
        # a large slanted triangle cuts only the cells that its plane passes
        middle = origin + (cell + 0.5) * width
        height = np.abs(np.einsum("ij,ij->i", middle - corners[face, 0], normal[face]))
        hit = cell[height <= (width / 2 + slack) * np.abs(normal[face]).sum(axis=1)]
        cut[hit[:, 0], hit[:, 1], hit[:, 2]] = True
    from scipy import ndimage  # takes longer to import than the rest of the room

    regions, count = ndimage.label(~cut)
    states = np.where(cut, _UNDECIDED, 0).astype(np.int8)
    numbers, where = np.unique(regions.ravel(), return_index=True)
    some = np.column_stack(np.unravel_index(where[numbers > 0], shape))
    holds = np.zeros(count + 1, dtype=bool)
    holds[numbers[numbers > 0]] = lines.winding(origin + (some + 0.5) * width) > 0
    states[holds[regions]] = 1
    return CellMap(states, origin, width)


def _boxes_to_cells(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Every cell (m, 3) of each box from `low` to `high` (k, 3), both included, and the number (m,) of its box."""
    sides = high - low + 1
    counts = sides.prod(axis=1)
    box = np.repeat(np.arange(len(low)), counts)
    place = np.arange(len(box)) - np.repeat(np.cumsum(counts) - counts, counts)
    depth, rows = sides[box, 2], sides[box, 1]
    cell = np.column_stack([place // (depth * rows), place // depth % rows, place % depth])
    return box, cell + low[box]
