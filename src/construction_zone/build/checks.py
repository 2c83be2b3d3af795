"""What a structure is like: closest approach, contacts, density, composition, coordination and pair distribution.

The functions work on any atoms in an orthogonal cell, or in none. Axes that do not repeat end at the outermost atoms
unless a volume is given: a film, periodic in x and y, is then as thick as its atoms reach.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_masses, chemical_symbols, covalent_radii
from numpy.typing import NDArray

from construction_zone.build import elements, inputs, merge, region
from construction_zone.build.distances import Given, PairDistances, pair_name
from construction_zone.build.inputs import Floats
from construction_zone.build.pair_distribution import PairDistribution, first_peaks, normalised
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

_BIN = 0.04
"""Å: width of the bins in which the peaks of g(r) are found."""


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
        g/cm³ and atoms per Å³, in the cell or what `volume` was given; None of atoms in a plane.
    closest
        Shortest distance in Å of each pair of elements that comes closer than 4 Å.
    contacts
        The same for atoms of different zones.
    too_close
        The pairs of elements in `closest` that are closer than asked, with the distance asked for.
    too_close_contacts
        Those in `contacts` that are closer than the scene, or who asks, allows.
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
    density: float | None
    number_density: float | None
    closest: dict[str, float]
    contacts: dict[str, float] = field(default_factory=dict)
    too_close: dict[str, float] = field(default_factory=dict)
    too_close_contacts: dict[str, float] = field(default_factory=dict)
    coordination: dict[str, dict[str, float]] = field(default_factory=dict)
    cutoffs: dict[str, float] = field(default_factory=dict)
    outside: int = 0
    peaks: tuple[float, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no pair is closer than asked and no atom outside the cell."""
        return not self.too_close and not self.too_close_contacts and not self.outside

    def plain(self) -> dict[str, Any]:
        """The report in plain values, as JSON and records hold them."""
        return {**asdict(self), "peaks": list(self.peaks), "ok": self.ok}

    def json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.plain(), indent=1)

    def __str__(self) -> str:
        lines = [
            f"{self.atoms:,} atoms: " + ", ".join(f"{name} {share:.2%}" for name, share in self.composition.items()),
        ]
        if self.density is not None:
            lines.append(f"density       {self.density:.4g} g/cm³, {self.number_density:.5f} atoms/Å³")
        for what, found, limits in (
            ("closest", self.closest, self.too_close),
            ("contact", self.contacts, self.too_close_contacts),
        ):
            for pair, distance in found.items():
                asked = f"  CLOSER THAN {limits[pair]:g} Å" if pair in limits else ""
                lines.append(f"{what} {pair:<6}{distance:.3f} Å{asked}")
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
    contact: Given | None = None,
    cutoffs: Given | None = None,
    volume: Volume | None = None,
    reach: float = 5.0,
) -> Report:
    """All checks of `atoms` in one `Report`.

    Parameters
    ----------
    atoms
        Any atoms in an orthogonal cell, or in none; the zones of a scene one by one with `variant`.
    min_distance
        Å, one or one a pair of elements, to hold the closest approaches against.
    contact
        The same for atoms of different zones; by default what their scene was made with, if they come from one.
    cutoffs
        Å up to which atoms are neighbours; by default 1.2 times the sum of the covalent radii.
    volume
        What the density and g(r) are taken in, and which atoms they are of; by default the cell, ended at the
        outermost atoms where it does not repeat.
    reach
        Å up to which g(r) is looked at.
    """
    if contact is None:
        contact = (atoms.info.get("record") or {}).get("min_distance")
    flat = volume is None and region.is_flat(atoms)
    near, between, around, peaks = _looked_at(atoms, inputs.positive(reach, "reach"), cutoffs, volume, flat)
    kinds = np.unique(atoms.numbers)
    limits = _cutoffs(kinds, cutoffs)
    return Report(
        atoms=len(atoms),
        composition=composition(atoms),
        density=None if flat else density(atoms, volume),
        number_density=None if flat else density(atoms, volume, kind="number"),
        closest=near,
        contacts=between,
        too_close=_broken(near, min_distance),
        too_close_contacts=_broken(between, contact),
        coordination=around,
        cutoffs={
            pair_name(chemical_symbols[a], chemical_symbols[b]): float(limits[i, j])
            for i, a in enumerate(kinds)
            for j, b in enumerate(kinds)
        },
        outside=int(outside(atoms).sum()),
        peaks=peaks,
    )


def _looked_at(
    atoms: Atoms, reach: float, cutoffs: Given | None, volume: Volume | None, flat: bool
) -> tuple[dict[str, float], dict[str, float], dict[str, dict[str, float]], tuple[float, ...]]:
    """Closest approaches, contacts, coordination and peaks of g(r), from one look at all pairs where one is enough."""
    bins = max(int(reach / _BIN), 1)
    if volume is not None:
        distribution = pair_distribution(atoms, reach=reach, bins=bins, volume=volume)
        return closest(atoms), contacts(atoms), coordination(atoms, cutoffs), first_peaks(distribution)
    from construction_zone.build import cells

    points, boxsize = wrapped(atoms)
    if not len(points):
        raise InvalidInput("there are no atoms; give at least one")
    kinds, species = elements.kinds(atoms.numbers)
    limits = _cutoffs(kinds, cutoffs)
    distance = max(CLOSE, float(limits.max()), reach)
    found = cells.survey(
        cells.sort(points, distance, boxsize, span=2),
        species,
        len(kinds),
        distance,
        group=_zones(atoms),
        cutoffs=limits,
        reach=reach,
        bins=bins,
    )
    peaks = (
        ()
        if flat or len(points) < 2
        else first_peaks(normalised(found.histogram, reach, region.of(atoms), species, kinds))
    )
    near, between = (_named(lengths, kinds, CLOSE) for lengths in (found.closest, found.contacts))
    return near, between, _mean(found.neighbours, kinds, species), peaks


def _zones(atoms: Atoms) -> NDArray[np.int64]:
    return np.asarray(atoms.arrays.get("zone", np.zeros(len(atoms))), dtype=np.int64)


def _named(lengths: Floats, kinds: NDArray[np.int64], below: float) -> dict[str, float]:
    """The (s, s) `lengths` shorter than `below` by the names of their pairs of elements."""
    return {
        pair_name(chemical_symbols[kinds[p]], chemical_symbols[kinds[q]]): float(lengths[p, q])
        for p, q in np.argwhere(np.triu(lengths < below)).tolist()
    }


def closest(atoms: Atoms, below: float = CLOSE) -> dict[str, float]:
    """Shortest distance in Å between atoms of each pair of elements that comes closer than `below`, images included."""
    points, boxsize = wrapped(atoms)
    return {pair: found[0] for pair, found in merge.closest(points, atoms.numbers, below, boxsize).items()}


def contacts(atoms: Atoms, below: float = CLOSE) -> dict[str, float]:
    """Shortest distance in Å between atoms of different zones, of each pair of elements that comes closer than `below`.

    Atoms that do not say which zone they are of have none.
    """
    from construction_zone.build import cells

    points, boxsize = wrapped(atoms)
    if not len(points):
        return {}
    kinds, species = elements.kinds(atoms.numbers)
    found = cells.survey(cells.sort(points, below, boxsize), species, len(kinds), below, group=_zones(atoms))
    return _named(found.contacts, kinds, below)


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
    found = np.zeros(len(atoms), dtype=bool)
    if atoms.cell.rank < 3:
        return found
    slack = tolerance / np.maximum(atoms.cell.lengths(), tolerance)
    to_fractions = np.linalg.inv(atoms.cell.array)
    for axis in np.flatnonzero(~np.asarray(atoms.pbc)):
        fraction = atoms.positions @ to_fractions[:, axis]
        found |= (fraction < -slack[axis]) | (fraction > 1 + slack[axis])
    return found


def coordination(atoms: Atoms, cutoffs: Given | None = None) -> dict[str, dict[str, float]]:
    """Mean number of neighbours of each element around each element: {"Cd": {"Se": 4.0, "Cd": 0.0}, …}."""
    from construction_zone.build import cells

    points, boxsize = wrapped(atoms)
    kinds, species = elements.kinds(atoms.numbers)
    limits = _cutoffs(kinds, cutoffs)
    distance = float(limits.max(initial=0.0))
    found = cells.survey(cells.sort(points, distance, boxsize), species, len(kinds), distance, cutoffs=limits)
    return _mean(found.neighbours, kinds, species)


def _mean(
    neighbours: NDArray[np.int64], kinds: NDArray[np.int64], species: NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    each = neighbours / np.bincount(species)[:, None]
    return {
        chemical_symbols[a]: {chemical_symbols[b]: float(each[i, j]) for j, b in enumerate(kinds)}
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
    kinds, species = elements.kinds(numbers)
    found = cells.survey(
        cells.sort(points, reach, space.boxsize, span=2),
        species,
        len(kinds),
        reach,
        reach=reach,
        bins=int(bins),
    )
    return normalised(found.histogram, reach, space, species, kinds)


def _broken(found: dict[str, float], limits: Given | None) -> dict[str, float]:
    """Which of the distances `found` are below their limits, with these."""
    if limits is None:
        return {}
    known = PairDistances.of(limits)
    pairs = {"-".join(pair): distance for pair, distance in known.pairs}
    asked = {name: pairs.get(name, known.default) for name in found}
    return {name: asked[name] for name, distance in found.items() if distance < asked[name]}


def _cutoffs(kinds: NDArray[np.int64], given: Given | None) -> Floats:
    if given is not None:
        return PairDistances.of(given, "cutoffs").matrix(kinds)
    radii = covalent_radii[kinds]
    return np.asarray(BOND * (radii[:, None] + radii))
