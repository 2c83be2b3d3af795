"""The per-atom arrays of a scene: their names, their types, and what stands where nothing is known.

========== ======= ============ =====================================================================================
name       type    blank        meaning
========== ======= ============ =====================================================================================
id         int     –            0 … N−1 in the whole scene; an atom keeps its number in every variant
zone       int     –            index into ``info["zones"]``
phase      int     –            index into ``info["phases"]``
grain      int     0            crystal grain; numbered from 0 in what a generator fills, unique in the scene
sublattice int     −1           site of the crystal's basis, in the order of its generator
defect     int     −1           planar defect at the atom: index into the ``defects`` of its generator's record
layer      int     0            stacking that a prefab knows: 0 not known, 1 cubic (fcc), 2 hexagonal (hcp)
ideal      (3,) Å  its position where the atom was before modifiers moved it, in the image of the cell that it is in
thermal_u  float Å 0            rms thermal displacement per axis; 0 = not known
surface    bool    False        exposed, of ``Scene.atoms(surface=True)``: see `construction_zone.build.surfaces`
========== ======= ============ =====================================================================================

A generator may put any other array on the atoms that it returns; the scene keeps all of them. Where a part has no such
array, its atoms get the array's blank: −1 for integers, NaN for floats, False for booleans and "-" for text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.inputs import Floats
from construction_zone.errors import SceneError

if TYPE_CHECKING:
    from ase import Atoms

IDEAL = "ideal"
"""(n, 3) Å: where the atom was before modifiers moved it."""

BLANKS: dict[str, Any] = {
    "layer": 0,
    "thermal_u": 0.0,
    # ASE's own
    "tags": 0,
    "momenta": 0.0,
    "initial_magmoms": 0.0,
    "initial_charges": 0.0,
}
"""What an atom has in an array that its generator does not know, where that is not the blank of the array's type."""

OWN = ("numbers", "positions", "id", "zone", "grain", "phase", IDEAL)
"""Arrays that the scene makes itself, or joins by rules of their own."""

_BLANK_OF_KIND: dict[str, Any] = {"f": np.nan, "c": np.nan, "i": -1, "u": 0, "b": False, "U": "-"}


def assembled(
    numbers: NDArray[Any],
    positions: Floats,
    arrays: Mapping[str, NDArray[Any]],
    record: Mapping[str, Any] | None = None,
) -> Atoms:
    """Atoms that own the given arrays (no copies are made), with `record` as ``info["record"]`` if it says anything."""
    from ase import Atoms

    atoms = Atoms()
    atoms.arrays.update(numbers=np.asarray(numbers, dtype=np.int64), positions=positions, **arrays)
    if record:
        atoms.info["record"] = dict(record)
    return atoms


def blank_of(name: str, dtype: np.dtype[Any]) -> Any:
    """What an atom has in the array `name` of this type when nothing is known."""
    return BLANKS.get(name, _BLANK_OF_KIND[dtype.kind])


def gathered(
    parts: Sequence[Atoms], index: Sequence[NDArray[np.intp]], zones: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The arrays that some of the parts have, for the atoms `index` of each, blanks filled in.

    `zones` names the parts in errors. Raises `SceneError` if parts have arrays of one name that do not go together, or
    that cannot be written to files.
    """
    names = sorted({name for part in parts for name in part.arrays} - set(OWN))
    joined = {}
    for name in names:
        dtype, shape = _kind(name, parts, zones)
        blank = blank_of(name, dtype)
        columns = [
            np.asarray(part.arrays[name])[kept]
            if name in part.arrays
            else part.get_masses()[kept]
            if name == "masses"
            else np.full((len(kept), *shape), blank, dtype=dtype)
            for part, kept in zip(parts, index, strict=True)
        ]
        joined[name] = np.concatenate(columns)
    return joined


def ideal_positions(
    parts: Sequence[Atoms], points: Sequence[Floats], index: Sequence[NDArray[np.intp]]
) -> Floats | None:
    """The ideal positions (n, 3) of all kept atoms, beside their wrapped `points`; None if nothing moved any atom."""
    if not any(IDEAL in part.arrays for part in parts):
        return None
    return np.concatenate(
        [
            wrapped[own] + (part.arrays.get(IDEAL, part.positions)[own] - part.positions[own])
            for part, wrapped, own in zip(parts, points, index, strict=True)
        ]
    )


def first_grains(parts: Sequence[Atoms]) -> list[int]:
    """The number in the scene of each part's own grain 0: grains are numbered on from part to part."""
    counts = [int(np.max(part.arrays["grain"], initial=0)) + 1 if "grain" in part.arrays else 1 for part in parts]
    return [sum(counts[:place]) for place in range(len(counts))]


def grain_numbers(parts: Sequence[Atoms], index: Sequence[NDArray[np.intp]]) -> NDArray[np.int64]:
    """The grain (n,) of each kept atom, numbered on from part to part."""
    numbers = []
    for part, kept, first in zip(parts, index, first_grains(parts), strict=True):
        own = np.asarray(part.arrays.get("grain", np.zeros(len(part), dtype=np.int64)), dtype=np.int64)
        numbers.append(own[kept] + first)
    return np.concatenate(numbers)


def phase_numbers(
    parts: Sequence[Atoms], names: Sequence[str], index: Sequence[NDArray[np.intp]]
) -> tuple[list[str], NDArray[np.int64]]:
    """Names of all phases and the phase (n,) of each kept atom.

    A part may be of several phases: then ``info["phases"]`` names them and the array `phase` numbers them. Else all of
    it is of the phase in `names`.
    """
    own = [list(part.info.get("phases", [name])) for part, name in zip(parts, names, strict=True)]
    known = list(dict.fromkeys(name for part, phases in zip(parts, own, strict=True) if len(part) for name in phases))
    numbers = [
        np.array([known.index(name) if name in known else -1 for name in phases], dtype=np.int64)[
            part.arrays.get("phase", np.zeros(len(part), dtype=np.int64))[kept]
        ]
        for part, phases, kept in zip(parts, own, index, strict=True)
    ]
    return known, np.concatenate(numbers)


def _kind(name: str, parts: Sequence[Atoms], zones: Sequence[str]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape per atom of the array `name`, on which all parts that have it must agree."""
    having = [
        (zone, np.asarray(part.arrays[name])) for zone, part in zip(zones, parts, strict=True) if name in part.arrays
    ]
    first_zone, first = having[0]
    for zone, array in having:
        if array.dtype.kind not in _BLANK_OF_KIND:
            raise SceneError(
                f"zone {zone!r}: the atoms' array {name!r} is of type {array.dtype}; give numbers, booleans or text"
            )
        if array.shape[1:] != first.shape[1:] or (array.dtype.kind == "U") != (first.dtype.kind == "U"):
            raise SceneError(
                f"zones {first_zone!r} and {zone!r} disagree about the atoms' array {name!r}: {first.dtype} of shape "
                f"{first.shape[1:]} against {array.dtype} of shape {array.shape[1:]}; give one of them another name"
            )
    return np.result_type(*[array.dtype for _, array in having]), first.shape[1:]
