"""Pictures of what the lens does: a through-focus series and each aberration, with power spectra.

    python examples/microscope_pictures.py [FOLDER]

writes through_focus.png and aberrations.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import construction_zone as cz
from construction_zone.image import Beams
from construction_zone.image.focus import zero_plane

CELL, FILM, RADIUS, PIXEL = 64.0, 24.0, 10.0, 0.2
ABERRATIONS = {
    "C12 = 150 Å": {"C12": 150.0, "phi12": 0.4},
    "C21 = 0.6 µm": {"C21": 6e3, "phi21": 0.3},
    "C23 = 0.6 µm": {"C23": 6e3},
    "C30 = 0.1 mm": {"Cs": 1e6},
    "C34 = 0.1 mm": {"C34": 1e6},
    "beam tilt 8 mrad": {"Cs": 1e6, "beam_tilt_x": 8.0},
    "σ of focus 60 Å": {"focal_spread": 60.0},
    "vibration 0.5 Å": {"vibration": 0.5},
}


def specimen() -> tuple[Beams, float]:
    """Beams of a gold ball on amorphous carbon, and the plane of the ball's least contrast in vacuum."""
    carbon = cz.Amorphous("C", density=2.20)
    film = cz.Zone(cz.Block.between((0, 0, 0), (CELL, CELL, FILM)), carbon, name="film")
    middle = (CELL / 2, CELL / 2, FILM + RADIUS)
    gold = cz.Zone(cz.Ball(RADIUS, center=middle), cz.Crystal.fcc("Au").with_zone_axis([1, 1, 0]), name="gold")
    cell = (CELL, CELL, FILM + 2 * RADIUS + 4)
    atoms = cz.Scene([gold, film], cell=cell).atoms(seed=2)
    waves = cz.simulate.exit_waves(atoms, energy=300e3, sampling=0.16, phonons=1, displacements=0.08, seed=1)
    alone = cz.simulate.exit_waves(cz.Scene([gold], cell=cell).atoms(seed=2), energy=300e3, sampling=0.16, phonons=None)
    ball = cz.Scene([gold], cell=cell).atoms(seed=2)
    return Beams.of(waves.cropped(PIXEL)), zero_plane("minimum_contrast", alone, ball)


def spectrum(image: np.ndarray) -> np.ndarray:
    """Logarithm of the power spectrum up to 1 Å⁻¹, each 3 × 3 frequencies averaged."""
    power = np.abs(np.fft.fftshift(np.fft.fft2(image - image.mean()))) ** 2
    reach = round(1.0 * CELL)
    ny, nx = (n // 2 for n in power.shape)
    power = sum(np.roll(power, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
    return np.log(power[ny - reach : ny + reach, nx - reach : nx + reach] + 1)


def page(pictures: dict[str, np.ndarray], path: Path) -> None:
    """Images above their power spectra, four to a row."""
    rows = -(-len(pictures) // 4)
    figure, axes = plt.subplots(2 * rows, 4, figsize=(8.4, 4.5 * rows), dpi=66, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for number, (title, image) in enumerate(pictures.items()):
        above, below = axes[2 * (number // 4), number % 4], axes[2 * (number // 4) + 1, number % 4]
        low, high = np.percentile(image, (0.5, 99.5))
        above.imshow(image, cmap="gray", vmin=low, vmax=high, origin="lower")
        above.set_title(title, fontsize=9)
        shown = spectrum(image)
        below.imshow(shown, cmap="gray", origin="lower", vmin=np.percentile(shown, 5), vmax=np.percentile(shown, 99.7))
    figure.savefig(path)
    plt.close(figure)
    # noise does not compress: sixteen greys keep the file small
    Image.open(path).convert("L").quantize(16, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    beams, zero = specimen()
    print(f"least contrast of the ball in vacuum at z = {zero:.1f} Å, the exit face at {beams.z:.1f} Å")

    def picture(**settings: float) -> np.ndarray:
        scope = cz.Microscope(**{"focal_spread": 10.0, "dose": 3000.0, "zero": zero} | settings)
        return scope.image(beams, pixel_size=0.3, seed=1).numpy()

    series = {f"defocus {d:+d} Å": picture(defocus=d) for d in (-400, -200, -80, 0, 80, 200, 400, 1200)}
    page(series, folder / "through_focus.png")
    plain = 400.0
    page({name: picture(defocus=plain, **given) for name, given in ABERRATIONS.items()}, folder / "aberrations.png")


if __name__ == "__main__":
    main()
