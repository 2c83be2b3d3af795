"""Train a small network with Lightning to find particles (pip install 'construction-zone[lightning]').

czone generate recipes/gold_on_carbon.yaml --out data --count 100
python examples/train_lightning.py data
"""

from __future__ import annotations

import sys
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

from construction_zone.dataset import ImageDataset, collate


class Finder(lightning.LightningModule):
    """Three convolutions that tell particles from their surroundings."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 1)
        )

    def loss(self, batch: dict[str, Any]) -> torch.Tensor:
        """Binary cross-entropy of a batch: image (n, 1, y, x) float32, mask (n, y, x) int64."""
        images = batch["image"]
        images = (images - images.mean((2, 3), keepdim=True)) / images.std((2, 3), keepdim=True)
        logits = self.network(images)[:, 0]
        return nn.functional.binary_cross_entropy_with_logits(logits, batch["mask"].float())

    def training_step(self, batch: dict[str, Any], index: int) -> torch.Tensor:
        return self.loss(batch)

    def validation_step(self, batch: dict[str, Any], index: int) -> None:
        self.log("validation", self.loss(batch), prog_bar=True, batch_size=len(batch["image"]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 1e-2)


def main(folder: str, epochs: int = 2, **options: Any) -> float:
    """Loss on the structures that were not seen; `options` go to the trainer (devices, strategy, logger, …)."""
    lightning.seed_everything(0)
    seen, unseen = ImageDataset(folder).split((0.8, 0.2), seed=0)  # by structure, never by image
    trainer = lightning.Trainer(max_epochs=epochs, **options)
    trainer.fit(
        Finder(),
        DataLoader(seen, batch_size=4, shuffle=True, collate_fn=collate),
        DataLoader(unseen, batch_size=4, collate_fn=collate),
    )
    return float(trainer.callback_metrics["validation"])


if __name__ == "__main__":
    print(f"loss on unseen structures: {main(sys.argv[1]):.4f}")
