"""What must hold for any volume, map and scene."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from construction_zone.build import Amorphous, Ball, Block, Crystal, Cylinder, HalfSpace, Scene, Zone, transforms
from construction_zone.errors import SceneError

quick = settings(derandomize=True, max_examples=25, deadline=None)

number = st.floats(-10, 10, allow_subnormal=False)
length = st.floats(0.5, 8)
vector = st.tuples(number, number, number)
direction = vector.filter(lambda v: np.linalg.norm(v) > 0.1)
angle = st.floats(-360, 360)

rigid = st.one_of(
    st.builds(transforms.rotation, direction, angle, vector),
    st.builds(transforms.translation, vector),
    st.builds(transforms.reflection, direction, vector),
)
stretch = st.builds(lambda a, turn: turn @ transforms.affine(np.diag(a)), st.tuples(*[st.floats(0.4, 2.5)] * 3), rigid)
primitive = st.one_of(
    st.builds(Ball, length, vector),
    st.builds(Block, st.tuples(length, length, length), vector),
    st.builds(HalfSpace, direction, vector),
    st.builds(Cylinder, length, length, vector, direction),
)
volume = st.recursive(
    primitive,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
    ),
    max_leaves=4,
)
POINTS = np.random.default_rng(0).uniform(-15, 15, (400, 3))


def clear_of_faces(shape, points):
    """Points whose side does not hang on rounding."""
    return points[np.abs(shape.signed_distance(points)) > 1e-4]


@quick
@given(volume, st.one_of(rigid, stretch))
def test_containment_commutes_with_maps(shape, affine):
    points = clear_of_faces(shape, POINTS)
    np.testing.assert_array_equal(shape.moved(affine).contains(affine.apply(points)), shape.contains(points))


@quick
@given(volume)
def test_sign_of_the_distance_is_containment(shape):
    points = clear_of_faces(shape, POINTS)
    np.testing.assert_array_equal(shape.signed_distance(points) < 0, shape.contains(points))


@quick
@given(volume, direction)
def test_no_boundary_within_the_signed_distance(shape, along):
    distance = shape.signed_distance(POINTS)
    step = 0.99 * np.abs(distance)[:, None] * np.asarray(along) / np.linalg.norm(along)
    clear = np.abs(distance) > 1e-3
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


@quick
@given(st.one_of(rigid, stretch), st.one_of(rigid, stretch), vector)
def test_maps_compose_and_invert(f, g, point):
    np.testing.assert_allclose((f @ g).apply(point), f.apply(g.apply(point)), atol=1e-9)
    np.testing.assert_allclose(f.inverse.apply(f.apply(point)), point, atol=1e-9)


@quick
@given(direction, direction, direction, direction)
def test_align_brings_directions_together(a, b, second, second_to):
    unit = np.asarray(b) / np.linalg.norm(b)
    turn = transforms.align(a, b)
    np.testing.assert_allclose(turn.apply_direction(np.asarray(a) / np.linalg.norm(a)), unit, atol=1e-8)
    assume(np.linalg.norm(np.cross(a, second)) > 1e-3 and np.linalg.norm(np.cross(b, second_to)) > 1e-3)
    turn = transforms.align(a, b, second, second_to)
    np.testing.assert_allclose(turn.apply_direction(np.asarray(a) / np.linalg.norm(a)), unit, atol=1e-8)
    np.testing.assert_allclose(np.linalg.det(turn.matrix), 1)
    turned, wanted = turn.apply_direction(second), np.asarray(second_to)
    # both lie in one half-plane bounded by the line along b
    np.testing.assert_allclose(np.dot(np.cross(unit, turned), wanted), 0, atol=1e-6 * np.linalg.norm(wanted) * 20)
    assert np.dot(turned - (turned @ unit) * unit, wanted) > 0


@quick
@given(
    st.integers(0, 2**32),
    st.floats(0.8, 2.4),
    st.floats(1.0, 1.75),
    st.floats(3, 9),
    st.floats(0, 30),
    st.floats(0, 30),
)
def test_amorphous_keeps_count_and_distance(seed, density, distance, radius, x, y):
    cell = (30.0, 30.0, 40.0)
    material = Amorphous("C", density=density, min_distance=distance)
    atoms = material.fill(Ball(radius, (x, y, 20)), cell=cell, seed=seed)
    assert len(atoms) == round(material.number_density * 4 / 3 * np.pi * radius**3)
    if len(atoms) > 1:
        assert (
            cKDTree(atoms.positions, boxsize=(30, 30, 0)).query(atoms.positions, k=2)[0][:, 1].min() >= distance - 1e-12
        )


@quick
@given(
    st.integers(0, 2**32),
    st.floats(1.99, 2.41),
    st.tuples(st.floats(8, 50), st.floats(8, 50), st.floats(3, 30)),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.booleans(),
)
def test_relaxed_carbon_keeps_count_and_distance(seed, density, cell, periodic, round_):
    material = Amorphous("C", density=density)
    volume = Ball(min(cell) / 2, np.array(cell) / 2) if round_ else Block.between((0, 0, 0), cell)
    assume(all(edge > 6.5 or not p for p, edge in zip(periodic, cell, strict=True)))  # too short a period is refused
    atoms = material.fill(volume, cell=cell, seed=seed, periodic=periodic)
    content = np.pi / 6 * min(cell) ** 3 if round_ else np.prod(cell)
    assert len(atoms) == round(material.number_density * content)
    boxsize = np.where(periodic, cell, 0)
    if len(atoms) > 1:
        assert cKDTree(atoms.positions, boxsize=boxsize).query(atoms.positions, k=2)[0][:, 1].min() > 1.2


particle = st.tuples(
    st.floats(4, 8), st.floats(0, 40), st.floats(0, 40), st.floats(10, 30), st.integers(0, 2), direction, angle
)


@quick
@given(st.lists(particle, min_size=1, max_size=3), st.integers(0, 1000), st.floats(1.5, 3))
def test_no_scene_holds_atoms_closer_than_asked(particles, seed, distance):
    cell = (40.0, 40.0, 45.0)
    zones = [Zone(Block.between((0, 0, 0), (40, 40, 6)), Amorphous("C", 1.5, structure="random"), "film", priority=1)]
    for i, (radius, x, y, z, priority, axis, degrees) in enumerate(particles):
        crystal = Crystal.fcc("Au").moved(transforms.rotation(axis, degrees)).shifted((x, y, z))
        zones.append(Zone(Ball(radius, (x, y, z)), crystal, f"particle {i}", priority))
    scene = Scene(zones, cell, min_distance=distance)
    try:
        atoms = scene.atoms(seed=seed)
    except SceneError as error:  # a particle inside others is lost, and said to be
        if "is left with no atoms" not in str(error):
            raise
        return
    assert atoms.positions.tobytes() == scene.atoms(seed=seed).positions.tobytes()
    for i in range(len(zones)):
        own, others = (atoms.positions[(atoms.arrays["zone"] == i) == mine] for mine in (True, False))
        if len(others):
            assert cKDTree(others, boxsize=(40, 40, 0)).query(own)[0].min() >= distance - 1e-12
