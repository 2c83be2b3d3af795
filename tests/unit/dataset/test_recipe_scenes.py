"""Substrates, groups of particles and structures from files, as recipes ask for them."""

from __future__ import annotations

import ase
import ase.build
import ase.io
import numpy as np
import pytest

from construction_zone.build import files
from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.draw import draw_structure
from construction_zone.dataset.recipe import load
from construction_zone.errors import RecipeError

FILM = {"name": "film", "thickness": 12}
BALL = {"crystal": "fcc Au", "radius": 5, "gap": 1}


def raw(**sections):
    return {"version": 1, "seed": 5, "cell": [40, 36], "imaging": {"pixel_size": 0.4}, **sections}


def zone(atoms, name):
    return atoms.positions[atoms.arrays["zone"] == atoms.info["zones"].index(name)]


@pytest.mark.parametrize(
    ("prefab", "element"),
    [
        ({**FILM, "roughness": 1.5, "correlation_length": 10}, "C"),
        ({**FILM, "wedge": 8}, "C"),
        ({**FILM, "holes": 2, "hole_radius": 7}, "C"),
        ({**FILM, "material": "amorphous SiO2", "density": {"uniform": [2.0, 2.3]}}, "Si"),
        ({"name": "slab", "crystal": "rocksalt MgO", "thickness": 12, "max_strain": 0.06}, "Mg"),
        ({"name": "layers", "material": "graphene C", "count": {"integers": [1, 2]}, "max_strain": 0.06}, "C"),
        ({"choice": [FILM, {**FILM, "wedge": 5}], "weights": [1, 2]}, "C"),
        ({"sweep": [FILM, {**FILM, "thickness": 20}]}, "C"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_particles_rest_on_any_substrate(prefab, element):
    recipe = load(raw(substrate={"prefab": prefab}, particles={**BALL, "count": 2}))
    for index in (0, 1):
        built = build_structure(recipe, index)
        film = zone(built.atoms, "film")
        assert element in set(
            built.atoms.symbols[built.atoms.arrays["zone"] == built.atoms.info["zones"].index("film")]
        )
        assert film[:, 2].min() == pytest.approx(5, abs=1.5)
        for name in built.particles:
            gold = zone(built.atoms, name)
            step = gold[:, None] - film[None]
            step[..., :2] -= np.array([40, 36]) * np.round(step[..., :2] / np.array([40, 36]))
            assert np.linalg.norm(step, axis=-1).min() == pytest.approx(2.2, abs=1e-6)
    again = load(recipe.plain())
    assert again.digest() == recipe.digest()
    assert np.array_equal(build_structure(again, 1).atoms.positions, built.atoms.positions)


def test_no_particle_lies_over_a_hole():
    recipe = load(raw(substrate={"prefab": {**FILM, "holes": 2, "hole_radius": 9}}, particles={**BALL, "count": 1}))
    for index in range(6):
        drawn = draw_structure(recipe, index)
        built = build_structure(recipe, index)
        film = zone(built.atoms, "film")[:, :2]
        step = film - np.array(drawn["particles.position"][0])
        step -= np.array([40, 36]) * np.round(step / np.array([40, 36]))
        assert np.linalg.norm(step, axis=1).min() <= 3


def test_groups_are_made_side_by_side_and_a_later_one_moves_none_before_it():
    gold, silver = {**BALL, "count": 2}, {**BALL, "crystal": "fcc Ag", "count": 1, "name": "silver"}
    one = build_structure(load(raw(particles=[gold])), 3)
    two = build_structure(load(raw(particles=[gold, silver])), 3)
    assert two.particles == ("group 0 particle 0", "group 0 particle 1", "silver 0")
    flat = {name: zone(built.atoms, name)[:, :2] for built in (one, two) for name in built.particles}
    for name in one.particles:
        assert np.array_equal(zone(one.atoms, name)[:, :2], flat[name])
    centres = [*two.drawn["particles[0].position"], *two.drawn["particles[1].position"]]
    for i, a in enumerate(centres):
        for b in centres[:i]:
            step = np.array(a) - b
            step -= np.array([40, 36]) * np.round(step / np.array([40, 36]))
            assert np.hypot(*step) >= 11


def test_a_group_that_is_not_labelled_is_no_particle():
    cap = {"prefab": {"name": "contamination", "radius": 9, "thickness": 6}, "name": "dirt", "labelled": False}
    clutter = {**cap, "orientation": "keep", "placing": "anywhere", "contact": 2}
    film = {"amorphous": "C", "density": 2.0, "thickness": 8}
    built = build_structure(load(raw(substrate=film, particles=[{**BALL, "name": "gold"}, clutter])), 1)
    assert built.particles == ("gold 0",)
    assert {"film", "gold 0", "dirt 0"} == set(built.atoms.info["zones"])


def test_stacked_particles_lie_on_top_of_each_other():
    recipe = load(raw(cell=[16, 16], particles={**BALL, "count": 4, "placing": "stacked", "gap": 0}))
    built = build_structure(recipe, 0)
    heights = [zone(built.atoms, name)[:, 2].mean() for name in built.particles]
    # four balls of 10 Å in 16 × 16 Å cannot lie side by side
    assert max(heights) - min(heights) > 8
    points = built.atoms.positions
    step = points[:, None] - points[None]
    step[..., :2] -= 16 * np.round(step[..., :2] / 16)
    apart = np.linalg.norm(step, axis=-1) + 9 * np.eye(len(points))
    assert apart.min() > 2.0


def test_particles_may_overlap_as_the_beam_sees_them():
    group = {**BALL, "count": 6, "gap": 0}
    with pytest.raises(RecipeError, match=r"particles\.count: 6 particles"):
        load(raw(cell=[24, 20], particles=group))
    recipe = load(raw(cell=[24, 20], particles={**group, "overlap": 0.5, "count": 3}))
    centres = np.array(draw_structure(recipe, 0)["particles.position"])
    step = centres[:, None] - centres[None]
    step -= np.array([24, 20]) * np.round(step / np.array([24, 20]))
    apart = np.linalg.norm(step, axis=-1)[np.triu_indices(3, 1)]
    assert apart.min() >= 5


def test_embedded_particles_lie_deeper():
    film = {"amorphous": "C", "density": 2.0, "thickness": 12}
    bottoms = [
        build_structure(load(raw(substrate=film, particles={**BALL, "embedded": depth})), 0).made["particle_bottom"][0]
        for depth in (0, 3)
    ]
    assert bottoms[0] - bottoms[1] == pytest.approx(3, abs=1.5)  # the lowest atoms may go to the film


def test_one_group_in_a_list_says_the_same_of_its_path():
    with pytest.raises(RecipeError) as caught:
        load(raw(particles=[BALL, {**BALL, "raduis": 3}, {**BALL, "radius": -1}]))
    told = str(caught.value)
    assert "\n  particles[1].raduis: unknown key; did you mean 'radius'?" in told
    assert "\n  particles[2].radius: -1 is outside the limits" in told


@pytest.mark.parametrize(
    ("sections", "wanted"),
    [
        ({"particles": []}, "particles: the list is empty"),
        ({"particles": BALL, "substrate": []}, "substrate: the list is empty"),
        ({"particles": [{**BALL, "name": "a"}, {**BALL, "name": "a"}]}, "particles[0].name: 'a' is taken"),
        ({"particles": {**BALL, "name": "film"}}, "particles.name: 'film' is taken"),
        ({"particles": {**BALL, "placing": "on top"}}, "particles.placing: 'on top' is not known; use 'apart'"),
        ({"particles": {**BALL, "orientation": "keep"}}, "particles.orientation: 'keep' and facets are for prefabs"),
        ({"particles": [{"prefab": {"name": "cube"}}]}, "particles[0].prefab.crystal: is missing"),
        ({"substrate": {"prefab": {"name": "film"}}}, "substrate.prefab.thickness: is missing"),
        ({"substrate": {"prefab": FILM, "density": 2}}, "substrate.density: belongs to a flat film"),
        ({"substrate": {"prefab": {**FILM, "wedge": 60}}}, "substrate.prefab.film: wedge is 60"),
        ({"substrate": {"prefab": {"name": "slab", "crystal": "fcc Xx", "thickness": 9}}}, "substrate.prefab.slab: "),
        ({"scene": {"from_files": "nowhere"}}, "scene.from_files: no structure files in nowhere"),
        ({"scene": {"from_files": "x"}, "particles": BALL}, "particles: structures come from scene.from_files"),
        ({"scene": {"from_files": []}}, "scene.from_files: [] is not a name"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_by_path(sections, wanted):
    with pytest.raises(RecipeError) as caught:
        load(raw(**sections))
    assert f"\n  {wanted}" in str(caught.value)


@pytest.fixture
def folder(tmp_path):
    """Two structures: a cluster without a cell, and a scene of ours with its zones."""
    place = tmp_path / "scenes"
    place.mkdir()
    cluster = ase.build.bulk("Au", cubic=True).repeat(2)
    cluster.set_cell(None)
    cluster.pbc = False
    files.write(cluster, place / "a_cluster.xyz")
    film = {"amorphous": "C", "density": 2.0, "thickness": 8}
    made = build_structure(load(raw(substrate=film, particles=BALL)), 0).atoms
    files.write(made, place / "b_scene.xyz")
    (place / "notes.txt").write_text("not a structure")
    return tmp_path


def test_structures_from_a_folder_are_taken_in_turn(folder):
    recipe = load(raw(scene={"from_files": "scenes"}), folder=folder)
    assert recipe.count == 2
    cluster, scene, again = (build_structure(recipe, index) for index in range(3))
    assert cluster.particles == ("particle",)
    assert len(cluster.atoms) == 32
    assert cluster.atoms.cell.lengths()[:2] == pytest.approx([40, 36])
    middle = (cluster.atoms.positions.max(axis=0) + cluster.atoms.positions.min(axis=0)) / 2
    assert middle[:2] == pytest.approx([20, 18])
    assert scene.particles == ("particle 0",)
    assert "film" in scene.atoms.info["zones"]
    assert np.array_equal(again.atoms.positions, cluster.atoms.positions)


def test_a_scene_from_files_becomes_a_dataset_that_stands_alone(folder):
    from construction_zone.dataset.generate import generate
    from construction_zone.dataset.loader import ImageDataset

    scene = raw(scene={"from_files": "scenes"}, simulation={"phonons": 0, "sampling": 0.2})
    recipe = load(scene, folder=folder)
    digest = recipe.digest()
    generate(recipe, folder / "data", workers=1, progress=False)
    dataset = ImageDataset(folder / "data")
    assert len(dataset) == 2
    assert 0 < dataset[1]["mask"].sum() < dataset[1]["mask"].numel()
    for path in (folder / "scenes").iterdir():
        path.unlink()
    kept = load(folder / "data" / "recipe.yaml")
    assert kept.digest() == digest
    assert len(build_structure(kept, 0).atoms) == 32


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda atoms: atoms.set_cell([3, 3, 3]), None),
        (lambda atoms: atoms.positions.__imul__(20), "does not fit a cell of 40 × 36 Å"),
        (lambda atoms: atoms.set_array("zone", np.full(len(atoms), -1)), "the array zone holds neither names"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, make, wanted):
    atoms = ase.build.bulk("Au", cubic=True)
    make(atoms)
    files.write(atoms, tmp_path / "one.xyz")
    given = raw(scene={"from_files": ["one.xyz"]})
    if wanted is None:
        assert len(build_structure(load(given, folder=tmp_path), 0).atoms) == 4
        return
    with pytest.raises(RecipeError, match=wanted):
        load(given, folder=tmp_path)


def test_zones_of_a_file_by_name_and_the_particles_that_are_meant(tmp_path):
    atoms = ase.build.bulk("Au", cubic=True).repeat(2)
    atoms.set_array("zone", np.array(["left"] * 16 + ["right"] * 16))
    files.write(atoms, tmp_path / "one.extxyz")
    scene = {"from_files": ["one.extxyz"], "particles": ["right"]}
    built = build_structure(load({**raw(scene=scene), "cell": None}, folder=tmp_path), 0)
    assert built.particles == ("right",)
    assert len(zone(built.atoms, "right")) == 16
    with pytest.raises(RecipeError, match="has no zone 'up'"):
        load(raw(scene={**scene, "particles": ["up"]}), folder=tmp_path)
