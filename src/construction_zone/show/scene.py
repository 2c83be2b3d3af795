"""Pictures of atomic scenes: plain projections along the axes, and the oblique view of figure 1."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from construction_zone.errors import InvalidInput
from construction_zone.show import spheres, style

ZONE_COLOURS = ("#8d949c", "#f0b429", "#4c8ed9", "#d9614c", "#58a866", "#9a6cc7", "#3fb3b0", "#c98a5a")
"""One colour a zone, in the scene's order, starting again after the last."""

SMALLEST_RADIUS = 1.2
"""Å; smaller covalent radii are drawn at this size, so that films of light atoms look closed."""


def scene(
    atoms: Atoms, path: str | Path, colour: Literal["element", "zone"] = "element", pixels: int = 700
) -> dict[str, int]:
    """Draw `atoms` seen along z, y and x, side by side at one scale, into `path`.

    Along z the viewer is on the +z side (x right, y up); along y and x the film lies flat, z up.

    Parameters
    ----------
    atoms
        Any atoms, positions in Å; up to some 10⁵ take seconds.
    path
        Where to write (.png, .pdf, .svg).
    colour
        By chemical element, or by zone (the array `zone` that `Scene.atoms` sets).
    pixels
        Pixels along the longest side of the largest panel.

    Returns
    -------
    dict
        The number of atoms by element or zone, as in the legend.
    """
    points = _positions(atoms)
    colours, legend, counts = _colours(atoms, colour)
    box = _box(atoms, points)
    size = box[1] - box[0]
    views = {"along z": ("x", "y", 0, 90), "along y": ("x", "z", 0, 0), "along x": ("y", "z", 90, 0)}
    spans = {name: (size["xyz".index(h)], size["xyz".index(v)]) for name, (h, v, *_) in views.items()}
    total, tallest = sum(w for w, _ in spans.values()), max(h for _, h in spans.values())
    pixel = max(float(size.max()) / pixels, 1e-3)

    gap, head, foot = 0.15, 0.3, 0.45
    scale = min(11.5 / total, 6.0 / tallest)
    width, height = total * scale + 4 * gap, max(tallest * scale, 0.6) + head + foot
    figure = style.canvas(width, height)
    left = gap
    for name, (h, v, azimuth, elevation) in views.items():
        wide, high = (span * scale for span in spans[name])
        axes = figure.add_axes((left / width, foot / height, wide / width, high / height))
        i, j = "xyz".index(h), "xyz".index(v)
        extent = (box[0, i], box[1, i], box[0, j], box[1, j])
        view = spheres.looking(azimuth, elevation).project(points)
        _show(axes, spheres.render(view, radii(atoms), colours, extent, pixel), extent)
        axes.set_title(f"{name}   ({h} →, {v} ↑)", fontsize=8, color=style.INK, loc="left", pad=3)
        style.scale_bar(axes, colour=style.INK, below=True)
        left += wide + gap
    figure.legend(handles=legend, loc="lower right", ncols=len(legend), fontsize=8, frameon=False, handletextpad=0.2)
    style.save(figure, path, dpi=max(100.0, pixels / (float(size.max()) * scale)))
    return counts


def oblique(
    axes: Axes, atoms: Atoms, colours: NDArray, azimuth: float = 28, elevation: float = 20, pixels: int = 700
) -> None:
    """Draw `atoms`, coloured (n, 3), on `axes` as lit spheres seen from the side and above, z up."""
    view = spheres.looking(azimuth, elevation).project(_positions(atoms))
    low, high = view[:, :2].min(axis=0) - 3, view[:, :2].max(axis=0) + 3
    extent = (low[0], high[0], low[1], high[1])
    _show(axes, spheres.render(view, radii(atoms), colours, extent, float(max(high - low)) / pixels), extent)


def radii(atoms: Atoms) -> NDArray:
    """The radius at which each atom is drawn, (n,), Å: covalent, but not below `SMALLEST_RADIUS`."""
    return np.maximum(covalent_radii[atoms.numbers], SMALLEST_RADIUS)


def _show(axes: Axes, picture: NDArray, extent: tuple[float, float, float, float]) -> None:
    left, right, bottom, top = (edge / 10 for edge in extent)
    axes.imshow(np.clip(picture, 0, 1), origin="lower", extent=(left, right, bottom, top))
    style.bare(axes)


def _positions(atoms: Atoms) -> NDArray:
    points = np.asarray(atoms.positions, dtype=float)
    if not len(points):
        raise InvalidInput("a scene of no atoms was given; give at least one atom to draw")
    if not np.isfinite(points).all():
        bad = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise InvalidInput(f"atom {bad} is at {points[bad]}; give finite coordinates in Å")
    return points


def _box(atoms: Atoms, points: NDArray) -> NDArray:
    """Corners (2, 3) in Å of what is drawn: the atoms, with the cell if it is orthogonal."""
    low, high = points.min(axis=0) - 2, points.max(axis=0) + 2
    lengths = np.diag(atoms.cell.array)
    if np.allclose(atoms.cell.array, np.diag(lengths)):
        low, high = np.minimum(low, 0), np.maximum(high, lengths)
    return np.stack([low, high])


def _colours(atoms: Atoms, colour: str) -> tuple[NDArray, list[Line2D], dict[str, int]]:
    if colour == "element":
        keys, names = atoms.numbers, {z: chemical_symbols[z] for z in np.unique(atoms.numbers)}
        paint = {z: np.asarray(jmol_colors[z]) for z in names}
    elif colour == "zone":
        if "zone" not in atoms.arrays:
            raise InvalidInput("colour='zone' needs the array 'zone', which these atoms lack; use colour='element'")
        keys, known = atoms.arrays["zone"], list(atoms.info.get("zones", ()))
        names = {z: str(known[z]) if 0 <= z < len(known) else f"zone {z}" for z in np.unique(keys)}
        paint = {z: np.asarray(to_rgb(ZONE_COLOURS[z % len(ZONE_COLOURS)])) for z in names}
    else:
        raise InvalidInput(f"colour is {colour!r}; choose 'element' or 'zone'")
    counts = {name: int((keys == z).sum()) for z, name in names.items()}
    legend = [
        Line2D(
            [], [], ls="", marker="o", ms=6, mfc=tuple(paint[z]), mec="0.3", mew=0.5, label=f"{name}  {counts[name]:,}"
        )
        for z, name in names.items()
    ]
    table = np.array([paint[z] for z in names])
    return table[np.searchsorted(np.array(list(names)), keys)], legend, counts
