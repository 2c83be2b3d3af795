"""Input of a simulation, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ase
import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.build.neighbours import close_pairs
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.simulate.propagation import Tilt

COINCIDENT = 0.01
"""Å. Atoms closer than this are one atom written twice."""

MOST_TILT = 50.0
"""mrad. Beyond, tilt the specimen: the propagator of a tilted beam holds for small tilts."""


def cell_height(atoms: ase.Atoms) -> float:
    """The height in Å of the cell of `atoms`, after checking that multislice can use both."""
    cell = np.asarray(atoms.cell)
    if not np.all(np.isfinite(cell)) or np.any(np.diag(cell) <= 0):
        raise InvalidInput("the atoms have no cell with three lengths; set one with atoms.set_cell([Lx, Ly, Lz]) in Å")
    if np.any(np.abs(cell - np.diag(np.diag(cell))) > 1e-6):
        raise InvalidInput(
            f"the cell {cell.round(3).tolist()} is not orthogonal along x, y, z; multislice needs such a cell: "
            "cut or rotate the structure into one (for instance with a Scene)"
        )
    if len(atoms) == 0:
        raise InvalidInput("there are no atoms; give at least one (the wave of an empty cell is 1 everywhere)")
    positions, height = atoms.get_positions(), float(cell[2, 2])
    if not np.all(np.isfinite(positions)):
        bad = int(np.flatnonzero(~np.isfinite(positions).all(1))[0])
        raise InvalidInput(
            f"atom {bad} ({atoms.symbols[bad]}) has the position {positions[bad].tolist()}; it must be finite"
        )
    out = np.flatnonzero((positions[:, 2] < -1e-3) | (positions[:, 2] > height + 1e-3))
    if len(out):
        raise SceneError(
            f"{len(out)} of {len(atoms)} atoms lie outside the cell along the beam (first: atom {out[0]} at "
            f"z = {positions[out[0], 2]:.3f} Å, cell 0 … {height:.3f} Å); centre the atoms or make the cell higher"
        )
    _no_doubles(positions, np.diag(cell), atoms)
    return height


def _no_doubles(positions: NDArray[np.float64], cell: NDArray[np.float64], atoms: ase.Atoms) -> None:
    lateral = np.array([cell[0], cell[1], 0.0])
    wrapped = positions.copy()
    wrapped[:, :2] %= lateral[:2]
    wrapped[:, :2][wrapped[:, :2] >= lateral[:2]] = 0.0
    pairs, distances = close_pairs(wrapped, COINCIDENT, lateral)
    if len(pairs):
        i, j = (int(k) for k in pairs[0])
        raise SceneError(
            f"{len(pairs)} pair(s) of atoms lie on top of each other (first: {atoms.symbols[i]} {i} and "
            f"{atoms.symbols[j]} {j}, {distances[0]:.3f} Å apart, x and y being periodic); remove the doubles, for "
            "instance atoms at both ends of a periodic cell"
        )


def device_of(device: torch.device | str) -> torch.device:
    """`device` as torch's, if it is there."""
    try:
        wanted = torch.device(device)
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(
            f"the device {str(device)!r} cannot be used here ({str(error).splitlines()[0]}); use 'cpu'"
        ) from error
    return wanted


def tilts_of(tilts: Sequence[Tilt] | None) -> tuple[Tilt, ...]:
    """`tilts` (mrad towards x and y) as a tuple; no tilt if None."""
    if tilts is None:
        return ((0.0, 0.0),)
    given = np.asarray(tilts, dtype=np.float64)
    if given.ndim != 2 or given.shape[1:] != (2,) or not len(given) or not np.all(np.isfinite(given)):
        raise InvalidInput(f"tilts are {tilts!r}; give pairs (towards x, towards y) in mrad, such as [(0, 0), (2, 0)]")
    if np.abs(given).max() > MOST_TILT:
        raise InvalidInput(
            f"a beam tilt of {np.abs(given).max():g} mrad is beyond the {MOST_TILT:g} mrad up to which a tilted "
            "propagator holds; rotate the atoms instead (simulate.tilted)"
        )
    return tuple((float(x), float(y)) for x, y in given)


def members_of(variants: Mapping[str, object], count: int) -> dict[str, NDArray[np.bool_]]:
    """For each variant (n,) which of the atoms it has; `variants` gives booleans (n,) or indices."""
    if not variants:
        raise InvalidInput("there are no variants; name at least one, such as {'particles': mask}")
    chosen = {}
    for name, given in variants.items():
        array = np.asarray(given)
        if array.dtype == bool and array.shape == (count,):
            chosen[name] = array
        elif array.ndim == 1 and array.dtype.kind in "iu" and np.all((array >= 0) & (array < count)):
            chosen[name] = np.isin(np.arange(count), array)
        else:
            raise InvalidInput(
                f"the variant {name!r} is no choice of {count} atoms; give booleans of shape ({count},) or indices"
            )
    return chosen
