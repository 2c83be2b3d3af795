"""Draw the pair distribution functions of the amorphous tiles, with the distances that diffraction found.

    python examples/amorphous_g_of_r.py docs/images/amorphous_g_of_r.png

Each thin line is one tile, periodic in all directions; the dashed lines are measured distances (the sources are in
docs/explanation/amorphous_tiles.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

import ase
import numpy as np

import construction_zone.build
from construction_zone.build.checks import pair_distribution
from construction_zone.show import style

TILES = Path(construction_zone.build.__file__).parent / "data" / "amorphous"
MEASURED = {"C": (1.43, 2.52), "Si": (2.35, 3.84), "SiO2": (1.62, 2.65, 3.08)}
TITLES = {"C": "carbon, 2.20 g/cm³", "Si": "silicon, 2.29 g/cm³", "SiO2": "silica, 2.20 g/cm³"}
COLOURS = (style.INK, style.CARBON, style.GOLD)


def tile(path: Path) -> ase.Atoms:
    """The atoms of a tile file, in their periodic cube."""
    with np.load(path) as data:
        edge = float(data["edge"])
        return ase.Atoms(data["numbers"], data["positions"] * (edge / 65536), cell=[edge] * 3, pbc=True)


def main(path: Path) -> None:
    found = {name: sorted(TILES.glob(f"{name}_*.npz")) for name in MEASURED}
    names = [name for name, files in found.items() if files]
    figure = style.canvas(7.2, 0.5 + 1.6 * len(names))
    rows = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for name, axes in zip(names, rows, strict=True):
        for number, file in enumerate(found[name]):
            result = pair_distribution(tile(file), reach=8.0, bins=200)
            axes.plot(result.r, result.total, lw=0.9, color=COLOURS[number % 3], label=file.stem)
        for distance in MEASURED[name]:
            axes.axvline(distance, color=style.OUTLINE, lw=0.8, ls="--", zorder=0)
        axes.set_ylabel("g(r)", fontsize=8)
        axes.set_ylim(bottom=0)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(title=TITLES[name], fontsize=7, title_fontsize=8, frameon=False, loc="upper right")
    rows[-1].set_xlabel("r (Å)", fontsize=8)
    rows[-1].set_xlim(1, 8)
    figure.tight_layout(pad=0.6)
    print(style.save(figure, path, dpi=120))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "amorphous_g_of_r.png"))
