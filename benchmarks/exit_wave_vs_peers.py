"""The speed of exit waves beside abTEM's, alternating in one run, with the errors of both.

    python benchmarks/exit_wave_vs_peers.py [--rounds 3] [--out docs/benchmarks/exit_wave_vs_peers.md]

A 50 Å gold particle on 50 Å of amorphous carbon, some 94,000 atoms in 128 × 128 × 100 Å, 300 keV, 8 frozen-phonon
configurations, potentials included. abTEM is at its best: lazy, two dask workers, one FFTW thread each, plans warm;
ours has two workers too. The floor is two complex64 transforms for each slice with the faster of torch and scipy on one
thread, timed between the two codes, and is compared with ours on one thread. Errors are those of the wave at rest,
relative L2 of ψ − 1 for |k| < 2 Å⁻¹, against ours at half the sampling (whose own error `exit_wave_accuracy.py` tells).
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import _waves
import numpy as np
import scipy.fft
import torch

from construction_zone import simulate

ENERGY, CONFIGURATIONS, WORKERS = 300e3, 8, 2
DISPLACEMENTS = {"C": 0.087, "Au": 0.090}
CASES = {
    "512², 2 Å slices": (51.2, 0.1, 2.0),
    "1280², 2 Å slices": (128.0, 0.1, 2.0),
    "1280², 1 Å slices": (128.0, 0.1, 1.0),
    "2048², 2 Å slices": (128.0, 0.0625, 2.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--configurations", type=int, default=CONFIGURATIONS)
    parser.add_argument("--out", type=Path, help="also write the table, as a page, to this file")
    given = parser.parse_args()
    torch.set_num_threads(WORKERS)
    rows = []
    for name in given.cases:
        rows.append((name, *_case(*CASES[name], rounds=given.rounds, configurations=given.configurations)))
        print(rows[-1], flush=True)
    page = _page(rows, given.configurations, given.rounds)
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")


def _case(cell: float, sampling: float, thickness: float, *, rounds: int, configurations: int) -> tuple:
    diameter = min(50.0, cell - 4)
    atoms = _waves.film_and_particle(cell, diameter=diameter)
    settings = {"energy": ENERGY, "slice_thickness": thickness}

    def ours(count: int, workers: int = WORKERS) -> np.ndarray:
        return simulate.exit_waves(
            atoms, sampling=sampling, phonons=count, displacements=DISPLACEMENTS, workers=workers, **settings
        ).numpy()

    def peer(count: int) -> np.ndarray:
        return _waves.abtem_waves(
            atoms,
            ENERGY,
            sampling,
            slice_thickness=thickness,
            configurations=count,
            displacements=DISPLACEMENTS,
            workers=WORKERS,
        )

    ours(1), peer(2)  # compile, plan
    planned = simulate.plan_exit_waves(atoms, sampling=sampling, phonons=None, **settings)
    filled = planned.slices - int(atoms.positions[:, 2].min() // thickness)
    times: dict[str, list[float]] = {"ours": [], "abtem": [], "alone": [], "transform": []}
    for _ in range(rounds):
        times["transform"].append(_transform(planned.grid.shape))
        times["ours"].append(_timed(lambda: ours(configurations)) / configurations)
        times["alone"].append(_timed(lambda: ours(2, workers=1)) / 2)
        times["abtem"].append(_timed(lambda: peer(configurations)) / configurations)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    floor = 2 * filled * median(times["transform"])
    fine = simulate.exit_waves(atoms, sampling=sampling / 2, phonons=None, **settings).numpy()[0]
    reference = _waves.beams(fine, cell)
    still = simulate.exit_waves(atoms, sampling=sampling, phonons=None, **settings).numpy()[0]
    still_peer = _waves.abtem_waves(atoms, ENERGY, sampling, slice_thickness=thickness)[0]
    return (
        len(atoms),
        median(times["ours"]),
        median(times["abtem"]),
        median(times["alone"]),
        floor,
        _waves.error(still, reference, cell),
        _waves.error(still_peer, reference, cell),
        peak,
    )


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _transform(shape: tuple[int, int]) -> float:
    """Seconds of one complex64 transform on one thread, the faster of torch and scipy."""
    field = torch.ones(shape, dtype=torch.complex64)
    array = field.numpy().copy()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    best = min(
        min(_timed(lambda: torch.fft.fft2(field)) for _ in range(10)),
        min(_timed(lambda: scipy.fft.fft2(array, overwrite_x=True, norm="ortho")) for _ in range(10)),
    )
    torch.set_num_threads(before)
    return best


def _page(rows: list[tuple], configurations: int, rounds: int) -> str:
    table = "\n".join(
        f"| {name} | {atoms:,} | {ours:.2f} | {peer:.2f} | {peer / ours:.1f} | {alone:.2f} | {floor:.2f} | "
        f"{alone / floor:.2f} | {error:.4f} | {peer_error:.4f} |"
        for name, atoms, ours, peer, alone, floor, error, peer_error, _ in rows
    )
    return f"""# Exit waves beside abTEM

A gold particle on 50 Å of amorphous carbon, {configurations} frozen-phonon configurations at 300 keV, potentials
included; seconds for one configuration with two workers on two cores, medians of {rounds} alternating rounds. Then ours
on one thread beside the floor: two transforms of the grid for each slice on one thread. Errors: ψ − 1 at rest for
|k| < 2 Å⁻¹ against our wave at half the sampling.

| grid | atoms | ours / s | abTEM / s | abTEM / ours | one thread / s | floor / s | of floor | our error | abTEM's |
|---|---|---|---|---|---|---|---|---|---|
{table}

Peak memory of the process (both codes, the largest grid): {max(row[-1] for row in rows):.1f} GB.
Made by `benchmarks/exit_wave_vs_peers.py`; {_waves.machine()}.
"""


if __name__ == "__main__":
    main()
