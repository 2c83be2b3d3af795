"""The microscope: settings, and the image that it takes of exit waves."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Real

import numpy as np
import torch

from construction_zone import conventions, seeding
from construction_zone.errors import InvalidInput
from construction_zone.image import coherence, detector, form
from construction_zone.image.micrograph import Micrograph
from construction_zone.simulate.waves import ExitWaves

HIGHEST_BEAM = 1.5
"""Å⁻¹ up to which focal nodes are chosen to be accurate: beams beyond are weak and what they do is not resolved."""


@dataclass(frozen=True)
class Microscope:
    """A transmission electron microscope: its aberrations, coherence, aperture and dose.

    Parameters
    ----------
    defocus
        Å, counted from the plane of the wave; −C10. Positive is underfocus.
    Cs
        third-order spherical aberration C30 in Å (1 mm is 1e7 Å).
    C12, C21, C23, C32, C34
        twofold astigmatism, coma, threefold astigmatism, star, fourfold astigmatism in Å.
    phi12, phi21, phi23, phi32, phi34
        their azimuths in radians, from x towards y.
    focal_spread
        standard deviation σ of the focus in Å, from lens current, voltage and energy spread (1/e half-widths
        are √2 times, full widths at half maximum 2.355 times as large). An explicit sum over foci.
    source_size
        1/e half-angle of the illumination in mrad. An envelope (see `coherence.source_envelope`).
    aperture
        radius of the objective aperture in mrad, or None.
    dose
        electrons per Å², or None for an image without noise.
    focal_nodes
        Gauss–Hermite foci that stand for the focal spread (see `coherence.focal_nodes`). None for as many as
        are right to 0.01 for beams up to 1.5 Å⁻¹ or the aperture: 9 for 10 Å at 300 kV, 25 for 40 Å at 200 kV.

    Raises
    ------
    InvalidInput
        If a value is not a finite number or has no meaning.
    """

    defocus: float = 0.0
    Cs: float = 0.0
    C12: float = 0.0
    phi12: float = 0.0
    C21: float = 0.0
    phi21: float = 0.0
    C23: float = 0.0
    phi23: float = 0.0
    C32: float = 0.0
    phi32: float = 0.0
    C34: float = 0.0
    phi34: float = 0.0
    focal_spread: float = 0.0
    source_size: float = 0.0
    aperture: float | None = None
    dose: float | None = None
    focal_nodes: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in ("aperture", "dose", "focal_nodes"):
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise InvalidInput(f"Microscope: {field.name} is {value!r}; give a finite number")
        for name, unit in (("focal_spread", "Å"), ("source_size", "mrad")):
            if getattr(self, name) < 0:
                raise InvalidInput(f"Microscope: {name} is {getattr(self, name):g} {unit}; give zero or more")
        for name, unit in (("aperture", "mrad"), ("dose", "electrons per Å²")):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InvalidInput(f"Microscope: {name} is {value:g} {unit}; give more than zero, or None for none")
        nodes = self.focal_nodes
        if nodes is not None and not (nodes == int(nodes) and 3 <= nodes <= coherence.MOST_NODES):
            raise InvalidInput(
                f"Microscope: focal_nodes is {nodes:g}; give a whole number from 3 to {coherence.MOST_NODES}, "
                "or None to have it chosen"
            )

    @property
    def coefficients(self) -> dict[str, float]:
        """The aberrations that are not zero, by Krivanek name, with their azimuths."""
        result = {"C10": -float(self.defocus), "C30": float(self.Cs)}
        for term in ("12", "21", "23", "32", "34"):
            result[f"C{term}"] = float(getattr(self, f"C{term}"))
        result = {name: value for name, value in result.items() if value}
        return result | {f"phi{name[1:]}": float(getattr(self, f"phi{name[1:]}")) for name in result if name[2] != "0"}

    def image(self, waves: ExitWaves, pixel_size: float | None = None, seed: seeding.Seed = 0) -> Micrograph:
        """The micrograph that this microscope takes of `waves`.

        Configurations and foci are averaged as intensities. |ψ|² is formed on a grid that holds twice the band of the
        wave, integrated over pixels, and sampled; with a dose, electrons are then counted. Each entry of leading
        dimensions has noise of its own.

        Parameters
        ----------
        waves
            what to image; its configuration axis is averaged, other leading axes stay.
        pixel_size
            Å; the nearest size that divides the extent is taken, which the result tells. None for the
            sampling of the wave.
        seed
            of the noise.

        Raises
        ------
        InvalidInput
            If the waves hold NaN, or the pixel is finer than the waves carry.
        """
        array = waves.array
        if not bool(torch.isfinite(torch.view_as_real(array)).all()):
            raise InvalidInput("the waves hold NaN or infinite values; simulate them again before imaging")
        grid = waves.grid
        pixels = form.image_grid(grid, pixel_size)
        wavelength = conventions.wavelength(waves.energy)
        foci, weights = coherence.focal_nodes(self.focal_spread, self._nodes(wavelength))
        fine = form.intensity(
            array,
            grid.extent,
            wavelength,
            self.coefficients,
            foci=foci,
            weights=weights,
            source_size=self.source_size,
            semiangle=self.aperture,
            shape=form.formation_shape(grid.shape, pixels.shape),
        )
        image = detector.pixel_integrated(fine, pixels.shape)
        pixel = pixels.sampling
        if self.dose is not None:
            image = _counted(image, self.dose, pixel[0] * pixel[1], seed)
        return Micrograph(image.to(torch.float32), pixel, self.dose, self)

    def _nodes(self, wavelength: float) -> int:
        if self.focal_nodes is not None:
            return int(self.focal_nodes)
        highest = HIGHEST_BEAM if self.aperture is None else min(HIGHEST_BEAM, self.aperture * 1e-3 / wavelength)
        return coherence.nodes_needed(self.focal_spread, wavelength, highest)


def _counted(image: torch.Tensor, dose: float, pixel_area: float, seed: seeding.Seed) -> torch.Tensor:
    lead = tuple(image.shape[:-2])
    counts = [
        detector.poisson(image[index], dose, pixel_area, seeding.generator(seed, "noise", *index))
        for index in np.ndindex(lead)
    ]
    return torch.stack(counts).reshape(image.shape) if lead else counts[0]
