"""The data card of a dataset: README.md in its directory, for whoever is given the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from construction_zone.dataset.files import writing
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.session import recipe_of
from construction_zone.dataset.store import STAGES, Store
from construction_zone.errors import ConstructionZoneError

CARD = "README.md"


def write(store: Store) -> None:
    """Write the card of the dataset or image set as the records and the table now have it."""
    with writing(store.root):
        store.place.write(f"{store.prefix}{CARD}", text(store).encode())


def text(store: Store) -> str:
    """What the data are, how they were made, by which versions, how many, how they are split, and their licence."""
    from construction_zone import __version__

    counts = {stage: len(store.indices(stage)) for stage in STAGES}
    rows = _rows(store)
    name = store.images or Path(str(store.root)).name
    lines = [
        f"# {name}",
        "",
        "Simulated transmission electron micrographs with labels, made by "
        f"[Construction Zone](https://pypi.org/project/construction-zone/) {_versions(rows, __version__)}.",
        "Every structure, image and label follows from `recipe.yaml` and its seed; nothing was measured.",
        "",
        "| | |",
        "| --- | --- |",
        *(f"| {stage} | {counts[stage]} structures |" for stage in STAGES),
        f"| images in all | {len(rows['structure'])} |",
        *(f"| split *{split}* | {images} images |" for split, images in _shares(rows).items()),
    ]
    twice = {row for row in rows["duplicate_of"] if row is not None}
    if twice:
        lines.append(f"| structures with the same atoms as another | {len(twice)} |")
    recipe: Recipe | None
    try:
        recipe = recipe_of(store)
    except (ConstructionZoneError, OSError):
        recipe = None
    if recipe is not None:
        terms = recipe.storage.licence
        lines += [
            f"| seed | {recipe.seed} |",
            f"| recipe, SHA-256 | `{recipe.digest()}` |",
            f"| exit waves | {recipe.storage.waves} |",
            f"| licence | {terms or 'not stated; say it as `storage: {licence: …}` in the recipe'} |",
        ]
    lines += [
        "",
        "Splits are by structure, never by image. Lengths are in Å, energies in eV, doses in electrons per Å²; arrays",
        "are (…, y, x), pixel *i* at *i* times the pixel size; images hold electrons per pixel, or where there is no",
        "dose the intensity with vacuum at 1.",
        "",
        "`samples.parquet` has a row for each image with every drawn value, seed and hash. Read arrays with zarr or",
        "",
        "```python",
        "from construction_zone.dataset import ImageDataset",
        "",
        f'dataset = ImageDataset("."{_named(store)})  # dataset[0]["image"], ["mask"], ["record"]',
        "```",
        "",
        "`czone verify .` tells whether anything has been damaged, `czone repair .` makes it again.",
        "",
    ]
    return "\n".join(lines)


def _rows(store: Store) -> dict[str, list[Any]]:
    from construction_zone.dataset.loader import columns

    wanted = ["structure", "split", "duplicate_of", "version"]
    try:
        table = columns(store, wanted)
    except FileNotFoundError:
        return {name: [] for name in wanted}
    return {name: table[name].to_pylist() if name in table.column_names else [] for name in wanted}


def _shares(rows: dict[str, list[Any]]) -> dict[str, int]:
    from construction_zone.dataset.splits import SPLITS

    return {split: rows["split"].count(split) for split in SPLITS}


def _versions(rows: dict[str, list[Any]], now: str) -> str:
    return ", ".join(sorted({version for version in rows["version"] if version})) or now


def _named(store: Store) -> str:
    return f', images="{store.images}"' if store.images else ""
