"""Crops: images of one structure with pixels of different sizes, and labels that go with each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr

from construction_zone.dataset import stages
from construction_zone.dataset.add_images import add_images
from construction_zone.dataset.capacity import bytes_per_structure
from construction_zone.dataset.draw import draw_structure
from construction_zone.dataset.export import export
from construction_zone.dataset.fresh import FreshImageDataset
from construction_zone.dataset.generate import generate
from construction_zone.dataset.labelled import shown_map, shown_truth
from construction_zone.dataset.loader import ImageDataset
from construction_zone.dataset.plan import plan, sampled
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.store import Store
from construction_zone.dataset.summary import summary
from construction_zone.dataset.views import View
from construction_zone.errors import InvalidInput, RecipeError
from construction_zone.image import Microscope
from construction_zone.label import projected
from construction_zone.label.truth import truth
from construction_zone.simulate import Grid

LABELS = ("mask", "instances", "distance", "columns", "semantic")


def recipe_of_crops() -> dict:
    raw = {
        "version": 1,
        "seed": 3,
        "count": 1,
        "cell": [32, 28],
        "substrate": {"amorphous": "C", "density": 2.2, "thickness": 6, "structure": "random"},
        "particles": {"count": 1, "crystal": "fcc Au", "radius": 4.5, "gap": 0, "orientation": [1, 1, 0]},
        "simulation": {"sampling": 0.2, "phonons": 2},
        "imaging": {
            "pixel_size": 0.4,
            "defocus": -60,
            "focal_spread": 10,
            "crop": {"shape": [24, 32], "pixel_size": {"sweep": [0.4, 0.5, 0.7]}},
        },
        "labels": {"include": ["instances", "distance", "columns", "semantic", "visibility"]},
    }
    x, y = draw_structure(load(raw), 0)["particles.position"][0]
    raw["imaging"]["crop"] |= {"x": (x + 2) / 32 % 1, "y": (y - 1) / 28 % 1}  # some of the particle, and its edge
    return raw


@pytest.fixture
def cropped() -> dict:
    """A structure imaged at three sizes of pixels, each with a crop of its own; free to be changed."""
    return recipe_of_crops()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The dataset of it. Not to be changed but for image sets."""
    out = tmp_path_factory.mktemp("crops") / "data"
    made(recipe_of_crops(), out)
    return out


def made(recipe: dict, out) -> ImageDataset:
    report = generate(recipe, out, workers=1, progress=False)
    assert not report.failures
    return ImageDataset(out, labels=LABELS)


def test_each_image_is_cut_out_of_that_of_the_whole_cell(cropped, data) -> None:
    dataset, store = ImageDataset(data), Store(data)
    waves = stages.read_waves(store, 0)
    scope = Microscope(defocus=-60, focal_spread=10)
    for item, pixel in zip(dataset, (0.4, 0.5, 0.7), strict=True):
        whole = scope.image(waves, pixel_size=pixel)
        image = item["image"][0].numpy()
        assert image.shape == (24, 32)
        record = item["record"]
        assert record["made"]["pixel_size"] == record["made"]["image"]["pixel_size"] == list(whole.pixel_size)
        assert whole.pixel_size == pytest.approx((pixel, pixel), rel=0.02)
        ny, nx = whole.array.shape[-2:]
        crop = cropped["imaging"]["crop"]
        row, column = int(np.floor(crop["y"] * ny - 12)) % ny, int(np.floor(crop["x"] * nx - 16)) % nx
        around = np.roll(whole.numpy(), (-row, -column), axis=(0, 1))[:24, :32]
        np.testing.assert_allclose(image, around, atol=2e-5)
        place = [row * whole.pixel_size[0], column * whole.pixel_size[1]]
        assert record["made"]["image"]["corner"] == pytest.approx(place)


def test_labels_are_those_of_the_crop(data) -> None:
    dataset = ImageDataset(data, labels=LABELS)
    built = stages.read_built(Store(data), 0)
    gold = built.atoms[built.atoms.numbers == 79]
    for number, item in enumerate(dataset):
        size, corner = item["record"]["made"]["pixel_size"], item["record"]["made"]["image"]["corner"]
        ny, nx = round(28 / size[0]), round(32 / size[1])
        # the same atoms, moved to where the crop has its first pixel
        moved = gold.copy()
        moved.positions[:, :2] -= np.array(corner[::-1])
        moved.wrap()
        wanted = projected(moved, (ny, nx), size)[:24, :32]
        assert np.mean(item["mask"].numpy() != wanted) < 0.005  # pixels on the outline may go either way
        assert ((item["distance"].numpy() >= 0) == item["mask"].numpy()).all()
        tables = dataset.tables(number)
        (row,) = tables["instances"]
        seen = item["instances"].numpy() == 1
        assert row["area"] == pytest.approx(seen.sum() * size[0] * size[1])
        assert row["box"] == [
            *(int(np.flatnonzero(seen.any(axis=axis))[0]) for axis in (0, 1)),
            *(int(np.flatnonzero(seen.any(axis=axis))[-1]) + 1 for axis in (0, 1)),
        ]
        # columns are where their heat map has its peaks
        inside = [c for c in tables["columns"] if 1 < c["x"] < 32 * size[1] - 1 and 1 < c["y"] < 24 * size[0] - 1]
        assert len(inside) > 5
        heat = item["columns"].numpy()
        assert min(heat[round(c["y"] / size[0]), round(c["x"] / size[1])] for c in inside) > 0.5
        assert all(-1e-9 <= c["x"] < 32 * size[1] and -1e-9 <= c["y"] < 24 * size[0] for c in tables["columns"])
        assert {row["image"] for row in tables["instances"]} == {number}
        assert item["semantic"].shape[-2:] == (24, 32)
        assert tables["visibility"][0]["image"] == number


def test_the_table_the_store_and_exports_tell_each_size(cropped, data, tmp_path) -> None:
    import tifffile

    rows = pq.read_table(data / "samples.parquet")
    assert rows["drawn.imaging.crop.pixel_size"].to_pylist() == [0.4, 0.5, 0.7]
    assert rows["drawn.imaging.crop.x"].to_pylist() == [cropped["imaging"]["crop"]["x"]] * 3
    sizes = rows["made.image.pixel_size"].to_pylist()
    assert "made.pixel_size" not in rows.column_names
    group = zarr.open_group(data / "images.zarr/000/000000", mode="r")
    assert group.attrs["pixel_size"] == sizes
    assert "24 × 32 pixels (y × x) of 0.4 … 0.7" in summary(data)["image"]
    export(data, "tiff", tmp_path / "tiffs")
    with tifffile.TiffFile(tmp_path / "tiffs" / "000000_0002.tif") as file:
        top, bottom = file.pages[0].tags["XResolution"].value
    assert bottom / top == pytest.approx(sizes[2][1] / 10, rel=1e-5)


def test_one_simulation_serves_all_sizes_and_sets_of_them(cropped, data, tmp_path) -> None:
    assert stages.read_waves(Store(data), 0).array.shape == (2, 70, 80)
    other = cropped | {"imaging": {**cropped["imaging"], "crop": {"shape": 20, "pixel_size": 0.6}}}
    add_images(load(other), data, "coarse")
    item = ImageDataset(data, images="coarse")[0]
    assert item["image"].shape == (1, 20, 20)
    assert item["record"]["made"]["pixel_size"] == pytest.approx([28 / 47, 32 / 53])


def test_fresh_images_are_cropped_with_their_labels(cropped, tmp_path) -> None:
    cropped["imaging"]["crop"] |= {"pixel_size": {"uniform": [0.4, 0.7]}, "x": {"uniform": [0, 1]}}
    cropped["imaging"]["per_structure"] = 2
    made(cropped, tmp_path / "data")
    fresh = FreshImageDataset(tmp_path / "data", labels=("mask", "instances"))
    seen = [fresh[k] for k in range(2)]
    for item in seen:
        assert item["image"].shape == (1, 24, 32)
        assert item["mask"].shape == item["instances"].shape == (24, 32)
        assert (item["mask"][item["instances"] > 0] == 1).all()
    assert seen[0]["record"]["made"]["pixel_size"] != seen[1]["record"]["made"]["pixel_size"]


def test_a_crop_is_distorted_about_its_own_middle(cropped, tmp_path) -> None:
    """A particle in the middle of the crop stays there when the image is turned."""
    del cropped["substrate"]
    cropped["particles"] |= {"orientation": "random"}
    cropped["imaging"] |= {"distortion": {"rotation": {"sweep": [0, 60]}}, "crop": {"shape": 40, "x": 0.5, "y": 0.5}}
    recipe = load(cropped)
    x, y = draw_structure(recipe, 0)["particles.position"][0]
    cropped["imaging"]["crop"] |= {"x": x / 32 % 1, "y": y / 28 % 1}
    straight, turned = (item["mask"].numpy() for item in made(cropped, tmp_path / "data"))
    for mask in (straight, turned):
        assert np.argwhere(mask).mean(axis=0) == pytest.approx([20, 20], abs=1.5)
    assert turned.sum() == pytest.approx(straight.sum(), rel=0.1)


def test_phase_masks_are_cropped_too(cropped, tmp_path) -> None:
    cropped["labels"] = {"mask": "exit_wave"}
    cropped["particles"]["orientation"] = "random"
    report = generate(cropped, tmp_path / "data", workers=1, progress=False)
    assert not report.failures
    cropped["labels"] = {"mask": "projected"}
    generate(cropped, tmp_path / "other", workers=1, progress=False)
    for a, b in zip(ImageDataset(tmp_path / "data"), ImageDataset(tmp_path / "other"), strict=True):
        one, other = a["mask"].numpy(), b["mask"].numpy()
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.85


def test_a_view_of_everything_changes_nothing() -> None:
    waves = Grid((70, 80), (28.0, 32.0))
    view = View.crop(waves, 0.4, (70, 80), (0.5, 0.5))
    assert (view.roll, view.corner, view.shape) == ((0, 0), (0, 0), (70, 80))
    label = np.arange(70 * 80).reshape(70, 80)
    np.testing.assert_array_equal(shown_map(label, view, None), label)
    small = View.crop(waves, 0.4, (9, 10), (0.0, 1.0))
    around = np.roll(label, (5, 5), axis=(0, 1))[:9, :10]  # half of 9 rounded up, half of 10
    np.testing.assert_array_equal(shown_map(label, small, None), around)
    with pytest.raises(InvalidInput, match=r"71 × 5 pixels of 0\.4 Å is larger than the cell"):
        View.crop(waves, 0.4, (71, 5), (0.5, 0.5))


def test_lines_stay_whole_and_those_beyond_the_crop_go() -> None:
    import ase

    atoms = ase.Atoms("Au", positions=[(30, 26, 5)], cell=(32, 28, 10), pbc=(True, True, False))
    atoms.info["zones"] = ["ball"]
    atoms.set_array("zone", np.zeros(1, int))
    straight = truth(atoms, ["ball"], (70, 80), (0.4, 0.4), include=["soft"])
    rows = [{"x0": 31.0, "y0": 1.0, "x1": 35.0, "y1": 3.0}, {"x0": 10.0, "y0": 20.0, "x1": 12.0, "y1": 22.0}]
    straight.tables["defects"] = rows
    straight.tables["dislocations"] = [{"path": [[31.0, 1.0], [34.0, 2.0]]}]
    view = View.crop(Grid((70, 80), (28.0, 32.0)), 0.4, (20, 20), (1 / 28, 1 / 32))
    found = shown_truth(straight, view, None)
    ((line,), (path,)) = (found.tables[name] for name in ("defects", "dislocations"))
    begin = np.array(view.corner[::-1]) * 0.4
    wanted = (np.array([31.0, 1.0]) - begin) % [32, 28]
    assert [line["x0"], line["y0"]] == pytest.approx(wanted)
    assert [line["x1"] - line["x0"], line["y1"] - line["y0"]] == pytest.approx([4, 2])
    assert path["path"][0] == pytest.approx(wanted)
    assert found.maps["soft"].shape == (20, 20)


@pytest.mark.parametrize(
    ("crop", "told"),
    [
        ({"shape": 24, "pixel_size": 0.3}, "imaging.crop.pixel_size: 0.3 Å is finer than imaging.pixel_size, 0.4 Å"),
        ({"shape": 24, "pixel_size": {"uniform": [0.35, 0.5]}}, "imaging.crop.pixel_size: 0.35 Å is finer"),
        ({"shape": [24, 90]}, "imaging.crop.shape: 90 pixels of 0.4 Å along x are larger than the cell of 32 Å"),
        ({"shape": 60, "pixel_size": {"choice": [0.4, 0.5]}}, "imaging.crop.shape: 60 pixels of 0.5 Å along y"),
        ({"shape": 0}, "imaging.crop.shape: 0 is outside the limits 1 … 65536 pixels"),
        ({"shape": [1, 2, 3]}, "imaging.crop.shape: [1, 2, 3] is neither a number of pixels nor two"),
        ({"shape": "wide"}, "imaging.crop.shape: 'wide' is not a number"),
        ({"pixel_size": 0.4}, "imaging.crop.shape: is missing"),
        ({"shape": 24, "x": 1.2}, "imaging.crop.x: 1.2 is outside the limits 0 … 1"),
    ],
    ids=str,
)
def test_crops_that_cannot_be_are_refused(cropped, crop: dict, told: str) -> None:
    cropped["imaging"]["crop"] = crop
    with pytest.raises(RecipeError) as caught:
        load(cropped)
    assert f"\n  {told}" in str(caught.value)


def test_a_recipe_writes_its_crop_back_and_the_schema_knows_it(cropped) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    recipe = load(cropped)
    assert load(recipe.plain()).digest() == recipe.digest()
    assert load(cropped, settings=["imaging.crop.shape=30"]).imaging.crop.shape == [30, 30]
    schema = jsonschema.Draft202012Validator(Recipe.schema())
    assert schema.is_valid(cropped)
    for bad in (0, [1, 2, 3], "wide"):
        assert not schema.is_valid({**cropped, "imaging": {"crop": {"shape": bad}}})


def test_a_plan_and_its_draws_count_crops(cropped) -> None:
    cropped["imaging"]["crop"]["x"] = {"uniform": [0, 1]}
    recipe = load(cropped)
    told = plan(recipe)
    assert told.images == 3
    assert min(told.seconds["image"], told.seconds["label"], told.disk["images"]) > 0
    drawn = sampled(recipe)
    assert set(drawn["imaging.crop.pixel_size"]) == {0.4, 0.5, 0.7}
    assert len(drawn["imaging.crop.x"]) == 3
    assert bytes_per_structure(recipe) == 70 * 80 * 8 * 2 + 24 * 32 * (4 * 3 + 1)
