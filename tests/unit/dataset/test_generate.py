"""Making datasets: same bytes however it is done, and nothing half-made whatever happens."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr

from construction_zone.dataset import files
from construction_zone.dataset.generate import generate
from construction_zone.dataset.lock import held
from construction_zone.dataset.produce import build_stage, images_stage, waves_stage
from construction_zone.dataset.recipe import load
from construction_zone.dataset.session import session
from construction_zone.dataset.stages import read_atoms, read_built, read_waves
from construction_zone.dataset.store import Store
from construction_zone.dataset.work import Job, work
from construction_zone.errors import InvalidInput, StoreError


def make(recipe, out, **options):
    return generate(recipe, out, **{"workers": 1, "progress": False, **options})


def leftovers(root):
    """Names of anything unfinished under `root`."""
    return [str(p.relative_to(root)) for p in root.rglob("*") if ".partial" in str(p.relative_to(root))]


def test_a_dataset_holds_what_it_should(whole):
    assert sorted(p.name for p in whole.iterdir() if not p.name.startswith(".")) == [
        "README.md",
        "dataset.json",
        "images.zarr",
        "log.txt",
        "recipe.yaml",
        "records",
        "samples.parquet",
        "structures",
        "waves.zarr",
    ]
    assert Store(whole).indices() == [0, 1, 2, 3]
    assert leftovers(whole) == []


def test_the_zarr_groups_open_with_plain_zarr(whole):
    waves = zarr.open_group(whole / "waves.zarr", mode="r")
    assert sorted(waves["000"].group_keys()) == ["000000", "000001", "000002", "000003"]
    one = waves["000/000001"]
    assert one["waves"].dtype == np.complex64
    assert one["waves"].shape == (2, 50, 60)
    assert one["waves"].chunks == (1, 50, 60)
    assert one.attrs["dims"] == ["configuration", "y", "x"]
    assert one.attrs["sampling"] == pytest.approx([0.4, 0.4])
    assert one.attrs["z"] == read_atoms(Store(whole), 1).cell[2, 2]
    images = zarr.open_group(whole / "images.zarr", mode="r")["000/000001"]
    assert (images["image"].dtype, images["image"].shape) == (np.float32, (2, 50, 60))
    assert (images["mask"].dtype, images["mask"].shape) == (np.uint8, (1, 50, 60))


def test_images_are_electron_counts_and_differ_in_focus_and_noise(whole):
    images = zarr.open_group(whole / "images.zarr", mode="r")["000/000000/image"][...]
    assert np.array_equal(images, images.round())
    # 400 e⁻/Å² on pixels of 0.16 Å² are 64 electrons; gold scatters a few per cent of them beyond the band
    assert images.mean() == pytest.approx(64, rel=0.05)
    assert not np.array_equal(images[0], images[1])
    first, second = Store(whole).record(0)["images"]
    assert first["drawn"]["imaging.defocus"] != second["drawn"]["imaging.defocus"]
    assert first["seeds"] != second["seeds"]


def test_stored_atoms_and_waves_come_back(whole, tiny):
    store, recipe = Store(whole), load(tiny)
    made = build_stage(recipe, 2)
    back = read_built(store, 2)
    assert (back.drawn, back.made, back.particles, back.seed) == (made.drawn, made.made, made.particles, made.seed)
    assert set(back.atoms.arrays) == set(made.atoms.arrays)
    for name, values in made.atoms.arrays.items():
        assert np.array_equal(back.atoms.arrays[name], values), name
        assert back.atoms.arrays[name].dtype == values.dtype, name
    assert {key: back.atoms.info[key] for key in ("zones", "phases", "record")} == {
        key: made.atoms.info[key] for key in ("zones", "phases", "record")
    }
    assert back.atoms.pbc.tolist() == [True, True, False]
    waved = waves_stage(recipe, 2, made)
    waves = read_waves(store, 2)
    assert waves.seeds == waved.waves.seeds
    # bits are those of one thread; this process may compute with more
    assert np.allclose(waves.numpy(), waved.waves.numpy(), atol=1e-4)
    assert images_stage(recipe, 2, back, waved).images.shape == (2, 50, 60)


def test_the_table_has_a_row_for_each_image(whole):
    table = pq.read_table(whole / "samples.parquet")
    assert table.num_rows == 8
    assert table["structure"].to_pylist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert table["image"].to_pylist() == [0, 1] * 4
    record = Store(whole).record(2)
    assert table["drawn.substrate.thickness"][4].as_py() == record["drawn"]["substrate.thickness"]
    assert table["content.images"][4].as_py() == record["content"]["images"]
    assert table["version"][4].as_py() == record["version"]
    assert table["drawn.imaging.defocus"][5].as_py() == record["images"][1]["drawn"]["imaging.defocus"]
    assert table["seed.image.noise"][5].as_py() == record["images"][1]["seeds"]["noise"]
    assert min(table["measured.seconds.simulate"].to_pylist()) > 0


def test_two_workers_make_the_same_bytes_as_one(tiny, whole, tmp_path, contents):
    report = make(tiny, tmp_path / "two", workers=2)
    assert (report.made, report.failures) == (4, ())
    assert set(report.seconds) == {"build", "simulate", "image", "label", "store"}
    assert report.peak_memory > 50e6
    assert contents(tmp_path / "two") == contents(whole)


def test_a_structure_alone_is_the_one_of_the_batch(tiny, whole, tmp_path, contents):
    with session(tmp_path / "alone", load(tiny).with_(count=100)) as on:
        assert work(Job(on.recipe, tmp_path / "alone", "cpu", on.token), 2).error is None
    alone, batch = contents(tmp_path / "alone"), contents(whole)
    kept = {name: value for name, value in alone.items() if "000002" in name}
    assert len(kept) == 12
    assert kept == {name: value for name, value in batch.items() if "000002" in name}


def test_a_finished_directory_is_left_alone(tiny, whole, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != ".lock"}
    report = make(tiny, out)
    assert (report.made, report.found, report.total) == (0, 4, 4)
    assert report.elapsed < 2
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_more_structures_can_be_asked_for_later_and_fewer_delete_nothing(tiny, whole, tmp_path, contents):
    out = tmp_path / "grown"
    assert make(tiny, out, count=2).total == 2
    assert make(tiny, out, count=4).made == 2
    assert contents(out) == contents(whole)
    assert make(tiny, out, count=1).total == 4
    assert load(out / "recipe.yaml").count == 4
    assert pq.read_table(out / "samples.parquet").num_rows == 8


def test_the_seed_given_is_the_one_that_counts(tiny, whole, tmp_path, contents):
    out = tmp_path / "seeded"
    make({**tiny, "seed": 99}, out, seed=3, count=1)
    assert load(out / "recipe.yaml").seed == 3
    assert contents(out)["structures/000/000000.parquet"] == contents(whole)["structures/000/000000.parquet"]


def test_another_recipes_directory_is_refused_and_untouched(tiny, whole, tmp_path, contents):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    before = contents(out)
    tiny["imaging"]["dose"] = 300
    with pytest.raises(StoreError, match=r"another recipe's data(.|\n)*imaging\.dose: 400\.0 there, 300\.0 here"):
        make(tiny, out)
    tiny["imaging"]["dose"] = 400
    with pytest.raises(StoreError, match=r"seed: 3 there, 5 here"):
        make(tiny, out, seed=5)
    assert contents(out) == before


def test_a_folder_of_other_things_is_refused(tiny, tmp_path):
    (tmp_path / "thesis.tex").write_text("chapter 1")
    with pytest.raises(StoreError, match=r"not empty and holds no dataset \(thesis\.tex"):
        make(tiny, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_path_that_cannot_be_written_is_told(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write the dataset .*Not a directory"):
        make(tiny, tmp_path / "file" / "dataset")
    with pytest.raises(StoreError, match="cannot write the dataset /proc/dataset"):
        make(tiny, "/proc/dataset")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tiny, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        make(tiny, tmp_path / "dataset")


def test_a_second_writer_is_refused(tiny, whole, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    with held(out / ".lock"), pytest.raises(StoreError, match=f"being written by process {os.getpid()}"):
        make(tiny, out)
    assert make(tiny, out).total == 4


def test_the_lock_of_a_dead_process_stops_nobody(tiny, whole, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    (out / ".lock").write_text("4194301\n")
    assert make(tiny, out).total == 4


@pytest.mark.parametrize("share", [0, 0.2, 0.4, 0.6, 0.8, 1])
def test_a_disk_that_fills_at_any_moment_leaves_nothing_half_made(tiny, whole, tmp_path, monkeypatch, contents, share):
    """The disk fills while the second structure is stored: at its atoms, waves, images or records."""
    sync, count = os.fsync, [0]

    def counted(handle):
        count[0] += 1
        sync(handle)

    monkeypatch.setattr(files.os, "fsync", counted)
    with session(tmp_path / "apart", load(tiny)) as on:
        job = Job(on.recipe, tmp_path / "apart", "cpu", on.token)
        assert work(job, 0).error is None
        before = count[0]
        assert work(job, 1).error is None
    # the last of all puts the moved record's entry on the disk; the one before it, the record
    moment = round(share * (count[0] - before - 2)) + 1
    out, count[0] = tmp_path / "full", 0

    def full(handle):
        if (out / "records/images/000/000000.json").exists():
            count[0] += 1
            if count[0] == moment + 1:  # the first puts the first record's entry on the disk
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device.*run the same command again"):
        make(tiny, out, count=2)
    assert Store(out).indices() == [0]
    assert leftovers(out) == []
    for part in ("waves", "images"):
        groups = sorted(zarr.open_group(out / f"{part}.zarr/000", mode="r").group_keys())
        assert groups == [f"{index:06d}" for index in range(2) if part in Store(out).stages(index)]
    assert pq.read_table(out / "samples.parquet").num_rows == 2
    monkeypatch.undo()
    make(tiny, out, count=2)
    first = {name: value for name, value in contents(whole).items() if "000002" not in name and "000003" not in name}
    assert contents(out) == first


def test_a_disk_that_is_really_full(tiny, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], check=False).returncode
    ):
        pytest.skip("mounting a small disk needs root")
    try:
        with pytest.raises(StoreError, match=r"4 structures take about .* GB and .* free"):
            make({**tiny, "simulation": {"sampling": 0.2, "phonons": 200}}, disk / "large")
        shutil.rmtree(disk / "large")
        with pytest.raises(StoreError, match="No space left on device"):
            make(tiny, disk / "dataset")
        done = Store(disk / "dataset").indices()
        assert 0 < len(done) < 4
        assert leftovers(disk / "dataset") == []
        for index in done:
            assert np.isfinite(read_waves(Store(disk / "dataset"), index).numpy()).all()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    "lost",
    [
        "structures/000/000001.parquet",
        "waves.zarr/000/000001",
        "images.zarr/000/000001",
        "records/structures/000/000001.json",
        "records/waves/000/000001.json",
        "records/images/000/000001.json",
    ],
)
def test_what_is_lost_is_made_again(tiny, whole, tmp_path, contents, lost):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    path = out / lost
    path.unlink() if path.is_file() else shutil.rmtree(path)
    (out / ".partial" / "deadbeef").mkdir(parents=True)
    (out / "records/waves/000/.000003.json.77.partial").write_text("{")
    assert Store(out).indices() == [0, 2, 3]
    assert make(tiny, out).made == 1
    assert contents(out) == contents(whole)
    assert leftovers(out) == []


def test_a_structure_that_its_recipe_makes_impossible_is_recorded_and_the_rest_goes_on(tiny, tmp_path):
    # five of them would have to fall into a close packing by chance
    tiny["particles"] |= {"count": {"choice": [1, 5]}, "radius": 4.5, "gap": 0.9}
    tiny["count"] = 6
    report = make(tiny, tmp_path / "some")
    failed = [failure.structure for failure in report.failures]
    assert failed
    assert report.made == 6 - len(failed) > 0
    assert Store(tmp_path / "some").indices() == [i for i in range(6) if i not in failed]
    assert all("particles found a place" in failure.error and failure.seed == 3 for failure in report.failures)
    log = (tmp_path / "some" / "log.txt").read_text()
    assert f"structure {failed[0]}: FAILED, seed 3: SceneError" in log
    again = make(tiny, tmp_path / "some")
    assert (again.made, again.failures) == (0, report.failures)


def test_a_change_of_dose_and_focus_leaves_atoms_and_waves(tiny, whole, tmp_path, contents):
    tiny["imaging"] |= {"dose": {"uniform": [30, 60]}, "defocus": 300}
    make(tiny, tmp_path / "dim", count=1)
    dim, bright = contents(tmp_path / "dim"), contents(whole)
    same = [name for name in dim if name.startswith(("structures/000/000000", "waves.zarr/000/000000"))]
    assert len(same) == 4
    assert all(dim[name] == bright[name] for name in same)
    assert dim["images.zarr/000/000000/image/c/0/0/0"] != bright["images.zarr/000/000000/image/c/0/0/0"]


def test_the_exit_wave_mask_is_made_from_the_particles_alone(tiny, tmp_path):
    tiny["particles"] |= {"count": 1, "radius": 8.0}
    tiny["labels"] = {"mask": "exit_wave", "blur": 1.0, "threshold": 0.05}
    make(tiny, tmp_path / "phase", count=1)
    mask = zarr.open_group(tmp_path / "phase" / "images.zarr", mode="r")["000/000000/mask"][0]
    drawn = Store(tmp_path / "phase").record(0)["drawn"]
    y, x = np.mgrid[:50, :60] * 0.4
    inside = np.zeros(mask.shape, bool)
    for cx, cy in drawn["particles.position"]:
        dx, dy = (x - cx + 12) % 24 - 12, (y - cy + 10) % 20 - 10
        inside |= np.hypot(dx, dy) < 8
    assert 2 * (mask & inside).sum() / (mask.sum() + inside.sum()) > 0.8


def test_pixel_size_and_cell_may_be_choices(tiny, tmp_path):
    tiny["cell"] = [{"choice": [24, 28]}, 20]
    tiny["imaging"]["pixel_size"] = {"choice": [0.4, 0.5]}
    make(tiny, tmp_path / "sizes")
    images = zarr.open_group(tmp_path / "sizes" / "images.zarr", mode="r")
    for index in range(4):
        drawn = Store(tmp_path / "sizes").record(index)["drawn"]
        ny, nx = (round(drawn[f"cell[{axis}]"] / drawn["imaging.pixel_size"]) for axis in (1, 0))
        assert images[f"000/{index:06d}/image"].shape == (2, ny, nx)
        assert images[f"000/{index:06d}/mask"].shape == (1, ny, nx)


def test_the_directory_keeps_the_structure_files_that_it_was_made_from(tiny, tmp_path):
    import ase.build
    import ase.io

    ase.io.write(tmp_path / "gold.cif", ase.build.bulk("Au", a=4.0782, cubic=True))
    tiny["particles"]["crystal"] = "gold.cif"
    make(load(tiny, folder=tmp_path), tmp_path / "dataset", count=1)
    recipe = load(tiny, folder=tmp_path)
    recipe.digest()
    make(recipe, tmp_path / "dataset", count=1)
    shutil.move(tmp_path / "dataset", tmp_path / "moved")
    (tmp_path / "gold.cif").unlink()
    assert make(tmp_path / "moved" / "recipe.yaml", tmp_path / "moved", count=2).made == 1


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_workers_must_be_a_whole_number(tiny, tmp_path, workers):
    with pytest.raises(InvalidInput, match="workers is"):
        make(tiny, tmp_path / "none", workers=workers)


def test_a_device_that_is_not_there_is_told_for_each_structure(tiny, tmp_path):
    report = make(tiny, tmp_path / "none", device="cuda:77", count=1)
    assert "cannot be used here" in report.failures[0].error
