"""Images per second beside abTEM's CTF and Poisson noise on the same exit waves, and the optics beside their floor.

    python benchmarks/imaging_throughput.py [--rounds 5] [--threads 1 2] [--out docs/benchmarks/imaging_throughput.md]

Waves of 0.2 Å pixels and 1 or 8 configurations; 1 focus, or 7 for a focal spread of 10 Å; 400 electrons per Å². Both
codes take turns in one process, going on for 0.3 s each time, with one thread each and then with as many as `--threads`
says (ours in its loops, abTEM in FFTW). The fastest image of all counts. Times are of the processor with one thread,
and of the clock with more: run those on a machine that does nothing else.

Ours starts from the stored `Beams`, forms |ψ|² on the grid of twice the wave's, which it needs, and integrates it over
pixels; abTEM forms it on the wave's own grid, where it aliases, and in another column on the twice finer one, averaged
over 2 × 2 samples. "Their transforms" are the planned FFTW transforms that abTEM's aliasing image takes and nothing
else: there and back for each configuration, back for each further focus. The floor of our optics is one inverse
transform of the twice finer grid for each configuration and focus, with the fastest of torch, scipy and, on one thread,
our own compiled transform, of which two passes along rows are counted, a little less than rows and columns take.

The loader's rows are images per second from a torch `DataLoader` that calls `augment`.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import scipy.fft
import torch

import construction_zone as cz
from construction_zone.distributions import Normal
from construction_zone.image import Beams, augment
from construction_zone.simulate import ExitWaves

DOSE, SPREAD, DEFOCUS, PIXEL = 400.0, 10.0, 80.0, 0.2
CASES = [(size, configurations, nodes) for size in (640, 1280) for configurations in (1, 8) for nodes in (1, 7)]
TURN = 0.3
"""Seconds that a task goes on for when it is its turn, as a data set's images follow each other."""
CONDITIONS = {"defocus": Normal(80.0, 15.0), "Cs": Normal(0.0, 1e4), "C12": Normal(0.0, 5.0), "dose": 400.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, help="also write the tables, as a page, to this file")
    given = parser.parse_args()
    tables = []
    for threads in given.threads:
        torch.set_num_threads(threads)
        rows = []
        for size, configurations, nodes in CASES:
            row = _case(size, configurations, nodes, given.rounds, threads)
            rows.append(((size, configurations, nodes), row))
            shown = {name: f"{1e3 * value:.1f} ms" for name, value in row.items()}
            print(threads, size, configurations, nodes, shown, flush=True)
        tables.append((threads, rows))
    torch.set_num_threads(1)
    loaded = [(workers, _loaded(workers)) for workers in (0, 1, 2)]
    page = _page(tables, loaded)
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")


def exit_waves(size: int, configurations: int) -> ExitWaves:
    """Waves of a random weak object with sharp atoms: what matters here is their shape alone."""
    rng = np.random.default_rng(3)
    frequencies = np.hypot(np.fft.fftfreq(size, PIXEL)[:, None], np.fft.fftfreq(size, PIXEL)[None, :])
    noise = np.fft.fft2(rng.normal(size=(configurations, size, size))) * np.exp(-((frequencies / 1.2) ** 2))
    phase = np.fft.ifft2(noise).real
    array = torch.from_numpy(np.exp(0.5j * phase / phase.std()).astype(np.complex64))
    return ExitWaves(array, (PIXEL, PIXEL), 300e3, 0.0, seeds=tuple(range(configurations)))


def _case(size: int, configurations: int, nodes: int, rounds: int, threads: int) -> dict[str, float]:
    waves = exit_waves(size, configurations)
    beams = Beams.of(waves)
    spread = SPREAD if nodes > 1 else 0.0
    scope = cz.Microscope(
        defocus=DEFOCUS, Cs=1e4, C12=5.0, focal_spread=spread, focal_nodes=nodes if nodes > 1 else None, dose=DOSE
    )
    seeds = iter(range(10**9))
    tasks: dict[str, Callable[[], object]] = {
        "floor, torch": partial(_floor, size, configurations * nodes, torch.fft.ifft2),
        "floor, scipy": partial(
            _floor, size, configurations * nodes, lambda s: scipy.fft.ifft2(s.numpy(), workers=threads)
        ),
        **({"floor, own": _own_floor(size, configurations * nodes)} if threads == 1 else {}),
        "their transforms": _transforms(size, configurations, nodes, threads),
        "optics": partial(scope.intensity, beams),
        "ours, no noise": partial(replace(scope, dose=None).image, beams),
        "ours": lambda: scope.image(beams, seed=next(seeds)),
        "abTEM": _abtem(waves, nodes, threads),
        "abTEM, finer": _abtem(waves.resampled((2 * size, 2 * size)), nodes, threads, binning=2),
    }
    best = _fastest(tasks, rounds)
    return best | {"floor": min(time for name, time in best.items() if name.startswith("floor"))}


def _floor(size: int, count: int, transform: Callable[[torch.Tensor], object]) -> None:
    spectrum = torch.full((2 * size, 2 * size), 1.0 + 0j, dtype=torch.complex64)
    for _ in range(count):
        transform(spectrum)


def _own_floor(size: int, count: int) -> Callable[[], None]:
    from construction_zone.simulate.fft import blocks, fields, plan

    spectrum, along = np.ones(blocks.room(2 * size, 2 * size), np.float32), plan(2 * size)

    def run() -> None:
        for _ in range(count):
            spectrum.fill(1)
            for _ in range(2):
                fields.rows(spectrum, 2 * size, along, 2 * size)

    return run


def _transforms(size: int, configurations: int, nodes: int, threads: int) -> Callable[[], object]:
    """The transforms that abTEM's image of the wave's own grid takes."""
    import pyfftw

    field = pyfftw.zeros_aligned((size, size), dtype="complex64")
    there, back = (
        pyfftw.FFTW(field, field, axes=(0, 1), direction=way, flags=("FFTW_MEASURE",), threads=threads)
        for way in ("FFTW_FORWARD", "FFTW_BACKWARD")
    )

    def run() -> None:
        for _ in range(configurations):
            there.execute()
            for _ in range(nodes):
                back.execute()

    return run


def _abtem(waves: ExitWaves, nodes: int, threads: int, binning: int = 1) -> Callable[[], object]:
    import abtem

    abtem.config.set({"diagnostics.progress_bar": False, "fft": "fftw", "fftw.threads": threads})
    array = np.ascontiguousarray(np.swapaxes(waves.numpy(), -1, -2))
    axes = [abtem.core.axes.FrozenPhononsAxis(_ensemble_mean=True)]
    theirs = abtem.Waves(array, energy=waves.energy, sampling=waves.sampling, ensemble_axes_metadata=axes)
    defocus = DEFOCUS
    if nodes > 1:
        defocus = abtem.distributions.gaussian(
            center=DEFOCUS, standard_deviation=SPREAD, num_samples=nodes, ensemble_mean=True
        )
    ctf = abtem.CTF(energy=waves.energy, Cs=1e4, C12=5.0, defocus=defocus)
    seeds = iter(range(10**9))

    def image() -> np.ndarray:
        abtem.config.set({"fftw.threads": threads})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = theirs.apply_ctf(ctf).intensity().reduce_ensemble()
            if binning > 1:
                fine = image.compute().array
                n = fine.shape[-1] // binning
                coarse = fine.reshape(n, binning, n, binning).mean(axis=(1, 3))
                image = abtem.measurements.Images(coarse, sampling=(PIXEL, PIXEL))
            noisy = image.poisson_noise(dose_per_area=DOSE, seed=next(seeds))
            return noisy.compute().array if noisy.is_lazy else noisy.array

    return image


def _fastest(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Least time of each task, all taking turns: of the processor, or of the clock if there are several threads."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    best = dict.fromkeys(tasks, np.inf)
    for _ in range(rounds):
        for name, task in tasks.items():
            task()
            begun = time.perf_counter()
            while True:
                start = clock()
                task()
                best[name] = min(best[name], clock() - start)
                if time.perf_counter() - begun > TURN:
                    break
    return best


class _Images(torch.utils.data.IterableDataset):
    """Endless images of one structure under drawn conditions."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        torch.set_num_threads(1)
        beams = Beams.of(exit_waves(640, 1))
        worker = torch.utils.data.get_worker_info()
        for number in range(10**9):
            image, _ = augment(beams, CONDITIONS, seed=number * 10 + (worker.id if worker else 0))
            yield image.array


def _loaded(workers: int, count: int = 60) -> float:
    """Images per second of clock time."""
    loader = iter(torch.utils.data.DataLoader(_Images(), batch_size=None, num_workers=workers))
    for _ in range(8):
        next(loader)
    start = time.perf_counter()
    for _ in range(count):
        next(loader)
    return count / (time.perf_counter() - start)


def _page(
    tables: list[tuple[int, list[tuple[tuple[int, int, int], dict[str, float]]]]], loaded: list[tuple[int, float]]
) -> str:
    import os
    import platform

    lines = [
        "# Images per second",
        "",
        f"`python benchmarks/imaging_throughput.py` with torch {torch.__version__}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores. Images per second of processor time (one thread) or "
        "clock time (more), with Poisson noise at 400 e⁻/Å²; what is compared, the script tells.",
    ]
    for threads, rows in tables:
        lines += [
            "",
            f"{threads} thread{'s' if threads > 1 else ''}:",
            "",
            "| image | waves | foci | abTEM | abTEM, finer grid | ours | ours / abTEM | ours / abTEM, finer grid | "
            "ours, no noise | optics / floor | ours, no noise / their transforms |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for (size, configurations, nodes), row in rows:
            lines.append(
                f"| {size}² | {configurations} | {nodes} | {1 / row['abTEM']:.3g} | "
                f"{1 / row['abTEM, finer']:.3g} | {1 / row['ours']:.3g} | {row['abTEM'] / row['ours']:.1f} | "
                f"{row['abTEM, finer'] / row['ours']:.1f} | {1 / row['ours, no noise']:.3g} | "
                f"{row['optics'] / row['floor']:.2f} | {row['ours, no noise'] / row['their transforms']:.2f} |"
            )
    lines += ["", "640², one configuration, one focus, drawn conditions, from a `DataLoader`, one thread each:", ""]
    lines += ["| workers | images/s |", "|---|---|"]
    lines += [f"| {workers} | {speed:.3g} |" for workers, speed in loaded]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
