"""One writer to a dataset at a time: a lock of the operating system, or in object storage a lease that is renewed."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from construction_zone.dataset.files import Objects
from construction_zone.errors import StoreError

RENEWED = 30.0
"""Seconds between two renewals of a lease."""
STALE = 300.0
"""Seconds without a renewal, by the storage's clock, after which a lease is nobody's."""
LEASE = re.compile(r"\.lock\.(\d{6})", re.ASCII)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the length of a ``with``; it tells the process id of who holds it.

    The operating system lets go of the lock when its holder ends, however it ends, so a lock file left by a dead
    process stops nobody. Raises `StoreError` when another process, or this one, holds it already.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 100).decode(errors="replace").strip() or "unknown"
            raise StoreError(
                f"{path.parent} is being written by process {holder}; wait until it is done or give another directory"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


@contextmanager
def leased(place: Objects, token: str, renewing: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lease of a place of objects for the length of a ``with``; `renewing` is called whenever it is renewed.

    The lease is an object ``.lock.NUMBER`` that its holder creates, which only one can, and writes again every
    `RENEWED` seconds; the highest number counts. One that was not renewed for `STALE` seconds, or whose process has
    ended on this machine, is followed by the next number. Whoever was taken for dead learns of it from the token of
    the run, which is looked at before anything is committed. Raises `StoreError` when another holds it, and where the
    storage cannot create an object exclusively.
    """
    name, data = _taken(place, token)
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(RENEWED):
            # what cannot be renewed now may be the next time; what has been taken over is no longer ours to write
            with suppress(StoreError, OSError):
                if place.read(name) != data:
                    return
                place.write(name, data)
                renewing()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(RENEWED)
        with suppress(StoreError, OSError):
            if place.read(name) == data:
                place.remove(name)


def _taken(place: Objects, token: str) -> tuple[str, bytes]:
    """The name of the lease that this process has now, and what it holds."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    mine = {"token": token, "host": socket.gethostname(), "process": os.getpid(), "since": since, "machine": _machine()}
    data = json.dumps(mine).encode()
    there = _leases(place)
    for lease in there:
        _check_left(place, token, lease)
    last = LEASE.fullmatch(there[-1]) if there else None
    name = f".lock.{int(last[1]) + 1 if last else 1:06d}"
    if not place.create(name, data):
        _refuse(place, name, _holder(place, name))
    try:
        if place.create(name, b"{}"):
            raise StoreError(
                f"{place.url} cannot keep two runs apart: its storage does not create an object only where there is "
                "none (conditional put); make the dataset in a directory, and czone merge it into there"
            )
        for lease in _leases(place):
            if lease in there:
                place.remove(lease)
            elif lease != name:
                _refuse(place, lease, _holder(place, lease))
    except BaseException:
        place.remove(name)
        raise
    return name, data


def _leases(place: Objects) -> list[str]:
    return sorted(name for name in place.entries("") if LEASE.fullmatch(name))


def _holder(place: Objects, lease: str) -> dict[str, Any]:
    """What a lease tells of who holds it; empty if it cannot be read or has just been given back."""
    try:
        told = json.loads(place.read(lease))
    except (FileNotFoundError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _check_left(place: Objects, token: str, lease: str) -> None:
    """Raise `StoreError` unless a lease has been left by a holder that is dead, or silent for too long."""
    holder = _holder(place, lease)
    if holder.get("machine") is not None and holder["machine"] == _machine() and _ended(holder.get("process")):
        return
    probe = f".lock-clock-{token}"
    try:  # clocks of machines jump and differ: the time of an object written now is compared with that of the lease
        place.write(probe, b"")
        silent = place.modified(probe) - place.modified(lease)
    except FileNotFoundError:
        return  # given back meanwhile
    finally:
        place.remove(probe)
    if silent < STALE:
        _refuse(place, lease, holder, f", and gave its last sign {max(silent, 0):.0f} s ago")


def _refuse(place: Objects, lease: str, holder: dict[str, Any], sign: str = "") -> None:
    raise StoreError(
        f"{place.url} is being written by process {holder.get('process', 'unknown')} on "
        f"{holder.get('host', 'an unknown machine')}, which began at {holder.get('since', 'an unknown time')}{sign}; "
        f"wait until it is done or give another place. If it has died, the same command goes on {STALE / 60:.0f} "
        f"minutes after its last sign, or at once when the object {lease} is removed"
    )


def _machine() -> str | None:
    """What tells this machine, since it was started, and its process numbers from others; None if it is not known."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _ended(process: Any) -> bool:
    """Whether there is no process of that number on this machine."""
    if not isinstance(process, int) or process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False
