"""Running the command: exit codes, and errors as one readable message."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from construction_zone.errors import ConstructionZoneError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `czone`, and leave with 0 (done), 1 (failed), 2 (wrong use) or 130 (interrupted).

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
    """`command`, leaving with 130 and a message when interrupted; typer would leave without a word."""

    @wraps(command)
    def told(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt as stop:
            _tell(f"interrupted: {stop}" if str(stop) else "interrupted")
            sys.exit(INTERRUPTED)

    return told


def _tell(message: str) -> None:
    print(message, file=sys.stderr)
