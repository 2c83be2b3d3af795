"""Growing, shrinking, shells and rough surfaces."""

from itertools import product

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import qmc

from construction_zone.build import transforms
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
    Nothing,
    Offset,
    Rough,
    Slab,
    Volume,
    find_point,
)
from construction_zone.build.volumes.base import is_empty
from construction_zone.errors import InvalidInput

TILT = transforms.translation((3, -5, 2)) @ transforms.rotation((1, 2, -1), 37)
SHEAR = transforms.affine([[1.2, 0.3, 0.0], [0.0, 0.8, 0.2], [0.1, 0.0, 1.5]], (1, 2, 3))
OCTAHEDRON = ConvexPolyhedron(9 * np.vstack([np.eye(3), -np.eye(3)]))
CONVEX = {
    "ball": Ball(6),
    "ellipsoid": Ellipsoid((7, 5, 4)),
    "block": Block((8, 9, 10)),
    "cylinder": Cylinder(5, 12),
    "capsule": Capsule(4, 14),
    "cone": Cone(7, 12),
    "frustum": Cone(3, 8, top_radius=6),
    "octahedron": OCTAHEDRON,
    "sheared ball": Ball(5).moved(SHEAR),
    "sheared block": Block((8, 7, 6)).moved(SHEAR),
    "sheared octahedron": OCTAHEDRON.moved(SHEAR),
    "slab": Slab(7, (1, 2, 2)),
    "sheared slab": Slab(7, (1, 2, 2)).moved(SHEAR),
    "half-space": HalfSpace((1, 2, 2), (1, 1, 1)),
    "sheared half-space": HalfSpace((1, 2, 2), (1, 1, 1)).moved(SHEAR),
}


def content(volume: Volume) -> float:
    low, high = volume.bounds
    points = low + qmc.Sobol(3, rng=0).random_base2(16) * (high - low)
    return float(volume.contains(points).mean() * np.prod(high - low))


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("amount", [2.5, -1.5])
def test_offset_is_a_level_of_the_exact_distance(name: str, amount: float) -> None:
    volume = CONVEX[name]
    exact = volume.moved(transforms.IDENTITY)
    if name == "sheared ball":
        exact = Ellipsoid((5, 5, 5)).moved(SHEAR)
    if name == "sheared block":
        exact = ConvexPolyhedron(SHEAR.apply(np.array(list(product((-4, 4), (-3.5, 3.5), (-3, 3))))))
    resized = volume.offset(amount)
    queries = np.random.default_rng(0).uniform(-14, 18, (20_000, 3))
    distance = exact.signed_distance(queries)
    clear = np.abs(distance - amount) > 1e-5
    np.testing.assert_array_equal(resized.contains(queries)[clear], distance[clear] <= amount)
    own = resized.signed_distance(queries)
    # a convex body grown by d is d nearer everywhere; shrunk, it is exact inside and further outside
    expected = distance - amount
    if amount > 0:
        np.testing.assert_allclose(own, expected, atol=1e-7)
    else:
        np.testing.assert_allclose(own[own < 0], expected[own < 0], atol=1e-7)
        assert (own >= expected - 1e-7).all()
    moved = resized.moved(TILT)
    np.testing.assert_allclose(moved.signed_distance(TILT.apply(queries)), own, atol=1e-7)
    held = TILT.apply(queries[resized.contains(queries)])
    assert ((held >= moved.bounds[0] - 1e-6) & (held <= moved.bounds[1] + 1e-6)).all()


def test_content_of_grown_solids_by_steiners_formula() -> None:
    # V + S·d + M·d² + 4π/3·d³: M is π/4 times the edges for a block, and Σ(length·turn)/2 for a polyhedron
    d = 3.0
    a, b, c = 8.0, 9.0, 10.0
    block = a * b * c + 2 * (a * b + b * c + c * a) * d + np.pi * (a + b + c) * d**2 + 4 / 3 * np.pi * d**3
    assert content(Block((a, b, c)).offset(d).moved(TILT)) == pytest.approx(block, rel=0.01)
    edge, turn = 9 * np.sqrt(2), np.pi - np.arccos(-1 / 3)
    volume, surface = 4 / 3 * 729, 8 * np.sqrt(3) / 4 * edge**2
    octahedron = volume + surface * d + 12 * edge * turn / 2 * d**2 + 4 / 3 * np.pi * d**3
    assert content(OCTAHEDRON.offset(d)) == pytest.approx(octahedron, rel=0.01)


def test_shrunk_primitives_stay_what_they_are() -> None:
    assert Ball(6, (1, 2, 3)).offset(-2) == Ball(4, (1, 2, 3))
    assert Block((8, 9, 10)).offset(-2) == Block((4, 5, 6))
    assert Cylinder(5, 12).offset(-2) == Cylinder(3, 8)
    assert Capsule(4, 14).offset(-2) == Capsule(2, 10)
    # the inscribed ball of a 3-4-5 cone (half-section 6, 8, 10) has radius 3
    shrunk = Cone(6, 8).offset(-1.5)
    assert isinstance(shrunk, Cone)
    assert (shrunk.radius, shrunk.height) == (pytest.approx(3), pytest.approx(4))
    np.testing.assert_allclose(shrunk.base, (0, 0, 1.5))
    small = OCTAHEDRON.offset(-1)
    assert isinstance(small, ConvexPolyhedron)
    np.testing.assert_allclose(small.measure, 4 / 3 * (9 - np.sqrt(3)) ** 3)


@pytest.mark.parametrize(
    ("volume", "depth"),
    [
        (Ball(6), 6.01),
        (Ball(6).moved(TILT), 6.0),
        (Block((8, 9, 10)), 4.01),
        (Cylinder(5, 8), 4.01),
        (Capsule(4, 14), 4.01),
        (Cone(6, 8), 3.01),
        (Slab(4), 2.01),
        (OCTAHEDRON, 9 / np.sqrt(3) + 0.01),
        (Ball(6) & Block((2, 20, 20)), 1.01),
    ],
)
def test_shrinking_may_leave_nothing(volume: Volume, depth: float) -> None:
    left = volume.offset(-depth)
    queries = np.random.default_rng(1).uniform(-10, 10, (2000, 3))
    assert not left.contains(queries).any()
    assert is_empty(left.bounds) or find_point(left) is None
    assert (left.signed_distance(queries) > 0).all()


def test_nothing() -> None:
    nothing = Nothing()
    queries = np.random.default_rng(1).uniform(-10, 10, (200, 3))
    np.testing.assert_array_equal((nothing | Ball(5)).contains(queries), Ball(5).contains(queries))
    np.testing.assert_array_equal((Ball(5) - nothing).contains(queries), Ball(5).contains(queries))
    assert is_empty((Ball(5) & nothing).bounds)
    np.testing.assert_array_equal((nothing | Ball(5)).bounds, Ball(5).bounds)
    assert nothing.offset(3) == nothing.moved(TILT) == nothing
    assert nothing.measure == 0


def test_offsets_of_combinations_keep_their_promises() -> None:
    rng = np.random.default_rng(2)
    queries = rng.uniform(-12, 12, (4000, 3))
    fine = rng.uniform(-12, 12, (300_000, 3))
    a, b = Ball(5, (-2, 0, 0)), Block((6, 6, 6), (3, 1, 0))
    for volume, grown_exact, shrunk_exact in (((a | b), True, False), ((a & b), False, True), ((a - b), False, True)):
        inside = volume.contains(fine)
        to_volume, _ = cKDTree(fine[inside]).query(queries)
        to_outside, _ = cKDTree(fine[~inside]).query(queries)
        grown, shrunk = volume.offset(1.5).contains(queries), volume.offset(-1.5).contains(queries)
        resolution = 0.6  # of the sampled sets: a point is found up to this much too far away
        assert grown[to_volume <= 1.5].all()
        assert not shrunk[to_outside <= 1.5].any()
        if grown_exact:
            assert not grown[to_volume > 1.5 + resolution].any()
        else:
            assert not grown[to_volume > 1.5 / np.sin(np.radians(20))].any()
        if shrunk_exact:
            assert shrunk[to_outside > 1.5 + resolution].all()
        for resized in (volume.offset(1.5), volume.offset(-1.5)):
            held = TILT.apply(queries[resized.contains(queries)])
            bounds = resized.moved(TILT).bounds
            assert ((held >= bounds[0] - 1e-6) & (held <= bounds[1] + 1e-6)).all()


def test_stretched_offsets_stay_between_their_bounds() -> None:
    stretch = transforms.affine(np.diag([1.0, 1.0, 3.0]))
    rod = Cylinder(4, 6).moved(stretch)  # 3 times as stretched along z as across
    exact = Cylinder(4, 18)
    queries = np.random.default_rng(3).uniform(-30, 30, (20_000, 3))
    grown = rod.offset(2)
    held = grown.contains(queries)
    distance = exact.signed_distance(queries)
    assert held[distance <= 2].all()
    assert not held[distance > 6].any()
    assert (np.abs(queries[held]) <= grown.bounds[1]).all()
    left = rod.offset(-1).contains(queries)
    assert left[distance <= -3].all()
    assert not left[distance > -1].any()


def test_offsets_add_up() -> None:
    assert Block((8, 8, 8)).offset(1).offset(2) == Block((8, 8, 8)).offset(3)
    assert Ball(3).offset(0) == Ball(3)
    opened = Block((8, 8, 8)).offset(-2).offset(2)  # rounds edges, keeps faces
    assert isinstance(opened, Offset)
    np.testing.assert_allclose(opened.bounds, Block((8, 8, 8)).bounds)
    np.testing.assert_array_equal(opened.contains([(3.9, 0, 0), (3.9, 3.9, 3.9)]), [True, False])


def test_a_shell_and_its_core_make_up_the_whole() -> None:
    queries = np.random.default_rng(4).uniform(-12, 12, (20_000, 3))
    for volume in (Ball(6), OCTAHEDRON, Block((8, 9, 10)), Cylinder(5, 8) | Ball(6, (3, 3, 3))):
        layer, core, outer = volume.shell(2), volume.offset(-2), volume.shell(2, outward=True)
        np.testing.assert_array_equal(layer.contains(queries) ^ core.contains(queries), volume.contains(queries))
        assert not (layer.contains(queries) & core.contains(queries)).any()
        np.testing.assert_array_equal(
            outer.contains(queries) | volume.contains(queries), volume.offset(2).contains(queries)
        )
        assert not (outer.contains(queries) & volume.contains(queries)).any()
    assert content(Ball(6).shell(2).moved(TILT)) == pytest.approx(4 / 3 * np.pi * (216 - 64), rel=0.01)


def test_a_mesh_can_be_offset() -> None:
    corners = np.array(list(product((-4, 4), repeat=3)), dtype=float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    cube = Mesh(corners, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]))
    queries = np.random.default_rng(5).uniform(-8, 8, (5000, 3))
    for amount in (2.0, -2.0):
        expected = Block((8, 8, 8)).offset(amount).contains(queries)
        np.testing.assert_array_equal(cube.offset(amount).contains(queries), expected)


ROUGH = Rough(Block((40, 40, 40)), amplitude=1.2, correlation_length=6, seed=7)


def test_roughness_has_the_amplitude_and_correlation_asked_for() -> None:
    points = np.random.default_rng(6).uniform(-300, 300, (5000, 3))
    for seed in range(3):
        rough = Rough(Ball(5), 1.2, 6, seed)
        assert rough.noise(points).std() == pytest.approx(1.2, rel=0.05)
        assert abs(rough.noise(points).mean()) < 0.1
    for distance in (3.0, 6.0, 9.0):
        step = np.array([2, -1, 2]) / 3 * distance
        products = [
            (r.noise(points[:1000]) * r.noise(points[:1000] + step)).mean()
            for r in (Rough(Ball(5), 1.2, 6, seed) for seed in range(40))
        ]
        assert np.mean(products) / 1.44 == pytest.approx(np.exp(-((distance / 6) ** 2)), abs=0.04)


def test_roughness_moves_the_surface_by_the_noise() -> None:
    rng = np.random.default_rng(7)
    on_face = np.column_stack([rng.uniform(-14, 14, (500, 2)), np.full(500, 20.0)])
    for shift in (-2.0, -0.5, 0.3, 1.0, 2.5):
        at = on_face + np.array([0, 0, shift])
        np.testing.assert_array_equal(ROUGH.contains(at), ROUGH.noise(at) >= shift - 1e-6)
    queries = rng.uniform(-27, 27, (30_000, 3))
    changed = ROUGH.contains(queries) != Block((40, 40, 40)).contains(queries)
    assert changed.any()
    assert np.abs(Block((40, 40, 40)).signed_distance(queries[changed])).max() <= 4 * 1.2 + 1e-9


def test_roughness_is_seeded_and_moves_with_its_volume() -> None:
    queries = np.random.default_rng(8).uniform(-25, 25, (20_000, 3))
    held = ROUGH.contains(queries)
    np.testing.assert_array_equal(Rough(Block((40, 40, 40)), 1.2, 6, 7).contains(queries), held)
    assert (Rough(Block((40, 40, 40)), 1.2, 6, 8).contains(queries) != held).any()
    for motion in (TILT, SHEAR):
        np.testing.assert_array_equal(ROUGH.moved(motion).contains(motion.apply(queries)), held)
        bounds, moved = ROUGH.moved(motion).bounds, motion.apply(queries[held])
        assert ((moved >= bounds[0]) & (moved <= bounds[1])).all()
    assert ROUGH.moved(TILT).pose == TILT
    # a rough surface of no amplitude is smooth
    np.testing.assert_array_equal(Rough(Ball(9), 0, 5).contains(queries), Ball(9).contains(queries))


def test_distance_to_a_rough_surface_is_a_lower_bound() -> None:
    rng = np.random.default_rng(9)
    rough = Rough(Ball(9), 0.8, 4, seed=3)
    queries = rng.uniform(-15, 15, (300, 3))
    distance = rough.signed_distance(queries)
    np.testing.assert_array_equal(distance <= 1e-6, rough.contains(queries))
    directions = rng.normal(size=(400, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    for query, own in zip(queries, distance, strict=True):
        around = query + 0.999 * abs(own) * directions
        assert (rough.contains(around) == (own < 0)).all()
    assert np.abs(distance).max() > 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rough(Ball(5), -1, 5), "not negative"),
        (lambda: Rough(Ball(5), 1, 0), "above zero"),
        (lambda: Rough(Ball(5), 1, 5, seed=-1), "seed"),
        (lambda: Rough("ball", 1, 5), "give a volume"),
        (lambda: Rough(Custom(lambda p: p[:, 0] > 0, "inside"), 1, 5), "only knows what is inside"),
        (lambda: Ball(5).offset(np.nan), "finite"),
        (lambda: Ball(5).offset("much"), "finite number"),
        (lambda: Ball(5).shell(0), "above zero"),
        (lambda: Ball(5).shell(-1), "above zero"),
        (lambda: Offset("ball", 1), "give a volume"),
    ],
)
def test_bad_input(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput, match=message):
        make()
