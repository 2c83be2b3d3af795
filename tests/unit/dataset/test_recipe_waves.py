"""Several waves of one structure, by depth and by tilt: simulated once, chosen by each image, labelled as they are."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from construction_zone.dataset import stages
from construction_zone.dataset.capacity import bytes_per_structure
from construction_zone.dataset.draw import structure_seed
from construction_zone.dataset.fresh import FreshImageDataset
from construction_zone.dataset.generate import generate
from construction_zone.dataset.loader import ImageDataset
from construction_zone.dataset.plan import plan, sampled
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.store import Store
from construction_zone.errors import RecipeError
from construction_zone.image import Beams, Microscope
from construction_zone.label import projected, thickness_map
from construction_zone.seeding import integer
from construction_zone.simulate import exit_waves

LABELS = ["instances", "semantic", "thickness", "orientation", "columns", "classes", "soft", "visibility"]


def recipe_of_depths() -> dict:
    """Gold above a film, as the beam sees it after the film alone, half of the gold, and all."""
    return {
        "version": 1,
        "seed": 3,
        "count": 1,
        "cell": [24, 20],
        "substrate": {"amorphous": "C", "density": 2.2, "thickness": 6, "structure": "random"},
        "particles": {"crystal": "fcc Au", "radius": 4.5, "gap": 0, "orientation": [1, 1, 0]},
        "simulation": {"sampling": 0.2, "phonons": 2, "depths": [18, 12]},
        "imaging": {
            "pixel_size": 0.4,
            "defocus": -40,
            "focal_spread": 10,
            "wave": {"depth": {"sweep": [12, 18, None]}},
        },
        "labels": {"include": LABELS},
    }


@pytest.fixture
def deep() -> dict:
    return recipe_of_depths()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The dataset of it. Not to be changed."""
    return made(recipe_of_depths(), tmp_path_factory.mktemp("depths") / "data")


def made(recipe: dict, out):
    report = generate(recipe, out, workers=1, progress=False)
    assert not report.failures
    return out


def test_a_structure_is_simulated_once_for_all_depths(data) -> None:
    store = Store(data)
    waves, built = stages.read_waves(store, 0), stages.read_built(store, 0)
    assert waves.dims == ("depth", "configuration", "y", "x")
    assert waves.array.shape == (3, 2, 50, 60)
    depths = waves.metadata["depths"]
    assert depths[:2] == pytest.approx([12, 18], abs=1)  # half a slice
    assert depths[2] == pytest.approx(built.atoms.cell[2, 2])
    direct = exit_waves(
        built.atoms,
        sampling=0.2,
        phonons=2,
        depths=depths[:2],
        seed=integer(structure_seed(load(recipe_of_depths()), 0), "waves"),
    ).cropped(0.4)
    np.testing.assert_allclose(waves.numpy()[:2], direct.numpy(), atol=3e-6)
    assert pq.read_table(data / "samples.parquet")["made.depths"].to_pylist()[0] == depths


def test_each_image_is_of_the_wave_that_was_drawn(data) -> None:
    waves = stages.read_waves(Store(data), 0)
    scope = Microscope(defocus=-40, focal_spread=10)
    items = list(ImageDataset(data))
    for number, item in enumerate(items):
        direct = scope.image(waves.at("depth", number), pixel_size=0.4).numpy()
        np.testing.assert_allclose(item["image"][0].numpy(), direct, atol=2e-6)
    rows = pq.read_table(data / "samples.parquet")
    assert rows["drawn.imaging.wave.depth"].to_pylist() == [12, 18, None]
    assert rows["made.image.depth"].to_pylist() == [*waves.metadata["depths"][:2], None]


def test_labels_are_of_what_the_wave_has_passed(data) -> None:
    store = Store(data)
    built, waves = stages.read_built(store, 0), stages.read_waves(store, 0)
    dataset = ImageDataset(data, labels=("mask", "thickness", "semantic", "instances"))
    z = built.atoms.positions[:, 2]
    for number, (item, depth) in enumerate(zip(dataset, waves.metadata["depths"], strict=True)):
        passed = built.atoms[z < depth]
        gold = passed[passed.numbers == 79]
        mask = projected(gold, (50, 60), (0.4, 0.4))
        np.testing.assert_array_equal(item["mask"].numpy(), mask)
        thick = thickness_map(passed, (50, 60), (0.4, 0.4))
        np.testing.assert_allclose(item["thickness"].numpy(), thick, rtol=1e-3)
        assert item["semantic"].shape == (2, 50, 60)
        assert (item["instances"].numpy() > 0).sum() == mask.sum()
        columns = dataset.tables(number)["columns"]
        assert sum(row["atoms"] for row in columns) == len(gold)
    first, second, last = (item["mask"].sum() for item in dataset)
    assert first < last
    assert second <= last


def test_a_wave_above_the_particles_shows_none(deep, tmp_path) -> None:
    deep["simulation"]["depths"] = [7]
    deep["imaging"]["wave"] = {"depth": 7}
    deep["imaging"]["background"] = {}
    made(deep, tmp_path / "data")
    item = ImageDataset(tmp_path / "data", labels=("mask", "instances", "classes"))[0]
    assert not item["mask"].any()
    assert not item["instances"].any()
    fresh = FreshImageDataset(tmp_path / "data", labels=("mask", "instances", "thickness"))[0]
    assert not fresh["mask"].any()
    assert fresh["thickness"].max() < 7
    assert fresh["record"]["made"]["image"]["depth"] == item["record"]["made"]["image"]["depth"]


def test_tilts_are_an_ensemble_or_one_of_them(deep, tmp_path) -> None:
    del deep["simulation"]["depths"]
    deep["simulation"] |= {"tilts": [[0, 0], [4, -2], [-4, 2]], "tilt_x": 1}
    deep["imaging"]["wave"] = {"tilt": {"sweep": [0, 1, 2, None]}}
    deep["labels"] = {}
    made(deep, tmp_path / "data")
    waves = stages.read_waves(Store(tmp_path / "data"), 0)
    assert waves.dims == ("tilt", "configuration", "y", "x")
    assert waves.metadata["tilts"] == [[1, 0], [5, -2], [-3, 2]]
    scope = Microscope(defocus=-40, focal_spread=10)
    wanted = [scope.image(Beams.of(waves.at("tilt", k)), pixel_size=0.4).numpy() for k in range(3)]
    *single, ensemble = [item["image"][0].numpy() for item in ImageDataset(tmp_path / "data")]
    np.testing.assert_allclose(single, wanted, atol=2e-6)
    np.testing.assert_allclose(ensemble, np.mean(wanted, axis=0), atol=1e-5)
    rows = pq.read_table(tmp_path / "data/samples.parquet")
    assert rows["drawn.imaging.wave.tilt"].to_pylist() == [0, 1, 2, None]
    assert rows["made.image.tilt"].to_pylist() == [[1, 0], [5, -2], [-3, 2], None]
    assert rows["made.tilts"].to_pylist()[0] == [[1, 0], [5, -2], [-3, 2]]


def test_tilts_and_depths_go_together_and_with_compact_waves(deep, tmp_path) -> None:
    deep["simulation"] |= {"tilts": [[0, 0], [4, 0]], "slice_thickness": "planes"}
    deep["imaging"] |= {"wave": {"depth": {"choice": [12, 18]}, "tilt": {"integers": [0, 1]}}, "zero": "middle"}
    deep["imaging"] |= {"per_structure": 3, "crop": {"shape": 20, "pixel_size": {"uniform": [0.4, 0.6]}}}
    deep["storage"] = {"waves": "compact"}
    made(deep, tmp_path / "data")
    waves = stages.read_waves(Store(tmp_path / "data"), 0)
    assert waves.dims == ("tilt", "depth", "configuration", "y", "x")
    assert waves.array.shape[:3] == (2, 3, 2)
    assert len(ImageDataset(tmp_path / "data", labels=("mask", "classes"))) == 3


def test_masks_of_waves_and_least_contrast_are_of_the_exit_face(deep, tmp_path) -> None:
    deep["simulation"]["tilts"] = [[0, 0], [3, 0]]
    deep["imaging"] |= {"wave": {"tilt": 1}, "zero": "minimum_contrast"}
    deep["labels"] = {"mask": "exit_wave"}
    made(deep, tmp_path / "data")
    waved = stages.read_waved(Store(tmp_path / "data"), 0)
    assert waved.vacuum is not None
    assert waved.vacuum.dims == ("configuration", "y", "x")
    assert ImageDataset(tmp_path / "data")[0]["mask"].any()


def test_a_plan_counts_every_wave(deep) -> None:
    recipe = load(deep)
    told = plan(recipe)
    assert told.images == 3
    single = {**deep, "simulation": {**deep["simulation"], "depths": None}, "imaging": {"pixel_size": 0.4}}
    assert told.disk["waves"] > 1.5 * plan(load(single)).disk["waves"]
    assert set(sampled(recipe)["imaging.wave.depth"]) == {12, 18, None}
    assert bytes_per_structure(recipe) == 50 * 60 * (8 * 2 * 3 + 4 * 3 + 1)


def test_a_depth_that_a_structure_has_not_is_told(deep, tmp_path) -> None:
    for depths, told in (
        ([300], "300 Å is not above the last slice"),
        ([12, 12.1], "12.1 Å is nearest to the boundary"),
    ):
        deep["simulation"]["depths"] = depths
        deep["imaging"]["wave"] = None
        report = generate(deep, tmp_path / str(depths[-1]), workers=1, progress=False)
        assert f"simulation.depths: {told}" in report.failures[0].error


@pytest.mark.parametrize(
    ("simulation", "imaging", "told"),
    [
        ({"depths": []}, {}, "simulation.depths: [] is no list of depths"),
        ({"depths": [0]}, {}, "simulation.depths: 0 is outside the limits above 0 … 100000 Å"),
        ({"depths": "deep"}, {}, "simulation.depths: 'deep' is no list of depths"),
        ({"tilts": [[1, 2, 3]]}, {}, "simulation.tilts: [[1, 2, 3]] is no list of tilts"),
        ({"tilts": [[60, 0]]}, {}, "simulation.tilts: 60 is outside the limits -50 … 50 mrad"),
        ({"tilts": [[40, 0]], "tilt_x": 20}, {}, "simulation.tilts: with simulation.tilt_x they reach beyond 50 mrad"),
        ({"depths": None}, {"depth": 12}, "imaging.wave.depth: give one of simulation.depths (none)"),
        ({}, {"depth": 13}, "imaging.wave.depth: give one of simulation.depths (12, 18)"),
        ({}, {"depth": {"uniform": [12, 18]}}, "imaging.wave.depth: give one of simulation.depths (12, 18)"),
        ({}, {"tilt": 0}, "imaging.wave.tilt: there is no tilt 0; simulation.tilts has 0"),
        ({"tilts": [[0, 0]]}, {"tilt": {"integers": [0, 1]}}, "imaging.wave.tilt: there is no tilt 1"),
    ],
    ids=str,
)
def test_waves_that_cannot_be_are_refused(deep, simulation: dict, imaging: dict, told: str) -> None:
    deep["simulation"] |= simulation
    deep["imaging"]["wave"] = imaging
    with pytest.raises(RecipeError) as caught:
        load(deep)
    assert f"\n  {told}" in str(caught.value)


@pytest.mark.parametrize(
    ("section", "change"), [("labels", {"mask": "exit_wave"}), ("imaging", {"zero": "minimum_contrast"})]
)
def test_what_is_found_at_the_exit_face_does_not_go_with_depths(deep, section: str, change: dict) -> None:
    deep[section] |= change
    with pytest.raises(RecipeError, match=r"imaging\.wave\.depth: .* is found from the wave at the exit face alone"):
        load(deep)


def test_a_recipe_of_waves_is_written_back_and_the_schema_knows_it(deep) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    deep["simulation"]["tilts"] = [[0, 0], [2, 0]]
    recipe = load(deep)
    assert load(recipe.plain()).digest() == recipe.digest()
    assert load(deep, settings=["simulation.depths=[12, 18, 19]"]).simulation.depths == [12, 18, 19]
    assert load(deep, settings=["imaging.wave.depth=18"]).images_per_structure == 1
    schema = jsonschema.Draft202012Validator(Recipe.schema())
    assert schema.is_valid(deep)
    assert not schema.is_valid({**deep, "simulation": {"tilts": [[1, 2, 3]]}})
    assert not schema.is_valid({**deep, "simulation": {"depths": "deep"}})


def test_the_grid_may_be_given(deep, tmp_path) -> None:
    del deep["simulation"]["sampling"], deep["simulation"]["depths"], deep["imaging"]["wave"]
    deep["labels"] = {}
    deep["imaging"]["pixel_size"] = 0.2
    deep["simulation"]["shape"] = [108, 125]
    made(deep, tmp_path / "data")
    store = Store(tmp_path / "data")
    direct = exit_waves(
        stages.read_built(store, 0).atoms,
        shape=(108, 125),
        phonons=2,
        seed=integer(structure_seed(load(deep), 0), "waves"),
    ).cropped(0.2)
    np.testing.assert_allclose(stages.read_waves(store, 0).numpy(), direct.numpy(), atol=3e-6)
    assert plan(load(deep)).grid == (108, 125)
    with pytest.raises(RecipeError, match=r"simulation\.sampling: the grid is given by simulation\.shape"):
        load(deep, settings=["simulation.sampling=0.2"])
    with pytest.raises(RecipeError, match=r"simulation\.shape: \[100\] is no grid"):
        load(deep, settings=["simulation.shape=[100]"])
    report = generate(
        load(deep, settings=["simulation.shape=[96, 125]"]), tmp_path / "coarse", progress=False, workers=1
    )
    assert "simulation.shape: 96 samples over 20 Å along y are coarser" in report.failures[0].error
