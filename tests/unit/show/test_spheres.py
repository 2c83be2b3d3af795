"""The renderer: geometry that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from construction_zone.show import spheres

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
BOX = (0.0, 20.0, 0.0, 10.0)


def drawn(points, radii, colours):
    return spheres.render(np.array(points, dtype=float), np.array(radii), np.array(colours), BOX, 0.1)


def test_a_sphere_covers_its_disc():
    picture = drawn([[6, 4, 0]], [3.0], [RED])
    assert picture.shape == (100, 200, 4)
    assert picture[..., 3].sum() * 0.01 == pytest.approx(np.pi * 9, rel=0.01)
    row, column = np.nonzero(picture[..., 3])
    assert (column.mean() * 0.1, row.mean() * 0.1) == pytest.approx((6, 4), abs=0.1)


def test_the_nearer_sphere_hides_the_farther():
    picture = drawn([[10, 5, 0], [10, 5, 5]], [3.0, 1.5], [RED, BLUE])
    assert picture[50, 100, 2] > picture[50, 100, 0]
    assert picture[50, 100 + 25, 0] > picture[50, 100 + 25, 2]
    behind = drawn([[10, 5, 0], [10, 5, -5]], [3.0, 1.5], [RED, BLUE])
    assert behind[50, 100, 0] > behind[50, 100, 2]


def test_the_order_of_atoms_does_not_matter():
    rng = np.random.default_rng(0)
    points, radii, colours = rng.uniform(0, 10, (60, 3)), rng.choice([1.0, 1.5], 60), rng.random((60, 3))
    order = rng.permutation(60)
    np.testing.assert_array_equal(drawn(points, radii, colours), drawn(points[order], radii[order], colours[order]))


def test_no_atoms_in_view_leave_an_empty_picture():
    assert not drawn([[-50, 0, 0]], [1.0], [RED]).any()
    assert not spheres.render(np.empty((0, 3)), np.empty(0), np.empty((0, 3)), BOX, 0.5).any()


@pytest.mark.parametrize(
    ("azimuth", "elevation", "right", "up"),
    [(0, 90, (1, 0, 0), (0, 1, 0)), (0, 0, (1, 0, 0), (0, 0, 1)), (90, 0, (0, 1, 0), (0, 0, 1))],
)
def test_a_camera_points_where_its_name_says(azimuth, elevation, right, up):
    axes = spheres.looking(azimuth, elevation).axes
    np.testing.assert_allclose(axes[0], right, atol=1e-12)
    np.testing.assert_allclose(axes[1], up, atol=1e-12)


def test_any_camera_is_a_rotation():
    axes = spheres.looking(33, 21).axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)
