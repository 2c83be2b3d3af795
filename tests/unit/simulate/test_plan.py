import subprocess
import sys
from pathlib import Path

import ase
import numpy as np
import pytest
import torch

from construction_zone import simulate
from construction_zone.errors import GridError, InvalidInput
from construction_zone.simulate import memory, plan, steps_compiled
from construction_zone.simulate.core import core_patches
from construction_zone.simulate.fft import fields


def layers(symbols: str = "Au") -> ase.Atoms:
    """Ten layers 2 Å apart with every element of `symbols` in each."""
    elements = ase.Atoms(symbols).symbols
    places = [(1 + i, 2 + i, 2 * k + 1) for k in range(10) for i in range(len(elements))]
    return ase.Atoms(list(elements) * 10, places, cell=(12.8, 9.6, 20))


def test_an_estimate_by_hand() -> None:
    needed = simulate.plan_exit_waves(layers(), sampling=0.1, phonons=4, workers=2)
    assert needed.grid.shape == (96, 128)
    assert (needed.slices, needed.configurations) == (10, 4)
    # per configuration: ten slices through two transforms each, and one transform of gold and one back per two slices
    assert needed.transforms == 4 * (10 * 2 + 10 / 2 * 2)
    waves = simulate.exit_waves(layers(), sampling=0.1, phonons=4)
    assert needed.disk == waves.array.nbytes == 4 * 96 * 128 * 8
    assert needed.memory >= needed.disk + 2 * needed.running
    assert needed.seconds is not None
    assert 0 < needed.seconds < 60


def test_transforms_are_those_that_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {"filtered_columns": 0, "propagate": 0}

    def propagate(wave, kernel, function=steps_compiled.Wave.propagate):
        counted["propagate"] += 2
        function(wave, kernel)

    def filtered_columns(*args, function=fields.filtered_columns):
        counted["filtered_columns"] += 1 + args[-1]  # one more back in the end
        function(*args)

    monkeypatch.setattr(steps_compiled.Wave, "propagate", propagate)
    monkeypatch.setattr(fields, "filtered_columns", filtered_columns)
    settings = {"sampling": 0.2, "phonons": 2, "displacements": 0.1, "tilts": [(0.0, 0.0), (1.0, 0.0)]}
    simulate.exit_waves(layers("AuSeC"), **settings)
    monkeypatch.undo()  # planning times a transform
    needed = simulate.plan_exit_waves(layers("AuSeC"), **settings)
    assert needed.transforms == counted["filtered_columns"] + counted["propagate"]


def test_disk_is_that_of_the_array() -> None:
    settings = {"sampling": 0.2, "phonons": 3, "tilts": [(0.0, 0.0), (1.0, 0.0)], "depths": [4.0, 8.0, 20.0]}
    waves = simulate.exit_waves(layers(), **settings)
    assert simulate.plan_exit_waves(layers(), **settings).disk == waves.array.nbytes
    double = simulate.plan_exit_waves(layers(), dtype=torch.complex128, **settings)
    assert double.disk == 2 * waves.array.nbytes


def test_slices_beyond_the_last_depth_are_not_counted() -> None:
    whole, half = (simulate.plan_exit_waves(layers(), sampling=0.2, phonons=1, depths=[z]) for z in (20.0, 10.0))
    assert half.transforms == whole.transforms / 2


def test_the_estimate_of_time_is_of_the_right_order() -> None:
    # an estimate from one transform on a busy machine: within a factor of ten either way
    import time

    rng = np.random.default_rng(0)
    atoms = ase.Atoms("C300", rng.uniform(0, 1, (300, 3)) * [25.6, 25.6, 30], cell=(25.6, 25.6, 30))
    settings = {"sampling": 0.1, "phonons": None, "workers": 1}
    simulate.exit_waves(atoms, **settings)
    core_patches.cache_clear()
    start = time.perf_counter()
    simulate.exit_waves(atoms, **settings)
    took = time.perf_counter() - start
    needed = simulate.plan_exit_waves(atoms, **settings).seconds
    assert needed is not None
    assert took / 10 < needed < took * 10


def test_too_much_for_the_memory_says_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = simulate.plan_exit_waves(layers(), sampling=0.2, phonons=8, workers=1)
    one = needed.disk // 8
    for fitting in (3, 7):
        free = needed.memory - (8 - fitting) * one
        monkeypatch.setattr(plan, "available_memory", lambda device, free=free: free)
        with pytest.raises(
            GridError, match=rf"8 configuration\(s\).*{fitting} configuration\(s\) would fit; use a coarser"
        ):
            simulate.exit_waves(layers(), sampling=0.2, phonons=8, workers=1)
    monkeypatch.setattr(plan, "available_memory", lambda device: needed.memory)
    simulate.exit_waves(layers(), sampling=0.2, phonons=8, workers=1)


def test_planning_allocates_nothing_large() -> None:
    huge = layers()
    huge.set_cell([1e4, 1e4, 20])
    needed = simulate.plan_exit_waves(huge, sampling=0.05, phonons=3)
    assert needed.disk == 3 * 200_000**2 * 8
    assert needed.seconds is not None
    # 60 transforms of 4e10 samples: 4e12 · 35 operations or more at 1e9 … 1e12 a second
    assert 100 < needed.seconds < 1e6
    with pytest.raises(GridError, match="GB are free on cpu"):
        simulate.exit_waves(huge, sampling=0.05, phonons=3)


def test_memory_is_what_a_run_takes() -> None:
    # in a process of its own, where nothing that was freed before is there to be used again
    code = """
import ase, numpy as np
from construction_zone import simulate
rng = np.random.default_rng(0)
atoms = ase.Atoms("C4000", rng.uniform(0, 1, (4000, 3)) * [90, 90, 40], cell=(90, 90, 40))
always = {"workers": 1, "cores": False, "displacements": 0.1}
small = {"sampling": 0.3, "phonons": 1, **always}
settings = {"sampling": 0.06, "phonons": 2, "depths": [10, 20, 30, 40], **always}
simulate.exit_waves(atoms, **small)
simulate.plan_exit_waves(atoms, **small)
def now(name):
    return 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
planned, before = simulate.plan_exit_waves(atoms, **settings).memory, now("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak from here on
simulate.exit_waves(atoms, **settings)
print(planned, now("VmHWM") - before)
"""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux, which tells a process its peak memory")
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True)
    planned, took = map(int, run.stdout.split())
    assert 0.75 * took < planned < 1.25 * took


def test_core_tables_count_where_they_are_larger_than_the_waves() -> None:
    kwargs = {"sampling": 0.05, "phonons": 1, "workers": 1}
    bare, whole = (simulate.plan_exit_waves(layers(), cores=cores, **kwargs) for cores in (False, True))
    samples = (8 * 2 * round(4 / 0.05)) ** 2  # 8 Å, eight times finer
    assert whole.tables == pytest.approx(samples, rel=0.02)
    assert bare.tables == 0
    assert whole.memory > 50 * samples > bare.memory


def test_nothing_is_promised_for_another_engine() -> None:
    assert simulate.plan_exit_waves(layers(), sampling=0.2, engine="abtem").seconds is None
    with pytest.raises(InvalidInput, match="choose one of"):
        simulate.plan_exit_waves(layers(), sampling=0.2, engine="prismatic")


@pytest.mark.parametrize(
    ("named", "folder", "limit", "used"),
    [
        ("0::/job/step", "job", "memory.max", "anon"),
        ("4:memory:/job", "memory/job", "memory.limit_in_bytes", "total_rss"),
    ],
)
def test_limits_of_control_groups_count(tmp_path: Path, named: str, folder: str, limit: str, used: str) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    (root / folder / "step").mkdir(parents=True)
    own.write_text(f"9:cpu:/other\n{named}\n")
    assert memory._left_by_groups(root, own) == []
    (root / folder / "step" / limit).write_text("max\n")
    (root / folder / limit).write_text("8000000000\n")
    (root / folder / "memory.stat").write_text(f"cache 7000000000\n{used} 3000000000\n")
    assert memory._left_by_groups(root, own) == [5_000_000_000]


def test_batches_are_sized_to_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = simulate.plan_exit_waves(layers(), sampling=0.2, phonons=8, workers=1)
    rest = needed.memory - needed.running
    for free, batch in [(needed.memory, 1), (rest + 4 * needed.running, 3), (10**12, 8), (0, 1)]:
        monkeypatch.setattr(plan, "available_memory", lambda device, free=free: free)
        assert plan.batch_size(needed, torch.device("cuda")) == batch
