"""Labels through a dataset: asked for in the recipe, kept, and had back by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
import zarr
from scipy.ndimage import distance_transform_edt

import construction_zone as cz
from construction_zone.build import variant
from construction_zone.dataset import arrays, stages
from construction_zone.dataset.generate import generate
from construction_zone.dataset.labelled import rounded
from construction_zone.dataset.labels import NAMES
from construction_zone.dataset.loader import ImageDataset, collate
from construction_zone.dataset.recipe import load
from construction_zone.dataset.store import Store
from construction_zone.errors import InvalidInput, RecipeError
from construction_zone.image import Distortion
from construction_zone.label.columns import atomic_columns
from construction_zone.label.truth import LABELS, truth

MAPS = {
    "semantic", "soft", "distance", "instances", "amodal", "classes", "grains", "columns", "strain", "thickness",
    "potential",
}  # fmt: skip


def made(recipe: dict, out) -> ImageDataset:
    report = generate(recipe, out, workers=1, progress=False)
    assert not report.failures
    return ImageDataset(out)


@pytest.fixture
def aligned(tiny: dict) -> dict:
    """Two structures of particles with columns, all labels."""
    tiny["count"] = 2
    tiny["particles"] |= {"orientation": [1, 1, 0], "count": 2}
    tiny["labels"] = {"include": ["all", "distance"]}
    return tiny


def test_the_labels_of_a_recipe_are_those_of_the_room(aligned, tmp_path) -> None:
    dataset = made(aligned, tmp_path / "data")
    store = Store(tmp_path / "data")
    built = stages.read_built(store, 1)
    shape, step = (50, 60), (0.4, 0.4)
    wanted = truth(built.atoms, built.particles, shape, step, include=list(LABELS))
    group = zarr.open_group(tmp_path / "data/images.zarr/000/000001", mode="r")
    assert set(arrays.label_names(group)) == {"mask", *MAPS}
    for name, label in wanted.maps.items():
        np.testing.assert_array_equal(arrays.read_label(group, name), rounded(label)[None], err_msg=name)
    tables = dataset.tables(2)
    assert set(tables) == {"semantic", "instances", "grains", "columns", "defects", "dislocations", "visibility"}
    for name, rows in wanted.tables.items():
        assert [{k: v for k, v in row.items() if k != "image"} for row in tables[name]] == rows
    assert len(tables["columns"]) > 10
    assert {row["formula"][:2] for row in tables["columns"]} == {"Au"}


def test_the_loader_gives_labels_by_name(aligned, tmp_path) -> None:
    made(aligned, tmp_path / "data")
    dataset = ImageDataset(tmp_path / "data", labels=("mask", "instances", "strain", "columns"))
    item = dataset[3]
    assert item["instances"].shape == item["mask"].shape == (50, 60)
    assert item["instances"].dtype == torch.int64
    assert item["strain"].shape == (4, 50, 60)
    assert item["columns"].dtype == torch.float32
    assert (item["mask"][item["instances"] > 0] == 1).all()  # and between particles nearer than the closing
    assert collate([dataset[0], dataset[1]])["strain"].shape == (2, 4, 50, 60)
    with pytest.raises(InvalidInput, match="no label 'outline'; there are mask, semantic"):
        ImageDataset(tmp_path / "data", labels=("outline",))[0]


def test_visibility_is_told_of_every_image_and_in_the_table_of_samples(aligned, tmp_path) -> None:
    import pyarrow.parquet as pq

    aligned["cell"] = [48, 40]
    aligned["imaging"] |= {"dose": {"sweep": [100, 900]}, "per_structure": 1, "defocus": 0, "focal_spread": 0}
    aligned["labels"] = {"include": ["visibility"], "resolution": 2.0}
    dataset = made(aligned, tmp_path / "data")
    low, high = (dataset.tables(k)["visibility"] for k in (0, 1))
    assert [row["instance"] for row in low] == [1, 2]
    assert [row["image"] for row in high] == [1, 1]
    for dim, bright in zip(low, high, strict=True):
        assert bright["cnr"] == pytest.approx(3 * dim["cnr"])
        assert bright["snr"] == pytest.approx(3 * dim["snr"])
        assert bright["cnr"] > 0
    samples = pq.read_table(tmp_path / "data/samples.parquet")
    assert samples["made.image.snr"].to_pylist()[1] == [row["snr"] for row in high]
    group = zarr.open_group(tmp_path / "data/images.zarr/000/000000", mode="r")
    assert set(arrays.label_names(group)) == {"mask"}


def test_labels_go_through_the_distortion_of_each_image(aligned, tmp_path) -> None:
    aligned["count"] = 1
    aligned["imaging"] |= {"distortion": {"shear": {"uniform": [0.05, 0.1]}, "shift_x": 2.0, "shift_y": 1.2}}
    dataset = made(aligned, tmp_path / "data")
    built = stages.read_built(Store(tmp_path / "data"), 0)
    group = zarr.open_group(tmp_path / "data/images.zarr/000/000000", mode="r")
    straight = truth(built.atoms, built.particles, (50, 60), (0.4, 0.4), include=list(LABELS))
    seen = ImageDataset(tmp_path / "data", labels=("mask", "classes", "instances"))
    for image in (0, 1):
        record = dataset[image]["record"]
        shear = record["drawn"]["imaging.distortion.shear"]
        warp = Distortion(shear=shear, shift=(1.2, 2.0))
        wanted = straight.distorted(warp)
        for name, label in wanted.maps.items():
            np.testing.assert_array_equal(arrays.read_label(group, name)[image], rounded(label), err_msg=name)
        assert dataset.tables(image)["columns"] == [{"image": image, **row} for row in wanted.tables["columns"]]
        np.testing.assert_array_equal(seen[image]["classes"], wanted.maps["classes"])
        assert (seen[image]["mask"][seen[image]["instances"] > 0] == 1).all()
    assert (arrays.read_label(group, "soft")[0] != arrays.read_label(group, "soft")[1]).any()


def test_a_mask_lies_on_the_particle_that_the_image_shows(tiny, tmp_path) -> None:
    """Absorbing nothing, a particle in focus is still where it is: the image's variance is inside the moved mask."""
    del tiny["substrate"]
    tiny["count"] = 1
    tiny["particles"] |= {"count": 1, "orientation": [1, 1, 0], "radius": 5}
    tiny["imaging"] = {
        "pixel_size": 0.4, "defocus": 20, "distortion": {"rotation": 20, "shift_x": 3.0, "shift_y": -3.0},
    }  # fmt: skip
    item = made(tiny, tmp_path / "data")[0]
    contrast, mask = (item["image"][0] - 1).abs().numpy(), item["mask"].numpy() > 0
    assert (contrast * mask).sum() > 0.75 * contrast.sum()
    assert mask.mean() < 0.3


def test_rounding_keeps_what_matters() -> None:
    values = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32) * 1e4
    values[0, :4] = [0, np.nan, np.inf, -np.inf]
    found = rounded(values)
    np.testing.assert_allclose(found, values, rtol=2.0**-11)
    assert len(np.unique(found.view(np.uint32) & np.uint32(0x1FFF))) <= 2  # zeros, and those of NaN
    whole = np.arange(5, dtype=np.int32)
    assert rounded(whole) is whole


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"include": ["outline"]}, "labels.include: there is no label 'outline'; choose from semantic, soft"),
        ({"include": "masks"}, "labels.include: 'masks' is no list of labels"),
        ({"edge": -1}, "labels.edge"),
        ({"column_width": 0}, "labels.column_width"),
        ({"layers": []}, "labels.layers: .* is no list of names"),
        ({"by": "colour"}, "labels.by: 'colour' is not known"),
    ],
)
def test_what_no_label_can_be_is_refused(tiny, labels: dict, told: str) -> None:
    tiny["labels"] = labels
    with pytest.raises(RecipeError, match=told):
        load(tiny)


def test_a_recipe_writes_its_labels_back(tiny) -> None:
    tiny["labels"] = {"include": ["strain", "columns"], "layers": ["Au", "C"], "by": "element", "axis_tolerance": 15}
    recipe = load(tiny)
    assert recipe.labels.include == ["columns", "strain"]
    assert load(recipe.plain()) == recipe
    assert load(tiny | {"labels": {"include": ["distance", "all"]}}).labels.include == list(NAMES)
    assert load(tiny | {"labels": {"include": "all"}}).labels.include == [n for n in NAMES if n != "distance"]


def test_the_distance_is_that_from_the_outline_of_the_mask(aligned, tmp_path) -> None:
    aligned |= {"count": 1, "labels": {"include": ["distance"], "distance_reach": 3.0}}
    made(aligned, tmp_path / "data")
    item = ImageDataset(tmp_path / "data", labels=("mask", "distance"))[0]
    distance, mask = item["distance"].numpy(), item["mask"].numpy() > 0
    assert distance.dtype == np.float32
    assert ((distance >= 0) == mask).all()
    assert distance.min() == -3
    assert distance.max() == 3
    # between pixels inside and pixels outside: their distance is at most half a diagonal off
    near = distance_transform_edt(mask, sampling=0.4) - distance_transform_edt(~mask, sampling=0.4)
    inner = np.s_[8:-8, 8:-8]  # the transform knows of no seam
    assert np.abs(np.clip(near, -3, 3) - distance)[inner].max() < 0.4


def test_every_label_is_reached_from_a_recipe_or_named() -> None:
    """Functions of the room, what a recipe calls each, and what stands in its stead."""
    import construction_zone.label as room

    reached = {
        "projected": "mask", "phase_mask": "mask", "soft": "soft", "signed_distance": "distance",
        "semantic_masks": "semantic", "instance_masks": "instances", "class_map": "classes", "grain_map": "classes",
        "orientations": "orientation", "atomic_columns": "columns", "heat_map": "columns", "strain_map": "strain",
        "thickness_map": "thickness", "potential_map": "potential", "defect_lines": "defects",
        "dislocation_lines": "defects", "visibilities": "visibility",
    }  # fmt: skip
    elsewhere = {
        "CLASSES": "names", "Instances": "a type", "distorted_map": "imaging.distortion",
        "distorted_rows": "imaging.distortion", "atomic_strain": "a value of an atom, not of a pixel",
    }  # fmt: skip
    assert set(room.__all__) == set(reached) | set(elsewhere)
    assert set(reached.values()) == {"mask", *NAMES}


def test_columns_are_where_the_atoms_are(aligned, tmp_path) -> None:
    dataset = made(aligned, tmp_path / "data")
    built = stages.read_built(Store(tmp_path / "data"), 0)
    particles = variant(built.atoms, only=list(built.particles))
    rows = dataset.tables(0)["columns"]
    assert len(rows) == len(atomic_columns(particles))
    assert sum(row["atoms"] for row in rows) == len(particles)
    assert isinstance(cz.label.CLASSES, tuple)


def test_the_ready_recipe_with_labels_runs(tmp_path) -> None:
    recipe = yaml.safe_load((Path(__file__).parents[3] / "recipes" / "twins_with_labels.yaml").read_text())
    recipe["count"] = 2
    recipe["cell"] = [64, 64]
    recipe["substrate"] |= {"thickness": 8, "structure": "random"}
    recipe["particles"]["count"] = 1
    recipe["simulation"] |= {"sampling": 0.2, "phonons": None}
    dataset = made(recipe, tmp_path / "data")
    assert len(dataset) == 4
    for number in range(4):
        tables = dataset.tables(number)
        assert tables["grains"]
        (score,) = tables["visibility"]
        assert score["snr"] > 5
