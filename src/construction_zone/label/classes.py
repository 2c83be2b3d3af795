"""Maps of what kind of matter is at each pixel: amorphous, crystal, twin, fault, boundary, and which grain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from construction_zone.build import variant
from construction_zone.label.field import Field
from construction_zone.label.grains import parts_of, record_of, sublattice
from construction_zone.label.masks import projected

CLASSES = (
    "vacuum",
    "amorphous",
    "crystal",
    "twin",
    "stacking fault",
    "grain boundary",
    "antiphase boundary",
    "other defect",
)
"""What the numbers of a class map mean."""

KINDS = {
    "twin": "twin",
    **dict.fromkeys(("intrinsic", "extrinsic", "I1", "I2", "E"), "stacking fault"),
    "grain boundary": "grain boundary",
    "antiphase boundary": "antiphase boundary",
}
"""The class of each kind of planar defect that prefabs record."""

WIDTH = 0.8
"""Å: atoms have a say over about this distance in projection, less than half of that between columns of a metal."""


def atom_classes(atoms: ase.Atoms) -> NDArray[np.uint8]:
    """The class (n,) of each atom, an index into `CLASSES`: what its sublattice and its defect say."""
    told = record_of(atoms)
    found = np.where(sublattice(atoms) >= 0, CLASSES.index("crystal"), CLASSES.index("amorphous")).astype(np.uint8)
    for zone, part, number, defect in defects_of(told):
        own = members(atoms, told[zone]["index"], part, number)
        found[own] = CLASSES.index(KINDS.get(defect["kind"], "other defect"))
    return found


def class_map(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    particles: Sequence[str],
    within: np.ndarray | None = None,
) -> np.ndarray:
    """The class of the matter at each pixel, an index into `CLASSES`; uint8 (ny, nx).

    Inside the mask of the zones `particles` (`within`, if it is known) theirs, elsewhere that of the other zones. Where
    atoms of several classes lie behind each other the class of most of them wins, counted by a Gaussian of their
    distance in projection; so the columns of a fault that is edge-on make a band of their own, and one that is
    inclined, which crosses few of the atoms in any line of sight, does not.
    """
    result = np.zeros(Field.of(atoms, shape, pixel_size).shape, np.uint8)
    others = [zone for zone in atoms.info["zones"] if zone not in particles]
    for names, mask in ((others, None), (particles, within)):
        part = _present(atoms, names)
        if len(part):
            painted = voted(part, atom_classes(part), shape, pixel_size, mask)
            result = np.where(painted >= 0, painted, result).astype(np.uint8)
    return result


def grain_map(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    particles: Sequence[str],
    within: np.ndarray | None = None,
) -> np.ndarray:
    """The grain of most of the particles' matter at each pixel, the number of their array `grain`; −1 elsewhere.

    int32 (ny, nx), in the mask of the zones `particles` (`within`, if it is known); amorphous parts are −1 too.
    """
    part = _present(atoms, particles)
    if not len(part):
        return np.full(Field.of(atoms, shape, pixel_size).shape, -1, np.int32)
    numbers = np.where(sublattice(part) >= 0, part.arrays["grain"], -1)
    return voted(part, numbers, shape, pixel_size, within)


def voted(
    atoms: ase.Atoms,
    labels: NDArray[Any],
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    within: np.ndarray | None = None,
) -> NDArray[np.int32]:
    """The label that most atoms near each pixel have, int32 (ny, nx); −1 outside their mask, or outside `within`."""
    field = Field.of(atoms, shape, pixel_size)
    result, best = np.full(field.shape, -1, np.int32), np.zeros(field.shape, np.float32)
    kinds = np.unique(labels)
    mask = (projected(atoms, shape, pixel_size) if within is None else within) > 0
    if len(kinds) == 1:
        result[mask] = kinds[0]
        return result
    for kind in kinds.tolist():
        own = labels == kind
        rows, columns, (votes,) = field.summed(atoms.positions[own][:, 1::-1], np.ones((1, int(own.sum()))), WIDTH)
        index = field.at(rows, columns)
        wins = votes > best[index]
        result[index] = np.where(wins, kind, result[index])
        best[index] = np.where(wins, votes, best[index])
    result[~mask] = -1
    return _filled(result, best, mask)


def defects_of(zones: Mapping[str, Any]) -> list[tuple[str, int, int, Mapping[str, Any]]]:
    """Zone, part (−1: not of several), number and record of each planar defect in a scene's record of `zones`."""
    found = []
    for name, zone in zones.items():
        for part, defects in _of_fill(zone.get("fill", {}), -1):
            found += [(name, part, number, defect) for number, defect in enumerate(defects)]
    return found


def members(atoms: ase.Atoms, zone: int, part: int, number: int) -> NDArray[np.int64]:
    """Which atoms lie at a defect of `defects_of`; the zone by its index."""
    if "defect" not in atoms.arrays:
        return np.zeros(0, np.int64)
    own = (atoms.arrays["zone"] == zone) & (atoms.arrays["defect"] == number)
    if part >= 0 and "part" in atoms.arrays:
        own &= atoms.arrays["part"] == part
    return np.flatnonzero(own)


def _of_fill(fill: Mapping[str, Any], part: int) -> list[tuple[int, list[Mapping[str, Any]]]]:
    if isinstance(fill.get("defects"), list):
        return [(part, fill["defects"])]
    if parts_of(fill):
        return [found for k, one in enumerate(parts_of(fill)) for found in _of_fill(one.get("fill", {}), k)]
    return _of_fill(fill["base"], part) if "base" in fill else []


def _present(atoms: ase.Atoms, names: Sequence[str]) -> ase.Atoms:
    return variant(atoms, only=list(names)) if names else atoms[:0]


def _filled(labels: NDArray[np.int32], votes: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """`labels` with pixels of the mask that no vote reached given that of their nearest neighbour."""
    from scipy import ndimage

    missing = mask & (votes <= 0)
    if missing.any():
        index = ndimage.distance_transform_edt(votes <= 0, return_distances=False, return_indices=True)
        labels[missing] = labels[tuple(index)][missing]
    return labels
