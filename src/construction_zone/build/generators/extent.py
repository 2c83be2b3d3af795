"""The part of a cell that a volume takes up: its content, and random points in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from construction_zone.build import torus
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.torus import Periodic
from construction_zone.build.volumes import Measured, Volume

_ESTIMATE_POINTS = 2**17

# the additive recurrence of M. Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018), in 3-D
_RECURRENCE = 1.2207440846057596 ** -np.arange(1.0, 4.0)


@dataclass(frozen=True)
class Extent:
    """A volume in a cell (Å) that repeats along the `periodic` axes, as a set of positions in the cell."""

    volume: Volume
    cell: Point
    periodic: Periodic

    @property
    def boxsize(self) -> Floats:
        """(3,) periods in Å; 0 along axes that do not repeat."""
        return np.where(self.periodic, self.cell, 0.0)

    def measure(self, grown: float = 0.0) -> float:
        """Content in Å³ (of the volume grown by `grown` Å): closed form if it has one, else quasi-random points."""
        if isinstance(self.volume, Measured) and grown == 0 and not self.overlaps:
            return self.volume.measure
        box = self.box(grown)
        unit = (0.5 + np.arange(_ESTIMATE_POINTS)[:, None] * _RECURRENCE) % 1.0
        points = box[0] + unit * (box[1] - box[0])
        return float(np.prod(box[1] - box[0]) * self._inside(points, grown).mean())

    @property
    def overlaps(self) -> bool:
        """Whether the volume may meet its own periodic images."""
        return torus.overlaps_itself(self.volume, self.cell, self.periodic)

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """`count` points uniform in the box of the extent, less those outside it, wrapped into the cell."""
        box = self.box()
        points = rng.random((count, 3))
        points *= box[1] - box[0]
        points += box[0]
        inside = self._inside(points)
        if not inside.all():
            points = points[inside]
        if (np.asarray(self.periodic) & ((box[0] < 0) | (box[1] > self.cell))).any():
            return torus.wrap(points, self.cell, self.periodic)
        # rounding may bring a point onto the far end of a period, which is not in the cell
        return np.minimum(points, np.where(self.periodic, np.nextafter(self.cell, 0), np.inf), out=points)

    def contains(self, points: Floats) -> Bools:
        """Which of `points` (n, 3), wrapped into the cell, lie in the extent."""
        return torus.contains(self.volume, points, self.cell, self.periodic)

    def box(self, grown: float = 0.0) -> Floats:
        """Corners (2, 3) in Å of a box that holds the extent, not longer than a period."""
        box = torus.window(self.volume, self.cell) + np.array([[-grown], [grown]])
        # one period is all there is along a periodic axis; a box of just that length stays where it is
        longer = (box[1] - box[0] > np.asarray(self.cell) + 1e-6) & np.asarray(self.periodic)
        box[0, longer], box[1, longer] = 0.0, np.asarray(self.cell)[longer]
        return box

    def _inside(self, points: Floats, grown: float = 0.0) -> Bools:
        if grown:
            shifts = torus.image_numbers(self.volume, self.cell, self.periodic)
            return np.any([self.volume.signed_distance(points + shift) <= grown for shift in shifts], axis=0)
        if self.overlaps:
            return torus.contains(self.volume, points, self.cell, self.periodic)
        return self.volume.contains(points)
