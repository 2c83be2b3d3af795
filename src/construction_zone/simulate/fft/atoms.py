"""What atoms add to sixteen rows of a field: their windows to a potential, their cores to a transmitted wave.

Rows lie side by side as lanes, so that an atom is added a column at a time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from construction_zone.simulate.core import SIZE
from construction_zone.simulate.fft.blocks import rounded
from construction_zone.simulate.fft.lanes import COUNT, POINT, fill, load, store
from construction_zone.simulate.fft.passes import compiled
from construction_zone.simulate.window import STEPS, WIDTH

_f = np.float32


@compiled
def touched(tops: Any, size: int, ny: int) -> Any:
    """For each block of sixteen rows what lies in it of `size` rows from each of `tops` on, ny rows being periodic.

    Those of block b are from the b-th to the next of the first array; the others are the number of each, and the lane
    in which its first row would lie.
    """
    blocks = rounded(ny) // COUNT
    starts = np.zeros(blocks + 1, np.int64)
    for top in tops:
        row = top % ny
        while row > -size:
            for b in range(max(row, 0) // COUNT, (min(row + size, ny) - 1) // COUNT + 1):
                starts[b + 1] += 1
            row -= ny
    starts = np.cumsum(starts)
    numbers, lanes, filled = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.int64), starts.copy()
    for n in range(len(tops)):
        row = tops[n] % ny
        while row > -size:
            for b in range(max(row, 0) // COUNT, (min(row + size, ny) - 1) // COUNT + 1):
                numbers[filled[b]], lanes[filled[b]] = n, row - b * COUNT
                filled[b] += 1
            row -= ny
    return starts, numbers, lanes


def columns_of(patches: Any) -> Any:
    """Real and imaginary parts of `patches` (n, SIZE, SIZE), column by column, sixteen zeros before and after all."""
    flat = np.pad(np.ascontiguousarray(patches.swapaxes(1, 2)).ravel(), COUNT)
    return flat.real.astype(np.float32), flat.imag.astype(np.float32)


@compiled
def add_windows(atoms: Any, block: int, nx: int, target: Any, table: Any) -> None:
    """Add the windows of atoms to the rows of `block`: positions (n, 2: y, x) in samples, and what is `touched`."""
    positions, (starts, numbers, lanes) = atoms
    weights = np.zeros(3 * COUNT, np.float32)
    for n in range(starts[block], starts[block + 1]):
        y, x = positions[numbers[n], 0], positions[numbers[n], 1]
        top, left = math.floor(y - WIDTH / 2) + 1, math.floor(x - WIDTH / 2) + 1
        for i in range(WIDTH):
            weights[COUNT + i] = _window(top + i - y, table)
        down = load(weights, COUNT - lanes[n])
        for j in range(WIDTH):
            at = (left + j) % nx * POINT
            store(target, at, load(target, at) + down * fill(_f(_window(left + j - x, table))))


@compiled
def _window(offset: float, table: Any) -> float:
    place = abs(offset) * STEPS
    knot = min(int(place), table.shape[1] - 2)
    t = place - knot
    a, b = table[0, knot], table[0, knot + 1]
    c, d = table[1, knot], table[1, knot + 1]
    return a + t * (c + t * (3 * (b - a) - 2 * c - d + t * (2 * (a - b) + c + d)))


@compiled
def add_cores(cores: Any, block: int, nx: int, cr: Any, ci: Any, dr: Any, di: Any) -> None:
    """Add field · core of each atom that touches the rows of `block`, which lie side by side as lanes."""
    (starts, numbers, lanes), lefts, which, (real, imag) = cores
    own = np.zeros(2 * COUNT + SIZE, np.float32)
    own[COUNT : COUNT + SIZE] = 1
    for n in range(starts[block], starts[block + 1]):
        atom, lane = numbers[n], lanes[n]
        here = load(own, COUNT - lane)
        patch = COUNT + which[atom] * SIZE * SIZE - lane
        for j in range(SIZE):
            at = (lefts[atom] + j) % nx * POINT
            wr, wi = here * load(real, patch + j * SIZE), here * load(imag, patch + j * SIZE)
            a, b = load(cr, at), load(ci, at)
            store(dr, at, load(dr, at) + (a * wr - b * wi))
            store(di, at, load(di, at) + (a * wi + b * wr))
