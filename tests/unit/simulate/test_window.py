import numpy as np
import pytest
import torch
from scipy.special import i0

from construction_zone.simulate.fft.atoms import _window
from construction_zone.simulate.window import BETA, STEPS, WIDTH, table, window, window_transform


def exact(offset: np.ndarray) -> np.ndarray:
    return np.where(np.abs(offset) <= WIDTH / 2, i0(BETA * np.sqrt(np.maximum(1 - (2 * offset / WIDTH) ** 2, 0))), 0)


def test_cubic_interpolation_of_the_table_is_the_window() -> None:
    offsets = np.concatenate([np.random.default_rng(0).uniform(-3, 3, 20_000), [0.0, 1.0, -2.5, 3.0, -3.0]])
    values = table()
    read = np.array([_window(float(u), values) for u in offsets])
    assert np.abs(read - exact(offsets)).max() <= 1e-9 * i0(BETA)


def test_slopes_of_the_table_are_the_windows() -> None:
    values, slopes = table()
    differences = (values[2:] - values[:-2]) / 2  # per knot; central differences are right to second order
    assert np.abs(slopes[1:-1] - differences)[: 3 * STEPS - 8].max() <= 1e-4 * np.abs(slopes).max()
    assert slopes[0] == 0


def test_torch_window_is_the_formula() -> None:
    offsets = np.linspace(-3.5, 3.5, 7001)
    assert window(torch.from_numpy(offsets)).numpy() == pytest.approx(exact(offsets), rel=1e-6)


def test_transform_is_the_integral() -> None:
    u = np.linspace(-3, 3, 60_001)
    for frequency in (0.0, 0.1, 1 / 3, 0.5, 0.6, 0.667, 0.8):
        integral = np.trapezoid(exact(u) * np.cos(2 * np.pi * frequency * u), u)
        found = float(window_transform(torch.tensor([frequency], dtype=torch.float64))[0])
        assert found == pytest.approx(integral, abs=1e-7 * i0(BETA))


def test_transform_has_no_zero_in_the_band() -> None:
    inside = window_transform(torch.linspace(0, 0.5, 1001, dtype=torch.float64))
    assert bool((inside > 0).all())
    assert bool((inside.diff() < 0).all())
