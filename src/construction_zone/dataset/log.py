"""The log of a dataset: a file that grows, or where objects cannot grow, some objects for each run."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from construction_zone.dataset.files import Objects

LOGS = "log"
"""Folder of the logs of runs, among objects."""
LONGEST = 1_000_000
"""Characters of an object of the log, after which another is begun."""


class Log(Protocol):
    """What takes the lines of a log."""

    def add(self, line: str) -> None: ...


@dataclass(frozen=True)
class FileLog:
    """Lines at the end of a file."""

    path: Path

    def add(self, line: str) -> None:
        """Write `line` at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)


class ObjectLog:
    """Lines of one run in objects ``log/TIME-TOKEN-NUMBER.txt``, written as often as `put` is called."""

    def __init__(self, place: Objects, token: str) -> None:
        self._place, self._name = place, f"{LOGS}/{time.strftime('%Y%m%d-%H%M%S')}-{token[:8]}"
        self._lines: list[str] = []
        self._number = 1
        self._written = 0
        self._lock, self._putting = threading.Lock(), threading.Lock()

    def add(self, line: str) -> None:
        """Keep `line` until it is put."""
        with self._lock:
            self._lines.append(line)

    def put(self) -> None:
        """Write what is new."""
        with self._putting:
            with self._lock:
                lines = list(self._lines)
            if len(lines) == self._written:
                return
            text = "".join(lines)
            self._place.write(f"{self._name}-{self._number:04d}.txt", text.encode())
            self._written = len(lines)
            if len(text) > LONGEST:
                with self._lock:
                    del self._lines[: len(lines)]
                self._number, self._written = self._number + 1, 0
