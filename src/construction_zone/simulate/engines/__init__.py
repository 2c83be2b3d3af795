"""Programs that compute exit waves, behind one narrow door.

An engine is made for a `Specimen` and its `Optics`; its method ``waves(positions, step_done)`` takes the positions
(batch, n, 3) in Å of one or more configurations and gives the waves (variant, tilt, depth, batch, y, x) on the grid of
the optics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.errors import InvalidInput
from construction_zone.simulate.multislice import Multislice, Optics, Specimen


class Engine(Protocol):
    """Computes the waves of one specimen, wherever its atoms are at the moment."""

    def waves(self, positions: NDArray[np.float64], step_done: Callable[[], None]) -> torch.Tensor:
        """Waves (variant, tilt, depth, batch, y, x) for atoms at `positions` (batch, n, 3) in Å."""
        ...


NAMES = ("torch", "abtem")


def engine(name: str) -> Callable[[Specimen, Optics], Engine]:
    """What makes the engine called `name`."""
    if name == "torch":
        return Multislice
    if name == "abtem":
        from construction_zone.simulate.engines.abtem import AbTEM

        return AbTEM
    raise InvalidInput(f"engine is {name!r}; choose one of {', '.join(map(repr, NAMES))}")
