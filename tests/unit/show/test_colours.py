"""What atoms are coloured by, and what is told about it."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from matplotlib.colors import to_rgb
from PIL import Image

from construction_zone.build.local_structure import FCC
from construction_zone.errors import InvalidInput
from construction_zone.show import scene
from construction_zone.show.colours import LEGEND, STRUCTURE_COLOURS, colouring


@pytest.fixture
def gold():
    return bulk("Au", "fcc", 4.08, cubic=True).repeat(3)


def test_arrays_of_whole_numbers(gold):
    gold.set_array("grain", np.arange(len(gold)) % 3)
    found = colouring(gold, "grain")
    assert found.counts == {"grain 0": 36, "grain 1": 36, "grain 2": 36}
    assert len(np.unique(found.rgb, axis=0)) == 3
    np.testing.assert_array_equal(found.rgb[0], found.rgb[3])
    gold.set_array("defect", np.where(np.arange(len(gold)) < 10, 0, -1))
    assert colouring(gold, "defect").counts == {"no defect": 98, "defect 0": 10}
    gold.set_array("phase", np.zeros(len(gold), dtype=int))
    gold.info["phases"] = ["fcc Au"]
    assert colouring(gold, "phase").counts == {"fcc Au": 108}


def test_structure_leaves_out_what_has_none(gold):
    assert colouring(gold, "structure").counts == {"fcc": 108}
    assert colouring(gold, "structure").drawn.all()
    gold.pbc = (True, True, False)
    found = colouring(gold, "structure")
    np.testing.assert_array_equal(found.drawn, (found.rgb == to_rgb(STRUCTURE_COLOURS[FCC])).all(axis=1))
    assert found.counts == {"other": 36, "fcc": 72}
    assert [handle.get_label() for handle in found.legend] == ["other  36 (not drawn)", "fcc  72"]
    alone = Atoms("Au2", [[0, 0, 0], [2.9, 0, 0]])
    assert colouring(alone, "structure").drawn.all()
    assert len(STRUCTURE_COLOURS) == 7


def test_long_legends_end_in_a_count(gold):
    gold.set_array("grain", np.arange(len(gold)) // 4)
    found = colouring(gold, "grain")
    assert len(found.counts) == 27
    assert len(found.legend) == LEGEND + 1
    assert found.legend[-1].get_label() == "19 more  76"


def test_unknown_colours_name_what_there_is(gold):
    gold.set_array("zone", np.zeros(len(gold), dtype=int))
    with pytest.raises(InvalidInput, match="'element', 'structure', 'zone'"):
        colouring(gold, "mass")
    gold.set_array("heat", np.zeros(len(gold)))
    with pytest.raises(InvalidInput, match="'heat'"):
        colouring(gold, "heat")


def test_the_thickness_map_is_drawn_beside(gold, tmp_path):
    gold.cell[2, 2] += 10
    scene(gold, tmp_path / "plain.png", pixels=120)
    scene(gold, tmp_path / "thick.png", pixels=120, thickness=True)
    with Image.open(tmp_path / "plain.png") as plain, Image.open(tmp_path / "thick.png") as thick:
        wide = np.asarray(thick.convert("RGB")).astype(int)
        assert thick.width / thick.height > plain.width / plain.height
    # the middle of the map is of one colour: viridis yellow, the thickest
    column = wide[wide.shape[0] // 2, int(wide.shape[1] * 0.82)]
    assert column[0] > 180
    assert column[2] < 100


def test_atoms_without_a_cell_have_a_thickness_too(tmp_path):
    atoms = Atoms("Au2", [[-50, 3, 8], [-47, 3, 8]])
    assert scene(atoms, tmp_path / "a.png", thickness=True, pixels=80) == {"Au": 2}


def test_yes_or_no_is_named():
    atoms = Atoms("Au3", np.eye(3) * 5)
    atoms.set_array("surface", np.array([True, False, True]))
    assert colouring(atoms, "surface").counts == {"not surface": 1, "surface": 2}
