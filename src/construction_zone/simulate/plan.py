"""What a simulation will need, told before anything is allocated."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import torch

from construction_zone.errors import GridError
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.memory import available_memory
from construction_zone.simulate.multislice import steps_for
from construction_zone.simulate.propagation import Propagator, propagator

OVERHEAD = 1.8
"""Time of all steps over that of as many transforms as free propagation makes in the same time: 1.6 to 2.2 measured for
25 slices of 512² to 2048² samples on one thread, with 0.02 to 0.1 atoms per Å³."""

START = 0.02
"""Seconds of a run that do not grow with it: checks, form factors, threads."""

TABLE_SECONDS, TABLE_BYTES = 3e-7, 100
"""What each sample takes on which the core of an element is tabulated, measured; bytes for one element at a time."""

TIMED = 2048
"""Samples along each axis of the largest grid whose transform is timed."""


@dataclass(frozen=True)
class Estimate:
    """What exit waves will take.

    Attributes
    ----------
    grid, slices, configurations
        what is computed.
    transforms
        two-dimensional Fourier transforms of the grid's size, in all.
    memory
        bytes alive at the same time.
    running
        bytes of that for each configuration that is being computed.
    disk
        bytes of the waves, uncompressed.
    tables
        samples on which the cores of all elements are tabulated, before the first configuration.
    seconds
        time, from the time of one transform; None if that was not measured. Loading the compiled code, which the first
        run of a process does, comes on top.
    """

    grid: Grid
    slices: int
    configurations: int
    transforms: float
    memory: int
    running: int
    disk: int
    tables: int = 0
    seconds: float | None = None


def estimate(
    grid: Grid,
    *,
    slices: int,
    configurations: int,
    waves: int,
    fields: int,
    transmissions: int,
    potentials: float,
    elements: int,
    table: int,
    item_bytes: int,
    at_a_time: int,
) -> Estimate:
    """The `Estimate` for a run.

    `waves` are kept for each configuration, which takes `fields` of the grid's size while it is computed, and whose
    slices take `transmissions` and transforms for `potentials`. The core of each element is tabulated on `table`
    samples. A complex number takes `item_bytes`.
    """
    field = grid.shape[0] * grid.shape[1] * item_bytes
    kept = field * configurations * waves
    each = field * fields
    # tables are made first, and small when they are done
    memory = max(kept + at_a_time * each, TABLE_BYTES * table) + elements * field // 2
    transforms = configurations * (2 * transmissions + potentials)
    return Estimate(grid, slices, configurations, transforms, memory, each, kept, elements * table)


def with_seconds(needed: Estimate, threads: int, dtype: torch.dtype, device: torch.device) -> Estimate:
    """`needed` with the time it will take in `threads` side by side, after timing a transform.

    A grid of more than `TIMED` samples along an axis is not allocated for that: a smaller one is timed, and n log n
    taken for the rest.
    """
    shape = (min(needed.grid.shape[0], TIMED), min(needed.grid.shape[1], TIMED))
    steps, room = steps_for(shape, dtype, device), torch.ones((1, *shape), dtype=dtype, device=device)
    kernel = propagator(Grid(shape, needed.grid.extent), 300e3, 2.0, dtype=dtype, device=device)
    one = min(_seconds_of_transform(steps.Wave(room), kernel, room) for _ in range(4))
    samples, timed = math.prod(needed.grid.shape), math.prod(shape)
    if samples > timed:
        one *= samples * math.log(samples) / (timed * math.log(timed))
    seconds = START + TABLE_SECONDS * needed.tables + OVERHEAD * one * needed.transforms / threads
    return replace(needed, seconds=seconds)


def _seconds_of_transform(wave: Any, kernel: Propagator, room: torch.Tensor) -> float:
    """Seconds that one transform takes, half of a free propagation."""
    _wait(kernel.x.device)
    start = time.perf_counter()
    wave.propagate(kernel)
    wave.write(room)
    _wait(kernel.x.device)
    return (time.perf_counter() - start) / 2


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def batch_size(one: Estimate, device: torch.device) -> int:
    """How many configurations fit `device` at a time beside all waves; `one` is the estimate for one at a time."""
    rest = available_memory(device) - (one.memory - one.running)
    return max(1, min(one.configurations, int(0.8 * rest) // one.running))


def check_memory(needed: Estimate, device: torch.device) -> None:
    """Refuse a simulation that does not fit, before it allocates anything."""
    free = available_memory(device)
    if needed.memory > free:
        ny, nx = needed.grid.shape
        rest = free - (needed.memory - needed.disk)
        fits = max(0, rest * needed.configurations // max(needed.disk, 1))
        what = f"; {fits} configuration(s) would fit" if fits else ""
        raise GridError(
            f"{needed.configurations} configuration(s) of waves of {ny} × {nx} samples need about "
            f"{needed.memory / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free on {device}{what}; use a coarser sampling "
            f"than {max(needed.grid.sampling):.3g} Å, a smaller cell, or fewer configurations or workers at a time"
        )
