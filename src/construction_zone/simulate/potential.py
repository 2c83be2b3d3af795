"""From spread atoms to projected potentials: form factors on a grid.

The potential of a slice is a sum of one radial function per element, centred on each atom. In Fourier space that is
Σ_element C f_e(q) S(q), with S the structure factor of the element's atoms. S comes from spreading the atoms on the
grid with a compact window, one FFT, and dividing by the window's transform: no atom is moved to a pixel, and the form
factor is not truncated in space. Two slices go through one complex FFT, one as its real and one as its imaginary part.
"""

from __future__ import annotations

import numpy as np
import torch

from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.scattering import Parametrization, scattering_factor
from construction_zone.simulate.window import window_transform


def form_factors(
    numbers: np.ndarray,
    grid: Grid,
    *,
    parametrization: Parametrization = "lobato",
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> dict[int, torch.Tensor]:
    """What turns spread atoms into potential in V·Å: C f_e(q) / (window's transform · pixel area).

    One real tensor (ny, nx) of `dtype` for each element in `numbers` (atomic numbers, any shape).
    """
    # the factors depend on |ky| and |kx| alone: a quarter of them is enough
    ny, nx = (n // 2 + 1 for n in grid.shape)
    ky, kx = (k.abs() for k in grid.frequencies())
    ky, kx = ky[:ny], kx[:, :nx]
    window = window_transform(ky * grid.sampling[0]) * window_transform(kx * grid.sampling[1])
    scale = PROJECTED_POTENTIAL_FACTOR / (grid.sampling[0] * grid.sampling[1]) / window
    rows, columns = (torch.minimum(torch.arange(n), n - torch.arange(n)) for n in grid.shape)
    q = torch.sqrt(ky**2 + kx**2).numpy()
    quarters = {
        int(z): (scale * torch.from_numpy(scattering_factor(int(z), q, parametrization))).to(dtype)
        for z in np.unique(numbers)
    }
    return {z: quarter[rows][:, columns].to(device) for z, quarter in quarters.items()}
