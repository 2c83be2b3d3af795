"""What a prefab is: a function that returns a `Zone`, whose fill says in its record what was really made.

A prefab is registered with ``@prefab``. Its parameters are physical and passed by keyword (the material, or the zones
that it works on, may come first); ``seed=`` decides everything that it draws itself; ``name=`` names the zone. What it
returns is centred on the origin and moves with ``.moved(affine)``; recipes find it by its name and read its signature.

What was made is found by a `Describe` when atoms exist, not when they are asked for: wrap the generator that makes the
atoms in `Described`. In a scene the record of zone `name` is ``atoms.info["record"]["zones"][name]["fill"]``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from construction_zone.build.generators import Crystal
from construction_zone.build.generators.base import PERIODIC_FILM, Generator
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

PREFABS: dict[str, Callable[..., Any]] = {}
"""All prefabs by name, for recipes and the gallery."""

_F = TypeVar("_F", bound=Callable[..., Any])


def prefab(function: _F) -> _F:
    """Register `function` as a prefab under its own name. It must take `seed=` and `name=`."""
    parameters = inspect.signature(function).parameters
    assert {"seed", "name"} <= set(parameters), f"prefab {function.__name__} must take seed= and name="
    assert function.__name__ not in PREFABS, f"there are two prefabs called {function.__name__}"
    PREFABS[function.__name__] = function
    return function


class Describe(Protocol):
    """Finds out what was really made."""

    def __call__(self, atoms: Atoms, placed: Affine) -> Mapping[str, Any]:
        """Plain values about `atoms`; `placed` is how the prefab was moved since it was made."""
        ...


@dataclass(frozen=True)
class Described:
    """A generator whose atoms come with a record of what they are: ``{"prefab": name, **describe(atoms, placed)}``.

    Where the generator is itself that of a prefab, the record of that one is kept whole as ``base``.

    Parameters
    ----------
    generator
        What makes the atoms; what it records itself stays.
    prefab
        Name of the prefab.
    describe
        Finds out what was made. A frozen dataclass with ``__call__``, so that prefabs compare and hash.
    placed
        How this generator was moved since it was made.
    """

    generator: Generator
    prefab: str
    describe: Describe
    _: KW_ONLY
    placed: Affine = IDENTITY

    @property
    def phase(self) -> str:
        """Name of the material: that of the generator."""
        return self.generator.phase

    @property
    def pose(self) -> Affine:
        """Origin and orientation of the generator."""
        return self.generator.pose

    @property
    def lattice(self) -> Floats | None:
        """The lattice of the generator (rows, Å, in its own frame), if it has one."""
        return getattr(self.generator, "lattice", None)

    def moved(self, affine: Affine) -> Described:
        """This generator after the map `affine`."""
        return replace(self, generator=self.generator.moved(affine), placed=affine @ self.placed)

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The atoms inside `volume` with their record; see `Generator.fill`."""
        atoms = self.generator.fill(volume, cell=cell, seed=seed, periodic=periodic)
        inner = atoms.info.get("record", {})
        made = {"prefab": self.prefab, **self.describe(atoms, self.placed)}
        atoms.info["record"] = made | ({"base": inner} if "prefab" in inner else inner)
        return atoms


def bare(generator: Generator) -> Generator:
    """What makes the atoms of a prefab, without the description, for when only atoms are asked for."""
    return bare(generator.generator) if isinstance(generator, Described) else generator


def crystal_of(given: Crystal | str) -> Crystal:
    """A crystal, or the one that a name such as "fcc Au" stands for."""
    if isinstance(given, Crystal):
        return given
    if not isinstance(given, str):
        raise InvalidInput(f"crystal is {given!r}; give a Crystal such as Crystal.fcc('Au'), or its name 'fcc Au'")
    return Crystal.named(given)


def of_kind(crystal: Crystal, prototypes: tuple[str, ...], what: str) -> Crystal:
    """`crystal` if its phase says that it is of one of the `prototypes`, else `InvalidInput` that `what` needs one."""
    kind = crystal.phase.split()[0]
    if kind not in prototypes:
        raise InvalidInput(
            f"{what} needs a crystal of {' or '.join(prototypes)}; {crystal.phase!r} is of {kind!r}. Crystals from "
            "files can be given such a name with phase="
        )
    return crystal
