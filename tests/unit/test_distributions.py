import math

import numpy as np
import pytest
from scipy import stats

from construction_zone.distributions import Choice, Distribution, Fixed, Integers, Normal, Uniform
from construction_zone.errors import InvalidInput


def draws(distribution: Distribution, n: int = 4000) -> list:
    rng = np.random.default_rng(3)
    return [distribution.draw(rng) for _ in range(n)]


def test_uniform_and_normal_follow_their_laws() -> None:
    assert stats.kstest(draws(Uniform(2, 5)), stats.uniform(2, 3).cdf).pvalue > 1e-3
    assert stats.kstest(draws(Normal(-100, 15)), stats.norm(-100, 15).cdf).pvalue > 1e-3
    truncated = stats.truncnorm(-1, 0.5, loc=10, scale=4).cdf
    assert stats.kstest(draws(Normal(10, 4, low=6, high=12)), truncated).pvalue > 1e-3


def test_integers_include_both_ends() -> None:
    assert set(draws(Integers(1, 3), 200)) == {1, 2, 3}


def test_choice_and_fixed() -> None:
    assert set(draws(Choice(("a", "b")), 100)) == {"a", "b"}
    assert draws(Fixed(4.5), 2) == [4.5, 4.5]


def test_support() -> None:
    assert Uniform(1, 2).support == (1, 2)
    assert Normal(0, 1).support == (-math.inf, math.inf)
    assert Choice((3, 1, 2)).support == (1, 3)
    assert all(math.isnan(x) for x in Choice(("a",)).support)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(5, 2), r"\[5, 2\] is inverted"),
        (lambda: Integers(3, 1), "inverted"),
        (lambda: Integers(0.5, 1), "whole numbers"),  # type: ignore[arg-type]
        (lambda: Normal(0, -1), "standard deviation"),
        (lambda: Normal(0, 1, low=2, high=3), "outside the limits"),
        (lambda: Uniform(0, math.inf), "finite"),
        (lambda: Choice(()), "empty"),
    ],
)
def test_bad_distributions(make, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
