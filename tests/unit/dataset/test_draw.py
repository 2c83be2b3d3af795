"""Drawn values: what each depends on, and where particles are placed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from construction_zone.dataset.draw import draw_image, draw_structure, place
from construction_zone.dataset.recipe import load
from construction_zone.errors import SceneError


def test_a_structure_is_drawn_from_seed_and_index_alone(tiny):
    recipe = load(tiny)
    alone = draw_structure(recipe, 7)
    assert alone == [draw_structure(recipe.with_(count=100), i) for i in (3, 7)][1]
    assert alone != draw_structure(recipe, 6)
    assert alone != draw_structure(recipe.with_(seed=4), 7)


def test_a_change_of_one_field_moves_no_other(tiny):
    before = draw_structure(load(tiny), 2)
    tiny["substrate"]["density"] = {"uniform": [1.8, 2.4]}
    tiny["imaging"]["dose"] = {"uniform": [30, 600]}
    after = draw_structure(load(tiny), 2)
    moved = {path for path in before if before[path] != after[path]}
    assert moved == {"substrate.density"}


def test_a_change_of_imaging_moves_no_other_setting(tiny):
    before = draw_image(load(tiny), 2, 1)
    tiny["imaging"]["Cs"] = {"uniform": [-1e5, 1e5]}
    after = draw_image(load(tiny), 2, 1)
    assert {path for path in before if before[path] != after[path]} == {"imaging.Cs"}
    assert draw_image(load(tiny), 2, 0)["imaging.defocus"] != after["imaging.defocus"]


def test_more_particles_leave_the_first_as_it_was(tiny):
    tiny["cell"] = [80, 80]
    tiny["particles"]["count"] = 1
    one = draw_structure(load(tiny), 0)
    tiny["particles"]["count"] = 3
    three = draw_structure(load(tiny), 0)
    for path in ("radius", "rotation", "offset", "position"):
        assert three[f"particles.{path}"][0] == one[f"particles.{path}"][0]


def test_draws_follow_their_distributions(tiny):
    recipe = load(tiny)
    radii = np.array([draw_structure(recipe, i)["particles.radius"][0] for i in range(400)])
    assert radii.min() >= 4
    assert radii.max() <= 5
    # the mean of 400 uniform numbers of width 1: 0.5/√3/20 is its standard deviation
    assert abs(radii.mean() - 4.5) < 5 * 0.5 / np.sqrt(3) / 20
    defocus = np.array([draw_image(recipe, i, 0)["imaging.defocus"] for i in range(400)])
    assert abs(defocus.mean() + 100) < 5 * 15 / 20
    counts = [draw_structure(recipe, i)["particles.count"] for i in range(50)]
    assert set(counts) == {1, 2}


def test_a_zone_axis_keeps_a_random_spin(tiny):
    tiny["particles"]["orientation"] = [1, 1, 0]
    drawn = [draw_structure(load(tiny), i) for i in range(40)]
    spins = [d["particles.spin"][0] for d in drawn]
    assert all(d["particles.rotation"][0] is None for d in drawn)
    assert min(spins) < 90
    assert max(spins) > 270


@pytest.mark.parametrize("seed", range(5))
def test_particles_keep_their_gap_across_the_seam(seed):
    cell, radii, gap = np.array([100.0, 80.0]), [12.0, 9.0, 14.0, 10.0], 6.0
    places = np.array(place(radii, tuple(cell), gap, seed))
    assert (places >= 0).all()
    assert (places < cell).all()
    for (i, a), (j, b) in itertools.combinations(enumerate(places), 2):
        shifts = [np.hypot(*(a - b + cell * (m, n))) for m in (-1, 0, 1) for n in (-1, 0, 1)]
        assert min(shifts) >= radii[i] + radii[j] + gap - 1e-9


def test_places_are_anywhere_in_the_cell():
    places = np.array([place([10.0], (100.0, 50.0), 5.0, seed)[0] for seed in range(300)])
    assert places[:, 0].min() < 5
    assert places[:, 0].max() > 95
    assert places[:, 1].max() > 47


def test_what_cannot_be_placed_says_how_many_fitted():
    with pytest.raises(SceneError, match=r"only 1 of 2 particles found a place in 50 × 50 Å"):
        place([11.0, 15.0], (50.0, 50.0), 12.0, 0)
    with pytest.raises(SceneError, match="does not fit a periodic cell of 50 Å"):
        place([21.0], (50.0, 60.0), 10.0, 0)
