"""Modifiers that change which element sits where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build import elements, inputs
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.modifiers.base import Record, Setting
from construction_zone.build.modifiers.select import (
    amount,
    candidates,
    checked_amount,
    checked_choice,
    counts,
    drawn,
    renumbered,
    uniform,
)
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Substitution:
    """Puts the element `to` in place of some atoms, at random.

    Parameters
    ----------
    to
        The new element.
    fraction, count
        How many of the chosen atoms: a fraction (rounded to whole atoms, and then exact) or a number.
    of, sublattice, within
        Which atoms are meant: those of an element, of a sublattice of the crystal, in a region (which moves with the
        generator). Default: all.
    seed
        Which of the possible draws.
    """

    to: str
    fraction: float | None = None
    count: int | None = None
    of: str | None = None
    sublattice: int | None = None
    within: Volume | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        elements.number(self.to)
        checked_amount(self.fraction, self.count)
        checked_choice(self.of, self.sublattice, self.within)

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "substitution"

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The atoms with substituents; the record has how many, of what, and where (Å)."""
        chosen = candidates(atoms, setting, self.of, self.sublattice, self.within)
        number = amount(self.fraction, self.count, len(chosen), f"{self.to} atoms")
        index = drawn(atoms, chosen, number, setting.rng("sites"))
        new = np.full(number, elements.number(self.to), dtype=np.int64)
        record = {
            "to": self.to,
            "count": number,
            "of_sites": len(chosen),
            "replaced": counts(atoms.numbers[index]),
            "positions": atoms.positions[index].tolist(),
        }
        return renumbered(atoms, index, new), record


@dataclass(frozen=True)
class RandomAlloy:
    """Fills sites at random with elements in exact proportions, e.g. ``RandomAlloy({"Au": 0.5, "Cu": 0.5})``.

    The counts are the proportions of the number of chosen atoms, rounded by largest remainders. `of`, `sublattice`,
    `within` and `seed` are as in `Substitution`.
    """

    composition: str | Mapping[str, float]
    of: str | None = None
    sublattice: int | None = None
    within: Volume | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "composition", dict(elements.composition(self.composition)))
        checked_choice(self.of, self.sublattice, self.within)

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "random_alloy"

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The atoms after the draw; the record has how many there are of each element."""
        chosen = candidates(atoms, setting, self.of, self.sublattice, self.within)
        numbers = elements.apportion(len(chosen), elements.composition(self.composition))
        order = np.argsort(uniform(atoms, setting.rng("sites"))[chosen], kind="stable")
        new = np.empty(len(chosen), dtype=np.int64)
        new[order] = numbers
        return renumbered(atoms, chosen, new), {
            "made": counts(new),
            "changed": int((new != atoms.numbers[chosen]).sum()),
        }


@dataclass(frozen=True)
class Antisites:
    """Exchanges atoms of two elements in pairs, e.g. ``Antisites(("Ga", "As"), count=5)``: the composition stays.

    `fraction` is of the rarer of the two elements. `within` and `seed` are as in `Substitution`.
    """

    pair: tuple[str, str]
    fraction: float | None = None
    count: int | None = None
    within: Volume | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        pair = tuple(self.pair)
        if len(pair) != 2 or pair[0] == pair[1]:
            raise InvalidInput(f"pair is {self.pair!r}; give two different elements such as ('Ga', 'As')")
        for symbol in pair:
            elements.number(symbol)
        object.__setattr__(self, "pair", pair)
        checked_amount(self.fraction, self.count)
        checked_choice(None, None, self.within)

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "antisites"

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The atoms after the exchange; the record has the number of pairs and where each element went (Å)."""
        first, second = (candidates(atoms, setting, symbol, None, self.within) for symbol in self.pair)
        number = amount(self.fraction, self.count, min(len(first), len(second)), "antisite pairs")
        moved = [
            drawn(atoms, own, number, setting.rng(symbol))
            for own, symbol in zip((first, second), self.pair, strict=True)
        ]
        index = np.concatenate(moved)
        new = np.repeat([elements.number(symbol) for symbol in reversed(self.pair)], number)
        record = {
            "pairs": number,
            f"{self.pair[1]}_on_{self.pair[0]}": atoms.positions[moved[0]].tolist(),
            f"{self.pair[0]}_on_{self.pair[1]}": atoms.positions[moved[1]].tolist(),
        }
        return renumbered(atoms, index, new), record


@dataclass(frozen=True)
class LinearProfile:
    """A fraction that goes from `low` at the point `start` (Å) to `high` at `end`, and stays beyond them."""

    start: Point
    end: Point
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", inputs.point(self.start, "start"))
        object.__setattr__(self, "end", inputs.point(self.end, "end"))
        inputs.direction(np.subtract(self.end, self.start), "end − start")

    def __call__(self, points: Floats) -> Floats:
        """The fraction (n,) at points (n, 3)."""
        line = np.subtract(self.end, self.start)
        along = (points - np.array(self.start)) @ line / float(line @ line)
        return self.low + (self.high - self.low) * np.clip(along, 0, 1)


@dataclass(frozen=True)
class RadialProfile:
    """A fraction that depends on the distance from `center`: `fractions` at `radii` (Å), straight lines between."""

    center: Point
    radii: Sequence[float]
    fractions: Sequence[float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", inputs.point(self.center, "center"))
        radii, fractions = tuple(map(float, self.radii)), tuple(map(float, self.fractions))
        if len(radii) != len(fractions) or not radii or (np.diff(radii) <= 0).any() or radii[0] < 0:
            raise InvalidInput(f"radii are {list(radii)} and fractions {list(fractions)}; give one each, radii rising")
        object.__setattr__(self, "radii", radii)
        object.__setattr__(self, "fractions", fractions)

    def __call__(self, points: Floats) -> Floats:
        """The fraction (n,) at points (n, 3)."""
        return np.interp(np.linalg.norm(points - np.array(self.center), axis=1), self.radii, self.fractions)


@dataclass(frozen=True)
class ConcentrationGradient:
    """Puts `to` in place of atoms with a probability that depends on where they are.

    Parameters
    ----------
    to
        The new element.
    profile
        Function of coordinates (n, 3) in Å that returns probabilities (n,) from 0 to 1, such as `LinearProfile` or
        `RadialProfile`. It moves with the generator.
    of, sublattice, within, seed
        As in `Substitution`.
    """

    to: str
    profile: Callable[[Any], ArrayLike]
    of: str | None = None
    sublattice: int | None = None
    within: Volume | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        elements.number(self.to)
        checked_choice(self.of, self.sublattice, self.within)
        if not callable(self.profile):
            raise InvalidInput(f"profile is {self.profile!r}; give a function of coordinates (n, 3)")
        self._probabilities(np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]))

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "concentration_gradient"

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The atoms after the draw; the record has how many became `to` and how many were expected to."""
        chosen = candidates(atoms, setting, self.of, self.sublattice, self.within)
        probability = self._probabilities(setting.placed.inverse.apply(atoms.positions[chosen]))
        index = chosen[uniform(atoms, setting.rng("sites"))[chosen] < probability]
        new = np.full(len(index), elements.number(self.to), dtype=np.int64)
        record = {
            "to": self.to,
            "count": len(index),
            "of_sites": len(chosen),
            "expected": float(probability.sum()),
            "replaced": counts(atoms.numbers[index]),
        }
        return renumbered(atoms, index, new), record

    def _probabilities(self, points: Floats) -> Floats:
        values = np.asarray(self.profile(points.copy()))
        if values.shape != (len(points),) or values.dtype.kind not in "fiu":
            raise InvalidInput(
                f"the profile returned {values.dtype} of shape {values.shape} for points of shape {points.shape}; it "
                f"must return one probability a point, shape ({len(points)},)"
            )
        if not ((values >= -1e-12) & (values <= 1 + 1e-12)).all():
            raise InvalidInput(
                f"the profile returned values from {values.min():.3g} to {values.max():.3g}; probabilities lie between "
                "0 and 1"
            )
        return values.astype(np.float64)
