"""What particles lie on: a flat amorphous film, or a prefab across the whole cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from construction_zone import seeding
from construction_zone.build import Amorphous, Block, Void, Zone
from construction_zone.build.prefabs.base import bare
from construction_zone.dataset.fields import options
from construction_zone.dataset.particles import material
from construction_zone.dataset.recipe import Recipe
from construction_zone.errors import InvalidInput, RecipeError

VACUUM = 5.0
"""Å of vacuum at either end of the cell along the beam."""

FILM = "film"
PATH = "substrate.prefab"


def substrate_zone(recipe: Recipe, drawn: Mapping[str, Any], seed: seeding.Seed) -> Zone | None:
    """The substrate of the structure with this `seed`, which begins `VACUUM` above the entrance face, or None."""
    if recipe.substrate is None:
        return None
    width, depth = drawn["cell[0]"], drawn["cell[1]"]
    if recipe.substrate.prefab is None:
        film = Amorphous(
            drawn["substrate.amorphous"], density=drawn["substrate.density"], structure=recipe.substrate.structure
        )
        top = VACUUM + drawn["substrate.thickness"]
        return Zone(Block.between((0, 0, VACUUM), (width, depth, top)), film, name=FILM, priority=1)
    zone = recipe.substrate.prefab.zone(
        lambda path: drawn[path],
        PATH,
        seeding.child(seed, PATH, "made"),
        FILM,
        lambda word, kind: material(recipe, word, kind),
        (width, depth),
    )
    lowest = float(zone.volume.bounds[0, 2])
    return replace(zone.shifted((width / 2, depth / 2, VACUUM - lowest)), priority=1)


def ground_of(recipe: Recipe, drawn: Mapping[str, Any], seed: seeding.Seed) -> NDArray[np.float64] | None:
    """The atoms (n, 3) of a substrate that may have holes, as they will be in the scene; None for a flat film."""
    if recipe.substrate is None or recipe.substrate.prefab is None:
        return None
    zone = substrate_zone(recipe, drawn, seed)
    assert zone is not None
    return atoms_of(zone, (drawn["cell[0]"], drawn["cell[1]"]), seed)


def atoms_of(zone: Zone, cell: tuple[float, float], seed: seeding.Seed) -> NDArray[np.float64]:
    """The atoms (n, 3) of a substrate, as they will be in the scene of the structure with this `seed`."""
    own = seeding.child(seeding.integer(seed, "build"), "build", zone.name)
    height = float(zone.volume.bounds[1, 2]) + VACUUM
    made = bare(zone.generator).fill(zone.volume, cell=(*cell, height), seed=own, periodic=(True, True, False))
    return np.asarray(made.positions)


def check_substrate(recipe: Recipe) -> None:
    """Make the substrate at the ends of its distributions; a `RecipeError` says what cannot be made."""
    if recipe.substrate is None or recipe.cell is None:
        return
    if recipe.substrate.prefab is None:
        density = recipe.substrate.density.support[0]
        for formula in options(recipe.substrate.amorphous):
            try:
                Amorphous(formula, density=density, structure=recipe.substrate.structure)
            except InvalidInput as error:
                raise RecipeError(f"the recipe cannot be used:\n  substrate.amorphous: {error}") from error
        return
    choice = recipe.substrate.prefab
    cell = (float(min(options(recipe.cell[0]))), float(min(options(recipe.cell[1]))))
    for label, value in choice.trials(PATH):
        try:
            zone = choice.zone(value, PATH, 0, FILM, lambda word, kind: material(recipe, word, kind), cell)
            if not isinstance(zone, Zone) or not np.isfinite(zone.volume.bounds[:, 2]).all():
                raise InvalidInput("is no substrate: it has no end along the beam")
            if isinstance(bare(zone.generator), Void):
                raise InvalidInput("is no substrate: void has no atoms")
        except (InvalidInput, TypeError) as error:
            raise RecipeError(f"the recipe cannot be used:\n  {PATH}.{label}: {error}") from error
