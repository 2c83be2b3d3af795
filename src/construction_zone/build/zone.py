"""A zone: a volume with the generator that fills it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build.generators.base import Generator
from construction_zone.build.transforms import Affine, translation
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput


@dataclass(frozen=True)
class Zone:
    """A volume with the generator that fills it.

    Parameters
    ----------
    volume, generator
        Where, and with what.
    name
        Names the zone in records and errors; unique in a scene.
    priority
        Where zones overlap the lower number wins; on equal numbers neither fills the overlap.
    """

    volume: Volume
    generator: Generator
    name: str
    priority: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.volume, Volume):
            raise InvalidInput(f"volume is {self.volume!r}; give a volume such as Ball(20)")
        if not isinstance(self.generator, Generator):
            raise InvalidInput(f"generator is {self.generator!r}; give a generator such as Crystal.fcc('Au')")
        if not isinstance(self.name, str) or not self.name:
            raise InvalidInput(f"name is {self.name!r}; give the zone a name such as 'particle'")
        if isinstance(self.priority, bool) or not isinstance(self.priority, (int, np.integer)):
            raise InvalidInput(f"priority of zone {self.name!r} is {self.priority!r}; give a whole number")

    def moved(self, affine: Affine, what: Literal["both", "volume", "generator"] = "both") -> Zone:
        """This zone after the map `affine`, applied to its volume, to its generator or to both."""
        if what not in ("both", "volume", "generator"):
            raise InvalidInput(f"what is {what!r}; give 'both', 'volume' or 'generator'")
        volume = self.volume if what == "generator" else self.volume.moved(affine)
        generator = self.generator if what == "volume" else self.generator.moved(affine)
        return replace(self, volume=volume, generator=generator)

    def shifted(self, vector: ArrayLike) -> Zone:
        """This zone shifted by `vector` (Å)."""
        return self.moved(translation(vector))
