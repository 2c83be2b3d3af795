"""Atoms as one Parquet file: a column an array, the cell and the scene's record in the file's metadata."""

from __future__ import annotations

import io
import json

import ase
import numpy as np

from construction_zone.dataset.files import digest
from construction_zone.errors import StoreError

_KEY = b"construction_zone"


def pack(atoms: ase.Atoms) -> bytes:
    """`atoms` as the bytes of a Parquet file; every array exactly, of `info` zones, phases and record."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name, values in sorted(atoms.arrays.items()):
        flat = np.ascontiguousarray(values).reshape(len(values), -1)
        column = pa.array(flat.ravel())
        columns[name] = column if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(column, flat.shape[1])
    info = {key: atoms.info[key] for key in ("zones", "phases", "record") if key in atoms.info}
    described = {
        "cell": atoms.cell.tolist(),
        "periodic": atoms.pbc.tolist(),
        "info": info,
        "shapes": {name: list(values.shape[1:]) for name, values in sorted(atoms.arrays.items()) if values.ndim > 1},
    }
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(described).encode()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def unpack(data: bytes) -> ase.Atoms:
    """The atoms that `pack` gave as `data`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(data), page_checksum_verification=True)
        described = json.loads((table.schema.metadata or {})[_KEY])
        arrays = {}
        for name in table.column_names:
            column = table[name].combine_chunks()
            if pa.types.is_fixed_size_list(column.type):
                flat = column.flatten().to_numpy(zero_copy_only=False)
                arrays[name] = flat.reshape(table.num_rows, *described["shapes"][name])
            else:
                arrays[name] = column.to_numpy(zero_copy_only=False)
            if arrays[name].dtype == object:
                arrays[name] = arrays[name].astype(str)
        atoms = ase.Atoms(
            arrays.pop("numbers"),
            arrays.pop("positions"),
            cell=described["cell"],
            pbc=described["periodic"],
            info=described["info"],
        )
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"the file of atoms is damaged ({error}); make it again with: czone repair DIR") from error
    for name, values in arrays.items():
        atoms.set_array(name, values)
    return atoms


def same_atoms_hash(atoms: ase.Atoms) -> str:
    """A hash that two structures share if they hold the same atoms in the same cell, in whatever order."""
    order = np.lexsort((atoms.numbers, *atoms.positions.T))
    parts = (atoms.cell.array, atoms.numbers[order].astype("<i8"), atoms.positions[order].astype("<f8") + 0.0)
    return digest(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
