"""Which atoms of a recipe have no known thermal displacement, told before anything is simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from construction_zone.build import Amorphous, Crystal, Molecule, Zone, files, reference
from construction_zone.build.generators import sites
from construction_zone.build.prefabs.base import bare
from construction_zone.build.volumes import Volume
from construction_zone.dataset.fields import options
from construction_zone.dataset.nodes import PrefabChoice
from construction_zone.dataset.particles import crystal_of, material
from construction_zone.dataset.parts import FromFiles
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.scenes import PlacedZones
from construction_zone.dataset.spelling import listed
from construction_zone.errors import InvalidInput, RecipeError, SceneError

LARGEST = 1e6
"""Å³ of a zone that is filled to see which atoms it really has."""


def check_displacements(recipe: Recipe) -> None:
    """Raise a `RecipeError` if frozen phonons are asked for atoms whose displacement nobody has told.

    Crystals, films and the first file of a scene are looked at, and prefabs at the ends of their distributions.
    """
    phonons = listed(recipe.simulation.phonons)
    if phonons is not None and not any(phonons):
        return
    given = recipe.simulation.displacements
    if given is not None and not isinstance(given, Mapping):
        return
    told = {*reference.element_displacements(), *(given or {})}
    bad = {path: missing for path, missing in _unknown(recipe, told) if missing}
    if bad:
        asked = ", ".join(f"{symbol}: u" for symbol in sorted(set().union(*bad.values())))
        lines = [f"  {path}: no thermal displacement is known for {', '.join(sorted(bad[path]))}\n" for path in bad]
        raise RecipeError(
            f"the recipe cannot be simulated:\n{''.join(lines)}  give simulation.displacements: {{{asked}}} with the "
            "rms displacement u per axis in Å (B = 8π²u²), or simulation.phonons: 0 for atoms at rest"
        )


def _unknown(recipe: Recipe, told: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Path of each part of a recipe, and the elements in it without a displacement of their own that are not `told`."""
    for path, name, layer in recipe.substrates:
        if layer.prefab is not None:
            yield f"{path}.prefab", _of_prefab(recipe, layer.prefab, f"{path}.prefab", name, told, across=True)
            continue
        for formula in options(layer.amorphous):
            film = Amorphous(formula, density=layer.density.support[0], structure=layer.structure)
            yield f"{path}.amorphous", _of(film) - told
    for path, group in recipe.groups:
        if group.prefab is not None:
            yield f"{path}.prefab", _of_prefab(recipe, group.prefab, f"{path}.prefab", "trial", told)
            continue
        crystals = [_of(crystal_of(recipe, name)) - told for name in options(group.crystal)]
        yield f"{path}.crystal", set().union(*crystals)
    if isinstance(recipe.scene, PlacedZones):
        for path, name, entry in recipe.scene.entries():
            yield f"{path}.prefab", _of_prefab(recipe, entry.prefab, f"{path}.prefab", name, told, across=True)
    if isinstance(recipe.scene, FromFiles):
        atoms = files.read(recipe.scene_files()[0])
        own = np.asarray(atoms.arrays.get("thermal_u", np.zeros(len(atoms))))
        if own.ndim == 1:
            yield "scene.from_files", {chemical_symbols[z] for z in np.unique(atoms.numbers[~(own > 0)])} - told


def _of_prefab(
    recipe: Recipe, choice: PrefabChoice, path: str, name: str, told: set[str], across: bool = False
) -> set[str]:
    """Elements that are not `told` of a prefab, `across` the cell or not."""
    cell = None
    if across and recipe.cell is not None:
        cell = (float(min(options(recipe.cell[0]))), float(min(options(recipe.cell[1]))))
    found: set[str] = set()
    tried: list[tuple[str, set[str]]] = []
    for label, value in choice.trials(path):
        zone: Zone = choice.made(value, path, 0, name, lambda word, kind: material(recipe, word, kind), cell)
        maybe = _of(zone.generator) - told
        if maybe and (label, maybe) not in tried:
            # parts may be told by those around them, as ligands are, and a modifier may name what it takes away
            tried.append((label, maybe))
            found |= maybe & _made(zone, maybe, cell)
    return found


def _made(zone: Zone, maybe: set[str], cell: tuple[float, float] | None) -> set[str]:
    """Elements without a displacement in the atoms of a zone; of one too large to be made here, what it `maybe` has."""
    size = zone.volume.bounds[1] - zone.volume.bounds[0]
    if cell is not None:
        size[:2] = cell
    if not float(np.prod(size)) <= LARGEST:
        return maybe
    x, y, z = np.maximum(size, 1.0).tolist()
    inside = (0, 0, -zone.volume.bounds[0, 2])  # where zones begin is told later
    try:
        moved, around = zone.shifted(inside), cell is not None
        atoms = bare(moved.generator).fill(moved.volume, cell=(x, y, z), periodic=(around, around, False))
    except (InvalidInput, SceneError):
        return set()  # whatever is wrong with it is told where it is made
    return {chemical_symbols[z] for z in np.unique(atoms.numbers[~(atoms.arrays["thermal_u"] > 0)])}


def _of(thing: Any) -> set[str]:
    """Elements without a displacement of their own in the materials, and in the words, that a generator is made of."""
    if isinstance(thing, Amorphous):
        return {symbol for symbol, u in thing.displacements.items() if not u > 0}
    if isinstance(thing, Molecule):
        return {chemical_symbols[z] for z in np.unique(thing.numbers[~(thing.thermal_u > 0)])}
    if isinstance(thing, Crystal):
        kinds = zip(sites.full(thing), thing.thermal_u, strict=True)
        return {symbol for site, u in kinds if not u > 0 for symbol, _ in site}
    if isinstance(thing, str):
        return {thing} & set(atomic_numbers)
    parts: list[Any] = []
    if isinstance(thing, Mapping):
        parts = [*thing, *thing.values()]
    elif isinstance(thing, (list, tuple)):
        parts = list(thing)
    elif is_dataclass(thing) and not isinstance(thing, Volume):
        parts = [getattr(thing, field.name) for field in fields(thing)]
    return set().union(*map(_of, parts))
