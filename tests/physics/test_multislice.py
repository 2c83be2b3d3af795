"""The wave engine against closed forms and conservation laws."""

import ase
import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from construction_zone import simulate
from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR, interaction_parameter, wavelength
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.potential import form_factors
from construction_zone.simulate.propagation import propagated, propagator
from construction_zone.simulate.scattering import projected_potential, scattering_factor
from construction_zone.simulate.slicing import cut
from construction_zone.simulate.steps_torch import add_filtered, spread


def potential_of(positions: np.ndarray, numbers: np.ndarray, grid: Grid) -> np.ndarray:
    """Projected potential (ny, nx) in V·Å of atoms at `positions` (n, 2: x, y) in Å."""
    samples = torch.from_numpy(np.asarray(positions, dtype=float)[:, ::-1] / np.array(grid.sampling))[None]
    total = torch.zeros((1, *grid.shape), dtype=torch.complex128)
    factors = form_factors(numbers, grid, dtype=torch.float64)
    for number, factor in factors.items():
        held = torch.zeros_like(total)
        spread(held, 0, samples[:, torch.from_numpy(np.asarray(numbers) == number)])
        add_filtered(total, held, factor, False, number == max(factors))
    made = total[0]
    assert float(made.imag.abs().max()) <= 1e-12 * float(made.abs().max())
    return made.real.numpy()


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.5, 0.5), (0.27, 0.81), (0.999, 0.123)])
def test_one_atom_is_exact_wherever_it_lies_in_its_pixel(offset: tuple[float, float]) -> None:
    grid = Grid((128, 120), (12.8, 12.0))
    position = np.array([[(60 + offset[0]) * grid.sampling[1], (31 + offset[1]) * grid.sampling[0]]])
    made = np.fft.fft2(potential_of(position, np.array([79]), grid))
    ky, kx = (k.numpy() for k in grid.frequencies())
    q = np.hypot(ky, kx)
    exact = (
        PROJECTED_POTENTIAL_FACTOR
        * scattering_factor(79, q)
        * np.exp(-2j * np.pi * (kx * position[0, 0] + ky * position[0, 1]))
        / np.prod(grid.sampling)
    )
    band = q <= grid.cutoff
    assert np.linalg.norm((made - exact)[band]) <= 1e-4 * np.linalg.norm(exact[band])


def test_potential_is_the_closed_form_away_from_the_core() -> None:
    # the sharp cut at Nyquist rings with alternating sign from sample to sample: the stencil 1 2 1 removes it, on both
    grid = Grid((400, 400), (20.0, 20.0))
    made = potential_of(np.array([[10.0, 10.0]]), np.array([6]), grid)
    x = (np.arange(400) - 200) * 0.05
    radius = np.hypot(*np.meshgrid(x, x))
    images = [np.hypot(*np.meshgrid(x - 20 * i, x - 20 * j)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    exact = sum(projected_potential(6, np.maximum(image, 1e-3)) for image in images)
    made, exact = (convolve(v, np.outer([1, 2, 1], [1, 2, 1]) / 16, mode="wrap") for v in (made, exact))
    ring = (radius > 0.5) & (radius < 2.5)
    assert np.allclose(made[ring], exact[ring], rtol=0.005, atol=0.005)


def test_atoms_across_the_seam_are_periodic() -> None:
    grid = Grid((64, 80), (6.4, 8.0))
    at_seam = potential_of(np.array([[0.02, 6.39]]), np.array([29]), grid)
    inside = potential_of(np.array([[4.02, 3.19]]), np.array([29]), grid)
    assert np.allclose(np.roll(at_seam, (-32, 40), (0, 1)), inside, atol=1e-9 * inside.max())


def test_every_atom_is_in_one_slice() -> None:
    z = np.array([0.0, -1e-4, 1.999999999999, 2.0, 3.5, 9.999, 10.0, 10.0001, 4.0])
    slices = cut(z, 10.0, 2.0)
    assert sorted(np.concatenate(slices.members)) == list(range(len(z)))
    assert [len(m) for m in slices.members] == [2, 3, 1, 0, 3]
    assert np.allclose(cut(z, 10.0, 3.0).thicknesses, 2.5)  # equal slices, none thicker than asked


def test_vacuum_keeps_a_random_band_limited_wave() -> None:
    grid = Grid((96, 128), (9.6, 12.8))
    kernel = propagator(grid, 300e3, 7.0, dtype=torch.complex128, device="cpu")
    rng = torch.Generator().manual_seed(0)
    spectrum = torch.randn(grid.shape, generator=rng, dtype=torch.complex128) * (kernel.whole().abs() > 0)
    wave = torch.fft.ifft2(spectrum)
    norm = wave.abs().square().sum()
    for _ in range(50):
        wave = propagated(wave, kernel)
    assert wave.abs().square().sum() == pytest.approx(float(norm), rel=1e-12)


def test_propagation_is_a_phase_on_each_plane_wave() -> None:
    grid = Grid((64, 64), (16.0, 16.0))
    x = torch.arange(64, dtype=torch.float64) * 0.25
    k = 5 / 16.0
    wave = torch.exp(2j * torch.pi * k * x).expand(64, 64)
    out = propagated(wave, propagator(grid, 200e3, 33.0, dtype=torch.complex128, device="cpu"))
    expected = wave * np.exp(-1j * np.pi * wavelength(200e3) * 33.0 * k**2)
    torch.testing.assert_close(out, expected, atol=1e-12, rtol=0)


def test_propagating_back_undoes_propagating() -> None:
    atoms = ase.Atoms("Au", [[4.0, 5.0, 1.0]], cell=(10, 10, 6))
    waves = simulate.exit_waves(atoms, sampling=0.1, phonons=None, dtype=torch.complex128)
    back = waves.propagated(-25.0).propagated(25.0)
    torch.testing.assert_close(back.array, waves.array, atol=1e-12, rtol=0)
    assert back.z == waves.z


def test_a_thin_specimen_is_a_phase_object() -> None:
    # one slice at the exit face: |k| < cutoff of exp(iσv), v the band-limited potential
    atoms = ase.Atoms("CSi", [[3.0, 4.0, 0.3], [6.2, 5.1, 0.4]], cell=(10, 10, 1.0))
    waves = simulate.exit_waves(atoms, sampling=0.1, phonons=None, cores=False, dtype=torch.complex128)
    wave = waves.propagated(-1.0)
    v = potential_of(atoms.positions[:, :2], atoms.numbers, wave.grid)
    ky, kx = (k.numpy() for k in wave.grid.frequencies())
    band = np.hypot(ky, kx) <= wave.grid.cutoff
    expected = np.fft.ifft2(np.fft.fft2(np.exp(1j * interaction_parameter(300e3) * v)) * band)
    assert np.allclose(wave.numpy()[0], expected, atol=1e-9)


def test_potential_advances_the_phase() -> None:
    atoms = ase.Atoms("Si", [[5.0, 5.0, 0.5]], cell=(10, 10, 1))
    assert simulate.exit_waves(atoms, sampling=0.1, phonons=None).array.angle().mean() > 0


def test_total_intensity_never_grows() -> None:
    rng = np.random.default_rng(0)
    atoms = ase.Atoms("Au" * 300, rng.uniform(0, 16, (300, 3)), cell=(16, 16, 16))
    previous = 1.0
    for height in (2, 4, 8, 16):
        below = atoms[atoms.positions[:, 2] < height]
        below.cell[2, 2] = height
        total = float(simulate.exit_waves(below, sampling=0.1, phonons=None).array.abs().square().mean())
        assert total <= previous + 1e-6
        previous = total
    assert previous > 0.9  # and little is lost beyond the cutoff


def test_first_born_limit() -> None:
    # ψ − 1 = iσv − (σv)²/2 − … at the atom's plane: the transform's imaginary part is the Born term but for third
    # order, under 1e-3 of it for hydrogen
    atoms = ase.Atoms("H", [[5.0, 5.0, 0.5]], cell=(10, 10, 1))
    wave = simulate.exit_waves(atoms, sampling=0.1, phonons=None, dtype=torch.complex128).propagated(-1.0)
    ky, kx = (k.numpy() for k in wave.grid.frequencies())
    q = np.hypot(ky, kx)
    scattered = np.fft.fft2(wave.numpy()[0] - 1) * np.prod(wave.sampling) * np.exp(2j * np.pi * 5 * (kx + ky))
    born = interaction_parameter(300e3) * PROJECTED_POTENTIAL_FACTOR * scattering_factor(1, q)
    band = q < 2
    assert np.linalg.norm((scattered.imag - born)[band]) < 1e-3 * np.linalg.norm(born[band])


def test_vacuum_between_atoms_costs_nothing_and_changes_nothing() -> None:
    # the same two atoms, once with slices of 1 Å and thus 30 empty ones between them, once all propagated at once
    atoms = ase.Atoms("Au2", [[5.0, 5.0, 0.5], [5.5, 5.0, 30.5]], cell=(10, 10, 40))
    thin = simulate.exit_waves(
        atoms, sampling=0.1, slice_thickness=1.0, phonons=None, cores=False, dtype=torch.complex128
    )
    grid = thin.grid
    sigma = interaction_parameter(300e3)
    step = propagator(grid, 300e3, 1.0, dtype=torch.complex128, device="cpu")
    wave = torch.ones(grid.shape, dtype=torch.complex128)
    for i in range(40):
        for atom in atoms:
            if int(atom.z) == i:
                wave = wave * torch.exp(
                    1j * sigma * torch.from_numpy(potential_of([[atom.x, atom.y]], np.array([79]), grid))
                )
        wave = propagated(wave, step)
    # every step cuts the band, also before the first atom, where there is nothing to cut
    torch.testing.assert_close(thin.array[0], wave, atol=1e-10, rtol=0)
