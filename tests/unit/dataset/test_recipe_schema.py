"""The JSON schema and the page of fields agree with what recipes really take."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path

import jsonschema
import pytest
import yaml

from construction_zone.build.prefabs import PREFABS
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.schema import rows
from construction_zone.errors import RecipeError

ROOT = Path(__file__).parents[3]
READY = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator():
    schema = Recipe.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_recipes_fit_the_schema_as_they_are_and_written_out(validator, path):
    assert not list(validator.iter_errors(yaml.safe_load(path.read_text())))
    assert not list(validator.iter_errors(yaml.safe_load(load(path).text())))


CUBE = {"name": "cube", "crystal": "fcc Au", "edge_atoms": 3}
STEPS = {"sweep": {"from": -100, "to": 100, "step": 50}, "sd": 9}
SIZE = {"size": {"uniform": [4, 5], "per": "particle"}}
GOOD = [
    {"imaging": {"dose": {"log_uniform": [30, 3000]}, "defocus": STEPS}},
    {"imaging": {"dose": {"choice": [30, None], "weights": [1, 2]}, "detector": {"preset": "K2", "readout": 2}}},
    {"imaging": {"aperture": {"truncated_normal": [20, 5, 10, None]}, "distortion": {"rotation": 3}}},
    {"particles": {"count": {"integers": [0, 2]}, "crystal": "fcc Au", "radius": "2e0", "gap": 1}},
    {"particles": [{"crystal": "fcc Au", "radius": 4}, {"prefab": CUBE}]},
    {"variables": SIZE, "particles": {"radius": {"variable": "size"}, "crystal": "fcc Au"}},
    {"substrate": {"prefab": {"choice": [{"name": "film", "thickness": 9}, {"name": "film", "thickness": 8}]}}},
    {"labels": {"include": "all"}},
    {"labels": {"include": ["instances", "strain"]}},
    {"simulation": {"slice_thickness": "planes", "phonons": None, "displacements": {"Au": 0.1}, "sampling": 0.2}},
]
BAD = [
    {"imaging": {"doze": 3}},
    {"imaging": {"dose": -3}},
    {"imaging": {"dose": {"uniform": [1]}}},
    {"imaging": {"dose": {"choice": [1], "sd": 2}}},
    {"imaging": {"zero": "up"}},
    {"imaging": {"detector": {"output": "photons"}}},
    {"particles": {"crystal": "fcc Au"}},
    {"particles": [{"crystal": "fcc Au"}]},
    {"particles": {"prefab": {"name": "cub"}}},
    {"particles": {"prefab": {"name": "cube", "crystal": "fcc Au", "edge_atom": 3}}},
    {"substrate": {"amorphous": "C"}},
    {"simulation": {"split": "half"}},
    {"labels": {"include": ["instance"]}},
    {"version": 2},
    {"seed": -1},
    {"count": 1.5},
    {"cell": [24]},
    {"variables": {"a": {"uniform": [1, 2], "per": "day"}}},
    {"unheard": 1},
]


@pytest.mark.parametrize("change", GOOD, ids=str)
def test_what_the_code_takes_the_schema_takes(validator, tiny, change):
    raw = copy.deepcopy(tiny) | change
    raw["imaging"] = {"pixel_size": 0.4, **change.get("imaging", {})}
    load(raw)
    assert not [error.message for error in validator.iter_errors(raw)]


@pytest.mark.parametrize("change", BAD, ids=str)
def test_what_the_code_refuses_by_its_form_the_schema_refuses(validator, tiny, change):
    raw = {**copy.deepcopy(tiny), **change}
    with pytest.raises(RecipeError):
        load(raw)
    assert list(validator.iter_errors(raw))


def test_a_recipe_that_extends_another_need_not_be_whole(validator):
    assert not list(validator.iter_errors({"extends": "base.yaml", "particles": {"radius": 5}}))
    assert list(validator.iter_errors({"seed": 3}))
    assert list(validator.iter_errors({"extends": 3}))


def test_every_drawn_field_of_the_schema_has_its_unit_and_a_description():
    defs = Recipe.schema()["$defs"]
    for section in ("Imaging", "Detector", "Distortion", "Simulation"):
        for name, field in defs[section]["properties"].items():
            if "x-per" in field:
                assert field["description"], (section, name)
    assert defs["Imaging"]["properties"]["dose"]["x-unit"] == "e⁻/Å²"
    assert {case["if"]["properties"]["name"]["const"] for case in defs["prefab"]["allOf"]} == {*PREFABS, "zone"}


def test_the_page_of_fields_is_up_to_date():
    path = ROOT / "tools" / "recipe_fields.py"
    spec = importlib.util.spec_from_file_location("recipe_fields", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told = "docs/recipe_fields.md is not what the code says; run: python tools/recipe_fields.py"
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), told


def test_the_page_names_every_field_once():
    paths = [row.path for row in rows(Recipe)]
    assert len(set(paths)) == len(paths)
    assert {"imaging.C56", "imaging.detector.readout", "substrate.prefab", "scene.from_files", "labels.mask"} <= set(
        paths
    )
