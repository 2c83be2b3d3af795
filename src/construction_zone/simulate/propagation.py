"""Free propagation of waves between planes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from construction_zone.conventions import wavelength
from construction_zone.simulate.grid import Grid

Tilt = tuple[float, float]
"""Tilt of the beam against +z towards x and towards y, in mrad."""


@dataclass(frozen=True)
class Propagator:
    """exp(−iπλΔz k² − 2πiΔz k·tanθ) as a product of one factor for each axis, and the band it keeps.

    `y` (ny,) and `x` (nx,) are complex. Row i keeps the `keep[i]` (int64) lowest columns on either side of zero
    frequency: columns 0 … keep − 1 and the last keep − 1; 0 drops the row.
    """

    y: torch.Tensor
    x: torch.Tensor
    keep: torch.Tensor

    def whole(self) -> torch.Tensor:
        """The propagator as one array (ny, nx), zero outside the band."""
        columns = torch.arange(len(self.x), device=self.x.device)
        order = torch.minimum(columns, len(self.x) - columns)
        return self.y[:, None] * self.x * (order < self.keep[:, None])


def propagator(
    grid: Grid,
    energy: float,
    distance: float,
    *,
    tilt: Tilt = (0.0, 0.0),
    dtype: torch.dtype = torch.complex64,
    device: torch.device | str = "cpu",
    band_limit: bool = True,
) -> Propagator:
    """The Fresnel propagator over `distance` (Å, negative: back) of a wave of `energy` (eV).

    With a `tilt` the wave is that of the beam's own frame, ψ·exp(−2πi k_tilt·r): all that stands in the beam moves by
    Δz·tanθ (Kirkland, Advanced Computing in Electron Microscopy, 2nd ed. (2010), on tilted beams). Frequencies beyond
    the grid's cutoff are dropped if `band_limit`.
    """
    ky, kx = (k.reshape(-1) for k in grid.frequencies())
    factor = torch.pi * wavelength(energy) * distance
    phase_x = -factor * kx**2 - 2 * torch.pi * distance * math.tan(1e-3 * tilt[0]) * kx
    phase_y = -factor * ky**2 - 2 * torch.pi * distance * math.tan(1e-3 * tilt[1]) * ky
    one = torch.ones(1, dtype=torch.float64)
    return Propagator(
        torch.polar(one.expand_as(ky), phase_y).to(dtype=dtype, device=device),
        torch.polar(one.expand_as(kx), phase_x).to(dtype=dtype, device=device),
        _kept(grid, ky, band_limit).to(device),
    )


def propagated(wave: torch.Tensor, kernel: Propagator) -> torch.Tensor:
    """`wave` (…, y, x) after free propagation by `kernel`."""
    return torch.fft.ifft2(torch.fft.fft2(wave) * kernel.whole())


def _kept(grid: Grid, ky: torch.Tensor, band_limit: bool) -> torch.Tensor:
    nx = grid.shape[1]
    if not band_limit:
        return torch.full_like(ky, nx // 2 + 1, dtype=torch.int64)
    room = grid.cutoff**2 - ky**2
    kept = torch.floor(room.clamp(min=0).sqrt() * grid.extent[1] * (1 + 1e-12)).to(torch.int64) + 1
    return torch.where(room >= 0, kept, torch.zeros_like(kept))
