"""Contact sheets of real, if tiny, datasets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from construction_zone.dataset.generate import generate
from construction_zone.errors import InvalidInput, StoreError
from construction_zone.show import contact_sheet
from construction_zone.show.sheet import caption_of

RECIPE = {
    "version": 1,
    "seed": 5,
    "count": 3,
    "cell": [25.6, 19.2],
    "particles": {"crystal": "fcc Au", "radius": 5, "gap": 2},
    "simulation": {"sampling": 0.2, "phonons": None},
    "imaging": {"pixel_size": 0.4, "per_structure": 2, "defocus": {"uniform": [-80, 80]}, "dose": 1000},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp("sheet") / "dataset"
    generate(RECIPE, out, workers=1, progress=False)
    return out


def test_every_image_is_there_with_its_outline(dataset, tmp_path):
    facts = contact_sheet(dataset, tmp_path / "sheet.png", columns=3)
    assert facts == {"path": tmp_path / "sheet.png", "images": 6, "drawn": [0, 1, 2, 3, 4, 5]}
    with Image.open(tmp_path / "sheet.png") as file:
        picture = np.asarray(file.convert("RGB")).astype(float)
    outlined = picture[..., 0] - picture[..., 2] > 150
    rows, columns = np.array_split(outlined, 2, axis=0), 3
    for row in rows:
        assert all(panel.sum() > 100 for panel in np.array_split(row, columns, axis=1))
    assert picture.shape[1] > picture.shape[0]


def test_a_large_dataset_is_sampled_evenly(dataset, tmp_path):
    assert contact_sheet(dataset, tmp_path / "sheet.png", most=3)["drawn"] == [0, 2, 5]
    assert contact_sheet(dataset, tmp_path / "sheet.png", most=1)["drawn"] == [0]


def test_a_caption_says_structure_defocus_and_dose():
    record = {"structure": 7, "image": 0, "drawn": {"imaging.defocus": -102.3, "imaging.dose": 400.0}}
    assert caption_of(record) == "structure 7 · defocus −10.2 nm · 400 e⁻/Å²"
    record = {"structure": 7, "image": 2, "drawn": {"imaging.defocus": 55, "imaging.dose": None}}
    assert caption_of(record) == "structure 7, image 2 · defocus +5.5 nm · no noise"


def test_what_cannot_be_shown_is_said(dataset, tmp_path):
    with pytest.raises(StoreError, match="holds no dataset"):
        contact_sheet(tmp_path / "nothing", tmp_path / "sheet.png")
    with pytest.raises(InvalidInput, match="columns is 0"):
        contact_sheet(dataset, tmp_path / "sheet.png", columns=0)
    with pytest.raises(InvalidInput, match=r"\.png"):
        contact_sheet(dataset, tmp_path / "sheet.docx")
