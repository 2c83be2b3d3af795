"""The grid a wave lives on: real-space samples, their frequencies, and moving between grids in Fourier space."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len

from construction_zone.conventions import wavelength
from construction_zone.errors import GridError

MIN_CUTOFF = 1.0
"""A wave grid must carry at least this spatial frequency, in Å⁻¹: coarser ones hold no lattice fringe to speak of."""

MAX_ANGLE = 0.5
"""The paraxial propagator is not used beyond this angle, in rad."""


@dataclass(frozen=True)
class Grid:
    """A periodic grid of `shape` (ny, nx) samples over `extent` (Ly, Lx) in Å."""

    shape: tuple[int, int]
    extent: tuple[float, float]

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or not all(math.isfinite(e) and e > 0 for e in self.extent):
            raise GridError(f"a grid of {self.shape} samples over {self.extent} Å is empty; give positive sizes")

    @property
    def sampling(self) -> tuple[float, float]:
        """Distance between samples (dy, dx) in Å."""
        return (self.extent[0] / self.shape[0], self.extent[1] / self.shape[1])

    @property
    def cutoff(self) -> float:
        """Largest spatial frequency that multislice carries without wrap-around, 2/3 of Nyquist, in Å⁻¹."""
        return 2 / 3 * min(0.5 / step for step in self.sampling)

    @property
    def fast_shape(self) -> tuple[int, int]:
        """The next sizes (ny, nx) that suit the FFT, as `covering` takes them: `shape` itself if it does."""
        return (fast_length(self.shape[0]), fast_length(self.shape[1]))

    @classmethod
    def covering(cls, extent: tuple[float, float], sampling: float) -> Grid:
        """The grid over `extent` (Å) whose steps are at most `sampling` (Å) and whose sizes suit the FFT.

        Each size is the next of `fast_length` at or above extent/sampling, so the steps can come out a little finer
        than asked; `Grid.sampling` says what they are.
        """
        if not (math.isfinite(sampling) and sampling > 0):
            raise GridError(f"sampling is {sampling!r}; give a positive distance in Å, such as 0.1")
        sizes = [fast_length(max(1, math.ceil(length / sampling - 1e-6))) for length in extent]
        return cls((sizes[0], sizes[1]), extent)

    def frequencies(self, device: torch.device | str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
        """Spatial frequencies ky (ny, 1) and kx (1, nx) in Å⁻¹, float64, in FFT order."""
        ky = torch.fft.fftfreq(self.shape[0], self.sampling[0], dtype=torch.float64, device=device)
        kx = torch.fft.fftfreq(self.shape[1], self.sampling[1], dtype=torch.float64, device=device)
        return ky[:, None], kx[None, :]


def fast_length(least: int) -> int:
    """The next size from `least` on that has no prime factor above 5.

    Factors 7, 11 and 13 cost more than the few per cent of samples that they save: 539² samples take twice the time of
    540², and 499², whose size is prime, take seven times as long as 500².
    """
    return int(next_fast_len(least, real=True))  # what suits transforms of real numbers, in scipy's terms


def check_band(grid: Grid, energy: float) -> None:
    """Refuse a `grid` that is too coarse for atoms, or an `energy` (eV) whose beams leave the paraxial range."""
    if not (math.isfinite(energy) and energy >= 1e3):
        raise GridError(f"energy is {energy!r} eV; multislice needs at least 1 keV, for instance 300e3 for 300 kV")
    angle = wavelength(energy) * grid.cutoff
    if grid.cutoff < MIN_CUTOFF:
        raise GridError(
            f"a sampling of {max(grid.sampling):.3g} Å carries frequencies up to {grid.cutoff:.3g} Å⁻¹ "
            f"({1e3 * angle:.3g} mrad at {energy / 1e3:g} keV), too coarse for atoms; "
            f"use a sampling of at most {1 / (3 * MIN_CUTOFF):.2f} Å (0.1 Å is usual)"
        )
    if angle > MAX_ANGLE:
        raise GridError(
            f"at {energy / 1e3:g} keV a sampling of {min(grid.sampling):.3g} Å carries up to {1e3 * angle:.0f} mrad, "
            f"beyond the {1e3 * MAX_ANGLE:.0f} mrad where the paraxial propagator holds; "
            f"use a sampling of at least {wavelength(energy) / (3 * MAX_ANGLE):.3g} Å or a higher energy"
        )


def fourier_resample(array: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Complex `array` (…, y, x) on a grid of `shape` (ny, nx) over the same extent, by Fourier cropping or padding.

    Values are kept (a constant stays that constant). Cropping removes all frequencies from the new Nyquist frequency
    upwards; the one unpaired frequency of an even size is kept on its negative side.
    """
    old = (array.shape[-2], array.shape[-1])
    if old == tuple(shape):
        return array
    spectrum = torch.fft.fft2(array, norm="forward")
    resized = spectrum.new_zeros((*array.shape[:-2], *shape))
    for rows_new, rows_old in _shared_rows(old[0], shape[0]):
        for columns_new, columns_old in _shared_rows(old[1], shape[1]):
            resized[..., rows_new, columns_new] = spectrum[..., rows_old, columns_old]
    return torch.fft.ifft2(resized, norm="forward")


def _shared_rows(old: int, new: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where the frequencies that two FFT sizes share lie, as (new, old) slices: from zero up, then negative ones."""
    n = min(old, new)
    up, down = (n + 1) // 2, n // 2
    return (slice(0, up), slice(0, up)), (slice(new - down, new), slice(old - down, old))
