"""Every recipe in recipes/ makes a dataset; large ones are made small by settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from construction_zone.dataset import inherit
from construction_zone.dataset.generate import generate
from construction_zone.dataset.loader import ImageDataset
from construction_zone.dataset.recipe import load
from construction_zone.distributions import Normal, Sweep, Uniform

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(FOLDER.glob("*.yaml"))
SMALL = [
    "cell=[32, 32]",
    "count=1",
    "substrate.thickness=8",
    "particles.gap=1",
    "particles.count=1",
    "simulation.sampling=0.2",
    "simulation.slice_thickness=4",
    "simulation.phonons=1",
    "imaging.pixel_size=0.4",
]
"""What makes a recipe a matter of seconds."""


SIZES = {
    "faulted": {"radius": 12, "count": 1},
    "twinned": {"radius": 12, "count": 1},
    "decahedron": {"edge": 4, "column": 2},
    "wulff": {"diameter": 20},
}
"""What makes a prefab fit the small cell."""

PHASE_MASKS = ["cell=[40, 40]", "particles.prefab.radius=17"]
"""Of a particle of 12 Å, thresholding the phase before the blur leaves nothing (`label.phase_mask`)."""


CROP = "imaging.crop={shape: 40, pixel_size: {uniform: [0.4, 0.6]}, x: 0.4, y: 0.6}"
"""That fits the small cell."""


def small(path):
    """The recipe with settings that make it small; of a recipe that chooses prefabs, one for each of them."""
    recipe = load(path)
    if recipe.particles.prefab is None:
        more = [] if recipe.imaging.crop is None else [CROP]
        return [load(path, settings=[*SMALL, "particles.radius=9", *more])]
    written = inherit.read(path)["particles"]["prefab"]
    given = [f"particles.prefab={json.dumps(one | SIZES[one['name']])}" for one in written.get("choice", [written])]
    more = PHASE_MASKS if recipe.labels.mask == "exit_wave" else []
    return [load(path, settings=[*SMALL, one, *more]) for one in given]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_makes_a_dataset(path, tmp_path):
    for number, recipe in enumerate(small(path)):
        report = generate(recipe, tmp_path / str(number), workers=1, progress=False)
        assert (report.made, report.failures) == (1, ())
        dataset = ImageDataset(tmp_path / str(number))
        assert len(dataset) == recipe.images_per_structure == load(path).images_per_structure
        size = round(recipe.cell[0].value / 0.4) if recipe.imaging.crop is None else 40
        for item in (dataset[0], dataset[len(dataset) - 1]):
            assert item["image"].shape == (1, size, size)
            assert item["image"].std() > 0
            assert 0 < item["mask"].double().mean() < 1


def test_the_reference_recipe_is_that_of_the_literature():
    recipe = load(FOLDER / "reference.yaml")
    assert [leaf.value for leaf in recipe.cell] == [128, 128]  # Å
    assert recipe.substrate.thickness == Uniform(20, 80)
    assert (recipe.particles.count.support, recipe.particles.gap.value) == ((1, 5), 10)
    leaves = dict(recipe.particles.prefab.leaves("prefab"))
    assert leaves["prefab.faulted.radius"] == Uniform(15, 25)  # 3 to 5 nm across
    assert leaves["prefab.faulted.count"].support == (0, 2)
    simulation = recipe.simulation
    assert (simulation.energy.value, simulation.sampling.value, simulation.phonons.value) == (300e3, 0.1, 8)
    imaging = recipe.imaging
    assert (imaging.pixel_size.value, imaging.focal_spread.value, imaging.dose.value) == (0.2, 10, 400)
    assert imaging.zero == "minimum_contrast"
    assert isinstance(imaging.defocus, Normal)


def test_the_series_of_the_reference_recipe():
    series = load(FOLDER / "reference_defocus_series.yaml")
    focus = series.imaging.defocus
    assert isinstance(focus, Sweep)
    assert (focus.points, focus.sd) == (tuple(range(-250, 251, 50)), 15)
    assert load(FOLDER / "reference_dose_series.yaml").imaging.dose == Sweep((30, 75, 150, 300, 600))
    lattices = [load(FOLDER / f"reference_lattices_{size}.yaml") for size in ("small", "large")]
    assert all(recipe.sweep("structure").size == 9 for recipe in lattices)
    assert [recipe.particles.radius for recipe in lattices] == [Uniform(10, 20), Uniform(25, 35)]
    for recipe in (series, *lattices):
        assert (
            recipe.simulation.model_copy(update={"displacements": None}) == load(FOLDER / "reference.yaml").simulation
        )
    assert [recipe.simulation.displacements for recipe in lattices] == [{"O": 0.083}] * 2  # of Co3O4
