"""The loops of `formation_compiled`: transforms of 16 columns or 16 rows at a time, with all that is done on the way.

Each does one of `parts` shares of its blocks; shares write to different places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
from construction_zone.simulate.fft.passes import compiled, lines, transform

_f = np.float32


@compiled
def columns(
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
def rows(columns: Any, padded: int, plan: Any, share: float, total: Any, blocks: int, part: int, parts: int) -> None:
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
def half_spectra(
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
def _read_and_transform(turned: Any, block: int, plan: Any, ar: Any, ai: Any, br: Any, bi: Any) -> bool:
    """Transform a block of 16 columns; whether the result lies in the second pair of arrays."""
    for y in range(plan.length):
        re, im = load_pairs(turned, (block * plan.length + y) * POINT)
        store(ar, y * POINT, re)
        store(ai, y * POINT, im)
    return transform(plan, ar, ai, br, bi)


@compiled
def half_columns(
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
        second = _read_and_transform(turned, b, plan, ar, ai, br, bi)
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


@compiled
def image_columns(
    turned: Any, plan: Any, along_y: Any, image_plan: Any, padded: int, result: Any, part: int, parts: int
) -> None:
    """Transform columns, multiply, fold, and transform back; result [row // 16, column, row % 16], in pairs."""
    size, rows = plan.length, image_plan.length
    (ar, ai), (br, bi) = lines(size), lines(size)
    (fr, fi), (gr, gi) = lines(rows), lines(rows)
    blocks, zero = padded // COUNT, fill(_f(0))
    for b in range(part * blocks // parts, (part + 1) * blocks // parts):
        second = _read_and_transform(turned, b, plan, ar, ai, br, bi)
        cr, ci = (br, bi) if second else (ar, ai)
        for k in range(rows):
            store(fr, k * POINT, zero)
            store(fi, k * POINT, zero)
        for k in range(size):
            place = (k if 2 * k <= size else k - size) % rows * POINT
            wr, wi = fill(along_y[2 * k]), fill(along_y[2 * k + 1])
            vr, vi = _product((load(cr, k * POINT), load(ci, k * POINT)), wr, wi)
            store(fr, place, load(fr, place) + vr)
            store(fi, place, load(fi, place) + vi)
        # parts are exchanged for the inverse transform
        second = transform(image_plan, fi, fr, gi, gr)
        hr, hi = (gr, gi) if second else (fr, fi)
        for row in range(0, rows, COUNT):
            start = (row // COUNT * padded + b * COUNT) * POINT
            transposed_store(result, start, POINT, hr, hi, row * POINT)
            transposed_store(result, start + COUNT, POINT, hr, hi, (row + COUNT // 2) * POINT)


@compiled
def image_rows(columns: Any, padded: int, plan: Any, blocks: int, result: Any, part: int, parts: int) -> None:
    """Transform half-spectra to real rows, 32 at a time: of rows a and b that of a + ib; result (ny, nx).

    Like all transforms to real numbers it leaves out the imaginary part at zero and at half of an even number.
    """
    size = plan.length
    (ar, ai), (br, bi) = lines(size), lines(size)
    pairs = (blocks + 1) // 2
    for pair in range(part * pairs // parts, (part + 1) * pairs // parts):
        a, b = 2 * pair, min(2 * pair + 1, blocks - 1)
        for k in range(size // 2 + 1):
            pr, pi = load_pairs(columns, (a * padded + k) * POINT)
            qr, qi = load_pairs(columns, (b * padded + k) * POINT)
            if k == 0 or 2 * k == size:
                store(ar, k * POINT, pr)
                store(ai, k * POINT, qr)
                continue
            store(ar, k * POINT, pr - qi)
            store(ai, k * POINT, pi + qr)
            store(ar, (size - k) * POINT, pr + qi)
            store(ai, (size - k) * POINT, qr - pi)
        second = transform(plan, ai, ar, bi, br)
        cr, ci = (br, bi) if second else (ar, ai)
        for left in range(0, size, COUNT):
            for line in range(COUNT):
                first, other = (a * COUNT + line) * size + left, (b * COUNT + line) * size + left
                for x in range(COUNT):
                    place = (left + x) * POINT + line
                    result[other + x] = ci[place]
                    result[first + x] = cr[place]
