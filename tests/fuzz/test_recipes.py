"""Thousands of bad recipe files: each ends in a clear error or in a recipe that can be drawn from, and soon."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import RECIPES, mutants  # type: ignore[import-not-found]

from construction_zone.dataset.draw import draw_image, draw_structure
from construction_zone.dataset.recipe import load
from construction_zone.errors import ConstructionZoneError

SECONDS = 5.0


class Hang(BaseException):
    """It took too long."""


@contextmanager
def soon(seconds=SECONDS):
    """Raise `Hang` when the body takes more processor time than that."""

    def too_long(*_):
        raise Hang

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def ending(path):
    """How the recipe file `path` ends: refused, with its message; or drawn from, or impossible to draw from."""
    with soon():
        try:
            recipe = load(path)
        except ConstructionZoneError as error:
            return "refused" if 10 < len(str(error)) < 20_000 else "refused without a word, or with too many"
        assert load(path).digest() == recipe.digest()
        try:
            draw_structure(recipe, 0)
            draw_image(recipe, 0, 0)
        except ConstructionZoneError:
            return "impossible"
    return "drawn"


def endings(folder, files):
    """Every way in which `files` end, with the bad ones by number."""
    found, bad, path = Counter(), {}, folder / "recipe.yaml"
    for ready in RECIPES:  # some extend each other
        shutil.copy(ready, folder)
    there = {"recipe.yaml", *(ready.name for ready in RECIPES)}
    for number, data in enumerate(files):
        path.write_bytes(data)
        try:
            found[ending(path)] += 1
        except Hang:
            bad[number] = "took too long"
        except Exception as error:
            bad[number] = f"{type(error).__name__}: {str(error)[:200]}"
    assert {p.name for p in folder.iterdir()} == there, "something was written"
    assert set(found) <= {"refused", "impossible", "drawn"}
    return found, bad


def test_ready_recipes_are_the_ground_that_is_mutated(tmp_path):
    assert RECIPES
    found, bad = endings(tmp_path, [path.read_bytes() for path in RECIPES])
    assert bad == {}
    assert found["refused"] == 0


def test_some_mutated_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, bad = endings(tmp_path, mutants(300))
    assert bad == {}
    assert found["refused"] > 100
    assert found["drawn"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_mutated_recipes(tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    found, bad = endings(tmp_path, mutants(2000, seed))
    assert bad == {}
    assert found["refused"] > 500
    assert found["drawn"] > 100
    print(dict(found))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    assert ending(path) in ("refused", "impossible", "drawn")


texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(["version", "cell", "particles", "substrate", "imaging", "seed"]), texts))
def test_any_mapping(data):
    with soon(), suppress(ConstructionZoneError):
        load(data)


@pytest.mark.parametrize("where", ["/dev/null", "/proc/self/mem", "."])
def test_what_is_no_file_of_text_is_refused(where):
    with soon(), pytest.raises(ConstructionZoneError):
        load(Path(where))
