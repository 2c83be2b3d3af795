"""Solid solutions by Vegard's law."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.generators import prototypes, sites
from construction_zone.build.generators.crystal import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput


def vegard(parts: Mapping[str | Crystal, float], phase: str | None) -> Crystal:
    """The solid solution of `parts`; see `Crystal.alloy`."""
    if not isinstance(parts, Mapping) or not parts:
        raise InvalidInput(f"parts is {parts!r}; give mole fractions such as {{'fcc Au': 0.5, 'fcc Ag': 0.5}}")
    crystals = [prototypes.named(part) if isinstance(part, str) else part for part in parts]
    for crystal in crystals:
        if not isinstance(crystal, Crystal):
            raise InvalidInput(f"an alloy of {crystal!r}; give crystals or names such as 'fcc Au'")
    names = [crystal.phase for crystal in crystals]
    weights = np.array(
        [inputs.not_negative(x, f"mole fraction of {n}", "") for n, x in zip(names, parts.values(), strict=True)]
    )
    if abs(weights.sum() - 1) > sites.ROUNDING:
        raise InvalidInput(
            f"the mole fractions of {', '.join(names)} add up to {weights.sum():g}; they must add up to 1"
        )
    weights = weights / weights.sum()
    first = crystals[0]
    shifts = [_shift_to(first, crystal) for crystal in crystals]
    lattice = np.einsum("p,pij->ij", weights, [crystal.lattice for crystal in crystals])
    fractional = first.fractional + np.einsum("p,pij->ij", weights, shifts)
    mixed: list[dict[str, float]] = [{} for _ in first.numbers]
    for crystal, weight in zip(crystals, weights.tolist(), strict=True):
        for site, kinds in zip(mixed, sites.full(crystal), strict=True):
            for symbol, amount in kinds:
                site[symbol] = site.get(symbol, 0.0) + weight * amount
    occupants = sites.checked_occupancy([{s: x for s, x in site.items() if x > 0} for site in mixed], len(mixed))
    numbers = sites.majority(occupants) if occupants else first.numbers
    # a site keeps its displacement only where all parts agree on it
    thermal = np.where(
        [len({float(c.thermal_u[i]) for c in crystals}) == 1 for i in range(len(numbers))], first.thermal_u, 0
    )
    name = phase or " + ".join(f"{weight:g} {name}" for weight, name in zip(weights.tolist(), names, strict=True))
    return Crystal(
        lattice, fractional, numbers, name, thermal, pose=first.pose, occupancy=occupants, sublattice=first.sublattice
    )


def _shift_to(first: Crystal, other: Crystal) -> Floats:
    """How far (n, 3) the sites of `other` lie from those of `first`, in fractions of the cell."""
    same = len(first.numbers) == len(other.numbers) and np.array_equal(first.sublattice, other.sublattice)
    if same:
        shift = other.fractional - first.fractional
        shift -= np.round(shift)
        # a free coordinate differs by a few hundredths; another structure by an eighth or more
        same = bool(np.abs(shift).max() < 0.06) and np.allclose(_shape(first), _shape(other), atol=0.15)
    if not same:
        raise InvalidInput(
            f"{first.phase} and {other.phase} have different structures; Vegard's law mixes crystals of one structure, "
            "site for site"
        )
    return shift


def _shape(crystal: Crystal) -> Floats:
    """The metric of the lattice for a cell of volume 1."""
    return crystal.lattice @ crystal.lattice.T / abs(np.linalg.det(crystal.lattice)) ** (2 / 3)
