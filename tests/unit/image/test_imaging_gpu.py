"""The same images on an accelerator as on the CPU; run with make test-gpu."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from construction_zone.image import (
    Beams,
    Detector,
    Distortion,
    Illumination,
    Microscope,
    aberrations,
    augment,
    detectors,
)
from construction_zone.image.focus import least_contrast
from construction_zone.image.stacks import drift_path, movie
from construction_zone.simulate.waves import ExitWaves

pytestmark = pytest.mark.gpu

# each half a radian at 2 Å⁻¹, where λk is 0.04
EVERY = {f"C{n}{m}": 1.6e-3 * (n + 1) / 0.04 ** (n + 1) for n, m in aberrations.TERMS if m}
EVERY |= {f"phi{n}{m}": 0.1 * n - 0.3 * m for n, m in aberrations.TERMS if m}

SCOPES = {
    "plain": {"defocus": 60.0, "Cs": 1e4, "C12": 10.0, "phi12": 0.3},
    "every aberration": {"defocus": 60.0, "Cs": 1e5, "C50": 2e7, **EVERY},
    "aperture": {"defocus": 60.0, "aperture": 30.0, "aperture_edge": 4.0},
    "envelopes": {"defocus": 60.0, "focal_spread": 20.0, "source_size": 0.3, "coherence": "envelope"},
    "foci and source": {"defocus": 60.0, "focal_spread": 10.0, "source_size": 0.3},
    "directions": {"defocus": 60.0, "source_size": 0.5, "coherence": "full", "tilt_nodes": 3, "beam_tilt_x": 2.0},
    "motion": {"defocus": 60.0, "drift": 1.0, "vibration": 0.3, "shift_x": 0.7},
    "K2": {"defocus": 60.0, "detector": detectors.named("K2")},
    "camera": {"defocus": 60.0, "detector": Detector(illumination=Illumination(0.1, 0.1, 20.0))},
}


def waves(device: str) -> ExitWaves:
    rng = np.random.default_rng(0)
    array = 1 + 0.2 * (rng.normal(size=(2, 64, 80)) + 1j * rng.normal(size=(2, 64, 80)))
    return ExitWaves(torch.from_numpy(array).to(torch.complex64).to(device), (0.2, 0.2), 300e3, 20.0, seeds=(0, 1))


@pytest.mark.parametrize("name", SCOPES)
@pytest.mark.parametrize("pixel_size", [None, 0.31])
def test_images_without_noise(name: str, pixel_size: float | None) -> None:
    scope = Microscope(**SCOPES[name])
    cpu = scope.image(waves("cpu"), pixel_size).array
    gpu = scope.image(waves("cuda"), pixel_size).array
    assert gpu.device.type == "cuda"
    torch.testing.assert_close(gpu.cpu(), cpu, rtol=0, atol=3e-6 * float(cpu.abs().max()))


@pytest.mark.parametrize(
    "camera", [Detector(), detectors.named("US1000"), Detector(readout=2.0, dead=0.01, spikes=500)]
)
def test_images_with_noise_differ_only_where_a_mean_was_rounded(camera: Detector) -> None:
    scope = Microscope(defocus=60.0, dose=400.0, detector=camera)
    cpu = scope.image(waves("cpu"), seed=3).array
    gpu = scope.image(waves("cuda"), seed=3).array.cpu()
    if camera.nnps is None:
        # the same streams: a count changes where rounding moves the mean over an edge of its table
        assert (gpu - cpu).abs().gt(0.05).double().mean() < 0.02
    assert abs(float(gpu.double().mean() - cpu.double().mean())) < 1e-2 * float(cpu.double().mean())


def test_augmented_images_and_their_conditions() -> None:
    cpu, drawn = augment(Beams.of(waves("cpu")), {"defocus": 40.0}, seed=1)
    gpu, same = augment(Beams.of(waves("cuda")), {"defocus": 40.0}, seed=1)
    assert drawn == same
    torch.testing.assert_close(gpu.array.cpu(), cpu.array, rtol=0, atol=1e-5)


def test_gradients() -> None:
    found = []
    for device in ("cpu", "cuda"):
        given = waves(device)
        array = given.array.clone().requires_grad_()
        moved = ExitWaves(array, given.sampling, given.energy, given.z, seeds=given.seeds)
        Microscope(defocus=60.0).image(moved).array.square().sum().backward()
        assert array.grad is not None
        found.append(array.grad.cpu())
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-5 * float(found[0].abs().max()))


def test_the_plane_of_least_contrast() -> None:
    assert least_contrast(waves("cuda"), (-30.0, 60.0)) == pytest.approx(
        least_contrast(waves("cpu"), (-30.0, 60.0)), abs=0.11
    )


def test_distortions_and_movies() -> None:
    image = Microscope(defocus=60.0).image(waves("cpu")).array
    warp = Distortion(scale=0.02, shear=0.01, field=1.0, correlation=20.0)
    there, here = warp.apply(image.cuda(), (0.2, 0.2)), warp.apply(image, (0.2, 0.2))
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-5)
    fine = Microscope(defocus=60.0).intensity(Beams.of(waves("cuda")))
    frames = movie(fine, waves("cuda").grid, 400.0, drift_path(3, (1.0, 0.5)), seed=1)
    assert frames.device.type == "cuda"
