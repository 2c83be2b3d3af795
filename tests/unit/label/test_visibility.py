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


def films(seeds: int, **given) -> list[dict]:
    """Scores of the disc where there is nothing but a film, smoothed to 2 Å, for as many films."""
    from scipy import ndimage

    found = []
    for seed in range(seeds):
        white = np.random.default_rng(seed).standard_normal(SHAPE)
        speckle = ndimage.gaussian_filter(white, 2.0 / math.sqrt(8 * math.log(2)) / 0.2, mode="wrap")
        image = 1 + 0.05 * speckle / 0.066 + given.get("particle", 0.0)
        found += visibilities(
            image, given.get("mask", DISC)[None], PIXEL, dose=given.get("dose", 400.0), resolution=1.5
        )
    return found


@pytest.mark.parametrize("radius", [10.0, 4.0])
def test_what_has_no_contrast_scores_zero_on_average_with_the_scatter_that_is_told(radius: float) -> None:
    rows = films(200, mask=np.hypot(X - 20, Y - 20) < radius)
    significance = np.array([row["significance"] for row in rows])
    assert abs(significance.mean()) < 3.5 / math.sqrt(200)
    assert significance.std() == pytest.approx(1, abs=0.17)  # 3.5 standard deviations of what 200 numbers tell
    contrast = np.array([row["contrast"] for row in rows])
    assert abs(contrast.mean()) < 3.5 * contrast.std() / math.sqrt(200)
    # smoothed white noise of standard deviation w: ρ = exp(−d²/4w²), whose square has the area 2πw²
    width = math.hypot(2.0, 1.5) / math.sqrt(8 * math.log(2))
    size, film = math.pi * radius**2, 40.0**2 - math.pi * (radius + 6) ** 2
    wanted = math.sqrt(2 * 2 * math.pi * width**2 * (1 / size + 1 / film))
    excess = np.sign(contrast) * contrast**2 / np.array([row["speckle"] for row in rows]) ** 2
    assert (excess / significance).mean() == pytest.approx(wanted, rel=0.1)


def test_a_strong_particle_is_significant_and_its_scores_grow_as_the_root_of_the_dose() -> None:
    particle = -0.1 * DISC
    low, high = (films(3, particle=particle, dose=dose) for dose in (100.0, 1600.0))
    for one, other in zip(low, high, strict=True):
        assert other["snr"] == pytest.approx(4 * one["snr"])
        assert other["significance"] == one["significance"] > 10
        assert one["contrast"] == pytest.approx(0.1, rel=0.2)


def test_where_film_is_lacking_that_nearer_the_particle_is_taken() -> None:
    margins = [films(1, mask=np.hypot(X - 20, Y - 20) < radius)[0]["margin"] for radius in (10, 18.5, 21.0)]
    assert margins == [6.0, 3.0, 1.5]
    assert visibilities(np.ones(SHAPE), DISC[None], PIXEL, dose=1.0, without=np.ones(SHAPE))[0]["margin"] is None
    (flat,) = visibilities(1 - 0.05 * DISC, DISC[None], PIXEL, dose=1.0)
    assert flat["significance"] is None  # a film without speckle
    assert flat["contrast"] > 0.04


def test_speckle_of_an_image_that_does_not_repeat_is_not_taken_around_its_edges() -> None:
    ramp = np.linspace(-1, 1, 200)[:, None] * np.ones(SHAPE)
    scatter = []
    for periodic in ((True, True), (False, True)):
        (row,) = visibilities(1 + 0.1 * ramp, DISC[None], PIXEL, dose=1.0, periodic=periodic)
        scatter.append(abs(row["contrast"]) * row["contrast"] / row["significance"])
    assert scatter[1] > scatter[0]  # seen across the edge the ramp's ends differ


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
