"""Making a dataset: one task a structure, processes of one thread each, a directory that can be taken up again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from construction_zone.dataset import table
from construction_zone.dataset.capacity import check_room
from construction_zone.dataset.produce import STEPS, make, peak_memory
from construction_zone.dataset.progress import shown
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.session import Session, session
from construction_zone.dataset.store import STAGES, Store
from construction_zone.errors import ConstructionZoneError, InvalidInput, StoreError


@dataclass(frozen=True)
class Failure:
    """A structure that its own recipe made impossible: its number, the recipe's seed, and why."""

    structure: int
    seed: int
    error: str


@dataclass(frozen=True)
class Report:
    """What a call of `generate` did.

    `made` counts the structures made now, `found` those that were there, `total` all that exist; `seconds` sums each
    stage over workers, `elapsed` is wall time in seconds, `peak_memory` the largest of any process in bytes.
    """

    out: Path
    made: int
    found: int
    total: int
    failures: tuple[Failure, ...]
    seconds: dict[str, float]
    elapsed: float
    peak_memory: int


@dataclass(frozen=True)
class Outcome:
    """What came of one task."""

    structure: int
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: int = 0
    error: str | None = None
    details: str = ""


def generate(
    recipe: Recipe | str | Path | Mapping[str, Any],
    out: str | Path,
    *,
    count: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    device: str = "cpu",
    until: str = "images",
    progress: bool = True,
) -> Report:
    """Make the dataset that `recipe` describes in the directory `out`, or what is missing of it.

    A structure is the same whatever the count, the number of workers and the order. One that cannot be made is
    recorded in the report and in ``log.txt``; the rest goes on. After an interruption, the same call goes on.

    Parameters
    ----------
    recipe
        a `Recipe`, a file, or a mapping.
    out
        the directory; a new one, or one that this recipe was begun in.
    count, seed
        instead of the recipe's. More structures may be asked for later; fewer than there are deletes nothing.
    workers
        processes, one thread each; by default one for each processor. One computes in this process.
        A script that asks for several needs ``if __name__ == "__main__":`` around the call.
    device
        torch device of simulation and imaging.
    until
        the last stage that is made: "structures" (atoms), "waves", or "images". The same call with a later one goes on.
    progress
        show a progress bar on stderr.

    Raises
    ------
    RecipeError
        if the recipe cannot be used.
    StoreError
        if the directory cannot be written, is being written, or holds another recipe's data; what is done stays.
    KeyboardInterrupt
        when interrupted, with how far it came; what is done stays.
    """
    recipe = (recipe if isinstance(recipe, Recipe) else load(recipe)).with_(seed=seed, count=count)
    workers = _workers(workers)
    if until not in STAGES:
        raise InvalidInput(f"until is {until!r}; give one of {', '.join(STAGES)}")
    start = time.perf_counter()
    with session(Path(out), recipe) as held:
        there = set(held.store.indices(until))
        missing = [index for index in range(recipe.count) if index not in there]
        outcomes: list[Outcome] = []
        if missing:
            check_room(held.store.folder, recipe, len(missing))
            held.log(f"begin: {len(missing)} to make until {until}, {len(there)} there, {workers} workers, {device}")
            try:
                _run(held, missing, min(workers, len(missing)), device, until, progress, outcomes)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(_stopped(held, recipe, until, "interrupted")) from None
            except ConstructionZoneError as error:
                _stopped(held, recipe, until, f"stopped: {error}")
                raise
        if outcomes or not held.store.place.exists(table.TABLE):
            table.rebuild(held.store)
        report = _report(held, outcomes, len(there), time.perf_counter() - start)
        if missing:
            held.log(f"end: {report.made} made, {len(report.failures)} failed, {report.elapsed:.1f} s")
    return report


def _run(
    held: Session,
    missing: list[int],
    workers: int,
    device: str,
    until: str,
    progress: bool,
    outcomes: list[Outcome],
) -> None:
    """Make the `missing` structures and add what came of each to `outcomes`."""
    with shown(progress, len(missing)) as advance:
        results = _in_processes if workers > 1 else _here
        with closing(results(held, missing, workers, device, until)) as stream:
            for outcome in stream:
                outcomes.append(outcome)
                if outcome.error is None:
                    stages = ", ".join(f"{stage} {taken:.2f}" for stage, taken in outcome.seconds.items())
                    held.log(f"structure {outcome.structure}: done ({stages} s)")
                else:
                    held.log(f"structure {outcome.structure}: FAILED, seed {held.recipe.seed}: {outcome.error}")
                    held.log(outcome.details.rstrip())
                advance(outcome.error is None)


def _here(held: Session, missing: list[int], workers: int, device: str, until: str) -> Generator[Outcome]:
    with _one_thread():
        for index in missing:
            yield work(held.recipe, index, held.store.folder, device, until)


def _in_processes(held: Session, missing: list[int], workers: int, device: str, until: str) -> Generator[Outcome]:
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    queue, running = iter(missing), set[Future[Outcome]]()

    def refill() -> None:
        # a few tasks ahead keep the workers busy; all at once would hold millions in memory
        for index in queue:
            running.add(pool.submit(work, held.recipe, index, held.store.folder, device, until))
            if len(running) >= 2 * workers:
                return

    ours: set[Any] = set()
    try:
        with _deaf_children():
            refill()  # which starts the workers
        ours = set(multiprocessing.active_children()) - others
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            running -= done
            for future in done:
                yield future.result()
            refill()
    except BrokenProcessPool:
        raise ConstructionZoneError(
            "a worker process died, perhaps for want of memory; what is done stays: run the same command again, with "
            "fewer workers if memory is short (in a script, call generate under if __name__ == '__main__':)"
        ) from None
    finally:
        if running:
            for process in ours:
                process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def work(recipe: Recipe, index: int, root: Path, device: str, until: str = "images") -> Outcome:
    """Make what is missing of structure `index` under `root`. What its recipe makes impossible is told, not raised."""
    try:
        seconds = make(Store(root), recipe, index, until, device)
    except (StoreError, OSError):
        raise
    except Exception as error:
        return Outcome(index, error=f"{type(error).__name__}: {error}", details=traceback.format_exc())
    return Outcome(index, seconds, peak_memory())


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Have processes that start here ignore Ctrl-C from their first moment; the parent ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only a main thread may change what signals do
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin_worker() -> None:
    """One thread, deaf to Ctrl-C, and gone when the parent is."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def leave() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=leave, daemon=True).start()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one torch thread, as a worker does, so that the bits are the same."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _workers(asked: int | None) -> int:
    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
        raise InvalidInput(f"workers is {asked!r}; give a whole number of processes, 1 or more")
    return asked


def _stopped(held: Session, recipe: Recipe, until: str, why: str) -> str:
    """Note in the log that and why the work stopped, bring the table up to date, and say how far it came."""
    held.store.sweep()
    done = len(held.store.indices(until))
    try:
        held.log(why)
        table.rebuild(held.store)
    except StoreError:
        pass  # a full disk has been told already
    return f"{done} of {recipe.count} structures are done and stay; run the same command again to go on"


def _report(held: Session, outcomes: list[Outcome], found: int, elapsed: float) -> Report:
    failures = tuple(
        Failure(o.structure, held.recipe.seed, o.error) for o in sorted(outcomes, key=lambda o: o.structure) if o.error
    )
    seconds = {stage: sum(o.seconds.get(stage, 0.0) for o in outcomes) for stage in STEPS} if outcomes else {}
    made = sum(o.error is None for o in outcomes)
    peak = max([peak_memory(), *(o.peak_memory for o in outcomes)])
    return Report(held.store.folder, made, found, found + made, failures, seconds, elapsed, peak)
