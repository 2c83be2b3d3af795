"""The steps of multislice in plain torch, for any device and dtype.

Fields have shape (batch, ny, nx); positions (batch, atoms, 2: y, x) are in samples, float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.simulate.core import FINE, SIZE, Cores
from construction_zone.simulate.propagation import Propagator
from construction_zone.simulate.window import WIDTH, window

FIELDS, FIELDS_OF_A_WAVE = 7, 2
"""Fields that the potentials of one configuration take at once with what torch needs on the way, and each wave."""


Positions: TypeAlias = Mapping[int, torch.Tensor]
"""Positions (batch, n, 2: y, x) in samples of the atoms of each element, by its atomic number."""
Filters: TypeAlias = Mapping[int, torch.Tensor]


def filters(factors: Filters) -> Filters:
    """`factors` (ny, nx, real) by atomic number, as `Potentials` takes them."""
    return factors


def patches(made: NDArray[np.complex128], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Patches (elements, FINE, FINE, SIZE, SIZE) of cores, as `Wave.transmit` takes them."""
    return torch.tensor(made, dtype=dtype, device=device)


class Potentials:
    """Projected potentials (batch, ny, nx) in V·Å of two groups of atoms at a time; the next two overwrite them."""

    def __init__(self, filters: Filters, batch: int, shape: tuple[int, int], dtype: torch.dtype) -> None:
        self._filters = filters
        device = next(iter(filters.values())).device
        self._spread, self._total = (torch.empty((batch, *shape), dtype=dtype, device=device) for _ in range(2))

    def make(self, groups: Sequence[Positions], shared: bool) -> None:
        """Make those of one or two `groups`; `shared` if more than one wave goes through the first."""
        elements = [z for z in self._filters if any(z in group for group in groups)]
        for z in elements:
            self._spread.zero_()
            for part, group in enumerate(groups):
                if z in group:
                    spread(self._spread, part, group[z])
            add_filtered(self._total, self._spread, self._filters[z], z == elements[0], z == elements[-1])

    def array(self) -> torch.Tensor:
        """The potentials of both groups, as real and imaginary part (batch, ny, nx)."""
        return self._total


def spread(field: torch.Tensor, part: int, positions: torch.Tensor) -> None:
    """Add the window of every atom to the real (`part` 0) or imaginary (1) part of complex `field`."""
    _, ny, nx = field.shape
    rows, row_weights = _along(positions[..., 0], ny)
    columns, column_weights = _along(positions[..., 1], nx)
    index = _flat(rows, columns, ny, nx) * 2 + part
    weights = row_weights[..., :, None] * column_weights[..., None, :]
    flat = torch.view_as_real(field).view(-1)
    flat.index_add_(0, index.reshape(-1), weights.reshape(-1).to(flat.dtype))


def add_filtered(total: torch.Tensor, spreads: torch.Tensor, factor: torch.Tensor, begin: bool, end: bool) -> None:
    """Add the spectrum of `spreads` · `factor` (ny, nx, real) to `total`, and in the `end` transform it back.

    To `begin` with there is nothing to add to.
    """
    spectrum = torch.fft.fft2(spreads)
    if begin:
        torch.mul(spectrum, factor, out=total)
    else:
        total.addcmul_(spectrum, factor)
    if end:
        torch.fft.ifft2(total, out=total)


class Wave:
    """Waves (batch, ny, nx) on their way through a specimen, at first those of `array`, in its memory and another's."""

    def __init__(self, array: torch.Tensor) -> None:
        self._field, self._other = array, torch.empty_like(array)

    def write(self, array: torch.Tensor) -> None:
        """Write the waves to `array`."""
        array.copy_(self._field)

    def propagate(self, kernel: Propagator) -> None:
        """Propagate freely by `kernel`."""
        self._field = torch.fft.ifft2(torch.fft.fft2(self._field).mul_(kernel.whole()))

    def transmit(self, potentials: Potentials, part: int, sigma: float, cores: Cores | None) -> None:
        """Multiply by exp(iσV) + Σ cores, V in V·Å those of the first (`part` 0) or second (1) of two groups."""
        phase = torch.view_as_real(potentials.array())[..., part] * sigma
        wave, result = self._field, self._other
        torch.mul(wave, torch.complex(torch.cos(phase), torch.sin(phase)), out=result)
        if cores is not None:
            _add_cores(wave, cores, result)
        # two fields in turn: new ones for every slice would fragment the memory
        self._field, self._other = result, wave


def _add_cores(wave: torch.Tensor, cores: Cores, result: torch.Tensor) -> None:
    """Add `wave` · core of every atom to `result`."""
    _, ny, nx = wave.shape
    fine = torch.round(cores.positions * FINE).long()
    sample, place = torch.div(fine, FINE, rounding_mode="floor"), fine.remainder(FINE)
    around = torch.arange(SIZE, device=wave.device) - (SIZE // 2 - 1)
    index = _flat(
        (sample[..., 0, None] + around).remainder(ny), (sample[..., 1, None] + around).remainder(nx), ny, nx
    ).reshape(-1)
    patches = cores.patches[cores.elements, place[..., 0], place[..., 1]].reshape(-1)
    added = wave.reshape(-1)[index] * patches
    torch.view_as_real(result).view(-1, 2).index_add_(0, index, torch.view_as_real(added))


def _along(coordinate: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples (…, W) that the window touches along an axis of `size` periodic samples, and its values there."""
    first = torch.floor(coordinate - WIDTH / 2).long() + 1
    samples = first[..., None] + torch.arange(WIDTH, device=coordinate.device)
    return samples.remainder(size), window(samples - coordinate[..., None])


def _flat(rows: torch.Tensor, columns: torch.Tensor, ny: int, nx: int) -> torch.Tensor:
    """Indices (batch, atoms, i, j) into a flat (batch, ny, nx) of all pairs of `rows` (…, i) and `columns` (…, j)."""
    batch = torch.arange(len(rows), device=rows.device)[:, None, None, None]
    return (batch * ny + rows[..., :, None]) * nx + columns[..., None, :]
