"""Prototype structures: the arrangement is built in, the lattice constants come from the table or the caller.

The arrangements are those of R. W. G. Wyckoff, *Crystal Structures*, 2nd ed., vol. 1–3 (1963–65).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import numpy as np
from ase.data import chemical_symbols

from construction_zone.build import elements, inputs, reference
from construction_zone.build.generators.crystal import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput

SHEET_SPACING = 1000.0
"""Å. A single sheet is a crystal whose next sheet is this far away."""

_FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
_BCC = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
_CORNER = np.zeros((1, 3))
_FACES = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
# the sites 1/3 2/3 z and 2/3 1/3 z of hexagonal cells
_B, _C = (1 / 3, 2 / 3), (2 / 3, 1 / 3)


@dataclass(frozen=True)
class Prototype:
    """An arrangement of atoms.

    Parameters
    ----------
    ratio
        How many atoms of each element a formula unit has, in the order of `sites`.
    axes
        "cubic" (a alone), "tetragonal" or "hexagonal" (a and c).
    sites
        Fractional sites of each element, one array a sublattice, for a given u.
    u
        What u is if neither the caller nor the table says so; None for a structure without a free coordinate.
    sheet
        The bulk structure of whose layers this is a single one.
    """

    ratio: tuple[int, ...]
    axes: Literal["cubic", "tetragonal", "hexagonal"]
    sites: Callable[[float], list[Floats]]
    u: float | None = None
    sheet: str | None = None


def _sites(*rows: tuple[float, float, float]) -> Floats:
    return np.array(rows, dtype=np.float64)


def _hexagonal_pair(z: float) -> Floats:
    return _sites((*_B, z), (*_C, z + 0.5))


def _rutile(u: float) -> list[Floats]:
    oxygen = _sites((u, u, 0), (-u, -u, 0), (0.5 + u, 0.5 - u, 0.5), (0.5 - u, 0.5 + u, 0.5))
    return [_BCC, oxygen]


def _anatase(u: float) -> list[Floats]:
    metal = _sites((0, 0, 0), (0.5, 0.5, 0.5), (0, 0.5, 0.25), (0.5, 0, 0.75))
    up = np.array([0, 0, u])
    return [metal, np.concatenate([metal + up, metal - up])]


def _spinel(u: float) -> list[Floats]:
    """Origin at the centre of inversion, an octahedral site being at 1/2 1/2 1/2."""
    face = np.array([[0, 0, 0], [0.25, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0.25]])
    octahedral = (_FCC[:, None] + 0.5 + face).reshape(-1, 3)
    tetrahedral = np.concatenate([_FCC + 0.125, _FCC + 0.875])
    # 32e: u u u with the glides that leave the tetrahedral site in place, and their inverses
    orbit = _sites((u, u, u), (u, 0.25 - u, 0.25 - u), (0.25 - u, u, 0.25 - u), (0.25 - u, 0.25 - u, u))
    oxygen = (_FCC[:, None] + np.concatenate([orbit, -orbit])).reshape(-1, 3)
    return [tetrahedral, octahedral, oxygen]


def _molybdenite(u: float) -> list[Floats]:
    metal = _sites((*_B, 0.25), (*_C, 0.75))
    return [metal, _sites((*_C, 0.5 - (u - 0.5)), (*_C, u - 0.5), (*_B, u), (*_B, 1.5 - u))]


def _molybdenite_sheet(thickness: float) -> list[Floats]:
    half = thickness / 2
    return [_sites((*_B, 0.5)), _sites((*_C, 0.5 + half), (*_C, 0.5 - half))]


PROTOTYPES = {
    "fcc": Prototype((1,), "cubic", lambda u: [_FCC]),
    "bcc": Prototype((1,), "cubic", lambda u: [_BCC]),
    "hcp": Prototype((1,), "hexagonal", lambda u: [_hexagonal_pair(0.25)]),
    "diamond": Prototype((1,), "cubic", lambda u: [np.concatenate([_FCC, _FCC + 0.25])]),
    "zincblende": Prototype((1, 1), "cubic", lambda u: [_FCC, _FCC + 0.25]),
    "wurtzite": Prototype((1, 1), "hexagonal", lambda u: [_hexagonal_pair(0.0), _hexagonal_pair(u)], u=0.375),
    "rocksalt": Prototype((1, 1), "cubic", lambda u: [_FCC, _FCC + np.array([0.5, 0, 0])]),
    "fluorite": Prototype((1, 2), "cubic", lambda u: [_FCC, np.concatenate([_FCC + 0.25, _FCC + 0.75])]),
    "rutile": Prototype((1, 2), "tetragonal", _rutile, u=0.305),
    "anatase": Prototype((1, 2), "tetragonal", _anatase, u=0.208),
    "perovskite": Prototype((1, 1, 3), "cubic", lambda u: [_CORNER, _CORNER + 0.5, _FACES]),
    "spinel": Prototype((1, 2, 4), "cubic", _spinel, u=0.25),
    "L1_0": Prototype((1, 1), "tetragonal", lambda u: [_FCC[[0, 3]], _FCC[[1, 2]]]),
    "L1_2": Prototype((3, 1), "cubic", lambda u: [_FACES, _CORNER]),
    "graphite": Prototype((1,), "hexagonal", lambda u: [_sites((0, 0, 0.25), (0, 0, 0.75), (*_B, 0.25), (*_C, 0.75))]),
    "h-BN": Prototype((1, 1), "hexagonal", lambda u: [_hexagonal_pair(0.25), _hexagonal_pair(0.75)]),
    "2H": Prototype((1, 2), "hexagonal", _molybdenite, u=0.621),
    "graphene": Prototype((1,), "hexagonal", lambda u: [_sites((0, 0, 0.5), (*_B, 0.5))], sheet="graphite"),
    "h-BN-sheet": Prototype((1, 1), "hexagonal", lambda u: [_sites((*_B, 0.5)), _sites((*_C, 0.5))], sheet="h-BN"),
    "1H": Prototype((1, 2), "hexagonal", _molybdenite_sheet, u=0.621, sheet="2H"),
}


def named(name: str, **constants: float) -> Crystal:
    """The crystal called "<prototype> <formula>", e.g. "fcc Au" or "wurtzite CdSe"."""
    parts = name.split() if isinstance(name, str) else []
    if len(parts) != 2:
        raise InvalidInput(f"{name!r} names no crystal; write a prototype and a formula such as 'fcc Au'")
    unknown = set(constants) - {"a", "c", "u"}
    if unknown:
        raise InvalidInput(f"{', '.join(sorted(unknown))} is no lattice constant; give a=, c= (Å) or u=")
    return make(parts[0], parts[1], **constants)


def make(
    prototype: str, formula: str, a: float | None = None, c: float | None = None, u: float | None = None
) -> Crystal:
    """The crystal of `formula` in the structure `prototype`; lattice constants not given come from the table."""
    kind = PROTOTYPES.get(prototype)
    if kind is None:
        close = get_close_matches(str(prototype), PROTOTYPES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InvalidInput(f"{prototype!r} is no prototype; {hint}known are {', '.join(PROTOTYPES)}")
    symbols = _assigned(prototype, kind, formula)
    a, c, u = _constants(prototype, formula, kind, a, c, u)
    if kind.sheet is not None:
        # u of the bulk layer, 2(3/4 − u)c from face to face, in units of the new c
        u, c = 2 * (0.75 - u) * c / SHEET_SPACING, SHEET_SPACING
    sites = kind.sites(u)
    counts = [len(block) for block in sites]
    numbers = np.repeat([elements.number(symbol) for symbol in symbols], counts)
    phase = f"{prototype} {formula}"
    known = reference.displacements()
    thermal = [known.get((phase, chemical_symbols[z]), 0.0) for z in numbers]
    fractional = np.concatenate(sites)
    if kind.sheet is not None:
        fractional = fractional - [0, 0, 0.5]  # the sheet lies in the plane z = 0
    sublattice = np.repeat(np.arange(len(sites)), counts)
    return Crystal(_axes(kind, a, c), fractional, numbers, phase, np.array(thermal), sublattice=sublattice)


def _assigned(prototype: str, kind: Prototype, formula: str) -> list[str]:
    """The element on each sublattice; an element that takes several (Fe₃O₄) stands for all of them."""
    units = elements.composition(formula)
    given = dict(units)
    if tuple(given.values()) == kind.ratio:
        return list(given)
    if len(set(kind.ratio)) == len(kind.ratio) == len(given) and sorted(given.values()) == sorted(kind.ratio):
        by_amount = {amount: symbol for symbol, amount in units}  # AuCu3 is Cu3Au
        return [by_amount[amount] for amount in kind.ratio]
    if prototype == "spinel" and tuple(given.values()) == (3, 4):
        metal, anion = given
        return [metal, metal, anion]
    wanted = " : ".join(map(str, kind.ratio))
    raise InvalidInput(
        f"{formula!r} does not fit {prototype}: it needs {len(kind.ratio)} element(s) in the ratio {wanted}"
    )


def _axes(kind: Prototype, a: float, c: float) -> Floats:
    if kind.axes != "hexagonal":
        return np.diag([a, a, c])
    return np.array([[a, 0, 0], [-a / 2, a * math.sqrt(3) / 2, 0], [0, 0, c]])


def _constants(
    prototype: str, formula: str, kind: Prototype, a: float | None, c: float | None, u: float | None
) -> tuple[float, float, float]:
    table = kind.sheet or prototype
    row = reference.lattices().get((table, formula))
    if kind.axes == "cubic" and c is not None:
        raise InvalidInput(f"{prototype} is cubic: it has no c; give a= alone")
    if u is not None and kind.u is None:
        raise InvalidInput(f"{prototype} has no free parameter u")
    needs_c = kind.axes != "cubic" and not (kind.sheet is not None and kind.u is None)
    if needs_c and (a is None) != (c is None):
        raise InvalidInput(f"{prototype} {formula}: give a= and c= together, or neither to take both from the table")
    if a is None:
        if row is None:
            wanted = "a= and c=" if needs_c else "a="
            others = sorted(f for p, f in reference.lattices() if p == table)
            raise InvalidInput(
                f"no lattice constant of {prototype} {formula} in the table; give {wanted} in Å "
                f"(the table has {prototype} {', '.join(others)})"
            )
        a, c = row.a, row.c
    if u is None:
        u = row.u if row is not None and row.u is not None else kind.u
    if u is not None and not _allowed(table)[0] < u < _allowed(table)[1]:
        low, high = _allowed(table)
        raise InvalidInput(f"u is {u:g}; in {prototype} it must lie between {low:g} and {high:g} (usual: {kind.u})")
    return inputs.positive(a, "a"), inputs.positive(a if c is None else c, "c"), 0.75 if u is None else u


def _allowed(prototype: str) -> tuple[float, float]:
    """Between which values u keeps the arrangement what it is."""
    return {"spinel": (0.2, 0.3), "2H": (0.5, 0.75), "rutile": (0.2, 0.4), "anatase": (0.125, 0.25)}.get(
        prototype, (0.0, 0.5)
    )
