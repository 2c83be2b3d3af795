"""The benchmark of building: its tasks make what they say, and its page is written whether czone is there or not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def module(name):
    specification = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def found():
    ours = module("_build_ours")
    missing = {"failed": "no czone"}
    ball, merge = ours.ball(atoms=2000), ours.merge_and_check(atoms=5000)
    film = ours.random_film(x=40, y=40, z=10, rounds=1)
    return {
        "versions": {"ours": ours.versions(), "czone": missing},
        "film": {
            "ours": film,
            "czone": {"first": 100 * film["then"], "atoms": 9, "memory": 10**9, "closest": {"C-C": 0.75}},
        },
        "relaxed": {"ours": missing},
        "crystal": {"ours": ours.crystal(), "czone": missing},
        "scene": {"ours": ours.scene(x=70, y=70, z=10, rounds=1), "czone": missing},
        "merge": {"ours": merge},
        "floor": ours.memory(megabytes=8),
        "compiling": {"scene": {"first": 2.0}},
        "ball": {2000: {"ours": ball, "czone": missing}},
        "growth": {2000: {"film": ours.random_film_of(atoms=1000), "merge": merge}},
    }


def test_the_tasks_make_what_they_say(found):
    ours = {name: found[name]["ours"] for name in ("film", "scene", "merge")}
    assert ours["film"]["atoms"] == round(40 * 40 * 10 * 0.1103075)
    assert ours["film"]["closest"]["C-C"] >= 1.4
    # twin and matrix share a plane of atoms: no two are closer than neighbours in gold
    assert ours["scene"]["closest"]["Au-Au"] == pytest.approx(4.0782 / 2**0.5, abs=1e-3)
    assert ours["scene"]["closest"]["Au-C"] >= 2.0
    # the edge, 43 Å, is a whole number of cells of 4.2 Å: up to half a cell more or less along three axes
    assert ours["merge"]["atoms"] == pytest.approx(5000, rel=3 * 2.1 / 43)
    assert found["ball"][2000]["ours"]["atoms"] == pytest.approx(2000, rel=0.03)
    assert 1e8 < found["floor"]["bytes_per_second"] < 1e12


def test_the_page_tells_all_of_it(found):
    page = module("build_vs_czone")._page(found)
    assert "| 100× |" in page
    assert "| random a-C film | C-C | 1.4 | 1.400 | 0.750 |" in page
    assert page.count("no czone") >= 4
    assert all(
        f"## {title}" in page for title in ("Smallest distances, Å", "Bytes moved, and growth from 10⁴ to 10⁷ atoms")
    )
