"""Draw what dose, detectors, distortions and the laboratory make of the image of a gold ball on carbon.

    python examples/detectors_and_realism.py FOLDER

Writes dose_series.png, detectors.png, distortions.png and realism.png into FOLDER and prints the contrast at each step
of the last. Under each image is its power spectrum, on a logarithmic scale up to the Nyquist frequency of 2.5 Å⁻¹.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

import construction_zone as cz
from construction_zone.image import detectors, form
from construction_zone.image.background import InelasticBackground, mean_free_path
from construction_zone.image.beams import Beams
from construction_zone.image.detector import Detector, Illumination
from construction_zone.image.distortions import Distortion
from construction_zone.image.micrograph import stretched
from construction_zone.simulate.grid import Grid

PIXEL = 0.2
DOSE = 423.0
LENS = {"defocus": 100.0, "Cs": 5e4}
SOFT = {"focal_spread": 10.0, "source_size": 0.1}
TILE = 150

Tile = tuple[str, np.ndarray, np.ndarray]
"""Caption, what is shown, and the image whose power spectrum is shown under it."""


def specimen(radius: float, film: float, length: float) -> tuple[cz.simulate.ExitWaves, np.ndarray, np.ndarray]:
    """Exit waves of a ball on a film, the mask of the ball, and the thickness at each pixel in Å."""
    gold = cz.Crystal.fcc("Au").with_zone_axis([1, 1, 0])
    centre = (0.62 * length, 0.5 * length, film + radius + 2)
    ball = cz.Zone(cz.Ball(radius, center=centre), gold.shifted(centre), name="ball")
    carbon = cz.Amorphous("C", density=2.2)
    sheet = cz.Zone(cz.Block.between((0, 0, 2), (length, length, 2 + film)), carbon, name="film", priority=1)
    atoms = cz.Scene([ball, sheet], cell=(length, length, film + 2 * radius + 6)).atoms(seed=1)
    waves = cz.simulate.exit_waves(atoms, energy=300e3, phonons=2, seed=1)
    n = round(length / PIXEL)
    y, x = np.mgrid[:n, :n] * length / n
    across = np.hypot(x - centre[0], y - centre[1])
    thickness = film + 2 * np.sqrt(np.clip(radius**2 - across**2, 0, None))
    return waves, across <= radius, thickness


def power(image: np.ndarray) -> np.ndarray:
    """The logarithm of the power spectrum, zero frequency in the middle, as a tile."""
    window = np.hanning(image.shape[0])[:, None] * np.hanning(image.shape[1])
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2((image / image.mean() - 1) * window))) ** 2
    place = np.linspace(0, spectrum.shape[0] - 1, TILE + 1).astype(int)
    sums = np.add.reduceat(np.add.reduceat(spectrum, place[:-1], 0), place[:-1], 1)
    counts = np.diff(np.append(place[:-1], len(spectrum)))
    means = sums / np.outer(counts, counts)
    return np.asarray(np.log(means + 1e-4 * means.max() / image.size))


def corner(image: np.ndarray) -> np.ndarray:
    """A part of the image at full size, on the edge of the ball."""
    size = min(TILE, *image.shape)
    top = (image.shape[0] - size) // 2
    left = round(0.28 * (image.shape[1] - size))
    return image[top : top + size, left : left + size]


def sheet_of(tiles: list[Tile], path: Path, columns: int) -> Path:
    """Tiles in rows, the power spectrum of each under it; grey levels are each tile's own."""
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    height = 2 * TILE + 22
    whole = Image.new("L", (columns * (TILE + 4), len(rows) * height), 255)
    pen = ImageDraw.Draw(whole)
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 11)
    for j, row in enumerate(rows):
        for i, (caption, shown, image) in enumerate(row):
            left, top = i * (TILE + 4), j * height
            pen.text((left + 2, top + 3), caption, fill=0, font=font)
            for k, array in enumerate((shown, power(image))):
                tile = Image.fromarray(stretched(array, (0.5, 99.7))[::-1]).resize((TILE, TILE))
                whole.paste(tile, (left, top + 18 + k * (TILE + 2)))
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.quantize(11, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def doses(waves: cz.simulate.ExitWaves) -> list[Tile]:
    """The same image at five doses."""
    beams, camera = Beams.of(waves), Detector()
    pixels = form.image_grid(beams.grid, PIXEL)
    fine = cz.Microscope(**LENS, **SOFT).intensity(beams)
    result = []
    for dose in (30.0, 100.0, 300.0, 1000.0, None):
        image = (camera.expected(fine, pixels) if dose is None else camera.record(fine, pixels, dose, seed=1)).numpy()
        result.append(("no noise" if dose is None else f"{dose:g} e⁻/Å²", corner(image), image))
    return result


def cameras(waves: cz.simulate.ExitWaves) -> list[Tile]:
    """The same image on each detector, at the same dose."""
    beams = Beams.of(waves)
    pixels = form.image_grid(beams.grid, PIXEL)
    fine = cz.Microscope(**LENS, **SOFT).intensity(beams)
    result = []
    for name in ("ideal", "K3", "K2", "Falcon4i", "Falcon", "US1000"):
        camera = detectors.named(name, 300e3)
        image = camera.record(fine, pixels, DOSE, seed=1).numpy()
        result.append((name, corner(image), image))
    return result


def warped(waves: cz.simulate.ExitWaves, mask: np.ndarray) -> list[Tile]:
    """Each distortion, far larger than in a microscope, with the outline of the ball's mask distorted alike."""
    image = cz.Microscope(**LENS, **SOFT).image(waves, PIXEL)
    kinds = {
        "none": Distortion(),
        "scale 0.1": Distortion(scale=0.1),
        "shear 0.15": Distortion(shear=0.15),
        "ellipse 0.2, 30°": Distortion(ellipse=0.2, azimuth=30),
        "rotation 20°": Distortion(rotation=20),
        "field 1.5 Å / 10 Å": Distortion(field=1.5, correlation=10, seed=2),
    }
    result = []
    for name, kind in kinds.items():
        picture = kind.apply(image.array, image.pixel_size).numpy()
        label = kind.apply_labels(torch.from_numpy(mask), image.pixel_size).numpy()
        edge = label & ~(np.roll(label, 2, 0) & np.roll(label, -2, 0) & np.roll(label, 2, 1) & np.roll(label, -2, 1))
        result.append((name, np.where(edge, picture.max(), picture), picture))
    return result


def steps(
    waves: cz.simulate.ExitWaves, dirty: cz.simulate.ExitWaves, thickness: np.ndarray
) -> tuple[list[Tile], dict[str, float]]:
    """From the perfect image to the recorded one, one knob after the other; and the contrast before noise at each."""
    camera = detectors.named("US1000", 300e3)
    used = Detector(
        camera.mtf,
        camera.nnps,
        camera.dqe_zero,
        gain=camera.gain,
        gain_residue=0.01,
        dark=camera.dark,
        readout=camera.readout,
        illumination=Illumination(falloff=0.05),
    )
    perfect = cz.Microscope(**LENS, focal_nodes=15)
    spread = cz.Microscope(**LENS, focal_spread=10, focal_nodes=15)
    source = cz.Microscope(**LENS, **SOFT, focal_nodes=15)
    shaken = cz.Microscope(**LENS, **SOFT, vibration=0.25, focal_nodes=15)
    path = mean_free_path(6, 300e3, 10), mean_free_path(79, 300e3, 10)
    film = thickness.min()
    inelastic = InelasticBackground(path[0])
    # carbon and gold have mean free paths of their own: count gold as the thickness of carbon that scatters as much
    depth = film + (thickness - film) * path[0] / path[1]
    tiles: list[Tile] = []
    contrast = {}

    def taken(
        name: str, scope: cz.Microscope, of: cz.simulate.ExitWaves, lossy: bool, by: Detector, noise: bool
    ) -> None:
        beams = Beams.of(of)
        pixels: Grid = form.image_grid(beams.grid, PIXEL)
        fine = scope.intensity(beams)
        if lossy:
            factor = fine.shape[-1] // pixels.shape[-1]
            finer = torch.from_numpy(np.kron(depth, np.ones((factor, factor)))).to(fine)
            fine = inelastic.apply(fine, finer, (pixels.extent[0] / fine.shape[-2], pixels.extent[1] / fine.shape[-1]))
        clean = by.expected(fine, pixels)
        contrast[name] = float(clean.std() / clean.mean())
        image = (by.record(fine, pixels, DOSE, seed=1) if noise else clean).numpy()
        tiles.append((name, corner(image), image))

    ideal = Detector()
    taken("all perfect", perfect, waves, False, ideal, False)
    taken("focal spread 10 Å", spread, waves, False, ideal, False)
    taken("source 0.1 mrad", source, waves, False, ideal, False)
    taken("vibration 0.25 Å", shaken, waves, False, ideal, False)
    taken("inelastic", shaken, waves, True, ideal, False)
    taken("contamination 1 nm", shaken, dirty, True, ideal, False)
    taken("MTF of a US1000", shaken, dirty, True, camera, False)
    taken("423 e⁻/Å²", shaken, dirty, True, camera, True)
    taken("gain residue, uneven", shaken, dirty, True, used, True)
    taken("the same on a K3", shaken, dirty, True, detectors.named("K3"), True)
    return tiles, contrast


def main(folder: str | Path, radius: float = 25.0, film: float = 30.0, length: float = 72.0) -> dict[str, float]:
    """Draw the four figures; the contrast (standard deviation over mean, without noise) at each step of the last."""
    folder = Path(folder)
    waves, mask, thickness = specimen(radius, film, length)
    dirty, _, _ = specimen(radius, film + 10, length)
    sheet_of(doses(waves), folder / "dose_series.png", 5)
    sheet_of(cameras(waves), folder / "detectors.png", 6)
    sheet_of(warped(waves, mask), folder / "distortions.png", 6)
    tiles, contrast = steps(waves, dirty, thickness)
    sheet_of(tiles, folder / "realism.png", 5)
    return contrast


if __name__ == "__main__":
    for step, value in main(sys.argv[1] if len(sys.argv) > 1 else ".").items():
        print(f"{step:24} {value:.3f}")
