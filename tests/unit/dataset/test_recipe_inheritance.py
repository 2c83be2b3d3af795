"""Recipes that extend others, and values set on the command line."""

from __future__ import annotations

import ase.build
import ase.io
import pytest
import yaml

from construction_zone.dataset import inherit
from construction_zone.dataset.recipe import load
from construction_zone.distributions import Fixed, Normal, Sweep, Uniform
from construction_zone.errors import RecipeError

WULFF = {"name": "wulff", "crystal": "fcc Au", "energies": {"111": 1.28, "100": 1.63}, "diameter": 12}


@pytest.fixture
def base(tiny, tmp_path):
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(tiny))
    return tmp_path


def child(folder, text, name="child.yaml"):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_what_a_recipe_does_not_say_is_its_base_s(base, tiny):
    recipe = load(child(base, "extends: base.yaml\nseed: 9\nimaging: {dose: 30}\n"))
    other = load({**tiny, "seed": 9, "imaging": {**tiny["imaging"], "dose": 30}})
    assert recipe.plain() == other.plain()
    assert recipe.digest() == other.digest()


def test_distributions_and_lists_are_replaced_as_a_whole(base):
    recipe = load(child(base, "extends: base.yaml\nparticles: {radius: {normal: [5, 1]}}\ncell: [28, 28]\n"))
    assert isinstance(recipe.particles.radius, Normal)
    assert recipe.cell == (Fixed(28.0), Fixed(28.0))
    assert recipe.particles.gap == Fixed(0.0)


def test_a_chain_of_recipes_and_a_list_of_bases(base):
    child(base, "extends: base.yaml\nimaging: {dose: 30}\n", "middle.yaml")
    child(base, "imaging: {defocus: 7}\nseed: 4\n", "part.yaml")
    recipe = load(child(base, "extends: [middle.yaml, part.yaml]\ncount: 2\n"))
    assert (recipe.imaging.dose, recipe.imaging.defocus) == (Fixed(30.0), Fixed(7.0))
    assert (recipe.seed, recipe.count) == (4, 2)


def test_a_prefab_takes_the_place_of_balls_and_the_other_way_round(base):
    prefab = {"extends": "base.yaml", "cell": [40, 40], "particles": {"prefab": WULFF}}
    recipe = load(child(base, yaml.safe_dump(prefab), "prefab.yaml"))
    assert recipe.particles.prefab is not None
    again = load(child(base, "extends: prefab.yaml\nparticles: {crystal: fcc Ag, radius: 6}\n"))
    assert again.particles.prefab is None
    larger = load(child(base, "extends: prefab.yaml\nparticles: {prefab: {diameter: 16}}\n"))
    assert dict(larger.particles.prefab.leaves("p"))["p.wulff.diameter"] == Fixed(16)
    other = {"extends": "prefab.yaml", "particles": {"prefab": {"name": "cube", "crystal": "fcc Au", "edge_atoms": 3}}}
    assert load(child(base, yaml.safe_dump(other))).particles.prefab.labels == ["cube"]


def test_null_takes_the_base_s_away(base):
    assert load(child(base, "extends: base.yaml\nsubstrate: null\n")).substrate is None


def test_files_of_a_base_are_looked_for_beside_it(base, tiny):
    place = base / "below"
    place.mkdir()
    ase.io.write(place / "silver.cif", ase.build.bulk("Ag", a=4.0857, cubic=True))
    raw = {**tiny, "particles": {**tiny["particles"], "crystal": {"choice": ["silver.cif", "fcc Au"]}}}
    (place / "own.yaml").write_text(yaml.safe_dump(raw))
    recipe = load(child(base, "extends: below/own.yaml\nseed: 2\n"))
    assert recipe.digest() == load(place / "own.yaml").with_(seed=2).digest()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("extends: child.yaml\n", "child.yaml extends child.yaml, in a circle"),
        ("extends: none.yaml\n", "extends: no file none.yaml"),
        ("extends: 3\n", "extends: 3 is no recipe file"),
        ("extends: []\n", "extends: [] is no recipe file"),
        ("extends: [[a]]\n", "extends: [['a']] is no recipe file"),
        ("extends: base.yaml\nimaging: {doze: 3}\n", "imaging.doze: unknown key; did you mean 'dose'?"),
        ("extends: base.yaml\nimaging: 3\n", "imaging: wants a mapping"),
        ("extends: words.yaml\n", "extends: words.yaml is no recipe"),
        ("extends: broken.yaml\n", "broken.yaml is not valid YAML"),
    ],
)
def test_what_cannot_be_extended_is_told(base, text, wanted):
    child(base, "just words\n", "words.yaml")
    child(base, "a: [1\n", "broken.yaml")
    with pytest.raises(RecipeError) as caught:
        load(child(base, text))
    assert wanted in str(caught.value)


def test_a_circle_of_several_is_told_with_its_names(base):
    child(base, "extends: b.yaml\n", "a.yaml")
    child(base, "extends: c.yaml\n", "b.yaml")
    child(base, "extends: a.yaml\n", "c.yaml")
    with pytest.raises(RecipeError, match=r"a\.yaml extends b\.yaml extends c\.yaml extends a\.yaml, in a circle"):
        load(base / "a.yaml")


def test_a_long_chain_is_refused(base):
    for k in range(25):
        child(base, f"extends: r{k + 1}.yaml\n", f"r{k}.yaml")
    child(base, "extends: base.yaml\n", "r25.yaml")
    with pytest.raises(RecipeError, match="extends more than 20 recipes in a row"):
        load(base / "r0.yaml")


def test_values_set_from_outside(base):
    settings = [
        "imaging.dose=100",
        "particles.radius={uniform: [4, 4.5]}",
        "cell[1]=24",
        "imaging.defocus={sweep: {from: -100, to: 100, step: 50}}",
        "substrate.structure=random",
        "imaging.distortion.rotation=3",
    ]
    recipe = load(base / "base.yaml", settings=settings)
    assert recipe.imaging.dose == Fixed(100.0)
    assert recipe.particles.radius == Uniform(4, 4.5)
    assert recipe.cell == (Fixed(24.0), Fixed(24.0))
    assert isinstance(recipe.imaging.defocus, Sweep)
    assert recipe.imaging.distortion.rotation == Fixed(3.0)


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("imaging.doze=1", "imaging.doze: unknown key; did you mean 'dose'?"),
        ("imagin.dose=1", "imagin: unknown key; did you mean 'imaging'?"),
        ("imaging.dose", "--set imaging.dose: give PATH=VALUE"),
        ("=3", "--set =3: give PATH=VALUE"),
        ("imaging..dose=3", "--set imaging..dose=3: give PATH=VALUE"),
        ("imaging.dose=[1", "--set imaging.dose is not valid YAML"),
        ("imaging.dose=-3", "imaging.dose: -3 is outside the limits"),
        ("cell[2]=3", "--set cell[2]: there is no [2]; there are 2 entries"),
        ("seed[0]=3", "--set seed[0]: there is no [0]; there is no list"),
        ("seed.a=3", "--set seed.a: 'a' would lie below 3, which is no mapping"),
        ("version=3", "version: 3 is newer than this version of construction-zone reads"),
    ],
)
def test_what_cannot_be_set_is_told(base, setting, wanted):
    with pytest.raises(RecipeError) as caught:
        load(base / "base.yaml", settings=[setting])
    assert wanted in str(caught.value)


def test_merging_changes_neither_side():
    low, high = {"a": {"b": 1, "c": [1]}}, {"a": {"b": 2}}
    assert inherit.merged(low, high) == {"a": {"b": 2, "c": [1]}}
    assert (low, high) == ({"a": {"b": 1, "c": [1]}}, {"a": {"b": 2}})


def test_the_command_takes_settings(base, capsys):
    from construction_zone.cli import main

    with pytest.raises(SystemExit) as stop:
        main(["recipe", "check", str(base / "base.yaml"), "--set", "imaging.dose=77", "--set", "seed=5"])
    assert not stop.value.code
    told = yaml.safe_load(capsys.readouterr().out)
    assert (told["imaging"]["dose"], told["seed"]) == (77, 5)
    with pytest.raises(SystemExit) as stop:
        main(["recipe", "check", str(base / "base.yaml"), "--set", "imaging.doze=77"])
    assert stop.value.code == 1
    assert "did you mean 'dose'" in capsys.readouterr().err
