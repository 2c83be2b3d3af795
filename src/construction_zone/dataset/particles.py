"""The particles of a structure that are prefabs: made from drawn values, turned, and measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from construction_zone import seeding
from construction_zone.build import Crystal, Zone
from construction_zone.build.prefabs.base import bare
from construction_zone.build.prefabs.compound import crystal_under
from construction_zone.build.prefabs.facets import plane_towards
from construction_zone.build.transforms import Affine, align, rotation, translation
from construction_zone.dataset.recipe import Recipe, is_structure_file
from construction_zone.errors import InvalidInput, RecipeError

_UP, _DOWN = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)


def particle_zone(recipe: Recipe, drawn: dict[str, Any], k: int, seed: seeding.Seed) -> Zone:
    """Particle `k`, turned as drawn, with the middle of its atoms over the origin and its lowest atom at z = 0.

    `seed` is that of the structure.
    """
    assert recipe.particles is not None
    assert recipe.particles.prefab is not None
    zone = recipe.particles.prefab.zone(
        lambda path: drawn[path][k],
        seeding.child(seed, "particles.prefab", "made", k),
        f"particle {k}",
        lambda word: material(recipe, word),
    )
    zone = zone.moved(_turn(zone, drawn, k))
    points = filled(zone, seed)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    return zone.moved(translation((-middle[0], -middle[1], -float(points[:, 2].min()))))


def reach_of(zone: Zone, seed: seeding.Seed) -> float:
    """Radius (Å) of the circle about z that holds all atoms of a zone."""
    return float(np.linalg.norm(filled(zone, seed)[:, :2], axis=1).max())


def top_of(zone: Zone, seed: seeding.Seed) -> float:
    """The highest atom of a zone, Å."""
    return float(filled(zone, seed)[:, 2].max())


def filled(zone: Zone, seed: seeding.Seed) -> np.ndarray:
    """Where the atoms of a zone lie when it is alone; filled as in the scene of the structure with this `seed`."""
    low, high = zone.volume.bounds
    x, y, z = np.maximum(high - low, 1.0).tolist()
    own = seeding.child(seeding.integer(seed, "build"), "build", zone.name)
    made = bare(zone.generator).fill(zone.volume, cell=(x, y, z), seed=own, periodic=(False, False, False))
    return np.asarray(made.positions)


def material(recipe: Recipe, word: str) -> Any:
    """What a recipe means by a word: the crystal in a structure file, or the word itself."""
    return Crystal.read(recipe.structure_files()[word]) if is_structure_file(word) else word


def check_prefabs(recipe: Recipe) -> None:
    """Make each prefab at the ends of its distributions; a `RecipeError` says what cannot be made."""
    assert recipe.particles is not None
    assert recipe.particles.prefab is not None
    choice = recipe.particles.prefab
    for label, value in choice.trials():
        try:
            zone = choice.zone(value, 0, "trial", lambda word: material(recipe, word))
            if not isinstance(zone, Zone) or not np.isfinite(zone.volume.bounds).all():
                raise InvalidInput("is no particle: it has no end")
        except (InvalidInput, TypeError) as error:
            raise RecipeError(f"the recipe cannot be used:\n  particles.prefab.{label}: {error}") from error


def _turn(zone: Zone, drawn: dict[str, Any], k: int) -> Affine:
    orientation, matrix = drawn["particles.orientation"][k], drawn["particles.rotation"][k]
    if matrix is not None:
        return Affine(np.array(matrix), np.zeros(3))
    spin = rotation(_UP, drawn["particles.spin"][k])
    if orientation == "keep":
        return spin
    crystal = crystal_under(zone.generator)
    if crystal is None:
        raise InvalidInput(f"{zone.generator.phase} is no crystal; give orientation: random or keep")
    if isinstance(orientation, str):
        return spin @ align(plane_towards(crystal, orientation.removeprefix("facet ")), _DOWN)
    return spin @ align(crystal.direction(orientation), _UP)
