"""Partial coherence against the transmission cross coefficient, integrated densely, and its closed form.

K. Ishizuka, Ultramicroscopy 5, 55 (1980): I(K) = Σ_k ψ(k + K) ψ*(k) TCC(k + K, k), with the TCC the average of
exp[−iχ(k₁ + q, f) + iχ(k₂ + q, f)] over directions q of the illumination and foci f. The average is taken here with
trapezia on a fine, wide grid, which shares nothing with the Gauss–Hermite nodes under test.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.image import Microscope, aberrations, coherence
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.waves import ExitWaves

ENERGY, EXTENT, SIZE, REACH = 200e3, 14.0, 24, 0.65
LAMBDA = wavelength(ENERGY)
SCENES = {
    "corrected, near focus": {"defocus": 60.0, "Cs": 5e4, "focal_spread": 20.0, "source_size": 0.2},
    "uncorrected, Scherzer focus": {"defocus": 670.0, "Cs": 1.2e7, "focal_spread": 35.0, "source_size": 0.15},
    "uncorrected, strong astigmatism": {
        "defocus": 900.0, "Cs": 1.2e7, "C12": 150.0, "phi12": 0.4, "focal_spread": 35.0, "source_size": 0.3
    },
}  # fmt: skip


def strong_object() -> ExitWaves:
    """A few heavy atoms' worth of phase, up to 1.5 rad, with beams up to 0.65 Å⁻¹ only."""
    rng = np.random.default_rng(8)
    y, x = np.indices((SIZE, SIZE)) * EXTENT / SIZE
    phase = np.zeros((SIZE, SIZE))
    for cy, cx in rng.uniform(0, EXTENT, (6, 2)):
        dy, dx = ((d + EXTENT / 2) % EXTENT - EXTENT / 2 for d in (y - cy, x - cx))
        phase += 1.5 * np.exp(-(dx**2 + dy**2) / (2 * 0.6**2))
    spectrum = np.fft.fft2(np.exp(1j * phase))
    ky, kx = (f.numpy() for f in Grid((SIZE, SIZE), (EXTENT, EXTENT)).frequencies())
    wave = np.fft.ifft2(np.where(np.hypot(ky, kx) <= REACH, spectrum, 0))
    return ExitWaves(torch.from_numpy(wave)[None], (EXTENT / SIZE,) * 2, ENERGY, 0.0)


def dense(count: int, reach: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Places and weights (sum 1) of trapezia for the density exp(−x²/width²)."""
    places = np.linspace(-reach, reach, count) * width
    weights = np.exp(-((places / width) ** 2))
    return places, weights / weights.sum()


def image_by_tcc(wave: ExitWaves, scope: Microscope, closed_form: bool) -> np.ndarray:
    """The image on a grid twice as fine as the wave's, by the double sum over beams."""
    ky, kx = (f.numpy() for f in wave.grid.frequencies())
    spectrum = np.fft.fft2(wave.array[0].numpy(), norm="forward")
    rows, columns = np.nonzero(np.abs(spectrum) > 1e-9)
    beams = spectrum[rows, columns]
    y, x = ky[rows, 0], kx[0, columns]
    ty, tx = torch.from_numpy(y), torch.from_numpy(x)
    if closed_form:
        chi = aberrations.chi(tx, ty, LAMBDA, scope.coefficients).numpy()
        slopes = [s.numpy() for s in aberrations.gradient(tx, ty, LAMBDA, scope.coefficients)]
        squares = x**2 + y**2
        tcc = np.exp(-1j * np.subtract.outer(chi, chi))
        tcc *= np.exp(-0.5 * (math.pi * LAMBDA * scope.focal_spread * np.subtract.outer(squares, squares)) ** 2)
        theta = 1e-3 * scope.source_size
        tcc *= np.exp(-(theta**2) / 4 * sum(np.subtract.outer(s, s) ** 2 for s in slopes))
    else:
        foci, focus_weights = dense(23, 3.0, math.sqrt(2) * scope.focal_spread)
        angles, angle_weights = dense(11, 2.4, 1e-3 * scope.source_size)
        lenses, weights = [], []
        for along_y, wy in zip(angles, angle_weights, strict=True):
            for along_x, wx in zip(angles, angle_weights, strict=True):
                qx, qy = x + along_x / LAMBDA, y + along_y / LAMBDA
                given = scope.coefficients
                fixed = aberrations.chi(torch.from_numpy(qx), torch.from_numpy(qy), LAMBDA, given).numpy()
                change = math.pi * LAMBDA * (qx**2 + qy**2)
                lenses.append(np.exp(-1j * (fixed - np.outer(foci, change))))
                weights.append(wy * wx * focus_weights)
        factors = np.concatenate(lenses) * np.sqrt(np.concatenate(weights))[:, None]
        tcc = factors.T @ factors.conj()
    image = np.zeros((2 * SIZE, 2 * SIZE), complex)
    pairs = tcc * np.multiply.outer(beams, beams.conj())
    step_y = np.rint(np.subtract.outer(y, y) * EXTENT).astype(int)
    step_x = np.rint(np.subtract.outer(x, x) * EXTENT).astype(int)
    np.add.at(image, (step_y, step_x), pairs)
    return np.fft.ifft2(image, norm="forward").real


def formed(wave: ExitWaves, scope: Microscope) -> np.ndarray:
    from construction_zone.image import Beams

    return scope.intensity(Beams.of(wave)).numpy()


@pytest.mark.parametrize("name", SCENES)
def test_sums_and_envelopes_against_the_transmission_cross_coefficient(name: str) -> None:
    wave, scope = strong_object(), SCENES[name]
    exact = image_by_tcc(wave, Microscope(**scope), closed_form=False)

    def error(image: np.ndarray) -> float:
        return float(np.sqrt(((image - exact) ** 2).mean()) / exact.std())

    limit = REACH * LAMBDA * 1e3
    nodes, left = coherence.tilt_nodes_needed(scope["source_size"], LAMBDA, Microscope(**scope).coefficients, REACH)
    full = formed(wave, Microscope(**scope, coherence="full", tilt_nodes=nodes))
    errors = {
        f"foci and {nodes}² directions": error(full),
        "foci, source as an envelope": error(formed(wave, Microscope(**scope))),
        "quasi-coherent envelopes": error(formed(wave, Microscope(**scope, coherence="envelope"))),
        "coherent": error(formed(wave, Microscope(**scope | {"focal_spread": 0.0, "source_size": 0.0}))),
        "closed form of the TCC": error(image_by_tcc(wave, Microscope(**scope), closed_form=True)),
    }
    print(f"\n{name} (beams to {limit:.0f} mrad; error of the damping {left:.2g}):")
    print(
        "\n".join(f"  {what}: {100 * value:.2f} % of the image's standard deviation" for what, value in errors.items())
    )
    assert left <= coherence.TOLERANCE
    assert errors[f"foci and {nodes}² directions"] < 0.005
    assert errors["closed form of the TCC"] < 0.03
    assert errors["quasi-coherent envelopes"] > 3 * errors[f"foci and {nodes}² directions"]
    assert errors["coherent"] > errors["foci, source as an envelope"]
    # sums conserve the mean intensity, amplitude envelopes lose some
    vacuum = float(wave.array.abs().square().mean())
    assert full.mean() == pytest.approx(vacuum, rel=1e-9)
    assert formed(wave, Microscope(**scope, coherence="envelope")).mean() < 0.999 * vacuum
