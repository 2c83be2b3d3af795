"""What each stage of a structure is, how it is kept in a store, and how it is had back.

*structures*: atoms, what was drawn for them and what they really are. *waves*: their exit waves, and if a label needs
it the wave of the particles alone in vacuum. *images*: images, labels and tables. Each can be made from what the stage
before left in the store, so they may be made on different days and machines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ase
import numpy as np

from construction_zone.dataset import arrays, atoms_file
from construction_zone.dataset.compose import Built
from construction_zone.dataset.files import write_whole
from construction_zone.dataset.store import Store
from construction_zone.errors import StoreError

if TYPE_CHECKING:
    from construction_zone.simulate import ExitWaves

READING = (
    OSError,
    LookupError,
    ValueError,
    RuntimeError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    AssertionError,
    SystemError,
)
"""What zarr raises over a group that is missing or damaged."""


@dataclass(frozen=True, eq=False)
class Waved:
    """The exit waves of a structure; `vacuum`, the wave of its particles alone, if a label needs it."""

    waves: ExitWaves
    seed: int
    vacuum: ExitWaves | None = None
    made: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Imaged:
    """The images (image, y, x) float32 of a structure, with one entry in `records` each.

    `labels` are arrays (…, y, x) on the images' grid by name, `tables` lists of rows (or of pyarrow) by name; `drawn`
    is what an image set has instead of what was drawn for the structure. `pixel_size` (dy, dx) in Å is None where
    images have different ones, which their records tell.
    """

    images: np.ndarray
    pixel_size: tuple[float, float] | None
    records: list[dict[str, Any]]
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, Any] = field(default_factory=dict)


def keep_built(
    store: Store, index: int, built: Built, recipe: str = "", measured: Mapping[str, Any] | None = None
) -> float:
    """Commit the stage *structures*; `recipe` is the digest of the recipe. Tells the seconds taken."""
    record = {
        "recipe": recipe,
        "drawn": built.drawn,
        "seeds": {"build": built.seed},
        "made": built.made,
        "particles": list(built.particles),
        "content": {"atoms": atoms_file.same_atoms_hash(built.atoms)}
        | ({"family": built.family} if built.family else {}),
    }
    packed = atoms_file.pack(built.atoms)
    name = store.held_name("structures", index)
    return store.commit("structures", index, record, {name: lambda path: write_whole(path, packed)}, measured)


def keep_waves(
    store: Store, index: int, waved: Waved, recipe: str = "", measured: Mapping[str, Any] | None = None
) -> float:
    """Commit the stage *waves*."""

    def write(path: Path) -> None:
        import zarr

        from construction_zone.simulate.stored import write_array

        waved.waves.save(path)
        if waved.vacuum is not None:
            group = zarr.open_group(path, mode="r+")
            write_array(group, "vacuum", waved.vacuum.numpy(), waved.vacuum.dims, waved.vacuum.attributes())

    record = {"recipe": recipe, "seeds": {"waves": waved.seed}, "made": waved.made}
    return store.commit("waves", index, record, {store.held_name("waves", index): write}, measured)


def keep_images(
    store: Store, index: int, imaged: Imaged, recipe: str = "", measured: Mapping[str, Any] | None = None
) -> float:
    """Commit the stage *images*."""

    def write(path: Path) -> None:
        sizes = [record["made"].get("pixel_size", imaged.pixel_size) for record in imaged.records]
        step = sizes if imaged.pixel_size is None else list(imaged.pixel_size)
        arrays.write_images(path, imaged.images, imaged.labels, step)

    writers: dict[str, Callable[[Path], None]] = {store.held_name("images", index): write}
    if imaged.tables:
        packed = arrays.pack_tables(imaged.tables)
        writers[store.table_name(index)] = lambda path: write_whole(path, packed)
    record = {"recipe": recipe, "made": imaged.made, "images": imaged.records}
    if imaged.drawn:
        record["drawn"] = imaged.drawn
    return store.commit("images", index, record, writers, measured)


def read_atoms(store: Store, index: int) -> ase.Atoms:
    """The atoms of structure `index`, with the arrays that say where each came from."""
    name = store.held_name("structures", index)
    try:
        return atoms_file.unpack(store.place.read(name))
    except FileNotFoundError:
        raise StoreError(f"{store.root} holds no structure {index}; see: czone info {store.root}") from None
    except StoreError as error:
        raise StoreError(f"{name} of {store.root}: {error}") from error


def read_built(store: Store, index: int) -> Built:
    """What `keep_built` kept."""
    record = store.stage_record("structures", index)
    try:
        return Built(
            atoms=read_atoms(store, index),
            particles=tuple(record["particles"]),
            drawn=record["drawn"],
            made=record["made"],
            seed=record["seeds"]["build"],
        )
    except KeyError as error:
        raise StoreError(f"the record of structure {index} lacks {error}; see: czone verify {store.root}") from None


def read_waves(store: Store, index: int) -> ExitWaves:
    """The exit waves of structure `index`."""
    from construction_zone.simulate import ExitWaves

    return ExitWaves.load(store.place.zarr(store.held_name("waves", index)))


def read_waved(store: Store, index: int) -> Waved:
    """What `keep_waves` kept."""
    import torch
    import zarr

    from construction_zone.simulate import ExitWaves

    record = store.stage_record("waves", index)
    vacuum = None
    try:
        group = zarr.open_group(store.place.zarr(store.held_name("waves", index)), mode="r")
        if "vacuum" in group:
            stored: Any = group["vacuum"]
            vacuum = ExitWaves.from_attributes(torch.from_numpy(np.asarray(stored[...])), dict(stored.attrs))
        seed, made = int(record["seeds"]["waves"]), dict(record["made"])
    except READING as error:
        raise StoreError(
            f"the waves of structure {index} cannot be read ({error}); make them again: czone repair {store.root}"
        ) from error
    return Waved(read_waves(store, index), seed, vacuum, made)


def read_tables(store: Store, index: int) -> dict[str, Any]:
    """The tables of structure `index` by name, as pyarrow tables; none if it has none."""
    try:
        return arrays.unpack_tables(store.place.read(store.table_name(index)))
    except FileNotFoundError:
        return {}
