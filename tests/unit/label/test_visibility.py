"""Visibility against images whose signal and noise are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from label_scenes import ball, film

import construction_zone as cz
from construction_zone.build import variant
from construction_zone.errors import InvalidInput
from construction_zone.label.masks import projected
from construction_zone.label.visibility import visibilities

SHAPE, PIXEL = (200, 200), (0.2, 0.2)
Y, X = np.mgrid[0:200, 0:200] * 0.2
DISC = np.hypot(X - 20, Y - 20) < 10


def test_a_flat_disc_has_the_contrast_noise_and_ratio_that_can_be_written_down() -> None:
    image = 1 - 0.05 * DISC
    inner = np.hypot(X - 20, Y - 20) < 6  # beyond the blurred edge
    (row,) = visibilities(image, inner[None], PIXEL, dose=400.0, without=np.ones(SHAPE), resolution=1.5)
    assert row["contrast"] == pytest.approx(0.05, rel=1e-6)
    sigma = 1.5 / math.sqrt(8 * math.log(2))
    area = 4 * math.pi * sigma**2
    assert row["noise"] == pytest.approx(1 / math.sqrt(400 * area), rel=1e-3)
    assert row["cnr"] == pytest.approx(0.05 * math.sqrt(400 * area), rel=1e-3)
    # the matched filter of a flat difference: contrast × √(dose × its area)
    assert row["snr"] == pytest.approx(0.05 * math.sqrt(400 * inner.sum() * 0.04), rel=1e-3)
    assert row["speckle"] == pytest.approx(0, abs=1e-12)
    assert row["cnr_film"] == pytest.approx(row["cnr"])


def test_the_noise_is_that_of_counted_electrons_seen_at_the_resolution() -> None:
    from scipy import ndimage

    (row,) = visibilities(np.ones(SHAPE), DISC[None], PIXEL, dose=300.0, without=np.ones(SHAPE), resolution=1.5)
    counted = np.random.default_rng(1).poisson(300 * 0.04, (4, *SHAPE)) / (300 * 0.04)
    sigma = 1.5 / math.sqrt(8 * math.log(2)) / 0.2
    seen = [ndimage.gaussian_filter(image, sigma, mode="wrap").std() for image in counted]
    assert row["noise"] == pytest.approx(np.mean(seen), rel=0.03)


def test_it_grows_as_the_root_of_the_dose_and_vanishes_without_a_particle() -> None:
    speckle = 0.02 * np.random.default_rng(0).standard_normal(SHAPE)
    image, empty = 1 + speckle - 0.03 * DISC, 1 + speckle
    for given in ({"without": empty}, {}):
        low, high = (visibilities(image, DISC[None], PIXEL, dose=dose, **given)[0] for dose in (100.0, 900.0))
        assert high["cnr"] == pytest.approx(3 * low["cnr"])
        assert high["snr"] == pytest.approx(3 * low["snr"])
        assert high["cnr_film"] > low["cnr_film"]
    (absent,) = visibilities(empty, DISC[None], PIXEL, dose=100.0, without=empty)
    assert absent["contrast"] == absent["cnr"] == absent["snr"] == absent["cnr_film"] == 0
    (nowhere,) = visibilities(image, np.zeros((1, *SHAPE)), PIXEL, dose=100.0, without=empty)
    assert nowhere["snr"] == 0


def test_statistics_of_the_film_stand_in_for_the_image_without_the_particle() -> None:
    rng = np.random.default_rng(3)
    speckle = 0.1 * rng.standard_normal(SHAPE)
    fringes = 0.08 * np.sin(2 * np.pi * X / 2.35) * DISC
    image = 1 + speckle + fringes - 0.02 * DISC
    (exact,) = visibilities(image, DISC[None], PIXEL, dose=100.0, without=1 + speckle, resolution=0.8)
    (guessed,) = visibilities(image, DISC[None], PIXEL, dose=100.0, resolution=0.8)
    assert guessed["contrast"] == pytest.approx(exact["contrast"], rel=0.1)
    assert guessed["speckle"] == pytest.approx(exact["speckle"], rel=0.1)


def test_without_noise_only_contrast_and_film_count() -> None:
    (row,) = visibilities(1 - 0.05 * DISC, DISC[None], PIXEL, dose=None, without=np.ones(SHAPE))
    assert row["noise"] is None
    assert row["cnr"] is None
    assert row["snr"] is None
    assert row["cnr_film"] is None
    assert row["contrast"] > 0.04


def test_gold_is_seen_better_than_carbon_and_both_at_the_right_focus() -> None:
    """Balls of gold and of diamond on a film, imaged with and without the ball."""
    snr = {}
    for name in ("fcc Au", "diamond C"):
        zones = [film(2, 12), ball(cz.Crystal.named(name), radius=8, at=(24, 24, 22.5))]
        atoms = cz.Scene(zones, cell=(48, 48, 36)).atoms(seed=1)
        images = []
        for part in (atoms, variant(atoms, only=["film"])):
            waves = cz.simulate.exit_waves(part, sampling=0.16, phonons=2, displacements=0.08, seed=2)
            images.append(cz.Microscope(defocus=60.0, Cs=-1e5, focal_spread=20.0).image(waves, 0.2).numpy())
        mask = projected(variant(atoms, only=["ball"]), (240, 240), (0.2, 0.2))
        (row,) = visibilities(images[0], mask[None], (0.2, 0.2), dose=400.0, without=images[1])
        snr[name] = row["snr"]
    assert snr["fcc Au"] > 3 * snr["diamond C"] > 1


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(InvalidInput, match="dose is -1"):
        visibilities(np.ones(SHAPE), DISC[None], PIXEL, dose=-1)
    with pytest.raises(InvalidInput, match="differ in shape"):
        visibilities(np.ones((100, 200)), DISC[None], PIXEL, dose=1.0)
    with pytest.raises(InvalidInput, match="too few to tell the film's speckle"):
        visibilities(np.ones(SHAPE), np.ones((1, *SHAPE)), PIXEL, dose=1.0)
    with pytest.raises(InvalidInput, match="resolution is 0"):
        visibilities(np.ones(SHAPE), DISC[None], PIXEL, dose=1.0, resolution=0.0)
