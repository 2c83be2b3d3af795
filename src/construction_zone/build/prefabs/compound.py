"""Several materials in one zone: parts that are filled in turn, each beside those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from construction_zone.build import arrays, inputs, merge, torus
from construction_zone.build.distances import PairDistances
from construction_zone.build.generators import Amorphous, Crystal
from construction_zone.build.generators.base import PERIODIC_FILM, Generator
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.record import lattice_of
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed, child

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Part:
    """A volume with what fills it, as one of several in a `Compound`."""

    name: str
    volume: Volume
    generator: Generator

    def moved(self, affine: Affine) -> Part:
        """This part after the map `affine`."""
        return replace(self, volume=self.volume.moved(affine), generator=self.generator.moved(affine))


@dataclass(frozen=True)
class Compound:
    """A generator made of parts; where they overlap the earlier one wins.

    Atoms carry `part`, the index of their part, besides what the parts know. The record has ``parts``: of each its
    `name`, `phase`, number of `atoms`, `first_grain` (the compound's number of its own grain 0), of crystals the
    `lattice` (rows, Å, in the scene, before strain), and what its own generator wrote down as `fill`.

    Parameters
    ----------
    parts
        In the order in which they win.
    distances
        Å between atoms of different parts: of two that are closer, the one of the later part goes.
    """

    parts: tuple[Part, ...]
    distances: PairDistances

    @property
    def phase(self) -> str:
        """Names of the materials, "fcc Au + fcc Pd"."""
        return " + ".join(dict.fromkeys(part.generator.phase for part in self.parts))

    @property
    def pose(self) -> Affine:
        """Origin and orientation of the first part."""
        return self.parts[0].generator.pose

    @property
    def lattice(self) -> Floats | None:
        """The lattice of the first part, if it has one."""
        return getattr(self.parts[0].generator, "lattice", None)

    def moved(self, affine: Affine) -> Compound:
        """This compound after the map `affine`."""
        return replace(self, parts=tuple(part.moved(affine) for part in self.parts))

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The atoms of all parts that lie inside `volume`; see `Generator.fill`."""
        fills = [self._filled(part, cell, seed, periodic) for part in self.parts]
        order = list(range(len(fills)))
        points = [torus.wrap(fill.positions, cell, periodic) for fill in fills]
        outside = merge.outside_rivals(points, [part.volume for part in self.parts], order, cell, periodic)
        kept = [
            np.flatnonzero(stays & volume.contains(fill.positions)) for stays, fill in zip(outside, fills, strict=True)
        ]
        apart = merge.keep_apart(
            [own[index] for own, index in zip(points, kept, strict=True)],
            [fill.numbers[index] for fill, index in zip(fills, kept, strict=True)],
            order,
            self.distances,
            cell,
            periodic,
        )
        kept = [index[far] for index, far in zip(kept, apart, strict=True)]
        if not sum(map(len, kept)):
            raise SceneError(f"no atom of {self.phase} lies in the volume; enlarge it")
        return self._joined(fills, kept)

    def _filled(self, part: Part, cell: Point, seed: Seed, periodic: Periodic) -> Atoms:
        try:
            return part.generator.fill(part.volume, cell=cell, seed=child(seed, "part", part.name), periodic=periodic)
        except InvalidInput as error:
            raise SceneError(f"part {part.name!r}: {error}") from error

    def _joined(self, fills: list[Atoms], kept: list[Any]) -> Atoms:
        names = [part.name for part in self.parts]
        places = [fill.positions for fill in fills]
        phases, phase = arrays.phase_numbers(fills, [part.generator.phase for part in self.parts], kept)
        found = arrays.gathered(fills, kept, names)
        found |= {
            "grain": arrays.grain_numbers(fills, kept),
            "phase": phase,
            "part": np.repeat(np.arange(len(kept)), [len(index) for index in kept]),
        }
        ideal = arrays.ideal_positions(fills, places, kept)
        if ideal is not None:
            found[arrays.IDEAL] = ideal
        record = [
            {"name": part.name, "phase": part.generator.phase, "atoms": len(index), "first_grain": first}
            | ({} if lattice_of(part.generator) is None else {"lattice": lattice_of(part.generator)})
            | ({"fill": fill.info["record"]} if fill.info.get("record") else {})
            for part, fill, index, first in zip(self.parts, fills, kept, arrays.first_grains(fills), strict=True)
        ]
        atoms = arrays.assembled(
            np.concatenate([fill.numbers[index] for fill, index in zip(fills, kept, strict=True)]),
            np.concatenate([own[index] for own, index in zip(places, kept, strict=True)]),
            found,
            {"parts": record},
        )
        atoms.info["phases"] = phases
        return atoms


def crystal_under(generator: Generator) -> Crystal | None:
    """The crystal that a generator wraps (of a compound, the outermost part's), or None."""
    if isinstance(generator, Crystal):
        return generator
    if isinstance(generator, Compound):
        return crystal_under(generator.parts[-1].generator)
    inner = getattr(generator, "generator", None)
    return None if inner is None else crystal_under(inner)


def compound_under(generator: Generator) -> Compound | None:
    """The compound that a generator wraps, or None."""
    if isinstance(generator, Compound):
        return generator
    inner = getattr(generator, "generator", None)
    return None if inner is None else compound_under(inner)


def material_of(given: Generator | str, density: float | None = None) -> Generator:
    """A generator, or the one that "fcc Au" or "amorphous SiO2" (with a `density` in g/cm³) stands for."""
    if isinstance(given, str):
        kind, _, formula = given.partition(" ")
        if kind != "amorphous":
            return Crystal.named(given)
        if density is None:
            raise InvalidInput(f"{given!r} needs density= in g/cm³")
        return Amorphous(formula, density=inputs.positive(density, "density", "g/cm³"))
    if not isinstance(given, Generator):
        raise InvalidInput(f"{given!r} is no material; give a generator, or a name such as 'fcc Au' or 'amorphous C'")
    return given


def nearest_neighbour(crystal: Crystal) -> float:
    """The shortest distance between two sites of a crystal, Å."""
    cells = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    at = crystal.positions
    delta = at[:, None, None, :] + cells @ crystal.lattice - at[None, :, None, :]
    lengths = np.linalg.norm(delta, axis=-1)
    return float(lengths[lengths > 1e-6].min())


def together(parts: Sequence[Part], distances: PairDistances) -> tuple[Volume, Compound]:
    """The volume and the generator of several parts."""
    from functools import reduce
    from operator import or_

    return reduce(or_, [part.volume for part in parts]), Compound(tuple(parts), distances)
