"""The steps of multislice in plain torch, for any device and dtype.

Fields have shape (batch, ny, nx); positions (batch, atoms, 2: y, x) are in samples, float64.
"""

from __future__ import annotations

import torch

from construction_zone.simulate.core import FINE, SIZE
from construction_zone.simulate.propagation import Propagator
from construction_zone.simulate.window import WIDTH, window


def spread(field: torch.Tensor, part: int, positions: torch.Tensor) -> None:
    """Add the window of every atom to the real (`part` 0) or imaginary (1) part of complex `field`."""
    _, ny, nx = field.shape
    rows, row_weights = _along(positions[..., 0], ny)
    columns, column_weights = _along(positions[..., 1], nx)
    index = _flat(rows, columns, ny, nx) * 2 + part
    weights = row_weights[..., :, None] * column_weights[..., None, :]
    flat = torch.view_as_real(field).view(-1)
    flat.index_add_(0, index.reshape(-1), weights.reshape(-1).to(flat.dtype))


def add_filtered(total: torch.Tensor, spectrum: torch.Tensor, factor: torch.Tensor, first: bool) -> None:
    """Add `spectrum` · `factor` (ny, nx, real) to `total`, or write it there if it is the `first`."""
    if first:
        torch.mul(spectrum, factor, out=total)
    else:
        total.addcmul_(spectrum, factor)


def transform(field: torch.Tensor) -> torch.Tensor:
    """The Fourier transform of `field`."""
    return torch.fft.fft2(field)


def inverse(spectrum: torch.Tensor) -> torch.Tensor:
    """The inverse Fourier transform of `spectrum`."""
    return torch.fft.ifft2(spectrum)


def transmit(
    wave: torch.Tensor,
    potentials: torch.Tensor,
    part: int,
    sigma: float,
    cores: list[tuple[torch.Tensor, torch.Tensor]],
    result: torch.Tensor,
) -> None:
    """Write `wave` · (exp(iσV) + Σ cores) to `result`, which is another field.

    V in V·Å is the real (`part` 0) or imaginary (1) part of `potentials`. `cores` holds, for each element, the
    positions of its atoms and its patches (see `core.core_patches`).
    """
    phase = torch.view_as_real(potentials)[..., part] * sigma
    torch.mul(wave, torch.complex(torch.cos(phase), torch.sin(phase)), out=result)
    _, ny, nx = wave.shape
    source, target = wave.reshape(-1), torch.view_as_real(result).view(-1, 2)
    for positions, patches in cores:
        fine = torch.round(positions * FINE).long()
        sample, place = torch.div(fine, FINE, rounding_mode="floor"), fine.remainder(FINE)
        around = torch.arange(SIZE, device=wave.device) - (SIZE // 2 - 1)
        index = _flat(
            (sample[..., 0, None] + around).remainder(ny), (sample[..., 1, None] + around).remainder(nx), ny, nx
        ).reshape(-1)
        added = source[index] * patches[place[..., 0], place[..., 1]].reshape(-1)
        target.index_add_(0, index, torch.view_as_real(added))


def propagate(wave: torch.Tensor, kernel: Propagator) -> torch.Tensor:
    """`wave` after free propagation by `kernel`."""
    return torch.fft.ifft2(torch.fft.fft2(wave).mul_(kernel.whole()))


def _along(coordinate: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples (…, W) that the window touches along an axis of `size` periodic samples, and its values there."""
    first = torch.floor(coordinate - WIDTH / 2).long() + 1
    samples = first[..., None] + torch.arange(WIDTH, device=coordinate.device)
    return samples.remainder(size), window(samples - coordinate[..., None])


def _flat(rows: torch.Tensor, columns: torch.Tensor, ny: int, nx: int) -> torch.Tensor:
    """Indices (batch, atoms, i, j) into a flat (batch, ny, nx) of all pairs of `rows` (…, i) and `columns` (…, j)."""
    batch = torch.arange(len(rows), device=rows.device)[:, None, None, None]
    return (batch * ny + rows[..., :, None]) * nx + columns[..., None, :]
