"""Stored waves as torch sees them: imaged anew in every epoch."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from construction_zone import seeding
from construction_zone.dataset import stages
from construction_zone.dataset.compose import Built
from construction_zone.dataset.draw import draw_image
from construction_zone.dataset.exposures import Exposures, distortion_of
from construction_zone.dataset.fields import written
from construction_zone.dataset.labelled import Look, shown_map, shown_truth, truth_of
from construction_zone.dataset.loader import ImageDataset
from construction_zone.dataset.produce import mask_of
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.session import recipe_of
from construction_zone.dataset.stages import Waved
from construction_zone.distributions import Fixed
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from construction_zone.image import Microscope
    from construction_zone.label.truth import Truth
    from construction_zone.simulate import Grid

    Ground = tuple[Grid, float | None]


MAPS = (
    "mask",
    "semantic",
    "soft",
    "distance",
    "instances",
    "amodal",
    "classes",
    "grains",
    "columns",
    "strain",
    "thickness",
    "potential",
)
"""Labels of fresh images: those that are maps."""

OF = {"amodal": "instances", "grains": "classes"}
"""Maps that are made together with a label of another name."""


class FreshImageDataset(ImageDataset):
    """Images of the stored waves of a dataset, taken anew in every epoch; a map-style torch dataset.

    Items are those of `ImageDataset`, with ``epoch`` in the record: item *i* shows the structure that it shows there,
    under conditions and with noise drawn from (seed, epoch, structure, number of the image) alone, whatever the number
    of workers, ranks or batches. Labels are made anew too, distorted as their image. Call `set_epoch` before each
    epoch, as with `DistributedSampler`; workers that persist from epoch to epoch learn of it.

    Parameters
    ----------
    root, structures, split, labels
        as for `ImageDataset`; a label is any of `MAPS`, and need not be among those that are stored.
    conditions
        fields of `image.Microscope`, each with a value or a `Distribution`, for `image.augment`; without them the
        imaging section of the dataset's recipe is drawn from.
    microscope
        with `conditions`: whose other settings are kept.
    seed
        of conditions and noise.
    keep
        structures whose waves a process keeps in memory. Reading them takes longer than imaging them, so let a sampler
        give the images of a structure one after the other where that can be.

    Raises
    ------
    StoreError
        if there is no dataset, or it lacks one of the structures.
    InvalidInput
        if a label is none of `MAPS`.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        structures: Sequence[int] | None = None,
        split: str | None = None,
        labels: Sequence[str] = ("mask",),
        conditions: Mapping[str, Any] | None = None,
        microscope: Microscope | None = None,
        seed: int = 0,
        keep: int = 4,
    ) -> None:
        import torch

        super().__init__(root, structures=structures, split=split, labels=labels)
        for name in self.labels:
            if name not in MAPS:
                raise InvalidInput(
                    f"fresh images have no label {name!r}; give some of {', '.join(MAPS)} (ImageDataset gives what is "
                    "stored, single frames too, and its tables() what is no map)"
                )
        if microscope is not None and conditions is None:
            raise InvalidInput("a microscope goes with conditions; give conditions={} to draw none")
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise InvalidInput(f"keep is {keep!r}; give a whole number of structures, 1 or more")
        seeding.sequence(seed)
        self.seed = seed
        """Of conditions and noise."""
        self._recipe = recipe_of(self._store)
        self._conditions = None if conditions is None else dict(conditions)
        self._microscope = microscope
        self._keep = keep
        # in shared memory: workers that persist from epoch to epoch see it change
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._memory: OrderedDict[int, _Held] = OrderedDict()
        self._process = os.getpid()

    @property
    def epoch(self) -> int:
        """The epoch whose images are given."""
        return int(self._epoch[0])

    def set_epoch(self, epoch: int) -> None:
        """Give the images of `epoch` from now on, in workers too."""
        if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
            raise InvalidInput(f"epoch is {epoch!r}; give a whole number, 0 or more")
        self._epoch[0] = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        import torch

        structure, image = self._locate(index)
        held, epoch = self._held(structure), self.epoch
        seed = seeding.child(self.seed, "fresh", epoch, structure, image)
        noise = seeding.integer(seed)
        if self._conditions is None:
            drawn = draw_image(self._recipe, structure, image, seed)
            pixels = held.exposures.take(drawn, noise)
        else:
            pixels, drawn = self._augmented(held, noise)
        item: dict[str, Any] = {"image": torch.from_numpy(pixels)[None]}
        view = held.exposures.view(drawn)
        look = Look(view, distortion_of(drawn, noise), held.exposures.plane(drawn))
        for name in self.labels:
            found = held.label(self._recipe, name, self.labels, look)
            values = torch.from_numpy(np.ascontiguousarray(found))
            item[name] = values if values.is_floating_point() else values.long()
        kept = self._hand("record", structure, lambda: self._store.record(structure, "waves"))
        plain = {path: written(Fixed(value)) for path, value in drawn.items()}
        own: dict[str, Any] = {"mean": float(pixels.mean(dtype=np.float64)), "sd": float(pixels.std(dtype=np.float64))}
        own |= held.exposures.made(drawn)
        item["record"] = {
            "structure": structure,
            "image": image,
            "epoch": epoch,
            "drawn": {**kept["drawn"], **plain, "seeds": {**kept["seeds"], "noise": noise}},
            "made": {**kept["made"], "pixel_size": list(view.step), "image": own},
        }
        return item

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memory": OrderedDict()}

    def _only(self, structures: Sequence[int]) -> ImageDataset:
        return FreshImageDataset(
            self._store.root,
            structures=structures,
            labels=self.labels,
            conditions=self._conditions,
            microscope=self._microscope,
            seed=self.seed,
            keep=self._keep,
        )

    def _held(self, structure: int) -> _Held:
        if self._process != os.getpid():
            self._process, self._memory = os.getpid(), OrderedDict()
        if structure not in self._memory:
            built, waved = stages.read_built(self._store, structure), stages.read_waved(self._store, structure)
            exposures = Exposures.of(
                self._recipe,
                built.atoms,
                built.particles,
                waved.waves,
                waved.vacuum,
                built.drawn["imaging.pixel_size"],
            )
            while len(self._memory) >= self._keep:
                self._memory.popitem(last=False)
            self._memory[structure] = _Held(built, waved, exposures)
        self._memory.move_to_end(structure)
        return self._memory[structure]

    def _augmented(self, held: _Held, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        from construction_zone.image.augment import augment

        assert self._conditions is not None
        # one size of pixel for all, so that images and labels go together
        size = self._conditions.get("pixel_size", held.exposures.pixel_size)
        if size != held.exposures.pixel_size:
            raise InvalidInput("conditions cannot change the pixel_size, which the labels have; leave it out")
        micrograph, drawn = augment(
            held.exposures.beams, self._conditions, seed, microscope=self._microscope, pixel_size=size
        )
        return micrograph.numpy(), {f"imaging.{name}": value for name, value in drawn.items()}


@dataclass(eq=False)
class _Held:
    """A structure in memory, with the labels of its undistorted images that have been asked for."""

    built: Built
    waved: Waved
    exposures: Exposures
    masks: dict[Ground, np.ndarray] = field(default_factory=dict)
    truths: dict[Ground, Truth] = field(default_factory=dict)
    shown: dict[Look, Truth] = field(default_factory=dict)

    def label(self, recipe: Recipe, name: str, names: Sequence[str], look: Look) -> np.ndarray:
        """Label `name`, one of `names`, as an image shows it."""
        ground = look.ground
        if name == "mask":
            if ground not in self.masks:
                self.masks = {ground: mask_of(recipe, self.built, self.waved, look.view, look.plane)}
            return shown_map(self.masks[ground], look.view, look.warp)
        if ground not in self.truths:
            include = sorted({OF.get(other, other) for other in names if other != "mask"})
            self.truths = {ground: truth_of(recipe, self.built, look.view, look.plane, include)}
        if look not in self.shown:
            self.shown = {look: shown_truth(self.truths[ground], look.view, look.warp)}
        return self.shown[look].maps[name]
