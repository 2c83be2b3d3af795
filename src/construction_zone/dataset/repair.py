"""Making again exactly what is damaged or missing in a dataset, from the recipe that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from construction_zone.dataset import card, table
from construction_zone.dataset.files import digest, writing
from construction_zone.dataset.produce import make, one_thread
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.records import GROUP, unsealed
from construction_zone.dataset.session import RECIPE, recipe_folder, session
from construction_zone.dataset.store import STAGES, Store
from construction_zone.dataset.verify import Finding, verify
from construction_zone.errors import ConstructionZoneError, StoreError


@dataclass(frozen=True)
class Repair:
    """What `repair` did: what it found, the stages of structures that it made again, those that came out different
    from what the record told, and what is still not as it should be."""

    found: tuple[Finding, ...]
    made: tuple[tuple[int, str], ...]
    different: tuple[tuple[int, str], ...]
    left: tuple[Finding, ...]


def repair(root: str | Path, device: str = "cpu") -> Repair:
    """Make again what `verify` finds damaged or missing in the dataset `root`; what is foreign is left alone.

    The same versions on the same kind of processor give the same bytes. Raises `StoreError` if neither the recipe nor
    the description of the dataset can be read, since then nothing says what it holds.
    """
    store = Store(root)
    found = verify(root)
    wrong = [finding for finding in found if finding.kind != "foreign"]
    if not wrong:
        return Repair(tuple(found), (), (), tuple(found))
    for finding in wrong:
        if finding.name.startswith("crystals/"):
            raise StoreError(f"{finding} in {root}: the structures are made from it; put that file back, then repair")
    recipe = restored(store)
    if any(finding.name == "dataset.json" for finding in wrong):
        with writing(root):
            store.describe(recipe.plain())
    made: list[tuple[int, str]] = []
    different: list[tuple[int, str]] = []
    with session(root, recipe) as held, one_thread():
        for name in ("", *store.sets()):
            part = Store(root, name, run=held.token)
            _rewrite_groups(part, wrong)
            own = recipe if not name else restored(part)
            for index, stage in _broken(part, wrong, recipe.count):
                again, before = _made_again(part, own, index, stage, device)
                made.append((index, stage))
                if before is not None and again != before:
                    different.append((index, stage))
                held.log(f"structure {index}: {stage} made again")
            table.rebuild(part)
            with writing(root):
                part.describe(own.plain())
            card.write(part)
    return Repair(tuple(found), tuple(made), tuple(different), tuple(verify(root)))


def restored(store: Store) -> Recipe:
    """The recipe of a dataset or image set: the file's, or if that is not as it was written, the description's."""
    path = f"{store.root}/{store.prefix}{RECIPE}"
    try:
        described = unsealed(store.place.read(f"{store.prefix}dataset.json")) or {}
    except OSError:
        described = {}
    plain: Any = described.get("recipe")
    hashed = (described.get("files") or {}).get(f"{store.prefix}{RECIPE}")
    try:
        text = store.place.read(f"{store.prefix}{RECIPE}")
    except OSError:
        text = b""
    folder = recipe_folder(store)
    if plain is None or hashed == digest(text):
        try:
            return load(folder / store.prefix / RECIPE, folder=folder)
        except (ConstructionZoneError, OSError) as error:
            raise StoreError(
                f"{path} and its copy in dataset.json cannot be read ({error}); put the recipe back as recipe.yaml, "
                "then repair again"
            ) from error
    recipe = load(plain, folder=folder)
    with writing(store.root):
        store.place.write(
            f"{store.prefix}{RECIPE}", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120).encode()
        )
    return recipe


def _broken(store: Store, wrong: list[Finding], count: int) -> list[tuple[int, str]]:
    """Stages of the recipe's `count` structures to be made again, in the order in which they need each other."""
    parts = {
        (finding.structure, finding.stage)
        for finding in wrong
        if finding.structure is not None and finding.stage is not None and finding.images == store.images
    }
    wanted = [(index, stage) for index, stage in parts if index is not None and stage is not None and index < count]
    return sorted(wanted, key=lambda part: (part[0], STAGES.index(part[1])))


def _made_again(store: Store, recipe: Recipe, index: int, stage: str, device: str) -> tuple[str, str | None]:
    """Make a stage of structure `index` anew; hashes of it now, and of what its record told of before."""
    name = store.record_name(stage, index)
    record = unsealed(store.place.read(name)) if store.place.exists(name) else None
    before = record["content"][stage] if record else None
    with writing(store.root):
        store.place.remove(name)
    make(store, recipe, index, stage, device)
    return store.stage_record(stage, index)["content"][stage], before


def _rewrite_groups(store: Store, wrong: list[Finding]) -> None:
    for finding in wrong:
        if finding.images == store.images and finding.structure is None and finding.name.endswith("zarr.json"):
            with writing(store.root):
                store.place.write(finding.name, GROUP)
