"""Datasets made among objects, in one process: what fsspec keeps in memory answers as a bucket does."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import uuid

import fsspec
import pytest
import yaml
from conftest import read_contents  # type: ignore[import-not-found]

from construction_zone.dataset import lock, table
from construction_zone.dataset.add_images import add_images
from construction_zone.dataset.files import Objects
from construction_zone.dataset.generate import generate
from construction_zone.dataset.recipe import load
from construction_zone.dataset.repair import repair
from construction_zone.dataset.session import session
from construction_zone.dataset.store import RUN, Store
from construction_zone.dataset.verify import verify
from construction_zone.errors import StoreError

VARIES = {"README.md", ".lock", "log.txt", "samples.parquet"}
"""Names of the place, times of writing and measured times: what two makings differ in."""


@pytest.fixture
def url():
    return f"memory://{uuid.uuid4().hex}/data"


def make(recipe, out, **options):
    return generate(recipe, out, **{"workers": 1, "progress": False, **options})


def copied(url, folder):
    """The objects of `url` as files in `folder`."""
    place = Objects(url)
    for name in place.files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(place.read(name))
    return folder


def assert_same(url, directory, folder):
    """All keys, and all bytes but measured times."""
    there = copied(url, folder)
    names = [{p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()} for root in (there, directory)]
    assert {n for n in names[0] if not n.startswith("log/")} == names[1] - {".lock", "log.txt"}
    assert any(n.startswith("log/") for n in names[0])
    assert read_contents(there) == read_contents(directory)
    for name in names[1]:
        if name.rpartition("/")[2] not in VARIES and "records/" not in name:
            assert (there / name).read_bytes() == (directory / name).read_bytes(), name
    assert verify(url) == []


def test_what_is_made_among_objects_is_the_directory(tiny, whole, tmp_path, url):
    report = make(tiny, url)
    assert (report.made, report.out) == (4, url)
    assert_same(url, whole, tmp_path / "copy")
    assert make(tiny, url).made == 0
    assert [name for name in Objects(url).entries("") if name.startswith(".")] == []


def test_what_was_stopped_goes_on(tiny, whole, tmp_path, url, monkeypatch):
    """The record is what commits: images whose record was not put are made anew."""
    write = Objects.write

    def fails(place, name, data):
        if name == "records/images/000/000002.json":
            raise OSError(5, "Input/output error")
        write(place, name, data)

    monkeypatch.setattr(Objects, "write", fails)
    with pytest.raises(StoreError, match=r"Input/output error.*run the same command again"):
        make(tiny, url)
    monkeypatch.undo()
    assert Store(url).indices() == [0, 1]
    assert not Store(url).place.exists("images.zarr/000/000002")  # swept
    assert make(tiny, url).made == 2
    assert_same(url, whole, tmp_path / "copy")


def test_a_second_run_is_refused_while_the_first_lives(tiny, url):
    with (
        session(url, load(tiny)),
        pytest.raises(StoreError, match=rf"being written by process {os.getpid()} on .*\.lock\.000001 is removed"),
    ):
        make(tiny, url)
    assert make(tiny, url).made == 4


def left(url, **holder):
    """A lease left in `url`."""
    place = Objects(url)
    told = {"token": "x", "host": "elsewhere", "process": 7, "since": "then", "machine": "another", **holder}
    place.write(".lock.000004", json.dumps(told).encode())
    return place


def test_a_lease_that_is_not_renewed_is_taken_over_by_the_clock_of_the_storage(tiny, url, monkeypatch):
    place = left(url)
    monkeypatch.setattr(lock.time, "time", lambda: 4e9)  # our clock has jumped
    with pytest.raises(StoreError, match="process 7 on elsewhere, which began at then"), lock.leased(place, "mine"):
        pass
    system, path = place.at(".lock.000004")
    system.store[path].modified = system.modified(path) - datetime.timedelta(seconds=lock.STALE + 1)
    with lock.leased(place, "mine"):
        assert place.entries("") == [".lock.000005"]
    assert place.entries("") == []


def test_a_lease_of_a_process_of_this_machine_that_has_ended_is_taken_over_at_once(url):
    if lock._machine() is None:
        pytest.skip("this system does not tell when it was started")
    place = left(url, machine=lock._machine(), process=4194301)  # above what Linux gives by default
    with lock.leased(place, "mine"):
        assert place.entries("") == [".lock.000005"]


def test_a_lease_is_renewed_as_long_as_it_is_held(url, monkeypatch):
    monkeypatch.setattr(lock, "RENEWED", 0.01)
    place, renewed = Objects(url), lock.threading.Event()
    with lock.leased(place, "mine", renewed.set):
        first = place.modified(".lock.000001")
        renewed.wait(10)
        assert place.modified(".lock.000001") > first


def test_a_run_that_was_taken_for_dead_ends_and_removes_nothing(tiny, url):
    with session(url, load(tiny)) as held:
        Objects(url).write(RUN, b"another's")
        with pytest.raises(StoreError, match="belongs to another run by now"):
            held.store.check_run()
    assert Objects(url).read(RUN) == b"another's"


def test_storage_that_does_not_create_exclusively_is_refused(tiny, url, monkeypatch):
    monkeypatch.setattr(Objects, "create", lambda place, name, data: place.write(name, data) or True)
    with pytest.raises(StoreError, match=r"cannot keep two runs apart.*czone merge"):
        make(tiny, url)
    assert Objects(url).entries("") == []


def test_repair_makes_again_what_is_lost_or_damaged(tiny, whole, tmp_path, url):
    make(tiny, url)
    place = Objects(url)
    place.remove("structures/000/000001.parquet")
    chunk = "images.zarr/000/000002/image/c/0/0/0"
    place.write(chunk, place.read(chunk)[:-3])
    place.write("recipe.yaml", b"junk")
    done = repair(url)
    assert done.made == ((1, "structures"), (2, "images"))
    assert (done.different, done.left) == ((), ())
    assert_same(url, whole, tmp_path / "copy")


def test_an_image_set_among_objects_is_the_directorys(tiny, tmp_path, url):
    make(tiny, tmp_path / "data", count=2)
    make(tiny, url, count=2)
    tiny["imaging"] |= {"dose": 50}
    for root in (tmp_path / "data", url):
        assert add_images({**tiny, "count": 2}, root, "low") == 2
    assert_same(url, tmp_path / "data", tmp_path / "copy")
    assert add_images({**tiny, "count": 2}, url, "low") == 0


def test_a_place_with_other_things_in_it_is_refused(tiny, url):
    Objects(url).write("thesis.tex", b"mine")
    with pytest.raises(StoreError, match=r"is not empty and holds no dataset \(thesis.tex"):
        make(tiny, url)
    assert fsspec.filesystem("memory").find(url) != []


def test_the_commands_take_a_url(tiny, tmp_path, url, capsys):
    from construction_zone.cli import main

    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(yaml.safe_dump({**tiny, "count": 2}))
    for arguments, told in (
        (["generate", str(recipe), "--out", url, "--workers", "1"], "2 structures made"),
        (["info", url], "2 of 2"),
        (["show", url, "--out", str(tmp_path / "sheet.png")], "written"),
        (["repair", url], "0 findings"),
        (["add-images", str(recipe), url, "--name", "again"], "2 structures imaged"),
        (["export", url, "--to", "npz", "--out", str(tmp_path / "npz")], "4 images"),
    ):
        with contextlib.suppress(SystemExit):
            main(arguments)
        assert told in capsys.readouterr().out


def test_structure_files_go_along(tiny, tmp_path, url):
    import ase.build
    import ase.io

    from construction_zone.dataset.session import recipe_of
    from construction_zone.dataset.work import Job, work

    ase.io.write(tmp_path / "gold.cif", ase.build.bulk("Au", a=4.0782, cubic=True))
    tiny["particles"]["crystal"] = "gold.cif"
    recipe = load(tiny, folder=tmp_path)
    make(recipe, tmp_path / "data", count=2)
    make(recipe, url, count=1)
    assert recipe_of(Store(url)).digest() == recipe_of(Store(tmp_path / "data")).digest()
    with session(url, recipe.with_(count=2)) as held:  # a worker of another machine has no such folder
        elsewhere = load(tiny, folder=tmp_path).with_(count=2)
        (tmp_path / "gold.cif").unlink()
        assert work(Job(elsewhere, url, "cpu", held.token), 1).error is None
    table.rebuild(Store(url))
    assert make(recipe_of(Store(url)), url).made == 0
    assert_same(url, tmp_path / "data", tmp_path / "copy")
