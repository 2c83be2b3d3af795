import ase
import numpy as np
import pytest
import torch

from construction_zone import simulate
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.simulate.phonons import displaced, displacement_roots


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
    assert displacement_roots(atoms) == pytest.approx([np.sqrt(0.637 / (8 * np.pi**2)), 0.2, 0.05], abs=5e-4)
    assert displacement_roots(atoms, {"C": 0.1}) == pytest.approx([0.090, 0.2, 0.1])
    assert displacement_roots(atoms, 0.07) == pytest.approx([0.07] * 3)


def test_an_array_of_displacements_goes_before_the_phases() -> None:
    atoms = ase.Atoms("AuCuC", np.zeros((3, 3)))
    atoms.set_array("thermal_u", np.array([0.1, 0.2, 0.3]))
    assert np.array_equal(displacement_roots(atoms, np.array([0.01, 0.02, 0.0])), [0.01, 0.02, 0.0])
    assert np.array_equal(displacement_roots(atoms, [0.01, 0.02, 0.0]), [0.01, 0.02, 0.0])


def test_each_axis_has_its_own_displacement() -> None:
    n = 40_000
    u = np.tile([0.05, 0.1, 0.0], (n, 1))
    moved = displaced(np.zeros((n, 3)), displacement_roots(ase.Atoms(["Au"] * n), u), np.arange(n), 1, 0)
    assert np.allclose(moved.std(0), u[0], atol=5 * 0.1 / np.sqrt(2 * n))
    assert np.all(moved[:, 2] == 0)


def test_tensors_give_their_covariance() -> None:
    n = 60_000
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    tensor = axes @ np.diag([0.02, 0.008, 0.0]) @ axes.T
    tensor = (tensor + tensor.T) / 2
    roots = displacement_roots(ase.Atoms(["Au"] * n), np.tile(tensor, (n, 1, 1)))
    moved = displaced(np.zeros((n, 3)), roots, np.arange(n), 2, 3)
    # the standard error of a covariance of normal numbers is √((U_ii U_jj + U_ij²)/n)
    error = np.sqrt((np.outer(np.diag(tensor), np.diag(tensor)) + tensor**2) / n)
    assert np.all(np.abs(moved.T @ moved / n - tensor) <= 5 * error + 1e-12)
    assert np.abs(moved @ axes[:, 2]).max() < 1e-9  # nothing along the axis without motion


def test_anisotropic_phases_come_with_the_atoms() -> None:
    atoms = ase.Atoms("AuCu", np.zeros((2, 3)))
    atoms.set_array("thermal_u", np.array([[0.1, 0.2, 0.3], [0.0, 0.1, 0.0]]))
    assert np.array_equal(displacement_roots(atoms), atoms.arrays["thermal_u"])
    with pytest.raises(InvalidInput, match="anisotropic displacements in their array thermal_u"):
        displacement_roots(atoms, {"Au": 0.1})


def test_debye_waller_parameter() -> None:
    assert simulate.rms_from_b(8 * np.pi**2 * 0.1**2) == pytest.approx(0.1)
    assert simulate.rms_from_b(0.0) == 0.0
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidInput, match="zero or more"):
            simulate.rms_from_b(bad)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros(2), r"shape \(2,\) for 3 atoms"),
        (np.zeros((3, 2)), "shape"),
        (np.zeros((3, 3, 2)), "shape"),
        ([0.1, -0.1, 0.1], "negative value or NaN"),
        ([0.1, np.nan, 0.1], "negative value or NaN"),
        (np.full((3, 3), np.inf), "negative value or NaN"),
        (np.tile([[1.0, 0.5, 0], [0, 1, 0], [0, 0, 1]], (3, 1, 1)), "not symmetric"),
        (np.tile(np.diag([1.0, -0.5, 0]), (3, 1, 1)), "negative mean square"),
        (-0.1, "negative or not a number"),
        (float("nan"), "negative or not a number"),
        ({"Au": np.inf}, "negative or not a number"),
    ],
)
def test_displacements_that_are_none(given: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        displacement_roots(ase.Atoms("Au3", np.zeros((3, 3))), given)  # type: ignore[arg-type]


def scene(count: int = 12) -> ase.Atoms:
    rng = np.random.default_rng(3)
    atoms = ase.Atoms("Au" * count, rng.uniform(0, 1, (count, 3)) * [8, 8, 6], cell=(8, 8, 6))
    atoms.set_array("id", rng.permutation(40)[:count])
    return atoms


def test_a_range_of_configurations_is_those_configurations() -> None:
    every = simulate.exit_waves(scene(), sampling=0.2, phonons=6, seed=8)
    assert not any(torch.equal(every.array[k], every.array[k + 1]) for k in range(5))
    for chosen in (range(2, 5), range(5, 6), range(0, 6, 2), range(5, 0, -2)):
        some = simulate.exit_waves(scene(), sampling=0.2, phonons=chosen, seed=8)
        assert torch.equal(some.array, every.array[list(chosen)])
        assert some.seeds == tuple(every.seeds[k] for k in chosen)
        assert some.metadata["phonons"] == list(chosen)


@pytest.mark.parametrize("bad", [range(0), range(3, 3), range(-1, 3), True, 0, -2, 2.5, "8", [1, 2]])
def test_configurations_that_are_none(bad: object) -> None:
    with pytest.raises(InvalidInput, match="None for atoms at rest"):
        simulate.exit_waves(scene(), sampling=0.2, phonons=bad)  # type: ignore[arg-type]


def test_waves_of_a_configuration_are_those_of_displaced_atoms() -> None:
    atoms, u = scene(), 0.08
    waves = simulate.exit_waves(
        atoms, sampling=0.2, slice_thickness=6.0, phonons=range(4, 5), seed=2, displacements=u, dtype=torch.complex128
    )
    moved = atoms.copy()
    moved.positions = displaced(atoms.positions, np.full(len(atoms), u), atoms.arrays["id"], 2, 4)
    moved.positions[:, 2] = 3.0
    still = simulate.exit_waves(moved, sampling=0.2, slice_thickness=6.0, phonons=None, dtype=torch.complex128)
    torch.testing.assert_close(waves.array, still.array, atol=1e-12, rtol=0)


def test_a_trajectory_is_one_configuration_for_each_snapshot() -> None:
    first = scene()
    snapshots = [first.copy() for _ in range(3)]
    rng = np.random.default_rng(5)
    for snapshot in snapshots[1:]:
        snapshot.positions[:, :2] += rng.normal(0, 0.1, (len(first), 2))
    waves = simulate.exit_waves(snapshots, sampling=0.2)
    assert waves.array.shape[0] == 3
    assert waves.seeds == (None,) * 3
    assert waves.metadata["phonons"] is None
    for k, snapshot in enumerate(snapshots):
        assert torch.equal(waves.array[k], simulate.exit_waves(snapshot, sampling=0.2, phonons=None).array[0])


def test_slices_of_a_trajectory_are_those_of_its_first_snapshot() -> None:
    first = ase.Atoms("Au2", [[2, 2, 1.95], [5, 5, 3.9]], cell=(8, 8, 6))
    later = first.copy()
    later.positions[:, 2] += 0.2
    waves = simulate.exit_waves([first, later], sampling=0.2)
    assert torch.equal(waves.array[0], waves.array[1])


def test_a_trajectory_may_come_one_snapshot_at_a_time() -> None:
    first = scene()
    later = first.copy()
    later.positions[:, 0] += 0.3
    waves = simulate.exit_waves(each for each in (first, later))
    assert torch.equal(waves.array, simulate.exit_waves([first, later]).array)


def test_only_the_first_snapshot_must_lie_in_the_cell_along_the_beam() -> None:
    # atoms at the faces of a periodic crystal leave it and come back; their slices are those of the first
    first = ase.Atoms("Au2", [[2, 2, 0.0], [5, 5, 3.9]], cell=(8, 8, 6))
    later = first.copy()
    later.positions[0, 2] -= 0.2
    waves = simulate.exit_waves([first, later], sampling=0.2)
    assert torch.equal(waves.array[0], waves.array[1])
    with pytest.raises(SceneError, match=r"wrap\(\)"):
        simulate.exit_waves([later, first], sampling=0.2)


def test_trajectories_that_are_none() -> None:
    first = scene()
    other = first.copy()
    other.numbers[2] = 6
    wider = first.copy()
    wider.set_cell([8, 9, 6])
    for second in (other, wider, first[:-1]):
        with pytest.raises(InvalidInput, match="snapshot 1 has other atoms or another cell"):
            simulate.exit_waves([first, second], sampling=0.2)
    with pytest.raises(InvalidInput, match="snapshots are the configurations"):
        simulate.exit_waves([first, first], sampling=0.2, phonons=2)
    with pytest.raises(InvalidInput, match=r"leave phonons= and displacements= out"):
        simulate.exit_waves([first, first], sampling=0.2, displacements=0.1)
    with pytest.raises(InvalidInput, match="there are no atoms"):
        simulate.exit_waves(None)
    for call in (simulate.exit_waves, simulate.plan_exit_waves):
        with pytest.raises(InvalidInput, match="there are no atoms"):
            call([])
    with pytest.raises(InvalidInput, match="there are no atoms"):
        simulate.exit_wave_variants([], {"all": []})
