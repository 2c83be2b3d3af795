"""Compiled loops shared between threads, and torch kept to one of them meanwhile.

Threads of OpenMP, which torch computes with, go on spinning for some milliseconds after each operation, and keep the
cores busy that our own threads need.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

Result = TypeVar("Result")

_outside = threading.local()


def allowed() -> int:
    """Threads that a loop may use: what torch is set to, or was before `torch_on_one`."""
    found: int | None = getattr(_outside, "threads", None)
    return torch.get_num_threads() if found is None else found


@contextmanager
def torch_on_one() -> Iterator[None]:
    """Keep torch's operations of this thread to one thread; `allowed` stays what it was."""
    before, outer = torch.get_num_threads(), getattr(_outside, "threads", None)
    _outside.threads = before if outer is None else outer
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _outside.threads = outer


def shared(work: Callable[[int, int], Result], parts: int) -> list[Result]:
    """`work(i, parts)` for all i < `parts` at once, the first in this thread; it should release the GIL.

    The other threads live for this call alone, so that a process may fork afterwards. A pool of as many threads as
    there are cores often starts them all on one, where they stay for milliseconds.
    """
    if parts == 1:
        return [work(0, 1)]
    results: list[Result | BaseException] = [RuntimeError("not done")] * parts

    def one(index: int) -> None:
        try:
            results[index] = work(index, parts)
        except BaseException as error:
            results[index] = error

    others = [threading.Thread(target=one, args=(index,)) for index in range(1, parts)]
    for thread in others:
        thread.start()
    one(0)
    for thread in others:
        thread.join()
    found: list[Result] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found
