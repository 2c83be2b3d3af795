"""Parts of a recipe's structures, made apart: together they are what one run makes."""

from __future__ import annotations

import shutil

import pyarrow.parquet as pq
import pytest

from construction_zone.dataset.generate import generate
from construction_zone.dataset.merge import merge
from construction_zone.dataset.plan import plan
from construction_zone.dataset.portion import portion
from construction_zone.dataset.recipe import load
from construction_zone.dataset.repair import repair
from construction_zone.dataset.store import Store
from construction_zone.dataset.verify import verify
from construction_zone.errors import InvalidInput, StoreError


def make(recipe, out, structures, **options):
    return generate(recipe, out, structures=structures, **{"workers": 1, "progress": False, **options})


@pytest.mark.parametrize("count", [1, 7, 50, 1000])
@pytest.mark.parametrize("parts", [1, 2, 7, 50])
def test_parts_follow_each_other_and_are_of_one_size(count, parts):
    if parts > count:
        with pytest.raises(InvalidInput, match=f"{parts} parts of {count} structures leave some without any"):
            portion(f"1/{parts}", count)
        return
    found = [portion(f"{k}/{parts}", count) for k in range(1, parts + 1)]
    assert [index for part in found for index in part] == list(range(count))
    sizes = {len(part) for part in found}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("2:5", range(2, 5)), ("2:", range(2, 9)), (":5", range(5)), (":", range(9))],
)
def test_ranges_are_read_as_python_reads_them(text, wanted):
    assert portion(text, 9) == wanted


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("5:5", "structures 5:5 are none; the end is not among them"),
        ("5:3", "are none"),
        ("7:10", "up to 9 are asked for, the recipe makes 0 to 8; ask for fewer, or give count 10 too"),
        ("0/3", "part 0/3 is none of 1/3 to 3/3"),
        ("4/3", "part 4/3 is none"),
        ("1/0", "part 1/0 is none"),
        ("-3:5", "'-3:5' cannot be read"),
        ("1:2:3", "cannot be read; give A:B such as 100:200, or a part K/N"),
        ("٣:5", "cannot be read"),
        ("", "cannot be read"),
        (range(0, 4, 2), "give a range of step 1"),
        (range(-2, 4), "begins at 0 or above"),
        (3, "structures is 3; give a range"),
    ],
)
def test_what_cannot_be_meant_is_told(asked, told):
    with pytest.raises(InvalidInput, match=told):
        portion(asked, 9)


def test_parts_made_apart_merge_into_what_one_run_makes(tiny, whole, tmp_path, contents):
    parts = [tmp_path / "1", tmp_path / "2"]
    for out, part, wanted in zip(parts, ("1/2", range(1, 4)), ([0, 1], [1, 2, 3]), strict=True):  # 1 is in both
        report = make(tiny, out, part)
        assert (report.made, report.total) == (len(wanted), len(wanted))
        assert Store(out).indices() == wanted
        assert verify(out) == []
        assert make(tiny, out, part).made == 0
    assert "begin: 3 to make of structures 1 to 3 until images" in (parts[1] / "log.txt").read_text()
    assert merge(parts, tmp_path / "whole") == 4
    assert contents(tmp_path / "whole") == contents(whole)
    assert verify(tmp_path / "whole") == []
    assert pq.read_table(tmp_path / "whole/samples.parquet")["name"].to_pylist() == [
        f"{index:06d}" for index in range(4) for _ in range(2)
    ]
    assert generate(tiny, tmp_path / "whole", workers=1, progress=False).made == 0


def test_a_part_is_taken_up_again_stage_by_stage_and_repaired_alone(tiny, whole, tmp_path, contents):
    out = tmp_path / "part"
    make(tiny, out, "2/2", until="structures")
    shutil.rmtree(out / "structures/000")  # as if the second had never been made
    assert make(tiny, out, "2:3").made == 1
    assert make(tiny, out, "2/2").made == 1
    assert Store(out).indices() == [2, 3]
    (out / "images.zarr/000/000003/image/c/0/0/0").write_bytes(b"junk")
    assert repair(out).made == ((3, "images"),)
    assert verify(out) == []
    make(tiny, out, "1/2")
    assert contents(out) == contents(whole)


def test_parts_of_another_seed_do_not_merge(tiny, tmp_path):
    make(tiny, tmp_path / "1", "1/4", until="structures")
    make(tiny, tmp_path / "2", "2/4", until="structures", seed=4)
    with pytest.raises(StoreError, match="are of different recipes"):
        merge([tmp_path / "1", tmp_path / "2"], tmp_path / "out")


def test_a_plan_of_a_part_counts_the_part(tiny):
    told = plan(load({**tiny, "count": 1000}), "3/4", workers=2)
    assert (told.structures, told.images) == (250, 500)
    assert told.elapsed == pytest.approx(sum(told.seconds.values()) * 250 / 2)


def test_the_options_of_the_command(tiny, tmp_path, capsys):
    import yaml

    from construction_zone.cli import main

    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text(yaml.safe_dump(tiny))

    def czone(*options):
        with pytest.raises(SystemExit) as stop:
            main([options[0], str(recipe), *options[1:]])
        told = capsys.readouterr()
        return stop.value.code or 0, told.out + told.err

    there = ("--out", str(out), "--workers", "1")
    assert czone("generate", *there, "--part", "2/4", "--until", "structures")[0] == 0
    assert czone("generate", *there, "--structures", "3:", "--until", "structures")[0] == 0
    assert Store(out).indices("structures") == [1, 3]
    for options, told in (
        (("--part", "1/2", "--structures", "0:1"), "give one of them"),
        (("--part", "0:1"), "--part is '0:1'; give K/N"),
        (("--structures", "1/2"), "--structures is '1/2'; give A:B"),
        (("--structures", "2:9"), "give count 9 too"),
    ):
        code, said = czone("generate", *there, *options)
        assert code == 1
        assert told in said
