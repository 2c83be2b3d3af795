"""Sites that hold one of several elements, or nothing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from construction_zone.build import elements
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from construction_zone.build.generators.crystal import Crystal

Occupancy = Mapping[str, float] | tuple[tuple[str, float], ...]
"""The probability of each element on a site."""

Occupants = tuple[tuple[tuple[str, float], ...], ...]

ROUNDING = 1e-3
"""How far the occupancies of a site may pass 1: files give 0.3333 for a third."""


def checked_occupancy(given: Sequence[Occupancy], count: int) -> Occupants:
    """The occupancies of `count` sites in their stored form; empty if none are given or all sites are full."""
    if isinstance(given, Mapping) or len(given) not in (0, count):
        raise InvalidInput(f"occupancy has {len(given)} entries for {count} sites; give one mapping a site")
    checked = tuple(_checked(site, index) for index, site in enumerate(given))
    if all(len(site) == 1 and site[0][1] == 1 for site in checked):
        return ()
    return checked


def grouped(kinds: Sequence[Hashable]) -> NDArray[np.int64]:
    """A number for each entry, the same for equal ones, in the order in which they first occur."""
    order = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    return np.array([order[kind] for kind in kinds], dtype=np.int64)


def majority(occupants: Occupants) -> NDArray[np.int64]:
    """(n,) atomic number of the most probable element of each site."""
    return np.array([elements.number(max(site, key=lambda kind: kind[1])[0]) for site in occupants], dtype=np.int64)


def drawn(
    occupancy: Sequence[Occupancy], site: NDArray[np.unsignedinteger], rng: np.random.Generator
) -> NDArray[np.int64]:
    """An atomic number for each of the sites (m,), drawn independently; 0 is a vacancy."""
    occupants = [tuple(dict(kinds).items()) for kinds in occupancy]
    most = max(map(len, occupants))
    bounds = np.ones((len(occupants), most))
    numbers = np.zeros((len(occupants), most + 1), dtype=np.int64)
    for row, kinds in enumerate(occupants):
        bounds[row, : len(kinds)] = np.cumsum([probability for _, probability in kinds])
        numbers[row, : len(kinds)] = [elements.number(symbol) for symbol, _ in kinds]
        if bounds[row, len(kinds) - 1] > 1 - ROUNDING:
            bounds[row, len(kinds) - 1 :] = 1.0
    # one number a site, so that what is drawn for a site does not hang on the others
    value = rng.random(len(site))
    column = np.zeros(len(site), dtype=np.int64)
    for k in range(most):
        column += value >= bounds[site, k]
    return numbers[site, column]


def census(numbers: NDArray[np.int64]) -> dict[str, int]:
    """How many atoms of each element there are; 0 counts as a vacancy."""
    kinds, counts = np.unique(numbers, return_counts=True)
    names = ["vacancy" if z == 0 else chemical_symbols[z] for z in kinds.tolist()]
    return dict(zip(names, counts.tolist(), strict=True))


def replaced(crystal: Crystal, occupancy: Mapping[str | int, Occupancy]) -> Occupants:
    """The occupancies of `crystal` after those of some elements or sublattices are replaced."""
    current = full(crystal)
    for key, kinds in occupancy.items():
        chosen = crystal.numbers == elements.number(key) if isinstance(key, str) else crystal.sublattice == key
        if not chosen.any():
            known = f"{', '.join(census(crystal.numbers))} and sublattices {sorted(set(crystal.sublattice.tolist()))}"
            raise InvalidInput(f"{crystal.phase} has no site of {key!r}; it has {known}")
        new = _checked(kinds, int(np.flatnonzero(chosen)[0]))
        current = [new if own else old for own, old in zip(chosen.tolist(), current, strict=True)]
    return tuple(current)


def full(crystal: Crystal) -> list[tuple[tuple[str, float], ...]]:
    """The occupancies of all sites of `crystal`, spelt out for ordered sites too."""
    if crystal.occupancy:
        return [tuple(dict(kinds).items()) for kinds in crystal.occupancy]
    return [((chemical_symbols[z], 1.0),) for z in crystal.numbers.tolist()]


def _checked(given: Occupancy, index: int) -> tuple[tuple[str, float], ...]:
    kinds = dict(given)
    shown = " + ".join(f"{symbol} {amount}" for symbol, amount in kinds.items()) or "nothing"
    for symbol, amount in kinds.items():
        elements.number(symbol)
        if isinstance(amount, (bool, str)) or not np.isfinite(amount) or amount < 0:
            raise InvalidInput(f"site {index} holds {shown}: an occupancy must be a number from 0 to 1")
    total = float(sum(kinds.values()))
    if total > 1 + ROUNDING:
        raise InvalidInput(
            f"site {index} holds {shown}: its occupancies add up to {total:g}, more than 1; give the part of the "
            "time that each element is there (a sum below 1 leaves vacancies)"
        )
    if total <= 0:
        raise InvalidInput(f"site {index} holds {shown}: it is never occupied; leave it out")
    return tuple((symbol, float(amount)) for symbol, amount in sorted(kinds.items()) if amount > 0)
