"""Exit waves on a GPU: time, memory traffic and arithmetic of each slice against what the card can do.

    python benchmarks/gpu.py [--device cuda] [--cell 128] [--sampling 0.1] [--configurations 8]

Builds the scene of `exit_wave_vs_peers.py`, times our engine on the device, and measures in the same run how fast the
device copies memory and transforms fields, so that the figures can be read against its own limits. With --device cpu
the script can be tried out; what it then times is the CPU's own steps and transforms, beside transforms by torch.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable

import _waves
import torch

from construction_zone import simulate

DISPLACEMENTS = {"C": 0.087, "Au": 0.090}
PASSES = 22
"""Complex fields read or written for each slice: half of spreading (zeroing, filtering, one element) 3, exp(iσV)·ψ with
its temporaries 6, propagator 4, three transforms with at least one read and one write each 6, the rest 3."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--cell", type=float, default=128.0, help="Å")
    parser.add_argument("--sampling", type=float, default=0.1, help="Å")
    parser.add_argument("--configurations", type=int, default=8)
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit(
            f"torch {torch.__version__} finds no GPU here, so there is nothing to measure; install torch for CUDA on a "
            "machine with a card, or try the script out with --device cpu"
        )
    atoms = _waves.film_and_particle(given.cell, diameter=min(50.0, given.cell - 4))

    def run(count: int) -> None:
        simulate.exit_waves(
            atoms, sampling=given.sampling, phonons=count, displacements=DISPLACEMENTS, device=device, workers=1
        )

    plan = simulate.plan_exit_waves(atoms, sampling=given.sampling, phonons=None, device=device)
    run(1)
    seconds = _timed(lambda: run(given.configurations), device) / given.configurations
    ny, nx = plan.grid.shape
    field = torch.ones((ny, nx), dtype=torch.complex64, device=device)
    copy = torch.empty_like(field)
    bandwidth = 2 * field.nbytes * 50 / _timed(lambda: [copy.copy_(field) for _ in range(50)], device)
    transform = _timed(lambda: [torch.fft.fft2(field) for _ in range(50)], device) / 50
    transforms = plan.transforms
    flops = transforms / plan.slices * 5 * ny * nx * math.log2(ny * nx)
    moved = PASSES * field.nbytes
    print(f"{device}: {torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU'}, {len(atoms):,} atoms")
    print(f"grid {ny} × {nx}, {plan.slices} slices, {given.configurations} configurations")
    print(f"one configuration      {seconds:8.3f} s, one slice {1e3 * seconds / plan.slices:.3f} ms")
    print(f"transforms alone       {transforms * transform:8.3f} s ({transforms:.0f} of {1e3 * transform:.3f} ms)")
    print(
        f"memory moved a slice   {moved / 1e6:8.1f} MB, at {bandwidth / 1e9:.0f} GB/s {1e3 * moved / bandwidth:.3f} ms"
    )
    print(f"arithmetic a slice     {flops / 1e9:8.2f} GFLOP in transforms")
    if device.type == "cuda":
        print(f"peak memory            {torch.cuda.max_memory_allocated(device) / 1e9:8.2f} GB")
    print(_waves.machine())


def _timed(call: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
