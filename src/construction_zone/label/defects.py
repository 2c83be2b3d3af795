"""Where planar defects cut the projection."""

from __future__ import annotations

import math
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from construction_zone.build.arrays import IDEAL
from construction_zone.build.inputs import Floats
from construction_zone.label.classes import KINDS, defects_of, members
from construction_zone.label.grains import record_of, together
from construction_zone.label.masks import EDGE

FLAT = 89.0
"""Degrees of inclination beyond which a plane is across the beam and cuts no line."""

_NEAR = 2.0
"""Å: a boundary that holds no atoms of its own is seen by the atoms this near to it, and no plane of a defect is
farther from the middle of its atoms."""


def defect_lines(atoms: ase.Atoms, *, edge: float = EDGE) -> list[dict[str, Any]]:
    """The planar defects of `atoms`, a row each, as lines in the projection.

    ``zone``, ``defect`` (its number there), ``kind``, ``class`` (of `CLASSES`), ``plane`` (hkl, where it has one) and
    ``atoms`` at it; ``inclination`` (degrees) between the plane and the beam, 0 where it is edge-on; ``x0``, ``y0``,
    ``x1``, ``y1`` (Å), the line in which the plane cuts the height of the middle of its atoms, to `edge` (Å) beyond the
    outermost of them; and ``width`` (Å), over which the defect's atoms spread across that line in projection. A plane
    across the beam has no line, and None there. A particle that a seam cuts is put together first, so that ends may lie
    outside the cell.
    """
    rows = []
    zones = record_of(atoms)
    for zone, part, number, defect in defects_of(zones):
        own = members(atoms, zones[zone]["index"], part, number)
        if not len(own):
            own = _beside(atoms, zones[zone]["index"], defect)
        if not len(own):
            continue  # merging took its atoms, or they are not in this variant
        points, normal, level = _plane(atoms, own, defect)
        row: dict[str, Any] = {
            "zone": zone,
            "defect": number,
            "kind": defect["kind"],
            "class": KINDS.get(defect["kind"], "other defect"),
            "plane": list(defect["plane"]) if "plane" in defect else None,
            "atoms": len(own),
            "inclination": math.degrees(math.asin(min(1.0, abs(float(normal[2]))))),
            **dict.fromkeys(("x0", "y0", "x1", "y1", "width")),
        }
        if row["inclination"] < FLAT:
            across = normal[:2] / np.linalg.norm(normal[:2])
            along = np.array([-across[1], across[0]])
            middle = (points[:, 2].min() + points[:, 2].max()) / 2
            place = (level - normal[2] * middle) / np.linalg.norm(normal[:2]) * across
            ends = points[:, :2] @ along
            (x0, y0), (x1, y1) = (place + s * along for s in (ends.min() - edge, ends.max() + edge))
            row |= {"x0": float(x0), "y0": float(y0), "x1": float(x1), "y1": float(y1)}
            row["width"] = float(np.ptp(points[:, :2] @ across))
        rows.append(row)
    return rows


def _plane(atoms: ase.Atoms, own: NDArray[np.int64], defect: Any) -> tuple[Floats, Floats, float]:
    """Positions of the atoms `own`, put together, and the plane normal·x = level as modifiers left it."""
    normal, point = np.array(defect["normal"]), np.array(defect["point"])
    now, before = together(atoms, own)
    middle = before.mean(axis=0)
    away = point - middle
    for axis in np.flatnonzero(atoms.pbc):
        away[axis] -= np.round(away[axis] / atoms.cell[axis, axis]) * atoms.cell[axis, axis]
    change = np.zeros((3, 3))
    if IDEAL in atoms.arrays and len(own) >= 3:
        # across the plane its atoms tell no deformation, and none is needed: a plane turns with what is in it
        change = np.linalg.lstsq(before - middle, now - now.mean(axis=0) - (before - middle), rcond=1e-3)[0].T
    turned = np.linalg.inv(np.eye(3) + change).T @ normal
    turned /= np.linalg.norm(turned)
    # atoms that were shifted since the record was made, as those of a user's file, are where their defect is
    beside = float(away @ normal) if abs(float(away @ normal)) < _NEAR else 0.0
    return now, turned, float(turned @ now.mean(axis=0)) + beside


def _beside(atoms: ase.Atoms, zone: int, defect: Any) -> NDArray[np.int64]:
    if defect.get("atoms", 1):
        return np.zeros(0, np.int64)
    own = np.flatnonzero(atoms.arrays["zone"] == zone)
    height = (atoms.positions[own] - defect["point"]) @ np.array(defect["normal"])
    return own[np.abs(height) < _NEAR]
