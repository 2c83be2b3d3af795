"""What a structure is like: closest approach, density, composition, coordination and pair distribution.

The functions work on any atoms in an orthogonal cell, or in none. Axes that do not repeat end at the outermost atoms
unless a volume is given: a film, periodic in x and y, is then as thick as its atoms reach.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from ase.data import atomic_masses, chemical_symbols, covalent_radii
from numpy.typing import NDArray

from construction_zone.build import inputs, merge, region
from construction_zone.build.distances import Given, PairDistances, pair_name
from construction_zone.build.inputs import Floats
from construction_zone.build.periodicity import wrapped
from construction_zone.build.volumes import Volume
from construction_zone.conventions import AVOGADRO
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

BOND = 1.2
"""Two atoms are neighbours up to this many times the sum of their covalent radii, where no cutoff is given."""

CLOSE = 4.0
"""Å up to which `closest` looks."""


@dataclass(frozen=True, eq=False)
class PairDistribution:
    """g(r): the density of atoms at distance r from an atom, over the mean density.

    Parameters
    ----------
    r
        (n,) middle of each bin, Å.
    total
        (n,) g(r) of all atoms, whatever their elements.
    partial
        (n,) for each pair of elements, e.g. "C-C".
    counts
        (n,) neighbours that an atom has in each bin on average (not normalised).
    """

    r: Floats
    total: Floats
    partial: dict[str, Floats]
    counts: Floats


@dataclass(frozen=True)
class Report:
    """What `report` found.

    Parameters
    ----------
    atoms
        How many there are.
    composition
        Share of each element.
    density, number_density
        g/cm³ and atoms per Å³, in the cell or what `volume` was given.
    closest
        Shortest distance in Å of each pair of elements that comes closer than 4 Å.
    too_close
        The pairs of elements among them that are closer than asked, with the distance asked for.
    coordination
        Mean number of neighbours: {"Cd": {"Se": 3.9, …}, …}.
    cutoffs
        Up to which distance in Å atoms counted as neighbours.
    outside
        Atoms beyond the cell along axes that do not repeat.
    peaks
        Å: where the total g(r) has its first two maxima.
    """

    atoms: int
    composition: dict[str, float]
    density: float
    number_density: float
    closest: dict[str, float]
    too_close: dict[str, float] = field(default_factory=dict)
    coordination: dict[str, dict[str, float]] = field(default_factory=dict)
    cutoffs: dict[str, float] = field(default_factory=dict)
    outside: int = 0
    peaks: tuple[float, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no pair is closer than asked and no atom outside the cell."""
        return not self.too_close and not self.outside

    def json(self) -> str:
        """The report as JSON."""
        return json.dumps({**asdict(self), "ok": self.ok}, indent=1)

    def __str__(self) -> str:
        lines = [
            f"{self.atoms:,} atoms: " + ", ".join(f"{name} {share:.2%}" for name, share in self.composition.items()),
            f"density       {self.density:.4g} g/cm³, {self.number_density:.5f} atoms/Å³",
        ]
        for pair, distance in self.closest.items():
            asked = f"  CLOSER THAN {self.too_close[pair]:g} Å" if pair in self.too_close else ""
            lines.append(f"closest {pair:<6}{distance:.3f} Å{asked}")
        for center, around in self.coordination.items():
            each = ", ".join(
                f"{n:.2f} {name} (< {self.cutoffs[pair_name(center, name)]:.2f} Å)" for name, n in around.items()
            )
            lines.append(f"around {center:<7}{each}")
        if self.peaks:
            lines.append("g(r) peaks    " + ", ".join(f"{peak:.2f} Å" for peak in self.peaks))
        lines.append(f"outside       {self.outside} atoms" + ("  BEYOND THE CELL" if self.outside else ""))
        return "\n".join(lines)


def report(
    atoms: Atoms,
    *,
    min_distance: Given | None = None,
    cutoffs: Given | None = None,
    volume: Volume | None = None,
    reach: float = 6.0,
) -> Report:
    """All checks of `atoms` in one `Report`.

    Parameters
    ----------
    atoms
        Any atoms in an orthogonal cell, or in none; the zones of a scene one by one with `variant`.
    min_distance
        Å, one or one a pair of elements, to hold the closest approaches against.
    cutoffs
        Å up to which atoms are neighbours; by default 1.2 times the sum of the covalent radii.
    volume
        What the density and g(r) are taken in, and which atoms they are of; by default the cell, ended at the
        outermost atoms where it does not repeat.
    reach
        Å up to which g(r) is looked at.
    """
    near = closest(atoms)
    asked = {} if min_distance is None else _asked(min_distance, near)
    kinds = np.unique(atoms.numbers)
    limits = _cutoffs(kinds, cutoffs)
    return Report(
        atoms=len(atoms),
        composition=composition(atoms),
        density=density(atoms, volume),
        number_density=density(atoms, volume, kind="number"),
        closest=near,
        too_close={pair: limit for pair, limit in asked.items() if near[pair] < limit},
        coordination=coordination(atoms, cutoffs),
        cutoffs={
            pair_name(chemical_symbols[a], chemical_symbols[b]): float(limits[i, j])
            for i, a in enumerate(kinds)
            for j, b in enumerate(kinds)
        },
        outside=int(outside(atoms).sum()),
        peaks=_peaks(pair_distribution(atoms, reach=reach, bins=int(reach / 0.04), volume=volume)),
    )


def closest(atoms: Atoms, below: float = CLOSE) -> dict[str, float]:
    """Shortest distance in Å between atoms of each pair of elements that comes closer than `below`, images included."""
    points, boxsize = wrapped(atoms)
    return {pair: found[0] for pair, found in merge.closest(points, atoms.numbers, below, boxsize).items()}


def composition(atoms: Atoms) -> dict[str, float]:
    """The share of each element among the atoms."""
    counts = np.bincount(atoms.numbers)
    return {chemical_symbols[z]: float(counts[z] / len(atoms)) for z in np.flatnonzero(counts)}


def density(atoms: Atoms, volume: Volume | None = None, kind: str = "mass") -> float:
    """Density in g/cm³, or with kind="number" in atoms per Å³, of the atoms in `volume` (default: see the module)."""
    if kind not in ("mass", "number"):
        raise InvalidInput(f"kind is {kind!r}; choose 'mass' or 'number'")
    space = region.of(atoms, volume)
    inside = atoms.numbers[space.inside]
    amount = len(inside) if kind == "number" else float(atomic_masses[inside].sum()) / AVOGADRO * 1e24
    return float(amount / space.size)


def outside(atoms: Atoms, tolerance: float = 1e-5) -> NDArray[np.bool_]:
    """Which atoms (n,) lie beyond the cell along axes that do not repeat but have an edge."""
    fractional = atoms.cell.scaled_positions(atoms.positions) if atoms.cell.rank == 3 else np.zeros((len(atoms), 3))
    slack = tolerance / np.maximum(atoms.cell.lengths(), tolerance)
    out = (fractional < -slack) | (fractional > 1 + slack)
    return np.asarray((out & ~np.asarray(atoms.pbc)).any(axis=1))


def coordination(atoms: Atoms, cutoffs: Given | None = None) -> dict[str, dict[str, float]]:
    """Mean number of neighbours of each element around each element: {"Cd": {"Se": 4.0, "Cd": 0.0}, …}."""
    from construction_zone.build import cells

    points, boxsize = wrapped(atoms)
    kinds, species = np.unique(atoms.numbers, return_inverse=True)
    limits = _cutoffs(kinds, cutoffs)
    found = cells.neighbours(
        cells.sort(points, float(limits.max()), boxsize), species.astype(np.int64), np.ascontiguousarray(limits)
    )
    return {
        chemical_symbols[a]: {chemical_symbols[b]: float(found[species == i, j].mean()) for j, b in enumerate(kinds)}
        for i, a in enumerate(kinds)
    }


def pair_distribution(
    atoms: Atoms, *, reach: float = 8.0, bins: int = 200, volume: Volume | None = None
) -> PairDistribution:
    """g(r) of `atoms` up to `reach` (Å) in equal bins.

    Pairs at distance r are divided by their number in an ideal gas of as many atoms in the same region:
    N(N−1)/V · 4πr²dr · γ(r), with γ(r) the chance that a point at distance r from a point of the region, in any
    direction, is in the region too. γ is 1 in a cell that repeats on all axes, 1 − r/2t in a film of thickness t > r,
    and less near the surfaces of a particle; so there is no spurious slope from surfaces.
    """
    from construction_zone.build import cells

    reach = inputs.positive(reach, "reach")
    space = region.of(atoms, volume)
    points, numbers = space.points[space.inside], atoms.numbers[space.inside]
    if len(points) < 2:
        raise InvalidInput(f"{len(points)} atoms lie in the volume; a pair distribution needs two")
    kinds, species = np.unique(numbers, return_inverse=True)
    counted = cells.histogram(
        cells.sort(points, reach, space.boxsize), species.astype(np.int64), len(kinds), reach, int(bins)
    )
    edges = np.linspace(0, reach, int(bins) + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    shells = 4 / 3 * np.pi * np.diff(edges**3) * space.overlap(middle) / space.size
    sizes = np.bincount(species)

    def normal(pairs: Floats, expected: float) -> Floats:
        ideal = shells * expected
        return np.divide(pairs, ideal, out=np.zeros_like(middle), where=ideal > 0)

    partial = {
        pair_name(chemical_symbols[a], chemical_symbols[b]): normal(
            counted[i, j].astype(float), float(sizes[i] * (sizes[j] - (i == j)))
        )
        for i, a in enumerate(kinds)
        for j, b in enumerate(kinds)
        if j >= i
    }
    whole = counted.sum(axis=(0, 1)).astype(float)
    return PairDistribution(middle, normal(whole, float(len(points) * (len(points) - 1))), partial, whole / len(points))


def _asked(min_distance: Given, near: dict[str, float]) -> dict[str, float]:
    known = PairDistances.of(min_distance)
    pairs = dict(known.pairs)
    return {name: pairs.get((name.split("-")[0], name.split("-")[1]), known.default) for name in near}


def _cutoffs(kinds: NDArray[np.int64], given: Given | None) -> Floats:
    if given is not None:
        return PairDistances.of(given, "cutoffs").matrix(kinds)
    radii = covalent_radii[kinds]
    return np.asarray(BOND * (radii[:, None] + radii))


def _peaks(found: PairDistribution) -> tuple[float, ...]:
    """The first two maxima of g(r) above 1, after smoothing over five bins."""
    smooth = np.convolve(found.total, np.array([1, 4, 6, 4, 1]) / 16, mode="same")
    inner = smooth[1:-1]
    high = np.flatnonzero((inner > smooth[:-2]) & (inner >= smooth[2:]) & (inner > 1.1)) + 1
    return tuple(float(found.r[k]) for k in high[:2])
