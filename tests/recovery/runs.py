"""A recipe of 50 ms a structure, runs of it in real processes, and what must be equal in two datasets."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from construction_zone.dataset.store import STAGES, Store

RECIPE = Path(__file__).parent / "tiny.yaml"
CZONE = "from construction_zone.cli import main; main()"
VARIES = {"README.md", ".lock", "log.txt", "samples.parquet"}


class Run:
    """`czone generate` in a process group of its own."""

    def __init__(self, out: Path, *, count: int, workers: int = 1, recipe: Path = RECIPE, options: tuple = ()):
        self.out, self.workers = out, workers
        self.log_before = self._log()
        arguments = ["generate", recipe, "--out", out, "--count", count, "--workers", workers, *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", CZONE, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _log(self) -> str:
        path = self.out / "log.txt"
        return path.read_text() if path.exists() else ""

    def wait_until(self, structures: int, seconds: float = 120) -> bool:
        """Wait until the run has made that many structures; whether it still runs then."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            if self._log().count(": done") - self.log_before.count(": done") >= structures:
                return True
            assert time.monotonic() < end, "nothing was made in time"
            time.sleep(0.005)
        return False

    def worker_pids(self) -> list[int]:
        """Process ids of the workers."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", "spawn_main"], capture_output=True)
        return [int(pid) for pid in found.stdout.split()]

    def kill(self) -> None:
        """End the main process with SIGKILL, and see that no worker outlives it."""
        self.process.send_signal(signal.SIGKILL)
        self.finish()
        for _ in range(400):
            if not group_of(self.process.pid):
                return
            time.sleep(0.05)
        raise AssertionError(f"still running: {group_of(self.process.pid)}")

    def finish(self, seconds: float = 240) -> str:
        """What the run said until its end."""
        return self.process.communicate(timeout=seconds)[0]


def group_of(leader: int) -> list[str]:
    """Processes of the group of `leader` that run."""
    found = subprocess.run(["ps", "-o", "stat=,args=", "-g", str(leader)], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if line[0] != "Z"]


def fingerprint(root: Path) -> dict[str, object]:
    """Every file of a dataset, hidden ones too: hash of its bytes, or its values but for what was measured."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir() or name in VARIES:
            continue
        data = path.read_bytes()
        if name.startswith("records/"):
            record = json.loads(data)
            del record["measured"], record["seal"]
            found[name] = record
        else:
            found[name] = hashlib.sha256(data).hexdigest()
    table = pq.read_table(root / "samples.parquet")
    same = [name for name in table.column_names if not name.startswith("measured.")]
    found["samples.parquet"] = table.select(same).to_pylist()
    return found


def check_whole(root: Path) -> list[int]:
    """The structures that are there, once every file of each has been found to be what its record says."""
    store = Store(root)
    if not (root / "dataset.json").exists():
        return []  # it ended before anything was begun
    for stage in STAGES:
        for index in store.indices(stage):
            for name, wanted in store.stage_record(stage, index)["files"].items():
                assert hashlib.sha256((root / name).read_bytes()).hexdigest() == wanted, name
    return store.indices()
