"""Thermal displacements that nobody has told are told when a recipe is checked, not hours later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from construction_zone.build import files
from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.generate import generate
from construction_zone.dataset.recipe import load
from construction_zone.dataset.thermal import check_displacements
from construction_zone.errors import InvalidInput, RecipeError
from construction_zone.simulate.phonons import displacement_roots

RAW = {"version": 1, "seed": 1, "count": 1, "cell": [50, 50]}
CARBON = {"amorphous": "C", "density": 2.0, "thickness": 8}
GLASS = {"amorphous": "SiO2", "density": 2.2, "thickness": 8}
GOLD = {"crystal": "fcc Au", "radius": 8}
CUBE = {"name": "cube", "crystal": "fcc Au", "edge_atoms": 5}
WULFF = {"name": "wulff", "crystal": "fcc Au", "energies": {"111": 1.28, "100": 1.63}, "diameter": 16}


def swapped(to):
    return {**CUBE, "modifiers": [{"name": "substitution", "of": "Au", "to": to, "fraction": 0.1}]}


def slab(crystal, **more):
    filling = {"name": "crystal", "crystal": crystal, **more}
    return {"scene": {"zones": [{"volume": {"name": "slab", "thickness": 8}, "generator": filling}]}}


CASES = {
    "film and ball": ({"substrate": CARBON, "particles": GOLD}, set()),
    "oxygen of a film": ({"substrate": GLASS, "particles": GOLD}, {"O"}),
    "a crystal": ({"particles": {**GOLD, "crystal": "fluorite CeO2"}}, {"Ce", "O"}),
    "one of two films": ({"substrate": [CARBON, GLASS], "particles": GOLD}, {"O"}),
    "at rest": ({"particles": {**GOLD, "crystal": "hcp Ti"}, "simulation": {"phonons": 0}}, set()),
    "one for all": ({"particles": {**GOLD, "crystal": "hcp Ti"}, "simulation": {"displacements": 0.1}}, set()),
    "by element": (
        {"particles": {**GOLD, "crystal": "fluorite CeO2"}, "simulation": {"displacements": {"O": 0.1}}},
        {"Ce"},
    ),
    "graphene": ({"substrate": {"prefab": {"name": "layers", "material": "graphene C"}}}, {"C"}),
    "told by a parameter": (slab("rocksalt PbS", thermal_u=0.1), set()),
    "of a zone without an end across": (slab("rocksalt PbS"), {"Pb"}),
    "told by what is around it": (
        {
            "cell": [90, 90],
            "particles": {"prefab": {"name": "ligands", "particle": CUBE, "ligand": "dodecanethiolate"}},
        },
        set(),
    ),
    "of a shell": (
        {"particles": {"prefab": {"name": "core_shell", "core": WULFF, "shell": "fcc Al", "thickness": 4}}},
        {"Al"},
    ),
    "brought by a modifier": ({"particles": {"prefab": swapped("Ti")}}, {"Ti"}),
    "known, brought by a modifier": ({"particles": {"prefab": swapped("Cu")}}, set()),
}


def told(text):
    return {symbol for line in re.findall("is known for ([^;\n]*)", text) for symbol in re.findall("[A-Z][a-z]?", line)}


@pytest.mark.filterwarnings("ignore:zone .* meets itself")
@pytest.mark.parametrize("case", CASES)
def test_what_is_not_known_is_what_the_simulation_will_miss(case):
    sections, missing = CASES[case]
    recipe = load({**RAW, **sections})
    built = build_structure(recipe, 0)
    found = set()
    if built.drawn["simulation.phonons"]:
        try:
            displacement_roots(built.atoms, recipe.simulation.displacements)
        except InvalidInput as error:
            found = told(str(error).replace(" in these atoms", ";"))
    assert found == missing
    if not missing:
        check_displacements(recipe)
        return
    with pytest.raises(RecipeError) as caught:
        check_displacements(recipe)
    assert told(str(caught.value)) == missing


def test_each_option_of_a_choice_is_looked_at():
    recipe = load({**RAW, "particles": {"prefab": {"choice": [CUBE, {**CUBE, "crystal": "fcc Al"}]}}})
    with pytest.raises(RecipeError, match=r"particles\.prefab: no thermal displacement is known for Al\n.*\{Al: u\}"):
        check_displacements(recipe)


def test_the_files_of_a_scene_are_looked_at(tmp_path):
    atoms = build_structure(load({**RAW, "particles": {**GOLD, "crystal": "hcp Ti"}}), 0).atoms
    files.write(atoms, tmp_path / "unknown.xyz")
    recipe = load({"version": 1, "scene": {"from_files": [str(tmp_path / "unknown.xyz")]}})
    with pytest.raises(RecipeError, match=r"scene\.from_files: no thermal displacement is known for Ti"):
        check_displacements(recipe)
    atoms.arrays["thermal_u"][:] = 0.1
    files.write(atoms, tmp_path / "unknown.xyz")
    check_displacements(recipe)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[3] / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_all_that_the_ready_recipes_draw_can_be_simulated(path):
    check_displacements(load(path))


def test_nothing_is_begun_that_cannot_be_simulated(tmp_path):
    raw = {**RAW, "particles": {**GOLD, "crystal": "hcp Ti"}}
    with pytest.raises(RecipeError, match="known for Ti"):
        generate(raw, tmp_path / "data", workers=1, progress=False)
    assert generate(raw, tmp_path / "data", workers=1, progress=False, until="structures").total == 1
