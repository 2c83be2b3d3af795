"""The power spectrum of one film: speckle, as any disorder has, and no spots, as repetition would give.

Each pixel of the spectrum of a disordered film is exponentially distributed about the mean of its ring. So the largest
of tens of thousands lies about ten times above it, whatever the film is like, and says nothing. Two tests of a single
film do say something. Fisher's exact test for the largest ordinate of a periodogram, Proc. R. Soc. A 125, 54 (1929),
gives the limit that speckle passes once in a thousand films. And layers of a film one behind another scatter
independently, while what repeats across it scatters into the same spots in each: the mean of the spectra of its layers
has the speckle averaged out, at full resolution in the plane.
"""

import numpy as np
import pytest
from scipy.optimize import brentq

from construction_zone.build import Amorphous, Block
from construction_zone.build.generators import tiles

EDGE, THICKNESS = 128.0, 48.0
PIXELS = 256
LAYERS = 8  # thick enough, 6 Å, to hold little of an atom's neighbours in common

FREQUENCY = np.fft.fftfreq(PIXELS) * PIXELS
RING = np.round(np.hypot(*np.meshgrid(FREQUENCY, FREQUENCY, indexing="ij"))).astype(int)
WHOLE = (RING >= 2) & (RING < PIXELS // 2)  # rings up to 1 Å⁻¹, but for the beam and its two neighbours


def spectrum(points):
    counts, _, _ = np.histogram2d(*points[:, :2].T, bins=PIXELS, range=[(0, EDGE)] * 2)
    return np.abs(np.fft.fft2(counts)) ** 2


def spectrum_of_layers(points, thickness):
    layer = np.clip((points[:, 2] / thickness * LAYERS).astype(int), 0, LAYERS - 1)
    return np.mean([spectrum(points[layer == number]) for number in range(LAYERS)], axis=0)


def ring_ratios(power):
    """The pixels of all whole rings of a spectrum, each over the mean of its ring."""
    mean = np.bincount(RING.ravel(), power.ravel()) / np.bincount(RING.ravel())
    return (power / mean[RING])[WHOLE]


def largest_speckle(chance):
    """What the largest of the ring ratios of disorder passes with a given chance.

    Of m independent exponential numbers one in particular exceeds x times their mean with the chance (1 − x/m)^(m−1);
    half of a ring is independent, since the film is real.
    """
    count = np.bincount(RING[WHOLE])[2:] / 2

    def too_likely(x):
        return np.sum(count * np.clip(1 - x / count, 0, 1) ** (count - 1)) / chance - 1

    return brentq(too_likely, 3, 100)


def repeated(turned=False):
    """Nine copies of one tile side by side, each mirrored at random or not."""
    tile, rng = tiles.material("C").tiles[0], np.random.default_rng(0)
    points = tile.positions * (tile.edge / tiles.STEPS)
    copies = []
    for i in range(3):
        for j in range(3):
            copy = points[:, [1, 0, 2]] if turned and rng.random() < 0.5 else points
            copies.append(copy + np.array([i * tile.edge, j * tile.edge, 0.0]))
    return np.concatenate(copies), tile.edge


def test_the_limit_of_speckle_is_that_of_random_numbers():
    rng = np.random.default_rng(0)
    limit = largest_speckle(0.2)
    largest = []
    for _ in range(60):
        power = np.abs(np.fft.fft2(rng.normal(size=(PIXELS, PIXELS)))) ** 2
        largest.append(ring_ratios(power).max())
    passed = np.mean(np.array(largest) > limit)
    assert 0.05 < passed < 0.35  # 0.2 within three standard deviations
    assert largest_speckle(1e-3) == pytest.approx(np.log(WHOLE.sum() / 2 / 1e-3), rel=0.05)


@pytest.mark.parametrize("structure", ["relaxed", "random"])
@pytest.mark.parametrize("seed", range(3))
def test_one_film_has_speckle_and_no_spots(structure, seed):
    film = Block.between((0, 0, 0), (EDGE, EDGE, THICKNESS))
    carbon = Amorphous("C", density=2.20, structure=structure)
    points = carbon.fill(film, cell=(EDGE, EDGE, THICKNESS + 10), seed=seed).positions
    ratios = ring_ratios(spectrum(points))
    assert ratios.max() < largest_speckle(1e-3)  # 16.5
    # all of the spectrum is speckle: ⟨p²⟩ = 2⟨p⟩², and e⁻⁵ of it lies above five times the mean
    assert np.mean(ratios**2) == pytest.approx(2.0, abs=0.1)
    assert np.mean(ratios > 5) == pytest.approx(np.exp(-5), rel=0.3)
    # speckle averaged out, no spot of this one film reaches five times its ring's mean
    assert ring_ratios(spectrum_of_layers(points, THICKNESS)).max() < 5


@pytest.mark.parametrize("turned", [False, True])
def test_repetition_is_found(turned):
    points, thickness = repeated(turned)
    ratios = ring_ratios(spectrum(points))
    assert ratios.max() > 1.5 * largest_speckle(1e-3)
    assert np.mean(ratios**2) > 3
    assert ring_ratios(spectrum_of_layers(points, thickness)).max() > 10
