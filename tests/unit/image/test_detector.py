"""Pixels and electrons."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone import seeding
from construction_zone.errors import InvalidInput
from construction_zone.image import detector


def test_a_pixel_averages_over_its_rectangle_about_its_centre() -> None:
    """A cosine of known phase integrates to sin(πkp)/(πkp) times itself at the pixel's centre i·p."""
    length, pixels, fine, waves = 10.0, 20, 60, 7
    x = np.arange(fine) * length / fine
    row = 1 + 0.4 * np.cos(2 * np.pi * waves * x / length + 0.3)
    intensity = torch.from_numpy(np.broadcast_to(row, (40, fine)).copy())
    image = detector.pixel_integrated(intensity, (10, pixels)).numpy()
    size = length / pixels
    edges = (np.arange(pixels + 1) - 0.5) * size
    area = edges + 0.4 * length / (2 * np.pi * waves) * np.sin(2 * np.pi * waves * edges / length + 0.3)
    np.testing.assert_allclose(image, np.broadcast_to(np.diff(area) / size, (10, pixels)), atol=1e-12)


def test_pixels_keep_the_mean_and_leading_dimensions() -> None:
    intensity = torch.from_numpy(np.random.default_rng(1).random((3, 2, 12, 18)))
    image = detector.pixel_integrated(intensity, (6, 9))
    assert image.shape == (3, 2, 6, 9)
    torch.testing.assert_close(image.mean((-2, -1)), intensity.mean((-2, -1)))


@pytest.mark.parametrize("mean", [0.05, 3.0, 400.0])
def test_counts_have_the_mean_and_variance_of_poisson(mean: float) -> None:
    counts = detector.poisson(torch.full((400, 500), 2.0), mean / 2 / 0.04, 0.04, seeding.generator(3, "noise"))
    assert counts.dtype == torch.float32
    assert torch.equal(counts, counts.round())
    n = counts.numel()
    assert counts.double().mean().item() == pytest.approx(mean, abs=5 * math.sqrt(mean / n))
    spread = math.sqrt((mean + 2 * mean**2) / n)
    assert counts.double().var().item() == pytest.approx(mean, abs=5 * spread)


def test_each_pixel_has_its_own_mean() -> None:
    intensity = torch.tensor([0.0, 1.0, 3.0]).repeat(20000, 1)
    counts = detector.poisson(intensity, 10.0, 0.5, seeding.generator(0, "noise")).double()
    assert counts[:, 0].max() == 0
    assert counts[:, 1].mean().item() == pytest.approx(5, abs=0.1)
    assert counts[:, 2].mean().item() == pytest.approx(15, abs=0.15)


def test_rounding_below_zero_counts_nothing() -> None:
    assert detector.poisson(torch.tensor([-1e-7]), 1e3, 1.0, seeding.generator(0, "noise")).tolist() == [0.0]


@pytest.mark.parametrize("dose", [0.0, -5.0, math.nan, math.inf])
def test_a_dose_that_is_not_positive_is_refused(dose: float) -> None:
    with pytest.raises(InvalidInput, match="dose"):
        detector.poisson(torch.ones(2), dose, 1.0, seeding.generator(0, "noise"))
