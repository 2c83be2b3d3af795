"""Shapes that are described in their own frame."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from typing import Self

import numpy as np

from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes.base import BOUNDARY, Volume


@dataclass(frozen=True)
class Posed(Volume):
    """A shape in its own frame and the pose that brings it into the scene.

    `moved` composes poses, so that a shape stays what it is under any motion.
    """

    _: KW_ONLY
    pose: Affine = IDENTITY

    def moved(self, affine: Affine) -> Self:
        """This volume after the map `affine`."""
        return replace(self, pose=affine @ self.pose)

    def _contains(self, points: Floats) -> Bools:
        return self._local_contains(self._local(points))

    def _signed_distance(self, points: Floats) -> Floats:
        return self._least_stretch * self._local_signed_distance(self._local(points))

    @property
    def _least_stretch(self) -> float:
        # an affine map stretches no distance by less than its smallest singular value
        return 1.0 if self.pose.is_rigid else float(np.linalg.svd(self.pose.matrix, compute_uv=False)[-1])

    def _local(self, points: Floats) -> Floats:
        return points if self.pose.is_identity else self.pose.inverse.apply(points)

    @property
    def _stretch(self) -> float:
        return abs(float(np.linalg.det(self.pose.matrix)))

    def _local_contains(self, points: Floats) -> Bools:
        return np.asarray(self._local_signed_distance(points) <= BOUNDARY)

    @abstractmethod
    def _local_signed_distance(self, points: Floats) -> Floats: ...


def posed_box(box: Floats, pose: Affine) -> Floats:
    """The (2, 3) box about the image of `box` (2, 3) under `pose`; infinite where an infinite axis takes part."""
    used = np.abs(pose.matrix) > 1e-12
    low, high = np.zeros(3), np.zeros(3)
    for row in range(3):
        for column in np.flatnonzero(used[row]):
            ends = pose.matrix[row, column] * box[:, column]
            low[row] += ends.min()
            high[row] += ends.max()
    return np.stack([low, high]) + pose.vector


def reach(pose: Affine) -> float:
    """How much more `pose` stretches one direction than another (≥ 1): its largest over its smallest singular value."""
    if pose.is_rigid:
        return 1.0
    values = np.linalg.svd(pose.matrix, compute_uv=False)
    return float(values[0] / values[-1])
