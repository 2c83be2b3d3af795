"""Particles of more than one material: core and shells, Janus particles, alloy gradients, hollow and porous ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from ase.data import chemical_symbols

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.build.distances import Given, PairDistances
from construction_zone.build.generators import Crystal, Generator
from construction_zone.build.inputs import Floats
from construction_zone.build.lattice_directions import plane_normal
from construction_zone.build.modifiers import ConcentrationGradient, LinearProfile, Modified, RadialProfile
from construction_zone.build.prefabs.base import Described, bare, prefab
from construction_zone.build.prefabs.compound import (
    Part,
    compound_under,
    crystal_under,
    material_of,
    nearest_neighbour,
    together,
)
from construction_zone.build.prefabs.facets import shown
from construction_zone.build.prefabs.pores import Balls, scattered
from construction_zone.build.prefabs.symmetry import Miller, miller
from construction_zone.build.transforms import Affine, translation
from construction_zone.build.volumes import ConvexPolyhedron, HalfSpace, Nothing, Volume, finite_bounds
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_ALONE = (False, False, False)
_CLOSE = 0.8
"""Two crystals that grow on each other keep atoms this share of their shortest neighbour distance apart."""


@prefab
def core_shell(
    core: Zone,
    shell: Generator | str,
    *,
    thickness: float,
    epitaxial: bool | None = None,
    relaxation: float = 0.0,
    consumed: float = 0.0,
    eccentricity: float = 0.0,
    density: float | None = None,
    min_distance: Given | None = None,
    seed: Seed = 0,
    name: str = "core_shell",
) -> Zone:
    """A particle in a shell of another material.

    Parameters
    ----------
    core
        Any zone of a bounded volume, such as another prefab; a core–shell particle gets a further shell.
    shell
        A crystal or an amorphous material, or a name such as "fcc Pd" or "amorphous SiO2" (with `density` in g/cm³).
    thickness
        Å from the core's surface to the particle's. Facets stay sharp.
    epitaxial
        Whether a crystalline shell continues the core's lattice. Default: where both have the same structure.
    relaxation
        0: the shell is strained to the core's lattice (coherent); 1: it has its own lattice constants, in the core's
        orientation, and the misfit f = (a_shell − a_core)/a_core is taken up at the interface.
    consumed
        Å by which the core shrinks, as where a shell of oxide grows into the metal.
    eccentricity
        Å by which the outer surface is shifted from the core, in a direction drawn from `seed`.
    min_distance
        Å between atoms of core and shell. Default: 2.0, or where the shell is epitaxial 0.8 of the shorter bond.
    """
    thick = inputs.positive(thickness, "thickness")
    eaten, off = inputs.not_negative(consumed, "consumed"), inputs.not_negative(eccentricity, "eccentricity")
    if eaten >= thick:
        raise InvalidInput(f"consumed is {eaten:g} Å of a shell of {thick:g} Å; it must be less")
    if off >= thick - eaten:
        raise InvalidInput(f"eccentricity is {off:g} Å; the core would stick out of {thick - eaten:g} Å of shell")
    finite_bounds(core.volume, "a shell")
    inner = list(known.parts) if (known := compound_under(core.generator)) else [_whole(core)]
    if eaten and len(inner) > 1:
        raise InvalidInput("consumed= needs a core of one material; this one has several")
    if eaten:
        inner = [replace(inner[0], volume=_filled_grown(core.volume, -eaten))]
    material = material_of(shell, density)
    grown, strain = _grown_on(core, material, epitaxial, relaxation)
    outer = _filled_grown(core.volume, thick - eaten)
    if off:
        direction = seeding.generator(seed, "eccentricity").normal(size=3)
        outer = outer.moved(translation(off * direction / np.linalg.norm(direction)))
    taken = inner[0].volume if eaten else core.volume
    parts = [*inner, Part("shell" if len(inner) == 1 else f"shell {len(inner)}", outer - taken, _laid(grown, strain))]
    given = min_distance if min_distance is not None else known.distances if known and strain is None else None
    _, compound = together(parts, _distances(given, core, grown, strain is not None))
    return Zone(outer, Described(compound, "core_shell", _Nothing()), name)


@prefab
def multi_shell(
    core: Zone,
    *,
    shells: Sequence[tuple[Generator | str, float]],
    relaxation: float = 0.0,
    density: float | None = None,
    seed: Seed = 0,
    name: str = "multi_shell",
) -> Zone:
    """A particle in several shells, given from the inside as (material, thickness in Å); see `core_shell`."""
    if not shells:
        raise InvalidInput("there are no shells; give at least one (material, thickness)")
    made = core
    for index, (material, thickness) in enumerate(shells):
        made = core_shell(
            made,
            material,
            thickness=thickness,
            relaxation=relaxation,
            density=density,
            seed=seeding.child(seed, "shell", index),
            name=name,
        )
    assert isinstance(made.generator, Described)
    return replace(made, generator=replace(made.generator, prefab="multi_shell"))


@prefab
def janus(
    particle: Zone,
    other: Generator | str,
    *,
    plane: Miller = (1, 1, 1),
    fraction: float = 0.5,
    epitaxial: bool | None = None,
    relaxation: float = 0.0,
    density: float | None = None,
    min_distance: Given | None = None,
    seed: Seed = 0,
    name: str = "janus",
) -> Zone:
    """A particle whose part beyond a lattice plane is of another material.

    Parameters
    ----------
    particle
        A zone filled with a crystal.
    other
        What the part on the side of the plane's normal is made of.
    plane
        (hkl) of the particle. The cut lies between two layers of atoms.
    fraction
        About which share of the particle is of `other`.
    epitaxial, relaxation, density, min_distance
        As in `core_shell`.
    """
    if not 0 < fraction < 1:
        raise InvalidInput(f"fraction is {fraction!r}; give a number between 0 and 1")
    crystal = crystal_under(particle.generator)
    if crystal is None:
        raise InvalidInput("the particle is no crystal, so it has no plane to cut along; give one of a crystal")
    normal = plane_normal(crystal.pose.apply_direction(crystal.lattice), miller(plane, crystal))
    levels = np.sort(_positions(particle, seed) @ normal)
    gaps = np.flatnonzero(np.diff(levels) > 0.1)  # Å: less is within a layer
    if not len(gaps):
        raise InvalidInput(f"the particle is a single layer of {shown(plane)}; give a larger one")
    cut = int(gaps[np.argmin(np.abs(gaps + 1 - (1 - fraction) * len(levels)))])
    height = float(levels[cut] + levels[cut + 1]) / 2
    beyond = HalfSpace(_point(-normal), _point(height * normal))
    grown, strain = _grown_on(particle, material_of(other, density), epitaxial, relaxation)
    parts = [
        Part("first", particle.volume - beyond, particle.generator),
        Part("second", particle.volume & beyond, grown),
    ]
    distances = _distances(min_distance, particle, grown, strain is not None)
    return Zone(particle.volume, Described(together(parts, distances)[1], "janus", _Nothing()), name)


@prefab
def alloy_gradient(
    particle: Zone,
    *,
    to: str,
    inner: float = 0.0,
    outer: float = 1.0,
    profile: Literal["radial", "linear"] = "radial",
    of: str | None = None,
    seed: Seed = 0,
    name: str = "alloy_gradient",
) -> Zone:
    """A particle whose composition changes from its middle to its surface, or along z.

    Parameters
    ----------
    particle
        Any zone of a bounded volume.
    to
        The element that takes the place of others.
    inner, outer
        Its fraction in the middle and at the farthest atom ("linear": at the lowest and the highest point).
    profile
        "radial" or "linear".
    of
        The element that is replaced. Default: any.
    seed
        Which of the possible draws (the seed of the scene decides too).
    """
    box = finite_bounds(particle.volume, "a gradient")
    for label, value in (("inner", inner), ("outer", outer)):
        if not 0 <= value <= 1:
            raise InvalidInput(f"{label} is {value!r}; a fraction lies between 0 and 1")
    middle = box.mean(axis=0)
    if profile == "radial":
        reach = float(np.linalg.norm(_positions(particle, seed) - middle, axis=1).max())
        shape: Any = RadialProfile(_point(middle), (0.0, reach), (inner, outer))
    elif profile == "linear":
        low, high = middle.copy(), middle.copy()
        low[2], high[2] = box[:, 2]
        reach = float(high[2] - low[2])
        shape = LinearProfile(_point(low), _point(high), inner, outer)
    else:
        raise InvalidInput(f"profile is {profile!r}; give 'radial' or 'linear'")
    draw = seeding.integer(seed, "gradient")
    generator = Modified(particle.generator, [ConcentrationGradient(to, shape, of=of, seed=draw)])
    return replace(
        particle,
        generator=Described(generator, "alloy_gradient", _Profile(to, shape, _point(middle), reach)),
        name=name,
    )


@prefab
def hollow(particle: Zone, *, thickness: float, seed: Seed = 0, name: str = "hollow") -> Zone:
    """A particle of which only the outermost `thickness` (Å) is left; facets stay sharp inside too."""
    finite_bounds(particle.volume, "a hollow particle")
    wall = inputs.positive(thickness, "thickness")
    if 2 * wall >= float(np.ptp(particle.volume.bounds, axis=0).min()):
        raise InvalidInput(
            f"thickness is {wall:g} Å: walls of it fill the particle; give a thinner one, or leave it whole"
        )
    cavity = _filled_grown(particle.volume, -wall)
    return _carved(particle, cavity, "hollow", {}, seed, name)


@prefab
def porous(particle: Zone, *, porosity: float, pore_radius: float, seed: Seed = 0, name: str = "porous") -> Zone:
    """A particle with round pores of `pore_radius` (Å) at random places, which take about `porosity` of it.

    Pores may meet each other and the surface. They are added until the share of the atoms that they take is nearest to
    `porosity`; the record has the share that they really take.
    """
    if not 0 < porosity < 1:
        raise InvalidInput(f"porosity is {porosity!r}; give a number between 0 and 1")
    radius = inputs.positive(pore_radius, "pore_radius")
    centres = scattered(_positions(particle, seed), radius, porosity, seeding.generator(seed, "pores"))
    return _carved(particle, Balls(centres, radius), "porous", {"pores": len(centres)}, seed, name)


@dataclass(frozen=True)
class _Nothing:
    """Leaves the description to the parts."""

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class _Epitaxy:
    """Describes how a part grows on what lies below: misfit and strain along its lattice vectors."""

    misfit: tuple[float, ...]
    strain: tuple[float, ...]

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        return {"misfit": list(self.misfit), "strain": list(self.strain)}


@dataclass(frozen=True)
class _Profile:
    """Describes how much of `element` there is in five equal steps of the profile."""

    element: str
    shape: RadialProfile | LinearProfile
    middle: tuple[float, float, float]
    reach: float

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        local = placed.inverse.apply(atoms.positions) - np.array(self.middle)
        if isinstance(self.shape, RadialProfile):
            share = np.linalg.norm(local, axis=1) / self.reach
        else:
            share = local[:, 2] / self.reach + 0.5
        step = np.clip((share * 5).astype(int), 0, 4)
        mine = atoms.numbers == chemical_symbols.index(self.element)
        made = [float(mine[step == k].mean()) if (step == k).any() else None for k in range(5)]
        return {"element": self.element, "fraction": float(mine.mean()), "profile": made}


@dataclass(frozen=True)
class _Carved:
    """Describes which share of the atoms a cavity took."""

    full: int
    more: tuple[tuple[str, int], ...]

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        return {**dict(self.more), "porosity": 1 - len(atoms) / self.full}


def _carved(particle: Zone, cavity: Volume, kind: str, more: dict[str, int], seed: Seed, name: str) -> Zone:
    full = _positions(particle, seed)
    inside = cavity.contains(full)
    if isinstance(cavity, Nothing) or not inside.any():
        raise InvalidInput("no atom of the particle lies in the cavity; give a larger particle, or a thinner shell")
    if inside.all():
        raise InvalidInput("the cavity takes all atoms of the particle; make it smaller")
    generator = Described(particle.generator, kind, _Carved(len(full), tuple(more.items())))
    return Zone(particle.volume - cavity, generator, name)


def _laid(grown: Generator, strain: _Epitaxy | None) -> Generator:
    return grown if strain is None else Described(grown, "epitaxial", strain)


def _whole(core: Zone) -> Part:
    return Part("core", core.volume, core.generator)


def _filled_grown(volume: Volume, distance: float) -> Volume:
    """`volume` grown or shrunk; polyhedra keep sharp edges. `InvalidInput` if nothing is left."""
    if isinstance(volume, ConvexPolyhedron):
        return volume.grown(distance)
    found = volume.offset(distance)
    if isinstance(found, Nothing) or (found.bounds[0] >= found.bounds[1]).any():
        raise InvalidInput(
            f"the particle is thinner than {-2 * distance:g} Å; give a thinner shell or a larger particle"
        )
    return found


def _grown_on(
    core: Zone, material: Generator, epitaxial: bool | None, relaxation: float
) -> tuple[Generator, _Epitaxy | None]:
    """The material as it grows on the core, and its misfit and strain if it continues the core's lattice."""
    if not 0 <= relaxation <= 1:
        raise InvalidInput(f"relaxation is {relaxation!r}; give 0 (coherent) to 1 (its own lattice constants)")
    under = crystal_under(core.generator)
    same = isinstance(material, Crystal) and under is not None and _structure(under) == _structure(material)
    if epitaxial and not same:
        raise InvalidInput(
            f"{material.phase} has not the structure of {core.generator.phase}, so it cannot continue its lattice; "
            "turn the crystal as it should lie and give epitaxial=False"
        )
    if not same or epitaxial is False:
        return material, None
    assert isinstance(material, Crystal)
    assert under is not None
    lattice = under.lattice + relaxation * (material.lattice - under.lattice)
    lengths, own, base = (np.linalg.norm(rows, axis=1) for rows in (lattice, material.lattice, under.lattice))
    misfit, strain = own / base - 1, lengths / own - 1
    grown = replace(material, lattice=lattice, pose=under.pose)
    return grown, _Epitaxy(tuple(misfit.tolist()), tuple(strain.tolist()))


def _structure(crystal: Crystal) -> tuple[str, int]:
    return crystal.phase.split()[0], len(crystal.numbers)


def _distances(given: Given | None, core: Zone, grown: Generator, epitaxial: bool) -> PairDistances:
    if given is not None:
        return PairDistances.of(given)
    under = crystal_under(core.generator)
    if not epitaxial or under is None or not isinstance(grown, Crystal):
        return PairDistances()
    return PairDistances(_CLOSE * min(nearest_neighbour(under), nearest_neighbour(grown)))


def _positions(zone: Zone, seed: Seed) -> Floats:
    """Where the atoms of a zone are when it is alone."""
    box = finite_bounds(zone.volume, "this")
    size = np.maximum(box[1] - box[0], 1.0)
    made = bare(zone.generator).fill(zone.volume, cell=_point(size), seed=seed, periodic=_ALONE)
    return np.asarray(made.positions)


def _point(values: Floats) -> tuple[float, float, float]:
    return (float(values[0]), float(values[1]), float(values[2]))
