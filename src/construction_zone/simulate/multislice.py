"""The multislice loop: a wave goes through slices of potential, one transmission and one propagation at a time.

Cowley & Moodie, Acta Cryst. 10 (1957) 609, in the conventional split: each slice acts at its entrance by
t = exp(iσv_z), then the wave propagates over the slice's thickness by exp(−iπλΔz k²). The band is limited to 2/3 of
Nyquist on the propagator alone; the potential keeps its whole band, which makes the transmission function more exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.conventions import interaction_parameter, wavelength
from construction_zone.errors import InvalidInput
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.potential import FormFactors, projected


@dataclass(frozen=True)
class Slices:
    """Atoms sorted into equal slices along the beam.

    `members[i]` holds the indices of the atoms of slice i, in the order of the atoms; `thickness` is in Å.
    """

    thickness: float
    members: tuple[NDArray[np.int64], ...]


def equal_slices(z: NDArray[np.float64], height: float, thickness: float) -> Slices:
    """Cut `height` (Å) into equal slices of at most about `thickness` (Å) and sort atoms at `z` (n,) into them.

    Every atom is in exactly one slice: one on a boundary belongs to the slice behind it, one at or beyond the cell's
    bottom or top to the first or last slice.
    """
    if not (np.isfinite(thickness) and thickness > 0):
        raise InvalidInput(f"slice_thickness is {thickness!r}; give a positive length in Å, such as 2.0")
    count = max(1, int(np.ceil(height / thickness - 1e-6)))
    step = height / count
    index = np.clip(np.floor(z / step + 1e-9).astype(np.int64), 0, count - 1)
    order = np.argsort(index, kind="stable")
    bounds = np.searchsorted(index[order], np.arange(count + 1))
    return Slices(step, tuple(order[bounds[i] : bounds[i + 1]] for i in range(count)))


def propagator(
    grid: Grid,
    energy: float,
    distance: float,
    *,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    band_limit: bool = True,
) -> torch.Tensor:
    """Fresnel propagator exp(−iπλ·distance·k²) (ny, nx), `distance` in Å; zero beyond the cutoff if `band_limit`."""
    ky, kx = grid.frequencies()
    k2 = ky**2 + kx**2
    phase = -torch.pi * wavelength(energy) * distance * k2
    band = (k2 <= grid.cutoff**2).to(torch.float64) if band_limit else torch.ones_like(k2)
    return torch.polar(band, phase).to(dtype=dtype, device=device)


def propagate(wave: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """`wave` (…, y, x) after free propagation by `kernel` (y, x) in Fourier space, in place where torch can."""
    spectrum = torch.fft.fft2(wave)
    return torch.fft.ifft2(spectrum.mul_(kernel))


def transmission(potential: torch.Tensor, energy: float) -> torch.Tensor:
    """exp(iσv_z) (y, x) complex for a projected `potential` (y, x) in V·Å."""
    phase = potential * interaction_parameter(energy)
    return torch.complex(torch.cos(phase), torch.sin(phase))


def exit_wave(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    slices: Slices,
    factors: FormFactors,
    energy: float,
    *,
    dtype: torch.dtype = torch.complex64,
    device: torch.device | str = "cpu",
    step_done: Callable[[], None] | None = None,
) -> torch.Tensor:
    """The wave (y, x) behind the last of `slices`, for a plane wave of amplitude 1 coming in along +z.

    Parameters
    ----------
    positions
        (n, 3) in Å; x and y place the atoms, `slices` says where along z they act.
    numbers
        (n,) atomic numbers.
    factors
        form factors of the elements on the grid; the result lives on that grid.
    energy
        of the electrons, in eV.
    step_done
        called after every slice.

    A plane wave is not propagated through the vacuum before the first atom, where only its phase (which is measured
    from the undisturbed wave) would change, and a run of empty slices is one propagation.
    """
    device = torch.device(device)
    xy = torch.from_numpy(np.ascontiguousarray(positions[:, :2])).to(device)
    wave = torch.ones(factors.grid.shape, dtype=dtype, device=device)
    kernels: dict[int, torch.Tensor] = {}
    pending, disturbed = 0, False
    for members in slices.members:
        if len(members):
            if disturbed:
                wave = propagate(wave, _kernel(kernels, pending, factors.grid, energy, slices, dtype, device))
            potential = projected(xy[torch.from_numpy(members).to(device)], numbers[members], factors)
            wave *= transmission(potential, energy)
            pending, disturbed = 0, True
        pending += 1
        if step_done is not None:
            step_done()
    if disturbed:
        wave = propagate(wave, _kernel(kernels, pending, factors.grid, energy, slices, dtype, device))
    return wave


def _kernel(
    kernels: dict[int, torch.Tensor],
    steps: int,
    grid: Grid,
    energy: float,
    slices: Slices,
    dtype: torch.dtype,
    device: torch.device,
) -> torch.Tensor:
    """The propagator over `steps` slices, made once; only the one-slice propagator and the latest other are kept."""
    if steps not in kernels:
        for other in [n for n in kernels if n != 1]:
            del kernels[other]
        kernels[steps] = propagator(grid, energy, steps * slices.thickness, dtype=dtype, device=device)
    return kernels[steps]
