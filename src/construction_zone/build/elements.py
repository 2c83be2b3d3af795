"""Chemical elements and compositions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from construction_zone.conventions import AVOGADRO
from construction_zone.errors import InvalidInput

Composition = tuple[tuple[str, float], ...]
"""Element symbols and how many atoms of each a formula unit has."""

_UNIT = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?|\.\d+)?")


def number(symbol: str) -> int:
    """Atomic number of the element `symbol`."""
    if not isinstance(symbol, str) or symbol not in atomic_numbers or atomic_numbers[symbol] == 0:
        close = get_close_matches(str(symbol).capitalize(), [s for s in atomic_numbers if s != "X"], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InvalidInput(f"{symbol!r} is not a chemical element; give a symbol such as 'Au'{hint}")
    return int(atomic_numbers[symbol])


def kinds(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different atomic numbers (s,) among `numbers` (n,), in order, and which of them each is (n,)."""
    found = np.flatnonzero(np.bincount(numbers))  # several times faster than numpy's unique, which sorts
    place = np.zeros(int(found[-1]) + 1 if len(found) else 0, dtype=np.int64)
    place[found] = np.arange(len(found))
    return found.astype(np.int64), place[numbers]


def composition(given: str | Mapping[str, float]) -> Composition:
    """The composition of a formula ("C", "SiO2") or of a mapping {"Si": 1, "O": 2}."""
    if isinstance(given, str):
        units = [(symbol, float(amount) if amount else 1.0) for symbol, amount in _UNIT.findall(given)]
        if not units or _UNIT.sub("", given):
            raise InvalidInput(f"{given!r} is not a chemical formula; write it like 'C', 'SiO2' or {{'Si': 1, 'O': 2}}")
    elif isinstance(given, Mapping) and given:
        units = [(symbol, float(amount)) for symbol, amount in given.items()]
    else:
        raise InvalidInput(f"composition is {given!r}; write it like 'C', 'SiO2' or {{'Si': 1, 'O': 2}}")
    amounts: dict[str, float] = {}
    for symbol, amount in units:
        number(symbol)
        if not np.isfinite(amount) or amount <= 0:
            raise InvalidInput(f"composition {given!r}: the amount of {symbol} is {amount:g}; it must be above zero")
        amounts[symbol] = amounts.get(symbol, 0.0) + amount
    return tuple(amounts.items())


def formula(units: Composition) -> str:
    """The composition written as a formula."""
    return "".join(symbol + ("" if amount == 1 else f"{amount:g}") for symbol, amount in units)


def number_density(density: float, units: Composition) -> float:
    """Atoms per Å³ of a material of `density` (g/cm³)."""
    atoms = sum(amount for _, amount in units)
    mass = sum(amount * float(atomic_masses[number(symbol)]) for symbol, amount in units)
    return density * AVOGADRO / mass * atoms * 1e-24


def apportion(count: int, units: Composition) -> NDArray[np.int64]:
    """Atomic numbers of `count` atoms in the ratio of the composition (largest remainders), element by element."""
    amounts = np.array([amount for _, amount in units])
    shares = count * amounts / amounts.sum()
    whole = np.floor(shares + 1e-9).astype(int)
    order = np.argsort(-(shares - whole), kind="stable")
    whole[order[: count - int(whole.sum())]] += 1
    return np.repeat([number(symbol) for symbol, _ in units], whole).astype(np.int64)
