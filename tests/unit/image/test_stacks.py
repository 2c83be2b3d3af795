"""Dose-fractionated stacks and the drift in them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.errors import InvalidInput
from construction_zone.image import detectors
from construction_zone.image.detector import Detector
from construction_zone.image.stacks import aligned_sum, drift_path, movie, shifted
from construction_zone.simulate.grid import Grid

PIXELS = Grid((32, 40), (6.4, 8.0))


def waves(ny: int = 64, nx: int = 80) -> torch.Tensor:
    y, x = (torch.arange(n, dtype=torch.float64) / n for n in (ny, nx))
    return 1 + 0.3 * torch.cos(2 * math.pi * (3 * x[None, :] + 2 * y[:, None])) + 0.2 * torch.sin(2 * math.pi * 5 * x)


def test_a_path_drifts_steadily_and_jitters_as_said() -> None:
    steady = drift_path(4, (2.0, -1.0))
    np.testing.assert_allclose(steady, np.outer([0, 0.25, 0.5, 0.75, 1], (2, -1)))
    steps = np.concatenate([np.diff(drift_path(50, (0, 0), 0.3, seed), axis=0) for seed in range(40)])
    assert steps.std() == pytest.approx(0.3, rel=0.05)
    assert np.array_equal(drift_path(5, (1, 1), 0.2, 7), drift_path(5, (1, 1), 0.2, 7))


def test_a_shift_is_exact_and_a_way_is_its_average() -> None:
    image = waves()
    extent = PIXELS.extent
    torch.testing.assert_close(shifted(image, extent, (0.3, 0.5)), image.roll((3, 5), (0, 1)))
    begin, end = np.array([0.1, -0.2]), np.array([2.3, 5.0])  # long enough for the sinc to change sign
    nodes, weights = np.polynomial.legendre.leggauss(24)
    places = (begin + (1 + node) / 2 * (end - begin) for node in nodes)
    averaged = sum(w / 2 * shifted(image, extent, place) for w, place in zip(weights, places, strict=True))
    torch.testing.assert_close(shifted(image, extent, begin, end), averaged, atol=1e-8, rtol=0)


def test_frames_share_the_dose_and_add_up_to_the_long_exposure() -> None:
    path = drift_path(8, (0.6, 0.9))
    frames = movie(waves(), PIXELS, 4e5, path, seed=3)
    assert frames.shape == (8, 32, 40)
    per_pixel = 4e5 * 0.04
    torch.testing.assert_close(frames.mean((1, 2)) / (per_pixel / 8), torch.ones(8), atol=0.01, rtol=0)
    wanted = (
        sum(Detector().expected(shifted(waves(), PIXELS.extent, path[i], path[i + 1]), PIXELS) for i in range(8)) / 8
    )
    whole = Detector().expected(shifted(waves(), PIXELS.extent, path[0], path[-1]), PIXELS)
    torch.testing.assert_close(wanted, whole)
    z = (frames.sum(0).double() - per_pixel * wanted) / torch.sqrt(per_pixel * wanted)
    assert z.std().item() == pytest.approx(1, abs=5 / math.sqrt(2 * z.numel()))
    assert z.mean().item() == pytest.approx(0, abs=5 / math.sqrt(z.numel()))


def test_alignment_brings_back_the_contrast_that_drift_took() -> None:
    path = drift_path(12, (1.5, 2.0))
    frames = movie(waves(), PIXELS, 4e6, path, detectors.named("K2"), seed=1)
    still = detectors.named("K2").expected(waves(), PIXELS)
    blurred, aligned = (image / image.mean() for image in (frames.sum(0).double(), aligned_sum(frames, PIXELS, path)))
    assert blurred.std() < 0.55 * still.std()
    assert aligned.std() == pytest.approx(still.std().item(), rel=0.03)
    torch.testing.assert_close(aligned, still, atol=0.02, rtol=0)


def test_any_frame_can_be_made_alone_and_seeds_matter() -> None:
    path = drift_path(3, (0.5, 0.5))
    frames = movie(waves(), PIXELS, 400.0, path, seed=5)
    assert torch.equal(frames, movie(waves(), PIXELS, 400.0, path, seed=5))
    assert not torch.equal(frames[0], frames[1])
    assert not torch.equal(frames, movie(waves(), PIXELS, 400.0, path, seed=6))
    batch = movie(waves().expand(2, 64, 80), PIXELS, 400.0, path, seed=5)
    assert batch.shape == (3, 2, 32, 40)


@pytest.mark.parametrize("frames", [0, -1, 2.5, True])
def test_a_number_of_frames_that_is_none_is_refused(frames) -> None:
    with pytest.raises(InvalidInput, match="frames"):
        drift_path(frames, (1.0, 1.0))


@pytest.mark.parametrize(("drift", "jitter"), [((1.0, math.nan), 0.0), ((1.0,), 0.0), ((1.0, 1.0), -0.1)])
def test_a_drift_that_is_none_is_refused(drift, jitter) -> None:
    with pytest.raises(InvalidInput, match="drift"):
        drift_path(3, drift, jitter)


@pytest.mark.parametrize("path", [np.zeros((1, 2)), np.zeros((3, 3)), np.zeros(4), np.full((3, 2), np.nan)])
def test_a_path_that_is_none_is_refused(path) -> None:
    with pytest.raises(InvalidInput, match="path"):
        movie(waves(), PIXELS, 400.0, path)
    if path.shape != (3, 2):
        with pytest.raises(InvalidInput, match="frames need"):
            aligned_sum(torch.zeros(2, 32, 40), PIXELS, path)


@pytest.mark.parametrize("dose", [0.0, -1.0, math.nan, None])
def test_a_dose_of_a_stack_that_is_not_positive_is_refused(dose) -> None:
    with pytest.raises(InvalidInput, match="dose"):
        movie(waves(), PIXELS, dose, drift_path(2, (0, 0)))
