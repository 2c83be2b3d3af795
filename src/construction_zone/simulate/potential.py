"""Projected potentials of slices of atoms, exact in the position of every atom.

The potential of a slice is a sum of one radial function per element, centred on each atom. In Fourier space that is
Σ_element C f_e(q) S(q), with S the structure factor of the element's atoms. S comes from spreading the atoms on the
grid with a compact Kaiser–Bessel window, one FFT, and dividing by the window's transform (the non-uniform FFT of
Fessler & Sutton, IEEE Trans. Signal Process. 51 (2003) 560): no atom is moved to a pixel, and the form factor is
not truncated in space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.scattering import scattering_factor

WIDTH = 6
"""Samples that the window spans along each axis."""

BETA = 4 * np.pi
"""Shape of the window. Its transform's first zero, at √(β² + π²)/(π·WIDTH) = 0.69 cycles per sample, lies well beyond
Nyquist (0.5), and at the edge of the band that multislice keeps (1/3) aliases are down by 4e-4."""


def kaiser_bessel(offset: torch.Tensor) -> torch.Tensor:
    """The window at `offset` samples from its centre: I₀(β√(1 − (2u/W)²)) inside, 0 outside."""
    inside = (1 - (2 * offset / WIDTH) ** 2).clamp(min=0)
    return torch.where(offset.abs() <= WIDTH / 2, torch.special.i0(BETA * inside.sqrt()), torch.zeros_like(offset))


def kaiser_bessel_transform(frequency: torch.Tensor) -> torch.Tensor:
    """Fourier transform of the window at `frequency` in cycles per sample (float64): W sinh(s)/s, s² = β² − (πWf)²."""
    argument = BETA**2 - (torch.pi * WIDTH * frequency) ** 2
    root = argument.abs().sqrt().clamp(min=1e-12)
    return WIDTH * torch.where(argument > 0, torch.sinh(root), torch.sin(root)) / root


@dataclass(frozen=True)
class FormFactors:
    """What turns spread atoms into potential: C f_e(q) / (window's transform · pixel area), for each element.

    `filters` maps atomic numbers to real tensors (ny, nx//2 + 1); made once per grid by `form_factors`.
    """

    grid: Grid
    filters: dict[int, torch.Tensor]


def form_factors(numbers: np.ndarray, grid: Grid, *, dtype: torch.dtype, device: torch.device) -> FormFactors:
    """The `FormFactors` of the elements in `numbers` (atomic numbers, any shape) on `grid`; `dtype` is real."""
    ky, kx = grid.frequencies()
    kx = kx[:, : grid.shape[1] // 2 + 1].abs()
    window = kaiser_bessel_transform(ky * grid.sampling[0]) * kaiser_bessel_transform(kx * grid.sampling[1])
    scale = PROJECTED_POTENTIAL_FACTOR / (grid.sampling[0] * grid.sampling[1]) / window
    q = torch.sqrt(ky**2 + kx**2).numpy()
    filters = {
        int(z): (scale * torch.from_numpy(scattering_factor(int(z), q))).to(dtype=dtype, device=device)
        for z in np.unique(numbers)
    }
    return FormFactors(grid, filters)


def spread(positions: torch.Tensor, grid: Grid, *, dtype: torch.dtype) -> torch.Tensor:
    """Atoms at `positions` (n, 2: x, y in Å, float64) spread on `grid` with the window: a real image (ny, nx)."""
    ny, nx = grid.shape
    rows, row_weights = _window_along(positions[:, 1] / grid.sampling[0], ny)
    columns, column_weights = _window_along(positions[:, 0] / grid.sampling[1], nx)
    index = (rows[:, :, None] * nx + columns[:, None, :]).reshape(-1)
    weights = (row_weights[:, :, None] * column_weights[:, None, :]).reshape(-1).to(dtype)
    image = torch.zeros(ny * nx, dtype=dtype, device=positions.device)
    return image.index_add_(0, index, weights).reshape(ny, nx)


def _window_along(coordinate: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples (n, W) that the window touches along an axis of `size` periodic samples, and its values (n, W) there."""
    first = torch.floor(coordinate - WIDTH / 2).long() + 1
    samples = first[:, None] + torch.arange(WIDTH, device=coordinate.device)
    return samples.remainder(size), kaiser_bessel(samples - coordinate[:, None])


def projected(positions: torch.Tensor, numbers: np.ndarray, factors: FormFactors) -> torch.Tensor:
    """Projected potential (ny, nx) in V·Å of atoms at `positions` (n, 2: x, y in Å) with atomic `numbers` (n,)."""
    grid = factors.grid
    spectrum: torch.Tensor | None = None
    for number in np.unique(numbers):
        factor = factors.filters[int(number)]
        chosen = torch.from_numpy(np.flatnonzero(numbers == number)).to(positions.device)
        part = torch.fft.rfft2(spread(positions[chosen], grid, dtype=factor.dtype)).mul_(factor)
        spectrum = part if spectrum is None else spectrum.add_(part)
    if spectrum is None:
        return torch.zeros(grid.shape, dtype=torch.float32, device=positions.device)
    return torch.fft.irfft2(spectrum, s=grid.shape)
