"""Several substrates in a recipe, each lying on the one before."""

from __future__ import annotations

import jsonschema
import numpy as np
import pytest

from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.errors import RecipeError

CARBON = {"amorphous": "C", "density": 2.0, "thickness": 8}
OXIDE = {"name": "oxide", "amorphous": "SiO2", "density": 2.2, "thickness": {"uniform": [6, 10]}}
SILICON = {"amorphous": "Si", "density": 2.3}
GRAPHENE = {"prefab": {"name": "layers", "material": "graphene C"}}


@pytest.fixture
def raw():
    return {
        "version": 1,
        "seed": 5,
        "count": 3,
        "cell": [50, 50],
        "particles": {"crystal": "fcc Au", "radius": 8, "gap": 2},
    }


def heights(atoms, zone):
    return atoms.positions[atoms.arrays["zone"] == atoms.info["zones"].index(zone), 2]


def test_each_lies_on_the_one_before_and_particles_on_the_last(raw):
    file = {**raw, "substrate": [CARBON, OXIDE, CARBON]}
    assert not list(jsonschema.Draft202012Validator(Recipe.schema()).iter_errors(file))
    recipe = load(file)
    built = build_structure(recipe, 0)
    atoms, thick = built.atoms, built.drawn["substrate[1].thickness"]
    assert atoms.info["zones"] == ["film", "oxide", "film 2", "particle 0"]
    assert 6 <= thick <= 10
    low = 5.0
    for name, high in (("film", 8), ("oxide", thick), ("film 2", 8)):
        assert low - 1e-6 < heights(atoms, name).min() < low + 0.7
        assert low + high - 0.5 < heights(atoms, name).max() < low + high + 1e-6
        low += high + 1.2
    assert heights(atoms, "particle 0").min() == pytest.approx(low - 1.2 + 2.2)
    assert built.particles == ("particle 0",)
    assert set(built.made["substrates"]) == {"film", "oxide", "film 2"}
    assert "film" not in built.made
    assert load(recipe.plain()).digest() == recipe.digest()


@pytest.mark.parametrize(
    ("below", "above"),
    [
        (CARBON, OXIDE),
        (OXIDE, CARBON),
        (CARBON, CARBON),
        (CARBON, {"amorphous": "Si", "density": 2.3}),
        (GRAPHENE, CARBON),
    ],
)
def test_an_upper_film_has_the_density_that_is_asked_for(raw, below, above):
    layers = [below, {**above, "name": "upper", "thickness": 12}]
    for index in range(2):
        built = build_structure(load({**raw, "substrate": layers}), index)
        assert built.made["substrates"]["upper"]["density"] == pytest.approx(above["density"], rel=0.02)
        assert closest(built.atoms, "upper", built.atoms.info["zones"][0]) >= 2.0


def test_particles_rest_on_the_atoms_of_an_uneven_last_one(raw):
    built = build_structure(load({**raw, "substrate": [CARBON, {**GRAPHENE, "name": "graphene"}]}), 0)
    sheet = heights(built.atoms, "graphene")
    assert np.ptp(sheet) < 1e-6
    whole = build_structure(load({**raw, "substrate": {**GRAPHENE, "name": "graphene"}}), 0)
    assert len(sheet) == len(heights(whole.atoms, "graphene"))
    assert closest(built.atoms, "graphene", "film") == pytest.approx(2.5, abs=1e-6)
    assert closest(built.atoms, "particle 0", "graphene") == pytest.approx(2.2, abs=1e-6)


def closest(atoms, one, other):
    """The shortest distance between atoms of two zones in a cell of 50 Å."""
    own, below = (atoms.positions[atoms.arrays["zone"] == atoms.info["zones"].index(name)] for name in (one, other))
    step = own[:, None] - below[None]
    step[..., :2] -= 50 * np.round(step[..., :2] / 50)
    return np.linalg.norm(step, axis=-1).min()


def test_an_embedded_layer_follows_the_surface_below(raw):
    rough = {"prefab": {"name": "film", "thickness": 14, "roughness": 1.5}}
    cover = {"name": "cover", "amorphous": "Si", "density": 2.3, "thickness": 14}  # begins at the highest atom
    apart, filled = (
        build_structure(load({**raw, "substrate": [rough, one]}), 0).atoms
        for one in (cover, {**cover, "embedded": {"uniform": [5, 6]}})
    )
    np.testing.assert_array_equal(*(atoms.positions[atoms.arrays["zone"] == 0] for atoms in (apart, filled)))
    low = [heights(atoms, "cover").min() for atoms in (apart, filled)]
    assert 4.5 < low[0] - low[1] < 6.5
    assert heights(filled, "cover").min() < heights(filled, "film").max()


def test_one_substrate_is_what_it_was(raw):
    plain = load({**raw, "substrate": CARBON}).identity()["substrate"]
    assert set(plain) == {"amorphous", "density", "thickness", "structure", "prefab"}
    one, listed = (build_structure(load({**raw, "substrate": s}), 0) for s in (CARBON, [CARBON]))
    assert one.atoms.positions.tolist()[:5] != []
    assert one.made["film"]["density"] == pytest.approx(2.0, rel=0.02)
    assert "substrate.embedded" not in one.drawn
    assert listed.made["substrates"]["film"]["atoms"] == one.made["film"]["atoms"]
    assert (
        load({**raw, "substrate": {**CARBON, "name": "support"}}).digest()
        != load({**raw, "substrate": CARBON}).digest()
    )


@pytest.mark.parametrize(
    ("substrate", "told"),
    [
        ([CARBON, {**CARBON, "name": "film"}], "substrate[0].name: 'film' is taken"),
        ([{**CARBON, "embedded": 2}], "substrate[0].embedded: there is nothing below it"),
        ({**CARBON, "embedded": 2}, "substrate.embedded: there is nothing below it"),
        ([CARBON, {**OXIDE, "density": 900}], "substrate[1].density: 900"),
        ([CARBON, {**OXIDE, "thick": 3}], "substrate[1].thick: unknown key; did you mean 'thickness'?"),
        ([CARBON, {"amorphous": "C"}], "substrate[1].density: is missing"),
        ([CARBON, {"prefab": {"name": "layrs"}}], "substrate[1].prefab.name: there is no prefab 'layrs'; did you mean"),
        ([CARBON, {**OXIDE, "amorphous": "Xq"}], "substrate[1].amorphous: "),
    ],
)
def test_bad_substrates_are_refused_by_path(raw, substrate, told):
    with pytest.raises(RecipeError) as error:
        load({**raw, "substrate": substrate})
    assert told in str(error.value)


def test_a_group_of_particles_may_not_be_called_like_a_substrate(raw):
    group = {**raw["particles"], "name": "oxide"}
    with pytest.raises(RecipeError, match=r"particles\.name: 'oxide' is taken"):
        load({**raw, "particles": group, "substrate": [CARBON, OXIDE]})


def test_a_layer_is_set_by_its_place(raw):
    recipe = load({**raw, "substrate": [CARBON, OXIDE]}, settings=["substrate[1].thickness=7"])
    assert build_structure(recipe, 0).drawn["substrate[1].thickness"] == 7
