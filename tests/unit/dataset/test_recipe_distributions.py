"""Distributions, variables and sweeps in recipes: read, refused by path, drawn, and written back as they were."""

from __future__ import annotations

import copy
import math
from collections import Counter

import numpy as np
import pytest
import yaml
from scipy import stats

from construction_zone.dataset.draw import draw_image, draw_structure
from construction_zone.dataset.recipe import load
from construction_zone.dataset.sweeps import SweepGrid
from construction_zone.distributions import Choice, LogUniform, Sweep, TruncatedNormal
from construction_zone.errors import InvalidInput, RecipeError


def given(tiny, path, value):
    raw = copy.deepcopy(tiny)
    *parents, last = path.split(".")
    place = raw
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return raw


@pytest.mark.parametrize(
    "value",
    [
        {"log_uniform": [30, 3000]},
        {"truncated_normal": [400, 100, 200, 500]},
        {"truncated_normal": [400, 100, 200, None]},
        {"choice": [30, 400], "weights": [3, 1]},
        {"sweep": [30, 75, 150]},
        {"sweep": [100, 200], "sd": 5},
    ],
)
def test_each_is_written_back_in_the_same_form(tiny, value):
    recipe = load(given(tiny, "imaging.dose", value))
    again = load(yaml.safe_load(recipe.text()))
    assert again.plain() == recipe.plain()
    assert again.digest() == recipe.digest()
    kind = next(iter(value))
    assert set(recipe.plain()["imaging"]["dose"]) == set(value)
    if None not in value[kind]:  # an open end is the field's own limit
        assert recipe.plain()["imaging"]["dose"] == value


def draws(distribution, n=4000):
    rng = np.random.default_rng(5)
    return [distribution.draw(rng) for _ in range(n)]


def test_a_log_uniform_number_is_uniform_in_its_logarithm():
    found = np.log(draws(LogUniform(10, 1000)))
    assert stats.kstest(found, stats.uniform(math.log(10), math.log(100)).cdf).pvalue > 1e-3


def test_a_truncated_normal_number_keeps_its_own_limits():
    law = stats.truncnorm(-1, 0.5, loc=10, scale=4).cdf
    assert stats.kstest(draws(TruncatedNormal(10, 4, 6, 12)), law).pvalue > 1e-3


def test_weights_are_shares():
    found = Counter(draws(Choice(("a", "b", "c"), (3, 0, 1)), 8000))
    assert set(found) == {"a", "c"}
    # 8000 draws of probability 3/4: the standard deviation of the count is √(8000·3/16) = 39
    assert abs(found["a"] - 6000) < 5 * 39


def test_a_choice_without_weights_draws_what_it_always_drew():
    options = tuple(range(7))
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    assert [Choice(options).draw(rng) for _ in range(50)] == [int(again.integers(7)) for _ in range(50)]


@pytest.mark.parametrize(
    ("sweep", "points"),
    [
        ({"from": -250, "to": 250, "step": 50}, list(range(-250, 251, 50))),
        ({"from": 0.3, "to": 0.1, "step": -0.1}, [0.3, 0.2, 0.1]),
        ({"from": 0, "to": 1, "count": 5}, [0, 0.25, 0.5, 0.75, 1]),
    ],
)
def test_spans_of_sweeps(tiny, sweep, points):
    leaf = load(given(tiny, "imaging.defocus", {"sweep": sweep})).imaging.defocus
    assert isinstance(leaf, Sweep)
    assert leaf.points == tuple(points)


def test_a_sweep_of_imaging_takes_one_image_at_each_point_of_the_grid(tiny):
    raw = given(given(tiny, "imaging.defocus", {"sweep": [-100, 0, 100]}), "imaging.dose", {"sweep": [30, 400]})
    raw["imaging"]["per_structure"] = 2
    recipe = load(raw)
    assert recipe.images_per_structure == 12
    taken = [draw_image(recipe, 1, j) for j in range(12)]
    points = [(image["imaging.defocus"], image["imaging.dose"]) for image in taken]
    assert points[:6] == [(-100, 30), (-100, 400), (0, 30), (0, 400), (100, 30), (100, 400)]
    assert points[6:] == points[:6]
    assert recipe.count == tiny["count"]  # structures are not swept


def test_points_of_a_sweep_may_have_a_spread(tiny):
    recipe = load(given(tiny, "imaging.defocus", {"sweep": [-100, 100], "sd": 15}))
    found = np.array([draw_image(recipe, i, 0)["imaging.defocus"] for i in range(400)])
    assert abs(found.mean() + 100) < 5 * 15 / 20
    assert abs(found.std() - 15) < 5 * 15 / np.sqrt(800)


def test_a_sweep_of_structures_goes_through_its_grid_again_and_again(tiny):
    raw = given(given(tiny, "substrate.thickness", {"sweep": [5, 6, 7]}), "particles.radius", {"sweep": [4, 5]})
    del raw["count"]
    recipe = load(raw)
    assert recipe.count == 6
    found = [draw_structure(recipe, i) for i in range(7)]
    points = [(drawn["substrate.thickness"], drawn["particles.radius"][0]) for drawn in found]
    assert points[:6] == [(5, 4), (5, 5), (6, 4), (6, 5), (7, 4), (7, 5)]
    assert points[6] == points[0]
    assert all(len(set(drawn["particles.radius"])) == 1 for drawn in found)  # all particles of a structure alike
    assert recipe.images_per_structure == tiny["imaging"]["per_structure"]


def test_a_grid_numbers_every_combination_once():
    grid = SweepGrid((("a", 3), ("b", 4), ("c", 2)))
    places = [tuple(grid.places(k).values()) for k in range(grid.size)]
    assert len(set(places)) == grid.size == 24
    assert SweepGrid().places(7) == {}


def test_a_variable_ties_leaves_together(tiny):
    raw = given(tiny, "variables", {"size": {"uniform": [4, 5]}, "thick": {"uniform": [5, 8], "per": "structure"}})
    raw["particles"]["radius"] = {"variable": "size"}
    raw["substrate"]["thickness"] = {"variable": "size", "scale": 2, "offset": -1}
    recipe = load(raw)
    for index in range(5):
        drawn = draw_structure(recipe, index)
        size = drawn["variables.size"]
        assert 4 <= size <= 5
        assert drawn["particles.radius"] == [size] * drawn["particles.count"]
        assert drawn["substrate.thickness"] == pytest.approx(2 * size - 1)
    assert load(yaml.safe_load(recipe.text())).plain() == recipe.plain()
    assert recipe.plain()["substrate"]["thickness"] == {"variable": "size", "scale": 2, "offset": -1}


def test_a_variable_of_particles_is_drawn_for_each(tiny):
    raw = given(tiny, "variables", {"size": {"uniform": [4, 5], "per": "particle"}})
    raw["particles"] |= {"radius": {"variable": "size"}, "count": 2}
    drawn = draw_structure(load(raw), 0)
    assert drawn["particles.radius"] == drawn["variables.size"]
    assert len(set(drawn["variables.size"])) == 2


def test_a_variable_of_images_ties_their_settings(tiny):
    raw = given(tiny, "variables", {"hurry": {"sweep": [1, 2, 3], "per": "image"}})
    raw["imaging"] |= {"dose": {"variable": "hurry", "scale": 100}, "Cs": {"variable": "hurry", "scale": -1e4}}
    recipe = load(raw)
    assert recipe.images_per_structure == 6
    taken = [draw_image(recipe, 0, j) for j in range(6)]
    assert [image["imaging.dose"] for image in taken] == [100, 200, 300] * 2
    assert all(image["imaging.Cs"] == -100 * image["imaging.dose"] for image in taken)


def test_a_variable_may_be_mapped_to_words(tiny):
    raw = given(tiny, "variables", {"metal": {"choice": ["gold", "silver"]}})
    raw["particles"]["crystal"] = {"variable": "metal", "map": {"gold": "fcc Au", "silver": "fcc Ag"}}
    raw["particles"]["radius"] = {"variable": "metal", "map": {"gold": 4, "silver": 5}}
    recipe = load(raw)
    pairs = set()
    for index in range(20):
        drawn = draw_structure(recipe, index)
        pairs.add((drawn["particles.crystal"][0], drawn["particles.radius"][0]))
    assert pairs == {("fcc Au", 4), ("fcc Ag", 5)}
    assert load(yaml.safe_load(recipe.text())).digest() == recipe.digest()


def test_a_parameter_of_a_prefab_follows_a_variable(tiny):
    raw = given(tiny, "variables", {"size": {"uniform": [8, 10], "per": "particle"}})
    cube = {"name": "wulff", "crystal": "fcc Au", "energies": {"111": 1, "100": 1.2}, "diameter": {"variable": "size"}}
    raw["particles"] = {"count": 2, "prefab": cube, "gap": 0}
    raw["cell"] = [40, 40]
    drawn = draw_structure(load(raw), 0)
    assert drawn["particles.prefab.wulff.diameter"] == drawn["variables.size"]


def test_prefabs_may_be_weighted_or_swept(tiny):
    cube = {"name": "cube", "crystal": "fcc Au", "edge_atoms": 2}
    other = {"name": "octahedron", "crystal": "fcc Au", "edge_atoms": 3}
    raw = {**tiny, "cell": [40, 40], "particles": {"prefab": {"choice": [cube, other], "weights": [0, 1]}, "gap": 0}}
    recipe = load(raw)
    assert {draw_structure(recipe, i)["particles.prefab"][0] for i in range(6)} == {"octahedron"}
    assert load(recipe.plain()).digest() == recipe.digest()
    raw["particles"]["prefab"] = {"sweep": [cube, other]}
    recipe = load(raw)
    assert [draw_structure(recipe, i)["particles.prefab"][0] for i in range(3)] == ["cube", "octahedron", "cube"]
    assert load(recipe.plain()).digest() == recipe.digest()


def test_variables_and_new_distributions_move_no_other_draw(tiny):
    before = draw_structure(load(tiny), 2), draw_image(load(tiny), 2, 1)
    raw = given(tiny, "variables", {"a": {"uniform": [1, 2]}, "b": {"uniform": [1, 2], "per": "image"}})
    raw["imaging"]["dose"] = {"sweep": [30, 400]}
    after = draw_structure(load(raw), 2), draw_image(load(raw), 2, 1)
    for old, new in zip(before, after, strict=True):
        moved = {path for path in old if old[path] != new[path]}
        assert moved <= {"imaging.dose"}


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("imaging.dose", {"log_uniform": [0, 10]}, "imaging.dose: log_uniform: 0 has no logarithm"),
        ("imaging.dose", {"choice": [1, 2], "weights": [1]}, "imaging.dose: weights: 1 for 2 options"),
        ("imaging.dose", {"choice": [1, 2], "weights": [0, 0]}, "imaging.dose: weights: [0.0, 0.0] are no shares"),
        ("imaging.dose", {"choice": [1, 2], "weights": [-1, 2]}, "imaging.dose: weights: [-1.0, 2.0] are no shares"),
        ("imaging.dose", {"choice": [1], "sd": 2}, "imaging.dose: choice: 'sd' is not known beside it"),
        ("imaging.dose", {"uniform": [1, 2], "choice": [1]}, "imaging.dose: a distribution has one key"),
        ("imaging.dose", {"truncated_normal": [1, 2]}, "imaging.dose: truncated_normal: wants four numbers"),
        ("imaging.dose", {"truncated_normal": [5, 1, 6, 8]}, "imaging.dose: normal: the mean 5 lies outside"),
        ("imaging.dose", {"truncated_normal": [5, 1, 8, 4]}, "imaging.dose: truncated_normal: the limits [8, 4]"),
        ("imaging.dose", {"sweep": []}, "imaging.dose: sweep: the list is empty"),
        ("imaging.dose", {"sweep": 4}, "imaging.dose: sweep: wants a list, {from, to, step}"),
        ("imaging.dose", {"sweep": {"from": 1, "to": 5}}, "imaging.dose: sweep: wants a list, {from, to, step}"),
        (
            "imaging.dose",
            {"sweep": {"from": 1, "to": 5, "step": 3}},
            "imaging.dose: sweep: steps of 3 from 1 do not end",
        ),
        ("imaging.dose", {"sweep": {"from": 1, "to": 5, "step": -1}}, "imaging.dose: sweep: steps of -1 do not lead"),
        ("imaging.dose", {"sweep": {"from": 0, "to": 1e300, "step": 1e-300}}, "imaging.dose: sweep: has "),
        ("imaging.dose", {"sweep": {"from": 1, "to": 9, "count": 1e9}}, "imaging.dose: sweep: count is 1e+09"),
        ("imaging.dose", {"sweep": [1, -2]}, "imaging.dose: can be drawn as -2"),
        ("imaging.dose", {"sweep": [1, 2], "sd": -1}, "imaging.dose: sweep: sd is -1"),
        ("imaging.dose", {"variable": "size"}, "imaging.dose: no variable 'size'; give it under variables:"),
        ("imaging.per_structure", 200_000, "imaging.per_structure: 200000: input should be less than"),
        ("particles.crystal", {"log_uniform": [1, 2]}, "particles.crystal: wants a crystal"),
        ("cell", [{"sweep": [24, 28], "sd": 1}, 20], "cell[0]: wants a number or {choice: […]}"),
        ("variables", [1], "variables: wants a mapping of names"),
        ("variables", {"a b": 1}, "variables: 'a b' cannot name a variable"),
        ("variables", {"a": {"uniform": [2, 1]}}, "variables: a: uniform: [2, 1] is inverted"),
        ("variables", {"a": {"uniform": [1, 2], "per": "day"}}, "variables: a: per is 'day'"),
        ("variables", {"a": {"variable": "b"}}, "variables: a: follows another variable"),
        ("variables", {"a": None}, "variables: a: None is no value of a variable"),
    ],
)
def test_what_is_wrong_is_told_by_path(tiny, path, value, wanted):
    with pytest.raises(RecipeError) as caught:
        load(given(tiny, path, value))
    assert f"\n  {wanted}" in str(caught.value)


@pytest.mark.parametrize(
    ("leaf", "wanted"),
    [
        ({"variable": "sise"}, "no variable 'sise'; did you mean 'size'?"),
        ({"variable": 3}, "no variable 3; there are size, shot, metal"),
        ({"variable": "shot"}, "the variable shot is drawn per image, this per particle"),
        ({"variable": "size", "scale": 10}, "can be drawn as 10000: is outside the limits 2 … 1000 Å"),
        ({"variable": "size", "map": {"a": 1}}, "map: wants a mapping, from each value"),
        ({"variable": "metal", "map": {"gold": 4}}, "map: has nothing for 'silver'"),
        ({"variable": "metal"}, "'gold' is not a number"),
        (
            {"variable": "metal", "map": {"gold": 4, "silver": 5}, "scale": 2},
            "a variable has a map or a scale and offset",
        ),
    ],
)
def test_what_is_wrong_with_a_link_is_told(tiny, leaf, wanted):
    raw = given(tiny, "particles.radius", leaf)
    raw["variables"] = {
        "size": {"uniform": [4, 1000]},
        "shot": {"uniform": [4, 5], "per": "image"},
        "metal": {"choice": ["gold", "silver"]},
    }
    with pytest.raises(RecipeError) as caught:
        load(raw)
    assert f"\n  particles.radius: {wanted}" in str(caught.value)


def test_sweeps_that_would_never_end_are_refused(tiny):
    raw = given(tiny, "imaging.defocus", {"sweep": {"from": 0, "to": 999, "step": 1}})
    raw["imaging"]["Cs"] = {"sweep": {"from": 0, "to": 999, "step": 1}}
    with pytest.raises(RecipeError, match=r"imaging\.defocus: 2000000 images from sweeps of .*at most 100000"):
        load(raw)
    raw = given(tiny, "cell", [{"choice": [0.4 * k for k in range(60, 2060)]}, 20])
    raw["imaging"]["pixel_size"] = {"choice": [0.4 + k * 1e-4 for k in range(2000)]}
    with pytest.raises(RecipeError, match="are too many to check"):
        load(raw)


def test_a_sweep_by_itself_draws_one_of_its_points():
    assert set(draws(Sweep((1, 2, 3)), 100)) == {1, 2, 3}
    with pytest.raises(InvalidInput, match="there is an sd, and 'a' is not a number"):
        Sweep(("a",), sd=1)


def test_a_structure_whose_imaging_is_swept_is_simulated_once(tiny, tmp_path, monkeypatch):
    from construction_zone import simulate
    from construction_zone.dataset.generate import generate

    calls = []

    def counted(*args, **kwargs):
        calls.append(kwargs)
        return once(*args, **kwargs)

    once = simulate.exit_waves
    monkeypatch.setattr(simulate, "exit_waves", counted)
    raw = given(given(tiny, "imaging.defocus", {"sweep": [-100, 0, 100]}), "imaging.dose", {"sweep": [30, 400]})
    raw["imaging"]["per_structure"] = 1
    made = generate(raw, tmp_path / "data", count=2, workers=1, progress=False)
    assert (made.made, len(calls)) == (2, 2)

    from construction_zone.dataset.loader import ImageDataset

    assert len(ImageDataset(tmp_path / "data")) == 12
