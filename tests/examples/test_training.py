"""The examples that train on a dataset, and that its items are the same for any number of loader processes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from construction_zone.dataset import FreshImageDataset, ImageDataset, collate
from construction_zone.dataset.generate import generate

ROOT = Path(__file__).parents[2]


def example(name):
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(command, seconds=120):
    """What a command and its processes said; all of them end with the time they have."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # a machine's own name may lead nowhere
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )
    try:
        told = process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError(f"not done in {seconds} s: {process.communicate()[0]}") from None
    assert process.returncode == 0, told
    return told


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("training") / "data"
    generate(ROOT / "tests/recovery/tiny.yaml", out, count=10, workers=1, progress=False)
    return out


def test_plain_pytorch(data):
    first, *_, last = example("train_pytorch").main(str(data), epochs=6)
    assert last < first


def test_plain_pytorch_is_the_same_for_any_number_of_loader_processes(data):
    losses = [example("train_pytorch").main(str(data), epochs=1, workers=workers) for workers in (0, 1, 2)]
    assert losses[0] == losses[1] == losses[2]


def test_two_processes_train_on_a_share_each(data):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    told = run([*launcher, str(ROOT / "examples/train_pytorch.py"), str(data)])
    losses = re.findall(r"epoch 2: loss (\d\.\d+)", told)
    assert len(losses) == 2
    assert losses[0] != losses[1]  # of different images


SHARE = """
import datetime, hashlib, json, pathlib, sys
from torch import distributed
from torch.utils.data import DataLoader, DistributedSampler
from construction_zone.dataset import FreshImageDataset, ImageDataset, collate

if __name__ == "__main__":
    folder, meeting, rank = *sys.argv[1:3], int(sys.argv[3])
    distributed.init_process_group(
        "gloo", f"file://{meeting}", datetime.timedelta(seconds=60), rank=rank, world_size=2
    )
    found = []
    for dataset in (ImageDataset(folder), FreshImageDataset(folder, seed=4)):
        sampler = DistributedSampler(dataset, seed=3)  # which asks the group for its share
        loader = DataLoader(dataset, 3, sampler=sampler, collate_fn=collate, num_workers=rank)
        for epoch in (0, 1):
            sampler.set_epoch(epoch)
            if isinstance(dataset, FreshImageDataset):
                dataset.set_epoch(epoch)
            images = [image for batch in loader for image in batch["image"]]
            hashes = [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images]
            found += [[type(dataset).__name__, epoch, *pair] for pair in zip(sampler, hashes, strict=True)]
    shares = [None, None]
    distributed.all_gather_object(shares, found)
    pathlib.Path(f"{meeting}-{rank}.json").write_text(json.dumps(shares))
    distributed.destroy_process_group()
"""


def test_a_distributed_sampler_deals_two_processes_every_image_once(data, tmp_path):
    (tmp_path / "share.py").write_text(SHARE)
    meeting = str(tmp_path / "meeting")
    script = [sys.executable, str(tmp_path / "share.py"), str(data), meeting]
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda rank: run([*script, str(rank)]), range(2)))
    shares = json.loads(Path(f"{meeting}-0.json").read_text())
    assert shares == json.loads(Path(f"{meeting}-1.json").read_text())
    assert [len(share) for share in shares] == [2 * 2 * 10] * 2
    dealt = sorted(one for share in shares for one in share)
    fresh = FreshImageDataset(data, seed=4)
    wanted = []
    for epoch in (0, 1):
        fresh.set_epoch(epoch)
        for dataset in (fresh, ImageDataset(data)):
            for index in range(len(dataset)):
                image = hashlib.sha256(dataset[index]["image"].numpy().tobytes()).hexdigest()
                wanted.append([type(dataset).__name__, epoch, index, image])
    assert dealt == sorted(wanted)


def test_batches_are_the_same_for_any_number_of_loader_processes(data):
    def batches(workers):
        order = torch.Generator().manual_seed(1)
        loader = DataLoader(ImageDataset(data), 4, True, generator=order, collate_fn=collate, num_workers=workers)
        return [(batch["image"], batch["mask"]) for batch in loader]

    alone = batches(0)
    for workers in (1, 2):
        for (image, mask), (other, its) in zip(alone, batches(workers), strict=True):
            assert torch.equal(image, other)
            assert torch.equal(mask, its)


def test_lightning(data, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on loader processes and loggers
        main = example("train_lightning").main
        loss = main(
            str(data), epochs=3, default_root_dir=tmp_path, accelerator="cpu", logger=False, enable_progress_bar=False
        )
    assert 0 < loss < 0.7


def test_monai(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert 0 < example("train_monai").main(str(data), epochs=3) <= 1
