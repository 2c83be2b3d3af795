"""Where the parts of a film meet: planes that wander, so that no straight line shows in an image or its spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from construction_zone.build.inputs import Floats
from construction_zone.build.neighbours import Integers

WANDER = 5.0
"""Å by which a seam leaves its plane at most; 2 Å rms."""

_LENGTH = 14.0  # Å over which the way of a seam is correlated
_STEP = 1.5  # Å, grid on which it is tabulated


@dataclass(frozen=True, eq=False)
class Seams:
    """How a box is divided into parts.

    Parameters
    ----------
    lengths, boxsize
        (3,) Å: the box, and its periods (0 along axes that do not repeat).
    parts
        (3,) how many along each axis.
    first, size
        (3,) Å: where the first part begins along each axis, and how long each is.
    heights
        Three (n, m) tables: how far, in Å, the seams across x lie below their planes at (y, z); across y at (x, z);
        across z at (x, y).
    """

    lengths: Floats
    boxsize: Floats
    parts: Integers
    first: Floats
    size: Floats
    heights: tuple[Floats, Floats, Floats]

    @classmethod
    def drawn(cls, lengths: Floats, boxsize: Floats, longest: float, rng: np.random.Generator) -> Seams:
        """A division into equal parts no longer than `longest` (Å), with seams that wander at random."""
        parts = np.maximum(np.ceil(lengths / longest - 1e-9), 1).astype(np.int64)
        size = lengths / parts
        first = np.where(boxsize > 0, rng.random(3) * size, 0.0)
        x, y, z = lengths.tolist()
        heights = (_wandering(y, z, rng), _wandering(x, z, rng), _wandering(x, y, rng))
        return cls(lengths, boxsize, parts, first, size, heights)

    def distance(self, points: Floats) -> Floats:
        """(n,) distance in Å of `points` (n, 3) in the box to the nearest seam, along its axis; inf without seams."""
        from construction_zone.build.generators import _cutting

        return np.asarray(
            _cutting.seam_distance(points, self.lengths, self.boxsize, self.parts, self.first, self.size, *self.heights)
        )


def _wandering(width: float, depth: float, rng: np.random.Generator) -> Floats:
    """Smooth noise on a grid that repeats, at most `WANDER` in size."""
    shape = tuple(max(int(np.ceil(length / _STEP)), 1) for length in (width, depth))
    k2 = sum(
        np.meshgrid(*(np.fft.fftfreq(n, length / n) ** 2 for n, length in zip(shape, (width, depth), strict=True)),
                    indexing="ij", sparse=True)
    )  # fmt: skip
    waves = np.fft.fft2(rng.standard_normal(shape)) * np.exp(-k2 * (np.pi * _LENGTH / 2) ** 2 / 2)
    noise = np.fft.ifft2(waves).real
    noise -= noise.mean()
    rms = float(np.sqrt((noise**2).mean()))
    return np.ascontiguousarray(np.clip(noise * (0.4 * WANDER / max(rms, 1e-12)), -WANDER, WANDER) * (rms > 1e-9))
