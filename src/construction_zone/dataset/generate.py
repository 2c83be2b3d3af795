"""Making a dataset: one task a structure, processes of one thread each, a directory that can be taken up again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from construction_zone.dataset import card, table
from construction_zone.dataset.capacity import check_room
from construction_zone.dataset.files import Directory
from construction_zone.dataset.portion import portion
from construction_zone.dataset.produce import STEPS, peak_memory
from construction_zone.dataset.progress import Progress, shown
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.session import Session, session
from construction_zone.dataset.store import STAGES
from construction_zone.dataset.thermal import check_displacements
from construction_zone.dataset.work import Job, Outcome, work
from construction_zone.errors import ConstructionZoneError, InvalidInput, StoreError

SHORTEST_LIMIT, LONGEST_LIMIT = 600.0, 86_400.0
"""Seconds that a structure may take at least, and before any has been made, when no limit is given."""
SHOWN = 10
"""Failures told as they happen; the log has them all."""
SLOWER = 20.0
"""How many times longer than the slowest so far a structure may take."""


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

    out: str | Path
    made: int
    found: int
    total: int
    failures: tuple[Failure, ...]
    seconds: dict[str, float]
    elapsed: float
    peak_memory: int


@dataclass
class _Tally:
    """What came of the tasks so far; of millions, no more is kept than this."""

    made: int = 0
    failures: list[Failure] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    slowest: float = 0.0
    peak_memory: int = 0

    def add(self, outcome: Outcome, seed: int) -> None:
        self.peak_memory = max(self.peak_memory, outcome.peak_memory)
        if outcome.error is not None:
            self.failures.append(Failure(outcome.structure, seed, outcome.error))
            return
        self.made += 1
        self.slowest = max(self.slowest, sum(outcome.seconds.values()))
        for stage, taken in outcome.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + taken


@dataclass(frozen=True)
class _Where:
    """Where structures are made: in this process, in a local cluster, or on somebody's scheduler."""

    workers: int
    scheduler: str | None
    time_limit: float | None

    @property
    def here(self) -> bool:
        # a time limit ends the process that works, which must not be this one
        return self.scheduler is None and self.workers == 1 and self.time_limit is None

    @property
    def told(self) -> str:
        """In words, for the log."""
        return f"{self.workers} workers" if self.scheduler is None else f"the scheduler at {self.scheduler}"


def generate(
    recipe: Recipe | str | Path | Mapping[str, Any],
    out: str | Path,
    *,
    count: int | None = None,
    seed: int | None = None,
    structures: range | str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    time_limit: float | None = None,
    device: str = "cpu",
    until: str = "images",
    progress: bool = True,
) -> Report:
    """Make the dataset that `recipe` describes in `out`, or what is missing of it.

    A structure is the same whatever the count, the number of workers and the order. One that cannot be made is
    recorded in the report and in the log; the rest goes on. After an interruption, the same call goes on.

    Parameters
    ----------
    recipe
        a `Recipe`, a file, or a mapping.
    out
        the directory, or a URL of fsspec such as ``s3://bucket/data``; a new one, or one that this recipe was begun in.
    count, seed
        instead of the recipe's. More structures may be asked for later; fewer than there are deletes nothing.
    structures
        those that are made, of all that the recipe counts: a range, ``"A:B"`` (without B) or ``"K/N"``, the K-th of N
        parts counted from 1. Parts made elsewhere are put together by `merge`, and are what one run makes.
    workers
        processes, one thread each; by default one for each processor. One computes in this process.
        A script that asks for several needs ``if __name__ == "__main__":`` around the call. A worker that dies is
        started again, and what it was at runs again; a structure that takes its worker along each time has failed.
    scheduler
        address of a dask scheduler, such as ``tcp://host:8786``, whose workers (of one thread each) do the work
        instead; they must reach `out` under the same path or URL.
    time_limit
        seconds a structure may take before its worker is ended; by default 20 times the longest so far, 10 minutes
        at least. One worker without a limit given has none.
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
    InvalidInput
        if `structures` are none, or beyond the count.
    StoreError
        if the directory cannot be written, is being written, or holds another recipe's data; what is done stays.
    KeyboardInterrupt
        when interrupted, with how far it came; what is done stays.
    """
    recipe = (recipe if isinstance(recipe, Recipe) else load(recipe)).with_(seed=seed, count=count)
    asked, where = portion(structures, recipe.count), _where(workers, scheduler, time_limit)
    if until not in STAGES:
        raise InvalidInput(f"until is {until!r}; give one of {', '.join(STAGES)}")
    start = time.perf_counter()
    with session(out, recipe) as held:
        there = set(held.store.indices(until))
        missing = [index for index in asked if index not in there]
        job, tally = Job(held.recipe, held.store.root, device, held.token, until), _Tally()
        if missing:
            if isinstance(held.store.place, Directory):
                check_room(held.store.place.root, recipe, len(missing))
            if until != "structures" and not there:
                check_displacements(held.recipe)
            part = "" if structures is None else f" of structures {asked.start} to {asked.stop - 1}"
            held.log(f"begin: {len(missing)} to make{part} until {until}, {len(there)} there, {where.told}, {device}")
            try:
                with shown(progress, len(missing)) as bar:
                    _run(held, job, missing, where, bar, tally)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(_stopped(held, asked, until, "interrupted")) from None
            except ConstructionZoneError as error:
                _stopped(held, asked, until, f"stopped: {error}")
                raise
        # a call that is interrupted leaves no card, even where all structures were there
        if missing or not table.intact(held.store) or not held.store.place.exists(card.CARD):
            table.rebuild(held.store)
            card.write(held.store)
        report = _report(held, tally, len(there), time.perf_counter() - start)
        if missing:
            held.log(f"end: {report.made} made, {len(report.failures)} failed, {report.elapsed:.1f} s")
    return report


def _run(held: Session, job: Job, missing: list[int], where: _Where, bar: Progress, tally: _Tally) -> None:
    """Make the `missing` structures and add what came of each to `tally`."""

    def limit() -> float:
        if where.time_limit is not None:
            return where.time_limit
        return max(SHORTEST_LIMIT, SLOWER * tally.slowest) if tally.slowest else LONGEST_LIMIT

    with _stream(held, job, missing, where, bar.say, limit) as stream:
        for outcome in stream:
            tally.add(outcome, held.recipe.seed)
            if outcome.error is None:
                stages = ", ".join(f"{stage} {taken:.2f}" for stage, taken in outcome.seconds.items())
                held.log(f"structure {outcome.structure}: done ({stages} s)")
            else:
                told = f"structure {outcome.structure}: FAILED, seed {held.recipe.seed}: {outcome.error}"
                if len(tally.failures) <= SHOWN:
                    bar.say(told.splitlines()[0])
                held.log(told)
                held.log(outcome.details.rstrip())
            bar.advance(outcome.error is None)


@contextmanager
def _stream(
    held: Session,
    job: Job,
    missing: list[int],
    where: _Where,
    say: Callable[[str], None],
    limit: Callable[[], float],
) -> Iterator[Generator[Outcome]]:
    if where.here:
        with closing(work(job, index) for index in missing) as stream:
            yield stream
        return
    from construction_zone.dataset import cluster

    place = cluster.local(min(where.workers, len(missing)), held.log)
    if where.scheduler is not None:
        place = cluster.remote(where.scheduler)
    with place as client:
        held.log(cluster.dashboard(client))
        say(cluster.dashboard(client))
        with closing(cluster.outcomes(client, job, missing, limit)) as stream:
            yield stream


def _where(workers: int | None, scheduler: str | None, time_limit: float | None) -> _Where:
    if scheduler is not None and workers is not None:
        raise InvalidInput("workers are those of the scheduler; give either workers or scheduler")
    if time_limit is not None and not 0 < time_limit < float("inf"):
        raise InvalidInput(f"time_limit is {time_limit!r}; give seconds above 0")
    return _Where(_workers(workers), scheduler, time_limit)


def _workers(asked: int | None) -> int:
    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
        raise InvalidInput(f"workers is {asked!r}; give a whole number of processes, 1 or more")
    return asked


def _stopped(held: Session, asked: range, until: str, why: str) -> str:
    """Note in the log that and why the work stopped, bring the table up to date, and say how far it came."""
    try:
        held.store.sweep()
    except StoreError:
        return "the place cannot be reached, or belongs to another run; what is done stays"
    done = sum(index in asked for index in held.store.indices(until))
    try:
        held.log(why)
        table.rebuild(held.store)
    except StoreError:
        pass  # a full disk has been told already
    return f"{done} of {len(asked)} structures are done and stay; run the same command again to go on"


def _report(held: Session, tally: _Tally, found: int, elapsed: float) -> Report:
    failures = tuple(sorted(tally.failures, key=lambda failure: failure.structure))
    seconds = {stage: tally.seconds.get(stage, 0.0) for stage in STEPS} if tally.made or failures else {}
    peak = max(peak_memory(), tally.peak_memory)
    place = held.store.place
    out = place.root if isinstance(place, Directory) else str(held.store.root)
    return Report(out, tally.made, found, found + tally.made, failures, seconds, elapsed, peak)
