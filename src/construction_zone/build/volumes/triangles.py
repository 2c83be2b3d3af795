"""Distance to a set of triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from construction_zone.build.inputs import Floats
from construction_zone.build.volumes.base import in_chunks

Ints = NDArray[np.int64]

_BRANCH = 4
_POINTS = 4096


@dataclass(frozen=True, eq=False)
class TriangleTree:
    """Triangles in boxes in boxes, for the question which of them is nearest.

    `triangles` (k, 3, 3) are in the order of the last level; `levels` holds the boxes (low, high) of each level, the
    fewest first; `centres` (k, 3) and `radii` (k,) are balls about the triangles.
    """

    triangles: Floats
    levels: tuple[tuple[Floats, Floats], ...]
    centres: Floats
    radii: Floats
    landmarks: cKDTree

    def distance(self, points: Floats, limit: float = np.inf) -> Floats:
        """Distance (n,) in Å of `points` (n, 3) to the nearest triangle, exact to rounding; inf beyond `limit`."""
        return in_chunks(lambda some: self._distance(some, limit), points, np.float64, _POINTS)

    def _distance(self, points: Floats, limit: float) -> Floats:
        # any point of the surface bounds the distance from above; boxes beyond that bound are passed over
        known = np.minimum(self.landmarks.query(points, distance_upper_bound=limit)[0], limit) * (1 + 1e-12) + 1e-12
        count = len(self.levels[0][0])
        point, node = np.repeat(np.arange(len(points)), count), np.tile(np.arange(count), len(points))
        for depth, (low, high) in enumerate(self.levels):
            if depth:
                point, node = np.repeat(point, _BRANCH), (node[:, None] * _BRANCH + np.arange(_BRANCH)).ravel()
                real = node < len(low)
                point, node = point[real], node[real]
            beyond = np.maximum(np.maximum(low[node] - points[point], points[point] - high[node]), 0)
            close = np.einsum("ij,ij->i", beyond, beyond) <= known[point] ** 2
            point, node = point[close], node[close]
        away = points[point] - self.centres[node]
        close = np.einsum("ij,ij->i", away, away) <= (known[point] + self.radii[node]) ** 2
        point, node = point[close], node[close]
        distances = np.full(len(points), np.inf)
        if len(point):
            starts = np.flatnonzero(np.diff(point, prepend=-1))  # pairs stay in the order of the points
            pairs = distance_to_triangles(points[point], self.triangles[node])
            distances[point[starts]] = np.minimum.reduceat(pairs, starts)
        return distances


def triangle_tree(triangles: Floats) -> TriangleTree:
    """The tree over `triangles` (k, 3, 3)."""
    triangles = triangles[_along_a_curve(triangles.mean(axis=1))]
    centres = triangles.mean(axis=1)
    radii = np.linalg.norm(triangles - centres[:, None], axis=2).max(axis=1)
    levels = [(triangles.min(axis=1), triangles.max(axis=1))]
    while len(levels[0][0]) > _BRANCH:
        low, high = levels[0]
        starts = np.arange(0, len(low), _BRANCH)
        levels.insert(0, (np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)))
    return TriangleTree(
        triangles, tuple(levels), centres, radii, cKDTree(np.concatenate([triangles.reshape(-1, 3), centres]))
    )


def distance_to_triangles(points: Floats, triangles: Floats) -> Floats:
    """Distance (n,) of each of `points` (n, 3) to the triangle (n, 3, 3) beside it."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    normal = np.cross(b - a, c - a)
    above = np.ones(len(points), dtype=bool)
    nearest = np.full(len(points), np.inf)
    for start, end in ((a, b), (b, c), (c, a)):
        edge, offset = end - start, points - start
        above &= _dot(np.cross(normal, edge), offset) >= 0
        along = np.clip(_dot(offset, edge) / np.maximum(_dot(edge, edge), 1e-300), 0, 1)
        rest = offset - along[:, None] * edge
        np.minimum(nearest, _dot(rest, rest), out=nearest)
    length = np.sqrt(_dot(normal, normal))
    flat = length <= 1e-300  # a sliver is its edges
    height = np.abs(_dot(points - a, normal)) / np.where(flat, 1, length)
    return np.where(above & ~flat, height, np.sqrt(nearest))


def _dot(first: Floats, second: Floats) -> Floats:
    return np.einsum("ij,ij->i", first, second)


def _along_a_curve(points: Floats) -> Ints:
    """An order in which points (n, 3) that follow each other are close: Morton's."""
    low, high = points.min(axis=0), points.max(axis=0)
    cell = ((points - low) / np.maximum(high - low, 1e-12) * 1023).astype(np.int64)
    code = np.zeros(len(points), dtype=np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((cell[:, axis] >> bit) & 1) << (3 * bit + axis)
    return np.argsort(code, kind="stable")
