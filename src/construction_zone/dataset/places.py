"""Where particles lie as the beam sees them: discs in a periodic cell, apart from each other or anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from construction_zone import seeding
from construction_zone.errors import SceneError

TRIES = 500
"""Places tried for a particle before the whole arrangement is begun again."""
ARRANGEMENTS = 1000

SUPPORT = 3.0
"""Å. A particle whose middle is no further from an atom of the substrate, as the beam sees it, has something below."""

Disc: TypeAlias = tuple[NDArray[np.float64], float]
"""Centre (x, y) and radius in Å."""


@dataclass(frozen=True, eq=False)
class Spot:
    """Where places are drawn from: the periodic `cell` (Å), a seed and the path of what is drawn.

    With `ground`, the (n, 3) atoms of a substrate, places over its holes are left out.
    """

    cell: tuple[float, float]
    seed: seeding.Seed
    path: str = "particles.position"
    ground: NDArray[np.float64] | None = None

    def tries(self, k: int, arrangement: int = 0) -> NDArray[np.float64]:
        """Places (n, 2) for particle `k`, in the order in which they are tried."""
        size = np.asarray(self.cell)
        tried = seeding.generator(self.seed, self.path, k, arrangement).uniform(size=(TRIES, 2)) * size
        if self.ground is None:
            return tried
        tree = cKDTree(self.ground[:, :2] % size % size, boxsize=size)
        return tried[tree.query(tried % size)[0] <= SUPPORT]

    def anywhere(self, k: int) -> NDArray[np.float64]:
        """A place for particle `k`, whatever else there is."""
        tried = self.tries(k)
        if not len(tried):
            raise SceneError(f"particle {k} found nothing to lie on; take a substrate with fewer or smaller holes")
        return np.asarray(tried[0])


def place(
    radii: Sequence[float],
    cell: tuple[float, float],
    gap: float,
    seed: seeding.Seed,
    spot: Spot | None = None,
    taken: Sequence[Disc] = (),
    overlap: float = 0.0,
) -> list[list[float]]:
    """Random centres (x, y) in the periodic `cell` for discs of `radii`, at least `gap` apart as the beam sees them.

    Discs are placed in turn where there is room beside those `taken`; if one finds none, all are placed anew. `overlap`
    is the share of their radii by which they may overlap. Raises `SceneError` that says how many fitted when no
    arrangement is found.
    """
    size = np.asarray(cell)
    spot = Spot(cell, seed) if spot is None else spot
    for k, radius in enumerate(radii):
        if 2 * radius * (1 - overlap) + gap > size.min():
            raise SceneError(
                f"particle {k} of radius {radius:.4g} Å with a gap of {gap:g} Å does not fit a periodic cell of "
                f"{size.min():g} Å; take a larger cell or a smaller radius"
            )
    most = 0
    for arrangement in range(ARRANGEMENTS):
        placed: list[Disc] = []
        for k, radius in enumerate(radii):
            tried = spot.tries(k, arrangement)
            for centre, other in [*taken, *placed]:
                step = tried - centre
                step -= size * np.round(step / size)
                tried = tried[np.hypot(*step.T) >= (radius + other) * (1 - overlap) + gap]
            if not len(tried):
                break
            placed.append((tried[0], radius))
        if len(placed) == len(radii):
            return [centre.tolist() for centre, _ in placed]
        most = max(most, len(placed))
    raise SceneError(
        f"only {most} of {len(radii)} particles found a place in {size[0]:g} × {size[1]:g} Å with a gap of {gap:g} Å "
        f"after {ARRANGEMENTS} arrangements; take fewer or smaller particles, a smaller gap or a larger cell"
    )
