"""Draw the labels of a scene beside its image: overlapping twinned particles on amorphous carbon.

python examples/labels.py labels.png
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ase
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image

import construction_zone as cz
from construction_zone.build import modifiers, prefabs
from construction_zone.label.classes import CLASSES
from construction_zone.label.instances import unpacked
from construction_zone.label.truth import LABELS, Truth, truth
from construction_zone.label.visibility import visibilities
from construction_zone.show import style

SIDE, PIXEL = 96.0, 0.2
SHAPE = (480, 480)
PARTICLES = ["twinned", "decahedron", "bent", "dot"]
COLOURS = ("#f0b429", "#4c8ed9", "#58a866", "#d9614c", "#9a6cc7", "#3fb3b0", "#c98a5a", "#8d949c", "#e377c2", "#bcbd22")
CLASS_COLOURS = ("#ffffff", "#c9cdd2", "#f0b429", "#d9614c", "#4c8ed9", "#9a6cc7", "#58a866", "#000000")
SCOPE = cz.Microscope(defocus=60.0, Cs=-1.2e5, focal_spread=8.0, source_size=0.1, dose=4000.0)


def built() -> ase.Atoms:
    """A twinned ball, above it a decahedron that it partly hides, a bent crystal and a quantum dot, on carbon."""
    film = prefabs.film(cz.Amorphous("C", density=2.2), cell=(SIDE, SIDE), thickness=20, seed=1)
    upright = cz.Crystal.fcc("Au").with_zone_axis((1, -1, 0), second=(1, 1, 1), second_along=(0.5, 1, 0))
    defects = [("twin", -6), ("intrinsic", -1), ("twin", 5)]
    twinned = prefabs.faulted(upright, radius=17, defects=defects, name="twinned")
    decahedron = prefabs.decahedron("fcc Au", edge=6, column=4, reentrance=1)
    bent = cz.Crystal.fcc("Pt").with_zone_axis((0, 0, 1)).shifted((70, 24, 48))
    bent = modifiers.Modified(bent, [modifiers.Displacement(bow, frame="crystal")])
    dot = prefabs.wulff("wurtzite CdSe", energies={"10-10": 1.0, "0001": 1.1, "000-1": 1.1}, diameter=32, name="dot")
    zones = [
        film.shifted((SIDE / 2, SIDE / 2, 14)),
        twinned.shifted((30, 34, 45)),
        decahedron.shifted((44, 60, 80)),
        cz.Zone(cz.Block((30, 16, 16), center=(70, 24, 37)), bent, name="bent"),
        dot.shifted((79, 73, 44)),
    ]
    return cz.Scene(zones, cell=(SIDE, SIDE, 110.0)).atoms(seed=2)


def bow(x: np.ndarray) -> np.ndarray:
    """A bend in the plane of the image with a radius of 400 Å."""
    return np.stack([x[:, 0] * x[:, 1], -(x[:, 0] ** 2) / 2, 0 * x[:, 2]], axis=1) / 400


def images(atoms: ase.Atoms, phonons: int | None = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The micrograph, the same without noise, and without particles either."""
    parts = {"all": np.arange(len(atoms)), "film": np.flatnonzero(atoms.arrays["zone"] == 0)}
    waves = cz.simulate.exit_wave_variants(
        atoms, parts, sampling=0.15, phonons=phonons, displacements=dict.fromkeys(("C", "Au", "Pt", "Cd", "Se"), 0.1)
    )
    clean = cz.Microscope(**{**SCOPE.__dict__, "dose": None})
    return (
        SCOPE.image(waves["all"], PIXEL, seed=3).numpy(),
        clean.image(waves["all"], PIXEL).numpy(),
        clean.image(waves["film"], PIXEL).numpy(),
    )


class Page:
    """Axes one after the other, each with the image's extent in nm."""

    def __init__(self, rows: int, columns: int) -> None:
        self.figure = style.canvas(2.45 * columns, 2.62 * rows)
        self.axes = iter(self.figure.subplots(rows, columns).ravel())
        self.box = style.extent(SHAPE, (PIXEL, PIXEL))

    def show(self, title: str, values: np.ndarray, bar: str = "", ink: str = "black", **how: Any) -> Axes:
        """Draw `values` on the next axes; with a scale of colours in `bar` at the lower right."""
        axes = next(self.axes)
        drawn = axes.imshow(values, origin="lower", extent=self.box, interpolation="nearest", **how)
        style.bare(axes)
        axes.set_title(title, fontsize=8, pad=3)
        if bar:
            self.scale(axes, drawn, bar, ink)
        return axes

    def scale(self, axes: Axes, drawn: Any, unit: str, ink: str) -> None:
        """A scale of colours inside `axes`."""
        place = axes.inset_axes((0.55, 0.06, 0.4, 0.025))
        bar = self.figure.colorbar(drawn, cax=place, orientation="horizontal")
        bar.locator = MaxNLocator(3)
        bar.ax.xaxis.set_ticks_position("top")
        bar.ax.tick_params(labelsize=6, colors=ink, length=0, pad=1)
        bar.ax.set_title(unit, fontsize=6, color=ink, pad=9)
        bar.outline.set_visible(False)


def coloured(labels: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """`labels` (y, x) as colours over a grey `ground`, which shows where they are −1."""
    low, high = style.grey_limits(ground)
    grey = np.clip((ground - low) / (high - low), 0, 1)[..., None] * np.ones(3)
    for number in np.unique(labels[labels >= 0]):
        colour = np.array(to_rgb(COLOURS[int(number) % len(COLOURS)]))
        own = labels == number
        grey[own] = 0.45 * grey[own] + 0.55 * colour
    return grey


def axis_of(row: dict[str, Any]) -> str:
    """The zone axis of a grain as crystallographers write it, and how far it is from the beam."""
    if row["axis"] is None:
        return "?"
    indices = " ".join(f"{u}" for u in row["axis"])
    return f"[{indices}] {row['angle']:.0f} mrad"


def note(axes: Axes, row: dict[str, Any], text: str, size: float = 6.0) -> None:
    """Write on a particle."""
    box = {"fc": "black", "ec": "none", "alpha": 0.55, "pad": 1}
    axes.text(row["x"] / 10, row["y"] / 10, text, fontsize=size, ha="center", va="center", color="white", bbox=box)


def legend(axes: Axes, names: list[str], colours: list[str]) -> None:
    """Name colours."""
    handles = [Rectangle((0, 0), 1, 1, fc=colour, ec="0.4", lw=0.4) for colour in colours]
    axes.legend(handles, names, fontsize=5.5, loc="upper left", framealpha=0.9, handlelength=1)


def instances(page: Page, found: Truth, image: np.ndarray) -> None:
    """What is in front filled, whole outlines and boxes dotted."""
    masks = unpacked(found.maps["amodal"], len(PARTICLES))
    axes = page.show("instances and boxes", coloured(found.maps["instances"].astype(int) - 1, image))
    for row, mask in zip(found.tables["instances"], masks, strict=True):
        colour = COLOURS[row["instance"] - 1]
        style.outline(axes, mask, (PIXEL, PIXEL), colour)
        x0, y0, x1, y1 = (v * PIXEL / 10 for v in row["box"])
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=colour, lw=0.9, ls=":"))
        hidden = f"\nbehind {row['behind'][0]}, {row['occlusion']:.0%} hidden" if row["behind"] else ""
        note(axes, row, f"{row['instance']} {row['zone']}{hidden}", 5.5)


def planes(page: Page, found: Truth) -> None:
    """Classes, and lines where planar defects cut."""
    classes = found.maps["classes"]
    axes = page.show("classes and defect lines", classes, cmap=ListedColormap(CLASS_COLOURS), vmin=-0.5, vmax=7.5)
    for row in found.tables["defects"]:
        if row["x0"] is not None:
            axes.plot([row["x0"] / 10, row["x1"] / 10], [row["y0"] / 10, row["y1"] / 10], color="black", lw=0.7)
    present = [k for k in np.unique(classes) if k]
    legend(axes, [CLASSES[k] for k in present], [CLASS_COLOURS[k] for k in present])


def grains(page: Page, found: Truth, image: np.ndarray) -> None:
    """Each grain in a colour of its own, with its zone axis."""
    axes = page.show("grains, their zone axes", coloured(found.maps["grains"], image))
    for place in found.tables["instances"]:
        rows = [row for row in found.tables["grains"] if row["zone"] == place["zone"]]
        note(axes, place, "\n".join(dict.fromkeys(axis_of(row) for row in rows)), 5.5)


def spots(page: Page, found: Truth, image: np.ndarray) -> None:
    """A closer look at the columns of one particle."""
    low, high = style.grey_limits(image)
    rows = found.tables["columns"]
    axes = page.show("columns of the twinned ball", image, cmap="gray", vmin=low, vmax=high)
    dots = axes.scatter(
        [row["x"] / 10 for row in rows], [row["y"] / 10 for row in rows],
        c=[row["atoms"] for row in rows], s=7, cmap="plasma", linewidths=0,
    )  # fmt: skip
    place = found.tables["instances"][0]
    for set_limits, centre in ((axes.set_xlim, place["x"]), (axes.set_ylim, place["y"])):
        set_limits(centre / 10 - 2.1, centre / 10 + 2.1)
    page.scale(axes, dots, "atoms", "white")


def draw(found: Truth, taken: tuple[np.ndarray, np.ndarray, np.ndarray], path: Path) -> None:
    """One panel a label."""
    image, clean, film = taken
    maps = found.maps
    page = Page(3, 4)
    low, high = style.grey_limits(image)
    style.scale_bar(page.show(f"image, {SCOPE.dose:g} e⁻/Å²", image, cmap="gray", vmin=low, vmax=high))
    instances(page, found, image)
    planes(page, found)
    grains(page, found, image)
    spots(page, found, image)
    page.show("heat map of columns", maps["columns"], cmap="magma")
    page.show("mask with a soft edge", maps["soft"], cmap="gray", vmin=0, vmax=1)
    names = [row["name"] for row in found.tables["semantic"]]
    metals = ["fcc Au", "fcc Pt", "wurtzite CdSe"]
    materials = np.full(SHAPE, -1)
    for number, name in enumerate(metals):
        materials[maps["semantic"][names.index(name)] > 0] = number
    legend(page.show("materials", coloured(materials, image)), metals, list(COLOURS[:3]))
    axes = page.show("strain along x", 100 * maps["strain"][0], "%", cmap="RdBu_r", vmin=-4, vmax=4)
    axes.set_facecolor("0.8")
    axes.patch.set_visible(True)
    page.show("thickness", maps["thickness"], "Å", "white", cmap="viridis")
    top = float(np.percentile(maps["potential"], 99.8)) / 1e3
    page.show("projected potential", maps["potential"] / 1e3, "kV·Å", "white", cmap="inferno", vmin=0, vmax=top)
    low, high = style.grey_limits(clean)
    axes = page.show("visibility: cnr | snr", clean, cmap="gray", vmin=low, vmax=high)
    masks = unpacked(maps["amodal"], len(PARTICLES))
    scores = visibilities(clean, masks, (PIXEL, PIXEL), dose=SCOPE.dose, without=film)
    for row, score in zip(found.tables["instances"], scores, strict=True):
        note(axes, row, f"{score['cnr']:.0f} | {score['snr']:.0f}", 7)
    page.figure.subplots_adjust(left=0.005, right=0.995, bottom=0.005, top=0.97, wspace=0.03, hspace=0.09)
    style.save(page.figure, path, dpi=100)
    with Image.open(path) as drawn:
        drawn.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path)


def main(path: str | Path, phonons: int | None = 2) -> Truth:
    """Build, simulate, label and draw; the labels."""
    atoms = built()
    found = truth(atoms, PARTICLES, SHAPE, (PIXEL, PIXEL), include=list(LABELS))
    draw(found, images(atoms, phonons), Path(path))
    return found


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "labels.png")
