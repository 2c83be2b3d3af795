"""What may happen to a dataset's directory: full, read-only or deleted disks, damage, other writers, odd clocks."""

from __future__ import annotations

import os
import shutil
import time

import pyarrow.parquet as pq
import pytest
from runs import RECIPE, Run, check_whole, fingerprint  # type: ignore[import-not-found]

from construction_zone.dataset import ImageDataset
from construction_zone.dataset.generate import generate
from construction_zone.dataset.store import Store
from construction_zone.errors import StoreError


def make(out, count=4, **options):
    return generate(RECIPE, out, count=count, **{"workers": 1, "progress": False, **options})


@pytest.fixture
def copy(reference, tmp_path):
    """A copy of a dataset of 4 structures."""
    return shutil.copytree(reference(4), tmp_path / "copy")


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_full_disk_is_told_and_the_rest_is_made_once_there_is_room(small_disk, reference, workers):
    out = small_disk("400k") / "out"
    run = Run(out, count=12, workers=workers)
    told = run.finish()
    assert run.process.returncode == 1
    assert "No space left on device" in told
    assert "run the same command again" in told
    assert "Traceback" not in told
    done = check_whole(out)
    assert 0 < len(done) < 12
    assert make(small_disk("40m") / "out", 12).made == 12 - len(done)
    assert fingerprint(out) == fingerprint(reference(12))


def test_a_read_only_disk_is_told_and_can_be_read(small_disk, copy):
    shutil.copytree(copy, small_disk("40m") / "out")
    out = small_disk("40m", "ro") / "out"
    with pytest.raises(StoreError, match="Read-only file system"):
        make(out, 5)
    assert ImageDataset(out)[7]["image"].shape == (1, 32, 40)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_dataset_that_is_deleted_under_way_stops_the_run_and_is_not_begun_anew(tmp_path, workers):
    out = tmp_path / "out"
    run = Run(out, count=500, workers=workers)
    assert run.wait_until(1)
    for _ in range(100):
        shutil.rmtree(out, ignore_errors=True)
    told = run.finish()
    assert run.process.returncode == 1, told
    assert "error: " in told
    assert "Traceback" not in told
    assert "fault of the program" not in told
    assert not out.exists() or not list(out.rglob("*.json"))


def test_a_second_run_is_refused_while_the_first_goes_on(tmp_path, reference):
    out = tmp_path / "out"
    first = Run(out, count=20)
    assert first.wait_until(1)
    second = Run(out, count=20)
    told = second.finish()
    assert second.process.returncode == 1
    assert f"being written by process {first.process.pid}" in told
    assert first.process.wait(240) == 0
    first.finish()
    assert fingerprint(out) == fingerprint(reference(20))


@pytest.mark.parametrize("when", ["1971", "2100"])
def test_times_of_files_decide_nothing(copy, reference, when):
    moment = time.mktime(time.strptime(when, "%Y"))
    for path in copy.rglob("*"):
        os.utime(path, (moment, moment))
    shutil.rmtree(copy / "records/images/000")
    assert make(copy).made == 4
    assert fingerprint(copy) == fingerprint(reference(4))


def test_a_clock_that_jumps_decides_nothing(tmp_path, reference, monkeypatch):
    hours = iter(range(10**6, 0, -1))
    monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
    make(tmp_path / "out")
    monkeypatch.undo()
    assert fingerprint(tmp_path / "out") == fingerprint(reference(4))


@pytest.mark.parametrize("left", [0, 100, 0.5, -1])
def test_a_cut_table_of_samples_is_told_and_made_again(copy, reference, left):
    table = copy / "samples.parquet"
    size = table.stat().st_size
    os.truncate(table, left if left > 1 else size - 1 if left < 0 else int(left * size))
    with pytest.raises(StoreError, match=r"samples\.parquet"):
        ImageDataset(copy)[0]
    make(copy)
    assert pq.read_table(table).num_rows == 8
    assert fingerprint(copy) == fingerprint(reference(4))


def test_a_cut_file_of_atoms_is_told(copy):
    atoms = copy / "structures/000/000002.parquet"
    os.truncate(atoms, atoms.stat().st_size // 2)
    from construction_zone.dataset.stages import read_atoms

    with pytest.raises(StoreError, match="000002"):
        read_atoms(Store(copy), 2)


def test_any_order_and_number_of_workers_give_the_same(tmp_path, reference):
    out = tmp_path / "out"
    make(out, 12, workers=2)
    for path in (
        "records/waves/000/000003.json",
        "records/structures/000/000000.json",
        "records/images/000/000007.json",
    ):
        (out / path).unlink()
    make(out, 12, workers=1)
    assert fingerprint(out) == fingerprint(reference(12))


def test_stages_made_apart_give_the_same(tmp_path, reference):
    out = tmp_path / "out"
    for until, count in (("structures", 4), ("waves", 2), ("images", 3), ("images", 4)):
        make(out, count, until=until)
    assert fingerprint(out) == fingerprint(reference(4))
