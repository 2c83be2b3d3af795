"""What a generator is: something that knows where atoms are in all of space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from construction_zone.build.inputs import Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import Volume
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

PERIODIC_FILM: Periodic = (True, True, False)
"""A cell that repeats across the beam but not along it."""


@runtime_checkable
class Generator(Protocol):
    """Fills volumes with atoms.

    The atoms that `fill` returns carry `thermal_u`, the rms displacement per axis in Å (0 where it is not known), and
    may carry `grain`, numbered from 0 within the zone.
    """

    @property
    def phase(self) -> str:
        """Name of the material, e.g. "fcc Au"."""
        ...

    @property
    def pose(self) -> Affine:
        """Origin and orientation: the map from the generator's own frame to the scene."""
        ...

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The atoms inside `volume`, in a fixed order.

        Where the volume is unbounded it ends at the `cell` (Lx, Ly, Lz) in Å; along `periodic` axes it may stick
        through the seam. Raises `SceneError` if the volume misses the cell or holds no atom.
        """
        ...

    def moved(self, affine: Affine) -> Self:
        """This generator after the map `affine`."""
        ...
