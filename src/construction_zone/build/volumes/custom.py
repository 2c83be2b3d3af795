"""Volumes from any function of position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.volumes.base import BOUNDARY
from construction_zone.build.volumes.posed import Posed, posed_box
from construction_zone.errors import InvalidInput

_EVERYWHERE = ((-np.inf,) * 3, (np.inf,) * 3)


@dataclass(frozen=True)
class Custom(Posed):
    """Where a function says so.

    Parameters
    ----------
    function
        Takes coordinates (n, 3) in Å, in the volume's own frame, and returns (n,) values. It must depend on each point
        alone and give the same answer every time.
    gives
        "distance": the signed distance to the boundary in Å, negative inside, or anything of that sign that is never
        larger in magnitude; "inside": booleans. A volume that only knows what is inside cannot be offset or roughened.
    within
        Corners ((x, y, z) low, (x, y, z) high) in Å, in the volume's own frame, of a box that holds the volume; the
        function counts as outside beyond it. Without it the volume is unbounded.

    Raises `InvalidInput`, now or later, if the function returns something of another shape or type.
    """

    function: Callable[[Any], ArrayLike]
    gives: Literal["distance", "inside"] = "distance"
    within: tuple[Point, Point] = _EVERYWHERE

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidInput(f"function is {self.function!r}; give a function of coordinates (n, 3)")
        if self.gives not in ("distance", "inside"):
            raise InvalidInput(f"gives is {self.gives!r}; give 'distance' or 'inside'")
        try:
            box = np.array(self.within, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"within is {self.within!r}; give two corners ((x, y, z), (x, y, z))") from error
        if box.shape != (2, 3) or not (box[0] < box[1]).all():
            raise InvalidInput(f"within is {box.tolist()}; give two corners, the first below the second on every axis")
        low, high = box.tolist()
        object.__setattr__(self, "within", (tuple(low), tuple(high)))
        self._values(np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]))

    @property
    def bounds(self) -> Floats:
        return posed_box(np.array(self.within), self.pose)

    def _values(self, points: Floats) -> Any:
        view = points.view()
        view.setflags(write=False)
        values = np.asarray(self.function(view))
        wanted = "booleans" if self.gives == "inside" else "numbers"
        if values.shape != (len(points),):
            raise InvalidInput(
                f"the function returned shape {values.shape} for {len(points)} points of shape {points.shape}; "
                f"it must return {wanted} of shape ({len(points)},), one a point"
            )
        if values.dtype.kind not in ("b" if self.gives == "inside" else "fiu"):
            raise InvalidInput(
                f"the function returned {values.dtype} values; with gives={self.gives!r} it must return {wanted}"
            )
        if self.gives == "distance" and np.isnan(values).any():
            first = points[int(np.flatnonzero(np.isnan(values))[0])].tolist()
            raise InvalidInput(f"the function returned nan at {first}; it must return a distance (Å) everywhere")
        return values

    def _beyond(self, points: Floats) -> Floats:
        """Signed distance (n,) to the box `within`."""
        low, high = np.array(self.within)
        beyond = np.maximum(low - points, points - high)
        return np.asarray(np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0))

    def _local_contains(self, points: Floats) -> Bools:
        low, high = np.array(self.within)
        inside = np.asarray(((points >= low - BOUNDARY) & (points <= high + BOUNDARY)).all(axis=1))
        if inside.any():
            values = self._values(points[inside])
            inside[inside] = values if self.gives == "inside" else values <= BOUNDARY
        return inside

    def _local_signed_distance(self, points: Floats) -> Floats:
        if self.gives == "inside":
            raise InvalidInput(
                "this Custom volume only knows what is inside; for distances (offset, shell, roughness, growth) "
                "give a function that returns signed distances, with gives='distance'"
            )
        values = np.asarray(self._values(points), dtype=np.float64)
        return values if self.within == _EVERYWHERE else np.maximum(values, self._beyond(points))
