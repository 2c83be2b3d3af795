"""Exit waves against abTEM, whose potentials (Lobato, infinite projection) and slices are made the same."""

import warnings

import ase
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from construction_zone import simulate

abtem = pytest.importorskip("abtem")

CELL, KMAX = 24.0, 2.0


def gold_on_carbon() -> ase.Atoms:
    """A 12 Å gold ball in a random orientation on 12 Å of uniformly random carbon, 0.11 atoms per Å³."""
    rng = np.random.default_rng(11)
    carbon = rng.uniform([0, 0, 1], [CELL, CELL, 13], (int(0.11 * CELL * CELL * 12), 3))
    sites = np.argwhere(np.indices((14, 14, 14)).sum(0) % 2 == 0) - 7.0
    gold = Rotation.random(rng=np.random.default_rng(4)).apply(sites * 4.0782 / 2)
    gold = gold[np.linalg.norm(gold, axis=1) < 6] + [CELL / 2, CELL / 2, 20]
    return ase.Atoms(
        ["C"] * len(carbon) + ["Au"] * len(gold), np.vstack([carbon, gold]), cell=(CELL, CELL, 28), pbc=True
    )


def abtem_wave(atoms: ase.Atoms, sampling: float, energy: float) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # abTEM's own
        potential = abtem.Potential(
            atoms, sampling=sampling, slice_thickness=2.0, projection="infinite", parametrization="lobato"
        )
        waves = abtem.PlaneWave(energy=energy).multislice(potential, lazy=False)
    return np.asarray(waves.array).T  # abTEM's axes are x, y


def scattered_below(wave: np.ndarray, kmax: float) -> np.ndarray:
    """Fourier coefficients of ψ − 1 with |k| < kmax (Å⁻¹), in an order that does not depend on the grid."""
    orders = np.arange(-int(kmax * CELL) - 1, int(kmax * CELL) + 2)
    spectrum = np.fft.fft2(wave - 1, norm="forward")[np.ix_(orders, orders)]
    return spectrum[np.hypot(*np.meshgrid(orders, orders)) / CELL < kmax]


@pytest.mark.parametrize("energy", [300e3])
def test_static_exit_wave_agrees_with_a_fine_abtem_wave(energy: float) -> None:
    atoms = gold_on_carbon()
    reference = scattered_below(abtem_wave(atoms, 0.025, energy), KMAX)
    errors = {}
    for sampling in (0.1, 0.05):
        ours = simulate.exit_waves(atoms, energy=energy, sampling=sampling, phonons=None)
        difference = scattered_below(ours.numpy()[0], KMAX) - reference
        errors[sampling] = np.linalg.norm(difference) / np.linalg.norm(reference)
    # what is left is the lost core of exp(iσv), which falls with the sampling, and abTEM's own at 0.025 Å
    assert errors[0.1] <= 0.025
    assert errors[0.05] <= 0.012
