"""Detector curves: a transfer or noise function by points from zero to the Nyquist frequency."""

from __future__ import annotations

import csv
import functools
import itertools
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from construction_zone.errors import InvalidInput

WIDEST_GAP = 0.3
"""Points of a curve may be this far apart, in Nyquist frequencies."""

FINE = 4097
"""Points of the table that curves are read from; linear between them."""


@dataclass(frozen=True)
class Curve:
    """A radial function of spatial frequency, 1 at zero, by points.

    Between the points it is the monotone cubic of Fritsch and Carlson (SIAM J. Numer. Anal. 17, 238 (1980)), which does
    not overshoot; beyond the last point, in the corners of a spectrum, it keeps the last value.

    Parameters
    ----------
    frequencies
        in units of the Nyquist frequency, rising, from 0 to at least 1.
    values
        of zero or more; the first is 1.

    Raises
    ------
    InvalidInput
        If a point is missing or NaN, frequencies do not rise, points are more than 0.3 apart, or a value is negative.
    """

    frequencies: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "frequencies", tuple(_number(v, "a frequency") for v in self.frequencies))
        object.__setattr__(self, "values", tuple(_number(v, "a value") for v in self.values))
        f, v = self.frequencies, self.values
        if len(f) != len(v) or len(f) < 2:
            raise InvalidInput(f"Curve: {len(f)} frequencies and {len(v)} values; give as many of each, at least two")
        for before, after in itertools.pairwise(f):
            if not after > before:
                raise InvalidInput(f"Curve: frequency {after:g} follows {before:g}; give them rising, each once")
            if after - before > WIDEST_GAP:
                raise InvalidInput(
                    f"Curve: nothing is given between {before:g} and {after:g} of the Nyquist frequency; give points "
                    f"at most {WIDEST_GAP:g} apart"
                )
        if f[0] != 0 or f[-1] < 1:
            raise InvalidInput(
                f"Curve: the points run from {f[0]:g} to {f[-1]:g} of the Nyquist frequency; give 0 to 1 or more "
                "(frequencies in cycles per pixel are half as large: multiply them by 2)"
            )
        if min(v) < 0:
            raise InvalidInput(f"Curve: a value is {min(v):g}; give zero or more")
        if abs(v[0] - 1) > 1e-3:
            raise InvalidInput(f"Curve: the value at zero frequency is {v[0]:g}; divide all values by it")

    def __call__(self, frequency: np.ndarray | float) -> np.ndarray:
        """The curve at `frequency` (Nyquist frequencies), double precision."""
        places, table = _table(self)
        return np.interp(frequency, places, table)

    def mapped(self, function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Curve:
        """A curve of ``function(frequencies, values)``, taken at 41 points of this one."""
        places = np.linspace(0, 1, 41)
        return Curve(tuple(places), tuple(function(places, self(places))))


@functools.lru_cache(maxsize=32)
def _table(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    places = np.linspace(0, curve.frequencies[-1], FINE)
    table = PchipInterpolator(curve.frequencies, curve.values)(places)
    places.flags.writeable = table.flags.writeable = False
    return places, table


def parametric(a: float, b: float, alpha: float, beta: float) -> Curve:
    """MTF = a/(1 + α f²) + b/(1 + β f²) + (1 − a − b), f in Nyquist frequencies.

    The form of H. Rullgård et al., J. Microsc. 243, 234 (2011), normalised to 1 at zero.

    Parameters
    ----------
    a, b
        shares of two Lorentzian terms, of zero or more, with a sum of at most 1.
    alpha, beta
        how fast each falls, of zero or more.
    """
    given = [_number(v, "a parameter") for v in (a, b, alpha, beta)]
    if min(given) < 0 or a + b > 1:
        raise InvalidInput(f"a, b, alpha, beta are {given}; give numbers of zero or more, with a + b of at most 1")
    f = np.linspace(0, 1, 201)
    return Curve(tuple(f), tuple(a / (1 + alpha * f**2) + b / (1 + beta * f**2) + (1 - a - b)))


def read_csv(path: str | os.PathLike[str]) -> dict[str, Curve]:
    """Curves from a CSV file: a column ``frequency`` in Nyquist frequencies, and one for each curve, by name.

    Lines that begin with # are comments.

    Raises
    ------
    InvalidInput
        If the file cannot be read, a cell is empty or no number, or a column makes no `Curve`; with the line's number.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read the detector curves in {path} ({error})") from error
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    cells = [(number, [cell.strip() for cell in next(csv.reader([line]))]) for number, line in rows]
    if not cells or cells[0][1][0] != "frequency" or len(cells[0][1]) < 2:
        raise InvalidInput(f"{path}: the first line must name the columns: frequency, then curves, as in frequency,mtf")
    names = cells[0][1]
    points: list[list[float]] = []
    for number, row in cells[1:]:
        if len(row) != len(names):
            raise InvalidInput(f"{path}, line {number}: {len(row)} cells where the header has {len(names)}")
        points.append([_cell(cell, f"{path}, line {number}, column {n}") for cell, n in zip(row, names, strict=True)])
    columns: Iterable[tuple[float, ...]] = zip(*points, strict=True) if points else [() for _ in names]
    frequency, *curves = columns
    try:
        return {name: Curve(frequency, values) for name, values in zip(names[1:], curves, strict=True)}
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error


def _cell(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InvalidInput(f"{place} holds {text!r}; fill the hole with a number, or leave the line out") from None
    if not math.isfinite(value):
        raise InvalidInput(f"{place} holds {text!r}; fill the hole with a number, or leave the line out")
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise InvalidInput(f"Curve: {what} is {value!r}; give finite numbers")
    return float(value)
