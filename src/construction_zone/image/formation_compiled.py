"""|ψ|² and its image on pixels, compiled for one CPU; the same sums as in `formation`, several times as fast.

Everything is kept in blocks of 16 rows or 16 columns, whose transforms run side by side (`simulate.fft`): beams
are multiplied with the lens while they are read, columns go to rows through squares of 16 × 16, |ψ|² is added up in
the last step of a transform, and the image's spectrum is folded onto its pixels where it arises.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from construction_zone.simulate import threads
from construction_zone.simulate.fft.lanes import (
    COUNT,
    POINT,
    fill,
    load,
    load_pairs,
    store,
    store_pairs,
    transposed_store,
)
from construction_zone.simulate.fft.passes import Plan, compiled, lines, plan, transform

_f = np.float32
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
        threads.shared(lambda i, n: _columns(*given, ny, nx, plan_y, columns, padded, i, n), self.threads)
        threads.shared(lambda i, n: _rows(columns, padded, plan_x, share, self.total, my // COUNT, i, n), self.threads)
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
        turned = Rooms.take("turned", blocks * my)
        scaled = (along_x / (2 * my * mx)).astype(np.complex64)
        folded = nx if both is None else 0
        plan_x, plan_y = _plan(mx), _plan(my)
        threads.shared(
            lambda i, n: _half_spectra(
                self.total, my // COUNT, plan_x, _pairs(scaled), folded, kept, blocks, turned, i, n
            ),
            self.threads,
        )
        result = np.zeros((ny, blocks * COUNT), np.complex64)
        given = (_pairs(along_y.astype(np.complex64)), _NONE)
        if both is not None:
            # the last vector of a row reads on into the next row, to no effect
            given = (given[0], np.append(both, np.zeros(COUNT, np.float32)))
        threads.shared(
            lambda i, n: _half_columns(turned, plan_y, *given, kept, ny, blocks, _pairs(result), i, n), self.threads
        )
        Rooms.give("turned", blocks * my, turned)
        self._done()
        return result[:, :kept]

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


@compiled
def _columns(
    beams: Any,
    transfer: Any,
    along_y: Any,
    along_x: Any,
    ny: int,
    nx: int,
    plan: Any,
    result: Any,
    padded: int,
    part: int,
    parts: int,
) -> None:
    """Transform columns of beams through the lens; result [row // 16, column, row % 16], in pairs."""
    size = plan.length
    (ar, ai), (br, bi) = lines(size), lines(size)
    blocks, zero = padded // COUNT, fill(_f(0))
    for b in range(part * blocks // parts, (part + 1) * blocks // parts):
        left = b * COUNT
        whole = left + COUNT <= nx
        for i in range(size):
            place = i * POINT
            if not whole or i >= ny:
                store(ar, place, zero)
                store(ai, place, zero)
            if i >= ny:
                continue
            if whole:
                start = 2 * (i * nx + left)
                ur, ui = _product(load_pairs(along_x, 2 * left), fill(along_y[2 * i]), fill(along_y[2 * i + 1]))
                ur, ui = _product(load_pairs(transfer, start), ur, ui)
                ur, ui = _product(load_pairs(beams, start), ur, ui)
                store(ar, place, ur)
                store(ai, place, ui)
                continue
            for j in range(left, nx):
                k = 2 * (i * nx + j)
                turn = complex(along_x[2 * j], along_x[2 * j + 1]) * complex(along_y[2 * i], along_y[2 * i + 1])
                lens = turn * complex(transfer[k], transfer[k + 1])
                wave = lens * complex(beams[k], beams[k + 1])
                ar[place + j - left], ai[place + j - left] = wave.real, wave.imag
        # parts are exchanged for the inverse transform
        second = transform(plan, ai, ar, bi, br)
        cr, ci = (br, bi) if second else (ar, ai)
        for row in range(0, size, COUNT):
            start = (row // COUNT * padded + left) * POINT
            transposed_store(result, start, POINT, cr, ci, row * POINT)
            transposed_store(result, start + COUNT, POINT, cr, ci, (row + COUNT // 2) * POINT)


@compiled
def _product(a: Any, re: Any, im: Any) -> Any:
    return a[0] * re - a[1] * im, a[0] * im + a[1] * re


@compiled
def _rows(columns: Any, padded: int, plan: Any, share: float, total: Any, blocks: int, part: int, parts: int) -> None:
    """Transform rows and add `share`·|…|² to total [row // 16, column, row % 16]."""
    size = plan.length
    (ar, ai), (br, bi) = lines(size), lines(size)
    weight, zero = fill(_f(share)), fill(_f(0))
    for b in range(part * blocks // parts, (part + 1) * blocks // parts):
        for x in range(padded):
            re, im = load_pairs(columns, (b * padded + x) * POINT)
            store(ar, x * POINT, re)
            store(ai, x * POINT, im)
        for x in range(padded, size):
            store(ar, x * POINT, zero)
            store(ai, x * POINT, zero)
        second = transform(plan, ai, ar, bi, br)
        cr, ci = (br, bi) if second else (ar, ai)
        for x in range(size):
            re, im = load(cr, x * POINT), load(ci, x * POINT)
            place = (b * size + x) * COUNT
            store(total, place, load(total, place) + weight * (re * re + im * im))


@compiled
def _half_spectra(
    total: Any,
    rows: int,
    plan: Any,
    along_x: Any,
    folded: int,
    kept: int,
    blocks: int,
    result: Any,
    part: int,
    parts: int,
) -> None:
    """Transform 32 real rows at a time, multiply, fold onto `folded` columns; result [k // 16, row, k % 16], in pairs.

    Rows a and b go as a + ib, so that a(k) is (Z(k) + Z*(−k))/2 and b(k) is (Z(k) − Z*(−k))/2i; the half is in
    `along_x` already.
    """
    size = plan.length
    (ar, ai), (br, bi) = lines(size), lines(size)
    (fr, fi), (sr, si) = lines(blocks * COUNT), lines(blocks * COUNT)
    zero, pairs = fill(_f(0)), (rows + 1) // 2
    for pair in range(part * pairs // parts, (part + 1) * pairs // parts):
        a, b = 2 * pair, min(2 * pair + 1, rows - 1)
        for x in range(size):
            store(ar, x * POINT, load(total, (a * size + x) * COUNT))
            store(ai, x * POINT, load(total, (b * size + x) * COUNT))
        second = transform(plan, ar, ai, br, bi)
        cr, ci = (br, bi) if second else (ar, ai)
        for k in range(0, blocks * COUNT * POINT, POINT):
            store(fr, k, zero)
            store(fi, k, zero)
            store(sr, k, zero)
            store(si, k, zero)
        for k in range(size // 2 + 1):
            plus, minus = k * POINT, (size - k) % size * POINT
            pr, pi, mr, mi = load(cr, plus), load(ci, plus), load(cr, minus), load(ci, minus)
            wr, wi = fill(along_x[2 * k]), fill(along_x[2 * k + 1])
            xr, xi = _product((pr + mr, pi - mi), wr, wi)
            yr, yi = _product((pi + mi, mr - pr), wr, wi)
            column = k % folded if folded else k
            if column < kept:
                place = column * POINT
                store(fr, place, load(fr, place) + xr)
                store(fi, place, load(fi, place) + xi)
                store(sr, place, load(sr, place) + yr)
                store(si, place, load(si, place) + yi)
            column = -k % folded if folded else kept
            if column < kept and 0 < 2 * k < size:
                # the half that is not stored is the complex conjugate
                place = column * POINT
                store(fr, place, load(fr, place) + xr)
                store(fi, place, load(fi, place) - xi)
                store(sr, place, load(sr, place) + yr)
                store(si, place, load(si, place) - yi)
        for k in range(0, blocks * COUNT, COUNT // 2):
            start = k // COUNT * rows * COUNT * POINT + 2 * (k % COUNT)
            transposed_store(result, start + a * COUNT * POINT, POINT, fr, fi, k * POINT)
            transposed_store(result, start + b * COUNT * POINT, POINT, sr, si, k * POINT)


@compiled
def _half_columns(
    turned: Any,
    plan: Any,
    along_y: Any,
    both: Any,
    kept: int,
    folded: int,
    blocks: int,
    result: Any,
    part: int,
    parts: int,
) -> None:
    """Transform columns, multiply, fold onto `folded` rows, and add to result (folded, blocks · 16), in pairs."""
    size = plan.length
    (ar, ai), (br, bi) = lines(size), lines(size)
    for b in range(part * blocks // parts, (part + 1) * blocks // parts):
        for y in range(size):
            re, im = load_pairs(turned, (b * size + y) * POINT)
            store(ar, y * POINT, re)
            store(ai, y * POINT, im)
        second = transform(plan, ar, ai, br, bi)
        cr, ci = (br, bi) if second else (ar, ai)
        for k in range(size):
            signed = k if 2 * k <= size else k - size
            place = 2 * (signed % folded * blocks + b) * COUNT
            wr, wi = fill(along_y[2 * k]), fill(along_y[2 * k + 1])
            vr, vi = _product((load(cr, k * POINT), load(ci, k * POINT)), wr, wi)
            if both.size:
                weight = load(both, k * kept + b * COUNT)
                vr, vi = vr * weight, vi * weight
            tr, ti = load_pairs(result, place)
            store_pairs(result, place, tr + vr, ti + vi)
