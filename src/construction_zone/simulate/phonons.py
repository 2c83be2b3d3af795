"""Thermal displacements of atoms, frozen: the Einstein model.

Every atom moves as an independent harmonic oscillator: its displacement in a frozen configuration is normal along
each axis with the root mean square u, where the Debye–Waller parameter is B = 8π²u² (Loane, Xu & Silcox, Acta
Cryst. A47 (1991) 267).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import ase
import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from construction_zone import seeding
from construction_zone.errors import InvalidInput


@cache
def _table() -> dict[str, float]:
    text = files(__package__).joinpath("thermal.csv").read_text()
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["symbol"]: float(row["u"]) for row in rows}


def rms_displacements(
    atoms: ase.Atoms, displacements: Mapping[str, float] | float | None = None
) -> NDArray[np.float64]:
    """Root mean square displacement per axis, (n,) in Å, of each of `atoms`.

    `displacements` (Å, one number or one per element symbol) goes first; then the array ``thermal_u`` that the atom's
    generator set for its phase (0 = not known); then the element's value at 300 K in ``thermal.csv``.

    Raises
    ------
    InvalidInput
        if an atom's value is in none of them, or one is negative.
    """
    u = np.array(atoms.arrays.get("thermal_u", np.zeros(len(atoms))), dtype=np.float64)
    if displacements is not None and not isinstance(displacements, Mapping):
        u = np.full(len(atoms), float(displacements))
    elif displacements is not None:
        unknown = set(displacements) - set(chemical_symbols)
        if unknown:
            raise InvalidInput(f"displacements= names {sorted(unknown)}, which are no element symbols")
    given = displacements if isinstance(displacements, Mapping) else {}
    missing = []
    for number in np.unique(atoms.numbers):
        symbol, of_element = chemical_symbols[number], atoms.numbers == number
        if symbol in given:
            u[of_element] = given[symbol]
        elif displacements is None or given:
            unset = of_element & ~(u > 0)
            if unset.any() and symbol in _table():
                u[unset] = _table()[symbol]
            elif unset.any():
                missing.append(symbol)
    if missing:
        raise InvalidInput(
            f"no thermal displacement is known for {', '.join(missing)} in these atoms; pass displacements={{"
            + ", ".join(f'"{symbol}": u' for symbol in missing)
            + "} with the rms displacement u per axis in Å (B = 8π²u²), or phonons=None for atoms at rest"
        )
    if not np.all(np.isfinite(u) & (u >= 0)):
        raise InvalidInput("a thermal displacement is negative or not a number; give rms values u ≥ 0 in Å")
    return u


def displaced(
    positions: NDArray[np.float64],
    u: NDArray[np.float64],
    ids: NDArray[np.int64],
    seed: seeding.Seed,
    configuration: int,
) -> NDArray[np.float64]:
    """`positions` (n, 3) in Å, displaced for frozen configuration number `configuration`.

    The displacement belongs to an atom's id: the same atom has the same one in any subset of a scene, and
    configuration *k* is the same however many are made.
    """
    rng = seeding.generator(seed, "phonons", configuration)
    normal = rng.standard_normal((int(ids.max()) + 1 if len(ids) else 0, 3))
    return positions + u[:, None] * normal[ids]
