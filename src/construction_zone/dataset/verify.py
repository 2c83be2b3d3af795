"""Whether a dataset is what its records say: every file hashed again, nothing missing, nothing foreign."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from construction_zone.dataset import table
from construction_zone.dataset.card import CARD
from construction_zone.dataset.files import Directory, Objects, digest
from construction_zone.dataset.log import LOGS
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.records import FORMAT, GROUP, files_of, unsealed
from construction_zone.dataset.session import recipe_of
from construction_zone.dataset.store import STAGES, Store, spot
from construction_zone.errors import ConstructionZoneError, StoreError

OWN_FILES = ("dataset.json", "recipe.yaml", "samples.parquet", "README.md", "log.txt", "failures.json")
"""Files at the top of a dataset, or of an image set."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: "damaged", "missing" or "foreign", and of what."""

    kind: str
    name: str
    told: str
    structure: int | None = None
    stage: str | None = None
    images: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name} ({self.told})"


def verify(root: str | Path) -> list[Finding]:
    """All that is damaged, missing or foreign in the dataset `root` and its image sets; empty if it is sound.

    Every file is read and hashed but the card and the log, which are for people to read. What was not made yet is not
    missing. Raises `StoreError` if there is no dataset.
    """
    store = Store(root)
    if not any(store.place.exists(name) for name in ("dataset.json", "records")):
        store.check()
    found = list(_whole(store))
    known = _Known()
    for name in ("", *store.sets()):
        found += _part(Store(root, name), known)
    found += _foreign(store, known)
    return found


class _Known:
    """Names of the files that may be there, the structures that each stage has, and how many the recipe counts."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.stages: dict[str, set[int]] = {}
        self.counted: int | None = None


def _part(store: Store, known: _Known) -> Iterator[Finding]:
    """What is wrong with the stages of a dataset, or with an image set alone."""
    recipe, trouble = _recipe(store, known)
    yield from trouble
    made_from = None if recipe is None else recipe.digest()
    if recipe is not None and not store.images:
        known.counted = recipe.count
    for stage in ("images",) if store.images else STAGES:
        known.stages[stage] = set()
        for index in _indices(store, stage):
            if known.counted is not None and index >= known.counted:
                name = store.record_name(stage, index)
                known.names.add(name)
                yield Finding("foreign", name, f"the recipe makes structures 0 to {known.counted - 1}")
                continue
            known.stages[stage].add(index)
            yield from _stage(store, stage, index, made_from, known)
        earlier = STAGES[: STAGES.index(stage)]
        for index in sorted(known.stages[stage]):
            for before in earlier:
                if index not in known.stages[before]:
                    told = f"structure {index} has {stage} without it"
                    yield Finding("missing", store.record_name(before, index), told, index, before)
    yield from _groups(store, known)
    yield from _table(store, known)
    if _read(store, f"{store.prefix}{CARD}") is None and store.indices():
        yield Finding("missing", f"{store.prefix}{CARD}", "the data card", images=store.images)


def _whole(store: Store) -> Iterator[Finding]:
    if isinstance(store.place, Directory):
        for path in sorted(store.folder.rglob("*")):
            if path.is_symlink():
                yield Finding("foreign", path.relative_to(store.folder).as_posix(), "a link; a dataset has none")


def _recipe(store: Store, known: _Known) -> tuple[Recipe | None, list[Finding]]:
    """The recipe if it can be had, and what is wrong with the recipe and the description."""
    described = f"{store.prefix}dataset.json"
    known.names |= {f"{store.prefix}{name}" for name in OWN_FILES}
    text = _read(store, described)
    if text is None:
        return None, [Finding("missing", described, "the description of the dataset", images=store.images)]
    record = unsealed(text)
    if record is None or record.get("format") != FORMAT:
        return None, [Finding("damaged", described, "it is not as it was written", images=store.images)]
    found: list[Finding] = []
    for name, hashed in sorted(files_of(record).items()):
        known.names.add(name)
        found += _file(store, name, hashed, None, None)
    if found or record.get("recipe") is None:
        return None, found
    try:
        return recipe_of(store), found
    except ConstructionZoneError as error:
        return None, [Finding("damaged", f"{store.prefix}recipe.yaml", str(error).splitlines()[0])]


def _indices(store: Store, stage: str) -> Iterator[int]:
    """Structures that have a record of `stage`, in order, whatever else they have."""
    top = store.inner(stage, f"records/{stage}")
    for folder in sorted(store.place.names(top)):
        for entry in sorted(store.place.names(f"{top}/{folder}")):
            name = entry.removesuffix(".json")
            if name.isascii() and name.isdigit() and f"{folder}/{entry}" == f"{spot(int(name))}.json":
                yield int(name)


def _stage(store: Store, stage: str, index: int, recipe: str | None, known: _Known) -> Iterator[Finding]:
    name = store.record_name(stage, index)
    known.names.add(name)
    record = unsealed(_read(store, name) or b"")
    if record is None or (record.get("stage"), record.get("structure")) != (stage, index):
        # what it vouched for is not foreign, and is made anew with it
        known.names |= set(store.place.files(store.held_name(stage, index)))
        known.names |= {store.held_name(stage, index), store.table_name(index)}
        yield Finding("damaged", name, "the record is not as it was written", index, stage, store.images)
        return
    if recipe is not None and record.get("recipe") != recipe:
        yield Finding("foreign", name, "it was made from another recipe", index, stage, store.images)
    for file, hashed in files_of(record).items():
        try:
            own = store.owned(stage, index, file) is not None
        except StoreError:
            own = False
        if not own:
            told = f"it lists {file!r}, which is not its own"
            yield Finding("damaged", name, told, index, stage, store.images)
            continue
        known.names.add(file)
        yield from _file(store, file, hashed, index, stage)


def _file(store: Store, name: str, hashed: str, index: int | None, stage: str | None) -> Iterator[Finding]:
    data = _read(store, name)
    if data is None:
        yield Finding("missing", name, "its record tells of it", index, stage, store.images)
    elif digest(data) != hashed:
        yield Finding("damaged", name, "its contents are not what they were", index, stage, store.images)


def _groups(store: Store, known: _Known) -> Iterator[Finding]:
    """The zarr groups above those of structures."""
    for stage, root in (("waves", "waves.zarr"), ("images", "images.zarr")):
        if stage == "waves" and store.images:
            continue
        top = store.inner(stage, root)
        folders = {f"{index // 1000:03d}" for index in known.stages[stage]}
        for name in (f"{top}/zarr.json", *(f"{top}/{folder}/zarr.json" for folder in sorted(folders))):
            known.names.add(name)
            data = _read(store, name)
            if data != GROUP:
                kind = "missing" if data is None else "damaged"
                yield Finding(kind, name, "a group of the zarr hierarchy", None, stage, store.images)


def _table(store: Store, known: _Known) -> Iterator[Finding]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = _read(store, store.samples)
    if data is None:
        if store.indices():
            yield Finding("missing", store.samples, "the table of samples", images=store.images)
        return
    try:
        there = pq.read_table(io.BytesIO(data), page_checksum_verification=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        yield Finding("damaged", store.samples, f"it cannot be read: {error}", images=store.images)
        return
    for index in _lost(store, there, known):
        told = "the table of samples tells of it"
        yield Finding("missing", store.record_name("images", index), told, index, "images", store.images)
    try:
        wanted, _ = table.made_anew(store)
    except ConstructionZoneError:
        return  # a record that cannot be read has been told
    if wanted != data:
        yield Finding("damaged", store.samples, "it is not what the records say", images=store.images)


def _lost(store: Store, samples: Any, known: _Known) -> list[int]:
    """Structures of the recipe that are in the table and have no images."""
    if "structure" not in samples.column_names:
        return []
    recorded = set(_indices(store, "images"))
    listed = {index for index in samples["structure"].to_pylist() if isinstance(index, int) and index >= 0}
    return sorted(index for index in listed - recorded if known.counted is None or index < known.counted)


def _foreign(store: Store, known: _Known) -> Iterator[Finding]:
    for name in store.place.files():
        if name.startswith(f"{LOGS}/") and isinstance(store.place, Objects):
            continue
        if name not in known.names and not _link(store, name):
            yield Finding("foreign", name, "nothing tells of it")


def _link(store: Store, name: str) -> bool:
    return isinstance(store.place, Directory) and (store.folder / name).is_symlink()


def _read(store: Store, name: str) -> bytes | None:
    """What a file holds; None if there is none, or if it is a link, which is told by itself."""
    try:
        return None if _link(store, name) else store.place.read(name)
    except OSError:
        return None
