"""The compiled transforms against numpy's in double precision, for every radix, ragged sizes, and parts of the band."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from construction_zone import simulate
from construction_zone.simulate.fft import atoms, blocks, fields, plan
from construction_zone.simulate.fft.lanes import COUNT, POINT
from construction_zone.simulate.fft.passes import RADICES, lines, transform
from construction_zone.simulate.multislice import steps_for

# rounding grows with the number of passes: some 1e-7 of the norm for a few of them
ROUNDING = 4e-7
SHAPES = pytest.mark.parametrize("shape", [(1, 1), (16, 16), (3, 50), (25, 27), (33, 16), (77, 26), (144, 130)])


def field(shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(sum(shape))
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def assert_near(found: np.ndarray, expected: np.ndarray) -> None:
    assert np.linalg.norm(found - expected) <= ROUNDING * np.linalg.norm(expected)


@pytest.mark.parametrize(
    "length", [1, *RADICES, 6, 9, 16, 25, 32, 49, 64, 128, 512, 121, 169, 360, 1001, 1280, 2 * 3 * 4 * 5 * 7 * 11]
)
def test_lines_of_every_radix(length: int) -> None:
    given = field((length, COUNT))
    (ar, ai), (br, bi) = lines(length), lines(length)
    for array, part in ((ar, given.real), (ai, given.imag)):
        array.reshape(length, POINT)[:, :COUNT] = part
    second = transform(plan(length), ar, ai, br, bi)
    real, imag = (array.reshape(length, POINT)[:, :COUNT] for array in ((br, bi) if second else (ar, ai)))
    assert_near(real + 1j * imag, np.fft.fft(given.astype(complex), axis=0))


@pytest.mark.parametrize("length", [0, 17, 34, 2 * 19, 1024 * 23])
def test_lengths_with_large_prime_factors_have_no_plan(length: int) -> None:
    assert plan(length) is None


def kept(rows: np.ndarray) -> np.ndarray:
    """`rows` as a field of blocks of sixteen rows; what fills its last tiles up is no number."""
    made = np.full(blocks.room(*rows.shape), np.nan, np.float32)
    blocks.pack(rows, made)
    return made


def told(made: np.ndarray, shape: tuple[int, int], *, spectral: bool = False, kept: int | None = None) -> np.ndarray:
    rows = np.full(shape, np.nan, np.complex64)
    blocks.unpack(made, plan(shape[1]), spectral, shape[1] if kept is None else kept, rows)
    return rows


@SHAPES
def test_rows_and_back(shape: tuple[int, int]) -> None:
    start = field(shape)
    made = kept(start)
    assert_array_equal(told(made, shape), start)
    fields.rows(made, shape[0], plan(shape[1]), shape[1])
    assert_near(told(made, shape), np.fft.fft(start.astype(complex), axis=1))
    assert_near(told(made, shape, spectral=True) / shape[1], start)


@SHAPES
def test_columns_outside_the_band_are_taken_for_zero(shape: tuple[int, int]) -> None:
    nx = shape[1]
    spectrum = field(shape)
    beyond = np.minimum(np.arange(nx), nx - np.arange(nx)) >= nx // 4 + 1
    expected = np.fft.ifft(np.where(beyond, 0, spectrum.astype(complex)), axis=1) * nx
    spectrum[:, beyond] = np.nan
    assert_near(told(kept(spectrum), shape, spectral=True, kept=nx // 4 + 1), expected)


@SHAPES
@pytest.mark.parametrize("apart", [True, False])
def test_columns_there_and_back_through_a_filter(shape: tuple[int, int], apart: bool) -> None:
    ny, nx = shape
    rng = np.random.default_rng(1)
    factors = rng.uniform(size=(2, *shape)).astype(np.float32)
    one, two = field(shape), field(shape)[::-1].copy()
    expected = sum(np.fft.fft2(f.astype(complex)) * w for f, w in zip((one, two), factors, strict=True))
    total = np.full(blocks.room(*shape), np.nan, np.float32) if apart else kept(one)
    for number, rows in enumerate((one, two)):
        spread = kept(rows) if apart or number else total
        fields.rows(spread, ny, plan(nx), nx)
        fields.filtered_columns(spread, nx, plan(ny), blocks.tiled(factors[number]), total, number == 0, number == 1)
    assert_near(told(total, shape, spectral=True), np.fft.ifft2(expected))


@pytest.mark.parametrize("ny", [1, 5, 16, 20, 33, 48])
@pytest.mark.parametrize("size", [6, 8])
def test_every_row_of_every_patch_is_in_one_block(ny: int, size: int) -> None:
    tops = np.array([0, -1, ny - 1, 15, 16, 3 * ny + 2, -7 * ny - 5, ny // 2])
    starts, numbers, lanes = atoms.touched(tops, size, ny)
    found = np.zeros((len(tops), size, ny), int)
    for block in range(len(starts) - 1):
        for n in range(starts[block], starts[block + 1]):
            for i in range(size):
                row = block * COUNT + lanes[n] + i
                if 0 <= lanes[n] + i < COUNT and row < ny:
                    found[numbers[n], i, row] += 1
    expected = np.zeros_like(found)
    for n, top in enumerate(tops):
        for i in range(size):
            expected[n, i, (top + i) % ny] = 1
    assert_array_equal(found, expected)


def test_sizes_without_a_plan_and_double_precision_take_the_steps_in_torch() -> None:
    import ase

    cpu = torch.device("cpu")
    assert steps_for((64, 60), torch.complex64, cpu).__name__.endswith("steps_compiled")
    assert steps_for((64, 34), torch.complex64, cpu).__name__.endswith("steps_torch")
    assert steps_for((64, 60), torch.complex128, cpu).__name__.endswith("steps_torch")
    atoms = ase.Atoms("AuC", [[2, 3, 1], [5, 5, 3]], cell=(8, 8, 6))
    settings = {"phonons": None, "shape": (68, 80)}
    single = simulate.exit_waves(atoms, **settings).numpy()
    double = simulate.exit_waves(atoms, dtype=torch.complex128, **settings).numpy()
    assert_allclose(single, double, atol=2e-6)
