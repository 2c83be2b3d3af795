"""Train a MONAI U-Net with Dice loss and random flips (pip install 'construction-zone[learn]').

czone generate recipes/gold_on_carbon.yaml --out data --count 100
python examples/train_monai.py data
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from monai.data import DataLoader, Dataset, decollate_batch
from monai.losses import DiceCELoss
from monai.metrics import DiceMetric
from monai.networks.nets import UNet
from monai.transforms import AsDiscrete, Compose, EnsureChannelFirstd, NormalizeIntensityd, RandFlipd
from monai.utils import set_determinism

from construction_zone.dataset import ImageDataset


def items(dataset: ImageDataset) -> list[dict[str, Any]]:
    """Images (1, y, x) and masks (y, x); records, which differ in length, stay behind."""
    return [{key: item[key] for key in ("image", "mask")} for item in (dataset[i] for i in range(len(dataset)))]


def main(folder: str, epochs: int = 2) -> float:
    """Mean Dice coefficient on the structures that were not seen."""
    set_determinism(0)
    seen, unseen = ImageDataset(folder).split((0.8, 0.2), seed=0)  # by structure, never by image
    plain = [EnsureChannelFirstd("mask", channel_dim="no_channel"), NormalizeIntensityd("image")]
    flips = [RandFlipd(("image", "mask"), prob=0.5, spatial_axis=axis) for axis in (0, 1)]
    training = DataLoader(Dataset(items(seen), Compose([*plain, *flips])), batch_size=4, shuffle=True)
    judging = DataLoader(Dataset(items(unseen), Compose(plain)), batch_size=4)
    network = UNet(2, in_channels=1, out_channels=1, channels=(8, 16), strides=(2,))
    loss_of, optimiser = DiceCELoss(sigmoid=True), torch.optim.Adam(network.parameters(), 1e-2)
    for epoch in range(epochs):
        for batch in training:
            loss = loss_of(network(batch["image"]), batch["mask"].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
    metric, binary = DiceMetric(), Compose([torch.sigmoid, AsDiscrete(threshold=0.5)])
    with torch.no_grad():
        for batch in judging:
            metric(
                [binary(logits) for logits in decollate_batch(network(batch["image"]))], decollate_batch(batch["mask"])
            )
    return float(metric.aggregate())


if __name__ == "__main__":
    print(f"Dice on unseen structures: {main(sys.argv[1]):.3f}")
