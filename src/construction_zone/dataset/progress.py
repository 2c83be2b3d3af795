"""How far `generate` is, on stderr: a bar on a terminal, a line now and then in a file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SOMETIMES = 60.0
"""Seconds between two lines where stderr is no terminal."""


class Progress:
    """Nothing shown: what the two ways of showing progress can be told."""

    def advance(self, good: bool) -> None:
        """Count a structure that was made, or that failed."""

    def say(self, text: str) -> None:
        """Tell something that happened."""


@contextmanager
def shown(wanted: bool, total: int) -> Iterator[Progress]:
    """Show on stderr how many of `total` structures are done, how fast, how many failed, and how long it will take."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not wanted:
        yield Progress()
    elif not console.is_terminal:
        yield _Lines(console, total)
    else:
        with _bar(console) as bar:
            yield _Bar(bar, total)


class _Lines(Progress):
    def __init__(self, console: Any, total: int) -> None:
        self._console, self._total = console, total
        self._done = self._failed = 0
        self._began = self._last = time.monotonic()

    def advance(self, good: bool) -> None:
        self._done += 1
        self._failed += not good
        now = time.monotonic()
        if now - self._last < SOMETIMES:
            return
        self._last = now
        left = (now - self._began) / self._done * (self._total - self._done)
        rate = _rate(self._done, self._failed, now - self._began)
        self.say(f"{self._done} of {self._total} structures, {rate}, {left / 60:.0f} min left")

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)


class _Bar(Progress):
    def __init__(self, bar: Any, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("structures", total=total, rate="")
        self._failed = 0

    def advance(self, good: bool) -> None:
        self._failed += not good
        self._bar.advance(self._task)
        now = self._bar.tasks[self._task]
        if now.elapsed:
            self._bar.update(self._task, rate=_rate(now.completed, self._failed, now.elapsed))

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False)


def _rate(done: float, failed: int, seconds: float) -> str:
    rate = f"{60 * done / seconds:.1f}/min"
    return f"{rate}, {failed} failed" if failed else rate


def _bar(console: Any) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
