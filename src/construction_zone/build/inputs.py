"""Numbers from outside, checked once at the boundary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from construction_zone.errors import InvalidInput

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Point = tuple[float, float, float]


def frozen(values: ArrayLike, dtype: Any = np.float64) -> NDArray[Any]:
    """A read-only copy of `values`, so that frozen dataclasses are frozen through and through."""
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


def point(values: ArrayLike, what: str) -> Point:
    """Three finite numbers, as a tuple; `what` names them in the error."""
    array = floats(values, what)
    if array.shape != (3,):
        raise InvalidInput(f"{what} has shape {array.shape}; give three numbers (x, y, z)")
    if not np.isfinite(array).all():
        raise InvalidInput(f"{what} is {array.tolist()}; give three finite numbers (x, y, z)")
    return (float(array[0]), float(array[1]), float(array[2]))


def direction(values: ArrayLike, what: str) -> Floats:
    """Three finite numbers that are not all zero, as a unit vector."""
    array = np.array(point(values, what))
    length = float(np.linalg.norm(array))
    if length == 0:
        raise InvalidInput(f"{what} is the zero vector; give a direction such as (0, 0, 1)")
    return array / length


def positive(value: Any, what: str, unit: str = "Å") -> float:
    """A finite number above zero."""
    given = number(value, what)
    if not np.isfinite(given) or given <= 0:
        raise InvalidInput(f"{what} is {_with(given, unit)}; it must be finite and above zero")
    return given


def not_negative(value: Any, what: str, unit: str = "Å") -> float:
    """A finite number, zero or above."""
    given = number(value, what)
    if not np.isfinite(given) or given < 0:
        raise InvalidInput(f"{what} is {_with(given, unit)}; it must be finite and not negative")
    return given


def points(values: ArrayLike, what: str = "points") -> Floats:
    """An (n, 3) array of finite coordinates; one point may be given as three numbers."""
    array = np.atleast_2d(floats(values, what))
    if array.ndim != 2 or array.shape[1] != 3:
        raise InvalidInput(f"{what} has shape {array.shape}; give coordinates of shape (n, 3)")
    finite = np.isfinite(array)
    if not finite.all():  # row by row takes ten times as long
        bad = ~finite.all(axis=1)
        first = int(np.flatnonzero(bad)[0])
        raise InvalidInput(
            f"{what}: row {first} is {array[first].tolist()} (of {int(bad.sum())} rows that are not finite)"
        )
    return array


def cell(values: ArrayLike) -> Point:
    """Three edge lengths (Lx, Ly, Lz) in Å of an orthogonal cell, all above zero."""
    lengths = point(values, "cell")
    if min(lengths) <= 0:
        raise InvalidInput(f"cell is {lengths}; the three edge lengths (Lx, Ly, Lz) in Å must be above zero")
    return lengths


def periodic(values: Sequence[bool]) -> tuple[bool, bool, bool]:
    """Three booleans: along which axes the cell repeats."""
    flags = tuple(values)
    if len(flags) != 3 or not all(isinstance(flag, (bool, np.bool_)) for flag in flags):
        raise InvalidInput(f"periodic is {values!r}; give three booleans such as (True, True, False)")
    return (bool(flags[0]), bool(flags[1]), bool(flags[2]))


def floats(values: ArrayLike, what: str) -> Floats:
    """An array of numbers of any shape, which need not be finite."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{what} is {values!r}; give numbers") from error


def number(value: Any, what: str) -> float:
    """One number, which need not be finite."""
    if isinstance(value, (bool, str)):
        raise InvalidInput(f"{what} is {value!r}; give a number")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{what} is {value!r}; give a number") from error


def _with(number: float, unit: str) -> str:
    return f"{number:g} {unit}".rstrip()
