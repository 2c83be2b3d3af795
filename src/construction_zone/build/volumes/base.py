"""What every volume can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.transforms import Affine
from construction_zone.errors import InvalidInput

BOUNDARY = 1e-6
"""Å. Points this close to a boundary count as on it, so that rounding does not decide about lattice points."""

CHUNK = 65_536
"""Points that are worked on at once."""

_T = TypeVar("_T", bound=np.generic)


class Volume(ABC):
    """A region of space.

    Volumes combine with ``&`` (both), ``|`` (either) and ``-`` (the first without the second).
    """

    def contains(self, points: ArrayLike) -> Bools:
        """Which of `points` (n, 3) in Å lie inside, as (n,) booleans."""
        return in_chunks(self._contains, inputs.points(points), np.bool_)

    def signed_distance(self, points: ArrayLike) -> Floats:
        """Distance (n,) in Å of `points` (n, 3) to the boundary, negative inside.

        Exact for a primitive that was moved rigidly, and for half-spaces, slabs, polyhedra and meshes under any map;
        otherwise never larger in magnitude than the true distance.
        """
        return in_chunks(self._signed_distance, inputs.points(points), np.float64)

    @property
    @abstractmethod
    def bounds(self) -> Floats:
        """Corners ((x, y, z) low, (x, y, z) high) in Å, (2, 3), of a box that holds the volume; ±inf if unbounded."""

    @abstractmethod
    def moved(self, affine: Affine) -> Volume:
        """This volume after the map `affine`."""

    @abstractmethod
    def _contains(self, points: Floats) -> Bools: ...

    @abstractmethod
    def _signed_distance(self, points: Floats) -> Floats: ...

    def _near_distance(self, points: Floats, limit: float) -> Floats:
        """The signed distance where its magnitude is at most `limit`; elsewhere of its sign and beyond `limit`."""
        return self._signed_distance(points)

    def offset(self, distance: float) -> Volume:
        """This volume grown by `distance` Å on all sides (shrunk if negative); see `volumes.offset.offset`."""
        from construction_zone.build.volumes.offset import offset

        return offset(self, distance)

    def shell(self, thickness: float, *, outward: bool = False) -> Volume:
        """The layer of `thickness` Å just inside the surface, or just outside it; see `volumes.offset.shell`."""
        from construction_zone.build.volumes.offset import shell

        return shell(self, thickness, outward=outward)

    def __and__(self, other: Volume) -> Volume:
        from construction_zone.build.volumes.combine import Intersection

        return _combined(Intersection, self, other)

    def __or__(self, other: Volume) -> Volume:
        from construction_zone.build.volumes.combine import Union

        return _combined(Union, self, other)

    def __sub__(self, other: Volume) -> Volume:
        from construction_zone.build.volumes.combine import Difference

        return _combined(Difference, self, other)


def in_chunks(
    function: Callable[[Floats], NDArray[_T]], points: Floats, dtype: type[_T], size: int = CHUNK
) -> NDArray[_T]:
    """`function` of `points` (n, 3), `size` of them at a time, so that intermediate results take little memory."""
    if len(points) <= size:
        return function(points) if len(points) else np.empty(0, dtype=dtype)
    values = np.empty(len(points), dtype=dtype)
    for start in range(0, len(points), size):
        values[start : start + size] = function(points[start : start + size])
    return values


@runtime_checkable
class Measured(Protocol):
    """A volume whose content is known in closed form."""

    @property
    def measure(self) -> float:
        """Content in Å³."""
        ...


def is_empty(bounds: Floats) -> bool:
    """Whether a box (2, 3) holds nothing: its low corner lies beyond its high corner."""
    return bool((bounds[0] > bounds[1]).any())


def centred_box(center: Floats, half: Floats) -> Floats:
    """The (2, 3) box of half-lengths `half` about `center`."""
    return np.stack([center - half, center + half])


def _combined(kind: Callable[[Volume, Volume], Volume], first: Volume, second: Volume) -> Volume:
    if not isinstance(second, Volume):
        raise InvalidInput(f"a volume cannot be combined with {second!r}; give another volume such as Ball(10)")
    return kind(first, second)
