"""Tilted beams: their direction, their equivalence to sheared specimens, and ensembles of them."""

import math

import ase
import numpy as np
import pytest
import torch

from construction_zone import simulate
from construction_zone.image import Microscope


def film(seed: int = 0, count: int = 60) -> ase.Atoms:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(["Au", "C", "Se"], count)
    return ase.Atoms(symbols, rng.uniform(0, 1, (count, 3)) * [9.6, 12.8, 15.999], cell=(9.6, 12.8, 16), pbc=True)


EXACT = {"sampling": 0.1, "phonons": None, "dtype": torch.complex128}


@pytest.mark.parametrize("tilt", [(20.0, 0.0), (-20.0, 0.0), (0.0, 20.0), (20.0, -10.0)])
def test_what_stands_in_the_beam_moves_towards_the_tilt(tilt: tuple[float, float]) -> None:
    # between the slice of the atom, at 0, and the exit face lie 20 Å: its image moves by 20 Å · tanθ
    atoms = ase.Atoms("Au", [[6.0, 6.0, 0.5]], cell=(12, 12, 20))
    straight, leaning = (simulate.exit_waves(atoms, tilts=[t], **EXACT).array[0, 0] for t in ((0, 0), tilt))
    k = torch.fft.fftfreq(120, 0.1, dtype=torch.float64)
    shift_x, shift_y = (20 * math.tan(1e-3 * t) for t in tilt)
    moved = torch.fft.ifft2(
        torch.fft.fft2(straight) * torch.exp(-2j * torch.pi * (k[:, None] * shift_y + k[None, :] * shift_x))
    )
    assert float((moved - leaning).abs().max()) < 1e-9
    # and so does the plain centre of gravity of what it scatters, in Å along +x and +y
    weight = (leaning - 1).abs().square()
    weight = weight / weight.sum()
    x = torch.arange(120, dtype=torch.float64) * 0.1
    assert float((weight.sum(0) * x).sum()) - 6.0 == pytest.approx(shift_x, abs=0.01)
    assert float((weight.sum(1) * x).sum()) - 6.0 == pytest.approx(shift_y, abs=0.01)


@pytest.mark.parametrize(("along_x", "along_y"), [(1, 0), (0, 1), (-2, 1)])
def test_a_tilted_beam_sees_the_specimen_sheared(along_x: int, along_y: int) -> None:
    # in the beam's frame every slice lies tanθ · (height of the exit face over it) further: whole pixels here
    atoms = film()
    tangents = 0.1 * np.array([along_x, along_y]) / 4.0
    tilt = tuple(1e3 * np.arctan(tangents))
    leaning = simulate.exit_waves(atoms, slice_thickness=4.0, tilts=[tilt], **EXACT).array[0]
    sheared = atoms.copy()
    entrance = 4.0 * np.floor(atoms.positions[:, 2] / 4.0)
    sheared.positions[:, :2] += np.outer(16 - entrance, tangents)
    straight = simulate.exit_waves(sheared, slice_thickness=4.0, **EXACT).array
    assert float((leaning - straight).abs().max()) < 1e-9


def test_an_ensemble_of_tilts_is_the_single_runs() -> None:
    tilts = [(0.0, 0.0), (3.0, -2.0), (-5.0, 1.0)]
    settings = {"sampling": 0.1, "phonons": 2, "seed": 4, "displacements": 0.1}
    waves = simulate.exit_waves(film(), tilts=tilts, **settings)
    assert waves.dims == ("tilt", "configuration", "y", "x")
    assert waves.metadata["tilts"] == [list(t) for t in tilts]
    for index, tilt in enumerate(tilts):
        single = simulate.exit_waves(film(), tilts=[tilt], **settings)
        assert torch.equal(waves.array[index], single.array[0])
        assert waves.at("tilt", index).metadata["tilt"] == list(tilt)
        assert torch.equal(waves.at("tilt", index).array, single.array[0])
    assert torch.equal(waves.array[0], simulate.exit_waves(film(), **settings).array)
    assert not torch.allclose(waves.array[0], waves.array[1], atol=1e-3)


def test_a_microscope_averages_tilts_as_intensities() -> None:
    tilts = [(0.0, 0.0), (6.0, 0.0), (0.0, -9.0)]
    waves = simulate.exit_waves(film(), tilts=tilts, depths=[8.0, 16.0], sampling=0.1, phonons=2, displacements=0.1)
    assert waves.dims == ("tilt", "depth", "configuration", "y", "x")
    scope = Microscope(defocus=120, focal_spread=20)
    image = scope.image(waves, pixel_size=0.2).array
    singles = [scope.image(waves.at("tilt", i), pixel_size=0.2).array for i in range(3)]
    assert image.shape == singles[0].shape
    assert image.shape[0] == 2
    torch.testing.assert_close(image, torch.stack(singles).mean(0), atol=1e-5, rtol=0)
    assert float((singles[0] - singles[2]).abs().max()) > 0.05


def test_thickness_series_in_a_tilted_beam() -> None:
    atoms = film()
    series = simulate.exit_waves(atoms, tilts=[(7.0, 3.0)], depths=[4.0, 10.0, 16.0], **EXACT)
    assert series.dims == ("tilt", "depth", "configuration", "y", "x")
    for index, height in enumerate((4.0, 10.0, 16.0)):
        thin = atoms[atoms.positions[:, 2] < height]
        thin.cell[2, 2] = height
        alone = simulate.exit_waves(thin, tilts=[(7.0, 3.0)], **EXACT)
        assert float((series.array[:, index] - alone.array).abs().max()) < 1e-10
