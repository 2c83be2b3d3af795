"""A dataset directory in a few lines."""

from __future__ import annotations

from pathlib import Path

from construction_zone.dataset.fields import written
from construction_zone.dataset.recipe import load
from construction_zone.dataset.session import RECIPE
from construction_zone.dataset.store import Store
from construction_zone.distributions import Fixed
from construction_zone.errors import StoreError


def summary(root: str | Path) -> dict[str, str]:
    """What the dataset in `root` holds, as short texts by name. Raises `StoreError` if there is none."""
    store = Store(root)
    indices = store.indices()
    if not store.place.exists(RECIPE):
        raise StoreError(f"{root} has no recipe.yaml, so it is no dataset; make one with: czone generate")
    path = store.folder / RECIPE
    recipe = load(path)
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
        "recipe": f"{path} ({recipe.digest()[:12]})",
        "drawn": "; ".join(drawn) or "nothing",
        "mask": recipe.labels.mask,
        "on disk": f"{_size(store.folder) / 1e6:.1f} MB",
    }
    if indices:
        records = [store.record(index) for index in indices]
        made = records[0]["made"]
        ny, nx = made["grid"]
        lines["image"] = f"{ny} × {nx} pixels (y × x) of {made['pixel_size'][0]:g} Å in structure {indices[0]}"
        seconds: dict[str, float] = {}
        for record in records:
            for stage, taken in record["measured"]["seconds"].items():
                seconds[stage] = seconds.get(stage, 0.0) + taken
        lines["seconds"] = ", ".join(f"{stage} {taken / len(records):.2f}" for stage, taken in seconds.items())
        lines["seconds"] += " (per structure)"
    return lines


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
