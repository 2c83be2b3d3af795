"""All labels at once: the same as one by one, and moved together."""

from __future__ import annotations

import numpy as np
import pytest
from label_scenes import PIXEL, SHAPE, ball, film, upright

import construction_zone as cz
from construction_zone.build import prefabs, variant
from construction_zone.errors import InvalidInput
from construction_zone.image.distortions import Distortion
from construction_zone.label.columns import atomic_columns, heat_map
from construction_zone.label.instances import unpacked
from construction_zone.label.truth import LABELS, Settings, truth


@pytest.fixture(scope="module")
def atoms():
    twin = prefabs.twinned(upright(), radius=10, positions=[0], name="twin").shifted((16, 16, 24))
    other = ball(cz.Crystal.fcc("Au"), 9, at=(32, 30, 24))
    return cz.Scene([film(2, 10), twin, other], cell=(48, 48, 40)).atoms(seed=1)


def test_every_label_is_there_on_the_pixels(atoms) -> None:
    found = truth(atoms, ["twin", "ball"], SHAPE, PIXEL, include=list(LABELS))
    assert set(found.maps) == {
        "semantic", "soft", "distance", "instances", "amodal", "classes", "grains", "columns", "strain", "thickness",
        "potential",
    }  # fmt: skip
    assert set(found.tables) == {"semantic", "instances", "grains", "columns", "defects", "dislocations"}
    assert all(label.shape[-2:] == SHAPE for label in found.maps.values())
    assert [row["name"] for row in found.tables["semantic"]] == list(atoms.info["phases"])
    assert [row["zone"] for row in found.tables["instances"]] == ["twin", "ball"]
    assert len(found.tables["grains"]) == 3
    assert len(found.tables["defects"]) == 1
    assert found.tables["columns"] == atomic_columns(variant(atoms, only=["twin", "ball"]))


def test_only_what_is_asked_for_is_made_and_settings_reach_it(atoms) -> None:
    found = truth(
        atoms, ["ball"], SHAPE, PIXEL, include=["semantic", "columns"],
        settings=Settings(by="element", names=("Au", "Pt"), axis_tolerance=0.0, column_width=1.0),
    )  # fmt: skip
    assert set(found.maps) == {"semantic", "columns"}
    assert found.maps["semantic"].shape == (2, *SHAPE)
    assert not found.maps["semantic"][1].any()
    assert {row["zone"] for row in found.tables["columns"]} == {"ball"}
    np.testing.assert_array_equal(found.maps["columns"], heat_map(found.tables["columns"], SHAPE, PIXEL, width=1.0))


def test_a_distortion_moves_all_labels_together(atoms) -> None:
    straight = truth(atoms, ["twin", "ball"], SHAPE, PIXEL, include=list(LABELS))
    moved = straight.distorted(Distortion(shift=(2.0, -3.0)))  # ten pixels up, fifteen to the left
    for name, label in straight.maps.items():
        wanted = np.roll(label, (10, -15), axis=(-2, -1))
        if label.dtype.kind == "f":
            np.testing.assert_allclose(moved.maps[name], wanted, atol=1e-4 * np.nanmax(np.abs(label)), err_msg=name)
        else:
            np.testing.assert_array_equal(moved.maps[name], wanted, err_msg=name)
    for name in ("columns", "instances"):
        for before, after in zip(straight.tables[name], moved.tables[name], strict=True):
            assert after["x"] == pytest.approx((before["x"] - 3) % 48)
            assert after["y"] == pytest.approx((before["y"] + 2) % 48)
    before, after = (t.tables["instances"][1]["box"] for t in (straight, moved))
    assert after == [before[0] - 15, before[1] + 10, before[2] - 15, before[3] + 10]
    (line,), (shifted,) = straight.tables["defects"], moved.tables["defects"]
    assert shifted["x0"] == pytest.approx(line["x0"] - 3)
    assert straight.tables["grains"] == moved.tables["grains"]


def test_boxes_are_measured_on_the_distorted_masks(atoms) -> None:
    larger = truth(atoms, ["ball"], SHAPE, PIXEL, include=["instances"])
    grown = larger.distorted(Distortion(scale=0.1), boundary="mirror")
    (before,), (after,) = larger.tables["instances"], grown.tables["instances"]
    assert after["area"] == pytest.approx(before["area"] * 1.21, rel=0.01)
    assert after["box"][2] - after["box"][0] == pytest.approx(1.1 * (before["box"][2] - before["box"][0]), abs=2)
    masks = unpacked(grown.maps["amodal"], 1)
    np.testing.assert_array_equal(masks[0], grown.maps["instances"])


def test_a_box_goes_over_the_edge_only_where_the_image_goes_on_there() -> None:
    """A particle on the seam: of an image that was turned, what lies at both edges are two places, not neighbours."""
    scene = cz.Scene([film(2, 10), ball(cz.Crystal.fcc("Au"), 9, at=(47, 24, 24))], cell=(48, 48, 40)).atoms(seed=1)
    straight = truth(scene, ["ball"], SHAPE, PIXEL, include=["instances"])
    shifted = straight.distorted(Distortion(shift=(3.0, 0.0)))
    turned = straight.distorted(Distortion(rotation=10.0))
    assert straight.tables["instances"][0]["box"][2] > SHAPE[1]
    assert shifted.tables["instances"][0]["box"][2] > SHAPE[1]
    assert (shifted.periodic, turned.periodic) == ((True, True), (False, False))
    rows, columns = np.nonzero(unpacked(turned.maps["amodal"], 1)[0])
    wanted = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert turned.tables["instances"][0]["box"] == wanted
    assert (wanted[0], wanted[2]) == (0, SHAPE[1])


def test_a_scene_without_particles_has_empty_labels() -> None:
    carbon = cz.Scene([film(2, 10)], cell=(48, 48, 20)).atoms(seed=1)
    found = truth(carbon, [], SHAPE, PIXEL, include=list(LABELS))
    assert not found.maps["instances"].any()
    assert not found.maps["soft"].any()
    assert (found.maps["distance"] == -10).all()
    assert not found.maps["columns"].any()
    assert (found.maps["grains"] == -1).all()
    assert np.isnan(found.maps["strain"]).all()
    assert all(found.tables[name] == [] for name in ("instances", "grains", "columns", "defects", "dislocations"))
    found.distorted(Distortion(shear=0.02))


def test_unknown_names_are_refused(atoms) -> None:
    with pytest.raises(InvalidInput, match="no label 'outline'; choose from semantic"):
        truth(atoms, ["ball"], SHAPE, PIXEL, include=["outline"])
    with pytest.raises(InvalidInput, match="no zone 'cube'; there are film, twin, ball"):
        truth(atoms, ["cube"], SHAPE, PIXEL, include=[])
