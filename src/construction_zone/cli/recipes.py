"""Commands about recipes: check them, say what they may hold, and tell what they will take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file (YAML).", exists=True, dir_okay=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="A value instead of the recipe's: imaging.dose=100. Repeatable."),
]

recipe = typer.Typer(name="recipe", no_args_is_help=True, help="Check recipes, and show what they may hold.")


@recipe.command()
def check(recipe: RecipeFile, settings: Settings = None) -> None:
    """Check RECIPE and print it with every default spelt out; each bad field is told by its path.

    Example: [bold]czone recipe check recipes/gold_on_carbon.yaml --set imaging.dose=100[/bold]
    """
    from construction_zone.dataset.recipe import load

    print(load(recipe, settings=settings or []).text(), end="")


@recipe.command()
def schema() -> None:
    """Print the JSON schema of recipes, for editors that complete and check YAML.

    Example: [bold]czone recipe schema > recipe.schema.json[/bold]
    """
    from construction_zone.dataset.recipe import Recipe

    print(json.dumps(Recipe.schema(), indent=2, ensure_ascii=False))
