"""Thermal snapshots, and modifiers that are any function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols

from construction_zone.build import elements, inputs
from construction_zone.build.arrays import IDEAL
from construction_zone.build.modifiers.base import KEY, Record, Setting
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class ThermalSnapshot:
    """Displaces each atom by independent normal numbers along x, y and z (the Einstein model).

    Simulate such atoms without frozen phonons, or they are displaced twice.

    Parameters
    ----------
    rms
        rms displacement per axis in Å, one number or one for each element. Default: the atoms' own `thermal_u`.
    seed
        Which of the possible snapshots.
    """

    rms: float | Mapping[str, float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.rms, Mapping):
            rms = {symbol: inputs.not_negative(u, f"rms of {symbol}") for symbol, u in self.rms.items()}
            for symbol in rms:
                elements.number(symbol)
            object.__setattr__(self, "rms", rms)
        elif self.rms is not None:
            object.__setattr__(self, "rms", inputs.not_negative(self.rms, "rms"))

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "thermal_snapshot"

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The displaced atoms; the record has the rms displacement per axis (Å) that came out, by element."""
        rms = self._rms(atoms)
        keys = atoms.arrays[KEY]
        normal = setting.rng("displacements").standard_normal((int(keys.max(initial=-1)) + 1, 3))[keys]
        moved = atoms.copy()
        moved.arrays.setdefault(IDEAL, atoms.positions.copy())
        moved.positions += normal * rms[:, None]
        shift = moved.positions - atoms.positions
        made = {
            chemical_symbols[z]: float(np.sqrt((shift[atoms.numbers == z] ** 2).mean()))
            for z in np.unique(atoms.numbers).tolist()
        }
        return moved, {"rms": made}

    def _rms(self, atoms: Atoms) -> np.ndarray:
        if isinstance(self.rms, Mapping):
            given = {elements.number(symbol): u for symbol, u in self.rms.items()}
            unknown = [chemical_symbols[z] for z in np.unique(atoms.numbers).tolist() if z not in given]
            rms = np.array([given.get(z, 0.0) for z in atoms.numbers.tolist()])
        elif self.rms is not None:
            return np.full(len(atoms), float(self.rms))
        else:
            rms = np.asarray(atoms.arrays.get("thermal_u", np.zeros(len(atoms))))
            unknown = [chemical_symbols[z] for z in np.unique(atoms.numbers[rms == 0]).tolist()]
        if unknown:
            raise InvalidInput(
                f"the rms displacement of {', '.join(unknown)} is not known; give rms={{{unknown[0]!r}: 0.08, …}} in Å "
                "(0 for atoms at rest), or crystal.with_thermal_u(…)"
            )
        return rms


@dataclass(frozen=True)
class Custom:
    """Any function of (atoms, numpy random generator) that returns the changed atoms.

    Parameters
    ----------
    function
        Gets a copy of the atoms. New atoms may have any arrays; of the others the arrays stay if the function indexes
        or edits the atoms that it was given.
    name
        Names it in records and seeds; default: the function's own name.
    seed
        Which of the possible draws.
    """

    function: Callable[..., Atoms]
    name: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidInput(f"function is {self.function!r}; give a function of (atoms, rng)")
        if not self.name:
            object.__setattr__(self, "name", getattr(self.function, "__name__", type(self.function).__name__))

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return self.name

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """What the function returns, checked; the record has how many atoms came, went and moved."""
        from ase import Atoms as AseAtoms

        result: Any = self.function(atoms.copy(), setting.rng("function"))
        if not isinstance(result, AseAtoms):
            shape = f" of shape {result.shape}" if isinstance(result, np.ndarray) else ""
            raise InvalidInput(
                f"{self.name} returned {type(result).__name__}{shape}; it must return the atoms (ase.Atoms)"
            )
        inputs.points(result.positions.reshape(-1, 3), f"positions returned by {self.name}")
        if (result.numbers < 1).any():
            raise InvalidInput(f"{self.name} returned atoms of no known element; every atom needs one")
        first_free = int(atoms.arrays[KEY].max(initial=-1)) + 1
        keys = result.arrays.get(KEY)
        if keys is None:
            result.arrays[KEY] = np.arange(first_free, first_free + len(result), dtype=np.int64)
            return result, {"atoms_before": len(atoms), "atoms_after": len(result)}
        stayed, here, there = np.intersect1d(atoms.arrays[KEY], keys, return_indices=True)
        moved = (np.abs(result.positions[there] - atoms.positions[here]) > 0).any(axis=1)
        if moved.any() and IDEAL not in result.arrays:
            ideal = result.positions.copy()
            ideal[there] = atoms.positions[here]
            result.arrays[IDEAL] = ideal
        record = {
            "atoms_before": len(atoms),
            "atoms_after": len(result),
            "stayed": len(stayed),
            "moved": int(moved.sum()),
        }
        return result, record
