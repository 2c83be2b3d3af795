"""From waves to intensity: lens, coherence, and a grid that holds all of |ψ|²."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import torch

from construction_zone.errors import InvalidInput
from construction_zone.image.aberrations import Coefficients, aperture, ctf
from construction_zone.image.coherence import source_envelope
from construction_zone.simulate.grid import Grid


def image_grid(waves: Grid, pixel_size: float | None) -> Grid:
    """The grid of an image of waves on the grid `waves`, with pixels as near to `pixel_size` (Å) as divide the extent.

    None for the grid of the waves.

    Raises
    ------
    InvalidInput
        If the pixel is finer than the waves carry, or not a length.
    """
    if pixel_size is None:
        return waves
    if isinstance(pixel_size, bool) or not isinstance(pixel_size, Real) or not 0 < pixel_size < math.inf:
        raise InvalidInput(f"pixel_size is {pixel_size!r}; give one number in Å above zero")
    shape = (max(1, round(waves.extent[0] / pixel_size)), max(1, round(waves.extent[1] / pixel_size)))
    if shape[0] > waves.shape[0] or shape[1] > waves.shape[1]:
        dy, dx = waves.sampling
        raise InvalidInput(
            f"pixel_size {pixel_size:g} Å is finer than these waves carry: they are stored at {dy:g} × {dx:g} Å "
            f"(y, x), a band of {0.5 / max(dy, dx):g} Å⁻¹; give at least {max(dy, dx):g} Å, or simulate and store the "
            "waves on a finer grid"
        )
    return Grid(shape, waves.extent)


def formation_shape(wave: tuple[int, int], image: tuple[int, int]) -> tuple[int, int]:
    """The smallest grid that holds |ψ|² without aliasing and is a whole multiple of the image's.

    |ψ|² has twice the band of ψ: a wave of n points needs 2n.
    """
    return (math.ceil(2 * wave[0] / image[0]) * image[0], math.ceil(2 * wave[1] / image[1]) * image[1])


def transfer(
    grid: Grid,
    wavelength: float,
    coefficients: Coefficients,
    *,
    source_size: float = 0.0,
    semiangle: float | None = None,
    dtype: torch.dtype = torch.complex64,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """What one focus multiplies the spectrum of a wave with: exp(−iχ), source envelope and aperture; (ny, nx).

    Parameters
    ----------
    grid
        of the wave.
    wavelength
        Å.
    coefficients
        aberrations (see `aberrations.chi`).
    source_size
        1/e half-angle of the illumination in mrad.
    semiangle
        radius of the objective aperture in mrad; None for no aperture.
    dtype, device
        of the result.
    """
    ky, kx = grid.frequencies(device)
    result = ctf(kx, ky, wavelength, coefficients, dtype=torch.complex128)
    if source_size:
        result = result * source_envelope(kx, ky, wavelength, coefficients, source_size)
    if semiangle is not None:
        step = (1 / grid.extent[0], 1 / grid.extent[1])
        result = result * aperture(kx, ky, wavelength, semiangle, step)
    return result.to(dtype)


def intensity(
    waves: torch.Tensor,
    extent: tuple[float, float],
    wavelength: float,
    coefficients: Coefficients,
    *,
    foci: Sequence[float] = (0.0,),
    weights: Sequence[float] = (1.0,),
    source_size: float = 0.0,
    semiangle: float | None = None,
    shape: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Intensity of an incoherent ensemble of waves in the image plane, on a grid fine enough for |ψ|².

    I = mean over waves of Σⱼ wⱼ |F⁻¹[F(ψ) T(Δf + δⱼ)]|². Waves and foci are taken one at a time, with one inverse
    transform each; differentiable in the waves and in coefficients given as tensors.

    Parameters
    ----------
    waves
        complex, (…, configuration, y, x); configurations are averaged as intensities.
    extent
        (Ly, Lx) of the waves in Å.
    wavelength
        Å.
    coefficients
        aberrations (see `aberrations.chi`).
    foci, weights
        offsets of defocus in Å and what each counts (see `coherence.focal_nodes`).
    source_size, semiangle
        see `transfer`.
    shape
        grid of the result, at least twice that of the waves; None for exactly twice.

    Returns
    -------
    Real (…, *shape); 1 where the wave is a vacuum wave.
    """
    *lead, configurations, ny, nx = waves.shape
    shape = shape or (2 * ny, 2 * nx)
    assert shape[0] >= 2 * ny, "a grid this coarse would alias |psi|²"
    assert shape[1] >= 2 * nx, "a grid this coarse would alias |psi|²"
    ensembles = waves.reshape(-1, configurations, ny, nx)
    # one transform per wave: a batched one rounds differently, and bits should not depend on company
    spectra = [[torch.fft.fft2(wave, norm="forward") for wave in ensemble] for ensemble in ensembles]
    totals = [torch.zeros(shape, dtype=waves.real.dtype, device=waves.device) for _ in spectra]
    for focus, weight in zip(foci, weights, strict=True):
        lens = transfer(
            Grid((ny, nx), extent),
            wavelength,
            {**coefficients, "C10": coefficients.get("C10", 0.0) - focus},
            source_size=source_size,
            semiangle=semiangle,
            dtype=waves.dtype,
            device=waves.device,
        )
        share = weight / configurations
        for index, ensemble in enumerate(spectra):
            for spectrum in ensemble:
                wave = torch.fft.ifft2(padded(spectrum * lens, shape), norm="forward")
                totals[index] = totals[index].addcmul(wave.real, wave.real, value=share)
                totals[index] = totals[index].addcmul(wave.imag, wave.imag, value=share)
    return torch.stack(totals).reshape(*lead, *shape)


def padded(spectrum: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """A spectrum (…, ny, nx) in FFT order with zeros put between its positive and negative frequencies."""
    for axis, size in zip((-2, -1), shape, strict=True):
        old = spectrum.shape[axis]
        positive = (old + 1) // 2
        empty = list(spectrum.shape)
        empty[axis] = size - old
        lower, upper = spectrum.split((positive, old - positive), dim=axis)
        spectrum = torch.cat((lower, spectrum.new_zeros(empty), upper), dim=axis)
    return spectrum
