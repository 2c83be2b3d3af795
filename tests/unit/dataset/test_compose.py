"""Structures: where film and particles lie, and what the record says was made."""

from __future__ import annotations

import json

import ase.build
import ase.io
import numpy as np
import pytest

from construction_zone.build import realise
from construction_zone.dataset.compose import VACUUM, build_structure
from construction_zone.dataset.recipe import load
from construction_zone.errors import SceneError


def zone(built, name):
    return built.atoms.positions[built.atoms.arrays["zone"] == built.atoms.info["zones"].index(name)]


@pytest.fixture
def built(tiny):
    tiny["particles"]["count"] = 2
    return build_structure(load(tiny), 1)


def test_the_film_lies_where_the_beam_enters_and_particles_on_its_far_side(built):
    film = zone(built, "film")
    thickness = built.drawn["substrate.thickness"]
    assert film[:, 2].min() >= VACUUM - 1e-6
    assert film[:, 2].max() <= VACUUM + thickness + 1e-6
    assert np.ptp(film[:, 2]) > thickness - 1
    for name in built.particles:
        assert zone(built, name)[:, 2].min() == pytest.approx(VACUUM + thickness + 2.2, abs=1e-9)


def test_the_cell_ends_a_little_above_the_highest_atom(built):
    assert built.atoms.cell.lengths()[:2].tolist() == [24, 20]
    assert built.atoms.cell.lengths()[2] == pytest.approx(built.atoms.positions[:, 2].max() + VACUUM, abs=1e-9)


def test_particles_are_balls_of_the_drawn_radius_at_the_drawn_place(built):
    cell = np.array([24.0, 20.0])
    for k, name in enumerate(built.particles):
        across = zone(built, name)[:, :2] - built.drawn["particles.position"][k]
        across -= cell * np.round(across / cell)
        reach = np.hypot(*across.T).max()
        radius = built.drawn["particles.radius"][k]
        assert radius - 1.5 < reach <= radius + 1e-6
        # the volume of a ball at the density of gold: 4 atoms in 4.0782³ Å³
        expected = 4 / 3 * np.pi * radius**3 * 4 / 4.0782**3
        assert len(zone(built, name)) == pytest.approx(expected, rel=0.25)


def test_the_record_says_what_was_made(built):
    made = built.made
    assert made["atoms"] == len(built.atoms)
    assert made["film"]["atoms"] + sum(made["particle_atoms"]) == made["atoms"]
    # carbon: 12.011 g/mol
    volume = 24 * 20 * built.drawn["substrate.thickness"] * 1e-24
    assert made["film"]["density"] == pytest.approx(made["film"]["atoms"] * 12.011 / 6.02214076e23 / volume, rel=1e-4)
    assert made["film"]["density"] == pytest.approx(2.2, rel=0.01)


def test_checks_are_made_and_told(built):
    told = built.made["checks"]
    assert json.loads(json.dumps(told)) == told
    assert told["ok"]
    assert told["atoms"] == built.made["atoms"]
    assert set(told["composition"]) == {"C", "Au"}
    assert told["closest"]["Au-Au"] == pytest.approx(4.0782 / np.sqrt(2), abs=1e-3)
    assert told["contacts"]["Au-C"] >= 2.0
    assert set(told["coordination"]["C"]) == {"C", "Au"}
    assert 0 < built.atoms.arrays["surface"].mean() < 1


def test_a_structure_that_is_not_what_was_asked_for_is_refused(tiny, monkeypatch):
    """Merging that leaves atoms of different zones 0.6 Å apart does not go unnoticed."""

    def shifted_into_the_film(scene, seed, surface):
        atoms = realise.joined(scene, [realise.filled(scene, zone, seed) for zone in scene.zones], seed, surface)
        carbon, gold = (np.flatnonzero(atoms.numbers == z)[0] for z in (6, 79))
        atoms.positions[gold] = atoms.positions[carbon] + (0, 0, 0.6)
        return atoms

    monkeypatch.setattr(realise, "realised", shifted_into_the_film)
    with pytest.raises(SceneError, match=r"structure 0 (.*\n)*contact Au-C +0\.600 Å  CLOSER THAN 2 Å"):
        build_structure(load(tiny), 0)


def test_the_zone_axis_is_along_the_beam(tiny):
    tiny["particles"] |= {"count": 1, "orientation": [1, 1, 0], "radius": 6}
    built = build_structure(load(tiny), 0)
    heights = np.sort(zone(built, "particle 0")[:, 2])
    steps = np.diff(heights)
    # along [110] the layers of an fcc crystal are a/(2√2) apart
    assert np.allclose(steps[steps > 1e-6], 4.078 / np.sqrt(8), atol=1e-3)


def test_a_random_orientation_is_no_zone_axis(tiny):
    built = build_structure(load(tiny), 0)
    heights = np.sort(zone(built, "particle 0")[:, 2])
    assert len(np.unique(heights.round(4))) > 0.9 * len(heights)


def test_without_a_film_particles_stand_on_the_margin(tiny):
    del tiny["substrate"]
    built = build_structure(load(tiny), 0)
    assert "film" not in built.atoms.info["zones"]
    assert built.atoms.positions[:, 2].min() == pytest.approx(VACUUM, abs=1e-9)


def test_without_particles_there_is_a_bare_film(tiny):
    del tiny["particles"]
    built = build_structure(load(tiny), 0)
    assert built.particles == ()
    assert set(built.atoms.symbols) == {"C"}


def test_a_crystal_from_a_structure_file(tiny, tmp_path):
    ase.io.write(tmp_path / "silver.cif", ase.build.bulk("Ag", a=4.0857, cubic=True))
    tiny["particles"]["crystal"] = "silver.cif"
    built = build_structure(load(tiny, folder=tmp_path), 0)
    assert set(built.atoms.symbols) == {"C", "Ag"}


def test_imaging_and_simulation_never_move_an_atom(tiny):
    before = build_structure(load(tiny), 1).atoms
    tiny["imaging"] |= {"dose": {"uniform": [30, 600]}, "defocus": 5, "per_structure": 9}
    tiny["simulation"] |= {"phonons": 7, "energy": 80e3}
    after = build_structure(load(tiny), 1).atoms
    assert np.array_equal(before.positions, after.positions)
    assert np.array_equal(before.cell, after.cell)
