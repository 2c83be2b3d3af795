"""The field of an image: its pixels, where it repeats, and what atoms add up to on it."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput

TAIL = 4.0
"""Standard deviations after which a Gaussian is cut off."""


@dataclass(frozen=True)
class Field:
    """Pixels that are centred at i·d, and the lengths after which they repeat.

    Parameters
    ----------
    shape
        (ny, nx).
    steps
        (dy, dx) in Å.
    periods
        (Ly, Lx) in Å, zero along an axis that does not repeat.
    """

    shape: tuple[int, int]
    steps: tuple[float, float]
    periods: tuple[float, float]

    @classmethod
    def of(cls, atoms: ase.Atoms, shape: tuple[int, int], pixel_size: tuple[float, float]) -> Field:
        """The field of `shape` and `pixel_size` (Å) over the cell of `atoms`.

        Raises `InvalidInput` if positions are not finite, the cell does not fit the field, or a length is wrong.
        """
        shape, steps = _checked_grid(shape, pixel_size)
        return cls(shape, steps, _periods(atoms, shape, steps))

    def wrapped(self, points: Floats) -> Floats:
        """`points` (n, 2: y, x) brought into [0, period) along axes that repeat."""
        result = np.array(points, float)
        for axis, period in enumerate(self.periods):
            if period:
                result[:, axis] %= period
                # a tiny negative number comes out as the period itself
                result[result[:, axis] >= period, axis] = 0.0
        return result

    def window(self, points: Floats, reach: float) -> list[tuple[int, int]]:
        """First and last pixel along y and x that discs of radius `reach` about `points` (n, 2: y, x) can touch.

        With a little to spare, and at most the pixels of a whole period.
        """
        found = []
        for axis in (0, 1):
            low = math.floor((points[:, axis].min() - reach) / self.steps[axis]) - 1
            high = math.ceil((points[:, axis].max() + reach) / self.steps[axis]) + 1
            around = self.shape[axis] if self.periods[axis] else 0
            found.append((0, around) if around and high - low >= around else (low, high))
        return found

    def pixels(self, window: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns in `window`; along an axis that repeats they are yet to be taken modulo the shape."""
        found = []
        for axis, (low, high) in enumerate(window):
            size = self.shape[axis]
            ends = (low, min(high + 1, low + size)) if self.periods[axis] else (max(low, 0), min(high + 1, size))
            found.append(np.arange(*ends))
        return found[0], found[1]

    def at(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Open index of the pixels in `rows` and `columns`, wrapped."""
        return np.ix_(rows % self.shape[0], columns % self.shape[1])

    def unwrapped(self, points: Floats) -> Floats:
        """`points` (n, 2: y, x) with what a seam has cut put together again, if a gap shows where it begins."""
        result = np.array(points, float)
        for axis, period in enumerate(self.periods):
            if period and len(result):
                own = result[:, axis] % period
                ordered = np.sort(own)
                gaps = np.diff(ordered, append=ordered[0] + period)
                start = ordered[(int(np.argmax(gaps)) + 1) % len(ordered)]
                result[:, axis] = np.where(own < start, own + period, own)
        return result

    def summed(
        self, points: Floats, weights: Floats, width: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Sums of Gaussians about `points`, on the pixels near them.

        Parameters
        ----------
        points
            (n, 2: y, x) in Å.
        weights
            (k, n): what each point adds to each of k sums.
        width
            standard deviation in Å.

        Returns
        -------
        rows, columns and (k, rows, columns); the integral of each sum, in pixels, is that of its weights.
        """
        own = self.unwrapped(points)
        window = self.window(own, TAIL * width)
        # points beyond the border of a field that ends there have their say inside it too
        whole = [
            np.arange(low, min(high + 1, low + size)) if period else np.arange(low, high + 1)
            for (low, high), size, period in zip(window, self.shape, self.periods, strict=True)
        ]
        first, size = (whole[0][0], whole[1][0]), (len(whole[0]), len(whole[1]))
        result = np.zeros((len(weights), *size), np.float32)
        place = own / self.steps - first
        corner = np.floor(place).astype(int)
        share = place - corner
        modes = ["wrap" if p and n == s else "constant" for p, n, s in zip(self.periods, size, self.shape, strict=True)]
        # a point is dealt to its four pixels, which widens a Gaussian by a sixth of the pixel's square
        widths = [math.sqrt(max(width**2 / step**2 - 1 / 6, 0.0)) for step in self.steps]
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            y, x = corner[:, 0] + down, corner[:, 1] + right
            part = (share[:, 0] if down else 1 - share[:, 0]) * (share[:, 1] if right else 1 - share[:, 1])
            if modes[0] == "wrap":
                y %= size[0]
            if modes[1] == "wrap":
                x %= size[1]
            held = (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
            flat = y[held] * size[1] + x[held]
            for total, weight in zip(result, weights, strict=True):
                total += np.bincount(flat, (part * weight)[held], size[0] * size[1]).reshape(size).astype(np.float32)
        for total in result:
            for axis in (0, 1):
                if widths[axis]:
                    ndimage.gaussian_filter1d(total, widths[axis], axis, output=total, mode=modes[axis], truncate=TAIL)
        rows, columns = self.pixels(window)
        inner = [slice(int(kept[0] - start), int(kept[-1] - start) + 1) if len(kept) else slice(0, 0)
                 for kept, start in zip((rows, columns), first, strict=True)]  # fmt: skip
        return rows, columns, result[:, inner[0], inner[1]]


def _checked_grid(
    shape: tuple[int, int], pixel_size: tuple[float, float]
) -> tuple[tuple[int, int], tuple[float, float]]:
    try:
        ny, nx = (operator.index(n) for n in shape)
        dy, dx = (float(d) for d in pixel_size)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"shape {shape!r}, pixel_size {pixel_size!r}: give (ny, nx) and (dy, dx) in Å") from error
    if min(ny, nx) < 1 or not (0 < dy < math.inf and 0 < dx < math.inf):
        raise InvalidInput(f"shape {shape!r}, pixel_size {pixel_size!r}: give numbers above zero")
    return (ny, nx), (dy, dx)


def _periods(atoms: ase.Atoms, shape: tuple[int, int], steps: tuple[float, float]) -> tuple[float, float]:
    """The cell's lengths along y and x in Å, zero where it does not repeat."""
    cell = np.asarray(atoms.cell)
    if not np.isfinite(atoms.get_positions()).all():
        raise InvalidInput("some atoms have positions that are not finite numbers; remove or repair them")
    if np.abs(cell - np.diag(np.diag(cell))).max() > 1e-6:
        raise InvalidInput(
            f"the cell {cell.round(3).tolist()} is not orthogonal along x, y, z; labels need such a cell"
        )
    periods = []
    for axis, size, step in ((1, shape[0], steps[0]), (0, shape[1], steps[1])):
        length = float(cell[axis, axis]) if atoms.pbc[axis] else 0.0
        if length and abs(size * step - length) > 1e-3 * length:
            raise InvalidInput(
                f"{size} pixels of {step:g} Å cover {size * step:g} Å, the periodic cell has {length:g} Å along "
                f"{'xy'[axis]}; give the shape and pixel size of an image of the whole cell"
            )
        periods.append(length)
    return periods[0], periods[1]
