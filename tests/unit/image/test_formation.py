"""|ψ|² and its image: compiled, by whole tensors, and by definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.image import Beams, Microscope, detectors
from construction_zone.image.beams import frequencies
from construction_zone.image.form import formation_shape
from construction_zone.image.formation import CompiledIntensity, TensorIntensity, intensity_sum
from construction_zone.image.lens import Lens
from construction_zone.image.sampling import half_frequencies, sampled
from construction_zone.simulate.waves import ExitWaves

LAMBDA = wavelength(300e3)
SHAPES = [
    ((16, 16), (16, 16)),
    ((50, 40), (48, 32)),
    ((20, 33), (20, 33)),
    ((64, 40), (30, 17)),
    ((7, 8), (5, 8)),
    ((45, 31), (45, 30)),
]


def beams(shape: tuple[int, int], seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    array = (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / math.sqrt(shape[0] * shape[1])
    return torch.from_numpy(array).to(torch.complex64)


def lens(shape: tuple[int, int], dtype: torch.dtype = torch.complex64, **settings) -> Lens:
    extent = (0.2 * shape[0], 0.2 * shape[1])
    ky, kx = frequencies(shape, extent)
    given = {"C10": -80.0, "C30": 1e5, "C12": 20.0, "phi12": 0.4}
    return Lens(kx, ky, LAMBDA, given, step=(1 / extent[0], 1 / extent[1]), dtype=dtype, **settings)


def by_definition(shape: tuple[int, int], grid: tuple[int, int], foci: tuple[float, ...]) -> np.ndarray:
    """Σ|ψ|² in double precision, each wave written out at each point of the grid."""
    total = np.zeros(grid)
    y = np.exp(2j * np.pi * np.outer(np.arange(grid[0]), np.arange(shape[0])) / grid[0])
    x = np.exp(2j * np.pi * np.outer(np.arange(grid[1]), np.arange(shape[1])) / grid[1])
    for number, focus in enumerate(foci):
        spectrum = beams(shape, number).numpy() * lens(shape, torch.complex128).at(focus).numpy()
        total += np.abs(y @ spectrum @ x.T) ** 2 / (number + 1)
    return total


def filled(kind, shape: tuple[int, int], grid: tuple[int, int], foci: tuple[float, ...]):
    total = CompiledIntensity(grid) if kind == "compiled" else TensorIntensity(grid, beams(shape))
    for number, focus in enumerate(foci):
        total.add(beams(shape, number), lens(shape), focus, 1 / (number + 1))
    return total


@pytest.mark.parametrize("kind", ["compiled", "tensors"])
@pytest.mark.parametrize(("shape", "image"), SHAPES)
def test_the_sum_of_intensities_is_that_of_the_waves_written_out(kind: str, shape, image) -> None:
    grid, foci = formation_shape(shape), (0.0, 37.0, -12.0)
    found = filled(kind, shape, grid, foci).intensity().numpy()
    wanted = by_definition(shape, grid, foci)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6 * wanted.max())


@pytest.mark.parametrize("kind", ["compiled", "tensors"])
@pytest.mark.parametrize("which", ["pixels", "pixels, shift", "mtf", "drift"])
@pytest.mark.parametrize(("shape", "image"), SHAPES)
def test_an_image_is_every_frequency_of_a_four_times_finer_intensity_at_the_pixels(kind, which, shape, image) -> None:
    """The sinc of the pixel, other factors, and the folding, against the sum over frequencies at each pixel."""

    def factors(grid: tuple[int, int]) -> list[torch.Tensor]:
        ky, kx = half_frequencies(grid, (float(image[0]), float(image[1])))
        parts = [torch.sinc(ky), torch.sinc(kx)]
        if which == "pixels, shift":
            parts += [torch.exp(-2j * math.pi * 0.3 * ky), torch.exp(2j * math.pi * 1.2 * kx)]
        if which == "mtf":
            parts.append(torch.exp(-(ky**2) - 2 * kx**2))
        if which == "drift":
            parts.append(torch.sinc(2 * ky + 1.5 * kx))
        return [part.to(torch.complex64 if part.is_complex() else torch.float32) for part in parts]

    foci = (0.0, 25.0)
    grid, fine = formation_shape(shape), (4 * shape[0], 4 * shape[1])
    found = filled(kind, shape, grid, foci).sampled(image, factors(grid)).numpy()
    half = np.fft.rfft2(by_definition(shape, fine, foci), norm="forward")
    for factor in factors(fine):
        half = half * factor.numpy()
    ky, kx = (np.fft.fftfreq(n, 1 / n) for n in fine)
    spectrum = np.zeros(fine, complex)
    spectrum[:, : fine[1] // 2 + 1] = half
    mirrored = np.roll(half[::-1], 1, 0).conj()
    spectrum[:, fine[1] // 2 + 1 :] = mirrored[:, 1 : fine[1] // 2][:, ::-1]
    y = np.exp(2j * np.pi * np.outer(np.arange(image[0]), ky) / image[0])
    x = np.exp(2j * np.pi * np.outer(np.arange(image[1]), kx) / image[1])
    wanted = (y @ spectrum @ x.T).real
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("image", [(16, 16), (48, 32), (11, 13), (20, 18), (19, 32)])
def test_sampling_is_the_wave_at_the_pixel_whatever_it_folds_to(image) -> None:
    fine = (48, 33)
    y, x = (np.arange(n) / n for n in fine)
    for periods in ((3, 2), (-17, 11), (20, 16), (0, 13), (9, 0)):
        phase = 2 * math.pi * (periods[0] * y[:, None] + periods[1] * x[None, :]) + 0.3
        at = [np.arange(n) / n for n in image]
        wanted = np.cos(2 * math.pi * (periods[0] * at[0][:, None] + periods[1] * at[1][None, :]) + 0.3)
        found = sampled(torch.from_numpy(np.cos(phase)), image, [])
        np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)


def test_tensors_are_taken_where_nothing_is_compiled_for() -> None:
    single = beams((16, 16))
    assert isinstance(intensity_sum((32, 32), single, False), CompiledIntensity)
    assert isinstance(intensity_sum((32, 33), single, False), TensorIntensity)
    assert isinstance(intensity_sum((32, 32), single, True), TensorIntensity)
    assert isinstance(intensity_sum((32, 32), single.to(torch.complex128), False), TensorIntensity)
    assert isinstance(intensity_sum((32, 32), single.to("meta"), False), TensorIntensity)


SCOPES = {
    "plain": {"defocus": 60.0, "Cs": 1e4},
    "foci, source, aperture": {"defocus": 60.0, "focal_spread": 20.0, "source_size": 0.3, "aperture": 45.0},
    "motion": {"defocus": 60.0, "drift": 1.0, "drift_angle": 30.0, "vibration": 0.3, "shift_x": 0.7, "shift_y": -1.1},
    "directions": {"defocus": 60.0, "source_size": 0.5, "coherence": "full", "beam_tilt_x": 2.0, "tilt_nodes": 3},
    "camera": {"defocus": 60.0, "detector": detectors.named("K2"), "drift": 1.0},
}


@pytest.mark.parametrize("name", SCOPES)
@pytest.mark.parametrize("pixel_size", [None, 0.31])
def test_a_microscope_gives_the_same_image_by_tensors_on_the_same_cpu(name: str, pixel_size, monkeypatch) -> None:
    """What an accelerator runs, here: whole tensors, nothing compiled."""
    array = 1 + 5 * beams((2 * 40, 50)).reshape(2, 40, 50)
    given = Beams.of(ExitWaves(array, (0.2, 0.2), 300e3, 10.0, seeds=(0, 1)))
    scope = Microscope(**SCOPES[name])
    compiled = scope.image(given, pixel_size).array
    monkeypatch.setattr(
        "construction_zone.image.form.intensity_sum", lambda shape, like, _: TensorIntensity(shape, like)
    )
    tensors = scope.image(given, pixel_size).array
    assert not torch.equal(compiled, tensors)  # both were run
    torch.testing.assert_close(compiled, tensors, rtol=0, atol=2e-6 * float(tensors.abs().max()))


def test_threads_do_not_change_a_bit(monkeypatch) -> None:
    monkeypatch.setattr("construction_zone.image.formation_compiled.WORTH_A_THREAD", 1)
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            total = filled("compiled", (100, 70), formation_shape((100, 70)), (0.0, 5.0))
            found.append(total.sampled((50, 40), []))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_memory_that_is_used_again_leaves_nothing_of_the_image_before() -> None:
    first = filled("compiled", (40, 50), formation_shape((40, 50)), (0.0, 5.0)).sampled((40, 50), [])
    filled("compiled", (20, 33), formation_shape((20, 33)), (3.0,)).sampled((20, 33), [])
    filled("compiled", (40, 50), formation_shape((40, 50)), (9.0,)).intensity()
    again = filled("compiled", (40, 50), formation_shape((40, 50)), (0.0, 5.0)).sampled((40, 50), [])
    assert torch.equal(first, again)


def test_two_sums_at_a_time_do_not_share_memory() -> None:
    grid = formation_shape((40, 50))
    one, two = (filled("compiled", (40, 50), grid, (focus,)) for focus in (0.0, 30.0))
    alone = filled("compiled", (40, 50), grid, (0.0,))
    assert torch.equal(one.intensity(), alone.intensity())
    assert not torch.equal(two.intensity(), filled("compiled", (40, 50), grid, (0.0,)).intensity())
