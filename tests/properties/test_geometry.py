"""What must hold for every volume, however it is made, moved, offset and combined."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from construction_zone.build import lattice_directions, transforms
from construction_zone.build.volumes import (
    Ball,
    Block,
    Capsule,
    Cone,
    ConvexPolyhedron,
    Custom,
    Cylinder,
    Ellipsoid,
    HalfSpace,
    Mesh,
    Rough,
    Slab,
    find_point,
    offset,
    shell,
)

quick = settings(derandomize=True, max_examples=30, deadline=None)

number = st.floats(-8, 8, allow_subnormal=False)
length = st.floats(0.5, 8)
vector = st.tuples(number, number, number)
direction = vector.filter(lambda v: np.linalg.norm(v) > 0.1)
angle = st.floats(-360, 360)
three = st.tuples(length, length, length)

rigid = st.one_of(
    st.builds(transforms.rotation, direction, angle, vector),
    st.builds(transforms.euler, st.sampled_from(["ZXZ", "ZYZ", "xyz", "zyx"]), st.tuples(angle, angle, angle), vector),
    st.builds(lambda q: transforms.quaternion(*q), st.tuples(number, *[st.floats(0.1, 1)] * 3)),
    st.builds(transforms.inversion, vector),
    st.builds(transforms.reflection, direction, vector),
    st.builds(transforms.translation, vector),
)
stretch = st.builds(
    lambda one, sizes, two: one @ transforms.affine(np.diag(sizes)) @ two,
    rigid,
    st.tuples(*[st.floats(0.5, 2)] * 3),
    rigid,
)
motion = st.one_of(rigid, stretch)


def polyhedron(seed, count, size):
    return ConvexPolyhedron(np.random.default_rng(seed).normal(size=(count, 3)) * size)


def tetrahedron(size, center):
    corners = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) * size + center
    return Mesh(corners, np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]))


exact = st.one_of(
    st.builds(Ball, length, vector),
    st.builds(Ellipsoid, three, vector),
    st.builds(Block, three, vector),
    st.builds(HalfSpace, direction, vector),
    st.builds(Slab, length, direction, vector),
    st.builds(Cylinder, length, length, vector, direction),
    st.builds(lambda r, extra, c, axis: Capsule(r, 2 * r + extra, c, axis), length, length, vector, direction),
    st.builds(Cone, length, length, vector, direction, length),
    st.builds(polyhedron, st.integers(0, 99), st.integers(4, 20), length),
    st.builds(tetrahedron, length, vector),
    st.builds(lambda r: Custom(lambda p: np.linalg.norm(p, axis=1) - r, within=((-r,) * 3, (r,) * 3)), length),
)
moved = st.builds(lambda shape, affine: shape.moved(affine), exact, motion)
volume = st.recursive(
    moved,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(offset, inner, st.floats(-1, 2)),
        st.builds(shell, inner, st.floats(0.5, 3), outward=st.booleans()),
        st.builds(Rough, inner, st.floats(0, 0.5), st.floats(2, 9), st.integers(0, 9)),
        st.builds(lambda a, m: a.moved(m), inner, motion),
    ),
    max_leaves=4,
)
POINTS = np.random.default_rng(0).uniform(-16, 16, (300, 3))


def clear_of_faces(shape, points):
    """Points whose side does not hang on rounding."""
    return points[np.abs(shape.signed_distance(points)) > 1e-4]


@quick
@given(volume, motion)
def test_containment_commutes_with_maps(shape, affine):
    points = clear_of_faces(shape, POINTS)
    np.testing.assert_array_equal(shape.moved(affine).contains(affine.apply(points)), shape.contains(points))


@quick
@given(volume, rigid)
def test_distances_do_not_change_under_rigid_maps(shape, affine):
    np.testing.assert_allclose(
        shape.moved(affine).signed_distance(affine.apply(POINTS)), shape.signed_distance(POINTS), rtol=1e-6, atol=1e-6
    )


@quick
@given(volume)
def test_sign_of_the_distance_is_containment(shape):
    points = clear_of_faces(shape, POINTS)
    np.testing.assert_array_equal(shape.signed_distance(points) < 0, shape.contains(points))


@quick
@given(volume, direction)
def test_no_boundary_within_the_signed_distance(shape, along):
    distance = shape.signed_distance(POINTS)
    reach = np.minimum(np.abs(distance), 1e3)
    step = 0.99 * reach[:, None] * np.asarray(along) / np.linalg.norm(along)
    clear = reach > 1e-3
    np.testing.assert_array_equal(shape.contains(POINTS)[clear], shape.contains(POINTS + step)[clear])


@quick
@given(volume)
def test_bounds_hold_the_volume(shape):
    inside = POINTS[shape.contains(POINTS)]
    assert (inside >= shape.bounds[0] - 1e-5).all()
    assert (inside <= shape.bounds[1] + 1e-5).all()


@quick
@given(volume, volume)
def test_algebra(a, b):
    in_a, in_b = a.contains(POINTS), b.contains(POINTS)
    np.testing.assert_array_equal((a & b).contains(POINTS), in_a & in_b)
    np.testing.assert_array_equal((a | b).contains(POINTS), in_a | in_b)
    np.testing.assert_array_equal((a - b).contains(POINTS), in_a & ~in_b)
    np.testing.assert_array_equal(((a - b) | (a & b)).contains(POINTS), in_a)


@quick
@given(exact, rigid, st.floats(0.1, 3))
def test_offset_of_an_exact_shape_is_a_level_of_its_distance(shape, affine, amount):
    shape = shape.moved(affine)
    distance = shape.signed_distance(POINTS)
    for signed in (amount, -amount):
        clear = np.abs(distance - signed) > 1e-5
        np.testing.assert_array_equal(shape.offset(signed).contains(POINTS)[clear], distance[clear] < signed)


@quick
@given(volume, st.floats(0.2, 2))
def test_offsets_are_nested(shape, amount):
    inner, whole, outer = (v.contains(POINTS) for v in (shape.offset(-amount), shape, shape.offset(amount)))
    assert (whole >= inner).all()
    assert (outer >= whole).all()


@quick
@given(volume)
def test_a_point_is_found_in_what_holds_one(shape):
    shape = shape & Block((20, 20, 20))
    point = find_point(shape, 0.5)
    if point is not None:
        assert shape.contains(point).all()
    else:
        assert (shape.signed_distance(POINTS) > -0.5).all()


@quick
@given(motion, motion, vector)
def test_maps_compose_and_invert(f, g, point):
    np.testing.assert_allclose(transforms.composed(f, g).apply(point), g.apply(f.apply(point)), atol=1e-8)
    np.testing.assert_allclose(f.inverse.apply(f.apply(point)), point, atol=1e-8)
    np.testing.assert_allclose((f @ f.inverse).matrix, np.eye(3), atol=1e-9)


index = st.integers(-5, 5)
indices = st.tuples(index, index, index).filter(any)
lattice = st.tuples(three, *[st.floats(-0.4, 0.4)] * 3).map(
    lambda x: np.array([[1, 0, 0], [x[1], 1, 0], [x[2], x[3], 1]]) * np.array(x[0])[:, None]
)


@quick
@given(lattice, indices, vector, vector, st.sampled_from(["nearest", "below", "above"]), st.booleans())
def test_a_snapped_plane_holds_a_lattice_point_and_lies_on_the_side_asked_for(rows, hkl, near, origin, side, turned):
    seen_from = (3, -90, 2) if turned else None
    plane = lattice_directions.snapped_plane(rows, hkl, near, side, origin=origin, seen_from=seen_from)
    level = (np.array(plane.point) - origin) @ lattice_directions.reciprocal_vector(rows, hkl) / np.gcd.reduce(hkl)
    assert abs(level - round(level)) < 1e-6
    height = (np.array(plane.point) - near) @ plane.normal
    low, high = {"nearest": (-0.5, 0.5), "below": (-1, 0), "above": (0, 1)}[side]
    assert low * plane.spacing - 2e-6 <= height <= high * plane.spacing + 2e-6
