"""The steps of multislice compiled for one CPU thread; the same functions as in `steps_torch`.

They release the interpreter lock, so that several configurations can run beside each other in threads.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import scipy.fft
import torch

from construction_zone.simulate.core import FINE, SIZE
from construction_zone.simulate.propagation import Propagator
from construction_zone.simulate.window import STEPS, WIDTH, table

_compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
_TABLE = table()
_HALF = SIZE // 2 - 1


def spread(field: torch.Tensor, part: int, positions: torch.Tensor) -> None:
    """Add the window of every atom to the real (`part` 0) or imaginary (1) part of complex `field`."""
    target, atoms = torch.view_as_real(field).numpy(), positions.numpy()
    for b in range(len(target)):
        _spread(target[b], part, atoms[b], _TABLE)


def add_filtered(total: torch.Tensor, spectrum: torch.Tensor, factor: torch.Tensor, first: bool) -> None:
    """Add `spectrum` · `factor` (ny, nx, real) to `total`, or write it there if it is the `first`."""
    for b in range(len(total)):
        _add_filtered(total[b].numpy(), spectrum[b].numpy(), factor.numpy(), first)


def transform(field: torch.Tensor) -> torch.Tensor:
    """The Fourier transform of `field`, in its memory."""
    return torch.from_numpy(scipy.fft.fft2(field.numpy(), overwrite_x=True))


def inverse(spectrum: torch.Tensor) -> torch.Tensor:
    """The inverse Fourier transform of `spectrum`, in its memory."""
    return torch.from_numpy(scipy.fft.ifft2(spectrum.numpy(), overwrite_x=True))


def transmit(
    wave: torch.Tensor,
    potentials: torch.Tensor,
    part: int,
    sigma: float,
    cores: list[tuple[torch.Tensor, torch.Tensor]],
    result: torch.Tensor,
) -> None:
    """Write `wave` · (exp(iσV) + Σ cores) to `result`, which is another field.

    V in V·Å is the real (`part` 0) or imaginary (1) part of `potentials`. `cores` holds, for each element, the
    positions of its atoms and its patches (see `core.core_patches`).
    """
    phase_shift = _phase_shift_single if wave.dtype == torch.complex64 else _phase_shift_double
    scales = (sigma, 0.0) if part == 0 else (0.0, sigma)
    for b in range(len(wave)):
        phase_shift(wave[b].numpy(), potentials[b].numpy(), *scales, result[b].numpy())
        for positions, patches in cores:
            _add_cores(wave[b].numpy(), positions[b].numpy(), patches.numpy(), result[b].numpy())


def propagate(wave: torch.Tensor, kernel: Propagator) -> torch.Tensor:
    """`wave` after free propagation by `kernel`, in its memory; columns outside the band are not transformed."""
    field, kept = wave.numpy(), int(kernel.keep.max())
    inside = [field[..., :kept], field[..., max(kept, field.shape[-1] - kept + 1) :]]
    scipy.fft.fft(field, axis=-1, overwrite_x=True)
    for columns in inside:
        if columns.shape[-1]:
            scipy.fft.fft(columns, axis=-2, overwrite_x=True)
    for b in range(len(field)):
        _propagate(field[b], kernel.y.numpy(), kernel.x.numpy(), kernel.keep.numpy())
    for columns in inside:
        if columns.shape[-1]:
            scipy.fft.ifft(columns, axis=-2, overwrite_x=True)
    scipy.fft.ifft(field, axis=-1, overwrite_x=True)
    return wave


@_compiled
def _window(offset: float, table: Any) -> float:
    place = abs(offset) * STEPS
    knot = min(int(place), table.shape[1] - 2)
    t = place - knot
    a, b = table[0, knot], table[0, knot + 1]
    c, d = table[1, knot], table[1, knot + 1]
    return a + t * (c + t * (3 * (b - a) - 2 * c - d + t * (2 * (a - b) + c + d)))


@_compiled
def _spread(target: Any, part: int, positions: Any, table: Any) -> None:
    ny, nx = target.shape[:2]
    weights = np.empty(WIDTH)
    for n in range(len(positions)):
        y, x = positions[n, 0], positions[n, 1]
        top, left = math.floor(y - WIDTH / 2) + 1, math.floor(x - WIDTH / 2) + 1
        for j in range(WIDTH):
            weights[j] = _window(left + j - x, table)
        for i in range(WIDTH):
            weight = _window(top + i - y, table)
            row = (top + i) % ny
            for j in range(WIDTH):
                target[row, (left + j) % nx, part] += weight * weights[j]


@_compiled
def _add_filtered(total: Any, spectrum: Any, factor: Any, first: bool) -> None:
    for i in range(total.shape[0]):
        if first:
            for j in range(total.shape[1]):
                total[i, j] = spectrum[i, j] * factor[i, j]
        else:
            for j in range(total.shape[1]):
                total[i, j] += spectrum[i, j] * factor[i, j]


@_compiled
def _phase_shift_double(wave: Any, potentials: Any, s_real: float, s_imag: float, result: Any) -> None:
    for i in range(wave.shape[0]):
        for j in range(wave.shape[1]):
            phase = s_real * potentials[i, j].real + s_imag * potentials[i, j].imag
            result[i, j] = wave[i, j] * complex(math.cos(phase), math.sin(phase))


@_compiled
def _phase_shift_single(wave: Any, potentials: Any, s_real: float, s_imag: float, result: Any) -> None:
    # cosine and sine by their series on |z| ≤ π/2 after taking whole half turns off, in a form that vectorises; the
    # series' next terms are below 2e-7, and π is split in three so that nothing is lost for phases up to 1e4
    f = np.float32
    s0, s1, one = f(s_real), f(s_imag), f(1.0)
    for i in range(wave.shape[0]):
        for j in range(wave.shape[1]):
            pair = potentials[i, j]
            phase = s0 * pair.real + s1 * pair.imag
            turns = np.rint(phase * f(0.3183098861837907))
            z = ((phase - turns * f(3.140625)) - turns * f(9.67502593994140625e-4)) - turns * f(1.509957990978376432e-7)
            q = z * z
            sine = f(1 / 362880) + q * f(-1 / 39916800)
            sine = z * (one + q * (f(-1 / 6) + q * (f(1 / 120) + q * (f(-1 / 5040) + q * sine))))
            cosine = f(1 / 40320) + q * (f(-1 / 3628800) + q * f(1 / 479001600))
            cosine = one + q * (f(-1 / 2) + q * (f(1 / 24) + q * (f(-1 / 720) + q * cosine)))
            half = turns * f(0.5)
            sign = one - f(4.0) * (half - np.floor(half))
            sine *= sign
            cosine *= sign
            a = wave[i, j]
            result[i, j] = complex(a.real * cosine - a.imag * sine, a.real * sine + a.imag * cosine)


@_compiled
def _add_cores(wave: Any, positions: Any, patches: Any, result: Any) -> None:
    ny, nx = wave.shape
    for n in range(len(positions)):
        y, x = int(np.rint(positions[n, 0] * FINE)), int(np.rint(positions[n, 1] * FINE))
        top, left = y // FINE - _HALF, x // FINE - _HALF
        patch = patches[y % FINE, x % FINE]
        for i in range(SIZE):
            row = (top + i) % ny
            for j in range(SIZE):
                column = (left + j) % nx
                result[row, column] += wave[row, column] * patch[i, j]


@_compiled
def _propagate(spectrum: Any, along_y: Any, along_x: Any, keep: Any) -> None:
    ny, nx = spectrum.shape
    for i in range(ny):
        kept, factor = keep[i], along_y[i]
        for j in range(kept):
            spectrum[i, j] *= factor * along_x[j]
        end = nx - kept + 1 if kept > 0 else nx
        for j in range(kept, min(end, nx)):
            spectrum[i, j] = 0
        for j in range(max(end, kept), nx):
            spectrum[i, j] *= factor * along_x[j]
