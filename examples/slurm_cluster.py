"""Make a dataset on a Slurm cluster with dask-jobqueue (pip install 'construction-zone[cluster]').

    python examples/slurm_cluster.py --dry-run                          # show the job that would be submitted
    python examples/slurm_cluster.py RECIPE /shared/data --workers 200  # on a login node

Each job runs many workers of one thread. Slurm may start, end and preempt them at any time: a structure that is lost
with its worker is made by another, and the same command goes on where an earlier one stopped.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from dask_jobqueue import SLURMCluster

from construction_zone.dataset.generate import generate

LOOK = 1.0
"""Seconds between two looks at whether jobs have ended."""
# jobs that have ended are counted below; dask would forget those of one worker, and only those
dask.config.set({"distributed.deploy.lost-worker-timeout": "8760 h"})


def cluster(queue: str, account: str | None, workers_per_job: int, memory: str, hours: float) -> SLURMCluster:
    """A scheduler here, and a description of the jobs that bring its workers."""
    return SLURMCluster(
        queue=queue,
        account=account,
        cores=workers_per_job,
        processes=workers_per_job,  # one thread a worker: processes are what makes it faster
        memory=memory,
        walltime=f"{int(hours):02d}:{round(hours % 1 * 60):02d}:00",
        job_script_prologue=["export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1"],
        # leave in good order before Slurm kills the job, some of them a little earlier than others
        worker_extra_args=["--lifetime", f"{int(hours * 60) - 5}m", "--lifetime-stagger", "4m"],
        scheduler_options={"dashboard_address": ":0"},
    )


@contextmanager
def kept_up(jobs: SLURMCluster, wanted: int) -> Iterator[None]:
    """Keep `wanted` jobs for the length of a ``with``: submit another for each that Slurm ends, which dask does not."""
    ended, came = threading.Event(), set[str]()

    def keep() -> None:
        asked = wanted
        while not ended.wait(LOOK):
            # workers are called NAME-JOB, or NAME-JOB-NUMBER where a job has several
            here = {"-".join(worker["name"].split("-")[:2]) for worker in jobs.scheduler_info["workers"].values()}
            came.update(here)
            if wanted + len(came - here) > asked:
                asked = wanted + len(came - here)
                jobs.scale(jobs=asked)

    jobs.scale(jobs=wanted)
    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def main() -> None:
    """Submit jobs, make the dataset, and end the jobs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--workers-per-job", type=int, default=16)
    parser.add_argument("--memory", default="32GB", help="of a job, for all its workers")
    parser.add_argument("--hours", type=float, default=4)
    parser.add_argument("--queue", default="normal")
    parser.add_argument("--account")
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    with cluster(given.queue, given.account, given.workers_per_job, given.memory, given.hours) as jobs:
        if given.dry_run:
            print(jobs.job_script())
            return
        if given.recipe is None or given.out is None:
            parser.error("give RECIPE and OUT")
        with kept_up(jobs, -(-given.workers // given.workers_per_job)):
            report = generate(given.recipe, given.out, scheduler=jobs.scheduler_address)
    print(f"{report.made} structures made, {len(report.failures)} failed")


if __name__ == "__main__":
    main()
