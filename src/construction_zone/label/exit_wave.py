"""Masks from waves: where the phase of the particles' wave in vacuum differs from that of the empty beam."""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal

import ase
import numpy as np
import torch

from construction_zone.errors import InvalidInput
from construction_zone.image.form import image_grid
from construction_zone.simulate.grid import Grid, fourier_resample
from construction_zone.simulate.waves import ExitWaves

THRESHOLD = math.pi / 16
"""Phase in radians beyond which there is a particle, where it is thresholded first: the literature's."""

BLURRED_THRESHOLD = math.pi / 64
"""The same where it is blurred first: the mean phase of 2.5 Å of gold, or of 5 Å of CdSe or silicon, at 300 kV.

A simulated wave has no noise, so that it may be that low. π/16 takes 21 Å of CdSe or silicon, which loses their rim.
"""

BLUR = 1.6
"""Standard deviation in Å of the Gaussian that fills the space between columns."""

Order = Literal["blur_then_threshold", "threshold_then_blur"]


def phase_mask(
    waves: ExitWaves,
    pixel_size: float | None = None,
    *,
    plane: float | None = None,
    threshold: float | None = None,
    blur: float = BLUR,
    order: Order = "blur_then_threshold",
) -> np.ndarray:
    """The mask of particles from the phase of their wave in vacuum: 1 where it differs from the empty beam's.

    ``order="threshold_then_blur"`` is the literature's (Rangel DaCosta, Oill and Scott, "Strategies for effective
    transfer learning for HRTEM analysis", 2026): phase > threshold, then a Gaussian blur, of which the upper half is
    kept. Along a zone axis the columns above the threshold cover less than half of the particle, and some are lost
    besides because their phase goes past π and comes back negative: of a 3 nm gold ball along [110] nothing is left.
    It also loses the rim of a particle, and particles of light atoms. ``order="blur_then_threshold"`` blurs the
    magnitude of the phase, which joins the columns and is large on either side of the wrap, and thresholds that.

    Parameters
    ----------
    waves
        the particles alone in vacuum, atoms at rest (one configuration).
    pixel_size
        Å, as given to the microscope; None for the sampling of the wave.
    plane
        z in Å to which the wave is propagated first, best the particles' `middle`; None for where it is.
    threshold
        radians; None for π/16 where it comes first, and π/64 where the blur does.
    blur
        standard deviation in Å.
    order
        which of the two comes first.

    Returns
    -------
    uint8 (ny, nx) on the grid of the image.

    Raises
    ------
    InvalidInput
        If there is more than one configuration, the waves hold NaN, or a parameter has no meaning.
    """
    if threshold is None:
        threshold = BLURRED_THRESHOLD if order == "blur_then_threshold" else THRESHOLD
    _check(waves, threshold, blur, order)
    if plane is not None:
        waves = waves.propagated(plane - waves.z)
    phase = waves.array.reshape(waves.grid.shape).to(torch.complex128).angle()
    field, level = (phase.abs(), threshold) if order == "blur_then_threshold" else ((phase > threshold).double(), 0.5)
    pixels = image_grid(waves.grid, pixel_size)
    field = blurred(fourier_resample(field.to(torch.complex128), pixels.shape), pixels, blur)
    return (field.real > level).to(torch.uint8).cpu().numpy()


def middle(atoms: ase.Atoms) -> float:
    """z in Å halfway between the lowest and the highest of `atoms`: the plane `phase_mask` is best taken at."""
    if len(atoms) == 0:
        raise InvalidInput("there are no atoms, so they have no middle; give the particles' atoms")
    z = atoms.get_positions()[:, 2]
    return float(z.min() + z.max()) / 2


def blurred(field: torch.Tensor, grid: Grid, width: float) -> torch.Tensor:
    """Complex `field` (…, y, x), periodic on `grid`, convolved with a Gaussian of standard deviation `width` (Å)."""
    ky, kx = grid.frequencies(field.device)
    gaussian = torch.exp(-2 * (math.pi * width) ** 2 * (kx**2 + ky**2))
    return torch.fft.ifft2(torch.fft.fft2(field) * gaussian)


def _check(waves: ExitWaves, threshold: float, blur: float, order: str) -> None:
    if waves.array.shape[:-2].numel() != 1:
        raise InvalidInput(
            f"waves of shape {tuple(waves.array.shape)} are more than one; a phase mask takes the wave of atoms at "
            "rest: simulate with phonons=None"
        )
    if not bool(torch.isfinite(torch.view_as_real(waves.array)).all()):
        raise InvalidInput("the waves hold NaN or infinite values; simulate them again")
    if not isinstance(threshold, Real) or not 0 < threshold < math.pi:
        raise InvalidInput(f"threshold is {threshold!r}; give a phase between 0 and π radians")
    if not isinstance(blur, Real) or not 0 <= blur < math.inf:
        raise InvalidInput(f"blur is {blur!r}; give a standard deviation in Å, zero or more")
    if order not in ("blur_then_threshold", "threshold_then_blur"):
        raise InvalidInput(f"order is {order!r}; give 'blur_then_threshold' or 'threshold_then_blur'")
