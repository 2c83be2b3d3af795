"""Grids, padding and the intensity of plain waves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.errors import InvalidInput
from construction_zone.image import detector, form
from construction_zone.simulate.grid import Grid

LAMBDA = wavelength(300e3)


def random_waves(*shape: int, seed: int = 0, dtype: torch.dtype = torch.complex128) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(1 + 0.3 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))).to(dtype)


@pytest.mark.parametrize("beams", [(512, 512), (100, 90), (7, 8), (855, 641)])
def test_formation_grid_holds_twice_the_band_and_little_more(beams) -> None:
    for grid, count in zip(form.formation_shape(beams), beams, strict=True):
        assert 2 * count - 1 <= grid
        assert grid <= max(16, 1.27 * (2 * count - 1) + 16)


def test_image_grid_takes_the_nearest_pixel_that_divides_the_extent() -> None:
    grid = form.image_grid(Grid((200, 100), (20.0, 10.0)), 0.3)
    assert grid.shape == (67, 33)
    assert grid.sampling == pytest.approx((20 / 67, 10 / 33))
    assert form.image_grid(grid, None) is grid


def test_a_pixel_finer_than_the_waves_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInput, match=r"stored at 0\.2 × 0\.2 Å .*band of 2\.5 Å⁻¹; give at least 0\.2 Å"):
        form.image_grid(Grid((64, 64), (12.8, 12.8)), 0.1)


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan, math.inf, True, "0.2", (0.2, 0.2)])
def test_a_pixel_that_is_no_length_is_refused(size) -> None:
    with pytest.raises(InvalidInput, match="pixel_size"):
        form.image_grid(Grid((64, 64), (12.8, 12.8)), size)


@pytest.mark.parametrize("shape", [(8, 9), (7, 6)])
@pytest.mark.parametrize("differentiable", [False, True])
def test_every_plane_wave_beats_with_the_direct_beam_where_it_should(shape, differentiable: bool) -> None:
    """On the finer grid too, between the old points, where a frequency put in the wrong place would show."""
    ny, nx = shape
    y, x = (torch.arange(n, dtype=torch.float64) / n for n in (3 * ny, 2 * nx))
    for i, j in np.ndindex(*shape):
        spectrum = torch.zeros(1, *shape, dtype=torch.complex128)
        spectrum[0, i, j] = 0.3 + 0.1j
        spectrum[0, 0, 0] += 1
        wave = torch.fft.ifft2(spectrum, norm="forward").requires_grad_(differentiable)
        fine = form.intensity(wave, (1.0, 1.0), LAMBDA, {}, shape=(3 * ny, 2 * nx)).detach()
        periods = (i if i < ny / 2 else i - ny, j if j < nx / 2 else j - nx)
        turn = 2 * math.pi * (periods[0] * y[:, None] + periods[1] * x)
        wanted = (1 + (0.3 + 0.1j) * torch.exp(1j * turn)).abs().square()
        torch.testing.assert_close(fine, wanted)


@pytest.mark.parametrize("shape", [(32, 48), (31, 45)])
def test_a_vacuum_wave_has_intensity_one(shape) -> None:
    waves = torch.ones(2, *shape, dtype=torch.complex64)
    found = form.intensity(
        waves,
        (12.0, 16.0),
        LAMBDA,
        {"C10": -300.0, "C30": 1e7},
        foci=(-10.0, 0.0, 10.0),
        weights=(0.25, 0.5, 0.25),
        source_size=0.5,
        semiangle=20.0,
    )
    assert found.dtype == torch.float32
    assert found.shape == (2 * shape[0], 2 * shape[1])
    torch.testing.assert_close(found, torch.ones_like(found), rtol=0, atol=1e-6)


def test_without_a_lens_the_intensity_is_that_of_the_waves_averaged() -> None:
    waves = random_waves(3, 16, 16)
    found = form.intensity(waves, (4.0, 4.0), LAMBDA, {})
    torch.testing.assert_close(found[::2, ::2], waves.abs().square().mean(0))


def test_foci_shift_the_defocus() -> None:
    waves = random_waves(1, 16, 16)
    moved = form.intensity(waves, (4.0, 4.0), LAMBDA, {"C10": -100.0}, foci=(50.0,), weights=(1.0,))
    torch.testing.assert_close(moved, form.intensity(waves, (4.0, 4.0), LAMBDA, {"C10": -150.0}))


@pytest.mark.parametrize("tilt", [(0.0, 0.0), (5.0, -3.0)])
def test_foci_shift_the_defocus_in_the_envelope_of_the_source_too(tilt) -> None:
    waves, settings = random_waves(1, 16, 16), {"source_size": 2.0, "tilt": tilt}
    moved = form.intensity(waves, (4.0, 4.0), LAMBDA, {"C10": -300.0}, foci=(200.0,), weights=(1.0,), **settings)
    torch.testing.assert_close(moved, form.intensity(waves, (4.0, 4.0), LAMBDA, {"C10": -500.0}, **settings))
    assert (moved - form.intensity(waves, (4.0, 4.0), LAMBDA, {"C10": -500.0}, tilt=tilt)).abs().max() > 0.1


def test_a_batch_is_its_singles() -> None:
    waves = random_waves(2, 3, 2, 16, 18, dtype=torch.complex64)
    settings = {"foci": (-5.0, 5.0), "weights": (0.5, 0.5), "source_size": 0.3, "semiangle": 25.0}
    batch = form.intensity(waves, (4.0, 4.5), LAMBDA, {"C10": -80.0}, **settings)
    assert batch.shape == (2, 3, 32, 36)
    for i, j in np.ndindex(2, 3):
        single = form.intensity(waves[i, j], (4.0, 4.5), LAMBDA, {"C10": -80.0}, **settings)
        assert torch.equal(batch[i, j], single)


def test_single_precision_stays_close_to_double() -> None:
    waves = random_waves(2, 64, 64)
    given = {"C10": -500.0, "C30": 1.2e7}
    double = form.intensity(waves, (12.8, 12.8), LAMBDA, given)
    single = form.intensity(waves.to(torch.complex64), (12.8, 12.8), LAMBDA, given)
    assert (single - double).abs().max() < 5e-6


def test_gradients_reach_waves_and_coefficients() -> None:
    waves = random_waves(1, 4, 5).requires_grad_()
    c10 = torch.tensor(-30.0, dtype=torch.float64, requires_grad=True)
    c21 = torch.tensor(80.0, dtype=torch.float64, requires_grad=True)

    def image(waves: torch.Tensor, c10: torch.Tensor, c21: torch.Tensor) -> torch.Tensor:
        given = {"C10": c10, "C21": c21, "phi21": 0.3}
        return form.intensity(
            waves, (2.0, 2.5), LAMBDA, given, foci=(-9.0, 9.0), weights=(0.5, 0.5), source_size=0.2, semiangle=40.0
        )

    assert torch.autograd.gradcheck(image, (waves, c10, c21))


def test_everything_is_made_on_the_device_of_the_waves() -> None:
    """On the meta device a tensor that was made elsewhere would raise."""
    waves = torch.ones(2, 8, 8, dtype=torch.complex64, device="meta")
    given = {"C10": -50.0, "C12": 3.0, "phi12": 0.1}
    found = form.intensity(waves, (2.0, 2.0), LAMBDA, given, source_size=0.2, semiangle=30.0)
    assert found.device.type == "meta"
    assert detector.pixel_integrated(found, (8, 8)).device.type == "meta"
