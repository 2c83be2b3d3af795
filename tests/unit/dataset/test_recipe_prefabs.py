"""Prefabs in recipes: drawn by path, made as drawn, the same alone as in a batch, and refused by path."""

from __future__ import annotations

import json

import numpy as np
import pytest

from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.draw import draw_structure
from construction_zone.dataset.recipe import load
from construction_zone.errors import RecipeError

WULFF = {
    "name": "wulff",
    "crystal": {"choice": ["fcc Au", "fcc Pt"]},
    "energies": {"111": 1.28, "100": {"uniform": [1.4, 1.9]}},
    "diameter": {"uniform": [12, 20]},
    "origin": "random",
}
ROD = {"name": "rod", "crystal": "wurtzite CdSe", "length": {"uniform": [20, 25]}, "diameter": {"normal": [14, 1]}}
SHELL = {"name": "core_shell", "core": WULFF, "shell": "fcc Ag", "thickness": {"uniform": [3, 6]}}


@pytest.fixture
def raw():
    return {
        "version": 1,
        "seed": 3,
        "count": 4,
        "cell": [60, 60],
        "substrate": {"amorphous": "C", "density": 2.0, "thickness": 8},
        "particles": {"count": {"integers": [1, 3]}, "prefab": WULFF, "gap": 2},
    }


def with_prefab(raw, prefab, **more):
    return {**raw, "particles": {**raw["particles"], "prefab": prefab, **more}}


def made(recipe, index):
    return build_structure(recipe, index)


def test_parameters_are_drawn_for_each_particle_by_path(raw):
    drawn = draw_structure(load({**raw, "particles": {**raw["particles"], "count": 3}}), 0)
    assert len(set(drawn["particles.prefab.wulff.diameter"])) == 3
    assert all(12 <= value <= 20 for value in drawn["particles.prefab.wulff.diameter"])
    assert all(1.4 <= value <= 1.9 for value in drawn["particles.prefab.wulff.energies.100"])
    assert drawn["particles.prefab"] == ["wulff"] * 3


def test_what_was_made_is_what_was_drawn(raw):
    built = made(load(raw), 1)
    fills = [built.atoms.info["record"]["zones"][name]["fill"] for name in built.particles]
    for k, fill in enumerate(fills):
        assert fill["prefab"] == "wulff"
        assert fill["diameter"] == pytest.approx(built.drawn["particles.prefab.wulff.diameter"][k], abs=2.5)
    json.dumps(built.drawn)
    json.dumps(built.made)


def test_particles_lie_on_the_film_and_keep_their_gap(raw):
    built = made(load(with_prefab(raw, WULFF, count=3)), 2)
    atoms = built.atoms
    for k, name in enumerate(built.particles):
        mine = atoms.positions[atoms.arrays["zone"] == atoms.info["zones"].index(name)]
        assert mine[:, 2].min() == pytest.approx(5 + 8 + 2.2)
        step = mine[:, :2] - built.drawn["particles.position"][k]
        step -= 60 * np.round(step / 60)
        assert np.hypot(*step.T).max() == pytest.approx(built.drawn["particles.reach"][k], abs=1e-6)


@pytest.mark.parametrize("prefab", [WULFF, ROD, SHELL, {"choice": [WULFF, ROD, {**WULFF, "crystal": "fcc Ag"}]}])
def test_a_structure_alone_is_the_same_as_in_a_batch(raw, prefab):
    one, other = load(with_prefab(raw, prefab)), load(with_prefab(raw, prefab)).with_(count=100)
    batch = [made(other, index) for index in range(2)]
    alone = made(one, 1)
    assert alone.atoms.positions.tobytes() == batch[1].atoms.positions.tobytes()
    assert alone.atoms.numbers.tobytes() == batch[1].atoms.numbers.tobytes()
    assert alone.drawn == batch[1].drawn


def test_each_particle_draws_for_itself(raw):
    same = {"name": "wulff", "crystal": "fcc Au", "energies": {"111": 1.0, "100": 1.2}, "diameter": 16}
    built = made(load(with_prefab(raw, {**same, "origin": "random"}, count=2, orientation="keep")), 0)
    lattice = built.atoms.info["record"]["zones"]
    middles = [np.array(lattice[name]["volume"]["bounds"]).mean(axis=0) for name in built.particles]
    cells = [np.array(lattice[name]["lattice"]) for name in built.particles]
    origins = [np.array(lattice[name]["pose"]["vector"]) for name in built.particles]
    # where in its cell the middle of each particle lies
    shares = [(m - o) @ np.linalg.inv(c) % 1 for m, o, c in zip(middles, origins, cells, strict=True)]
    assert np.abs(shares[0] - shares[1]).max() > 1e-3


LOOP = {"name": "dislocation_loop", "crystal": "fcc Au", "radius": 12, "burgers": [0.5, -0.5, 0], "plane": "111"}


@pytest.mark.parametrize(
    ("prefab", "told"),
    [
        (
            {"name": "faulted", "crystal": "fcc Au", "count": 1, "kinds": ["twin"], "edge": 1, "volume": WULFF},
            "faulted",
        ),
        ({"name": "ligands", "particle": WULFF, "ligand": "ethanethiolate", "coverage": 0.05}, "ligands"),
        ({**LOOP, "loop_radius": {"uniform": [4, 6]}, "sides": 6}, "dislocation_loop"),
        ({"name": "trimmed", "particle": {**WULFF, "crystal": "zincblende CdSe"}}, "trimmed"),
    ],
)
def test_defects_and_ligands_are_drawn_in_shapes_that_are_drawn(raw, prefab, told):
    built = made(load(with_prefab(raw, prefab, count=1)), 0)
    (name,) = built.particles
    assert built.atoms.info["record"]["zones"][name]["fill"]["prefab"] == told
    if told == "faulted":
        sizes = [len(made(load(with_prefab(raw, prefab, count=1)), index).atoms) for index in range(3)]
        assert len(set(sizes)) == 3
        assert 12 <= built.drawn["particles.prefab.faulted.volume.diameter"][0] <= 20


def test_choices_mix_prefabs(raw):
    recipe = load(with_prefab(raw, {"choice": [WULFF, ROD]}, count=2))
    kinds = {kind for index in range(8) for kind in draw_structure(recipe, index)["particles.prefab"]}
    assert kinds == {"wulff", "rod"}


@pytest.mark.parametrize(
    ("orientation", "hkl"), [("facet 1 1 1", [1, 1, 1]), ("facet 1 0 0", [1, 0, 0]), ([1, 1, 0], None), ("keep", None)]
)
def test_orientations(raw, orientation, hkl):
    built = made(load(with_prefab(raw, {**WULFF, "crystal": "fcc Au"}, orientation=orientation, count=1)), 0)
    record = built.atoms.info["record"]["zones"]["particle 0"]
    axes = np.array(record["pose"]["matrix"])
    if hkl is not None:
        np.testing.assert_allclose(axes @ hkl / np.linalg.norm(hkl), (0, 0, -1), atol=1e-9)
    elif orientation == "keep":
        np.testing.assert_allclose(axes[2], (0, 0, 1), atol=1e-9)
    else:
        np.testing.assert_allclose(axes @ [1, 1, 0] / np.sqrt(2), (0, 0, 1), atol=1e-9)


def test_a_recipe_is_written_as_it_was_read(raw):
    for prefab in (WULFF, SHELL, {"choice": [WULFF, ROD]}):
        recipe = load(with_prefab(raw, prefab))
        again = load(recipe.plain())
        assert again.plain() == recipe.plain()
        assert again.digest() == recipe.digest()
        assert again.digest() != load(raw | {"seed": 4}).digest()


def test_recipes_of_balls_are_what_they_were(tiny):
    plain = load(tiny).identity()
    assert "prefab" not in plain["particles"]
    assert plain["particles"]["crystal"] == "fcc Au"


def test_structure_files_of_prefabs_are_found_and_digested(raw, tmp_path):
    from ase.build import bulk

    bulk("Au", cubic=True).write(tmp_path / "gold.cif")
    recipe = load(with_prefab(raw, {**WULFF, "crystal": "./gold.cif"}), folder=tmp_path)
    assert list(recipe.structure_files()) == ["./gold.cif"]
    assert recipe.identity()["particles"]["prefab"]["crystal"].startswith("sha256:")
    assert len(made(recipe, 0).atoms) > 100


@pytest.mark.parametrize(
    ("prefab", "told"),
    [
        ("wulff", "particles.prefab: wants a mapping with the name of a prefab"),
        ({"name": "wulf"}, "particles.prefab.name: there is no prefab 'wulf'; did you mean 'wulff'?"),
        ({**WULFF, "diametre": 3}, "particles.prefab.diametre: unknown key; did you mean 'diameter'?"),
        ({"name": "wulff", "crystal": "fcc Au"}, "particles.prefab.energies: is missing"),
        ({**WULFF, "diameter": {"unifrom": [1, 2]}}, "particles.prefab.diameter: unknown distribution 'unifrom'"),
        ({**WULFF, "diameter": "large"}, "particles.prefab.diameter: 'large' is not a number"),
        ({**WULFF, "diameter": -3}, "particles.prefab.wulff: diameter is -3"),
        ({**WULFF, "energies": {"111": "high"}}, "particles.prefab.energies.111: 'high' is not a number"),
        ({**WULFF, "energies": {"111": -1}}, "particles.prefab.wulff: the surface energy"),
        ({**WULFF, "crystal": "fcc Xx"}, "particles.prefab.wulff: "),
        ({**WULFF, "seed": 3}, "particles.prefab.seed: unknown key"),
        ({**SHELL, "core": "fcc Au"}, "particles.prefab.core: wants a mapping"),
        ({**SHELL, "core": {**WULFF, "radios": 1}}, "particles.prefab.core.radios: unknown key"),
        ({"choice": [WULFF, {"name": "x"}]}, "particles.prefab.choice[1].name: there is no prefab 'x'"),
        (
            {"name": "cube", "crystal": "fcc Au", "edge_atoms": {"uniform": [2, 5]}},
            "particles.prefab.edge_atoms: wants whole numbers",
        ),
    ],
)
def test_bad_prefabs_are_refused_by_path(raw, prefab, told):
    with pytest.raises(RecipeError) as error:
        load(with_prefab(raw, prefab))
    assert told in str(error.value)


def test_balls_and_prefabs_do_not_mix(raw):
    with pytest.raises(RecipeError, match=r"particles\.radius: belongs to balls"):
        load(with_prefab(raw, WULFF, radius=10))


def test_particles_that_find_no_place_say_how_many_did(raw):
    from construction_zone.errors import SceneError

    recipe = load(with_prefab(raw, {**WULFF, "diameter": 30}, count=6))
    with pytest.raises(SceneError, match="of 6 particles found a place"):
        draw_structure(recipe, 0)
