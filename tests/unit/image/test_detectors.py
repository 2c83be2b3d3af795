"""Detectors by name and from files, their curves, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from construction_zone import seeding
from construction_zone.errors import InvalidInput
from construction_zone.image import curves, detector, detectors
from construction_zone.image.curves import Curve
from construction_zone.image.detector import Detector, Illumination
from construction_zone.simulate.grid import Grid

PIXELS = Grid((64, 64), (12.8, 12.8))
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
FALLING = Curve(QUARTERS, (1, 0.8, 0.6, 0.4, 0.2))


def ones(*lead: int, size: int = 64) -> torch.Tensor:
    return torch.ones(*lead, size, size)


@pytest.mark.parametrize(
    ("name", "energy", "mtf", "dqe"),
    [
        ("K2", 300e3, (0.90, 0.79, 0.66, 0.51), (0.78, 0.23)),
        ("Falcon", 300e3, (0.41, 0.17, 0.09, 0.03), (0.41, 0.08)),
        ("US1000", 300e3, (0.31, 0.15, 0.07, 0.04), (0.26, 0.02)),
        ("US1000", 80e3, (0.55, 0.23, 0.09, 0.03), (0.61, 0.03)),
        ("Falcon4i", 300e3, (0.8354, 0.5348, 0.2478, 0.083), (0.92, 0.50)),
        ("Falcon4i", 200e3, (0.7873, 0.4754, 0.2048, 0.070), (0.91, 0.33)),
        # the maker's file at 0.127/0.111, 0.254/0.238, 0.381/0.365 and 0.492/0.508 cycles per pixel, between rows
        ("K3", 300e3, (0.9622, 0.8888, 0.7714, 0.6364), (0.95, 0.40)),
    ],
)
def test_named_detectors_have_their_published_values(name, energy, mtf, dqe) -> None:
    found = detectors.named(name, energy)
    np.testing.assert_allclose(found.mtf(np.array(QUARTERS[1:])), mtf, atol=1e-3)
    np.testing.assert_allclose(found.dqe(np.array([0.0, 1.0])), dqe, rtol=1e-6)
    assert np.all(np.diff(found.dqe(np.linspace(0, 1, 200))) < 0)
    assert name in detectors.NAMES


@pytest.mark.parametrize(("energy", "published"), [(300e3, 0.72), (200e3, 0.62)])
def test_the_form_of_the_noise_meets_a_dqe_that_it_was_not_made_of(energy: float, published: float) -> None:
    """The maker tells the DQE of the Falcon 4i at half Nyquist too; only the ends of it are used."""
    assert float(detectors.named("Falcon4i", energy).dqe(0.5)) == pytest.approx(published, abs=0.08)


def test_fields_of_a_named_detector_can_be_changed() -> None:
    assert detectors.named("ideal", 123.0, gain=3.0) == Detector(gain=3.0)
    assert detectors.named("US1000", 80e3, readout=0).readout == 0


def test_an_unknown_detector_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"no detector 'K9'.*ideal, US1000 at 80 kV.*K3 at 300 kV.*from_csv"):
        detectors.named("K9")
    with pytest.raises(InvalidInput, match="no detector 'K2' is known at 80000"):
        detectors.named("K2", 80e3)


def test_a_curve_goes_through_its_points_falls_between_and_holds_beyond() -> None:
    np.testing.assert_allclose(FALLING(np.array(QUARTERS)), FALLING.values, atol=1e-7)
    steep = Curve(QUARTERS, (1, 0.9, 0.1, 0.1, 0.1))(np.linspace(0, 2, 1000))
    assert np.all(np.diff(steep) <= 1e-12)
    assert steep[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("frequencies", "values", "message"),
    [
        (QUARTERS, (1, 0.8, math.nan, 0.4, 0.2), "a value is nan; give finite"),
        ((0, 0.25, math.inf, 0.75, 1), FALLING.values, "a frequency is inf"),
        (QUARTERS, (1, 0.8, -0.1, 0.4, 0.2), r"a value is -0\.1; give zero or more"),
        ((0, 0.25, 0.25, 0.75, 1), FALLING.values, r"0\.25 follows 0\.25; give them rising"),
        ((0, 0.5, 0.25, 0.75, 1), FALLING.values, r"between 0 and 0\.5"),
        ((0, 0.1, 0.2, 1.0), (1, 0.9, 0.8, 0.7), r"nothing is given between 0\.2 and 1 .*at most 0\.3 apart"),
        ((0, 0.125, 0.25, 0.375, 0.5), FALLING.values, r"run from 0 to 0\.5 .*multiply them by 2"),
        ((0.1, 0.3, 0.5, 0.75, 1), FALLING.values, r"run from 0\.1 to 1"),
        (QUARTERS, (0.9, 0.8, 0.6, 0.4, 0.2), r"at zero frequency is 0\.9; divide"),
        (QUARTERS, (1, 0.8, 0.6), "5 frequencies and 3 values"),
        ((0,), (1,), "at least two"),
        (QUARTERS, (1, "a", 0.6, 0.4, 0.2), "a value is 'a'"),
    ],
)
def test_a_curve_with_holes_is_refused(frequencies, values, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        Curve(frequencies, values)


def test_a_parametric_curve_is_its_formula() -> None:
    curve = curves.parametric(0.5, 0.3, 10.0, 40.0)
    f = np.linspace(0, 1, 101)
    np.testing.assert_allclose(curve(f), 0.5 / (1 + 10 * f**2) + 0.3 / (1 + 40 * f**2) + 0.2, atol=1e-4)
    for wrong in ((0.8, 0.3, 1, 1), (-0.1, 0.3, 1, 1), (0.1, 0.3, -1, 1), (0.1, math.nan, 1, 1)):
        with pytest.raises(InvalidInput):
            curves.parametric(*wrong)


def test_a_users_file_makes_a_detector(tmp_path: Path) -> None:
    path = tmp_path / "camera.csv"
    rows = "".join(f"{f},{m},{m**1.5}\n" for f, m in zip(FALLING.frequencies, FALLING.values, strict=True))
    path.write_text("# measured on an edge\nfrequency,mtf,nnps\n\n" + rows)
    found = detectors.from_csv(path, dqe_zero=0.6, readout=2.0)
    assert found.mtf == FALLING
    assert found.readout == 2.0
    assert found.dqe(np.array([0.5])) == pytest.approx(0.6 * 0.6**2 / 0.6**1.5, rel=1e-5)
    path.write_text("frequency,mtf,dqe\n" + rows)
    np.testing.assert_allclose(
        detectors.from_csv(path, 0.6).dqe(np.array(QUARTERS)), 0.6 * np.array(FALLING.values) ** 1.5, rtol=2e-3
    )
    path.write_text("frequency,mtf\n0,1\n.3,.9\n.6,.8\n.8,.7\n1,.6\n")
    assert detectors.from_csv(path).nnps is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frequency,mtf\n0,1\n0.25,\n0.5,.6\n0.75,.4\n1,.2\n", r"line 3, column mtf holds ''; fill the hole"),
        ("frequency,mtf\n0,1\n0.25,nan\n0.5,.6\n0.75,.4\n1,.2\n", r"line 3, column mtf holds 'nan'"),
        ("frequency,mtf\n0,1\n0.25,abc\n", "holds 'abc'"),
        ("frequency,mtf\n0,1\n0.25\n", "line 3: 1 cells where the header has 2"),
        ("frequency,mtf\n0,1\n0.25,.8\n0.2,.6\n0.75,.4\n1,.2\n", r"camera.csv: Curve: frequency 0\.2 follows 0\.25"),
        ("frequency,mtf\n0,1\n0.25,-.8\n0.5,.6\n0.75,.4\n1,.2\n", r"a value is -0\.8"),
        ("frequency,mtf\n0,1\n1,.2\n", r"nothing is given between 0 and 1"),
        ("frequency,mtf\n", "at least two"),
        ("", "must name the columns"),
        ("f,mtf\n0,1\n", "must name the columns"),
        ("frequency,nnps\n0,1\n0.25,.8\n0.5,.6\n0.75,.4\n1,.2\n", "give mtf and, if known, nnps or dqe"),
        ("frequency,mtf,dqe\n0,1,1\n0.25,.8,.8\n0.5,.6,.6\n0.75,.4,.4\n1,.2,0\n", "must stay above zero"),
    ],
)
def test_a_file_with_holes_is_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "camera.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        detectors.from_csv(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read the detector curves"):
        detectors.from_csv(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mtf", 0.5),
        ("nnps", "white"),
        ("nnps", Curve(QUARTERS, (1, 0.8, 0.6, 0.4, 0))),
        ("dqe_zero", 0.0),
        ("dqe_zero", 1.2),
        ("gain", 0.0),
        ("gain", math.nan),
        ("gain_residue", -0.1),
        ("readout", -1.0),
        ("dark", math.inf),
        ("dead", -0.1),
        ("dead", 1.1),
        ("hot", True),
        ("spikes", "many"),
        ("saturation", 0.0),
        ("saturation", -1.0),
        ("illumination", 0.5),
        ("output", "int8"),
        ("serial", -1),
    ],
)
def test_a_setting_without_meaning_is_refused(field: str, value) -> None:
    with pytest.raises(InvalidInput, match=field):
        Detector(**{field: value})


def test_a_serial_number_is_whole() -> None:
    with pytest.raises(InvalidInput, match=r"seed is 1\.5; give a non-negative whole number"):
        Detector(serial=1.5)


@pytest.mark.parametrize("given", [{"falloff": 1.0}, {"falloff": -0.1}, {"slope": 1.5}, {"azimuth": math.nan}])
def test_an_illumination_that_leaves_no_light_is_refused(given) -> None:
    with pytest.raises(InvalidInput, match="Illumination"):
        Illumination(**given)


def test_illumination_is_one_in_the_middle_and_what_was_said_in_the_corners() -> None:
    light = Illumination(0.3).map((101, 201))
    assert light[50, 100] == pytest.approx(1)
    assert light[0, 0] == pytest.approx(0.7, abs=0.01)
    slope = Illumination(0, 0.2, 90).map((101, 201))
    assert slope[100, 0] - slope[0, 0] == pytest.approx(0.2, rel=0.02)
    assert slope[7, 0] == pytest.approx(slope[7, 200])


@pytest.mark.parametrize("dose", [0.0, -5.0, math.nan, math.inf, "many", True])
def test_a_dose_that_is_not_positive_is_refused(dose) -> None:
    with pytest.raises(InvalidInput, match="dose"):
        Detector().record(ones(), PIXELS, dose)


def test_a_dose_is_counted_by_area_or_by_pixel() -> None:
    by_area = Detector().record(ones(), PIXELS, 400.0, 1)
    assert torch.equal(by_area, Detector().record(ones(), PIXELS, 400.0 * 0.2 * 0.2, 1, per="pixel"))
    with pytest.raises(InvalidInput, match="per is 'frame'"):
        Detector().record(ones(), PIXELS, 400.0, 1, per="frame")


def test_nan_intensity_is_refused() -> None:
    with pytest.raises(InvalidInput, match="NaN"):
        Detector().record(torch.full((64, 64), math.nan), PIXELS, 10.0)


def test_the_default_is_the_counter_it_always_was() -> None:
    rng = np.random.default_rng(0)
    fine = torch.from_numpy(1 + 0.3 * rng.random((2, 3, 128, 128)))
    found = Detector().record(fine, PIXELS, 400.0, 9)
    image = detector.pixel_integrated(fine, (64, 64))
    area = PIXELS.sampling[0] * PIXELS.sampling[1]
    for i, j in np.ndindex(2, 3):
        wanted = detector.poisson(image[i, j], 400.0, area, seeding.generator(9, "noise", i, j))
        assert torch.equal(found[i, j], wanted)


def test_an_image_alone_is_the_first_of_its_batch() -> None:
    camera = detectors.named("US1000", 80e3, gain_residue=0.02, dead=0.01, spikes=500, spike_level=900)
    fine = torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0)) + 0.5
    batch = camera.record(fine, PIXELS, 400.0, 4)
    assert not torch.equal(batch[0], camera.record(fine[0], PIXELS, 400.0, 4))  # entry 0 of an axis is not "no axis"
    assert torch.equal(batch[:1], camera.record(fine[:1], PIXELS, 400.0, 4))
    assert torch.equal(batch, camera.record(fine, PIXELS, 400.0, 4))
    assert not torch.equal(batch, camera.record(fine, PIXELS, 400.0, 5))


def test_noise_is_added_by_name_so_that_one_kind_does_not_move_another() -> None:
    with_readout = Detector(readout=3.0).record(ones(), PIXELS, 400.0, 1) - Detector().record(ones(), PIXELS, 400.0, 1)
    assert with_readout.std().item() == pytest.approx(3.0, rel=0.05)
    assert with_readout.mean().item() == pytest.approx(0, abs=5 * 3 / 64)


def test_dark_current_leaves_its_noise_but_not_its_mean() -> None:
    added = Detector(dark=50.0).record(ones(4), PIXELS, 400.0, 1) - Detector().record(ones(4), PIXELS, 400.0, 1)
    n = added.numel()
    assert added.mean().item() == pytest.approx(0, abs=5 * math.sqrt(50 / n))
    assert added.var().item() == pytest.approx(50, abs=5 * 50 * math.sqrt(2 / n))


def test_dead_and_hot_pixels_are_the_cameras_own() -> None:
    camera = Detector(dead=0.05, hot=0.03, hot_level=1e4, gain_residue=0.1, serial=12)
    first, second = (camera.record(ones(), PIXELS, 4000.0, seed) for seed in (1, 2))
    assert torch.equal(first == 0, second == 0)
    assert torch.equal(first > 5000, second > 5000)
    assert (first == 0).double().mean().item() == pytest.approx(0.05, abs=0.02)
    assert (first > 5000).double().mean().item() == pytest.approx(0.03, abs=0.015)
    other = Detector(dead=0.05, serial=13).record(ones(), PIXELS, 4000.0, 1)
    assert not torch.equal(first == 0, other == 0)


def test_gain_residue_is_a_fixed_pattern_of_its_size() -> None:
    camera = Detector(gain_residue=0.05)
    mean = camera.record(ones(80), PIXELS, 125000.0, 3).double().mean(0) / 5000
    assert mean.std().item() == pytest.approx(0.05, rel=0.06)
    assert mean.mean().item() == pytest.approx(1, abs=5 * 0.05 / 64)


def test_spikes_are_as_many_and_as_large_as_said() -> None:
    camera = Detector(spikes=2000.0, spike_level=1e6)
    hits = camera.record(ones(100), PIXELS, 10.0, 3)
    hits = hits[hits > 100].double()
    wanted = 2000e-6 * 100 * 64 * 64
    assert len(hits) == pytest.approx(wanted, abs=5 * math.sqrt(wanted))
    assert hits.mean().item() == pytest.approx(1e6, rel=5 / math.sqrt(wanted))


def test_saturation_and_integers() -> None:
    camera = Detector(gain=100.0, offset=200.0, output="uint16", saturation=2000.0)
    exposure = camera.expose(ones(), PIXELS, 400.0, 1)
    assert exposure.array.dtype == torch.uint16
    counts = exposure.array.numpy()
    assert counts.max() == 2000
    assert exposure.saturated == pytest.approx((counts == 2000).mean())
    assert 0.2 < exposure.saturated < 0.5  # 18 electrons or more where 16 are expected
    assert set(np.unique(counts[counts < 2000]) % 100) == {0}
    brighter = Detector(gain=1e5, output="uint16").expose(ones(), PIXELS, 400.0, 1)
    assert brighter.array.numpy().max() == 65535
    assert Detector(readout=5.0, output="uint16").record(ones(), PIXELS, 1.0, 1).numpy().min() == 0


def test_electrons_are_counts_without_offset_over_gain() -> None:
    given = {"gain": 7.0, "offset": 30.0, "readout": 1.0}
    counts = Detector(**given, output="counts").record(ones(), PIXELS, 400.0, 1)
    electrons = Detector(**given).record(ones(), PIXELS, 400.0, 1)
    torch.testing.assert_close(electrons, (counts - 30) / 7, rtol=1e-5, atol=1e-4)
    full = Detector(**given, saturation=100.0).record(ones(), PIXELS, 400.0, 1)
    assert full.max().item() == pytest.approx(10, rel=1e-5)


def test_a_signal_sharpened_below_zero_is_clipped_and_told() -> None:
    sharp = Detector(mtf=Curve(QUARTERS, (1, 1, 1, 1, 1)), nnps=Curve(QUARTERS, (1, 0.5, 0.1, 0.02, 0.01)))
    x = torch.arange(128)
    fine = 1 + 0.9 * torch.cos(2 * torch.pi * 20 * x / 128).expand(128, 128)
    exposure = sharp.expose(fine, PIXELS, 400.0)
    assert 0.1 < exposure.clipped < 0.6
    with pytest.warns(UserWarning, match=r"% of the pixels would expect fewer than zero electrons"):
        sharp.record(fine, PIXELS, 400.0)
    assert detectors.named("K2").expose(fine, PIXELS, 400.0).clipped == 0


def test_gradients_reach_the_intensity_without_noise() -> None:
    camera = Detector(mtf=FALLING, illumination=Illumination(0.1))
    small = Grid((4, 4), (0.8, 0.8))
    fine = torch.rand(8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: camera.expected(given, small), fine)


def test_everything_is_made_on_the_device_of_the_intensity() -> None:
    """On the meta device a tensor that was made elsewhere would raise."""
    found = Detector(mtf=FALLING, illumination=Illumination(0.1)).expected(torch.ones(2, 64, 64, device="meta"), PIXELS)
    assert found.device.type == "meta"
