"""Transforms of whole fields, sixteen rows or columns at a time, each while it lies in the processor's cache.

Fields are complex64 (ny, nx). Columns are never only transformed: what multiplies the spectrum is done on the way, so
that a field is read and written once for the transform along y and the one back. Rows that go through a slice are taken
back along x, multiplied by its transmission function, and transformed again in one visit. No transform is normalised;
the factor 1/(nx·ny) is for who multiplies the spectrum.
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
    transposed_load,
    transposed_store,
    where_below,
)
from construction_zone.simulate.fft.passes import compiled, lines, transform

_f = np.float32


@compiled
def rows(field: Any, plan: Any, inverse: bool, kept: int) -> None:
    """Transform each row of `field` in its place; see `read_rows` for `kept`."""
    ny, nx = field.shape
    flat = field.view(np.float32).ravel()
    (ar, ai), (br, bi) = lines(nx), lines(nx)
    for first in range(0, ny, COUNT):
        count = min(COUNT, ny - first)
        if inverse:
            read_rows(flat, nx, first, count, kept, ar, ai)
            if transform(plan, ai, ar, bi, br):
                write_rows(flat, nx, first, count, nx, br, bi)
            else:
                write_rows(flat, nx, first, count, nx, ar, ai)
        else:
            read_rows(flat, nx, first, count, nx, ar, ai)
            if transform(plan, ar, ai, br, bi):
                write_rows(flat, nx, first, count, kept, br, bi)
            else:
                write_rows(flat, nx, first, count, kept, ar, ai)


@compiled
def propagated_columns(field: Any, plan: Any, along_y: Any, along_x: Any, keep: Any) -> None:
    """Take `field`, whose rows are transformed, on along y: spectrum · y · x inside the band, and back along y.

    `along_y` (ny,), `along_x` (nx,) and `keep` (ny,) are those of a `Propagator`. Columns outside the band are left
    as they are; `read_rows` takes them for zero.
    """
    ny, nx = field.shape
    flat = field.view(np.float32).ravel()
    (ar, ai), (br, bi) = lines(ny), lines(ny)
    room = (nx + COUNT - 1) // COUNT * COUNT
    xr, xi, order = np.zeros(room, np.float32), np.zeros(room, np.float32), np.zeros(room, np.float32)
    for j in range(nx):
        xr[j], xi[j], order[j] = along_x[j].real, along_x[j].imag, min(j, nx - j)
    kept = keep.max()
    scale = 1 / (nx * ny)
    for first in range(0, nx, COUNT):
        count = min(COUNT, nx - first)
        if not in_band(first, count, kept, nx):
            continue
        read_columns(flat, nx, first, count, ar, ai)
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
            write_columns(flat, nx, first, count, dr, di)
        else:
            write_columns(flat, nx, first, count, cr, ci)


@compiled
def filtered_columns(field: Any, plan: Any, factor: Any, total: Any, begin: bool, end: bool) -> None:
    """Add the spectrum of `field`, whose rows are transformed, times the real `factor` (ny, nx) to `total`.

    To `begin` with there is nothing to add to; in the `end` `total` is taken back along y, and multiplied by 1/(nx·ny).
    """
    ny, nx = field.shape
    flat, sums = field.view(np.float32).ravel(), total.view(np.float32).ravel()
    factors = factor.ravel()
    (ar, ai), (br, bi) = lines(ny), lines(ny)
    scale = fill(_f(1 / (nx * ny)))
    for first in range(0, nx, COUNT):
        count = min(COUNT, nx - first)
        read_columns(flat, nx, first, count, ar, ai)
        second = transform(plan, ar, ai, br, bi)
        cr, ci, dr, di = (br, bi, ar, ai) if second else (ar, ai, br, bi)
        if count == COUNT:
            for i in range(ny):
                weight = load(factors, i * nx + first)
                store(cr, i * POINT, weight * load(cr, i * POINT))
                store(ci, i * POINT, weight * load(ci, i * POINT))
        else:
            for i in range(ny):
                for j in range(count):
                    cr[i * POINT + j] *= factors[i * nx + first + j]
                    ci[i * POINT + j] *= factors[i * nx + first + j]
        if not begin:
            read_columns(sums, nx, first, count, dr, di)
            for n in range(0, ny * POINT, POINT):
                store(cr, n, load(cr, n) + load(dr, n))
                store(ci, n, load(ci, n) + load(di, n))
        if end:
            for n in range(0, ny * POINT, POINT):
                store(cr, n, scale * load(cr, n))
                store(ci, n, scale * load(ci, n))
            if transform(plan, ci, cr, di, dr):
                write_columns(sums, nx, first, count, dr, di)
            else:
                write_columns(sums, nx, first, count, cr, ci)
        else:
            write_columns(sums, nx, first, count, cr, ci)


@compiled
def transmitted_rows(
    field: Any, plan: Any, spectral: bool, kept: int, potentials: Any, s_real: float, s_imag: float, cores: Any
) -> None:
    """Take `field` through a slice, and transform its rows: t · `field`, t = exp(iσV) + Σ cores.

    The rows of `field` may be transformed already (`spectral`). V is ``s_real`` times the real part of `potentials`
    plus ``s_imag`` times the imaginary part, in rad. `cores` are the arrays of `Cores`.
    """
    ny, nx = field.shape
    flat, held = field.view(np.float32).ravel(), potentials.view(np.float32).ravel()
    (ar, ai), (br, bi), (vr, vi) = lines(nx), lines(nx), lines(nx)
    s0, s1 = fill(_f(s_real)), fill(_f(s_imag))
    for first in range(0, ny, COUNT):
        count = min(COUNT, ny - first)
        cr, ci, dr, di = ar, ai, br, bi
        if spectral:
            read_rows(flat, nx, first, count, kept, ar, ai)
            if transform(plan, ai, ar, bi, br):
                cr, ci, dr, di = br, bi, ar, ai
        else:
            read_rows(flat, nx, first, count, nx, ar, ai)
        read_rows(held, nx, first, count, nx, vr, vi)
        for n in range(0, nx * POINT, POINT):
            cosine, sine = cosine_and_sine(s0 * load(vr, n) + s1 * load(vi, n))
            a, b = load(cr, n), load(ci, n)
            store(dr, n, a * cosine - b * sine)
            store(di, n, a * sine + b * cosine)
        _add_cores(cores, first, count, ny, nx, cr, ci, dr, di)
        if transform(plan, dr, di, cr, ci):
            write_rows(flat, nx, first, count, kept, cr, ci)
        else:
            write_rows(flat, nx, first, count, kept, dr, di)


@compiled
def _add_cores(cores: Any, first: int, count: int, ny: int, nx: int, cr: Any, ci: Any, dr: Any, di: Any) -> None:
    """Add field · core of each atom that touches the `count` rows from `first`, which lie side by side as lanes."""
    starts, atoms, tops, lefts, which, patches = cores
    size = patches.shape[1]
    for n in range(starts[first // COUNT], starts[first // COUNT + 1]):
        atom = atoms[n]
        patch = patches[which[atom]]
        for i in range(size):
            lane = (tops[atom] + i) % ny - first
            if 0 <= lane < count:
                for j in range(size):
                    at = (lefts[atom] + j) % nx * POINT + lane
                    wr, wi = patch[i, j].real, patch[i, j].imag
                    dr[at] += cr[at] * wr - ci[at] * wi
                    di[at] += cr[at] * wi + ci[at] * wr


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


@compiled
def in_band(first: int, count: int, kept: int, size: int) -> bool:
    """Whether any of `count` columns from `first` is among the first `kept` or the last `kept` − 1 of `size`."""
    return first < kept or first + count > size - kept + 1


@compiled
def read_rows(flat: Any, nx: int, first: int, count: int, kept: int, real: Any, imag: Any) -> None:
    """Lay `count` rows from `first` side by side as lanes; columns that are not `in_band` are taken for zero."""
    zero = fill(_f(0))
    for c in range(0, nx, 8):
        width = min(8, nx - c)
        if not in_band(c, width, kept, nx):
            for j in range(c, c + width):
                store(real, j * POINT, zero)
                store(imag, j * POINT, zero)
        elif count == COUNT and width == 8:
            transposed_load(flat, 2 * (first * nx + c), 2 * nx, real, imag, c * POINT)
        else:
            for j in range(c, c + width):
                for i in range(count):
                    real[j * POINT + i] = flat[2 * ((first + i) * nx + j)]
                    imag[j * POINT + i] = flat[2 * ((first + i) * nx + j) + 1]
                for i in range(count, COUNT):
                    real[j * POINT + i] = imag[j * POINT + i] = 0


@compiled
def write_rows(flat: Any, nx: int, first: int, count: int, kept: int, real: Any, imag: Any) -> None:
    """Write back what `read_rows` read; columns that are not `in_band` are left as they are."""
    for c in range(0, nx, 8):
        width = min(8, nx - c)
        if not in_band(c, width, kept, nx):
            continue
        if count == COUNT and width == 8:
            transposed_store(flat, 2 * (first * nx + c), 2 * nx, real, imag, c * POINT)
        else:
            for j in range(c, c + width):
                for i in range(count):
                    flat[2 * ((first + i) * nx + j)] = real[j * POINT + i]
                    flat[2 * ((first + i) * nx + j) + 1] = imag[j * POINT + i]


@compiled
def read_columns(flat: Any, nx: int, first: int, count: int, real: Any, imag: Any) -> None:
    """Lay `count` columns from `first` side by side as lanes."""
    for i in range(len(real) // POINT):
        at = 2 * (i * nx + first)
        if count == COUNT:
            a, b = load_pairs(flat, at)
            store(real, i * POINT, a)
            store(imag, i * POINT, b)
        else:
            for j in range(count):
                real[i * POINT + j] = flat[at + 2 * j]
                imag[i * POINT + j] = flat[at + 2 * j + 1]
            for j in range(count, COUNT):
                real[i * POINT + j] = imag[i * POINT + j] = 0


@compiled
def write_columns(flat: Any, nx: int, first: int, count: int, real: Any, imag: Any) -> None:
    """Write back what `read_columns` read."""
    for i in range(len(real) // POINT):
        at = 2 * (i * nx + first)
        if count == COUNT:
            store_pairs(flat, at, load(real, i * POINT), load(imag, i * POINT))
        else:
            for j in range(count):
                flat[at + 2 * j] = real[i * POINT + j]
                flat[at + 2 * j + 1] = imag[i * POINT + j]
