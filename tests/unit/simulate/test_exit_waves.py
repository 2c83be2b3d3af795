import warnings
from pathlib import Path

import ase
import ase.build
import numpy as np
import pytest
import torch

from construction_zone import simulate
from construction_zone.build import files
from construction_zone.errors import GridError, InvalidInput, SceneError, StoreError
from construction_zone.simulate import plan


def gold(n: int = 20, seed: int = 0, cell: tuple[float, float, float] = (16, 12, 20)) -> ase.Atoms:
    rng = np.random.default_rng(seed)
    return ase.Atoms("Au" * n, rng.uniform(0, 1, (n, 3)) * cell, cell=cell, pbc=True)


def test_shape_dims_and_plane() -> None:
    waves = simulate.exit_waves(gold(), sampling=0.2, phonons=3)
    assert waves.array.shape == (3, 60, 80)
    assert waves.array.dtype == torch.complex64
    assert waves.dims == ("configuration", "y", "x")
    assert waves.sampling == pytest.approx((0.2, 0.2))
    assert waves.extent == pytest.approx((12, 16))
    assert waves.z == 20
    assert len(set(waves.seeds)) == 3


def test_static_is_one_configuration_without_a_seed() -> None:
    waves = simulate.exit_waves(gold(), sampling=0.2, phonons=None)
    assert waves.array.shape[0] == 1
    assert waves.seeds == (None,)


def test_x_is_the_last_axis() -> None:
    atoms = ase.Atoms("Au", [[12.0, 3.0, 1.0]], cell=(16, 12, 2))
    phase = simulate.exit_waves(atoms, sampling=0.1, phonons=None).array[0].angle()
    row, column = np.unravel_index(int(phase.argmax()), phase.shape)
    assert (row, column) == (30, 120)


def test_configuration_k_is_the_same_however_many_are_made() -> None:
    few, many = (simulate.exit_waves(gold(), sampling=0.2, phonons=n, seed=5) for n in (2, 4))
    assert torch.equal(few.array, many.array[:2])
    assert few.seeds == many.seeds[:2]
    assert not torch.equal(many.array[0], many.array[1])
    assert not torch.equal(simulate.exit_waves(gold(), sampling=0.2, phonons=2, seed=6).array, few.array)


def test_an_atom_moves_alike_in_a_variant_of_its_scene() -> None:
    atoms = gold()
    atoms.set_array("id", np.arange(len(atoms)))
    alone = simulate.exit_waves(atoms[[7]], sampling=0.2, phonons=2, seed=5)
    others_far = atoms.copy()
    # the same scene with all other atoms so light that only atom 7 is seen: hydrogen against gold
    others_far.numbers = np.where(np.arange(len(atoms)) == 7, 79, 1)
    scene = simulate.exit_waves(others_far, sampling=0.2, phonons=2, seed=5, displacements={"H": 0.1})
    for k in range(2):
        peak = int(alone.array[k].angle().argmax())
        assert int(scene.array[k].angle().argmax()) == peak


def test_grids_need_not_be_square() -> None:
    waves = simulate.exit_waves(gold(cell=(16.3, 11.1, 5)), sampling=0.21, phonons=None)
    assert waves.array.shape == (1, 54, 80)
    assert waves.sampling == pytest.approx((11.1 / 54, 16.3 / 80))


def test_waves_survive_writing_and_reading(tmp_path: Path) -> None:
    waves = simulate.exit_waves(gold(), sampling=0.2, phonons=2, seed=9)
    waves.save(tmp_path / "waves.zarr")
    back = simulate.ExitWaves.load(tmp_path / "waves.zarr")
    assert torch.equal(back.array, waves.array)
    assert (back.sampling, back.energy, back.z, back.seeds, back.dims) == (
        waves.sampling,
        waves.energy,
        waves.z,
        waves.seeds,
        waves.dims,
    )
    with pytest.raises(StoreError, match="not written over"):
        waves.save(tmp_path / "waves.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["waves.zarr"]


def test_reading_what_is_no_wave(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no exit waves"):
        simulate.ExitWaves.load(tmp_path / "nothing.zarr")


def test_cropping_keeps_the_mean() -> None:
    waves = simulate.exit_waves(gold(), sampling=0.1, phonons=None)
    cropped = waves.cropped(0.25)
    assert cropped.array.shape[-2:] == (48, 64)
    assert cropped.sampling == pytest.approx((0.25, 0.25))
    torch.testing.assert_close(cropped.array.mean(), waves.array.mean(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"energy": 300}, GridError, "at least 1 keV"),
        ({"energy": float("nan")}, GridError, "at least 1 keV"),
        ({"sampling": 0.5}, GridError, "too coarse"),
        ({"sampling": -1}, GridError, "positive distance"),
        ({"slice_thickness": 0}, InvalidInput, "slice_thickness"),
        ({"phonons": 0}, InvalidInput, "None for atoms at rest"),
        ({"phonons": 1.5}, InvalidInput, "whole number"),
        ({"displacements": {"Au": -0.1}}, InvalidInput, "negative"),
        ({"displacements": {"Gold": 0.1}}, InvalidInput, "no element symbols"),
        ({"device": "cuda:99"}, InvalidInput, "cannot be used here"),
        ({"device": "quantum"}, InvalidInput, "cannot be used here"),
        ({"dtype": torch.float32}, InvalidInput, "complex64"),
        ({"device": "meta"}, InvalidInput, "cannot be used here"),
        ({"energy": "300 kV"}, InvalidInput, "energy is '300 kV'; give a number"),
        ({"sampling": None}, InvalidInput, "sampling is None; give a number"),
        ({"displacements": "B"}, InvalidInput, "displacements is 'B'"),
        ({"displacements": {"Au": None}}, InvalidInput, "the displacement of Au is None"),
        ({"tilts": "x"}, InvalidInput, "tilts is 'x'"),
        ({"depths": ["exit"]}, InvalidInput, "depths"),
        ({"pad": "wide"}, InvalidInput, "pad is 'wide'"),
        ({"shape": 512}, InvalidInput, "two whole numbers"),
    ],
)
def test_bad_parameters(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        simulate.exit_waves(gold(), **{"sampling": 0.2, "phonons": 1, **change})


def test_bad_atoms() -> None:
    good = gold()
    with pytest.raises(InvalidInput, match="no cell"):
        simulate.exit_waves(ase.Atoms("Au", [[0, 0, 0]]))
    skew = good.copy()
    skew.set_cell([[16, 0, 0], [3, 12, 0], [0, 0, 20]])
    with pytest.raises(InvalidInput, match="not orthogonal"):
        simulate.exit_waves(skew)
    with pytest.raises(InvalidInput, match="no atoms"):
        simulate.exit_waves(ase.Atoms(cell=(5, 5, 5)))
    lost = good.copy()
    lost.positions[3, 1] = np.nan
    with pytest.raises(InvalidInput, match=r"atom 3 \(Au\)"):
        simulate.exit_waves(lost)
    below = good.copy()
    below.positions[4, 2] = -0.5
    with pytest.raises(SceneError, match="outside the cell along the beam"):
        simulate.exit_waves(below)
    ghost = good.copy()
    ghost.numbers[0] = 0
    with pytest.raises(InvalidInput, match="no scattering factor for atomic number 0"):
        simulate.exit_waves(ghost, phonons=None)


def test_unknown_displacements_name_the_way_out() -> None:
    with pytest.raises(InvalidInput, match=r'displacements=\{"U": u\}'):
        simulate.exit_waves(ase.Atoms("U", [[1, 1, 1]], cell=(5, 5, 2)), phonons=1)


def test_too_large_for_memory_is_told_before_allocating(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GridError, match=r"need about [\d.]+ GB, and [\d.]+ GB are free on cpu"):
        simulate.exit_waves(gold(cell=(1e4, 1e4, 20)), sampling=0.05)
    needed = simulate.plan_exit_waves(gold(), sampling=0.2, phonons=2)
    monkeypatch.setattr(plan, "available_memory", lambda device: needed.memory - 1)
    with pytest.raises(GridError, match="coarser sampling"):
        simulate.exit_waves(gold(), sampling=0.2, phonons=2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tilts": [(60.0, 0.0)]}, InvalidInput, r"60 mrad is beyond the 50 mrad.*simulate\.tilted"),
        ({"tilts": []}, InvalidInput, "pairs"),
        ({"tilts": [(1.0, 2.0, 3.0)]}, InvalidInput, "pairs"),
        ({"tilts": (1.0, 2.0)}, InvalidInput, "pairs"),
        ({"tilts": [(float("nan"), 0.0)]}, InvalidInput, "pairs"),
        ({"depths": [3.3]}, InvalidInput, r"nearest is 4\.0000"),
        ({"depths": [0.0]}, InvalidInput, "entrance"),
        ({"depths": [8.0, 4.0]}, InvalidInput, "rising heights"),
        ({"split": "third"}, InvalidInput, "'standard' or 'symmetric'"),
        ({"parametrization": "peng"}, InvalidInput, "'lobato', 'kirkland'"),
        ({"engine": "prismatic"}, InvalidInput, "choose one of 'torch', 'abtem'"),
        (
            {"energy": 5e3, "sampling": 0.05},
            GridError,
            r"at 5 keV a sampling of 0\.05 Å carries up to .* mrad.*at least",
        ),
        ({"energy": -1e5}, GridError, "at least 1 keV"),
        ({"sampling": float("nan")}, GridError, "positive distance"),
        ({"shape": (20, 20)}, GridError, r"too coarse for atoms; use a sampling of at most 0\.33 Å"),
        ({"seed": -1}, InvalidInput, "non-negative"),
    ],
)
def test_bad_settings_of_the_engine(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        simulate.exit_waves(gold(), **{"sampling": 0.2, "phonons": 1, **change})


@pytest.mark.parametrize("shift", [(0, 0, 0), (16, 0, 0), (0, -12, 0), (0.004, 0, 0.004), (-1e-17, 0, 0)])
def test_atoms_on_top_of_each_other(shift: tuple[float, float, float]) -> None:
    # also across the seam of the periodic cell, where both ends of a crystal often hold the same atom
    double = gold()
    double.positions[3, :2] = 0.0
    double += ase.Atoms("C", [double.positions[3] + shift])
    with pytest.raises(SceneError, match=r"1 pair\(s\) of atoms lie on top of each other .*Au 3 and C 20"):
        simulate.exit_waves(double, sampling=0.2, phonons=None)
    # the same column in another layer is another atom
    double.positions[20, 2] = (double.positions[3, 2] + 10) % 20
    simulate.exit_waves(double, sampling=0.2, phonons=None)


def test_atoms_that_overlap_are_told() -> None:
    # 0.4 Å apart across the seam
    close = ase.Atoms("AuC", [[0.1, 5, 5], [15.8, 5.2, 5.2]], cell=(16, 12, 20))
    with pytest.warns(UserWarning, match=r"1 pair\(s\) of atoms are closer than 0\.5 Å.*Au 0 and C 1, 0\.412 Å"):
        simulate.exit_waves(close, sampling=0.2, phonons=None)
    close.positions[1, 2] += 0.4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate.exit_waves(close, sampling=0.2, phonons=None)


@pytest.mark.parametrize(("number", "said"), [(0, "0;"), (104, r"104 \(Rf\)"), (119, "119;")])
def test_unknown_elements_are_told_before_anything_else(number: int, said: str) -> None:
    atoms = gold()
    atoms.numbers[3] = number
    with pytest.raises(InvalidInput, match=f"no scattering factor for atomic number {said}"):
        simulate.exit_waves(atoms, sampling=0.2, phonons=1)


def test_a_skew_cell_is_called_skew() -> None:
    # its diagonal is zero: that is no missing cell
    with pytest.raises(InvalidInput, match="not orthogonal"):
        simulate.exit_waves(ase.build.bulk("Au", a=4.0782), phonons=None)


def test_partly_filled_sites_are_refused(tmp_path: Path) -> None:
    def cif(gold: float) -> Path:
        file = tmp_path / f"{gold}.cif"
        lines = ["data_x", "_symmetry_space_group_name_H-M 'P 1'", *(f"_cell_length_{axis} 6" for axis in "abc")]
        lines += [f"_cell_angle_{angle} 90" for angle in ("alpha", "beta", "gamma")]
        lines += ["loop_", *(f"_atom_site_{name}" for name in ("label", "type_symbol", *(f"fract_{x}" for x in "xyz")))]
        lines += ["_atom_site_occupancy", f"Au1 Au 0 0 0 {gold}"] + ["Cu1 Cu 0 0 0 0.4"] * (gold < 1)
        file.write_text("\n".join([*lines, "Au2 Au 0.5 0.5 0.5 1.0", ""]))
        return file

    with pytest.raises(InvalidInput, match=r"is filled by .*'Cu': 0\.4.*Crystal\.read"):
        simulate.exit_waves(files.read(cif(0.6)), sampling=0.2, phonons=1)
    assert simulate.exit_waves(files.read(cif(1.0)), sampling=0.2, phonons=1).array.shape == (1, 30, 30)


def test_atoms_of_both_faces_are_not_neighbours() -> None:
    # the beam sees no periodicity along z
    ends = ase.Atoms("Au2", [[4, 4, 0], [4, 4, 6]], cell=(8, 8, 6), pbc=True)
    assert simulate.exit_waves(ends, sampling=0.2, phonons=None).array.shape == (1, 40, 40)


def test_every_value_of_a_position_must_be_finite() -> None:
    for value in (np.inf, -np.inf, np.nan):
        for axis in range(3):
            lost = gold()
            lost.positions[7, axis] = value
            with pytest.raises(InvalidInput, match=r"atom 7 \(Au\) has the position .* it must be finite"):
                simulate.exit_waves(lost, sampling=0.2, phonons=None)


@pytest.mark.parametrize("cell", [(0, 12, 20), (16, 12, 0), (np.nan, 12, 20), (16, np.inf, 20)])
def test_cells_that_are_none(cell: tuple[float, float, float]) -> None:
    atoms = gold()
    atoms.set_cell(cell)
    with pytest.raises(InvalidInput, match="no cell with three lengths"):
        simulate.exit_waves(atoms, sampling=0.2, phonons=None)


def test_metadata_say_how_the_waves_were_made() -> None:
    waves = simulate.exit_waves(
        gold(),
        sampling=0.19,
        phonons=2,
        slice_thickness=4.0,
        split="symmetric",
        cores=False,
        parametrization="kirkland",
    )
    assert waves.metadata == {
        "engine": "torch",
        "potential": "kirkland",
        "cores": False,
        "split": "symmetric",
        "slice_thickness": 4.0,
        "slices": 5,
        "sampling_asked": 0.19,
        "phonons": [0, 1],
    }
    assert waves.energy == 300e3


def test_single_precision_is_close_to_double() -> None:
    single, double = (
        simulate.exit_waves(gold(), sampling=0.1, phonons=2, dtype=dtype).array
        for dtype in (torch.complex64, torch.complex128)
    )
    assert float((single - double).abs().max()) < 2e-5
