"""The example for Slurm, where there is none: its job, and jobs that are run here by a stand-in for sbatch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from construction_zone.dataset.merge import merge
from construction_zone.dataset.verify import verify

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "examples/slurm_cluster.py")
SBATCH = """#!/bin/sh
setsid sh -c 'echo $$ >> "$0.jobs"; echo "Submitted batch job $$"; exec bash "$1" > "$0.$$.log" 2>&1' "$0" "$1" &
while ! grep -qs "$!" "$0.jobs"; do sleep 0.02; done
"""
SCANCEL = """#!/bin/sh
for job in "$@"; do kill -TERM -- "-$job"; done
"""


def test_the_job_for_slurm():
    told = subprocess.run(
        [sys.executable, EXAMPLE, "--dry-run", *["--account", "lab", "--hours", "2.5"]],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    lines = told.splitlines()
    for line in ("#SBATCH -p normal", "#SBATCH -A lab", "#SBATCH --cpus-per-task=16", "#SBATCH -t 02:30:00"):
        assert line in lines
    assert "export OMP_NUM_THREADS=1" in told
    for option in ("--nthreads 1 ", "--nworkers 16 ", "--nanny ", "--memory-limit 1.86GiB ", "--lifetime 145m "):
        assert option in told


@pytest.mark.slow
def test_jobs_make_a_dataset_and_one_that_is_preempted_is_followed_by_another(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text((ROOT / "tests/recovery/tiny.yaml").read_text().replace("count: 12", "count: 100"))
    options = ["--workers", "2", "--workers-per-job", "1", "--memory", "3GB"]
    run = subprocess.Popen(
        [sys.executable, EXAMPLE, str(recipe), str(out), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
    )

    def jobs():
        return [int(job) for job in (folder / "sbatch.jobs").read_text().split()]

    try:
        end = time.monotonic() + 60
        while len(list(out.glob("records/images/000/*.json"))) < 30:
            assert run.poll() is None, run.communicate()[0]
            assert time.monotonic() < end, "nothing was made in time"
            time.sleep(0.05)
        os.killpg(jobs()[0], signal.SIGKILL)
        told = run.communicate(timeout=90)[0]
    finally:
        run.kill()
    assert run.returncode == 0, told
    assert "100 structures made, 0 failed" in told
    assert len(jobs()) == 3
    log = (out / "log.txt").read_text()
    assert "FAILED" not in log
    # what the killed job took along holds nobody up (dask tries half a minute to fetch it)
    times = [datetime.fromisoformat(line[:19]) for line in log.splitlines() if ": done" in line]
    assert max((b - a).total_seconds() for a, b in pairwise(times)) < 15
    assert verify(out) == []
    for _ in range(100):  # every job was ended
        if not any(Path(f"/proc/{job}").exists() for job in jobs()):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("jobs still run")


def test_a_job_array_makes_parts_that_merge_into_the_whole(tmp_path):
    recipe, parts = tmp_path / "recipe.yaml", tmp_path / "parts"
    recipe.write_text((ROOT / "tests/recovery/tiny.yaml").read_text().replace("count: 12", "count: 3"))
    command = Path(sys.executable).parent
    for task in ("1", "2"):
        given = {"PATH": f"{command}{os.pathsep}{os.environ['PATH']}", "SLURM_CPUS_PER_TASK": "1", "PARTS": "2"}
        subprocess.run(
            ["bash", str(ROOT / "examples/slurm_array.sh"), str(recipe), str(parts)],
            env={**os.environ, **given, "SLURM_ARRAY_TASK_ID": task},
            check=True,
            capture_output=True,
            timeout=120,
        )
    assert merge([parts / "part-1", parts / "part-2"], tmp_path / "data") == 3
    assert verify(tmp_path / "data") == []
