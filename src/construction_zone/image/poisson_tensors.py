"""The Poisson numbers of `poisson.sample`, one operation on whole tensors after the other, for accelerators.

The same streams, tables and tests as in the compiled loop, so the same numbers: 64-bit integers wrap around in torch
as they do there.
"""

from __future__ import annotations

import math

import numpy as np
import torch

GAMMA = -7046029254386353131
"""0x9E3779B97F4A7C15, the step of SplitMix64, as a signed number."""

FIRST, SECOND = -4658895280553007687, -7723592293110705685
"""0xBF58476D1CE4E5B9 and 0x94D049BB133111EB, its factors."""


TABLED, STEPS, LARGE, STRIDE = 128, 8, 2048, 64
"""What `poisson` calls by these names."""


def filled(means: torch.Tensor, keys: np.ndarray, entries: np.ndarray, offsets: np.ndarray) -> torch.Tensor:
    """A number for each of `means` (n,), double precision, all of zero or more; float32.

    Parameters
    ----------
    keys
        two 64-bit words.
    entries, offsets
        alias tables (see `poisson`).
    """
    place = torch.arange(1, means.numel() + 1, device=means.device) * GAMMA
    first, second = (_mixed(place + key) for key in keys.view(np.int64).tolist())
    counts = torch.empty_like(means)
    small = (means < LARGE).nonzero()[:, 0]
    tables = torch.from_numpy(entries.view(np.int64)).to(means.device), torch.from_numpy(offsets).to(means.device)
    counts[small] = _tabled(means[small], first[small], second[small], *tables)
    large = (means >= LARGE).nonzero()[:, 0]
    if len(large):
        counts[large] = _rejected(means[large], first[large] ^ second[large])
    return counts.to(torch.float32)


def _shifted(bits: torch.Tensor, by: int) -> torch.Tensor:
    """`bits` >> `by`, filled with zeros."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


def _mixed(z: torch.Tensor) -> torch.Tensor:
    z = (z ^ _shifted(z, 30)) * FIRST
    z = (z ^ _shifted(z, 27)) * SECOND
    return z ^ _shifted(z, 31)


def _uniform(bits: torch.Tensor) -> torch.Tensor:
    return (_shifted(bits, 12).double() + 0.5) * 2.0**-52


def _looked_up(row: torch.Tensor, bits: torch.Tensor, table: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    start, width, low = offsets[row].T
    column = (bits >> (64 - width)) & ((1 << width) - 1)
    entry = table[start + column]
    kept = (bits & (2**52 - 1)) < _shifted(entry, 12)
    return (low + torch.where(kept, column, entry & 4095)).double()


def _tabled(
    means: torch.Tensor, first: torch.Tensor, second: torch.Tensor, table: torch.Tensor, offsets: torch.Tensor
) -> torch.Tensor:
    counts = torch.zeros_like(means)
    upper = (means >= TABLED).nonzero()[:, 0]
    strides = (means[upper] / STRIDE).long()
    row = TABLED * STEPS + strides - TABLED // STRIDE
    counts[upper] = _looked_up(row, _mixed(second[upper] + GAMMA), table, offsets)
    means = means.index_add(0, upper, -(strides * STRIDE).double())
    row = (means * STEPS).long()
    rest = means - row / STEPS
    counts += _looked_up(row, first, table, offsets)
    u = _uniform(second)
    left = (u >= 1 - rest).nonzero()[:, 0]
    term = torch.exp(-rest[left])
    total, number = term.clone(), 0
    while len(left) and number < 32:
        above = u[left] > total
        left, term, total = left[above], term[above], total[above]
        number += 1
        counts[left] += 1
        term = term * (rest[left] / number)
        total = total + term
    return counts


def _rejected(means: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    counts = torch.empty_like(means)
    left = torch.arange(len(means), device=means.device)
    while len(left):
        mean = means[left]
        root, logarithm = mean.sqrt(), mean.log()
        b = 0.931 + 2.53 * root
        a = -0.059 + 0.02483 * b
        inverse = 1.1239 + 1.1328 / (b - 3.4)
        squeeze = 0.9277 - 3.6224 / (b - 2)
        state = state + GAMMA
        u = _uniform(_mixed(state)) - 0.5
        state = state + GAMMA
        v = _uniform(_mixed(state))
        near = 0.5 - u.abs()
        k = torch.floor((2 * a / near + b) * u + mean + 0.43)
        whole = k.clamp(min=1)
        part = 1 / (whole * whole)
        series = (1 / 12 - part * (1 / 360 - part * (1 / 1260 - part / 1680))) / whole
        stirling = whole * (logarithm - whole.log()) + (whole - mean) - 0.5 * (2 * math.pi * whole).log() - series
        exact = k * logarithm - mean - torch.lgamma(k.clamp(min=0) + 1)
        chance = torch.where(k < 32, exact, stirling)
        refused = (k < 0) | ((near < 0.013) & (v > near))
        good = ((near >= 0.07) & (v <= squeeze)) | (
            ~refused & ((v * inverse / (a / (near * near) + b)).log() <= chance)
        )
        counts[left[good]] = k[good]
        left, state = left[~good], state[~good]
    return counts
