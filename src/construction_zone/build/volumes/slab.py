"""The layer between two parallel planes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.transforms import IDENTITY
from construction_zone.build.volumes.base import BOUNDARY
from construction_zone.build.volumes.posed import Posed
from construction_zone.build.volumes.primitives import HalfSpace
from construction_zone.errors import InvalidInput


@dataclass(frozen=True)
class Slab(Posed):
    """The layer of `thickness` (Å) across `normal`, with `center` (Å) midway between its faces.

    Half-open: a point on the face that `normal` leaves is outside, one on the other face is inside (within 1e-6 Å), so
    that stacked slabs share no lattice plane and miss none. Its signed distance is exact under any affine map.
    """

    thickness: float
    normal: Point = (0.0, 0.0, 1.0)
    center: Point = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "thickness", inputs.positive(self.thickness, "thickness"))
        inputs.direction(self.normal, "normal")
        object.__setattr__(self, "normal", inputs.point(self.normal, "normal"))
        object.__setattr__(self, "center", inputs.point(self.center, "center"))

    @classmethod
    def between(cls, low: float, high: float) -> Slab:
        """The slab from z = `low` to z = `high` (Å)."""
        if not (np.isfinite(low) and np.isfinite(high)) or low >= high:
            raise InvalidInput(f"low is {low} and high is {high} Å; low must lie below high, both finite")
        return cls(high - low, center=(0.0, 0.0, (low + high) / 2))

    @property
    def bounds(self) -> Floats:
        normal, center, thickness = self._scene
        half = thickness / 2 * normal
        faces = [HalfSpace(_point(normal), _point(center + half)), HalfSpace(_point(-normal), _point(center - half))]
        boxes = [face.bounds for face in faces]
        return np.stack([np.maximum(boxes[0][0], boxes[1][0]), np.minimum(boxes[0][1], boxes[1][1])])

    def settled(self) -> Slab:
        """The same set of points with no pose."""
        normal, center, thickness = self._scene
        return self if self.pose == IDENTITY else Slab(thickness, _point(normal), _point(center))

    @property
    def _scene(self) -> tuple[Floats, Floats, float]:
        """Unit normal, centre and thickness in the scene: the image of parallel planes is parallel planes."""
        normal = np.linalg.inv(self.pose.matrix).T @ inputs.direction(self.normal, "normal")
        length = float(np.linalg.norm(normal))
        return normal / length, self.pose.apply(self.center), self.thickness / length

    def _height(self, points: Floats) -> tuple[Floats, float]:
        normal, center, thickness = self._scene
        return points @ normal - float(center @ normal), thickness / 2

    def _contains(self, points: Floats) -> Bools:
        height, half = self._height(points)
        return np.asarray((height >= -half - BOUNDARY) & (height < half - BOUNDARY))

    def _signed_distance(self, points: Floats) -> Floats:
        height, half = self._height(points)
        return np.abs(height) - half

    def _local_signed_distance(self, points: Floats) -> Floats:
        center = np.asarray(self.center)
        return np.abs((points - center) @ inputs.direction(self.normal, "normal")) - self.thickness / 2


def _point(values: Floats) -> Point:
    return (float(values[0]), float(values[1]), float(values[2]))
