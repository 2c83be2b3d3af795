"""The commands of `czone`, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from construction_zone.cli import data, demo, keep, physics, recipes, training
from construction_zone.cli.run import interruptible

app = typer.Typer(
    name="czone",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from construction_zone import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def czone(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")] = False,
) -> None:
    """Labelled atomic-resolution electron microscopy data: build atoms, simulate waves, image, label, train.

    Example: [bold]czone generate recipes/gold_on_carbon.yaml --out data --count 8[/bold]
    """


for command in (
    demo.demo,
    recipes.plan,
    data.generate,
    physics.build,
    physics.simulate,
    physics.image,
    data.info,
    data.show,
    training.train,
    keep.verify,
    keep.repair,
    keep.merge,
    keep.export,
    keep.add_images,
):
    app.command()(interruptible(command))
app.add_typer(recipes.recipe)
