"""Reference data that ship with the package: lattice constants and thermal displacements, each with its source."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class LatticeConstants:
    """Lattice constants of a material near room temperature.

    Parameters
    ----------
    a, c
        Edge lengths in Å; `c` is None for cubic lattices.
    u
        The free coordinate of the structure, or None where the source has none: the height of the anion above the
        cation in units of `c` (wurtzite); x of oxygen (rutile), z above the metal (anatase); u of oxygen counted from
        the centre of inversion (spinel); z of X (2H MX₂). See `generators.prototypes`.
    source
        Where the numbers are from.
    """

    a: float
    c: float | None
    u: float | None
    source: str


@cache
def lattices() -> dict[tuple[str, str], LatticeConstants]:
    """All tabulated lattice constants, by (prototype, formula)."""
    return {
        (row["prototype"], row["formula"]): LatticeConstants(
            float(row["a"]),
            float(row["c"]) if row["c"] else None,
            float(row["u"]) if row["u"] else None,
            row["source"],
        )
        for row in _rows("lattices.csv")
    }


@cache
def displacements() -> dict[tuple[str, str], float]:
    """Tabulated rms thermal displacements per axis (Å, about 300 K) by (phase, element)."""
    return {(row["phase"], row["element"]): float(row["rms_displacement"]) for row in _rows("displacements.csv")}


@cache
def element_displacements() -> dict[str, float]:
    """Tabulated rms thermal displacements per axis (Å, 300 K) by element, for phases without one of their own."""
    return {row["symbol"]: float(row["u"]) for row in _rows("elements.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("construction_zone.build") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
