"""What a recipe will draw: a histogram of each leaf that varies."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from construction_zone.errors import InvalidInput
from construction_zone.show import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE, TALL = 3.0, 2.0
"""Inches, size of a panel."""

MOST_BARS = 12
"""Different values that are drawn as bars, each with its name; of words the others are counted together."""


def histograms(
    values: Mapping[str, Sequence[Any]], path: str | Path, *, units: Mapping[str, str] | None = None, columns: int = 3
) -> Path:
    """Draw the distribution of each of `values`, by dotted path, into `path`.

    Numbers of many values are drawn as a histogram, few values and words as bars. `units` go to the axes.

    Raises
    ------
    InvalidInput
        If there is nothing to draw.
    StoreError
        If `path` cannot be written.
    """
    if not values:
        raise InvalidInput("the recipe draws nothing: every value is fixed, so there is no distribution to show")
    rows = math.ceil(len(values) / columns)
    columns = min(columns, len(values))
    width, height = columns * WIDE, rows * TALL
    figure = style.canvas(width, height)
    for place, (name, drawn) in enumerate(values.items()):
        row, column = divmod(place, columns)
        box = (column * WIDE + 0.45, height - (row + 1) * TALL + 0.52, WIDE - 0.65, TALL - 0.85)
        axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
        _panel(axes, list(drawn))
        unit = (units or {}).get(name)
        axes.set_title(f"{name}{f' ({unit})' if unit else ''}", fontsize=7, color=style.INK)
        axes.set_ylim(top=1.18 * axes.get_ylim()[1])  # room for how many there are
        axes.tick_params(labelsize=6)
        axes.set_yticks([])
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.text(1, 0.98, f"{len(drawn)} drawn", transform=axes.transAxes, fontsize=5.5, ha="right", va="top")
    return style.save(figure, path)


def _panel(axes: Axes, drawn: list[Any]) -> None:
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in drawn):
        numbers = np.array(drawn, dtype=float)
        shown = np.array([float(f"{value:g}") for value in numbers])  # what nobody writes was drawn
        if len(np.unique(numbers)) > MOST_BARS or not np.allclose(shown, numbers, rtol=1e-9, atol=0):
            axes.hist(numbers, bins=min(40, max(10, len(numbers) // 20)), color=style.GOLD)
            return
        drawn = [f"{value:g}" for value in sorted(drawn)]
        counts = Counter(drawn)
    else:
        counts = Counter(_word(value) for value in drawn)
        kept = dict(counts.most_common(MOST_BARS - 1))
        others = sum(counts.values()) - sum(kept.values())
        counts = Counter({**kept, **({"others": others} if others else {})})
    axes.bar(range(len(counts)), list(counts.values()), color=style.GOLD, width=0.7)
    slanted = max(map(len, counts)) > 5
    axes.set_xticks(
        range(len(counts)), list(counts), rotation=30 if slanted else 0, ha="right" if slanted else "center"
    )


def _word(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
