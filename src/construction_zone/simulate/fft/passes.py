"""Fourier transforms of sixteen lines at a time, in compiled code.

Stockham's self-sorting algorithm (Van Loan, Computational Frameworks for the Fast Fourier Transform (1992), section
1.7): each pass takes one factor p of the length, reads the line as p parts, combines them by a transform of length p,
turns the results by their twiddle factors and writes them where the next pass finds them. Sixteen lines lie side by
side, sixteen real parts and then sixteen imaginary ones, so that every operation is one on `lanes`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from construction_zone.compiling import njit
from construction_zone.simulate.fft.lanes import COUNT, POINT, fill, load, store

compiled = njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz"})

RADICES = (4, 2, 3, 5, 7, 11, 13, 8)
"""Factors that a pass can take out of a length."""

_f = np.float32
_HALF_ROOT_3 = _f(math.sqrt(3) / 2)
_COS_1, _COS_2 = _f(math.cos(2 * math.pi / 5)), _f(math.cos(4 * math.pi / 5))
_ROOT_HALF = _f(math.sqrt(0.5))
_SIN_1, _SIN_2 = _f(math.sin(2 * math.pi / 5)), _f(math.sin(4 * math.pi / 5))


class Plan(NamedTuple):
    """How lines of `length` are transformed: the factors in turn, and the twiddle factors of all passes.

    Pass t has factor p = factors[t] and takes what is left, m, in parts: its twiddle factors exp(−2πi ak/(pm)) lie at
    ``starts[t] + 2·((p − 1)·a + k − 1)``, real and imaginary, a < m, 0 < k < p. `roots` are those of the large factors:
    exp(−2πi n/p) at ``14·2·i + 2·n`` for the i-th of `RADICES`.
    """

    length: int
    factors: NDArray[np.int64]
    twiddles: NDArray[np.float32]
    starts: NDArray[np.int64]
    roots: NDArray[np.float32]


@lru_cache(maxsize=64)
def plan(length: int) -> Plan | None:
    """The `Plan` of lines of `length`, or None if it has a factor that is not in `RADICES`."""
    if length < 1:
        return None
    factors: list[int] = []
    rest, twos = length, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    # each pass reads and writes all: few of them, but two fours rather than an eight and a two, and a four in the end
    last = twos >= 2
    twos -= 2 * last
    fours = (0, 2 if twos > 1 else 0, 1)[twos % 3]
    eights = (twos - 2 * fours) // 3
    factors += [8] * eights + [4] * fours + [2] * (twos - 3 * eights - 2 * fours)
    for p in (13, 11, 7, 5, 3):
        while rest % p == 0:
            factors.append(p)
            rest //= p
    factors += [4] * last
    if rest != 1:
        return None
    parts, starts, rest = [np.zeros(0)], [0], length
    for p in factors:
        rest //= p
        turns = np.exp(-2j * np.pi / (p * rest) * np.outer(np.arange(rest), np.arange(1, p)))
        parts.append(np.stack([turns.real, turns.imag], axis=-1).ravel())
        starts.append(starts[-1] + parts[-1].size)
    roots = np.zeros((len(RADICES), 14, 2))
    for i, p in enumerate(RADICES):
        turns = np.exp(-2j * np.pi * np.arange(p) / p)
        roots[i, :p, 0], roots[i, :p, 1] = turns.real, turns.imag
    return Plan(
        length,
        np.array(factors, dtype=np.int64),
        np.concatenate(parts).astype(np.float32),
        np.array(starts, dtype=np.int64),
        roots.ravel().astype(np.float32),
    )


@compiled
def lines(length: int) -> Any:
    """Room for the real and for the imaginary parts of sixteen lines, which take turns in it; aligned to vectors."""
    room = np.empty((length + 1) * POINT, np.float32)
    start = (-(room.ctypes.data // 4)) % COUNT
    end = start + length * POINT
    return room[start:end], room[start + COUNT : end + COUNT]


@compiled
def transform(plan: Any, ar: Any, ai: Any, br: Any, bi: Any) -> bool:
    """Transform sixteen lines, element n of line l at 32n + l of `ar` and `ai`; `br`, `bi` are of the same size.

    `lines` makes each pair of arrays.

    Returns whether the result lies in the second pair of arrays. Not normalised. The inverse transform is this one with
    real and imaginary parts exchanged, of what goes in and of what comes out.
    """
    rest, step = plan.length, POINT
    second = False
    for t in range(len(plan.factors)):
        p = plan.factors[t]
        rest //= p
        first = plan.starts[t]
        xr, xi, yr, yi = (br, bi, ar, ai) if second else (ar, ai, br, bi)
        if p == 4 and rest == 1:
            _last_4(xr, xi, yr, yi, step)
        elif p == 8:
            _pass_8(xr, xi, yr, yi, rest, step, plan.twiddles, first)
        elif p == 4:
            _pass_4(xr, xi, yr, yi, rest, step, plan.twiddles, first)
        elif p == 2:
            _pass_2(xr, xi, yr, yi, rest, step, plan.twiddles, first)
        elif p == 3:
            _pass_3(xr, xi, yr, yi, rest, step, plan.twiddles, first)
        elif p == 5:
            _pass_5(xr, xi, yr, yi, rest, step, plan.twiddles, first)
        else:
            _pass_any(xr, xi, yr, yi, rest, step, plan.twiddles, first, p, plan.roots)
        step *= p
        second = not second
    return second


@compiled
def _turned(yr: Any, yi: Any, place: int, vr: Any, vi: Any, wr: Any, wi: Any) -> None:
    """Write v · w."""
    store(yr, place, vr * wr - vi * wi)
    store(yi, place, vr * wi + vi * wr)


@compiled
def _pass_2(xr: Any, xi: Any, yr: Any, yi: Any, rest: int, step: int, w: Any, first: int) -> None:
    part = rest * step
    for a in range(rest):
        at = first + 2 * a
        w1r, w1i = fill(w[at]), fill(w[at + 1])
        for n in range(a * step, (a + 1) * step, POINT):
            out = n + a * step
            ar, ai, br, bi = load(xr, n), load(xi, n), load(xr, n + part), load(xi, n + part)
            store(yr, out, ar + br)
            store(yi, out, ai + bi)
            _turned(yr, yi, out + step, ar - br, ai - bi, w1r, w1i)


@compiled
def _pass_3(xr: Any, xi: Any, yr: Any, yi: Any, rest: int, step: int, w: Any, first: int) -> None:
    part = rest * step
    half, root = fill(_f(0.5)), fill(_HALF_ROOT_3)
    for a in range(rest):
        at = first + 4 * a
        w1r, w1i, w2r, w2i = fill(w[at]), fill(w[at + 1]), fill(w[at + 2]), fill(w[at + 3])
        for n in range(a * step, (a + 1) * step, POINT):
            out = n + 2 * a * step
            ar, ai = load(xr, n), load(xi, n)
            br, bi = load(xr, n + part), load(xi, n + part)
            cr, ci = load(xr, n + 2 * part), load(xi, n + 2 * part)
            sr, si = br + cr, bi + ci
            dr, di = root * (br - cr), root * (bi - ci)
            store(yr, out, ar + sr)
            store(yi, out, ai + si)
            mr, mi = ar - half * sr, ai - half * si
            _turned(yr, yi, out + step, mr + di, mi - dr, w1r, w1i)
            _turned(yr, yi, out + 2 * step, mr - di, mi + dr, w2r, w2i)


@compiled
def _pass_4(xr: Any, xi: Any, yr: Any, yi: Any, rest: int, step: int, w: Any, first: int) -> None:
    part = rest * step
    for a in range(rest):
        at = first + 6 * a
        w1r, w1i, w2r, w2i = fill(w[at]), fill(w[at + 1]), fill(w[at + 2]), fill(w[at + 3])
        w3r, w3i = fill(w[at + 4]), fill(w[at + 5])
        for n in range(a * step, (a + 1) * step, POINT):
            out = n + 3 * a * step
            ar, ai = load(xr, n), load(xi, n)
            br, bi = load(xr, n + part), load(xi, n + part)
            cr, ci = load(xr, n + 2 * part), load(xi, n + 2 * part)
            dr, di = load(xr, n + 3 * part), load(xi, n + 3 * part)
            pr, pi, qr, qi = ar + cr, ai + ci, ar - cr, ai - ci
            tr, ti, ur, ui = br + dr, bi + di, br - dr, bi - di
            store(yr, out, pr + tr)
            store(yi, out, pi + ti)
            _turned(yr, yi, out + step, qr + ui, qi - ur, w1r, w1i)
            _turned(yr, yi, out + 2 * step, pr - tr, pi - ti, w2r, w2i)
            _turned(yr, yi, out + 3 * step, qr - ui, qi + ur, w3r, w3i)


@compiled
def _last_4(xr: Any, xi: Any, yr: Any, yi: Any, step: int) -> None:
    for n in range(0, step, POINT):
        ar, ai, br, bi = load(xr, n), load(xi, n), load(xr, n + step), load(xi, n + step)
        cr, ci, dr, di = (
            load(xr, n + 2 * step),
            load(xi, n + 2 * step),
            load(xr, n + 3 * step),
            load(xi, n + 3 * step),
        )
        pr, pi, qr, qi = ar + cr, ai + ci, ar - cr, ai - ci
        tr, ti, ur, ui = br + dr, bi + di, br - dr, bi - di
        store(yr, n, pr + tr)
        store(yi, n, pi + ti)
        store(yr, n + step, qr + ui)
        store(yi, n + step, qi - ur)
        store(yr, n + 2 * step, pr - tr)
        store(yi, n + 2 * step, pi - ti)
        store(yr, n + 3 * step, qr - ui)
        store(yi, n + 3 * step, qi + ur)


@compiled
def _pass_5(xr: Any, xi: Any, yr: Any, yi: Any, rest: int, step: int, w: Any, first: int) -> None:
    part = rest * step
    c1, c2, s1, s2 = fill(_COS_1), fill(_COS_2), fill(_SIN_1), fill(_SIN_2)
    for a in range(rest):
        at = first + 8 * a
        w1r, w1i, w2r, w2i = fill(w[at]), fill(w[at + 1]), fill(w[at + 2]), fill(w[at + 3])
        w3r, w3i, w4r, w4i = fill(w[at + 4]), fill(w[at + 5]), fill(w[at + 6]), fill(w[at + 7])
        for n in range(a * step, (a + 1) * step, POINT):
            out = n + 4 * a * step
            ar, ai = load(xr, n), load(xi, n)
            br, bi = load(xr, n + part), load(xi, n + part)
            cr, ci = load(xr, n + 2 * part), load(xi, n + 2 * part)
            dr, di = load(xr, n + 3 * part), load(xi, n + 3 * part)
            er, ei = load(xr, n + 4 * part), load(xi, n + 4 * part)
            pr, pi, qr, qi = br + er, bi + ei, cr + dr, ci + di
            mr, mi, nr, ni = br - er, bi - ei, cr - dr, ci - di
            store(yr, out, ar + pr + qr)
            store(yi, out, ai + pi + qi)
            ur, ui = ar + c1 * pr + c2 * qr, ai + c1 * pi + c2 * qi
            vr, vi = ar + c2 * pr + c1 * qr, ai + c2 * pi + c1 * qi
            fr, fi = s1 * mr + s2 * nr, s1 * mi + s2 * ni
            gr, gi = s2 * mr - s1 * nr, s2 * mi - s1 * ni
            _turned(yr, yi, out + step, ur + fi, ui - fr, w1r, w1i)
            _turned(yr, yi, out + 2 * step, vr + gi, vi - gr, w2r, w2i)
            _turned(yr, yi, out + 3 * step, vr - gi, vi + gr, w3r, w3i)
            _turned(yr, yi, out + 4 * step, ur - fi, ui + fr, w4r, w4i)


@compiled
def _pass_8(xr: Any, xi: Any, yr: Any, yi: Any, rest: int, step: int, w: Any, first: int) -> None:
    part = rest * step
    root = fill(_ROOT_HALF)
    for a in range(rest):
        at = first + 14 * a
        w1r, w1i, w2r, w2i = fill(w[at]), fill(w[at + 1]), fill(w[at + 2]), fill(w[at + 3])
        w3r, w3i, w4r, w4i = fill(w[at + 4]), fill(w[at + 5]), fill(w[at + 6]), fill(w[at + 7])
        w5r, w5i, w6r, w6i = fill(w[at + 8]), fill(w[at + 9]), fill(w[at + 10]), fill(w[at + 11])
        w7r, w7i = fill(w[at + 12]), fill(w[at + 13])
        for n in range(a * step, (a + 1) * step, POINT):
            out = n + 7 * a * step
            # transforms of four of the even and of the odd parts
            ar, ai, er, ei = load(xr, n), load(xi, n), load(xr, n + 4 * part), load(xi, n + 4 * part)
            cr, ci, gr, gi = (
                load(xr, n + 2 * part),
                load(xi, n + 2 * part),
                load(xr, n + 6 * part),
                load(xi, n + 6 * part),
            )
            pr, pi, qr, qi = ar + er, ai + ei, ar - er, ai - ei
            tr, ti, ur, ui = cr + gr, ci + gi, cr - gr, ci - gi
            e0r, e0i, e2r, e2i = pr + tr, pi + ti, pr - tr, pi - ti
            e1r, e1i, e3r, e3i = qr + ui, qi - ur, qr - ui, qi + ur
            br, bi, fr, fi = load(xr, n + part), load(xi, n + part), load(xr, n + 5 * part), load(xi, n + 5 * part)
            dr, di, hr, hi = (
                load(xr, n + 3 * part),
                load(xi, n + 3 * part),
                load(xr, n + 7 * part),
                load(xi, n + 7 * part),
            )
            pr, pi, qr, qi = br + fr, bi + fi, br - fr, bi - fi
            tr, ti, ur, ui = dr + hr, di + hi, dr - hr, di - hi
            o0r, o0i, o2r, o2i = pr + tr, pi + ti, pi - ti, tr - pr
            mr, mi, nr, ni = qr + ui, qi - ur, qr - ui, qi + ur
            o1r, o1i, o3r, o3i = root * (mr + mi), root * (mi - mr), root * (ni - nr), fill(_f(0)) - root * (nr + ni)
            store(yr, out, e0r + o0r)
            store(yi, out, e0i + o0i)
            _turned(yr, yi, out + step, e1r + o1r, e1i + o1i, w1r, w1i)
            _turned(yr, yi, out + 2 * step, e2r + o2r, e2i + o2i, w2r, w2i)
            _turned(yr, yi, out + 3 * step, e3r + o3r, e3i + o3i, w3r, w3i)
            _turned(yr, yi, out + 4 * step, e0r - o0r, e0i - o0i, w4r, w4i)
            _turned(yr, yi, out + 5 * step, e1r - o1r, e1i - o1i, w5r, w5i)
            _turned(yr, yi, out + 6 * step, e2r - o2r, e2i - o2i, w6r, w6i)
            _turned(yr, yi, out + 7 * step, e3r - o3r, e3i - o3i, w7r, w7i)


@compiled
def _pass_any(xr: Any, xi: Any, yr: Any, yi: Any, rest: int, step: int, w: Any, first: int, p: int, roots: Any) -> None:
    part = rest * step
    which = 2 * 14 * (4 if p == 7 else 5 if p == 11 else 6)
    for a in range(rest):
        for n in range(a * step, (a + 1) * step, POINT):
            out = n + (p - 1) * a * step
            for k in range(p):
                sr, si = load(xr, n), load(xi, n)
                for r in range(1, p):
                    turn = which + 2 * ((k * r) % p)
                    wr, wi = fill(roots[turn]), fill(roots[turn + 1])
                    vr, vi = load(xr, n + r * part), load(xi, n + r * part)
                    sr, si = sr + vr * wr - vi * wi, si + vr * wi + vi * wr
                if k == 0:
                    store(yr, out, sr)
                    store(yi, out, si)
                else:
                    at = first + 2 * ((p - 1) * a + k - 1)
                    _turned(yr, yi, out + k * step, sr, si, fill(w[at]), fill(w[at + 1]))
