"""Contact sheets: many images of a dataset at a glance, with the outlines of their masks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from construction_zone.dataset import ImageDataset
from construction_zone.errors import InvalidInput
from construction_zone.show import style

PANEL = 2.4
"""Inches, width of an image."""


def contact_sheet(dataset_dir: str | Path, path: str | Path, columns: int = 4, most: int = 32) -> dict[str, Any]:
    """Draw images of the dataset in `dataset_dir` with their masks' outlines, scale bars and captions into `path`.

    A caption names the structure, the defocus (nm, positive is underfocus) and the dose. Of a dataset with more than
    `most` images as many are drawn, evenly spread over it.

    Returns
    -------
    dict
        ``path``; ``images`` (how many the dataset has); ``drawn`` (the indices of those in the sheet).

    Raises
    ------
    InvalidInput
        The dataset holds no images, or a number has no meaning.
    StoreError
        `dataset_dir` holds no dataset, or `path` cannot be written.
    """
    for name, value in (("columns", columns), ("most", most)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInput(f"{name} is {value!r}; give a whole number of at least 1")
    dataset = ImageDataset(dataset_dir)
    if not len(dataset):
        raise InvalidInput(f"{str(dataset_dir)!r} holds no images yet; run: czone generate RECIPE --out {dataset_dir}")
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(most, len(dataset))).round().astype(int)).tolist()
    columns = min(columns, len(chosen))
    rows = math.ceil(len(chosen) / columns)

    first = dataset[chosen[0]]
    tall = PANEL * _aspect(first)
    gap, caption = 0.1, 0.36
    width, height = columns * (PANEL + gap) + gap, rows * (tall + caption) + gap
    figure = style.canvas(width, height)
    for place, index in enumerate(chosen):
        example = first if place == 0 else dataset[index]
        row, column = divmod(place, columns)
        left, bottom = gap + column * (PANEL + gap), height - (row + 1) * (tall + caption)
        axes = figure.add_axes(
            (left / width, (bottom + caption - gap) / height, PANEL / width, tall / height), anchor="N"
        )
        pixel_size = example["record"]["made"]["pixel_size"]
        style.image_axes(axes, np.asarray(example["image"])[0], pixel_size)
        style.outline(axes, np.asarray(example["mask"]), pixel_size)
        axes.set_title(caption_of(example["record"]), fontsize=6.5, color=style.INK, y=-0.025, va="top", pad=0)
    return {"path": style.save(figure, path), "images": len(dataset), "drawn": chosen}


def caption_of(record: dict[str, Any]) -> str:
    """Structure, defocus and dose of an image in few words, from its record."""
    drawn = record["drawn"]
    words = [f"structure {record['structure']}"]
    if record["image"]:
        words[0] += f", image {record['image']}"
    if "imaging.defocus" in drawn:
        words.append(f"defocus {drawn['imaging.defocus'] / 10:+.1f} nm".replace("-", "−"))
    if "imaging.dose" in drawn:
        dose = drawn["imaging.dose"]
        words.append("no noise" if dose is None else f"{dose:,.4g} e⁻/Å²")
    return " · ".join(words)


def _aspect(example: dict[str, Any]) -> float:
    """Height over width of an image as it is drawn."""
    ny, nx = np.asarray(example["mask"]).shape
    dy, dx = example["record"]["made"]["pixel_size"]
    return float(ny * dy) / float(nx * dx)
