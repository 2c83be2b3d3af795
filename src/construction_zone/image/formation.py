"""|ψ|² of a wave from its beams: an inverse transform that skips the empty part of the spectrum.

Beams come with rising frequencies and fill the first rows and columns of the transform. That moves every wave by a
phase that is linear in position, which |ψ|² does not see, and leaves zeros at the end only, so that the first pass
runs over the columns that hold something.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import torch

BLOCK = 128
"""Rows that are transformed and squared at a time, while they are in the cache."""


def add_intensity(total: torch.Tensor, beams: torch.Tensor, share: float) -> torch.Tensor:
    """`total` + `share`·|ψ|², in the memory of `total` where no gradient is wanted.

    Parameters
    ----------
    total
        real (my, mx): the grid on which |ψ|² is formed.
    beams
        complex (ny, nx), rising frequencies, at most as large.
    share
        weight.
    """
    if torch.is_grad_enabled() and (beams.requires_grad or total.requires_grad):
        wave = _inverse(beams, (total.shape[0], total.shape[1]))
        return total + share * (wave.real.square() + wave.imag.square())
    if total.device.type != "cpu":
        wave = _inverse(beams, (total.shape[0], total.shape[1]))
        return total.addcmul_(wave.real, wave.real, value=share).addcmul_(wave.imag, wave.imag, value=share)
    from construction_zone.image._phases import add_squares

    sums = total.numpy()
    columns = scipy.fft.ifft(np.ascontiguousarray(beams.detach().numpy()), n=sums.shape[0], axis=0, norm="forward")
    for start in range(0, len(sums), BLOCK):
        rows = slice(start, start + BLOCK)
        add_squares(sums[rows], scipy.fft.ifft(columns[rows], n=sums.shape[1], axis=1, norm="forward"), share)
    return total


def _inverse(beams: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    columns = torch.fft.ifft(beams, n=shape[0], dim=-2, norm="forward")
    return torch.fft.ifft(columns, n=shape[1], dim=-1, norm="forward")
