"""The gallery: every prefab has a picture that its script draws and a paragraph that is short."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from construction_zone.build.prefabs import PREFABS
from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.recipe import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")


def script():
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "examples" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GALLERY = script()


def test_every_picture_is_of_a_prefab_and_has_a_place():
    assert set(GALLERY.PICTURES) == {*PREFABS, "rest", "scatter"}
    shown = re.findall(r"\]\(images/gallery/(\w+)\.png\)", PAGE)
    assert sorted(shown) == sorted(GALLERY.PICTURES)


def test_pictures_are_small_and_paragraphs_short():
    for name in GALLERY.PICTURES:
        assert 3_000 < (ROOT / "docs" / "images" / "gallery" / f"{name}.png").stat().st_size < 150_000, name
    for section in re.split(r"^#+ .*$", PAGE, flags=re.MULTILINE)[2:]:
        assert len([line for line in section.splitlines() if line.strip() and not line.startswith("![")]) <= 10


@pytest.mark.parametrize("name", ["wulff", "nanotube"])
def test_some_pictures_are_drawn(name, tmp_path):
    GALLERY.main(tmp_path, [name])
    assert (tmp_path / f"{name}.png").stat().st_size > 3_000


def test_the_how_to_page_can_be_followed(tmp_path):
    page = (ROOT / "docs" / "how-to" / "prefabs_in_recipes.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(python|yaml)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["python", "yaml", "yaml"]
    exec(compile(blocks[0][1], "page", "exec"), {})
    for _, text in blocks[1:]:
        (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
        recipe = load(tmp_path / "recipe.yaml")
        for index in range(2):
            built = build_structure(recipe, index)
            assert len(built.particles) == sum(built.drawn[f"{path}.count"] for path, _ in recipe.groups)


@pytest.mark.slow
def test_all_pictures_are_drawn(tmp_path):
    GALLERY.main(tmp_path, [])
    assert {path.stem for path in tmp_path.iterdir()} == set(GALLERY.PICTURES)
