"""Which atoms lie at a surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.data import covalent_radii

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.periodicity import wrapped

if TYPE_CHECKING:
    from ase import Atoms

PROBE = 2.0
"""Å. A ball of this radius enters no interstice of close-packed, rock-salt or tetrahedral crystals, and no vacancy."""

_DIRECTIONS = 192


def exposed(atoms: Atoms, probe: float = PROBE) -> Bools:
    """Which atoms (n,) a ball of radius `probe` (Å) can touch without running into other atoms.

    Atoms are balls of their covalent radius. This is the solvent-accessible surface of Shrake and Rupley, J. Mol. Biol.
    79, 351 (1973): an atom is exposed if some point at distance (its radius + probe) is no closer to any other atom
    than (that atom's radius + probe); 192 directions are tried. So inner walls of hollows that hold the probe are
    exposed too, grooves narrower than the probe are not, and cells that repeat have no surface at the seam. With a
    smaller probe more of a rough surface counts.
    """
    from construction_zone.build import cells

    reach = covalent_radii[atoms.numbers] + inputs.positive(probe, "probe")
    if not len(atoms):
        return np.zeros(0, dtype=bool)
    points, boxsize = wrapped(atoms)
    sorted_ = cells.sort(points, 2 * float(reach.max()), boxsize)
    return cells.touchable(sorted_, reach, _sphere(_DIRECTIONS))


def _sphere(count: int) -> Floats:
    """Directions (count, 3) spread evenly over the sphere: a Fibonacci spiral."""
    z = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)
