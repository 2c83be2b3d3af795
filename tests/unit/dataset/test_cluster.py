"""Many processes: workers that die, hang or fill the memory lose one task, and somebody's scheduler does as well."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import dask
import pytest
from distributed import Client, LocalCluster

from construction_zone.dataset import cluster, work
from construction_zone.dataset.generate import generate
from construction_zone.dataset.recipe import load
from construction_zone.dataset.session import session
from construction_zone.dataset.store import Store
from construction_zone.dataset.work import Job, Outcome
from construction_zone.errors import ConstructionZoneError, InvalidInput, StoreError

HARM = """
    import os, pathlib, signal, time
    from construction_zone.dataset import work

    if "right" not in globals():  # dask may load this twice
        right, tries = work.make, pathlib.Path({tries!r})

    def harmful(store, recipe, index, *rest):
        if index == {index}:
            with tries.open("a") as file:
                file.write("x")
            if len(tries.read_text()) <= {times}:
                {harm}
        return right(store, recipe, index, *rest)

    work.make = harmful
"""
HARMS = {
    "dies": "os.kill(os.getpid(), signal.SIGKILL)",
    "hangs": "time.sleep(1000)",
    "fills the memory": "filler = bytearray(1_000_000_000); filler[:] = bytes(1) * len(filler); time.sleep(1000)",
}


@pytest.fixture
def harm(tmp_path):
    """Have the workers of local clusters come to harm over a structure, a number of times; gives the times so far."""
    tries = tmp_path / "tries"

    def set_up(what: str, index: int, times: int):
        script = tmp_path / "harm.py"
        script.write_text(textwrap.dedent(HARM).format(tries=str(tries), index=index, times=times, harm=HARMS[what]))
        settings = {"distributed.worker.preload": [str(script)]}
        if what == "fills the memory":
            settings["distributed.worker.memory.terminate"] = 900e6 / (os.sysconf("SC_PAGE_SIZE") * _pages() / 2)
        return dask.config.set(settings)

    set_up.tries = lambda: len(tries.read_text())
    return set_up


def _pages():
    return os.sysconf("SC_PHYS_PAGES")


def make(recipe, out, **options):
    return generate(recipe, out, **{"workers": 2, "progress": False, **options})


@pytest.mark.parametrize("what", ["dies", *(pytest.param(what, marks=pytest.mark.slow) for what in list(HARMS)[1:])])
def test_a_worker_that_comes_to_harm_loses_one_task_which_runs_again(tiny, whole, tmp_path, contents, harm, what):
    with harm(what, index=1, times=1):
        report = make(tiny, tmp_path / "out", time_limit=12 if what == "hangs" else None)
    assert (report.made, report.failures) == (4, ())
    assert harm.tries() == 2
    assert contents(tmp_path / "out") == contents(whole)
    assert "distributed.nanny: Restarting worker" in (tmp_path / "out" / "log.txt").read_text()


def test_a_structure_that_takes_its_worker_along_each_time_fails_alone(tiny, tmp_path, harm):
    with harm("dies", index=2, times=99):
        report = make(tiny, tmp_path / "out")
    assert report.made == 3
    (failure,) = report.failures
    assert (failure.structure, failure.seed) == (2, 3)
    assert "its worker died each time: it crashed, ran out of memory, or was killed" in failure.error
    assert harm.tries() == 2 * cluster.DEATHS
    assert Store(tmp_path / "out").indices() == [0, 1, 3]
    # without the harm, the same call makes what is missing
    assert make(tiny, tmp_path / "out", workers=1).made == 1


@pytest.mark.slow
def test_a_structure_that_takes_too_long_fails_with_where_it_was(tiny, tmp_path, harm):
    with harm("hangs", index=0, times=99):
        report = make(tiny, tmp_path / "out", time_limit=12)
    assert [failure.structure for failure in report.failures] == [0]
    assert "longer than the time limit" in report.failures[0].error
    assert "in harmful" in (tmp_path / "out" / "log.txt").read_text()


@pytest.mark.parametrize("hang", ["import time; time.sleep(60)", "import re; re.match('(a*)*b', 'a' * 60)"])
def test_a_process_that_takes_too_long_ends_even_if_it_holds_the_interpreter(tmp_path, hang):
    code = f"""
from pathlib import Path
from construction_zone.dataset import work
from construction_zone.dataset.store import Store
work.GRACE = 1.0
with work._ended_after(1.0, Store(Path()), "note"):
    {hang}
"""
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=50)
    assert time.monotonic() - start < 20
    where = (tmp_path / "note").read_text() if (tmp_path / "note").exists() else done.stderr
    assert done.returncode in (work.TIMED_OUT, 1)
    assert "most recent call first" in where


def test_a_process_that_is_in_time_goes_on(tmp_path):
    with work._ended_after(0.2, Store(tmp_path), "note"):
        pass
    time.sleep(0.4)
    assert not (tmp_path / "note").exists()


@pytest.fixture
def somebodys():
    """A scheduler with two workers, in processes of their own."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as there:
        yield there


def test_somebodys_scheduler_makes_the_same_bytes(tiny, whole, tmp_path, contents, somebodys):
    report = make(tiny, tmp_path / "out", workers=None, scheduler=somebodys.scheduler_address)
    assert (report.made, report.failures) == (4, ())
    assert contents(tmp_path / "out") == contents(whole)
    with Client(somebodys, set_as_default=False) as client:
        assert len(client.nthreads()) == 2


def test_workers_of_many_threads_are_refused(tiny, tmp_path):
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as there,
        pytest.raises(InvalidInput, match="has 2 threads; start workers with one thread each"),
    ):
        make(tiny, tmp_path / "out", workers=None, scheduler=there.scheduler_address)


def test_a_scheduler_that_does_not_answer_is_told(tiny, tmp_path):
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(InvalidInput, match=r"no scheduler answers at 'tcp://127\.0\.0\.1:9'"),
    ):
        make(tiny, tmp_path / "out", workers=None, scheduler="tcp://127.0.0.1:9")


def test_workers_and_a_scheduler_are_one_too_many(tiny, tmp_path):
    with pytest.raises(InvalidInput, match="give either"):
        make(tiny, tmp_path / "out", scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan")])
def test_a_time_limit_is_seconds_above_0(tiny, tmp_path, limit):
    with pytest.raises(InvalidInput, match="time_limit is"):
        make(tiny, tmp_path / "out", time_limit=limit)


def test_a_task_of_a_run_that_has_ended_writes_nothing(tiny, tmp_path):
    out = tmp_path / "out"
    with session(out, load(tiny)) as held:
        job = Job(held.recipe, out, "cpu", held.token)
        assert work.work(job, 0).error is None
        with pytest.raises(StoreError, match="belongs to another run"):
            work.work(Job(held.recipe, out, "cpu", "of yesterday"), 1)
    with pytest.raises(StoreError, match="the run has ended"):
        work.work(job, 2)
    assert Store(out).indices() == [0]
    with pytest.raises(StoreError, match="does not see the file system"):
        work.work(Job(job.recipe, tmp_path / "elsewhere", "cpu", held.token), 0)
    assert not (tmp_path / "elsewhere").exists()


def test_a_worker_of_another_version_is_refused(tiny, tmp_path):
    with pytest.raises(ConstructionZoneError, match=r"has construction-zone .*, and the run 0\.0\.7"):
        work.work(Job(load(tiny), tmp_path, "cpu", "", version="0.0.7"), 0)


def test_a_scheduler_that_goes_away_stops_the_run_with_a_message(tiny, tmp_path, somebodys):
    with session(tmp_path / "out", load(tiny)) as held:
        job = Job(held.recipe, held.store.root, "cpu", held.token)
        with cluster.remote(somebodys.scheduler_address) as client:
            stream = cluster.outcomes(client, job, range(1000), lambda: None)
            next(stream)
            somebodys.close()
            with pytest.raises(ConstructionZoneError, match="the scheduler is gone"):
                list(stream)


def test_the_scheduler_holds_few_tasks_however_many_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "work", lambda job, index, limit: Outcome(index))
    job, most, seen = Job(None, tmp_path, "cpu", "token"), 0, set()
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as there,
        Client(there, set_as_default=False) as client,
    ):
        for outcome in cluster.outcomes(client, job, range(500), lambda: None):
            seen.add(outcome.structure)
            most = max(most, len(there.scheduler.tasks))
    assert seen == set(range(500))
    assert most <= 2 * cluster.FEWEST
