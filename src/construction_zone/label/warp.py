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

TOUCHING = 1e-6
"""Å by which a line must reach into an image to lie in it."""


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
    *,
    once: bool = False,
    margin: float = 0.0,
) -> list[dict[str, Any]]:
    """Copies of `rows` whose places (`POINTS` and `PATH`, Å) went where `distortion` takes them.

    Along an axis that is `periodic` (y, x) the image shows what repeats beyond its edge before it was distorted; so
    each row is given as often as it lies in the distorted image, or within `margin` (Å) of it, which may be never or
    twice. A row moves as a whole, so that lines stay whole. With `once` each is given once, where it lies nearest to
    the image's middle.
    """
    size = np.array([shape[1] * pixel_size[1], shape[0] * pixel_size[0]])
    repeats = np.array(periodic[::-1])
    result = []
    for row in rows:
        places, taken = _places(row)
        if not len(places) or not repeats.any():
            steps = np.zeros((1, 2))
        else:
            steps = _steps(places, distortion, size, repeats, margin)
        moved = distortion.apply_points((places + steps[:, None] * size).reshape(-1, 2), shape, pixel_size)
        copies = moved.reshape(len(steps), len(places), 2)
        if repeats.any() and len(places):
            if once:
                off = np.abs((copies.mean(axis=1) - size / 2) / size).max(axis=1)
                copies = copies[[int(off.argmin())]]
            else:
                single = len(places) == 1
                last = copies.max(axis=1) >= -margin if single else copies.max(axis=1) > TOUCHING - margin
                first = copies.min(axis=1) < size + margin - (0 if single else TOUCHING)
                copies = copies[((last & first) | ~repeats).all(axis=1)]
        for copy in copies.tolist():
            result.append(dict(row) | _named(taken, copy))
    return result


def _places(row: Mapping[str, Any]) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """The places (n, 2) of `row`, its points and then its path, and the names of each that is a point."""
    known: list[tuple[str, ...]] = [names for names in POINTS if row.get(names[0]) is not None]
    every = [*([row[name] for name in names] for names in known), *(row.get(PATH) or ())]
    return np.array(every, float).reshape(-1, 2), known


def _named(names: list[tuple[str, ...]], places: list[list[float]]) -> dict[str, Any]:
    """The part of a row that `_places` has read."""
    path = places[len(names) :]
    points = {
        key: value for pair, place in zip(names, places, strict=False) for key, value in zip(pair, place, strict=True)
    }
    return points | ({PATH: path} if path else {})


def _steps(
    places: np.ndarray, distortion: Distortion, size: np.ndarray, repeats: np.ndarray, margin: float
) -> np.ndarray:
    """Periods (n, 2), as (x, y), by which `places` may lie in what the distorted image of `size` is taken from."""
    corners = np.array([[-margin, -margin], [-margin, size[1] + margin], [size[0] + margin, -margin], size + margin])
    corners = corners - size / 2 - np.array(distortion.shift[::-1])
    sources = corners @ np.linalg.inv(distortion.matrix).T + size / 2
    slack = 6 * distortion.field * np.linalg.norm(np.linalg.inv(distortion.matrix), 2) + 1e-6
    first = np.ceil((sources.min(axis=0) - slack - places.max(axis=0)) / size)
    last = np.floor((sources.max(axis=0) + slack - places.min(axis=0)) / size)
    # of what lies in no copy there one is still needed, where a row is wanted once
    first, last = np.minimum(first, last), np.maximum(first, last)
    x, y = (np.arange(first[k], last[k] + 1) if repeats[k] else np.zeros(1) for k in (0, 1))
    return np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)


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
