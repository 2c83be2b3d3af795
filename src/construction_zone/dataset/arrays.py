"""The images, mask and labels of a structure in one zarr group of few files.

``image`` (image, y, x) float32 and ``mask`` (mask, y, x) uint8 are arrays of their own. All other labels share two:
``labels_int`` (int_plane, y, x) int32 and ``labels_float`` (float_plane, y, x) float32, whose attribute ``labels``
says for each label where its planes begin, the shape of its leading axes and its type; so that the number of files
does not grow with the number of labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    import zarr

SHARED = {"labels_int": "int32", "labels_float": "float32"}


def write_images(path: Path, images: np.ndarray, labels: Mapping[str, np.ndarray], pixel_size: list[Any]) -> None:
    """Write `images` (image, y, x) and `labels` (…, y, x), by name, as the new zarr group `path`.

    Its attribute ``pixel_size`` is [dy, dx] in Å, or a list of such, one an image, where they differ.
    """
    import zarr

    from construction_zone.simulate.stored import write_array

    group = zarr.open_group(path, mode="w-", attributes={"pixel_size": list(pixel_size)})
    write_array(group, "image", np.asarray(images, np.float32), ("image", "y", "x"))
    planes: dict[str, list[np.ndarray]] = {name: [] for name in SHARED}
    places: dict[str, dict[str, Any]] = {name: {} for name in SHARED}
    for name, values in labels.items():
        if values.shape[-2:] != images.shape[-2:]:
            raise InvalidInput(f"label {name} has shape {values.shape}; its last axes must be the images'")
        if name == "mask":
            write_array(group, name, np.asarray(values, np.uint8), ("mask", "y", "x"))
            continue
        home = "labels_float" if values.dtype.kind == "f" else "labels_int"
        stored = values.reshape(-1, *values.shape[-2:])
        exact = stored.astype(SHARED[home])
        if home == "labels_int" and not np.array_equal(exact, stored):
            raise InvalidInput(f"label {name} holds numbers that are no whole numbers of 32 bits")
        places[home][name] = {
            "first": sum(map(len, planes[home])),
            "shape": list(values.shape[:-2]),
            "dtype": "float32" if home == "labels_float" else str(values.dtype),
        }
        planes[home].append(exact)
    for home, parts in planes.items():
        if parts:
            dims = (f"{home.removeprefix('labels_')}_plane", "y", "x")
            write_array(group, home, np.concatenate(parts), dims, {"labels": places[home]})


class Opened:
    """A group of images whose arrays are opened once; for reading, it may stand for the group."""

    def __init__(self, group: zarr.Group) -> None:
        self._group = group
        self._arrays: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._arrays:
            self._arrays[name] = self._group.get(name)
        if self._arrays[name] is None:
            raise KeyError(name)
        return self._arrays[name]

    def __contains__(self, name: str) -> bool:
        try:
            return self[name] is not None
        except KeyError:
            return False


def label_names(group: zarr.Group | Opened) -> dict[str, str]:
    """Name of each label in `group` → the array that holds it."""
    names = {"mask": "mask"} if "mask" in group else {}
    for home in SHARED:
        if home in group:
            there: Any = group[home].attrs["labels"]
            names |= dict.fromkeys(there, home)
    return names


def read_label(group: zarr.Group | Opened, name: str, image: int | None = None) -> np.ndarray:
    """Label `name` of the group, (leading axes, y, x); `KeyError` if it has none of that name.

    With `image` what that image shows: the first axis has one entry an image, or one for all of them.
    """
    home = name if name == "mask" else label_names(group)[name]
    array: Any = group[home]
    if home == name:
        return np.asarray(array[...] if image is None else array[image % array.shape[0]])
    place = dict(array.attrs)["labels"][name]
    first, shape = place["first"], place["shape"]
    if image is not None:
        entries, shape = shape[0], shape[1:]
        first += image % entries * int(np.prod(shape, dtype=int))
    planes = np.asarray(array[first : first + int(np.prod(shape, dtype=int))])
    return planes.reshape(*shape, *planes.shape[-2:]).astype(place["dtype"], copy=False)


def pack_tables(tables: Mapping[str, Any]) -> bytes:
    """Tables by name (lists of dicts, or of pyarrow) as one Parquet file: a row, a column a table, its rows a list."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name, table in tables.items():
        rows = table if isinstance(table, pa.Table) else pa.Table.from_pylist(list(table))
        if not rows.num_columns:
            columns[name] = pa.array([[]], pa.list_(pa.null()))  # a list without rows, of no known columns
            continue
        entries = pa.array(rows.to_pylist(), type=pa.struct(list(rows.schema)))
        columns[name] = pa.ListArray.from_arrays(pa.array([0, len(entries)], pa.int32()), entries)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def unpack_tables(data: bytes) -> dict[str, Any]:
    """The tables that `pack_tables` gave as `data`, as pyarrow tables by name."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = pq.read_table(io.BytesIO(data), page_checksum_verification=True)
    found = {}
    for name in whole.column_names:
        entries = whole[name].combine_chunks()
        entries = entries.chunk(0) if isinstance(entries, pa.ChunkedArray) else entries
        flat = entries.flatten()
        found[name] = pa.Table.from_struct_array(flat) if pa.types.is_struct(flat.type) else pa.table({})
    return found
