"""From the fine grid of the intensity to that of an image: one pass through Fourier space for all that blurs it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def sampled(intensity: torch.Tensor, shape: tuple[int, int], factors: Sequence[torch.Tensor]) -> torch.Tensor:
    """`intensity` with its spectrum multiplied by `factors`, sampled on a grid of `shape` over the same extent.

    Frequencies beyond the Nyquist limit of the coarser grid fold back, as on a real detector. The folding is done in
    Fourier space, so that only an image of `shape` is transformed back.

    Parameters
    ----------
    intensity
        real (…, My, Mx), on a grid that is a whole multiple of `shape`.
    shape
        (ny, nx) of the result.
    factors
        real or complex, of shapes that broadcast to (My, Mx // 2 + 1) in the order of `rfft2`: pixels, the transfer
        of a detector, motion.

    Returns
    -------
    Real (…, ny, nx).
    """
    fine = (intensity.shape[-2], intensity.shape[-1])
    step = (fine[0] // shape[0], fine[1] // shape[1])
    assert fine == (step[0] * shape[0], step[1] * shape[1]), "the intensity's grid is no multiple of the image's"
    # one transform per image: a batched one rounds differently, and bits should not depend on company
    images = [_sampled(one, shape, step, factors) for one in intensity.reshape(-1, *fine)]
    return torch.stack(images).reshape(*intensity.shape[:-2], *shape)


def half_frequencies(
    shape: tuple[int, int], extent: tuple[float, float], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """ky (ny, 1) and kx (1, nx // 2 + 1) in Å⁻¹, float64, in the order of `rfft2`."""
    ky = torch.fft.fftfreq(shape[0], extent[0] / shape[0], dtype=torch.float64, device=device)
    kx = torch.fft.rfftfreq(shape[1], extent[1] / shape[1], dtype=torch.float64, device=device)
    return ky[:, None], kx[None, :]


def _sampled(
    fine: torch.Tensor, shape: tuple[int, int], step: tuple[int, int], factors: Sequence[torch.Tensor]
) -> torch.Tensor:
    along_x = [factor for factor in factors if factor.shape[0] == 1]
    others = [factor for factor in factors if factor.shape[0] > 1]
    if all(factor.shape[1] == 1 for factor in others):
        # what acts along x alone is done, and folded, before the second pass of the transform, which has less to do
        spectrum = torch.fft.rfft(fine, dim=1, norm="forward")
        if along_x:
            spectrum = spectrum * math.prod(along_x[1:], start=along_x[0])
        if step[1] > 1:
            spectrum = _folded_columns(spectrum, spectrum.conj(), fine.shape[1], shape[1])
        spectrum = torch.fft.fft(spectrum, dim=0, norm="forward")
        if others:
            spectrum = spectrum * math.prod(others[1:], start=others[0])
    else:
        spectrum = torch.fft.rfft2(fine, norm="forward")
        for factor in factors:
            spectrum = spectrum * factor
        if step[1] > 1:
            # the half that is not stored: F(−ky, −kx)*
            mirrored = torch.roll(torch.flip(spectrum, (0,)), 1, 0).conj()
            spectrum = _folded_columns(spectrum, mirrored, fine.shape[1], shape[1])
    if step[0] > 1:
        parts = spectrum.split(shape[0])
        spectrum = sum(parts[1:], start=parts[0])
    return torch.fft.irfft2(spectrum, s=shape, norm="forward")


def _folded_columns(spectrum: torch.Tensor, mirrored: torch.Tensor, fine: int, size: int) -> torch.Tensor:
    """Half-spectrum (ny, size // 2 + 1) of every (fine // size)-th column of what has the half-spectrum `spectrum`.

    `mirrored` holds what `spectrum` would have at the frequencies −kx.
    """
    count = size // 2 + 1
    total = spectrum[:, :count]
    for start in range(size, fine, size):
        stored = min(max(fine // 2 + 1 - start, 0), count)
        parts = [spectrum[:, start : start + stored]]
        if stored < count:
            # columns start + stored … start + count − 1 are the mirrored ones fine − start − stored and down
            last = fine - start - stored
            parts.append(torch.flip(mirrored[:, last - (count - stored) + 1 : last + 1], (1,)))
        total = total + torch.cat(parts, dim=1)
    return total
