"""Can a particle be seen: its contrast in the image without noise, against shot noise and the speckle of the film.

An object is told from a background with certainty if it stands out by some five standard deviations of the noise in an
area of its own size (A. Rose, J. Opt. Soc. Am. 38, 196 (1948)). With I the noise-free image (vacuum 1), I₀ that of the
same scene without the particle, and both seen at a resolution r (a Gaussian g of that full width at half maximum),

    contrast  C = √⟨(g∗I − g∗I₀)²⟩                  over the particle's mask,
    noise     σ = √(⟨g∗I₀⟩ / (dose · DQE(0) · A)),   A = 1/∫g² the area over which g averages electrons,
    speckle   s = standard deviation of g∗I₀         over the mask,
    cnr       C/σ                                    in one element of resolution,
    cnr_film  C/√(σ² + s²)                           the same, for one who does not know the film,
    snr       C/σ · √(mask/A)                        of the whole particle.

The last is the signal-to-noise ratio of the filter that matches the difference g∗I − g∗I₀, the best that any detector
can do that knows particle and film (Poisson noise of nearly constant mean): √(dose · Σ(ΔI)²·pixel/⟨I₀⟩). All three are
zero for what is not there, and `cnr` and `snr` grow as the square root of the dose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from scipy import ndimage

from construction_zone.build.inputs import positive
from construction_zone.errors import InvalidInput

RESOLUTION = 1.5
"""Å at which the image is looked at: between a lattice fringe and the shape of a particle."""

MARGIN = 6.0
"""Å that what counts as film stays away from particles."""

_FWHM = math.sqrt(8 * math.log(2))


def visibilities(
    image: np.ndarray,
    masks: np.ndarray,
    pixel_size: tuple[float, float],
    *,
    dose: float | None,
    without: np.ndarray | None = None,
    resolution: float = RESOLUTION,
    dqe: float = 1.0,
    periodic: tuple[bool, bool] = (True, True),
) -> list[dict[str, Any]]:
    """How well each particle is seen: ``contrast``, ``noise``, ``speckle``, ``cnr``, ``cnr_film``, ``snr``, a row each.

    The equations are this module's.

    Parameters
    ----------
    image
        (ny, nx) without noise, vacuum 1.
    masks
        (k, ny, nx) of the particles.
    pixel_size
        (dy, dx) in Å.
    dose
        electrons per Å²; None for an image without noise, of which ``noise``, ``cnr`` and ``snr`` are None.
    without
        (ny, nx) the image of the same scene without the particles. If it is not given, its mean and its speckle are
        taken where no particle is within 6 Å, and C² is by how much the mean square deviation from that mean inside the
        mask exceeds the speckle's: right on average, with the scatter of the film's own speckle.
    resolution
        Å.
    dqe
        the detector's DQE at zero frequency.
    periodic
        whether the image repeats along y and x.

    Raises
    ------
    InvalidInput
        If shapes differ, a value has no meaning, or there is no film to compare with.
    """
    image, masks = np.asarray(image, np.float64), np.asarray(masks).astype(bool)
    resolution, dqe = positive(resolution, "resolution"), positive(dqe, "dqe", "")
    if dose is not None and (isinstance(dose, bool) or not isinstance(dose, Real) or not 0 < dose < math.inf):
        raise InvalidInput(f"dose is {dose!r}; give electrons per Å² above zero, or None for an image without noise")
    shapes = {image.shape, *(mask.shape for mask in masks), *([] if without is None else [np.shape(without)])}
    if image.ndim != 2 or len(shapes) != 1:
        raise InvalidInput(f"image, masks and the image without particles differ in shape: {sorted(map(str, shapes))}")
    modes = ["wrap" if repeats else "nearest" for repeats in periodic]
    widths = [resolution / _FWHM / step for step in pixel_size]
    seen = ndimage.gaussian_filter(image, widths, mode=modes)
    area = _averaged_area(widths, pixel_size)
    if without is None:
        film = seen[~_grown(np.any(masks, axis=0), MARGIN, pixel_size, modes)]
        if film.size * pixel_size[0] * pixel_size[1] < 20 * area:
            raise InvalidInput(
                f"only {film.size} pixels are {MARGIN:g} Å away from all particles, too few to tell the film's "
                "speckle; give `without`, the image of the scene without particles"
            )
        mean, speckle = float(film.mean()), float(film.std())
    else:
        empty = ndimage.gaussian_filter(np.asarray(without, np.float64), widths, mode=modes)
    rows = []
    for mask in masks:
        if not mask.any():
            rows.append(_row(0.0, 1.0, 0.0, 0.0, area, dose, dqe))
            continue
        if without is None:
            contrast = math.sqrt(max(0.0, float(((seen[mask] - mean) ** 2).mean()) - speckle**2))
        else:
            mean, speckle = float(empty[mask].mean()), float(empty[mask].std())
            contrast = math.sqrt(float(((seen[mask] - empty[mask]) ** 2).mean()))
        rows.append(_row(contrast, mean, speckle, mask.sum() * pixel_size[0] * pixel_size[1], area, dose, dqe))
    return rows


def _row(
    contrast: float, mean: float, speckle: float, size: float, area: float, dose: float | None, dqe: float
) -> dict[str, Any]:
    noise = None if dose is None else math.sqrt(mean / (dose * dqe * area))
    both = math.hypot(noise or 0.0, speckle)
    return {
        "contrast": contrast,
        "noise": noise,
        "speckle": speckle,
        "cnr": None if noise is None else contrast / noise,
        "cnr_film": contrast / both if both else None,
        "snr": None if noise is None else contrast / noise * math.sqrt(size / area),
    }


def _averaged_area(widths: Sequence[float], pixel_size: tuple[float, float]) -> float:
    """Å² over which the Gaussian of standard deviation `widths` (pixels) averages independent pixels: 1/Σg²."""
    area = 1.0
    for width, step in zip(widths, pixel_size, strict=True):
        half = int(4 * width + 0.5)
        kernel = np.exp(-((np.arange(-half, half + 1) / width) ** 2) / 2)
        area *= step * float(kernel.sum() ** 2 / (kernel**2).sum())
    return area


def _grown(mask: np.ndarray, margin: float, pixel_size: tuple[float, float], modes: list[str]) -> np.ndarray:
    if not mask.any():
        return mask
    pads = [math.ceil(margin / step) + 1 if mode == "wrap" else 0 for mode, step in zip(modes, pixel_size, strict=True)]
    padded = np.pad(mask, [(pad, pad) for pad in pads], mode="wrap")
    far = ndimage.distance_transform_edt(~padded, sampling=pixel_size)
    near: np.ndarray = far <= margin
    return near[pads[0] : pads[0] + mask.shape[0], pads[1] : pads[1] + mask.shape[1]]
