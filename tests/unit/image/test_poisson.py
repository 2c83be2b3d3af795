"""Poisson numbers: their distribution, pixel by pixel, and what they depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from construction_zone.errors import InvalidInput
from construction_zone.image import poisson, poisson_tensors


def draw(mean, seed: int = 0, **settings) -> torch.Tensor:
    return poisson.sample(torch.as_tensor(mean), np.random.default_rng(seed), **settings)


def chi_squared(counts: np.ndarray, mean: float) -> float:
    """The chance of a worse fit to Poisson, over bins that expect at least 20."""
    low, high = (int(v) for v in stats.poisson.ppf([1e-12, 1 - 1e-12], mean))
    expected = counts.size * stats.poisson.pmf(np.arange(low, high + 1), mean)
    expected[0] += counts.size * stats.poisson.cdf(low - 1, mean)
    expected[-1] += counts.size * stats.poisson.sf(high, mean)
    assert counts.min() >= low
    assert counts.max() <= high
    found = np.bincount(counts.astype(np.int64) - low, minlength=expected.size)
    group = np.floor(np.cumsum(expected) / max(20.0, counts.size / 400)).astype(int)
    group[group == group.max()] = max(group.max() - 1, 0)
    pooled, seen = np.bincount(group, expected), np.bincount(group, found)
    pooled, seen = pooled[pooled > 0], seen[pooled > 0]
    return float(stats.chi2.sf(((seen - pooled) ** 2 / pooled).sum(), pooled.size - 1))


@pytest.mark.parametrize(
    "mean",
    [
        0.01,
        0.1,
        0.124,
        0.126,
        0.7,
        1.0,
        3.06,
        10.0,
        16.117,
        63.99,
        127.99,
        128.0,
        191.97,
        423.7,
        1000.0,
        2047.9,
        2048.0,
        1e4,
    ],
)
def test_counts_pass_chi_squared_and_have_both_moments(mean: float) -> None:
    n = 1_000_000
    counts = draw(torch.full((n,), mean, dtype=torch.float64), seed=round(1000 * mean)).numpy().astype(np.float64)
    assert chi_squared(counts, mean) > 1e-4
    assert counts.mean() == pytest.approx(mean, abs=4.5 * math.sqrt(mean / n))
    assert counts.var() == pytest.approx(mean, abs=4.5 * math.sqrt((mean + 2 * mean**2) / n))


@pytest.mark.parametrize("highest", [0.5, 40.0, 400.0, 3000.0])
def test_every_pixel_has_its_own_mean_exactly(highest: float) -> None:
    """The randomised probability transform of counts with a million different means is uniform."""
    rng = np.random.default_rng(7)
    means = rng.uniform(0, highest, 1_000_000)
    counts = draw(torch.from_numpy(means), seed=3).numpy()
    below, at = stats.poisson.cdf(counts - 1, means), stats.poisson.pmf(counts, means)
    level = below + at * rng.random(means.size)
    assert stats.kstest(level, "uniform").pvalue > 1e-4
    # and no part of the range hides behind the others
    for part in np.array_split(np.argsort(means), 8):
        assert stats.kstest(level[part], "uniform").pvalue > 1e-5


def test_both_ways_know_the_same_tables() -> None:
    for name in ("TABLED", "STEPS", "LARGE", "STRIDE"):
        assert getattr(poisson, name) == getattr(poisson_tensors, name)
    _entries, offsets = poisson._tables()
    assert len(offsets) == poisson.TABLED * poisson.STEPS + (poisson.LARGE - poisson.TABLED) // poisson.STRIDE


def test_a_mean_is_not_rounded_to_the_tables() -> None:
    """1/16 above a tabled mean is told from it: 60 standard errors lie between them."""
    n = 4_000_000
    mean = draw(torch.full((n,), 4 + 1 / 16), seed=1).double().mean().item()
    assert mean == pytest.approx(4 + 1 / 16, abs=4.5 * math.sqrt(4.0625 / n))


@pytest.mark.parametrize("mean", [0.06, 17.3, 300.0])
def test_neighbouring_pixels_and_seeds_are_independent(mean: float) -> None:
    counts = draw(torch.full((1000, 1000), mean, dtype=torch.float64), seed=5).double()
    other = draw(torch.full((1000, 1000), mean, dtype=torch.float64), seed=6).double()
    z = (counts - mean) / math.sqrt(mean)
    limit = 5 / math.sqrt(z.numel())
    for moved in (z.roll(1, 1), z.roll(1, 0), z.roll(2, 1), (other - mean) / math.sqrt(mean)):
        assert abs((z * moved).mean().item()) < limit


def test_numbers_depend_on_the_generator_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    means = torch.rand(300, 1001, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 300
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        single = draw(means)
        torch.set_num_threads(3)
        monkeypatch.setattr(poisson, "CHUNK", 1000)
        assert torch.equal(draw(means), single)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(draw(means.reshape(-1)).reshape(means.shape), single)
    assert torch.equal(draw(means.T.contiguous().T), single)
    assert torch.equal(draw(means[:100]), single[:100])  # a pixel's number is a function of its place
    assert not torch.equal(draw(means, seed=1), single)


@pytest.mark.parametrize("highest", [0.3, 60.0, 127.9, 900.0, 3000.0, 3e4])
def test_whole_tensors_give_the_numbers_of_the_loop(highest: float) -> None:
    """What an accelerator does, done on the CPU."""
    means = torch.rand(200_000, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) * highest
    keys = np.random.default_rng(8).integers(0, 2**64, size=2, dtype=np.uint64)
    found = poisson_tensors.filled(means, keys, *poisson._tables())
    assert torch.equal(found, draw(means, seed=8))


@pytest.mark.gpu
def test_a_seed_gives_the_same_numbers_on_an_accelerator() -> None:
    means = torch.rand(640, 640, generator=torch.Generator().manual_seed(4)) * 300
    found = draw(means.cuda(), seed=8)
    assert found.device.type == "cuda"
    assert torch.equal(found.cpu(), draw(means, seed=8))
    with pytest.raises(InvalidInput, match="1 of 2 Poisson means"):
        draw(torch.tensor([1.0, -1.0]).cuda())


def test_a_generator_goes_on() -> None:
    rng = np.random.default_rng(0)
    means = torch.full((1000,), 9.0)
    assert not torch.equal(poisson.sample(means, rng), poisson.sample(means, rng))


def test_the_scale_multiplies_the_mean_in_double_precision() -> None:
    means = torch.rand(5000, generator=torch.Generator().manual_seed(1))
    assert torch.equal(draw(means, scale=17.3), draw(means.double() * 17.3))


def test_shape_type_and_gradient() -> None:
    means = torch.full((2, 3, 5), 4.0, requires_grad=True)
    counts = draw(means)
    assert counts.shape == (2, 3, 5)
    assert counts.dtype == torch.float32
    assert not counts.requires_grad
    assert draw(torch.zeros(0)).shape == (0,)
    assert draw(torch.tensor(3)).shape == ()
    assert draw(torch.zeros(1000)).max() == 0


@pytest.mark.parametrize("bad", [-1e-9, -3.0, math.nan, math.inf, 1e10])
def test_a_mean_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(InvalidInput, match="1 of 4 Poisson means are negative, NaN or above"):
        draw(torch.tensor([1.0, 2.0, bad, 3.0]))
