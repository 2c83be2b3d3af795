"""Datasets of one recipe, made in different places, put together into one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from construction_zone.dataset import card, table
from construction_zone.dataset.add_images import keep_set
from construction_zone.dataset.leaves import differences
from construction_zone.dataset.session import recipe_of, session
from construction_zone.dataset.store import STAGES, Store
from construction_zone.errors import StoreError


def merge(sources: Sequence[str | Path], out: str | Path) -> int:
    """Copy what the datasets `sources` hold into the dataset `out`, made if needed; tells how many structures it has.

    The sources must be of one recipe; their counts may differ. A stage of a structure that several hold must be the
    same in all, byte for byte. Everything is hashed as it is copied. `out` may be the URL of a place that fsspec can
    write.

    Raises
    ------
    StoreError
        if recipes differ, a structure differs, or something is damaged. Recipes and structures are compared before
        anything is written.
    """
    if not sources:
        raise StoreError("there is nothing to merge; give the directories of one dataset or more")
    stores = [Store(source) for source in sources]
    recipes = [recipe_of(store) for store in stores]
    for source, recipe in zip(sources, recipes, strict=True):
        other = differences(recipes[0].identity(), recipe.identity())
        if other:
            told = "\n".join(f"  {line}" for line in other)
            raise StoreError(f"{sources[0]} and {source} are of different recipes. What differs:\n{told}")
    target = Store(out)
    there = [target] if target.place.exists("dataset.json") else []
    names = sorted({name for store in stores for name in store.sets()})
    plan = [(name, stage, *part) for name in ("", *names) for stage, part in _plan([*there, *stores], name)]
    wanted = recipes[0].with_(count=max(recipe.count for recipe in recipes))
    with session(out, wanted) as held:
        _copy(plan, stores, held.store)
        held.log(f"merged from {', '.join(str(source) for source in sources)}")
    return len(target.indices("structures"))


def _plan(stores: list[Store], name: str) -> list[tuple[str, tuple[int, Store]]]:
    """What is to be had of an image set (or the dataset itself) from where; `StoreError` where two differ."""
    found: dict[tuple[str, int], tuple[str, Store]] = {}
    for store in (Store(store.root, name) for store in stores):
        for stage in ("images",) if name else STAGES:
            for index in store.indices(stage):
                record = store.stage_record(stage, index)
                content = record["content"][stage]
                before, owner = found.setdefault((stage, index), (content, store))
                if before != content:
                    raise StoreError(
                        f"{owner.root} and {store.root} hold different {stage} of structure {index}; remove it from "
                        "one of them, or make it again with the same version (czone repair)"
                    )
    return [(stage, (index, owner)) for (stage, index), (_, owner) in found.items()]


def _copy(plan: list[tuple[str, str, int, Store]], stores: list[Store], target: Store) -> None:
    parts = {"": target}
    for name, stage, index, owner in plan:
        if name not in parts:
            parts[name] = Store(target.root, name, run=target.run)
            source = next(store for store in stores if name in store.sets())
            keep_set(parts[name], recipe_of(Store(source.root, name)))
        if str(owner.root) != str(target.root):
            parts[name].adopt(owner, stage, index)
    for part in parts.values():
        table.rebuild(part)
        card.write(part)
