"""Fields of a recipe that are fine alone but do not go together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Literal

from construction_zone.dataset.fields import ABSENT, options
from construction_zone.dataset.imaging import MOST_IMAGES
from construction_zone.dataset.parts import FromFiles, Particles, nearest_depth
from construction_zone.dataset.scenes import PlacedZones, contradictions_of
from construction_zone.dataset.spelling import listed
from construction_zone.distributions import Distribution, Normal, Sweep
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from construction_zone.dataset.recipe import Recipe


MOST_COMBINATIONS = 1_000_000
"""Combinations of the points of all sweeps of structures."""


STEEPEST_TILT = 50.0
"""mrad of the beam in all."""

STEEPEST = 0.2
"""Share of its correlation length that a random field of distortion may move (`image.distortions.STEEPEST`)."""


def reach(leaf: Distribution) -> tuple[float, float]:
    """Where draws lie in practice: the support, or for a normal one 4 standard deviations about the mean."""
    low, high = leaf.support
    if isinstance(leaf, Normal):
        return max(low, leaf.mean - 4 * leaf.sd), min(high, leaf.mean + 4 * leaf.sd)
    if isinstance(leaf, Sweep) and leaf.sd:
        return max(low, min(leaf.points) - 4 * leaf.sd), min(high, max(leaf.points) + 4 * leaf.sd)
    return low, high


def contradictions(recipe: Recipe) -> Iterator[str]:
    """Fields that are fine alone but do not go together."""
    if recipe.scene is not None:
        for name, part in (("substrate", recipe.substrate), ("particles", recipe.particles)):
            if part is not None:
                given = "from_files" if isinstance(recipe.scene, FromFiles) else "zones"
                yield f"{name}: structures come from scene.{given}; leave it out"
        if isinstance(recipe.scene, PlacedZones):
            yield from contradictions_of(recipe.scene)
            if recipe.cell is None:
                yield "cell: is missing"
    else:
        if recipe.cell is None:
            yield "cell: is missing"
        for name, part, one in (("substrate", recipe.substrate, "film"), ("particles", recipe.particles, "group")):
            if part == ():
                yield f"{name}: the list is empty; give at least one {one}, or leave it out"
        if recipe.substrate is None and recipe.particles is None:
            yield "particles: there is neither a substrate nor a particle; give at least one"
    yield from _pixels(recipe)
    limits: dict[Literal["image", "structure"], int] = {"image": MOST_IMAGES, "structure": MOST_COMBINATIONS}
    for per, most in limits.items():
        grid = recipe.sweep(per, files=False)
        images = grid.size * (recipe.imaging.per_structure if per == "image" else 1)
        if images > most:
            swept = ", ".join(f"{path} ({points})" for path, points in grid.axes) or "imaging.per_structure"
            yield f"{grid.axes[0][0] if grid.axes else swept}: {images} {per}s from sweeps of {swept}; at most {most}"
    coarsest, finest = reach(recipe.simulation.sampling)[1], min(options(recipe.imaging.pixel_size))
    if recipe.simulation.shape is None and coarsest > finest * (1 + 1e-9):
        yield (
            f"imaging.pixel_size: {finest:g} Å is finer than the wave's sampling of {coarsest:g} Å; "
            "take larger pixels or a finer simulation.sampling"
        )
    yield from _imaging(recipe)
    yield from _crop(recipe)
    yield from _waves(recipe)
    yield from _frames(recipe)
    if recipe.labels.mask == "projected":
        for name in ("threshold", "blur", "order"):
            if recipe.labels.plain()[name] is not None:
                yield f"labels.{name}: belongs to mask: exit_wave; leave it out with mask: projected"
    layers = [name for _, name, _ in recipe.substrates]
    for k, (path, name, layer) in enumerate(recipe.substrates):
        if layers.count(name) > 1:
            yield f"{path}.name: {name!r} is taken; give each substrate a name of its own"
        if k == 0 and layer.embedded is not ABSENT:
            yield f"{path}.embedded: there is nothing below it; leave it out"
    names = [group.name for _, group in recipe.groups if group.name is not None]
    for path, group in recipe.groups:
        if group.name is not None and (names.count(group.name) > 1 or group.name in {"film", *layers}):
            yield f"{path}.name: {group.name!r} is taken; give each group a name of its own"
        if recipe.cell is not None:
            yield from _crowding(recipe.cell, path, group)


def _imaging(recipe: Recipe) -> Iterator[str]:
    """Settings of the microscope that do not go together, or with the energy."""
    imaging, energies = recipe.imaging, recipe.simulation.energy.support
    camera = imaging.detector
    presets = [name for name in options(camera.preset) if name != "ideal"]
    if presets and any(path is not None for path in options(camera.curves)):
        yield "imaging.detector.curves: a preset has curves of its own; give one of the two"
    if presets:
        from construction_zone.image import detectors

        for name in presets:
            for energy in sorted(set(energies)):
                try:
                    detectors.named(name, energy)
                except InvalidInput as error:
                    yield f"imaging.detector.preset: {error}"
                    break
    if imaging.microscope is not None:
        from construction_zone.image.presets import SETTINGS

        energy = SETTINGS[imaging.microscope]["energy"]
        if set(energies) != {energy}:
            yield (
                f"imaging.microscope: {imaging.microscope} is set up for {energy:g} eV, simulation.energy is "
                f"{energies[0]:g}{'' if energies[0] == energies[1] else f' … {energies[1]:g}'}"
            )
    if imaging.frames is not None and None in (listed(imaging.dose) or ()):
        yield "imaging.frames: frames are of counted electrons; give imaging.dose too"
    if imaging.frames is not None and imaging.frames.keep and len(set(listed(imaging.frames.count) or ())) != 1:
        yield "imaging.frames.count: frames that are kept are of one number for all images; give one number"
    light = reach(camera.falloff)[1] + max(abs(end) for end in reach(camera.slope)) / math.sqrt(2)
    if light >= 1:
        yield "imaging.detector.falloff: with the slope it leaves no light in a corner; together they are below 1"
    warp = imaging.distortion
    if warp is not None and reach(warp.field)[1] > STEEPEST * reach(warp.correlation)[0]:
        yield (
            f"imaging.distortion.field: {reach(warp.field)[1]:g} Å over {reach(warp.correlation)[0]:g} Å folds the "
            f"image over; give at most {STEEPEST:g} of distortion.correlation"
        )


def _crop(recipe: Recipe) -> Iterator[str]:
    """Crops with finer pixels than the waves are kept for, or larger than the cell."""
    crop, pixel_sizes = recipe.imaging.crop, options(recipe.imaging.pixel_size)
    if crop is None:
        return
    known = listed(crop.pixel_size)
    if known is None:
        finest, coarsest = reach(crop.pixel_size)
    else:
        sizes = [size for value in known for size in (pixel_sizes if value is None else (value,))]
        finest, coarsest = min(sizes), max(sizes)
    if finest < max(pixel_sizes) * (1 - 1e-9) and known != (None,):
        yield (
            f"imaging.crop.pixel_size: {finest:g} Å is finer than imaging.pixel_size, {max(pixel_sizes):g} Å, "
            "which the waves are kept for; give that the finest size"
        )
    for axis, leaf in enumerate(recipe.cell or ()):
        side, pixels = min(options(leaf)), crop.shape[1 - axis]
        if pixels > math.floor(side / coarsest + 0.5):
            yield (
                f"imaging.crop.shape: {pixels} pixels of {coarsest:g} Å along {'xy'[axis]} are larger than the cell of "
                f"{side:g} Å; take at most {math.floor(side / coarsest + 0.5)}, smaller pixels or a larger cell"
            )


def _waves(recipe: Recipe) -> Iterator[str]:
    """Tilts that are too much together, and images of waves that are not simulated."""
    simulation, wave = recipe.simulation, recipe.imaging.wave
    for axis, (name, leaf) in enumerate((("x", simulation.tilt_x), ("y", simulation.tilt_y))):
        most = max((abs(pair[axis]) for pair in simulation.tilts or ()), default=0.0)
        if most and most + max(abs(end) for end in reach(leaf)) > STEEPEST_TILT:
            yield (
                f"simulation.tilts: with simulation.tilt_{name} they reach beyond {STEEPEST_TILT:g} mrad; turn the "
                "structure instead"
            )
    if simulation.shape is not None and simulation.sampling != type(simulation).model_fields["sampling"].default:
        yield "simulation.sampling: the grid is given by simulation.shape; leave it out"
    if wave is None:
        return
    depths, numbers = listed(wave.depth), listed(wave.tilt)
    there = ", ".join(f"{depth:g}" for depth in simulation.depths or ()) or "none"
    if depths is None or any(d is not None and nearest_depth(simulation.depths, d) is None for d in depths):
        yield f"imaging.wave.depth: give one of simulation.depths ({there}), or a choice or sweep of them"
    elif any(d is not None for d in depths):
        for path, wanted in (
            ("labels.mask: exit_wave", recipe.labels.mask == "exit_wave"),
            ("imaging.zero: minimum_contrast", recipe.imaging.zero == "minimum_contrast"),
        ):
            if wanted:
                yield f"imaging.wave.depth: {path} is found from the wave at the exit face alone; take another"
    count = len(simulation.tilts or ())
    last = max((n for n in numbers if n is not None), default=-1) if numbers is not None else wave.tilt.support[1]
    if last >= count:
        yield f"imaging.wave.tilt: there is no tilt {last:g}; simulation.tilts has {count}, counted from 0"


def _frames(recipe: Recipe) -> Iterator[str]:
    """Slices of one frame, and phonons where the frames are the configurations."""
    scene, simulation = recipe.scene, recipe.simulation
    if not isinstance(scene, FromFiles):
        return
    if scene.frames == "last" and scene.slice is not None:
        yield "scene.slice: of each file the last frame is taken; give scene.frames: each or configurations"
    if scene.frames == "configurations":
        for name in ("phonons", "displacements", "first_phonon"):
            field = type(simulation).model_fields[name]
            if getattr(simulation, name) != field.default:
                yield f"simulation.{name}: the frames are the configurations; leave it out"


def _pixels(recipe: Recipe) -> Iterator[str]:
    """Cells that the image's pixels do not divide."""
    pixel_sizes = sorted(set(options(recipe.imaging.pixel_size)))
    for axis, leaf in enumerate(recipe.cell or ()):
        sides = sorted(set(options(leaf)))
        if len(sides) * len(pixel_sizes) > MOST_COMBINATIONS:
            yield f"cell[{axis}]: {len(sides)} sizes with {len(pixel_sizes)} sizes of pixels are too many to check"
            continue
        for side, pixel in product(sides, pixel_sizes):
            pixels = round(side / pixel)
            if pixels < 1 or abs(side / pixel - pixels) > 1e-6:
                nearest = max(pixels, 1) * pixel
                yield (
                    f"cell[{axis}]: {side:g} Å is not a whole number of image pixels of {pixel:g} Å "
                    f"({side / pixel:.6g}); the nearest cell is {nearest:.10g} Å"
                )
                break


def _crowding(cell: Sequence[Distribution], path: str, particles: Particles) -> Iterator[str]:
    if particles.prefab is not None or particles.placing != "apart":
        return  # how wide prefabs are is known when they are made
    side = min(min(options(leaf)) for leaf in cell)
    most, gap = reach(particles.count)[1], reach(particles.gap)
    smallest, largest = reach(particles.radius)
    left = 1 - reach(particles.overlap)[1]
    if most >= 1 and 2 * largest * left + gap[1] > side:
        yield (
            f"{path}.radius: {largest:g} Å with a gap of {gap[1]:g} Å does not fit a periodic cell of {side:g} Å; "
            "the diameter plus the gap may be no more than the cell"
        )
    area = math.prod(min(options(leaf)) for leaf in cell)
    needed = most * (2 * smallest * left + gap[0]) ** 2 * math.sqrt(3) / 2  # each disc's share of the densest packing
    if needed > area:
        yield f"{path}.count: {most:g} particles of {smallest:g} Å, {gap[0]:g} Å apart, cannot fit {area:g} Å²"
