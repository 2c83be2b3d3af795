"""Nothing: what a zone is filled with to carve it out of others."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from construction_zone.build import torus
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.inputs import Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes import Volume
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Void:
    """No atoms at all.

    A zone of it removes whatever zones of a higher priority number would put into its volume.
    """

    _: KW_ONLY
    pose: Affine = IDENTITY

    @property
    def phase(self) -> str:
        """Its name; no atom is of this phase."""
        return "void"

    def moved(self, affine: Affine) -> Void:
        """The same nothing."""
        return replace(self, pose=affine @ self.pose)

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """Atoms of which there are none; `SceneError` if the volume misses the cell, so that it could carve nothing."""
        from ase import Atoms

        torus.window(volume, cell)
        atoms = Atoms()
        atoms.set_array("thermal_u", np.zeros(0))
        return atoms
