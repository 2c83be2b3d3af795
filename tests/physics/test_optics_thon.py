"""Thon rings of our own noisy image give back the defocus, Cs and astigmatism that made it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch

from construction_zone.conventions import wavelength
from construction_zone.image import Microscope
from construction_zone.simulate.waves import ExitWaves

ENERGY, SIZE, PIXEL = 200e3, 512, 0.5
LAMBDA = wavelength(ENERGY)


def white_phase_object() -> ExitWaves:
    rng = np.random.default_rng(6)
    phase = torch.from_numpy(rng.normal(0, 0.06, (1, SIZE, SIZE)))
    return ExitWaves(torch.exp(1j * phase), (PIXEL, PIXEL), ENERGY, 0.0)


def fitted(image: np.ndarray, start: dict[str, float]) -> dict[str, float]:
    """Least squares of the power spectrum against 4 sin²χ of textbook χ, on a smooth background, up to 0.45 Å⁻¹."""
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    k = np.fft.fftfreq(SIZE, PIXEL)
    ky, kx = k[:, None], k[None, :]
    radius, azimuth = np.hypot(ky, kx), np.arctan2(ky, kx)
    used = (radius > 0.06) & (radius < 0.45)
    radius, azimuth, power = radius[used], azimuth[used], power[used] / power[used].mean()

    def expected(values: np.ndarray) -> np.ndarray:
        defocus, cs, along, across, height, floor, decay = values
        astigmatism, turned = math.hypot(along, across), math.atan2(across, along) / 2
        focus = 100 * defocus - 100 * astigmatism * np.cos(2 * (azimuth - turned))
        chi = np.pi / 2 * cs * 1e7 * LAMBDA**3 * radius**4 - np.pi * LAMBDA * focus * radius**2
        return height * np.sin(chi) ** 2 * np.exp(-decay * radius**2) + floor

    found = np.array([start["defocus"] / 100, start["cs"] / 1e7, 0.2, 0.2, 2.0, 0.2, 1.0])
    scatter = np.ones_like(power)
    for _ in range(3):  # a periodogram scatters by as much as its mean, which the fit before tells
        found = scipy.optimize.least_squares(lambda v, s=scatter: (power - expected(v)) / s, found).x
        scatter = np.maximum(expected(found), 0.05)
    astigmatism = 100 * math.hypot(found[2], found[3])
    return {
        "defocus": 100 * found[0],
        "Cs": 1e7 * found[1],
        "C12": astigmatism,
        "phi12": math.atan2(found[3], found[2]) / 2,
    }


def test_a_fit_of_thon_rings_gives_back_the_microscope() -> None:
    made = {"defocus": 2100.0, "Cs": 1.2e7, "C12": 140.0, "phi12": 0.6}
    scope = Microscope(**made, focal_spread=20.0, dose=300.0)
    image = scope.image(white_phase_object(), seed=4).numpy()
    assert np.all(image == np.round(image))
    found = fitted(image, {"defocus": 2000.0, "cs": 1.0e7})
    print("\nThon rings:", {name: f"{found[name]:.4g} (made with {value:.4g})" for name, value in made.items()})
    assert found["defocus"] == pytest.approx(2100, abs=6)
    assert found["Cs"] == pytest.approx(1.2e7, rel=0.02)
    assert found["C12"] == pytest.approx(140, abs=5)
    assert found["phi12"] == pytest.approx(0.6, abs=0.02)
