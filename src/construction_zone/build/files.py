"""Reading and writing structures.

Everything that ASE knows, plus Prismatic's `.XYZ`. A file is written beside its place and then renamed into it, so
that a half-written file never looks whole.
"""

from __future__ import annotations

import os
import shutil
import string
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import numpy as np

from construction_zone.build import inputs
from construction_zone.errors import InvalidInput, StructureFileError

if TYPE_CHECKING:
    from ase import Atoms

_FORMATS = "use e.g. .xyz, .cif, .pdb, or .XYZ (Prismatic)"
_NAME_LISTS = ("zones", "phases")
_PLAIN = "".join(set(string.printable) - set('%"\\\t\n\r\x0b\x0c'))
"""Characters that ASE's extended XYZ gives back as they were; in names all others are percent-encoded."""


def read(path: str | PathLike[str]) -> Atoms:
    """The structure in a file of any format that ASE or (for CIF) pymatgen reads; `.XYZ` is Prismatic's.

    Of several frames, such as those of a trajectory, it is the last; `frames` gives all.

    Raises `StructureFileError` if the file is missing, broken, of unknown format, or has coordinates that are not
    finite numbers.
    """
    return _read(Path(path), -1)[-1]


def frame(path: str | PathLike[str], number: int) -> Atoms:
    """Frame `number`, from 0, of a file. A .traj of ASE is read there; others are gone through from their beginning."""
    return _read(Path(path), number)[-1]


def each_frame(path: str | PathLike[str], numbers: range) -> Iterator[Atoms]:
    """The frames `numbers` (of a rising range) of a file, one after the other. Errors as of `read`."""
    source = Path(path)
    stream = _iterated(source, slice(numbers.start, numbers.stop, numbers.step))
    for _ in numbers:
        with _understood(source):
            atoms = next(stream, None)
            if atoms is None:
                raise ValueError(f"it has fewer than {numbers.stop} frames")
        _check(source, [atoms])
        yield atoms


def count_frames(path: str | PathLike[str]) -> int:
    """How many structures a file holds. A .traj of ASE says so; others are gone through. Errors as of `read`."""
    source = Path(path)
    with _understood(source):
        if source.suffix.lower() == ".traj":
            from ase.io.trajectory import Trajectory

            with Trajectory(str(source)) as trajectory:
                return len(trajectory)
        return sum(1 for _ in _iterated(source, slice(None)))


def frames(path: str | PathLike[str]) -> list[Atoms]:
    """All structures in a file, in order: one, or the frames of a trajectory. Errors as of `read`."""
    return _read(Path(path), ":")


def _read(source: Path, index: int | str) -> list[Atoms]:
    with _understood(source):
        found = _read_prismatic(source) if source.suffix == ".XYZ" else _read_any(source, index)
    several = found if isinstance(found, list) else [found]
    _check(source, several)
    return several


@contextmanager
def _understood(source: Path) -> Iterator[None]:
    """Tell what readers of `source` raise as a `StructureFileError`."""
    if not source.is_file():
        kind = "is a folder" if source.is_dir() else "does not exist"
        raise StructureFileError(f"{source} {kind}; give the path of a structure file")
    # readers warn about harmless things (rounded coordinates, unused tags); what matters is checked afterwards
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (StructureFileError, GeneratorExit):
            raise
        except Exception as error:  # readers raise whatever comes: KeyError, IndexError, UnicodeDecodeError, …
            raise StructureFileError(f"cannot read {source}: {_reason(error)}; is the file whole?") from error


def _check(source: Path, several: list[Atoms]) -> None:
    from ase import Atoms

    if not several or any(not isinstance(atoms, Atoms) or not len(atoms) for atoms in several):
        raise StructureFileError(f"{source} holds no atoms")
    try:
        for atoms in several:
            inputs.points(atoms.positions, "coordinates")
            inputs.points(atoms.cell.array, "cell")
    except InvalidInput as error:
        raise StructureFileError(f"{source}: {error}") from error


def _iterated(source: Path, wanted: slice) -> Iterator[Atoms]:
    """The frames of a file that a slice takes; of a trajectory, without holding all."""
    if source.suffix == ".XYZ" or source.suffix.lower() == ".cif":
        known = _read_prismatic(source) if source.suffix == ".XYZ" else _read_any(source, ":")
        yield from (known if isinstance(known, list) else [known])[wanted]
        return
    import ase.io

    if source.suffix.lower() in (".json", ".db"):  # ASE's databases take no steps
        found = islice(ase.io.iread(source, index=":"), wanted.start, wanted.stop, wanted.step)
    else:
        found = ase.io.iread(source, index=wanted)
    for atoms in found:
        yield _with_names(_as_text(atoms), unquote)


def write(atoms: Atoms, path: str | PathLike[str], format: str | None = None) -> Path:
    """Write `atoms` to `path` in the format of its suffix (`.XYZ`: Prismatic) or in `format`, and return the path.

    Raises `StructureFileError` if the format is unknown or the place cannot be written; a file that was there before
    then stays as it was.
    """
    target = Path(path)
    inputs.points(atoms.positions, "positions")
    if target.is_dir():
        raise StructureFileError(f"cannot write {target}: it is a folder; give the path of a file")
    kind = format or ("prismatic" if target.suffix == ".XYZ" else _format_of(target))
    # the suffix stays last because some writers look at it
    partial = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        if kind == "prismatic":
            partial.write_text(prismatic(atoms), encoding="ascii")
        else:
            _write_any(atoms, partial, kind)
        os.replace(partial, target)
    except OSError as error:
        raise StructureFileError(f"cannot write {target}: {error.strerror or error}; choose another place") from error
    finally:
        if partial.is_dir():  # some formats are folders
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)
    return target


def prismatic(atoms: Atoms) -> str:
    """The text of Prismatic's `.XYZ`: cell, then Z, x, y, z (Å), occupancy and rms displacement (Å), then -1.

    The displacement is the array `thermal_u`, of anisotropic ones (rms values (n, 3) in Å, tensors U (n, 3, 3) in Å²)
    the mean over directions; 0 (not known) is read by Prismatic as an atom at rest. Coordinates are written as they
    are; mind that Prismatic's beam enters at high z.
    """
    lengths, angles = atoms.cell.lengths(), atoms.cell.angles()
    if (lengths <= 0).any() or not np.allclose(angles, 90):
        raise InvalidInput(f"Prismatic needs an orthogonal cell; this one has edges {lengths} Å and angles {angles}°")
    thermal = np.asarray(atoms.arrays.get("thermal_u", np.zeros(len(atoms))), dtype=np.float64)
    if thermal.ndim == 3:
        thermal = np.sqrt(np.trace(thermal, axis1=1, axis2=2) / 3)
    elif thermal.ndim == 2:
        thermal = np.sqrt((thermal**2).mean(axis=1))
    rows = [
        f"{z:d} {x:.6f} {y:.6f} {w:.6f} 1 {u:.5f}"
        for z, (x, y, w), u in zip(atoms.numbers.tolist(), atoms.positions.tolist(), thermal.tolist(), strict=True)
    ]
    head = f"{atoms.get_chemical_formula(empirical=len(atoms) < 100_000)} written by construction-zone"
    return "\n".join([head, " ".join(f"{length:.6f}" for length in lengths), *rows, "-1", ""])


def _read_any(source: Path, index: int | str) -> Atoms | list[Atoms]:
    import ase.io

    try:
        found = ase.io.read(source, index=index)
        several = found if isinstance(found, list) else [found]
        return [_with_names(_as_text(atoms), unquote) for atoms in several]
    except Exception as first:
        if source.suffix.lower() != ".cif":
            raise
        # ASE and pymatgen stumble over different CIF files
        from pymatgen.core import Structure
        from pymatgen.io.ase import AseAtomsAdaptor

        try:
            structure = Structure.from_file(source)
        except Exception as second:
            raise ValueError(f"ASE says {_reason(first)!r}, pymatgen says {_reason(second)!r}") from second
        if not structure.is_ordered:
            raise ValueError("it has partly filled sites") from first
        return AseAtomsAdaptor.get_atoms(structure)


def _as_text(atoms: Atoms) -> Atoms:
    for name, values in atoms.arrays.items():
        if values.dtype == object:  # text, in some versions of ASE
            atoms.arrays[name] = values.astype(str)
    return atoms


def _read_prismatic(source: Path) -> Atoms:
    from ase import Atoms

    lines = source.read_text(encoding="utf-8").splitlines()
    if len(lines) < 3 or lines[-1].strip() != "-1":
        raise ValueError("it does not end with the -1 that closes a Prismatic file")
    rows = np.loadtxt(lines[2:-1], ndmin=2)
    atoms = Atoms(numbers=rows[:, 0].astype(int), positions=rows[:, 1:4], cell=[float(v) for v in lines[1].split()])
    atoms.set_array("thermal_u", rows[:, 5])
    atoms.pbc = True
    return atoms


def _format_of(target: Path) -> str:
    from ase.io.formats import UnknownFileTypeError, filetype

    try:
        return str(filetype(str(target), read=False))
    except UnknownFileTypeError as error:
        raise StructureFileError(f"{target}: the suffix {target.suffix!r} names no format; {_FORMATS}") from error


def _write_any(atoms: Atoms, partial: Path, kind: str) -> None:
    import ase.io
    from ase.io.formats import UnknownFileTypeError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ase.io.write(partial, _with_names(atoms, _quoted) if kind == "extxyz" else atoms, format=kind)
        except OSError:
            raise
        except UnknownFileTypeError as error:
            raise StructureFileError(f"{partial.suffix or kind!r}: no format that ASE writes; {_FORMATS}") from error
        except Exception as error:  # a format that cannot hold this structure raises whatever comes
            raise StructureFileError(f"ASE cannot write this structure as {kind!r}: {_reason(error)}") from error


def _with_names(atoms: Atoms, code: Callable[[str], str]) -> Atoms:
    """`atoms` with the names of zones and phases, and all text in the record, put through `code`."""
    renamed = {
        key: [code(str(name)) for name in atoms.info[key]]
        for key in _NAME_LISTS
        if isinstance(atoms.info.get(key), (list, tuple, np.ndarray))
    }
    if isinstance(atoms.info.get("record"), dict):
        renamed["record"] = _recoded(atoms.info["record"], code)
    if not renamed:
        return atoms
    copy = atoms.copy()
    copy.info.update(renamed)
    return copy


def _recoded(value: Any, code: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return code(value)
    if isinstance(value, dict):
        return {code(str(key)): _recoded(entry, code) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_recoded(entry, code) for entry in value]
    return value


def _quoted(name: str) -> str:
    return quote(name, safe=_PLAIN)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
