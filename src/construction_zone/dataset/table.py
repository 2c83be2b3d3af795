"""The table of samples: one row an image, rebuilt from the structures' records."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from construction_zone.dataset.files import writing
from construction_zone.dataset.splits import SPLITS, kin, split_of
from construction_zone.dataset.store import Store


def rebuild(store: Store) -> int:
    """Write ``samples.parquet`` from the records of all structures that have images, and tell how many rows it has.

    Columns are ``structure``, ``image``, ``name``, ``split``, ``duplicate_of`` (the first structure with the same
    atoms, if another comes before), and then ``drawn.…``, ``seed.…``, ``made.…``, ``content.…`` (hashes) and
    ``measured.…`` by dotted path; values of particles are lists. Rows are in the order of the dataset's images.
    """
    data, rows = made_anew(store)
    with writing(store.root):
        store.place.write(store.samples, data)
    return rows


def intact(store: Store) -> bool:
    """Whether ``samples.parquet`` is there in full: what is cut has lost the end, which says what it holds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(io.BytesIO(store.place.read(store.samples)))
    except (OSError, ValueError, pa.ArrowException):
        return False
    return True


def made_anew(store: Store) -> tuple[bytes, int]:
    """The bytes of ``samples.parquet`` as the records have it, and its number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first: dict[str, int] = {}
    rows = [row for index in store.indices() for row in _rows(store.record(index), first)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: _column([row.get(name) for row in rows]) for name in names})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue(), len(rows)


def _rows(record: dict[str, Any], first: dict[str, int]) -> Iterator[dict[str, Any]]:
    atoms = record["content"].get("atoms")
    before = first.setdefault(atoms, record["structure"])
    shared = {
        "split": split_of(kin(record["content"]) or record["name"], SPLITS),
        "duplicate_of": None if atoms is None or before == record["structure"] else before,
        **_flat(record["drawn"], "drawn."),
        **_flat(record["seeds"], "seed."),
        **_flat(record["made"], "made."),
        **_flat(record["content"], "content."),
        **_flat(record["measured"], "measured."),
        "version": record["version"],
    }
    for number, image in enumerate(record["images"]):
        own = {
            **_flat(image["drawn"], "drawn."),
            **_flat(image["seeds"], "seed.image."),
            **_flat(image["made"], "made.image."),
        }
        yield {"structure": record["structure"], "image": number, "name": record["name"], **own, **shared}


def _flat(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _column(values: list[Any]) -> Any:
    """An arrow array of `values`; as text where they are of kinds that no one column can hold."""
    import json

    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else json.dumps(value) for value in values])
