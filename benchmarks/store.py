"""The store: opening a million samples, reading one at random, the loader beside plain zarr, and the compact waves.

    python benchmarks/store.py [--samples 1000000] [--rounds 5] [--out docs/benchmarks/store.md]

The million samples are rows of a table of samples as `czone generate` writes it, with the columns of a real one, over
folders in which 200 structures lie, spread evenly; opening looks at the table alone. Samples are read in random order,
each by a dataset that has none at hand, which is the worst case; the files are in the system's cache, so what is
measured is the software and not a disk. Plain zarr opens the same group and reads the same image and mask; both take
turns, and the fastest round counts. The compact waves are those of the recipe gold_on_carbon; their error is the root
mean square over the pixels of an image without noise, over the shot noise of that pixel.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr

from construction_zone.dataset import ImageDataset, recipe, stages, table
from construction_zone.dataset.compact import compact
from construction_zone.dataset.compose import Built
from construction_zone.dataset.produce import build_stage, waves_stage
from construction_zone.dataset.store import Store
from construction_zone.image import Microscope
from construction_zone.simulate import ExitWaves

STRUCTURES, EACH, SIDE = 200, 4, 512
RECIPE = Path(__file__).parents[1] / "recipes" / "gold_on_carbon.yaml"
DOSE = 1e4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="also write the tables, as a page, to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        fill(root, given.samples)
        speeds = reading(root, given.rounds)
    with tempfile.TemporaryDirectory() as folder:
        size, errors = waves(Path(folder))
    page = page_of(given.samples, speeds, size, errors)
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")


def fill(root: Path, samples: int, structures: int = STRUCTURES, side: int = SIDE) -> None:
    """A dataset with a table of `samples` images, of which those of `structures` structures are there."""
    import ase
    import pyarrow as pa
    import pyarrow.parquet as pq

    store, rng = Store(root), np.random.default_rng(0)
    store.prepare()
    asked = recipe.load(RECIPE)
    built = build_stage(asked, 0)
    small = Built(ase.Atoms("Au", cell=[4, 4, 4]), (), built.drawn, built.made, built.seed)
    wave = ExitWaves(torch.ones(1, 4, 4, dtype=torch.complex64), (0.2, 0.2), 300e3, 10.0)
    image: dict[str, Any] = {"drawn": {}, "seeds": {"noise": 1}, "made": {"mean": 1.0, "sd": 1.0}}
    first = 0
    for number in range(structures):
        index = number * (samples // EACH) // structures
        stages.keep_built(store, index, small)
        stages.keep_waves(store, index, stages.Waved(wave, 0))
        if number == 0:
            images = rng.poisson(16, (EACH, side, side)).astype(np.float32)
            mask = np.zeros((1, side, side), np.uint8)
            mask[:, side // 4 : side // 2, side // 4 : side // 2] = 1
            imaged = stages.Imaged(images, (0.2, 0.2), [image] * EACH, {"mask": mask}, made={"pixel_size": [0.2, 0.2]})
            stages.keep_images(store, index, imaged)
            first = index
            continue
        target = root / store.held_name("images", index)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(root / store.held_name("images", first), target)
        record = root / store.record_name("images", index)
        record.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / store.record_name("images", first), record)
    data, rows = table.made_anew(store)
    one = pq.read_table(io.BytesIO(data)).slice(0, rows)
    many = one.take(pa.array(np.arange(samples) % rows))
    numbers = np.arange(samples) // EACH
    many = many.set_column(many.column_names.index("structure"), "structure", pa.array(numbers))
    many = many.set_column(many.column_names.index("image"), "image", pa.array(np.arange(samples) % EACH))
    pq.write_table(many, root / "samples.parquet", compression="zstd")


def reading(root: Path, rounds: int) -> dict[str, float]:
    """Seconds of opening and of reading one sample, each the fastest of `rounds`."""
    store = Store(root)
    opened = fastest({"open": lambda: ImageDataset(root)}, rounds)
    dataset = ImageDataset(root)
    there = store.indices()
    positions = np.flatnonzero(np.isin(dataset.owners, there))
    order = np.random.default_rng(1).permutation(positions)[:200]

    def plain() -> None:
        for position in order:
            structure, image = int(dataset.owners[position]), int(position % EACH)
            group: Any = zarr.open_group(root / store.held_name("images", structure), mode="r")
            np.asarray(group["image"][image])
            np.asarray(group["mask"][0])

    def with_record() -> None:
        plain()
        for position in order:
            for stage in ("structures", "waves", "images"):
                json.loads((root / store.record_name(stage, int(dataset.owners[position]))).read_bytes())

    def ours() -> None:
        for position in order:
            dataset.forget()
            dataset[int(position)]

    def at_hand() -> None:
        for position in order:
            dataset[int(position)]

    tasks = {"plain zarr": plain, "plain zarr and records": with_record, "ours": ours, "ours, at hand": at_hand}
    return opened | {name: taken / len(order) for name, taken in fastest(tasks, rounds).items()}


def fastest(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    best = dict.fromkeys(tasks, np.inf)
    for task in tasks.values():
        task()
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def waves(folder: Path) -> tuple[dict[str, float], list[tuple[float, float, float, float]]]:
    """Sizes of exact and compact waves over raw complex64; (defocus, pixel, error of one configuration, of all)."""
    asked = recipe.load(RECIPE)
    built = build_stage(asked, 0)
    exact = waves_stage(asked, 0, built).waves
    rounded = compact(exact, seed=0)
    raw = exact.array.numel() * 8
    size = {}
    for name, kept in (("exact", exact), ("compact", rounded)):
        kept.save(folder / name)
        size[name] = sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file()) / raw
    size["step"] = rounded.metadata["rounded_to"]
    found = []
    for pixel in (0.2, 0.4):
        for defocus in (-1000.0, -100.0, 0.0, 100.0, 1000.0):
            errors = []
            for pair in ((exact.only_configuration(0), rounded.only_configuration(0)), (exact, rounded)):
                a, b = (Microscope(defocus=defocus).image(kept, pixel_size=pixel).array.double() for kept in pair)
                noise = (a / (DOSE * pixel**2)).sqrt()
                errors.append(float(((b - a) / noise).square().mean().sqrt()))
            found.append((defocus, pixel, errors[0], errors[1]))
    return size, found


def page_of(
    samples: int,
    speeds: dict[str, float],
    size: dict[str, float],
    errors: list[tuple[float, float, float, float]],
) -> str:
    share = speeds["plain zarr"] / speeds["ours"]
    lines = [
        "# The store",
        "",
        f"`python benchmarks/store.py` with zarr {zarr.__version__}, Python {platform.python_version()}; what is "
        "measured, the script tells.",
        "",
        "| | |",
        "|---|---|",
        f"| opening {samples:,} samples | {speeds['open']:.2f} s |",
        f"| one sample at random, image and mask of {SIDE}² and record | {1e3 * speeds['ours']:.1f} ms |",
        f"| the same of a structure at hand | {1e3 * speeds['ours, at hand']:.1f} ms |",
        f"| plain zarr, image and mask alone | {1e3 * speeds['plain zarr']:.1f} ms |",
        f"| plain zarr, and the records as JSON | {1e3 * speeds['plain zarr and records']:.1f} ms |",
        f"| loader's speed over plain zarr's | {100 * share:.0f} % |",
        "",
        "## Compact waves",
        "",
        f"Of raw complex64, exact waves take {100 * size['exact']:.1f} % and compact ones "
        f"{100 * size['compact']:.1f} %; their step is {size['step']:g}. What rounding changes in an image, over the "
        "shot noise of a pixel at 10⁴ e⁻/Å²:",
        "",
        "| defocus, Å | pixel, Å | one configuration | all 4 |",
        "|---|---|---|---|",
        *(f"| {defocus:g} | {pixel:g} | {one:.3f} | {every:.3f} |" for defocus, pixel, one, every in errors),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
