"""Intensity on pixels: integration over them, the detector's transfer, and filters on the image's own grid."""

from __future__ import annotations

import functools

import numpy as np
import torch

from construction_zone.image.curves import Curve
from construction_zone.image.sampling import half_frequencies, sampled


def pixel_integrated(intensity: torch.Tensor, shape: tuple[int, int], mtf: Curve | None = None) -> torch.Tensor:
    """Mean intensity over each pixel of a grid `shape` that covers the same extent; pixel i is centred at i·dx.

    A pixel averages over its rectangle, which multiplies the spectrum of the intensity by sinc(k_x dx)·sinc(k_y dy);
    then the result is sampled. Frequencies beyond the image's Nyquist limit fold back as they do on a real detector,
    damped by the sinc, not with the full strength that an intensity formed on the coarse grid would have.

    Parameters
    ----------
    intensity
        real (…, My, Mx), on a grid that holds all of its frequencies.
    shape
        (ny, nx) of the image.
    mtf
        of the whole detector, pixel included, as it is measured on an edge along an axis; None for the pixel
        alone. What it has beyond the pixel, MTF(f)/sinc(f/2), multiplies the spectrum too and keeps its value at
        the Nyquist frequency from there on.
    """
    fine = (intensity.shape[-2], intensity.shape[-1])
    return sampled(intensity, shape, pixel_factors(fine, shape, intensity, mtf))


def pixel_factors(
    fine: tuple[int, int], shape: tuple[int, int], like: torch.Tensor, mtf: Curve | None = None
) -> list[torch.Tensor]:
    """What `pixel_integrated` multiplies the spectrum of an intensity on the grid `fine` with (see `sampled`).

    Of the real type and on the device of `like`.
    """
    ky, kx = half_frequencies(fine, (float(shape[0]), float(shape[1])), like.device)
    kind = like.real.dtype
    factors = [torch.sinc(ky).to(kind), torch.sinc(kx).to(kind)]
    if mtf is not None:
        single = kind == torch.float32
        factors.append(torch.from_numpy(_beyond_pixel(mtf, fine, shape, single)).to(like.device, kind))
    return factors


def filtered(image: torch.Tensor, transfer: np.ndarray) -> torch.Tensor:
    """Images (…, y, x) with their spectra multiplied by `transfer` (ny, nx//2 + 1), one by one."""
    factor = torch.from_numpy(transfer).to(image)
    shape = (image.shape[-2], image.shape[-1])
    done = [torch.fft.irfft2(torch.fft.rfft2(one) * factor, s=shape) for one in image.reshape(-1, *shape)]
    return torch.stack(done).reshape(image.shape)


@functools.lru_cache(maxsize=8)
def _beyond_pixel(mtf: Curve, fine: tuple[int, int], shape: tuple[int, int], single: bool) -> np.ndarray:
    """MTF(f)/sinc(f/2) at the frequencies of the real transform of the fine grid, in `single` precision or double."""
    ky, kx = np.fft.fftfreq(fine[0], 1 / fine[0]) / shape[0], np.fft.rfftfreq(fine[1], 1 / fine[1]) / shape[1]
    f = np.minimum(2 * np.hypot(ky[:, None], kx[None, :]), 1.0)
    result: np.ndarray = mtf(f) / np.sinc(f / 2)
    return result.astype(np.float32) if single else result


@functools.lru_cache(maxsize=8)
def noise_transfer(nnps: Curve, shape: tuple[int, int]) -> np.ndarray:
    """√NNPS at the frequencies of the real transform of the image, held beyond the Nyquist frequency."""
    ky, kx = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    return np.sqrt(nnps(np.minimum(2 * np.hypot(ky[:, None], kx[None, :]), 1.0)))
