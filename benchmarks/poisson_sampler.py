"""Poisson numbers per second: `image.poisson`, `torch.poisson` and numpy, on the same means in one run.

    python benchmarks/poisson_sampler.py

Means are spread by a fifth, as in an image. The sampler is timed with one thread and with as many as torch uses (the
others use one); of each, the fastest of several runs counts, taken in turn so that a busy machine slows all alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from construction_zone.image import poisson

MEANS = (0.05, 1.0, 4.0, 16.0, 64.0, 100.0, 400.0, 1e4)


def threaded(call: Callable[[], object], threads: int) -> Callable[[], object]:
    """`call`, with torch set to `threads`."""

    def run() -> object:
        torch.set_num_threads(threads)
        return call()

    return run


def fastest(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The shortest time of each call in seconds, taken in turn."""
    best = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def main(pixels: int = 4 * 640 * 640, rounds: int = 5) -> dict[float, dict[str, float]]:
    """Million numbers per second by mean and sampler; prints the table."""
    threads = torch.get_num_threads()
    rng = np.random.default_rng(0)
    generator = torch.Generator().manual_seed(0)
    poisson.sample(torch.ones(10), rng)  # compiles, and makes the tables
    table = {}
    print(f"million numbers per second, {pixels} pixels")
    for mean in MEANS:
        means = torch.from_numpy((mean * (1 + 0.2 * rng.standard_normal(pixels))).clip(0).astype(np.float32))
        double = means.double().numpy()
        calls: dict[str, Callable[[], object]] = {
            "one thread": threaded(lambda means=means: poisson.sample(means, rng), 1),
            f"{threads} threads": threaded(lambda means=means: poisson.sample(means, rng), threads),
            "torch.poisson": lambda means=means: torch.poisson(means, generator),
            "numpy": lambda double=double: rng.poisson(double),
        }
        table[mean] = {name: pixels / seconds / 1e6 for name, seconds in fastest(calls, rounds).items()}
        print(f"mean {mean:<7g}", *(f"{name} {speed:6.1f}  " for name, speed in table[mean].items()))
    torch.set_num_threads(threads)
    return table


if __name__ == "__main__":
    main()
