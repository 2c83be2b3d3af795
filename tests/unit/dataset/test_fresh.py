"""Stored waves imaged anew in every epoch: the same for any number of workers, and other images in other epochs."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from construction_zone.dataset import FreshImageDataset, ImageDataset, collate
from construction_zone.dataset.fresh import MAPS
from construction_zone.dataset.generate import generate
from construction_zone.dataset.store import Store
from construction_zone.distributions import Normal
from construction_zone.errors import InvalidInput
from construction_zone.image import Microscope

CONDITIONS = {"defocus": Normal(100.0, 20.0), "focal_spread": 10.0, "dose": 300.0}


@pytest.fixture
def fresh(whole):
    return FreshImageDataset(whole, conditions=CONDITIONS, seed=5)


def images(dataset):
    return torch.stack([dataset[k]["image"] for k in range(len(dataset))])


def test_an_item_has_the_form_of_a_stored_one(fresh, whole):
    item, stored = fresh[5], ImageDataset(whole)[5]
    assert set(item) == set(stored)
    for name in ("image", "mask"):
        assert (item[name].dtype, item[name].shape) == (stored[name].dtype, stored[name].shape)
    assert torch.equal(item["mask"], stored["mask"])
    assert item["record"]["structure"] == stored["record"]["structure"]
    for path in ("substrate.thickness", "particles.radius"):
        assert item["record"]["drawn"][path] == stored["record"]["drawn"][path]
    assert float(item["image"].mean()) == pytest.approx(300 * 0.16, rel=0.05)


def test_epochs_differ_and_each_comes_again(fresh):
    first = images(fresh)
    fresh.set_epoch(1)
    second = images(fresh)
    assert all((a != b).any() for a, b in zip(first, second, strict=True))
    assert fresh[3]["record"]["epoch"] == 1
    fresh.set_epoch(0)
    assert torch.equal(images(fresh), first)
    other = FreshImageDataset(fresh.root, conditions=CONDITIONS, seed=6)
    assert (other[0]["image"] != first[0]).any()


def test_the_conditions_of_a_record_make_its_image_again(fresh, whole):
    from construction_zone import seeding
    from construction_zone.dataset.stages import read_waves

    record = fresh[6]["record"]
    drawn = record["drawn"]
    scope = Microscope(**{name: drawn[f"imaging.{name}"] for name in CONDITIONS})
    waves = read_waves(Store(whole), record["structure"])
    again = scope.image(waves, pixel_size=0.4, seed=seeding.child(drawn["seeds"]["noise"], "image"))
    assert torch.equal(again.array, fresh[6]["image"][0])


def test_without_conditions_the_recipe_is_drawn_from(whole):
    fresh = FreshImageDataset(whole)
    foci = [fresh[k]["record"]["drawn"]["imaging.defocus"] for k in range(8)]
    stored = [ImageDataset(whole)[k]["record"]["drawn"]["imaging.defocus"] for k in range(8)]
    assert not set(foci) & set(stored)
    assert all(-100 - 75 < focus < -100 + 75 for focus in foci)
    assert {fresh[k]["record"]["drawn"]["imaging.dose"] for k in range(8)} == {400.0}


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_any_number_of_workers_gives_the_same_images_in_every_epoch(fresh, context):
    alone = []
    for epoch in (0, 1):
        fresh.set_epoch(epoch)
        alone.append(images(fresh))
    loader = DataLoader(
        fresh,
        batch_size=3,
        collate_fn=collate,
        num_workers=1 + (context == "fork"),
        persistent_workers=True,
        multiprocessing_context=context,
    )
    for epoch in (0, 1):
        fresh.set_epoch(epoch)
        found = torch.cat([batch["image"] for batch in loader])
        assert torch.equal(found, alone[epoch])


def test_ranks_share_an_epoch_out_among_them(fresh, whole):
    for dataset in (fresh, ImageDataset(whole)):
        whole_epoch = images(dataset)
        seen = []
        for rank in range(3):
            sampler = DistributedSampler(dataset, num_replicas=3, rank=rank, shuffle=True, seed=1, drop_last=False)
            sampler.set_epoch(0)
            for index, batch in zip(sampler, DataLoader(dataset, sampler=sampler, collate_fn=collate), strict=True):
                assert torch.equal(batch["image"][0], whole_epoch[index])
                seen.append(index)
        assert set(seen) == set(range(8))


def test_it_can_be_split_and_sent_to_a_process(fresh):
    again = pickle.loads(pickle.dumps(fresh))
    assert torch.equal(again[2]["image"], fresh[2]["image"])
    seen, unseen = fresh.split((0.75, 0.25), seed=1)
    assert isinstance(unseen, FreshImageDataset)
    stored = ImageDataset(fresh.root).split((0.75, 0.25), seed=1)
    assert (seen.structures, unseen.structures) == (stored[0].structures, stored[1].structures)
    position = list(fresh.owners).index(unseen.structures[0])
    assert torch.equal(unseen[0]["image"], fresh[position]["image"])


def test_labels_are_distorted_as_their_image(tiny, tmp_path):
    tiny["imaging"]["distortion"] = {"rotation": {"uniform": [20, 40]}}
    tiny["labels"] = {"include": ["soft"]}
    generate(tiny, tmp_path / "data", workers=1, progress=False, count=1)
    fresh = FreshImageDataset(tmp_path / "data", labels=("mask", "soft"))
    turned = [fresh[k] for k in range(2)]
    assert (turned[0]["mask"] != turned[1]["mask"]).any()
    for item in turned:
        # the soft mask is half where the mask's edge is
        inside = item["soft"] > 0.5
        assert (inside == item["mask"].bool()).float().mean() > 0.97
    fresh.set_epoch(1)
    assert (fresh[0]["mask"] != turned[0]["mask"]).any()
    with pytest.raises(InvalidInput, match="no label 'hard'"):
        FreshImageDataset(tmp_path / "data", labels=("hard",))[0]


def test_wrong_choices_are_told(whole, fresh):
    with pytest.raises(InvalidInput, match="give conditions="):
        FreshImageDataset(whole, microscope=Microscope())
    with pytest.raises(InvalidInput, match="keep is 0"):
        FreshImageDataset(whole, keep=0)
    with pytest.raises(InvalidInput, match="epoch is -1"):
        fresh.set_epoch(-1)
    with pytest.raises(InvalidInput, match="cannot change the pixel_size"):
        FreshImageDataset(whole, conditions={"pixel_size": 0.5})[0]


def test_a_million_samples_open_at_once(whole, tmp_path):
    """Rows alone, with columns of a real table: opening must look at no folder."""
    store = Store(tmp_path / "large")
    store.prepare()
    columns = ["structure", "image", "name", "split", "content.atoms", "drawn.imaging.defocus"]
    real = pq.read_table(whole / "samples.parquet", columns=columns)
    rows = np.arange(10**6)
    many = real.take(pa.array(rows % real.num_rows))
    many = many.set_column(many.column_names.index("structure"), "structure", pa.array(rows // 2))
    pq.write_table(many, tmp_path / "large" / "samples.parquet", compression="zstd")
    before = time.process_time()
    dataset = ImageDataset(tmp_path / "large")
    assert time.process_time() - before < 2
    assert len(dataset) == 10**6
    assert dataset._locate(999_999) == (499_999, 1)
    assert len(pickle.dumps(dataset)) < 100e6


@pytest.mark.parametrize("label", ["frames", "orientation", "visibility", "maks"])
def test_a_label_that_fresh_images_do_not_have_is_refused_with_those_that_they_have(whole, label):
    with pytest.raises(InvalidInput, match=f"fresh images have no label '{label}'; give some of mask, semantic,"):
        FreshImageDataset(whole, labels=("mask", label))


def test_all_maps_can_be_asked_for(whole):
    fresh = FreshImageDataset(whole, labels=MAPS)
    assert set(fresh[0]) == {"image", "record", *MAPS}
