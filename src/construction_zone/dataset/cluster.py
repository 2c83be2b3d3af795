"""Many processes on dask.distributed: a local cluster of one thread each, or the user's, fed a few tasks ahead."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count, islice
from multiprocessing import resource_tracker

import dask
from distributed import CancelledError, Client, Future, KilledWorker, LocalCluster, as_completed

from construction_zone.dataset.store import Store
from construction_zone.dataset.work import Job, Outcome, over_time, work
from construction_zone.errors import ConstructionZoneError, InvalidInput, StoreError

AHEAD = 2
"""Tasks a worker, one under way and one waiting: it never idles, and the scheduler never holds many."""
FEWEST = 8
"""Tasks sent before any worker has come: somebody's cluster may start workers when it sees work."""
DEATHS = 2
"""Workers of a local cluster that a task may take along before it is set aside, to run with no other beside it."""
LOOK = 10.0
"""Seconds between two looks at how many workers somebody's cluster has."""

SETTINGS = {
    "distributed.scheduler.allowed-failures": DEATHS - 1,
    # nothing of size stays on a worker: pausing or spilling could only stall it; beyond 95 % it is ended
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    # compiled code may keep a worker from answering; what is slow is ended by the time limit, what is stopped by this
    "distributed.scheduler.worker-ttl": "15 minutes",
    # what dask looks at many times a second takes some percent of two processors: where in the code a worker is, how
    # promptly it turns, what the machine is at
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.worker.memory.monitor-interval": "250ms",
    # dask has all that is free go back to the system, which to take again page by page is a fifth of a structure's time
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}


@contextmanager
def local(workers: int, log: Callable[[str], None]) -> Iterator[Client]:
    """A cluster of `workers` processes of one thread on this machine, for the length of a ``with``.

    A worker that dies is started again, which `log` is told. All end with this process, however it ends.
    """
    with ExitStack() as stack:
        stack.enter_context(_environment_kept())
        stack.enter_context(dask.config.set(SETTINGS))
        try:
            with _interrupts_wait():
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
        except RuntimeError as error:
            raise ConstructionZoneError(
                f"the workers did not start ({error}); in a script, call generate under if __name__ == '__main__':"
            ) from error
        stack.push(lambda kind, *_: _end(cluster, at_once=kind is not None))
        stack.enter_context(_told(log))
        yield stack.enter_context(Client(cluster, set_as_default=False))


@contextmanager
def remote(address: str) -> Iterator[Client]:
    """A connection to the scheduler at `address`, whose workers must have one thread each."""
    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"no scheduler answers at {address!r} ({error}); give the address that dask scheduler or your cluster "
            "tells, such as tcp://host:8786"
        ) from None
    with client:
        for worker, threads in client.nthreads().items():
            if threads != 1:
                raise InvalidInput(
                    f"the worker {worker} has {threads} threads; start workers with one thread each (--nthreads 1): "
                    "more processes are what makes it faster"
                )
        yield client


def outcomes(
    client: Client, job: Job, structures: Iterable[int], limit: Callable[[], float | None]
) -> Generator[Outcome]:
    """What comes of each of `structures`, in the order in which they are done.

    A task whose worker dies runs again. One that seems to kill workers may only have stood beside one that does, so
    it is set aside and runs once more at the end with no other beside it; if that kills workers too, it has failed.
    """
    numbers, queue = count(), iter(structures)
    under_way: dict[str, int] = {}
    suspects: list[int] = []

    def submit(index: int) -> Future:
        key = f"czone-{job.token}-{index}-{next(numbers)}"
        under_way[key] = index
        return client.submit(work, job, index, limit(), key=key, pure=False)

    def told(future: Future, found: object) -> Outcome | None:
        future.release()
        if isinstance(found, Outcome):
            return found
        error = found[1] if isinstance(found, tuple) else found
        if isinstance(error, KilledWorker):
            return None
        if isinstance(error, CancelledError):
            raise ConstructionZoneError(
                "the scheduler is gone; what is done stays: run the same command again to go on"
            )
        assert isinstance(error, BaseException), error
        raise error

    def done(futures: list[Future]) -> as_completed:
        # results are fetched in the background: one that was lost with its worker takes half a minute to be given up
        return as_completed(futures, loop=client.loop, with_results=True, raise_errors=False)

    room, looked = _room(client), time.monotonic()
    stream = done([submit(index) for index in islice(queue, room)])
    for future, found in stream:
        index, outcome = under_way.pop(future.key), told(future, found)
        if time.monotonic() - looked > LOOK:
            room, looked = _room(client), time.monotonic()
        stream.update([submit(i) for i in islice(queue, max(0, room - len(under_way)))])
        if outcome is None:
            suspects.append(index)
        else:
            yield outcome
    for index in suspects:
        for future, found in done([submit(index)]):
            yield told(future, found) or _killed(job, index)


def dashboard(client: Client) -> str:
    """Where the scheduler can be watched, or what is missing for that."""
    if importlib.util.find_spec("bokeh") is None:
        return "no dashboard: it needs bokeh (pip install bokeh)"
    return f"dashboard: {client.dashboard_link}"


def _room(client: Client) -> int:
    return max(AHEAD * len(client.nthreads()), FEWEST)


def _killed(job: Job, index: int) -> Outcome:
    try:
        where = Store(job.root).place.read(over_time(index)).decode(errors="replace")
    except OSError:
        where = ""
    why = "it took longer than the time limit" if where else "it crashed, ran out of memory, or was killed"
    return Outcome(index, error=f"its worker died each time: {why}", details=where)


def _end(cluster: LocalCluster, at_once: bool) -> None:
    """End a local `cluster`, `at_once` without waiting for what its workers are at."""

    async def end() -> None:
        await asyncio.gather(*(nanny.close(timeout=0.5) for nanny in cluster.workers.values()))

    if at_once:
        cluster.sync(end)
    cluster.close()


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Put off Ctrl-C until the end of a ``with``; threads and processes that start in it never see it.

    A worker that is started again is the child of such a thread. It is this process that ends them. SIGTERM is put off
    too where something handles it here; workers do see it, since that is how dask ends those that fill the memory.
    """
    resource_tracker.ensure_running()  # which would let them see it again in the thread that starts the first worker
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _termination_waits():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _termination_waits() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        if came:
            signal.raise_signal(signal.SIGTERM)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Take back what the start of workers leaves in this process's environment (one thread for OpenMP, …)."""
    names = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _told(log: Callable[[str], None]) -> Iterator[None]:
    """Have `log` told what dask warns of, such as workers that die."""

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with suppress(StoreError):  # whoever writes next meets it too
                log(f"{record.name}: {record.getMessage()}")

    logger, handler = logging.getLogger("distributed"), Told(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
