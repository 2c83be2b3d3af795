"""What a simulation will need, told before anything is allocated."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from construction_zone.errors import GridError
from construction_zone.simulate.grid import Grid

WORKING_FIELDS = 10
"""Complex fields of the grid's size alive at once: wave, spectrum, transmission, propagators, FFT work space."""


@dataclass(frozen=True)
class Estimate:
    """What exit waves will take: `grid`, number of `slices` and `configurations`, and `memory` in bytes."""

    grid: Grid
    slices: int
    configurations: int
    elements: int
    memory: int


def estimate(grid: Grid, slices: int, configurations: int, elements: int, item_bytes: int) -> Estimate:
    """The `Estimate` for a grid; a complex number takes `item_bytes`."""
    field = grid.shape[0] * grid.shape[1] * item_bytes
    memory = field * (WORKING_FIELDS + configurations) + elements * field // 4
    return Estimate(grid, slices, configurations, elements, memory)


def available_memory(device: torch.device) -> int:
    """Free memory of `device` in bytes; what Linux calls available for the CPU."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_memory(needed: Estimate, device: torch.device) -> None:
    """Refuse a simulation that does not fit, before it allocates anything."""
    free = available_memory(device)
    if needed.memory > free:
        ny, nx = needed.grid.shape
        raise GridError(
            f"{needed.configurations} wave(s) of {ny} × {nx} samples need about {needed.memory / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free on {device}; use a coarser sampling than {max(needed.grid.sampling):.3g} Å, "
            "a smaller cell, or fewer configurations at a time"
        )
