"""Cells that fit, and scenes moved within them."""

import numpy as np
import pytest

from construction_zone.build import Ball, Block, Crystal, HalfSpace, Scene, Zone
from construction_zone.errors import InvalidInput, SceneError

GOLD = Crystal.fcc("Au")


def ball(center, radius=10.0, name="ball"):
    return Zone(Ball(radius, center), GOLD.shifted(center), name)


def test_the_cell_fits_and_the_crystal_moves_along():
    zones = [ball((-30, 7, 100)), ball((5, 7, 100), 4.0, "small")]
    scene = Scene.fitted(zones, padding=3)
    np.testing.assert_allclose(scene.cell, (49 + 6, 20 + 6, 20 + 6))
    atoms, here = scene.atoms(), GOLD.fill(Ball(10), cell=(50, 50, 50)).positions
    np.testing.assert_allclose(atoms.positions[atoms.arrays["zone"] == 0], here + 13, atol=1e-9)
    assert scene.zones[1].volume.bounds[1, 0] == pytest.approx(55 - 3)


def test_padding_by_axis_and_side():
    assert Scene.fitted([ball((0, 0, 0))], padding=(1, 2, 3)).cell == pytest.approx((22, 24, 26))
    scene = Scene.fitted([ball((0, 0, 0))], padding=[(0, 0), (1, 2), (5, 10)])
    assert scene.cell == pytest.approx((20, 23, 35))
    np.testing.assert_allclose(scene.zones[0].volume.bounds, [[0, 1, 5], [20, 21, 25]], atol=1e-9)


def test_given_edges_are_kept_and_centred_in_or_not():
    low, high = (
        Scene.fitted([ball((0, 0, 0))], cell=(60, None, 70), padding=[(5, 5), (5, 5), (10, 20)]).zones[0].volume.bounds
    )
    np.testing.assert_allclose((low + high) / 2, [30, 15, 30])
    scene = Scene.fitted([ball((13, 0, 0))], cell=(60, None, None), centre=False)
    np.testing.assert_allclose(scene.zones[0].volume.bounds[:, 0], [3, 23])
    assert scene.cell[0] == 60


def test_an_unbounded_film_needs_its_edges():
    film = Zone(HalfSpace((0, 0, 1), (0, 0, 20)) - HalfSpace((0, 0, 1), (0, 0, 0)), GOLD, "film", priority=1)
    with pytest.raises(InvalidInput, match="no end along x"):
        Scene.fitted([film, ball((0, 0, 30))])


def test_what_does_not_fit():
    with pytest.raises(SceneError, match="20 Å long along z, which does not fit an edge of 25 Å with 10 Å of padding"):
        Scene.fitted([ball((0, 0, 0))], cell=(None, None, 25))
    assert Scene.fitted([ball((0, 0, 0))], cell=(25, None, None)).cell[0] == 25  # through the seam
    with pytest.raises(SceneError, match="volume of zone 'none' is empty"):
        Scene.fitted([Zone(Ball(1) & Ball(1, (9, 9, 9)), GOLD, "none")])
    with pytest.raises(InvalidInput, match="padding is"):
        Scene.fitted([ball((0, 0, 0))], padding=-1)
    with pytest.raises(InvalidInput, match="three edge lengths"):
        Scene.fitted([ball((0, 0, 0))], cell=(10, 10))


def test_centred():
    scene = Scene([ball((12, 13, 14))], (40, 50, 60)).centred((True, False, True))
    np.testing.assert_allclose(scene.zones[0].volume.bounds.mean(axis=0), [20, 13, 30])
    np.testing.assert_allclose(scene.zones[0].generator.pose.vector, [20, 13, 30])
    with pytest.raises(InvalidInput, match="no end along x"):
        Scene([Zone(HalfSpace((0, 0, 1), (0, 0, 20)), GOLD, "film")], (40, 40, 60)).centred()


def test_variants_are_subsets_of_the_same_atoms():
    film = Zone(Block.between((0, 0, 2), (40, 40, 14)), Crystal.diamond("C"), "film", priority=1)
    scene = Scene([film, ball((20, 20, 20), 8.0), ball((20, 20, 40), 6.0, "second")], (40.0, 40.0, 50.0), (False,) * 3)
    found = scene.variants(without=["film", ("film", "second")], seed=3)
    assert list(found) == ["all", "without film", "without film, second"]
    whole = scene.atoms(seed=3)
    assert found["all"] == whole
    for name, zones in (("without film", {1, 2}), ("without film, second", {1})):
        left = found[name]
        assert set(left.arrays["zone"].tolist()) == zones
        np.testing.assert_array_equal(left.positions, whole.positions[left.arrays["id"]])
        np.testing.assert_array_equal(left.cell, whole.cell)
    # the carbon that the ball drove out does not come back
    assert len(scene.variants(without=["ball"])["without ball"]) == (whole.arrays["zone"] != 1).sum()
    with pytest.raises(InvalidInput, match="no zone is called 'fil'"):
        scene.variants(without=["fil"])
