"""Masks from atoms: the outline of projected particles."""

from __future__ import annotations

import math
import operator
from numbers import Real

import ase
import numpy as np
from scipy.spatial import cKDTree

from construction_zone.errors import InvalidInput

EDGE = 1.4
"""Å by which the mask reaches beyond the outermost projected atoms: about half a bond between metal atoms."""

CLOSING = 1.6
"""Å: gaps that a disc of this radius cannot enter are filled."""

FINEST = 0.25
"""Å: the outline is traced through a grid at least this fine; what is smaller can be missed."""


def projected(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    edge: float = EDGE,
    closing: float = CLOSING,
) -> np.ndarray:
    """The mask of `atoms` projected along the beam: 1 where they are, 0 elsewhere.

    Each atom is a disc of radius `edge`; their union is closed morphologically with a disc of radius `closing`, so that
    what a rolling disc of that radius cannot enter belongs to the mask too. Seen along a zone axis, the space between
    columns is filled as long as no empty circle between them is larger than edge + closing: 3 Å by default, where the
    widest of common crystals, wurtzite CdSe along [0001], has 2.5 Å. In any orientation the mask ends `edge` beyond the
    outermost columns. Particles whose outermost atoms are nearer than 2·(edge + closing) in projection can be bridged.
    A pixel belongs to the mask if its centre does; pixel i is centred at i·dx.

    Parameters
    ----------
    atoms
        those of the particles (a variant of the scene); their orthogonal cell repeats where ``atoms.pbc`` says so.
    shape
        (ny, nx) of the mask.
    pixel_size
        (dy, dx) in Å. Along a periodic axis, shape times pixel size is the cell.
    edge, closing
        Å.

    Returns
    -------
    uint8 (ny, nx).

    Raises
    ------
    InvalidInput
        If positions are not finite, the cell does not fit the mask, or a length is wrong.
    """
    shape, steps = _checked_grid(shape, pixel_size)
    for name, value in (("edge", edge), ("closing", closing)):
        if not isinstance(value, Real) or not math.isfinite(value) or value < 0:
            raise InvalidInput(f"{name} is {value!r}; give a length in Å, zero or more")
    periods = _periods(atoms, shape, steps)
    points = _wrapped(np.asarray(atoms.get_positions())[:, 1::-1], periods)
    mask = np.zeros(shape, np.uint8)
    if len(points) == 0:
        return mask
    reach = edge + closing
    tree = cKDTree(points, boxsize=periods)
    windows = [_window(points[:, a], reach, steps[a], shape[a] if periods[a] else 0) for a in (0, 1)]
    outline = _offset_outline(tree, reach, windows, steps, periods)

    y, x = (_pixels(windows[a], shape[a], periods[a] > 0) for a in (0, 1))
    centres = _wrapped(_product(y * steps[0], x * steps[1]).reshape(-1, 2), periods)
    belongs = tree.query(centres)[0] <= reach
    # the closing: what lies at least `closing` inside the outline of the discs of radius edge + closing
    depth = cKDTree(outline, boxsize=periods).query(centres[belongs])[0]
    belongs[belongs] = depth >= closing
    mask[np.ix_(y % shape[0], x % shape[1])] = belongs.reshape(len(y), len(x))
    return mask


def _offset_outline(
    tree: cKDTree,
    reach: float,
    windows: list[tuple[int, int]],
    steps: tuple[float, float],
    periods: tuple[float, float],
) -> np.ndarray:
    """Points (n, 2) on the curve at distance `reach` from the points of `tree`, about `FINEST` apart.

    The curve is found where it crosses the lines of a grid, a whole part of the pixels, between distances of opposite
    sign; each crossing is then moved to its distance along the line from its nearest atom.
    """
    axes = []
    for (low, high), step in zip(windows, steps, strict=True):
        parts = math.ceil(step / FINEST)
        axes.append(np.arange(low * parts, high * parts + 1) * (step / parts))
    grid = _product(*axes)
    distance = tree.query(_wrapped(grid.reshape(-1, 2), periods))[0].reshape(grid.shape[:2]) - reach
    found = np.concatenate([_crossings(grid, distance), _crossings(grid.swapaxes(0, 1), distance.T)])
    found = _wrapped(found, periods)
    away, nearest = tree.query(found)
    offset = found - np.asarray(tree.data)[nearest]
    for axis, period in enumerate(periods):
        if period:
            offset[:, axis] -= period * np.round(offset[:, axis] / period)
    return _wrapped(found + offset * (reach / away - 1)[:, None], periods)


def _crossings(grid: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where `values` on `grid` (n, m, 2) change sign along the first axis, by linear interpolation."""
    first, second = values[:-1], values[1:]
    change = (first > 0) != (second > 0)
    a, b = first[change], second[change]
    share = (a / (a - b))[:, None]
    crossing: np.ndarray = grid[:-1][change] * (1 - share) + grid[1:][change] * share
    return crossing


def _product(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """All pairs of `y` and `x`, (len(y), len(x), 2)."""
    return np.stack(np.meshgrid(y, x, indexing="ij"), -1)


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
        raise InvalidInput(f"the cell {cell.round(3).tolist()} is not orthogonal along x, y, z; masks need such a cell")
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


def _wrapped(points: np.ndarray, periods: tuple[float, float]) -> np.ndarray:
    """`points` (n, 2) brought into [0, period) along periodic axes."""
    result = np.array(points, float)
    for axis, period in enumerate(periods):
        if period:
            result[:, axis] %= period
            # a tiny negative number comes out as the period itself
            result[result[:, axis] >= period, axis] = 0.0
    return result


def _window(places: np.ndarray, reach: float, step: float, around: int) -> tuple[int, int]:
    """The range of pixels that discs of radius `reach` about `places` can touch, with a little to spare.

    At most the `around` pixels of a whole period, if there is one.
    """
    low, high = math.floor((places.min() - reach) / step) - 1, math.ceil((places.max() + reach) / step) + 1
    return (0, around) if around and high - low >= around else (low, high)


def _pixels(window: tuple[int, int], size: int, periodic: bool) -> np.ndarray:
    """Indices of the pixels in `window`; along a periodic axis they are yet to be wrapped."""
    low, high = window
    if periodic:
        return np.arange(low, min(high + 1, low + size))
    return np.arange(max(low, 0), min(high + 1, size))
