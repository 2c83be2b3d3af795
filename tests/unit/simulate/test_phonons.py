import ase
import numpy as np
import pytest

from construction_zone.simulate.phonons import displaced, rms_displacements


def test_displacements_have_the_rms_asked_for() -> None:
    n = 40_000
    moved = displaced(np.zeros((n, 3)), np.full(n, 0.09), np.arange(n), seed=1, configuration=0)
    # the standard error of a standard deviation from n samples is u/√(2n): 5 of them
    assert np.allclose(moved.std(0), 0.09, atol=5 * 0.09 / np.sqrt(2 * n))
    assert np.allclose(moved.mean(0), 0, atol=5 * 0.09 / np.sqrt(n))


def test_subsets_move_alike() -> None:
    positions, u, ids = np.zeros((50, 3)), np.full(50, 0.1), np.arange(50)
    whole = displaced(positions, u, ids, seed=3, configuration=4)
    some = np.array([40, 3, 17])
    assert np.array_equal(displaced(positions[some], u[some], ids[some], seed=3, configuration=4), whole[some])


def test_where_values_come_from() -> None:
    atoms = ase.Atoms("AuCuC", np.zeros((3, 3)))
    atoms.set_array("thermal_u", np.array([0.0, 0.2, 0.05]))
    # gold from the table (B = 0.637 Å² so that u = √(B/8π²) = 0.0898), the others from their phase
    assert rms_displacements(atoms) == pytest.approx([np.sqrt(0.637 / (8 * np.pi**2)), 0.2, 0.05], abs=5e-4)
    assert rms_displacements(atoms, {"C": 0.1}) == pytest.approx([0.090, 0.2, 0.1])
    assert rms_displacements(atoms, 0.07) == pytest.approx([0.07] * 3)
