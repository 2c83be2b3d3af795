"""Questions that bounds alone cannot answer: whether a volume holds anything, and where."""

from __future__ import annotations

import math

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.volumes.base import Volume, in_chunks, is_empty
from construction_zone.errors import InvalidInput

_MOST_CELLS = 4_000_000


def finite_bounds(volume: Volume, purpose: str = "this") -> Floats:
    """The bounds (2, 3) of `volume` in Å, or `InvalidInput` if it is empty or unbounded; `purpose` needs them."""
    box = volume.bounds
    if is_empty(box):
        raise InvalidInput(f"the volume is empty: its parts do not meet, and {purpose} needs one that holds something")
    if not np.isfinite(box).all():
        axes = ", ".join("xyz"[i] for i in range(3) if not np.isfinite(box[:, i]).all())
        raise InvalidInput(
            f"the volume is unbounded along {axes}, and {purpose} needs a bounded one; "
            "intersect it with a Block, e.g. volume & Block.between(low, high)"
        )
    return box


def find_point(volume: Volume, resolution: float = 0.25) -> Point | None:
    """A point inside a bounded `volume`, or None if it holds no ball of radius `resolution` (Å).

    Cells that the signed distance rules out are dropped and the rest are halved, so that the answer None is a proof.
    Raises `InvalidInput` for unbounded volumes, and for ones too large and thin to settle.
    """
    finest = 2 * inputs.positive(resolution, "resolution") / math.sqrt(3)
    if is_empty(volume.bounds):
        return None
    low, high = finite_bounds(volume, "the search for a point inside")
    size = max(float((high - low).max()) / 4, finest)
    counts = np.maximum(np.ceil((high - low) / size).astype(int), 1)
    centers = low + (np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3) + 0.5) * size
    halves = np.array([[i, j, k] for i in (-0.25, 0.25) for j in (-0.25, 0.25) for k in (-0.25, 0.25)])
    while True:
        inside = volume.contains(centers)
        if inside.any():
            return inputs.point(centers[int(np.argmax(inside))], "point")
        if size <= finest:
            return None
        distance = in_chunks(volume._signed_distance, centers, np.float64)
        centers = centers[distance <= size * math.sqrt(3) / 2]
        if not len(centers):
            return None
        if len(centers) * 8 > _MOST_CELLS:
            raise InvalidInput(
                f"the volume may be thinner than {size:.3g} Å everywhere, too thin to search its "
                f"{' × '.join(f'{x:.3g}' for x in high - low)} Å; give a coarser resolution than {resolution:g} Å"
            )
        centers = (centers[:, None, :] + halves * size).reshape(-1, 3)
        size /= 2
