"""Images of stored waves under new conditions: a named set beside the first, without simulating again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from construction_zone.dataset import card, table
from construction_zone.dataset.fields import options
from construction_zone.dataset.files import writing
from construction_zone.dataset.leaves import differences
from construction_zone.dataset.produce import make, one_thread, stores_vacuum
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.session import RECIPE, keep_file, recipe_of, session
from construction_zone.dataset.store import Store
from construction_zone.errors import InvalidInput, RecipeError, StoreError

OWN = ("imaging", "labels", "storage")
"""Parts of a recipe in which that of an image set may differ from that of its dataset."""


def add_images(
    recipe: Recipe | str | Path | Mapping[str, Any],
    root: str | Path,
    name: str,
    *,
    device: str = "cpu",
) -> int:
    """Image the stored waves of the dataset `root` as `recipe` says, into the set `name`, and tell how many structures.

    Structures and waves of the recipe must be the dataset's; what may differ is `OWN`. The set lies in
    ``sets/NAME``, and `ImageDataset` takes it by ``images=NAME``. What is there already is left; call it again after an
    interruption or when the dataset has grown. Noise differs from that of other sets.

    Raises
    ------
    RecipeError
        if the recipe cannot be used, or asks for other structures, waves or finer pixels than are stored.
    StoreError
        if the directory holds no waves, or the set was begun with another recipe.
    """
    wanted = recipe if isinstance(recipe, Recipe) else load(recipe)
    main = Store(root)
    kept = recipe_of(main)
    other = differences(_shared(kept), _shared(wanted))
    if other:
        raise RecipeError(
            f"{root} holds waves of other structures; only {', '.join(OWN)} may differ. What differs:\n"
            + "\n".join(f"  {line}" for line in other)
        )
    finest, stored = min(options(wanted.imaging.pixel_size)), max(options(kept.imaging.pixel_size))
    if finest < stored * (1 - 1e-9):
        raise RecipeError(
            f"imaging.pixel_size: {finest:g} Å is finer than the {stored:g} Å that the waves of {root} are stored for"
        )
    if stores_vacuum(wanted) and not stores_vacuum(kept):
        raise RecipeError(
            f"mask: exit_wave and zero: minimum_contrast need waves of the particles in vacuum, which {root} has not"
        )
    if not name:
        raise InvalidInput("an image set needs a name; give one such as tilted or low_dose")
    with session(root, kept) as held, one_thread():
        store = Store(root, name, run=held.token)
        wanted = keep_set(store, wanted)
        done = 0
        indices = store.indices("waves")
        if not indices:
            raise StoreError(f"{root} holds no waves yet; make them with: czone generate {root}/{RECIPE} --out {root}")
        for index in indices:
            if make(store, wanted, index, device=device):
                done += 1
        held.log(f"image set {name}: {done} of {len(indices)} structures imaged")
        table.rebuild(store)
        card.write(store)
    return done


def _shared(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.identity().items() if key not in OWN}


def keep_set(store: Store, recipe: Recipe) -> Recipe:
    """Keep the recipe of an image set beside it, or see that it is the one it was begun with."""
    begun = store.place.exists(f"{store.prefix}{RECIPE}")
    if begun:
        different = differences(recipe_of(store).identity(), recipe.identity())
        if different:
            raise StoreError(
                f"the image set {store.images} of {store.root} has another recipe; give another name. What differs:\n"
                + "\n".join(f"  {line}" for line in different)
            )
    with writing(store.root):
        plain = recipe.moved(lambda file: keep_file(store, file))
        if not begun:
            text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
            store.place.write(f"{store.prefix}{RECIPE}", text.encode())
        store.prepare()
        kept = recipe_of(store)
        for part in (store, Store(store.root)):
            part.describe(recipe_of(part).plain())
    return kept
