"""The tour: figure 1, a small dataset, its contact sheet."""

from __future__ import annotations

import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from construction_zone.cli import report

READY = files("construction_zone") / "recipes" / "gold_on_carbon.yaml"


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results go.")] = Path("demo"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes of one thread; by default all cores.")] = None,
) -> None:
    """Draw figure 1, make a small labelled dataset from the recipe gold_on_carbon, and draw its contact sheet.

    Example: [bold]czone demo --out demo[/bold]
    """
    from construction_zone import show
    from construction_zone.dataset.generate import generate

    start = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    figure, dataset, sheet = out / "figure1.png", out / "dataset", out / "contact_sheet.png"
    report.out.print("1/3  figure 1: a tilted gold particle on amorphous carbon, its image and its mask")
    facts = show.figure1(figure, progress=True)
    drawn = time.perf_counter()
    atoms = ", ".join(f"{count} of the {name}" for name, count in facts["atoms"].items())
    report.out.print(f"{figure}: {atoms} in {drawn - start:.1f} s", markup=False)
    report.out.print(report.stages(facts["seconds"]))
    report.out.print("2/3  a labelled dataset from the recipe gold_on_carbon")
    with as_file(READY) as recipe:
        done = generate(recipe, dataset, workers=workers)
    report.made(done)
    sheeted = time.perf_counter()
    report.out.print("3/3  contact sheet: images with the outlines of their masks and scale bars")
    show.contact_sheet(dataset, sheet)
    end = time.perf_counter()
    report.out.print(f"{sheet}: {end - sheeted:.1f} s", markup=False)
    report.out.print(
        f"done in {end - start:.0f} s:\n"
        f"  {figure}\n  {dataset}  (what it holds: czone info {dataset})\n  {sheet}\n"
        f"next: czone train {dataset} --out {out / 'run'} --epochs 10",
        markup=False,
    )
    if done.failures:
        raise typer.Exit(1)
