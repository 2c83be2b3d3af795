"""What accuracy costs: error of the exit wave against time, for us and for abTEM.

    python benchmarks/time_to_accuracy.py [--out docs/benchmarks/time_to_accuracy.md] [--figure docs/images/…png]

Gold on carbon at 300 kV in a cell of 64 Å, at rest, potentials included; seconds of processor time on one thread, the
least of some runs. Errors are relative L2 of ψ − 1 for |k| < 2 Å⁻¹ against our wave at 0.025 Å in double precision with
the same slices: by `exit_wave_accuracy.py` such a wave is right to some 2e-4.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import _waves
import numpy as np
import torch

from construction_zone import simulate

CELL, ENERGY, RUNS = 64.0, 300e3, 3
OURS = (0.05, 0.0625, 0.08, 0.1, 0.125, 64 / 448, 0.16)
PEER = (0.04, 0.05, 0.0625, 0.08, 0.1, 0.125)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the table, as a page, to this file")
    parser.add_argument("--figure", type=Path, help="draw the figure to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    atoms = _waves.film_and_particle(CELL, film=18.0, diameter=30.0)
    fine = simulate.exit_waves(atoms, energy=ENERGY, sampling=0.025, phonons=None, dtype=torch.complex128, workers=1)
    reference = _waves.beams(fine.numpy()[0], CELL)
    del fine
    codes: dict[str, list[tuple[float, float, float]]] = {"ours": [], "ours, cores=False": [], "abTEM": []}
    for sampling in OURS:
        for name, cores in (("ours", True), ("ours, cores=False", False)):
            codes[name].append(_point(sampling, reference, lambda: _ours(atoms, sampling, cores)))  # noqa: B023
    for sampling in PEER:
        codes["abTEM"].append(_point(sampling, reference, lambda: _waves.abtem_waves(atoms, ENERGY, sampling)[0]))  # noqa: B023
    page = _page(codes)
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")
    if given.figure:
        _draw(codes, given.figure)


def _ours(atoms: object, sampling: float, cores: bool) -> np.ndarray:
    return simulate.exit_waves(atoms, energy=ENERGY, sampling=sampling, phonons=None, cores=cores, workers=1).numpy()[0]


def _point(sampling: float, reference: np.ndarray, wave: Callable[[], np.ndarray]) -> tuple[float, float, float]:
    made = wave()  # compiles, plans transforms, makes tables of cores
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        made = wave()
        times.append(time.process_time() - start)
    return sampling, min(times), _waves.error(made, reference, CELL)


def _page(codes: dict[str, list[tuple[float, float, float]]]) -> str:
    table = "\n".join(
        f"| {name} | {sampling:.4g} | {seconds:.2f} | {error:.4f} |"
        for name, points in codes.items()
        for sampling, seconds, error in points
    )
    _, seconds, goal = next(point for point in codes["abTEM"] if point[0] == 0.05)
    good = min((point for point in codes["ours"] if point[2] <= goal), key=lambda point: point[1])
    return f"""# What accuracy costs

Gold on carbon, 300 kV, a cell of {CELL:g} Å, slices of 2 Å, potentials included; seconds of processor time.

| code | sampling / Å | time / s | error |
|---|---|---|---|
{table}

abTEM reaches {goal:.4f} at 0.05 Å in {seconds:.2f} s; ours is at least as exact ({good[2]:.4f}) at {good[0]:g} Å in
{good[1]:.2f} s: {seconds / good[1]:.0f} times faster to the same accuracy.

![Error against time](../images/time_to_accuracy.png)

Made by `benchmarks/time_to_accuracy.py`; {_waves.machine()}.
"""


def _draw(codes: dict[str, list[tuple[float, float, float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.2, 3.8), layout="constrained")
    for (name, points), marker, colour in zip(codes.items(), "osD", ("#0b6e99", "#8fb8cc", "#c4541f"), strict=True):
        sampling, seconds, errors = np.array(points).T
        axes.loglog(seconds, errors, f"{marker}-", color=colour, label=name, ms=5)
        for s, t, e in zip(sampling, seconds, errors, strict=True):
            axes.annotate(f"{s:.3g}", (t, e), textcoords="offset points", xytext=(5, 4), fontsize=7, color=colour)
    axes.set(xlabel="processor time / s", ylabel="error of ψ − 1 below 2 Å⁻¹")
    axes.set_title("Gold on carbon, 300 kV; labels: sampling in Å", fontsize=9)
    axes.grid(which="both", alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
