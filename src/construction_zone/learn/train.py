"""Training a segmentation network on a dataset, with the structures it is judged on kept apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import nn

from construction_zone import seeding
from construction_zone.dataset import ImageDataset
from construction_zone.dataset.files import write_whole
from construction_zone.errors import InvalidInput, StoreError, missing_extra
from construction_zone.learn.evaluate import Examples, evaluate, image_of, mask_of
from construction_zone.learn.model import Architecture, Segmenter, save, unet


@dataclass(frozen=True)
class Epoch:
    """One pass over the seen images: its number from 1, mean loss, and mean Dice on the unseen images."""

    epoch: int
    loss: float
    dice: float


@dataclass(frozen=True)
class Training:
    """What a training run left: its folder, its epochs, and the structures that were seen and unseen."""

    out: Path
    history: tuple[Epoch, ...]
    seen: tuple[int, ...]
    unseen: tuple[int, ...]


def train(
    dataset: str | Path | ImageDataset,
    out: str | Path,
    *,
    epochs: int = 10,
    seed: seeding.Seed = 0,
    device: str | torch.device = "cpu",
    batch_size: int = 4,
    learning_rate: float = 1e-3,
    unseen: float = 0.25,
    crop: int = 256,
    architecture: Architecture | None = None,
    progress: bool = True,
) -> Training:
    """Train a U-Net to tell particles from their surroundings, and judge it on structures it has not seen.

    Each image is standardised on its own; seen ones larger than `crop` give as many random crops an epoch as would
    cover them, which are turned and mirrored at random. The loss is Dice plus binary cross-entropy, the optimiser
    Adam. On a CPU the same seed gives the same network.

    Parameters
    ----------
    dataset
        Directory of a dataset, or its `ImageDataset`.
    out
        Folder for ``model.pt`` (see `load`), ``history.json`` and ``split.json``; made if needed.
    epochs, batch_size, learning_rate
        Passes over the seen images, crops per step, step size of Adam.
    unseen
        Share of the structures that are kept for judging; at least one is.
    crop
        Side of training crops, pixels.
    progress
        Show a progress bar with loss and Dice.

    Raises
    ------
    InvalidInput
        A number has no meaning, or there are fewer than two structures.
    MissingExtra
        MONAI is not installed.
    StoreError
        The folder cannot be written.
    """
    _check(epochs, batch_size, learning_rate, crop)
    whole = dataset if isinstance(dataset, ImageDataset) else ImageDataset(dataset)
    seen, kept = split(whole.structures, unseen, seed)
    lessons, exam = (ImageDataset(whole.root, structures=part) for part in (seen, kept))
    network = _placed(unet(architecture, seed), device)
    criterion = _criterion()
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    folder = _folder(out)
    _keep(folder, "split.json", {"seen": seen, "unseen": kept})

    history: list[Epoch] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, disable=not progress) as bar:
        repeats = _crops_to_cover(lessons[0], crop)
        steps = -(-repeats * len(lessons) // batch_size)
        task = bar.add_task("training", total=epochs * steps)
        for number in range(1, epochs + 1):
            network.train()
            losses = []
            rng = seeding.generator(seed, "epoch", number)
            order = rng.permutation(np.repeat(np.arange(len(lessons)), repeats))
            for start in range(0, len(order), batch_size):
                images, masks = _batch(lessons, order[start : start + batch_size], crop, rng)
                optimiser.zero_grad()
                loss = criterion(network(images.to(device)), masks.to(device))
                loss.backward()
                optimiser.step()
                losses.append(float(loss.detach()))
                bar.advance(task)
            scores = evaluate(network, exam, device=device)
            history.append(Epoch(number, fmean(losses), fmean(scores)))
            last = history[-1]
            bar.update(task, description=f"epoch {number}  loss {last.loss:.3f}  unseen Dice {last.dice:.3f}")
            with _writing(folder):
                save(network, folder / "model.pt")
            _keep(folder, "history.json", [asdict(epoch) for epoch in history])
    return Training(folder, tuple(history), tuple(seen), tuple(kept))


def split(structures: Sequence[int], unseen: float = 0.25, seed: seeding.Seed = 0) -> tuple[list[int], list[int]]:
    """The distinct `structures` dealt at random into seen and unseen ones, each sorted and never empty.

    Images of one structure share its atoms, so a split by image would test on what was learned.
    """
    distinct = sorted(set(structures))
    if len(distinct) < 2:
        raise InvalidInput(
            f"the dataset has {len(distinct)} structure(s), and a split by structure needs at least 2; "
            "generate more (czone generate RECIPE --out DIR --count N)"
        )
    if not 0 < unseen < 1:
        raise InvalidInput(f"unseen is {unseen!r}; give the share of structures to judge on, between 0 and 1")
    count = min(max(round(unseen * len(distinct)), 1), len(distinct) - 1)
    dealt = seeding.generator(seed, "split").permutation(distinct)
    return sorted(int(s) for s in dealt[count:]), sorted(int(s) for s in dealt[:count])


def _check(epochs: int, batch_size: int, learning_rate: float, crop: int) -> None:
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("crop", crop)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInput(f"{name} is {value!r}; give a whole number of at least 1")
    if not 0 < learning_rate < float("inf"):
        raise InvalidInput(f"learning_rate is {learning_rate!r}; give a positive number, e.g. 1e-3")


def _placed(network: Segmenter, device: str | torch.device) -> Segmenter:
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as problem:  # torch without CUDA asserts
        reason = str(problem).splitlines()[0]
        raise InvalidInput(f"the device {str(device)!r} cannot be used here ({reason}); use 'cpu'") from problem


def _folder(out: str | Path) -> Path:
    folder = Path(out)
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _criterion() -> nn.Module:
    try:
        from monai.losses.dice import DiceCELoss
    except ImportError as problem:
        raise missing_extra("MONAI", "learn") from problem
    loss: nn.Module = DiceCELoss(sigmoid=True)  # with one class its cross-entropy is the binary one
    return loss


def _crops_to_cover(example: dict[str, Any], crop: int) -> int:
    """How many crops have the area of an image."""
    ny, nx = example["mask"].shape
    return max(1, round(ny * nx / min(crop, ny, nx) ** 2))


def _batch(
    examples: Examples, indices: NDArray, crop: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Augmented images and masks (n, 1, y, x), all cut to one size: the smallest of the batch, at most `crop`."""
    pairs = []
    for index in indices:
        example = examples[int(index)]
        pairs.append((image_of(example), mask_of(example)))
    side = min(crop, *(length for image, _ in pairs for length in image.shape[-2:]))
    moved = [_augmented(torch.cat(pair), side, rng) for pair in pairs]
    stacked = torch.stack(moved)
    return stacked[:, :1], stacked[:, 1:]


def _augmented(pair: torch.Tensor, side: int, rng: np.random.Generator) -> torch.Tensor:
    """A random square of `pair` (channels, y, x), in one of the eight orientations of a square."""
    top, left = (int(rng.integers(length - side + 1)) for length in pair.shape[-2:])
    piece = torch.rot90(pair[:, top : top + side, left : left + side], int(rng.integers(4)), dims=(-2, -1))
    return piece.flip(-1) if rng.integers(2) else piece


def _keep(folder: Path, name: str, content: Any) -> None:
    with _writing(folder):
        write_whole(folder / name, (json.dumps(content, indent=1) + "\n").encode())


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise StoreError(f"cannot write into {str(folder)!r}: {problem}; make room or give another --out") from problem
