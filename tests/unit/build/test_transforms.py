import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from construction_zone.build import transforms
from construction_zone.build.transforms import Affine
from construction_zone.errors import InvalidInput


def test_rotation_is_right_handed():
    turn = transforms.rotation((0, 0, 1), 90)
    np.testing.assert_allclose(turn.apply([[1, 0, 0], [0, 1, 0]]), [[0, 1, 0], [-1, 0, 0]], atol=1e-15)


def test_rotation_keeps_its_origin():
    turn = transforms.rotation((1, 2, 3), 71, origin=(4, 5, 6))
    np.testing.assert_allclose(turn.apply((4, 5, 6)), (4, 5, 6), atol=1e-12)
    np.testing.assert_allclose(turn.apply((5, 7, 9)), (5, 7, 9), atol=1e-12)  # on the axis


def test_rotation_against_scipy():
    axis = np.array([1.0, -2.0, 0.5])
    expected = Rotation.from_rotvec(np.radians(37) * axis / np.linalg.norm(axis))
    np.testing.assert_allclose(transforms.rotation(axis, 37).matrix, expected.as_matrix(), atol=1e-14)
    np.testing.assert_allclose(transforms.from_rotation(expected).matrix, expected.as_matrix(), atol=1e-15)


def test_composition_applies_the_right_one_first():
    shift, turn = transforms.translation((1, 0, 0)), transforms.rotation((0, 0, 1), 90)
    np.testing.assert_allclose((turn @ shift).apply((0, 0, 0)), (0, 1, 0), atol=1e-15)
    np.testing.assert_allclose((shift @ turn).apply((0, 0, 0)), (1, 0, 0), atol=1e-15)


def test_inverse_of_a_sheared_map():
    shear = transforms.affine([[1, 0.3, 0], [0, 2, 0.1], [0, 0, 0.5]], (1, 2, 3))
    points = np.arange(12.0).reshape(4, 3)
    np.testing.assert_allclose(shear.inverse.apply(shear.apply(points)), points, atol=1e-12)
    assert not shear.is_rigid


def test_reflection_flips_the_normal_only():
    mirror = transforms.reflection((0, 0, 2), point=(0, 0, 5))
    np.testing.assert_allclose(mirror.apply((1, 2, 7)), (1, 2, 3), atol=1e-14)
    assert np.linalg.det(mirror.matrix) == pytest.approx(-1)
    assert mirror.is_rigid


@pytest.mark.parametrize(
    ("direction", "to"),
    [
        ((0, 0, 1), (0, 0, 1)),
        ((0, 0, 1), (0, 0, -3)),
        ((1, 1, 0), (-1, -1, 0)),
        ((1, 1, 1), (0, 0, 1)),
        ((1, 0, 0), (0, 1e-12, 1)),
    ],
)
def test_align_also_parallel_and_antiparallel(direction, to):
    turn = transforms.align(direction, to)
    start, end = np.array(direction) / np.linalg.norm(direction), np.array(to) / np.linalg.norm(to)
    np.testing.assert_allclose(turn.apply_direction(start), end, atol=1e-9)
    assert turn.is_rigid
    assert np.linalg.det(turn.matrix) == pytest.approx(1)


def test_align_with_a_second_direction_fixes_the_spin():
    turn = transforms.align((1, 1, 1), (0, 0, 1), second=(1, -1, 0), second_to=(1, 0, 0))
    np.testing.assert_allclose(turn.apply_direction(np.array([1, 1, 1]) / np.sqrt(3)), (0, 0, 1), atol=1e-14)
    np.testing.assert_allclose(turn.apply_direction(np.array([1, -1, 0]) / np.sqrt(2)), (1, 0, 0), atol=1e-14)
    assert np.linalg.det(turn.matrix) == pytest.approx(1)


def test_random_rotations_are_uniform():
    # the mean square of every matrix element of a uniform rotation is 1/3, its mean 0; the angle's density is (1−cos)/π
    rng = np.random.default_rng(0)
    matrices = np.array([transforms.random_rotation(rng).matrix for _ in range(4000)])
    np.testing.assert_allclose((matrices**2).mean(axis=0), np.full((3, 3), 1 / 3), atol=0.02)
    np.testing.assert_allclose(matrices.mean(axis=0), np.zeros((3, 3)), atol=0.04)
    angles = np.arccos((np.trace(matrices, axis1=1, axis2=2) - 1) / 2)
    assert angles.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.03)
    np.testing.assert_allclose(np.linalg.det(matrices), 1)


def test_equal_maps_are_equal_and_hash_alike():
    assert transforms.rotation((0, 0, 1), 10) == transforms.rotation((0, 0, 1), 10)
    assert hash(Affine()) == hash(transforms.translation((0, 0, 0)))
    assert transforms.rotation((0, 0, 1), 10) != transforms.rotation((0, 0, 1), 11)


def test_maps_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="read-only"):
        Affine().matrix[0, 0] = 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transforms.rotation((0, 0, 0), 10), "axis is the zero vector"),
        (lambda: transforms.rotation((0, 0, 1), np.nan), "degrees is nan"),
        (lambda: transforms.translation((1, 2)), "translation has shape"),
        (lambda: transforms.translation((np.nan, 0, 0)), "finite"),
        (lambda: transforms.affine(np.zeros((3, 3))), "singular"),
        (lambda: transforms.affine([[1, 0, 0], [0, 1, 0], [1, 1, 0]]), "singular"),
        (lambda: transforms.affine(np.eye(2)), "3 × 3"),
        (lambda: transforms.align((0, 0, 0), (0, 0, 1)), "direction is the zero vector"),
        (lambda: transforms.align((1, 0, 0), (0, 0, 1), second=(0, 1, 0)), "together"),
        (lambda: transforms.align((1, 0, 0), (0, 0, 1), (2, 0, 0), (1, 0, 0)), "second is parallel"),
        (lambda: transforms.reflection((0, np.inf, 0)), "finite"),
        (lambda: transforms.from_rotation(Rotation.random(2, rng=0)), "2 rotations|give one"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
