"""The cores of atoms, given back to the transmission function of a grid that is too coarse to hold them.

On a grid of 0.1 Å the potential of an atom lacks the peak at the nucleus, and exp(iσv) is not linear in what is
lacking: t = exp(iσv) comes out wrong at the frequencies that the grid does carry, and its overtones fold back. Both are
properties of the single atom and of where it lies in its pixel, so both can be put right atom by atom. With v the
projected potential of an atom, v_b what the grid holds of it (with the aliases that spreading it with a compact window
leaves close to Nyquist, see `potential`), and L a low-pass filter that passes what multislice carries (up to 2/3 of
Nyquist) and fades out up to Nyquist,

    core = L [ exp(iσv) ]  −  L [ exp(iσv_b) ]    at the samples around the atom.

The first term is made on a grid `FINE` times finer, where it has not folded; the second with the samples of the grid
itself. What is added to t = exp(iσV_b) is a patch of `SIZE` × `SIZE` samples for every atom, from a table for `FINE` ×
`FINE` places of the atom in its pixel. Left out are products of the cores of atoms that overlap within one slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray

from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR, interaction_parameter
from construction_zone.simulate.scattering import Parametrization, scattering_factor
from construction_zone.simulate.window import window, window_transform

SIZE = 8
"""Samples of a patch along each axis."""

FINE = 8
"""Places in a pixel, along each axis, for which there is a patch; the nearest is taken."""

_BOX = 8.0
"""Å; side of the periodic box in which one atom is looked at."""


@dataclass(frozen=True)
class Cores:
    """The cores of the atoms in one slice.

    Attributes
    ----------
    positions
        (batch, n, 2: y, x) of the atoms in samples, float64.
    elements
        (n,) which of the patches' elements each atom is, int64.
    patches
        those of `core_patches` for each element, as the steps' `patches` makes them.
    """

    positions: torch.Tensor
    elements: torch.Tensor
    patches: Any


@lru_cache(maxsize=64)
def core_patches(
    number: int, energy: float, sampling: tuple[float, float], parametrization: Parametrization
) -> NDArray[np.complex128]:
    """Patches (FINE, FINE, SIZE, SIZE) to add to exp(iσv_b) of the element with atomic `number`.

    Entry [a, b, i, j] belongs to an atom at (a, b)/FINE samples (y, x) behind sample 0 of its pixel, and to the
    sample (i, j) − (SIZE/2 − 1) of the grid of `sampling` (dy, dx) in Å.
    """
    sigma = interaction_parameter(energy)
    ny, nx = _box(sampling)
    fy, fx = (scipy.fft.fftfreq(n * FINE, step / FINE)[:, None] for n, step in zip((ny, nx), sampling, strict=True))
    spectrum = (
        PROJECTED_POTENTIAL_FACTOR
        * FINE**2
        / (sampling[0] * sampling[1])
        * scattering_factor(number, np.hypot(fy, fx.T), parametrization)
    )
    whole = np.expm1(1j * sigma * scipy.fft.ifft2(spectrum).real)
    lowest = np.ix_(_lowest(ny), _lowest(nx))
    true = scipy.fft.fft2(whole)[lowest] / FINE**2
    (spread_y, transform_y), (spread_x, transform_x) = _windows(ny), _windows(nx)
    factor = spectrum[lowest] / FINE**2 / np.multiply.outer(transform_y, transform_x)

    ky, kx = scipy.fft.fftfreq(ny)[:, None], scipy.fft.fftfreq(nx)[None, :]
    fade = np.clip((np.hypot(ky, kx) - 1 / 3) / (1 / 2 - 1 / 3), 0, 1)
    low_pass = 0.5 * (1 + np.cos(np.pi * fade))
    around = np.arange(SIZE) - (SIZE // 2 - 1)
    patches = np.empty((FINE, FINE, SIZE, SIZE), dtype=np.complex128)
    for a in range(FINE):
        for b in range(FINE):
            held = scipy.fft.ifft2(factor * np.multiply.outer(spread_y[a], spread_x[b])).real
            sampled = np.expm1(1j * sigma * held)
            moved = true * np.exp(-2j * np.pi * (ky * a + kx * b) / FINE)
            core = scipy.fft.ifft2((moved - scipy.fft.fft2(sampled)) * low_pass)
            patches[a, b] = core[np.ix_(around % ny, around % nx)]
    patches.setflags(write=False)
    return patches


def table_samples(sampling: tuple[float, float]) -> int:
    """Samples of the fine grid on which `core_patches` looks at one atom."""
    ny, nx = _box(sampling)
    return ny * nx * FINE**2


def _box(sampling: tuple[float, float]) -> tuple[int, int]:
    ny, nx = (2 * round(_BOX / step / 2) for step in sampling)
    return ny, nx


def _windows(count: int) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Transforms (FINE, count) of the windows of atoms at 0, 1/FINE … behind sample 0, and (count,) of the window."""
    samples = np.fft.fftfreq(count, 1 / count) - np.arange(FINE)[:, None] / FINE
    frequencies = torch.from_numpy(np.abs(np.fft.fftfreq(count)))
    return np.fft.fft(window(torch.from_numpy(samples)).numpy()), window_transform(frequencies).numpy()


def _lowest(count: int) -> NDArray[np.int64]:
    """Where the `count` lowest frequencies of a `FINE` times longer transform lie, in FFT order."""
    return np.concatenate([np.arange(count // 2), np.arange(count * FINE - count // 2, count * FINE)])
