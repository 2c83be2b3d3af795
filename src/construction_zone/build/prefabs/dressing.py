"""A particle whose surface is changed, as a generator, and atoms that are added to others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from construction_zone import seeding
from construction_zone.build import arrays
from construction_zone.build.generators import Crystal, Generator, Molecule
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.prefabs.compound import crystal_under
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import Volume, finite_bounds
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms


class Change(Protocol):
    """What is done to a particle's atoms."""

    def __call__(self, atoms: Atoms, crystal: Crystal | None, rng: np.random.Generator) -> tuple[Atoms, dict[str, Any]]:
        """The changed atoms and what was done, in plain values."""
        ...


@dataclass(frozen=True)
class Dressed:
    """A particle with a change of its surface, as a generator.

    Parameters
    ----------
    particle
        The zone that is changed.
    change
        What is done.
    prefab
        Name of the prefab.
    own_seed
        The prefab's seed; the scene's decides too.
    """

    particle: Zone
    change: Change
    prefab: str
    own_seed: int

    @property
    def generator(self) -> Generator:
        """What fills the particle."""
        return self.particle.generator

    @property
    def phase(self) -> str:
        """Name of the material: that of the particle."""
        return self.particle.generator.phase

    @property
    def pose(self) -> Affine:
        """Origin and orientation of the particle."""
        return self.particle.generator.pose

    @property
    def lattice(self) -> Floats | None:
        """The lattice of the particle, if it has one."""
        return getattr(self.particle.generator, "lattice", None)

    def moved(self, affine: Affine) -> Dressed:
        """This generator after the map `affine`."""
        return replace(self, particle=self.particle.moved(affine))

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The changed atoms that lie in `volume`; see `Generator.fill`."""
        inner = self.particle
        atoms = inner.generator.fill(inner.volume, cell=cell, seed=seed, periodic=periodic)
        record = atoms.info.get("record", {})
        rng = seeding.generator(seed, "dressed", self.prefab, self.own_seed)
        changed, made = self.change(atoms, crystal_under(inner.generator), rng)
        inside = volume.contains(changed.positions)
        if not inside.any():
            raise SceneError(f"the surface of {self.phase} was changed until no atom was left in the volume")
        info = changed.info
        changed = changed[inside]
        changed.info = {**info, "record": {"prefab": self.prefab, **made, "base": record}}
        return changed


def dressed(particle: Zone, change: Change, kind: str, grown: float, seed: Seed, name: str) -> Zone:
    finite_bounds(particle.volume, f"{kind}()")
    volume = particle.volume.offset(grown) if grown else particle.volume
    return Zone(volume, Dressed(particle, change, kind, seeding.integer(seed, kind)), name, particle.priority)


def share(value: float, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise InvalidInput(f"{what} is {value!r}; give a share above 0 and up to 1")
    return float(value)


def with_atoms(
    atoms: Atoms,
    numbers: NDArray[np.int64],
    places: Floats,
    sublattice: NDArray[np.int64],
    thermal_u: Floats | None = None,
) -> Atoms:
    """The atoms and some more after them; a new atom is displaced like the others of its element."""
    joined: dict[str, NDArray[Any]] = {}
    for name, values in atoms.arrays.items():
        blank = np.full((len(places), *values.shape[1:]), arrays.blank_of(name, values.dtype), dtype=values.dtype)
        joined[name] = np.concatenate([values, blank])
    first = len(atoms)
    joined["numbers"][first:], joined["positions"][first:] = numbers, places
    if "sublattice" in joined:
        joined["sublattice"][first:] = sublattice
    for name in ("phase", "grain", "part"):
        if name in joined:
            joined[name][first:] = 0
    if arrays.IDEAL in joined:
        joined[arrays.IDEAL][first:] = places
    if thermal_u is not None:
        joined["thermal_u"][first:] = thermal_u
    else:
        known = dict(zip(atoms.numbers.tolist(), atoms.arrays["thermal_u"].tolist(), strict=True))
        joined["thermal_u"][first:] = [known.get(z, 0.0) for z in np.asarray(numbers).tolist()]
    if "phase" not in joined:
        joined["phase"] = np.zeros(first + len(places), dtype=np.int64)
    made = arrays.assembled(joined.pop("numbers"), joined.pop("positions"), joined)
    made.info.update(atoms.info)
    return made


def with_molecules(atoms: Atoms, crystal: Crystal | None, molecule: Molecule, places: list[Floats]) -> Atoms:
    """The atoms and copies of `molecule` after them, with its atoms at `places`; they are of a phase of their own."""
    count = len(places)
    joined = with_atoms(
        atoms,
        np.tile(molecule.numbers, count),
        np.concatenate(places),
        np.full(count * len(molecule.numbers), -1),
        np.tile(molecule.thermal_u, count),
    )
    names = list(atoms.info.get("phases", [])) or [crystal.phase if crystal is not None else "particle"]
    joined.arrays["phase"][len(atoms) :] = len(names)
    joined.info["phases"] = [*names, molecule.phase]
    return joined
