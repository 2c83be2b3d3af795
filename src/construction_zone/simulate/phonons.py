"""Thermal displacements of atoms, frozen: the Einstein model.

Every atom moves as an independent harmonic oscillator: its displacement in a frozen configuration is normal along
each axis with the root mean square u, where the Debye–Waller parameter is B = 8π²u² (Loane, Xu & Silcox, Acta
Cryst. A47 (1991) 267). An anisotropic oscillator has a tensor U_ij = ⟨u_i u_j⟩ instead of u² (Trueblood et al., Acta
Cryst. A52 (1996) 770).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import ase
import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from construction_zone import seeding
from construction_zone.build import inputs, reference
from construction_zone.errors import InvalidInput

Displacements: TypeAlias = Mapping[str, float] | float | ArrayLike | None


def rms_from_b(b: float) -> float:
    """The rms displacement per axis u in Å of a Debye–Waller parameter B = 8π²u² in Å²."""
    if not (np.isfinite(b) and b >= 0):
        raise InvalidInput(f"B is {b!r}; give a Debye–Waller parameter in Å², zero or more")
    return float(np.sqrt(b / (8 * np.pi**2)))


def displacement_roots(atoms: ase.Atoms, displacements: Displacements = None) -> NDArray[np.float64]:
    """What turns three standard normal numbers of an atom into its displacement in Å: (n,), (n, 3) or (n, 3, 3).

    `displacements` (Å) goes first: one number, one for each element symbol, or an array for the atoms: rms values
    (n,), rms values along x, y, z (n, 3), or tensors U_ij in Å² (n, 3, 3). Then the array ``thermal_u``, of the same
    shapes, that the atom's generator set for its phase (0 = not known); then the element's value at 300 K in
    ``elements.csv``.

    Raises
    ------
    InvalidInput
        if an atom's value is in none of them, or one is negative.
    """
    if displacements is not None and not isinstance(displacements, (Mapping, float, int)):
        return _roots_of(inputs.floats(displacements, "displacements"), len(atoms), "displacements")
    own = np.array(atoms.arrays.get("thermal_u", np.zeros(len(atoms))), dtype=np.float64)
    if own.ndim > 1:
        if displacements is not None:
            raise InvalidInput(
                "the atoms have anisotropic displacements in their array thermal_u, which displacements= by element "
                "would hide; give displacements= as an array for all atoms, or delete the array"
            )
        return _roots_of(own, len(atoms), "the array thermal_u")
    u = _isotropic(atoms, own, displacements)
    if not np.all(np.isfinite(u) & (u >= 0)):
        raise InvalidInput("a thermal displacement is negative or not a number; give rms values u ≥ 0 in Å")
    return u


def _roots_of(given: NDArray[np.float64], count: int, name: str) -> NDArray[np.float64]:
    if given.shape not in ((count,), (count, 3), (count, 3, 3)):
        raise InvalidInput(
            f"{name} has the shape {given.shape} for {count} atoms; give rms displacements ({count},) or ({count}, 3) "
            f"in Å, or tensors U ({count}, 3, 3) in Å²"
        )
    if not np.all(np.isfinite(given)) or (given.ndim < 3 and np.any(given < 0)):
        raise InvalidInput(f"{name} holds a negative value or NaN; give rms displacements u ≥ 0 in Å")
    if given.ndim < 3:
        return given
    if not np.allclose(given, given.swapaxes(1, 2), atol=1e-9):
        raise InvalidInput(f"{name} holds a tensor U that is not symmetric")
    values, axes = np.linalg.eigh(given)
    if np.any(values < -1e-9):
        raise InvalidInput(f"{name} holds a tensor U with a negative mean square ({values.min():.3g} Å²)")
    return np.asarray(axes * np.sqrt(np.maximum(values, 0))[:, None, :])


def _isotropic(
    atoms: ase.Atoms, u: NDArray[np.float64], displacements: Mapping[str, float] | float | None
) -> NDArray[np.float64]:
    """rms displacement per axis, (n,) in Å, of each of `atoms`; `u` (n,) has what their phases say."""
    if displacements is not None and not isinstance(displacements, Mapping):
        u = np.full(len(atoms), float(displacements))
    elif displacements is not None:
        unknown = set(displacements) - set(chemical_symbols)
        if unknown:
            raise InvalidInput(f"displacements= names {sorted(unknown)}, which are no element symbols")
    given = displacements if isinstance(displacements, Mapping) else {}
    missing = []
    for number in np.unique(atoms.numbers):
        symbol, of_element = chemical_symbols[number], atoms.numbers == number
        if symbol in given:
            u[of_element] = inputs.number(given[symbol], f"the displacement of {symbol}")
        elif displacements is None or given:
            unset = of_element & ~(u > 0)
            if unset.any() and symbol in reference.element_displacements():
                u[unset] = reference.element_displacements()[symbol]
            elif unset.any():
                missing.append(symbol)
    if missing:
        raise InvalidInput(
            f"no thermal displacement is known for {', '.join(missing)} in these atoms; pass displacements={{"
            + ", ".join(f'"{symbol}": u' for symbol in missing)
            + "} (in a recipe simulation.displacements) with the rms displacement u per axis in Å (B = 8π²u²), or "
            "phonons=None (simulation.phonons: 0) for atoms at rest"
        )
    return u


def displaced(
    positions: NDArray[np.float64],
    roots: NDArray[np.float64],
    ids: NDArray[np.int64],
    seed: seeding.Seed,
    configuration: int,
) -> NDArray[np.float64]:
    """`positions` (n, 3) in Å, displaced for frozen configuration number `configuration`.

    `roots` are those of `displacement_roots`. The displacement belongs to an atom's id: the same atom has the same one
    in any subset of a scene, and configuration *k* is the same however many are made.
    """
    rng = seeding.generator(seed, "phonons", configuration)
    normal = rng.standard_normal((int(ids.max()) + 1 if len(ids) else 0, 3))[ids]
    if roots.ndim == 3:
        return positions + np.einsum("nij,nj->ni", roots, normal)
    return positions + (roots[:, None] if roots.ndim == 1 else roots) * normal
