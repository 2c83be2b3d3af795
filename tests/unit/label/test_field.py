"""Pixels, windows and sums on fields that repeat."""

from __future__ import annotations

import numpy as np
import pytest

from construction_zone.label.field import Field

AROUND = Field((100, 120), (0.2, 0.25), (20.0, 30.0))
OPEN = Field((100, 120), (0.2, 0.25), (0.0, 0.0))


def test_what_a_seam_cuts_is_put_together_and_nothing_else_is_moved() -> None:
    inside = np.array([[9.0, 14.0], [11.0, 16.0], [10.0, 15.0]])
    np.testing.assert_allclose(AROUND.unwrapped(inside), inside)
    cut = np.array([[19.0, 29.0], [1.0, 1.0], [0.5, 15.0 + 14.5]])
    whole = AROUND.unwrapped(cut)
    assert np.ptp(whole[:, 0]) == pytest.approx(2.0)
    assert np.ptp(whole[:, 1]) == pytest.approx(2.0)
    np.testing.assert_allclose((whole - cut) % [20, 30], 0)
    np.testing.assert_array_equal(OPEN.unwrapped(cut), cut)
    assert AROUND.unwrapped(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("field", [AROUND, OPEN], ids=["around", "open"])
@pytest.mark.parametrize("width", [0.5, 1.5])
def test_sums_are_of_gaussians(field: Field, width: float) -> None:
    points, weights = (
        np.array([[10.03, 15.2], [0.3, 29.8], [12.0, 7.77]]),
        np.array([[1.0, 2.0, -0.5], [1.0, 1.0, 1.0]]),
    )
    rows, columns, sums = field.summed(points, weights, width)
    found = np.zeros((2, *field.shape))
    found[(slice(None), *field.at(rows, columns))] = sums
    y, x = np.mgrid[0:100, 0:120] * np.array([0.2, 0.25])[:, None, None]
    wanted = np.zeros_like(found)
    for (py, px), own in zip(points, weights.T, strict=True):
        dy, dx = np.abs(y - py), np.abs(x - px)
        if field is AROUND:
            dy, dx = np.minimum(dy, 20 - dy), np.minimum(dx, 30 - dx)
        one = np.exp(-(dy**2 + dx**2) / (2 * width**2)) * 0.2 * 0.25 / (2 * np.pi * width**2)
        wanted += own[:, None, None] * one
    np.testing.assert_allclose(found, wanted, atol=0.02 * np.abs(wanted).max())
    if field is AROUND:
        np.testing.assert_allclose(found.sum(axis=(1, 2)), weights.sum(axis=1), rtol=1e-4)


def test_points_outside_an_open_field_add_nothing_inside() -> None:
    rows, columns, sums = OPEN.summed(np.array([[-50.0, 10.0]]), np.ones((1, 1)), 1.0)
    assert sums.size == 0 or not sums.any()
    assert len(rows) == 0 or len(columns) > 0
