"""Threads that compiled loops share, beside torch's."""

import threading

import pytest
import torch

from construction_zone.simulate import threads


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_torch_is_kept_to_one_thread_and_loops_are_not():
    assert threads.allowed() == 2
    with threads.torch_on_one():
        assert (torch.get_num_threads(), threads.allowed()) == (1, 2)
        with threads.torch_on_one():
            assert (torch.get_num_threads(), threads.allowed()) == (1, 2)
        assert (torch.get_num_threads(), threads.allowed()) == (1, 2)
    assert (torch.get_num_threads(), threads.allowed()) == (2, 2)


def test_an_error_gives_the_threads_back():
    with pytest.raises(ValueError), threads.torch_on_one():
        raise ValueError
    assert (torch.get_num_threads(), threads.allowed()) == (2, 2)


def test_all_parts_are_done_at_once_and_come_in_order():
    together = threading.Barrier(3, timeout=20)

    def work(index, parts):
        together.wait()  # breaks if one waits for another to end
        return index, parts

    assert threads.shared(work, 3) == [(0, 3), (1, 3), (2, 3)]


def test_the_error_of_a_part_comes_out_after_all_have_ended():
    ended = []

    def work(index, parts):
        if index == 1:
            raise ValueError("of part 1")
        ended.append(index)

    with pytest.raises(ValueError, match="of part 1"):
        threads.shared(work, 3)
    assert sorted(ended) == [0, 2]
