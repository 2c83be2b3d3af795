"""Where a dataset's structures lie, and how one is written and read.

A directory holds ``recipe.yaml``, ``samples.parquet``, ``log.txt`` and

* ``waves.zarr/<name>``: zarr group with the array ``waves`` (configuration, y, x) complex64 and the group ``atoms``;
* ``images.zarr/<name>``: zarr group with ``image`` (image, y, x) float32 and ``mask`` (1, y, x) uint8;
* ``structures/<name>.json``: the record, which is the commit marker.

The groups are written aside and moved into place, the marker last: a structure exists when all three do. ``<name>``
is the structure's number in six digits or more.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ase
import numpy as np

from construction_zone.dataset.files import move_whole, write_whole, writing
from construction_zone.errors import StoreError

if TYPE_CHECKING:
    import zarr

    from construction_zone.simulate import ExitWaves

FORMAT = 1

_TEXTS = "texts"
"""Attribute of an array of text: the different texts, which the stored numbers count."""


@dataclass(frozen=True, eq=False)
class Structure:
    """One structure with all that was made from it, ready to be stored.

    `images` is float32 (image, y, x), `mask` uint8 (1, y, x); `drawn`, `seeds` and `made` are plain values, with
    one entry an image in `image_records`. `measured` (seconds, memory) is all that may differ between two makings.
    """

    index: int
    atoms: ase.Atoms
    waves: ExitWaves
    images: np.ndarray
    mask: np.ndarray
    drawn: dict[str, Any]
    seeds: dict[str, Any]
    made: dict[str, Any]
    image_records: list[dict[str, Any]]
    measured: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Store:
    """A dataset directory."""

    root: Path

    @property
    def recipe_file(self) -> Path:
        return self.root / "recipe.yaml"

    @property
    def markers(self) -> Path:
        return self.root / "structures"

    @property
    def waves_root(self) -> Path:
        return self.root / "waves.zarr"

    @property
    def images_root(self) -> Path:
        return self.root / "images.zarr"

    @property
    def table_file(self) -> Path:
        return self.root / "samples.parquet"

    @property
    def partial(self) -> Path:
        """Where structures are written before they are moved into place."""
        return self.root / ".partial"

    def indices(self) -> list[int]:
        """Numbers of the structures that exist, in order."""
        try:
            marked, waves, images = (_names(place) for place in (self.markers, self.waves_root, self.images_root))
        except OSError as error:
            raise StoreError(
                f"{self.root} holds no dataset ({error.strerror}: {error.filename}); "
                "make one with: czone generate RECIPE --out DIR"
            ) from error
        return sorted(int(name) for name in marked & waves & images)

    def marker(self, index: int) -> Path:
        """The commit marker of structure `index`."""
        return self.markers / f"{name_of(index)}.json"

    def record(self, index: int) -> dict[str, Any]:
        """The record of structure `index`: drawn, seeds, made, images, measured."""
        path = self.marker(index)
        try:
            record = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise StoreError(f"{self.root} holds no structure {index}; see: czone info {self.root}") from None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the record {path} cannot be read ({error}); delete it and generate again to make the structure anew"
            ) from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise StoreError(f"the record {path} is not of format {FORMAT}, which this version reads")
        return record

    def waves(self, index: int) -> ExitWaves:
        """The stored exit waves of structure `index`."""
        from construction_zone.simulate import ExitWaves

        return ExitWaves.load(self.waves_root / name_of(index))

    def atoms(self, index: int) -> ase.Atoms:
        """The atoms of structure `index`, with the arrays that say where each came from."""
        import zarr

        group = zarr.open_group(self.waves_root / name_of(index) / "atoms", mode="r")
        arrays = {name: _read_array(array) for name, array in group.arrays()}
        cell, periodic, info = (group.attrs[name] for name in ("cell", "periodic", "info"))
        atoms = ase.Atoms(arrays.pop("numbers"), arrays.pop("positions"), cell=cell, pbc=periodic, info=info)
        for name, array in arrays.items():
            atoms.set_array(name, array)
        return atoms

    def commit(self, structure: Structure) -> None:
        """Write `structure` so that it exists as a whole or not at all. Raises `StoreError` when it cannot."""
        start = time.perf_counter()
        name = name_of(structure.index)
        aside = self.partial / f"{name}-{uuid.uuid4().hex[:8]}"
        with writing(self.root):
            try:
                aside.mkdir(parents=True)
                structure.waves.save(aside / "waves")
                _write_atoms(aside / "waves", structure)
                _write_images(aside / "images", structure)
                for made, root in ((aside / "waves", self.waves_root), (aside / "images", self.images_root)):
                    shutil.rmtree(root / name, ignore_errors=True)  # what a marker vouched for is never made again
                    move_whole(made, root / name)
                structure.measured.setdefault("seconds", {})["store"] = time.perf_counter() - start
                record = {"format": FORMAT, "structure": structure.index, "name": name, **_record(structure)}
                write_whole(self.marker(structure.index), json.dumps(record, indent=1).encode())
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def prepare(self) -> None:
        """Make the folders of an empty dataset, and the zarr groups at their roots, where they are missing."""
        for folder in (self.markers, self.waves_root, self.images_root, self.partial):
            folder.mkdir(parents=True, exist_ok=True)
        for root in (self.waves_root, self.images_root):
            metadata = root / "zarr.json"
            if not metadata.exists():
                group = {"attributes": {}, "zarr_format": 3, "node_type": "group"}
                write_whole(metadata, json.dumps(group, indent=2).encode())

    def sweep(self) -> None:
        """Remove what an interrupted run left: unfinished files, and groups and markers that lack each other."""
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(exist_ok=True)
        for left in [*self.root.glob(".*.partial"), *self.markers.glob(".*.partial")]:
            left.unlink(missing_ok=True)
        whole = {name_of(index) for index in self.indices()}
        for name in _names(self.markers) - whole:
            (self.markers / f"{name}.json").unlink()
        for root in (self.waves_root, self.images_root):
            for name in _names(root) - whole:
                shutil.rmtree(root / name)


def name_of(index: int) -> str:
    """Name of structure `index` in the zarr groups and among the markers."""
    return f"{index:06d}"


def _names(folder: Path) -> set[str]:
    with os.scandir(folder) as entries:
        names = (entry.name.removesuffix(".json") for entry in entries)
        return {name for name in names if name.isascii() and name.isdigit() and name == name_of(int(name))}


def _record(structure: Structure) -> dict[str, Any]:
    from construction_zone import __version__

    return {
        "version": __version__,
        "drawn": structure.drawn,
        "seeds": structure.seeds,
        "made": structure.made,
        "images": structure.image_records,
        "measured": structure.measured,
    }


def _write_atoms(path: Path, structure: Structure) -> None:
    import zarr

    group = zarr.open_group(path, mode="a")
    group.attrs.update({"drawn": structure.drawn, "made": structure.made, "structure_seeds": structure.seeds})
    atoms = structure.atoms
    inner = group.create_group("atoms")
    for name, values in sorted(atoms.arrays.items()):
        _write_array(inner, name, values)
    info = {key: atoms.info[key] for key in ("zones", "phases", "record") if key in atoms.info}
    inner.attrs.update({"cell": atoms.cell.lengths().tolist(), "periodic": atoms.pbc.tolist(), "info": info})


def _write_array(group: zarr.Group, name: str, values: np.ndarray) -> None:
    """Put `values` into `group`; text, which zarr's format 3 has no settled form for, as numbers into a list."""
    if values.dtype.kind != "U":
        group.create_array(name, data=np.ascontiguousarray(values))
        return
    texts, numbers = np.unique(values, return_inverse=True)
    stored = group.create_array(name, data=numbers.reshape(values.shape).astype(np.int64))
    stored.attrs[_TEXTS] = texts.tolist()


def _read_array(array: zarr.Array) -> np.ndarray:
    values = np.asarray(array[...])
    return np.array(array.attrs[_TEXTS], dtype=str)[values] if _TEXTS in array.attrs else values


def _write_images(path: Path, structure: Structure) -> None:
    import zarr

    group = zarr.open_group(path, mode="w-")
    images = structure.images
    stored = group.create_array("image", shape=images.shape, dtype="float32", chunks=(1, *images.shape[1:]))
    stored[...] = images
    mask = structure.mask
    group.create_array("mask", shape=mask.shape, dtype="uint8", chunks=(1, *mask.shape[1:]))[...] = mask
    sampling = structure.made["pixel_size"]
    group.attrs.update({"dims": {"image": ["image", "y", "x"], "mask": ["mask", "y", "x"]}, "pixel_size": sampling})
