import ase
import numpy as np
import pytest
import torch

from construction_zone import simulate
from construction_zone.errors import InvalidInput
from construction_zone.simulate.slicing import cut, up_to


def in_one_slice_each(slices, count: int) -> bool:
    return sorted(np.concatenate(slices.members).tolist()) == list(range(count))


def test_equal_slices_are_none_thicker_than_asked() -> None:
    for height, thickness, count in [(10.0, 2.0, 5), (10.0, 3.0, 4), (10.0, 20.0, 1), (0.3, 0.1, 3), (9.0, 1.8, 5)]:
        slices = cut(np.array([0.1]), height, thickness)
        assert len(slices) == count
        assert np.allclose(slices.thicknesses, height / count)
        assert slices.boundaries[0] == 0
        assert slices.boundaries[-1] == height


@pytest.mark.parametrize("thickness", [2.0, 0.7, 100.0, "planes", [1.0, 3.0, 0.5, 5.5]])
def test_every_atom_is_in_exactly_one_slice(thickness: object) -> None:
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.uniform(0, 10, 200), [0.0, 10.0, -1e-4, 10 + 1e-4, 2.0, 4.0, 1.0, 4.5, 9.999999]])
    slices = cut(z, 10.0, thickness)  # type: ignore[arg-type]
    assert in_one_slice_each(slices, len(z))
    for index, members in enumerate(slices.members):
        low, high = slices.boundaries[index : index + 2]
        inside = np.clip(z[members], 0, 10)
        assert np.all((inside >= low - 1e-8) & (inside <= high))
        assert np.all(np.diff(members) > 0)


def test_an_atom_on_a_boundary_belongs_to_the_slice_behind_it() -> None:
    slices = cut(np.array([2.0, 2.0 - 1e-12, 2.0 + 1e-12, 2.0 - 1e-6]), 6.0, 2.0)
    assert [m.tolist() for m in slices.members] == [[3], [0, 1, 2], []]


def test_planes_have_a_slice_each() -> None:
    z = np.array([1.0, 3.1, 1.02, 5.0, 2.98, 0.97, 5.01])
    slices = cut(z, 8.0, "planes")
    assert [m.tolist() for m in slices.members] == [[0, 2, 5], [1, 4], [3, 6]]
    assert slices.boundaries == pytest.approx([0, (1.02 + 2.98) / 2, (3.1 + 5.0) / 2, 8])
    assert len(cut(np.array([4.0]), 8.0, "planes")) == 1


def test_given_slices() -> None:
    slices = cut(np.array([0.5, 1.5, 5.9]), 6.0, [1.0, 2.0, 3.0])
    assert slices.thicknesses == pytest.approx([1, 2, 3])
    assert [m.tolist() for m in slices.members] == [[0], [1], [2]]
    # what rounding leaves goes to the last slice
    assert cut(np.array([1.0]), 6.0, [2.0, 2.0, 2.0 + 5e-4]).boundaries[-1] == 6.0


@pytest.mark.parametrize(
    ("thickness", "message"),
    [
        (0, "positive length"),
        (-1.0, "positive length"),
        (float("nan"), "positive length"),
        (float("inf"), "positive length"),
        ([], "positive length"),
        ([2.0, -1.0, 5.0], "positive length"),
        ([[3.0, 3.0]], "positive length"),
        ([2.0, 2.0], "4.000 Å thick together and the cell is 6.000 Å high"),
        ([2.0, 5.0], "add up to the height"),
        ("layers", "or 'planes'"),
        (1e-9, r"thinner than 0\.001 Å"),
        ("2 Å", "'planes'"),
        ([2.0, None], "slice_thickness"),
    ],
)
def test_slices_that_are_none(thickness: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        cut(np.array([1.0]), 6.0, thickness)  # type: ignore[arg-type]


def test_counting_slices_above_a_depth() -> None:
    slices = cut(np.array([1.0]), 6.0, 2.0)
    assert up_to(slices, [2.0, 5.9995]).tolist() == [1, 3]
    with pytest.raises(InvalidInput, match=r"depth 3 Å is no boundary of a slice; the nearest is [24]\.0000"):
        up_to(slices, [2.0, 3.0])
    with pytest.raises(InvalidInput, match=r"depth 8 Å is no boundary of a slice; the nearest is 6\.0000"):
        up_to(slices, [8.0])
    with pytest.raises(InvalidInput, match="the entrance, where the wave is 1"):
        up_to(slices, [0.0, 2.0])
    for bad in ([], [4.0, 2.0], [2.0, 2.0], [[2.0]], [float("nan")], 2.0):
        with pytest.raises(InvalidInput, match="rising heights"):
            up_to(slices, bad)  # type: ignore[arg-type]


def film(seed: int = 0) -> ase.Atoms:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(["Au", "C"], 40)
    return ase.Atoms(symbols, rng.uniform(0, 1, (40, 3)) * [8, 8, 11.999], cell=(8, 8, 12))


def test_thermal_motion_never_moves_an_atom_to_another_slice() -> None:
    # atoms a hair from every boundary, and motion along the beam alone: nothing may change
    atoms = film()
    atoms.positions[:, 2] = np.random.default_rng(1).choice([0.0, 1.999, 2.001, 5.999, 6.0, 11.999], 40)
    along_z = np.tile([0.0, 0.0, 1.5], (40, 1))
    moving = simulate.exit_waves(atoms, sampling=0.2, phonons=3, displacements=along_z)
    still = simulate.exit_waves(atoms, sampling=0.2, phonons=None)
    for k in range(3):
        assert torch.equal(moving.array[k], still.array[0])


@pytest.mark.parametrize("split", ["standard", "symmetric"])
@pytest.mark.parametrize("thickness", [2.0, [1.0, 3.0, 2.0, 0.5, 5.5]])
def test_waves_at_a_depth_are_those_of_the_scene_cut_there(thickness: object, split: str) -> None:
    atoms = film()
    settings = {"sampling": 0.1, "phonons": None, "split": split, "dtype": torch.complex128}
    depths = [4.0, 6.0, 12.0]
    series = simulate.exit_waves(atoms, slice_thickness=thickness, depths=depths, **settings)
    assert series.dims == ("depth", "configuration", "y", "x")
    assert series.metadata["depths"] == depths
    assert series.z == 12
    for index, depth in enumerate(depths):
        thin = atoms[atoms.positions[:, 2] < depth]
        thin.cell[2, 2] = depth
        given = thickness if isinstance(thickness, float) else thickness[: {4.0: 2, 6.0: 3, 12.0: 5}[depth]]
        alone = simulate.exit_waves(thin, slice_thickness=given, **settings)
        assert float((series.array[index] - alone.array).abs().max()) < 1e-10
        assert series.at("depth", index).z == depth


def test_a_depth_inside_the_vacuum_above_the_specimen() -> None:
    atoms = ase.Atoms("Au", [[4, 4, 8.5]], cell=(8, 8, 12))
    series = simulate.exit_waves(atoms, depths=[4.0, 8.0, 10.0], phonons=None)
    assert torch.equal(series.array[:2], torch.ones_like(series.array[:2]))
    assert float((series.array[2] - 1).abs().max()) > 0.1
    assert series.z == 10


def test_slices_after_the_last_depth_do_not_matter() -> None:
    atoms = film()
    series = simulate.exit_waves(atoms, depths=[6.0], sampling=0.2, phonons=None)
    changed = atoms.copy()
    changed.numbers[atoms.positions[:, 2] > 6] = 1
    again = simulate.exit_waves(changed, depths=[6.0], sampling=0.2, phonons=None)
    assert float((series.array - again.array).abs().max()) < 1e-6
    assert series.z == 6
