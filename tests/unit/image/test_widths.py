"""The three widths of a Gaussian, and focal spread from its causes."""

from __future__ import annotations

import math

import pytest

from construction_zone.errors import InvalidInput
from construction_zone.image.widths import Widths, focal_spread


def test_each_name_is_where_the_gaussian_says() -> None:
    width = Widths(3.0)
    assert math.exp(-(width.one_over_e**2) / (2 * 3.0**2)) == pytest.approx(math.exp(-1))
    assert math.exp(-((width.fwhm / 2) ** 2) / (2 * 3.0**2)) == pytest.approx(0.5)
    assert Widths.from_one_over_e(width.one_over_e).sigma == pytest.approx(3.0)
    assert Widths.from_fwhm(width.fwhm).sigma == pytest.approx(3.0)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "3", True])
def test_a_width_that_is_none_is_refused(value) -> None:
    with pytest.raises(InvalidInput, match="width"):
        Widths(value)


def test_focal_spread_has_its_three_causes_and_the_relativistic_factor() -> None:
    e, rest = 300e3, 510998.95069
    factor = (1 + e / rest) / (1 + e / (2 * rest))
    assert factor == pytest.approx(1.2269, abs=1e-4)
    assert focal_spread(1.4e7, e, energy_spread=0.3) == pytest.approx(1.4e7 * factor * 0.3 / e)
    assert focal_spread(1.4e7, e, voltage_instability=1e-6) == pytest.approx(14 * factor)
    assert focal_spread(1.4e7, e, current_instability=1e-6) == pytest.approx(28)
    together = focal_spread(1.4e7, e, energy_spread=0.3, voltage_instability=1e-6, current_instability=1e-6)
    assert together == pytest.approx(math.sqrt((14 * factor) ** 2 * 2 + 28**2))


@pytest.mark.parametrize("given", [{"Cc": -1}, {"energy": 0}, {"energy_spread": -1}, {"current_instability": math.nan}])
def test_causes_without_meaning_are_refused(given) -> None:
    with pytest.raises(InvalidInput, match=next(iter(given))):
        focal_spread(**{"Cc": 1e7, "energy": 2e5} | given)
