"""Instances against discs that overlap by what geometry says."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from label_scenes import PIXEL, SHAPE, alone, ball

import construction_zone as cz
from construction_zone.build import prefabs, variant
from construction_zone.errors import InvalidInput
from construction_zone.label.instances import box, instance_masks, packed, unpacked
from construction_zone.label.masks import projected


def stack(*places: tuple[float, float, float], radius: float = 10.0) -> ase.Atoms:
    """Gold balls `p0`, `p1`, … at the given places."""
    zones = []
    for number, at in enumerate(places):
        crystal = cz.Crystal.fcc("Au").shifted(at)
        zones.append(cz.Zone(cz.Ball(radius, center=at), crystal, name=f"p{number}"))
    return cz.Scene(zones, cell=(48, 48, 70)).atoms(seed=0)


def test_what_the_beam_meets_first_is_in_front() -> None:
    """The beam runs along +z: the ball at z = 15 hides part of the one at z = 45, whichever is given first."""
    atoms = stack((20, 24, 45), (28, 24, 15))
    for names in (["p0", "p1"], ["p1", "p0"]):
        found = instance_masks(atoms, names, SHAPE, PIXEL)
        back, front = (found.table[names.index(name)] for name in ("p0", "p1"))
        assert front["order"] == 0
        assert back["order"] == 1
        assert front["behind"] == []
        assert back["behind"] == [front["instance"]]
        assert front["occlusion"] == 0
        masks = {name: found.amodal[names.index(name)].astype(bool) for name in names}
        hidden = masks["p0"] & masks["p1"]
        assert back["occlusion"] == pytest.approx(hidden.sum() / masks["p0"].sum())
        np.testing.assert_array_equal(found.modal == front["instance"], masks["p1"])
        np.testing.assert_array_equal(found.modal == back["instance"], masks["p0"] & ~hidden)


def test_the_hidden_share_is_that_of_two_discs() -> None:
    """Two discs of radius R, a distance d apart, share 2R² arccos(d/2R) − d/2·√(4R² − d²)."""
    found = instance_masks(stack((20, 24, 45), (28, 24, 15)), ["p0", "p1"], SHAPE, PIXEL)
    radius = np.sqrt(found.table[0]["area"] / np.pi)
    assert 9.5 < radius < 11.4
    d = 8.0
    lens = 2 * radius**2 * np.arccos(d / (2 * radius)) - d / 2 * np.sqrt(4 * radius**2 - d**2)
    assert found.table[0]["occlusion"] == pytest.approx(lens / found.table[0]["area"], abs=0.02)


def test_amodal_masks_are_those_of_the_particles_alone() -> None:
    atoms = stack((20, 24, 45), (28, 24, 15))
    found = instance_masks(atoms, ["p0", "p1"], SHAPE, PIXEL)
    own = atoms[atoms.arrays["zone"] == 0]
    np.testing.assert_array_equal(found.amodal[0], projected(own, SHAPE, PIXEL))


def test_two_that_interlock_are_each_in_front_in_places() -> None:
    """Two slabs that cross like a roof truss: on the left one is lower, on the right the other."""

    def slab(name: str, slope: float) -> cz.Zone:
        leaning = cz.build.transforms.rotation((0, 1, 0), slope, origin=(24, 24, 35))
        volume = cz.Block((36, 12, 6), center=(24, 24, 35)).moved(leaning)
        return cz.Zone(volume, cz.Crystal.fcc("Au"), name=name, priority=int(slope < 0))

    found = instance_masks(
        cz.Scene([slab("a", 30), slab("b", -30)], cell=(48, 48, 70)).atoms(), ["a", "b"], SHAPE, PIXEL
    )
    left, right = found.modal[120, 60], found.modal[120, 180]
    assert {left, right} == {1, 2}
    # a rotation about y by +30° takes +x down towards −z: there `a` is met first
    assert right == 1
    assert found.table[0]["behind"] == [2]
    assert found.table[1]["behind"] == [1]


def test_apart_from_each_other_nothing_is_hidden() -> None:
    found = instance_masks(stack((12, 12, 35), (36, 36, 30)), ["p0", "p1"], SHAPE, PIXEL)
    assert [row["occlusion"] for row in found.table] == [0, 0]
    assert [row["behind"] for row in found.table] == [[], []]
    for row, place in zip(found.table, [(12, 12, 35), (36, 36, 30)], strict=True):
        assert [row["x"], row["y"], row["z"]] == pytest.approx(place, abs=0.1)
        x0, y0, x1, y1 = row["box"]
        assert [x0, x1 - 1] == pytest.approx([5 * (place[0] - 11.4), 5 * (place[0] + 11.4)], abs=12)
        assert [y0, y1 - 1] == pytest.approx([5 * (place[1] - 11.4), 5 * (place[1] + 11.4)], abs=12)
        assert row["area"] == row["seen"]


def test_a_box_goes_on_across_the_seam() -> None:
    found = instance_masks(stack((2, 24, 35)), ["p0"], SHAPE, PIXEL)
    x0, y0, x1, y1 = found.table[0]["box"]
    assert 180 < x0 < 240 < x1 < 310
    assert x1 - x0 == pytest.approx(y1 - y0, abs=4)
    assert found.table[0]["x"] == pytest.approx(2, abs=0.1)
    mask = np.zeros((10, 12), bool)
    mask[2:4, [0, 1, 10, 11]] = True
    assert box(mask, (True, True)) == [10, 2, 14, 4]
    assert box(mask) == [0, 2, 12, 4]
    assert box(np.zeros((4, 4), bool)) is None


def test_masks_as_bits_come_back() -> None:
    masks = (np.random.default_rng(0).random((37, 6, 5)) < 0.4).astype(np.uint8)
    words = packed(masks)
    assert words.shape == (2, 6, 5)
    assert words.dtype == np.int32
    np.testing.assert_array_equal(unpacked(words, 37), masks)
    assert packed(masks[:0]).shape == (1, 6, 5)
    assert unpacked(packed(masks[:0]), 0).shape == (0, 6, 5)
    with pytest.raises(InvalidInput, match="up to 62 masks, not 65"):
        unpacked(words, 65)


def test_no_particles_give_empty_maps() -> None:
    found = instance_masks(alone(ball(cz.Crystal.fcc("Au"), 8)), [], SHAPE, PIXEL)
    assert found.amodal.shape == (0, *SHAPE)
    assert not found.modal.any()
    assert found.table == []


def test_a_particle_that_the_variant_lacks_has_an_empty_mask_and_keeps_its_number() -> None:
    whole = stack((20, 24, 45), (28, 24, 15))
    found = instance_masks(variant(whole, only=["p1"]), ["p0", "p1"], SHAPE, PIXEL)
    gone, there = found.table
    assert [gone[name] for name in ("atoms", "x", "bottom", "box", "area", "order")] == [0, None, None, None, 0.0, 1]
    assert (there["instance"], there["atoms"] > 0, there["order"], there["occlusion"]) == (2, True, 0, 0.0)
    assert not found.amodal[0].any()
    np.testing.assert_array_equal(found.modal, 2 * found.amodal[1])


def test_a_particle_of_several_crystals_is_one_instance() -> None:
    atoms = alone(prefabs.decahedron("fcc Au", edge=4, column=4).shifted((24, 24, 24)))
    found = instance_masks(atoms, ["decahedron"], SHAPE, PIXEL)
    assert len(found.table) == 1
    np.testing.assert_array_equal(found.modal, projected(atoms, SHAPE, PIXEL))
