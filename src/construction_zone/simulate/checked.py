"""Input of a simulation, checked before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence

import ase
import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.build import inputs
from construction_zone.build.neighbours import close_pairs
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.simulate.propagation import Tilt
from construction_zone.simulate.scattering import Parametrization, coefficients

COINCIDENT = 0.01
"""Å. Atoms closer than this are one atom written twice."""

OVERLAPPING = 0.5
"""Å. No two atoms are that close (hydrogen's molecule: 0.74 Å), so a warning; potentials add up all the same."""

FULL = 0.01
"""How far the filling of a full site may be from 1: files round."""

MOST_TILT = 50.0
"""mrad. Beyond, tilt the specimen: the propagator of a tilted beam holds for small tilts."""


def snapshots_of(atoms: ase.Atoms | Iterable[ase.Atoms]) -> list[ase.Atoms]:
    """The one `atoms`, or the snapshots of a trajectory (a list, or what gives one after the other), as a list."""
    snapshots = [atoms] if isinstance(atoms, ase.Atoms) else list(atoms) if isinstance(atoms, Iterable) else []
    if not snapshots or not all(isinstance(each, ase.Atoms) for each in snapshots):
        raise InvalidInput("there are no atoms; give ase.Atoms, or a list of snapshots of them")
    return snapshots


def check_atoms(atoms: ase.Atoms, parametrization: Parametrization) -> None:
    """Refuse atoms and cells that multislice cannot use."""
    cell = np.asarray(atoms.cell)
    if not np.all(np.isfinite(cell)) or np.any(atoms.cell.lengths() <= 0):
        raise InvalidInput("the atoms have no cell with three lengths; set one with atoms.set_cell([Lx, Ly, Lz]) in Å")
    if np.any(np.abs(cell - np.diag(np.diag(cell))) > 1e-6) or np.any(np.diag(cell) < 0):
        raise InvalidInput(
            f"the cell {cell.round(3).tolist()} is not orthogonal along x, y, z; multislice needs such a cell: "
            "cut or rotate the structure into one (for instance with a Scene)"
        )
    if len(atoms) == 0:
        raise InvalidInput("there are no atoms; give at least one (the wave of an empty cell is 1 everywhere)")
    for number in np.unique(atoms.numbers):
        coefficients(int(number), parametrization)
    _all_sites_full(atoms)
    positions = atoms.get_positions()
    if not np.all(np.isfinite(positions)):
        bad = int(np.flatnonzero(~np.isfinite(positions).all(1))[0])
        raise InvalidInput(
            f"atom {bad} ({atoms.symbols[bad]}) has the position {positions[bad].tolist()}; it must be finite"
        )
    _not_too_close(positions, np.diag(cell), atoms)


def height_of(atoms: ase.Atoms) -> float:
    """The height in Å of the cell of `atoms`, which must all lie in it along the beam."""
    z, height = atoms.get_positions()[:, 2], float(atoms.cell[2, 2])
    out = np.flatnonzero((z < -1e-3) | (z > height + 1e-3))
    if len(out):
        raise SceneError(
            f"{len(out)} of {len(atoms)} atoms lie outside the cell along the beam (first: atom {out[0]} at "
            f"z = {z[out[0]]:.3f} Å, cell 0 … {height:.3f} Å); centre the atoms, wrap them into the cell "
            "(atoms.wrap()) or make it higher"
        )
    return height


def _all_sites_full(atoms: ase.Atoms) -> None:
    """Refuse what ASE reads from a file with partly filled sites: the most likely element, wholly there, on each."""
    for site, filling in atoms.info.get("occupancy", {}).items():
        if len(filling) != 1 or abs(sum(filling.values()) - 1) > FULL:
            raise InvalidInput(
                f"site {site} is filled by {filling}, of which these atoms show only the element that is there most; "
                "draw the atoms of partly filled sites with Crystal.read(file), or delete atoms.info['occupancy']"
            )


def _not_too_close(positions: NDArray[np.float64], cell: NDArray[np.float64], atoms: ase.Atoms) -> None:
    lateral = np.array([cell[0], cell[1], 0.0])
    wrapped = positions.copy()
    wrapped[:, :2] %= lateral[:2]
    wrapped[:, :2][wrapped[:, :2] >= lateral[:2]] = 0.0
    pairs, distances = close_pairs(wrapped, OVERLAPPING, lateral)
    if not len(pairs):
        return
    nearest = int(distances.argmin())
    i, j = (int(k) for k in pairs[nearest])
    first = (
        f"{atoms.symbols[i]} {i} and {atoms.symbols[j]} {j}, {distances[nearest]:.3f} Å apart, x and y being periodic"
    )
    doubles = int((distances < COINCIDENT).sum())
    if doubles:
        raise SceneError(
            f"{doubles} pair(s) of atoms lie on top of each other (first: {first}); remove the doubles, for "
            "instance atoms at both ends of a periodic cell"
        )
    warnings.warn(
        f"{len(pairs)} pair(s) of atoms are closer than {OVERLAPPING} Å, as no two atoms are (nearest: {first}); do "
        "two parts of the structure overlap?",
        stacklevel=2,
    )


def device_of(device: torch.device | str) -> torch.device:
    """`device` as torch's, if it is there."""
    try:
        wanted = torch.device(device)
        torch.zeros(1, device=wanted).item()  # there, and holding numbers
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(
            f"the device {str(device)!r} cannot be used here ({str(error).splitlines()[0]}); use 'cpu'"
        ) from error
    return wanted


def tilts_of(tilts: Sequence[Tilt] | None) -> tuple[Tilt, ...]:
    """`tilts` (mrad towards x and y) as a tuple; no tilt if None."""
    if tilts is None:
        return ((0.0, 0.0),)
    given = inputs.floats(tilts, "tilts")
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
