"""matscipy's dislocations: where the medium is isotropic they are ours, where it is not they are in equilibrium."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import construction_zone as cz
from construction_zone.build.modifiers import AnisotropicDislocation, Dislocation
from construction_zone.build.modifiers.anisotropic import stiffness_matrix
from construction_zone.errors import InvalidInput, MissingExtra

GOLD = (192.0, 163.0, 42.0)
NU, MU = 0.31, 60.0
ISOTROPIC = (2 * MU * (1 - NU) / (1 - 2 * NU), 2 * MU * NU / (1 - 2 * NU), MU)
"""C11 = λ + 2μ, C12 = λ, C44 = μ."""

CHARACTERS = {"edge": (1, -1, 2), "screw": (1, 1, 0), "mixed": (1, 0, 1)}
RING = np.random.default_rng(0).uniform(-9, 9, size=(80, 3))


def gradients(field, points, h=1e-4):
    """∂u_i/∂x_j (n, 3, 3)."""
    return np.stack([(field(points + h * e) - field(points - h * e)) / (2 * h) for e in np.eye(3)], axis=2)


def straight(character, point=(0.3, -0.2, 0.1)):
    line = np.array(CHARACTERS[character]) / np.linalg.norm(CHARACTERS[character])
    return Dislocation((2.0, 2.0, 0.0), tuple(line), point, NU)


@pytest.mark.parametrize("character", CHARACTERS)
def test_in_an_isotropic_medium_it_is_the_isotropic_solution(character):
    ours = straight(character)
    theirs = AnisotropicDislocation(ours, ISOTROPIC)
    away = np.linalg.norm(np.cross(RING - ours.point, ours.line), axis=1) > 1.0
    points = RING[away]
    # a displacement or a turn of the whole is free; of the line's own field no turn is
    expected = gradients(ours, points)
    np.testing.assert_allclose(gradients(theirs, points), expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("character", CHARACTERS)
def test_it_jumps_by_the_burgers_vector_across_the_same_half_plane(character):
    field = AnisotropicDislocation(straight(character), GOLD)
    axes, point = field.straight.axes, np.array(field.straight.point)
    for r in (0.5, 3.0, 40.0):
        above, below = (field((point + r * (-axes[0] + s * 1e-9 * axes[1]))[None])[0] for s in (1, -1))
        np.testing.assert_allclose(above - below, field.straight.burgers, atol=1e-5)
        one, other = (field((point + r * (axes[0] + s * 1e-9 * axes[1]))[None])[0] for s in (1, -1))
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert np.isfinite(field(point[None])).all()


@pytest.mark.parametrize("constants", [GOLD, (165.0, 31.0, 50.0, 62.0, 40.0)])
def test_no_force_is_left(constants):
    """∂_j(C_ijkl ∂_l u_k) = 0."""
    field = AnisotropicDislocation(straight("mixed"), constants)
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    index = {frozenset(pair): k for k, pair in enumerate(pairs)}
    matrix = stiffness_matrix(constants)
    full = np.array(
        [[[[matrix[index[frozenset((i, j))], index[frozenset((k, m))]] for m in range(3)] for k in range(3)]
          for j in range(3)] for i in range(3)]
    )  # fmt: skip
    points = RING[np.linalg.norm(np.cross(RING, field.straight.line), axis=1) > 2.5]
    points = points[np.abs((points - field.straight.point) @ field.straight.axes[1]) > 0.2]
    h = 1e-2
    stress = lambda p: np.einsum("ijkl,nkl->nij", full, gradients(field, p, 1e-3))  # noqa: E731
    force = sum(
        (stress(points + h * e)[:, :, j] - stress(points - h * e)[:, :, j]) / (2 * h) for j, e in enumerate(np.eye(3))
    )
    scale = np.abs(np.stack([(stress(points + h * e) - stress(points - h * e)) / (2 * h) for e in np.eye(3)])).max()
    assert np.abs(force).max() < 2e-3 * scale


def test_the_prefab_takes_it_and_says_so():
    arguments = {"radius": 18, "burgers": (0.5, 0.5, 0), "line": (1, -1, 2)}
    ours, theirs = (cz.prefabs.dislocated("fcc Au", **arguments, **more) for more in ({}, {"stiffness": GOLD}))
    made = [zone.generator.fill(zone.volume, cell=(1.0, 1.0, 1.0), periodic=(False,) * 3) for zone in (ours, theirs)]
    one, other = (atoms.info["record"]["dislocations"][0] for atoms in made)
    assert [one["elasticity"], other["elasticity"]] == ["isotropic", "anisotropic"]
    np.testing.assert_allclose(one["burgers"], other["burgers"])
    assert len(made[1]) == pytest.approx(len(made[0]), rel=0.02)
    assert len(made[1]) != len(made[0]) or np.abs(made[1].positions - made[0].positions).max() > 0.05
    assert replace(theirs.generator.generator.modifiers[0].field) == theirs.generator.generator.modifiers[0].field


def test_the_cubic_and_the_hexagonal_constants_make_the_matrix():
    matrix = stiffness_matrix(GOLD)
    np.testing.assert_allclose(np.diag(matrix), [192, 192, 192, 42, 42, 42])
    assert matrix[0, 1] == matrix[2, 0] == 163
    hexagonal = stiffness_matrix((165.0, 31.0, 50.0, 62.0, 40.0))
    assert hexagonal[5, 5] == pytest.approx((165 - 31) / 2)
    assert hexagonal[0, 2] == hexagonal[2, 1] == 50
    np.testing.assert_array_equal(stiffness_matrix(hexagonal), hexagonal)


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ((1.0, 2.0), "cubic crystal"),
        ((100.0, 120.0, 40.0), "not stable"),
        ((100.0, 60.0, -40.0), "not stable"),
        ("gold", "give numbers"),
        (np.triu(np.ones((6, 6))), "symmetric"),
    ],
)
def test_bad_constants_say_why(constants, message):
    with pytest.raises(InvalidInput, match=message):
        cz.prefabs.dislocated("fcc Au", radius=12, burgers=(0.5, 0.5, 0), line=(1, 1, 0), stiffness=constants)


def test_without_matscipy_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matscipy.dislocation", None)
    with pytest.raises(MissingExtra, match="anisotropic"):
        AnisotropicDislocation(straight("edge"), GOLD)
