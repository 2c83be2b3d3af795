"""The steps of multislice compiled for one CPU thread in single precision; the same ones as in `steps_torch`.

They release the interpreter lock, so that several configurations can run beside each other in threads. A field is
visited once along x and once along y for each of its steps (see `fft.fields`): atoms are spread into sixteen rows that
are transformed at once, and a wave, kept between slices as its transform along x, goes back, through a slice whose
potential comes back along x beside it, and on, in one visit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.compiling import njit
from construction_zone.simulate.core import FINE, SIZE, Cores
from construction_zone.simulate.fft import atoms, blocks, fields, plan
from construction_zone.simulate.propagation import Propagator
from construction_zone.simulate.window import WIDTH, table

FIELDS, FIELDS_OF_A_WAVE = 2, 1
"""Fields that the potentials of one configuration take at once, and each of its waves."""

Positions: TypeAlias = Mapping[int, torch.Tensor]
"""Positions (batch, n, 2: y, x) in samples of the atoms of each element, by its atomic number."""

Filters: TypeAlias = Mapping[int, NDArray[np.float32]]

_compiled = njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
_TABLE = table()
_NOWHERE = np.zeros((0, 2))


def can_do(shape: tuple[int, int], dtype: torch.dtype) -> bool:
    """Whether these steps take fields of `shape` (ny, nx) and `dtype`: complex64, sizes of small prime factors."""
    return dtype == torch.complex64 and all(plan(size) is not None for size in shape)


def filters(factors: Mapping[int, torch.Tensor]) -> Filters:
    """`factors` (ny, nx, real) by atomic number, as `Potentials` takes them."""
    return {z: blocks.tiled(factor.numpy()) for z, factor in factors.items()}


def patches(made: NDArray[np.complex128], device: torch.device, dtype: torch.dtype) -> Any:
    """Patches (elements, FINE, FINE, SIZE, SIZE) of cores, as `Wave.transmit` takes them."""
    assert device.type == "cpu"
    assert dtype == torch.complex64
    return atoms.columns_of(made.reshape(-1, SIZE, SIZE))


class Potentials:
    """Projected potentials (batch, ny, nx) in V·Å of two groups of atoms at a time; the next two overwrite them."""

    def __init__(self, filters: Filters, batch: int, shape: tuple[int, int], dtype: torch.dtype) -> None:
        self.filters, self.shape = filters, shape
        self.fresh, self.again = False, (False, False)
        size = blocks.room(*shape)
        self.fields, self._spread = np.zeros((batch, size), np.float32), np.zeros(size, np.float32)

    def make(self, groups: Sequence[Positions], shared: bool) -> None:
        """Make those of one or two `groups`; `shared` if more than one wave goes through the first."""
        (ny, nx), both = self.shape, [*groups, {}][:2]
        along_y, along_x = plan(ny), plan(nx)
        elements = [z for z in self.filters if any(z in group for group in groups)]
        for b, total in enumerate(self.fields):
            for z in elements:
                one, two = (_windows(group[z][b].numpy() if z in group else _NOWHERE, ny) for group in both)
                begin, end = z == elements[0], z == elements[-1]
                spread = total if begin else self._spread  # what is not touched need not come from the memory
                fields.spread_rows(spread, ny, along_x, one, two, _TABLE)
                fields.filtered_columns(spread, nx, along_y, self.filters[z], total, begin, end)
        # their rows are taken back by the first wave that comes through
        self.fresh, self.again = True, (shared, len(groups) > 1)

    def array(self) -> torch.Tensor:
        """The potentials of both groups, as real and imaginary part (batch, ny, nx)."""
        made = np.empty((len(self.fields), *self.shape), np.complex64)
        for field, rows in zip(self.fields, made, strict=True):
            blocks.unpack(field, plan(self.shape[1]), self.fresh, self.shape[1], rows)
        return torch.from_numpy(made)


class Wave:
    """Waves (batch, ny, nx) on their way through a specimen, at first those of `array`."""

    def __init__(self, array: torch.Tensor) -> None:
        self.shape: tuple[int, int] = (array.shape[-2], array.shape[-1])
        self._y, self._x = plan(self.shape[0]), plan(self.shape[1])
        self._fields = np.zeros((len(array), blocks.room(*self.shape)), np.float32)
        for rows, field in zip(array.numpy(), self._fields, strict=True):
            blocks.pack(rows, field)
        self._kept = self.shape[1] // 2 + 1
        # what the fields hold: waves, or their transforms along x on the way to columns or back from them
        self._state = "wave"

    def write(self, array: torch.Tensor) -> None:
        """Write the waves to `array`."""
        assert self._state != "on", "a slice is followed by a propagation"
        for field, rows in zip(self._fields, array.numpy(), strict=True):
            blocks.unpack(field, self._x, self._state == "back", self._kept, rows)

    def propagate(self, kernel: Propagator) -> None:
        """Propagate freely by `kernel`."""
        # what is not kept has become zero, and is not there any more
        keep = np.minimum(kernel.keep.numpy(), self._kept)
        kept, (ny, nx) = int(keep.max()), self.shape
        # transforms are not normalised; where rows stay transformed from the last time, those along x were
        scale = 1 / ny if self._state == "back" else 1 / (nx * ny)
        for field in self._fields:
            if self._state == "wave":
                fields.rows(field, ny, self._x, kept)
            fields.propagated_columns(field, self._y, kernel.y.numpy(), kernel.x.numpy(), keep, scale)
        self._kept, self._state = kept, "back"

    def transmit(self, potentials: Potentials, part: int, sigma: float, cores: Cores | None) -> None:
        """Multiply by exp(iσV) + Σ cores, V in V·Å those of the first (`part` 0) or second (1) of two groups."""
        assert self._state != "on", "a slice is followed by a propagation"
        spectral, fresh, again = self._state == "back", potentials.fresh, potentials.again
        for b, field in enumerate(self._fields):
            fields.transmitted_rows(
                field,
                self.shape[0],
                self._x,
                spectral,
                self._kept,
                potentials.fields[b],
                part,
                fresh,
                again,
                sigma,
                _placed(cores, b, self.shape[0]),
            )
        self._state, potentials.fresh = "on", False


def _windows(positions: NDArray[np.float64], ny: int) -> tuple[Any, ...]:
    tops = np.floor(positions[:, 0] - WIDTH / 2).astype(np.int64) + 1
    return positions, atoms.touched(tops, WIDTH, ny)


def _placed(cores: Cores | None, b: int, ny: int) -> tuple[Any, ...]:
    if cores is None:
        tops = lefts = which = np.zeros(0, np.int64)
        patches = (np.zeros(0, np.float32), np.zeros(0, np.float32))
    else:
        tops, lefts, which = _core_places(cores.positions[b].numpy(), cores.elements.numpy())
        patches = cores.patches
    return atoms.touched(tops, SIZE, ny), lefts, which, patches


@_compiled
def _core_places(positions: Any, elements: Any) -> Any:
    """The first row and column of each atom's patch, and the number of the patch."""
    count = len(positions)
    tops, lefts, which = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    for n in range(count):
        y, x = int(np.rint(positions[n, 0] * FINE)), int(np.rint(positions[n, 1] * FINE))
        tops[n], lefts[n] = y // FINE - (SIZE // 2 - 1), x // FINE - (SIZE // 2 - 1)
        which[n] = (elements[n] * FINE + y % FINE) * FINE + x % FINE
    return tops, lefts, which
