"""Amorphous material: atoms at random, at a given density and never closer than a given distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from ase.data import covalent_radii

from construction_zone.build import elements, inputs, reference, torus
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.generators.packing import SATURATION, packing_fraction, random_sequential
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes import Measured, Volume
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed, generator

if TYPE_CHECKING:
    from ase import Atoms

CARBON_DISTANCE = 1.4
"""Å. Just below the first peak of g(r) of evaporated carbon, 1.43 Å (Li & Lannin, Phys. Rev. Lett. 65, 1905 (1990))."""

STRUCTURES = ("random",)

_ESTIMATE_POINTS = 2**17

# the additive recurrence of M. Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018), in 3-D
_RECURRENCE = 1.2207440846057596 ** -np.arange(1.0, 4.0)


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
        "random": random sequential addition, the cheap model, with neither the neighbour peaks nor the coordination
        of the real material.
    min_distance
        Å; no two atoms are closer, across the periodic seams of the cell either. Default: 1.4 for carbon; otherwise
        1.8 × the smallest covalent radius (Cordero et al., Dalton Trans. 2832 (2008)), or less where the packing
        fraction would pass 0.25.
    thermal_u
        rms thermal displacement per axis in Å: one number, or one for each element. Default: 0.087 for carbon (that of
        graphite, B = 0.60 Å², Trucano & Chen, Nature 258, 136 (1975): no measured value for amorphous carbon is
        used), 0 = not known for the rest.

    Raises `InvalidInput` for unknown elements, densities or distances that are not above zero, or a density and
    distance that cannot be packed (random sequential addition stops at a packing fraction of about 0.38).
    """

    composition: str | Mapping[str, float]
    density: float
    structure: str = "random"
    min_distance: float | None = None
    thermal_u: float | Mapping[str, float] | None = None
    _: KW_ONLY
    pose: Affine = IDENTITY

    def __post_init__(self) -> None:
        units = elements.composition(self.composition)
        if not isinstance(self.composition, str):
            object.__setattr__(self, "composition", elements.formula(units))
        if self.structure not in STRUCTURES:
            raise InvalidInput(
                f"structure is {self.structure!r}; available in this version: {', '.join(map(repr, STRUCTURES))}"
            )
        object.__setattr__(self, "density", inputs.positive(self.density, "density", "g/cm³"))
        number_density = elements.number_density(self.density, units)
        if self.min_distance is None:
            object.__setattr__(self, "min_distance", default_distance(units, number_density))
        distance = inputs.positive(self.min_distance, "min_distance")
        object.__setattr__(self, "min_distance", distance)
        fraction = packing_fraction(1, distance, 1 / number_density)
        if fraction > 0.7405:  # π/√18: no arrangement whatever is denser
            raise InvalidInput(_unpackable(self, fraction))
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
        """Random atoms inside `volume`, wrapped into the cell; see `Generator.fill`."""
        from ase import Atoms

        region = _Region(volume, cell, periodic)
        content = region.measure()
        if content <= 0:
            raise SceneError("the volume is empty; check the positions and sizes of its parts")
        count = round(self.number_density * content)
        if count == 0:
            raise SceneError(
                f"{self.phase}: the volume of {content:.3g} Å³ is too small to hold an atom at this density"
            )
        distance = inputs.positive(self.min_distance, "min_distance")
        boxsize = np.where(periodic, cell, 0.0)
        if any(p and edge < distance for p, edge in zip(periodic, cell, strict=True)):
            raise SceneError(f"the cell {cell} Å is shorter than min_distance {distance:g} Å along a periodic axis")
        fraction = packing_fraction(count, distance, content)
        if fraction > SATURATION and packing_fraction(count, distance, region.measure(distance / 2)) > SATURATION:
            raise SceneError(_unpackable(self, fraction))
        rng = generator(seed, "positions")
        positions, tried = random_sequential(lambda n: region.draw(rng, n), count, distance, boxsize)
        if len(positions) < count:
            raise SceneError(
                f"{_unpackable(self, fraction)}; {len(positions)} of {count} atoms placed in {tried} trials"
            )
        numbers = generator(seed, "species").permutation(elements.apportion(count, self.units))
        atoms = Atoms(numbers=numbers, positions=positions)
        by_number = {elements.number(symbol): u for symbol, u in self.displacements.items()}
        atoms.set_array("thermal_u", np.array([by_number[z] for z in numbers.tolist()]))
        return atoms


@dataclass(frozen=True)
class _Region:
    """A volume in a cell that repeats, as a set of positions in the cell."""

    volume: Volume
    cell: Point
    periodic: Periodic

    def measure(self, grown: float = 0.0) -> float:
        """Content in Å³ (of the volume grown by `grown` Å): closed form if it has one, else quasi-random points."""
        if isinstance(self.volume, Measured) and grown == 0 and not self.overlaps:
            return self.volume.measure
        box = self._box(grown)
        unit = (0.5 + np.arange(_ESTIMATE_POINTS)[:, None] * _RECURRENCE) % 1.0
        points = box[0] + unit * (box[1] - box[0])
        return float(np.prod(box[1] - box[0]) * self._inside(points, grown).mean())

    @property
    def overlaps(self) -> bool:
        """Whether the volume may meet its own periodic images."""
        return torus.overlaps_itself(self.volume, self.cell, self.periodic)

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """`count` points uniform in the box of the region, less those outside it, wrapped into the cell."""
        box = self._box()
        points = rng.uniform(size=(count, 3)) * (box[1] - box[0]) + box[0]
        return torus.wrap(points[self._inside(points)], self.cell, self.periodic)

    def _box(self, grown: float = 0.0) -> Floats:
        box = torus.window(self.volume, self.cell) + np.array([[-grown], [grown]])
        # one period is all there is along a periodic axis
        longer = (box[1] - box[0] >= np.asarray(self.cell)) & np.asarray(self.periodic)
        box[0, longer], box[1, longer] = 0.0, np.asarray(self.cell)[longer]
        return box

    def _inside(self, points: Floats, grown: float = 0.0) -> Bools:
        if grown:
            shifts = torus.image_numbers(self.volume, self.cell, self.periodic)
            return np.any([self.volume.signed_distance(points + shift) <= grown for shift in shifts], axis=0)
        if self.overlaps:
            return torus.contains(self.volume, points, self.cell, self.periodic)
        return self.volume.contains(points)


def default_distance(units: elements.Composition, number_density: float) -> float:
    """The smallest distance (Å) allowed when none is given; see `Amorphous`."""
    if len(units) == 1 and units[0][0] == "C":
        return CARBON_DISTANCE
    radius = min(float(covalent_radii[elements.number(symbol)]) for symbol, _ in units)
    loose = (0.25 * 6 / (np.pi * number_density)) ** (1 / 3)
    return round(min(1.8 * radius, loose), 3)


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


def _unpackable(material: Amorphous, fraction: float) -> str:
    number_density = material.number_density
    most = (SATURATION * 6 / (np.pi * number_density)) ** (1 / 3)
    return (
        f"{material.phase} at {material.density:g} g/cm³ with min_distance {material.min_distance:g} Å has a packing "
        f"fraction of {fraction:.2f}; random placement stops at about {SATURATION:.2f}: lower min_distance below "
        f"{most:.2f} Å or the density"
    )
