"""The detector: intensity integrated over pixels, electrons counted, and what a camera makes of them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, fields
from numbers import Real
from typing import Literal

import numpy as np
import torch

from construction_zone import seeding
from construction_zone.errors import InvalidInput
from construction_zone.image import poisson as sampler
from construction_zone.image.camera import Illumination, Pattern, spikes
from construction_zone.image.curves import Curve
from construction_zone.image.pixels import filtered, noise_transfer, pixel_factors, pixel_integrated
from construction_zone.simulate.grid import Grid

__all__ = ["Detector", "Exposure", "Illumination", "pixel_integrated", "poisson"]

EVEN = Illumination()
"""Even illumination."""

CLIPPED = 1e-3
"""Share of pixels whose sharpened signal is clipped at zero that a warning tells of."""


def poisson(intensity: torch.Tensor, dose: float, pixel_area: float, rng: np.random.Generator) -> torch.Tensor:
    """Electrons counted in each pixel: Poisson numbers of mean dose × pixel area × intensity.

    A seed gives the same counts wherever the intensity was computed (see `poisson.sample`); the gradient ends here.

    Parameters
    ----------
    intensity
        real, any shape, vacuum = 1; rounding below zero counts as zero.
    dose
        electrons per Å².
    pixel_area
        Å².
    rng
        where the numbers come from (see `poisson.sample`).

    Returns
    -------
    float32, the shape and device of `intensity`.

    Raises
    ------
    InvalidInput
        If the dose is not a positive number, or an intensity is NaN or infinite.
    """
    _check_dose(dose)
    return sampler.sample(intensity.detach().clamp(min=0), rng, scale=dose * pixel_area)


@dataclass(frozen=True, eq=False)
class Exposure:
    """What a detector recorded.

    Parameters
    ----------
    array
        (…, y, x), float32 or uint16 as the detector's `output` says.
    clipped
        share of pixels whose signal MTF/√NNPS sharpened below zero and which were set to zero.
    saturated
        share of pixels at saturation.
    """

    array: torch.Tensor
    clipped: float
    saturated: float


@dataclass(frozen=True)
class Detector:
    """A camera: what it makes of the intensity that falls on it.

    After M. Vulović et al., J. Struct. Biol. 183, 19 (2013): the signal takes MTF/√NNPS (negative values are set to
    zero, and told), Poisson numbers of mean dose × DQE(0) × pixel area are drawn and divided by DQE(0), and signal and
    noise together take √NNPS and the gain. So the signal has been through the MTF, the noise of a flat exposure has the
    spectrum NNPS, and DQE(k) = DQE(0)·MTF²/NNPS. The mean is dose × pixel area × illumination × gain. The default is
    an ideal counter.

    Parameters
    ----------
    mtf
        modulation transfer of the whole detector, pixel included; None for an ideal pixel's sinc.
    nnps
        noise power spectrum, normalised to 1 at zero; None for white noise.
    dqe_zero
        detective quantum efficiency at zero frequency, above 0 up to 1.
    gain
        counts per electron.
    gain_residue
        standard deviation, relative, of the gain from pixel to pixel that correction has left. Fixed pattern.
    offset
        counts added to every pixel.
    dark
        mean counts of dark current per pixel and exposure; its mean is taken off again, its Poisson noise stays.
    readout
        standard deviation of the readout noise in counts.
    dead, hot
        share of pixels that read nothing, or `hot_level` counts too much. Fixed pattern.
    hot_level
        counts.
    spikes
        X-ray and cosmic-ray hits per million pixels and exposure.
    spike_level
        mean counts of a hit; exponentially distributed.
    illumination
        how evenly the beam falls on the detector.
    saturation
        counts at which a pixel is full; None for no limit (65535 for uint16).
    output
        "electrons": float32, counts without offset divided by the gain; "counts": float32; "uint16": rounded counts.
    serial
        of the camera: the seed of its fixed pattern.

    Raises
    ------
    InvalidInput
        If a value has no meaning.
    """

    mtf: Curve | None = None
    nnps: Curve | None = None
    dqe_zero: float = 1.0
    gain: float = 1.0
    gain_residue: float = 0.0
    offset: float = 0.0
    dark: float = 0.0
    readout: float = 0.0
    dead: float = 0.0
    hot: float = 0.0
    hot_level: float = 0.0
    spikes: float = 0.0
    spike_level: float = 0.0
    illumination: Illumination = EVEN
    saturation: float | None = None
    output: Literal["electrons", "counts", "uint16"] = "electrons"
    serial: int = 0

    def __post_init__(self) -> None:
        for name in ("mtf", "nnps"):
            if not isinstance(getattr(self, name), Curve | None):
                raise InvalidInput(f"Detector: {name} is {getattr(self, name)!r}; give a Curve or None")
        if not isinstance(self.illumination, Illumination):
            raise InvalidInput(f"Detector: illumination is {self.illumination!r}; give an Illumination")
        if self.output not in ("electrons", "counts", "uint16"):
            raise InvalidInput(f"Detector: output is {self.output!r}; give 'electrons', 'counts' or 'uint16'")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("mtf", "nnps", "illumination", "output"):
                continue
            if field.name == "saturation" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise InvalidInput(f"Detector: {field.name} is {value!r}; give a finite number")
            if value < 0 and field.name != "offset":
                raise InvalidInput(f"Detector: {field.name} is {value:g}; give zero or more")
        seeding.sequence(self.serial)
        if not 0 < self.dqe_zero <= 1:
            raise InvalidInput(f"Detector: dqe_zero is {self.dqe_zero:g}; give a share above 0, up to 1")
        if self.gain == 0 or self.saturation == 0:
            raise InvalidInput("Detector: gain and saturation are counts above zero")
        if self.dead + self.hot > 1:
            raise InvalidInput(f"Detector: dead {self.dead:g} and hot {self.hot:g} are shares of all pixels")
        if self.nnps is not None and min(self.nnps.values) <= 0:
            raise InvalidInput("Detector: nnps falls to zero, where the DQE would be infinite; give values above zero")

    def dqe(self, frequency: np.ndarray) -> np.ndarray:
        """DQE(0)·MTF²/NNPS at `frequency` in Nyquist frequencies, along an axis."""
        frequency = np.asarray(frequency, dtype=np.float64)
        mtf = np.sinc(frequency / 2) if self.mtf is None else self.mtf(frequency)
        result: np.ndarray = self.dqe_zero * mtf**2 / (1.0 if self.nnps is None else self.nnps(frequency))
        return result

    def expected(self, intensity: torch.Tensor, pixels: Grid) -> torch.Tensor:
        """The image without noise, vacuum 1: pixels, MTF and illumination; (…, ny, nx), differentiable.

        Parameters
        ----------
        intensity
            real (…, My, Mx), on a grid that holds all of its frequencies.
        pixels
            grid of the image.
        """
        return self.lit(pixel_integrated(intensity, pixels.shape, self.mtf), pixels)

    def factors(self, fine: tuple[int, int], pixels: Grid, like: torch.Tensor) -> list[torch.Tensor]:
        """What pixels and MTF multiply the spectrum of an intensity on the grid `fine` with (see `pixel_factors`)."""
        return pixel_factors(fine, pixels.shape, like, self.mtf)

    def lit(self, image: torch.Tensor, pixels: Grid) -> torch.Tensor:
        """An image on `pixels` under this illumination."""
        if self.illumination == EVEN:
            return image
        return image * torch.from_numpy(self.illumination.map(pixels.shape)).to(image)

    def record(
        self,
        intensity: torch.Tensor,
        pixels: Grid,
        dose: float,
        seed: seeding.Seed = 0,
        per: Literal["area", "pixel"] = "area",
    ) -> torch.Tensor:
        """The image that the detector delivers; see `expose`, of which this is the array.

        Warns if more than 1 pixel in 1000 had its signal sharpened below zero, where the noise is no longer right.
        """
        with torch.no_grad():
            image = self.expected(intensity, pixels)
        return self.record_expected(image, pixels, dose, seed, per)

    def record_expected(
        self,
        image: torch.Tensor,
        pixels: Grid,
        dose: float,
        seed: seeding.Seed = 0,
        per: Literal["area", "pixel"] = "area",
    ) -> torch.Tensor:
        """`record` of an image (…, ny, nx) that is on the pixels already, as `expected` gives it."""
        exposure = self._exposure(image, pixels, dose, seed, per)
        if exposure.clipped > CLIPPED:
            warnings.warn(
                f"{100 * exposure.clipped:.2g} % of the pixels would expect fewer than zero electrons after MTF/√NNPS "
                "and were set to zero; the contrast is too strong for this detector's curves",
                stacklevel=3,
            )
        return exposure.array

    def expose(
        self,
        intensity: torch.Tensor,
        pixels: Grid,
        dose: float,
        seed: seeding.Seed = 0,
        per: Literal["area", "pixel"] = "area",
    ) -> Exposure:
        """Expose the detector to `intensity`.

        Parameters
        ----------
        intensity
            real (…, My, Mx), vacuum = 1, on a grid that holds all of its frequencies.
        pixels
            grid of the image.
        dose
            electrons per Å², or per pixel with ``per="pixel"``, where the intensity is 1.
        seed
            each entry of the leading dimensions has noise of its own.
        per
            what the dose is counted by.

        Raises
        ------
        InvalidInput
            If the dose is not a positive number, or the intensity is NaN.
        """
        with torch.no_grad():
            image = self.expected(intensity, pixels)
        return self._exposure(image, pixels, dose, seed, per)

    def _exposure(
        self, image: torch.Tensor, pixels: Grid, dose: float, seed: seeding.Seed, per: Literal["area", "pixel"]
    ) -> Exposure:
        _check_dose(dose)
        if per not in ("area", "pixel"):
            raise InvalidInput(f"per is {per!r}; give 'area' (electrons per Å²) or 'pixel' (electrons per pixel)")
        area = pixels.sampling[0] * pixels.sampling[1] if per == "area" else 1.0
        with torch.no_grad():
            signal = image
            if self.nnps is not None:
                signal = filtered(signal, 1 / noise_transfer(self.nnps, pixels.shape))
            # rounding of a transform is no sharpening
            clipped = _below(signal, -1e-5) / max(signal.numel(), 1)
            lead = tuple(signal.shape[:-2])
            images = [self._recorded(signal[i], dose, area, seed, i) for i in np.ndindex(lead)]
            array = (images[0] if len(images) == 1 else torch.stack(images)).reshape(signal.shape)
            array, saturated = self._delivered(array)
        return Exposure(array, clipped, saturated)

    def _recorded(
        self, signal: torch.Tensor, dose: float, area: float, seed: seeding.Seed, index: tuple[int, ...]
    ) -> torch.Tensor:
        """Counts of one exposure, before saturation and without the offset."""
        rng = seeding.generator(seed, "noise", *index)
        image = poisson(signal, dose, area * self.dqe_zero, rng)
        if self.dqe_zero != 1:
            image = image / self.dqe_zero
        if self.nnps is not None:
            image = filtered(image, noise_transfer(self.nnps, (image.shape[-2], image.shape[-1])))
        if self.gain != 1:
            image = image * self.gain
        extras = (self.dark, self.readout, self.spikes and self.spike_level, self.gain_residue, self.dead, self.hot)
        if not any(extras):
            return image
        shape = (image.shape[-2], image.shape[-1])
        added = np.zeros(shape, np.float32)
        if self.dark:
            rng = seeding.generator(seed, "dark current", *index)
            added += sampler.sample(torch.full(shape, self.dark), rng).numpy() - np.float32(self.dark)
        if self.readout:
            rng = seeding.generator(seed, "readout", *index)
            added += np.float32(self.readout) * rng.standard_normal(shape, dtype=np.float32)
        if self.spikes and self.spike_level:
            added += spikes(shape, self.spikes, self.spike_level, seeding.generator(seed, "spikes", *index))
        if self.gain_residue or self.dead or self.hot:
            pattern = Pattern.of(self.serial, shape, self.gain_residue, self.dead, self.hot)
            image = image * torch.from_numpy(pattern.gain).to(image)
            added = np.where(pattern.dead, 0, added + self.hot_level * pattern.hot).astype(np.float32)
        return image + torch.from_numpy(added).to(image)

    def _delivered(self, counts: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Counts as the detector hands them out, and the share of saturated pixels."""
        full = self.saturation
        if self.output == "uint16":
            full = 65535.0 if full is None else min(full, 65535.0)
        saturated = 0.0
        if full is not None:
            counts = counts + self.offset
            saturated = float((counts >= full).double().mean())
            counts = counts.clamp(max=full) - self.offset
        if self.output == "uint16":
            return (counts + self.offset).round().clamp(min=0).to(torch.uint16), saturated
        if self.output == "counts":
            return (counts + self.offset).to(torch.float32), saturated
        return (counts / self.gain if self.gain != 1 else counts).to(torch.float32), saturated


def _below(values: torch.Tensor, limit: float) -> int:
    """How many of `values` are below `limit`; numpy counts several times as fast as torch does on the CPU."""
    below = values < limit
    return int(np.count_nonzero(below.numpy()) if below.device.type == "cpu" else below.count_nonzero())


def _check_dose(dose: float) -> None:
    if isinstance(dose, bool) or not isinstance(dose, Real) or not (math.isfinite(dose) and dose > 0):
        raise InvalidInput(f"dose is {dose!r}; give electrons per Å² above zero, or None for an image without noise")
