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

Where I₀ is not known, the film elsewhere stands in for it, of mean m, standard deviation s and area F, and

    C² = ⟨(g∗I − m)²⟩ − s² − 2s²·A₁/F                over the mask, of area M; A₁ = ∫ρ, A₂ = ∫ρ²

has the mean zero for what is not there: ρ is the autocorrelation of the film's g∗I₀, and the last term undoes that m
and s are themselves taken from the film. Speckle scatters it about that mean, if it is Gaussian (M. S. Bartlett,
Suppl. J. R. Stat. Soc. 8, 27 (1946)), by

    √var(C²) = s² √(2A₂·(1/M + 1/F)),   significance = C²/√var(C²).

So C² may be negative by chance. The scores then have its sign: C = ±√|C²|.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy import ndimage

from construction_zone.build.inputs import positive
from construction_zone.errors import InvalidInput

RESOLUTION = 1.5
"""Å at which the image is looked at: between a lattice fringe and the shape of a particle."""

MARGIN = 6.0
"""Å that what counts as film stays away from particles, where that leaves enough of it."""
ENOUGH = 20.0
"""Elements of resolution that are enough film to tell its speckle by."""
REACH = 6.0
"""Å over which speckle is taken to be correlated, or three times the resolution if that is more."""

COLUMNS = ("contrast", "noise", "speckle", "cnr", "cnr_film", "snr", "significance", "margin")
"""What is told of each particle."""

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
    """How well each particle is seen: `COLUMNS`, a row each; the equations are this module's.

    ``contrast``, ``noise``, ``speckle``, ``cnr``, ``cnr_film`` and ``snr`` are always told; ``significance`` and
    ``margin`` (Å between particles and what was taken for film) where film stands in for `without`, else None.

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
        (ny, nx) the image of the same scene without the particles. If it is not given, the film around stands in for
        it: where no particle is within 6 Å, or where that leaves too little, 3 Å or one resolution. So near, fringes of
        the particle count as speckle, and scores are too low rather than too high.
    resolution
        Å.
    dqe
        the detector's DQE at zero frequency.
    periodic
        whether the image repeats along y and x.

    Raises
    ------
    InvalidInput
        If shapes differ, a value has no meaning, or there is no film to compare with, however near.
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
    film = None
    if without is None:
        film = _film(seen, np.any(masks, axis=0), resolution, pixel_size, modes, area)
    else:
        empty = ndimage.gaussian_filter(np.asarray(without, np.float64), widths, mode=modes)
    rows = []
    for mask in masks:
        size = float(mask.sum()) * pixel_size[0] * pixel_size[1]
        if not size:
            rows.append(_row(0.0, 1.0, 0.0, size, area, dose, dqe))
        elif film is not None:
            excess = film.excess(seen[mask])
            row = _row(math.copysign(math.sqrt(abs(excess)), excess), film.mean, film.speckle, size, area, dose, dqe)
            scatter = film.scatter(size)
            rows.append(row | {"significance": excess / scatter if scatter else None, "margin": film.margin})
        else:
            contrast = math.sqrt(float(((seen[mask] - empty[mask]) ** 2).mean()))
            rows.append(_row(contrast, float(empty[mask].mean()), float(empty[mask].std()), size, area, dose, dqe))
    return rows


@dataclass(frozen=True)
class _Film:
    """Statistics of the film of `size` Å² that lies farther than `margin` Å from particles."""

    mean: float
    speckle: float
    size: float
    margin: float
    correlation: tuple[float, float]
    """Å²: the integrals of the autocorrelation and of its square."""

    def excess(self, inside: np.ndarray) -> float:
        """C² of what is seen inside a mask."""
        own = self.speckle**2 * (1 + 2 * self.correlation[0] / self.size)
        return float(((inside - self.mean) ** 2).mean()) - own

    def scatter(self, size: float) -> float:
        """The standard deviation of C² of nothing in a mask of `size` Å²."""
        return self.speckle**2 * math.sqrt(2 * self.correlation[1] * (1 / size + 1 / self.size))


def _film(
    seen: np.ndarray,
    particles: np.ndarray,
    resolution: float,
    pixel_size: tuple[float, float],
    modes: list[str],
    area: float,
) -> _Film:
    """The film as far from `particles` as leaves enough of it."""
    pixel = pixel_size[0] * pixel_size[1]
    for margin in (MARGIN, MARGIN / 2, resolution):
        film = ~_grown(particles, margin, pixel_size, modes)
        size = float(film.sum()) * pixel
        if size >= ENOUGH * area:
            break
    else:
        raise InvalidInput(
            f"only {film.sum()} pixels are {margin:g} Å away from all particles, too few to tell the film's "
            "speckle; give `without`, the image of the scene without particles"
        )
    mean, speckle = float(seen[film].mean()), float(seen[film].std())
    correlation = (0.0, 0.0)
    if speckle:
        reach = max(REACH, 3 * resolution)
        correlation = _correlation(np.where(film, (seen - mean) / speckle, 0.0), film, reach, pixel_size, modes)
    return _Film(mean, speckle, size, margin, correlation)


def _correlation(
    deviation: np.ndarray, film: np.ndarray, reach: float, pixel_size: tuple[float, float], modes: list[str]
) -> tuple[float, float]:
    """Å² of the autocorrelation of `deviation` (0 where there is no film), and of its square, within `reach` Å."""
    far = [min(math.ceil(reach / step), n // 2) for step, n in zip(pixel_size, film.shape, strict=True)]
    shape = [n if mode == "wrap" else n + more for n, more, mode in zip(film.shape, far, modes, strict=True)]
    products, pairs = (np.fft.irfft2(np.abs(np.fft.rfft2(f, shape)) ** 2, shape) for f in (deviation, film * 1.0))
    steps = [np.fft.fftfreq(n, 1 / n) * step for n, step in zip(shape, pixel_size, strict=True)]
    near = (np.hypot(steps[0][:, None], steps[1]) <= reach) & (pairs > 0.5)
    rho = products[near] / pairs[near]
    pixel = pixel_size[0] * pixel_size[1]
    # each ρ has an error of variance A₂/F, which adds to its square
    chance = near.sum() / film.sum()
    return float(rho.sum()) * pixel, float((rho**2).sum()) * pixel / (1 + chance)


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
        "significance": None,
        "margin": None,
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
