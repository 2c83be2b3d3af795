"""Where planar faults can be in a volume."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from construction_zone.build.prefabs.stacking import Fault, Stacking
from construction_zone.build.transforms import align
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput


@dataclass(frozen=True)
class Room:
    """Where faults can be in a volume.

    Parameters
    ----------
    stack
        The sheets, numbered from the one nearest to the middle of the volume.
    first, last
        The sheets that lie wholly between the ends of the volume; None where it has no end.
    """

    stack: Stacking
    first: int | None
    last: int | None

    @classmethod
    def of(cls, stack: Stacking, volume: Volume) -> Room:
        """The room for the sheets of `stack` in `volume`."""
        low, high = volume.moved(align(stack.normal, (0.0, 0.0, 1.0))).bounds[:, 2]
        if not math.isfinite(low + high):
            return cls(stack, None, None)
        numbered = stack.from_sheet(round(((low + high) / 2 - stack.middle(0)) / stack.spacing))
        first = math.ceil((low - numbered.bottom) / numbered.spacing - 1e-6)
        last = math.floor((high - numbered.bottom - numbered.thickness) / numbered.spacing + 1e-6)
        return cls(numbered, first, last)

    def refuse(self, chosen: Sequence[tuple[str, int]], known: Mapping[str, Fault]) -> None:
        """Raise `InvalidInput` for faults outside the volume or in each other's way."""
        for kind, sheet in chosen:
            if self.first is None or self.last is None:
                continue
            if sheet <= self.first or sheet + known[kind].span >= self.last:
                raise InvalidInput(
                    f"{kind} at sheet {sheet} has no atoms on both sides: the volume holds the sheets {self.first} to "
                    f"{self.last} along this normal; give a sheet between them"
                )
        least = 3 if self.stack.cubic else 2
        for (kind, sheet), (other, following) in pairwise(chosen):
            if following - sheet - known[kind].span < least:
                raise InvalidInput(
                    f"{kind} at sheet {sheet} and {other} at sheet {following} are so close that together they would "
                    f"be another fault; leave {least} sheets between their last and first"
                )

    def drawn(
        self,
        count: int,
        kinds: Sequence[str],
        known: Mapping[str, Fault],
        spacing: int,
        edge: int,
        rng: np.random.Generator,
    ) -> list[tuple[str, int]]:
        """`count` faults, each of one of the `kinds`, in places of which all arrangements are equally likely."""
        least = 3 if self.stack.cubic else 2
        if isinstance(spacing, bool) or spacing != int(spacing) or spacing < least:
            raise InvalidInput(f"spacing is {spacing!r}; give a whole number of sheets, {least} or more")
        if isinstance(edge, bool) or edge != int(edge) or edge < 1:
            raise InvalidInput(f"edge is {edge!r}; give a whole number of sheets, 1 or more")
        if self.first is None or self.last is None:
            raise InvalidInput("the volume has no end along the normal of the faults; give their sheets with defects=")
        drawn = [kinds[i] for i in rng.integers(len(kinds), size=count)]
        # without the sheets that faults and the least gaps take, places are any different numbers
        taken = sum(known[kind].span + spacing - 1 for kind in drawn[:-1]) + (known[drawn[-1]].span if drawn else 0)
        free = self.last - self.first + 1 - 2 * int(edge) - taken
        if free < count:
            asked = ", ".join(f"{number} {kind}" for kind, number in Counter(drawn).items())
            raise InvalidInput(
                f"{count} defects ({asked}) do not fit: the volume holds {self.last - self.first + 1} sheets along "
                f"this normal, {edge} at either end stay free and {spacing} are between defects; ask for fewer, or "
                "give a larger volume"
            )
        places = np.sort(rng.choice(free, size=count, replace=False)).tolist()
        found, shift = [], self.first + int(edge)
        for kind, place in zip(drawn, places, strict=True):
            found.append((kind, place + shift))
            shift += known[kind].span + int(spacing) - 1
        return found
