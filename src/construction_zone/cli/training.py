"""Commands about models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from construction_zone.cli import report


def train(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Directory of a dataset.", exists=True)],
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder for the model and its scores.")],
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training part.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the weights and the order.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a small U-Net to find the particles, and print its Dice on structures it has not seen.

    Example: [bold]czone train data --out run --epochs 10[/bold]
    """
    from construction_zone import learn

    run = learn.train(dataset, out, epochs=epochs, seed=seed, device=device)
    last = run.history[-1]
    report.out.print(
        f"Dice {last.dice:.3f} on {len(run.unseen)} unseen structures after {last.epoch} epochs; "
        f"trained on {len(run.seen)}; the model is in {run.out}",
        markup=False,
    )
