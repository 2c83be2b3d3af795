"""Pictures of atomic scenes: plain projections along the axes, and the oblique view of figure 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from construction_zone.build.thickness import thickness as thickness_map
from construction_zone.errors import InvalidInput
from construction_zone.show import spheres, style
from construction_zone.show.colours import colouring

SMALLEST_RADIUS = 1.2
"""Å; smaller covalent radii are drawn at this size, so that films of light atoms look closed."""


def scene(
    atoms: Atoms, path: str | Path, colour: str = "element", pixels: int = 700, thickness: bool = False
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
        By chemical "element", by local "structure" (see `build.local_structure`; atoms of none are not drawn if others
        have one), or by any array of whole numbers, such as the "zone", "grain", "phase", "sublattice" or "defect" of
        `Scene.atoms`.
    pixels
        Pixels along the longest side of the largest panel.
    thickness
        Whether to add a map of the thickness along z (see `build.thickness`).

    Returns
    -------
    dict
        The number of atoms by what they are coloured by, as in the legend.
    """
    points = _positions(atoms)
    colours = colouring(atoms, colour)
    box = _box(atoms, points)
    size = box[1] - box[0]
    views = {"along z": ("x", "y", 0, 90), "along y": ("x", "z", 0, 0), "along x": ("y", "z", 90, 0)}
    spans = {name: (size["xyz".index(h)], size["xyz".index(v)]) for name, (h, v, *_) in views.items()}
    total, tallest = sum(w for w, _ in spans.values()), max(h for _, h in spans.values())
    total += size[0] if thickness else 0
    pixel = max(float(size.max()) / pixels, 1e-3)

    gap, head, foot, bar = 0.15, 0.3, 0.45, 0.7 if thickness else 0.0
    scale = min(11.5 / total, 6.0 / tallest)
    width, height = total * scale + 4 * gap + bar, max(tallest * scale, 0.6) + head + foot
    figure = style.canvas(width, height)
    left = gap
    for name, (h, v, azimuth, elevation) in views.items():
        wide, high = (span * scale for span in spans[name])
        axes = figure.add_axes((left / width, foot / height, wide / width, high / height))
        i, j = "xyz".index(h), "xyz".index(v)
        extent = (box[0, i], box[1, i], box[0, j], box[1, j])
        view, seen = spheres.looking(azimuth, elevation).project(points), colours.drawn
        picture = spheres.render(view[seen], radii(atoms)[seen], colours.rgb[seen], extent, pixel)
        _show(axes, picture, extent)
        axes.set_title(f"{name}   ({h} →, {v} ↑)", fontsize=8, color=style.INK, loc="left", pad=3)
        style.scale_bar(axes, colour=style.INK, below=True)
        left += wide + gap
    if thickness:
        wide, high = size[0] * scale, size[1] * scale
        axes = figure.add_axes((left / width, foot / height, wide / width, high / height))
        _show_thickness(
            figure, axes, atoms, box, ((left + wide + 0.08) / width, foot / height, 0.1 / width, high / height)
        )
    figure.legend(
        handles=colours.legend,
        loc="lower right",
        ncols=len(colours.legend),
        fontsize=8,
        frameon=False,
        handletextpad=0.2,
    )
    style.save(figure, path, dpi=max(100.0, pixels / (float(size.max()) * scale)))
    return colours.counts


def _show_thickness(
    figure: Figure, axes: Axes, atoms: Atoms, box: NDArray, bar: tuple[float, float, float, float]
) -> None:
    """Draw the map of the thickness along z on `axes`, with a colour scale in `bar` (figure coordinates)."""
    cell = np.diag(atoms.cell.array)
    moved = atoms.copy()
    if not (cell > 0).all():  # atoms without a cell may lie anywhere
        moved.positions -= box[0]
        moved.cell = box[1] - box[0]
        cell = box[1] - box[0]
        box = np.stack([np.zeros(3), cell])
    pixel = max(0.5, float(cell.max()) / 300)
    across = thickness_map(moved, pixel) / 10
    extent = style.extent(across.shape, (cell[1] / across.shape[0], cell[0] / across.shape[1]))
    picture = axes.imshow(across, origin="lower", extent=extent, cmap="viridis", vmin=0, vmax=max(across.max(), 0.1))
    axes.set_xlim(box[0, 0] / 10, box[1, 0] / 10)
    axes.set_ylim(box[0, 1] / 10, box[1, 1] / 10)
    style.bare(axes)
    axes.set_title("thickness along z, nm", fontsize=8, color=style.INK, loc="left", pad=3)
    style.scale_bar(axes, colour=style.INK, below=True)
    scale = figure.add_axes(bar)
    figure.colorbar(picture, cax=scale)
    scale.tick_params(labelsize=7)


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
