"""The progress bar of `generate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown(wanted: bool, total: int) -> Iterator[Callable[[bool], None]]:
    """A bar over `total` structures on stderr with rate and time left; call what it gives with whether one was made."""
    if not wanted:
        yield lambda good: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("structures", total=total, rate="")
        failed = 0

        def advance(good: bool) -> None:
            nonlocal failed
            failed += not good
            bar.advance(task)
            now = bar.tasks[task]
            if now.elapsed:
                rate = f"{60 * now.completed / now.elapsed:.1f}/min"
                bar.update(task, rate=f"{rate}, {failed} failed" if failed else rate)

        yield advance
