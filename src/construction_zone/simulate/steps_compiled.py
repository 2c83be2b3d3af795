"""The steps of multislice compiled for one CPU thread in single precision; the same ones as in `steps_torch`.

They release the interpreter lock, so that several configurations can run beside each other in threads. A wave on its
way is kept as its transform along x between slices, and each slice takes sixteen rows back, through, and on in one
visit: a field is read and written twice for each slice.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.compiling import njit
from construction_zone.simulate.core import FINE, SIZE, Cores
from construction_zone.simulate.fft import fields, plan
from construction_zone.simulate.fft.lanes import COUNT
from construction_zone.simulate.propagation import Propagator
from construction_zone.simulate.window import STEPS, WIDTH, table

FIELDS, FIELDS_OF_A_WAVE = 2, 1
"""Fields that the potentials of one configuration take at once, and each of its waves."""

_compiled = njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
_TABLE = table()
_NO_CORES = np.zeros((1, SIZE, SIZE), np.complex64)


def can_do(shape: tuple[int, int], dtype: torch.dtype) -> bool:
    """Whether these steps take fields of `shape` (ny, nx) and `dtype`: complex64, sizes of small prime factors."""
    return dtype == torch.complex64 and all(plan(size) is not None for size in shape)


def spread(field: torch.Tensor, part: int, positions: torch.Tensor) -> None:
    """Add the window of every atom to the real (`part` 0) or imaginary (1) part of complex `field`."""
    target, atoms = torch.view_as_real(field).numpy(), positions.numpy()
    for b in range(len(target)):
        _spread(target[b], part, atoms[b], _TABLE)


def add_filtered(total: torch.Tensor, spreads: torch.Tensor, factor: torch.Tensor, begin: bool, end: bool) -> None:
    """Add the spectrum of `spreads` · `factor` (ny, nx, real) to `total`, and in the `end` transform it back.

    To `begin` with there is nothing to add to. What `spreads` holds is lost.
    """
    along_y, along_x = plan(total.shape[-2]), plan(total.shape[-1])
    for b in range(len(total)):
        field, sums = spreads[b].numpy(), total[b].numpy()
        fields.rows(field, along_x, False, field.shape[1])
        fields.filtered_columns(field, along_y, factor.numpy(), sums, begin, end)
        if end:
            fields.rows(sums, along_x, True, field.shape[1])


class Wave:
    """Waves (batch, ny, nx) on their way through a specimen, in the memory of `field`."""

    def __init__(self, field: torch.Tensor) -> None:
        self._field = field
        self._y, self._x = plan(field.shape[-2]), plan(field.shape[-1])
        self._kept = field.shape[-1] // 2 + 1
        # what the field holds: the wave, or its transform along x on the way to columns or back from them
        self._state = "wave"

    def array(self) -> torch.Tensor:
        """The waves; they may be overwritten by the next step."""
        assert self._state != "on", "a slice is followed by a propagation"
        if self._state == "back":
            for field in self._field.numpy():
                fields.rows(field, self._x, True, self._kept)
            self._state = "wave"
        return self._field

    def propagate(self, kernel: Propagator) -> None:
        """Propagate freely by `kernel`."""
        kept = int(kernel.keep.max())
        if self._state != "on":
            for field in self.array().numpy():
                fields.rows(field, self._x, False, kept)
        for field in self._field.numpy():
            fields.propagated_columns(field, self._y, kernel.y.numpy(), kernel.x.numpy(), kernel.keep.numpy())
        self._kept, self._state = kept, "back"

    def transmit(self, potentials: torch.Tensor, part: int, sigma: float, cores: Cores | None) -> None:
        """Multiply by exp(iσV) + Σ cores, V in V·Å the real (`part` 0) or imaginary (1) part of `potentials`."""
        assert self._state != "on", "a slice is followed by a propagation"
        scales = (sigma, 0.0) if part == 0 else (0.0, sigma)
        ny, nx = self._field.shape[-2:]
        for b, field in enumerate(self._field.numpy()):
            placed = _no_cores(ny) if cores is None else _placed(cores, b, ny, nx)
            fields.transmitted_rows(
                field, self._x, self._state == "back", self._kept, potentials[b].numpy(), *scales, placed
            )
        self._state = "on"


def _placed(cores: Cores, b: int, ny: int, nx: int) -> tuple[NDArray[Any], ...]:
    patches = cores.patches.numpy().reshape(-1, SIZE, SIZE)
    return (*_core_places(cores.positions[b].numpy(), cores.elements.numpy(), ny, nx), patches)


def _no_cores(ny: int) -> tuple[NDArray[Any], ...]:
    nothing = np.zeros(0, np.int64)
    return (np.zeros(-(-ny // COUNT) + 1, np.int64), nothing, nothing, nothing, nothing, _NO_CORES)


@_compiled
def _core_places(positions: Any, elements: Any, ny: int, nx: int) -> Any:
    """Where the atoms' patches go: for each block of sixteen rows the atoms that touch it, and for each atom its first
    row and column and the number of its patch."""
    count, blocks = len(positions), (ny + COUNT - 1) // COUNT
    tops, lefts, which = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    for n in range(count):
        y, x = int(np.rint(positions[n, 0] * FINE)), int(np.rint(positions[n, 1] * FINE))
        tops[n] = (y // FINE - (SIZE // 2 - 1)) % ny
        lefts[n] = (x // FINE - (SIZE // 2 - 1)) % nx
        which[n] = (elements[n] * FINE + y % FINE) * FINE + x % FINE
    touched = np.zeros(blocks + 1, np.int64)
    for n in range(count):
        for i in range(SIZE):
            if _enters(tops[n], i, ny):
                touched[(tops[n] + i) % ny // COUNT + 1] += 1
    starts = np.cumsum(touched)
    atoms, filled = np.empty(starts[-1], np.int64), starts.copy()
    for n in range(count):
        for i in range(SIZE):
            if _enters(tops[n], i, ny):
                block = (tops[n] + i) % ny // COUNT
                atoms[filled[block]] = n
                filled[block] += 1
    return starts, atoms, tops, lefts, which


@_compiled
def _enters(top: int, i: int, ny: int) -> bool:
    """Whether row i of a patch that begins at row `top` is its first in a block of rows."""
    row = (top + i) % ny
    return i == 0 or (row % COUNT == 0 and row // COUNT != top // COUNT)


@_compiled
def _window(offset: float, table: Any) -> float:
    place = abs(offset) * STEPS
    knot = min(int(place), table.shape[1] - 2)
    t = place - knot
    a, b = table[0, knot], table[0, knot + 1]
    c, d = table[1, knot], table[1, knot + 1]
    return a + t * (c + t * (3 * (b - a) - 2 * c - d + t * (2 * (a - b) + c + d)))


@_compiled
def _spread(target: Any, part: int, positions: Any, table: Any) -> None:
    ny, nx = target.shape[:2]
    weights = np.empty(WIDTH)
    for n in range(len(positions)):
        y, x = positions[n, 0], positions[n, 1]
        top, left = math.floor(y - WIDTH / 2) + 1, math.floor(x - WIDTH / 2) + 1
        for j in range(WIDTH):
            weights[j] = _window(left + j - x, table)
        for i in range(WIDTH):
            weight = _window(top + i - y, table)
            row = (top + i) % ny
            for j in range(WIDTH):
                target[row, (left + j) % nx, part] += weight * weights[j]
