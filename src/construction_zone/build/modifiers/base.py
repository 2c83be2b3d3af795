"""A generator whose atoms are changed, one modifier after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from construction_zone.build import inputs, torus
from construction_zone.build.arrays import IDEAL
from construction_zone.build.generators.base import PERIODIC_FILM, Generator
from construction_zone.build.generators.crystal import Crystal
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes import Block, Volume
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed, child, generator, sequence

if TYPE_CHECKING:
    from ase import Atoms

KEY = "_key"
"""Array with the number of each atom in the unmodified fill: random numbers go by it, so that an atom keeps its draw
whatever happens to the others."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What a modifier knows about the place in which it works.

    Parameters
    ----------
    volume, cell, periodic
        What is being filled; see `Generator.fill`.
    pose
        Origin and orientation of the generator.
    placed
        How the generator was moved after it was given its modifiers.
    seed
        The modifier's own child of the seed.
    crystal_sites
        Fills the volume with other fractional sites (m, 3) of the crystal, through all strain applied so far; None if
        the generator is no crystal.
    """

    volume: Volume
    cell: Point
    periodic: Periodic
    pose: Affine
    placed: Affine
    seed: np.random.SeedSequence
    crystal_sites: Callable[[ArrayLike], Floats] | None = None

    def rng(self, *names: str | int) -> np.random.Generator:
        """A random generator of the modifier's own, one for each purpose."""
        return generator(self.seed, *names)

    def inside(self, region: Volume, points: Floats) -> Bools:
        """Which of `points` lie in `region`, which moves with the generator."""
        return region.contains(points if self.placed.is_identity else self.placed.inverse.apply(points))


@runtime_checkable
class AtomModifier(Protocol):
    """Changes atoms after the volume was filled."""

    @property
    def kind(self) -> str:
        """Names the modifier in records and seeds."""
        ...

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The changed atoms and what was really done, as plain numbers, strings and lists."""
        ...


class SpaceMap(Protocol):
    """A map of space onto itself."""

    def before(self, volume: Volume) -> Volume:
        """The region that the map takes to `volume`."""
        ...

    def after(self, points: Floats) -> tuple[Floats, Record]:
        """Where `points` (n, 3) end up, and what the map was there; `InvalidInput` where it folds space."""
        ...


@runtime_checkable
class SpaceModifier(Protocol):
    """Moves space before the volume cuts it, so that the moved material fills the volume."""

    @property
    def kind(self) -> str:
        """Names the modifier in records."""
        ...

    def mapping(self, pose: Affine) -> SpaceMap:
        """The map in the scene, for a generator with this pose."""
        ...


Modifier = AtomModifier | SpaceModifier


@dataclass(frozen=True)
class Modified:
    """A generator and what is done to its atoms, in the order of the list.

    A modifier may be any function of (atoms, random generator) that returns atoms. Each one draws from a child of the
    seed of its own, named by its kind, its number among those of its kind, and its `seed`; and what is drawn for an
    atom belongs to that atom. So a change of one modifier moves no atom of another.

    The atoms carry `ideal`, their positions before modifiers moved them, if one did. What was really done comes back,
    in order, as the list ``atoms.info["record"]["modifiers"]``.

    Parameters
    ----------
    generator
        What makes the atoms.
    modifiers
        What changes them, e.g. ``[Strain(e, frame="crystal"), Vacancies(0.02)]``.
    placed
        How this generator was moved since it was made; regions and profiles of modifiers move with it.
    """

    generator: Generator
    modifiers: Sequence[Modifier | Callable[..., Atoms]]
    _: KW_ONLY
    placed: Affine = field(default=IDENTITY)

    def __post_init__(self) -> None:
        from construction_zone.build.modifiers.custom import Custom

        if not isinstance(self.generator, Generator):
            raise InvalidInput(f"generator is {self.generator!r}; give a generator such as Crystal.fcc('Au')")
        given = self.modifiers if isinstance(self.modifiers, Sequence) else [self.modifiers]
        checked: list[Modifier] = []
        for modifier in given:
            if isinstance(modifier, (AtomModifier, SpaceModifier)) and not isinstance(modifier, type):
                checked.append(modifier)
            elif callable(modifier) and not isinstance(modifier, type):
                checked.append(Custom(modifier))
            else:
                raise InvalidInput(
                    f"{modifier!r} is no modifier; give one such as Vacancies(0.02), or a function of (atoms, rng)"
                )
        object.__setattr__(self, "modifiers", tuple(checked))

    @property
    def phase(self) -> str:
        """Name of the material: that of the generator."""
        return self.generator.phase

    @property
    def pose(self) -> Affine:
        """Origin and orientation of the generator."""
        return self.generator.pose

    def moved(self, affine: Affine) -> Modified:
        """This generator after the map `affine`: what is stated in the lab's frame stays, the rest moves with it."""
        return replace(self, generator=self.generator.moved(affine), placed=affine @ self.placed)

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The modified atoms inside `volume`; see `Generator.fill`."""
        atoms = _Filling(self, cell, sequence(seed)).through(len(self.modifiers), volume, periodic)
        del atoms.arrays[KEY]
        if not len(atoms):
            raise SceneError(f"the modifiers of {self.phase} leave no atom in the volume")
        return atoms


@dataclass(frozen=True)
class _Filling:
    """One call of `Modified.fill`."""

    modified: Modified
    cell: Point
    seed: np.random.SeedSequence

    def through(self, count: int, volume: Volume, periodic: Periodic) -> Atoms:
        """The atoms in `volume` after the first `count` modifiers."""
        if count == 0:
            atoms = self.modified.generator.fill(volume, cell=self.cell, seed=self.seed, periodic=periodic)
            atoms.arrays[KEY] = np.arange(len(atoms), dtype=np.int64)
            atoms.info["record"] = {**atoms.info.get("record", {}), "modifiers": []}
            return atoms
        modifier: Any = self.modified.modifiers[count - 1]
        if isinstance(modifier, SpaceModifier):
            atoms, record = self._moved(count, modifier, volume, periodic)
        else:
            before = self.through(count - 1, volume, periodic)
            info = before.info
            atoms, record = modifier.apply(before, self._setting(count, volume, periodic))
            atoms.info.setdefault("record", info["record"])
        done = atoms.info["record"]
        atoms.info["record"] = {**done, "modifiers": [*done["modifiers"], {"kind": modifier.kind, **record}]}
        return atoms

    def _moved(self, count: int, modifier: SpaceModifier, volume: Volume, periodic: Periodic) -> tuple[Atoms, Record]:
        mapping = modifier.mapping(self.modified.pose)
        region = _bounded(volume, self.cell)
        # the periods of the scene are not those of the unmoved material
        atoms = self.through(count - 1, mapping.before(region), (False, False, False))
        atoms.arrays.setdefault(IDEAL, atoms.positions.copy())
        atoms.positions, record = mapping.after(atoms.positions)
        if torus.overlaps_itself(volume, self.cell, periodic):
            atoms = atoms[torus.first_images(volume, atoms.positions, self.cell, periodic)]
        return atoms, record

    def _setting(self, count: int, volume: Volume, periodic: Periodic) -> Setting:
        modified = self.modified
        modifier: Any = modified.modifiers[count - 1]
        kinds = Counter(m.kind for m in modified.modifiers[:count])  # type: ignore[union-attr]
        seed = child(self.seed, "modifier", modifier.kind, kinds[modifier.kind], int(getattr(modifier, "seed", 0)))
        crystal = modified.generator
        sites = self._crystal_sites(count, crystal, volume, periodic) if isinstance(crystal, Crystal) else None
        return Setting(volume, self.cell, periodic, modified.pose, modified.placed, seed, sites)

    def _crystal_sites(
        self, count: int, crystal: Crystal, volume: Volume, periodic: Periodic
    ) -> Callable[[ArrayLike], Floats]:
        from construction_zone.build.modifiers.shape import ShapeFollows

        strains = [m for m in self.modified.modifiers[: count - 1] if isinstance(m, (SpaceModifier, ShapeFollows))]

        def sites(fractional: ArrayLike) -> Floats:
            other = Crystal(
                crystal.lattice, inputs.points(fractional, "sites"), self._any_number(fractional), pose=crystal.pose
            )
            return np.array(
                Modified(other, strains).fill(volume, cell=self.cell, seed=self.seed, periodic=periodic).positions
            )

        return sites

    @staticmethod
    def _any_number(fractional: ArrayLike) -> NDArray[np.int64]:
        return np.ones(len(inputs.points(fractional, "sites")), dtype=np.int64)


def _bounded(volume: Volume, cell: Point) -> Volume:
    """`volume`, clipped to the cell along the axes on which it is unbounded."""
    bounds = volume.bounds
    if np.isfinite(bounds).all():
        torus.window(volume, cell)
        return volume
    low, high = torus.window(volume, cell)
    # only where it is unbounded does the block cut
    low = np.where(np.isfinite(bounds[0]), low - 1.0, low)
    high = np.where(np.isfinite(bounds[1]), high + 1.0, high)
    return volume & Block.between(low, high)
