"""Turning phases into waves, compiled by numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from construction_zone.compiling import njit

_TURN = 1 / (2 * math.pi)
_FAST = {"contract", "nsz", "reassoc", "arcp"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FAST)
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
