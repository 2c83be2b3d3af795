"""Poisson numbers for images: exact in each pixel's mean, fast, and the same however the work is cut up.

Every pixel has a random stream of its own, a function of the generator's key and the pixel's place in the array, so
the numbers do not depend on threads. A sum of independent Poisson numbers is one of the summed mean, so a mean is
split: a multiple of 64 (from 128 on), a multiple of 1/8, and what is left. The multiples are drawn from tables (A. J.
Walker's alias method), what is left, a mean below 1/8, by sequential search, where nearly always the first comparison
decides. Means from `LARGE` on are drawn by transformed rejection with squeeze (PTRS; W. Hörmann, Insurance: Mathematics
and Economics 12, 39 (1993)). No mean is rounded; what the tables leave out of the tails is below 1e-17.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch

from construction_zone.compiling import njit
from construction_zone.errors import InvalidInput
from construction_zone.image import poisson_tensors
from construction_zone.simulate import threads

TABLED, STEPS = 128, 8
"""Below this mean there is a table for every multiple of 1/8."""

LARGE, STRIDE = 2048, 64
"""From `TABLED` to below this mean there is a table for every multiple of 64; from it on there are none."""

LARGEST = 1e9
"""The largest mean that is drawn; float32 holds whole numbers up to 1.7e7 and rounds above."""

CHUNK = 1 << 16
"""Pixels that are worth a thread."""

_compiled = njit(nogil=True, error_model="numpy")


def sample(mean: torch.Tensor, rng: np.random.Generator, scale: float = 1.0) -> torch.Tensor:
    """Independent Poisson numbers of mean `scale`·`mean`.

    A generator gives the same numbers wherever `mean` lives: on the CPU from a compiled loop, shared between as many
    threads as torch uses, and on an accelerator from the same steps on whole tensors (`poisson_tensors`). The gradient
    ends here.

    Parameters
    ----------
    mean
        real, any shape.
    rng
        where the numbers come from: two 64-bit words are drawn from it, however large `mean` is.
    scale
        factor of every mean.

    Returns
    -------
    float32, the shape and device of `mean`.

    Raises
    ------
    InvalidInput
        If a mean is negative, NaN, infinite, or above `LARGEST`.
    """
    keys = rng.integers(0, 2**64, size=2, dtype=np.uint64)
    entries, offsets = _tables()
    values = mean.detach()
    if values.device.type != "cpu":
        means = values.double().reshape(-1) * float(scale)
        wrong = ~((means >= 0) & (means <= LARGEST))
        if bool(wrong.any()):
            raise _refused(int(wrong.sum()), means.numel(), float(means[wrong][0]))
        return poisson_tensors.filled(means, keys, entries, offsets).reshape(mean.shape)
    if values.dtype not in (torch.float32, torch.float64):
        values = values.to(torch.float64)
    flat = values.contiguous().reshape(-1).numpy()
    counts = np.empty(flat.size, np.float32)

    def part(index: int, parts: int) -> int:
        begin, end = index * flat.size // parts, (index + 1) * flat.size // parts
        return int(_fill(flat, float(scale), keys, entries, offsets, begin, end, counts))

    bad = sum(threads.shared(part, max(1, min(threads.allowed(), flat.size // CHUNK))))
    if bad:
        all_means = flat.astype(np.float64) * scale
        raise _refused(bad, flat.size, float(all_means[~((all_means >= 0) & (all_means <= LARGEST))][0]))
    return torch.from_numpy(counts).reshape(mean.shape)


def _refused(bad: int, of: int, first: float) -> InvalidInput:
    return InvalidInput(
        f"{bad} of {of} Poisson means are negative, NaN or above {LARGEST:g} (the first is {first:g}); give "
        "intensities and doses that are numbers of zero or more"
    )


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Alias tables of the Poisson means 0, 1/8, 2/8, …, then 128, 192, …; 64-bit entries, and for each mean where its
    table starts, how many bits choose the column, and the number that column 0 stands for.

    The upper 52 bits of an entry are the chance of keeping its column, the lower 12 the column to take otherwise.
    """
    means = [row / STEPS for row in range(TABLED * STEPS)] + list(range(TABLED, LARGE, STRIDE))
    offsets = np.zeros((len(means), 3), np.int64)
    parts, start = [], 0
    for row, mean in enumerate(means):
        # ±9.5 standard deviations and a little: the chance beyond is below 1e-17
        low = max(0, math.floor(mean - 9.5 * math.sqrt(mean)))
        high = math.ceil(mean + 9.5 * math.sqrt(mean) + 20) if row else 0
        bits = max(1, (high - low).bit_length())
        k = np.arange(low, low + (1 << bits))
        log = -mean + k * math.log(mean) - _log_factorials()[k] if row else np.where(k == 0, 0.0, -np.inf)
        parts.append(_alias(np.exp(log)))
        offsets[row] = start, bits, low
        start += 1 << bits
    return np.concatenate(parts), offsets


@functools.cache
def _log_factorials() -> np.ndarray:
    return np.array([math.lgamma(k + 1) for k in range(2 * LARGE)])


def _alias(chances: np.ndarray) -> np.ndarray:
    """Walker's table of `chances`, with Vose's construction."""
    entries: np.ndarray = _vose(chances / chances.sum())
    return entries


@_compiled
def _vose(chances):  # type: ignore[no-untyped-def]
    n = chances.size
    share = chances * n
    keep = np.ones(n)
    alias = np.arange(n)
    small, large = np.empty(n, np.int64), np.empty(n, np.int64)
    few, many = 0, 0
    for k in range(n):
        if share[k] < 1:
            small[few] = k
            few += 1
        else:
            large[many] = k
            many += 1
    while few and many:
        few -= 1
        lower, upper = small[few], large[many - 1]
        keep[lower], alias[lower] = share[lower], upper
        share[upper] = (share[upper] + share[lower]) - 1
        if share[upper] < 1:
            many -= 1
            small[few] = upper
            few += 1
    entries = np.empty(n, np.uint64)
    for k in range(n):
        # columns left over by rounding are kept always
        level = np.uint64(min(keep[k], 1.0 - 2.0**-53) * 2.0**52) if alias[k] != k else np.uint64(2**52 - 1)
        entries[k] = (level << np.uint64(12)) | np.uint64(alias[k])
    return entries


@_compiled
def _mixed(z):  # type: ignore[no-untyped-def]
    """The output function of SplitMix64 (G. L. Steele et al., OOPSLA 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@_compiled
def _uniform(bits):  # type: ignore[no-untyped-def]
    """A number in (0, 1) from 64 random bits."""
    return (np.float64(bits >> np.uint64(12)) + 0.5) * 2.0**-52


@_compiled
def _looked_up(row, bits, entries, offsets):  # type: ignore[no-untyped-def]
    """The number that 64 random bits mean in the table of a row."""
    column = np.int64(bits >> np.uint64(64 - offsets[row, 1]))
    entry = entries[offsets[row, 0] + column]
    if (bits & np.uint64(2**52 - 1)) >= (entry >> np.uint64(12)):
        column = np.int64(entry & np.uint64(4095))
    return offsets[row, 2] + column


@_compiled
def _rejected(mean, state):  # type: ignore[no-untyped-def]
    """A Poisson number of a mean of at least 10, by PTRS; `state` starts a SplitMix64 stream."""
    gamma = np.uint64(0x9E3779B97F4A7C15)
    root = math.sqrt(mean)
    logarithm = math.log(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2)
    while True:
        state += gamma
        u = _uniform(_mixed(state)) - 0.5
        state += gamma
        v = _uniform(_mixed(state))
        near = 0.5 - abs(u)
        k = math.floor((2 * a / near + b) * u + mean + 0.43)
        if near >= 0.07 and v <= squeeze:
            return k
        if k < 0 or (near < 0.013 and v > near):
            continue
        if k < 32:
            log_chance = k * logarithm - mean - math.lgamma(k + 1)
        else:
            # Stirling's series: right to 1e-16 of the logarithm from here on, and faster than lgamma
            part = 1 / (k * k)
            series = (1 / 12 - part * (1 / 360 - part * (1 / 1260 - part / 1680))) / k
            log_chance = k * (logarithm - math.log(k)) + (k - mean) - 0.5 * math.log(2 * math.pi * k) - series
        if math.log(v * inverse / (a / (near * near) + b)) <= log_chance:
            return k


@_compiled
def _fill(means, scale, keys, entries, offsets, begin, end, counts):  # type: ignore[no-untyped-def]
    """Write a number for each of means[begin:end]; how many means could not be used."""
    gamma = np.uint64(0x9E3779B97F4A7C15)
    first = keys[0] + np.uint64(begin) * gamma
    second = keys[1] + np.uint64(begin) * gamma
    bad = 0
    for i in range(begin, end):
        first += gamma
        second += gamma
        mean = scale * np.float64(means[i])
        if not (mean >= 0.0 and mean <= LARGEST):
            bad += 1
            counts[i] = 0
        elif mean < LARGE:
            bits = _mixed(second)
            k = 0
            if mean >= TABLED:
                strides = int(mean / STRIDE)
                row = TABLED * STEPS + strides - TABLED // STRIDE
                k = _looked_up(row, _mixed(bits + gamma), entries, offsets)
                mean -= strides * STRIDE
            row = int(mean * STEPS)
            rest = mean - row / STEPS
            k += _looked_up(row, _mixed(first), entries, offsets)
            u = _uniform(bits)
            if u >= 1.0 - rest:  # 1 − r ≤ exp(−r), the chance of zero
                term = math.exp(-rest)
                total, more = term, 0
                while u > total and more < 32:
                    more += 1
                    term *= rest / more
                    total += term
                k += more
            counts[i] = k
        else:
            counts[i] = _rejected(mean, _mixed(first) ^ _mixed(second))
    return bad
