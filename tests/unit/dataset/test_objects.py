"""A dataset in a bucket, on a server of this machine that answers as S3 does (moto)."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
import zarr
from test_generate_objects import assert_same  # type: ignore[import-not-found]

from construction_zone.dataset import ImageDataset
from construction_zone.dataset.add_images import add_images
from construction_zone.dataset.files import Objects
from construction_zone.dataset.generate import generate
from construction_zone.dataset.lock import leased
from construction_zone.dataset.merge import merge
from construction_zone.dataset.repair import repair
from construction_zone.dataset.stages import read_waves
from construction_zone.dataset.store import Store
from construction_zone.dataset.verify import verify
from construction_zone.errors import StoreError

# s3fs leaves its connections to the garbage collector, which finds them open after the test
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
pytest.importorskip("s3fs", reason="pip install 'construction-zone[s3]'")
server = pytest.importorskip("moto.server", reason="pip install 'moto[server]'")


@pytest.fixture
def bucket(monkeypatch):
    import s3fs

    told = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    told.start()
    address = "http://{}:{}".format(*told.get_host_and_port())
    for name, value in {
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().makedirs("bucket", exist_ok=True)
    yield "s3://bucket"
    s3fs.S3FileSystem.clear_instance_cache()
    gc.collect()  # of what s3fs leaves open it complains here, not in a test that comes later
    told.stop()


def test_a_dataset_in_a_bucket_is_the_one_of_the_directory(whole, tmp_path, contents, bucket):
    import s3fs

    url = f"{bucket}/data"
    assert merge([whole], url) == 4
    assert verify(url) == []
    there, here = ImageDataset(url), ImageDataset(whole)
    assert len(there) == 8
    for k in (0, 5):
        assert np.array_equal(there[k]["image"], here[k]["image"])
    stored = zarr.open_group(f"{url}/images.zarr/000/000001", mode="r")["image"][...]
    assert np.array_equal(stored[1], here[3]["image"][0])
    assert np.array_equal(read_waves(Store(url), 1).numpy(), read_waves(Store(whole), 1).numpy())
    assert merge([url], tmp_path / "back") == 4
    assert contents(tmp_path / "back") == contents(whole)
    assert merge([whole], url) == 4  # once more, over what is there
    system = s3fs.S3FileSystem()
    chunk = "bucket/data/images.zarr/000/000001/image/c/0/0/0"
    system.pipe_file(chunk, system.cat_file(chunk)[:-3])
    assert [finding.name for finding in verify(url)] == ["images.zarr/000/000001/image/c/0/0/0"]


def test_a_server_that_does_not_answer_is_told(monkeypatch, bucket):
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StoreError, match=r"s3://bucket/data cannot be reached: .*127\.0\.0\.1:1"):
        verify(f"{bucket}/data")


CZONE = "from construction_zone.cli import main; main()"


def begin(recipe, url, workers):
    """`czone generate` into a bucket, once it has made something but not all."""
    process = subprocess.Popen(
        [sys.executable, "-c", CZONE, "generate", recipe, "--out", url, "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    place = Objects(url)
    for _ in range(1200):
        if place.names("records/images/000"):
            return process
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("nothing was made in time")


def test_two_workers_write_into_a_bucket_and_after_kill_9_the_same_command_goes_on(tiny, tmp_path, bucket):
    tiny["count"] = 12
    recipe, url, here = tmp_path / "tiny.yaml", f"{bucket}/killed", tmp_path / "here"
    recipe.write_text(yaml.safe_dump(tiny))
    generate(recipe, here, workers=1, progress=False)
    process = begin(recipe, url, 2)
    with pytest.raises(StoreError, match=f"being written by process {process.pid} on"):
        generate(recipe, url, workers=1, progress=False)
    with pytest.raises(StoreError, match=f"being written by process {process.pid} on"):
        repair(url)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert 0 < len(Store(url).indices()) < 12
    report = generate(recipe, url, workers=2, progress=False)
    assert report.total == 12
    assert_same(url, here, tmp_path / "copy")


def test_what_is_lost_in_a_bucket_is_made_again_and_imaged_again(tiny, whole, tmp_path, bucket):
    url = f"{bucket}/kept"
    generate(tiny, url, workers=1, progress=False)
    place = Objects(url)
    place.remove("waves.zarr/000/000001/waves/c/0/0/0")
    place.write("structures/000/000002.parquet", b"damaged")
    done = repair(url)
    assert done.made == ((1, "waves"), (2, "structures"))
    assert (done.different, done.left) == ((), ())
    assert_same(url, whole, tmp_path / "copy")
    tiny["imaging"] |= {"dose": 50}
    assert add_images(tiny, url, "low") == 4
    assert verify(url) == []


def test_a_lease_in_a_bucket_is_made_by_one_alone(bucket):
    place = Objects(f"{bucket}/leased")
    with leased(place, "mine"):
        assert not place.create(".lock.000001", b"other")
        with pytest.raises(StoreError, match="is being written by process"), leased(place, "theirs"):
            pass
    assert place.entries("") == []
