"""A dataset in a bucket, on a server of this machine that answers as S3 does (moto)."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import zarr

from construction_zone.dataset import ImageDataset
from construction_zone.dataset.merge import merge
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
