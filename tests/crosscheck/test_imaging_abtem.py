"""The transfer of a wave through the lens, value by value against abTEM."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.image import Beams, Microscope, coherence, form
from construction_zone.image.lens import Lens
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.waves import ExitWaves

abtem = pytest.importorskip("abtem")

GRID = Grid((80, 96), (18.0, 24.0))
ENERGY = 200e3
COEFFICIENTS = {
    "C10": -640.0,
    "C12": 45.0,
    "phi12": 0.4,
    "C21": 800.0,
    "phi21": -1.2,
    "C23": 650.0,
    "phi23": 2.2,
    "C30": 1.2e7,
    "C32": 3e4,
    "phi32": 0.9,
    "C34": 5e4,
    "phi34": -0.3,
    "C41": 2e6,
    "phi41": 1.4,
    "C43": -1.5e6,
    "phi43": 0.3,
    "C45": 1e6,
    "phi45": -0.8,
    "C50": 4e7,
    "C52": 3e7,
    "phi52": 2.0,
    "C54": -2e7,
    "phi54": 0.1,
    "C56": 5e7,
    "phi56": 0.45,
}


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    with abtem.config.set({"precision": "float64"}):
        yield


def theirs(coefficients: dict[str, float], **settings: float) -> np.ndarray:
    """abTEM's transfer on our grid, as it acts on a point wave; brought from their (x, y) to our (y, x)."""
    point = np.zeros(GRID.shape[::-1], complex)
    point[0, 0] = 1
    waves = abtem.Waves(point, energy=ENERGY, extent=GRID.extent[::-1])
    ctf = abtem.CTF(aberration_coefficients=coefficients, energy=ENERGY, **settings)
    return np.fft.fft2(waves.apply_ctf(ctf).compute().array).T


def ours(coefficients: dict[str, float], **settings: float) -> np.ndarray:
    # their wavelength: constants that differ in the ninth digit are 3e-4 rad of 24,000 at the corners
    lam = abtem.core.energy.energy2wavelength(ENERGY)
    return form.transfer(GRID, lam, coefficients, dtype=torch.complex128, **settings).numpy()


def test_wavelengths_agree() -> None:
    assert wavelength(ENERGY) == pytest.approx(abtem.core.energy.energy2wavelength(ENERGY), rel=1e-8)


@pytest.mark.parametrize("name", [name for name in COEFFICIENTS if name.startswith("C")])
def test_each_aberration_with_its_sign_and_azimuth(name: str) -> None:
    azimuth = f"phi{name[1:]}"
    given = {key: COEFFICIENTS[key] for key in (name, azimuth) if key in COEFFICIENTS}
    np.testing.assert_allclose(ours(given), theirs(given), atol=1e-9)
    flipped = {**given, name: -given[name]}
    np.testing.assert_allclose(ours(flipped), theirs(flipped), atol=1e-9)


def test_all_aberrations_together() -> None:
    np.testing.assert_allclose(ours(COEFFICIENTS), theirs(COEFFICIENTS), atol=1e-9)


def test_defocus_is_minus_c10_in_both() -> None:
    found = theirs({"defocus": 640.0})
    np.testing.assert_allclose(ours({"C10": -640.0}), found, atol=1e-9)


def test_source_size_in_mrad() -> None:
    """abTEM calls its angular spread a standard deviation; its formula is that of a 1/e half-angle, as ours."""
    found = ours(COEFFICIENTS, source_size=0.35)
    np.testing.assert_allclose(found, theirs(COEFFICIENTS, angular_spread=0.35), atol=1e-9)
    assert np.abs(found).min() < 1e-3


def test_aperture_in_mrad() -> None:
    found = ours({}, semiangle=20.0)
    assert 0 < np.abs(found).mean() < 0.5
    np.testing.assert_allclose(found, theirs({}, semiangle_cutoff=20.0, soft=True), atol=1e-9)


def test_focal_spread_of_ours_is_theirs_over_the_root_of_two() -> None:
    """Ours is a standard deviation, theirs a 1/e half-width."""
    lam = abtem.core.energy.energy2wavelength(ENERGY)
    ky, kx = GRID.frequencies()
    step = (1 / GRID.extent[0], 1 / GRID.extent[1])
    lens = Lens(kx, ky, lam, {"C10": -640.0}, step=step, focal_spread=25.0, dtype=torch.complex128)
    found = lens.at().numpy()
    np.testing.assert_allclose(found, theirs({"C10": -640.0}, focal_spread=2**0.5 * 25.0), atol=1e-9)
    assert np.abs(found).min() < 1e-3


def test_an_image_of_several_configurations_and_foci() -> None:
    """|ψ|² of a whole ensemble: their waves are given the grid that |ψ|² needs, and our foci and weights."""
    rng = np.random.default_rng(3)
    array = 1 + 0.3 * (rng.normal(size=(3, *GRID.shape)) + 1j * rng.normal(size=(3, *GRID.shape)))
    waves = ExitWaves(torch.from_numpy(array), GRID.sampling, ENERGY, 0.0, seeds=(0, 1, 2))
    given = {"Cs": 1e6, "C12": 45.0, "phi12": 0.4, "C21": 800.0, "phi21": -1.2}
    scope = Microscope(defocus=300.0, **given, focal_spread=20.0, focal_nodes=5, source_size=0.2)
    ours = scope.intensity(Beams.of(waves)).numpy()
    assert ours.shape == (2 * GRID.shape[0], 2 * GRID.shape[1])
    finer = np.swapaxes(waves.resampled(ours.shape).numpy(), -1, -2)
    offsets, weights = coherence.focal_nodes(20.0, 5)
    total = np.zeros(finer.shape[1:])
    for offset, weight in zip(offsets, weights, strict=True):
        axes = [abtem.core.axes.FrozenPhononsAxis(_ensemble_mean=True)]
        theirs = abtem.Waves(finer, energy=ENERGY, extent=GRID.extent[::-1], ensemble_axes_metadata=axes)
        ctf = abtem.CTF(energy=ENERGY, defocus=300.0 + offset, **given, angular_spread=0.2)
        total += weight * theirs.apply_ctf(ctf).intensity().reduce_ensemble().compute().array
    assert ours.std() > 0.1
    np.testing.assert_allclose(ours, total.T, atol=1e-6)
