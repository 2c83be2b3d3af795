"""The inner loop of short-range order, compiled by numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from construction_zone.compiling import njit


@njit()
def swap(
    kinds: Any,
    first: Any,
    neighbour: Any,
    shell: Any,
    counts: Any,
    targets: Any,
    wanted: Any,
    proposals: Any,
    tolerance: float,
) -> tuple[int, float, bool]:
    """Try the swaps `proposals` (m, 2) in turn and keep those that do not take α further from its targets.

    `kinds` and `counts` are changed in place. Gives the number of swaps kept, the sum of the squared differences, and
    whether every wanted α is within the tolerance, at which point it stops.
    """
    error, worst = _error(counts, targets, wanted)
    made = 0
    for m in range(proposals.shape[0]):
        if worst <= tolerance:
            return made, error, True
        a, b = proposals[m, 0], proposals[m, 1]
        kind_a, kind_b = kinds[a], kinds[b]
        if kind_a == kind_b:
            continue
        _change(kinds, first, neighbour, shell, counts, a, kind_b)
        _change(kinds, first, neighbour, shell, counts, b, kind_a)
        new_error, new_worst = _error(counts, targets, wanted)
        if new_error <= error:
            error, worst = new_error, new_worst
            made += 1
        else:
            _change(kinds, first, neighbour, shell, counts, b, kind_b)
            _change(kinds, first, neighbour, shell, counts, a, kind_a)
    return made, error, worst <= tolerance


@njit()
def _change(kinds: Any, first: Any, neighbour: Any, shell: Any, counts: Any, atom: int, kind: int) -> None:
    old = kinds[atom]
    for k in range(first[atom], first[atom + 1]):
        other, s = kinds[neighbour[k]], shell[k]
        counts[s, old, other] -= 1
        counts[s, other, old] -= 1
        counts[s, kind, other] += 1
        counts[s, other, kind] += 1
    kinds[atom] = kind


@njit()
def _error(counts: Any, targets: Any, wanted: Any) -> tuple[float, float]:
    many = counts.shape[1]
    total, worst = 0.0, 0.0
    around = np.zeros(many)
    for s in range(counts.shape[0]):
        everything = 0.0
        for i in range(many):
            around[i] = 0.0
            for j in range(many):
                around[i] += counts[s, i, j]
            everything += around[i]
        for i in range(many):
            for j in range(i, many):
                if wanted[s, i, j]:
                    alpha = 1.0 - counts[s, i, j] * everything / max(around[i] * around[j], 1e-300)
                    off = abs(alpha - targets[s, i, j])
                    total += off * off
                    worst = max(worst, off)
    return total, worst
