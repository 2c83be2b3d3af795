"""A dataset as torch sees it: one item an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from construction_zone import seeding
from construction_zone.dataset.store import Store, name_of
from construction_zone.errors import InvalidInput, StoreError


class ImageDataset:
    """The labelled images in a directory that `czone generate` made; a map-style torch dataset.

    ``dataset[i]`` is a dict with

    * ``image``: float32 tensor (1, y, x), electrons per pixel if the recipe has a dose, else intensity with vacuum 1;
    * ``mask``: int64 tensor (y, x), 1 where the particles are;
    * ``record``: dict with ``structure``, ``image`` (numbers), ``drawn`` (every drawn value by dotted path, and
      ``seeds``) and ``made`` (what was really made).

    Images are in the order of their structures. The directory is looked through once, when the dataset is made; it
    holds no open files and can be sent to the workers of a `torch.utils.data.DataLoader` (with
    ``collate_fn=collate``, since records differ in length). Raises `StoreError` if the directory holds no dataset.
    """

    def __init__(self, root: str | Path, *, structures: Sequence[int] | None = None) -> None:
        self._store = Store(Path(root))
        there = self._store.indices()
        if structures is not None:
            absent = sorted(set(structures) - set(there))
            if absent:
                raise StoreError(f"{root} holds no structure {absent[0]}; it holds {len(there)} structures")
            there = sorted(set(structures))
        self.structures: tuple[int, ...] = tuple(there)
        """Numbers of the structures whose images these are."""
        self._per_structure = len(self._store.record(there[0])["images"]) if there else 0

    @property
    def root(self) -> Path:
        """The directory."""
        return self._store.root

    def __len__(self) -> int:
        return len(self.structures) * self._per_structure

    def __getitem__(self, index: int) -> dict[str, Any]:
        import torch

        structure, image = self._locate(index)
        pixels, mask = self._arrays(structure, image)
        return {
            "image": torch.from_numpy(pixels)[None],
            "mask": torch.from_numpy(mask.astype(np.int64)),
            "record": self._record(structure, image),
        }

    def split(self, fractions: Sequence[float] = (0.8, 0.2), seed: seeding.Seed = 0) -> tuple[ImageDataset, ...]:
        """Datasets of the given shares of the structures, dealt at random.

        All images of a structure go the same way, since they show the same atoms. Raises `InvalidInput` if the
        fractions do not add up to 1 or a share would be empty.
        """
        shares = [float(fraction) for fraction in fractions]
        if not shares or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
            raise InvalidInput(f"fractions are {list(fractions)}; give shares above 0 that add up to 1")
        dealt = seeding.generator(seed, "split").permutation(self.structures)
        ends = [round(end * len(dealt)) for end in np.cumsum(shares)]
        parts = [dealt[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
        if any(len(part) == 0 for part in parts):
            raise InvalidInput(
                f"{len(dealt)} structures cannot be split into shares {list(fractions)} with none empty; "
                "generate more (czone generate --count) or give other fractions"
            )
        return tuple(ImageDataset(self.root, structures=[int(i) for i in part]) for part in parts)

    def _locate(self, index: int) -> tuple[int, int]:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        structure, image = divmod(int(position), self._per_structure)
        return self.structures[structure], image

    def _arrays(self, structure: int, image: int) -> tuple[np.ndarray, np.ndarray]:
        import zarr

        path = self._store.images_root / name_of(structure)
        try:
            group = zarr.open_group(path, mode="r")
            images, masks = group["image"], group["mask"]
            assert isinstance(images, zarr.Array)
            assert isinstance(masks, zarr.Array)
            # one mask for all images of a structure, or one for each
            return np.asarray(images[image]), np.asarray(masks[image % masks.shape[0]])
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise StoreError(
                f"the images of structure {structure} cannot be read ({error}); remove {path} and generate again"
            ) from error

    def _record(self, structure: int, image: int) -> dict[str, Any]:
        kept = self._store.record(structure)
        own = kept["images"][image]
        seeds = {**kept["seeds"], **own["seeds"]}
        return {
            "structure": structure,
            "image": image,
            "drawn": {**kept["drawn"], **own["drawn"], "seeds": seeds},
            "made": {**kept["made"], "image": own["made"]},
        }


def collate(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Items of an `ImageDataset` as a batch: ``image`` (n, 1, y, x), ``mask`` (n, y, x), ``record`` a list of n."""
    import torch

    batch: dict[str, Any] = {key: torch.stack([item[key] for item in items]) for key in ("image", "mask")}
    batch["record"] = [item["record"] for item in items]
    return batch
