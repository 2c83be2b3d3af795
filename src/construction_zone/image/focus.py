"""The plane from which defocus counts: a plane of the specimen, or where its contrast is least."""

from __future__ import annotations

import math
from typing import Literal

import ase
import torch

from construction_zone import conventions
from construction_zone.errors import InvalidInput
from construction_zone.image.aberrations import Coefficients
from construction_zone.image.beams import centred, frequencies
from construction_zone.image.form import formation_shape
from construction_zone.image.formation import intensity_sum
from construction_zone.image.lens import Lens
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.waves import ExitWaves

Kind = Literal["stored", "top", "middle", "bottom", "minimum_contrast"]

COARSE, FINE = 1.0, 0.1
"""Å. Steps of the two stages of the search for the least contrast."""

PIXEL = 0.25
"""Å. The search crops waves in Fourier space to this: contrast comes from frequencies that it holds."""


def zero_plane(kind: Kind, waves: ExitWaves, atoms: ase.Atoms | None = None) -> float:
    """The plane z in Å (from the cell's entrance face) that `kind` names: what `Microscope(zero=…)` takes.

    Parameters
    ----------
    kind
        "stored": the plane of the waves. "top": the first atom that the beam meets; "bottom": the last; "middle":
        half way between them. "minimum_contrast": where `waves`, of the particles alone in vacuum, show the least
        contrast (see `least_contrast`), searched over the extent of `atoms` and 20 Å beyond, or around the stored
        plane if there are none.
    waves
        exit waves; those of the particles in vacuum for "minimum_contrast".
    atoms
        the atoms that are meant, such as the particles'.

    Raises
    ------
    InvalidInput
        If `kind` is unknown, or atoms are wanted and there are none.
    """
    if kind == "stored":
        return waves.z
    if kind == "minimum_contrast":
        if atoms is None or not len(atoms):
            return least_contrast(waves)
        heights = atoms.positions[:, 2]
        return least_contrast(waves, (float(heights.min()) - 20, float(heights.max()) + 20))
    if kind not in ("top", "middle", "bottom"):
        raise InvalidInput(f"kind is {kind!r}; give stored, top, middle, bottom or minimum_contrast")
    if atoms is None or not len(atoms):
        raise InvalidInput(f"{kind!r} is a plane of atoms and none are given; give the atoms, such as the particles'")
    top, bottom = float(atoms.positions[:, 2].min()), float(atoms.positions[:, 2].max())
    return {"top": top, "middle": (top + bottom) / 2, "bottom": bottom}[kind]


def least_contrast(
    waves: ExitWaves,
    planes: tuple[float, float] | None = None,
    *,
    coefficients: Coefficients | None = None,
) -> float:
    """The plane z in Å, to 0.1 Å, in focus at which the image of `waves` has the least variance.

    As experimenters find focus: phase objects lose their contrast there. Planes are tried every 1 Å over the range,
    and every 0.1 Å around the best, with images that hold frequencies up to 2 Å⁻¹, over the part of the field that
    scatters. Images are coherent, without noise, averaged over configurations.

    Parameters
    ----------
    waves
        of the particles in vacuum. Leading axes but "configuration" are not allowed.
    planes
        range of z to search; None for 100 Å upstream of the stored plane to 20 Å downstream.
    coefficients
        aberrations of the lens but C10, in Å and radians; None for a perfect one.

    Raises
    ------
    InvalidInput
        If the waves have more axes, show no contrast, or the least is at the edge of the range.
    """
    if waves.array.ndim != 3:
        raise InvalidInput(f"the waves have axes {waves.dims}; pick one place of the leading ones with .at")
    low, high = planes or (waves.z - 100, waves.z + 20)
    if not low < high:
        raise InvalidInput(f"planes are {low:g} … {high:g} Å; give the lower one first")
    search = _Search(_window(waves), dict(coefficients or {}))
    tried = _steps(low, high, COARSE)
    contrasts = [search.contrast(z) for z in tried]
    best = min(range(len(tried)), key=contrasts.__getitem__)
    if not max(contrasts) > 1e-12:
        raise InvalidInput("the waves show no contrast at any plane: they are of vacuum")
    if best in (0, len(tried) - 1):
        raise InvalidInput(
            f"the contrast is least at the edge of the range {low:g} … {high:g} Å; give planes= that hold the object"
        )
    tried = _steps(tried[best] - COARSE, tried[best] + COARSE, FINE)
    return min(tried, key=search.contrast)


class _Search:
    """Variances of images of a small field, each focused at a plane."""

    def __init__(self, waves: ExitWaves, coefficients: dict[str, float | torch.Tensor]) -> None:
        grid: Grid = waves.grid
        self.z = waves.z
        self.beams = centred(waves.array, grid)
        ky, kx = frequencies(grid.shape, grid.extent, waves.array.device)
        self.lens = Lens(
            kx,
            ky,
            conventions.wavelength(waves.energy),
            {**coefficients, "C10": 0.0},
            step=(1 / grid.extent[0], 1 / grid.extent[1]),
            dtype=waves.array.dtype,
        )
        self.shape = formation_shape(grid.shape)

    @torch.no_grad()
    def contrast(self, z: float) -> float:
        total = intensity_sum(self.shape, self.beams, differentiable=False)
        for beams in self.beams:
            total.add(beams, self.lens, self.z - z, 1 / len(self.beams))
        return float(total.intensity().double().var())


def _steps(low: float, high: float, step: float) -> list[float]:
    return [low + i * step for i in range(math.floor((high - low) / step + 1e-9) + 1)]


def _window(waves: ExitWaves, threshold: float = 0.02, margin: float = 8.0) -> ExitWaves:
    """The waves on coarser pixels, over the smallest rectangle outside of which they are nearly of vacuum."""
    waves = waves.cropped(PIXEL)
    scattered = (waves.array - 1).abs().amax(dim=0) > threshold
    ranges = []
    for axis, step in zip((0, 1), waves.sampling, strict=True):
        hit = torch.nonzero(scattered.any(dim=1 - axis)).flatten()
        size = scattered.shape[axis]
        reach = math.ceil(margin / step)
        first = max(0, int(hit.min()) - reach) if len(hit) else 0
        last = min(size, int(hit.max()) + reach + 1) if len(hit) else size
        # what wraps around, or nearly fills the field, is kept whole
        ranges.append(slice(first, last) if last - first < 0.9 * size else slice(0, size))
    return ExitWaves(waves.array[:, ranges[0], ranges[1]], waves.sampling, waves.energy, waves.z, seeds=waves.seeds)
