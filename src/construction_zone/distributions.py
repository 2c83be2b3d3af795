"""A value, or a distribution to draw it from.

Every distribution knows its support, so that a bad range is refused before anything is drawn, and draws from an
explicit `numpy.random.Generator`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.special import ndtr, ndtri

from construction_zone.errors import InvalidInput


@runtime_checkable
class Distribution(Protocol):
    """Something a value can be drawn from."""

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value that can be drawn (infinite where unbounded; (nan, nan) if not numbers)."""
        ...

    def draw(self, rng: np.random.Generator) -> Any:
        """One value."""
        ...


@dataclass(frozen=True)
class Fixed:
    """Always `value`. Draws consume no random numbers."""

    value: Any

    @property
    def support(self) -> tuple[float, float]:
        return _extent([self.value])

    def draw(self, rng: np.random.Generator) -> Any:
        return self.value


@dataclass(frozen=True)
class Uniform:
    """Uniform on [low, high)."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _finite("uniform", self.low, self.high)
        if self.low > self.high:
            raise InvalidInput(f"uniform: [{self.low:g}, {self.high:g}] is inverted; write [low, high]")

    @property
    def support(self) -> tuple[float, float]:
        return (self.low, self.high)

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class Normal:
    """Normal with mean and standard deviation `sd`, truncated to [low, high]."""

    mean: float
    sd: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        _finite("normal", self.mean, self.sd)
        if self.sd < 0:
            raise InvalidInput(f"normal: the standard deviation is {self.sd:g}; it must not be negative")
        if not self.low <= self.mean <= self.high:
            raise InvalidInput(f"normal: the mean {self.mean:g} lies outside the limits {self.low:g} … {self.high:g}")

    @property
    def support(self) -> tuple[float, float]:
        return (self.low, self.high) if self.sd > 0 else (self.mean, self.mean)

    def draw(self, rng: np.random.Generator) -> float:
        if self.sd == 0:
            return self.mean
        # one uniform number a draw, by inversion: what is drawn next does not depend on the limits
        below, above = (float(ndtr((limit - self.mean) / self.sd)) for limit in (self.low, self.high))
        value = self.mean + self.sd * float(ndtri(below + (above - below) * rng.uniform()))
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class TruncatedNormal(Normal):
    """Normal with mean and standard deviation `sd`, truncated to limits of its own, low and high."""


@dataclass(frozen=True)
class LogUniform:
    """Uniform in its logarithm, from `low` (above zero) to `high`: each factor of two is equally likely."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _finite("log_uniform", self.low, self.high)
        if self.low <= 0:
            raise InvalidInput(f"log_uniform: {self.low:g} has no logarithm; give limits above zero")
        if self.low > self.high:
            raise InvalidInput(f"log_uniform: [{self.low:g}, {self.high:g}] is inverted; write [low, high]")

    @property
    def support(self) -> tuple[float, float]:
        return (self.low, self.high)

    def draw(self, rng: np.random.Generator) -> float:
        value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Integers:
    """Whole numbers from `low` to `high`, both included, equally likely."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _finite("integers", self.low, self.high)
        if int(self.low) != self.low or int(self.high) != self.high:
            raise InvalidInput(f"integers: [{self.low}, {self.high}] are not whole numbers")
        if self.low > self.high:
            raise InvalidInput(f"integers: [{self.low}, {self.high}] is inverted; write [low, high]")

    @property
    def support(self) -> tuple[float, float]:
        return (self.low, self.high)

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.integers(int(self.low), int(self.high), endpoint=True))


@dataclass(frozen=True)
class Choice:
    """One of `options`, equally likely or in proportion to `weights`."""

    options: tuple[Any, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        if not self.options:
            raise InvalidInput("choice: the list is empty; give at least one option")
        if self.weights is None:
            return
        object.__setattr__(self, "weights", tuple(self.weights))
        _finite("weights", *self.weights)
        if len(self.weights) != len(self.options):
            raise InvalidInput(f"weights: {len(self.weights)} for {len(self.options)} options; give one for each")
        if min(self.weights) < 0 or not 0 < math.fsum(self.weights) < math.inf:
            raise InvalidInput(f"weights: {list(self.weights)} are no shares; give zero or more, not all zero")

    @property
    def support(self) -> tuple[float, float]:
        return _extent(self.options)

    def draw(self, rng: np.random.Generator) -> Any:
        if self.weights is None:
            return self.options[int(rng.integers(len(self.options)))]
        ends = np.cumsum(np.array(self.weights) / math.fsum(self.weights))
        place = int(np.searchsorted(ends, rng.uniform(), side="right"))
        # rounding may leave the last end just below 1
        last = max(k for k, weight in enumerate(self.weights) if weight > 0)
        return self.options[min(place, last)]


@dataclass(frozen=True)
class Sweep:
    """Each of `points` in turn, numbers with a normal spread `sd` about each, kept within [low, high].

    What goes through the points is told by who uses it; `draw` takes one at random.
    """

    points: tuple[Any, ...]
    sd: float = 0.0
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple(self.points))
        _finite("sd", self.sd)
        if not self.points:
            raise InvalidInput("sweep: the list is empty; give at least one point")
        if self.sd < 0:
            raise InvalidInput(f"sweep: sd is {self.sd:g}; it must not be negative")
        if self.sd > 0:
            for point in self.points:
                if isinstance(point, bool) or not isinstance(point, (int, float)):
                    raise InvalidInput(f"sweep: there is an sd, and {point!r} is not a number")
                Normal(point, self.sd, self.low, self.high)

    @property
    def support(self) -> tuple[float, float]:
        return _extent(self.points) if self.sd == 0 else (self.low, self.high)

    def at(self, place: int, rng: np.random.Generator) -> Any:
        """The value at point number `place`. Points without a spread consume no random numbers."""
        point = self.points[place]
        return Normal(point, self.sd, self.low, self.high).draw(rng) if self.sd else point

    def draw(self, rng: np.random.Generator) -> Any:
        return self.at(int(rng.integers(len(self.points))), rng)


def _finite(name: str, *values: float) -> None:
    if not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
        raise InvalidInput(f"{name}: {list(values)} must be finite numbers")


def _extent(values: Sequence[Any]) -> tuple[float, float]:
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return (min(values), max(values))
    return (math.nan, math.nan)
