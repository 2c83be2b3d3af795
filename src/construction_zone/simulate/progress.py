"""Progress of a run, and the way to end it from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Step:
    """What is called after every slice."""

    def __init__(self, advance: Callable[[], None] | None) -> None:
        self._advance, self._ended = advance, threading.Event()

    def __call__(self) -> None:
        if self._ended.is_set():
            raise Stopped
        if self._advance is not None:
            self._advance()

    def stop(self) -> None:
        """Make the next call raise, in every thread."""
        self._ended.set()


class Stopped(Exception):
    """Another thread ended the run."""


class Progress:
    """A progress bar over slices, if it is shown."""

    def __init__(self, shown: bool, total: int) -> None:
        self.shown, self.total = shown, total

    def __enter__(self) -> Step:
        if not self.shown:
            return Step(None)
        from rich.progress import Progress as Bar

        self.bar = Bar(transient=True)
        self.bar.start()
        task = self.bar.add_task("exit waves", total=self.total)
        return Step(lambda: self.bar.advance(task))

    def __exit__(self, *exception: object) -> None:
        if self.shown:
            self.bar.stop()
