"""Amorphous material of a composition and a density: from relaxed tiles, or put down at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from construction_zone.build import distances, elements, inputs, reference, torus
from construction_zone.build.distances import PairDistances
from construction_zone.build.generators import tiles
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.generators.extent import Extent
from construction_zone.build.generators.packing import SATURATION, packing_fraction, random_sequential
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.neighbours import Integers
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed, generator

if TYPE_CHECKING:
    from ase import Atoms

CARBON_DISTANCE = 1.4
"""Å. Just below the first peak of g(r) of evaporated carbon, 1.43 Å (Li & Lannin, Phys. Rev. Lett. 65, 1905 (1990))."""

DENSEST = 0.7405
"""π/√18: no packing of equal spheres takes up more of space."""


Filled = tuple[Integers, Floats, dict[str, Any]]
"""Atomic numbers (n,), positions (n, 3) in Å, and the record of how they were made."""


@dataclass(frozen=True)
class Amorphous:
    """Amorphous material of a composition and a density.

    Parameters
    ----------
    composition
        An element or formula ("C", "SiO2") or a mapping {"Si": 1, "O": 2}.
    density
        In g/cm³. The number of atoms is this density times the volume, rounded; it is kept exactly.
    structure
        "relaxed": cut from periodic tiles that were melted, quenched and relaxed with published interatomic potentials,
        with the neighbour peaks and the coordination of the real material; seams between tiles are relaxed again.
        Tiles ship for some materials (`tiles.available()`); densities may differ from theirs by up to 10 %: ±1 %
        strain along all axes first, then single atoms taken away or added. No two atoms are closer than 0.95 × the
        shortest distance of such a pair in the tiles.
        "random": random sequential addition, the cheap model, with neither the neighbour peaks nor the coordination
        of the real material, for any composition and density.
        Default: "relaxed" where there are tiles and no `min_distance` is given, otherwise "random".
    min_distance
        Å, of random structures; no two atoms are closer, across the periodic seams of the cell either. One distance,
        or one a pair of elements, such as ``{("Si", "O"): 1.5, ("O", "O"): 2.2, "default": 2.4}``. Default, also of
        pairs that are not listed: 1.4 for carbon; otherwise 1.8 × the smallest covalent radius (Cordero et al., Dalton
        Trans. 2832 (2008)), or less where the packing fraction would pass 0.25.
    thermal_u
        rms thermal displacement per axis in Å: one number, or one for each element. Default: 0.087 for carbon (that of
        graphite, B = 0.60 Å², Trucano & Chen, Nature 258, 136 (1975): no measured value for amorphous carbon is
        used), 0 = not known for the rest.

    Raises `InvalidInput` for unknown elements, densities or distances that are not above zero, a density that the
    tiles do not reach, or a density and distance that cannot be packed (random sequential addition stops at a packing
    fraction of about 0.38).
    """

    composition: str | Mapping[str, float]
    density: float
    structure: str | None = None
    min_distance: distances.Given | None = None
    thermal_u: float | Mapping[str, float] | None = None
    _: KW_ONLY
    pose: Affine = IDENTITY

    def __post_init__(self) -> None:
        units = elements.composition(self.composition)
        if not isinstance(self.composition, str):
            object.__setattr__(self, "composition", elements.formula(units))
        object.__setattr__(self, "density", inputs.positive(self.density, "density", "g/cm³"))
        if self.structure is None:
            relaxed = tiles.formula(units) is not None and self.min_distance is None
            object.__setattr__(self, "structure", "relaxed" if relaxed else "random")
        if self.structure == "relaxed":
            _check_relaxed(self, units)
        elif self.structure == "random":
            _check_random(self, units)
        else:
            raise InvalidInput(f"structure is {self.structure!r}; give 'relaxed' or 'random'")
        if isinstance(self.thermal_u, Mapping):
            object.__setattr__(self, "thermal_u", dict(self.thermal_u))
        _displacements(self.phase, units, self.thermal_u)

    @property
    def units(self) -> elements.Composition:
        """Elements and their amounts in a formula unit."""
        return elements.composition(self.composition)

    @property
    def phase(self) -> str:
        """Name of the material, e.g. "amorphous C"."""
        return f"amorphous {self.composition}"

    @property
    def number_density(self) -> float:
        """Atoms per Å³."""
        return elements.number_density(self.density, self.units)

    @property
    def displacements(self) -> dict[str, float]:
        """rms thermal displacement per axis in Å of each element; 0 where it is not known."""
        return _displacements(self.phase, self.units, self.thermal_u)

    def moved(self, affine: Affine) -> Amorphous:
        """This material after the map `affine`: randomness has no place or direction, only the pose changes."""
        return replace(self, pose=affine @ self.pose)

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """Atoms inside `volume`, wrapped into the cell; see `Generator.fill`."""
        extent = Extent(volume, cell, periodic)
        content = extent.measure()
        if content <= 0:
            raise SceneError("the volume is empty; check the positions and sizes of its parts")
        count = round(self.number_density * content)
        if count == 0:
            raise SceneError(
                f"{self.phase}: the volume of {content:.3g} Å³ is too small to hold an atom at this density"
            )
        made = self._relaxed if self.structure == "relaxed" else self._random
        numbers, positions, record = made(extent, content, count, seed)
        return self._atoms(numbers, positions, {"structure": self.structure, **record})

    def _relaxed(self, extent: Extent, content: float, count: int, seed: Seed) -> Filled:
        from construction_zone.build.generators import films, pieces

        material = tiles.material(str(tiles.formula(self.units)))
        box, cell = extent.box(), np.asarray(extent.cell)
        # ends that nearly meet across the seam of the cell have to fit together too
        whole = np.asarray(extent.periodic) & (cell - (box[1] - box[0]) < pieces.floors(material).max())
        lengths, boxsize = np.where(whole, cell, box[1] - box[0]), np.where(whole, cell, 0.0)
        short = whole & (cell < pieces.least_period(material))
        if short.any():
            raise SceneError(
                f"the cell {extent.cell} Å is shorter than {pieces.least_period(material):.2f} Å along "
                f"{'xyz'[int(np.argmax(short))]}, a periodic axis, too short for relaxed {self.phase}; enlarge it or "
                "give structure='random'"
            )
        amounts = self._amounts(material.kinds, max(round(self.number_density * float(lengths.prod())), 1))
        piece, record = films.film(material, lengths, boxsize, self.number_density, amounts, seed)

        def placed(points: Floats) -> Floats:
            return torus.wrap(points + box[0], extent.cell, extent.periodic)

        inside = extent.contains(placed(piece.points))
        wanted = self._amounts(material.kinds, count)
        if not inside.all() or (wanted != amounts).any():
            rng = generator(seed, "surface")
            piece = piece.part(inside)

            def draw(n: int) -> Floats:
                points = extent.draw(rng, n) - box[0]
                # the box of the piece, which the extent's may pass through a seam of the cell
                return np.where(points < 0, points + cell, points)

            piece, _ = films.adjusted(
                piece,
                wanted - piece.amounts,
                np.ones(len(piece.points), dtype=bool),
                draw,
                lambda sites: extent.contains(placed(sites)),
            )
            films.require(piece, wanted)
        return material.kinds[piece.species], placed(piece.points), record

    def _amounts(self, kinds: Integers, count: int) -> Integers:
        return np.array([(elements.apportion(count, self.units) == z).sum() for z in kinds])

    def _random(self, extent: Extent, content: float, count: int, seed: Seed) -> Filled:
        numbers = generator(seed, "species").permutation(elements.apportion(count, self.units))
        kinds, species = np.unique(numbers, return_inverse=True)
        matrix = self._matrix(kinds)
        for axis in np.flatnonzero(extent.periodic):
            if extent.cell[axis] < np.diag(matrix).max():
                raise SceneError(
                    f"the cell {extent.cell} Å is shorter than min_distance {np.diag(matrix).max():g} Å along "
                    f"{'xyz'[axis]}, a periodic axis"
                )
        shortest = float(matrix.min())
        fraction = packing_fraction(count, shortest, content)
        if fraction > SATURATION and packing_fraction(count, shortest, extent.measure(shortest / 2)) > SATURATION:
            raise SceneError(_unpackable(self, fraction, shortest, self.number_density))
        rng = generator(seed, "positions")
        positions, tried = random_sequential(
            lambda n: extent.draw(rng, n), species, matrix, extent.box(), extent.boxsize
        )
        if len(positions) < count:
            raise SceneError(
                f"{_stuck(self, kinds, numbers, content)}; {len(positions)} of {count} atoms placed in {tried} trials"
            )
        return numbers, positions, {"min_distance": self._pairs.plain()}

    def _atoms(self, numbers: Any, positions: Floats, record: dict[str, Any]) -> Atoms:
        from ase import Atoms

        atoms = Atoms(numbers=numbers, positions=positions)
        by_number = np.zeros(len(chemical_symbols))
        for symbol, u in self.displacements.items():
            by_number[elements.number(symbol)] = u
        atoms.set_array("thermal_u", by_number[numbers])
        atoms.info["record"] = record
        return atoms

    def _matrix(self, numbers: Any) -> Floats:
        """(s, s) smallest distances in Å between the elements of the atomic `numbers` (s,)."""
        return self._pairs.matrix(numbers)

    @property
    def _pairs(self) -> PairDistances:
        assert self.min_distance is not None  # set when a random material is made
        return PairDistances.of(self.min_distance)


def default_distance(units: elements.Composition, number_density: float) -> float:
    """The smallest distance (Å) allowed when none is given; see `Amorphous`."""
    if len(units) == 1 and units[0][0] == "C":
        return CARBON_DISTANCE
    radius = min(float(covalent_radii[elements.number(symbol)]) for symbol, _ in units)
    loose = (0.25 * 6 / (np.pi * number_density)) ** (1 / 3)
    return round(min(1.8 * radius, loose), 3)


def _check_relaxed(material: Amorphous, units: elements.Composition) -> None:
    from construction_zone.build.generators.films import DENSITIES

    name = tiles.formula(units)
    if name is None:
        raise InvalidInput(
            f"there are no relaxed tiles of {material.phase} (only of {', '.join(tiles.available()) or 'nothing'}); "
            "give structure='random'"
        )
    if material.min_distance is not None:
        raise InvalidInput(
            f"min_distance is {material.min_distance}, but relaxed {material.phase} has the distances of its tiles; "
            "leave it out or give structure='random'"
        )
    own = material.density * tiles.number_density(name) / material.number_density
    low, high = (round(own * share, 2) for share in DENSITIES)
    if not low <= material.density <= high:
        raise InvalidInput(
            f"density is {material.density:g} g/cm³; relaxed {material.phase} comes with {low:.2f} to {high:.2f} g/cm³ "
            f"(its tiles have {own:.2f}); give such a density, or structure='random' for any"
        )


def _check_random(material: Amorphous, units: elements.Composition) -> None:
    object.__setattr__(material, "min_distance", _distances(material, units))
    matrix = material._matrix(np.array([elements.number(symbol) for symbol, _ in units]))
    shares = np.array([amount for _, amount in units]) / sum(amount for _, amount in units)
    for distance, share in [(float(matrix.min()), 1.0), *zip(np.diag(matrix), shares, strict=True)]:
        fraction = packing_fraction(1, float(distance), 1 / (material.number_density * share))
        if fraction > DENSEST:
            raise InvalidInput(_unpackable(material, fraction, float(distance), material.number_density * float(share)))


def _distances(material: Amorphous, units: elements.Composition) -> float | PairDistances:
    """`min_distance` as one number, or as a table where pairs differ."""
    default = default_distance(units, material.number_density)
    given = default if material.min_distance is None else material.min_distance
    if not isinstance(given, (Mapping, PairDistances)):
        return inputs.positive(given, "min_distance")
    table = PairDistances.of(given, default=default)
    inputs.positive(table.default, "min_distance 'default'")
    symbols = [symbol for symbol, _ in units]
    for (first, second), distance in table.pairs:
        if first not in symbols or second not in symbols:
            raise InvalidInput(f"min_distance names {first}–{second}, which {material.phase} does not contain")
        inputs.positive(distance, f"min_distance of {first}–{second}")
    return table if table.pairs else table.default


def _displacements(
    phase: str, units: elements.Composition, given: float | Mapping[str, float] | None
) -> dict[str, float]:
    symbols = [symbol for symbol, _ in units]
    table = {symbol: reference.displacements().get((phase, symbol), 0.0) for symbol in symbols}
    if given is None:
        return table
    if not isinstance(given, Mapping):
        return dict.fromkeys(symbols, inputs.not_negative(given, "thermal_u"))
    strange = sorted(set(given) - set(symbols))
    if strange:
        raise InvalidInput(f"thermal_u names {', '.join(strange)}, which {phase} does not contain")
    return table | {symbol: inputs.not_negative(u, f"thermal_u of {symbol}") for symbol, u in given.items()}


def _stuck(material: Amorphous, kinds: Integers, numbers: Integers, content: float) -> str:
    own = np.diag(material._matrix(kinds))
    taken = ", ".join(
        f"{chemical_symbols[z]} {packing_fraction(int((numbers == z).sum()), float(d), content):.2f}"
        for z, d in zip(kinds, own, strict=True)
    )
    return (
        f"{material.phase} at {material.density:g} g/cm³ with min_distance {material._pairs} has packing "
        f"fractions of {taken}; random placement stops at about {SATURATION:.2f} for equal spheres, and earlier where "
        "different ones keep apart too: lower min_distance or the density"
    )


def _unpackable(material: Amorphous, fraction: float, distance: float, number_density: float) -> str:
    most = (SATURATION * 6 / (np.pi * number_density)) ** (1 / 3)
    return (
        f"{material.phase} at {material.density:g} g/cm³ with min_distance {material._pairs} has a packing "
        f"fraction of {fraction:.2f}; random placement stops at about {SATURATION:.2f}: lower min_distance below "
        f"{most:.2f} Å or the density"
    )
