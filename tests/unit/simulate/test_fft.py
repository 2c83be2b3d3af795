"""The compiled transforms against numpy's in double precision, for every radix, ragged sizes, and parts of the band."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from construction_zone import simulate
from construction_zone.simulate.fft import fields, plan
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


@SHAPES
def test_rows_and_back(shape: tuple[int, int]) -> None:
    start = field(shape)
    made = start.copy()
    fields.rows(made, plan(shape[1]), False, shape[1])
    assert_near(made, np.fft.fft(start.astype(complex), axis=1))
    fields.rows(made, plan(shape[1]), True, shape[1])
    assert_near(made / shape[1], start)


@SHAPES
def test_columns_outside_the_band_are_taken_for_zero(shape: tuple[int, int]) -> None:
    nx = shape[1]
    spectrum = field(shape)
    order = np.minimum(np.arange(nx), nx - np.arange(nx))
    kept = nx // 4 + 1
    made = spectrum.copy()
    # whole blocks are written, of which a band takes a part: what is beyond is zero, as propagation leaves it
    made[:, order >= kept] = 0
    expected = np.fft.ifft(made.astype(complex), axis=1) * nx
    blocks = np.zeros(nx, bool)
    for first in range(0, nx, 8):
        width = min(8, nx - first)
        blocks[first : first + width] = fields.in_band(first, width, kept, nx)
    made[:, ~blocks] = np.nan
    fields.rows(made, plan(nx), True, kept)
    assert_near(made, expected)


@SHAPES
def test_columns_there_and_back_through_a_filter(shape: tuple[int, int]) -> None:
    ny, nx = shape
    rng = np.random.default_rng(1)
    factors = rng.uniform(size=(2, *shape)).astype(np.float32)
    one, two, total = field(shape), field(shape)[::-1].copy(), np.full(shape, np.nan, np.complex64)
    expected = sum(np.fft.fft2(f.astype(complex)) * w for f, w in zip((one, two), factors, strict=True))
    for number, spread in enumerate((one, two)):
        fields.rows(spread, plan(nx), False, nx)
        fields.filtered_columns(spread, plan(ny), factors[number], total, number == 0, number == 1)
    fields.rows(total, plan(nx), True, nx)
    assert_near(total, np.fft.ifft2(expected))


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
