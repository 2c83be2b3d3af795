"""Visits to whole fields, sixteen rows or columns at a time, each while it lies in the processor's cache.

A potential or a wave is read and written once along either axis: all that can be done to sixteen rows, or to sixteen
columns, is done in one visit. What takes time beside the transforms is the memory, which processes share, so that two
beside each other come near twice one only as far as little is moved. Fields are those of `blocks`. No transform is
normalised; the factor 1/(nx·ny) is for who multiplies the spectrum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from construction_zone.simulate.fft.atoms import add_cores, add_windows
from construction_zone.simulate.fft.blocks import columns, read, read_columns, rounded, taken_back, write, write_columns
from construction_zone.simulate.fft.lanes import COUNT, POINT, fill, load, store, where_below
from construction_zone.simulate.fft.passes import compiled, lines, transform

_f = np.float32


@compiled
def rows(field: Any, ny: int, plan: Any, kept: int) -> None:
    """Transform each row in its place; see `read` for `kept`, as which they are written."""
    nx = plan.length
    (ar, ai), (br, bi) = lines(nx), lines(nx)
    for first in range(0, ny, COUNT):
        start = first * rounded(nx) * 2
        read(field, start, nx, nx, ar, ai)
        if transform(plan, ar, ai, br, bi):
            write(field, start, kept, nx, br, bi)
        else:
            write(field, start, kept, nx, ar, ai)


@compiled
def spread_rows(field: Any, ny: int, plan: Any, one: Any, two: Any, table: Any) -> None:
    """The windows of atoms, transformed along x: those of `one` are the real part, those of `two` the imaginary one.

    Each is the positions (n, 2: y, x) in samples and what `touched` says of the windows' first rows.
    """
    nx = plan.length
    (ar, ai), (br, bi) = lines(nx), lines(nx)
    zero = fill(_f(0))
    for first in range(0, ny, COUNT):
        for n in range(0, nx * POINT, POINT):
            store(ar, n, zero)
            store(ai, n, zero)
        add_windows(one, first // COUNT, nx, ar, table)
        add_windows(two, first // COUNT, nx, ai, table)
        start = first * rounded(nx) * 2
        if transform(plan, ar, ai, br, bi):
            write(field, start, nx, nx, br, bi)
        else:
            write(field, start, nx, nx, ar, ai)


@compiled
def filtered_columns(field: Any, nx: int, plan: Any, factors: Any, total: Any, begin: bool, end: bool) -> None:
    """Add the spectrum of `field`, whose rows are transformed, times `factors` to `total`.

    `factors` are those of `tiled`. To `begin` with there is nothing to add to, and both may be one field; in the `end`
    `total` is taken back along y, and multiplied by 1/(nx·ny).
    """
    ny = plan.length
    (ar, ai), (br, bi) = columns(ny), columns(ny)
    scale = fill(_f(1 / (nx * ny)))
    for first in range(0, nx, COUNT):
        read_columns(field, nx, first, ny, ar, ai)
        second = transform(plan, ar, ai, br, bi)
        cr, ci, dr, di = (br, bi, ar, ai) if second else (ar, ai, br, bi)
        for i in range(ny):
            weight = load(factors, (first * ny) + i * COUNT)
            store(cr, i * POINT, weight * load(cr, i * POINT))
            store(ci, i * POINT, weight * load(ci, i * POINT))
        if not begin:
            read_columns(total, nx, first, ny, dr, di)
            for n in range(0, ny * POINT, POINT):
                store(cr, n, load(cr, n) + load(dr, n))
                store(ci, n, load(ci, n) + load(di, n))
        if end:
            for n in range(0, ny * POINT, POINT):
                store(cr, n, scale * load(cr, n))
                store(ci, n, scale * load(ci, n))
            if transform(plan, ci, cr, di, dr):
                write_columns(total, nx, first, ny, dr, di)
            else:
                write_columns(total, nx, first, ny, cr, ci)
        else:
            write_columns(total, nx, first, ny, cr, ci)


@compiled
def propagated_columns(field: Any, plan: Any, along_y: Any, along_x: Any, keep: Any, scale: float) -> None:
    """Take `field`, whose rows are transformed, on along y: `scale` · spectrum · y · x in the band, and back along y.

    `along_y` (ny,), `along_x` (nx,) and `keep` (ny,) are those of a `Propagator`. Columns outside the band are left
    as they are; `read` takes them for zero.
    """
    ny, nx = plan.length, len(along_x)
    (ar, ai), (br, bi) = columns(ny), columns(ny)
    wide = rounded(nx)
    xr, xi, order = np.zeros(wide, np.float32), np.zeros(wide, np.float32), np.zeros(wide, np.float32)
    for j in range(nx):
        xr[j], xi[j], order[j] = along_x[j].real, along_x[j].imag, min(j, nx - j)
    kept = keep.max()
    for first in range(0, nx, COUNT):
        if first >= kept and first + COUNT <= nx - kept + 1:
            continue
        read_columns(field, nx, first, ny, ar, ai)
        second = transform(plan, ar, ai, br, bi)
        cr, ci, dr, di = (br, bi, ar, ai) if second else (ar, ai, br, bi)
        fr, fi, away = load(xr, first), load(xi, first), load(order, first)
        for i in range(ny):
            yr, yi = fill(_f(along_y[i].real * scale)), fill(_f(along_y[i].imag * scale))
            pr, pi = yr * fr - yi * fi, yr * fi + yi * fr
            vr, vi = load(cr, i * POINT), load(ci, i * POINT)
            limit = _f(keep[i])
            store(cr, i * POINT, where_below(away, limit, vr * pr - vi * pi))
            store(ci, i * POINT, where_below(away, limit, vr * pi + vi * pr))
        if transform(plan, ci, cr, di, dr):
            write_columns(field, nx, first, ny, dr, di)
        else:
            write_columns(field, nx, first, ny, cr, ci)


@compiled
def transmitted_rows(
    field: Any,
    ny: int,
    plan: Any,
    spectral: bool,
    kept: int,
    potentials: Any,
    part: int,
    fresh: bool,
    again: Any,
    sigma: float,
    cores: Any,
) -> None:
    """Take `field` through a slice, and transform its rows: t · `field`, t = exp(iσV) + Σ cores.

    The rows of `field` may be transformed already (`spectral`). V is the real (`part` 0) or imaginary (1) part of
    `potentials`; `fresh` ones are still transformed along x, and of their two parts those are kept taken back that are
    needed `again`. `cores` are what `touched` says of the patches' first rows, and their first columns, numbers, and
    the real and imaginary parts of all patches (see `columns_of`).
    """
    nx = plan.length
    (ar, ai), (br, bi), (vr, vi) = lines(nx), lines(nx), lines(nx)
    phase = fill(_f(sigma))
    for first in range(0, ny, COUNT):
        start = first * rounded(nx) * 2
        cr, ci, dr, di = taken_back(field, start, plan, spectral, kept, nx, ar, ai, br, bi)
        held, at = potentials, start + part * COUNT
        if fresh:
            read(potentials, start, nx, nx, vr, vi)
            second = transform(plan, vi, vr, di, dr)
            pr, pi = (dr, di) if second else (vr, vi)
            held, at = (pr, 0) if part == 0 else (pi, 0)
            for which, parts in ((0, pr), (1, pi)):
                if again[which]:
                    for n in range(0, nx * POINT, POINT):
                        store(potentials, start + n + which * COUNT, load(parts, n))
        for n in range(0, nx * POINT, POINT):
            cosine, sine = cosine_and_sine(phase * load(held, at + n))
            a, b = load(cr, n), load(ci, n)
            store(dr, n, a * cosine - b * sine)
            store(di, n, a * sine + b * cosine)
        add_cores(cores, first // COUNT, nx, cr, ci, dr, di)
        if transform(plan, dr, di, cr, ci):
            write(field, start, kept, nx, cr, ci)
        else:
            write(field, start, kept, nx, dr, di)


@compiled
def cosine_and_sine(phase: Any) -> Any:
    """Cosine and sine, by their series on |z| ≤ π/2 after taking whole half turns off.

    The series' next terms are below 2e-7, and π is split in three so that nothing is lost for phases up to 1e4.
    """
    turns = _nearest(phase * fill(_f(0.3183098861837907)))
    z = phase - turns * fill(_f(3.140625))
    z = z - turns * fill(_f(9.67502593994140625e-4))
    z = z - turns * fill(_f(1.509957990978376432e-7))
    q = z * z
    sine = fill(_f(1 / 362880)) + q * fill(_f(-1 / 39916800))
    sine = fill(_f(1 / 120)) + q * (fill(_f(-1 / 5040)) + q * sine)
    sine = z * (fill(_f(1)) + q * (fill(_f(-1 / 6)) + q * sine))
    cosine = fill(_f(1 / 40320)) + q * (fill(_f(-1 / 3628800)) + q * fill(_f(1 / 479001600)))
    cosine = fill(_f(1 / 24)) + q * (fill(_f(-1 / 720)) + q * cosine)
    cosine = fill(_f(1)) + q * (fill(_f(-0.5)) + q * cosine)
    half = turns * fill(_f(0.5))
    sign = fill(_f(1)) - fill(_f(4)) * (half - _nearest(half - fill(_f(0.25))))
    return cosine * sign, sine * sign


@compiled
def _nearest(numbers: Any) -> Any:
    """The nearest whole numbers, for numbers below 2²²."""
    large = fill(_f(12582912.0))  # 1.5 · 2²³: float32 has no fractions there
    return (numbers + large) - large
