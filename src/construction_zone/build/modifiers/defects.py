"""Vacancies and interstitial atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build import elements, inputs, torus
from construction_zone.build.arrays import IDEAL, blank_of
from construction_zone.build.generators.packing import first_come
from construction_zone.build.inputs import Floats
from construction_zone.build.modifiers.base import KEY, Record, Setting
from construction_zone.build.modifiers.select import (
    amount,
    candidates,
    checked_amount,
    checked_choice,
    counts,
    drawn,
    thermal_by_element,
)
from construction_zone.build.neighbours import has_near
from construction_zone.build.volumes import BOUNDARY, Volume
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

_MOST_FOR_HOLES = 300_000
_SAME_HOLE = 0.1

_NEAR_THE_SEAM = 8.0
"""Å. No hole of a dense material is as wide as this."""


@dataclass(frozen=True)
class Vacancies:
    """Takes atoms away at random.

    `fraction` (rounded to whole atoms, and then exact) or `count`, `of`, `sublattice`, `within` and `seed` are as in
    `Substitution`.
    """

    fraction: float | None = None
    count: int | None = None
    of: str | None = None
    sublattice: int | None = None
    within: Volume | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        checked_amount(self.fraction, self.count)
        checked_choice(self.of, self.sublattice, self.within)

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "vacancies"

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The atoms that stay; the record has how many went, of what, and from where (Å)."""
        chosen = candidates(atoms, setting, self.of, self.sublattice, self.within)
        number = amount(self.fraction, self.count, len(chosen), "vacancies")
        index = drawn(atoms, chosen, number, setting.rng("sites"))
        stays = np.ones(len(atoms), dtype=bool)
        stays[index] = False
        record = {
            "count": number,
            "of_sites": len(chosen),
            "removed": counts(atoms.numbers[index]),
            "positions": atoms.positions[index].tolist(),
        }
        return atoms[stays], record


@dataclass(frozen=True)
class Interstitials:
    """Adds atoms between the others.

    Parameters
    ----------
    element
        The added element.
    fraction, count
        How many: a number, or a fraction of the free sites.
    sites
        (m, 3) fractional coordinates in the crystal's cell, e.g. [[0.5, 0.5, 0.5]] for the octahedral site of fcc.
        They are strained as the crystal was. Default: the holes between the atoms, which are the centres of the
        largest empty balls (Voronoi vertices).
    min_distance
        Å: no closer to an atom, nor to each other.
    within
        Only in this region, which moves with the generator.
    seed
        Which of the possible draws.
    """

    element: str
    fraction: float | None = None
    count: int | None = None
    sites: Any = None
    min_distance: float = 1.0
    within: Volume | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        elements.number(self.element)
        checked_amount(self.fraction, self.count)
        checked_choice(None, None, self.within)
        object.__setattr__(self, "min_distance", inputs.not_negative(self.min_distance, "min_distance"))
        if self.sites is not None:
            sites = inputs.points(self.sites, "sites")
            object.__setattr__(self, "sites", tuple(map(tuple, sites.tolist())))

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "interstitials"

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The atoms, the new ones last; the record has how many were added and where (Å)."""
        free = self._free(atoms, setting)
        number = amount(self.fraction, self.count, len(free), f"{self.element} interstitials")
        order = setting.rng("sites").permutation(len(free))
        added = free[np.sort(order[:number])]
        record = {"element": self.element, "count": number, "of_sites": len(free), "positions": added.tolist()}
        return _joined(atoms, added, elements.number(self.element)), record

    def _free(self, atoms: Atoms, setting: Setting) -> Floats:
        boxsize = np.where(setting.periodic, setting.cell, 0.0)
        points = self._sites(atoms, setting)
        if self.within is not None:
            points = points[setting.inside(self.within, points)]
        # neighbours count across the seam too, but added atoms stay where the volume has them
        wrapped, others = (torus.wrap(p, setting.cell, setting.periodic) for p in (points, atoms.positions))
        free = ~has_near(wrapped, others, self.min_distance, boxsize)
        points = points[free][first_come(wrapped[free], max(self.min_distance, _SAME_HOLE), boxsize)]
        if not len(points):
            raise InvalidInput(
                f"no site for {self.element} is at least {self.min_distance:g} Å from all atoms; lower min_distance or "
                "give other sites"
            )
        return points

    def _sites(self, atoms: Atoms, setting: Setting) -> Floats:
        if self.sites is None:
            return _holes(atoms.positions, setting)
        if setting.crystal_sites is None:
            raise InvalidInput(
                "sites= are fractional coordinates of a crystal, and this generator is none; leave them out"
            )
        return setting.crystal_sites(self.sites)


def _holes(positions: Floats, setting: Setting) -> Floats:
    """Centres (m, 3) of the balls that touch four atoms or more and hold none, inside the hull of the atoms."""
    from scipy.spatial import Delaunay

    if not 4 < len(positions) <= _MOST_FOR_HOLES:
        raise InvalidInput(
            f"cannot look for holes between {len(positions)} atoms (5 to {_MOST_FOR_HOLES}); give sites= in the "
            "crystal's cell"
        )
    positions = _with_images(positions, setting)
    # lattices have more than four atoms on many of these balls: a tiny joggle decides which four
    tetrahedra = Delaunay(positions, qhull_options="QJ Pp")
    corners = positions[tetrahedra.simplices]
    edges = corners[:, 1:] - corners[:, :1]
    solid = np.abs(np.linalg.det(edges)) > 1e-2
    edges, base = edges[solid], corners[solid, 0]
    centres = base + np.linalg.solve(edges, 0.5 * (edges**2).sum(axis=2)[..., None])[..., 0]
    centres = centres[tetrahedra.find_simplex(centres) >= 0]
    low, high = torus.window(setting.volume, setting.cell)
    centres = centres[((centres >= low - BOUNDARY) & (centres < high + BOUNDARY)).all(axis=1)]
    centres = centres[setting.volume.contains(centres)]
    # in a fixed order, whatever the order of the tetrahedra
    centres = centres[np.lexsort(np.round(centres, 3).T)]
    return centres[first_come(centres, _SAME_HOLE, np.zeros(3))]


def _with_images(positions: Floats, setting: Setting) -> Floats:
    """`positions` and their images across the seam that come near to them."""
    low, high = positions.min(axis=0) - _NEAR_THE_SEAM, positions.max(axis=0) + _NEAR_THE_SEAM
    for axis in np.flatnonzero(setting.periodic):
        images = [positions]
        for shift in (-setting.cell[axis], setting.cell[axis]):
            moved = positions[:, axis] + shift
            near = positions[(moved > low[axis]) & (moved < high[axis])].copy()
            near[:, axis] += shift
            images.append(near)
        positions = np.concatenate(images)
    return positions


def _joined(atoms: Atoms, added: Floats, number: int) -> Atoms:
    """`atoms` with more of them at `added`, whose arrays are blank where nothing is known."""
    from ase import Atoms as AseAtoms

    extra = AseAtoms(numbers=np.full(len(added), number), positions=added)
    first = int(atoms.arrays[KEY].max(initial=-1)) + 1
    known: dict[str, ArrayLike] = {
        KEY: np.arange(first, first + len(added)),
        IDEAL: added,
        "thermal_u": thermal_by_element(atoms).get(number, 0.0),
        "phase": atoms.arrays["phase"][0] if "phase" in atoms.arrays else 0,
        "grain": 0,
    }
    for name, values in atoms.arrays.items():
        if name not in ("numbers", "positions"):
            new = np.empty((len(added), *values.shape[1:]), dtype=values.dtype)
            new[...] = known[name] if name in known else blank_of(name, values.dtype)
            extra.arrays[name] = new
    return atoms + extra
