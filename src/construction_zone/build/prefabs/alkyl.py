"""Straight alkyl chains with a head that binds: alkanethiolates and alkylamines, by name."""

from __future__ import annotations

import math

import numpy as np

from construction_zone.build.generators import Molecule
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput

_STEMS = ("meth", "eth", "prop", "but", "pent", "hex", "hept", "oct", "non", "dec", "undec", "dodec", "tridec",
          "tetradec", "pentadec", "hexadec", "heptadec", "octadec")  # fmt: skip
_HEADS = {"anethiolate": "S", "ylamine": "N"}

_TO_CARBON = {"S": 1.82, "N": 1.47, "C": 1.53}
_TO_HYDROGEN = {"N": 1.01, "C": 1.09}
"""Å, of sp³ carbon."""

_TETRAHEDRAL = math.degrees(math.acos(-1 / 3))


def chain(head: str, carbons: int) -> Molecule:
    """A chain of `carbons` atoms, all trans and upright along +z, that begins with its head ("S" or "N"), atom 0.

    Bonds of 1.53 Å (C–C), 1.82 (C–S), 1.47 (C–N), 1.09 (C–H) and 1.01 (N–H), all angles tetrahedral. The hydrogen of a
    thiol is not there, for its sulfur gives it up to bind.
    """
    if head not in _HEADS.values():
        raise InvalidInput(f"head is {head!r}; give 'S' for a thiolate or 'N' for an amine")
    if isinstance(carbons, bool) or carbons != int(carbons) or carbons < 1:
        raise InvalidInput(f"carbons is {carbons!r}; give a whole number, 1 or more")
    rise = math.radians(90 - _TETRAHEDRAL / 2)
    kinds = [head] + ["C"] * int(carbons)
    spine = [np.zeros(3)]
    for k, kind in enumerate(kinds[:-1]):
        step = np.array([(-1) ** k * math.sin(rise), 0.0, math.cos(rise)])
        spine.append(spine[-1] + _TO_CARBON[kind] * step)
    symbols, places = list(kinds), list(spine)
    for k, kind in enumerate(kinds):
        if kind == "S":
            continue
        bonds = [spine[j] - spine[k] for j in (k - 1, k + 1) if 0 <= j < len(spine)]
        for way in _free(bonds, 2 if kind == "N" else 4 - len(bonds)):
            symbols.append("H")
            places.append(spine[k] + _TO_HYDROGEN[kind] * way)
    from ase import Atoms

    return Molecule.from_structure(Atoms(symbols, np.array(places)), centred=False)


def _free(bonds: list[Floats], count: int) -> list[Floats]:
    """Unit vectors of `count` further tetrahedral bonds beside one or two."""
    first = bonds[0] / np.linalg.norm(bonds[0])
    across = np.array([0.0, 1.0, 0.0])  # the spine lies in the plane y = 0
    if len(bonds) == 2:
        second = bonds[1] / np.linalg.norm(bonds[1])
        out = -(first + second) / np.linalg.norm(first + second)
        half = math.radians(_TETRAHEDRAL / 2)
        return [math.cos(half) * out + sign * math.sin(half) * across for sign in (1, -1)]
    side = np.cross(across, first)
    tilt = math.radians(180 - _TETRAHEDRAL)
    # staggered against the next bond of the spine, which goes on to −side or to +side
    start = 0.0 if side[2] * first[2] < 0 else math.pi
    turns = [start + turn * 2 * math.pi / 3 for turn in range(3)][:count] if count == 3 else [
        start + turn * 2 * math.pi / 3 for turn in (1, 2)
    ]  # fmt: skip
    return [
        -math.cos(tilt) * first + math.sin(tilt) * (math.cos(turn) * side + math.sin(turn) * across) for turn in turns
    ]


def named(name: str) -> Molecule:
    """A chain by name, such as "hexanethiolate" or "octadecylamine", else a molecule that ASE knows."""
    for ending, head in _HEADS.items():
        stem = name.removesuffix(ending)
        if stem != name and stem in _STEMS:
            made = chain(head, _STEMS.index(stem) + 1)
            return Molecule(made.positions, made.numbers, name)
    try:
        return Molecule.named(name)
    except InvalidInput:
        raise InvalidInput(
            f"there is no molecule {name!r}: give a chain of up to {len(_STEMS)} carbons such as 'dodecanethiolate' or "
            "'hexylamine', a name of ase.build.molecule, or a Molecule, such as Molecule.read(path)"
        ) from None
