"""What a detector's flat exposures and edges measure is what was put in."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.image import detectors
from construction_zone.image.curves import Curve
from construction_zone.image.detector import Detector, Illumination
from construction_zone.simulate.grid import Grid

SIZE, PIXEL = 128, 0.2
PIXELS = Grid((SIZE, SIZE), (SIZE * PIXEL, SIZE * PIXEL))
CASES = [("ideal", 300e3), ("US1000", 80e3), ("US1000", 300e3), ("Falcon", 300e3)]
CASES += [("Falcon4i", 200e3), ("Falcon4i", 300e3), ("K2", 300e3), ("K3", 300e3)]
CUSTOM = Detector(
    mtf=Curve((0, 0.25, 0.5, 0.75, 1), (1, 0.8, 0.6, 0.45, 0.3)),
    nnps=Curve((0, 0.25, 0.5, 0.75, 1), (1, 0.9, 0.7, 0.5, 0.35)),
    dqe_zero=0.5,
)


def camera(name: str, energy: float) -> Detector:
    # readout noise and dark current come on top of the curves and are tested apart
    return CUSTOM if name == "custom" else detectors.named(name, energy, dark=0, readout=0)


def flat(detector: Detector, per_pixel: float, images: int, seed: int = 0) -> np.ndarray:
    ones = torch.ones(images, SIZE, SIZE, dtype=torch.float64)
    return detector.record(ones, PIXELS, per_pixel, seed, per="pixel").numpy().astype(np.float64)


def rings() -> tuple[np.ndarray, np.ndarray]:
    """Which of 12 rings up to 1.2 Nyquist a frequency is in; and its radius in Nyquist frequencies."""
    k = np.fft.fftfreq(SIZE)
    radius = 2 * np.hypot(k[:, None], k[None, :])
    return np.floor(radius * 10).astype(int).clip(max=12), radius


@pytest.mark.parametrize(("name", "energy"), [*CASES, ("custom", 0)])
def test_flat_exposures_give_back_the_noise_and_the_dqe(name: str, energy: float) -> None:
    detector, per_pixel, images = camera(name, energy), 40.0, 40
    counts = flat(detector, per_pixel, images)
    assert counts.mean() == pytest.approx(per_pixel, rel=2e-3)
    power = (np.abs(np.fft.fft2(counts - counts.mean((-2, -1), keepdims=True))) ** 2).mean(0) / SIZE**2
    ring, radius = rings()
    for number in range(12):
        inside = (ring == number) & (radius > 0)
        nnps = np.ones(inside.sum()) if detector.nnps is None else detector.nnps(np.minimum(radius[inside], 1))
        wanted = per_pixel / detector.dqe_zero * nnps.mean()
        error = wanted / math.sqrt(images * inside.sum() / 2)
        assert power[inside].mean() == pytest.approx(wanted, abs=5 * error)
        if number < 10:  # SNR² out over SNR² in of a signal of frequency f along x
            f = radius[inside]
            mtf = np.sinc(f / 2) if detector.mtf is None else detector.mtf(f)
            measured = per_pixel * (mtf**2).mean() / power[inside].mean()
            assert measured == pytest.approx(detector.dqe(f).mean(), rel=0.15)


@pytest.mark.parametrize(("name", "energy"), [*CASES, ("custom", 0)])
def test_a_slanted_edge_gives_back_the_mtf(name: str, energy: float) -> None:
    """The edge-spread function, sampled finely through the slant, differentiated, transformed."""
    detector = camera(name, energy)
    fine, rows, columns = 8, 96, 256
    slope = 1 / 12
    y, x = np.mgrid[: rows * fine, : columns * fine] / fine
    middle = columns / 2 + slope * (y - rows / 2)
    bright = np.clip((x - middle) * fine + 0.5, 0, 1)  # the fine grid's own cells average over the edge
    bright[:, : columns * fine // 16] = 1  # the image is periodic: a far edge that is not looked at
    pixels = Grid((rows, columns), (rows * PIXEL, columns * PIXEL))
    image = detector.expected(torch.from_numpy(bright), pixels).numpy()
    use = slice(16, rows - 8)  # away from where the slant wraps around
    yy, xx = np.mgrid[:rows, :columns].astype(float)
    distance = (xx - columns / 2 - slope * (yy - rows / 2))[use]
    reach, bins = 56, 8  # a scintillator spreads light far
    near = np.abs(distance) < reach
    index = np.floor((distance[near] + reach) * bins).astype(int)
    spread = np.bincount(index, image[use][near]) / np.bincount(index)
    line = np.diff(spread)
    found = np.abs(np.fft.rfft(line))  # of an edge of height 1
    f = 2 * np.fft.rfftfreq(line.size, 1 / bins)  # in Nyquist frequencies
    across = f / math.sqrt(1 + slope**2)
    # bins, differences and the fine grid's cells average too
    found /= np.sinc(across / 2 / bins) ** 2 * np.sinc(across / 2 / fine)
    wanted = np.sinc(f / 2) if detector.mtf is None else detector.mtf(f)
    low = (f > 0.1) & (f < 0.95)
    np.testing.assert_allclose(found[low], wanted[low], atol=0.02)


def test_a_wave_of_each_frequency_comes_out_with_its_mtf() -> None:
    detector = detectors.named("K2")
    x = np.arange(4 * SIZE) / 4
    for cycles in (1, 16, 32, 48, 60):
        bright = np.broadcast_to(1 + 0.5 * np.cos(2 * np.pi * cycles * x / SIZE), (SIZE, 4 * SIZE)).copy()
        row = detector.expected(torch.from_numpy(bright), PIXELS).numpy()[0]
        amplitude = 2 * np.abs(np.fft.rfft(row))[cycles] / SIZE
        assert amplitude == pytest.approx(0.5 * float(detector.mtf(2 * cycles / SIZE)), abs=1e-6)


def test_mean_counts_are_dose_times_area_times_illumination_times_gain() -> None:
    even = detectors.named("US1000", 80e3, output="counts", illumination=Illumination(0.2, 0.1, 30))
    ones = torch.ones(200, SIZE, SIZE)
    dose = 500.0
    mean = even.record(ones, PIXELS, dose, seed=2).double().mean(0)
    wanted = dose * PIXEL**2 * 28 * even.illumination.map((SIZE, SIZE))
    smooth = torch.nn.functional.avg_pool2d(mean[None], 16)[0].numpy()
    wanted = wanted.reshape(8, 16, 8, 16).mean((1, 3))
    # 16² pixels, 200 images, 20 electrons each, DQE 0.61
    np.testing.assert_allclose(smooth, wanted, rtol=5 / math.sqrt(200 * 256 * 20 * 0.61))


@pytest.mark.parametrize(("name", "energy"), [("custom", 0), ("US1000", 300e3), ("K2", 300e3)])
def test_the_mean_of_many_exposures_is_the_image_through_the_mtf(name: str, energy: float) -> None:
    """√NNPS comes off the signal before electrons are drawn and goes on again after: only the MTF stays."""
    detector, images, per_pixel = camera(name, energy), 300, 60.0
    small = Grid((32, 32), (6.4, 6.4))
    x = torch.arange(64, dtype=torch.float64) / 64
    bright = 1 + 0.25 * torch.cos(2 * math.pi * 3 * x) + 0.25 * torch.cos(2 * math.pi * 11 * x[:, None])
    mean = detector.record(bright.expand(images, 64, 64), small, per_pixel, 1, per="pixel").double().mean(0) / per_pixel
    waves = np.fft.rfft2(mean.numpy()) / 32**2 * 2
    mtf = np.sinc if detector.mtf is None else detector.mtf
    error = 5 * math.sqrt(2 / (images * 32**2 * per_pixel * detector.dqe_zero))
    assert waves[0, 3].real == pytest.approx(0.25 * float(mtf(3 / 16)), abs=error)
    assert waves[11, 0].real == pytest.approx(0.25 * float(mtf(11 / 16)), abs=error)
