"""Convex polyhedra, from corners or from planes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, QhullError

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes.base import BOUNDARY
from construction_zone.build.volumes.posed import Posed
from construction_zone.build.volumes.triangles import TriangleTree, triangle_tree
from construction_zone.errors import InvalidInput

FLATTEST = 1e-4
"""Å. A hull or a set of planes thinner than this counts as flat."""


@dataclass(frozen=True, eq=False)
class ConvexPolyhedron(Posed):
    """The convex hull of points. The surface is inside.

    Parameters
    ----------
    vertices
        (n, 3) in Å, of which those inside the hull are dropped.

    Its signed distance is exact under any affine map. Raises `InvalidInput` if the points lie in a plane.
    """

    vertices: Floats

    def __post_init__(self) -> None:
        points = inputs.points(self.vertices, "vertices")
        hull = _hull(points)
        object.__setattr__(self, "vertices", inputs.frozen(points[np.sort(hull.vertices)]))

    @classmethod
    def from_planes(
        cls, normals: ArrayLike, distances: ArrayLike, center: ArrayLike = (0.0, 0.0, 0.0)
    ) -> ConvexPolyhedron:
        """The points x with normal·(x − center) ≤ distance for every plane, as in Wulff's construction.

        Parameters
        ----------
        normals
            (m, 3) directions out of the polyhedron; their lengths do not matter.
        distances
            (m,) in Å, or one for all; negative where the plane leaves `center` outside.
        center
            The point (Å) that the distances count from.

        Raises `InvalidInput` if the planes leave the polyhedron open, or leave nothing of it.
        """
        rows = inputs.points(normals, "normals")
        units = np.array([inputs.direction(row, f"normal {i}") for i, row in enumerate(rows)])
        origin = np.array(inputs.point(center, "center"))
        try:
            levels = np.broadcast_to(np.asarray(distances, dtype=np.float64), len(units))
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{len(units)} normals but distances {distances!r}; give one (Å) a plane") from error
        if not np.isfinite(levels).all():
            raise InvalidInput(f"distances {levels.tolist()} are not all finite; give one (Å) a plane")
        corners = corners_of_planes(units, levels)
        if corners is None:
            raise InvalidInput(
                f"the {len(units)} planes leave no polyhedron thicker than {FLATTEST:g} Å between them; "
                "check the signs of the distances and that the normals point outwards"
            )
        return cls(corners + origin)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConvexPolyhedron):
            return NotImplemented
        return self.pose == other.pose and np.array_equal(self.vertices, other.vertices)

    def __hash__(self) -> int:
        return hash((self.vertices.tobytes(), self.pose))

    @property
    def measure(self) -> float:
        """Content in Å³."""
        return float(_hull(self.vertices).volume) * self._stretch

    @property
    def bounds(self) -> Floats:
        corners = self.pose.apply(self.vertices)
        return np.stack([corners.min(axis=0), corners.max(axis=0)])

    @property
    def planes(self) -> tuple[Floats, Floats]:
        """Outward unit normals (m, 3) and distances (m,) in Å from the scene's origin, one for each face."""
        return self.settled()._planes

    def settled(self) -> ConvexPolyhedron:
        """The same set of points with no pose."""
        return self if self.pose.is_identity else ConvexPolyhedron(self.pose.apply(self.vertices))

    def grown(self, distance: float) -> ConvexPolyhedron:
        """This polyhedron with every face moved out by `distance` Å (in, if negative): its edges stay sharp.

        `offset` rounds them. Raises `InvalidInput` if nothing is left.
        """
        normals, levels = self.planes
        return ConvexPolyhedron.from_planes(normals, levels + distance)

    @cached_property
    def _planes(self) -> tuple[Floats, Floats]:
        # qhull cuts faces into triangles: those in one plane are one face
        equations = _hull(self.vertices).equations
        scale = float(np.ptp(self.vertices, axis=0).max())
        kept: list[Floats] = []
        for row in equations:
            same = [np.allclose(row[:3], k[:3], atol=1e-7) and abs(row[3] - k[3]) < 1e-7 * scale for k in kept]
            if not any(same):
                kept.append(row)
        faces = np.array(kept)
        return inputs.frozen(faces[:, :3]), inputs.frozen(-faces[:, 3])

    @cached_property
    def _surface(self) -> TriangleTree:
        return triangle_tree(self.vertices[_hull(self.vertices).simplices])

    @cached_property
    def _sheared(self) -> ConvexPolyhedron:
        return self.settled()

    def _signed_distance(self, points: Floats) -> Floats:
        return self._near_distance(points, np.inf)

    def _near_distance(self, points: Floats, limit: float) -> Floats:
        if self.pose.is_rigid:
            return self._local_near_distance(self._local(points), limit)
        return self._sheared._local_near_distance(points, limit)

    def _depth(self, points: Floats) -> Floats:
        normals, levels = self._planes
        heights = normals @ points.T
        heights -= levels[:, None]
        return np.asarray(heights.max(axis=0))

    def _local_contains(self, points: Floats) -> Bools:
        return np.asarray(self._depth(points) <= BOUNDARY)

    def _local_signed_distance(self, points: Floats) -> Floats:
        return self._local_near_distance(points, np.inf)

    def _local_near_distance(self, points: Floats, limit: float) -> Floats:
        # inside, the nearest plane is the nearest face; outside, edges and corners may be further than planes say
        distance = self._depth(points)
        outside = (distance > 0) & (distance <= limit)
        distance[outside] = self._surface.distance(points[outside], limit)
        return distance


def corners_of_planes(normals: Floats, distances: Floats) -> Floats | None:
    """Corners (n, 3) of {x: normal·x ≤ distance}, or None where it is empty or flat; unit `normals` (m, 3).

    The corners are the faces of the dual polyhedron, whose corners are nᵢ/dᵢ about an inner point. Raises
    `InvalidInput` if the planes do not close.
    """
    # the deepest inner point: largest r with n·c + r ≤ d, r bounded so that an open set has one too
    limit = 1 + float(np.abs(distances).max())
    rows = np.column_stack([normals, np.ones(len(normals))])
    found = linprog([0, 0, 0, -1], A_ub=rows, b_ub=distances, bounds=[(None, None)] * 3 + [(None, limit)])
    if found.status == 2:
        return None
    if found.status != 0:
        raise _not_closed(len(normals))
    inner, depth = np.asarray(found.x[:3]), float(found.x[3])
    if depth < FLATTEST / 2:
        return None
    duals = normals / (distances - normals @ inner)[:, None]
    try:
        equations = ConvexHull(duals).equations
    except (QhullError, ValueError) as error:
        raise _not_closed(len(normals)) from error
    scale = float(np.linalg.norm(duals, axis=1).max())
    if (equations[:, 3] > -1e-9 * scale).any():
        raise _not_closed(len(normals))
    corners: list[Floats] = []
    for corner in inner - equations[:, :3] / equations[:, 3:]:  # where four planes meet the dual hull has two triangles
        if not any(np.abs(corner - other).max() < 1e-9 * (1 + np.abs(corner).max()) for other in corners):
            corners.append(corner)
    return np.array(corners)


def _hull(points: Floats) -> ConvexHull:
    complaint = (
        f"the {len(points)} vertices lie in a plane (or nearly); a convex polyhedron needs four or more that do not"
    )
    if len(points) < 4:
        raise InvalidInput(complaint)
    centred = points - points.mean(axis=0)
    thickness = np.ptp(centred @ np.linalg.svd(centred, full_matrices=False)[2].T, axis=0)
    if thickness.min() < FLATTEST:
        raise InvalidInput(complaint)
    try:
        return ConvexHull(points)
    except QhullError as error:
        raise InvalidInput(complaint) from error


def _not_closed(count: int) -> InvalidInput:
    return InvalidInput(
        f"the {count} planes do not close: the polyhedron would be infinite; add planes on the open side, "
        "or combine HalfSpaces with & for an open volume"
    )


def parallelepiped(size: Floats, center: Floats, pose: Affine) -> ConvexPolyhedron:
    """The image under `pose` of the block with edge lengths `size` (3,) about `center` (3,), Å."""
    signs = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (-0.5, 0.5)])
    return ConvexPolyhedron(pose.apply(center + signs * size))
