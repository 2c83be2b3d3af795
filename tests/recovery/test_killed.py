"""SIGKILL at any moment, to the run or its workers; then the same command again, and nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
from runs import RECIPE, Run, check_whole, fingerprint  # type: ignore[import-not-found]

from construction_zone.dataset.generate import generate


def campaign(out, kills, seed, most_workers=2):
    """Kill runs or their workers that many times at random moments; gives how many of each, and the count at the end.

    Each run may make a few structures more than there are, so that there is always something under way.
    """
    moments, killed, count = random.Random(seed), {"run": 0, "worker": 0}, 6
    while sum(killed.values()) < kills:
        workers = moments.randint(1, most_workers)
        run = Run(out, count=count, workers=workers)
        # now and then while it starts, before anything is made
        run.wait_until(moments.choice([0, 1, 1, 2, 3]))
        time.sleep(moments.uniform(0, 0.25))
        victims = run.worker_pids() if workers > 1 else []
        if victims and run.process.poll() is None and moments.random() < 0.5:
            os.kill(moments.choice(victims), signal.SIGKILL)
            killed["worker"] += 1
            if moments.random() < 0.5:
                assert run.process.wait(240) == 0, run.finish()  # the run gets over it
                run.finish()
                count += 6
                continue
            time.sleep(moments.uniform(0, 1))
        if run.process.poll() is None:
            killed["run"] += 1
            run.kill()
        else:
            run.finish()
        count = max(count, len(check_whole(out)) + 6)
    return killed, count


def resumed_equals(out, reference, count, workers=1):
    report = generate(RECIPE, out, count=count, workers=workers, progress=False)
    assert (report.total, report.failures) == (count, ())
    assert check_whole(out) == list(range(count))
    assert fingerprint(out) == fingerprint(reference(count))


def test_a_few_kills(tmp_path, reference):
    killed, count = campaign(tmp_path / "out", kills=2, seed=1)
    resumed_equals(tmp_path / "out", reference, count)
    assert sum(killed.values()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_many_kills(tmp_path, reference, seed, record_property):
    killed, count = campaign(tmp_path / "out", kills=20, seed=seed)
    resumed_equals(tmp_path / "out", reference, count, workers=2)
    record_property("killed", killed)
    print(f"seed {seed}: {killed['run']} runs and {killed['worker']} workers killed, {count} structures")
    assert sum(killed.values()) >= 20


def killed_at(moment, out, count):
    """Make the dataset in a forked process that kills itself just before its `moment`-th write; whether it did."""
    child = os.fork()
    if child == 0:
        try:
            steps = [0]

            def counted(call):
                def step(*args, **options):
                    steps[0] += 1
                    if steps[0] == moment:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return call(*args, **options)

                return step

            for name in ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir"):
                setattr(os, name, counted(getattr(os, name)))
            generate(RECIPE, out, count=count, workers=1, progress=False)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def every_moment(out, reference, steps):
    """Kill at each of the moments, over and over, until a run comes through; gives how many were killed."""
    reference(3)  # all is loaded and compiled before this process forks
    killed = 0
    for moment in steps:
        if not killed_at(moment, out, 3):
            break
        killed += 1
        if (out / "dataset.json").exists():
            check_whole(out)
    resumed_equals(out, reference, 3)
    return killed


def test_killed_at_some_moments_of_writing(tmp_path, reference):
    assert every_moment(tmp_path / "out", reference, range(1, 400, 23)) >= 5


@pytest.mark.slow
def test_killed_at_every_moment_of_writing(tmp_path, reference):
    """Each moment in turn, of a dataset that is begun anew: the structure under way is made again, nothing else."""
    reference(3)
    moment = 0
    while True:
        moment += 1
        out = tmp_path / str(moment)
        if not killed_at(moment, out, 2):
            break
        resumed_equals(out, reference, 2)
    assert moment > 40
    print(f"{moment - 1} moments")
