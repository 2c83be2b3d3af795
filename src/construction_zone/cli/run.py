"""Running the command: exit codes, and errors as one readable message."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from types import FrameType
from typing import Any

from construction_zone.errors import ConstructionZoneError

INTERRUPTED, TERMINATED = 130, 143


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `czone`, and leave with 0 (done), 1 (failed), 2 (wrong use), 130 (interrupted) or 143 (terminated).

    What goes wrong is told on stderr as one message; ``--debug``, anywhere, adds the traceback.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    from construction_zone.cli.app import app

    try:
        app(args=given, prog_name="czone")
    except ConstructionZoneError as error:
        if debug:
            traceback.print_exc()
        _tell(f"error: {error}")
        sys.exit(1)
    except OSError as error:
        if debug:
            traceback.print_exc()
        _tell(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        sys.exit(1)
    except Exception as error:
        if debug:
            traceback.print_exc()
        _tell(
            f"error: unexpected {type(error).__name__}: {error}\nThis is a fault of the program; --debug shows where."
        )
        sys.exit(1)


def interruptible(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, leaving with a code and a message when interrupted or terminated; typer would leave without a word."""

    @wraps(command)
    def told(*args: Any, **kwargs: Any) -> None:
        with _terminated_in_order() as terminated:
            try:
                command(*args, **kwargs)
            except KeyboardInterrupt as stop:
                what = "terminated" if terminated else "interrupted"
                _tell(f"{what}: {stop}" if str(stop) else what)
                sys.exit(TERMINATED if terminated else INTERRUPTED)

    return told


@contextmanager
def _terminated_in_order() -> Iterator[list[int]]:
    """Have SIGTERM, which batch systems send, end the body as Ctrl-C does; the list then holds it.

    A second one ends the process at once. Without this none of what a process holds is given back: workers are left to
    find out by themselves, and Python complains of semaphores that leaked.
    """
    terminated: list[int] = []
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield terminated
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        terminated.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _tell(message: str) -> None:
    print(message, file=sys.stderr)
