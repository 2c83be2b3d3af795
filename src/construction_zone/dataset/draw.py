"""The values of one structure and of its images, drawn from a recipe.

Each leaf has a seed of its own, found by its path, so that a new or changed field moves no other draw; each particle
and each image has one too, so that their number moves none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from construction_zone import seeding
from construction_zone.build.transforms import random_rotation
from construction_zone.dataset.particles import particle_zone, reach_of
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.spelling import Linked, Scope
from construction_zone.distributions import Distribution, Sweep
from construction_zone.errors import SceneError

TRIES = 500
"""Places tried for a particle before the whole arrangement is begun again."""
ARRANGEMENTS = 20


def structure_seed(recipe: Recipe, index: int) -> np.random.SeedSequence:
    """The seed of structure `index`: of nothing but the recipe's seed and the index."""
    return seeding.child(recipe.seed, "structure", index)


def image_seed(recipe: Recipe, index: int, image: int) -> np.random.SeedSequence:
    """The seed of image `image` of structure `index`."""
    return seeding.child(recipe.seed, "structure", index, "image", image)


def draw_structure(recipe: Recipe, index: int) -> dict[str, Any]:
    """Drawn values of structure `index` by dotted path; those of particles are lists, one entry a particle.

    Beside the recipe's leaves there are ``particles.reach`` (of prefabs: radius in Å of the circle about their atoms),
    ``particles.position`` (x, y of the centres in Å), ``particles.rotation`` (a matrix, uniform on SO(3); null where an
    orientation is asked for), ``particles.spin`` (degrees about the beam; null where it is random anyway) and, where
    there are no prefabs, ``particles.offset`` (of the lattice from the
    particle's centre, in fractions of its cell). Raises `SceneError` if the particles find no place.
    """
    whole = structure_seed(recipe, index)
    seed = seeding.child(whole, "draw")
    places = recipe.sweep("structure").places(index)
    drawn = _variables(recipe, "structure", seed, places)
    drawn |= {path: drawn_leaf(leaf, path, seed, drawn, places) for path, leaf in recipe.leaves("structure")}
    if recipe.particles is None:
        return drawn
    count = drawn["particles.count"]
    own = [_variables(recipe, "particle", seed, places, k) for k in range(count)]
    drawn |= {path: [values[path] for values in own] for path in (own[0] if own else {})}
    for path, leaf in recipe.leaves("particle"):
        drawn[path] = [drawn_leaf(leaf, path, seed, drawn | own[k], places, k) for k in range(count)]
    random = [orientation == "random" for orientation in drawn["particles.orientation"]]
    drawn["particles.rotation"] = [
        random_rotation(seeding.generator(seed, "particles.rotation", k)).matrix.tolist() if random[k] else None
        for k in range(count)
    ]
    drawn["particles.spin"] = [
        None if random[k] else float(seeding.generator(seed, "particles.spin", k).uniform(0, 360)) for k in range(count)
    ]
    drawn["particles.offset"] = [
        seeding.generator(seed, "particles.offset", k).uniform(size=3).tolist() for k in range(count)
    ]
    if recipe.particles.prefab is None:
        reach = drawn["particles.radius"]
    else:
        reach = drawn["particles.reach"] = [
            reach_of(particle_zone(recipe, drawn, k, whole), whole) for k in range(count)
        ]
    drawn["particles.position"] = place(reach, (drawn["cell[0]"], drawn["cell[1]"]), drawn["particles.gap"], seed)
    return drawn


def draw_image(recipe: Recipe, index: int, image: int) -> dict[str, Any]:
    """Drawn values of image `image` of structure `index`, by dotted path."""
    seed = seeding.child(image_seed(recipe, index, image), "draw")
    places = recipe.sweep("image").places(image)
    drawn = _variables(recipe, "image", seed, places)
    known = drawn | _variables(
        recipe,
        "structure",
        seeding.child(structure_seed(recipe, index), "draw"),
        recipe.sweep("structure").places(index),
    )
    leaves = {path: drawn_leaf(leaf, path, seed, known, places) for path, leaf in recipe.leaves("image")}
    return drawn | leaves


def drawn_leaf(
    leaf: Distribution,
    path: str,
    seed: seeding.Seed,
    known: Mapping[str, Any],
    places: Mapping[str, int],
    *more: int,
) -> Any:
    """The value of the leaf at `path`, from the child (path, *more) of `seed` alone.

    What follows a variable takes it from `known`; what is swept is at the point that `places` tells.
    """
    if isinstance(leaf, Linked):
        return leaf.of(known[f"variables.{leaf.name}"])
    rng = seeding.generator(seed, path, *more)
    return leaf.at(places[path], rng) if isinstance(leaf, Sweep) else leaf.draw(rng)


def _variables(recipe: Recipe, per: Scope, seed: seeding.Seed, places: Mapping[str, int], *more: int) -> dict[str, Any]:
    """The variables that are drawn for each `per`, by path."""
    return {
        f"variables.{name}": drawn_leaf(variable.leaf, f"variables.{name}", seed, {}, places, *more)
        for name, variable in recipe.variables.items()
        if variable.per == per
    }


def place(radii: list[float], cell: tuple[float, float], gap: float, seed: seeding.Seed) -> list[list[float]]:
    """Random centres (x, y) in the periodic `cell` for discs of `radii`, at least `gap` apart as the beam sees them.

    Discs are placed in turn where there is room; if one finds none, all are placed anew. Raises `SceneError` that
    says how many fitted when no arrangement is found.
    """
    size = np.asarray(cell)
    for k, radius in enumerate(radii):
        if 2 * radius + gap > size.min():
            raise SceneError(
                f"particle {k} of radius {radius:.4g} Å with a gap of {gap:g} Å does not fit a periodic cell of "
                f"{size.min():g} Å; take a larger cell or a smaller radius"
            )
    most = 0
    for arrangement in range(ARRANGEMENTS):
        centres: list[np.ndarray] = []
        for k, radius in enumerate(radii):
            rng = seeding.generator(seed, "particles.position", k, arrangement)
            tried = rng.uniform(size=(TRIES, 2)) * size
            for centre, other in zip(centres, radii, strict=False):
                step = tried - centre
                step -= size * np.round(step / size)
                tried = tried[np.hypot(*step.T) >= radius + other + gap]
            if not len(tried):
                break
            centres.append(tried[0])
        if len(centres) == len(radii):
            return [centre.tolist() for centre in centres]
        most = max(most, len(centres))
    raise SceneError(
        f"only {most} of {len(radii)} particles found a place in {size[0]:g} × {size[1]:g} Å with a gap of {gap:g} Å "
        f"after {ARRANGEMENTS} arrangements; take fewer or smaller particles, a smaller gap or a larger cell"
    )
