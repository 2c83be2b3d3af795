"""Recipes: what is accepted, and how each bad field is told."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest
import yaml

from construction_zone.dataset.draw import draw_structure
from construction_zone.dataset.leaves import differences
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.distributions import Choice, Fixed, Integers, Normal, Uniform
from construction_zone.errors import RecipeError

READY = sorted((Path(__file__).parents[3] / "recipes").glob("*.yaml"))


def changed(recipe, path, value):
    *parents, last = path.split(".")
    place = recipe
    for parent in parents:
        place = place[parent]
    place[last] = value
    return recipe


def complaint(recipe) -> str:
    with pytest.raises(RecipeError) as caught:
        load(recipe)
    return str(caught.value)


@pytest.mark.parametrize("path", READY, ids=lambda path: path.name)
def test_ready_recipes_load_and_say_the_same_when_written_back(path, tmp_path):
    recipe = load(path)
    (tmp_path / "again.yaml").write_text(recipe.text())
    assert load(tmp_path / "again.yaml").plain() == recipe.plain()


def test_the_recipe_of_the_newcomer_is_what_it_says():
    recipe = load(next(path for path in READY if path.name == "gold_on_carbon.yaml"))
    assert recipe.simulation.energy == Fixed(300e3)  # written 300e3, which YAML 1.1 reads as a word
    assert recipe.substrate is not None
    assert recipe.particles is not None
    assert recipe.substrate.thickness == Uniform(20, 50)
    assert recipe.particles.count == Integers(1, 2)
    assert recipe.particles.orientation == Fixed("random")
    assert isinstance(recipe.imaging.defocus, Normal)
    assert (recipe.imaging.defocus.mean, recipe.imaging.defocus.sd) == (-100, 15)
    assert (recipe.count, recipe.seed, recipe.imaging.per_structure) == (8, 1, 1)


def test_the_ready_recipe_in_the_package_is_the_one_in_the_repository():
    from importlib.resources import files

    inside = (files("construction_zone") / "recipes" / "gold_on_carbon.yaml").read_bytes()
    assert inside == next(path for path in READY if path.name == "gold_on_carbon.yaml").read_bytes()


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("particles.raduis", 3, "particles.raduis: unknown key; did you mean 'radius'?"),
        ("sed", 3, "sed: unknown key; did you mean 'seed'?"),
        ("substrate.thickness", -5, "substrate.thickness: -5 is outside the limits 1 … 5000 Å"),
        ("substrate.thickness", {"uniform": [-5, 8]}, "substrate.thickness: can be drawn as -5"),
        ("imaging.defocus", {"uniform": [5, 1]}, "imaging.defocus: uniform: [5, 1] is inverted"),
        ("particles.count", {"integers": [2, 1]}, "particles.count: integers: [2, 1] is inverted"),
        ("particles.radius", {"unifrom": [4, 5]}, "particles.radius: unknown distribution 'unifrom'; did you mean"),
        ("particles.radius", {"uniform": [4]}, "particles.radius: uniform: wants two numbers"),
        ("particles.radius", {"uniform": 4}, "particles.radius: uniform: wants a list"),
        ("particles.radius", {"uniform": [4, 5], "choice": [4]}, "particles.radius: a distribution has one key"),
        ("particles.radius", {"choice": []}, "particles.radius: choice: the list is empty"),
        ("particles.radius", {"choice": [4, 1]}, "particles.radius: can be drawn as 1"),
        ("particles.radius", {"normal": [1, 3]}, "particles.radius: normal: the mean 1 lies outside the limits"),
        ("particles.radius", {"normal": [4, -3]}, "particles.radius: normal: the standard deviation is -3"),
        ("particles.radius", True, "particles.radius: True is not a number"),
        ("particles.radius", "large", "particles.radius: 'large' is not a number"),
        ("particles.radius", math.nan, "particles.radius: nan is not a finite number"),
        ("particles.radius", None, "particles.radius: None is not a number"),
        ("particles.radius", 13, "particles.radius: 13 Å with a gap of 0 Å does not fit a periodic cell of 20 Å"),
        ("particles.count", 1.5, "particles.count: 1.5 is not a whole number"),
        ("particles.count", {"uniform": [1, 2]}, "particles.count: wants whole numbers"),
        ("particles.count", 100, "particles.count: 100 particles"),
        ("particles.orientation", [0, 0, 0], "particles.orientation: [0, 0, 0] is neither 'random' nor a zone axis"),
        ("particles.orientation", {"uniform": [1, 2]}, "particles.orientation: wants 'random' or the zone axis"),
        ("particles.crystal", "fcc Xx", "particles.crystal: "),
        ("particles.crystal", "nowhere/au.cif", "particles.crystal: no file nowhere/au.cif"),
        ("substrate.amorphous", "Xx", "substrate.amorphous: "),
        ("substrate.structure", "melted", "substrate.structure: 'melted' is not known; use 'random' or 'relaxed'"),
        ("substrate", [1], "substrate[0]: wants a mapping of name, amorphous, density, thickness, structure"),
        ("cell", [24.1, 20], "cell[0]: 24.1 Å is not a whole number of image pixels of 0.4 Å (60.25); the nearest"),
        ("cell", 24, "cell: wants two numbers"),
        ("cell", [24, 20, 30], "cell: wants two numbers"),
        ("cell", [{"uniform": [24, 26]}, 20], "cell[0]: wants a number or {choice: […]}"),
        ("imaging.pixel_size", 0.1, "imaging.pixel_size: 0.1 Å is finer than the wave's sampling of 0.2 Å"),
        ("imaging.per_structure", 0, "imaging.per_structure: 0: input should be greater than or equal to 1"),
        ("imaging.dose", 0, "imaging.dose: 0 is outside the limits"),
        ("labels", {"mask": "outline"}, "labels.mask: 'outline' is not known; use 'projected' or 'exit_wave'"),
        ("labels", {"blur": 2}, "labels.blur: belongs to mask: exit_wave"),
        ("version", 2, "version: 2 is newer than this version of construction-zone reads"),
        ("version", 0, "version: 0 is not known; use 1"),
        ("version", "one", "version: 'one' is not a number"),
        ("seed", -1, "seed: -1: input should be greater than or equal to 0"),
        ("count", 0, "count: 0: input should be greater than or equal to 1"),
        ("count", {"integers": [1, 2]}, "count: "),
    ],
)
def test_a_bad_field_is_told_by_its_path(tiny, path, value, wanted):
    assert f"\n  {wanted}" in complaint(changed(tiny, path, value))


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("simulation.energy", 300, "outside the limits 10000 … 1e+07 eV; 300 keV is 300000 eV"),
        ("substrate.density", 2200, "outside the limits 0.01 … 25 g/cm³; 2200 kg/m³ is 2.2 g/cm³"),
        ("imaging.aperture", 0.005, "outside the limits 0.01 … 1000 mrad; 0.005 rad is 5 mrad"),
        ("imaging.aperture", -1, "outside the limits 0.01 … 1000 mrad"),
    ],
)
def test_a_value_in_another_unit_is_recognized(tiny, path, value, wanted):
    assert complaint(changed(tiny, path, value)).endswith(wanted)


def test_all_bad_fields_are_told_at_once(tiny):
    changed(tiny, "particles.radius", -1)
    changed(tiny, "substrate.density", "heavy")
    changed(tiny, "imaging.doze", 3)
    told = complaint(tiny)
    assert all(path in told for path in ("particles.radius", "substrate.density", "imaging.doze"))


@pytest.mark.parametrize("key", ["version", "cell"])
def test_a_missing_field_is_told(tiny, key):
    del tiny[key]
    assert f"{key}: is missing" in complaint(tiny)


def test_neither_film_nor_particles_is_no_structure(tiny):
    del tiny["substrate"], tiny["particles"]
    assert "neither a substrate nor a particle" in complaint(tiny)


@pytest.mark.parametrize(
    ("text", "value"), [("300e3", 300e3), ("+3E+5", 3e5), ("2.e5", 2e5), ("1e5", 1e5), (" 200000 ", 200000.0)]
)
def test_numbers_that_yaml_takes_for_words(tiny, text, value):
    assert load(changed(tiny, "simulation.energy", text)).simulation.energy == Fixed(value)


def test_distributions_of_every_kind(tiny):
    tiny["simulation"]["phonons"] = {"choice": [None, 0, 4]}
    tiny["particles"]["orientation"] = {"choice": ["random", [1, 1, 0]]}
    tiny["cell"] = [{"choice": [24, 28]}, 20]
    recipe = load(tiny)
    assert recipe.simulation.phonons == Choice((None, 0, 4))
    assert recipe.particles is not None
    assert recipe.particles.orientation == Choice(("random", (1, 1, 0)))
    assert recipe.cell[0] == Choice((24.0, 28.0))
    assert load(yaml.safe_load(recipe.text())).plain() == recipe.plain()


def test_a_normal_distribution_is_truncated_to_the_limits(tiny):
    import numpy as np

    leaf = load(changed(tiny, "imaging.focal_spread", {"normal": [0.1, 10]})).imaging.focal_spread
    draws = [leaf.draw(np.random.default_rng(i)) for i in range(200)]
    assert min(draws) >= 0
    assert max(draws) > 5


def test_a_key_written_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("version: 1\nseed: 1\ncell: [24, 20]\nseed: 2\n")
    with pytest.raises(RecipeError, match=r"line 4, column 1: the key 'seed' is written twice"):
        load(path)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("version: [1", "not valid YAML, line"),
        ("just words", "recipe: wants a mapping"),
        ("", "recipe: wants a mapping"),
        ("!!python/object/apply:os.system ['echo broken > /tmp/never']", "not valid YAML"),
        ("version: 1\n1: 2\ncell: [24, 20]", "keys must be words"),
        ("when: 9999-99-99", "not valid YAML"),
        ("seed: " + "9" * 5000, "not valid YAML"),
        ("[" * 3000, "nested too deeply"),
        ("a: &a [*a]", "nested too deeply"),
        (
            "a: &a ["
            + "1," * 50
            + "]\nb: &b ["
            + "*a," * 50
            + "]\nc: &c ["
            + "*b," * 50
            + "]\nd: ["
            + "*c," * 50
            + "]",
            "when its aliases are followed",
        ),
        ("# " + "x" * 1_000_001, "longer than"),
        ("caf\xe9: 1", "not valid YAML"),
    ],
)
def test_text_that_is_no_recipe(tmp_path, text, wanted):
    path = tmp_path / "bad.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RecipeError, match=wanted):
        load(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(RecipeError, match="No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match="Is a directory"):
        load(tmp_path)


def test_count_is_no_part_of_the_identity_and_everything_else_is(tiny):
    recipe = load(tiny)
    assert recipe.with_(count=400).digest() == recipe.digest()
    assert recipe.with_(seed=4).digest() != recipe.digest()
    assert load(changed(tiny, "imaging.dose", 399)).digest() != recipe.digest()


def test_spelling_does_not_change_the_identity(tiny):
    recipe = load(tiny)
    tiny["simulation"]["energy"] = "300e3"  # the default, spelt out
    tiny["cell"] = [24.0, "2e1"]
    assert load(tiny).digest() == recipe.digest()


def test_a_structure_file_counts_by_its_contents_and_is_found_beside_the_recipe(tiny, tmp_path):
    import ase.build
    import ase.io

    for folder, a in (("one", 4.0782), ("two", 4.0782), ("three", 4.1)):
        (tmp_path / folder).mkdir()
        ase.io.write(tmp_path / folder / "gold.cif", ase.build.bulk("Au", a=a, cubic=True))
        (tmp_path / folder / "recipe.yaml").write_text(yaml.safe_dump(changed(tiny, "particles.crystal", "gold.cif")))
    one, two, three = (load(tmp_path / folder / "recipe.yaml") for folder in ("one", "two", "three"))
    assert one.digest() == two.digest() != three.digest()


def test_a_broken_structure_file_is_told(tiny, tmp_path):
    (tmp_path / "gold.cif").write_text("data_gold\n_cell_length_a nothing\n")
    changed(tiny, "particles.crystal", "gold.cif")
    with pytest.raises(RecipeError, match=r"particles\.crystal: .*gold\.cif"):
        load(tiny, folder=tmp_path)


def test_differences_name_the_field(tiny):
    recipe = load(tiny)
    other = load(changed(tiny, "particles.radius", {"uniform": [4, 4.5]}))
    assert differences(recipe.plain(), other.plain()) == [
        "particles.radius.uniform: [4.0, 5.0] there, [4.0, 4.5] here",
    ]


def test_a_recipe_is_frozen_and_can_be_sent_to_a_process(tiny):
    recipe = load(tiny)
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 2
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_the_schema_names_every_field_with_its_unit_and_limits():
    schema = Recipe.schema()
    radius = schema["$defs"]["Particles"]["properties"]["radius"]
    assert radius["x-unit"] == "Å"
    assert {"type": "number", "minimum": 2, "maximum": 1000} in radius["anyOf"]
    assert schema["$defs"]["Particles"]["additionalProperties"] is False


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_a_recipe_sent_to_another_process_draws_the_same_leaves(path):
    recipe = load(path)
    sent = pickle.loads(pickle.dumps(recipe))
    for index in range(3):
        assert draw_structure(sent, index) == draw_structure(recipe, index)


def test_a_name_that_no_file_can_have_is_told(tmp_path):
    long = "a" * 5000
    with pytest.raises(RecipeError, match=r"extends: no file aaa"):
        load({"extends": long}, folder=tmp_path)
    with pytest.raises(RecipeError, match=r"from_files: no structure files in aaa"):
        load({"version": 1, "scene": {"from_files": long}}, folder=tmp_path)
    with pytest.raises(RecipeError, match=r"particles\.crystal: no file b/aaa"):
        load({"version": 1, "cell": [30, 30], "particles": {"crystal": f"b/{long}", "radius": 5}}, folder=tmp_path)


@pytest.mark.parametrize("radius", [1e4, 1e10, 2.0**63])
def test_a_particle_larger_than_any_memory_is_refused_before_it_is_made(radius):
    prefab = {"name": "faulted", "crystal": "wurtzite CdSe", "count": 1, "radius": {"uniform": [15, radius]}}
    with pytest.raises(RecipeError, match=r"particles\.prefab\.faulted: .*(1e\+10 Å³ at most|too large)"):
        load({"version": 1, "cell": [30, 30], "particles": {"prefab": prefab}})
