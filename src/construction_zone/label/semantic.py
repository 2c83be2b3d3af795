"""Masks of what is where: of each zone, material or element."""

from __future__ import annotations

from typing import Literal

import ase
import numpy as np
from ase.data import chemical_symbols

from construction_zone.errors import InvalidInput
from construction_zone.label.field import Field
from construction_zone.label.masks import CLOSING, EDGE, soft

By = Literal["zone", "phase", "element"]


def kinds(atoms: ase.Atoms, by: By) -> list[str]:
    """The zones or phases that `atoms` are of, in the scene's order, or their elements by atomic number."""
    if by == "element":
        return [chemical_symbols[number] for number in np.unique(atoms.numbers)]
    if by not in ("zone", "phase"):
        raise InvalidInput(f"by is {by!r}; give 'zone', 'phase' or 'element'")
    if by not in atoms.arrays:
        raise InvalidInput(f"the atoms have no array {by!r}; labels are made of the atoms that Scene.atoms gives")
    return [str(atoms.info[f"{by}s"][number]) for number in np.unique(atoms.arrays[by])]


def semantic_masks(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    by: By = "phase",
    names: list[str] | None = None,
    width: float = 0.0,
    edge: float = EDGE,
    closing: float = CLOSING,
) -> np.ndarray:
    """A mask of the atoms of each kind, one layer a kind; where kinds lie behind each other both masks have the pixel.

    Parameters
    ----------
    atoms, shape, pixel_size, edge, closing
        as of `masks.projected`, which makes each layer.
    by
        what the kinds are: zones, phases (materials) or elements.
    names
        the layers; a kind that is not there has an empty one. Default: `kinds` of the atoms.
    width
        Å of the soft edge, as of `masks.soft`; 0 for masks of zeros and ones.

    Returns
    -------
    (len(names), ny, nx), uint8 or, with a width, float32.
    """
    there = kinds(atoms, by)
    names = there if names is None else list(names)
    result = np.zeros((len(names), *Field.of(atoms, shape, pixel_size).shape), np.float32 if width else np.uint8)
    for layer, name in zip(result, names, strict=True):
        if name in there:
            if by == "element":
                own = atoms.numbers == chemical_symbols.index(name)
            else:
                own = atoms.arrays[by] == list(atoms.info[f"{by}s"]).index(name)
            layer[...] = soft(atoms[own], shape, pixel_size, width=width, edge=edge, closing=closing)
    return result
