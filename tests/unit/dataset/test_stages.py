"""Structures, waves and images apart: each resumes, and together they are what one run makes."""

from __future__ import annotations

import copy
import json

import ase
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

from construction_zone.dataset import arrays, stages
from construction_zone.dataset.compose import Built
from construction_zone.dataset.generate import generate
from construction_zone.dataset.store import STAGES, Store
from construction_zone.errors import InvalidInput, StoreError
from construction_zone.simulate import stored


def make(recipe, out, **options):
    return generate(recipe, out, **{"workers": 1, "progress": False, **options})


def test_stages_made_one_after_the_other_are_those_of_one_run(tiny, whole, tmp_path, contents):
    out = tmp_path / "staged"
    for number, stage in enumerate(STAGES):
        report = make(tiny, out, until=stage)
        assert (report.made, report.total) == (4, 4)
        assert Store(out).stages(2) == STAGES[: number + 1]
        again = make(tiny, out, until=stage)
        assert (again.made, again.found) == (0, 4)
    assert contents(out) == contents(whole)
    assert pq.read_table(out / "samples.parquet").num_rows == 8


def test_more_structures_than_waves_and_more_waves_than_images(tiny, whole, tmp_path, contents):
    out = tmp_path / "ragged"
    make(tiny, out, until="structures")
    make(tiny, out, until="waves", count=3)
    make(tiny, out, count=1)
    assert [len(Store(out).indices(stage)) for stage in STAGES] == [4, 3, 1]
    make(tiny, out)
    assert contents(out) == contents(whole)


def test_stages_are_counted_each_by_itself(tiny, tmp_path):
    out = tmp_path / "apart"
    make(tiny, out, until="structures", count=2)
    store = Store(out)
    assert (store.indices("structures"), store.indices("waves"), store.indices()) == ([0, 1], [], [])
    with pytest.raises(StoreError, match="holds no waves of structure 0"):
        store.stage_record("waves", 0)
    with pytest.raises(InvalidInput, match="until is 'masks'; give one of structures, waves, images"):
        make(tiny, out, until="masks")


def test_the_exit_wave_mask_made_later_is_that_of_one_run(tiny, tmp_path, contents):
    tiny["particles"] |= {"count": 1, "radius": 8.0}
    tiny["labels"] = {"mask": "exit_wave", "blur": 1.0, "threshold": 0.05}
    make(tiny, tmp_path / "one", count=1)
    make(tiny, tmp_path / "two", count=1, until="waves")
    vacuum = zarr.open_group(tmp_path / "two/waves.zarr/000/000000", mode="r")["vacuum"]
    assert vacuum.metadata.dimension_names == ("configuration", "y", "x")
    assert vacuum.attrs["energy"] == 300e3
    make(tiny, tmp_path / "two", count=1)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_every_file_has_its_hash_in_a_sealed_record(whole):
    import hashlib

    from construction_zone.dataset.records import sealed

    listed = {}
    for index in range(4):
        for stage in STAGES:
            text = (whole / Store(whole).record_name(stage, index)).read_bytes()
            record = json.loads(text)
            assert text == sealed(record)
            listed |= record["files"]
    there = {
        path.relative_to(whole).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in ("structures", "waves.zarr", "images.zarr")
        for path in (whole / part).rglob("*")
        if (path.is_file() and path.parent.name not in ("waves.zarr", "images.zarr", "000"))
        or path.suffix == ".parquet"
    }
    assert listed == {name: hashed for name, hashed in there.items() if name != "samples.parquet"}


def test_arrays_are_sharded_compressed_and_named(whole):
    for name, dims in (
        ("waves.zarr/000/000001/waves", ("configuration", "y", "x")),
        ("images.zarr/000/000001/image", ("image", "y", "x")),
        ("images.zarr/000/000001/mask", ("mask", "y", "x")),
    ):
        metadata = json.loads((whole / name / "zarr.json").read_text())
        assert metadata["zarr_format"] == 3
        assert tuple(metadata["dimension_names"]) == dims
        (sharding,) = metadata["codecs"]
        assert sharding["name"] == "sharding_indexed"
        assert sharding["configuration"]["chunk_shape"] == [1, 50, 60]
        inner = sharding["configuration"]["codecs"][-1]
        assert (inner["name"], inner["configuration"]["cname"]) == ("blosc", "zstd")
        assert len(list((whole / name).rglob("c/*/*/*"))) == 1


def test_a_structure_with_every_kind_of_label_has_at_most_twenty_files(tmp_path):
    store, rng = Store(tmp_path), np.random.default_rng(0)
    labels = {
        "mask": np.ones((1, 6, 8), np.uint8),
        "instances": rng.integers(0, 2**31 - 1, (6, 8)),
        "classes": rng.integers(0, 255, (3, 2, 6, 8)).astype(np.uint8),
        "edge": rng.random((6, 8)) > 0.5,
        "strain": rng.normal(size=(3, 6, 8)).astype(np.float32),
        "thickness": rng.normal(size=(6, 8)),
    }
    tables = {
        "columns": [
            {"element": "Au", "count": 3, "position": [1.0, 2.0]},
            {"element": "C", "count": 1, "position": []},
        ],
        "lines": pa.table({"burgers": [[0.5, 0.5, 0.0]]}),
        "none": [],
    }
    record = {"drawn": {}, "seeds": {}, "made": {}}
    imaged = stages.Imaged(np.ones((2, 6, 8), np.float32), (0.2, 0.2), [record] * 2, labels, tables)
    stages.keep_images(store, 7, imaged)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "000007" in str(path)]
    # atoms, waves with their vacuum variant, and two records come to these
    assert len(files) + 1 + 5 + 2 <= 20
    group = zarr.open_group(tmp_path / "images.zarr/000/000007", mode="r")
    assert set(arrays.label_names(group)) == set(labels)
    for name, values in labels.items():
        back = arrays.read_label(group, name)
        wanted = values.astype(np.float32) if values.dtype == np.float64 else values
        assert back.dtype == wanted.dtype, name
        assert np.array_equal(back, wanted), name
    kept = stages.read_tables(store, 7)
    assert kept["columns"].to_pylist() == tables["columns"]
    assert kept["lines"].to_pylist() == tables["lines"].to_pylist()
    assert kept["none"].num_rows == 0


def test_labels_that_would_lose_something_are_refused(tmp_path):
    images = np.ones((1, 4, 4), np.float32)
    for number, (values, told) in enumerate(
        [(np.full((4, 4), 2**40), "whole numbers of 32 bits"), (np.ones((4, 5)), "last axes")]
    ):
        with pytest.raises(InvalidInput, match=told):
            arrays.write_images(tmp_path / str(number), images, {"large": values}, [1.0, 1.0])


def test_atoms_come_back_bit_for_bit_and_equal_atoms_share_a_hash(tmp_path):
    from construction_zone.dataset.atoms_file import pack, same_atoms_hash, unpack

    rng = np.random.default_rng(1)
    atoms = ase.Atoms("AuC2", positions=rng.normal(size=(3, 3)) / 3, cell=[[9, 0, 0], [1, 8, 0], [0, 0, 7]], pbc=True)
    atoms.set_array("tensor", rng.normal(size=(3, 3, 3)))
    atoms.set_array("word", np.array(["a", "bb", "ccc"]))
    atoms.set_array("flag", np.array([True, False, True]))
    atoms.set_array("small", np.array([1, 2, 3], np.int16))
    back = unpack(pack(atoms))
    assert pack(back) == pack(atoms)
    for name, values in atoms.arrays.items():
        assert np.array_equal(back.arrays[name], values), name
        assert back.arrays[name].dtype == values.dtype, name
    assert np.array_equal(back.cell.array, atoms.cell.array)
    assert same_atoms_hash(atoms[[2, 0, 1]]) == same_atoms_hash(atoms)
    moved = atoms.copy()
    moved.positions[0, 0] += 1e-12
    assert same_atoms_hash(moved) != same_atoms_hash(atoms)


def test_equal_structures_are_found_and_go_the_same_way(tmp_path):
    from construction_zone.dataset import table

    store = Store(tmp_path)
    store.prepare()
    record = {"drawn": {}, "seeds": {}, "made": {}}
    for index in range(3):
        atoms = ase.Atoms("Au", positions=[[0, 0, index % 2]], cell=[4, 4, 4])
        stages.keep_built(store, index, Built(atoms, (), {}, {}, 0))
        stages.keep_waves(store, index, stages.Waved(_plane_wave(), 0))
        stages.keep_images(store, index, stages.Imaged(np.ones((1, 4, 4), np.float32), (1.0, 1.0), [record]))
    assert table.rebuild(store) == 3
    found = pq.read_table(tmp_path / "samples.parquet")
    assert found["duplicate_of"].to_pylist() == [None, None, 0]
    assert found["split"][0] == found["split"][2]


def _plane_wave():
    import torch

    from construction_zone.simulate import ExitWaves

    return ExitWaves(torch.ones(1, 4, 4, dtype=torch.complex64), (1.0, 1.0), 300e3, 4.0)


@pytest.mark.parametrize(
    ("shape", "itemsize", "chunk", "file"),
    [
        ((8, 512, 512), 8, (1, 512, 512), (8, 512, 512)),
        ((1000, 512, 512), 4, (1, 512, 512), (256, 512, 512)),
        ((3, 2, 64, 64), 8, (1, 1, 64, 64), (3, 2, 64, 64)),
        ((2, 10000, 10000), 8, (1, 3355, 10000), (1, 3355, 10000)),
    ],
)
def test_files_hold_as_many_planes_as_they_may(shape, itemsize, chunk, file):
    assert stored.layout(shape, itemsize) == (chunk, file)
    assert np.prod(file) * itemsize <= stored.LARGEST_FILE


def test_a_dataset_of_format_1_is_told_with_what_to_do(tiny, tmp_path):
    import yaml

    (tmp_path / "structures").mkdir()
    (tmp_path / "structures/000000.json").write_text('{"format": 1}')
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tiny))
    with pytest.raises(StoreError, match=r"earlier version \(format 1\).*czone generate .*recipe.yaml --out NEW"):
        Store(tmp_path).indices()
    with pytest.raises(StoreError, match=r"earlier version \(format 1\)"):
        make(copy.deepcopy(tiny), tmp_path)
    (tmp_path / "dataset.json").write_text('{"format": 3}')
    with pytest.raises(StoreError, match="format 3, this version reads format 2"):
        Store(tmp_path).indices()
