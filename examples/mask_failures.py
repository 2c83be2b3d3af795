"""Draw where masks from the phase of the exit wave fail, beside masks from projected atoms.

    python examples/mask_failures.py mask_failures.png

Each row is a particle alone in vacuum, atoms at rest: the phase of its wave in the plane of its middle, then the three
masks (filled) with the nominal disc of the ball (line) and their Dice coefficient with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import construction_zone as cz
from construction_zone.build.transforms import random_rotation, translation
from construction_zone.label import phase_mask, projected
from construction_zone.label.exit_wave import middle
from construction_zone.show import style

PIXEL = 0.2
LENGTH = 64.0
COLUMNS = ("phase, −π … π", "threshold, then blur", "blur |phase|, then threshold", "projected atoms")


def balls() -> dict[str, tuple[cz.Crystal, float]]:
    """Name of each row, its crystal as it stands in the beam, and its radius in Å."""
    gold = cz.Crystal.fcc("Au")
    turned = gold.moved(random_rotation(np.random.default_rng(3)))
    diamond = cz.Crystal.diamond("C").moved(random_rotation(np.random.default_rng(4)))
    return {
        "Au, 3 nm, [110]": (gold.with_zone_axis([1, 1, 0]), 15.0),
        "Au, 3 nm, [100]": (gold, 15.0),
        "Au, 5 nm, [110]": (gold.with_zone_axis([1, 1, 0]), 25.0),
        "Au, 5 nm, any": (turned, 25.0),
        "diamond, 2 nm, any": (diamond, 10.0),
    }


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """2|A ∩ B| / (|A| + |B|)."""
    return float(2 * np.sum(first * second) / (np.sum(first) + np.sum(second)))


def main(path: Path) -> None:
    cases = balls()
    figure = style.canvas(8.4, 2.15 * len(cases))
    rows = figure.subplots(len(cases), len(COLUMNS))
    for (name, (crystal, radius)), axes in zip(cases.items(), rows, strict=True):
        height = 2 * radius + 4
        centre = (LENGTH / 2, LENGTH / 2, height / 2)
        zone = cz.Zone(cz.Ball(radius, center=centre), crystal.moved(translation(centre)), name="ball")
        atoms = cz.Scene([zone], cell=(LENGTH, LENGTH, height)).atoms(seed=0)
        waves = cz.simulate.exit_waves(atoms, sampling=0.1, phonons=None)
        plane = middle(atoms)
        masks = (
            phase_mask(waves, PIXEL, plane=plane, order="threshold_then_blur"),
            phase_mask(waves, PIXEL, plane=plane),
            projected(atoms, (320, 320), (PIXEL, PIXEL)),
        )
        y, x = np.mgrid[0:320, 0:320] * PIXEL
        disc = (np.hypot(x - centre[0], y - centre[1]) <= radius).astype(np.uint8)
        box = style.extent(disc.shape, (PIXEL, PIXEL))
        phase = waves.propagated(plane - waves.z).array[0].angle().numpy()
        axes[0].imshow(phase, cmap="twilight", vmin=-np.pi, vmax=np.pi, origin="lower", extent=box)
        axes[0].set_ylabel(name, fontsize=8)
        for axis, mask in zip(axes[1:], masks, strict=True):
            axis.imshow(mask, cmap="gray", vmin=0, vmax=1.6, origin="lower", extent=box)
            style.outline(axis, disc, (PIXEL, PIXEL))
            axis.set_title(f"Dice {dice(mask, disc):.2f}", fontsize=8, pad=3)
        for axis in axes:
            style.bare(axis)
        style.scale_bar(axes[0])
        print(name, *(f"{dice(mask, disc):.3f}" for mask in masks))
    for axis, title in zip(rows[0], COLUMNS, strict=True):
        below = axis.get_title()
        axis.set_title(f"{title}\n{below}" if below else f"{title}\n", fontsize=8, pad=3)
    figure.tight_layout(pad=0.6)
    print(style.save(figure, path, dpi=120))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "mask_failures.png"))
