"""The field of a dislocation loop against what elasticity says of it."""

import numpy as np
import pytest

from construction_zone.build.modifiers import Dislocation, DislocationLoop
from construction_zone.errors import InvalidInput

HEXAGON = DislocationLoop.regular((0.7, -0.4, 2.0), 12.0, (0, 0, 1), 6, (1, 0, 0), (1.0, 2.0, 3.0), 0.34)


def second_derivatives(field, points, h):
    """∂ᵢ∂ⱼu (3, 3, n, 3)."""
    steps = h * np.eye(3)
    found = np.empty((3, 3, *points.shape))
    for i in range(3):
        for j in range(3):
            if i == j:
                found[i, i] = (field(points + steps[i]) - 2 * field(points) + field(points - steps[i])) / h**2
            else:
                a, b = steps[i] + steps[j], steps[i] - steps[j]
                found[i, j] = (field(points + a) - field(points + b) - field(points - b) + field(points - a)) / (
                    4 * h**2
                )
    return found


def test_the_field_is_in_equilibrium():
    """Navier's equation: (1 − 2ν)∇²u + ∇(∇·u) = 0 off the disc."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-14, 14, size=(60, 3)) + np.array([1, 2, 3])
    points[:, 2] += np.sign(points[:, 2] - 3) * 2
    second = second_derivatives(HEXAGON, points, 2e-3)
    laplace = second[0, 0] + second[1, 1] + second[2, 2]
    gradient = np.stack([sum(second[i, j][:, j] for j in range(3)) for i in range(3)], axis=1)
    residue = np.abs((1 - 2 * HEXAGON.poisson) * laplace + gradient)
    assert residue.max() < 1e-4 * np.abs(second).max()


def test_the_displacement_jumps_by_the_burgers_vector_across_the_disc_alone():
    middle = np.array([1.0, 2.0, 3.0])
    inside = middle + np.array([(0.1, 0.2, 0), (5, 3, 0), (-9, 0.2, 0), (0, -9.9, 0)])
    outside = middle + np.array([(13, 0, 0), (0, 11, 0), (-30, 20, 0)])
    up = np.array([0, 0, 1e-7])
    np.testing.assert_allclose(HEXAGON(inside + up) - HEXAGON(inside - up), [HEXAGON.burgers] * 4, atol=1e-6)
    np.testing.assert_allclose(HEXAGON(outside + up) - HEXAGON(outside - up), 0, atol=1e-6)
    np.testing.assert_allclose(HEXAGON.solid_angle(inside + up), -2 * np.pi, atol=1e-6)


def test_a_circuit_through_the_loop_fails_to_close_by_the_burgers_vector():
    turn = np.linspace(0, 2 * np.pi, 4001)
    # about the point of the line at (1, 2 + 12 cos 30°, 3), without the one step through the disc
    ring = np.stack([np.full_like(turn, 1.0), 2 + 12 * np.cos(np.pi / 6) + 3 * np.cos(turn), 3 + 3 * np.sin(turn)], 1)
    steps = np.diff(HEXAGON(ring), axis=0)
    jump = np.argmax(np.linalg.norm(steps, axis=1))
    np.testing.assert_allclose(np.delete(steps, jump, axis=0).sum(axis=0), HEXAGON.burgers, atol=0.02)
    away = ring + np.array([0, 15, 0])
    np.testing.assert_allclose(np.diff(HEXAGON(away), axis=0).sum(axis=0), 0, atol=1e-12)
    assert np.abs(np.diff(HEXAGON(away), axis=0)).max() < 0.01


def test_the_solid_angle_of_a_square_is_that_of_a_cube_face():
    square = DislocationLoop((1, 0, 0), ((-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)))
    np.testing.assert_allclose(
        square.solid_angle(np.array([[0, 0, 1.0], [0, 0, -1.0]])), [-4 * np.pi / 6, 4 * np.pi / 6]
    )
    assert square.area == pytest.approx(4)
    np.testing.assert_allclose(square.normal, [0, 0, 1])


def test_far_away_it_falls_as_the_square_of_the_distance():
    way = np.array([[0.48, 0.6, 0.64]])
    near, far = (np.linalg.norm(HEXAGON(np.array([1, 2, 3]) + r * way)) for r in (300.0, 3000.0))
    assert near / far == pytest.approx(100, rel=0.02)


def test_next_to_a_long_side_it_is_a_straight_dislocation():
    long = 4e4
    loop = DislocationLoop(
        (1.5, 0.7, 0.9), ((0, -long, 0), (0, long, 0), (-long, long, 0), (-long, -long, 0)), poisson=0.28
    )
    # above the disc at x < 0 minus below is b: so is it for a line along −y
    straight = Dislocation((1.5, 0.7, 0.9), (0, -1, 0), poisson=0.28)
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(-6, 6, 40), rng.uniform(-5, 5, 40), rng.uniform(0.5, 6, 40)])
    h = 1e-4

    def strain(field):
        slope = np.stack([(field(points + h * e) - field(points - h * e)) / (2 * h) for e in np.eye(3)], axis=2)
        return slope

    # rotations and displacements as a whole are not the same, for the other sides are far but there
    difference = strain(loop) - strain(straight)
    assert np.abs(difference).max() < 2e-3 * np.abs(strain(straight)).max()


def test_volume_of_a_prismatic_loop_is_its_area_times_its_opening():
    loop = DislocationLoop.regular((0, 0, -2.0), 8.0, (0, 0, 1), 48, (1, 0, 0), (0, 0, 0))
    assert loop.opening == pytest.approx(-2)
    # Gauss: the flux through a sphere in an infinite medium is (1+ν)/(3(1−ν)) of the volume that was put in
    rng = np.polynomial.legendre.leggauss(60)
    cosines, weights = rng
    angles = 2 * np.pi * np.arange(120) / 120
    c, a = np.meshgrid(cosines, angles, indexing="ij")
    s = np.sqrt(1 - c**2)
    ways = np.stack([s * np.cos(a), s * np.sin(a), c], axis=-1).reshape(-1, 3)
    w = np.repeat(weights, 120) * 2 * np.pi / 120
    radius = 400.0
    flux = (w * (loop(radius * ways) * ways).sum(axis=1)).sum() * radius**2
    share = (1 + loop.poisson) / (3 * (1 - loop.poisson))
    assert flux == pytest.approx(share * loop.area * loop.opening, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DislocationLoop((0, 0, 0), ((0, 0, 0), (1, 0, 0), (0, 1, 0))), "zero"),
        (lambda: DislocationLoop((1, 0, 0), ((0, 0, 0), (1, 0, 0))), "three or more"),
        (lambda: DislocationLoop((1, 0, 0), ((0, 0, 0), (1, 0, 0), (2, 0, 0))), "on a line"),
        (lambda: DislocationLoop((1, 0, 0), ((0, 0, 0), (1, 0, 0), (1, 1, 0.3), (0, 1, 0))), "make it flat"),
        (lambda: DislocationLoop((1, 0, 0), ((0, 0, 0), (1, 0, 0), (0, 1, 0)), 0.5), "Poisson"),
    ],
)
def test_impossible_loops_say_why(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
