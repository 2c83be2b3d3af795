"""The particles of a structure: made from drawn values, turned, and measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from construction_zone import seeding
from construction_zone.build import Ball, Crystal, Molecule, Void, Zone
from construction_zone.build.prefabs.base import bare
from construction_zone.build.prefabs.compound import crystal_under
from construction_zone.build.prefabs.facets import plane_towards
from construction_zone.build.transforms import Affine, align, rotation, translation
from construction_zone.dataset.fields import options
from construction_zone.dataset.named_files import is_structure_file
from construction_zone.dataset.parts import Particles
from construction_zone.dataset.problems import tried
from construction_zone.dataset.recipe import Recipe
from construction_zone.errors import InvalidInput, RecipeError, SceneError

LARGEST = 1e10
"""Å³ of the box about a particle, some 6e8 atoms."""

_UP, _DOWN = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)


def name_of(recipe: Recipe, path: str, group: Particles, k: int) -> str:
    """The name of the zone of particle `k` of a group."""
    alone = path == "particles"
    return f"{group.name or ('particle' if alone else f'group {path[10:-1]} particle')} {k}"


def particle_zone(
    recipe: Recipe, path: str, group: Particles, drawn: Mapping[str, Any], k: int, seed: seeding.Seed
) -> Zone:
    """Particle `k` of a group of prefabs, turned as drawn, its middle over the origin and its lowest atom at z = 0.

    `seed` is that of the structure.
    """
    assert group.prefab is not None
    where = f"{path}.prefab"
    zone: Zone = group.prefab.made(
        lambda name: drawn[name][k],
        where,
        seeding.child(seed, where, "made", k),
        name_of(recipe, path, group, k),
        lambda word, kind: material(recipe, word, kind),
    )
    zone = zone.moved(
        turn_of(zone, drawn[f"{path}.orientation"][k], drawn[f"{path}.rotation"][k], drawn[f"{path}.spin"][k])
    )
    points = filled(zone, seed)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    return zone.moved(translation((-middle[0], -middle[1], -float(points[:, 2].min()))))


def ball(
    recipe: Recipe, path: str, group: Particles, drawn: Mapping[str, Any], k: int, cell: tuple[float, float]
) -> tuple[Zone, float, float]:
    """Particle `k` of a group of balls at its place, its centre at z = 0, and its lowest and highest atom in Å."""
    crystal = crystal_of(recipe, drawn[f"{path}.crystal"][k])
    axis, turn = drawn[f"{path}.orientation"][k], drawn[f"{path}.rotation"][k]
    if turn is not None:
        crystal = crystal.moved(Affine(np.array(turn), np.zeros(3)))
    else:
        crystal = crystal.with_zone_axis(axis).moved(rotation(_UP, drawn[f"{path}.spin"][k]))
    centre = np.array([*drawn[f"{path}.position"][k], 0.0])
    crystal = crystal.moved(translation(centre + crystal.direction(drawn[f"{path}.offset"][k])))
    volume = Ball(drawn[f"{path}.radius"][k], center=tuple(centre))
    heights = crystal.fill(volume, cell=(*cell, 4 * volume.radius)).positions[:, 2]
    zone = Zone(volume, crystal, name=name_of(recipe, path, group, k))
    return zone, float(heights.min()), float(heights.max())


def reach_of(zone: Zone, seed: seeding.Seed) -> float:
    """Radius (Å) of the circle about z that holds all atoms of a zone."""
    return float(np.linalg.norm(filled(zone, seed)[:, :2], axis=1).max())


def filled(zone: Zone, seed: seeding.Seed) -> np.ndarray:
    """Where the atoms of a zone lie when it is alone; filled as in the scene of the structure with this `seed`."""
    check_size(zone)
    low, high = zone.volume.bounds
    x, y, z = np.maximum(high - low, 1.0).tolist()
    own = seeding.child(seeding.integer(seed, "build"), "build", zone.name)
    made = bare(zone.generator).fill(zone.volume, cell=(x, y, z), seed=own, periodic=(False, False, False))
    return np.asarray(made.positions)


def check_size(zone: Zone) -> None:
    """Raise a `SceneError` if a zone is larger than what any memory holds the atoms of."""
    x, y, z = (zone.volume.bounds[1] - zone.volume.bounds[0]).tolist()
    if not x * y * z <= LARGEST:
        raise SceneError(
            f"{zone.name} is {x:.3g} × {y:.3g} × {z:.3g} Å; give sizes in Å that fit the cell, {LARGEST:g} Å³ at most"
        )


def material(recipe: Recipe, word: str, kind: str = "") -> Any:
    """What a recipe means by a word: the crystal or molecule in a file, or the word itself.

    `kind` is the type of the parameter that the word was given for.
    """
    if "Path" in kind:
        return recipe.file(word)
    if not is_structure_file(word):
        return word
    return (Molecule if "Molecule" in kind else Crystal).read(recipe.file(word))


def crystal_of(recipe: Recipe, name: str) -> Crystal:
    """The crystal that a recipe calls `name`: a prototype, or what its structure file holds."""
    if is_structure_file(name):
        return Crystal.read(recipe.structure_files()[name])
    return Crystal.named(name)


def check_particles(recipe: Recipe) -> None:
    """Make each crystal and prefab at the ends of its distributions; a `RecipeError` says what cannot be made."""
    bad: list[str] = []
    for path, group in recipe.groups:
        if group.prefab is not None:
            _check_prefab(recipe, path, group)
            continue
        for name in options(group.crystal):
            try:
                crystal_of(recipe, name)
            except InvalidInput as error:
                bad.append(f"  {path}.crystal: {error}")
        if any(turn == "keep" or str(turn).startswith("facet") for turn in options(group.orientation)):
            bad.append(f"  {path}.orientation: 'keep' and facets are for prefabs; balls take 'random' or a zone axis")
    if bad:
        raise RecipeError("the recipe cannot be used:\n" + "\n".join(bad))


def _check_prefab(recipe: Recipe, path: str, group: Particles) -> None:
    assert group.prefab is not None
    where = f"{path}.prefab"
    for label, value in group.prefab.trials(where):
        with tried(f"{where}.{label}"):
            zone = group.prefab.made(value, where, 0, "trial", lambda word, kind: material(recipe, word, kind))
            if not isinstance(zone, Zone) or not np.isfinite(zone.volume.bounds).all():
                raise InvalidInput("is no particle: it has no end")
            if isinstance(bare(zone.generator), Void):
                raise InvalidInput("is no particle: void has no atoms")
            check_size(zone)


def turn_of(zone: Zone, orientation: Any, matrix: Any, spun: Any) -> Affine:
    """The turn to a drawn `matrix`, or to an `orientation` (a zone axis up, a facet down) with a spin in degrees."""
    if matrix is not None:
        return Affine(np.array(matrix), np.zeros(3))
    spin = rotation(_UP, spun)
    if orientation == "keep":
        return spin
    crystal = crystal_under(zone.generator)
    if crystal is None:
        raise InvalidInput(f"{zone.generator.phase} is no crystal; give orientation: random or keep")
    if isinstance(orientation, str):
        return spin @ align(plane_towards(crystal, orientation.removeprefix("facet ")), _DOWN)
    return spin @ align(crystal.direction(orientation), _UP)
