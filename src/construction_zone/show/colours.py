"""What atoms are coloured by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.data.colors import jmol_colors
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from construction_zone.build import local_structure
from construction_zone.errors import InvalidInput

ZONE_COLOURS = ("#8d949c", "#f0b429", "#4c8ed9", "#d9614c", "#58a866", "#9a6cc7", "#3fb3b0", "#c98a5a")
"""One colour a zone, in the scene's order, starting again after the last."""

STRUCTURE_COLOURS = ("#b9bec4", "#58a866", "#d9614c", "#4c8ed9", "#f0b429", "#2f6fb5", "#e08b3d")
"""One colour for each of `local_structure.NAMES`."""

UNKNOWN = "#b9bec4"
"""Colour of atoms of which nothing is known."""

LEGEND = 8
"""Entries of a legend; of more, the rest is only counted."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """Colours of atoms with their meaning.

    Parameters
    ----------
    rgb
        (n, 3) in 0 … 1.
    legend
        Handles for a legend.
    counts
        Number of atoms by what is coloured.
    drawn
        (n,) which atoms to draw.
    """

    rgb: NDArray[np.float64]
    legend: list[Line2D]
    counts: dict[str, int]
    drawn: NDArray[np.bool_]


def colouring(atoms: Atoms, by: str) -> Colouring:
    """Colours of `atoms` by "element", "structure" (`build.local_structure`), "zone", or any array of whole numbers.

    Raises `InvalidInput` if the atoms have no such array.
    """
    if by == "element":
        return _of(atoms.numbers, chemical_symbols.__getitem__, jmol_colors.__getitem__)
    if by == "structure":
        found = local_structure.classify(atoms)
        colours = _of(found, local_structure.NAMES.__getitem__, lambda k: to_rgb(STRUCTURE_COLOURS[k]))
        # surfaces and films have no structure, and would hide what has
        known = found != local_structure.OTHER
        if known.all() or not known.any():
            return colours
        colours.legend[0].set_label(f"{colours.legend[0].get_label()} (not drawn)")
        return replace(colours, drawn=known)
    if by not in atoms.arrays or np.asarray(atoms.arrays[by]).dtype.kind not in "biu" or atoms.arrays[by].ndim > 1:
        usable = [name for name, array in atoms.arrays.items() if array.dtype.kind in "biu" and array.ndim == 1]
        known = ["element", "structure", *[name for name in usable if name not in ("numbers", "id")]]
        raise InvalidInput(
            f"colour={by!r} needs an array {by!r} of whole numbers, which these atoms lack; choose one of "
            f"{', '.join(map(repr, known))}"
        )
    names = [str(name) for name in atoms.info.get(f"{by}s", ())]
    yes_or_no = np.asarray(atoms.arrays[by]).dtype.kind == "b"

    def called(k: int) -> str:
        if yes_or_no:
            return by if k else f"not {by}"
        if k < 0:
            return f"no {by}"
        return names[k] if k < len(names) else f"{by} {k}"

    return _of(
        atoms.arrays[by].astype(int),
        called,
        lambda k: to_rgb(ZONE_COLOURS[k % len(ZONE_COLOURS)] if k >= 0 else UNKNOWN),
    )


def _of(keys: NDArray[np.int64], name: Callable[[int], str], colour: Callable[[int], object]) -> Colouring:
    known, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    paint = np.array([colour(int(key)) for key in known], dtype=np.float64)
    names = [name(int(key)) for key in known]
    order = np.argsort(-counts, kind="stable")[:LEGEND]
    legend = [_handle(tuple(paint[k]), f"{names[k]}  {counts[k]:,}") for k in sorted(order)]
    if len(known) > LEGEND:
        rest = np.delete(counts, order)
        legend.append(_handle((1.0, 1.0, 1.0), f"{len(rest)} more  {int(rest.sum()):,}"))
    told = {n: int(c) for n, c in zip(names, counts, strict=True)}
    return Colouring(paint[place], legend, told, np.ones(len(keys), dtype=bool))


def _handle(colour: tuple[float, ...], label: str) -> Line2D:
    return Line2D([], [], ls="", marker="o", ms=6, mfc=colour, mec="0.3", mew=0.5, label=label)
