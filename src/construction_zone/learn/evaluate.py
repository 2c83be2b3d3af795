"""How well a network segments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from construction_zone.errors import InvalidInput
from construction_zone.learn.model import standardised


class Examples(Protocol):
    """What is learned from: `ImageDataset`, or anything with its items (``image`` (1, y, x), ``mask`` (y, x))."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


def dice(prediction: NDArray | torch.Tensor, truth: NDArray | torch.Tensor) -> float:
    """Dice coefficient 2|A ∩ B| / (|A| + |B|) of two masks of one shape (non-zero is inside); 1 if both are empty.

    Dice, Ecology 26, 297 (1945).
    """
    a, b = np.asarray(prediction) != 0, np.asarray(truth) != 0
    if a.shape != b.shape:
        raise InvalidInput(f"masks of shapes {a.shape} and {b.shape} were given; give two of one shape")
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def image_of(example: dict[str, Any]) -> torch.Tensor:
    """The image of an item as a standardised float32 tensor (1, y, x)."""
    return standardised(torch.as_tensor(np.asarray(example["image"], dtype=np.float32)))


def mask_of(example: dict[str, Any]) -> torch.Tensor:
    """The mask of an item as float32 (1, y, x): 1 in any particle, 0 outside."""
    return torch.as_tensor((np.asarray(example["mask"]) != 0).astype(np.float32))[None]


@torch.no_grad()
def predict(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Masks (n, y, x), bool, of standardised images (n, 1, y, x): where the network gives a probability over ½."""
    network.eval()
    answer: torch.Tensor = network(images)
    return answer[:, 0] > 0


def evaluate(
    network: nn.Module, examples: Examples, indices: Iterable[int] | None = None, device: str | torch.device = "cpu"
) -> list[float]:
    """The Dice coefficient of each of the `examples` at `indices` (all of them if None), in their order."""
    chosen = range(len(examples)) if indices is None else indices
    scores = []
    for index in chosen:
        example = examples[index]
        mask = predict(network, image_of(example)[None].to(device))[0]
        scores.append(dice(mask.cpu(), mask_of(example)[0]))
    return scores
