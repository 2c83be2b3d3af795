"""A grid finer than the pixels, on which outlines are looked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from construction_zone.build.inputs import Bools, Floats
from construction_zone.label.field import Field

FINEST = 0.25
"""Å: the grid is at least this fine; what is smaller can be missed."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes that divide the pixels in `window` into whole parts.

    Parameters
    ----------
    field
        The image's field.
    window
        First and last pixel along y and x, as of `Field.window`.
    """

    field: Field
    window: list[tuple[int, int]]

    @classmethod
    def about(cls, field: Field, points: Floats, reach: float) -> Nodes:
        """The nodes that are within `reach` (Å) of `points` (n, 2: y, x)."""
        return cls(field, field.window(field.unwrapped(points), reach))

    @property
    def parts(self) -> tuple[int, int]:
        """Nodes to a pixel along y and x."""
        dy, dx = self.field.steps
        return math.ceil(dy / FINEST - 1e-9), math.ceil(dx / FINEST - 1e-9)

    @property
    def steps(self) -> tuple[float, float]:
        """Å from node to node along y and x."""
        (dy, dx), (my, mx) = self.field.steps, self.parts
        return dy / my, dx / mx

    @property
    def shape(self) -> tuple[int, int]:
        """Number of nodes along y and x; along a whole period the first comes again at the end."""
        sizes = [(high - low) * parts + 1 for (low, high), parts in zip(self.window, self.parts, strict=True)]
        return sizes[0], sizes[1]

    @property
    def around(self) -> tuple[bool, bool]:
        """Whether the nodes along y and x are those of a whole period."""
        found = [
            bool(period) and high - low == size
            for period, (low, high), size in zip(self.field.periods, self.window, self.field.shape, strict=True)
        ]
        return found[0], found[1]

    def holding(self, points: Floats) -> Bools:
        """Which nodes (shape) are the nearest of some of the `points` (n, 2: y, x)."""
        found = np.zeros(self.shape, dtype=bool)
        own = self.field.wrapped(points) if any(self.around) else self.field.unwrapped(points)
        index = []
        for axis, whole in enumerate(self.around):
            start = self.window[axis][0] * self.parts[axis]
            place = np.round((own if whole else self.field.unwrapped(points))[:, axis] / self.steps[axis]).astype(int)
            index.append(place % (self.shape[axis] - 1) if whole else place - start)
        found[index[0], index[1]] = True
        for axis, whole in enumerate(self.around):
            if whole:
                view = np.moveaxis(found, axis, 0)
                view[-1] = view[0]
        return found

    def distances(self, marked: Bools, reach: float) -> Floats:
        """Distance (shape) in Å of each node to the nearest `marked` one, right up to `reach`; infinite without any."""
        if not marked.any():
            return np.full(self.shape, np.inf)
        pads = [
            math.ceil(reach / step) + 1 if whole else 0 for whole, step in zip(self.around, self.steps, strict=True)
        ]
        inner = marked[tuple(slice(0, -1) if whole else slice(None) for whole in self.around)]
        free = ~np.pad(inner, [(pad, pad + 1) if pad else (0, 0) for pad in pads], mode="wrap")
        found = ndimage.distance_transform_edt(free, sampling=self.steps)
        return np.asarray(found[pads[0] : pads[0] + self.shape[0], pads[1] : pads[1] + self.shape[1]])

    def places(self, chosen: Bools) -> Floats:
        """(n, 2: y, x) Å of the `chosen` nodes (shape)."""
        return (np.argwhere(chosen) + self._start) * self.steps

    def crossings(self, values: Floats) -> Floats:
        """(n, 2: y, x) Å where `values` (shape) change sign between neighbours, by linear interpolation."""
        found = []
        for axis in (0, 1):
            own = np.moveaxis(values, axis, 0)
            place = np.argwhere((own[:-1] > 0) != (own[1:] > 0))
            first, second = own[place[:, 0], place[:, 1]], own[place[:, 0] + 1, place[:, 1]]
            along = np.column_stack([place[:, 0] + first / (first - second), place[:, 1]])
            found.append(along if axis == 0 else along[:, ::-1])
        return (np.concatenate(found) + self._start) * self.steps

    def of_pixels(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The nodes at the centres of the pixels in `rows` and `columns`."""
        return (rows - self.window[0][0]) * self.parts[0], (columns - self.window[1][0]) * self.parts[1]

    @property
    def _start(self) -> Floats:
        return np.array([low * parts for (low, _), parts in zip(self.window, self.parts, strict=True)], dtype=float)
