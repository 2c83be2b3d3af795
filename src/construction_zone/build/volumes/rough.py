"""Volumes with a rough surface."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.volumes.base import BOUNDARY, Volume, in_chunks
from construction_zone.build.volumes.offset import slack
from construction_zone.build.volumes.posed import Posed
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

WAVES = 128
"""Plane waves that make up the noise."""

_POINTS = 512
"""Points that are worked on at once: few enough for all their waves to stay in the processor's cache."""

HIGHEST = 4.0
"""Times `amplitude`: the noise is cut there, which fewer than one place in ten thousand meets."""


@dataclass(frozen=True)
class Rough(Posed):
    """`volume` with its surface moved in and out along its normal by smooth random noise.

    The noise is a Gaussian random field in space with the correlation function a²·exp(−(r/ξ)²), as is usual for rough
    surfaces (Sinha et al., Phys. Rev. B 38, 2297 (1988), with h = 1), made of 128 plane waves with random directions,
    lengths and phases, so that it repeats nowhere. It belongs to the volume's own frame and moves with it.

    Parameters
    ----------
    volume
        Any volume that knows signed distances; beside edges, and where these are bounds only, the surface moves by
        more than the noise says, as in `offset`.
    amplitude
        a, the root mean square of the displacement in Å. No point of the surface moves by more than 4a.
    correlation_length
        ξ in Å, over which the correlation falls to 1/e.
    seed
        Draws the noise.
    """

    volume: Volume
    amplitude: float
    correlation_length: float
    seed: Seed = 0

    def __post_init__(self) -> None:
        if not isinstance(self.volume, Volume):
            raise InvalidInput(f"volume is {self.volume!r}; give a volume such as Ball(20)")
        object.__setattr__(self, "amplitude", inputs.not_negative(self.amplitude, "amplitude"))
        object.__setattr__(self, "correlation_length", inputs.positive(self.correlation_length, "correlation_length"))
        seeding.sequence(self.seed)
        self.volume.signed_distance((0.0, 0.0, 0.0))  # a volume that knows no distances says so now

    @property
    def bounds(self) -> Floats:
        extra = HIGHEST * self.amplitude * slack(self.volume) * np.linalg.norm(self.pose.matrix, axis=1)
        return self.volume.moved(self.pose).bounds + np.stack([-extra, extra])

    def noise(self, points: Floats) -> Floats:
        """Displacement (n,) in Å, outwards, at `points` (n, 3) in the volume's own frame."""
        total = in_chunks(self._sum_of_waves, points, np.float64, _POINTS) * (self.amplitude * math.sqrt(2 / WAVES))
        return np.clip(total, -HIGHEST * self.amplitude, HIGHEST * self.amplitude)

    def _sum_of_waves(self, points: Floats) -> Floats:
        vectors, phases = self._waves
        turns = points @ vectors
        turns += phases
        # within one turn single precision is good to 1e-6, and its cosines take a tenth of the time
        turns -= np.floor(turns)
        angles = turns.astype(np.float32)
        angles *= np.float32(2 * math.pi)
        np.cos(angles, out=angles)
        return np.asarray(angles.sum(axis=1, dtype=np.float64))

    @cached_property
    def _waves(self) -> tuple[Floats, Floats]:
        """Wave vectors (3, waves) in turns per Å and phases (waves,) in turns."""
        # the transform of exp(−(r/ξ)²) is a normal density with variance 2/ξ² along each axis
        rng = seeding.generator(self.seed, "roughness")
        vectors = rng.normal(scale=math.sqrt(2) / self.correlation_length, size=(WAVES, 3)) / (2 * math.pi)
        return np.ascontiguousarray(vectors.T), rng.uniform(0, 1, WAVES)

    @property
    def _steepness(self) -> float:
        return 2 * math.pi * float(np.linalg.norm(self._waves[0], axis=0).sum())

    def _local_contains(self, points: Floats) -> Bools:
        margin = HIGHEST * self.amplitude + 1e-3
        return np.asarray(self._displaced(points, self.volume._near_distance(points, margin)) <= BOUNDARY)

    def _local_signed_distance(self, points: Floats) -> Floats:
        # two lower bounds: the surface is within the highest noise of the smooth one, and the function that vanishes
        # on it changes by no more than its steepest slope
        smooth = self.volume._signed_distance(points)
        displaced = self._displaced(points, smooth)
        steepest = 1 + self.amplitude * math.sqrt(2 / WAVES) * self._steepness
        far = np.abs(smooth) - HIGHEST * self.amplitude
        return np.copysign(np.maximum(far, np.abs(displaced) / steepest), displaced)

    def _displaced(self, points: Floats, smooth: Floats) -> Floats:
        """The distance `smooth` (n,) less the noise, where the noise may decide."""
        displaced = smooth.copy()
        near = np.abs(smooth) <= HIGHEST * self.amplitude + 1e-3
        displaced[near] -= self.noise(points[near])
        return displaced
