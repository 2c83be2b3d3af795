"""Commands about recipes: check them, say what they may hold, and tell what they will take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from construction_zone.errors import InvalidInput

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file (YAML).", exists=True, dir_okay=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="A value instead of the recipe's: imaging.dose=100. Repeatable."),
]
Structures = Annotated[
    str | None, typer.Option(metavar="A:B", help="Only the structures from number A up to and without B.")
]
Part = Annotated[
    str | None, typer.Option(metavar="K/N", help="Only the K-th of N equal parts of the structures, counted from 1.")
]

DrawnFile = Annotated[
    Path | None,
    typer.Option(metavar="FIG.png", help="Picture of the distributions that will be drawn.", dir_okay=False),
]


def which(structures: str | None, part: str | None) -> str | None:
    """The structures that the options ask for, as `dataset.portion` reads it."""
    if structures is not None and part is not None:
        raise InvalidInput("--structures and --part both say which structures; give one of them")
    if structures is not None and ":" not in structures:
        raise InvalidInput(f"--structures is {structures!r}; give A:B such as 100:200")
    if part is not None and "/" not in part:
        raise InvalidInput(f"--part is {part!r}; give K/N such as 3/50")
    return structures if part is None else part


recipe = typer.Typer(name="recipe", no_args_is_help=True, help="Check recipes, and show what they may hold.")


@recipe.command()
def check(recipe: RecipeFile, settings: Settings = None) -> None:
    """Check RECIPE and print it with every default spelt out; each bad field is told by its path.

    So are elements whose thermal displacement is not known.

    Example: [bold]czone recipe check recipes/gold_on_carbon.yaml --set imaging.dose=100[/bold]
    """
    from construction_zone.dataset.recipe import load
    from construction_zone.dataset.thermal import check_displacements

    loaded = load(recipe, settings=settings or [])
    check_displacements(loaded)
    print(loaded.text(), end="")


def plan(
    recipe: RecipeFile,
    out: DrawnFile = None,
    count: Annotated[int | None, typer.Option(min=1, help="Structures, instead of the recipe's count.")] = None,
    structures: Structures = None,
    part: Part = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes of one thread; by default all cores.")] = None,
    device: Annotated[str, typer.Option(help="Where to simulate: cpu or cuda.")] = "cpu",
    settings: Settings = None,
) -> None:
    """Tell what RECIPE will take (count, time, memory, disk) from a short measurement, and draw what it will draw.

    Example: [bold]czone plan recipes/reference.yaml --count 1000 --workers 2 --out drawn.png[/bold]
    """
    import os

    from construction_zone.cli import report
    from construction_zone.dataset.plan import plan as measured
    from construction_zone.dataset.plan import sampled, units_of
    from construction_zone.dataset.recipe import load

    loaded = load(recipe, settings=settings or []).with_(count=count)
    report.planned(measured(loaded, which(structures, part), workers=workers or os.cpu_count() or 1, device=device))
    if out is not None:
        from construction_zone import show

        show.histograms(sampled(loaded), out, units=units_of(loaded))
        report.out.print(f"{out} written", markup=False)


@recipe.command()
def schema() -> None:
    """Print the JSON schema of recipes, for editors that complete and check YAML.

    Example: [bold]czone recipe schema > recipe.schema.json[/bold]
    """
    from construction_zone.dataset.recipe import Recipe

    print(json.dumps(Recipe.schema(), indent=2, ensure_ascii=False))
