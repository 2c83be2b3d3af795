"""What a recipe's identity is made of: recipes of before stay what they were."""

from __future__ import annotations

from pathlib import Path

import ase.build
import ase.io
import pytest

from construction_zone.dataset.recipe import LATER, load

READY = Path(__file__).parents[3] / "recipes"

DIGESTS = {
    "gold_on_carbon.yaml": "5e2332adf6584d3aea37073f034f99b332cfa57f54d437c00997a450251172ce",
    "reference.yaml": "70b99147f1cb6d382f171a57110f2e0f586f2e0a0d5e4d8cfb90bf8bfe70488c",
    "reference_defocus_series.yaml": "0dd1597ff0ac851f97de4fac12f2e91848f6fb54f2a8d3640f4f7e0b5f23e8bd",
    "reference_dose_series.yaml": "dc44cced530b97518f329184fbd75e7a7f2f6890addc8ef178c13224c76f0f2b",
    "reference_lattices_large.yaml": "03b0185462286b7d62ccc4ba94337d2ac92b347b39f0f59daad7d2dbe6e3244e",
    "reference_lattices_small.yaml": "095f712be49e0836dd86fafc08c39ca0e7a25923f390cbbd5754b71e28e3a250",
    "reference_phase_masks.yaml": "d6f9c2eb9bd204baff86d570303e5d263ccf7978bcde56c9c61d4457fd11fd1b",
    "smoke.yaml": "27f3253c57328e46423845512827e7607eac2d9bd29220504d054bf840e8f95e",
    "twins_with_labels.yaml": "1c7cb279e0cd333be3c6a2ecb006e2e5f2e6da3a32a35745c2c91850cbff16ab",
}
"""Of the ready recipes before fields were added: a dataset begun then goes on."""


@pytest.mark.parametrize("name", DIGESTS)
def test_a_ready_recipe_is_still_the_one_that_datasets_were_begun_with(name: str) -> None:
    assert load(READY / name).digest() == DIGESTS[name]


CHANGES = {
    "simulation.first_phonon": 8,
    "simulation.shape": [100, 120],
    "simulation.tilts": [[1, 0]],
    "simulation.depths": [10.0],
    "imaging.wave": {},
    "imaging.frames.keep": True,
    "imaging.crop": {"shape": 10},
    "labels.distance_reach": 20.0,
}


OF_FILES = {"scene.frames": "each", "scene.slice": "1:"}


@pytest.mark.parametrize("path", OF_FILES)
def test_fields_of_frames_count_once_they_are_used(tmp_path: Path, path: str) -> None:
    atoms = ase.build.bulk("Au", cubic=True)
    ase.io.write(tmp_path / "one.xyz", [atoms, atoms])
    raw = {"version": 1, "cell": [20, 20], "scene": {"from_files": ["one.xyz"]}, "imaging": {"pixel_size": 0.2}}
    name = path.split(".")[1]
    recipe = load(raw, folder=tmp_path)
    assert recipe.plain()["scene"][name] == LATER[path]
    assert name not in recipe.identity()["scene"]
    raw["scene"] |= {"frames": "each", name: OF_FILES[path]}
    assert load(raw, folder=tmp_path).identity()["scene"][name] == OF_FILES[path]


@pytest.mark.parametrize("path", [path for path in LATER if path not in OF_FILES])
def test_a_field_that_came_later_counts_once_it_is_used(tiny, path: str) -> None:
    *sections, name = path.split(".")
    tiny["imaging"]["frames"] = {}
    before = load(tiny).digest()
    plain = load(tiny).plain()
    default, given = plain, tiny
    for section in sections:
        default, given = default[section], given.setdefault(section, {})
    assert default[name] == LATER[path]  # spelt out at its default
    assert load(plain).digest() == before
    given[name] = CHANGES[path]
    if path == "simulation.shape":
        del tiny["simulation"]["sampling"]
    assert load(tiny).digest() != before
