"""Commands that look after datasets: verify, repair, merge, export, add images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from construction_zone.cli import report
from construction_zone.cli.data import Folder
from construction_zone.cli.recipes import RecipeFile

Place = Annotated[str, typer.Argument(metavar="DIR", help="Directory or URL (fsspec) of a dataset.")]


def verify(folder: Place) -> None:
    """Hash every file of the dataset in DIR again; tell what is damaged, missing or foreign; leave with 1 if any.

    Example: [bold]czone verify data[/bold]
    """
    from construction_zone.dataset.store import Store
    from construction_zone.dataset.verify import verify as check

    found = check(folder)
    for finding in found:
        report.err.print(str(finding), markup=False)
    if found:
        kinds = ", ".join(f"{sum(f.kind == kind for f in found)} {kind}" for kind in sorted({f.kind for f in found}))
        report.out.print(f"{folder}: {kinds}; put right what is not foreign with: czone repair {folder}", markup=False)
        raise typer.Exit(1)
    report.out.print(f"{folder}: {len(Store(folder).indices('structures'))} structures, all sound", markup=False)


def repair(
    folder: Folder,
    device: Annotated[str, typer.Option(help="Where to simulate: cpu or cuda.")] = "cpu",
) -> None:
    """Make again exactly what is damaged or missing of the dataset in DIR, from the recipe that it keeps.

    Example: [bold]czone repair data[/bold]
    """
    from construction_zone.dataset.repair import repair as run

    done = run(folder, device)
    for index, stage in done.made:
        again = "made again, not as it was" if (index, stage) in done.different else "made again"
        report.out.print(f"structure {index}: {stage} {again}")
    for finding in done.left:
        report.err.print(str(finding), markup=False)
    report.out.print(f"{folder}: {len(done.found)} findings, {len(done.left)} left", markup=False)
    if done.left or done.different:
        raise typer.Exit(1)


def merge(
    sources: Annotated[list[str], typer.Argument(metavar="DIR…", help="Datasets of one recipe.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="Directory or URL (fsspec); made, or added to.")],
) -> None:
    """Put datasets of one recipe, made in different places, together into one.

    Example: [bold]czone merge part0 part1 --out data[/bold]
    """
    from construction_zone.dataset.merge import merge as run

    report.out.print(f"{out}: {run(sources, out)} structures", markup=False)


def export(
    folder: Place,
    to: Annotated[str, typer.Option(help="npz, tiff, png, hdf5 or webdataset.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New directory for the files.")],
    images: Annotated[str, typer.Option(metavar="NAME", help="Image set; by default the recipe's own images.")] = "",
) -> None:
    """Write the images and labels of the dataset in DIR as files that other programs read.

    Example: [bold]czone export data --to tiff --out tiffs[/bold]
    """
    from construction_zone.dataset.export import export as run

    report.out.print(f"{out}: {run(folder, to, out, images=images)} images", markup=False)


def add_images(
    recipe: RecipeFile,
    folder: Folder,
    name: Annotated[str, typer.Option(help="What the image set is called.")],
    device: Annotated[str, typer.Option(help="Where to image: cpu or cuda.")] = "cpu",
) -> None:
    """Image the stored waves of the dataset in DIR under the conditions of RECIPE, without simulating again.

    Example: [bold]czone add-images low_dose.yaml data --name low_dose[/bold]
    """
    from construction_zone.dataset.add_images import add_images as run

    done = run(recipe, folder, name, device=device)
    report.out.print(f"{folder}: image set {name}, {done} structures imaged", markup=False)
