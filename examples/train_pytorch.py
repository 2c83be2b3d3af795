"""Train a small network with plain PyTorch to find particles.

    czone generate recipes/gold_on_carbon.yaml --out data --count 100
    python examples/train_pytorch.py data

With several processes each takes its share of the images (DistributedSampler):

    torchrun --standalone --nproc-per-node 2 examples/train_pytorch.py data
"""

from __future__ import annotations

import os
import sys

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from construction_zone.dataset import ImageDataset, collate


def standardised(images: torch.Tensor) -> torch.Tensor:
    """Each image (n, 1, y, x) with mean 0 and standard deviation 1."""
    return (images - images.mean((2, 3), keepdim=True)) / images.std((2, 3), keepdim=True)


def main(folder: str, epochs: int = 2, workers: int = 0) -> list[float]:
    """Mean loss of each epoch on the structures that are seen."""
    several = "WORLD_SIZE" in os.environ
    if several:
        distributed.init_process_group("gloo")
    torch.manual_seed(0)
    seen, _ = ImageDataset(folder).split((0.8, 0.2), seed=0)  # by structure, never by image
    sampler = DistributedSampler(seen, seed=0) if several else None
    order = torch.Generator().manual_seed(0)
    loader = DataLoader(
        seen,
        batch_size=4,
        shuffle=sampler is None,
        sampler=sampler,
        generator=order,
        collate_fn=collate,
        num_workers=workers,
    )
    network: nn.Module = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 1)
    )
    network = DistributedDataParallel(network) if several else network
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for epoch in range(epochs):
        if sampler is not None:
            sampler.set_epoch(epoch)
        total = 0.0
        for batch in loader:
            # image (n, 1, y, x) float32, mask (n, y, x) int64
            logits = network(standardised(batch["image"]))[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(logits, batch["mask"].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        losses.append(total / len(loader))
        print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}")
    if several:
        distributed.destroy_process_group()
    return losses


if __name__ == "__main__":
    main(sys.argv[1])
