"""Scenes in a recipe whose zones each have a place and a priority."""

from __future__ import annotations

import jsonschema
import numpy as np
import pytest

from construction_zone import build
from construction_zone.build.transforms import rotation, translation
from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.plan import sampled
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.errors import RecipeError, SceneError
from construction_zone.label.dislocations import dislocation_lines

GOLD = {"name": "crystal", "crystal": "fcc Au"}
SILICON = {"name": "amorphous", "composition": "Si", "density": 2.3}
FILM = {
    "name": "film",
    "volume": {"name": "slab", "thickness": 10, "center": [0, 0, 10]},
    "generator": SILICON,
    "priority": 2,
    "labelled": False,
}
HOLE = {
    "name": "hole",
    "volume": {"name": "cylinder", "radius": 8, "length": 40},
    "generator": {"name": "void"},
    "priority": 1,
    "at": [20, 20, 10],
}
BALL = {
    "name": "ball",
    "volume": {"name": "ball", "radius": 8},
    "generator": GOLD,
    "at": [{"uniform": [30, 34]}, 30, {"uniform": [14, 18]}],
}


@pytest.fixture
def raw():
    return {"version": 1, "seed": 2, "count": 3, "cell": [44, 44]}


def scene(raw, *zones, **more):
    return {**raw, "scene": {"zones": list(zones), **more}}


def made(raw, *zones, index=0, **more):
    file = scene(raw, *zones, **more)
    errors = list(jsonschema.Draft202012Validator(Recipe.schema()).iter_errors(file))
    assert not errors, errors[0].message
    recipe = load(file)
    assert load(recipe.plain()).digest() == recipe.digest()
    return build_structure(recipe, index)


def points(built, name):
    return built.atoms.positions[built.atoms.arrays["zone"] == built.atoms.info["zones"].index(name)]


def test_zones_lie_where_they_are_drawn_to_lie(raw):
    built = made(raw, FILM, BALL, height=40)
    at = np.array([built.drawn[f"scene.zones[1].at[{axis}]"] for axis in range(3)])
    assert 30 <= at[0] <= 34
    assert 14 <= at[2] <= 18
    distance = np.linalg.norm(points(built, "ball") - at, axis=1)
    assert distance.max() <= 8 + 1e-6
    assert len(distance) == pytest.approx(4 / 3 * np.pi * 8**3 / (4.0786**3 / 4), rel=0.15)
    assert built.atoms.cell.lengths().tolist() == [44, 44, 40]
    assert built.particles == ("ball",)
    other = made(raw, FILM, BALL, height=40, index=1)
    assert other.drawn["scene.zones[1].at[0]"] != at[0]


def test_the_scene_is_that_of_the_same_zones_in_python(raw):
    plain = {**BALL, "at": [30, 31, 15]}
    block = {"name": "block", "size": [36, 36, 10], "center": [22, 22, 10]}
    built = made(raw, {**FILM, "volume": block, "generator": GOLD}, plain, HOLE, height=40)
    gold = build.Crystal.named("fcc Au")
    ball = build.Zone(build.Ball(8), gold, "ball").moved(translation((30, 31, 15)))
    film = build.Zone(build.Block((36, 36, 10), (22, 22, 10)), gold, "film", priority=2)
    hole = build.Zone(build.Cylinder(8, 40), build.Void(), "hole", priority=1).moved(translation((20, 20, 10)))
    atoms = build.Scene([film, ball, hole], (44, 44, 40)).atoms(seed=0)
    assert np.array_equal(atoms.arrays["zone"], built.atoms.arrays["zone"])
    np.testing.assert_allclose(atoms.positions, built.atoms.positions, atol=1e-9)


def test_nothing_cuts_a_hole_in_what_has_a_higher_number(raw):
    whole, cut = made(raw, FILM, height=24), made(raw, FILM, HOLE, height=24)
    away = np.hypot(*(points(whole, "film")[:, :2] - 20).T) > 8 + 1e-6
    np.testing.assert_allclose(points(cut, "film"), points(whole, "film")[away])
    assert 0 < (~away).sum() < len(away)
    assert cut.particles == ()
    spared = made(raw, FILM, {**HOLE, "priority": 3}, height=24)
    assert len(points(spared, "film")) == len(points(whole, "film"))


def test_the_lower_number_wins(raw):
    inside = {**BALL, "at": [22, 22, 10]}
    first = made(raw, FILM, inside, height=30)
    last = made(raw, FILM, {**inside, "priority": 5}, height=30)
    assert len(points(first, "ball")) > len(points(last, "ball"))
    heights = points(last, "ball")[:, 2]
    assert ((heights < 5) | (heights > 15)).all()


def test_without_a_height_the_cell_is_fitted(raw):
    built = made(raw, {**BALL, "at": [22, 22, -100]}, HOLE)
    assert built.atoms.cell.lengths()[2] == pytest.approx(16 + 10)
    assert points(built, "ball")[:, 2].mean() == pytest.approx(13, abs=0.7)
    half = {"name": "half", "volume": {"name": "half_space", "normal": [0, 0, 1]}, "generator": SILICON}
    with pytest.raises(RecipeError, match=r"scene\.zones\[0\]: a zone of the scene has no end.*give scene\.height"):
        made(raw, half)


def test_prefabs_modifiers_and_turns(raw):
    wulff = {"name": "wulff", "crystal": "fcc Au", "energies": {"111": 1.28, "100": 1.63}, "diameter": 20}
    up = {"name": "up", "prefab": wulff, "orientation": [1, 1, 0], "spin": {"uniform": [0, 90]}, "at": [12, 12, 20]}
    free = {"name": "free", "prefab": {"choice": [wulff]}, "orientation": "random", "at": [32, 32, 20]}
    gaps = {**BALL, "at": [32, 12, 20], "modifiers": [{"name": "vacancies", "count": {"integers": [3, 9]}}]}
    built = made(
        raw, up, free, gaps, {"prefab": {"name": "film", "thickness": 6}, "at": [22, 22, 5], "labelled": False}
    )
    record = built.atoms.info["record"]["zones"]
    axes = np.array(record["up"]["pose"]["matrix"])
    np.testing.assert_allclose(axes @ [1, 1, 0] / np.sqrt(2), (0, 0, 1), atol=1e-9)
    assert np.array(built.drawn["scene.zones[1].rotation"]).shape == (3, 3)
    assert built.drawn["scene.zones[0].rotation"] is None
    count = built.drawn["scene.zones[2].prefab.zone.modifiers[0].count"]
    assert record["ball"]["fill"]["modifiers"][0]["count"] == count
    assert built.particles == ("up", "free", "ball")
    assert built.atoms.info["zones"] == ["up", "free", "ball", "zone 3"]


def test_min_distance(raw):
    near, far = (made(raw, FILM, {**BALL, "at": [22, 22, 20]}, height=40, min_distance=d) for d in (2, 3.5))
    assert len(points(near, "film")) > len(points(far, "film"))
    assert len(points(near, "ball")) == len(points(far, "ball"))


def test_a_structure_alone_is_the_same_as_in_a_batch(raw):
    recipe = load(scene(raw, FILM, BALL, HOLE, height=40))
    assert (
        build_structure(recipe, 1).atoms.positions.tobytes()
        == build_structure(recipe.with_(count=90), 1).atoms.positions.tobytes()
    )


@pytest.mark.parametrize(
    ("zones", "told"),
    [
        ([], "scene.zones: wants a list of zones"),
        ([{"name": "a"}], "scene.zones[0]: wants a prefab, or a volume and a generator"),
        ([{**BALL, "prefab": {"name": "cube"}}], "scene.zones[0].volume: belongs to a zone; with a prefab"),
        ([BALL, BALL], "scene.zones[1].name: 'ball' is taken"),
        ([{**BALL, "priorty": 1}], "scene.zones[0].priorty: unknown key; did you mean 'priority'?"),
        ([{**BALL, "genrator": 1}], "scene.zones[0].genrator: unknown key; did you mean 'generator'?"),
        ([{**BALL, "q": 1}], "labelled, volume, generator, modifiers"),
        ([{"volume": BALL["volume"]}], "scene.zones[0].generator: is missing"),
        ([HOLE], "scene.zones: all zones of the scene are void; fill at least one"),
        ([{**BALL, "at": [1, 2]}], "scene.zones[0].at"),
        ([{**BALL, "at": 3}], "scene.zones[0].at: wants three numbers, [x, y, z]"),
        ([{**BALL, "at": [1, 2, "up"]}], "scene.zones[0].at[2]: 'up' is not a number"),
        ([{**BALL, "volume": {"name": "bal"}}], "there is no volume 'bal'; did you mean 'ball'?"),
        ([{**BALL, "volume": {"name": "ball", "radius": -1}}], "scene.zones[0].prefab.zone: volume: radius is -1"),
    ],
)
def test_bad_zones_are_refused_by_path(raw, zones, told):
    with pytest.raises(RecipeError) as error:
        load(scene(raw, *zones))
    assert told in str(error.value)


BEYOND = "zone 'ball' leaves the cell along z"


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"at": [22, 22, 100]}, True),
        ({"at": [22, 22, {"uniform": [48.5, 60]}]}, True),
        ({"at": [22, 22, {"uniform": [30, 60]}]}, False),
        ({"at": [22, 22, -8]}, True),
        ({"at": [22, 22, 100], "generator": {"name": "void"}}, False),
        ({"at": [22, 22, 46], "volume": {"name": "block", "size": [30, 30, 4]}}, True),
        ({"at": [22, 22, 46], "volume": {"name": "block", "size": [30, 30, 4]}, "orientation": "random"}, False),
    ],
    ids=str,
)
def test_a_zone_that_no_draw_brings_into_the_cell_is_refused(raw, changed, refused):
    file = scene(raw, FILM, {**BALL, **changed}, height=40)
    if not refused:
        assert load(file)
        return
    with pytest.raises(RecipeError) as error:
        load(file)
    assert f"scene.zones[1]: {BEYOND}" in str(error.value)


def test_other_sections_and_keys_do_not_go_with_it(raw):
    with pytest.raises(RecipeError, match=r"scene\.zones: all zones of the scene are void"):
        load(scene(raw, HOLE, height=40))
    with pytest.raises(RecipeError, match=r"particles: structures come from scene\.zones"):
        load({**scene(raw, BALL), "particles": {"crystal": "fcc Au", "radius": 5}})
    with pytest.raises(RecipeError, match=r"scene\.hight: unknown key; did you mean 'height'"):
        load(scene(raw, BALL, hight=30))
    with pytest.raises(RecipeError, match="cell: is missing"):
        load({key: value for key, value in scene(raw, BALL).items() if key != "cell"})


def test_a_particle_that_others_leave_no_atom_of_is_told(raw):
    buried = {**BALL, "at": [22, 22, 10], "volume": {"name": "ball", "radius": 3}, "priority": 3}
    with pytest.raises(SceneError, match="'ball' is left with no atoms"):
        made(raw, FILM, buried, height=30)


def test_values_are_set_and_follow_variables(raw):
    file = {**scene(raw, BALL, height=40), "variables": {"depth": {"uniform": [10, 12]}}}
    recipe = load(file, settings=["scene.zones[0].volume.radius=6", "scene.zones[0].at[2]={variable: depth}"])
    built = build_structure(recipe, 0)
    assert built.drawn["scene.zones[0].at[2]"] == built.drawn["variables.depth"]
    assert built.drawn["scene.zones[0].prefab.zone.volume.radius"] == 6


def test_a_plan_shows_what_zones_and_their_parts_will_draw(raw):
    gaps = {**BALL, "modifiers": [{"name": "vacancies", "fraction": {"uniform": [0, 0.1]}}]}
    drawn = sampled(load(scene(raw, FILM, gaps, height=40)))
    assert set(drawn) == {
        "scene.zones[1].at[0]",
        "scene.zones[1].at[2]",
        "scene.zones[1].prefab.zone.modifiers[0].fraction",
    }
    assert all(len(values) == 3 for values in drawn.values())


@pytest.mark.parametrize(
    "kind", [{"name": "dislocation"}, {"name": "anisotropic_dislocation", "stiffness": [193, 164, 42]}], ids=str
)
def test_labels_know_the_line_of_a_dislocation_that_a_modifier_makes(raw, kind):
    half = 4.0782 / 2
    modifier = {**kind, "burgers": [half, half, 0], "line": [1, -1, 0], "point": [0.7, 0.9, 0.4]}
    zone = {
        "volume": {"name": "ball", "radius": 16},
        "generator": {"name": "crystal", "crystal": "fcc Au", "zone_axis": [1, -1, 2]},
        "modifiers": [modifier, {"name": "vacancies", "count": 3}],
        "at": [22, 22, 22],
        "spin": 30,
    }
    atoms = made(raw, {**zone, "name": "one"}, height=44).atoms
    (row,) = dislocation_lines(atoms)
    crystal = build.Crystal.named("fcc Au").with_zone_axis([1, -1, 2]).moved(rotation((0, 0, 1), 30)).shifted([22] * 3)
    np.testing.assert_allclose(row["burgers"], crystal.pose.apply_direction([half, half, 0]), atol=1e-3)
    assert (row["zone"], row["kind"], row["character"]) == ("one", "line", "edge")
    assert row["inclination"] == pytest.approx(np.degrees(np.arccos(1 / np.sqrt(3))))  # from [1-10] to [1-12]
    first, last = np.array(row["path"])
    away = crystal.pose.apply([0.7, 0.9, 0.4])[:2] - first
    assert abs(np.linalg.det([away, (last - first) / np.linalg.norm(last - first)])) < 1e-6
    outside = {**modifier, "point": [60.7, 60.9, 0.4]}
    assert dislocation_lines(made(raw, {**zone, "modifiers": [outside]}, height=44).atoms) == []
