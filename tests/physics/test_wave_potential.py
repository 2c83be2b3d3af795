"""Potentials and the cores of atoms against direct structure-factor sums, in which nothing of the engine is used but
the table of scattering factors."""

from types import ModuleType

import ase
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from construction_zone import simulate
from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR, interaction_parameter, wavelength
from construction_zone.simulate import steps_compiled, steps_torch
from construction_zone.simulate.core import FINE, SIZE, core_patches
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.potential import form_factors
from construction_zone.simulate.scattering import projected_potential, scattering_factor

CELL, HIGHEST = 12.8, 2.0
FINE_SIZE = 1024
"""Samples of the truth's grid along each axis: 0.0125 Å, 1/8 of the engine's."""


def fine_transmission(atoms: ase.Atoms, energy: float) -> np.ndarray:
    """exp(iσV) of all `atoms` in one slice, (FINE_SIZE, FINE_SIZE)."""
    k = np.fft.fftfreq(FINE_SIZE, CELL / FINE_SIZE)
    half = np.fft.rfftfreq(FINE_SIZE, CELL / FINE_SIZE)
    q = np.hypot(k[:, None], half)
    spectrum = np.zeros(q.shape, dtype=complex)
    for number in np.unique(atoms.numbers):
        x, y = atoms.positions[atoms.numbers == number, :2].T
        sums = np.exp(-2j * np.pi * np.outer(k, y)) @ np.exp(-2j * np.pi * np.outer(x, half))
        spectrum += PROJECTED_POTENTIAL_FACTOR * scattering_factor(int(number), q) * sums
    potential = np.fft.irfft2(spectrum, s=(FINE_SIZE, FINE_SIZE)) * (FINE_SIZE / CELL) ** 2
    return np.exp(1j * interaction_parameter(energy) * potential)


def fine_wave(atoms: ase.Atoms, energy: float, thickness: float) -> np.ndarray:
    """Exit wave by plain multislice on the fine grid, its band limited to 2/3 of Nyquist."""
    k = np.fft.fftfreq(FINE_SIZE, CELL / FINE_SIZE)
    k2 = np.add.outer(k**2, k**2)
    step = np.exp(-1j * np.pi * wavelength(energy) * thickness * k2) * (k2 <= (FINE_SIZE / CELL / 3) ** 2)
    wave = np.ones((FINE_SIZE, FINE_SIZE), dtype=complex)
    index = (atoms.positions[:, 2] // thickness).astype(int)
    for i in range(round(atoms.cell[2, 2] / thickness)):
        wave = np.fft.ifft2(np.fft.fft2(wave * fine_transmission(atoms[index == i], energy)) * step)
    return wave


def beams(wave: np.ndarray) -> np.ndarray:
    """Fourier coefficients of ψ − 1 below `HIGHEST`, in an order that does not depend on the grid."""
    orders = np.arange(-int(HIGHEST * CELL), int(HIGHEST * CELL) + 1)
    spectrum = np.fft.fft2(wave - 1, norm="forward")[np.ix_(orders, orders)]
    return spectrum[np.hypot(*np.meshgrid(orders, orders)) / CELL < HIGHEST]


def error(wave: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(beams(wave) - beams(truth)) / np.linalg.norm(beams(truth)))


@pytest.mark.parametrize("steps", [steps_torch, steps_compiled], ids=["torch", "compiled"])
@pytest.mark.parametrize("shape", [(128, 128), (128, 90), (105, 150)])
@pytest.mark.parametrize("parametrization", ["lobato", "kirkland"])
def test_one_atom_is_exact_wherever_it_lies_in_its_pixel(
    parametrization: str, shape: tuple[int, int], steps: ModuleType
) -> None:
    grid = Grid(shape, (12.8, 12.0))
    ky, kx = (k.numpy() for k in grid.frequencies())
    q = np.hypot(ky, kx)
    band = q <= grid.cutoff
    real, dtype = (torch.float32, torch.complex64) if steps is steps_compiled else (torch.float64, torch.complex128)
    factors = form_factors(np.array([79]), grid, parametrization=parametrization, dtype=real)
    potentials = steps.Potentials(steps.filters(factors), 1, shape, dtype)
    held = PROJECTED_POTENTIAL_FACTOR * scattering_factor(79, q, parametrization) / np.prod(grid.sampling)
    rng = np.random.default_rng(3)
    places = np.vstack([[[0, 0], [0.5, 0.5], [0.999, 0.001]], rng.uniform(0, 1, (17, 2))]) + rng.integers(
        -3, 90, (20, 2)
    )
    for y, x in places:
        potentials.make([{79: torch.tensor([[[y, x]]], dtype=torch.float64)}], False)
        made = np.fft.fft2(potentials.array()[0].numpy().real.astype(float))
        exact = held * np.exp(-2j * np.pi * (ky * y * grid.sampling[0] + kx * x * grid.sampling[1]))
        assert np.linalg.norm((made - exact)[band]) <= 1e-4 * np.linalg.norm(exact[band])


def separated(seed: int = 0) -> ase.Atoms:
    """Gold, selenium and carbon atoms, ten in all, that lie 3 Å or more apart in the cell."""
    rng = np.random.default_rng(seed)
    places: list[np.ndarray] = []
    while len(places) < 10:
        place = rng.uniform(0, CELL, 2)
        if all(np.linalg.norm((place - p + CELL / 2) % CELL - CELL / 2) > 3 for p in places):
            places.append(place)
    return ase.Atoms("Au3Se3C4", [[*p, 0.5] for p in places], cell=(CELL, CELL, 1.0), pbc=True)


@pytest.mark.parametrize("energy", [300e3, 80e3])
def test_the_core_correction_gives_the_cores_back(energy: float) -> None:
    atoms = separated()
    truth = fine_transmission(atoms, energy)
    for shape in [(128, 128), (102, 102), (128, 112)]:
        errors = []
        for cores in (True, False):
            wave = simulate.exit_waves(
                atoms,
                energy=energy,
                shape=shape,
                slice_thickness=1.0,
                phonons=None,
                cores=cores,
                dtype=torch.complex128,
            )
            errors.append(error(wave.propagated(-1.0).numpy()[0], truth))
        print(f"{energy:g} {shape}: with {errors[0]:.5f}, without {errors[1]:.5f}")
        assert errors[0] < errors[1] / 6


def test_the_wave_of_gold_on_carbon_is_right_to_six_parts_in_a_thousand() -> None:
    rng = np.random.default_rng(2)
    carbon = rng.uniform([0, 0, 0.5], [CELL, CELL, 7.5], (int(0.11 * CELL**2 * 7), 3))
    sites = np.argwhere(np.indices((9, 9, 9)).sum(0) % 2 == 0) - 4.0
    gold = Rotation.random(rng=np.random.default_rng(5)).apply(sites * 4.0782 / 2)
    gold = gold[np.linalg.norm(gold, axis=1) < 4.2] + [CELL / 2, CELL / 2, 12]
    atoms = ase.Atoms(["C"] * len(carbon) + ["Au"] * len(gold), np.vstack([carbon, gold]), cell=(CELL, CELL, 16))
    truth = fine_wave(atoms, 300e3, 2.0)
    with_cores, without = (
        error(simulate.exit_waves(atoms, phonons=None, sampling=0.1, cores=cores).numpy()[0], truth)
        for cores in (True, False)
    )
    print(f"gold on carbon: with {with_cores:.5f}, without {without:.5f}")
    assert with_cores <= 0.006
    assert with_cores < without / 4


@pytest.mark.parametrize("sampling", [(0.1, 0.1), (0.1, 0.12)])
def test_patches_mirror_each_other(sampling: tuple[float, float]) -> None:
    # an atom a/FINE behind a sample seen from the other side is one (FINE − a)/FINE behind the sample before
    patches = core_patches(34, 200e3, sampling, "lobato")
    assert patches.shape == (FINE, FINE, SIZE, SIZE)
    largest = np.abs(patches).max()
    for a in range(1, FINE):
        assert np.allclose(patches[FINE - a, 2], patches[a, 2][::-1], atol=1e-9 * largest)
        assert np.allclose(patches[2, FINE - a], patches[2, a][:, ::-1], atol=1e-9 * largest)
    if sampling[0] == sampling[1]:
        assert np.allclose(patches.transpose(1, 0, 3, 2), patches, atol=1e-9 * largest)


def test_patches_repeat_from_pixel_to_pixel() -> None:
    atoms = ase.Atoms("Au", [[3.14, 2.77, 0.5]], cell=(8, 8, 1))
    waves = {}
    for step in (0.0, 1.7):
        atoms.positions[0, :2] = [3.14 + step, 2.77 - step]
        waves[step] = simulate.exit_waves(atoms, sampling=0.1, phonons=None, dtype=torch.complex128).array[0]
    assert float((torch.roll(waves[0.0], (-17, 17), (0, 1)) - waves[1.7]).abs().max()) < 1e-9


def test_what_a_patch_adds_at_zero_frequency_is_what_was_lacking() -> None:
    # the mean of exp(iσv) − 1 over the plane is a number of the atom; exp(iσv_b) lacks part of it on a coarse grid
    number, energy, step = 79, 300e3, 0.1
    radius = np.linspace(1e-5, 4, 400_000)
    phase = interaction_parameter(energy) * projected_potential(number, radius)
    true = 2 * np.pi * np.trapezoid((np.exp(1j * phase) - 1) * radius, radius)
    atoms = ase.Atoms("Au", [[6.4, 6.4, 0.5]], cell=(12.8, 12.8, 1))
    errors = []
    for cores in (True, False):
        waves = simulate.exit_waves(atoms, sampling=step, phonons=None, cores=cores, dtype=torch.complex128)
        errors.append(abs(complex((waves.array[0] - 1).sum()) * step**2 - true) / abs(true))
    assert errors[0] < 2e-3
    assert errors[0] < errors[1] / 6
