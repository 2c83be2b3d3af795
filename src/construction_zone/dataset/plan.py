"""What a recipe will take: count, time, memory and disk, from a short measurement, and what it will draw.

A few structures are built, one of them is simulated with one or two of its configurations, and a few images of it are
taken and kept in a folder that is then removed. The rest is in proportion: to the slices of the structures and their
configurations, and to the images. Then the same is done with the largest structure that is drawn, for the memory: a
process that has made structures before holds more than a fresh one.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from construction_zone.dataset.capacity import check_memory
from construction_zone.dataset.compose import Built
from construction_zone.dataset.draw import draw_image, draw_leaves, image_seed
from construction_zone.dataset.largest import largest
from construction_zone.dataset.leaves import unit_leaves
from construction_zone.dataset.parts import Part
from construction_zone.dataset.portion import portion
from construction_zone.dataset.produce import one_thread
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.waves import settings_of
from construction_zone.distributions import Fixed, Sweep
from construction_zone.errors import SceneError

if TYPE_CHECKING:
    from construction_zone.dataset.stages import Imaged, Waved

P = TypeVar("P", bound=Part)

BUILT = 4
"""Structures that are built to see how high they are."""
CONFIGURATIONS = 2
"""Configurations that are simulated."""
IMAGES = 4
"""Images that are taken."""
COMPLEX, IMAGE = 8, 4
"""Bytes of a number of waves and of images."""
SAMPLES = 1000
"""Structures whose values are drawn for the histograms."""


@dataclass(frozen=True)
class Plan:
    """What making a dataset will take.

    Attributes
    ----------
    structures, images
        how many.
    workers
        processes of one thread side by side.
    seconds
        of one thread for one structure, by step.
    elapsed
        seconds for all, with these workers.
    memory
        bytes of one worker at its peak, over the largest of the structures that are drawn.
    disk
        bytes for one structure, by stage.
    grid
        (ny, nx) of the simulation.
    slices, configurations
        of a structure on average.
    measured
        seconds that the measurement took.
    failed
        structures that could not be built, of those tried.
    """

    structures: int
    images: int
    workers: int
    seconds: dict[str, float]
    elapsed: float
    memory: int
    disk: dict[str, float]
    grid: tuple[int, int]
    slices: float
    configurations: float
    measured: float
    failed: tuple[str, ...] = ()

    @property
    def total_disk(self) -> float:
        """Bytes for all."""
        return self.structures * sum(self.disk.values())


@dataclass
class _Measured:
    seconds: dict[str, float] = field(default_factory=dict)
    disk: dict[str, float] = field(default_factory=dict)


def plan(recipe: Recipe, structures: range | str | None = None, *, workers: int = 1, device: str = "cpu") -> Plan:
    """Measure a few structures of `recipe` and tell what all will take with `workers` processes.

    With `structures` (a range, ``"A:B"`` or ``"K/N"``; see `generate`), what those alone will take.

    Raises
    ------
    InvalidInput
        if `structures` are none, or beyond the count.
    RecipeError
        if one structure does not fit into memory.
    SceneError
        if none of the structures that are tried can be built.
    """
    from construction_zone.dataset import produce
    from construction_zone.simulate import plan_exit_waves

    asked = portion(structures, recipe.count)
    check_memory(recipe)
    begun = time.perf_counter()
    with one_thread():
        _warm_up(device)
        built, build_seconds, failed = _built(recipe, asked)
        estimates = [
            plan_exit_waves(one.atoms, workers=1, phonons=_phonons(one), device=device, **_simulation(recipe, one))
            for _, one in built
        ]
        middle = sorted(range(len(built)), key=lambda k: estimates[k].slices)[(len(built) - 1) // 2]
        (number, one), estimate = built[middle], estimates[middle]
        some, few = _of_few(one)
        got = _Measured({"build": build_seconds})
        simulated: dict[str, float] = {}
        waved = produce.waves_stage(recipe, number, some, device, simulated)
        # transforms of the grid are what simulation is made of
        done = estimate.transforms * few / estimate.configurations
        got.seconds["simulate"] = simulated["simulate"] * float(np.mean([e.transforms for e in estimates])) / done
        if "label" in simulated:  # the wave of the particles alone, of atoms at rest
            got.seconds["label"] = simulated["label"]
        _image(recipe, number, some, waved, device, got)
        many = float(np.mean([e.configurations for e in estimates])) / waved.waves.array.shape[-3]
        _disk(recipe, number, some, waved, many, got)
        otherwise = max(built, key=lambda pair: len(pair[1].atoms))
        del built, one, some, waved  # a worker holds one structure
        memory = _peak(recipe, largest(recipe, asked), otherwise, device)
    per_structure = sum(got.seconds.values())
    return Plan(
        structures=len(asked),
        images=len(asked) * recipe.images_per_structure,
        workers=workers,
        seconds=got.seconds,
        elapsed=per_structure * len(asked) / min(workers, len(asked)),
        memory=memory,
        disk=got.disk,
        grid=estimate.grid.shape,
        slices=float(np.mean([e.slices for e in estimates])),
        configurations=float(np.mean([e.configurations for e in estimates])),
        measured=time.perf_counter() - begun,
        failed=failed,
    )


def sampled(recipe: Recipe, structures: int = SAMPLES) -> dict[str, list[Any]]:
    """What the first structures of `recipe` will draw: values by dotted path, of all leaves that vary.

    Of particles there is one value each, of images those of the first ones of each structure; places and turns are left
    out. At most 1000 structures, and as many as the recipe has.
    """
    found: dict[str, list[Any]] = {}
    images = min(recipe.images_per_structure, 100)
    for index in range(min(recipe.count, structures, SAMPLES)):
        for path, value in draw_leaves(recipe, index).items():
            found.setdefault(path, []).extend(value if isinstance(value, list) else [value])
        for number in range(images):
            for path, value in draw_image(recipe, index, number).items():
                found.setdefault(path, []).append(value)
    leaves = {path: leaf for scope in ("structure", "particle", "image") for path, leaf in recipe.leaves(scope)}
    return {
        path: values
        for path, values in found.items()
        if not isinstance(leaves.get(path), Fixed) and len({repr(value) for value in values}) > 1
    }


def units_of(recipe: Recipe) -> dict[str, str]:
    """The unit of each leaf by dotted path, as far as it has one."""
    return dict(unit_leaves(recipe))


def _built(recipe: Recipe, asked: range) -> tuple[list[tuple[int, Built]], float, tuple[str, ...]]:
    """The first structures that can be built, by number, the seconds of one, and what went wrong with others."""
    from construction_zone.dataset import produce

    found: list[tuple[int, Built]] = []
    failed: list[str] = []
    taken: list[float] = []
    for index in asked[: 2 * BUILT]:
        begin = time.perf_counter()
        try:
            found.append((index, produce.build_stage(recipe, index)))
        except SceneError as error:
            failed.append(f"structure {index}: {error}")
        taken.append(time.perf_counter() - begin)
        if len(found) == BUILT:
            break
    if not found:
        raise SceneError(f"none of the first structures can be made; {failed[0]}")
    # the first one pays for what is loaded on first use
    return found, float(np.mean(taken[1:] or taken)), tuple(failed)


def _image(recipe: Recipe, index: int, built: Built, waved: Waved, device: str, got: _Measured) -> None:
    """Time images and labels: one image through the whole stage, and some more by themselves."""
    from construction_zone.dataset import produce
    from construction_zone.dataset.exposures import Exposures

    single: dict[str, float] = {}
    produce.images_stage(_of_one_image(recipe), index, built, waved, device, single)
    begin = time.perf_counter()
    exposures = Exposures.of(
        recipe, built.atoms, built.particles, waved.waves, waved.vacuum, built.drawn["imaging.pixel_size"]
    )
    once = time.perf_counter() - begin
    taken = []
    for number in range(min(IMAGES, recipe.images_per_structure)):
        begin = time.perf_counter()
        exposures.take(draw_image(recipe, index, number), image_seed(recipe, index, number))
        taken.append(time.perf_counter() - begin)
    each = float(np.mean(taken[1:] or taken))
    got.seconds["image"] = once + taken[0] + each * (recipe.images_per_structure - 1)
    own = recipe.imaging.distortion is not None or recipe.imaging.crop is not None
    labelled = recipe.images_per_structure if own else 1
    got.seconds["label"] = got.seconds.get("label", 0.0) + single.get("label", 0.0) * labelled


def _disk(recipe: Recipe, index: int, built: Built, waved: Waved, many: float, got: _Measured) -> None:
    """Keep the sample in a folder of its own and see what it takes, and how long."""
    from construction_zone.dataset import produce, stages
    from construction_zone.dataset.store import Store

    one = _of_one_image(recipe)
    with tempfile.TemporaryDirectory(prefix="czone-plan-") as folder:
        store = Store(Path(folder) / "sample")
        store.prepare()
        imaged: Imaged = produce.images_stage(one, index, built, waved)
        for first in (0, 2):  # twice, since the first time loads what writes
            sizes, seconds = [_size(Path(folder))], []
            # the wave in vacuum is kept once, whatever the number of configurations
            for keep in (
                partial(stages.keep_built, store, first, built),
                partial(stages.keep_waves, store, first, replace(waved, vacuum=None)),
                partial(stages.keep_waves, store, first + 1, waved),
                partial(stages.keep_images, store, first, imaged),
            ):
                seconds.append(keep())
                sizes.append(_size(Path(folder)))
    structures, waves, both, images = np.diff(sizes).astype(float)
    got.disk = {
        "structures": structures,
        "waves": waves * many + max(0.0, both - waves),
        "images": images * recipe.images_per_structure,
    }
    stored = seconds[1] * many + max(0.0, seconds[2] - seconds[1])
    got.seconds["store"] = seconds[0] + stored + seconds[3] * recipe.images_per_structure


def _peak(recipe: Recipe, order: list[int], otherwise: tuple[int, Built], device: str) -> int:
    """Bytes at the peak of a process that makes the first structure of `order` that can be built, or `otherwise`.

    It is made here as far as a measurement goes; what the rest of its configurations and images take comes on top.
    """
    from construction_zone.dataset import produce
    from construction_zone.simulate import plan_exit_waves

    index, one = _first_that_can_be_built(recipe, order) or otherwise
    some, few = _of_few(one)
    _disk(recipe, index, some, produce.waves_stage(recipe, index, some, device), 1.0, _Measured())
    waves = plan_exit_waves(one.atoms, workers=1, phonons=_phonons(one), device=device, **_simulation(recipe, one))
    area = waves.grid.extent[0] * waves.grid.extent[1]
    pixels = area / one.drawn["imaging.pixel_size"] ** 2
    whole = waves.disk / waves.configurations
    cropped = min(COMPLEX * pixels, whole)
    # waves are all there when they are cropped, which takes the same again for their transform (on a device that is not
    # in this memory); images are all there twice when they are put together
    each = 2 * cropped + (2 * whole if device == "cpu" else 0.0)
    more = max((waves.configurations - few) * each, (recipe.images_per_structure - 1) * 2 * IMAGE * pixels)
    # the fields of one configuration once more: the heap of a process that goes on is in pieces
    return produce.peak_memory() + int(more) + (waves.running if device == "cpu" else 0)


def _first_that_can_be_built(recipe: Recipe, order: list[int]) -> tuple[int, Built] | None:
    from construction_zone.dataset import produce

    for index in order[:BUILT]:
        with suppress(SceneError):
            return index, produce.build_stage(recipe, index)
    return None


def _of_few(built: Built) -> tuple[Built, int]:
    """The same with as many configurations as are simulated here, and how many those are."""
    few = min(_phonons(built) or 1, CONFIGURATIONS)
    if "snapshots" in built.made:
        return replace(built, made={**built.made, "snapshots": few}), few
    return replace(built, drawn={**built.drawn, "simulation.phonons": few if _phonons(built) else None}), few


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _of_one_image(recipe: Recipe) -> Recipe:
    """The same recipe, imaged once: the first point of each sweep."""
    imaging = _of_first_points(recipe.imaging).model_copy(update={"per_structure": 1})
    return recipe.model_copy(update={"imaging": imaging})


def _of_first_points(part: P) -> P:
    """`part` with the first point of each sweep in place of it."""
    first: dict[str, Any] = {}
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, Sweep):
            first[name] = Fixed(value.points[0])
        elif isinstance(value, Part):
            first[name] = _of_first_points(value)
    return part.model_copy(update=first)


def _phonons(built: Built) -> int | None:
    return built.made.get("snapshots") or built.drawn["simulation.phonons"] or None


def _simulation(recipe: Recipe, built: Built) -> dict[str, Any]:
    given = settings_of(recipe, built.drawn, built.atoms)
    found = {name: value for name, value in given.items() if name != "engine"}
    # snapshots take what as many phonons take, whose displacements then do not matter
    return found | ({"displacements": 0.0} if "snapshots" in built.made else {})


def _warm_up(device: str) -> None:
    """Have everything loaded and compiled that the first structure would pay for."""
    import ase

    from construction_zone.image import Microscope
    from construction_zone.simulate import exit_waves

    atoms = ase.Atoms("Au", positions=[(8, 8, 5)], cell=(16, 16, 10), pbc=(True, True, False))
    waves = exit_waves(atoms, sampling=0.25, phonons=1, device=device)
    Microscope(dose=100, focal_spread=10).image(waves, pixel_size=0.5)
