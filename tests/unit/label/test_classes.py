"""Class and grain maps against planes at known places."""

from __future__ import annotations

import numpy as np
import pytest
from label_scenes import PIXEL, SHAPE, A, alone, ball, film, upright

import construction_zone as cz
from construction_zone.build import prefabs
from construction_zone.label.classes import CLASSES, atom_classes, class_map, grain_map
from construction_zone.label.defects import defect_lines
from construction_zone.label.masks import EDGE, projected
from construction_zone.label.semantic import kinds, semantic_masks

LAYER = A / np.sqrt(3)
"""Å between {111} of gold."""


def twin(offset: float = 0.0, radius: float = 15.0) -> cz.Zone:
    """A ball of gold with a twin plane across y, edge-on, through its middle."""
    return prefabs.twinned(upright(), radius=radius, positions=[offset]).shifted((24, 24, 24))


def test_an_edge_on_twin_is_a_band_of_one_layer_between_two_grains() -> None:
    atoms = alone(twin())
    found = class_map(atoms, SHAPE, PIXEL, particles=["twinned"])
    mask = projected(atoms, SHAPE, PIXEL) > 0
    np.testing.assert_array_equal(found > 0, mask)
    assert set(np.unique(found)) == {0, CLASSES.index("crystal"), CLASSES.index("twin")}
    plane = atoms.positions[atoms.arrays["defect"] == 0][:, 1]
    assert np.ptp(plane) < 1e-6
    rows = np.flatnonzero(found[:, 120] == CLASSES.index("twin")) * 0.2
    assert rows.mean() == pytest.approx(plane.mean(), abs=0.1)
    assert np.ptp(rows) + 0.2 == pytest.approx(LAYER, abs=0.25)
    grains = grain_map(atoms, SHAPE, PIXEL, particles=["twinned"])
    assert (grains[~mask] == -1).all()
    below, above = grains[60, 120], grains[180, 120]
    assert {below, above} == {0, 1}
    y = np.arange(240)[:, None] * 0.2
    assert (grains[mask & (y < plane.mean() - LAYER)] == below).all()
    assert (grains[mask & (y > plane.mean() + LAYER)] == above).all()


def test_an_intrinsic_fault_is_two_layers_and_a_stacking_fault() -> None:
    zone = prefabs.faulted(upright(), radius=15, defects=[("intrinsic", 0)]).shifted((24, 24, 24))
    found = class_map(alone(zone), SHAPE, PIXEL, particles=[zone.name])
    rows = np.flatnonzero(found[:, 120] == CLASSES.index("stacking fault")) * 0.2
    assert np.ptp(rows) + 0.2 == pytest.approx(2 * LAYER, abs=0.3)


def test_a_twin_across_the_beam_shows_only_where_there_is_nothing_else() -> None:
    flat = prefabs.twinned(cz.Crystal.fcc("Au").with_zone_axis((1, 1, 1)), radius=15, positions=[0])
    atoms = alone(flat.shifted((24, 24, 24)))
    assert (atom_classes(atoms) == CLASSES.index("twin")).sum() > 50
    found = class_map(atoms, SHAPE, PIXEL, particles=["twinned"])
    y, x = np.mgrid[0:240, 0:240] * 0.2 - 24
    seen = found == CLASSES.index("twin")
    assert not seen[np.hypot(x, y) < 10].any()
    assert seen.any()  # at the equator the ball is one layer thick


def test_film_is_amorphous_and_lies_behind_particles() -> None:
    zones = [film(2, 8), ball(cz.Crystal.fcc("Au"), at=(24, 24, 26))]
    atoms = cz.Scene(zones, cell=(48, 48, 48)).atoms(seed=0)
    found = class_map(atoms, SHAPE, PIXEL, particles=["ball"])
    gold = projected(atoms[atoms.numbers == 79], SHAPE, PIXEL) > 0
    assert (found[gold] == CLASSES.index("crystal")).all()
    assert (found[~gold] == CLASSES.index("amorphous")).all()
    assert (grain_map(atoms, SHAPE, PIXEL, particles=["ball"])[~gold] == -1).all()
    only = class_map(atoms, SHAPE, PIXEL, particles=[])
    assert (only[~gold] == CLASSES.index("amorphous")).all()


def test_a_grain_boundary_has_its_class() -> None:
    zone = prefabs.grain_boundary("fcc Au", radius=15, sigma=5).shifted((24, 24, 24))
    classes = atom_classes(alone(zone))
    assert set(np.unique(classes)) == {CLASSES.index("crystal"), CLASSES.index("grain boundary")}


def test_semantic_masks_are_those_of_each_kind() -> None:
    zones = [film(2, 8), ball(cz.Crystal.named("rocksalt MgO"), at=(24, 24, 26))]
    atoms = cz.Scene(zones, cell=(48, 48, 48)).atoms(seed=0)
    assert kinds(atoms, "phase") == ["amorphous C", "rocksalt MgO"] or len(kinds(atoms, "phase")) == 2
    assert kinds(atoms, "element") == ["C", "O", "Mg"]
    assert kinds(atoms, "zone") == ["film", "ball"]
    found = semantic_masks(atoms, SHAPE, PIXEL, by="element")
    assert found.dtype == np.uint8
    for layer, number in zip(found, (6, 8, 12), strict=True):
        np.testing.assert_array_equal(layer, projected(atoms[atoms.numbers == number], SHAPE, PIXEL))
    picked = semantic_masks(atoms, SHAPE, PIXEL, by="zone", names=["ball", "nothing"], width=0.5)
    assert picked.dtype == np.float32
    assert picked[0, 120, 120] == 1
    assert not picked[1].any()


def test_an_edge_on_twin_is_a_line_to_the_outline() -> None:
    atoms = alone(twin())
    (row,) = defect_lines(atoms)
    plane = atoms.positions[atoms.arrays["defect"] == 0]
    assert row["kind"] == row["class"] == "twin"
    assert row["plane"] == [1, 1, 1]
    assert row["inclination"] == pytest.approx(0, abs=1e-4)
    assert row["y0"] == pytest.approx(plane[:, 1].mean(), abs=1e-6)
    assert row["y1"] == pytest.approx(plane[:, 1].mean(), abs=1e-6)
    assert sorted([row["x0"], row["x1"]]) == pytest.approx([plane[:, 0].min() - EDGE, plane[:, 0].max() + EDGE])
    assert row["width"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("angle", [10.0, 40.0])
def test_an_inclined_plane_is_the_line_at_its_middle(angle: float) -> None:
    lean = cz.build.transforms.rotation((1, 0, 0), angle)
    zone = prefabs.twinned(upright().moved(lean), radius=15, positions=[0]).shifted((24, 24, 24))
    atoms = alone(zone)
    (row,) = defect_lines(atoms)
    plane = atoms.positions[atoms.arrays["defect"] == 0]
    assert row["inclination"] == pytest.approx(angle, abs=1e-4)
    assert row["y0"] == pytest.approx(row["y1"], abs=1e-6)
    assert row["y0"] == pytest.approx((plane[:, 1].min() + plane[:, 1].max()) / 2, abs=0.1)
    assert row["width"] == pytest.approx(np.ptp(plane[:, 1]), abs=1e-6)


def test_a_plane_across_the_beam_has_no_line() -> None:
    flat = prefabs.twinned(cz.Crystal.fcc("Au").with_zone_axis((1, 1, 1)), radius=12, positions=[0])
    (row,) = defect_lines(alone(flat.shifted((24, 24, 24))))
    assert row["inclination"] == pytest.approx(90)
    assert row["x0"] is None
    assert row["width"] is None


def test_a_strained_plane_turns_with_its_crystal() -> None:
    """A shear of y by x takes a line along x to one of that slope."""
    from construction_zone.build.modifiers import Deformation, Modified

    shear = Deformation(np.array([[1, 0, 0], [0.05, 1, 0], [0, 0, 1.0]]), frame="lab", origin=(24, 24, 24))
    zone = twin()
    atoms = alone(cz.Zone(zone.volume, Modified(zone.generator, [shear]), name="twin"))
    (row,) = defect_lines(atoms)
    assert (row["y1"] - row["y0"]) / (row["x1"] - row["x0"]) == pytest.approx(0.05, abs=1e-6)
    assert row["inclination"] == pytest.approx(0, abs=1e-4)


def test_the_five_twins_of_a_decahedron_start_at_its_axis() -> None:
    atoms = alone(prefabs.decahedron("fcc Au", edge=5, column=5).shifted((24, 24, 24)))
    rows = defect_lines(atoms)
    assert len(rows) == 5
    for row in rows:
        ends = np.array([[row["x0"], row["y0"]], [row["x1"], row["y1"]]]) - 24
        cross = ends[0, 0] * ends[1, 1] - ends[0, 1] * ends[1, 0]
        assert abs(cross) / np.linalg.norm(ends[1] - ends[0]) < 1e-6  # the line goes through the axis
        assert min(np.linalg.norm(ends, axis=1)) < 2.5


def test_lines_of_a_particle_that_the_seam_cuts_stay_whole() -> None:
    whole, cut = (defect_lines(alone(twin().shifted(by)))[0] for by in ((0, 0, 0), (23, 0, 0)))
    length = abs(whole["x1"] - whole["x0"])
    assert abs(cut["x1"] - cut["x0"]) == pytest.approx(length)
    assert (cut["x0"] + cut["x1"]) / 2 % 48 == pytest.approx(((whole["x0"] + whole["x1"]) / 2 + 23) % 48)


def test_variants_tell_only_their_own() -> None:
    other = twin().shifted((0, 0, 0))
    zones = [cz.Zone(other.volume, other.generator, name="a")]
    far = prefabs.twinned(upright(), radius=6, positions=[0], name="b").shifted((8, 8, 24))
    atoms = cz.Scene([*zones, far], cell=(48, 48, 48)).atoms(seed=0)
    assert [row["zone"] for row in defect_lines(atoms)] == ["a", "b"]
    assert [row["zone"] for row in defect_lines(cz.build.variant(atoms, only=["b"]))] == ["b"]
