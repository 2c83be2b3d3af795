"""Euler angles, quaternions, inversion, composition and mistilts."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from construction_zone.build import transforms as tf
from construction_zone.errors import InvalidInput

X, Y, Z = np.eye(3)


def test_capital_letters_turn_about_axes_that_move_along() -> None:
    angles = (25, 40, -70)
    z1 = tf.rotation(Z, angles[0])
    x1 = tf.rotation(z1.apply(X), angles[1])
    z2 = tf.rotation((x1 @ z1).apply(Z), angles[2])
    np.testing.assert_allclose(tf.euler("ZXZ", angles).matrix, (z2 @ x1 @ z1).matrix, atol=1e-12)


def test_small_letters_turn_about_the_axes_of_the_scene() -> None:
    angles = (25, 40, -70)
    expected = tf.composed(tf.rotation(X, 25), tf.rotation(Y, 40), tf.rotation(Z, -70))
    np.testing.assert_allclose(tf.euler("xyz", angles).matrix, expected.matrix, atol=1e-12)


def test_bunges_angles_turn_the_axes_of_the_sample_into_those_of_the_crystal() -> None:
    # his g takes components along the sample's axes to components along the crystal's (Bunge 1982, eq. 2.50)
    p, q, r = np.radians([30, 50, 70])
    first_row = [
        np.cos(p) * np.cos(r) - np.sin(p) * np.sin(r) * np.cos(q),
        np.sin(p) * np.cos(r) + np.cos(p) * np.sin(r) * np.cos(q),
        np.sin(r) * np.sin(q),
    ]
    np.testing.assert_allclose(tf.euler("ZXZ", (30, 50, 70)).matrix.T[0], first_row, atol=1e-12)


def test_quaternions() -> None:
    half = np.radians(35)
    turn = tf.quaternion(3 * np.cos(half), 0, 3 * np.sin(half), 0, origin=(1, 2, 3))
    expected = tf.rotation(Y, 70, origin=(1, 2, 3))
    np.testing.assert_allclose(turn.matrix, expected.matrix, atol=1e-12)
    np.testing.assert_allclose(turn.vector, expected.vector, atol=1e-12)


def test_inversion_is_its_own_inverse() -> None:
    inverted = tf.inversion((1, 2, 3))
    np.testing.assert_allclose(inverted.apply((4, 4, 4)), (-2, 0, 2))
    assert inverted.is_rigid
    np.testing.assert_allclose((inverted @ inverted).apply((4, 5, 6)), (4, 5, 6))


def test_composed_applies_the_first_one_first() -> None:
    whole = tf.composed(tf.translation(X), tf.rotation(Z, 90), tf.translation(Z))
    np.testing.assert_allclose(whole.apply((0, 0, 0)), (0, 1, 1), atol=1e-12)
    assert tf.composed().is_identity


def test_random_rotations_turn_by_angles_with_the_density_of_haar() -> None:
    rng = np.random.default_rng(0)
    matrices = [tf.random_rotation(rng).matrix for _ in range(3000)]
    angles = np.arccos([(np.trace(m) - 1) / 2 for m in matrices])
    assert stats.kstest(angles, lambda t: (t - np.sin(t)) / np.pi).pvalue > 0.01
    # in-plane spin too: the turned x axis is uniform on the sphere, so each component is uniform on −1 … 1
    for column in range(3):
        assert stats.kstest([m[0, column] for m in matrices], stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_mistilts_have_the_rms_asked_for_about_axes_across_the_beam() -> None:
    rng = np.random.default_rng(1)
    beam = np.array([1, 2, 2]) / 3
    tilts = [tf.mistilt(2.0, rng, beam, origin=(5, 6, 7)) for _ in range(4000)]
    angles = np.degrees(np.arccos([beam @ t.matrix @ beam for t in tilts]))
    assert np.sqrt((angles**2).mean()) == pytest.approx(2.0, rel=0.03)
    assert stats.kstest(angles, stats.rayleigh(scale=np.sqrt(2)).cdf).pvalue > 0.01
    axes = np.array(
        [
            [t.matrix[2, 1] - t.matrix[1, 2], t.matrix[0, 2] - t.matrix[2, 0], t.matrix[1, 0] - t.matrix[0, 1]]
            for t in tilts
        ]
    )
    assert np.abs(axes @ beam).max() < 1e-12  # no spin
    first = np.cross(beam, X) / np.linalg.norm(np.cross(beam, X))
    azimuths = np.arctan2(axes @ np.cross(beam, first), axes @ first)
    assert stats.kstest(azimuths, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01
    np.testing.assert_allclose(tilts[0].apply((5, 6, 7)), (5, 6, 7), atol=1e-12)
    assert tf.mistilt(0, rng).is_identity


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tf.euler("zz", (1, 2, 3)), "give three axes"),
        (lambda: tf.euler("zzx", (1, 2, 3)), "neighbours different"),
        (lambda: tf.euler("xzz", (1, 2, 3)), "neighbours different"),
        (lambda: tf.euler("zXz", (1, 2, 3)), "give three axes"),
        (lambda: tf.euler("abc", (1, 2, 3)), "give three axes"),
        (lambda: tf.euler("zxz", (1, 2)), "three numbers"),
        (lambda: tf.quaternion(0, 0, 0, 0), "not all zero"),
        (lambda: tf.quaternion(1, 0, 0, np.nan), "finite"),
        (lambda: tf.mistilt(-1, np.random.default_rng(0)), "not negative"),
        (lambda: tf.mistilt(1, np.random.default_rng(0), (0, 0, 0)), "zero vector"),
        (lambda: tf.inversion((0, 0)), "three numbers"),
    ],
)
def test_bad_input(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
