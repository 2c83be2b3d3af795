"""Whether what a recipe makes will fit on the disk, and one structure into memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from construction_zone.dataset.fields import options
from construction_zone.dataset.frames import numbers_of
from construction_zone.dataset.given import first_cell
from construction_zone.dataset.parts import FromFiles
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.spelling import listed
from construction_zone.errors import RecipeError, StoreError

COMPRESSED = 0.5
"""Share of the raw size that is asked for; waves and noisy images hardly compress, smooth ones and masks do."""


def bytes_per_structure(recipe: Recipe) -> int:
    """Raw size of one structure at most: waves, images and mask."""
    finest = min(options(recipe.imaging.pixel_size))
    sides = first_cell(recipe.scene_files()[0]) if recipe.cell is None else [max(options(leaf)) for leaf in recipe.cell]
    pixels = sides[0] / finest * sides[1] / finest
    phonons = recipe.simulation.phonons
    several = len(recipe.simulation.tilts or [0]) * (len(recipe.simulation.depths or ()) + 1)
    scene = recipe.scene
    if isinstance(scene, FromFiles) and scene.frames == "configurations":
        known: Any = [len(numbers_of(path, scene)) for path in recipe.scene_files()]
    else:
        known = listed(phonons) or (int(phonons.support[1]),)
    most = several * max(value or 1 for value in known)
    shown = pixels if recipe.imaging.crop is None else float(np.prod(recipe.imaging.crop.shape))
    frames = recipe.imaging.frames
    planes = 1 if frames is None or not frames.keep else 1 + max(options(frames.count))
    return int(pixels * 8 * most + shown * (4 * planes * recipe.images_per_structure + 1))


def check_room(root: Path, recipe: Recipe, structures: int) -> None:
    """Raise a `StoreError` before anything is made when `structures` more cannot fit on the disk of `root`."""
    raw = structures * bytes_per_structure(recipe)
    free = shutil.disk_usage(root).free
    if free < COMPRESSED * raw:
        raise StoreError(
            f"{structures} structures take about {raw / 1e9:.3g} GB and {root} has {free / 1e9:.3g} GB free; "
            "make room, give another directory, or ask for fewer (--count)"
        )


def check_memory(recipe: Recipe) -> None:
    """Raise a `RecipeError` before anything is built when the arrays of one structure are more than the memory."""
    import torch

    from construction_zone.simulate.memory import available_memory

    least, free = bytes_per_structure(recipe), available_memory(torch.device("cpu"))
    if least > free:
        raise RecipeError(
            f"the waves and images of one structure take {least / 1e9:.3g} GB, and {free / 1e9:.3g} GB of memory are "
            "free; take a smaller cell, larger pixels, or fewer phonons or images (lengths are in Å)"
        )
