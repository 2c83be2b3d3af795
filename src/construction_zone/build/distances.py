"""How close atoms of different elements may come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike

from construction_zone.build import elements, inputs
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput

CONTACT = 2.0
"""Å. Below metal–carbon and metal–metal bonds, and above any distance at which atoms sit on top of each other."""

Pair = tuple[str, str]
Given: TypeAlias = "float | Mapping[Pair | str, float] | PairDistances"
"""One distance in Å, or one a pair of elements: {("C", "Au"): 2.0, "C-C": 1.4, "default": 2.2}."""


@dataclass(frozen=True)
class PairDistances:
    """A distance in Å for each pair of elements.

    Parameters
    ----------
    default
        For pairs that are not listed.
    pairs
        ((element, element), distance), elements of a pair in alphabetical order.
    """

    default: float = CONTACT
    pairs: tuple[tuple[Pair, float], ...] = ()

    @classmethod
    def of(cls, given: Given, what: str = "min_distance", default: float = CONTACT) -> PairDistances:
        """`given` in one form; raises `InvalidInput` for unknown elements, a pair given twice, or a bad number."""
        if isinstance(given, PairDistances):
            return given
        if not isinstance(given, Mapping):
            return cls(inputs.not_negative(given, what))
        found: dict[Pair, float] = {}
        for key, value in given.items():
            if key == "default":
                default = inputs.not_negative(value, f"{what} 'default'")
                continue
            pair = _pair(key, what)
            if pair in found:
                raise InvalidInput(f"{what} gives the pair {pair[0]}–{pair[1]} twice; give it once")
            found[pair] = inputs.not_negative(value, f"{what} of {pair[0]}–{pair[1]}")
        return cls(default, tuple(sorted(found.items())))

    @property
    def largest(self) -> float:
        """The largest distance, in Å, that any pair may have."""
        return max([self.default, *(distance for _, distance in self.pairs)])

    def matrix(self, numbers: ArrayLike) -> Floats:
        """(n, n) distances in Å between the elements of the (n,) atomic `numbers`."""
        symbols = [chemical_symbols[int(z)] for z in np.asarray(numbers)]
        known = dict(self.pairs)
        return np.array([[known.get((min(a, b), max(a, b)), self.default) for b in symbols] for a in symbols])

    def plain(self) -> dict[str, float]:
        """{"default": 2.0, "Au-C": 2.3}, as records have it and as `of` takes it."""
        return {"default": self.default, **{f"{a}-{b}": distance for (a, b), distance in self.pairs}}

    def __str__(self) -> str:
        listed = ", ".join(f"{a}–{b} {distance:g} Å" for (a, b), distance in self.pairs)
        return f"{self.default:g} Å" + (f" ({listed})" if listed else "")


def pair_name(first: str, second: str) -> str:
    """ "Au-C": two elements in alphabetical order."""
    return "-".join(sorted((first, second)))


def _pair(key: Any, what: str) -> Pair:
    parts = key.split("-") if isinstance(key, str) else key
    if not isinstance(parts, (tuple, list)) or len(parts) != 2:
        raise InvalidInput(
            f"{what} has the key {key!r}; give pairs of elements such as ('C', 'Au') or 'C-Au', or 'default'"
        )
    first, second = (str(part).strip() for part in parts)
    for symbol in (first, second):
        elements.number(symbol)
    return (min(first, second), max(first, second))
