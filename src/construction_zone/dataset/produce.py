"""The stages of one structure: built, simulated, imaged and labelled; and what is missing of it put into a store."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import ase
import numpy as np

from construction_zone import seeding
from construction_zone.build import variant
from construction_zone.dataset import stages
from construction_zone.dataset.compose import Built, build_structure
from construction_zone.dataset.draw import draw_image, draw_imaging, image_seed, structure_seed
from construction_zone.dataset.exposures import Exposures, needs_vacuum
from construction_zone.dataset.fields import written
from construction_zone.dataset.frames import snapshots
from construction_zone.dataset.labelled import labelled, looks, shown_map
from construction_zone.dataset.parts import FromFiles
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.stages import Imaged, Waved
from construction_zone.dataset.store import STAGES, Store
from construction_zone.dataset.views import View
from construction_zone.dataset.waves import above, simulated
from construction_zone.distributions import Fixed

STEPS = ("build", "simulate", "image", "label", "store")
"""What the time of a structure goes to."""


def make(store: Store, recipe: Recipe, index: int, until: str = "images", device: str = "cpu") -> dict[str, float]:
    """Make what is missing of structure `index` of `recipe`, up to the stage `until`, and keep each stage in `store`.

    Returns the seconds that each step took. Raises what the rooms below raise when the structure cannot be made, and
    `StoreError` when it cannot be kept.
    """
    if store.images:
        return _make_set(store, recipe, index, device)
    there = store.stages(index)
    missing = [stage for stage in STAGES[: STAGES.index(until) + 1] if stage not in there]
    total: dict[str, float] = {}
    if not missing:
        return total
    digest = recipe.digest()
    waved: Waved | None = None

    def measured() -> dict[str, Any]:
        return {"seconds": dict(seconds), "peak_memory": peak_memory()}

    for stage in missing:
        seconds: dict[str, float] = {}
        if stage == "structures":
            built = build_stage(recipe, index, seconds)
            seconds["store"] = stages.keep_built(store, index, built, digest, measured())
        elif stage == "waves":
            built = built if "structures" in missing else stages.read_built(store, index)
            waved = waves_stage(recipe, index, built, device, seconds)
            seconds["store"] = stages.keep_waves(store, index, waved, digest, measured())
        else:
            if waved is None:
                built = built if "structures" in missing else stages.read_built(store, index)
                waved = stages.read_waved(store, index)
            imaged = images_stage(recipe, index, built, waved, device, seconds)
            seconds["store"] = stages.keep_images(store, index, imaged, digest, measured())
        for step, taken in seconds.items():
            total[step] = total.get(step, 0.0) + taken
    return total


def _make_set(store: Store, recipe: Recipe, index: int, device: str) -> dict[str, float]:
    """Make the images of structure `index` under the conditions of an image set, from the waves that are stored."""
    if "images" in store.stages(index):
        return {}
    seconds: dict[str, float] = {}
    built = stages.read_built(store, index)
    drawn = {path: written(Fixed(value)) for path, value in draw_imaging(recipe, index).items()}
    built = replace(built, drawn={**built.drawn, **drawn})
    imaged = images_stage(recipe, index, built, stages.read_waved(store, index), device, seconds, store.images)
    measured = {"seconds": dict(seconds), "peak_memory": peak_memory()}
    seconds["store"] = stages.keep_images(store, index, replace(imaged, drawn=drawn), recipe.digest(), measured)
    return seconds


def build_stage(recipe: Recipe, index: int, seconds: dict[str, float] | None = None) -> Built:
    """The atoms of structure `index`; `drawn` and `made` as plain values, just as they come back from a store."""
    with _timed(seconds, "build"):
        built = build_structure(recipe, index)
        drawn = {path: written(Fixed(value)) for path, value in built.drawn.items()}
    return replace(built, drawn=json.loads(json.dumps(drawn)), made=json.loads(json.dumps(built.made)))


def waves_stage(
    recipe: Recipe, index: int, built: Built, device: str = "cpu", seconds: dict[str, float] | None = None
) -> Waved:
    """The exit waves of structure `index`, cropped to what its pixels can hold."""
    from construction_zone.dataset.compact import compact

    drawn = built.drawn
    pixel_size = drawn["imaging.pixel_size"]
    seed = seeding.integer(structure_seed(recipe, index), "waves")
    with _timed(seconds, "simulate"):
        phonons = drawn["simulation.phonons"] or None
        atoms: ase.Atoms | Iterator[ase.Atoms] = built.atoms
        if "snapshots" in built.made:
            assert isinstance(recipe.scene, FromFiles)
            path = recipe.scene_files()[drawn["scene.file"]]
            atoms = snapshots(path, recipe.scene, built.atoms, built.made["snapshots"])
        waves = simulated(recipe, atoms, drawn, phonons, seed, device, several=True).cropped(pixel_size)
        if recipe.storage.waves == "compact":
            waves = compact(waves, seed)
    vacuum = None
    if built.particles and stores_vacuum(recipe):
        with _timed(seconds, "label"):
            # the literature's mask is of a wave without film and phonons
            particles: ase.Atoms = variant(built.atoms, only=list(built.particles))
            vacuum = simulated(recipe, particles, drawn, None, 0, device).cropped(pixel_size)
    made: dict[str, Any] = {"grid": list(waves.array.shape[-2:]), "configurations": int(waves.array.shape[-3])}
    made |= {name: waves.metadata[name] for name in ("depths", "tilts") if f"{name[:-1]}" in waves.dims}
    return Waved(waves, seed, vacuum, made)


def stores_vacuum(recipe: Recipe) -> bool:
    """Whether a label or the zero of defocus needs the waves of the particles in vacuum."""
    return recipe.labels.mask == "exit_wave" or needs_vacuum(recipe)


def keeps_frames(recipe: Recipe) -> bool:
    """Whether single frames are kept beside their sum."""
    return recipe.imaging.frames is not None and recipe.imaging.frames.keep


def images_stage(
    recipe: Recipe,
    index: int,
    built: Built,
    waved: Waved,
    device: str = "cpu",
    seconds: dict[str, float] | None = None,
    image_set: str = "",
) -> Imaged:
    """Images of the waves of structure `index`, and what they show.

    Those of an image set have draws and noise of their own, though the recipe's seed is the same.
    """
    waves = replace(waved.waves, array=waved.waves.array.to(device))
    images, frames, records = [], [], []
    with _timed(seconds, "image"):
        exposures = Exposures.of(
            recipe, built.atoms, built.particles, waves, waved.vacuum, built.drawn["imaging.pixel_size"]
        )
        views = []
        for number in range(recipe.images_per_structure):
            seed = image_seed(recipe, index, number)
            seed = seeding.child(seed, "image set", image_set) if image_set else seed
            settings = draw_image(recipe, index, number, seed)
            noise = seeding.integer(seed)
            taken = exposures.expose(settings, noise)
            image = taken.image
            images.append(image)
            views.append(exposures.view(settings))
            made = {"mean": float(image.mean(dtype=np.float64)), "sd": float(image.std(dtype=np.float64))}
            own = exposures.made(settings)
            if keeps_frames(recipe):
                assert taken.frames is not None
                assert taken.places is not None
                frames.append(taken.frames)
                own["frames"] = taken.places.tolist()
            plain = {path: written(Fixed(value)) for path, value in settings.items()}
            records.append({"drawn": plain, "seeds": {"noise": noise}, "made": {**made, **own}})
    with _timed(seconds, "label"):
        found, _ = looks(exposures, records)
        masks = []
        for number, look in enumerate(found):
            if not number or look.ground != found[number - 1].ground:
                whole = mask_of(recipe, built, waved, look.view, look.plane)
            masks.append(shown_map(whole, look.view, look.warp))
        mask = np.stack(masks)
        labels, tables = labelled(recipe, built, exposures, records)
    if frames:
        labels["frames"] = np.stack(frames)
    shape = (int(images[0].shape[-2]), int(images[0].shape[-1]))
    steps = {view.step for view in views}
    step = views[0].step if len(steps) == 1 else None  # else each image's record has its own
    return Imaged(
        images=np.stack(images).astype(np.float32, copy=False),
        pixel_size=step,
        records=records,
        labels={"mask": mask, **labels},
        tables=tables,
        made={
            "grid": list(shape),
            **({} if step is None else {"pixel_size": list(step)}),
            "zero": exposures.zero,
            "mask_fraction": float(mask.mean(dtype=np.float64)),
        },
    )


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def mask_of(recipe: Recipe, built: Built, waved: Waved, view: View, plane: float | None = None) -> np.ndarray:
    """The particles' mask, uint8 (y, x), of the whole cell with the pixels of `view`, of atoms above `plane`."""
    from construction_zone.label import exit_wave, masks

    if not built.particles:
        return np.zeros(view.pixels.shape, np.uint8)
    particles: ase.Atoms = above(variant(built.atoms, only=list(built.particles)), plane)
    if recipe.labels.mask == "projected" or waved.vacuum is None:
        own = recipe.labels
        return masks.projected(particles, view.pixels.shape, view.step, edge=own.edge, closing=own.closing)
    drawn, order = built.drawn, recipe.labels.order
    given = {"threshold": drawn["labels.threshold"], "blur": drawn["labels.blur"], "order": order}
    given = {name: value for name, value in given.items() if value is not None}
    return exit_wave.phase_mask(waved.vacuum, view.asked, plane=exit_wave.middle(particles), **given)


@contextmanager
def _timed(seconds: dict[str, float] | None, step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    if seconds is not None:
        seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - start


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one torch thread, as workers do, so that the bits are the same."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
