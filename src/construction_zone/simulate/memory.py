"""How much memory there is for a simulation."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import torch


def available_memory(device: torch.device) -> int:
    """Free memory of `device` in bytes; for the CPU what Linux calls available, and what its control groups leave."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    return min([free, *_left_by_groups(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))])


def _left_by_groups(root: Path, own: Path) -> list[int]:
    """Bytes that each control group that the file `own` names below `root`, and those around it, leave of their limit.

    Containers and batch systems end a process that passes it, whatever the machine has. Only what processes hold counts
    as used: the system gives up what it keeps of files.
    """
    left: list[int] = []
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if controllers in ("", "memory"):  # version 2, version 1
                top, limit, held = (
                    (root, "memory.max", "anon")
                    if controllers == ""
                    else (root / "memory", "memory.limit_in_bytes", "total_rss")
                )
                group = top / name.lstrip("/")
                for folder in (group, *(parent for parent in group.parents if parent.is_relative_to(top))):
                    with contextlib.suppress(OSError, ValueError, KeyError):  # no such file, or no limit: "max"
                        used = dict(each.split() for each in (folder / "memory.stat").read_text().splitlines())
                        left.append(max(0, int((folder / limit).read_text()) - int(used[held])))
    return left
