"""Short-range order: which elements are neighbours more or less often than by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from construction_zone.build import elements, inputs, torus
from construction_zone.build.arrays import IDEAL
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.modifiers.base import Record, Setting
from construction_zone.build.modifiers.select import Indices, candidates, renumbered
from construction_zone.build.neighbours import close_pairs
from construction_zone.build.torus import Periodic
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

TOLERANCE = 0.005
SHELL_GAP = 0.15
"""Å. Neighbour distances further apart than this belong to different shells."""

_SAMPLE = 64
_FIRST_REACH = 4.0
_MOST_REACH = 15.0
_IDLE_SWEEPS = 12
_MOST_SWEEPS = 400

Pairs = Mapping[str | tuple[str, str], float | Sequence[float]]


@dataclass(frozen=True)
class ShortRangeOrder:
    """Swaps atoms until the Warren–Cowley parameters are what is asked.

    α(i, j) = 1 − n(i, j)·n / (n(i)·n(j)), with n(i, j) the number of neighbours of element j around atoms of element i
    in a shell, n(i) the number of neighbours of any kind around them, and n that of all (Cowley, Phys. Rev. 77, 669
    (1950); counted in pairs, so that surfaces do not bias it). 0 is chance, below 0 unlike neighbours are preferred,
    above 0 they are avoided. The atoms are those that are there: put a `RandomAlloy` first.

    Parameters
    ----------
    targets
        α of pairs of elements, e.g. {"Au-Cu": -0.15} or {("Au", "Cu"): [-0.15, 0.2]}: one value, or one for each shell
        of neighbours from the first.
    sublattice
        Only atoms of this sublattice of the crystal; neighbours are counted among them.
    cutoffs
        Outer radius (Å) of each shell. Default: found from the distances.
    tolerance
        How close to the target; in small particles no finer than one pair allows.
    seed
        Which of the possible arrangements.

    Raises `InvalidInput` for targets that the composition forbids or that swaps do not reach, saying the limit.
    """

    targets: Pairs
    sublattice: int | None = None
    cutoffs: Sequence[float] | None = None
    tolerance: float = TOLERANCE
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", _checked(self.targets))
        object.__setattr__(self, "tolerance", inputs.positive(self.tolerance, "tolerance", ""))
        if self.cutoffs is not None:
            cutoffs = tuple(inputs.positive(radius, "cutoff") for radius in self.cutoffs)
            if len(cutoffs) < self.shells or list(cutoffs) != sorted(set(cutoffs)):
                raise InvalidInput(f"cutoffs are {list(cutoffs)} Å; give {self.shells} rising radii, one a shell")
            object.__setattr__(self, "cutoffs", cutoffs)

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "short_range_order"

    @property
    def shells(self) -> int:
        """How many shells of neighbours have targets."""
        return max(len(values) for values in self._wanted.values())

    @property
    def _wanted(self) -> dict[tuple[str, str], tuple[float, ...]]:
        wanted: Any = self.targets
        return dict(wanted)

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The atoms after the swaps; the record has α before and after, and how many atoms changed."""
        symbols = sorted({symbol for pair in self._wanted for symbol in pair})
        numbers = np.array([elements.number(symbol) for symbol in symbols])
        chosen = self._chosen(atoms, setting, numbers)
        kinds = np.argmax(atoms.numbers[chosen][:, None] == numbers, axis=1)
        # shells are those of the lattice before anything moved the atoms
        points = atoms.arrays.get(IDEAL, atoms.positions)[chosen]
        periodic = setting.periodic if IDEAL not in atoms.arrays else (False, False, False)
        cutoffs = self.cutoffs or find_shells(points, self.shells, setting.cell, periodic)
        shells = _neighbours(points, cutoffs[: self.shells], setting.cell, periodic)
        targets = self._matrix(symbols)
        before = _counts(kinds, shells, len(symbols))
        _refuse_forbidden(before, targets, symbols)
        new, swaps, reached = _swapped(kinds, shells, before, targets, self.tolerance, setting.rng("swaps"))
        if not reached:
            raise InvalidInput(_unreached(new, shells, targets, symbols, swaps))
        changed = new != kinds
        record = {
            "target": _named(targets, symbols),
            "alpha_before": _named(_alpha(before), symbols),
            "alpha": _named(_alpha(_counts(new, shells, len(symbols))), symbols),
            "cutoffs": [float(radius) for radius in cutoffs[: self.shells]],
            "swaps": swaps,
            "changed": int(changed.sum()),
        }
        return renumbered(atoms, chosen, numbers[new]), record

    def _chosen(self, atoms: Atoms, setting: Setting, numbers: NDArray[np.int64]) -> Indices:
        for number in numbers.tolist():
            candidates(atoms, setting, chemical_symbols[number], self.sublattice, None)
        own = np.isin(atoms.numbers, numbers)
        if self.sublattice is not None:
            own &= atoms.arrays["sublattice"] == self.sublattice
        return np.flatnonzero(own)

    def _matrix(self, symbols: Sequence[str]) -> Floats:
        """Targets (shells, kinds, kinds); nan where there is none."""
        matrix = np.full((self.shells, len(symbols), len(symbols)), np.nan)
        for (a, b), values in self._wanted.items():
            i, j = symbols.index(a), symbols.index(b)
            matrix[: len(values), i, j] = matrix[: len(values), j, i] = values
        return matrix


def warren_cowley(
    atoms: Atoms, pair: tuple[str, str], shells: int = 1, *, cutoffs: Sequence[float] | None = None
) -> list[float]:
    """α of a pair of elements in the first shells of neighbours, among the atoms of the two; see `ShortRangeOrder`.

    A cell counts as periodic along the axes on which ``atoms.pbc`` says so; it must be orthogonal.
    """
    numbers = sorted(elements.number(symbol) for symbol in pair)
    chosen = np.isin(atoms.numbers, numbers)
    points, kinds = atoms.positions[chosen], np.searchsorted(numbers, atoms.numbers[chosen])
    cell: Point = tuple(np.diag(atoms.cell.array).tolist())
    periodic: Periodic = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
    radii = cutoffs or find_shells(points, shells, cell, periodic)
    alpha = _alpha(_counts(kinds, _neighbours(points, radii[:shells], cell, periodic), 2))
    return [float(value) for value in alpha[:, 0, 1]]


def find_shells(points: Floats, shells: int, cell: Point, periodic: Periodic) -> tuple[float, ...]:
    """Outer radii (Å) of the first shells of neighbours of a lattice `points` (n, 3), midway to the next shell."""
    wrapped, boxsize = torus.wrap(points, cell, periodic), np.where(periodic, cell, 0.0)
    # inner points have all their neighbours
    order = np.argsort(((points - points.mean(axis=0)) ** 2).sum(axis=1), kind="stable")[:_SAMPLE]
    reach = _FIRST_REACH
    while reach <= _MOST_REACH:
        distances = np.concatenate([_distances(wrapped, wrapped[i], boxsize, reach) for i in order])
        distances = np.sort(distances[distances > 1e-6])
        gaps = np.flatnonzero(np.diff(distances) > SHELL_GAP)
        if len(gaps) >= shells:
            return tuple(float(value) for value in (distances[gaps] + distances[gaps + 1])[:shells] / 2)
        reach *= 1.3
    raise InvalidInput(
        f"the neighbour distances show no {shells} separate shells; give cutoffs= in Å, or order the atoms before they "
        "are strained or displaced"
    )


def _distances(points: Floats, center: Floats, boxsize: Floats, reach: float) -> Floats:
    delta = points - center
    for axis in np.flatnonzero(boxsize):
        delta[:, axis] -= np.round(delta[:, axis] / boxsize[axis]) * boxsize[axis]
    distances = np.sqrt(np.einsum("ij,ij->i", delta, delta))
    return distances[distances < reach]


@dataclass(frozen=True)
class _Shells:
    """Neighbours in rows: those of atom i are ``neighbour[first[i]:first[i + 1]]``, each in the shell beside it."""

    first: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    shell: NDArray[np.int64]
    count: int


def _neighbours(points: Floats, cutoffs: Sequence[float], cell: Point, periodic: Periodic) -> _Shells:
    wrapped, boxsize = torus.wrap(points, cell, periodic), np.where(periodic, cell, 0.0)
    pairs, lengths = close_pairs(wrapped, cutoffs[-1], boxsize)
    shell = np.searchsorted(cutoffs, lengths)
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    order = np.lexsort((other, one))
    first = np.searchsorted(one[order], np.arange(len(points) + 1))
    return _Shells(first, other[order], np.concatenate([shell, shell])[order], len(cutoffs))


def _counts(kinds: NDArray[np.int64], shells: _Shells, many: int) -> NDArray[np.int64]:
    """Neighbours (shells, kinds, kinds): how many of the second kind there are around those of the first."""
    own = np.repeat(kinds, np.diff(shells.first))
    flat = (shells.shell * many + own) * many + kinds[shells.neighbour]
    return np.bincount(flat, minlength=shells.count * many**2).reshape(shells.count, many, many).astype(np.int64)


def _alpha(counts: NDArray[np.int64]) -> Floats:
    around = counts.sum(axis=2).astype(float)
    chance = around[:, :, None] * around[:, None, :] / np.maximum(around.sum(axis=1), 1)[:, None, None]
    return 1 - counts / np.maximum(chance, 1e-300)


def _swapped(
    kinds: NDArray[np.int64],
    shells: _Shells,
    counts: NDArray[np.int64],
    targets: Floats,
    tolerance: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], int, bool]:
    """Kinds after swaps that bring α to the targets, the number of swaps, and whether they got there."""
    # compiled when first needed, and kept on disk
    from construction_zone.build.modifiers._swaps import swap

    kinds, counts = kinds.copy(), counts.copy()
    around = counts.sum(axis=2).astype(float)
    chance = around[:, :, None] * around[:, None, :] / np.maximum(around.sum(axis=1), 1)[:, None, None]
    # a single pair changes a count by two (it is seen from both ends)
    grain = float((2 / np.maximum(chance, 1))[np.isfinite(targets)].max())
    within = max(tolerance, grain)
    swaps, idle, best = 0, 0, math.inf
    for _ in range(_MOST_SWEEPS):
        proposals = rng.integers(len(kinds), size=(max(len(kinds), 1000), 2))
        made, error, done = swap(
            kinds,
            shells.first,
            shells.neighbour,
            shells.shell,
            counts,
            np.nan_to_num(targets),
            np.isfinite(targets),
            proposals,
            within,
        )
        swaps += made
        if done:
            return kinds, swaps, True
        idle = idle + 1 if error > 0.99 * best else 0
        best = min(best, error)
        if idle >= _IDLE_SWEEPS:
            break
    return kinds, swaps, False


def _refuse_forbidden(counts: NDArray[np.int64], targets: Floats, symbols: Sequence[str]) -> None:
    """Neither element can have more neighbours of the other than it has neighbours."""
    around = counts.sum(axis=2).astype(float)
    share = around / np.maximum(around.sum(axis=1, keepdims=True), 1)
    for s, i, j in zip(*np.nonzero(np.isfinite(targets)), strict=True):
        lowest = 1 - 1 / max(share[s, i], share[s, j], 1e-12)
        if not lowest <= targets[s, i, j] <= 1:
            raise InvalidInput(
                f"α of {symbols[i]}-{symbols[j]} in shell {s + 1} cannot be {targets[s, i, j]:g}: with the composition "
                f"there is it lies between {lowest:.3f} and 1"
            )


def _unreached(kinds: NDArray[np.int64], shells: _Shells, targets: Floats, symbols: Sequence[str], swaps: int) -> str:
    alpha = _alpha(_counts(kinds, shells, len(symbols)))
    wanted, reached = _named(targets, symbols), _named(alpha, symbols)
    shown = "; ".join(
        f"{pair}: {', '.join('any' if value is None else f'{value:g}' for value in values)} asked, "
        f"{', '.join(f'{value:.3f}' for value in reached[pair])} reached"
        for pair, values in wanted.items()
        if any(value is not None for value in values)
    )
    return (
        f"short-range order: no swap brings α closer to its targets after {swaps} swaps ({shown}); that is about the "
        "limit for this lattice, composition and these shells: ask for less order, or build the ordered compound"
    )


def _named(matrix: Floats, symbols: Sequence[str]) -> dict[str, list[float | None]]:
    """The upper triangle by pair, one value a shell; None where it is not finite."""
    return {
        f"{symbols[i]}-{symbols[j]}": [float(v) if np.isfinite(v) else None for v in matrix[:, i, j]]
        for i, j in combinations_with_replacement(range(len(symbols)), 2)
    }


def _checked(targets: Pairs) -> dict[tuple[str, str], tuple[float, ...]]:
    if not isinstance(targets, Mapping) or not targets:
        raise InvalidInput(f"targets is {targets!r}; give e.g. {{'Au-Cu': -0.1}}")
    checked: dict[tuple[str, str], tuple[float, ...]] = {}
    for pair, given in targets.items():
        names = tuple(pair.split("-")) if isinstance(pair, str) else tuple(pair)
        if len(names) != 2:
            raise InvalidInput(f"{pair!r} is no pair of elements; write it like 'Au-Cu' or ('Au', 'Cu')")
        for name in names:
            elements.number(name)
        a, b = sorted(names)
        if (a, b) in checked:
            raise InvalidInput(f"the pair {a}-{b} is given twice")
        values = (given,) if isinstance(given, (int, float)) else tuple(given)
        if not values or not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values):
            raise InvalidInput(f"α of {a}-{b} is {given!r}; give a number, or one for each shell")
        checked[a, b] = tuple(float(value) for value in values)
    if all(a == b for a, b in checked):
        raise InvalidInput("the targets name one element only; give a pair of different ones such as 'Au-Cu'")
    return checked
