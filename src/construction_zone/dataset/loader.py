"""A dataset as torch sees it: one item an image."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from construction_zone import seeding
from construction_zone.dataset import arrays, splits
from construction_zone.dataset.stages import READING, read_tables
from construction_zone.dataset.store import Store
from construction_zone.errors import InvalidInput, StoreError

KEPT = 64
"""Structures whose records and zarr groups a process keeps at hand."""


class ImageDataset:
    """The labelled images in a directory that `czone generate` made; a map-style torch dataset.

    ``dataset[i]`` is a dict with

    * ``image``: float32 tensor (1, y, x), electrons per pixel if the recipe has a dose, else intensity with vacuum 1;
    * ``mask``: int64 tensor (y, x), 1 where the particles are;
    * every other label asked for by name: float32 or int64 tensor (…, y, x), such as ``instances`` (y, x) or ``strain``
      (4, y, x): docs/explanation/labels.md has all;
    * ``record``: dict with ``structure``, ``image`` (numbers), ``drawn`` (every drawn value by dotted path, and
      ``seeds``) and ``made`` (what was really made).

    Images are in the order of their structures. The table of samples is read once, when the dataset is made; it
    holds no open files and can be sent to the workers of a `torch.utils.data.DataLoader` (with
    ``collate_fn=collate``, since records differ in length), and dealt out by a `DistributedSampler`.

    Parameters
    ----------
    root
        the directory, or a URL of fsspec.
    structures
        numbers of the structures wanted; by default all.
    split
        "train", "validation" or "test": only structures of that share, as the table deals them.
    labels
        names of the labels wanted beside the image.
    images
        name of an image set that `czone add-images` made; by default the images of the dataset's own recipe.

    Raises
    ------
    StoreError
        if there is no dataset, or it lacks one of the structures.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        structures: Sequence[int] | None = None,
        split: str | None = None,
        labels: Sequence[str] = ("mask",),
        images: str = "",
    ) -> None:
        self._store = Store(root, images)
        self.labels = tuple(labels)
        """Names of the labels of an item."""
        owner, image, shares = _listed(self._store)
        if structures is not None:
            absent = np.setdiff1d(np.asarray(list(structures), np.int64), owner)
            if len(absent):
                there = len(np.unique(owner))
                raise StoreError(f"{root} holds no structure {absent[0]}; it holds {there} structures")
            kept = np.isin(owner, np.asarray(list(structures), np.int64))
            owner, image, shares = owner[kept], image[kept], shares[kept]
        if split is not None:
            if split not in splits.SPLITS:
                raise InvalidInput(f"split is {split!r}; give one of {', '.join(splits.SPLITS)}")
            kept = shares == split
            owner, image = owner[kept], image[kept]
        self._owner, self._image = owner, image
        self._hand = _AtHand()

    @property
    def root(self) -> str | Path:
        """The directory or URL."""
        return self._store.root

    @property
    def owners(self) -> np.ndarray:
        """The structure of each image."""
        return self._owner.copy()

    def forget(self) -> None:
        """Drop the records and groups at hand: what is read next is read from the store."""
        self._hand = _AtHand()

    @property
    def structures(self) -> tuple[int, ...]:
        """Numbers of the structures whose images these are."""
        return tuple(np.unique(self._owner).tolist())

    def __len__(self) -> int:
        return len(self._owner)

    def __getitem__(self, index: int) -> dict[str, Any]:
        import torch

        structure, image = self._locate(index)
        group = self._group(structure)
        try:
            pixels: Any = group["image"]
            item: dict[str, Any] = {"image": torch.from_numpy(np.asarray(pixels[image]))[None]}
            for name in self.labels:
                item[name] = self._label(group, name, image)
        except READING as error:
            raise self._damaged(structure, error) from error
        return {**item, "record": self._record(structure, image)}

    def tables(self, index: int) -> dict[str, list[dict[str, Any]]]:
        """The tables of item `index` by name, a list of rows each: ``columns``, ``instances``, ``grains`` …

        Rows that hold for one image of a structure are those of this one.
        """
        structure, image = self._locate(index)
        found = read_tables(self._store, structure)
        return {
            name: [row for row in table.to_pylist() if row.get("image", -1) in (-1, image)]
            for name, table in found.items()
        }

    def split(self, fractions: Sequence[float] = (0.8, 0.2), seed: seeding.Seed = 0) -> tuple[ImageDataset, ...]:
        """Datasets of the given shares of the structures, dealt by the seed and what the structures hold.

        All images of a structure go the same way, since they show the same atoms, and so do structures that are equal
        atom for atom. Raises `InvalidInput` if the fractions do not add up to 1 or a share would be empty.
        """
        splits.checked(fractions)
        structures = self.structures
        contents = _contents(self._store, structures)
        parts = splits.dealt(contents, fractions, seeding.integer(seed, "split"))
        return tuple(self._only([structures[i] for i in part]) for part in parts)

    def of_structure(self, structure: int) -> Iterator[dict[str, Any]]:
        """The items that are images of `structure`, in order."""
        for position in np.flatnonzero(self._owner == structure):
            yield self[int(position)]

    def _only(self, structures: Sequence[int]) -> ImageDataset:
        return ImageDataset(self._store.root, structures=structures, labels=self.labels, images=self._store.images)

    def _locate(self, index: int) -> tuple[int, int]:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        return int(self._owner[position]), int(self._image[position])

    def _group(self, structure: int) -> Any:
        def opened() -> Any:
            import zarr

            try:
                name = self._store.held_name("images", structure)
                return arrays.Opened(zarr.open_group(self._store.place.zarr(name), mode="r"))
            except READING as error:
                raise self._damaged(structure, error) from error

        return self._hand("group", structure, opened)

    def _label(self, group: Any, name: str, image: int) -> Any:
        import torch

        if name != "mask" and name not in (there := arrays.label_names(group)):
            raise InvalidInput(
                f"there is no label {name!r}; there are {', '.join(there)} (the recipe's labels.include says which)"
            )
        values = torch.from_numpy(arrays.read_label(group, name, image))
        return values if values.is_floating_point() else values.long()

    def _record(self, structure: int, image: int) -> dict[str, Any]:
        kept = self._hand("record", structure, lambda: self._store.record(structure))
        own = kept["images"][image]
        seeds = {**kept["seeds"], **own["seeds"]}
        return {
            "structure": structure,
            "image": image,
            "drawn": {**kept["drawn"], **own["drawn"], "seeds": seeds},
            "made": {**kept["made"], **_of_image(own["made"]), "image": own["made"]},
        }

    def _damaged(self, structure: int, error: Exception) -> StoreError | InvalidInput:
        if isinstance(error, InvalidInput):
            return error
        return StoreError(
            f"the images of structure {structure} cannot be read ({error}); "
            f"make them again with: czone repair {self._store.root}"
        )


def _of_image(made: dict[str, Any]) -> dict[str, Any]:
    """What an image has of its own, where it stands for a structure's: the size of the pixels of a crop."""
    return {"pixel_size": made["pixel_size"]} if "pixel_size" in made else {}


class _AtHand:
    """The latest things opened in this process; nothing of it goes to another."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._things: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def __call__(self, kind: str, structure: int, make: Callable[[], Any]) -> Any:
        if self._process != os.getpid():
            self.__init__()  # type: ignore[misc]
        key = (kind, structure)
        if key not in self._things:
            self._things[key] = make()
            if len(self._things) > 2 * KEPT:
                self._things.popitem(last=False)
        self._things.move_to_end(key)
        return self._things[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_AtHand, ())


def _listed(store: Store) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Structure, number and share of each image, from the table if there is one, else from the records."""
    store.check()
    try:
        table = columns(store, ["structure", "image", "split"])
    except FileNotFoundError:
        records = [store.record(index) for index in store.indices()]
        rows = [(r["structure"], k, r["content"]) for r in records for k in range(len(r["images"]))]
        shares = [splits.split_of(splits.kin(content) or "") for _, _, content in rows]
        return (
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            np.array(shares, dtype="U10"),
        )
    if not table.num_columns:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, "U10")
    structure, image = (table[name].to_numpy().astype(np.int64) for name in ("structure", "image"))
    share = table["split"].combine_chunks().dictionary_encode()
    names = np.array([*share.dictionary.to_pylist(), "?"], dtype="U10")
    return structure, image, names[share.indices.to_numpy(zero_copy_only=False).astype(np.int64)]


def columns(store: Store, names: list[str]) -> Any:
    """Columns of the table of samples; `FileNotFoundError` if it is not there."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    from construction_zone.dataset.files import Directory

    place = store.place
    source: Any = place.root / store.samples if isinstance(place, Directory) else io.BytesIO(place.read(store.samples))
    try:
        file = pq.ParquetFile(source, memory_map=True)
        there = [name for name in names if name in file.schema_arrow.names]
        return file.read(columns=there)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise StoreError(
            f"{store.samples} of {store.root} cannot be read ({error}); make it again with: czone repair {store.root}"
        ) from error


def _contents(store: Store, structures: Sequence[int]) -> list[str]:
    """Hash of each structure's trajectory, or of its atoms: equal ones are not split."""
    try:
        table = columns(store, ["structure", "content.atoms", "content.family"])
    except FileNotFoundError:
        records = (store.stage_record("structures", index) for index in structures)
        return [splits.kin(record["content"]) or "" for record in records]
    if "content.atoms" not in table.column_names:
        return [f"{index:06d}" for index in structures]
    owner, first = np.unique(table["structure"].to_numpy(), return_index=True)
    hashes = table["content.atoms"].take(first).to_pylist()
    if "content.family" in table.column_names:
        families = table["content.family"].take(first).to_pylist()
        hashes = [family or own for family, own in zip(families, hashes, strict=True)]
    known = dict(zip(owner.tolist(), hashes, strict=True))
    return [known[index] for index in structures]


def collate(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Items as a batch: ``image`` (n, 1, y, x), ``mask`` (n, y, x), labels (n, …, y, x), ``record`` a list."""
    import torch

    batch: dict[str, Any] = {key: torch.stack([item[key] for item in items]) for key in items[0] if key != "record"}
    batch["record"] = [item["record"] for item in items]
    return batch
