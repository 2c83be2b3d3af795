"""What a camera adds that has nothing to do with the specimen: uneven light, a fixed pattern, spikes."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, fields
from numbers import Real

import numpy as np

from construction_zone import seeding
from construction_zone.errors import InvalidInput


@dataclass(frozen=True)
class Illumination:
    """How evenly the beam falls on the detector: 1 in the middle, falling off towards the corners, and sloping.

    Parameters
    ----------
    falloff
        what is missing in the corners, as a share; it grows with the square of the distance from the middle.
    slope
        relative change from one side of the image to the other, along the direction `azimuth`.
    azimuth
        degrees, from x towards y.
    """

    falloff: float = 0.0
    slope: float = 0.0
    azimuth: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise InvalidInput(f"Illumination: {field.name} is {value!r}; give a finite number")
        if not 0 <= self.falloff + abs(self.slope) / math.sqrt(2) < 1 or self.falloff < 0:
            raise InvalidInput(
                f"Illumination: falloff {self.falloff:g} and slope {self.slope:g} leave no light in a corner; "
                "give a falloff of zero or more, and less than 1 of both together"
            )

    def map(self, shape: tuple[int, int]) -> np.ndarray:
        """The illumination of each pixel, (ny, nx)."""
        y = (np.arange(shape[0]) - (shape[0] - 1) / 2)[:, None] / shape[0]
        x = (np.arange(shape[1]) - (shape[1] - 1) / 2)[None, :] / shape[1]
        angle = math.radians(self.azimuth)
        result: np.ndarray = 1 - 2 * self.falloff * (x**2 + y**2)
        return result + self.slope * (x * math.cos(angle) + y * math.sin(angle))


@dataclass(frozen=True, eq=False)
class Pattern:
    """The fixed pattern of one camera: relative gain (0 where dead), dead and hot pixels, each (ny, nx)."""

    gain: np.ndarray
    dead: np.ndarray
    hot: np.ndarray

    @staticmethod
    def of(serial: int, shape: tuple[int, int], residue: float, dead: float, hot: float) -> Pattern:
        """The pattern of camera `serial`: gain with standard deviation `residue`, shares of dead and hot pixels."""
        return _pattern(serial, shape, residue, dead, hot)


@functools.lru_cache(maxsize=4)
def _pattern(serial: int, shape: tuple[int, int], residue: float, dead: float, hot: float) -> Pattern:
    place = seeding.generator(serial, "camera", "defects").random(shape)
    is_dead, is_hot = place < dead, place > 1 - hot
    gain = 1 + residue * seeding.generator(serial, "camera", "gain").standard_normal(shape)
    return Pattern(np.where(is_dead, 0.0, gain.clip(min=0)), is_dead, is_hot)


def spikes(shape: tuple[int, int], per_million: float, level: float, rng: np.random.Generator) -> np.ndarray:
    """Counts of X-ray and cosmic-ray hits: Poisson many, each in one pixel, of exponentially distributed size."""
    result = np.zeros(shape, np.float32)
    hits = rng.poisson(per_million * 1e-6 * shape[0] * shape[1])
    np.add.at(result.reshape(-1), rng.integers(0, result.size, hits), rng.exponential(level, hits).astype(np.float32))
    return result
