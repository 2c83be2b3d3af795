"""Turning aberration phases into exp(−iχ), compiled by numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from construction_zone.compiling import njit
from construction_zone.simulate.fft.fields import cosine_and_sine
from construction_zone.simulate.fft.lanes import COUNT, fill, load, store_pairs

_TURN = 1 / (2 * math.pi)
_FAST = {"contract", "nsz", "reassoc", "arcp"}


@njit(nogil=True, error_model="numpy", fastmath=_FAST)
def fill_phase_factors(phase: Any, pairs: Any) -> None:
    """Write cos and −sin of `phase` (n, double) to `pairs` (n, 2, single), right to 3e-7.

    Whole turns are taken off in double precision; then Taylor polynomials of a quarter of a turn, which the compiler
    can do eight at a time.
    """
    for i in range(len(phase)):
        turns = phase[i] * _TURN
        turns -= np.rint(turns)
        x = np.float32(turns)
        far = abs(x) > np.float32(0.25)
        near = math.copysign(np.float32(0.5), x) - x if far else x
        angle = near * np.float32(2 * math.pi)
        s = angle * angle
        sine = np.float32(-1 / 39916800)
        sine = sine * s + np.float32(1 / 362880)
        sine = sine * s - np.float32(1 / 5040)
        sine = sine * s + np.float32(1 / 120)
        sine = sine * s - np.float32(1 / 6)
        sine = angle + angle * s * sine
        cosine = np.float32(1 / 479001600)
        cosine = cosine * s - np.float32(1 / 3628800)
        cosine = cosine * s + np.float32(1 / 40320)
        cosine = cosine * s - np.float32(1 / 720)
        cosine = cosine * s + np.float32(1 / 24)
        cosine = np.float32(1) - s * (np.float32(0.5) - s * cosine)
        pairs[i, 0] = -cosine if far else cosine
        pairs[i, 1] = -sine


@njit(nogil=True, error_model="numpy", fastmath=_FAST)
def fill_transfer(matrix: Any, y: Any, x: Any, pairs: Any) -> None:
    """Write exp(−iχ) with χ = Σ matrix[i, j] y_k^i x_l^j, 7 × 7 terms, to `pairs`, right to 4e-7.

    `pairs` is (len(y)·len(x)·2,), single; nothing of that size but it is read or written.
    """
    row, line = np.empty(7), np.empty(2 * COUNT, np.float32)
    parts = np.zeros((len(x) + COUNT - 1) // COUNT * COUNT, np.float32)
    whole_turn, zero = fill(np.float32(2 * math.pi)), fill(np.float32(0))
    for k in range(len(y)):
        for j in range(7):
            value = 0.0
            for i in range(6, -1, -1):
                value = value * y[k] + matrix[i, j]
            row[j] = value * _TURN
        _fill_parts(row, x, parts)
        for first in range(0, len(x), COUNT):
            cosine, sine = cosine_and_sine(whole_turn * load(parts, first))
            count = min(COUNT, len(x) - first)
            if count == COUNT:
                store_pairs(pairs, 2 * (k * len(x) + first), cosine, zero - sine)
                continue
            store_pairs(line, 0, cosine, zero - sine)
            for n in range(2 * count):
                pairs[2 * (k * len(x) + first) + n] = line[n]


@njit(nogil=True, error_model="numpy", fastmath=_FAST)
def _fill_parts(row: Any, x: Any, parts: Any) -> None:
    """Write what is left of a polynomial in `x` (in turns) without its whole turns."""
    a, b, c, d, e, f, g = row[0], row[1], row[2], row[3], row[4], row[5], row[6]
    for n in range(len(x)):
        t = x[n]
        turns = ((((((g * t + f) * t + e) * t + d) * t + c) * t + b) * t) + a
        parts[n] = np.float32(turns - np.rint(turns))
