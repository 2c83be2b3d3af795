"""What particles lie on: flat amorphous films, or prefabs across the whole cell, one on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from construction_zone import seeding
from construction_zone.build import Amorphous, Block, Void, Zone
from construction_zone.build.distances import CONTACT
from construction_zone.build.prefabs.base import bare
from construction_zone.build.prefabs.placing import TOUCHING, drop
from construction_zone.dataset.fields import options
from construction_zone.dataset.nodes import PrefabChoice
from construction_zone.dataset.particles import material
from construction_zone.dataset.parts import Substrate
from construction_zone.dataset.problems import tried
from construction_zone.dataset.recipe import Recipe
from construction_zone.errors import InvalidInput, RecipeError

VACUUM = 5.0
"""Å of vacuum at either end of the cell along the beam."""

BETWEEN = 1.2
"""Å between the ends of two flat films. Of 12 Å of the upper one some 1 % is then closer than 2 Å to an atom of the
lower one and goes; without a distance 7 %."""


def substrate_zones(recipe: Recipe, drawn: Mapping[str, Any], seed: seeding.Seed) -> list[Zone]:
    """The substrates of the structure with this `seed`, from the lowest on, each on the one before.

    The first begins `VACUUM` above the entrance face. A flat film begins `BETWEEN` above the end of a flat one below,
    or `CONTACT` above the highest atom of an uneven one, so that it has the density that is asked for: nearer, those of
    its atoms would go that are closer than `CONTACT` to one below. Prefabs rest on the atoms below them. Where one is
    embedded in another, the lower one stays as it is.
    """
    width, depth = drawn["cell[0]"], drawn["cell[1]"]
    zones: list[Zone] = []
    for k, (path, name, layer) in enumerate(recipe.substrates):
        bottom = VACUUM
        if zones:
            flat = recipe.substrates[k - 1][2].prefab is None
            below = np.zeros((0, 3)) if flat and layer.prefab is None else atoms_of(zones, (width, depth), seed)
            bottom = float(below[:, 2].max() if len(below) else zones[-1].volume.bounds[1, 2])
            if layer.prefab is None:
                bottom += CONTACT if len(below) else BETWEEN
            bottom -= drawn.get(f"{path}.embedded", 0.0)
        if layer.prefab is None:
            film = Amorphous(drawn[f"{path}.amorphous"], density=drawn[f"{path}.density"], structure=layer.structure)
            block = Block.between((0, 0, bottom), (width, depth, bottom + drawn[f"{path}.thickness"]))
            zone = Zone(block, film, name=name)
        else:
            where = f"{path}.prefab"
            made: Zone = layer.prefab.made(
                lambda path: drawn[path],
                where,
                seeding.child(seed, where, "made"),
                name,
                lambda word, kind: material(recipe, word, kind),
                (width, depth),
            )
            zone = made.shifted((width / 2, depth / 2, bottom - float(made.volume.bounds[0, 2])))
            if zones:
                cell = (width, depth, float(zone.volume.bounds[1, 2]) + VACUUM)
                lift = drop(atoms_of([zone], cell[:2], seed), below, TOUCHING, cell, (True, True, False))
                zone = zone.shifted((0, 0, lift - drawn.get(f"{path}.embedded", 0.0)))
        zones.append(replace(zone, priority=1 + k))
    return zones


def ground_of(recipe: Recipe, drawn: Mapping[str, Any], seed: seeding.Seed) -> NDArray[np.float64] | None:
    """The atoms (n, 3) of substrates whose uppermost may have holes, as they will be in the scene; None for a flat one.

    Where there are several they are those of each alone.
    """
    if not uneven(recipe):
        return None
    return atoms_of(substrate_zones(recipe, drawn, seed), (drawn["cell[0]"], drawn["cell[1]"]), seed)


def uneven(recipe: Recipe) -> bool:
    """Whether the uppermost substrate is a prefab rather than flat."""
    return bool(recipe.substrates) and recipe.substrates[-1][2].prefab is not None


def atoms_of(zones: Sequence[Zone], cell: tuple[float, float], seed: seeding.Seed) -> NDArray[np.float64]:
    """The atoms (n, 3) of substrates, as they will be in the scene of the structure with this `seed`."""
    found = [np.zeros((0, 3))]
    for zone in zones:
        own = seeding.child(seeding.integer(seed, "build"), "build", zone.name)
        height = float(zone.volume.bounds[1, 2]) + VACUUM
        made = bare(zone.generator).fill(zone.volume, cell=(*cell, height), seed=own, periodic=(True, True, False))
        found.append(np.asarray(made.positions))
    return np.concatenate(found)


def check_substrates(recipe: Recipe) -> None:
    """Make the substrates at the ends of their distributions; a `RecipeError` says what cannot be made."""
    if recipe.cell is None:
        return
    cell = (float(min(options(recipe.cell[0]))), float(min(options(recipe.cell[1]))))
    for path, name, layer in recipe.substrates:
        if layer.prefab is None:
            _check_film(path, layer)
        else:
            _check_prefab(recipe, f"{path}.prefab", name, layer.prefab, cell)


def _check_film(path: str, layer: Substrate) -> None:
    for formula in options(layer.amorphous):
        try:
            Amorphous(formula, density=layer.density.support[0], structure=layer.structure)
        except InvalidInput as error:
            raise RecipeError(f"the recipe cannot be used:\n  {path}.amorphous: {error}") from error


def _check_prefab(recipe: Recipe, path: str, name: str, choice: PrefabChoice, cell: tuple[float, float]) -> None:
    for label, value in choice.trials(path):
        with tried(f"{path}.{label}"):
            zone = choice.made(value, path, 0, name, lambda word, kind: material(recipe, word, kind), cell)
            if not isinstance(zone, Zone) or not np.isfinite(zone.volume.bounds[:, 2]).all():
                raise InvalidInput("is no substrate: it has no end along the beam")
            if isinstance(bare(zone.generator), Void):
                raise InvalidInput("is no substrate: void has no atoms")
