"""The page on recipes: each recipe on it can be used, and its commands run."""

from __future__ import annotations

from pathlib import Path

import ase.build
import ase.io
import pytest
import yaml
from test_docs import ROOT, blocks, follow

from construction_zone.build import files
from construction_zone.dataset.produce import build_stage
from construction_zone.dataset.recipe import load
from construction_zone.simulate.phonons import displacement_roots

PAGE = "docs/how-to/recipes.md"
EVERY = [
    text
    for page in (PAGE, "docs/how-to/prefabs_in_recipes.md", "docs/tutorial/first_dataset.md")
    for language, text in blocks(page)
    if language == "yaml"
]
RECIPES = [text for language, text in blocks(PAGE) if language == "yaml"]


def structures(folder: Path) -> None:
    """What the recipes of the page take from files."""
    (folder / "structures").mkdir()
    gold = ase.build.bulk("Au", cubic=True).repeat(3)
    files.write(gold, folder / "structures" / "gold.xyz")
    shaken = [gold.copy() for _ in range(230)]
    for number, frame in enumerate(shaken):
        frame.rattle(0.1, seed=number)
    ase.io.write(folder / "run.traj", shaken)


@pytest.mark.parametrize("text", RECIPES, ids=range(len(RECIPES)))
def test_each_recipe_of_the_page_can_be_used(text, tmp_path):
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    structures(tmp_path)
    recipe = load(yaml.safe_load(text), folder=tmp_path)
    assert recipe.images_per_structure >= 1
    assert load(recipe.plain(), folder=tmp_path).digest() == recipe.digest()


@pytest.mark.parametrize("text", EVERY, ids=range(len(EVERY)))
def test_the_atoms_of_each_recipe_can_be_simulated(text, tmp_path):
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    structures(tmp_path)
    recipe = load(yaml.safe_load(text), folder=tmp_path)
    built = build_stage(recipe, 0)
    if built.drawn["simulation.phonons"]:
        assert (displacement_roots(built.atoms, recipe.simulation.displacements) > 0).all()


@pytest.mark.slow
def test_the_commands_of_the_page_run(tmp_path):
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    follow(PAGE, tmp_path)
    assert (tmp_path / "drawn.png").stat().st_size > 5000
    assert (tmp_path / "smoke" / "recipe.yaml").exists()
