"""Where the lines of dislocations run in the projection."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import ase
import numpy as np

from construction_zone.build.inputs import Floats
from construction_zone.label.grains import parts_of, record_of
from construction_zone.label.masks import EDGE

_AROUND = 3.0
"""Lengths of the Burgers vector within which atoms tell how far a line goes."""


def dislocation_lines(atoms: ase.Atoms, *, edge: float = EDGE) -> list[dict[str, Any]]:
    """The dislocations that prefabs, and modifiers of recipes, put into `atoms`, a row each.

    ``zone``, ``kind`` (line or loop), ``character`` (edge, screw, mixed; of loops vacancy, interstitial or shear);
    ``burgers`` (three numbers, Å, in the scene); ``path``, the [x, y] (Å) through which the line runs in projection:
    both ends of a straight one, `edge` (Å) beyond the outermost atoms around it, and the corners of a loop, in a ring;
    and ``inclination`` (degrees), between a line and the beam, 0 where it is end-on and its path a point, or between
    the plane of a loop and the beam. A particle that a seam cuts is put together, so that paths may end outside the
    cell.
    """
    rows = []
    for name, zone in record_of(atoms).items():
        own = np.flatnonzero(atoms.arrays["zone"] == zone["index"])
        if not len(own):
            continue
        for found in _told(zone.get("fill", {})):
            burgers = np.array(found["burgers"])
            loop = "corners" in found
            path = np.array(found["corners"]) if loop else _ends(atoms, own, found, edge)
            direction = np.array(found["normal" if loop else "line"], float)
            along_beam = abs(float(direction[2])) / float(np.linalg.norm(direction))
            angle = math.degrees(math.acos(min(1.0, along_beam)))
            rows.append(
                {
                    "zone": name,
                    "kind": "loop" if loop else "line",
                    "character": found["character"],
                    "burgers": burgers.tolist(),
                    "inclination": 90.0 - angle if loop else angle,
                    "path": path[:, :2].tolist(),
                }
            )
    return rows


def _told(fill: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What generators wrote down of dislocations."""
    found = fill.get("dislocations")
    if isinstance(found, list):
        yield from found
    for part in parts_of(fill):
        yield from _told(part.get("fill", {}))
    if isinstance(fill.get("base"), Mapping):
        yield from _told(fill["base"])


def _ends(atoms: ase.Atoms, own: np.ndarray, found: Mapping[str, Any], edge: float) -> Floats:
    """Both ends (2, 3) of a straight dislocation, `edge` beyond the outermost atoms around it."""
    along, point = np.array(found["line"], float), np.array(found["point"], float)
    along /= np.linalg.norm(along)
    away = atoms.positions[own] - point
    for axis in np.flatnonzero(atoms.pbc):
        length = float(atoms.cell[axis, axis])
        away[:, axis] -= np.round(away[:, axis] / length) * length
    height = away @ along
    across = np.linalg.norm(away - height[:, None] * along, axis=1)
    near = height[across < _AROUND * float(np.linalg.norm(found["burgers"]))]
    if not len(near):
        return np.stack([point, point])
    return np.stack([point + (near.min() - edge) * along, point + (near.max() + edge) * along])
