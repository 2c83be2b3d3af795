"""A dataset directory in a few lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from construction_zone.dataset.fields import written
from construction_zone.dataset.files import Directory
from construction_zone.dataset.loader import columns
from construction_zone.dataset.produce import STEPS
from construction_zone.dataset.session import RECIPE, recipe_of
from construction_zone.dataset.store import Store
from construction_zone.distributions import Fixed
from construction_zone.errors import StoreError


def summary(root: str | Path) -> dict[str, str]:
    """What the dataset in `root` holds, as short texts by name. Raises `StoreError` if there is none."""
    store = Store(root)
    indices = store.indices()
    if not store.place.exists(RECIPE):
        raise StoreError(f"{root} has no recipe.yaml, so it is no dataset; make one with: czone generate")
    recipe = recipe_of(store)
    drawn = [
        f"{path} {written(leaf)}"
        for per in ("structure", "particle", "image")
        for path, leaf in recipe.leaves(per)
        if not isinstance(leaf, Fixed)
    ]
    lines = {
        "structures": f"{len(indices)} of {recipe.count}",
        "images": str(len(indices) * recipe.images_per_structure),
        "seed": str(recipe.seed),
        "recipe": f"{store.root}/{RECIPE} ({recipe.digest()[:12]})",
        "drawn": "; ".join(drawn) or "nothing",
        "mask": recipe.labels.mask,
    }
    for stage in ("structures", "waves"):
        further = len(store.indices(stage)) - len(indices)
        if further:
            lines["structures"] += f", {further} more until {stage}"
    if store.sets():
        lines["image sets"] = ", ".join(store.sets())
    if isinstance(store.place, Directory):
        lines["on disk"] = f"{_size(store.folder) / 1e6:.1f} MB"
    if indices:
        lines["image"] = _pixels(store, indices[0])
        seconds = _seconds(store)
        if seconds:
            lines["seconds"] = ", ".join(f"{step} {taken:.2f}" for step, taken in seconds.items()) + " (per structure)"
    return lines


def _pixels(store: Store, index: int) -> str:
    """The size of a structure's images; raises `StoreError` if its record does not tell it."""
    record = store.record(index)
    try:
        made = record["made"]
        ny, nx = made["grid"]
        sizes = [image["made"].get("pixel_size", made.get("pixel_size"))[0] for image in record["images"]]
        size = f"{min(sizes):.4g}" if min(sizes) == max(sizes) else f"{min(sizes):.4g} … {max(sizes):.4g}"
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"the record of structure {index} is damaged; run czone verify {store.root}") from error
    return f"{ny} × {nx} pixels (y × x) of {size} Å in structure {index}"


def _seconds(store: Store) -> dict[str, float]:
    """Mean seconds of each step for a structure, as the table has them."""
    try:
        table = columns(store, ["structure", *(f"measured.seconds.{step}" for step in STEPS)])
    except FileNotFoundError:
        return {}
    _, first = np.unique(table["structure"].to_numpy(), return_index=True)
    rows = table.take(first)
    names = [name for name in rows.column_names if name != "structure"]
    return {
        name.rpartition(".")[2]: float(np.nansum(rows[name].to_numpy().astype(float)) / len(first)) for name in names
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
