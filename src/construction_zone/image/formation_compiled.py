"""|ψ|² and its image on pixels, compiled for one CPU; the same sums as in `formation`, several times as fast.

Everything is kept in blocks of 16 rows or 16 columns, whose transforms run side by side (`simulate.fft`): beams
are multiplied with the lens while they are read, columns go to rows through squares of 16 × 16, |ψ|² is added up in
the last step of a transform, and the image's spectrum is folded onto its pixels where it arises.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import torch

from construction_zone.image import formation_loops
from construction_zone.simulate import threads
from construction_zone.simulate.fft.lanes import COUNT, POINT
from construction_zone.simulate.fft.passes import Plan, plan

_NONE = np.zeros(0, np.float32)

WORTH_A_THREAD = 1 << 18
"""Points of the grid of |ψ|² that are worth a thread."""

LARGEST_KEPT = 1 << 27
"""Bytes of a piece of memory that is kept for the next image; images from about 2900² on take it anew."""


def transformable(size: int) -> bool:
    """Whether a side of the grid can be `size`: whole blocks, with factors that there are passes for."""
    return size % COUNT == 0 and plan(size) is not None


def _plan(size: int) -> Plan:
    found = plan(size)
    assert found is not None
    return found


class Rooms:
    """Memory that is used again by the next image of the same size: fresh pages cost as much time as the transforms."""

    _own = threading.local()

    @classmethod
    def take(cls, name: str, points: int) -> np.ndarray:
        """Room for `points` of a block, by name; what it holds is left over."""
        kept = cls._own.__dict__.setdefault("kept", {})
        room = kept.pop((name, points), None)
        if room is not None:
            return np.asarray(room)
        for key in [key for key in kept if key[0] == name]:
            del kept[key]
        return np.empty(points * POINT, np.float32)

    @classmethod
    def give(cls, name: str, points: int, room: np.ndarray) -> None:
        """Keep `room` for who takes it next, unless it is large."""
        if room.nbytes <= LARGEST_KEPT:
            cls._own.__dict__.setdefault("kept", {})[name, points] = room


class CompiledSum:
    """Σ share·|ψ|² on a grid (my, mx) whose sides are `transformable`."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.threads = max(1, min(threads.allowed(), shape[0] * shape[1] // WORTH_A_THREAD))
        self.points = shape[0] * shape[1] // POINT
        self.total = Rooms.take("total", self.points)
        self.total.fill(0)

    def add(
        self,
        beams: torch.Tensor,
        transfer: torch.Tensor,
        phases: tuple[torch.Tensor, torch.Tensor] | None,
        share: float,
    ) -> None:
        """Add `share`·|F⁻¹[beams · transfer · phases along y · phases along x]|² (see `formation.IntensitySum`)."""
        my, mx = self.shape
        ny, nx = beams.shape
        padded = -(-nx // COUNT) * COUNT
        along_y, along_x = (np.ones(n, np.complex64) for n in (ny, nx))
        if phases is not None:
            along_y, along_x = (phase.numpy().reshape(-1) for phase in phases)
        columns = Rooms.take("columns", my // COUNT * padded)
        given = (_pairs(beams.numpy()), _pairs(transfer.numpy()), _pairs(along_y), _pairs(along_x))
        plan_y, plan_x = _plan(my), _plan(mx)
        threads.shared(
            lambda i, n: formation_loops.columns(*given, ny, nx, plan_y, columns, padded, i, n), self.threads
        )
        threads.shared(
            lambda i, n: formation_loops.rows(columns, padded, plan_x, share, self.total, my // COUNT, i, n),
            self.threads,
        )
        Rooms.give("columns", my // COUNT * padded, columns)

    def intensity(self) -> torch.Tensor:
        """The sum, (my, mx)."""
        my, mx = self.shape
        rows = self.total.reshape(my // COUNT, mx, COUNT).transpose(0, 2, 1)
        result = torch.from_numpy(np.ascontiguousarray(rows).reshape(my, mx))
        self._done()
        return result

    def spectrum(
        self, shape: tuple[int, int], along_y: np.ndarray, along_x: np.ndarray, both: np.ndarray | None
    ) -> np.ndarray:
        """The spectrum of the sum times factors, folded along y onto a grid of `shape`, and along x if it can be.

        Parameters
        ----------
        shape
            (ny, nx) of the image.
        along_y, along_x
            factors (my,) and (mx // 2 + 1,), complex64.
        both
            factor (my, mx // 2 + 1), float32, or None.

        Returns
        -------
        Complex (ny, nx // 2 + 1), or with `both` (ny, mx // 2 + 1), not folded along x.
        """
        my, mx = self.shape
        ny, nx = shape
        kept = nx // 2 + 1 if both is None else mx // 2 + 1
        blocks = -(-kept // COUNT)
        turned = self._half_spectra(along_x, nx if both is None else 0, kept)
        result = np.zeros((ny, blocks * COUNT), np.complex64)
        given = (_pairs(along_y.astype(np.complex64)), _NONE)
        if both is not None:
            # the last vector of a row reads on into the next row, to no effect
            given = (given[0], np.append(both, np.zeros(COUNT, np.float32)))
        threads.shared(
            lambda i, n: formation_loops.half_columns(
                turned, _plan(my), *given, kept, ny, blocks, _pairs(result), i, n
            ),
            self.threads,
        )
        Rooms.give("turned", blocks * my, turned)
        return result[:, :kept]

    def image(self, shape: tuple[int, int], along_y: np.ndarray, along_x: np.ndarray) -> np.ndarray:
        """The sum with its spectrum multiplied by factors, sampled on a grid of `shape` of `transformable` sides.

        Parameters are those of `spectrum`. Returns float32 `shape`.
        """
        my, _ = self.shape
        ny, nx = shape
        padded = -(-(nx // 2 + 1) // COUNT) * COUNT
        turned = self._half_spectra(along_x, nx, nx // 2 + 1)
        columns = Rooms.take("columns", ny // COUNT * padded)
        factor, plan_y, plan_x = _pairs(along_y.astype(np.complex64)), _plan(ny), _plan(nx)
        threads.shared(
            lambda i, n: formation_loops.image_columns(turned, _plan(my), factor, plan_y, padded, columns, i, n),
            self.threads,
        )
        Rooms.give("turned", padded // COUNT * my, turned)
        result = np.empty(ny * nx, np.float32)
        threads.shared(
            lambda i, n: formation_loops.image_rows(columns, padded, plan_x, ny // COUNT, result, i, n), self.threads
        )
        Rooms.give("columns", ny // COUNT * padded, columns)
        return result.reshape(shape)

    def _half_spectra(self, along_x: np.ndarray, folded: int, kept: int) -> np.ndarray:
        """The rows' spectra times `along_x`, folded onto `folded` columns or not (0), the first `kept` of them."""
        my, mx = self.shape
        blocks = -(-kept // COUNT)
        turned = Rooms.take("turned", blocks * my)
        scaled = _pairs((along_x / (2 * my * mx)).astype(np.complex64))
        threads.shared(
            lambda i, n: formation_loops.half_spectra(
                self.total, my // COUNT, _plan(mx), scaled, folded, kept, blocks, turned, i, n
            ),
            self.threads,
        )
        self._done()
        return turned

    def _done(self) -> None:
        Rooms.give("total", self.points, self.total)
        del self.total


def joined(factors: Sequence[torch.Tensor], axis: int, size: int) -> np.ndarray:
    """The product of those factors that vary along `axis` alone, complex (size,)."""
    result = np.ones(size, np.complex128)
    for factor in factors:
        if factor.shape[1 - axis] == 1 and factor.shape[axis] == size:
            result *= factor.detach().numpy().reshape(-1)
    return result


def _pairs(array: np.ndarray) -> np.ndarray:
    """Complex numbers as pairs, flat."""
    return np.ascontiguousarray(array).reshape(-1).view(np.float32)
