"""How the commands say what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from construction_zone.dataset.generate import Report

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
