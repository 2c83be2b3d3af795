"""Rounded shapes, slabs and functions: distances against sampled surfaces, contents against closed forms."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import qmc

from construction_zone.build import transforms, volumes
from construction_zone.build.volumes import (
    Ball,
    Block,
    Capsule,
    Cone,
    Custom,
    Cylinder,
    Ellipsoid,
    HalfSpace,
    Slab,
    Volume,
)
from construction_zone.errors import InvalidInput

TILT = transforms.translation((3, -5, 2)) @ transforms.rotation((1, 2, -1), 37)
SHEAR = transforms.affine([[1.2, 0.3, 0.0], [0.0, 0.8, 0.2], [0.1, 0.0, 1.5]], (1, 2, 3))


def sphere(count: int) -> np.ndarray:
    """Points spread evenly over the unit sphere (Fibonacci's spiral)."""
    i = np.arange(count) + 0.5
    z, angle = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z**2)
    return np.column_stack([r * np.cos(angle), r * np.sin(angle), z])


def disc(radius: float, z: float, count: int) -> np.ndarray:
    i = np.arange(count) + 0.5
    r, angle = radius * np.sqrt(i / count), np.pi * (1 + 5**0.5) * i
    return np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(count, z)])


def ring(radius: float, z: float, count: int = 1000) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(count, z)])


def side(low: float, high: float, height: float) -> np.ndarray:
    t = np.linspace(0, 1, 80)
    return np.concatenate([ring(low + (high - low) * x, height * x, 300) for x in t])


def rod(radius: float, half: float) -> np.ndarray:
    ends = radius * sphere(N)
    return np.concatenate(
        [ends + np.outer(np.sign(ends[:, 2]), (0, 0, half)), side(radius, radius, 2 * half) - (0, 0, half)]
    )


N = 40_000
SURFACES: dict[str, tuple[Volume, np.ndarray]] = {
    "ball": (Ball(9), 9 * sphere(N)),
    "flat ellipsoid": (Ellipsoid((11, 7, 2)), sphere(N) * (11, 7, 2)),
    "long ellipsoid": (Ellipsoid((3, 3, 12)), sphere(N) * (3, 3, 12)),
    "round ellipsoid": (Ellipsoid((6, 6, 6)), sphere(N) * 6),
    "capsule": (Capsule(4, 20), rod(4, 6)),
    "cylinder": (
        Cylinder(5, 12),
        np.concatenate([side(5, 5, 12), disc(5, 0, N), disc(5, 12, N), ring(5, 0), ring(5, 12)]) - (0, 0, 6),
    ),
    "cone": (Cone(6, 10), np.concatenate([side(6, 0, 10), disc(6, 0, N), ring(6, 0)])),
    "frustum": (
        Cone(6, 5, top_radius=2),
        np.concatenate([side(6, 2, 5), disc(6, 0, N), disc(2, 5, N), ring(6, 0), ring(2, 5)]),
    ),
    "cone on its tip": (Cone(0, 8, top_radius=5), np.concatenate([side(0, 5, 8), disc(5, 8, N), ring(5, 8)])),
}


@pytest.mark.parametrize("name", SURFACES)
def test_distance_is_that_to_the_nearest_point_of_the_surface(name: str) -> None:
    volume, surface = SURFACES[name]
    queries = np.random.default_rng(1).uniform(-16, 16, (2000, 3))
    nearest, _ = cKDTree(TILT.apply(surface)).query(TILT.apply(queries))
    distance = volume.moved(TILT).signed_distance(TILT.apply(queries))
    assert (np.abs(distance) <= nearest + 1e-9).all()  # no sample of the surface is nearer than the surface
    spacing = 0.22
    assert (nearest <= np.hypot(np.abs(distance), spacing)).all()


@pytest.mark.parametrize("name", SURFACES)
def test_the_sign_of_a_distance_tells_inside_from_outside(name: str) -> None:
    volume, surface = SURFACES[name]
    middle = volume.bounds.mean(axis=0)
    rays = surface[::37] - middle  # every shape here is convex
    assert (volume.signed_distance(middle + 0.999 * rays) < 0).all()
    assert (volume.signed_distance(middle + 1.001 * rays) > 0).all()
    assert np.abs(volume.signed_distance(surface[::37])).max() < 1e-9


@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize("motion", [transforms.IDENTITY, TILT, SHEAR], ids=["as made", "tilted", "sheared"])
def test_bounds_touch_the_surface(name: str, motion: transforms.Affine) -> None:
    volume, surface = SURFACES[name]
    moved = motion.apply(surface)
    bounds = volume.moved(motion).bounds
    np.testing.assert_allclose(bounds, [moved.min(axis=0), moved.max(axis=0)], atol=0.02)
    assert (moved >= bounds[0] - 1e-9).all()
    assert (moved <= bounds[1] + 1e-9).all()


def test_points_where_the_nearest_point_of_an_ellipsoid_leaves_the_plane_of_symmetry() -> None:
    flat = Ellipsoid((5, 4, 1))
    np.testing.assert_allclose(flat.signed_distance([[0, 0, 0], [0, 0, 0.4], [0, 0, 3]]), [-1, -0.6, 2], atol=1e-12)
    # on the long axis: z² = 1 − (x/5)² from x = x₀·25/24, from minimising (x − x₀)² + 1 − x²/25
    x = 2.0
    foot = x * 25 / 24
    expected = -np.sqrt((foot - x) ** 2 + 1 - foot**2 / 25)
    np.testing.assert_allclose(flat.signed_distance([[x, 0, 0]]), expected, atol=1e-12)
    np.testing.assert_allclose(Ellipsoid((3, 3, 3)).signed_distance([[0, 0, 0]]), -3, atol=1e-12)


def test_a_stretched_ellipsoid_keeps_exact_distances() -> None:
    stretched = Ellipsoid((1, 1, 1), center=(1, 0, 0)).moved(SHEAR)
    surface = SHEAR.apply(sphere(N) + np.array([1, 0, 0]))
    queries = np.random.default_rng(2).uniform(-5, 8, (1000, 3))
    nearest, _ = cKDTree(surface).query(queries)
    np.testing.assert_allclose(np.abs(stretched.signed_distance(queries)), nearest, atol=5e-3)


CLOSED_FORMS: dict[str, tuple[Volume, float]] = {
    "ellipsoid": (Ellipsoid((9, 6, 3)), 4 / 3 * np.pi * 9 * 6 * 3),
    "capsule": (Capsule(4, 20), np.pi * 16 * 12 + 4 / 3 * np.pi * 64),
    "cone": (Cone(6, 10), np.pi * 36 * 10 / 3),
    "frustum": (Cone(6, 5, top_radius=2), np.pi * 5 / 3 * (36 + 12 + 4)),
    "cylinder": (Cylinder(5, 12), np.pi * 25 * 12),
    "ball": (Ball(9), 4 / 3 * np.pi * 729),
    "block": (Block((3, 5, 7)), 105.0),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("motion", [transforms.IDENTITY, TILT, SHEAR], ids=["as made", "tilted", "sheared"])
def test_content_by_counting_points(name: str, motion: transforms.Affine) -> None:
    volume, content = CLOSED_FORMS[name]
    content *= abs(np.linalg.det(motion.matrix))
    moved = volume.moved(motion)
    assert isinstance(moved, volumes.Measured)
    assert moved.measure == pytest.approx(content, rel=1e-12)
    low, high = moved.bounds
    points = low + qmc.Sobol(3, rng=0).random_base2(16) * (high - low)
    assert moved.contains(points).mean() * np.prod(high - low) == pytest.approx(content, rel=0.01)


def test_a_slab_counts_lattice_planes_once() -> None:
    planes = np.array([[0.3, -0.7, z] for z in range(12)], dtype=float)
    turn = transforms.rotation((1, 1, 0), 33)
    slabs = [Slab.between(z, z + 3).moved(turn) for z in (0, 3, 6, 9)]
    counts = [int(slab.contains(turn.apply(planes)).sum()) for slab in slabs]
    assert counts == [3, 3, 3, 3]


def test_a_slab_under_any_map() -> None:
    slab = Slab(2, normal=(0, 0, 5), center=(7, 7, 1)).moved(SHEAR)
    plane = SHEAR.matrix @ np.array([[1, 0, 0], [0, 1, 0]]).T
    normal = np.cross(*plane.T)
    normal /= np.linalg.norm(normal)
    queries = np.random.default_rng(3).uniform(-9, 9, (200, 3))
    height = (queries - SHEAR.apply((0, 0, 1))) @ normal
    half = abs(SHEAR.apply_direction((0, 0, 1)) @ normal)
    np.testing.assert_allclose(slab.signed_distance(queries), np.abs(height) - half, atol=1e-12)


def test_bounds_of_slabs() -> None:
    inf = np.inf
    np.testing.assert_array_equal(Slab.between(2, 5).bounds, [[-inf, -inf, 2], [inf, inf, 5]])
    np.testing.assert_allclose(Slab(4, (0, -1, 0)).bounds, [[-inf, -2, -inf], [inf, 2, inf]])
    assert not np.isfinite(Slab(4, (1, 1, 0)).bounds).any()
    block = Slab(2, (1, 0, 0)) & Slab(4, (0, 1, 0)) & Slab(6)
    np.testing.assert_allclose(block.bounds, [[-1, -2, -3], [1, 2, 3]])


def test_a_function_of_position() -> None:
    drop = Custom(lambda p: np.linalg.norm(p, axis=1) - 5, within=((-5, -5, -5), (5, 5, 0)))
    queries = np.random.default_rng(4).uniform(-8, 8, (5000, 3))
    moved = drop.moved(TILT)
    expected = (Ball(5).contains(queries)) & (queries[:, 2] <= 0)
    np.testing.assert_array_equal(moved.contains(TILT.apply(queries)), expected)
    np.testing.assert_allclose(
        drop.signed_distance(queries),
        np.maximum(np.linalg.norm(queries, axis=1) - 5, (Block((10, 10, 5), (0, 0, -2.5))).signed_distance(queries)),
    )
    inside = Custom(lambda p: (np.abs(p) < 2).all(axis=1), "inside")
    np.testing.assert_array_equal(inside.contains(queries), (np.abs(queries) < 2).all(axis=1))
    assert not np.isfinite(inside.bounds).any()
    np.testing.assert_allclose(
        Custom(lambda p: p[:, 0], within=((-1, -2, -np.inf), (1, 2, 0)))
        .moved(transforms.rotation((0, 0, 1), 90))
        .bounds,
        [[-2, -1, -np.inf], [2, 1, 0]],
        atol=1e-12,
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Custom(lambda p: p), r"returned shape \(2, 3\) for 2 points"),
        (lambda: Custom(lambda p: 1.0), r"returned shape \(\)"),
        (lambda: Custom(lambda p: p[:, :1]), r"returned shape \(2, 1\)"),
        (lambda: Custom(lambda p: p[:, 0] > 0), "must return numbers"),
        (lambda: Custom(lambda p: p[:, 0], "inside"), "must return booleans"),
        (lambda: Custom(lambda p: p[:, 0] * np.nan), "nan at"),
        (lambda: Custom(3), "give a function"),
        (lambda: Custom(lambda p: p[:, 0], "maybe"), "'distance' or 'inside'"),
        (lambda: Custom(lambda p: p[:, 0], within=((0, 0, 0), (1, 1, 0))), "first below the second"),
        (lambda: Custom(lambda p: p[:, 0] > 0, "inside").signed_distance((0, 0, 0)), "only knows what is inside"),
        (lambda: Custom(lambda p: p[:, 0] > 0, "inside").offset(1), "only knows what is inside"),
        (lambda: Ellipsoid((1, 2, 0)), "above zero"),
        (lambda: Ellipsoid((1, 2)), "three numbers"),
        (lambda: Capsule(3, 6), r"use Ball\(3\)"),
        (lambda: Capsule(1, 6, axis=(0, 0, 0)), "zero vector"),
        (lambda: Cone(0, 5), "both zero"),
        (lambda: Cone(1, 0), "above zero"),
        (lambda: Cone(1, 1, axis=(0, 0, 0)), "zero vector"),
        (lambda: Slab(0), "above zero"),
        (lambda: Slab(1, (0, 0, 0)), "zero vector"),
        (lambda: Slab.between(3, 3), "below"),
        (lambda: volumes.finite_bounds(HalfSpace((0, 0, 1))), "unbounded along x, y, z"),
        (lambda: volumes.finite_bounds(Ball(1) & Ball(1, (5, 0, 0))), "empty"),
        (lambda: volumes.find_point(Slab(5)), "unbounded along x, y"),
    ],
)
def test_bad_input(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()


def test_a_function_cannot_change_the_points() -> None:
    def wicked(points: np.ndarray) -> np.ndarray:
        points += 1
        return points[:, 0]

    with pytest.raises(ValueError, match="read-only"):
        Custom(wicked)


def test_whether_volumes_meet() -> None:
    # the boxes of the balls overlap, the balls do not
    apart = Ball(5) & Ball(5, (7.2, 7.2, 0))
    assert np.isfinite(volumes.finite_bounds(apart)).all()
    assert volumes.find_point(apart) is None
    lens = Ball(5) & Ball(5, (6.9, 6.9, 0))
    point = volumes.find_point(lens, 0.05)
    assert point is not None
    assert lens.contains([point]).all()
    assert volumes.find_point(Ball(1) & Ball(1, (5, 0, 0))) is None
    assert volumes.find_point(volumes.Nothing()) is None
    with pytest.raises(InvalidInput, match="too thin"):
        volumes.find_point(Slab(1e-5, center=(0, 0, 0.011)) & Block((4000, 4000, 3000)), 1e-3)


def test_memory_does_not_grow_with_the_number_of_points() -> None:
    import tracemalloc

    points = np.random.default_rng(5).uniform(-9, 9, (400_000, 3))
    for volume in (Ellipsoid((9, 6, 3)), Ball(5).moved(TILT), Cone(6, 5), Ball(6).offset(1) - Ball(2)):
        tracemalloc.start()
        volume.contains(points)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2.2 * points.nbytes  # a checked copy of the input, and little else
