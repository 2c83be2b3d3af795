"""Many structures: workers beside one another, what the scheduler takes, memory as structures go by, files.

    python benchmarks/scaling.py [--rounds 2] [--structures 10] [--out docs/benchmarks/scaling.md]

One and two local workers make the same structures (a 64 Å scene of gold on carbon, waves of 640², eight configurations)
in turns; workers are up and have made a structure each before the clock starts. So that the machine's own share is
seen, one and two processes without dask make them too. Rates are of the fastest round. The scheduler deals out tasks
that do nothing to two workers. Memory is that of one process that makes small structures, and of the one that holds
the scheduler, whose logs fill first and then stay as long as they are. How fast a store opens and reads,
`benchmarks/store.py` measures.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from construction_zone.dataset import cluster
from construction_zone.dataset.generate import generate
from construction_zone.dataset.plan import plan
from construction_zone.dataset.recipe import load
from construction_zone.dataset.session import Session, session
from construction_zone.dataset.work import Job, Outcome, work

LARGE: dict[str, Any] = {
    "version": 1,
    "seed": 1,
    "count": 1000,
    "cell": [64, 64],
    "substrate": {"amorphous": "C", "density": 2.2, "thickness": 30, "structure": "random"},
    "particles": {"count": 1, "crystal": "fcc Au", "radius": 12, "gap": 0},
    "simulation": {"sampling": 0.1, "phonons": 8},
    "imaging": {"pixel_size": 0.2, "per_structure": 4, "defocus": {"normal": [100, 20]}, "dose": 400},
}
SMALL: dict[str, Any] = {
    **LARGE,
    "cell": [20, 16],
    "substrate": {**LARGE["substrate"], "thickness": 5},
    "particles": {**LARGE["particles"], "radius": 3.5},
    "simulation": {"sampling": 0.25, "phonons": 1},
    "imaging": {**LARGE["imaging"], "pixel_size": 0.5},
}
LABELLED: dict[str, Any] = {**SMALL, "labels": {"include": "all"}}
REFERENCE = Path(__file__).parents[1] / "recipes" / "reference.yaml"
MILLION = {
    "10 images of each structure": (100_000, ["imaging.per_structure=10"]),
    "the same, compact waves": (100_000, ["imaging.per_structure=10", "storage.waves=compact"]),
    "one image of each, compact waves": (1_000_000, ["imaging.per_structure=1", "storage.waves=compact"]),
}
"""Ways to a million images: structures, and changes to the reference recipe."""
CORES = 200
"""Of a cluster on which they might be made."""
BUSY = 0.3
"""Processes that run on average before the benchmark begins, from which on its page warns of its own times."""
UNCLOCKED, FILLED = 50, 3000
"""Small structures, and tasks, before memory is looked at: libraries are loaded, and the scheduler's logs filled."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--structures", type=int, default=10, help="in a round, on two workers and on one")
    parser.add_argument("--tasks", type=int, default=2000, help="that do nothing")
    parser.add_argument("--samples", type=int, default=500, help="over which memory is looked at")
    parser.add_argument("--out", type=Path, help="also write the tables, as a page, to this file")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    found = {**measured(given.rounds, given.structures, given.tasks, given.samples), "load": load}
    page = page_of(found)
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")


def measured(rounds: int, structures: int, tasks: int, samples: int) -> dict[str, Any]:
    """All figures."""
    best: dict[tuple[str, int], float] = {}
    ways: dict[str, Callable[[int, int], float]] = {"workers": by_workers, "processes": by_processes}
    for _ in range(rounds):
        for name, way in ways.items():
            for number in (1, 2):
                rate = structures / way(number, structures)
                best[name, number] = max(best.get((name, number), 0.0), rate)
    return {
        "structures": structures,
        "rounds": rounds,
        "rates": best,
        "scheduler": nothing(tasks),
        "tasks": tasks,
        "memory": alone(memory_of, samples),
        "samples": samples,
        "files": {name: files_of(recipe) for name, recipe in (("images and mask", SMALL), ("all labels", LABELLED))},
        "steps": alone(steps_of, structures),
        "million": {told: alone(million, number) for number, told in enumerate(MILLION)},
    }


@contextmanager
def held(recipe: dict[str, Any]) -> Iterator[tuple[Session, Job]]:
    with tempfile.TemporaryDirectory() as folder, session(Path(folder) / "data", load(recipe)) as open_:
        yield open_, Job(open_.recipe, open_.store.folder, "cpu", open_.token)


def by_workers(number: int, structures: int) -> float:
    """Seconds in which that many workers of one thread make the structures, waves of 640²."""
    with held(LARGE) as (open_, job), cluster.local(number, open_.log) as client:
        list(cluster.outcomes(client, job, range(900, 900 + 2 * number), lambda: None))
        begin = time.perf_counter()
        for outcome in cluster.outcomes(client, job, range(structures), lambda: None):
            assert outcome.error is None, outcome.error
        return time.perf_counter() - begin


def by_processes(number: int, structures: int) -> float:
    """The same by processes that know nothing of one another: the structures dealt out beforehand."""
    context = multiprocessing.get_context("spawn")
    with held(LARGE) as (_, job):
        ready, go = context.Barrier(number + 1), context.Barrier(number + 1)
        theirs = [range(first, structures, number) for first in range(number)]
        processes = [context.Process(target=_share, args=(job, share, 900 + share[0], ready, go)) for share in theirs]
        for process in processes:
            process.start()
        ready.wait()
        begin = time.perf_counter()
        go.wait()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        return time.perf_counter() - begin


def _share(job: Job, share: range, first: int, ready: Any, go: Any) -> None:
    work(job, first)
    ready.wait()
    go.wait()
    for index in share:
        work(job, index)


def _nothing(job: Job, index: int, limit: float | None = None) -> Outcome:
    return Outcome(index, {"build": 0.0})


def nothing(tasks: int) -> dict[str, float]:
    """Seconds a task that does nothing takes on two workers, and bytes that the main process grows by with each."""
    real, cluster.work = cluster.work, _nothing
    try:
        with held(LARGE) as (open_, job), cluster.local(2, open_.log) as client:
            list(cluster.outcomes(client, job, range(FILLED), lambda: None))
            sizes = []
            begin = time.perf_counter()
            for outcome in cluster.outcomes(client, job, range(tasks), lambda: None):
                open_.log(f"structure {outcome.structure}: done")
                sizes.append(resident())
            taken = time.perf_counter() - begin
    finally:
        cluster.work = real
    return {"seconds": taken / tasks, "growth": slope(sizes)}


def memory_of(samples: int) -> dict[str, float]:
    """Resident bytes of this process as it makes small structures: slope for each, at the start, and the most."""
    with held(SMALL) as (_, job):
        sizes = []
        for index in range(UNCLOCKED + samples):
            work(job, index)
            sizes.append(resident())
    sizes = sizes[UNCLOCKED:]
    return {"slope": slope(sizes), "first": float(sizes[0]), "most": float(max(sizes))}


def steps_of(structures: int) -> dict[str, float]:
    """Seconds of each step of one structure of 640², one thread, and bytes on disk."""
    with held(LARGE) as (open_, job):
        work(job, 900)
        seconds: dict[str, float] = {}
        before = _size(open_.store.folder)
        for index in range(min(structures, 4)):
            for step, taken in work(job, index).seconds.items():
                seconds[step] = seconds.get(step, 0.0) + taken / min(structures, 4)
        disk = (_size(open_.store.folder) - before) / min(structures, 4)
    return {**seconds, "disk": disk}


def million(number: int) -> dict[str, float]:
    """What a structure of a way to a million images takes on one thread: seconds, bytes on disk, bytes of memory."""
    count, settings = list(MILLION.values())[number]
    found = plan(load(REFERENCE, settings=settings).with_(count=count))
    assert found.images == 1_000_000
    return {
        "structures": float(count),
        "seconds": sum(found.seconds.values()),
        "disk": sum(found.disk.values()),
        "memory": float(found.memory),
    }


def files_of(recipe: dict[str, Any]) -> tuple[float, float]:
    """Files a structure adds to a dataset, and those that are there whatever the number of structures."""
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, 3):
            generate(recipe, Path(folder) / "data", count=count, workers=1, progress=False)
            counts.append(sum(path.is_file() for path in (Path(folder) / "data").rglob("*")))
    each = (counts[1] - counts[0]) / 2
    return each, counts[0] - each


def alone(task: Callable[[int], dict[str, float]], number: int) -> dict[str, float]:
    """What `task` gives in a process of its own."""
    # a Pool would end it with SIGTERM, and leave its semaphores behind
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(task, number).result()


def resident() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def slope(values: list[int]) -> float:
    """Of the line through `values`, by least squares."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def page_of(found: dict[str, Any]) -> str:
    rates, memory, steps = found["rates"], found["memory"], found["steps"]
    names = ("construction-zone", "distributed", "torch", "numpy", "zarr")
    lines = [
        "# Many structures",
        "",
        *_busy(found["load"]),
        "| | one | two | two / one |",
        "|---|---|---|---|",
        *(
            f"| {told}, structures a minute | {60 * rates[way, 1]:.1f} | {60 * rates[way, 2]:.1f} | "
            f"{rates[way, 2] / rates[way, 1]:.2f} |"
            for way, told in (
                ("workers", "workers of one thread"),
                ("processes", "without a scheduler"),
            )
        ),
        "",
        f"The fastest of {found['rounds']} alternating rounds of {found['structures']} structures of 640², which take "
        + ", ".join(f"{step} {steps[step]:.2f} s" for step in ("build", "simulate", "image", "label", "store"))
        + f", and {steps['disk'] / 1e6:.1f} MB on disk.",
        "",
        "| | measured | wanted |",
        "|---|---|---|",
        f"| a task that does nothing, two workers | {1e3 * found['scheduler']['seconds']:.1f} ms | ≤ 20 ms |",
        f"| growth of the main process for each, over {found['tasks']} after the first {FILLED} | "
        f"{found['scheduler']['growth'] / 1e3:.1f} kB | flat |",
        f"| growth of a worker for each structure, over {found['samples']} | {memory['slope'] / 1e3:.1f} kB | flat |",
        f"| memory of that worker, at first and at most | {memory['first'] / 1e6:.0f} MB, "
        f"{memory['most'] / 1e6:.0f} MB | |",
        *(f"| files for each structure, {name} | {each:.0f} | ≤ 20 |" for name, (each, _) in found["files"].items()),
        "",
        *_million(found),
        "How fast a store of a million samples opens, and reads: [the store](store.md).",
        "",
        f"Made by `benchmarks/scaling.py`; {date.today():%Y-%m-%d}, {_processor()}, "
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names) + ".",
        "",
    ]
    return "\n".join(lines)


def _busy(load: float) -> list[str]:
    """A warning where other work was going on."""
    if load < BUSY:
        return []
    return [
        f"**The load was {load:.1f} before the run: if other work still ran, the times below mean nothing.**",
        "",
    ]


def _million(found: dict[str, Any]) -> list[str]:
    """The part of the page on a million images."""
    files = max(each for each, _ in found["files"].values())
    task = found["scheduler"]["seconds"]
    rows = []
    for told, way in found["million"].items():
        count, seconds = way["structures"], way["seconds"]
        hours, disk = count * seconds / 3600, count * way["disk"] / 1e12
        rows.append(
            f"| {told} | {count:,.0f} × {seconds:.2f} s = {hours:,.0f} h | {hours / 2 / 24:.1f} days | "
            f"{hours / CORES:.1f} h | {count:,.0f} × {way['disk'] / 1e6:.2f} MB = {disk:.2f} TB | "
            f"{count * files / 1e6:.1f} million | {way['memory'] / 1e9:.1f} GB | {seconds / task:,.0f} |"
        )
    return [
        "## A million images",
        "",
        "What `czone plan` measures of `recipes/reference.yaml` (1280² waves of eight configurations, images of 640²), "
        "times the number of structures:",
        "",
        f"| | processor hours | on 2 | on {CORES} | disk | files, at most | a worker's memory | workers, at most |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Files are {files:.0f} for each structure; workers, as many as a scheduler can feed that takes "
        f"{1e3 * task:.1f} ms a task.",
        "",
    ]


def _processor() -> str:
    models = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return f"{os.cpu_count()} cores of {models[0] if models else platform.processor()}"


if __name__ == "__main__":
    main()
