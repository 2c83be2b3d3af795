"""How much matter the beam crosses: thickness and projected potential on the pixels of an image."""

from __future__ import annotations

import ase
import numpy as np
import torch
from scipy import ndimage

from construction_zone.build import thickness as matter
from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR
from construction_zone.label.field import Field
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.scattering import Parametrization, scattering_factor
from construction_zone.simulate.steps_torch import spread
from construction_zone.simulate.window import window_transform

VOXEL = 1.0
"""Å: what sets the accuracy of a thickness."""


def thickness_map(
    atoms: ase.Atoms, shape: tuple[int, int], pixel_size: tuple[float, float], *, voxel: float = VOXEL
) -> np.ndarray:
    """Length of matter along the beam in Å, float32 (ny, nx); hollows are left out.

    `build.thickness.thickness` on voxels of about `voxel` (Å), interpolated linearly to the pixels: matter ends where a
    ball can roll over its atoms, which for a crystal is 0.4 to 0.8 Å below half a lattice plane beyond the last one, on
    either side.
    """
    field = Field.of(atoms, shape, pixel_size)
    if not len(atoms):
        return np.zeros(field.shape, np.float32)
    coarse = matter.thickness(atoms, voxel)
    lengths = [float(atoms.cell[axis, axis]) for axis in (1, 0)]
    lengths = [own if own else n * voxel for own, n in zip(lengths, coarse.shape, strict=True)]
    places = [np.arange(n) * d / own * m for n, d, own, m in
              zip(field.shape, field.steps, lengths, coarse.shape, strict=True)]  # fmt: skip
    for axis, period in enumerate(field.periods):
        if period:  # one more line than the period has, on either side of the seam
            coarse = np.concatenate([coarse, coarse.take([0], axis)], axis)
    found = ndimage.map_coordinates(coarse, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return np.asarray(found, np.float32)


def potential_map(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    parametrization: Parametrization = "lobato",
) -> np.ndarray:
    """The potential of `atoms` projected along the beam in V·Å, float32 (ny, nx).

    Σ over atoms of the transform of C f_e(q) exp(−2π²u²q²), C = h²/(2πm₀e), for frequencies below the Nyquist frequency
    of the pixels, with u the thermal displacement that the atoms know (array ``thermal_u``). The field is taken to
    repeat.
    """
    field = Field.of(atoms, shape, pixel_size)
    extent = (field.shape[0] * field.steps[0], field.shape[1] * field.steps[1])
    grid = Grid(field.shape, extent)
    ky, kx = grid.frequencies()
    window = window_transform(ky * grid.sampling[0]) * window_transform(kx * grid.sampling[1])
    q = torch.sqrt(ky**2 + kx**2)
    below = q < min(0.5 / step for step in grid.sampling)
    scale = torch.where(below, PROJECTED_POTENTIAL_FACTOR / (grid.sampling[0] * grid.sampling[1]) / window, 0.0)
    total = torch.zeros(grid.shape, dtype=torch.complex128)
    # f_e is a function of one number: a table of it is as good
    knots = np.linspace(0.0, float(q.max()), 4096)
    thermal = np.nan_to_num(np.asarray(atoms.arrays.get("thermal_u", np.zeros(len(atoms)))))
    for number, u in sorted(set(zip(atoms.numbers.tolist(), thermal.tolist(), strict=True))):
        own = (atoms.numbers == number) & (thermal == u)
        places = torch.from_numpy(atoms.positions[own][:, 1::-1] / np.array(grid.sampling))
        spreading = torch.zeros((1, *grid.shape), dtype=torch.complex128)
        spread(spreading, 0, places[None])
        table = scattering_factor(number, knots, parametrization) * np.exp(-2 * (np.pi * u * knots) ** 2)
        total += torch.fft.fft2(spreading[0]) * torch.from_numpy(np.interp(q.numpy(), knots, table))
    return torch.fft.ifft2(total * scale).real.to(torch.float32).numpy()
