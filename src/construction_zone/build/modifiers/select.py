"""Which atoms a modifier means, how many of them, and how they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from construction_zone.build import elements
from construction_zone.build.inputs import Floats
from construction_zone.build.modifiers.base import KEY, Setting
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

Indices = NDArray[np.intp]


def checked_choice(of: Any, sublattice: Any, within: Any) -> None:
    """Refuse what cannot name atoms: an unknown element, a sublattice that is no number, a region that is no volume."""
    if of is not None:
        elements.number(of)
    if sublattice is not None and (isinstance(sublattice, bool) or not isinstance(sublattice, (int, np.integer))):
        raise InvalidInput(f"sublattice is {sublattice!r}; give the whole number that the crystal gives its sites")
    if within is not None and not isinstance(within, Volume):
        raise InvalidInput(f"within is {within!r}; give a volume such as Ball(10)")


def checked_amount(fraction: float | None, count: int | None) -> None:
    """Refuse anything but a fraction from 0 to 1 or a whole number, one of the two."""
    if (fraction is None) == (count is None):
        raise InvalidInput("give a fraction or a count=, one of the two")
    if fraction is not None and not (isinstance(fraction, (int, float)) and 0 <= fraction <= 1):
        raise InvalidInput(f"fraction is {fraction!r}; give a number from 0 to 1")
    if count is not None and (isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0):
        raise InvalidInput(f"count is {count!r}; give a whole number, 0 or more")


def candidates(
    atoms: Atoms, setting: Setting, of: str | None, sublattice: int | None, within: Volume | None
) -> Indices:
    """The atoms that are of an element, on a sublattice and within a region; `InvalidInput` if there are none."""
    chosen = np.ones(len(atoms), dtype=bool)
    if of is not None:
        chosen &= atoms.numbers == elements.number(of)
    if sublattice is not None:
        if "sublattice" not in atoms.arrays:
            raise InvalidInput("these atoms have no sublattices; choose them by element")
        chosen &= atoms.arrays["sublattice"] == sublattice
    if within is not None:
        chosen &= setting.inside(within, atoms.positions)
    if not chosen.any():
        wanted = [f"element {of}"] * (of is not None) + [f"sublattice {sublattice}"] * (sublattice is not None)
        wanted += ["in the region"] * (within is not None)
        have = ", ".join(chemical_symbols[z] for z in np.unique(atoms.numbers).tolist())
        raise InvalidInput(f"no atom to choose ({', '.join(wanted)}): the {len(atoms)} atoms are {have}")
    return np.flatnonzero(chosen)


def amount(fraction: float | None, count: int | None, available: int, what: str) -> int:
    """How many of the `available` are meant; `InvalidInput` if there are not so many."""
    number = round(fraction * available) if fraction is not None else int(count or 0)
    if number > available:
        raise InvalidInput(f"{number} {what} asked for, but there are only {available} sites for them")
    return number


def uniform(atoms: Atoms, rng: np.random.Generator) -> Floats:
    """A random number in [0, 1) for each atom (n,), which stays the atom's own when others come or go."""
    keys = atoms.arrays[KEY]
    return rng.random(int(keys.max(initial=-1)) + 1)[keys]


def drawn(atoms: Atoms, chosen: Indices, number: int, rng: np.random.Generator) -> Indices:
    """`number` of the atoms `chosen`, at random, in ascending order."""
    values = uniform(atoms, rng)[chosen]
    return np.sort(chosen[np.argsort(values, kind="stable")[:number]])


def renumbered(atoms: Atoms, index: Indices, numbers: NDArray[np.int64]) -> Atoms:
    """`atoms` with the elements `numbers` at `index`.

    A newcomer vibrates like the other atoms of its element, if they all agree; else its displacement is not known (0).
    """
    changed = atoms.copy()
    known = thermal_by_element(atoms)
    changed.numbers[index] = numbers
    if "thermal_u" in changed.arrays:
        moved = index[atoms.numbers[index] != numbers]
        changed.arrays["thermal_u"][moved] = [known.get(z, 0.0) for z in changed.numbers[moved].tolist()]
    return changed


def thermal_by_element(atoms: Atoms) -> dict[int, float]:
    """The rms displacement (Å) of each element whose atoms all have the same."""
    if "thermal_u" not in atoms.arrays:
        return {}
    u = atoms.arrays["thermal_u"]
    by_element = {z: u[atoms.numbers == z] for z in np.unique(atoms.numbers).tolist()}
    return {z: float(values[0]) for z, values in by_element.items() if (values == values[0]).all()}


def counts(numbers: NDArray[np.int64]) -> dict[str, int]:
    """How many atoms of each element there are."""
    kinds, many = np.unique(numbers, return_counts=True)
    return {chemical_symbols[z]: n for z, n in zip(kinds.tolist(), many.tolist(), strict=True)}
