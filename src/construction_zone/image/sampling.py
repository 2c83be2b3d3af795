"""From the fine grid of the intensity to that of an image: one pass through Fourier space for all that blurs it."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def sampled(intensity: torch.Tensor, shape: tuple[int, int], factors: Sequence[torch.Tensor]) -> torch.Tensor:
    """`intensity` with its spectrum multiplied by `factors`, sampled on a grid of `shape` over the same extent.

    Frequencies beyond the Nyquist limit of the coarser grid fold back, as on a real detector. The folding is done in
    Fourier space, so that only an image of `shape` is transformed back.

    Parameters
    ----------
    intensity
        real (…, My, Mx), on a grid that holds all of its frequencies.
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
    # one transform per image: a batched one rounds differently, and bits should not depend on company
    images = [_sampled(one, shape, factors) for one in intensity.reshape(-1, *fine)]
    return torch.stack(images).reshape(*intensity.shape[:-2], *shape)


def half_frequencies(
    shape: tuple[int, int], extent: tuple[float, float], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """ky (ny, 1) and kx (1, nx // 2 + 1) in Å⁻¹, float64, in the order of `rfft2`."""
    ky = torch.fft.fftfreq(shape[0], extent[0] / shape[0], dtype=torch.float64, device=device)
    kx = torch.fft.rfftfreq(shape[1], extent[1] / shape[1], dtype=torch.float64, device=device)
    return ky[:, None], kx[None, :]


def folded_rows(spectrum: torch.Tensor, size: int) -> torch.Tensor:
    """A spectrum (my, …) in FFT order added up onto `size` rows: frequency k onto row k modulo `size`."""
    count = spectrum.shape[0]
    if count == size:
        return spectrum
    rising, falling = spectrum.split(((count + 1) // 2, count // 2))
    after, before = (-len(part) % size for part in (rising, falling))
    parts = [
        torch.nn.functional.pad(rising, (0, 0, 0, after)).unflatten(0, (-1, size)),
        torch.nn.functional.pad(falling, (0, 0, before, 0)).unflatten(0, (-1, size)),
    ]
    return torch.cat(parts).sum(dim=0)


def folded_columns(spectrum: torch.Tensor, fine: int, shape: tuple[int, int]) -> torch.Tensor:
    """The half-spectrum (ny, fine // 2 + 1) of a real image, rows folded already, on the columns of an image `shape`.

    The half that is not stored, F(−ky, −kx)*, folds onto columns of the other half too.
    """
    size, count = shape[1], shape[1] // 2 + 1
    mirrored = torch.roll(torch.flip(spectrum, (0,)), 1, 0).conj()
    last = spectrum.shape[1] - 1
    total = torch.zeros((shape[0], count), dtype=spectrum.dtype, device=spectrum.device)
    for start in range(0, last + 1, size):
        part = spectrum[:, start : start + count]
        total = total + torch.nn.functional.pad(part, (0, count - part.shape[1]))
    # the frequencies 1 … but not half of an even number, which has no mirror image
    top = last - 1 if fine % 2 == 0 else last
    for end in range(size, top + count, size):
        low, high = max(end - count + 1, 1), min(end, top)
        if low <= high:
            part = torch.flip(mirrored[:, low : high + 1], (1,))
            total = total + torch.nn.functional.pad(part, (end - high, count - (end - low) - 1))
    return total


def _sampled(fine: torch.Tensor, shape: tuple[int, int], factors: Sequence[torch.Tensor]) -> torch.Tensor:
    size = fine.shape[1]
    along_x = [factor for factor in factors if factor.shape[0] == 1]
    others = [factor for factor in factors if factor.shape[0] > 1]
    spectrum = torch.fft.rfft2(fine, norm="forward")
    for factor in (*along_x, *others):
        spectrum = spectrum * factor
    spectrum = folded_rows(spectrum, shape[0])
    if size != shape[1]:
        spectrum = folded_columns(spectrum, size, shape)
    return torch.fft.irfft2(spectrum, s=shape, norm="forward")
