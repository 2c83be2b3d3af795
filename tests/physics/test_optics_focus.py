"""Where the contrast is least, on objects whose focus is known."""

from __future__ import annotations

from collections.abc import Iterator

import ase
import ase.build
import numpy as np
import pytest
import torch

from construction_zone.errors import InvalidInput
from construction_zone.image import Microscope
from construction_zone.image.focus import least_contrast, zero_plane
from construction_zone.simulate import exit_waves
from construction_zone.simulate.waves import ExitWaves

ENERGY = 300e3


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Hundreds of small images: threads of torch would spend their time on waiting for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def phase_plane(strength: float = 0.05, seed: int = 1, size: int = 128) -> torch.Tensor:
    """A weak phase object: atoms in the middle of a field of 25.6 Å, exp(iφ)."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size)) * 0.2
    phase = np.zeros((size, size))
    for cy, cx in rng.uniform(9, 17, (12, 2)):
        phase += strength * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 0.5**2))
    return torch.from_numpy(np.exp(1j * phase))[None]


def waves(array: torch.Tensor, z: float) -> ExitWaves:
    return ExitWaves(array, (0.2, 0.2), ENERGY, z)


@pytest.mark.parametrize("plane", [12.3, 40.0, 57.7])
def test_a_weak_phase_object_has_no_contrast_in_its_own_plane(plane: float) -> None:
    carried = waves(phase_plane(), plane).propagated(60.0 - plane)
    assert least_contrast(carried, (0.0, 70.0)) == pytest.approx(plane, abs=0.051)
    assert least_contrast(carried) == pytest.approx(plane, abs=0.051)


def test_two_equal_planes_have_it_half_way() -> None:
    first = waves(phase_plane(), 20.0).propagated(24.0)
    both = ExitWaves(first.array * phase_plane(), (0.2, 0.2), ENERGY, 44.0).propagated(16.0)
    assert least_contrast(both, (0.0, 60.0)) == pytest.approx(32.0, abs=0.15)


def test_spherical_aberration_moves_it() -> None:
    """χ ≈ 0 at the frequencies that carry contrast wants a little underfocus for positive Cs: upstream."""
    carried = waves(phase_plane(), 30.0).propagated(10.0)
    plain = least_contrast(carried, (-60.0, 60.0))
    assert least_contrast(carried, (-60.0, 60.0), coefficients={"C30": 5e4}) < plain - 0.5


def test_a_gold_particle_has_it_inside() -> None:
    ball = ase.build.bulk("Au", cubic=True).repeat(5)
    ball.rattle(0.05, seed=1)
    ball.positions -= ball.positions.mean(axis=0)
    ball = ball[np.linalg.norm(ball.positions, axis=1) < 8]
    ball.set_cell((26, 26, 60))
    ball.positions += (13, 13, 25)
    exit_wave = exit_waves(ball, sampling=0.12, phonons=None)
    plane = zero_plane("minimum_contrast", exit_wave, ball)
    assert 17 < plane < 33
    # at the zero plane, defocus 0 is where the image has least contrast
    scope = {d: Microscope(defocus=d, zero=plane).image(exit_wave, pixel_size=0.2).array.std() for d in (-8, 0, 8)}
    assert scope[0] < min(scope[-8], scope[8])


def test_planes_of_atoms() -> None:
    atoms = ase.Atoms("Au3", [[0, 0, 5.0], [0, 0, 9.0], [0, 0, 21.0]], cell=(4, 4, 30))
    stored = waves(phase_plane(), 30.0)
    assert zero_plane("stored", stored) == 30.0
    assert [zero_plane(kind, stored, atoms) for kind in ("top", "middle", "bottom")] == [5.0, 13.0, 21.0]


def test_defocus_counts_from_the_zero_plane() -> None:
    object_wave = waves(phase_plane(0.3), 20.0)
    sharp = Microscope(defocus=35.0).image(object_wave).array
    far = Microscope(defocus=35.0, zero=20.0).image(object_wave.propagated(50.0)).array
    torch.testing.assert_close(far, sharp, atol=1e-6, rtol=0)


def test_what_has_no_answer_is_refused() -> None:
    vacuum = waves(torch.ones(1, 64, 64, dtype=torch.complex128), 10.0)
    with pytest.raises(InvalidInput, match="no contrast"):
        least_contrast(vacuum)
    with pytest.raises(InvalidInput, match="edge of the range"):
        least_contrast(waves(phase_plane(), 30.0), (40.0, 60.0))
    with pytest.raises(InvalidInput, match="lower one first"):
        least_contrast(vacuum, (5.0, 5.0))
    with pytest.raises(InvalidInput, match="give the atoms"):
        zero_plane("middle", vacuum)
    with pytest.raises(InvalidInput, match="minimum_contrast"):
        zero_plane("centre", vacuum)  # type: ignore[arg-type]
    stack = ExitWaves(vacuum.array[None], (0.2, 0.2), ENERGY, 0.0, dims=("depth", "configuration", "y", "x"))
    with pytest.raises(InvalidInput, match="pick one place"):
        least_contrast(stack)
