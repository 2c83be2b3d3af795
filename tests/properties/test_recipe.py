"""Whatever a recipe says, loading it gives a recipe that can be drawn from, or an error that tells what is wrong."""

from __future__ import annotations

import copy
import math
import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from construction_zone.dataset.draw import draw_image, draw_structure
from construction_zone.dataset.recipe import Imaging, Labels, Particles, Simulation, Substrate, load
from construction_zone.errors import RecipeError, SceneError

BASE = yaml.safe_load((Path(__file__).parents[2] / "recipes" / "gold_on_carbon.yaml").read_text())
PARTS = {
    "substrate": Substrate,
    "particles": Particles,
    "simulation": Simulation,
    "imaging": Imaging,
    "labels": Labels,
}
LEAVES = [(part, key) for part, model in PARTS.items() for key in model.model_fields]

numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6), st.sampled_from(["300e3", "1e-3", ".5", "-2E1"]))
scalars = st.one_of(numbers, st.none(), st.booleans(), st.text(max_size=8), st.floats(allow_nan=True))
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=4),
    st.dictionaries(
        st.sampled_from(["uniform", "normal", "integers", "choice", "unifrom", ""]),
        st.one_of(st.lists(numbers, max_size=3), scalars),
        max_size=2,
    ),
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.sampled_from(LEAVES), values, min_size=1, max_size=4))
def test_a_changed_recipe_is_refused_by_name_or_can_be_drawn_and_written_back(changes):
    raw = copy.deepcopy(BASE)
    for (part, key), value in changes.items():
        raw[part][key] = value
    try:
        recipe = load(raw)
    except RecipeError as error:
        lines = str(error).splitlines()[1:]
        assert lines
        assert all(line.startswith("  ") and ": " in line for line in lines if not line.startswith("   "))
        return
    again = load(yaml.safe_load(recipe.text()))
    assert again.plain() == recipe.plain()
    assert again.digest() == recipe.digest()
    try:
        drawn = draw_structure(recipe, 0) | draw_image(recipe, 0, 0)
    except SceneError:
        return
    for per in ("structure", "image"):
        for path, leaf in recipe.leaves(per):
            low, high = leaf.support
            if not math.isnan(low) and drawn[path] is not None:
                assert low <= drawn[path] <= high


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damaged_text_is_refused_or_still_a_recipe(data):
    text = bytearray((Path(__file__).parents[2] / "recipes" / "gold_on_carbon.yaml").read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text) - 1))
        how = data.draw(st.sampled_from(["replace", "insert", "delete"]))
        byte = data.draw(st.integers(0, 255))
        if how == "replace":
            text[place] = byte
        elif how == "insert":
            text.insert(place, byte)
        else:
            del text[place : place + data.draw(st.integers(1, 20))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(bytes(text))
        try:
            assert load(path).count >= 1
        except RecipeError as error:
            assert str(path) in str(error)  # noqa: PT017 — either way is right


@settings(deadline=None, max_examples=100)
@given(low=st.floats(2, 25), span=st.floats(0, 20), seed=st.integers(0, 2**63 - 1), index=st.integers(0, 10**9))
def test_draws_stay_in_their_support_for_any_seed_and_index(low, span, seed, index):
    raw = copy.deepcopy(BASE)
    raw["cell"] = [204.8, 204.8]
    raw["particles"]["radius"] = {"uniform": [low, low + span]}
    recipe = load(raw).with_(seed=seed)
    drawn = draw_structure(recipe, index)
    assert all(low <= radius <= low + span for radius in drawn["particles.radius"])
    assert drawn == draw_structure(recipe, index)
