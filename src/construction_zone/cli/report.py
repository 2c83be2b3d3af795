"""How the commands say what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from construction_zone.dataset.generate import Report
    from construction_zone.dataset.plan import Plan

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
SHOWN = 20
"""Failures listed at the end; the log has them all."""


def made(report: Report) -> None:
    """Tell what a call of `generate` did, with failures on stderr."""
    if not report.made and not report.failures:
        out.print(f"nothing to do: {report.out} holds {_number(report.total, 'structure')}")
        return
    there = f", {report.found} were there" if report.found else ""
    out.print(f"{report.out}: {_number(report.made, 'structure')} made{there} in {report.elapsed:.1f} s")
    if report.made:
        out.print(stages(report.seconds, report.made))
    out.print(f"peak memory of a process: {report.peak_memory / 1e6:.0f} MB")
    for failure in report.failures[:SHOWN]:
        err.print(f"structure {failure.structure} failed (seed {failure.seed}): {failure.error}", markup=False)


def stages(seconds: dict[str, float], structures: int | None = None) -> Table:
    """Seconds of each stage, summed over workers, and per structure if there are any."""
    table = Table("stage", "seconds", *["per structure"] * (structures is not None), box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for stage, taken in seconds.items():
        shares = [f"{taken / structures:.2f}"] if structures else []
        table.add_row(stage, f"{taken:.1f}", *shares)
    return table


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def planned(plan: Plan) -> None:
    """Tell what making a dataset will take."""
    ny, nx = plan.grid
    each = sum(plan.seconds.values())
    lines = {
        "structures": f"{plan.structures}",
        "images": f"{plan.images}",
        "simulation": f"{ny} × {nx} samples, {plan.slices:.0f} slices, {plan.configurations:.3g} configurations",
        "time": f"{_duration(plan.elapsed)} with {_number(plan.workers, 'worker')} ({each:.3g} s a structure)",
        "memory": f"{plan.memory / 1e9:.2g} GB a worker",
        "disk": f"{_bytes(plan.total_disk)} ({_bytes(sum(plan.disk.values()))} a structure)",
    }
    table = Table("", "", box=None, show_header=False)
    for name, value in lines.items():
        table.add_row(name, value)
    out.print(table)
    steps = Table("step", "seconds a structure", "disk a structure", box=None)
    for column in steps.columns[1:]:
        column.justify = "right"
    places = {"build": "structures", "simulate": "waves", "image": "images"}
    for step, taken in plan.seconds.items():
        size = plan.disk.get(places.get(step, ""))
        steps.add_row(step, f"{taken:.2f}", "" if size is None else _bytes(size))
    out.print(steps)
    for failure in plan.failed:
        err.print(f"could not be built: {failure}", markup=False)
    out.print(f"measured in {plan.measured:.0f} s")


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def _bytes(size: float) -> str:
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"
