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
from construction_zone.dataset.frames import chosen
from construction_zone.dataset.particles import particle_zone, reach_of
from construction_zone.dataset.parts import FromFiles, Particles
from construction_zone.dataset.places import Disc, Spot, place
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.scenes import PlacedZones
from construction_zone.dataset.spelling import Linked, Scope
from construction_zone.dataset.substrates import ground_of
from construction_zone.distributions import Distribution, Fixed, Sweep


def structure_seed(recipe: Recipe, index: int) -> np.random.SeedSequence:
    """The seed of structure `index`: of nothing but the recipe's seed and the index."""
    return seeding.child(recipe.seed, "structure", index)


def image_seed(recipe: Recipe, index: int, image: int) -> np.random.SeedSequence:
    """The seed of image `image` of structure `index`."""
    return seeding.child(recipe.seed, "structure", index, "image", image)


def draw_structure(recipe: Recipe, index: int) -> dict[str, Any]:
    """Drawn values of structure `index` by dotted path; those of particles are lists, one entry a particle.

    Beside the recipe's leaves there are, for each group of particles (``particles``, or ``particles[0]``, …):
    ``.reach`` (of prefabs: radius in Å of the circle about their atoms), ``.position`` (x, y of the centres in Å),
    ``.rotation`` (a matrix, uniform on SO(3); null where an orientation is asked for), ``.spin`` (degrees about the
    beam; null where it is random anyway) and, where there are no prefabs, ``.offset`` (of the lattice from the
    particle's centre, in fractions of its cell); and of each placed zone its ``.rotation``. Raises `SceneError` if the
    particles find no place.
    """
    whole = structure_seed(recipe, index)
    seed = seeding.child(whole, "draw")
    drawn = draw_leaves(recipe, index)
    if isinstance(recipe.scene, PlacedZones):
        for path, _, _ in recipe.scene.entries():
            rng = seeding.generator(seed, f"{path}.rotation")
            free = drawn[f"{path}.orientation"] == "random"
            drawn[f"{path}.rotation"] = random_rotation(rng).matrix.tolist() if free else None
    taken: list[Disc] = []
    ground = ground_of(recipe, drawn, whole) if recipe.groups else None
    for path, group in recipe.groups:
        _draw_group(recipe, path, group, drawn, whole)
        spot = Spot((drawn["cell[0]"], drawn["cell[1]"]), seed, f"{path}.position", ground)
        reach = drawn[f"{path}.radius" if group.prefab is None else f"{path}.reach"]
        if group.placing == "apart":
            found = place(reach, spot.cell, drawn[f"{path}.gap"], spot.seed, spot, taken, drawn[f"{path}.overlap"])
        else:
            found = [spot.anywhere(k).tolist() for k in range(len(reach))]
        drawn[f"{path}.position"] = found
        taken += [(np.array(centre), radius) for centre, radius in zip(found, reach, strict=True)]
    return drawn


def draw_leaves(recipe: Recipe, index: int) -> dict[str, Any]:
    """The leaves of structure `index` by dotted path, without turns and places: quick, since nothing is made."""
    seed = seeding.child(structure_seed(recipe, index), "draw")
    places = recipe.sweep("structure").places(index)
    drawn = _variables(recipe, "structure", seed, places)
    drawn |= {path: drawn_leaf(leaf, path, seed, drawn, places) for path, leaf in recipe.leaves("structure")}
    if isinstance(recipe.scene, FromFiles):
        drawn |= chosen(recipe.scene, recipe.scene_files(), places)
        if recipe.scene.frames == "configurations":
            drawn["simulation.phonons"] = None  # its default is not meant
    of_particles = list(recipe.leaves("particle"))
    for path, _ in recipe.groups:
        count = drawn[f"{path}.count"]
        prefix = "" if path == "particles" else f"{path}."
        own = [_variables(recipe, "particle", seed, places, k, prefix=prefix) for k in range(count)]
        drawn |= {f"{prefix}{name}": [values[name] for values in own] for name in (own[0] if own else {})}
        known = [drawn | values for values in own]
        for name, leaf in of_particles:
            if name.startswith(f"{path}."):
                drawn[name] = [drawn_leaf(leaf, name, seed, known[k], places, k) for k in range(count)]
    return drawn


def _draw_group(
    recipe: Recipe, path: str, group: Particles, drawn: dict[str, Any], whole: np.random.SeedSequence
) -> None:
    """Add how the particles of a group are turned to `drawn`, and how far prefabs reach."""
    seed = seeding.child(whole, "draw")
    count = drawn[f"{path}.count"]
    random = [orientation == "random" for orientation in drawn[f"{path}.orientation"]]

    def rng(what: str, k: int) -> np.random.Generator:
        return seeding.generator(seed, f"{path}.{what}", k)

    drawn[f"{path}.rotation"] = [
        random_rotation(rng("rotation", k)).matrix.tolist() if random[k] else None for k in range(count)
    ]
    drawn[f"{path}.spin"] = [None if random[k] else float(rng("spin", k).uniform(0, 360)) for k in range(count)]
    drawn[f"{path}.offset"] = [rng("offset", k).uniform(size=3).tolist() for k in range(count)]
    if group.prefab is not None:
        zones = (particle_zone(recipe, path, group, drawn, k, whole) for k in range(count))
        drawn[f"{path}.reach"] = [reach_of(zone, whole) for zone in zones]


def draw_imaging(recipe: Recipe, index: int) -> dict[str, Any]:
    """Of the drawn values of structure `index` those that belong to imaging and labels."""
    seed = seeding.child(structure_seed(recipe, index), "draw")
    places = recipe.sweep("structure").places(index)
    known = _variables(recipe, "structure", seed, places)
    return {
        path: drawn_leaf(leaf, path, seed, known, places)
        for path, leaf in recipe.leaves("structure")
        if path.startswith(("imaging.", "labels."))
    }


def draw_image(recipe: Recipe, index: int, image: int, seed: seeding.Seed | None = None) -> dict[str, Any]:
    """Drawn values of image `image` of structure `index`, by dotted path; `seed` instead of its `image_seed`."""
    seed = seeding.child(image_seed(recipe, index, image) if seed is None else seed, "draw")
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
    if isinstance(leaf, Fixed):
        return leaf.value
    rng = seeding.generator(seed, path, *more)
    return leaf.at(places[path], rng) if isinstance(leaf, Sweep) else leaf.draw(rng)


def _variables(
    recipe: Recipe, per: Scope, seed: seeding.Seed, places: Mapping[str, int], *more: int, prefix: str = ""
) -> dict[str, Any]:
    """The variables that are drawn for each `per`, by path without `prefix`."""
    found = {}
    for name, variable in recipe.variables.items():
        if variable.per == per:
            path = f"variables.{name}"
            own = {f"{prefix}{path}": places[path]} if path in places else {}
            found[path] = drawn_leaf(variable.leaf, f"{prefix}{path}", seed, {}, own, *more)
    return found
