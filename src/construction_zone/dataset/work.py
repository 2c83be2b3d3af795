"""One task: a structure made and stored, by one thread, within a time limit, for the run that asked for it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from construction_zone import __version__
from construction_zone.dataset.files import Directory
from construction_zone.dataset.produce import make, one_thread, peak_memory
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.session import CRYSTALS, recipe_of
from construction_zone.dataset.store import Store, name_of
from construction_zone.errors import ConstructionZoneError, StoreError

TIMED_OUT = 75
"""Exit status of a worker that ended itself because a structure took too long (the shell's EX_TEMPFAIL)."""
GRACE = 30.0
"""Seconds after the time limit in which a process may end itself in good order, before it is ended from below."""

_ALONE = threading.Lock()


@dataclass(frozen=True)
class Job:
    """What is the same for every structure of a run: recipe, place, device, the run's token, and the last stage."""

    recipe: Recipe
    root: str | Path
    device: str
    token: str
    until: str = "images"
    version: str = __version__


@dataclass(frozen=True)
class Outcome:
    """What came of one task."""

    structure: int
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: int = 0
    error: str | None = None
    details: str = ""


def work(job: Job, index: int, limit: float | None = None) -> Outcome:
    """Make what is missing of structure `index` and store it. What its recipe makes impossible is told, not raised.

    With a `limit` in seconds this process ends when the structure takes longer: compiled code cannot be stopped
    otherwise. Raises `StoreError` when the store cannot be written, or belongs to another run by now.
    """
    if job.version != __version__:
        raise ConstructionZoneError(
            f"a worker on {socket.gethostname()} has construction-zone {__version__}, and the run {job.version}; "
            "install the same version for all"
        )
    # torch's number of threads and the time limit are the process's: a worker with several threads takes turns
    store = Store(job.root, run=job.token)
    with _ALONE, one_thread(), _ended_after(limit, store, over_time(index)):
        store.check_run()
        try:
            seconds = make(store, _recipe(job.root, job.token) or job.recipe, index, job.until, job.device)
        except (StoreError, OSError):
            raise
        except Exception as error:
            return Outcome(index, error=f"{type(error).__name__}: {error}", details=traceback.format_exc())
        return Outcome(index, seconds, peak_memory())


@lru_cache(maxsize=1)
def _recipe(root: str | Path, token: str) -> Recipe | None:
    """The recipe with structure files of this machine, where the run's are copies on another: None if it has none."""
    store = Store(root)
    if isinstance(store.place, Directory) or not store.place.names(CRYSTALS):
        return None
    return recipe_of(store)


def over_time(index: int) -> str:
    """Name of the file in which a worker that took too long over structure `index` says where it was."""
    return f".{name_of(index)}.over-time.partial"


@contextmanager
def _ended_after(limit: float | None, store: Store, note: str) -> Iterator[None]:
    """End this process if the body takes longer than `limit` seconds, with a traceback left in the file `note`."""
    if limit is None:
        yield
        return

    def end() -> None:
        try:
            with contextlib.suppress(Exception), tempfile.TemporaryFile() as file:
                faulthandler.dump_traceback(file)
                file.seek(0)
                store.place.write(note, file.read())
        finally:
            os._exit(TIMED_OUT)

    timer = threading.Timer(limit, end)
    timer.daemon = True
    timer.start()
    # code that holds the interpreter lets no Python thread run; this one needs no interpreter
    faulthandler.dump_traceback_later(limit + GRACE, exit=True, file=sys.__stderr__ or 2)
    try:
        yield
    finally:
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()
