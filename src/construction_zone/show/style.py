"""What every figure shares: canvases without global state, colours, grey levels, scale bars, atomic writing.

Figures are made with matplotlib's object interface and the Agg canvas, so nothing here touches `pyplot`, a display,
or `rcParams`. Lengths come in Å and are shown in nm; arrays are (y, x) with their origin at the lower left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, withStroke
from numpy.typing import ArrayLike, NDArray

from construction_zone.dataset.files import write_whole
from construction_zone.errors import InvalidInput, StoreError

GOLD = "#f0b429"
"""Colour of the particle and of its mask."""

CARBON = "#8d949c"
"""Colour of the substrate."""

OUTLINE = "#ffb000"
"""Colour of a mask's outline on a grey image."""

INK = "#20242a"
"""Colour of text and frames."""

FORMATS = (".png", ".pdf", ".svg")
"""What `save` writes."""


def canvas(width: float, height: float) -> Figure:
    """An empty white figure of `width` by `height` inches, bound to an Agg canvas of its own."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str | Path, dpi: float = 200) -> Path:
    """Write `figure` to `path` so that the file is there whole or not at all; folders are made as needed.

    Raises
    ------
    InvalidInput
        The suffix names no format that is written here.
    StoreError
        The place cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InvalidInput(f"cannot draw into {str(path)!r}; give a name that ends in one of {', '.join(FORMATS)}")
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix.lower()[1:], dpi=dpi)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, drawn.getvalue())
    except OSError as problem:
        raise StoreError(f"cannot write {str(path)!r}: {problem}; give a place that can be written") from problem
    return path


def grey_limits(image: ArrayLike) -> tuple[float, float]:
    """The 0.5 and 99.5 percentiles of `image`, a little apart if it is flat: its black and its white."""
    values = np.asarray(image)
    low, high = (float(value) for value in np.percentile(values[np.isfinite(values)], (0.5, 99.5)))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def extent(shape: Sequence[int], pixel_size: Sequence[float]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top (nm) of an array (ny, nx) whose pixel *i* is centred at *i*·d, d (Å) = (dy, dx)."""
    (ny, nx), (dy, dx) = shape, pixel_size
    return -0.05 * dx, (nx - 0.5) * dx / 10, -0.05 * dy, (ny - 0.5) * dy / 10


def image_axes(axes: Axes, image: NDArray, pixel_size: Sequence[float]) -> None:
    """Show the micrograph `image` (y, x) of `pixel_size` (dy, dx) in Å on `axes`: grey, bare, with a scale bar."""
    low, high = grey_limits(image)
    box = extent(image.shape, pixel_size)
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, origin="lower", extent=box, interpolation="antialiased")
    bare(axes)
    scale_bar(axes)


def outline(axes: Axes, mask: NDArray, pixel_size: Sequence[float], colour: str = OUTLINE, width: float = 0.9) -> None:
    """Draw the borders between the labels of `mask` (y, x) on `axes` as thin lines."""
    (ny, nx), (dy, dx) = mask.shape, pixel_size
    x, y = np.arange(nx) * dx / 10, np.arange(ny) * dy / 10
    for label in np.unique(mask):
        inside = (mask == label).astype(float)
        if label and inside.min() < inside.max():
            axes.contour(x, y, inside, levels=[0.5], colors=[colour], linewidths=width)


def bare(axes: Axes) -> None:
    """Take ticks and frame off `axes` and give x and y one scale."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)


def round_length(available: float) -> float:
    """The longest of 1, 2, 5 × 10ⁿ that is not more than `available` (same unit)."""
    if not (math.isfinite(available) and available > 0):
        raise InvalidInput(f"a scale bar in a field of {available!r}: the field must be wider than zero")
    decade = 10.0 ** math.floor(math.log10(available) + 1e-9)
    return max(step * decade for step in (1, 2, 5) if step * decade <= available * (1 + 1e-9))


def scale_bar(axes: Axes, share: float = 0.3, size: float = 8, colour: str = "white", below: bool = False) -> float:
    """Put a scale bar of a round length, at most `share` of the width, at the lower left of `axes`; nm, returned.

    On a picture it is white in a thin black rim, so that it reads on any grey; with `below` it stands under the axes
    in `colour`. The axes must be in nm, with their limits set.
    """
    (left, right), (bottom, _) = axes.get_xlim(), axes.get_ylim()
    length = round_length(share * (right - left))
    rim = [] if below else [withStroke(linewidth=1.6, foreground="black"), Normal()]
    axes.apply_aspect()
    point = (right - left) / (72 * axes.bbox.width / axes.figure.dpi)
    x, y = (left, bottom - 6 * point) if below else (left + 8 * point, bottom + 8 * point)
    axes.add_patch(
        Rectangle((x, y), length, 3 * point, fc=colour, ec="none", path_effects=rim, zorder=5, clip_on=False)
    )
    axes.text(
        x + length / 2,
        y - 2 * point if below else y + 5 * point,
        f"{length:g} nm",
        color=colour,
        fontsize=size,
        fontweight="bold",
        ha="center",
        va="top" if below else "bottom",
        path_effects=rim,
        zorder=6,
    )
    return length
