"""Trajectories in a recipe: each frame a structure of its own, or all the configurations of one."""

from __future__ import annotations

from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pyarrow.parquet as pq
import pytest

from construction_zone.dataset import stages
from construction_zone.dataset.capacity import bytes_per_structure
from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.generate import generate
from construction_zone.dataset.loader import ImageDataset
from construction_zone.dataset.plan import plan
from construction_zone.dataset.recipe import load
from construction_zone.dataset.store import Store
from construction_zone.errors import ConstructionZoneError, RecipeError
from construction_zone.simulate import exit_waves


def trajectory(count: int = 6, amplitude: float = 0.1) -> list[ase.Atoms]:
    """Gold that shakes about its sites, which lie in a cell that the recipe keeps."""
    rest = ase.build.bulk("Au", cubic=True).repeat(2)
    rest.set_cell([24, 20, 20])
    rest.positions += (7, 6, 6)
    frames = []
    for number in range(count):
        frame = rest.copy()
        frame.positions += np.random.default_rng(number).normal(scale=amplitude, size=frame.positions.shape)
        frames.append(frame)
    return frames


def raw(**scene) -> dict:
    return {
        "version": 1,
        "scene": {"from_files": ["run.traj"], **scene},
        "simulation": {"sampling": 0.2},
        "imaging": {"pixel_size": 0.4},
    }


@pytest.fixture
def run(tmp_path: Path) -> list[ase.Atoms]:
    frames = trajectory()
    ase.io.write(tmp_path / "run.traj", frames)
    return frames


@pytest.mark.parametrize("name", ["run.traj", "run.extxyz"])
def test_configurations_have_the_waves_of_the_snapshots(tmp_path: Path, name: str) -> None:
    frames = trajectory()
    ase.io.write(tmp_path / name, frames)
    recipe = load(raw(from_files=[name], frames="configurations", slice="1::2"), folder=tmp_path)
    assert recipe.count == 1
    assert not generate(recipe, tmp_path / "data", workers=1, progress=False).failures
    taken = frames[1::2]
    mean = np.mean([frame.positions for frame in taken], axis=0)
    low, high = mean[:, 2].min(), mean[:, 2].max()
    for frame in taken:
        frame.positions[:, 2] += 5 - low
        frame.cell[2, 2] = high - low + 10
    direct = exit_waves(taken, sampling=0.2).cropped(0.4)
    waves = stages.read_waves(Store(tmp_path / "data"), 0)
    np.testing.assert_allclose(waves.numpy(), direct.numpy(), atol=2e-5)
    built = stages.read_built(Store(tmp_path / "data"), 0)
    np.testing.assert_allclose(built.atoms.positions[:, :2], mean[:, :2], atol=1e-6)
    assert built.drawn["simulation.phonons"] is None
    assert built.made["snapshots"] == 3
    spread = np.std([frame.positions for frame in taken], axis=0, ddof=1)
    assert built.made["rms_displacement"] == pytest.approx(np.sqrt((spread**2).mean()), rel=1e-5)


def test_atoms_that_were_wrapped_into_their_cell_are_followed(tmp_path: Path) -> None:
    frames = trajectory()
    for frame in frames:
        frame.pbc = True
        frame.positions[:, :2] -= (7, 6)
    ase.io.write(tmp_path / "run.traj", frames)
    wanted = build_structure(load(raw(frames="configurations"), folder=tmp_path), 0)
    for frame in frames:
        frame.wrap()
    ase.io.write(tmp_path / "run.traj", frames)
    found = build_structure(load(raw(frames="configurations"), folder=tmp_path), 0)
    assert found.made["rms_displacement"] == pytest.approx(wanted.made["rms_displacement"])


def test_each_frame_is_a_structure_and_all_go_to_one_split(tmp_path: Path, run: list[ase.Atoms]) -> None:
    ase.io.write(tmp_path / "run.extxyz", trajectory(3, 0.05))
    given = raw(from_files=["run.extxyz", "run.traj"], frames="each", slice="1:")
    given["simulation"]["phonons"] = 0
    recipe = load(given, folder=tmp_path)
    assert recipe.count == 2 + 5
    generate(recipe, tmp_path / "data", workers=1, progress=False)
    rows = pq.read_table(tmp_path / "data/samples.parquet")
    assert rows["drawn.scene.file"].to_pylist() == [0, 0, 1, 1, 1, 1, 1]
    assert rows["drawn.scene.frame"].to_pylist() == [1, 2, 1, 2, 3, 4, 5]
    for file in (0, 1):
        chosen = [k for k in range(7) if rows["drawn.scene.file"][k].as_py() == file]
        assert len({rows["split"][k].as_py() for k in chosen}) == 1
    parts = ImageDataset(tmp_path / "data").split((0.5, 0.5))
    files = [{item["record"]["drawn"]["scene.file"] for item in part} for part in parts]
    assert not files[0] & files[1]
    for number in range(1, 6):
        atoms = stages.read_atoms(Store(tmp_path / "data"), number + 1)
        np.testing.assert_allclose(atoms.positions[:, :2], run[number].positions[:, :2])
    digest = recipe.digest()
    (tmp_path / "run.traj").unlink()
    kept = load(tmp_path / "data/recipe.yaml")
    assert kept.digest() == digest


def test_the_last_frame_is_what_is_taken_without_a_word(tmp_path: Path, run: list[ase.Atoms]) -> None:
    built = build_structure(load(raw(), folder=tmp_path), 0)
    np.testing.assert_allclose(built.atoms.positions[:, :2], run[-1].positions[:, :2])
    assert not built.family


def test_a_folder_gives_its_trajectories_where_frames_are_wanted(tmp_path: Path, run: list[ase.Atoms]) -> None:
    ase.io.write(tmp_path / "one.xyz", run[0])
    assert load(raw(from_files=str(tmp_path)), folder=tmp_path).count == 1
    assert load(raw(from_files=str(tmp_path), frames="each"), folder=tmp_path).count == 7


def test_a_plan_counts_every_configuration(tmp_path: Path, run: list[ase.Atoms]) -> None:
    recipe = load(raw(frames="configurations"), folder=tmp_path)
    assert plan(recipe).configurations == 6
    assert bytes_per_structure(recipe) == 60 * 50 * (8 * 6 + 4 + 1)


def other_atoms(frames: list[ase.Atoms]) -> None:
    frames[3].numbers[0] = 47


def other_cell(frames: list[ase.Atoms]) -> None:
    frames[2].cell[0, 0] = 25


def one_frame(frames: list[ase.Atoms]) -> None:
    del frames[1:]


def hop(frames: list[ase.Atoms]) -> None:
    frames[-1].positions[5] += 5


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (other_atoms, "frame 3 of run.traj has 32 atoms, or others"),
        (other_cell, "frame 2 of run.traj has another cell"),
        (one_frame, r"gives 1 frame\(s\); configurations are 2 at least"),
        (hop, r"atom 5 \(Au\) moves up to .* Å from its mean place"),
    ],
)
def test_frames_that_are_no_configurations_are_told(tmp_path: Path, run: list[ase.Atoms], spoil, told: str) -> None:
    spoil(run)
    ase.io.write(tmp_path / "run.traj", run)
    with pytest.raises(RecipeError, match=told):
        load(raw(frames="configurations"), folder=tmp_path)
    assert load(raw(frames="each"), folder=tmp_path).count == len(run)


@pytest.mark.parametrize(
    ("scene", "simulation", "told"),
    [
        ({"slice": "::2"}, {}, "scene.slice: of each file the last frame is taken"),
        ({"frames": "each", "slice": 650}, {}, "scene.slice: 650 is no slice of frames; .*in quotes"),
        ({"frames": "each", "slice": "::0"}, {}, "scene.slice: '::0' is no slice"),
        ({"frames": "each", "slice": "90:"}, {}, "leaves none of the frames"),
        ({"frames": "all"}, {}, "scene.frames: 'all' is not known"),
        ({"frames": "configurations"}, {"phonons": 4}, "simulation.phonons: the frames are the configurations"),
        ({"frames": "configurations"}, {"displacements": 0.1}, "simulation.displacements: the frames are"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, run, scene: dict, simulation: dict, told: str) -> None:
    given = raw(**scene)
    given["simulation"] |= simulation
    with pytest.raises(ConstructionZoneError, match=told):
        load(given, folder=tmp_path)


def test_phonons_go_on_where_others_ended(tiny, tmp_path: Path) -> None:
    tiny["count"] = 1
    found = []
    for name, first, count in (("whole", 0, 4), ("rest", 2, 2)):
        tiny["simulation"] |= {"phonons": count, "first_phonon": first}
        generate(tiny, tmp_path / name, workers=1, progress=False)
        found.append(stages.read_waves(Store(tmp_path / name), 0))
    np.testing.assert_array_equal(found[0].numpy()[2:], found[1].numpy())
    assert found[1].metadata["phonons"] == [2, 3]
