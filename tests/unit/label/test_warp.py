"""Labels go where their image goes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from label_scenes import PIXEL, SHAPE, alone, ball

import construction_zone as cz
from construction_zone.errors import InvalidInput
from construction_zone.image.distortions import Distortion
from construction_zone.label.columns import atomic_columns, heat_map
from construction_zone.label.truth import Truth
from construction_zone.label.warp import distorted_map, distorted_rows

SHEAR = Distortion(shear=0.1)
ROUGH = Distortion(scale=0.02, shear=0.03, rotation=2.0, shift=(1.0, -0.6), field=0.4, correlation=20.0, seed=3)


def test_a_shear_moves_every_label_alike() -> None:
    """x goes to x + 0.1·(y − 24): a half-plane's edge becomes a line of that slope."""
    _, x = np.mgrid[0:240, 0:240] * 0.2
    edge = 20.1
    half = (x < edge).astype(np.uint8)
    moved = distorted_map(half, SHEAR, PIXEL, "mirror")
    rows = np.arange(240)
    found = np.array([np.flatnonzero(row[:200] == 0)[0] for row in moved]) * 0.2
    np.testing.assert_allclose(found, edge + 0.1 * (rows * 0.2 - 24), atol=0.21)
    (place,) = distorted_rows([{"x": edge, "y": 34.0, "n": 1}], SHEAR, SHAPE, PIXEL)
    assert place == {"x": pytest.approx(edge + 1.0), "y": pytest.approx(34.0), "n": 1}
    (line,) = distorted_rows([{"x0": 5.0, "y0": 4.0, "x1": 9.0, "y1": 44.0}], SHEAR, SHAPE, PIXEL)
    assert [line["x0"], line["x1"]] == pytest.approx([3.0, 11.0])


def test_soft_labels_are_interpolated_and_stay_in_their_range() -> None:
    y, x = np.mgrid[0:240, 0:240] * 0.2
    soft = (1 / (1 + np.exp(-(12 - np.hypot(x - 24, y - 24)) / 0.4))).astype(np.float32)
    moved = distorted_map(soft, SHEAR, PIXEL)
    assert moved.dtype == np.float32
    back = np.hypot(x - 0.1 * (y - 24) - 24, y - 24)
    np.testing.assert_allclose(moved, 1 / (1 + np.exp(-(12 - back) / 0.4)), atol=0.01)
    hard = distorted_map((soft > 0.5).astype(np.uint8), SHEAR, PIXEL)
    assert ((moved > 0.5) != hard).mean() < 0.003
    step = distorted_map((soft > 0.5).astype(np.float32), SHEAR, PIXEL)
    assert step.min() == 0
    assert step.max() == 1


def test_types_and_unknown_values_come_through() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.uint8, np.uint16, np.int32, np.uint32, bool):
        label = (rng.random((2, *SHAPE)) * 200).astype(dtype)
        moved = distorted_map(label, ROUGH, PIXEL)
        assert moved.dtype == label.dtype
        assert set(np.unique(moved)) <= set(np.unique(label))
    strain = np.full((2, *SHAPE), np.nan, np.float32)
    strain[0, 60:180, 60:180] = 0.02
    moved = distorted_map(strain, SHEAR, PIXEL)
    assert np.isnan(moved[1]).all()
    known = np.isfinite(moved[0])
    np.testing.assert_array_equal(known, distorted_map(np.isfinite(strain[0]), SHEAR, PIXEL))
    np.testing.assert_allclose(moved[0][known], 0.02, atol=1e-6)
    with pytest.raises(InvalidInput, match="cannot be distorted"):
        distorted_map(np.zeros(SHAPE, complex), SHEAR, PIXEL)


@pytest.mark.parametrize("distortion", [SHEAR, ROUGH], ids=["shear", "rough"])
def test_columns_stay_on_the_columns_of_the_image(distortion: Distortion) -> None:
    atoms = alone(ball(cz.Crystal.fcc("Au"), radius=12))
    found = atomic_columns(atoms)
    image = heat_map(found, SHAPE, PIXEL, width=0.6)
    warped = distortion.apply(torch.from_numpy(image), PIXEL, "periodic").numpy()
    moved = heat_map(distorted_rows(found, distortion, SHAPE, PIXEL), SHAPE, PIXEL, width=0.6)
    # the peaks are where they were taken to; their shapes are those of unwarped Gaussians
    np.testing.assert_allclose(moved, warped, atol=0.12)
    assert np.abs(moved - warped).mean() < 0.1 * np.abs(moved - image).mean()


def test_columns_are_where_a_turned_image_of_a_periodic_cell_shows_them() -> None:
    """Beyond its edges the cell repeats as it was before it was turned: no column comes in on the other side."""
    rng = np.random.default_rng(5)
    found = [{"x": x, "y": y} for x, y in rng.uniform(0, 48, (40, 2))]
    image = torch.from_numpy(heat_map(found, SHAPE, PIXEL, width=0.6))
    for distortion in (Distortion(rotation=-100, scale=0.1), Distortion(rotation=30, shift=(3.0, -9.0), field=0.5)):
        warped = distortion.apply(image, PIXEL, "periodic").numpy()
        moved = distorted_rows(found, distortion, SHAPE, PIXEL, periodic=(True, True))
        pixels = np.round(np.array([[row["y"], row["x"]] for row in moved]) / PIXEL).astype(int)
        assert (warped[tuple(np.minimum(pixels, 239).T)] > 0.8).all()
        near = distorted_rows(found, distortion, SHAPE, PIXEL, periodic=(True, True), margin=3.0)
        drawn = heat_map(near, SHAPE, PIXEL, periodic=(False, False), width=0.6)
        np.testing.assert_allclose(drawn, warped, atol=0.15)  # none is missing; the scale widens them
        alone = distorted_rows(found, distortion, SHAPE, PIXEL, periodic=(True, True), once=True)
        assert len(alone) == 40


def test_the_heat_map_of_labels_is_that_of_the_turned_image() -> None:
    rng = np.random.default_rng(6)
    found = [{"x": x, "y": y} for x, y in rng.uniform(0, 48, (40, 2))]
    straight = heat_map(found, SHAPE, PIXEL)
    labels = Truth({"columns": straight}, {"columns": found}, PIXEL, (True, True))
    moved = labels.distorted(Distortion(rotation=45)).maps["columns"]
    wanted = Distortion(rotation=45).apply(torch.from_numpy(straight), PIXEL, "periodic").numpy()
    np.testing.assert_allclose(moved, wanted, atol=0.05)


def test_places_that_leave_a_periodic_image_come_in_again_and_rows_stay_whole() -> None:
    far = Distortion(shift=(0.0, 5.0))
    rows = [{"x": 46.0, "y": 3.0, "x0": 46.0, "y0": 1.0, "x1": 47.0, "y1": 2.0}, {"x": None, "y": None}]
    moved = distorted_rows(rows, far, SHAPE, PIXEL, periodic=(True, True))
    assert len(moved) == 2
    assert moved[0]["x"] == pytest.approx(3.0)
    assert moved[0]["x0"] == pytest.approx(3.0)
    assert moved[1] == {"x": None, "y": None}
    assert rows[0]["x"] == 46.0
