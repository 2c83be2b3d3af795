"""Image formation against closed forms: contrast transfer, focus, coherence, sampling, and Kirkland's single atoms."""

from __future__ import annotations

import math

import ase
import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.image import Microscope, aberrations, coherence, detector, form
from construction_zone.simulate import exit_waves
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.waves import ExitWaves

LAMBDA = wavelength(300e3)
GRID = Grid((48, 60), (9.6, 12.0))


def beams(amplitudes: dict[tuple[int, int], complex], shape: tuple[int, int] = (48, 60)) -> ExitWaves:
    """A sum of plane waves with whole numbers (along y, along x) of periods in the field; 0.2 Å samples, 300 kV."""
    spectrum = torch.zeros(1, *shape, dtype=torch.complex128)
    for place, amplitude in amplitudes.items():
        spectrum[0, place[0], place[1]] = amplitude
    return ExitWaves(torch.fft.ifft2(spectrum, norm="forward"), (0.2, 0.2), 300e3, 0.0)


def beat(image: torch.Tensor, along_y: int, along_x: int) -> complex:
    return complex(torch.fft.fft2(image.to(torch.complex128), norm="forward")[along_y, along_x])


def weak_phase_contrast(lens: torch.Tensor) -> torch.Tensor:
    """Contrast per phase of a weak phase object whose spectrum passes `lens`: i[T(k) − T(−k)*]."""
    mirrored = torch.roll(torch.flip(lens, (0, 1)), (1, 1), (0, 1))
    return 1j * (lens - mirrored.conj())


@pytest.mark.parametrize(
    "coefficients",
    [
        {"C10": -120.0, "C30": 4e6},
        {"C10": -120.0, "C30": 4e6, "C12": 60.0, "phi12": 0.5, "C21": 4e3, "phi21": 1.0, "C34": 2e6},
    ],
    ids=["round", "all"],
)
@pytest.mark.parametrize("source_size", [0.0, 0.6])
def test_a_weak_phase_grating_has_its_contrast_at_every_frequency(coefficients, source_size: float) -> None:
    """Round aberrations give 2 sin χ times the envelope; odd ones shift the fringes besides."""
    phase = torch.from_numpy(np.random.default_rng(2).normal(size=GRID.shape))
    phase = phase - phase.mean()
    step = 1e-6
    fine = form.intensity(
        torch.exp(1j * step * phase)[None], GRID.extent, LAMBDA, coefficients, source_size=source_size
    )
    found = torch.fft.fft2(fine, norm="forward") / step
    spectrum = torch.fft.fft2(phase, norm="forward")
    lens = form.transfer(GRID, LAMBDA, coefficients, source_size=source_size, dtype=torch.complex128)
    wanted = weak_phase_contrast(lens) * spectrum
    if "C12" not in coefficients:
        ky, kx = GRID.frequencies()
        chi = aberrations.chi(kx, ky, LAMBDA, coefficients)
        envelope = coherence.source_envelope(kx, ky, LAMBDA, coefficients, source_size)
        torch.testing.assert_close(wanted, 2 * torch.sin(chi) * envelope * spectrum, atol=1e-12, rtol=1e-9)
    ny, nx = GRID.shape
    for rows in (slice(0, ny // 2), slice(-ny // 2 + 1, None)):
        columns = slice(0, nx // 2)
        torch.testing.assert_close(found[rows, columns][1:], wanted[rows, columns][1:], atol=1e-7, rtol=0)


def test_the_microscope_gives_two_sine_chi_times_all_its_envelopes() -> None:
    """One fringe, through `Microscope.image` as a user calls it: focal spread, pixel and all."""
    strength, place = 1e-3, 11
    wave = beams({(0, 0): 1.0, (0, place): 0.5j * strength, (0, -place): 0.5j * strength})
    k = place / 12.0
    scope = Microscope(defocus=130, Cs=2e6, focal_spread=15)
    chi = math.pi / 2 * 2e6 * LAMBDA**3 * k**4 - math.pi * LAMBDA * 130 * k**2
    envelope = math.exp(-0.5 * (math.pi * LAMBDA * 15 * k**2) ** 2)
    wanted = 2 * math.sin(chi) * envelope * strength * np.sinc(0.2 * k)
    assert 2 * beat(scope.image(wave).array, 0, place).real == pytest.approx(wanted, rel=2e-3)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_pure_defocus_has_its_zeros_where_they_belong(order: int) -> None:
    k = torch.tensor(math.sqrt(order / (LAMBDA * 900.0)), dtype=torch.float64)
    transfer = aberrations.ctf(k, torch.zeros(1), LAMBDA, {"C10": -900.0}, dtype=torch.complex128)
    assert transfer.imag.item() == pytest.approx(0, abs=1e-9)
    assert transfer.real.item() == pytest.approx((-1) ** order)


@pytest.mark.parametrize(("cs", "energy"), [(1.2e7, 200e3), (6e6, 300e3)])
def test_scherzer_focus(cs: float, energy: float) -> None:
    """At underfocus √(3/2·Csλ), atoms are dark up to the first zero at (6/(Csλ³))^¼, with χ no lower than −3π/4.

    O. Scherzer, J. Appl. Phys. 20, 20 (1949).
    """
    lam = wavelength(energy)
    limit = (6 / (cs * lam**3)) ** 0.25
    k = torch.linspace(0, limit, 1001, dtype=torch.float64)
    chi = aberrations.chi(k, torch.zeros(1), lam, {"C10": -math.sqrt(1.5 * cs * lam), "C30": cs})
    assert chi[-1].item() == pytest.approx(0, abs=1e-6)
    assert (torch.sin(chi[1:-1]) < 0).all()
    assert chi.min().item() == pytest.approx(-0.75 * math.pi, rel=1e-5)


def test_defocus_brings_a_propagated_wave_back() -> None:
    """A wave carried on by d is in focus at defocus +d: underfocus looks upstream."""
    object_wave = beams({(0, 0): 1.0, (3, 5): 0.2j, (-7, 2): 0.1, (4, -9): -0.15j})
    sharp = Microscope().image(object_wave).array
    refocused = Microscope(defocus=150).image(object_wave.propagated(150)).array
    torch.testing.assert_close(refocused, sharp, atol=1e-6, rtol=0)
    assert (Microscope(defocus=-150).image(object_wave.propagated(150)).array - sharp).abs().max() > 0.1


def test_beats_of_scattered_beams_are_damped_by_the_difference_of_their_squares() -> None:
    """The transmission cross coefficient's damping, not an envelope for each beam.

    K. Ishizuka, Ultramicroscopy 5, 55 (1980).
    """
    spread, defocus = 25.0, 70.0
    first, second, mirrored = 0.2, 0.15j, 0.1
    wave = beams({(0, 0): 1.0, (0, 13): first, (0, 8): second, (0, -13): mirrored})
    image = form.intensity(
        wave.array,
        wave.extent,
        LAMBDA,
        {"C10": -defocus},
        foci=coherence.focal_nodes(spread, 25)[0],
        weights=coherence.focal_nodes(spread, 25)[1],
    )
    k13, k8 = 13 / 12, 8 / 12
    turn = math.pi * LAMBDA * defocus * (k13**2 - k8**2)
    damp = math.exp(-0.5 * (math.pi * LAMBDA * spread * (k13**2 - k8**2)) ** 2)
    assert damp < 0.7
    wanted = first * np.conj(second) * np.exp(1j * turn) * damp
    assert beat(image, 0, 5) == pytest.approx(wanted, rel=1e-6)
    assert beat(image, 0, 26) == pytest.approx(first * mirrored, rel=1e-9)  # same |k|: no damping at all


def test_the_sum_over_foci_conserves_intensity() -> None:
    rng = np.random.default_rng(5)
    waves = torch.from_numpy(1 + 0.4 * (rng.normal(size=(3, 48, 60)) + 1j * rng.normal(size=(3, 48, 60))))
    scope = Microscope(defocus=-200, Cs=1e7, C12=50, C23=900, focal_spread=40)
    image = scope.image(ExitWaves(waves, (0.2, 0.2), 300e3, 0.0, seeds=(1, 2, 3)))
    assert image.array.mean().item() == pytest.approx(waves.abs().square().mean().item(), rel=1e-6)


def test_two_beams_that_beat_beyond_the_image_band_do_not_alias() -> None:
    """Beams ±k with 2k above the image's Nyquist limit: each pixel holds the mean of the true fringes over it."""
    place, size = 22, 60  # 2k = 3.67 Å⁻¹, Nyquist 2.5 Å⁻¹
    wave = beams({(0, place): 0.6, (0, -place): 0.5})
    edges = (np.arange(size + 1) - 0.5) * 0.2
    k = 2 * place / 12.0
    integral = (0.6**2 + 0.5**2) * edges + 2 * 0.6 * 0.5 * np.sin(2 * np.pi * k * edges) / (2 * np.pi * k)
    exact = np.diff(integral) / 0.2
    image = Microscope().image(wave).array.numpy()
    np.testing.assert_allclose(image, np.broadcast_to(exact, image.shape), atol=1e-6)
    formed_coarse = detector.pixel_integrated(wave.array[0].abs().square(), (48, 60)).numpy()
    assert np.abs(formed_coarse - image).max() > 0.2


def test_fringes_as_wide_as_a_pixel_vanish() -> None:
    wave = beams({(0, 15): 0.6, (0, -15): 0.5})  # 2k = 2.5 Å⁻¹ on pixels of 0.4 Å: a whole period each
    image = Microscope().image(wave, pixel_size=0.4).array
    torch.testing.assert_close(image, torch.full_like(image, 0.61), atol=1e-6, rtol=0)


@pytest.mark.parametrize("pixel_size", [0.2, 0.3, 0.4, 1.0])
def test_pixels_of_any_size_average_the_same_intensity(pixel_size: float) -> None:
    wave = beams({(0, 0): 1.0, (3, 5): 0.2j, (-20, 25): 0.3, (4, -9): -0.15j})
    scope = Microscope(defocus=60)
    fine = form.intensity(wave.array, wave.extent, LAMBDA, scope.coefficients, shape=(480, 600))
    image = scope.image(wave, pixel_size=pixel_size)
    direct = detector.pixel_integrated(fine, tuple(image.array.shape))
    torch.testing.assert_close(image.array, direct.float(), atol=1e-6, rtol=0)


def test_kirklands_single_atoms() -> None:
    """C, Si, Cu, Au, U in 200 kV bright field: minimum 0.72, maximum 1.03.

    E. J. Kirkland, Advanced Computing in Electron Microscopy (2nd ed., Springer 2010), fig. 5.12: 512², 50 Å, defocus
    700 Å, Cs 1.3 mm, aperture 10.37 mrad. The wave times exp(+iχ) has bright atoms, between 0.94 and 1.33.
    """
    places = [(5 + 10 * i, 25.0, 1.0) for i in range(5)]
    atoms = ase.Atoms(["C", "Si", "Cu", "Au", "U"], positions=places, cell=(50, 50, 2))
    waves = exit_waves(atoms, energy=200e3, sampling=50 / 512, slice_thickness=2.0, phonons=None)
    image = Microscope(defocus=700, Cs=1.3e7, aperture=10.37).image(waves).array
    assert image.min().item() == pytest.approx(0.72, abs=0.02)
    assert image.max().item() == pytest.approx(1.03, abs=0.02)
    row = image[256]
    at_atoms = row[[round((5 + 10 * i) * 512 / 50) for i in range(5)]]
    assert (at_atoms.diff()[:3] < 0).all()  # the heavier the darker, up to gold
    mirrored = Microscope(defocus=-700, Cs=-1.3e7, aperture=10.37).image(waves).array
    assert mirrored.min().item() == pytest.approx(0.94, abs=0.01)
    assert mirrored.max().item() == pytest.approx(1.33, abs=0.01)
