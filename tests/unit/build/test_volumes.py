import numpy as np
import pytest

from construction_zone.build import Ball, Block, Cylinder, HalfSpace, transforms
from construction_zone.errors import InvalidInput

TURN = transforms.rotation((1, 2, 3), 50, origin=(1, 1, 1)) @ transforms.translation((3, -2, 5))


def grid(volume, step=0.25, margin=1.0):
    low, high = volume.bounds
    axes = [np.arange(a - margin, b + margin, step) + step / 3 for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize(
    "pose", [transforms.Affine(), TURN, transforms.affine([[1.2, 0.3, 0], [0, 0.9, 0.2], [0, 0, 1]])]
)
@pytest.mark.parametrize(
    "volume", [Ball(4, (1, 2, 3)), Block((4, 6, 8), (1, 0, -1)), Cylinder(3, 7, (0, 1, 0), (1, 1, 0))]
)
def test_measure_and_bounds_against_counting(volume, pose):
    volume = volume.moved(pose)
    points = grid(volume)
    inside = points[volume.contains(points)]
    assert len(inside) * 0.25**3 == pytest.approx(volume.measure, rel=0.02)
    # the bounds hold the volume and touch it
    assert (inside.min(axis=0) >= volume.bounds[0] - 1e-6).all()
    assert (inside.max(axis=0) <= volume.bounds[1] + 1e-6).all()
    assert (np.abs(np.stack([inside.min(axis=0), inside.max(axis=0)]) - volume.bounds) < 0.8).all()


@pytest.mark.parametrize(
    ("volume", "point", "distance"),
    [
        (Ball(2), (5, 0, 0), 3),
        (Ball(2), (0, 0, 0), -2),
        (Block((2, 4, 6)), (4, 6, 0), 5),  # from an edge: 3, 4, 5
        (Block((2, 4, 6)), (0, 0, 0), -1),
        (HalfSpace((0, 0, 2), (0, 0, 1)), (7, 7, 4), 3),
        (HalfSpace((0, 0, 2), (0, 0, 1)), (7, 7, -4), -5),
        (Cylinder(2, 10), (5, 0, 9), 5),  # 3 beyond the mantle, 4 beyond the end
        (Cylinder(2, 10), (0, 0, 4), -1),
        (Cylinder(2, 10, axis=(1, 0, 0)), (0, 5, 0), 3),
    ],
)
def test_signed_distance_in_closed_form_and_after_a_rigid_motion(volume, point, distance):
    assert volume.signed_distance(point)[0] == pytest.approx(distance)
    assert volume.moved(TURN).signed_distance(TURN.apply(point))[0] == pytest.approx(distance)


def test_signed_distance_of_a_stretched_ball_is_a_lower_bound():
    ellipsoid = Ball(1).moved(transforms.affine(np.diag([1.0, 2.0, 3.0])))
    assert 0 < ellipsoid.signed_distance((0, 0, 5))[0] <= 2
    assert -1 <= ellipsoid.signed_distance((0, 0, 0))[0] < 0
    np.testing.assert_allclose(ellipsoid.bounds, [[-1, -2, -3], [1, 2, 3]])


def test_blocks_tile_without_gap_or_overlap():
    points = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3)
    left, right = Block.between((0, 0, 0), (2, 4, 4)), Block.between((2, 0, 0), (4, 4, 4))
    assert left.contains(points).sum() == 2 * 16
    assert right.contains(points).sum() == 2 * 16
    assert not (left & right).contains(points).any()


def test_surface_of_a_ball_is_inside():
    assert Ball(1).contains((0, 0, 1))[0]
    assert not Ball(1).contains((0, 0, 1.001))[0]


def test_combinations_are_set_algebra():
    a, b = Ball(3, (0, 0, 0)), Block((4, 4, 4), (2, 0, 0))
    points = grid(a | b, step=0.6)
    in_a, in_b = a.contains(points), b.contains(points)
    assert (in_a & in_b).any()
    np.testing.assert_array_equal((a & b).contains(points), in_a & in_b)
    np.testing.assert_array_equal((a | b).contains(points), in_a | in_b)
    np.testing.assert_array_equal((a - b).contains(points), in_a & ~in_b)
    np.testing.assert_array_equal((a - b).moved(TURN).contains(TURN.apply(points)), in_a & ~in_b)


def test_bounds_of_combinations():
    np.testing.assert_allclose((Ball(1) | Ball(1, (5, 0, 0))).bounds, [[-1, -1, -1], [6, 1, 1]])
    np.testing.assert_allclose((Ball(1) & HalfSpace((0, 0, 1))).bounds, [[-1, -1, -1], [1, 1, 0]])
    np.testing.assert_allclose((Ball(1) - Ball(9)).bounds, Ball(1).bounds)
    empty = Ball(1) & Ball(1, (5, 0, 0))
    np.testing.assert_allclose((empty | Ball(2)).bounds, Ball(2).bounds)


def test_half_space_bounds():
    np.testing.assert_array_equal(HalfSpace((0, 0, 1), (0, 0, 7)).bounds, [[-np.inf] * 3, [np.inf, np.inf, 7]])
    np.testing.assert_array_equal(HalfSpace((0, -2, 0), (0, 7, 0)).bounds, [[-np.inf, 7, -np.inf], [np.inf] * 3])
    assert not np.isfinite(HalfSpace((1, 0, 1)).bounds).any()


def test_half_space_under_a_shear_keeps_its_points():
    shear = transforms.affine([[1, 0, 0.7], [0, 1, 0], [0, 0, 1.5]], (0, 0, 2))
    half = HalfSpace((1, 0, 1), (1, 0, 0))
    points = np.random.default_rng(0).normal(size=(500, 3)) * 4
    np.testing.assert_array_equal(half.moved(shear).contains(shear.apply(points)), half.contains(points))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ball(0), "radius is 0 Å"),
        (lambda: Ball(-1), "radius is -1 Å"),
        (lambda: Ball(np.nan), "radius is nan"),
        (lambda: Ball("big"), "radius is 'big'"),
        (lambda: Ball(1, (0, 0)), "center has shape"),
        (lambda: Ball(1, (0, 0, np.inf)), "center is"),
        (lambda: Block((1, 0, 1)), "size is"),
        (lambda: Block.between((0, 0, 0), (1, -1, 1)), "low .* must lie below high"),
        (lambda: HalfSpace((0, 0, 0)), "normal is the zero vector"),
        (lambda: Cylinder(1, 1, axis=(0, 0, 0)), "axis is the zero vector"),
        (lambda: Cylinder(1, -1), "length is -1"),
        (lambda: Ball(1) & 3, "cannot be combined"),
        (lambda: Ball(1).contains([[0, 0, np.nan]]), "row 0"),
        (lambda: Ball(1).contains([[0, 0]]), r"shape \(1, 2\)"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
