"""Molecules: atoms that are placed together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from construction_zone.build import elements, inputs
from construction_zone.build.arrays import assembled
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine, translation
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, eq=False)
class Molecule:
    """A molecule, cluster or any other finite set of atoms.

    Parameters
    ----------
    positions
        (n, 3) in Å in its own frame.
    numbers
        (n,) atomic numbers.
    phase
        Its name, e.g. "C60".
    thermal_u
        (n,) rms thermal displacement per axis in Å; 0 where it is not known.
    pose
        Origin and orientation in the scene; a rigid motion.
    """

    positions: Floats
    numbers: NDArray[np.int64]
    phase: str = "molecule"
    thermal_u: Floats = field(default_factory=lambda: np.zeros(0))
    _: KW_ONLY
    pose: Affine = IDENTITY

    def __post_init__(self) -> None:
        positions = inputs.points(self.positions, "positions")
        numbers = np.asarray(self.numbers, dtype=np.int64)
        if numbers.shape != (len(positions),):
            raise InvalidInput(f"{len(positions)} atoms but atomic numbers of shape {numbers.shape}; give one an atom")
        if ((numbers < 1) | (numbers >= len(chemical_symbols))).any():
            raise InvalidInput(f"atomic numbers {sorted(set(numbers.tolist()))} are not all elements")
        thermal = np.zeros(len(positions)) if np.size(self.thermal_u) == 0 else np.asarray(self.thermal_u, dtype=float)
        if thermal.shape != (len(positions),) or not np.isfinite(thermal).all() or (thermal < 0).any():
            raise InvalidInput(f"thermal_u is {thermal.tolist()}; give one rms displacement (Å, ≥ 0) an atom")
        if not self.pose.is_rigid:
            raise InvalidInput("the pose of a molecule must be a rigid motion; strain it with Modified if you mean it")
        for name, value, dtype in (
            ("positions", positions, np.float64),
            ("numbers", numbers, np.int64),
            ("thermal_u", thermal, np.float64),
        ):
            object.__setattr__(self, name, inputs.frozen(value, dtype))

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Molecule) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        arrays = (self.positions, self.numbers, self.thermal_u)
        return (self.phase, self.pose, *(array.tobytes() for array in arrays))

    @classmethod
    def read(cls, path: str | PathLike[str], *, phase: str | None = None, centred: bool = True) -> Molecule:
        """The molecule in a file of any format that ASE reads; its middle becomes the origin if `centred`.

        Raises `StructureFileError` if the file is missing or broken.
        """
        from construction_zone.build import files

        return cls.from_structure(files.read(path), phase=phase, centred=centred)

    @classmethod
    def from_structure(cls, structure: Any, *, phase: str | None = None, centred: bool = True) -> Molecule:
        """The molecule in an `ase.Atoms` or a pymatgen `Molecule`; its middle becomes the origin if `centred`."""
        from ase import Atoms

        if isinstance(structure, Atoms):
            positions, numbers = structure.positions, structure.numbers
            name = structure.get_chemical_formula() if len(structure) else ""
            thermal = structure.arrays.get("thermal_u", np.zeros(0))
        elif hasattr(structure, "cart_coords") and hasattr(structure, "atomic_numbers"):
            positions, numbers = np.array(structure.cart_coords), np.array(structure.atomic_numbers)
            name, thermal = structure.composition.formula.replace(" ", ""), np.zeros(0)
        else:
            raise InvalidInput(f"{type(structure).__name__} is no molecule; give an ase.Atoms or a pymatgen Molecule")
        if not len(numbers):
            raise InvalidInput("the structure has no atoms")
        shift = positions.mean(axis=0) if centred else np.zeros(3)
        return cls(positions - shift, numbers, phase or name, thermal)

    @classmethod
    def named(cls, name: str) -> Molecule:
        """A molecule that ASE knows, e.g. ``Molecule.named("H2O")`` or "C60"; its middle is the origin."""
        from ase.build import molecule
        from ase.collections import g2

        try:
            return cls.from_structure(molecule(name), phase=name)
        except (KeyError, NotImplementedError, TypeError) as error:
            raise InvalidInput(
                f"ASE knows no molecule {name!r}; it knows {', '.join(g2.names[:12])}, … ({len(g2.names)} in "
                "ase.build.molecule): read yours from a file"
            ) from error

    def with_thermal_u(self, displacements: float | Mapping[str, float]) -> Molecule:
        """This molecule with rms thermal displacements per axis in Å, one for all or one for each element."""
        if isinstance(displacements, Mapping):
            known = {
                elements.number(s): inputs.not_negative(u, f"displacement of {s}") for s, u in displacements.items()
            }
            values = [known.get(int(z), float(u)) for z, u in zip(self.numbers, self.thermal_u, strict=True)]
            return replace(self, thermal_u=np.array(values))
        return replace(self, thermal_u=np.full(len(self.numbers), inputs.not_negative(displacements, "displacement")))

    def moved(self, affine: Affine) -> Molecule:
        """This molecule after the rigid map `affine`."""
        return replace(self, pose=affine @ self.pose)

    def shifted(self, vector: ArrayLike) -> Molecule:
        """This molecule shifted by `vector` (Å)."""
        return self.moved(translation(vector))

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """All atoms of the molecule; `SceneError` if some lie outside `volume`. It draws nothing from the seed."""
        positions = self.pose.apply(self.positions)
        outside = ~volume.contains(positions)
        if outside.any():
            first = ", ".join(f"{value:.2f}" for value in positions[int(np.argmax(outside))])
            raise SceneError(
                f"{int(outside.sum())} of the {len(positions)} atoms of the molecule {self.phase} lie outside the "
                f"volume (the first at ({first}) Å), and a molecule is placed whole or not at all; enlarge the "
                "volume or move one of the two"
            )
        return assembled(
            self.numbers.copy(),
            positions,
            {
                "thermal_u": self.thermal_u.copy(),
                "sublattice": np.arange(len(positions), dtype=np.int64),
                "phase": np.zeros(len(positions), dtype=np.int64),
            },
        )
