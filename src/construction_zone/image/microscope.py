"""The microscope: settings, and the image that it takes of exit waves."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Literal

import torch

from construction_zone import conventions, seeding
from construction_zone.errors import InvalidInput
from construction_zone.image import aberrations, blur, coherence, form, presets, reflections
from construction_zone.image.beams import Beams
from construction_zone.image.detector import Detector
from construction_zone.image.formation import IntensitySum
from construction_zone.image.micrograph import Micrograph
from construction_zone.image.sampling import half_frequencies, sampled
from construction_zone.simulate import threads
from construction_zone.simulate.waves import ExitWaves

HIGHEST_BEAM = 1.5
"""Å⁻¹ up to which focal nodes are chosen to be accurate: beams beyond are weak and what they do is not resolved."""

COHERENCE = ("focal_sum", "full", "envelope")

IDEAL = Detector()
"""Counts every electron, with square pixels."""

_OPTIONAL = ("aperture", "dose", "focal_nodes", "tilt_nodes", "energy", "zero")


@dataclass(frozen=True)
class Microscope:
    """A transmission electron microscope: its aberrations, coherence, aperture, motion, detector and dose.

    Parameters
    ----------
    defocus
        Å, counted from the plane of the wave, or from `zero`; −C10. Positive is underfocus.
    Cs
        third-order spherical aberration C30 in Å (1 mm is 1e7 Å).
    C12, C21, C23, C32, C34, C41, C43, C45, C50, C52, C54, C56
        aberrations to fifth order by Krivanek's names, in Å: twofold astigmatism, coma, threefold astigmatism, star,
        fourfold astigmatism, … (`aberrations.polar` makes them of Cartesian parts).
    phi12, phi21, phi23, phi32, phi34, phi41, phi43, phi45, phi52, phi54, phi56
        their azimuths in radians, from x towards y.
    focal_spread
        standard deviation σ of the focus in Å (see `widths.focal_spread`).
    source_size
        1/e half-angle of the illumination in mrad.
    aperture
        radius of the objective aperture in mrad, or None.
    dose
        electrons per Å², or None for an image without noise.
    focal_nodes
        Gauss–Hermite foci that stand for the focal spread (see `coherence.focal_nodes`). None for as many as
        are right to 0.01 for beams up to 1.5 Å⁻¹ or the aperture: 9 for 10 Å at 300 kV, 25 for 40 Å at 200 kV.
    aperture_edge
        width of the aperture's soft edge in mrad; at least one frequency sample.
    beam_tilt_x, beam_tilt_y
        tilt of the beam against the lens in mrad: χ and the aperture are taken at k + tilt/λ, which brings coma,
        astigmatism and image shift with it (`aberrations.tilted` tells how much).
    coherence
        "focal_sum": a sum over foci, the source size as an envelope at each. "full": a sum over foci and beam
        directions. "envelope": one transform, both as quasi-coherent envelopes: fast, and wrong for beats of
        scattered beams (docs/explanation/imaging.md tells by how much).
    tilt_nodes
        beam directions along each axis for "full"; None for as many as are right to 0.01 (up to 15, else it warns).
    shift_x, shift_y
        image shift in Å.
    drift, drift_angle
        length of the path that the image moves along evenly during the exposure in Å, and its direction in degrees
        from x towards y.
    vibration
        standard deviation of the image's jitter along each axis in Å.
    zero
        plane from which defocus counts, in Å from the cell's entrance face (see `focus.zero_plane`); None for the
        plane of the wave.
    energy
        of the electrons in eV that these values are for; None for any. Waves of another are refused.
    detector
        what records the image (see `Detector`).

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
    C41: float = 0.0
    phi41: float = 0.0
    C43: float = 0.0
    phi43: float = 0.0
    C45: float = 0.0
    phi45: float = 0.0
    C50: float = 0.0
    C52: float = 0.0
    phi52: float = 0.0
    C54: float = 0.0
    phi54: float = 0.0
    C56: float = 0.0
    phi56: float = 0.0
    aperture_edge: float = 0.0
    beam_tilt_x: float = 0.0
    beam_tilt_y: float = 0.0
    coherence: Literal["focal_sum", "full", "envelope"] = "focal_sum"
    tilt_nodes: int | None = None
    shift_x: float = 0.0
    shift_y: float = 0.0
    drift: float = 0.0
    drift_angle: float = 0.0
    vibration: float = 0.0
    zero: float | None = None
    energy: float | None = None
    detector: Detector = IDEAL

    def __post_init__(self) -> None:
        if self.coherence not in COHERENCE:
            raise InvalidInput(f"Microscope: coherence is {self.coherence!r}; give one of {', '.join(COHERENCE)}")
        if not isinstance(self.detector, Detector):
            raise InvalidInput(f"Microscope: detector is {self.detector!r}; give a Detector")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("coherence", "detector") or (value is None and field.name in _OPTIONAL):
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise InvalidInput(f"Microscope: {field.name} is {value!r}; give a finite number")
        units = {"focal_spread": "Å", "source_size": "mrad", "aperture_edge": "mrad", "drift": "Å", "vibration": "Å"}
        for name, unit in units.items():
            if getattr(self, name) < 0:
                raise InvalidInput(f"Microscope: {name} is {getattr(self, name):g} {unit}; give zero or more")
        for name, unit in (("aperture", "mrad"), ("dose", "electrons per Å²"), ("energy", "eV")):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InvalidInput(f"Microscope: {name} is {value:g} {unit}; give more than zero, or None for none")
        for name, fewest, most in (("focal_nodes", 3, coherence.MOST_NODES), ("tilt_nodes", 1, 64)):
            nodes = getattr(self, name)
            if nodes is not None and not (nodes == int(nodes) and fewest <= nodes <= most):
                raise InvalidInput(
                    f"Microscope: {name} is {nodes:g}; give a whole number from {fewest} to {most}, "
                    "or None to have it chosen"
                )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Microscope:
        """A microscope of a known kind (see `presets.SETTINGS` for names, values and sources), with `changes`.

        Raises
        ------
        InvalidInput
            If there is no preset of that name.
        """
        return cls(**{**presets.settings(name), **changes})

    @property
    def coefficients(self) -> dict[str, float]:
        """The aberrations that are not zero, by Krivanek name, with their azimuths."""
        result = {"C10": -float(self.defocus), "C30": float(self.Cs)}
        for n, m in aberrations.TERMS:
            if (n, m) not in ((1, 0), (3, 0)):
                result[f"C{n}{m}"] = float(getattr(self, f"C{n}{m}"))
        result = {name: value for name, value in result.items() if value}
        return result | {f"phi{name[1:]}": float(getattr(self, f"phi{name[1:]}")) for name in result if name[2] != "0"}

    def image(self, waves: ExitWaves | Beams, pixel_size: float | None = None, seed: seeding.Seed = 0) -> Micrograph:
        """The micrograph that this microscope takes of `waves`.

        Configurations, foci and an ensemble of tilts are averaged as intensities. |ψ|² is formed on a grid that holds
        twice the band of the wave, and handed to the detector, which integrates it over pixels; with a dose, electrons
        are then counted. Each entry of leading dimensions has noise of its own.

        Parameters
        ----------
        waves
            what to image, or its `Beams`, which save the forward transform where many images are taken of one wave;
            the axes "configuration" and "tilt" are averaged, other leading axes stay. Waves of a tilted beam meet the
            lens at its tilt.
        pixel_size
            Å; the nearest size that divides the extent is taken, which the result tells. None for the
            sampling of the wave.
        seed
            of the noise.

        Raises
        ------
        InvalidInput
            If the waves hold NaN or are of another energy, or the pixel is finer than the waves carry.

        Warns
        -----
        UserWarning
            If the aperture stops the strongest reflection or is wider than the waves' band, or `tilt_nodes` are too
            few.
        """
        beams = waves if isinstance(waves, Beams) else Beams.of(waves)
        pixels = form.image_grid(beams.grid, pixel_size)
        with threads.torch_on_one() if beams.compiles else nullcontext():
            shape, sums = self._sums(beams)
            like = beams.array.real
            factors = [*self._motion(shape, beams.grid.extent, like), *self.detector.factors(shape, pixels, like)]
            image = self._stacked([total.sampled(pixels.shape, factors) for total in sums], beams)
            image = self.detector.lit(image, pixels)
            if self.dose is None:
                image = image.to(torch.float32)
            else:
                image = self.detector.record_expected(image, pixels, self.dose, seed)
        return Micrograph(image, pixels.sampling, self.dose, self)

    def intensity(self, beams: Beams) -> torch.Tensor:
        """The intensity (…, my, mx) that falls on the detector, on a grid that holds all of its frequencies."""
        shape, sums = self._sums(beams)
        fine = self._stacked([total.intensity() for total in sums], beams)
        factors = self._motion(shape, beams.grid.extent, fine)
        return sampled(fine, shape, factors) if factors else fine

    def _sums(self, beams: Beams) -> tuple[tuple[int, int], Sequence[IntensitySum]]:
        """The grid of |ψ|², and its sum for each place of the leading axes that stay."""
        self._check(beams)
        wavelength = conventions.wavelength(beams.energy)
        settings = self._settings(wavelength)
        shape = form.formation_shape((beams.array.shape[-2], beams.array.shape[-1]))
        coefficients = dict(self.coefficients)
        if self.zero is not None:
            coefficients["C10"] = coefficients.get("C10", 0.0) - (beams.z - self.zero)
        axis = beams.dims.index("tilt") if "tilt" in beams.dims else None
        several = [beams.array] if axis is None else list(beams.array.unbind(axis))
        sums: Sequence[IntensitySum] | None = None
        for array, tilt in zip(several, beams.tilts, strict=True):
            sums = form.sums_of_beams(
                array,
                beams.grid.extent,
                wavelength,
                coefficients,
                shape=shape,
                tilt=(self.beam_tilt_x + tilt[0], self.beam_tilt_y + tilt[1]),
                share=1 / len(several),
                onto=sums,
                **settings,
            )
        assert sums is not None
        return shape, sums

    def _stacked(self, images: list[torch.Tensor], beams: Beams) -> torch.Tensor:
        sizes = zip(beams.dims, beams.array.shape, strict=True)
        lead = [size for name, size in sizes if name not in ("tilt", "configuration", "y", "x")]
        whole = images[0][None] if len(images) == 1 else torch.stack(images)
        return whole.reshape(*lead, *images[0].shape)

    def _check(self, beams: Beams) -> None:
        if self.energy is not None and abs(beams.energy / self.energy - 1) > 1e-6:
            raise InvalidInput(
                f"the microscope is set up for {self.energy / 1e3:g} keV, the waves are of {beams.energy / 1e3:g} keV; "
                "simulate waves of its energy, or set energy=None if the values hold for both"
            )
        if self.aperture is not None:
            if self.aperture > beams.widest * (1 + 1e-6):
                warnings.warn(
                    f"an aperture of {self.aperture:g} mrad is wider than these waves, which carry beams up to "
                    f"{beams.widest:.3g} mrad and limit the image instead; simulate and store them on a finer grid, or "
                    "give aperture=None",
                    stacklevel=4,
                )
            spacing = reflections.stopped(beams, self.aperture)
            if spacing is not None:
                warnings.warn(
                    f"an aperture of {self.aperture:g} mrad stops the strongest reflection, at {spacing:.3g} Å or "
                    f"{1e3 * conventions.wavelength(beams.energy) / spacing:.3g} mrad; the image shows no such fringes",
                    stacklevel=4,
                )

    def _settings(self, wavelength: float) -> dict[str, Any]:
        """What `form.intensity_of_beams` takes for this coherence and aperture."""
        result: dict[str, Any] = {"semiangle": self.aperture, "edge": self.aperture_edge}
        highest = HIGHEST_BEAM if self.aperture is None else min(HIGHEST_BEAM, self.aperture * 1e-3 / wavelength)
        if self.coherence == "envelope":
            return result | {"source_size": self.source_size, "focal_spread": self.focal_spread}
        nodes = self.focal_nodes or 1
        if self.focal_spread and not self.focal_nodes:
            nodes = coherence.nodes_needed(self.focal_spread, wavelength, highest)
        result["foci"], result["weights"] = coherence.focal_nodes(self.focal_spread, int(nodes))
        if self.coherence == "focal_sum":
            return result | {"source_size": self.source_size}
        directions = self.tilt_nodes
        if directions is None and self.source_size:
            directions, error = coherence.tilt_nodes_needed(self.source_size, wavelength, self.coefficients, highest)
            if error > coherence.TOLERANCE:
                warnings.warn(
                    f"{directions}² beam directions leave an error of {error:.2g} in the damping of beams up to "
                    f"{highest:.3g} Å⁻¹; give tilt_nodes, an aperture, or coherence='focal_sum'",
                    stacklevel=4,
                )
        result["tilts"], result["tilt_weights"] = coherence.tilt_nodes(self.source_size, int(directions or 1))
        return result

    def _motion(self, shape: tuple[int, int], extent: tuple[float, float], like: torch.Tensor) -> list[torch.Tensor]:
        """Factors on the intensity's spectrum for all that moves; none if nothing does."""
        ky, kx = half_frequencies(shape, extent, like.device)
        factors = []
        if self.vibration:
            factors += [blur.vibration(kx, torch.zeros_like(kx), self.vibration)]
            factors += [blur.vibration(torch.zeros_like(ky), ky, self.vibration)]
        if self.drift:
            factors.append(blur.drift(kx, ky, self.drift, self.drift_angle))
        if self.shift_x or self.shift_y:
            factors.append(blur.shift(kx, torch.zeros_like(kx), self.shift_x, 0.0))
            factors.append(blur.shift(torch.zeros_like(ky), ky, 0.0, self.shift_y))
        complex_type = like.dtype.to_complex()
        return [factor.to(complex_type if factor.is_complex() else like.dtype) for factor in factors]
