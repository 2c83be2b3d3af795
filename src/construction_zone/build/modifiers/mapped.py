"""The region that a displacement takes to a volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes.base import Volume
from construction_zone.errors import InvalidInput

_GRID = 9
_MOST_ROUNDS = 40
_NEXT_TO_NOTHING = 1e-9
_MARGIN = 1.5
"""How much further than at the sampled points material may come from."""


@dataclass(frozen=True, eq=False)
class Preimage(Volume):
    """The points X with X + u(X) inside `volume`.

    Parameters
    ----------
    volume
        A bounded volume.
    displacement
        u (n, 3) in Å at points (n, 3).

    Nothing bounds how much a field may stretch, so the signed distances are next to nothing; containment is exact.
    """

    volume: Volume
    displacement: Callable[[Floats], Floats]
    pose: Affine = IDENTITY
    box: Floats = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", _source_box(self.volume.bounds, self.displacement))

    @property
    def bounds(self) -> Floats:
        corners = np.array([[self.box[(i >> axis) & 1, axis] for axis in range(3)] for i in range(8)])
        corners = self.pose.apply(corners)
        return np.stack([corners.min(axis=0), corners.max(axis=0)])

    def moved(self, affine: Affine) -> Preimage:
        """This region after the map `affine`."""
        return Preimage(self.volume, self.displacement, affine @ self.pose)

    def _image(self, points: Floats) -> Floats:
        local = points if self.pose.is_identity else self.pose.inverse.apply(points)
        return local + self.displacement(local)

    def _contains(self, points: Floats) -> Bools:
        return self.volume.contains(self._image(points))

    def _signed_distance(self, points: Floats) -> Floats:
        return self.volume.signed_distance(self._image(points)) * _NEXT_TO_NOTHING


def _source_box(bounds: Floats, displacement: Callable[[Floats], Floats]) -> Floats:
    """A box (2, 3) that holds all points which the displacement takes into the box `bounds`."""
    size = np.maximum(bounds[1] - bounds[0], 1.0)
    reach = 0.0
    for _ in range(_MOST_ROUNDS):
        box = bounds + np.array([[-reach], [reach]])
        axes = [np.linspace(box[0, axis], box[1, axis], _GRID) for axis in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        farthest = float(np.abs(displacement(points)).max())
        if _MARGIN * farthest <= reach:
            return box
        reach = _MARGIN * farthest + 1e-3
        if reach > 50 * float(size.max()):
            break
    raise InvalidInput(
        f"the displacement grows so fast away from the volume (beyond {reach:.3g} Å) that it cannot be told where its "
        "material comes from; make the displacement bounded, or state it about a point inside the volume"
    )
