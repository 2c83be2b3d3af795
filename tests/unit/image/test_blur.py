"""Motion during the exposure, against averages over what moves, and sampling against picking samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.image import blur
from construction_zone.image.sampling import half_frequencies, sampled


def test_drift_is_the_average_along_its_path() -> None:
    k, length, angle = (0.7, -0.4), 1.7, 35.0
    along = np.linspace(-length / 2, length / 2, 20001)
    direction = (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    wanted = np.exp(-2j * np.pi * along * (k[0] * direction[0] + k[1] * direction[1])).mean()
    found = blur.drift(torch.tensor(k[0]), torch.tensor(k[1]), length, angle).item()
    assert found == pytest.approx(wanted.real, abs=1e-4)


def test_vibration_is_the_average_over_a_gaussian() -> None:
    k, rms = 0.6, 0.35
    jitter = np.random.default_rng(0).normal(0, rms, 400_000)
    found = blur.vibration(torch.tensor(k), torch.tensor(0.0), rms).item()
    assert found == pytest.approx(np.cos(2 * np.pi * k * jitter).mean(), abs=0.005)
    assert blur.vibration(torch.tensor(0.3), torch.tensor(0.4), rms).item() == pytest.approx(
        math.exp(-2 * (math.pi * rms * 0.5) ** 2)
    )


def test_a_shift_moves_towards_plus_x_and_y() -> None:
    image = torch.zeros(16, 20, dtype=torch.float64)
    image[5, 7] = 1
    ky, kx = half_frequencies((16, 20), (8.0, 10.0))
    moved = sampled(image, (16, 20), [blur.shift(kx, ky, 1.5, -1.0)])
    wanted = torch.zeros_like(image)
    wanted[3, 10] = 1
    torch.testing.assert_close(moved, wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize("shape", [(6, 7), (12, 10), (5, 4), (12, 14), (24, 28)])
@pytest.mark.parametrize("factor", [False, True])
def test_folding_in_fourier_space_picks_samples(shape, factor: bool) -> None:
    fine = (shape[0] * (24 // shape[0] or 1), shape[1] * (28 // shape[1] or 1))
    image = torch.from_numpy(np.random.default_rng(2).normal(size=(2, *fine)))
    factors = []
    if factor:
        ky, kx = half_frequencies(fine, (4.0, 5.0))
        factors = [blur.vibration(kx, ky, 0.1), blur.shift(kx, torch.zeros_like(kx), 0.3, 0.0)]
    whole = sampled(image, fine, factors)
    step = (fine[0] // shape[0], fine[1] // shape[1])
    torch.testing.assert_close(sampled(image, shape, factors), whole[:, :: step[0], :: step[1]])


def test_sampling_is_differentiable() -> None:
    image = torch.from_numpy(np.random.default_rng(2).normal(size=(4, 6))).requires_grad_()
    assert torch.autograd.gradcheck(lambda i: sampled(i, (2, 3), []), image)
