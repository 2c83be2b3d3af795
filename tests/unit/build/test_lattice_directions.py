"""Zone axes, plane normals, faces brought together and planes snapped to sites."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from construction_zone.build import Crystal, transforms
from construction_zone.build import lattice_directions as ld
from construction_zone.errors import InvalidInput

CUBIC = 4.0782 * np.eye(3)
HEXAGONAL = np.array([[2.95, 0, 0], [-2.95 / 2, 2.95 * np.sqrt(3) / 2, 0], [0, 0, 4.68]])
TRICLINIC = np.array([[5.1, 0, 0], [1.3, 6.2, 0], [-0.7, 1.1, 7.3]])
FCC = [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]


def unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector) / np.linalg.norm(vector)


@pytest.mark.parametrize("lattice", [CUBIC, HEXAGONAL, TRICLINIC])
def test_directions_and_normals_obey_the_weiss_zone_law(lattice: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        uvw, hkl = rng.integers(-4, 5, 3), rng.integers(-4, 5, 3)
        if not uvw.any() or not hkl.any():
            continue
        product = ld.direction(lattice, uvw) @ ld.reciprocal_vector(lattice, hkl)
        assert product == pytest.approx(uvw @ hkl, abs=1e-12)


def test_spacings_in_closed_form() -> None:
    assert ld.plane_spacing(CUBIC, (1, 1, 1)) == pytest.approx(4.0782 / np.sqrt(3))
    a, c = 2.95, 4.68
    for h, k, m in ((1, 0, 0), (1, 1, 0), (1, 0, 2), (2, -1, 3)):
        expected = 1 / np.sqrt(4 / 3 * (h * h + h * k + k * k) / a**2 + m * m / c**2)
        assert ld.plane_spacing(HEXAGONAL, (h, k, m)) == pytest.approx(expected)
        assert ld.plane_spacing(HEXAGONAL, (h, k, -h - k, m)) == pytest.approx(expected)


def test_four_indices() -> None:
    # a1 is [2-1-10] in four indices; the normal of (10-10) is [10-10]
    np.testing.assert_allclose(ld.direction(HEXAGONAL, (2, -1, -1, 0)), 3 * HEXAGONAL[0], atol=1e-12)
    np.testing.assert_allclose(ld.direction(HEXAGONAL, (0, 0, 0, 1)), HEXAGONAL[2])
    np.testing.assert_allclose(
        unit(ld.direction(HEXAGONAL, (1, 0, -1, 0))), ld.plane_normal(HEXAGONAL, (1, 0, -1, 0)), atol=1e-12
    )


@pytest.mark.parametrize("lattice", [CUBIC, HEXAGONAL, TRICLINIC])
@pytest.mark.parametrize("along", [(0, 0, 1), (0, 0, -1), (1, 2, 3)])
def test_zone_axis_along_the_beam_with_the_spin_fixed(lattice: np.ndarray, along: tuple[int, ...]) -> None:
    for uvw in ((1, 1, 0), (0, 0, 1), (0, 0, -1), (2, -1, 3)):
        turn = ld.zone_axis(lattice, uvw, along, second=(1, -3, 2), second_along=(1, 0, 0), origin=(1, 2, 3))
        assert turn.is_rigid
        assert np.linalg.det(turn.matrix) == pytest.approx(1)
        np.testing.assert_allclose(turn.apply((1, 2, 3)), (1, 2, 3), atol=1e-12)
        np.testing.assert_allclose(unit(turn.matrix @ ld.direction(lattice, uvw)), unit(along), atol=1e-12)
        second = turn.matrix @ ld.direction(lattice, (1, -3, 2))
        beam, side = unit(along), np.array([1, 0, 0])
        across, wanted = second - (second @ beam) * beam, side - (side @ beam) * beam
        np.testing.assert_allclose(unit(across), unit(wanted), atol=1e-12)


def test_plane_normal_along_a_direction() -> None:
    turn = ld.plane_along(TRICLINIC, (1, -2, 1), (0, 1, 1), second=(1, 1, 1), second_along=(1, 0, 0))
    turned = TRICLINIC @ turn.matrix.T
    np.testing.assert_allclose(ld.plane_normal(turned, (1, -2, 1)), unit([0, 1, 1]), atol=1e-12)
    np.testing.assert_allclose(unit(ld.direction(turned, (1, 1, 1))), (1, 0, 0), atol=1e-12)  # it lies in the plane
    spun = ld.plane_along(CUBIC, (1, 1, 1), second_plane=(2, -2, 0), second_along=(0, 5, 0))
    np.testing.assert_allclose(ld.plane_normal(CUBIC @ spun.matrix.T, (1, -1, 0)), (0, 1, 0), atol=1e-12)


def test_an_orientation_relationship() -> None:
    # Kurdjumov–Sachs: (111)fcc ∥ (011)bcc, [-101]fcc ∥ [-1-11]bcc
    ferrite = 2.8665 * np.eye(3) @ transforms.rotation((1, 2, 3), 40).matrix.T
    for opposite in (False, True):
        turn = ld.plane_to_plane(
            CUBIC, (1, 1, 1), ferrite, (0, 1, 1), uvw=(-1, 0, 1), onto_uvw=(-1, -1, 1), opposite=opposite
        )
        turned = CUBIC @ turn.matrix.T
        sign = -1 if opposite else 1
        np.testing.assert_allclose(
            ld.plane_normal(turned, (1, 1, 1)), sign * ld.plane_normal(ferrite, (0, 1, 1)), atol=1e-12
        )
        np.testing.assert_allclose(
            unit(ld.direction(turned, (-1, 0, 1))), unit(ld.direction(ferrite, (-1, -1, 1))), atol=1e-12
        )
        assert np.linalg.det(turn.matrix) == pytest.approx(1)
    # the misorientation of Kurdjumov and Sachs is 42.85° about ⟨0.968 0.178 0.178⟩, the least over cubic symmetry
    turn = ld.plane_to_plane(CUBIC, (1, 1, 1), np.eye(3), (0, 1, 1), uvw=(-1, 0, 1), onto_uvw=(-1, -1, 1))
    cubic = Rotation.create_group("O")
    angles = (Rotation.from_matrix(turn.matrix) * cubic).magnitude()
    assert np.degrees(angles.min()) == pytest.approx(42.85, abs=0.01)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0, -1), (1, -2, 0.5)])
@pytest.mark.parametrize("onto", [(0, 0, 1), (0, 0, -1), (3, 1, 1)])
def test_faces_meet_point_to_point(normal: tuple[float, ...], onto: tuple[float, ...]) -> None:
    point, onto_point = np.array([3.0, 1, 4]), np.array([-2.0, 7, 1])
    side = np.cross(normal, (0.3, 0.2, 0.9))
    motion = ld.face_to_face(
        normal, point, onto, onto_point, gap=2.5, second=side, second_to=np.cross(onto, (0.1, 0.8, 0.4))
    )
    assert motion.is_rigid
    np.testing.assert_allclose(motion.apply(point), onto_point + 2.5 * unit(onto), atol=1e-12)
    np.testing.assert_allclose(motion.apply_direction(unit(normal)), -unit(onto), atol=1e-12)
    np.testing.assert_allclose(unit(motion.apply_direction(side)), unit(np.cross(onto, (0.1, 0.8, 0.4))), atol=1e-12)
    behind = motion.apply(point - 5 * unit(normal))  # the inside of the one that moved lies beyond the gap
    assert (behind - onto_point) @ unit(onto) == pytest.approx(7.5)


@pytest.mark.parametrize("lattice", [CUBIC, HEXAGONAL, TRICLINIC])
@pytest.mark.parametrize("hkl", [(1, 0, 0), (0, 0, -1), (1, 1, 1), (2, -1, 3), (2, 2, 0)])
def test_snapped_planes_against_all_sites_around(lattice: np.ndarray, hkl: tuple[int, ...]) -> None:
    sites = np.array([(0.1, 0.2, 0.3), (0.4, 0.45, 0.9)])
    origin = np.array([11.0, -7.0, 3.0])
    cells = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3), axis=-1).reshape(-1, 3)
    positions = np.concatenate([(cells + site) @ lattice for site in sites]) + origin
    for near in np.random.default_rng(1).uniform(-8, 8, (6, 3)) + origin:
        heights = (positions - near) @ ld.plane_normal(lattice, hkl)
        expected = {
            "nearest": heights[np.abs(heights).argmin()],
            "below": heights[heights <= 0].max(),
            "above": heights[heights >= 0].min(),
        }
        for side, height in expected.items():
            plane = ld.snapped_plane(lattice, hkl, near, side, sites=sites, origin=origin)  # type: ignore[arg-type]
            np.testing.assert_allclose(plane.normal, ld.plane_normal(lattice, hkl), atol=1e-12)
            np.testing.assert_allclose(plane.point, near + height * np.array(plane.normal), atol=1e-9)
            on_plane = np.abs((positions - plane.point) @ np.array(plane.normal)) < 1e-6
            assert on_plane.sum() > 20


def test_a_plane_through_the_point_is_nearest_below_and_above() -> None:
    for shift in (0.0, 1e-9, -1e-9):
        near = np.array([7 * 4.0782 + shift, 0, 0])
        for side in ("nearest", "below", "above"):
            plane = ld.snapped_plane(CUBIC, (1, 0, 0), near, side)  # type: ignore[arg-type]
            assert plane.point[0] == pytest.approx(7 * 4.0782, abs=1e-8)


def test_seen_from_another_origin_below_means_nearer_to_it() -> None:
    near, a = (10.0, 0, 0), 4.0782
    cases = [
        ((1, 0, 0), None, "below", 2 * a),
        ((-1, 0, 0), None, "below", 3 * a),
        ((1, 0, 0), (100, 0, 0), "below", 3 * a),
        ((-1, 0, 0), (100, 0, 0), "below", 3 * a),
        ((-1, 0, 0), (-100, 5, 0), "above", 3 * a),
    ]
    for hkl, seen_from, side, x in cases:
        plane = ld.snapped_plane(CUBIC, hkl, near, side, seen_from=seen_from)  # type: ignore[arg-type]
        assert plane.point[0] == pytest.approx(x)


def test_planes_of_a_posed_crystal_cut_through_and_between_its_layers() -> None:
    pose = transforms.translation((1.3, 0.4, -2)) @ transforms.rotation((1, 5, 2), 71)
    gold = Crystal.fcc("Au").moved(pose)
    plane = ld.plane_of(gold, (1, 1, 1), (20, 20, 20), "below")
    lattice = gold.pose.apply_direction(gold.lattice)
    cells = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3), axis=-1).reshape(-1, 3)
    positions = np.concatenate([(cells + site) @ lattice for site in gold.fractional]) + gold.pose.vector
    heights = (positions - plane.point) @ np.array(plane.normal)
    assert (np.abs(heights) < 1e-6).sum() > 50
    assert 0 <= (np.array([20, 20, 20]) - plane.point) @ np.array(plane.normal) < plane.spacing
    np.testing.assert_array_equal(plane.below.contains(positions), heights < 1e-6)
    np.testing.assert_array_equal(plane.above.contains(positions), heights > -1e-6)
    between = plane.shifted(plane.spacing / 2)
    clearance = np.abs((positions - between.point) @ np.array(between.normal)).min()
    assert clearance == pytest.approx(gold.lattice[0, 0] / np.sqrt(3) / 2)


def test_sites_give_more_planes_than_corners() -> None:
    points = [ld.snapped_plane(CUBIC, (1, 0, 0), (3.0, 0, 0), sites=s).point[0] for s in ([(0, 0, 0)], FCC)]
    np.testing.assert_allclose(points, [4.0782, 4.0782 / 2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ld.direction(CUBIC, (0, 0, 0)), "all zeros"),
        (lambda: ld.direction(CUBIC, (1, 0)), "three numbers, or four"),
        (lambda: ld.direction(CUBIC, (1, 0, np.inf)), "three numbers"),
        (lambda: ld.direction(CUBIC, (1, 0, -1, 0)), "need a hexagonal lattice"),
        (lambda: ld.direction(HEXAGONAL, (1, 1, 1, 0)), "minus the sum"),
        (lambda: ld.plane_normal([[1, 0, 0], [0, 1, 0], [1, 1, 0]], (1, 0, 0)), "is flat"),
        (lambda: ld.plane_normal(np.zeros((3, 3)), (1, 0, 0)), "is flat"),
        (lambda: ld.plane_normal(np.eye(2), (1, 0, 0)), r"shape \(2, 2\)"),
        (lambda: ld.zone_axis(CUBIC, (1, 1, 0), (0, 0, 0)), "zero vector"),
        (lambda: ld.zone_axis(CUBIC, (1, 1, 0), second=(1, 0, 0)), "together"),
        (lambda: ld.zone_axis(CUBIC, (1, 1, 0), second=(2, 2, 0), second_along=(1, 0, 0)), "parallel"),
        (
            lambda: ld.zone_axis(CUBIC, (1, 1, 0), second=(1, 0, 0), second_plane=(1, 0, 0), second_along=(1, 0, 0)),
            "not both",
        ),
        (lambda: ld.plane_to_plane(CUBIC, (1, 1, 1), CUBIC, (1, 1, 1), uvw=(1, 0, 0), onto_uvw=(1, -1, 0)), "lie in"),
        (lambda: ld.plane_to_plane(CUBIC, (1, 1, 1), CUBIC, (1, 1, 1), uvw=(1, -1, 0)), "together"),
        (lambda: ld.face_to_face((0, 0, 0), (0, 0, 0), (0, 0, 1), (0, 0, 0)), "zero vector"),
        (lambda: ld.face_to_face((0, 0, 1), (0, 0, 0), (0, 0, 1), (0, 0, 0), gap=np.nan), "finite distance"),
        (lambda: ld.snapped_plane(CUBIC, (1, 0.5, 0), (0, 0, 0)), "whole numbers"),
        (lambda: ld.snapped_plane(CUBIC, (0, 0, 0), (0, 0, 0)), "all zeros"),
        (lambda: ld.snapped_plane(CUBIC, (1, 0, 0), (0, 0, 0), "under"), "'nearest', 'below' or 'above'"),
    ],
)
def test_bad_input(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
