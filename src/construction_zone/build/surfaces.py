"""Which atoms lie at a surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools
from construction_zone.build.periodicity import wrapped

if TYPE_CHECKING:
    from ase import Atoms

PROBE = 3.3
"""Å. A ball of this radius holds an atom's centre wherever it is put in a dense crystal, with or without a vacancy."""

_NEAR = 1.15
"""Atoms nearer than this times the ball's radius cover nearly every atom that is inside."""


def exposed(atoms: Atoms, probe: float = PROBE) -> Bools:
    """Which atoms (n,) a ball of radius `probe` (Å) can touch without the centre of an atom inside it.

    These are the corners of the atoms' alpha shape (Edelsbrunner & Mücke, ACM Trans. Graph. 13, 43 (1994)). Inner walls
    of hollows that hold the ball are exposed too, grooves narrower than the ball are not, and cells that repeat have no
    surface at the seam. With a smaller ball more of a rough surface counts; below 2.9 Å the rim of a vacancy in gold
    does.
    """
    from construction_zone.build import cells

    radius = inputs.positive(probe, "probe")
    points, boxsize = wrapped(atoms)
    found = np.ones(len(points), dtype=bool)
    if not len(points):
        return found
    # first a few atoms, which settle most of those inside, then all that can be in the way
    for near, span in ((_NEAR * radius, 1), (2 * radius, 2)):
        found = cells.touchable(cells.sort(points, near, boxsize, span), found, radius, near)
    return found
