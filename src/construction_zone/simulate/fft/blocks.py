"""How a field lies in memory, and how sixteen of its rows or columns are taken out and put back.

A field (ny, nx) is kept in blocks of sixteen rows: flat float32, of each block and each column in turn sixteen real
parts and sixteen imaginary ones (`room` tells how many). So a block of rows lies side by side as a transform wants it,
and sixteen columns are tiles of 2 KB; what fills up the last tiles is never looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from construction_zone.simulate.fft.lanes import COUNT, POINT, fill, load, store, transposed, transposed_store
from construction_zone.simulate.fft.passes import compiled, lines, transform

_f = np.float32


def room(ny: int, nx: int) -> int:
    """Numbers that a field of ny × nx takes."""
    return rounded(ny) * rounded(nx) * 2


@compiled
def rounded(size: int) -> int:
    """`size` rounded up to whole blocks."""
    return (size + COUNT - 1) // COUNT * COUNT


@compiled
def pack(rows: Any, field: Any) -> None:
    """Keep the complex64 `rows` (ny, nx) as `field`."""
    ny, nx = rows.shape
    for y in range(ny):
        at = y // COUNT * rounded(nx) * POINT + y % COUNT
        for x in range(nx):
            field[at + x * POINT], field[at + x * POINT + COUNT] = rows[y, x].real, rows[y, x].imag


@compiled
def unpack(field: Any, plan: Any, spectral: bool, kept: int, rows: Any) -> None:
    """Write `field` to the complex64 `rows` (ny, nx); its own rows may be transformed (see `read`)."""
    ny, nx = rows.shape
    flat = rows.view(np.float32).ravel()
    (ar, ai), (br, bi) = lines(nx), lines(nx)
    for first in range(0, ny, COUNT):
        cr, ci, _, _ = taken_back(field, first * rounded(nx) * 2, plan, spectral, kept, nx, ar, ai, br, bi)
        count = min(COUNT, ny - first)
        whole = nx // 8 * 8 if count == COUNT else 0
        for x in range(0, whole, 8):
            transposed_store(flat, 2 * (first * nx + x), 2 * nx, cr, ci, x * POINT)
        for x in range(whole, nx):
            for i in range(count):
                at = 2 * ((first + i) * nx + x)
                flat[at], flat[at + 1] = cr[x * POINT + i], ci[x * POINT + i]


def tiled(factor: Any) -> Any:
    """The real `factor` (ny, nx) as `filtered_columns` takes it: of sixteen columns in turn each row."""
    ny, nx = factor.shape
    wide = np.zeros((ny, rounded(nx)), np.float32)
    wide[:, :nx] = factor
    return np.ascontiguousarray(wide.reshape(ny, -1, COUNT).swapaxes(0, 1)).ravel()


@compiled
def read(field: Any, start: int, kept: int, nx: int, real: Any, imag: Any) -> None:
    """Copy sixteen rows; columns beyond the first `kept` and the last `kept` − 1 are taken for zero."""
    zero = fill(_f(0))
    low, high = min(kept, nx), max(kept, nx - kept + 1)
    for n in range(0, low * POINT, POINT):
        store(real, n, load(field, start + n))
        store(imag, n, load(field, start + n + COUNT))
    for n in range(low * POINT, min(high, nx) * POINT, POINT):
        store(real, n, zero)
        store(imag, n, zero)
    for n in range(high * POINT, nx * POINT, POINT):
        store(real, n, load(field, start + n))
        store(imag, n, load(field, start + n + COUNT))


@compiled
def write(field: Any, start: int, kept: int, nx: int, real: Any, imag: Any) -> None:
    """Write back what `read` read; other columns are left as they are."""
    for n in range(0, min(kept, nx) * POINT, POINT):
        store(field, start + n, load(real, n))
        store(field, start + n + COUNT, load(imag, n))
    for n in range(max(kept, nx - kept + 1) * POINT, nx * POINT, POINT):
        store(field, start + n, load(real, n))
        store(field, start + n + COUNT, load(imag, n))


@compiled
def taken_back(
    field: Any, start: int, plan: Any, spectral: bool, kept: int, nx: int, ar: Any, ai: Any, br: Any, bi: Any
) -> Any:
    """Sixteen rows, taken back along x if they are `spectral`, in either pair of arrays; and the other pair."""
    read(field, start, kept if spectral else nx, nx, ar, ai)
    if spectral and transform(plan, ai, ar, bi, br):
        return br, bi, ar, ai
    return ar, ai, br, bi


@compiled
def read_columns(field: Any, nx: int, first: int, ny: int, real: Any, imag: Any) -> None:
    """Lay sixteen columns from `first` side by side as lanes."""
    step, zero = rounded(nx) * POINT, fill(_f(0))
    for row in range(0, ny, COUNT):
        at = row // COUNT * step + first * POINT
        transposed(field, at, real, row * POINT)
        transposed(field, at + COUNT, imag, row * POINT)
    for n in range(ny * POINT, rounded(ny) * POINT, POINT):
        store(real, n, zero)
        store(imag, n, zero)


@compiled
def write_columns(field: Any, nx: int, first: int, ny: int, real: Any, imag: Any) -> None:
    """Write back what `read_columns` read."""
    step = rounded(nx) * POINT
    for row in range(0, ny, COUNT):
        at = row // COUNT * step + first * POINT
        transposed(real, row * POINT, field, at)
        transposed(imag, row * POINT, field, at + COUNT)


@compiled
def columns(ny: int) -> Any:
    """`lines` that hold whole tiles, zero beyond ny."""
    real, imag = lines(rounded(ny))
    real[ny * POINT :] = 0
    imag[ny * POINT :] = 0
    return real, imag
