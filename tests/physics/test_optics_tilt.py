"""A tilted beam: χ at the shifted frequency, the aberrations that follow, and waves that were simulated tilted."""

from __future__ import annotations

import math

import ase
import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.image import Beams, Microscope, aberrations
from construction_zone.simulate import exit_waves
from construction_zone.simulate.waves import ExitWaves

LAMBDA = wavelength(200e3)


def grating(place_y: int, place_x: int, strength: complex = 0.02j) -> ExitWaves:
    """The direct beam, and one weak beam with whole numbers of periods in 8 × 8 Å."""
    spectrum = torch.zeros(1, 40, 40, dtype=torch.complex128)
    spectrum[0, 0, 0], spectrum[0, place_y, place_x] = 1, strength
    return ExitWaves(torch.fft.ifft2(spectrum, norm="forward"), (0.2, 0.2), 200e3, 0.0)


@pytest.mark.parametrize("angle", [0.0, 0.9, -2.0])
def test_spherical_aberration_in_a_tilted_beam_is_coma_astigmatism_and_defocus(angle: float) -> None:
    """C21 = 3 C30 τ, C12 = C30 τ², ΔC10 = 2 C30 τ², all along the tilt; the image shifts by C30 τ³.

    From (C30/4)|α + τ|⁴ written out: 4|α|²(α·τ) is the coma, 4(α·τ)² + 2|α|²|τ|² the rest of second order.
    """
    cs, tilt = 1.2e7, 5.0
    tau = 1e-3 * tilt
    found, shift = aberrations.tilted({"C30": cs}, (tilt * math.cos(angle), tilt * math.sin(angle)))
    assert found["C30"] == pytest.approx(cs)
    assert found["C21"] == pytest.approx(3 * cs * tau)
    assert found["phi21"] == pytest.approx(angle)
    assert found["C12"] == pytest.approx(cs * tau**2)
    assert math.cos(2 * (found["phi12"] - angle)) == pytest.approx(1)
    assert found["C10"] == pytest.approx(2 * cs * tau**2)
    assert shift == pytest.approx((cs * tau**3 * math.cos(angle), cs * tau**3 * math.sin(angle)))
    assert max(abs(found[name]) for name in ("C23", "C32", "C34", "C41", "C50", "C56")) < 1e-3


def test_induced_aberrations_and_shift_are_all_that_the_tilt_does() -> None:
    rng = np.random.default_rng(3)
    given = {name: float(rng.normal()) for name in aberrations.NAMES}
    given |= {f"C{n}{m}": given[f"C{n}{m}"] * 300.0**n for n, m in aberrations.TERMS}
    tilt = (6.0, -9.0)
    induced, shift = aberrations.tilted(given, tilt)
    kx, ky = (
        torch.linspace(-1, 1, 9, dtype=torch.float64)[None],
        torch.linspace(-0.8, 1, 7, dtype=torch.float64)[:, None],
    )
    qx, qy = (torch.tensor([[1e-3 * t / LAMBDA]], dtype=torch.float64) for t in tilt)
    whole = aberrations.chi(kx + qx, ky + qy, LAMBDA, given) - aberrations.chi(qx, qy, LAMBDA, given)
    linear = 2 * math.pi * (kx * shift[0] + ky * shift[1])
    torch.testing.assert_close(aberrations.chi(kx, ky, LAMBDA, induced) + linear, whole, rtol=1e-9, atol=1e-9)


def test_the_image_of_a_tilted_beam_is_that_of_the_induced_aberrations_moved() -> None:
    scope = Microscope(defocus=600, Cs=1.2e7, beam_tilt_x=4.0, beam_tilt_y=-3.0)
    induced, (shift_x, shift_y) = aberrations.tilted(scope.coefficients, (4.0, -3.0))
    renamed = {"defocus" if name == "C10" else "Cs" if name == "C30" else name: v for name, v in induced.items()}
    straight = Microscope(**renamed | {"defocus": -induced["C10"]}, shift_x=shift_x, shift_y=shift_y)
    for place in ((2, 3), (-4, 1), (0, 5)):
        wave = grating(*place)
        torch.testing.assert_close(scope.image(wave).array, straight.image(wave).array, atol=1e-6, rtol=0)
        assert (Microscope(defocus=600, Cs=1.2e7).image(wave).array - scope.image(wave).array).abs().max() > 1e-3


def test_a_pure_defocus_moves_the_image_of_a_tilted_beam_upstream() -> None:
    """Underfocus by f looks at a plane f upstream, where what the tilted beam carries lay f·τ further back."""
    scope = Microscope(defocus=500, beam_tilt_x=8.0)
    moved = Microscope(defocus=500, shift_x=-500 * 8e-3)
    wave = grating(1, 2)
    torch.testing.assert_close(scope.image(wave).array, moved.image(wave).array, atol=1e-6, rtol=0)


@pytest.mark.parametrize("tilt", [(8.0, 0.0), (-3.0, 11.0)])
def test_waves_of_a_tilted_beam_come_back_into_focus_where_their_atom_is(tilt: tuple[float, float]) -> None:
    """One thin atom, 40 Å above the exit face: focused on its slice it is where it was and looks as if untilted."""
    atoms = ase.Atoms("C", [[6.0, 6.0, 0.5]], cell=(12, 12, 40))
    given = {"energy": 200e3, "sampling": 0.1, "slice_thickness": 2.0, "phonons": None, "dtype": torch.complex128}
    straight, leaning = (exit_waves(atoms, tilts=[t], **given) for t in ((0.0, 0.0), tilt))
    scope = Microscope(defocus=40.0 + 100.0)
    wanted = scope.image(straight.at("tilt", 0), pixel_size=0.2).array
    along = Microscope(defocus=140.0, shift_x=-100 * 1e-3 * tilt[0], shift_y=-100 * 1e-3 * tilt[1])
    unmoved = along.image(straight.at("tilt", 0), pixel_size=0.2).array
    for waves in (leaning, leaning.at("tilt", 0)):
        found = scope.image(waves, pixel_size=0.2).array
        # tan θ in the wave, θ in the lens: 40 Å of 1e-7 at most
        torch.testing.assert_close(found.squeeze(), unmoved, atol=1e-4, rtol=0)
        assert (found.squeeze() - wanted).abs().max() > 0.01


def test_an_aperture_that_stays_where_it_is_stops_what_the_tilt_moves_out() -> None:
    wave = grating(0, 3)  # 0.375 Å⁻¹: 9.4 mrad
    inside = Microscope(defocus=300, aperture=12.0)
    outside = Microscope(defocus=300, aperture=12.0, beam_tilt_x=5.0)
    other_side = Microscope(defocus=300, aperture=12.0, beam_tilt_x=-5.0)
    assert inside.image(wave).array.std() > 0.01
    assert outside.image(wave).array.std() < 1e-6
    assert other_side.image(wave).array.std() > 0.01


def test_a_tilted_beam_loses_to_the_focal_spread_what_its_distance_from_the_achromatic_circle_says() -> None:
    """The beat of k with the direct beam is damped by (|k + q|² − |q|²)², in the sum over foci and in the envelope."""
    tilt, place, spread = (6.0, -4.0), (0, 4), 40.0
    kx, qx = 4 / 8.0, 6e-3 / LAMBDA
    squares = (kx + qx) ** 2 - qx**2
    wanted = 1e-3 * math.exp(-0.5 * (math.pi * LAMBDA * spread * squares) ** 2)
    assert wanted < 0.7e-3
    for coherence in ("focal_sum", "envelope"):
        scope = Microscope(focal_spread=spread, beam_tilt_x=tilt[0], beam_tilt_y=tilt[1], coherence=coherence)
        image = scope.intensity(Beams.of(grating(*place, strength=1e-3j)))
        beat = torch.fft.fft2(image, norm="forward")[place].abs().item()
        assert beat == pytest.approx(wanted, rel=1e-4)
