"""Figure 1: the scene is what its caption says, and the whole of it is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.spatial import cKDTree

from construction_zone.build import variant
from construction_zone.show import figure1
from construction_zone.show.figure1 import CELL, RADIUS, THICKNESS, TILT, particle_on_film


def spacing(image, step, radius):
    """Å between the strongest fringes within `radius` (Å) of the middle of `image`, whose pixels are `step` Å wide."""
    y, x = ((np.arange(n) - n / 2) * step for n in image.shape)
    distance = np.hypot(y[:, None], x)
    window = np.where(distance < radius, np.cos(np.pi * distance / radius / 2) ** 2, 0)
    power = np.abs(np.fft.fft2((image - np.average(image, weights=window)) * window, (2048, 2048)))
    k = np.fft.fftfreq(2048, step)
    k = np.hypot(k[:, None], k)
    power[k < 0.25] = 0
    return 1 / k.flat[power.argmax()]


@pytest.fixture(scope="module")
def atoms():
    return particle_on_film().atoms(seed=1)


def test_the_particle_is_a_ball_of_gold_that_rests_on_the_film(atoms):
    gold, carbon = variant(atoms, only=["particle"]), variant(atoms, only=["film"])
    assert set(gold.symbols) == {"Au"}
    assert set(carbon.symbols) == {"C"}
    volume = 4 / 3 * np.pi * RADIUS**3
    assert len(gold) == pytest.approx(4 * volume / 4.0782**3, rel=0.02)
    assert len(carbon) == pytest.approx(0.1103 * CELL**2 * THICKNESS, rel=0.01)
    gap = cKDTree(carbon.positions).query(gold.positions)[0].min()
    assert 2.0 <= gap < 3.0


def test_the_particle_is_tilted_from_its_zone_axis(atoms):
    gold = variant(atoms, only=["particle"]).positions
    steps = gold[:, None] - gold[None, np.argsort(np.linalg.norm(gold - gold.mean(axis=0), axis=1))[:20]]
    neighbours = steps[np.abs(np.linalg.norm(steps, axis=2) - 4.0782 / np.sqrt(2)) < 0.01]
    assert len(neighbours) == 20 * 12
    steepest = np.abs(neighbours[:, 2]).max() * np.sqrt(2) / 4.0782
    assert np.degrees(np.arccos(steepest)) == pytest.approx(TILT, abs=0.05)


def test_it_is_made_and_drawn(tmp_path):
    facts = figure1(tmp_path / "figure1.png", phonons=None)
    with Image.open(tmp_path / "figure1.png") as file:
        picture = np.asarray(file.convert("RGB")).astype(float)
    assert picture.shape[1] > 2 * picture.shape[0]
    # the same gold in the scene and in the mask, none in the grey image between them
    yellow = picture[..., 0] - picture[..., 2] > 60
    ends = (np.array([0.36, 0.68]) * picture.shape[1]).astype(int)
    scene, image, mask = (part.mean() for part in np.array_split(yellow, ends, axis=1))
    assert scene > 0.05
    assert image < 0.001
    assert mask > 0.1

    # the strongest fringes in the drawn image, measured with the panel's width as the ruler: gold's {111}
    left, right = (round(edge * picture.shape[1]) for edge in (4.068 / 10.908, 7.368 / 10.908))
    bottom = picture.shape[0] - round(0.12 / 3.76 * picture.shape[0])
    panel = picture[bottom - (right - left) : bottom, left:right, 0]
    assert spacing(panel, CELL / (right - left), radius=18) == pytest.approx(4.0782 / np.sqrt(3), abs=0.04)

    assert facts["shape"] == (400, 400)
    assert facts["pixel_size"] == pytest.approx((0.2, 0.2))
    assert facts["covered"] == pytest.approx(np.pi * (RADIUS + 1) ** 2 / CELL**2, rel=0.05)
    assert facts["atoms"]["film"] > facts["atoms"]["particle"] > 2000
    assert set(facts["seconds"]) == {"build", "simulate", "image", "label", "draw"}
    assert all(value > 0 for value in facts["seconds"].values())
