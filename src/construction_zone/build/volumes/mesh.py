"""Volumes inside closed triangle meshes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.volumes.base import BOUNDARY
from construction_zone.build.volumes.crossings import CellMap, Columns, cell_map, columns
from construction_zone.build.volumes.posed import Posed
from construction_zone.build.volumes.triangles import TriangleTree, triangle_tree
from construction_zone.errors import InvalidInput, StructureFileError, missing_extra

_NUDGE = BOUNDARY * np.array([1.0, 0.618, 0.382])
"""Å by which points move before they are tested, so that a point on the surface is inside on low faces only."""


@dataclass(frozen=True, eq=False)
class Mesh(Posed):
    """The inside of a closed surface of triangles.

    Parameters
    ----------
    vertices
        (n, 3) corners in Å.
    faces
        (k, 3) numbers of the corners of each triangle, counter-clockwise seen from outside. Cavities are triangles
        that face into them. A mesh that is inside out as a whole is turned.

    A point on the surface is inside where the surface faces −x (−y, −z), so that meshes set side by side share no
    lattice point. The signed distance is exact under any affine map. Bodies may overlap: their union is meant, but
    distances then count the inner surfaces too, and `measure` counts the overlap twice.

    Raises `InvalidInput` if the surface is not closed, or if neighbouring triangles disagree about the outside.
    """

    vertices: Floats
    faces: NDArray[np.int64]

    def __post_init__(self) -> None:
        vertices = inputs.points(self.vertices, "vertices")
        faces = _checked_faces(self.faces, len(vertices))
        _refuse_open(faces)
        content = _signed_content(vertices, faces)
        if abs(content) < 1e-9 * float(np.ptp(vertices, axis=0).max()) ** 3:
            raise InvalidInput("the mesh holds no volume: its triangles lie in a plane or cancel each other")
        if content < 0:
            faces = faces[:, ::-1]
        object.__setattr__(self, "vertices", inputs.frozen(vertices))
        object.__setattr__(self, "faces", inputs.frozen(faces, np.int64))

    @classmethod
    def read(cls, path: str | PathLike[str], *, scale: float = 1.0) -> Mesh:
        """The mesh in an STL, OBJ, PLY or other file that trimesh reads; needs the extra "mesh".

        Corners in the same place are merged and the triangles are turned to agree with their neighbours.

        Parameters
        ----------
        path
            The file.
        scale
            Å in one unit of the file: 10 if it is in nm.
        """
        try:
            import trimesh
        except ImportError as error:
            raise missing_extra("trimesh", "mesh") from error
        file = Path(path)
        if not file.is_file():
            raise StructureFileError(f"there is no file {file}")
        factor = inputs.positive(scale, "scale", "Å per unit")
        try:
            loaded = trimesh.load(file, force="mesh", process=True)
        except Exception as error:  # trimesh raises what its many readers raise
            raise StructureFileError(f"{file} cannot be read as a triangle mesh: {error}") from error
        if not isinstance(loaded, trimesh.Trimesh) or not len(loaded.faces):
            raise StructureFileError(f"{file} holds no triangles; give an STL, OBJ or PLY file with a surface")
        loaded.merge_vertices(merge_tex=True, merge_norm=True)
        loaded.update_faces(loaded.nondegenerate_faces())
        if not loaded.is_winding_consistent:
            trimesh.repair.fix_winding(loaded)
        try:
            return cls(np.asarray(loaded.vertices) * factor, np.asarray(loaded.faces))
        except InvalidInput as error:
            raise StructureFileError(f"{file}: {error}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mesh):
            return NotImplemented
        same = np.array_equal(self.vertices, other.vertices) and np.array_equal(self.faces, other.faces)
        return same and self.pose == other.pose

    def __hash__(self) -> int:
        return hash((self.vertices.tobytes(), self.faces.tobytes(), self.pose))

    @property
    def measure(self) -> float:
        """Content in Å³ (divergence theorem)."""
        return _signed_content(self.vertices, self.faces) * self._stretch

    @property
    def bounds(self) -> Floats:
        corners = self.pose.apply(self.vertices[np.unique(self.faces)])
        return np.stack([corners.min(axis=0), corners.max(axis=0)])

    @cached_property
    def _columns(self) -> Columns:
        return columns(self.vertices, self.faces)

    @cached_property
    def _cells(self) -> CellMap:
        return cell_map(self._columns)

    @cached_property
    def _surface(self) -> TriangleTree:
        return triangle_tree(self.vertices[self.faces])

    @cached_property
    def _sheared(self) -> Mesh:
        return Mesh(self.pose.apply(self.vertices), self.faces)

    def _signed_distance(self, points: Floats) -> Floats:
        return self._near_distance(points, np.inf)

    def _near_distance(self, points: Floats, limit: float) -> Floats:
        if self.pose.is_rigid:
            return self._local_near_distance(self._local(points), limit)
        return self._sheared._local_near_distance(points, limit)

    def _local_contains(self, points: Floats) -> Bools:
        nudged = points + _NUDGE
        state = self._cells.look_up(nudged)
        inside = state == 1
        cut = np.flatnonzero(state == 2)
        inside[cut] = self._columns.winding(nudged[cut]) > 0
        return np.asarray(inside)

    def _local_signed_distance(self, points: Floats) -> Floats:
        return self._local_near_distance(points, np.inf)

    def _local_near_distance(self, points: Floats, limit: float) -> Floats:
        low, high = self.vertices.min(axis=0) - limit, self.vertices.max(axis=0) + limit
        near = ((points >= low) & (points <= high)).all(axis=1)
        distance = np.full(len(points), np.inf)
        distance[near] = self._surface.distance(points[near], limit)
        return np.where(self._local_contains(points), -distance, distance)


def _checked_faces(values: object, count: int) -> NDArray[np.int64]:
    faces = np.asarray(values)
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces) or faces.dtype.kind not in "iu":
        raise InvalidInput(
            f"faces has shape {faces.shape} and type {faces.dtype}; give whole numbers of shape (k, 3), the corners of "
            "each triangle"
        )
    if faces.min() < 0 or faces.max() >= count:
        raise InvalidInput(f"faces name corners {faces.min()} to {faces.max()}, but there are 0 to {count - 1}")
    return faces.astype(np.int64)


def _refuse_open(faces: NDArray[np.int64]) -> None:
    """Raise unless every edge has as many triangles on one side as on the other."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forward = edges[:, 0] < edges[:, 1]
    pairs, group = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    total = np.bincount(group, minlength=len(pairs))
    balance = np.bincount(group, weights=np.where(forward, 1, -1), minlength=len(pairs))
    if (total % 2).any():
        loose = int((total % 2).sum())
        raise InvalidInput(
            f"the mesh is not closed: {loose} of {len(pairs)} edges border an odd number of triangles; "
            "fill its holes (trimesh.repair.fill_holes), or merge corners that lie in the same place"
        )
    if balance.any() or (edges[:, 0] == edges[:, 1]).any():
        raise InvalidInput(
            f"the triangles at {int((balance != 0).sum())} edges disagree about which side is outside; "
            "turn them the same way (trimesh.repair.fix_winding), as Mesh.read does"
        )


def _signed_content(vertices: Floats, faces: NDArray[np.int64]) -> float:
    corners = vertices[faces] - vertices.mean(axis=0)
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)
