"""What can be done with exit waves: padding, choosing, diffraction patterns, power spectra."""

import ase
import numpy as np
import pytest
import torch

from construction_zone import simulate
from construction_zone.errors import InvalidInput


def particle(shift: tuple[float, float] = (0.0, 0.0)) -> ase.Atoms:
    rng = np.random.default_rng(0)
    places = rng.uniform(-1.5, 1.5, (12, 3)) + np.array([2.0, 1.7, 2.0])
    return ase.Atoms("Au12", places + np.array([*shift, 0]), cell=(9.6, 8.0, 4.0))


def test_a_padded_cell_is_the_particle_in_a_large_one() -> None:
    # its neighbours are 16 Å or more away in either; the same samples, so that they can be compared
    small = simulate.exit_waves(particle(), sampling=0.1, phonons=None, pad=8.0)
    assert small.sampling == pytest.approx((0.1, 0.1))
    assert min(small.extent) >= 24
    large = particle((12.0, 14.0))
    large.set_cell([38.4, 40.0, 4.0])
    wide = simulate.exit_waves(large, sampling=0.1, phonons=None).array[0, 140 : 140 + 80, 120 : 120 + 96]
    inside = small.without_padding()
    assert inside.array.shape == (1, 80, 96)
    assert inside.sampling == small.sampling
    assert float((inside.array[0] - wide).abs().max()) < 0.01
    # without padding the particle near the edge overlaps its neighbour: that is what padding is for
    bare = simulate.exit_waves(particle(), sampling=0.1, phonons=None)
    assert float((bare.array[0] - wide).abs().max()) > 0.1


def test_padding_leaves_the_sampling_and_is_at_least_what_was_asked() -> None:
    atoms = particle()
    atoms.set_cell([9.7, 8.3, 4.0])
    for pad in (0.1, 1.0, 3.33):
        plain, padded = (simulate.exit_waves(atoms, sampling=0.13, phonons=None, pad=p) for p in (0.0, pad))
        assert padded.sampling == pytest.approx(plain.sampling, rel=1e-12)
        assert padded.without_padding().array.shape == plain.array.shape
        for i in (0, 1):
            before = padded.metadata["pad"][i]
            behind = padded.array.shape[i + 1] - plain.array.shape[i + 1] - before
            assert min(before, behind) * padded.sampling[i] >= pad - padded.sampling[i]
        peak = np.array(
            np.unravel_index(int(padded.without_padding().array[0].angle().argmax()), plain.array.shape[1:])
        )
        other = np.array(np.unravel_index(int(plain.array[0].angle().argmax()), plain.array.shape[1:]))
        assert np.abs(peak - other).max() <= 1


def test_padding_after_resampling_is_refused() -> None:
    waves = simulate.exit_waves(particle(), sampling=0.1, phonons=None, pad=2.0)
    with pytest.raises(InvalidInput, match="remove the padding first"):
        waves.cropped(0.2).without_padding()
    bare = simulate.exit_waves(particle(), sampling=0.1, phonons=None)
    assert torch.equal(bare.without_padding().array, bare.array)
    inside = waves.without_padding()
    assert torch.equal(inside.without_padding().array, inside.array)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_padding_that_is_none(bad: float) -> None:
    with pytest.raises(InvalidInput, match="not negative"):
        simulate.exit_waves(particle(), phonons=None, pad=bad)


@pytest.mark.parametrize("shape", [(96, 80), (97, 101), (83, 128), (90, 75)])
def test_any_shape_is_taken_as_it_is(shape: tuple[int, int]) -> None:
    atoms = particle((2.0, 2.0))
    waves = simulate.exit_waves(atoms, shape=shape, phonons=None)
    assert waves.array.shape == (1, *shape)
    assert waves.sampling == pytest.approx((8.0 / shape[0], 9.6 / shape[1]))
    # the same wave up to 1.5 Å⁻¹ on every grid, but for what coarse samples lose
    fine = simulate.exit_waves(atoms, shape=(160, 192), phonons=None)
    one, other = (w.resampled((24, 28)).array[0] for w in (waves, fine))
    assert float((one - other).abs().square().mean().sqrt()) < 0.03 * float((other - 1).abs().square().mean().sqrt())


@pytest.mark.parametrize("bad", [(96,), (96, 80, 1), (96.5, 80), (0, 80), (96, -80)])
def test_shapes_that_are_none(bad: tuple) -> None:
    with pytest.raises(InvalidInput, match="two whole numbers"):
        simulate.exit_waves(particle(), shape=bad, phonons=None)


def made(array: np.ndarray, sampling: tuple[float, float] = (0.2, 0.25)) -> simulate.ExitWaves:
    return simulate.ExitWaves(torch.from_numpy(array), sampling, 300e3, 10.0, (None,) * array.shape[-3])


def test_diffraction_pattern_of_known_beams() -> None:
    y, x = np.mgrid[:20, :31] / np.array([20, 31]).reshape(2, 1, 1)
    one = 0.8 + 0.5 * np.exp(2j * np.pi * (3 * x - 2 * y))
    other = 0.6j + 0.1 * np.exp(2j * np.pi * 7 * y)
    pattern = made(np.stack([one, other])).diffraction_pattern()
    expected = np.zeros((20, 31))
    expected[10, 15] = (0.64 + 0.36) / 2
    expected[10 - 2, 15 + 3] = 0.25 / 2
    expected[10 + 7, 15] = 0.01 / 2
    assert np.allclose(pattern.numpy(), expected, atol=1e-12)


def test_beams_add_up_to_the_mean_intensity() -> None:
    waves = simulate.exit_waves(particle(), sampling=0.1, phonons=3, depths=[2.0, 4.0])
    pattern = waves.diffraction_pattern()
    assert pattern.shape == (2, 80, 96)
    mean = waves.array.abs().square().mean(dim=(-3, -2, -1))
    torch.testing.assert_close(pattern.sum((-2, -1)), mean, rtol=1e-5, atol=0)
    for k in range(2):
        assert np.unravel_index(int(pattern[k].argmax()), (80, 96)) == (40, 48)


def test_power_spectrum_is_that_of_the_mean_intensity() -> None:
    # |1 + a e^{2πi3x}|² = 1 + a² + 2a cos(2π3x): two peaks of a² and no mean; averaged over configurations first
    x = np.tile(np.arange(32)[None, :] / 32, (16, 1))
    waves = made(np.stack([1 + 0.2 * np.exp(2j * np.pi * 3 * x), np.ones((16, 32), dtype=complex)]))
    spectrum = waves.power_spectrum().numpy()
    expected = np.zeros((16, 32))
    expected[8, 16 + 3] = expected[8, 16 - 3] = (0.2 / 2) ** 2
    assert np.allclose(spectrum, expected, atol=1e-12)
    assert spectrum[8, 16] == pytest.approx(0, abs=1e-20)


def test_choosing_a_place_of_an_axis() -> None:
    tilts, depths = [(0.0, 0.0), (4.0, 0.0)], [2.0, 4.0]
    waves = simulate.exit_waves(particle(), sampling=0.2, phonons=2, tilts=tilts, depths=depths)
    thin = waves.at("depth", 0)
    assert thin.dims == ("tilt", "configuration", "y", "x")
    assert thin.z == 2.0
    assert torch.equal(thin.array, waves.array[:, 0])
    assert "depths" not in thin.metadata
    last = waves.at("depth", -1).at("tilt", -1)
    assert last.dims == ("configuration", "y", "x")
    assert (last.z, last.metadata["tilt"]) == (4.0, [4.0, 0.0])
    assert torch.equal(last.array, waves.array[1, 1])
    with pytest.raises(InvalidInput, match="no leading axis 'depth'; theirs are: none"):
        last.at("depth", 0)
    with pytest.raises(InvalidInput, match="no leading axis 'y'; theirs are: 'tilt', 'depth'"):
        waves.at("y", 0)
    with pytest.raises(InvalidInput, match="tilt 2 is not there; the waves have 2"):
        waves.at("tilt", 2)


def test_choosing_a_configuration() -> None:
    waves = simulate.exit_waves(particle(), sampling=0.2, phonons=3, depths=[2.0, 4.0])
    for index in (1, -1):
        one = waves.only_configuration(index)
        assert one.array.shape == (2, 1, *waves.grid.shape)
        assert one.seeds == (waves.seeds[index],)
        assert torch.equal(one.array[:, 0], waves.array[:, index])
    for index in (3, -4):
        with pytest.raises(InvalidInput, match="the waves have 3"):
            waves.only_configuration(index)


def test_thickness_series_and_padding_survive_writing(tmp_path) -> None:
    waves = simulate.exit_waves(
        particle(), sampling=0.2, phonons=2, tilts=[(0.0, 1.0)], depths=[2.0, 4.0], pad=1.0, seed=3
    )
    waves.save(tmp_path / "waves.zarr")
    back = simulate.ExitWaves.load(tmp_path / "waves.zarr")
    assert back.dims == waves.dims
    assert back.metadata == waves.metadata
    assert torch.equal(back.without_padding().array, waves.without_padding().array)
    assert back.at("depth", 0).z == 2.0
