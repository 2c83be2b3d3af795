"""Round pores at random places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.neighbours import tree
from construction_zone.build.volumes.base import BOUNDARY
from construction_zone.build.volumes.posed import Posed, posed_box
from construction_zone.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Balls(Posed):
    """The union of balls of one `radius` (Å) about `centers` (n, 3). Their surface is inside."""

    centers: Floats
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "centers", inputs.frozen(inputs.points(self.centers, "centers")))
        object.__setattr__(self, "radius", inputs.positive(self.radius, "radius"))

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Balls) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return (self.centers.tobytes(), self.radius, self.pose)

    @property
    def bounds(self) -> Floats:
        low, high = self.centers.min(axis=0) - self.radius, self.centers.max(axis=0) + self.radius
        return posed_box(np.stack([low, high]), self.pose)

    def _local_contains(self, points: Floats) -> Bools:
        found, _ = tree(self.centers, np.zeros(3)).query(points, distance_upper_bound=self.radius + BOUNDARY)
        return np.asarray(np.isfinite(found))

    def _local_signed_distance(self, points: Floats) -> Floats:
        found, _ = tree(self.centers, np.zeros(3)).query(points)
        return np.asarray(found) - self.radius


def scattered(sites: Floats, radius: float, share: float, rng: np.random.Generator) -> Floats:
    """Centres (n, 3), each at one of the `sites` (m, 3) still left, of balls that take about `share` of the sites."""
    known = tree(sites, np.zeros(3))
    left = np.ones(len(sites), dtype=bool)
    centres: list[Floats] = []
    wanted = share * len(sites)
    for index in rng.permutation(len(sites)):
        taken = len(sites) - int(left.sum())
        if not left[index]:
            continue
        members = np.array(known.query_ball_point(sites[index], radius), dtype=np.intp)
        after = taken + int(left[members].sum())
        if after > wanted and after - wanted > wanted - taken:
            break
        centres.append(sites[index])
        left[members] = False
    if not centres:
        raise InvalidInput(
            f"one pore of {radius:g} Å already takes more than twice {share:.0%} of the particle; give smaller pores"
        )
    return np.array(centres)
