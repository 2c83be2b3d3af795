"""Particles one by one: whole masks, what is seen of each, and which is in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from construction_zone.build import variant
from construction_zone.errors import InvalidInput
from construction_zone.label.field import Field
from construction_zone.label.masks import CLOSING, EDGE, projected

WORD = 31
"""Masks that `packed` puts into one array: as many as a signed integer of 32 bits has beside its sign."""


@dataclass(frozen=True, eq=False)
class Instances:
    """Masks of particles, in the order in which they were given.

    Parameters
    ----------
    modal
        uint16 (ny, nx): 1 + the number of the particle that the beam meets first at a pixel; 0 where there is none.
    amodal
        uint8 (k, ny, nx): the whole mask of each, also where another is in front.
    table
        a row each: see `instance_masks`.
    """

    modal: np.ndarray
    amodal: np.ndarray
    table: list[dict[str, Any]]


def instance_masks(
    atoms: ase.Atoms,
    particles: Sequence[str],
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    edge: float = EDGE,
    closing: float = CLOSING,
) -> Instances:
    """The zones `particles` as instances: in front is what the beam, along +z, meets first.

    Where masks overlap each pixel goes to the particle whose lowest atom near it (within edge + closing) is lowest; so
    two that interlock are each in front in places. The table has, of each: ``instance`` (from 1), ``zone``, ``atoms``,
    ``x``, ``y``, ``z`` (Å), the middle of its atoms; ``bottom`` and ``top`` (Å); ``order``, its place along the beam by
    the lowest atom, 0 first; ``behind``, the instances that hide some of it; and what `measures` tells of its masks. Of
    a particle without atoms, as a variant may have, places and heights are None and the masks empty.

    Parameters
    ----------
    atoms
        of the scene.
    particles
        names of zones.
    shape, pixel_size, edge, closing
        as of `masks.projected`, which makes each mask.
    """
    field = Field.of(atoms, shape, pixel_size)
    alone = [variant(atoms, only=[name]) for name in particles]
    if len(alone) > np.iinfo(np.uint16).max - 1:
        raise InvalidInput(f"{len(alone)} particles are more than an instance map can number")
    amodal = np.zeros((len(alone), *field.shape), np.uint8)
    for mask, own in zip(amodal, alone, strict=True):
        mask[...] = projected(own, shape, pixel_size, edge=edge, closing=closing)
    modal, behind = _seen(alone, amodal, field, edge + closing)
    bottoms = [float(own.positions[:, 2].min()) if len(own) else np.inf for own in alone]
    order = np.argsort(np.argsort(bottoms, kind="stable"), kind="stable")
    shown = measures(modal, amodal, pixel_size, periodic=(bool(field.periods[0]), bool(field.periods[1])))
    table = []
    for number, (name, own, row) in enumerate(zip(particles, alone, shown, strict=True)):
        table.append(
            {
                "instance": number + 1,
                "zone": name,
                "atoms": len(own),
                **_place(own, field),
                "order": int(order[number]),
                "behind": sorted(k + 1 for k in behind[number]),
                **row,
            }
        )
    return Instances(modal, amodal, table)


def _place(own: ase.Atoms, field: Field) -> dict[str, float | None]:
    """The middle of a particle's atoms, and how far they reach along the beam."""
    if not len(own):
        return dict.fromkeys(("x", "y", "z", "bottom", "top"))
    middle = field.unwrapped(own.positions[:, 1::-1]).mean(axis=0)
    y, x = field.wrapped(middle[None])[0]
    z = own.positions[:, 2]
    return {"x": float(x), "y": float(y), "z": float(z.mean()), "bottom": float(z.min()), "top": float(z.max())}


def measures(
    modal: np.ndarray, amodal: np.ndarray, pixel_size: tuple[float, float], *, periodic: tuple[bool, bool]
) -> list[dict[str, Any]]:
    """Of each mask of `amodal` (k, ny, nx): ``area`` and ``seen`` (Å²), the whole mask and what of it is in front;
    ``occlusion``, the share that is hidden; and the boxes ``box`` of the whole mask and ``seen_box``.

    A box is [x0, y0, x1, y1] in pixels, its first and one past its last column and row; None for an empty mask. Along
    an axis that is `periodic` (y, x) a box that a seam cuts ends beyond the image.
    """
    area = pixel_size[0] * pixel_size[1]
    rows = []
    for number, mask in enumerate(amodal):
        front = modal == number + 1
        whole, seen = int(mask.sum(dtype=np.int64)), int(front.sum())
        rows.append(
            {
                "area": whole * area,
                "seen": seen * area,
                "occlusion": 1 - seen / whole if whole else 0.0,
                "box": box(mask, periodic),
                "seen_box": box(front, periodic),
            }
        )
    return rows


def box(mask: np.ndarray, periodic: tuple[bool, bool] = (False, False)) -> list[int] | None:
    """[x0, y0, x1, y1] of a mask (ny, nx) in pixels; see `measures`."""
    ends: list[tuple[int, int]] = []
    for axis in (1, 0):
        filled = np.flatnonzero(mask.any(axis=1 - axis))
        if not len(filled):
            return None
        first, last, size = int(filled[0]), int(filled[-1]), mask.shape[axis]
        if periodic[axis] and first == 0 and last == size - 1 and len(filled) < size:
            gaps = np.diff(filled)
            cut = int(np.argmax(gaps))  # the mask begins after the longest stretch without it
            first, last = int(filled[cut + 1]), int(filled[cut]) + size
        ends.append((first, last + 1))
    return [ends[0][0], ends[1][0], ends[0][1], ends[1][1]]


def packed(amodal: np.ndarray) -> np.ndarray:
    """Masks (k, ny, nx) as bits, int32 (1 + (k − 1)//31, ny, nx): mask i is bit i % 31 of array i // 31."""
    words = np.zeros((max(1, -(-len(amodal) // WORD)), *amodal.shape[1:]), np.int32)
    for number, mask in enumerate(amodal):
        words[number // WORD] |= mask.astype(np.int32) << np.int32(number % WORD)
    return words


def unpacked(words: np.ndarray, count: int) -> np.ndarray:
    """The `count` masks, uint8 (count, ny, nx), that `packed` made `words` of."""
    if not 0 <= count <= WORD * len(words):
        raise InvalidInput(f"{len(words)} arrays hold up to {WORD * len(words)} masks, not {count}")
    masks = [(words[number // WORD] >> np.int32(number % WORD)) & np.int32(1) for number in range(count)]
    return np.array(masks, np.uint8).reshape(count, *words.shape[1:])


def _seen(alone: list[ase.Atoms], amodal: np.ndarray, field: Field, reach: float) -> tuple[np.ndarray, list[set[int]]]:
    """The modal map, and for each particle those that hide some of it."""
    modal = np.zeros(field.shape, np.uint16)
    behind: list[set[int]] = [set() for _ in alone]
    lowest = np.full(field.shape, np.inf, np.float32)
    shared = amodal.sum(axis=0, dtype=np.int32) > 1
    for number, (own, mask) in enumerate(zip(alone, amodal, strict=True)):
        inside = mask.astype(bool)
        if not len(own):
            continue
        height = np.full(field.shape, np.float32(own.positions[:, 2].min()))
        if (inside & shared).any():
            height = _entrance(own, field, reach)
        wins = inside & (height < lowest)
        modal[wins] = number + 1
        lowest[wins] = height[wins]
    for number, mask in enumerate(amodal):
        behind[number] = {int(k) - 1 for k in np.unique(modal[mask.astype(bool) & shared]) if k not in (0, number + 1)}
    return modal, behind


def _entrance(atoms: ase.Atoms, field: Field, reach: float) -> NDArray[np.float32]:
    """Height (ny, nx) of the lowest atom within `reach` (Å) of each pixel, on nodes half an Å apart; else infinite."""
    points = field.unwrapped(atoms.positions[:, 1::-1])
    rows, columns = field.pixels(field.window(points, reach))
    result = np.full(field.shape, np.inf, np.float32)
    if not len(rows) or not len(columns):
        return result
    step = 0.5
    start = np.array([rows[0] * field.steps[0], columns[0] * field.steps[1]])
    sizes = [int(len(index) * d / step) + 2 for index, d in zip((rows, columns), field.steps, strict=True)]
    nodes = np.full(sizes, np.inf, np.float32)
    place = np.round((points - start) / step).astype(int)
    for axis, (size, index) in enumerate(zip(sizes, (rows, columns), strict=True)):
        if field.periods[axis] and len(index) == field.shape[axis]:
            place[:, axis] %= size
    held = ((place >= 0) & (place < sizes)).all(axis=1)
    np.minimum.at(nodes, tuple(place[held].T), atoms.positions[held, 2].astype(np.float32))
    half = int(reach / step)
    y, x = np.mgrid[-half : half + 1, -half : half + 1] * step
    nodes = ndimage.minimum_filter(nodes, footprint=np.hypot(y, x) <= reach, mode="constant", cval=np.inf)
    near = [np.round((index * d - s) / step).astype(int) for index, d, s in
            zip((rows, columns), field.steps, start, strict=True)]  # fmt: skip
    result[field.at(rows, columns)] = nodes[np.ix_(*near)]
    return result
