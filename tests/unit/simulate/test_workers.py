"""Configurations side by side in threads."""

import threading
import time

import ase
import numpy as np
import pytest
import torch

from construction_zone import simulate
from construction_zone.errors import InvalidInput
from construction_zone.simulate import steps_compiled


def atoms() -> ase.Atoms:
    rng = np.random.default_rng(2)
    return ase.Atoms("Au30", rng.uniform(0, 1, (30, 3)) * [10, 8, 12], cell=(10, 8, 12))


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    made = [simulate.exit_waves(atoms(), sampling=0.1, phonons=5, seed=1, workers=n).numpy() for n in (1, 2, 3, 9)]
    for other in made[1:]:
        assert other.tobytes() == made[0].tobytes()


def test_torch_has_its_threads_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        simulate.exit_waves(atoms(), sampling=0.2, phonons=2, workers=2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize(("configurations", "thickness"), [(40, 2.0), (2, 0.2)])
def test_an_error_in_one_thread_ends_the_run(
    configurations: int, thickness: float, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    transmit, lock = steps_compiled.Wave.transmit, threading.Lock()
    calls: list[int] = []

    def failing(*args):
        with lock:
            calls.append(len(calls))
            number = len(calls)
        if number == 4:
            raise error("in a thread")
        if number > 4:
            time.sleep(0.1)  # so that a busy machine does not take longer to notice than to finish
        return transmit(*args)

    monkeypatch.setattr(steps_compiled.Wave, "transmit", failing)
    before, running = torch.get_num_threads(), threading.active_count()
    torch.set_num_threads(3)
    try:
        with pytest.raises(error, match="in a thread"):
            simulate.exit_waves(atoms(), sampling=0.1, slice_thickness=thickness, phonons=configurations, workers=2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    # 40 configurations of 6 slices would be 240 calls, and one of 60 slices some 25; the other thread ends at its next
    # slice, and none starts any more
    assert len(calls) < 16
    assert threading.active_count() == running


def test_progress_is_shown_and_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    shown = simulate.exit_waves(atoms(), sampling=0.2, phonons=2, workers=2, progress=True)
    assert torch.equal(shown.array, simulate.exit_waves(atoms(), sampling=0.2, phonons=2).array)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two"])
def test_workers_that_are_none(workers: object) -> None:
    for call in (simulate.exit_waves, simulate.plan_exit_waves):
        with pytest.raises(InvalidInput, match="whole number of threads"):
            call(atoms(), sampling=0.2, phonons=2, workers=workers)  # type: ignore[operator]
