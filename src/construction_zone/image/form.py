"""From waves to intensity: lens, coherence, and a grid that holds all of |ψ|²."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch

from construction_zone.errors import InvalidInput
from construction_zone.image.aberrations import Coefficients
from construction_zone.image.beams import centred, frequencies
from construction_zone.image.formation import IntensitySum, intensity_sum
from construction_zone.image.lens import Lens
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


def formation_shape(beams: tuple[int, int]) -> tuple[int, int]:
    """A grid that holds |ψ|² without aliasing and that is fast to transform.

    |ψ|² has twice the band of ψ: n beams need 2n − 1 points. The image's own pixels need not divide it, since its
    spectrum is folded onto them.
    """
    return (_good_size(2 * beams[0] - 1), _good_size(2 * beams[1] - 1))


def _good_size(least: int) -> int:
    """The smallest multiple of 16 from `least` up whose other factors are 2, 3 and 5."""
    size = 16 * max(1, -(-least // 16))
    while 30**9 % size:  # 2, 3 and 5 up to nine times each
        size += 16
    return size


def transfer(
    grid: Grid,
    wavelength: float,
    coefficients: Coefficients,
    *,
    source_size: float = 0.0,
    semiangle: float | None = None,
    edge: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    dtype: torch.dtype = torch.complex64,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """What one focus multiplies the spectrum of a wave with: exp(−iχ), source envelope and aperture; (ny, nx).

    Parameters
    ----------
    grid
        of the wave; the result is in FFT order.
    wavelength
        Å.
    coefficients
        aberrations (see `aberrations.chi`).
    source_size
        1/e half-angle of the illumination in mrad.
    semiangle, edge
        radius of the objective aperture and width of its edge in mrad; None for no aperture.
    tilt
        of the beam towards x and y in mrad; all is taken at k + tilt/λ.
    dtype, device
        of the result.
    """
    ky, kx = grid.frequencies(device)
    lens = Lens(
        kx,
        ky,
        wavelength,
        coefficients,
        step=(1 / grid.extent[0], 1 / grid.extent[1]),
        source_size=source_size,
        semiangle=semiangle,
        edge=edge,
        tilt=tilt,
        dtype=dtype,
    )
    return lens.at()


def intensity(
    waves: torch.Tensor,
    extent: tuple[float, float],
    wavelength: float,
    coefficients: Coefficients,
    *,
    shape: tuple[int, int] | None = None,
    **settings: Any,
) -> torch.Tensor:
    """Intensity of an incoherent ensemble of waves in the image plane, on a grid fine enough for |ψ|².

    `intensity_of_beams` of the Fourier transform of `waves`: differentiable in the waves and in coefficients given as
    tensors.

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
    shape
        grid of the result, at least twice that of the waves; None for exactly twice.
    settings
        coherence, aperture and tilt, as of `intensity_of_beams`.

    Returns
    -------
    Real (…, *shape); 1 where the wave is a vacuum wave.
    """
    grid = Grid((waves.shape[-2], waves.shape[-1]), extent)
    shape = shape or (2 * grid.shape[0], 2 * grid.shape[1])
    return intensity_of_beams(centred(waves, grid), extent, wavelength, coefficients, shape=shape, **settings)


def intensity_of_beams(
    beams: torch.Tensor,
    extent: tuple[float, float],
    wavelength: float,
    coefficients: Coefficients,
    *,
    shape: tuple[int, int],
    foci: Sequence[float] = (0.0,),
    weights: Sequence[float] = (1.0,),
    tilts: Sequence[tuple[float, float]] = ((0.0, 0.0),),
    tilt_weights: Sequence[float] = (1.0,),
    source_size: float = 0.0,
    focal_spread: float = 0.0,
    semiangle: float | None = None,
    edge: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
) -> torch.Tensor:
    """Intensity in the image plane of waves given by their beams.

    I = mean over waves of Σₜ vₜ Σⱼ wⱼ |F⁻¹[F(ψ)(k) T(k + tilt/λ + τₜ/λ, Δf + δⱼ)]|². χ is computed once for each tilt,
    and each focus, tilt and wave takes one inverse transform.

    Parameters
    ----------
    beams
        complex, (…, configuration, ny, nx), frequencies rising along both axes (see `beams.centred`).
    extent
        (Ly, Lx) of the waves in Å.
    wavelength
        Å.
    coefficients
        aberrations (see `aberrations.chi`).
    shape
        grid of the result, at least twice that of the beams.
    foci, weights
        offsets of defocus in Å and what each counts (see `coherence.focal_nodes`).
    tilts, tilt_weights
        offsets (towards x, towards y) of the beam's direction in mrad and what each counts (`coherence.tilt_nodes`).
    source_size, focal_spread
        1/e half-angle in mrad and standard deviation in Å of what is taken as an envelope on the amplitude of each
        beam instead (`coherence.source_envelope`, `coherence.focal_envelope`).
    semiangle, edge, tilt
        see `transfer`.

    Returns
    -------
    Real (…, *shape); 1 where the wave is a vacuum wave.
    """
    lead = beams.shape[:-3]
    sums = sums_of_beams(
        beams,
        extent,
        wavelength,
        coefficients,
        shape=shape,
        foci=foci,
        weights=weights,
        tilts=tilts,
        tilt_weights=tilt_weights,
        source_size=source_size,
        focal_spread=focal_spread,
        semiangle=semiangle,
        edge=edge,
        tilt=tilt,
    )
    return torch.stack([total.intensity() for total in sums]).reshape(*lead, *shape)


def sums_of_beams(
    beams: torch.Tensor,
    extent: tuple[float, float],
    wavelength: float,
    coefficients: Coefficients,
    *,
    shape: tuple[int, int],
    foci: Sequence[float] = (0.0,),
    weights: Sequence[float] = (1.0,),
    tilts: Sequence[tuple[float, float]] = ((0.0, 0.0),),
    tilt_weights: Sequence[float] = (1.0,),
    source_size: float = 0.0,
    focal_spread: float = 0.0,
    semiangle: float | None = None,
    edge: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    share: float = 1.0,
    onto: Sequence[IntensitySum] | None = None,
) -> Sequence[IntensitySum]:
    """What `intensity_of_beams` adds up, one sum for each ensemble, to be asked for an intensity or an image.

    Parameters are those of `intensity_of_beams`, but

    share
        weight of the whole.
    onto
        sums to add to, in place of empty ones.
    """
    *_, configurations, ny, nx = beams.shape
    assert shape[0] >= 2 * ny - 1, "a grid this coarse would alias |psi|²"
    assert shape[1] >= 2 * nx - 1, "a grid this coarse would alias |psi|²"
    ensembles = beams.reshape(-1, configurations, ny, nx)
    given = [beams, *(value for value in coefficients.values() if isinstance(value, torch.Tensor))]
    differentiable = torch.is_grad_enabled() and any(value.requires_grad for value in given)
    sums = onto or [intensity_sum(shape, beams, differentiable) for _ in ensembles]
    ky, kx = frequencies((ny, nx), extent, beams.device)
    for offset, part in zip(tilts, tilt_weights, strict=True):
        lens = Lens(
            kx,
            ky,
            wavelength,
            coefficients,
            step=(1 / extent[0], 1 / extent[1]),
            source_size=source_size,
            focal_spread=focal_spread,
            semiangle=semiangle,
            edge=edge,
            tilt=(tilt[0] + offset[0], tilt[1] + offset[1]),
            dtype=beams.dtype,
        )
        for focus, weight in zip(foci, weights, strict=True):
            for total, ensemble in zip(sums, ensembles, strict=True):
                for wave in ensemble:
                    total.add(wave, lens, focus, share * weight * part / configurations)
    return sums
