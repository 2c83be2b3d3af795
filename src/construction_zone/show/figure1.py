"""Figure 1: a tilted spherical gold nanoparticle on amorphous carbon, its HRTEM image and its mask."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from numpy.typing import NDArray

from construction_zone import seeding
from construction_zone.build import Amorphous, Ball, Block, Crystal, Scene, Zone, variant
from construction_zone.build.transforms import rotation
from construction_zone.show import style
from construction_zone.show.scene import oblique

CELL = 80.0
"""Å, side of the field."""

THICKNESS = 25.0
"""Å, of the carbon film."""

RADIUS = 22.0
"""Å, of the particle."""

TILT = 5.0
"""Degrees between the particle's [110] zone axis and the beam."""

TURN = 35.0
"""Degrees from x to the normal of its (1-11) planes, before the tilt."""

TILT_AXIS = 85.0
"""Degrees from x to the axis of the tilt, in the plane of the film."""

MARGIN = 2.0
"""Å of vacuum below the film and above the particle."""

PIXEL = 0.2
"""Å, of the image."""

ENERGY = 300e3
"""eV."""

UNDERFOCUS = 110.0
"""Å, from the plane through the particle's centre."""

DOSE = 1000.0
"""Electrons per Å²."""


def figure1(
    path: str | Path, seed: seeding.Seed = 1, *, phonons: int | None = 4, device: str = "cpu", progress: bool = False
) -> dict[str, Any]:
    """Build, simulate, image and label a gold particle on carbon, and draw it all into `path`.

    The particle is a ball of fcc gold 44 Å across, tilted by 5° from [110]; the image is taken at 300 kV, 110 Å
    under focus from the particle's centre, with 1,000 electrons per Å².

    Parameters
    ----------
    path
        Where to write (.png, .pdf, .svg).
    seed
        Of the carbon, the phonons and the noise.
    phonons
        Configurations that are averaged; None for atoms at rest.
    device
        Where the waves are computed.
    progress
        Show the progress of the simulation.

    Returns
    -------
    dict
        ``path``; ``atoms`` by zone; ``cell`` (Å); ``pixel_size`` (Å, (dy, dx)); ``shape`` of the image; ``covered``
        (share of the mask); ``seconds`` of each stage.
    """
    from construction_zone import label, simulate
    from construction_zone.image import Microscope

    seconds: dict[str, float] = {}
    with _timed(seconds, "build"):
        atoms = particle_on_film().atoms(seed=seed)
        particle = variant(atoms, only=["particle"])
    with _timed(seconds, "simulate"):
        waves = simulate.exit_waves(
            atoms,
            energy=ENERGY,
            phonons=phonons,
            seed=seeding.child(seed, "phonons"),
            device=device,
            progress=progress,
        )
    with _timed(seconds, "image"):
        scope = Microscope(defocus=RADIUS + MARGIN + UNDERFOCUS, focal_spread=10, dose=DOSE)
        taken = scope.image(waves, pixel_size=PIXEL, seed=seeding.child(seed, "image", 0))
        image = taken.numpy()
    with _timed(seconds, "label"):
        mask = label.masks.projected(particle, image.shape, taken.pixel_size)
    with _timed(seconds, "draw"):
        written = _draw(path, atoms, image, mask, taken.pixel_size)
    names = atoms.info["zones"]
    return {
        "path": written,
        "atoms": {name: int((atoms.arrays["zone"] == index).sum()) for index, name in enumerate(names)},
        "cell": tuple(float(length) for length in atoms.cell.lengths()),
        "pixel_size": taken.pixel_size,
        "shape": image.shape,
        "covered": float((mask != 0).mean()),
        "seconds": seconds,
    }


def particle_on_film() -> Scene:
    """The scene: zones ``film`` and ``particle``, the particle resting on the film's +z side."""
    top = MARGIN + THICKNESS
    centre = np.array([CELL / 2, CELL / 2, top + RADIUS])
    upright = Crystal.fcc("Au").with_zone_axis([1, 1, 0], second=[1, -1, 1], second_along=_in_plane(TURN))
    gold = upright.moved(rotation(_in_plane(TILT_AXIS), TILT)).shifted(centre)
    carbon = Amorphous("C", density=2.20)
    film = Block.between((0, 0, MARGIN), (CELL, CELL, top))
    return Scene(
        [
            Zone(film, carbon, name="film", priority=1),
            Zone(Ball(RADIUS, center=tuple(centre.tolist())), gold, name="particle", priority=0),
        ],
        cell=(CELL, CELL, top + 2 * RADIUS + MARGIN),
        min_distance=2.2,
    )


def _in_plane(degrees: float) -> tuple[float, float, float]:
    return (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0)


def _draw(path: str | Path, atoms: Atoms, image: NDArray, mask: NDArray, pixel_size: tuple[float, float]) -> Path:
    side, gap, head = 3.3, 0.12, 0.34
    wide = 1.16 * side
    figure = style.canvas(wide + 2 * side + 4 * gap, side + head + gap)
    width, height = figure.get_size_inches()

    def panel(left: float, across: float, title: str) -> Axes:
        axes = figure.add_axes((left / width, gap / height, across / width, side / height))
        figure.text(left / width, 1 - 0.22 / height, title, fontsize=9, color=style.INK, va="baseline")
        return axes

    scene = panel(gap, wide, "(a) gold on amorphous carbon")
    gold = atoms.arrays["zone"] == atoms.info["zones"].index("particle")
    oblique(scene, atoms, np.where(gold[:, None], to_rgb(style.GOLD), to_rgb(style.CARBON)))
    _beam(scene)
    style.image_axes(
        panel(2 * gap + wide, side, f"(b) simulated HRTEM image, {ENERGY / 1e3:g} kV, {DOSE:,.0f} e⁻/Å²"),
        image,
        pixel_size,
    )
    masked = panel(3 * gap + wide + side, side, "(c) segmentation mask")
    box = style.extent(mask.shape, pixel_size)
    masked.imshow(
        mask != 0, cmap=ListedColormap(["#14161a", style.GOLD]), origin="lower", extent=box, interpolation="nearest"
    )
    style.bare(masked)
    style.scale_bar(masked)
    return style.save(figure, path, dpi=160)


def _beam(axes: Axes) -> None:
    """An arrow beside the scene that says where the electrons come from."""
    arrow = {"arrowstyle": "-|>", "color": style.INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (0.06, 0.92), (0.06, 0.74), xycoords="axes fraction", arrowprops=arrow)
    axes.text(0.085, 0.83, "beam", transform=axes.transAxes, fontsize=8, color=style.INK, va="center")


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
