"""Datasets as torch sees them."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
import torch
import zarr
from torch.utils.data import DataLoader

from construction_zone.dataset import ImageDataset, collate
from construction_zone.dataset.stages import read_waves
from construction_zone.dataset.store import Store
from construction_zone.errors import InvalidInput, StoreError


@pytest.fixture
def dataset(whole):
    return ImageDataset(whole)


def test_its_length_counts_images_and_its_structures_are_told(dataset):
    assert len(dataset) == 8
    assert dataset.structures == (0, 1, 2, 3)


def test_an_item_is_image_mask_and_record(dataset, whole):
    item = dataset[5]
    assert set(item) == {"image", "mask", "record"}
    assert (item["image"].dtype, tuple(item["image"].shape)) == (torch.float32, (1, 50, 60))
    assert (item["mask"].dtype, tuple(item["mask"].shape)) == (torch.int64, (50, 60))
    assert set(item["mask"].unique().tolist()) == {0, 1}
    stored = zarr.open_group(whole / "images.zarr", mode="r")["000/000002"]
    assert torch.equal(item["image"][0], torch.from_numpy(stored["image"][1]))
    assert torch.equal(item["mask"], torch.from_numpy(stored["mask"][0]).long())


def test_a_record_tells_every_drawn_value_and_seed_and_what_was_made(dataset, whole):
    record, stored = dataset[5]["record"], Store(whole).record(2)
    assert (record["structure"], record["image"]) == (2, 1)
    assert record["drawn"]["substrate.thickness"] == stored["drawn"]["substrate.thickness"]
    assert record["drawn"]["imaging.defocus"] == stored["images"][1]["drawn"]["imaging.defocus"]
    assert record["drawn"]["seeds"] == {**stored["seeds"], **stored["images"][1]["seeds"]}
    assert record["made"]["atoms"] == stored["made"]["atoms"]
    assert record["made"]["image"]["mean"] == pytest.approx(float(dataset[5]["image"].mean()), rel=1e-5)


def test_the_seeds_of_a_record_make_the_image_again(dataset, whole):
    from dataclasses import fields

    from construction_zone.image import Microscope

    item = dataset[3]
    drawn = item["record"]["drawn"]
    names = {field.name for field in fields(Microscope)}
    settings = {path.removeprefix("imaging."): value for path, value in drawn.items() if path.startswith("imaging.")}
    scope = Microscope(**{name: value for name, value in settings.items() if name in names})
    waves = read_waves(Store(whole), item["record"]["structure"])
    again = scope.image(waves, pixel_size=drawn["imaging.pixel_size"], seed=drawn["seeds"]["noise"])
    # stored waves are the ones that were imaged; another number of threads may round a count at its edge
    assert (again.array != item["image"][0]).float().mean() < 0.01


def test_negative_and_wrong_indices(dataset):
    assert torch.equal(dataset[-1]["image"], dataset[7]["image"])
    for index in (8, -9):
        with pytest.raises(IndexError, match="of 8"):
            dataset[index]
    assert len(list(dataset)) == 8


def test_it_can_be_sent_to_a_process(dataset):
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[2]["image"], dataset[2]["image"])


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_dataloader_workers_give_the_same_batches(dataset, context):
    dataset[0]  # zarr is at work in this process before the workers come
    alone = list(DataLoader(dataset, batch_size=3, collate_fn=collate))
    shared = list(
        DataLoader(
            dataset,
            batch_size=3,
            collate_fn=collate,
            num_workers=1 + (context == "fork"),
            multiprocessing_context=context,
        )
    )
    assert [tuple(batch["image"].shape) for batch in alone] == [(3, 1, 50, 60), (3, 1, 50, 60), (2, 1, 50, 60)]
    for one, two in zip(alone, shared, strict=True):
        assert torch.equal(one["image"], two["image"])
        assert torch.equal(one["mask"], two["mask"])
        assert one["record"] == two["record"]


def test_a_split_keeps_the_images_of_a_structure_together(dataset):
    seen, unseen = dataset.split((0.75, 0.25), seed=1)
    assert sorted(seen.structures + unseen.structures) == [0, 1, 2, 3]
    assert (len(seen), len(unseen)) == (6, 2)
    assert {item["record"]["structure"] for item in seen} == set(seen.structures)
    assert dataset.split((0.75, 0.25), seed=1)[1].structures == unseen.structures
    others = {dataset.split((0.75, 0.25), seed=seed)[1].structures for seed in range(20)}
    assert len(others) == 4


@pytest.mark.parametrize("fractions", [(0.8, 0.1), (1.2, -0.2), ()])
def test_fractions_must_add_up(dataset, fractions):
    with pytest.raises(InvalidInput, match="add up to 1"):
        dataset.split(fractions)


def test_an_empty_share_is_refused(dataset):
    with pytest.raises(InvalidInput, match="none empty"):
        dataset.split((0.95, 0.05))


def test_a_folder_without_a_dataset_is_told(tmp_path):
    with pytest.raises(StoreError, match="holds no dataset"):
        ImageDataset(tmp_path)


def test_a_structure_that_is_not_there_is_told(whole):
    with pytest.raises(StoreError, match="no structure 9"):
        ImageDataset(whole, structures=[0, 9])


def test_damage_is_told_with_what_to_do(whole, tmp_path):
    import shutil

    shutil.copytree(whole, tmp_path / "copy")
    broken = ImageDataset(tmp_path / "copy")
    chunk = tmp_path / "copy/images.zarr/000/000001/image/c/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(StoreError, match=r"structure 1 cannot be read.*czone repair"):
        broken[2]
    (tmp_path / "copy/records/images/000/000003.json").write_text('{"format": 1')
    with pytest.raises(StoreError, match=r"000003\.json of .* cannot be read.*czone repair"):
        broken[6]


def test_importing_the_dataset_room_needs_no_torch():
    code = "import sys, construction_zone.dataset; assert 'torch' not in sys.modules and 'zarr' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
