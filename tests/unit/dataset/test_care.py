"""Verify, repair, merge, export, add images: what is wrong is found, and what is made again is the same to the byte."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
import zarr

from construction_zone.dataset import ImageDataset
from construction_zone.dataset.add_images import add_images
from construction_zone.dataset.export import WRITERS, Sample, export
from construction_zone.dataset.generate import generate
from construction_zone.dataset.merge import merge
from construction_zone.dataset.records import sealed
from construction_zone.dataset.repair import repair
from construction_zone.dataset.stages import read_built, read_waves
from construction_zone.dataset.store import STAGES, Store
from construction_zone.dataset.verify import verify
from construction_zone.errors import InvalidInput, MissingExtra, RecipeError, StoreError


def make(recipe, out, **options):
    return generate(recipe, out, **{"workers": 1, "progress": False, **options})


@pytest.fixture
def copy(whole, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    return out


def flip(path, at=0.5, bit=3):
    """Turn one bit of a file over."""
    data = bytearray(path.read_bytes())
    data[min(int(at * len(data)), len(data) - 1)] ^= 1 << bit
    path.write_bytes(bytes(data))


def all_files(root):
    return [p for p in sorted(root.rglob("*")) if p.is_file() and p.name not in (".lock", "log.txt", "README.md")]


def test_a_sound_dataset_has_nothing_to_tell(whole):
    assert verify(whole) == []


def test_a_flipped_bit_is_found_in_whichever_file(whole, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(whole, out)
    rng = np.random.default_rng(0)
    files = [path for path in all_files(out) if "00000" not in path.name or "000001" in str(path)]
    assert len(files) > 18
    for path in files:
        before = path.read_bytes()
        flip(path, rng.random(), rng.integers(8))
        found = verify(out)
        assert found, path
        name = path.relative_to(out).as_posix()
        assert any(finding.kind == "damaged" and finding.name == name for finding in found), (path, found)
        path.write_bytes(before)
    assert verify(out) == []


def test_every_file_that_is_lost_is_missed(copy):
    for path in all_files(copy):
        before = path.read_bytes()
        path.unlink()
        name = path.relative_to(copy).as_posix()
        found = verify(copy)
        told = [str(finding) for finding in found if finding.kind == "missing"]
        assert any(name in line for line in told), (name, found)
        path.write_bytes(before)


def test_what_does_not_belong_is_told_and_left(copy):
    (copy / "images.zarr/000/notes.txt").write_text("mine")
    (copy / "waves.zarr/000/000009").mkdir()
    (copy / "waves.zarr/000/000009/zarr.json").write_text("{}")
    (copy / "elsewhere").symlink_to("/etc")
    found = {(finding.kind, finding.name) for finding in verify(copy)}
    assert found == {
        ("foreign", "images.zarr/000/notes.txt"),
        ("foreign", "waves.zarr/000/000009/zarr.json"),
        ("foreign", "elsewhere"),
    }
    assert repair(copy).made == ()
    assert (copy / "images.zarr/000/notes.txt").exists()


@pytest.mark.parametrize("also", [(), ("recipe.yaml",)])
def test_a_record_beyond_the_recipes_count_is_foreign_and_makes_nothing(copy, contents, also):
    before = contents(copy)
    names = [f"records/{stage}/000/000009.json" for stage in STAGES]
    for name in names:
        (copy / name).write_text("junk")
    for name in also:  # the recipe is then known only once it is put back
        (copy / name).write_text("junk")
    done = repair(copy)
    assert done.made == ()
    assert [(finding.kind, finding.name) for finding in done.left] == [("foreign", name) for name in names]
    assert done.left[0].told == "the recipe makes structures 0 to 3"
    for name in names:
        (copy / name).unlink()
    assert contents(copy) == before
    assert verify(copy) == []


def test_a_row_beyond_the_recipes_count_makes_nothing(copy, contents):
    before = contents(copy)
    table = pq.read_table(copy / "samples.parquet")
    index = table.column_names.index("structure")
    numbers = table["structure"].to_pylist()
    pq.write_table(table.set_column(index, "structure", [[*numbers[:-1], 9]]), copy / "samples.parquet")
    done = repair(copy)
    assert (done.made, done.left) == ((), ())
    assert contents(copy) == before


def test_a_card_that_is_lost_is_missed_and_written_again(copy, whole):
    (copy / "README.md").unlink()
    assert [(finding.kind, finding.name) for finding in verify(copy)] == [("missing", "README.md")]
    done = repair(copy)
    assert (done.made, done.left) == ((), ())
    assert (copy / "README.md").read_text().splitlines()[1:] == (whole / "README.md").read_text().splitlines()[1:]


def test_a_card_that_an_interrupted_call_did_not_write_is_written_by_the_next(copy):
    (copy / "README.md").unlink()
    assert generate(copy / "recipe.yaml", copy, workers=1, progress=False).made == 0
    assert verify(copy) == []


def test_a_folder_that_is_no_image_set_stands_in_nobodys_way(copy):
    """It is foreign, if it holds anything, and the rest can be repaired."""
    (copy / "sets/empty").mkdir(parents=True)
    assert verify(copy) == []
    (copy / "sets/notes").mkdir()
    (copy / "sets/notes/todo.txt").write_text("x")
    assert [(finding.kind, finding.name) for finding in verify(copy)] == [("foreign", "sets/notes/todo.txt")]
    (copy / "samples.parquet").unlink()
    assert [finding.name for finding in repair(copy).left] == ["sets/notes/todo.txt"]
    assert Store(copy).sets() == []


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_table_is_found_and_put_right(copy, whole, cut):
    table = copy / "samples.parquet"
    data = table.read_bytes()
    table.write_bytes(data[: int(cut * len(data))])
    assert [(finding.kind, finding.name) for finding in verify(copy)] == [("damaged", "samples.parquet")]
    with pytest.raises(StoreError, match="czone repair"):
        ImageDataset(copy)
    done = repair(copy)
    assert (done.made, done.left) == ((), ())
    assert table.read_bytes() == (whole / "samples.parquet").read_bytes()


def test_repair_makes_exactly_what_is_damaged_and_to_the_byte(copy, whole, contents):
    flip(copy / "structures/000/000000.parquet")
    flip(copy / "waves.zarr/000/000001/waves/c/0/0/0")
    (copy / "images.zarr/000/000002/image/zarr.json").unlink()
    flip(copy / "records/images/000/000003.json", 0.1)
    before = {path: path.stat().st_mtime_ns for path in all_files(copy)}
    done = repair(copy)
    assert done.made == ((0, "structures"), (1, "waves"), (2, "images"), (3, "images"))
    assert (done.different, done.left) == ((), ())
    assert contents(copy) == contents(whole)
    touched = {
        path.relative_to(copy).parts[0]
        for path, time in before.items()
        if path.exists() and path.stat().st_mtime_ns != time and "zarr" not in path.name
    }
    assert touched <= {"structures", "waves.zarr", "images.zarr", "records", "samples.parquet"}
    untouched = copy / "images.zarr/000/000000/image/c/0/0/0"
    assert untouched.stat().st_mtime_ns == before[untouched]


def test_repair_brings_back_a_structure_that_is_gone_altogether(copy, whole, contents):
    for stage in STAGES:
        (copy / Store(copy).record_name(stage, 2)).unlink()
        held = copy / Store(copy).held_name(stage, 2)
        shutil.rmtree(held) if held.is_dir() else held.unlink()
    found = verify(copy)
    assert {finding.structure for finding in found if finding.kind == "missing"} == {2}
    assert repair(copy).left == ()
    assert contents(copy) == contents(whole)


@pytest.mark.parametrize("lost", ["recipe.yaml", "dataset.json"])
@pytest.mark.parametrize("how", ["removed", "flipped", "emptied"])
def test_recipe_and_description_hold_a_copy_of_each_other(copy, whole, lost, how):
    path = copy / lost
    if how == "removed":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    else:
        path.write_bytes(path.read_bytes().replace(b"400", b"401"))
    assert [finding.name for finding in verify(copy)] == [lost]
    assert repair(copy).left == ()
    assert path.read_bytes() == (whole / lost).read_bytes()


def test_without_recipe_and_description_there_is_nothing_to_repair_from(copy):
    (copy / "recipe.yaml").write_text("version: 1")
    (copy / "dataset.json").write_text("{")
    with pytest.raises(StoreError, match="put the recipe back"):
        repair(copy)


@pytest.mark.parametrize(
    "name",
    ["../outside.txt", "/etc/passwd", "images.zarr/000/000000/../../../../x", "images.zarr/000/000001/zarr.json"],
)
def test_a_record_cannot_lead_out_of_its_own_files(copy, tmp_path, name):
    (tmp_path / "outside.txt").write_text("secret")
    path = copy / "records/images/000/000000.json"
    record = json.loads(path.read_bytes())
    record["files"] = {**record["files"], name: "0" * 64}
    path.write_bytes(sealed(record))
    found = verify(copy)
    assert any(f.kind == "damaged" and "not its own" in f.told for f in found)
    with pytest.raises(StoreError, match=r"leads out of the dataset|not its own"):
        merge([copy], tmp_path / "merged")
    assert not any("outside" in str(p) for p in (tmp_path / "merged").rglob("*"))


def test_two_halves_merge_into_the_whole(tiny, whole, tmp_path, contents):
    first, second = tmp_path / "first", tmp_path / "second"
    make(tiny, first, count=2)
    shutil.copytree(whole, second)
    for stage in STAGES:
        for index in (0, 1):
            (second / Store(second).record_name(stage, index)).unlink()
    assert merge([first, second], tmp_path / "both") == 4
    assert contents(tmp_path / "both") == contents(whole)
    assert verify(tmp_path / "both") == []
    assert pq.read_table(tmp_path / "both/samples.parquet").num_rows == 8
    assert merge([second], first) == 4
    assert contents(first) == contents(whole)
    assert make(tiny, first).made == 0


def test_merge_refuses_what_does_not_go_together(tiny, whole, copy, tmp_path):
    tiny["imaging"]["dose"] = 300
    make(tiny, tmp_path / "other", count=1)
    with pytest.raises(StoreError, match=r"different recipes(.|\n)*imaging.dose: 400.0 there, 300.0 here"):
        merge([whole, tmp_path / "other"], tmp_path / "out")
    path = copy / "records/waves/000/000001.json"
    record = json.loads(path.read_bytes())
    record["content"]["waves"] = "0" * 64
    path.write_bytes(sealed(record))
    with pytest.raises(StoreError, match="hold different waves of structure 1"):
        merge([whole, copy], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(StoreError, match="nothing to merge"):
        merge([], tmp_path / "out")


def test_merge_copies_no_damage(copy, tmp_path):
    flip(copy / "images.zarr/000/000002/image/c/0/0/0")
    with pytest.raises(StoreError, match=r"image/c/0/0/0 in .* is damaged; first run: czone repair"):
        merge([copy], tmp_path / "out")
    assert 2 not in Store(tmp_path / "out").indices()


def test_a_dataset_can_lie_among_objects(whole, tmp_path, contents):
    import fsspec

    url = "memory://bucket/data"
    assert merge([whole], url) == 4
    assert verify(url) == []
    there, here = ImageDataset(url), ImageDataset(whole)
    assert len(there) == 8
    for k in (0, 5):
        assert np.array_equal(there[k]["image"], here[k]["image"])
        assert there[k]["record"] == here[k]["record"]
    assert np.array_equal(read_waves(Store(url), 1).numpy(), read_waves(Store(whole), 1).numpy())
    assert np.array_equal(read_built(Store(url), 1).atoms.positions, read_built(Store(whole), 1).atoms.positions)
    assert merge([url], tmp_path / "back") == 4
    assert contents(tmp_path / "back") == contents(whole)
    system = fsspec.filesystem("memory")
    chunk = "/bucket/data/images.zarr/000/000001/image/c/0/0/0"
    system.pipe_file(chunk, system.cat_file(chunk)[:-3])
    assert [finding.name for finding in verify(url)] == ["images.zarr/000/000001/image/c/0/0/0"]
    assert repair(url).left == ()
    assert repair(url).found == ()


def test_a_bucket_without_s3fs_is_told_with_what_to_install(monkeypatch):
    import fsspec

    def none(url, **options):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", none)
    with pytest.raises(MissingExtra, match=r"needs s3fs.*construction-zone\[s3\]"):
        verify("s3://bucket/data")


def test_images_of_stored_waves_under_new_conditions(tiny, copy, whole, contents):
    tiny["imaging"] |= {"dose": 50, "per_structure": 3, "defocus": {"uniform": [100, 200]}, "pixel_size": 0.5}
    before = contents(copy)
    assert add_images(tiny, copy, "low_dose") == 4
    assert add_images(tiny, copy, "low_dose") == 0
    assert contents(copy) == before
    assert verify(copy) == []
    low = ImageDataset(copy, images="low_dose")
    assert len(low) == 12
    item = low[4]
    assert tuple(item["image"].shape) == (1, 40, 48)
    assert item["record"]["drawn"]["imaging.pixel_size"] == 0.5
    assert item["record"]["drawn"]["imaging.dose"] == 50
    assert 100 <= item["record"]["drawn"]["imaging.defocus"] <= 200
    assert (
        item["record"]["drawn"]["substrate.thickness"]
        == ImageDataset(copy)[2]["record"]["drawn"]["substrate.thickness"]
    )
    assert float(item["image"].mean()) == pytest.approx(50 * 0.25, rel=0.1)
    assert len(ImageDataset(copy)) == 8
    tiny["imaging"]["dose"] = 60
    with pytest.raises(StoreError, match=r"another recipe; give another name"):
        add_images(tiny, copy, "low_dose")


def test_a_set_has_noise_of_its_own_and_can_be_repaired_and_merged(tiny, copy, tmp_path):
    add_images(tiny, copy, "again")
    first, again = ImageDataset(copy), ImageDataset(copy, images="again")
    assert again[0]["record"]["drawn"]["seeds"]["noise"] != first[0]["record"]["drawn"]["seeds"]["noise"]
    chunk = copy / "sets/again/images.zarr/000/000001/image/c/0/0/0"
    good = chunk.read_bytes()
    flip(chunk)
    done = repair(copy)
    assert (done.made, done.different, done.left) == (((1, "images"),), (), ())
    assert chunk.read_bytes() == good
    merge([copy], tmp_path / "merged")
    assert (tmp_path / "merged" / chunk.relative_to(copy)).read_bytes() == good
    assert verify(tmp_path / "merged") == []


def test_images_of_other_structures_or_finer_pixels_are_refused(tiny, copy):
    with pytest.raises(RecipeError, match=r"other structures(.|\n)*substrate.density"):
        add_images({**tiny, "substrate": {**tiny["substrate"], "density": 2.1}}, copy, "x")
    with pytest.raises(RecipeError, match=r"0.2 Å is finer than the 0.4 Å"):
        add_images({**tiny, "imaging": {"pixel_size": 0.2}}, copy, "x")
    with pytest.raises(RecipeError, match=r"need waves of the particles in vacuum"):
        add_images({**tiny, "labels": {"mask": "exit_wave"}}, copy, "x")
    for name in ("", "../x", "a/b", ".hidden"):
        with pytest.raises(InvalidInput, match="name"):
            add_images(tiny, copy, name)


def test_a_recipe_with_a_structure_file_can_image_again(tiny, tmp_path):
    import ase.build
    import ase.io

    from construction_zone.dataset.recipe import load

    ase.io.write(tmp_path / "gold.cif", ase.build.bulk("Au", a=4.0782, cubic=True))
    tiny["particles"]["crystal"] = "gold.cif"
    out = tmp_path / "dataset"
    make(load(tiny, folder=tmp_path), out, count=1)
    tiny["imaging"]["dose"] = 20
    assert add_images(load(tiny, folder=tmp_path), out, "dim") == 1
    shutil.move(out, tmp_path / "moved")
    (tmp_path / "gold.cif").unlink()
    assert verify(tmp_path / "moved") == []
    (crystal,) = (tmp_path / "moved/crystals").iterdir()
    crystal.write_bytes(crystal.read_bytes()[:-1] + b" ")
    assert any(finding.name == f"crystals/{crystal.name}" for finding in verify(tmp_path / "moved"))
    with pytest.raises(StoreError, match="put that file back"):
        repair(tmp_path / "moved")


def test_compact_waves_change_images_less_than_a_tenth_of_the_shot_noise(tiny, whole, tmp_path):
    tiny["storage"] = {"waves": "compact"}
    make(tiny, tmp_path / "compact", count=2)
    exact, compact = read_waves(Store(whole), 1), read_waves(Store(tmp_path / "compact"), 1)
    step = compact.metadata["rounded_to"]
    assert np.array_equal(compact.numpy() / step, (compact.numpy() / step).round())
    from construction_zone.image import Microscope

    for defocus in (-300, 0, 100):
        a, b = (Microscope(defocus=defocus).image(waves).array.double() for waves in (exact, compact))
        noise = (a / (1e4 * 0.4**2)).sqrt()
        assert float(((b - a) / noise).square().mean().sqrt()) < 0.1
    sizes = [(root / "waves.zarr/000/000001/waves/c/0/0/0").stat().st_size for root in (whole, tmp_path / "compact")]
    assert sizes[1] < exact.array.numel() * 8 / 3 < sizes[0]
    make(tiny, tmp_path / "staged", count=2, until="waves")
    make(tiny, tmp_path / "staged", count=2)
    name = "images.zarr/000/000001/image/c/0/0/0"
    assert (tmp_path / "staged" / name).read_bytes() == (tmp_path / "compact" / name).read_bytes()


def test_the_step_follows_from_dose_and_pixel():
    from construction_zone.dataset.compact import step_for

    # error step·a·√D below a tenth: 0.005 at 0.2 Å, 0.01 at 0.1 Å and 10⁴ e⁻/Å², then the power of two below
    assert step_for((0.2, 0.2)) == 2**-8
    assert step_for((0.1, 0.1)) == 2**-7
    assert step_for((0.1, 0.1), dose=1e6) == 2**-10
    with pytest.raises(InvalidInput, match="positive"):
        step_for((0.1, 0.1), dose=0)


def test_the_rounding_has_no_bias_even_where_the_wave_is_flat():
    import torch

    from construction_zone.dataset.compact import compact
    from construction_zone.simulate import ExitWaves

    flat = ExitWaves(torch.full((1, 256, 256), 0.9987 + 0.0313j, dtype=torch.complex64), (0.2, 0.2), 300e3, 10.0)
    back = compact(flat, seed=3)
    step = back.metadata["rounded_to"]
    error = (back.numpy() - flat.numpy()) / step
    n = error.size
    for part in (error.real, error.imag):
        assert abs(part.mean()) < 4 * 0.5 / n**0.5
        assert part.var() <= 0.25
        # white: neighbours know nothing of each other
        spread = part - part.mean()
        assert abs((spread[0, :, 1:] * spread[0, :, :-1]).mean()) < 4 * 0.25 / n**0.5
    assert np.array_equal(compact(flat, seed=3).numpy(), back.numpy())
    assert not np.array_equal(compact(flat, seed=4).numpy(), back.numpy())


def test_xarray_opens_waves_and_images(whole):
    import xarray

    images = xarray.open_zarr(whole / "images.zarr", group="000/000002", consolidated=False)
    assert images["image"].dims == ("image", "y", "x")
    assert dict(images.sizes) == {"image": 2, "mask": 1, "y": 50, "x": 60}
    assert np.array_equal(images["image"].values[1], ImageDataset(whole)[5]["image"][0])
    waves = xarray.open_zarr(whole / "waves.zarr", group="000/000002", consolidated=False)
    assert waves["waves"].dims == ("configuration", "y", "x")
    assert np.array_equal(waves["waves"].values, read_waves(Store(whole), 2).numpy())


@pytest.mark.parametrize("to", ["npz", "tiff", "png", "hdf5", "webdataset"])
def test_exports_hold_the_same_images(whole, tmp_path, to):
    dataset = ImageDataset(whole)
    assert export(whole, to, tmp_path / "out", images="") == 8
    image, mask = dataset[5]["image"][0].numpy(), dataset[5]["mask"].numpy()
    key, out = "000002_0001", tmp_path / "out"
    assert pq.read_table(out / "samples.parquet").num_rows == 8
    record = dataset[5]["record"]
    if to == "npz":
        found = np.load(out / f"{key}.npz", allow_pickle=False)
        assert json.loads(str(found["record"]))["drawn"] == record["drawn"]
        assert np.array_equal(found["image"], image)
        assert np.array_equal(found["mask"], mask)
    elif to == "tiff":
        import tifffile

        with tifffile.TiffFile(out / f"{key}.tif") as file:
            assert np.array_equal(file.asarray(), image)
            assert file.imagej_metadata["unit"] == "nm"
            pixels, unit = file.pages[0].tags["XResolution"].value
            assert unit / pixels == pytest.approx(0.04, rel=1e-4)  # nm
            assert json.loads(file.imagej_metadata["Info"])["drawn"] == record["drawn"]
        assert np.array_equal(tifffile.imread(out / f"{key}_mask.tif"), mask)
    elif to == "png":
        from PIL import Image

        with Image.open(out / f"{key}.png") as picture:
            grey, told = np.asarray(picture), picture.text
        black, white = float(told["black"]), float(told["white"])
        inside = (image > black) & (image < white)
        assert np.abs(black + (white - black) * grey / 255.0 - image)[inside].max() <= (white - black) / 255
        assert np.array_equal(np.asarray(Image.open(out / f"{key}_mask.png")) / 255, mask)
    elif to == "hdf5":
        import h5py

        with h5py.File(out / "dataset.h5") as file:
            assert sorted(file)[5] == key
            assert np.array_equal(file[key]["image"][...], image)
            assert np.array_equal(file[key]["mask"][...], mask)
            assert file[key].attrs["pixel_size"].tolist() == [0.4, 0.4]
    else:
        import io
        import tarfile

        with tarfile.open(out / "000000.tar") as tar:
            names = tar.getnames()
            assert names[-3:] == ["000003_0001.image.npy", "000003_0001.mask.npy", "000003_0001.json"]
            member = tar.extractfile(f"{key}.image.npy")
            assert np.array_equal(np.load(io.BytesIO(member.read()), allow_pickle=False), image)
            assert {(m.mtime, m.uid, m.isfile()) for m in tar.getmembers()} == {(0, 0, True)}
    export(whole, to, tmp_path / "twice")
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "twice").iterdir()
    }
    with pytest.raises(StoreError, match="not empty"):
        export(whole, to, out)


def test_a_label_whose_name_is_a_path_is_not_exported(copy, tmp_path):
    group = zarr.open_group(copy / "images.zarr/000/000001", mode="r+")
    image = np.zeros((1, 50, 60), np.float32)
    labels = {"../../evil": {"first": 0, "shape": [], "dtype": "float32"}}
    array = group.create_array("labels_float", data=image)
    array.attrs["labels"] = labels
    with pytest.raises(StoreError, match="cannot name a file"):
        export(copy, "npz", tmp_path / "out")
    assert not list(tmp_path.glob("**/*evil*"))


def test_tables_are_exported_beside_their_image(tiny, tmp_path):
    import io
    import tarfile

    import h5py

    make({**tiny, "count": 1, "labels": {"include": ["instances", "visibility"]}}, tmp_path / "data")
    wanted, key = ImageDataset(tmp_path / "data").tables(1), "000000_0001"
    assert set(wanted) == {"instances", "visibility"}
    for to in WRITERS:
        export(tmp_path / "data", to, tmp_path / to)
    found = {"npz": str(np.load(tmp_path / f"npz/{key}.npz", allow_pickle=False)["tables"])}
    with h5py.File(tmp_path / "hdf5/dataset.h5") as file:
        found["hdf5"] = file[key]["tables"].asstr()[()]
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "webdataset/000000.tar").read_bytes())) as tar:
        found["webdataset"] = tar.extractfile(f"{key}.tables.json").read().decode()
    found |= {to: (tmp_path / to / f"{key}_tables.json").read_text() for to in ("tiff", "png")}
    assert {to: json.loads(text) for to, text in found.items()} == dict.fromkeys(WRITERS, wanted)


def test_whole_numbers_come_through_a_tiff(tmp_path):
    """ImageJ has whole numbers of 8 and 16 bits, and floats hold none beyond 2²⁴."""
    import tifffile

    labels = {"few": np.uint8([[255]]), "many": np.uint16([[300]]), "bits": np.int32([[2**30 + 1]]),
              "none": np.int32([[-1]]), "flags": np.array([[True]])}  # fmt: skip
    sample = Sample("000000_0000", np.float32([[1.5]]), labels, {}, (0.2, 0.2), {})
    WRITERS["tiff"](iter([sample]), tmp_path)
    for name, label in labels.items():
        found = tifffile.imread(tmp_path / f"000000_0000_{name}.tif")
        np.testing.assert_array_equal(found.astype(float), label.astype(float), err_msg=name)


def test_an_image_set_or_dataset_that_is_not_there_is_told(whole, tmp_path):
    with pytest.raises(StoreError, match="no image set 'nope'"):
        export(whole, "npz", tmp_path / "out", images="nope")
    with pytest.raises(StoreError, match="no image set 'nope'"):
        ImageDataset(whole, images="nope")
    with pytest.raises(StoreError, match="holds no dataset"):
        export(tmp_path / "nowhere", "npz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_form_is_told(whole, tmp_path):
    with pytest.raises(InvalidInput, match="'jpeg' is no form of export; give one of npz, tiff, png, hdf5, webdataset"):
        export(whole, "jpeg", tmp_path / "out")


def test_the_card_tells_what_the_data_are(tiny, tmp_path):
    tiny["storage"] = {"licence": "CC-BY-4.0"}
    make(tiny, tmp_path / "data", count=2)
    card = (tmp_path / "data/README.md").read_text()
    from construction_zone import __version__
    from construction_zone.dataset.recipe import load

    for told in ("| images in all | 4 |", "| structures | 2 structures |", "| licence | CC-BY-4.0 |", __version__):
        assert told in card
    assert load(tmp_path / "data/recipe.yaml").digest() in card
    shares = [int(line.split("|")[2].split()[0]) for line in card.splitlines() if "split *" in line]
    assert sum(shares) == 4


def test_the_commands_tell_and_leave_with_a_code(copy, tmp_path, tiny, capsys):
    from construction_zone.cli import main

    def czone(*arguments):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code or 0
        told = capsys.readouterr()
        return code, told.out + told.err

    assert czone("verify", copy) == (0, f"{copy}: 4 structures, all sound\n")
    flip(copy / "images.zarr/000/000001/image/c/0/0/0")
    code, told = czone("verify", copy)
    assert code == 1
    assert "damaged: images.zarr/000/000001/image/c/0/0/0" in told
    assert "czone repair" in told
    code, told = czone("repair", copy)
    assert code == 0
    assert "structure 1: images made again" in told
    assert czone("verify", copy)[0] == 0
    assert czone("merge", copy, "--out", tmp_path / "merged") == (0, f"{tmp_path / 'merged'}: 4 structures\n")
    assert czone("export", copy, "--to", "png", "--out", tmp_path / "png")[0] == 0
    recipe = tmp_path / "dim.yaml"
    tiny["imaging"]["dose"] = 10
    recipe.write_text(yaml.safe_dump(tiny))
    assert czone("add-images", recipe, copy, "--name", "dim")[0] == 0
    assert "image sets  dim" in czone("info", copy)[1]
    assert czone("verify", tmp_path / "png")[0] == 1
    assert os.path.exists(tmp_path / "png" / "000003_0001.png")
