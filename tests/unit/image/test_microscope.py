"""Settings of the microscope and the images it takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.errors import InvalidInput
from construction_zone.image import Beams, Microscope, presets
from construction_zone.simulate.waves import ExitWaves


def waves(*lead: int, shape: tuple[int, int] = (32, 40), sampling: float = 0.2, seed: int = 0) -> ExitWaves:
    rng = np.random.default_rng(seed)
    lead = lead or (1,)
    array = 1 + 0.2 * (rng.normal(size=(*lead, *shape)) + 1j * rng.normal(size=(*lead, *shape)))
    names = ("defocus", "thickness")[: len(lead) - 1]
    return ExitWaves(
        array=torch.from_numpy(array).to(torch.complex64),
        sampling=(sampling, sampling),
        energy=300e3,
        z=20.0,
        seeds=tuple(range(lead[-1])),
        dims=(*names, "configuration", "y", "x"),
    )


def vacuum(shape: tuple[int, int] = (64, 64), sampling: float = 0.2) -> ExitWaves:
    return ExitWaves(torch.ones(1, *shape, dtype=torch.complex64), (sampling, sampling), 300e3, 0.0)


def test_vacuum_images_to_one() -> None:
    scope = Microscope(defocus=500, Cs=1.2e7, C12=30, focal_spread=20, source_size=0.4, aperture=15)
    image = scope.image(vacuum())
    torch.testing.assert_close(image.array, torch.ones(64, 64), rtol=0, atol=1e-6)
    assert image.pixel_size == (0.2, 0.2)
    assert image.extent == pytest.approx((12.8, 12.8))
    assert image.dose is None
    assert image.microscope is scope


def test_coefficients_carry_krivanek_names_and_signs() -> None:
    scope = Microscope(defocus=80, Cs=-1.5e5, C12=20, phi12=0.1, C34=3e3, phi34=0.2, phi21=1.0)
    assert scope.coefficients == {"C10": -80, "C30": -1.5e5, "C12": 20, "phi12": 0.1, "C34": 3e3, "phi34": 0.2}


def test_configurations_are_averaged_as_intensities() -> None:
    scope = Microscope(defocus=60, focal_spread=10)
    both = waves(2)
    singles = [
        scope.image(ExitWaves(both.array[k : k + 1], both.sampling, both.energy, both.z)).array for k in range(2)
    ]
    torch.testing.assert_close(scope.image(both).array, (singles[0] + singles[1]) / 2)


def test_a_batch_without_noise_is_its_singles() -> None:
    scope = Microscope(defocus=60, focal_spread=10, source_size=0.2)
    batch = waves(3, 2)
    images = scope.image(batch, pixel_size=0.4)
    assert images.array.shape == (3, 16, 20)
    for i in range(3):
        single = ExitWaves(batch.array[i], batch.sampling, batch.energy, batch.z, seeds=(0, 1))
        assert torch.equal(images.array[i], scope.image(single, pixel_size=0.4).array)


def test_with_a_dose_pixels_count_electrons() -> None:
    image = Microscope(dose=400).image(vacuum((256, 256), 0.1), pixel_size=0.2)
    assert image.dose == 400
    assert image.array.shape == (128, 128)
    assert image.array.dtype == torch.float32
    assert torch.equal(image.array, image.array.round())
    assert image.array.double().mean().item() == pytest.approx(400 * 0.04, abs=5 * math.sqrt(16 / 128**2))


def test_the_seed_decides_the_noise() -> None:
    scope = Microscope(dose=100)
    first, again, other = (scope.image(vacuum(), seed=s).array for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_entries_of_a_batch_have_noise_of_their_own() -> None:
    stack = ExitWaves(torch.ones(2, 1, 32, 32, dtype=torch.complex64), (0.2, 0.2), 3e5, 0.0, dims=("a", *vacuum().dims))
    images = Microscope(dose=100).image(stack, seed=4).array
    assert images.shape == (2, 32, 32)
    assert not torch.equal(images[0], images[1])


def test_the_pixel_that_was_taken_is_on_the_image() -> None:
    image = Microscope().image(waves(shape=(100, 90)), pixel_size=0.33)
    assert image.array.shape == (61, 55)
    assert image.pixel_size == pytest.approx((20 / 61, 18 / 55))


def test_more_focal_nodes_change_an_image_little() -> None:
    """The nodes that are chosen are enough for fringes of 0.39 and 1.56 Å⁻¹."""
    x = torch.arange(64) * 0.2
    fringes = 1 + 0.2j * torch.cos(2 * math.pi * x / 2.56) + 0.1j * torch.cos(2 * math.pi * x * 5 / 3.2)
    wave = ExitWaves(fringes.expand(1, 64, 64).to(torch.complex64), (0.2, 0.2), 300e3, 0.0)
    chosen = Microscope(defocus=80, focal_spread=10).image(wave).array
    many = Microscope(defocus=80, focal_spread=10, focal_nodes=41).image(wave).array
    assert (chosen - many).abs().max() < 2e-3
    assert (chosen - Microscope(defocus=80).image(wave).array).abs().max() > 2e-2


def test_an_aperture_stops_the_beams_beyond_it() -> None:
    x = torch.arange(64) * 0.2
    fringes = 1 + 0.2 * torch.cos(2 * math.pi * x * 10 / 12.8)  # 0.78 Å⁻¹: 15.4 mrad
    wave = ExitWaves(fringes.expand(1, 64, 64).to(torch.complex64), (0.2, 0.2), 300e3, 0.0)
    with pytest.warns(UserWarning, match=r"12 mrad stops the strongest reflection, at 1\.28 Å or 15\.4 mrad"):
        assert Microscope(aperture=12).image(wave).array.std() < 1e-6
    assert Microscope(aperture=20).image(wave).array.std() > 0.1


def test_an_aperture_wider_than_the_waves_is_told() -> None:
    """0.2 Å carry 2.5 Å⁻¹, which is 49.2 mrad at 300 kV, and a crop to 1 Å⁻¹ 19.7 mrad."""
    wave = ExitWaves(torch.ones(1, 64, 64, dtype=torch.complex64), (0.2, 0.2), 300e3, 0.0)
    Microscope(aperture=49).image(wave)
    with pytest.warns(UserWarning, match=r"50 mrad is wider than these waves, which carry beams up to 49\.2 mrad"):
        Microscope(aperture=50).image(wave)
    with pytest.warns(UserWarning, match=r"beams up to 18\.5 mrad"):  # 12 beams of 1/12.8 Å⁻¹
        Microscope(aperture=25).image(Beams.of(wave, highest=1.0))


@pytest.mark.parametrize("value", [math.nan, math.inf, "5", None, True])
def test_a_setting_that_is_no_number_is_refused(value) -> None:
    with pytest.raises(InvalidInput, match=r"defocus is .*give a finite number"):
        Microscope(defocus=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dose", 0),
        ("dose", -400),
        ("focal_spread", -1),
        ("source_size", -0.1),
        ("aperture", 0),
        ("focal_nodes", 1),
        ("focal_nodes", 7.5),
        ("focal_nodes", 1000),
    ],
)
def test_a_setting_without_meaning_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=name):
        Microscope(**{name: value})


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_waves_that_are_not_finite_are_refused(bad: float) -> None:
    broken = vacuum()
    broken.array[0, 3, 3] = bad
    with pytest.raises(InvalidInput, match="NaN or infinite"):
        Microscope().image(broken)


def test_a_pixel_finer_than_the_waves_is_refused() -> None:
    with pytest.raises(InvalidInput, match="finer than these waves carry"):
        Microscope().image(vacuum(), pixel_size=0.1)


def test_beams_give_the_image_of_their_waves() -> None:
    scope = Microscope(defocus=60, focal_spread=10, source_size=0.2, dose=300)
    for given in (waves(2), waves(3, 2)):
        beams = Beams.of(given)
        for _ in range(2):
            assert torch.equal(scope.image(beams, pixel_size=0.4, seed=3).array, scope.image(given, 0.4, 3).array)


def test_beams_up_to_a_limit_leave_out_only_what_is_beyond() -> None:
    full = waves(2, shape=(48, 40))
    spectrum = torch.fft.fft2(full.array)
    ky, kx = full.grid.frequencies()
    inside = (ky.abs() <= 1.6) & (kx.abs() <= 1.6)
    limited = ExitWaves(torch.fft.ifft2(spectrum * inside), full.sampling, 300e3, 0.0, seeds=(0, 1))
    scope = Microscope(defocus=60, focal_spread=10)
    beams = Beams.of(limited, highest=1.6)
    assert beams.array.shape == (2, 31, 25)  # 15 and 12 frequencies to each side
    torch.testing.assert_close(scope.image(beams).array, scope.image(limited).array, atol=3e-6, rtol=0)
    with pytest.raises(InvalidInput, match="highest"):
        Beams.of(limited, highest=0.0)


@pytest.mark.parametrize("name", list(presets.SETTINGS))
def test_presets_are_microscopes_with_sources(name: str) -> None:
    scope = Microscope.preset(name, defocus=50)
    assert scope.defocus == 50
    assert scope.energy in (80e3, 200e3, 300e3)
    assert presets.SOURCES[name]


def test_presets_resolve_as_such_microscopes_do() -> None:
    """Information limits, where the beat with the direct beam falls to exp(−2), are 1/√(2/(πλσ))."""

    def limit(name: str) -> float:
        scope = Microscope.preset(name)
        return math.sqrt(math.pi * wavelength(scope.energy) * scope.focal_spread / 2)

    # TEAM 0.5 is named after 0.5 Å; the line resolution that the F20's maker states is 1.5 Å
    assert 0.5 < limit("titan_300_corrected") < 0.6
    assert limit("titan_300_corrected") < limit("tecnai_200_feg") < limit("tecnai_200_lab6") < 1.5
    assert limit("titan_80_corrected") < 1.5


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"'jem'.*titan_300_corrected"):
        Microscope.preset("jem")


def test_waves_of_another_energy_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"set up for 80 keV, the waves are of 300 keV"):
        Microscope.preset("titan_80_corrected").image(vacuum())
    Microscope.preset("titan_300_corrected").image(vacuum())


def test_too_few_directions_are_told() -> None:
    scope = Microscope(Cs=1.2e7, source_size=1.0, coherence="full", tilt_nodes=None, focal_nodes=3)
    small = ExitWaves(torch.ones(1, 8, 8, dtype=torch.complex64), (0.2, 0.2), 300e3, 0.0)
    with pytest.warns(UserWarning, match=r"15² beam directions leave an error"):
        scope.image(small)


def test_everything_that_moves_keeps_the_mean() -> None:
    still = Microscope(defocus=60).image(waves(2)).array
    moved = Microscope(defocus=60, vibration=0.3, drift=0.8, drift_angle=30, shift_x=0.5, shift_y=-1.0)
    image = moved.image(waves(2)).array
    assert image.mean().item() == pytest.approx(still.mean().item(), rel=1e-6)
    assert image.std() < 0.7 * still.std()


def test_an_image_shift_of_whole_pixels_rolls_the_image() -> None:
    still = Microscope(defocus=60).image(waves(1)).array
    moved = Microscope(defocus=60, shift_x=0.6, shift_y=-0.4).image(waves(1)).array
    torch.testing.assert_close(moved, torch.roll(still, (-2, 3), (0, 1)), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "value"), [("vibration", -1), ("drift", -0.1), ("energy", 0), ("tilt_nodes", 0), ("aperture_edge", -1)]
)
def test_a_new_setting_without_meaning_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=name):
        Microscope(**{name: value})


def test_coherence_is_one_of_three() -> None:
    with pytest.raises(InvalidInput, match=r"coherence is 'partial'; give one of focal_sum, full, envelope"):
        Microscope(coherence="partial")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="detector"):
        Microscope(detector="K2")  # type: ignore[arg-type]
