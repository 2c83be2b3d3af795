"""Projections of atoms."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from PIL import Image

from construction_zone.errors import InvalidInput
from construction_zone.show import scene


@pytest.fixture
def atoms():
    """A gold atom high in the cell, over a row of carbon at its floor."""
    result = Atoms("C5Au", [[4.0 + 3 * i, 10, 2] for i in range(5)] + [[10, 10, 18]], cell=[20, 20, 20])
    result.set_array("zone", np.array([0] * 5 + [1]))
    result.info["zones"] = ["film", "particle"]
    return result


def test_it_counts_what_it_draws(atoms, tmp_path):
    assert scene(atoms, tmp_path / "a.png", pixels=80) == {"C": 5, "Au": 1}
    assert scene(atoms, tmp_path / "b.png", colour="zone", pixels=80) == {"film": 5, "particle": 1}


def test_z_is_up_in_side_views_and_the_top_atom_is_in_front_in_plan(atoms, tmp_path):
    scene(atoms, tmp_path / "a.png", pixels=300)
    with Image.open(tmp_path / "a.png") as file:
        picture = np.asarray(file.convert("RGB")).astype(float)
    picture = picture[: int(0.85 * len(picture))]  # without the legend
    yellow = (picture[..., 0] - picture[..., 2]) > 60
    third = picture.shape[1] // 3
    heights = [np.nonzero(yellow[:, i * third : (i + 1) * third])[0].mean() / len(picture) for i in range(3)]
    assert 0.4 < heights[0] < 0.7
    assert heights[1] < 0.3
    assert heights[2] < 0.3


def test_bad_atoms_are_refused(atoms, tmp_path):
    with pytest.raises(InvalidInput, match="no atoms"):
        scene(Atoms(), tmp_path / "a.png")
    with pytest.raises(InvalidInput, match="choose one of 'element', 'structure', 'zone'"):
        scene(atoms, tmp_path / "a.png", colour="mass")
    del atoms.arrays["zone"]
    with pytest.raises(InvalidInput, match="needs an array 'zone'"):
        scene(atoms, tmp_path / "a.png", colour="zone")
    atoms.positions[3, 1] = np.nan
    with pytest.raises(InvalidInput, match="atom 3"):
        scene(atoms, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
