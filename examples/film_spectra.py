"""Draw the power spectrum of one carbon film, and that of copies of one tile, each over the mean of its rings.

    python examples/film_spectra.py docs/images/film_spectra.png

In each row: the atoms in projection, the spectrum of all of them up to 0.3 Å⁻¹, and the mean of the spectra of eight
layers. The numbers are the largest in the whole spectrum, up to 1 Å⁻¹.
docs/explanation/amorphous_tiles.md says what is to be seen.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from construction_zone.build import Amorphous, Block
from construction_zone.build.generators import tiles
from construction_zone.show import style

EDGE, PIXELS, LAYERS = 128.0, 256, 8
SHOWN = slice(PIXELS // 2 - 38, PIXELS // 2 + 39)


def film() -> tuple[np.ndarray, float]:
    """Atoms (n, 3) of one film of 128 × 128 × 48 Å, and its thickness."""
    volume = Block.between((0, 0, 0), (EDGE, EDGE, 48))
    return Amorphous("C", density=2.2).fill(volume, cell=(EDGE, EDGE, 60), seed=0).positions, 48.0


def copies() -> tuple[np.ndarray, float]:
    """Atoms (n, 3) of nine copies of one tile, side by side, and their thickness, all in Å."""
    tile = tiles.material("C").tiles[0]
    points = tile.positions * (tile.edge / tiles.STEPS)
    shifts = [np.array([i, j, 0]) * tile.edge for i in range(3) for j in range(3)]
    return np.concatenate([points + shift for shift in shifts]), tile.edge


def projected(points: np.ndarray) -> np.ndarray:
    """Atoms in each pixel, (x, y)."""
    return np.histogram2d(*points[:, :2].T, bins=PIXELS, range=[(0, EDGE)] * 2)[0]


def over_rings(power: np.ndarray) -> np.ndarray:
    """A spectrum over the mean of its rings, zero frequency in the middle; 0 next to the beam and in the corners."""
    k = np.fft.fftfreq(PIXELS) * PIXELS
    ring = np.round(np.hypot(*np.meshgrid(k, k, indexing="ij"))).astype(int)
    mean = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    return np.fft.fftshift(np.where((ring >= 2) & (ring < PIXELS // 2), power / mean[ring], 0.0))


def main(path: Path) -> None:
    figure = style.canvas(6.4, 4.6)
    rows = figure.subplots(2, 3)
    materials = {"one film": film(), "nine copies of a tile": copies()}
    for axes, (name, (points, thickness)) in zip(rows, materials.items(), strict=True):
        layer = np.clip((points[:, 2] / thickness * LAYERS).astype(int), 0, LAYERS - 1)
        parts = [projected(points[layer == number]) for number in range(LAYERS)]
        whole = over_rings(np.abs(np.fft.fft2(sum(parts))) ** 2)
        layers = over_rings(np.mean([np.abs(np.fft.fft2(part)) ** 2 for part in parts], axis=0))
        shown = (
            (sum(parts).reshape(64, 4, 64, 4).sum(axis=(1, 3)), name, None),
            (whole[SHOWN, SHOWN], f"spectrum: at most {whole.max():.0f}", 10),
            (layers[SHOWN, SHOWN], f"mean of 8 layers: at most {layers.max():.1f}", 5),
        )
        for axis, (values, title, top) in zip(axes, shown, strict=True):
            colours = "gray" if top is None else "inferno"
            axis.imshow(values.T, colours, origin="lower", vmin=0, vmax=top, interpolation="nearest")
            axis.set_title(title, fontsize=8)
            axis.set_xticks([])
            axis.set_yticks([])
    figure.tight_layout(pad=0.6, h_pad=1.2)
    print(style.save(figure, path, dpi=100))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "film_spectra.png"))
