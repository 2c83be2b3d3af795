"""What a recipe calls by name beside prefabs: volumes, what fills them, and what changes that.

Each is a class or a function of `build`, or a thin function here where YAML needs another form; its signature says
which parameters it takes, as that of a prefab does. ``{name: zone, volume: {name: ball, radius: 20}, generator: {name:
crystal, crystal: fcc Au}}`` puts them together.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

import numpy as np

from construction_zone import seeding
from construction_zone.build import modifiers, volumes
from construction_zone.build.generators import Amorphous, Crystal, Generator, Molecule, Void
from construction_zone.build.inputs import Point
from construction_zone.build.modifiers import AtomModifier, Displacement, Modified, ShapeFollows, SpaceModifier
from construction_zone.build.prefabs import PREFABS, Described
from construction_zone.build.prefabs.dislocations import Line
from construction_zone.build.prefabs.facets import plane_towards
from construction_zone.build.transforms import rotation, translation
from construction_zone.build.volumes import Ball, ConvexPolyhedron, Mesh, Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

Modifier = AtomModifier | SpaceModifier
Profile = Callable[[Any], Any]

MODIFIERS = "modifiers"
"""Parameter that every prefab has in a recipe beside its own."""

_UP = (0.0, 0.0, 1.0)


def zone(generator: Generator, volume: Volume | None = None, *, name: str = "zone", seed: Seed = 0) -> Zone:
    """A volume with what fills it; a molecule needs no volume."""
    if volume is None:
        if not isinstance(generator, Molecule):
            raise InvalidInput("volume is missing; only a molecule goes without, give e.g. {name: ball, radius: 20}")
        volume = Ball(float(np.linalg.norm(generator.positions, axis=1).max()) + 1.0)
    return Zone(volume, generator, name)


def polyhedron(
    vertices: Sequence[Point] | None = None,
    normals: Sequence[Point] | None = None,
    distances: Sequence[float] | float | None = None,
) -> ConvexPolyhedron:
    """A convex polyhedron from its corners, or from planes: directions out of it and their distances (Å)."""
    if (vertices is None) == (normals is None) or (normals is None) != (distances is None):
        raise InvalidInput("a polyhedron wants either vertices, or normals with distances")
    if vertices is not None:
        return ConvexPolyhedron(np.array(vertices, dtype=float))
    return ConvexPolyhedron.from_planes(normals, distances)  # type: ignore[arg-type]


def mesh(file: Path, scale: float = 1.0) -> Mesh:
    """The triangles of an STL, OBJ or PLY file; `scale` is Å in one unit of the file."""
    return Mesh.read(file, scale=scale)


def union(volumes: tuple[Volume, ...]) -> Volume:
    """What lies in any of the volumes."""
    return reduce(or_, _several(volumes))


def intersection(volumes: tuple[Volume, ...]) -> Volume:
    """What lies in all of the volumes."""
    return reduce(and_, _several(volumes))


def difference(volume: Volume, without: tuple[Volume, ...]) -> Volume:
    """What lies in the volume but in none of the others."""
    return reduce(lambda left, other: left - other, without, volume)


def offset(volume: Volume, distance: float) -> Volume:
    """The volume grown by `distance` (Å) on all sides, shrunk if negative."""
    return volumes.offset(volume, distance)


def moved(volume: Volume, shift: Point = (0.0, 0.0, 0.0), degrees: float = 0.0, axis: Point = _UP) -> Volume:
    """The volume turned about an axis through the origin, then shifted (Å)."""
    return volume.moved(translation(shift) @ rotation(axis, degrees))


def crystal(
    crystal: Crystal | str,
    a: float | None = None,
    c: float | None = None,
    zone_axis: Sequence[int] | None = None,
    plane: Sequence[int] | str | None = None,
    offset: Point | str | None = None,
    thermal_u: float | Mapping[str, float] | None = None,
    seed: Seed = 0,
) -> Crystal:
    """A crystal by name or from a file, perhaps with a direction or the normal of a plane along z.

    `a`, `c` (Å) replace the tabulated constants of a named one. `offset` shifts the lattice by fractions of its cell,
    or at random.
    """
    constants = {key: value for key, value in (("a", a), ("c", c)) if value is not None}
    if isinstance(crystal, Crystal):
        if constants:
            raise InvalidInput("a and c belong to crystals by name, such as 'fcc Au'; this one has its own")
        found = crystal
    else:
        found = Crystal.named(crystal, **constants)
    if thermal_u is not None:
        found = found.with_thermal_u(thermal_u)
    if zone_axis is not None and plane is not None:
        raise InvalidInput("zone_axis and plane cannot both lie along z; give one")
    if zone_axis is not None:
        found = found.with_zone_axis(zone_axis)
    if plane is not None:
        found = found.with_plane(plane) if not isinstance(plane, str) else _plane_up(found, plane)
    if isinstance(offset, str):
        if offset != "random":
            raise InvalidInput(f"offset is {offset!r}; give fractions of the cell such as [0.5, 0, 0], or random")
        offset = tuple(seeding.generator(seed, "offset").uniform(size=3).tolist())
    return found if offset is None else found.moved(translation(found.direction(offset)))


def alloy(parts: Mapping[str, float], a: float | None = None) -> Crystal:
    """A random alloy of crystals of one kind by shares, {fcc Au: 0.5, fcc Cu: 0.5}, with Vegard's constant or `a`."""
    found = Crystal.alloy(parts)  # type: ignore[arg-type]
    if a is None:
        return found
    factor = a / float(np.linalg.norm(found.lattice[0]))
    return replace(found, lattice=found.lattice * factor)


def amorphous(
    composition: Mapping[str, float] | str,
    density: float,
    structure: str | None = None,
    min_distance: float | None = None,
    thermal_u: float | Mapping[str, float] | None = None,
) -> Amorphous:
    """An amorphous material of a density in g/cm³."""
    return Amorphous(composition, density, structure, min_distance, thermal_u)


def molecule(molecule: Molecule | str) -> Molecule:
    """A molecule that ASE knows by name (C60, CO, …), or that in a file, its middle at the origin."""
    return molecule if isinstance(molecule, Molecule) else Molecule.named(molecule)


def void() -> Void:
    """Nothing: carves its volume out of zones of a higher priority number."""
    return Void()


def strain(tensor: Any, frame: str = "crystal", origin: Point | None = None) -> Modifier:
    """A uniform strain: a number along all axes, or a symmetric 3 × 3 tensor."""
    return modifiers.Strain(np.eye(3) * tensor if isinstance(tensor, (int, float)) else tensor, frame, origin)  # type: ignore[arg-type]


def deformation(gradient: Any, frame: str = "crystal", origin: Point | None = None) -> Modifier:
    """A uniform deformation gradient, 3 × 3."""
    return modifiers.Deformation(gradient, frame, origin)  # type: ignore[arg-type]


def concentration_gradient(
    to: str,
    profile: Profile,
    of: str | None = None,
    sublattice: int | None = None,
    within: Volume | None = None,
) -> Modifier:
    """Substitution whose share varies in space."""
    return modifiers.ConcentrationGradient(to, profile, of, sublattice, within)


def short_range_order(
    targets: Mapping[str, Any],
    sublattice: int | None = None,
    cutoffs: Sequence[float] | None = None,
    tolerance: float = 0.005,
) -> Modifier:
    """Swaps until Warren–Cowley parameters are as asked, e.g. {Au-Cu: -0.1}."""
    given: dict[Any, Any] = dict(targets)
    return modifiers.ShortRangeOrder(given, sublattice, cutoffs, tolerance)


def anisotropic_dislocation(burgers: Point, line: Point, stiffness: Sequence[float], point: Point = (0, 0, 0)) -> Any:
    """A straight dislocation in a medium of this stiffness (GPa; C11, C12, C44 of a cubic crystal)."""
    return modifiers.AnisotropicDislocation(modifiers.Dislocation(burgers, line, point), stiffness)


def shape_follows(modifier: Modifier) -> Modifier:
    """A strain or displacement that deforms the shape too."""
    return modifiers.ShapeFollows(modifier)  # type: ignore[arg-type]


def _field(function: Callable[..., Any], frame: str, slips: bool) -> Callable[..., Modifier]:
    """What makes the displacement by a field that `function` makes, with its parameters and the frame."""

    def made(*, frame: str = frame, **parameters: Any) -> Modifier:
        return Displacement(function(**parameters), frame, slips)  # type: ignore[arg-type]

    own = inspect.signature(function)
    extra = inspect.Parameter("frame", inspect.Parameter.KEYWORD_ONLY, default=frame, annotation="str")
    made.__signature__ = own.replace(parameters=[*own.parameters.values(), extra])  # type: ignore[attr-defined]
    made.__doc__ = function.__doc__
    return made


NAMED: dict[str, dict[str, Callable[..., Any]]] = {
    "prefab": {**PREFABS, "zone": zone},
    "volume": {
        "ball": Ball,
        "block": volumes.Block,
        "capsule": volumes.Capsule,
        "cone": volumes.Cone,
        "cylinder": volumes.Cylinder,
        "difference": difference,
        "ellipsoid": volumes.Ellipsoid,
        "half_space": volumes.HalfSpace,
        "intersection": intersection,
        "mesh": mesh,
        "moved": moved,
        "offset": offset,
        "polyhedron": polyhedron,
        "rough": volumes.Rough,
        "shell": volumes.shell,
        "slab": volumes.Slab,
        "union": union,
    },
    "generator": {
        "alloy": alloy,
        "amorphous": amorphous,
        "crystal": crystal,
        "molecule": molecule,
        "void": void,
    },
    "modifier": {
        "anisotropic_dislocation": _field(anisotropic_dislocation, "crystal", True),
        "antisites": modifiers.Antisites,
        "bending": _field(modifiers.Bending, "crystal", False),
        "concentration_gradient": concentration_gradient,
        "deformation": deformation,
        "dislocation": _field(modifiers.Dislocation, "crystal", True),
        "dislocation_loop": _field(modifiers.DislocationLoop, "crystal", True),
        "interstitials": modifiers.Interstitials,
        "misfit": _field(modifiers.Misfit, "crystal", False),
        "random_alloy": modifiers.RandomAlloy,
        "shape_follows": shape_follows,
        "short_range_order": short_range_order,
        "strain": strain,
        "strain_gradient": _field(modifiers.StrainGradient, "crystal", False),
        "substitution": modifiers.Substitution,
        "thermal_snapshot": modifiers.ThermalSnapshot,
        "vacancies": modifiers.Vacancies,
    },
    "profile": {"linear": modifiers.LinearProfile, "radial": modifiers.RadialProfile},
}
"""Kind → name → what makes it."""

TYPES = {
    "Zone": "prefab",
    "Volume": "volume",
    "Generator": "generator",
    "Crystal": "generator",
    "Molecule": "generator",
    "Modifier": "modifier",
    "Profile": "profile",
}
"""Type in a signature → kind."""
_OWN = ("seed", "name", "pose")
"""Parameters that a recipe sets itself."""


@cache
def parameters(kind: str, name: str) -> dict[str, inspect.Parameter]:
    """The parameters that a recipe may give to what is named, by key."""
    found = inspect.signature(NAMED[kind][name]).parameters
    own = {key: known for key, known in found.items() if key not in _OWN}
    if kind == "prefab":
        extra = inspect.Parameter(
            MODIFIERS, inspect.Parameter.KEYWORD_ONLY, default=(), annotation="tuple[Modifier, ...]"
        )
        own[MODIFIERS] = extra
    return own


@cache
def kinds_in(annotation: str) -> tuple[str, ...]:
    """The kinds of named things that a parameter of this type takes, itself or in a list."""
    words = re.findall(r"\w+", annotation)
    return tuple(dict.fromkeys(TYPES[word] for word in words if word in TYPES))


def only_named(annotation: str) -> bool:
    """Whether a parameter of this type takes nothing but a named thing, or perhaps none."""
    return all(word in TYPES for word in annotation.removesuffix(" | None").split(" | "))


@cache
def seeded(kind: str, name: str) -> bool:
    """Whether what is named draws from a seed itself; modifiers draw from that of their scene."""
    found = inspect.signature(NAMED[kind][name]).parameters.get("seed")
    return found is not None and "Seed" in str(found.annotation)


def modified(made: Zone, changes: Sequence[Modifier], *, follow: bool) -> Zone:
    """`made` with modifiers under the descriptions of its prefabs, which then tell what is really there.

    Where its shape is to `follow`, strain and displacements take it along, so that they cut off no atom.
    """
    lines = [change for change in changes if isinstance(change, Displacement) and change.frame == "crystal"]
    if follow:
        changes = [ShapeFollows(change) if isinstance(change, SpaceModifier) else change for change in changes]
    found: Generator = _inside(made.generator, list(changes))
    for change in lines:
        field, elasticity = change.field, "isotropic"
        if isinstance(field, modifiers.AnisotropicDislocation):
            field, elasticity = field.straight, "anisotropic"
        if isinstance(field, modifiers.Dislocation):  # labels find lines where generators tell of them
            found = Described(found, "dislocated", Line(field, found.pose, elasticity))
    return replace(made, generator=found)


def _inside(generator: Generator, changes: list[Modifier]) -> Generator:
    if isinstance(generator, Described):
        return replace(generator, generator=_inside(generator.generator, changes))
    if isinstance(generator, Modified) and generator.placed.is_identity:
        return replace(generator, modifiers=(*generator.modifiers, *changes))
    return Modified(generator, changes)


def _plane_up(found: Crystal, plane: str) -> Crystal:
    from construction_zone.build.transforms import align

    return found.moved(align(plane_towards(found, plane), _UP))


def _several(given: tuple[Volume, ...]) -> tuple[Volume, ...]:
    if not given:
        raise InvalidInput("wants a list of at least one volume")
    return given
