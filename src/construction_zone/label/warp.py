"""Labels through the distortion of their image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from construction_zone.errors import InvalidInput
from construction_zone.image.distortions import Distortion
from construction_zone.image.resample import Boundary

POINTS = (("x", "y"), ("x0", "y0"), ("x1", "y1"))
"""Columns of tables that are a place in the image, in Å."""

PATH = "path"
"""Column of tables that is a list of places [x, y], in Å."""


def distorted_map(
    label: np.ndarray, distortion: Distortion, pixel_size: tuple[float, float], boundary: Boundary = "periodic"
) -> np.ndarray:
    """`label` (…, y, x) warped as `distortion` warps the image that it belongs to.

    Of whole numbers and booleans each pixel takes the nearest old one's, so that no class appears that was not there.
    Real numbers are interpolated by the cubic splines that the image is, and kept in the range that they had; where
    they are not known (NaN) is warped as a mask.
    """
    label = np.asarray(label)
    if label.dtype.kind in "iub":
        # torch indexes no unsigned integers of more than 8 bits
        carried = label if label.dtype.kind == "b" or label.dtype == np.uint8 else label.astype(np.int64)
        taken = distortion.apply_labels(torch.from_numpy(np.ascontiguousarray(carried)), pixel_size, boundary)
        whole_numbers: np.ndarray = taken.numpy().astype(label.dtype)
        return whole_numbers
    if label.dtype.kind != "f":
        raise InvalidInput(f"a label of type {label.dtype} cannot be distorted; give numbers or booleans")
    result = np.empty(label.shape, label.dtype)
    for index in np.ndindex(label.shape[:-2]):
        layer = label[index]
        unknown = ~np.isfinite(layer)
        if unknown.all():
            result[index] = layer
            continue
        whole = np.where(unknown, _nearest_known(layer, unknown), layer) if unknown.any() else layer
        moved = distortion.apply(torch.from_numpy(np.ascontiguousarray(whole)), pixel_size, boundary).numpy()
        result[index] = np.clip(moved, whole.min(), whole.max())
        if unknown.any():
            result[index][distortion.apply_labels(torch.from_numpy(unknown), pixel_size, boundary).numpy()] = np.nan
    return result


def distorted_rows(
    rows: Iterable[Mapping[str, Any]],
    distortion: Distortion,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    periodic: tuple[bool, bool] = (False, False),
) -> list[dict[str, Any]]:
    """Copies of `rows` whose places (`POINTS` and `PATH`, Å) went where `distortion` takes them.

    Along an axis that is `periodic` (y, x) places that leave the image come in again on the other side; but not the
    ends of lines (``x0``, ``y0``, ``x1``, ``y1``, ``path``), so that these stay whole.
    """
    result = [dict(row) for row in rows]
    extent = (shape[1] * pixel_size[1], shape[0] * pixel_size[0])
    for names in POINTS:
        own = [row for row in result if row.get(names[0]) is not None]
        if not own:
            continue
        places = np.array([[row[name] for name in names] for row in own], float)
        moved = distortion.apply_points(places, shape, pixel_size)
        if names == ("x", "y"):
            for axis, repeats in enumerate(periodic[::-1]):
                if repeats:
                    moved[:, axis] %= extent[axis]
        for row, place in zip(own, moved.tolist(), strict=True):
            row.update(zip(names, place, strict=True))
    for row in result:
        if row.get(PATH):
            row[PATH] = distortion.apply_points(np.array(row[PATH], float), shape, pixel_size).tolist()
    return result


def moved_row(
    row: Mapping[str, Any], shift: tuple[float, float], period: tuple[float, float] | None = None
) -> dict[str, Any]:
    """A copy of `row` with its places moved by `shift` (x, y) in Å, and brought back by whole periods (x, y).

    What it is brought back by is that of the middle of its places, so that lines stay whole.
    """
    result = dict(row)
    known = [names for names in POINTS if row.get(names[0]) is not None]
    places = [np.array([row[name] for name in names], float) for names in known]
    path = np.array(row[PATH], float) if row.get(PATH) else np.zeros((0, 2))
    every = np.concatenate([np.array(places).reshape(-1, 2), path])
    if not len(every):
        return result
    by = np.array(shift, float)
    if period is not None:
        by -= np.floor((every.mean(axis=0) + by) / np.array(period)) * np.array(period)
    for names, place in zip(known, places, strict=True):
        result.update(zip(names, (place + by).tolist(), strict=True))
    if len(path):
        result[PATH] = (path + by).tolist()
    return result


def reaches(row: Mapping[str, Any], size: tuple[float, float]) -> bool:
    """Whether some of the places of `row`, or of the box about them, lies in an image of `size` (x, y) in Å."""
    places = [[row[name] for name in names] for names in POINTS if row.get(names[0]) is not None]
    every = np.array([*places, *(row.get(PATH) or ())], float).reshape(-1, 2)
    if not len(every):
        return True
    return bool(((every.max(axis=0) >= 0) & (every.min(axis=0) < np.array(size))).all())


def _nearest_known(layer: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    index = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    found: np.ndarray = layer[tuple(index)]
    return found
