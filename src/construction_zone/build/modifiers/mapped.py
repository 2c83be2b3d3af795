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
_FINE_GRID = 13
_STEP = 1e-4
_FOUND = 1e-3
_FLATTEST = 1e-3
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
        object.__setattr__(self, "box", _source_box(self.volume, self.displacement))

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


def _source_box(volume: Volume, displacement: Callable[[Floats], Floats]) -> Floats:
    """A box (2, 3) that holds all points which the displacement takes into `volume`."""
    bounds = volume.bounds
    size = np.maximum(bounds[1] - bounds[0], 1.0)
    reach = 0.0
    for _ in range(_MOST_ROUNDS):
        box = bounds + np.array([[-reach], [reach]])
        farthest = float(np.abs(displacement(grid(box, _GRID).reshape(-1, 3))).max())
        if _MARGIN * farthest <= reach:
            return box
        reach = _MARGIN * farthest + 1e-3
        if reach > 50 * float(size.max()):
            break
    found = _traced_box(volume, displacement)
    if found is None:
        raise InvalidInput(
            f"the displacement grows so fast away from the volume (beyond {reach:.3g} Å) that it cannot be told where "
            "its material comes from; make the displacement bounded, or state it about a point inside the volume"
        )
    return found


def _traced_box(volume: Volume, displacement: Callable[[Floats], Floats]) -> Floats | None:
    """The box (2, 3) about where the points of a grid over `volume` come from, None where that is not found.

    Unless the displacement folds space, what it does between the points of the grid it does within half a step.
    """
    places = grid(volume.bounds, _FINE_GRID)
    step = float(np.linalg.norm((volume.bounds[1] - volume.bounds[0]) / (_FINE_GRID - 1)))
    targets = places.reshape(-1, 3)
    try:
        wanted = volume.signed_distance(targets) <= step
    except InvalidInput:  # a volume that only knows what is inside
        wanted = np.ones(len(targets), dtype=bool)
    sources = _traced(targets[wanted], displacement)
    if sources is None:
        return None
    placed = np.full(places.shape, np.nan)
    placed.reshape(-1, 3)[wanted] = sources
    steps = [np.abs(np.diff(placed, axis=axis)).reshape(-1, 3) for axis in range(3)]
    margin = _MARGIN / 2 * np.nanmax(np.concatenate(steps), axis=0)
    return np.stack([sources.min(axis=0) - margin, sources.max(axis=0) + margin])


def _traced(targets: Floats, displacement: Callable[[Floats], Floats]) -> Floats | None:
    """The points (n, 3) that end up at `targets` (n, 3), by Newton's method; None if it does not find all of them."""
    points = targets.copy()
    for _ in range(_MOST_ROUNDS):
        here = displacement(points)
        missing = targets - points - here
        if np.abs(missing).max(initial=0.0) < _FOUND:
            return points
        slopes = [displacement(points + _STEP * axis) - here for axis in np.eye(3)]
        gradient = np.eye(3) + np.stack(slopes, axis=2) / _STEP
        if not np.isfinite(gradient).all() or (np.linalg.det(gradient) < _FLATTEST).any():
            return None
        points = points + np.linalg.solve(gradient, missing[..., None])[..., 0]
    return None


def grid(box: Floats, count: int) -> Floats:
    """Points (count, count, count, 3) all over `box` (2, 3)."""
    axes = [np.linspace(box[0, axis], box[1, axis], count) for axis in range(3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
