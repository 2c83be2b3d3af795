"""Commands about datasets and recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from construction_zone.cli import report
from construction_zone.cli.recipes import Part, RecipeFile, Settings, Structures, which
from construction_zone.errors import InvalidInput


def there(place: str) -> str:
    """`place` if it is a URL, which is looked at later, or there is such a file or directory."""
    if "://" not in place and not Path(place).exists():
        raise typer.BadParameter(f"{place!r} does not exist.")
    return place


def _folder(place: str) -> str:
    if "://" not in there(place) and not Path(place).is_dir():
        raise typer.BadParameter(f"{place!r} is a file, and no directory of a dataset.")
    return place


Folder = Annotated[str, typer.Argument(metavar="DIR", help="Directory or URL (fsspec) of a dataset.", callback=_folder)]


def generate(
    recipe: RecipeFile,
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Directory or URL (fsspec) of the dataset; made, or gone on with.")
    ],
    count: Annotated[int | None, typer.Option(min=1, help="Structures, instead of the recipe's count.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, instead of the recipe's.")] = None,
    structures: Structures = None,
    part: Part = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes of one thread; by default all cores.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers do the work.")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="A structure that takes longer is begun again.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to simulate: cpu or cuda.")] = "cpu",
    until: Annotated[str, typer.Option(metavar="STAGE", help="Last stage: structures, waves or images.")] = "images",
    settings: Settings = None,
) -> None:
    """Make the dataset that RECIPE describes, or what is missing of it.

    Example: [bold]czone generate recipes/gold_on_carbon.yaml --out data --count 100 --workers 2[/bold]
    """
    from construction_zone.dataset.generate import generate as run
    from construction_zone.dataset.recipe import load

    done = run(
        load(recipe, settings=settings or []),
        out,
        count=count,
        seed=seed,
        structures=which(structures, part),
        workers=workers,
        scheduler=scheduler,
        time_limit=time_limit,
        device=device,
        until=until,
    )
    report.made(done)
    if count is not None and done.total > count:
        report.out.print(f"{count} structures were asked for; the {done.total} that are there stay")
    if done.failures:
        log = "log" if "://" in out else "log.txt"
        report.err.print(f"{len(done.failures)} structures failed; {done.out}/{log} tells more")
        raise typer.Exit(1)


def info(folder: Folder) -> None:
    """Tell what the dataset in DIR holds.

    Example: [bold]czone info data[/bold]
    """
    from construction_zone.dataset.summary import summary

    for name, value in summary(folder).items():
        report.out.print(f"{name:>12}  {value}", markup=False)


def show(
    source: Annotated[
        str, typer.Argument(metavar="DIR|SCENE", help="Dataset (or its URL), or file of atoms.", callback=there)
    ],
    out: Annotated[Path, typer.Option(metavar="PICTURE.png", help="Picture to write.", dir_okay=False)],
    colour: Annotated[
        str | None, typer.Option(help="Atoms by element, structure, zone, grain, … (default: zone if known).")
    ] = None,
) -> None:
    """Draw a dataset (images with the outlines of their masks) or a scene (three projections and the thickness).

    Example: [bold]czone show data --out sheet.png[/bold], [bold]czone show scene.xyz --out scene.png[/bold]
    """
    from construction_zone import show as pictures

    if "://" in source or Path(source).is_dir():
        if colour is not None:
            raise InvalidInput(f"{source} is a dataset, whose images have no --colour; leave it out")
        pictures.contact_sheet(source, out)
        report.out.print(f"{out} written", markup=False)
        return
    from construction_zone.build import files

    atoms = files.read(source)
    by = colour or ("zone" if "zone" in atoms.arrays else "element")
    counts = pictures.scene(atoms, out, colour=by, thickness=True)
    found = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    report.out.print(f"{out} written: {found}", markup=False)
