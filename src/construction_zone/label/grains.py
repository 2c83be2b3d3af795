"""The crystal grains of a scene: their atoms, and the lattice that each has, from the scene's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from construction_zone.build.arrays import IDEAL
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput

_FEWEST = 4
"""Atoms that a deformation takes."""


@dataclass(frozen=True, eq=False)
class Grain:
    """A crystal grain.

    Parameters
    ----------
    number
        in the scene, what the atoms' array `grain` says.
    zone, phase
        names of the zone that it is in and of the material.
    atoms
        (n,) which atoms are on its lattice.
    lattice
        (3, 3) lattice vectors as rows in the scene, Å, before modifiers; None where the record does not tell.
    stretch
        (3, 3) symmetric: how the grain was stretched when it was made, as those of multiply twinned particles are.
    deformation
        (3, 3) F that best takes where modifiers found the atoms to where they are.
    """

    number: int
    zone: str
    phase: str
    atoms: NDArray[np.int64]
    lattice: Floats | None
    stretch: Floats
    deformation: Floats

    @property
    def lattice_now(self) -> Floats | None:
        """(3, 3) mean lattice vectors as rows in the scene, Å, after modifiers."""
        return None if self.lattice is None else self.lattice @ self.deformation.T


def grains(atoms: ase.Atoms) -> list[Grain]:
    """The grains that `atoms` of a scene, or of a variant of it, belong to, by number; amorphous material has none.

    Raises `InvalidInput` if the atoms have no record of their zones.
    """
    names, told = list(atoms.info.get("zones", ())), record_of(atoms)
    lattices: dict[int, tuple[Floats, Floats]] = {}
    for zone in told.values():
        lattices |= dict(_lattices(zone.get("fill", {}), zone.get("first_grain", 0), zone.get("lattice")))
    on_lattice = sublattice(atoms) >= 0
    found = []
    for number in np.unique(atoms.arrays["grain"][on_lattice]).tolist():
        own = np.flatnonzero((atoms.arrays["grain"] == number) & on_lattice)
        lattice, stretch = lattices.get(number, (None, np.eye(3)))
        phase = atoms.info["phases"][int(np.bincount(atoms.arrays["phase"][own]).argmax())]
        zone_name = names[int(atoms.arrays["zone"][own[0]])]
        found.append(Grain(number, zone_name, phase, own, lattice, stretch, _deformation(atoms, own)))
    return found


def record_of(atoms: ase.Atoms) -> Mapping[str, Any]:
    """The zones of the record of `atoms`, by name; `InvalidInput` without one."""
    record = atoms.info.get("record", {}).get("zones")
    if record is None or "zone" not in atoms.arrays:
        raise InvalidInput(
            "the atoms have no record of their zones, which labels of grains, classes, columns, strain and defects are "
            "made of; give atoms of Scene.atoms, or leave these labels out"
        )
    zones: Mapping[str, Any] = record
    return zones


def sublattice(atoms: ase.Atoms) -> NDArray[np.int64]:
    """The site (n,) of each atom in its crystal's basis; −1 where it is on no lattice."""
    return np.asarray(atoms.arrays.get("sublattice", np.full(len(atoms), -1)), dtype=np.int64)


def _lattices(fill: Mapping[str, Any], first: int, lattice: Any) -> Iterator[tuple[int, tuple[Floats, Floats]]]:
    """Number in the scene, lattice and stretch of the grains in what a generator wrote down."""
    if isinstance(fill.get("grains"), list):
        for grain in fill["grains"]:
            if "lattice" in grain:
                yield first + grain["grain"], (np.array(grain["lattice"]), _stretch(np.array(grain["orientation"])))
    elif parts_of(fill):
        for part in parts_of(fill):
            yield from _lattices(part.get("fill", {}), first + part.get("first_grain", 0), part.get("lattice"))
    elif "base" in fill:
        yield from _lattices(fill["base"], first, lattice)
    elif lattice is not None:
        yield first, (np.array(lattice), _grown(np.array(lattice), fill.get("strain")))


def parts_of(fill: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a generator wrote down of each of its parts; none if it is not made of several."""
    parts = fill.get("parts")
    return [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []


def _grown(lattice: Floats, strain: Any) -> Floats:
    """How a crystal was stretched that took over the lattice of what it grew on, or the cell that it fills.

    `strain` is what prefabs record: along its three lattice vectors, or along x and y; None for none.
    """
    if not isinstance(strain, list) or len(strain) not in (2, 3):
        return np.eye(3)
    if len(strain) == 2:
        return np.diag([1 + strain[0], 1 + strain[1], 1.0])
    own = lattice / (1 + np.array(strain))[:, None]
    return _stretch(np.linalg.solve(own, lattice).T)


def _stretch(matrix: Floats) -> Floats:
    """The symmetric V of `matrix` = V R."""
    u, values, _ = np.linalg.svd(matrix)
    return np.asarray((u * values) @ u.T)


def _deformation(atoms: ase.Atoms, own: NDArray[np.int64]) -> Floats:
    if IDEAL not in atoms.arrays or len(own) < _FEWEST:
        return np.eye(3)
    now, before = together(atoms, own)
    now, before = now - now.mean(axis=0), before - before.mean(axis=0)
    # the change alone is fitted: along directions in which there are no atoms nothing changes
    change, *_ = np.linalg.lstsq(before, now - before, rcond=1e-6)
    return np.asarray(np.eye(3) + change.T)


def together(atoms: ase.Atoms, own: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Positions (n, 3) of the atoms `own` with what seams cut put together again, and those before modifiers."""
    from construction_zone.label.field import Field

    positions = np.array(atoms.positions[own])
    periods = [float(atoms.cell[axis, axis]) if atoms.pbc[axis] else 0.0 for axis in (1, 0)]
    whole = Field((1, 1), (1.0, 1.0), (periods[0], periods[1])).unwrapped(positions[:, 1::-1])
    now = np.column_stack([whole[:, 1], whole[:, 0], positions[:, 2]])
    moved = positions - atoms.arrays[IDEAL][own] if IDEAL in atoms.arrays else np.zeros_like(positions)
    return now, now - moved
