"""One structure from a recipe: built, simulated, imaged and labelled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ase
import numpy as np

from construction_zone import seeding
from construction_zone.build import variant
from construction_zone.dataset.compose import Built, build_structure
from construction_zone.dataset.draw import draw_image, image_seed, structure_seed
from construction_zone.dataset.fields import written
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.store import Structure
from construction_zone.distributions import Fixed

if TYPE_CHECKING:
    from construction_zone.simulate import ExitWaves

STAGES = ("build", "simulate", "image", "label", "store")


def make_structure(recipe: Recipe, index: int, device: str = "cpu") -> Structure:
    """Structure `index` of `recipe` with its waves, images and mask; nothing is written.

    It depends on the recipe's seed and `index` alone. Raises what the rooms below raise when it cannot be made.
    """
    from construction_zone.image import Microscope

    seconds: dict[str, float] = {}
    with _timed(seconds, "build"):
        built = build_structure(recipe, index)
    drawn = built.drawn
    pixel_size = drawn["imaging.pixel_size"]
    seed = seeding.integer(structure_seed(recipe, index), "waves")
    with _timed(seconds, "simulate"):
        phonons = drawn["simulation.phonons"] or None
        waves = _simulated(built.atoms, drawn, phonons, seed, device).cropped(pixel_size)
    images, records = [], []
    with _timed(seconds, "image"):
        for number in range(recipe.images_per_structure):
            settings = draw_image(recipe, index, number)
            noise = seeding.integer(image_seed(recipe, index, number))
            scope = Microscope(**{path.removeprefix("imaging."): value for path, value in settings.items()})
            micrograph = scope.image(waves, pixel_size=pixel_size, seed=noise)
            image = micrograph.numpy()
            images.append(image)
            made = {"mean": float(image.mean(dtype=np.float64)), "sd": float(image.std(dtype=np.float64))}
            records.append({"drawn": settings, "seeds": {"noise": noise}, "made": made})
    with _timed(seconds, "label"):
        mask = _mask(recipe, built, waves, device)
    built.made.update(
        grid=list(waves.array.shape[-2:]),
        pixel_size=list(micrograph.pixel_size),
        configurations=int(waves.array.shape[-3]),
        mask_fraction=float(mask.mean(dtype=np.float64)),
    )
    return Structure(
        index=index,
        atoms=built.atoms,
        waves=waves,
        images=np.stack(images).astype(np.float32, copy=False),
        mask=mask[None],
        drawn={path: written(Fixed(value)) for path, value in drawn.items()},
        seeds={"root": recipe.seed, "build": built.seed, "waves": seed},
        made=built.made,
        image_records=records,
        measured={"seconds": seconds},
    )


def _simulated(atoms: ase.Atoms, drawn: dict[str, Any], phonons: int | None, seed: int, device: str) -> ExitWaves:
    from construction_zone.simulate import exit_waves

    return exit_waves(
        atoms,
        energy=drawn["simulation.energy"],
        sampling=drawn["simulation.sampling"],
        slice_thickness=drawn["simulation.slice_thickness"],
        phonons=phonons,
        seed=seed,
        device=device,
    )


def _mask(recipe: Recipe, built: Built, waves: ExitWaves, device: str) -> np.ndarray:
    """The particles' mask, uint8 (y, x), on the grid of the images."""
    from construction_zone.label import exit_wave, masks

    shape = (int(waves.array.shape[-2]), int(waves.array.shape[-1]))
    if not built.particles:
        return np.zeros(shape, np.uint8)
    particles: ase.Atoms = variant(built.atoms, only=list(built.particles))
    if recipe.labels.mask == "projected":
        return masks.projected(particles, shape, waves.sampling)
    # the literature's mask: a wave without film and phonons, taken back to the middle of the particles
    drawn, order = built.drawn, recipe.labels.order
    alone = _simulated(particles, drawn, None, 0, device)
    given = {"threshold": drawn["labels.threshold"], "blur": drawn["labels.blur"], "order": order}
    given = {name: value for name, value in given.items() if value is not None}
    return exit_wave.phase_mask(alone, drawn["imaging.pixel_size"], plane=exit_wave.middle(particles), **given)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
