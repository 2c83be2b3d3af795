"""A layer whose faces have a relief that repeats with a cell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.volumes.base import BOUNDARY
from construction_zone.build.volumes.posed import Posed, posed_box
from construction_zone.errors import InvalidInput

_FINENESS = 12
"""Points of the table along a correlation length."""


@dataclass(frozen=True, eq=False)
class Heights:
    """A height for each place of a cell that repeats: a table (nx, ny) in Å over `size` (Lx, Ly), straight between."""

    size: tuple[float, float]
    table: Floats = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", inputs.frozen(self.table))

    def __eq__(self, other: object) -> bool:
        return self.key() == other.key() if isinstance(other, Heights) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key())

    def key(self) -> tuple[object, ...]:
        """What makes two of them the same."""
        return (self.size, self.table.shape, self.table.tobytes())

    def __call__(self, points: Floats) -> Floats:
        """Heights (m,) in Å at `points` (m, 2 or 3)."""
        if self.table.size == 1:
            return np.full(len(points), float(self.table[0, 0]))
        counts = np.array(self.table.shape)
        place = np.mod(points[:, :2] / np.array(self.size), 1.0) * counts
        low = place.astype(np.int64)
        share = place - low
        low %= counts
        high = (low + 1) % counts
        x, y = share[:, 0], share[:, 1]
        near = self.table[low[:, 0], low[:, 1]] * (1 - y) + self.table[low[:, 0], high[:, 1]] * y
        far = self.table[high[:, 0], low[:, 1]] * (1 - y) + self.table[high[:, 0], high[:, 1]] * y
        return np.asarray(near * (1 - x) + far * x)

    @property
    def steepest(self) -> float:
        """A bound of the slope."""
        steps = np.array(self.size) / np.array(self.table.shape)
        slopes = [np.abs(self.table - np.roll(self.table, 1, axis)).max() / steps[axis] for axis in (0, 1)]
        return math.hypot(*slopes)


@dataclass(frozen=True, eq=False)
class Relief(Posed):
    """A layer about z = 0 over one cell, with heights on its faces, a slope and round holes.

    Parameters
    ----------
    size
        (Lx, Ly) of the cell in Å, centred on the origin; half-open like a block.
    thickness
        Mean thickness in Å.
    slope
        Rise of the upper face along x.
    upper, lower
        What is added to the height of either face.
    holes, hole_radius
        Centres (n, 2) and radius in Å of holes, which repeat with the cell.
    """

    size: tuple[float, float]
    thickness: float
    slope: float
    upper: Heights
    lower: Heights
    holes: Floats
    hole_radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "holes", inputs.frozen(np.asarray(self.holes, dtype=np.float64).reshape(-1, 2)))

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Relief) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return (
            self.size,
            self.thickness,
            self.slope,
            self.upper,
            self.lower,
            self.holes.tobytes(),
            self.hole_radius,
            self.pose,
        )

    @property
    def measure(self) -> float:
        """Content in Å³; the heights have no mean and add nothing."""
        area = self.size[0] * self.size[1] - len(self.holes) * math.pi * self.hole_radius**2
        if self.slope and len(self.holes):
            rise = self.slope * self.holes[:, 0].sum() * math.pi * self.hole_radius**2
            return (area * self.thickness - rise) * self._stretch
        return area * self.thickness * self._stretch

    @property
    def bounds(self) -> Floats:
        half = self.thickness / 2
        low, high = (
            -half + float(self.lower.table.min()),
            half + float(self.upper.table.max()) + abs(self.slope) * self.size[0] / 2,
        )
        x, y = self.size[0] / 2, self.size[1] / 2
        return posed_box(np.array([[-x, -y, low], [x, y, high]]), self.pose)

    def _faces(self, points: Floats) -> tuple[Floats, Floats]:
        top = self.thickness / 2 + self.slope * points[:, 0] + self.upper(points)
        return top, -self.thickness / 2 + self.lower(points)

    def _local_contains(self, points: Floats) -> Bools:
        half = np.array(self.size) / 2
        inside: Bools = np.asarray(
            ((points[:, :2] >= -half - BOUNDARY) & (points[:, :2] < half - BOUNDARY)).all(axis=1)
        )
        near = points[inside]
        top, bottom = self._faces(near)
        held = (near[:, 2] >= bottom - BOUNDARY) & (near[:, 2] <= top + BOUNDARY) & (self._to_hole(near) >= -BOUNDARY)
        inside[inside] = held
        return np.asarray(inside)

    def _to_hole(self, points: Floats) -> Floats:
        """Distance (n,) in the plane to the nearest hole's edge, negative in a hole."""
        nearest = np.full(len(points), np.inf)
        for centre in self.holes:
            step = points[:, :2] - centre
            step -= np.array(self.size) * np.round(step / np.array(self.size))
            nearest = np.minimum(nearest, np.hypot(step[:, 0], step[:, 1]) - self.hole_radius)
        return nearest

    def _local_signed_distance(self, points: Floats) -> Floats:
        # the height above a face, over its steepest slope, is no more than the distance to it
        top, bottom = self._faces(points)
        above = (points[:, 2] - top) / math.hypot(1, self.upper.steepest + abs(self.slope))
        below = (bottom - points[:, 2]) / math.hypot(1, self.lower.steepest)
        beside = (np.abs(points[:, :2]) - np.array(self.size) / 2).max(axis=1)
        return np.asarray(np.maximum.reduce([above, below, beside, -self._to_hole(points)]))


def rough(size: tuple[float, float], rms: float, length: float, rng: np.random.Generator) -> Heights:
    """A Gaussian random relief with the correlation function rms²·exp(−(r/ξ)²) that repeats with a cell.

    White noise on a grid, filtered by the root of the transform of the correlation function (Sinha et al., Phys. Rev. B
    38, 2297 (1988), with h = 1), its mean taken away and scaled to `rms` (Å) exactly; ξ is `length` (Å).
    """
    if rms == 0:
        return Heights(size, np.zeros((1, 1)))
    if length > min(size) / 2:
        raise InvalidInput(f"correlation_length is {length:g} Å; a cell of {min(size):g} Å holds half its side at most")
    counts = [math.ceil(_FINENESS * side / length) for side in size]
    k = [2 * math.pi * np.fft.fftfreq(n, side / n) for n, side in zip(counts, size, strict=True)]
    squares = k[0][:, None] ** 2 + k[1][None, :] ** 2
    spectrum = np.fft.fft2(rng.normal(size=counts)) * np.exp(-squares * length**2 / 8)
    spectrum[0, 0] = 0.0
    table = np.fft.ifft2(spectrum).real
    return Heights(size, table * (rms / float(table.std())))
