"""Real processes, stopped in the middle; then the same command again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from construction_zone.dataset.generate import generate
from construction_zone.dataset.store import Store

COUNT = 10
CZONE = "from construction_zone.cli import main; main()"


def begin(recipe, out, workers):
    """`czone generate` in a process group of its own, once it has made something but not all."""
    process = started(recipe, out, workers)
    for _ in range(1200):
        if any((out / "records/images/000").glob("0*.json")):
            return process
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("nothing was made in time")


def started(recipe, out, workers):
    """The same, at once."""
    return subprocess.Popen(
        [sys.executable, "-c", CZONE, "generate", recipe, "--out", out, "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background jobs ignore Ctrl-C, and their children would too
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def workers_of(process):
    """Process ids of the workers of a run."""
    found = subprocess.run(
        ["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True, check=True
    )
    return [int(pid) for pid in found.stdout.split()]


def _left(group):
    """Processes of `group` that still run after a while."""
    for _ in range(200):
        found = subprocess.run(["ps", "-o", "pid=,stat=,args=", "-g", str(group)], capture_output=True, text=True)
        running = [line for line in found.stdout.splitlines() if line.split()[1][0] != "Z"]
        if not running:
            break
        time.sleep(0.05)
    return running


@pytest.fixture
def recipe(tiny, tmp_path):
    path = tmp_path / "tiny.yaml"
    tiny["count"] = COUNT
    path.write_text(yaml.safe_dump(tiny))
    return path


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    import copy

    from conftest import TINY  # type: ignore[import-not-found]

    out = tmp_path_factory.mktemp("reference") / "dataset"
    generate({**copy.deepcopy(TINY), "count": COUNT}, out, workers=1, progress=False)
    return out


@pytest.mark.parametrize(
    ("workers", "whom", "sent", "code"),
    [
        (1, "the process", signal.SIGINT, 130),
        (2, "the terminal's group", signal.SIGINT, 130),
        (1, "the process", signal.SIGTERM, 143),
        (2, "the process", signal.SIGTERM, 143),
    ],
)
def test_what_is_interrupted_keeps_what_is_done_and_the_same_command_goes_on(
    recipe, reference, tmp_path, contents, workers, whom, sent, code
):
    out = tmp_path / "dataset"
    process = begin(recipe, out, workers)
    start = time.monotonic()
    if whom == "the process":
        process.send_signal(sent)
    else:
        os.killpg(process.pid, sent)
    _, told = process.communicate(timeout=90)
    assert time.monotonic() - start < 30
    assert process.returncode == code, told
    assert "leaked" not in told  # semaphores, of which Python would complain
    assert "run the same command again to go on" in told
    assert "Traceback" not in told
    assert _left(process.pid) == []
    done = Store(out).indices()
    assert 0 < len(done) < COUNT
    assert f"{len(done)} of {COUNT} structures are done" in told
    assert not (out / ".partial").exists()
    generate(recipe, out, workers=1, progress=False)
    assert contents(out) == contents(reference)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_interrupted_while_its_workers_start_ends_in_order(recipe, tmp_path, sent, code):
    out = tmp_path / "dataset"
    process = started(recipe, out, 2)
    for _ in range(1200):
        if (out / "log.txt").exists():  # it says that it begins just before the workers start
            break
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(sent)
    _, told = process.communicate(timeout=90)
    assert process.returncode == code, told
    assert "0 of 10 structures are done" in told
    assert "leaked" not in told
    assert "Traceback" not in told
    assert _left(process.pid) == []


def test_a_killed_process_takes_its_workers_along_and_the_same_command_goes_on(recipe, reference, tmp_path, contents):
    out = tmp_path / "dataset"
    process = begin(recipe, out, 2)
    process.kill()
    process.communicate(timeout=90)
    assert _left(process.pid) == []
    assert 0 < len(Store(out).indices()) < COUNT
    report = generate(recipe, out, workers=1, progress=False)
    assert report.total == COUNT
    assert contents(out) == contents(reference)


def test_a_worker_that_is_killed_is_started_again_and_the_run_goes_on(recipe, reference, tmp_path, contents):
    out = tmp_path / "dataset"
    process = begin(recipe, out, 2)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert "leaked" not in told
    assert _left(process.pid) == []
    assert contents(out) == contents(reference)


LEAVES = """
import multiprocessing, os
import numpy as np

def work():
    import zarr
    from construction_zone.simulate.stored import write_array
    write_array(zarr.create_group({}), "a", np.ones((2, 8, 8)), ("n", "y", "x"))
    os._exit(75)

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 75
"""


def test_a_process_that_ends_after_it_has_written_leaves_no_semaphore(tmp_path):
    script = tmp_path / "leaves.py"
    script.write_text(LEAVES)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=True)
    assert done.stderr == ""
