"""Image files, read back by other readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from construction_zone.errors import InvalidInput, StoreError
from construction_zone.image import Micrograph, Microscope
from construction_zone.image import micrograph as files


def ramp(*lead: int) -> Micrograph:
    """Dark at y = 0, bright at the largest y, with the x axis half as strong."""
    y, x = np.mgrid[0:40, 0:60]
    array = torch.from_numpy(np.broadcast_to(2.0 * y + 0.1 * x, (*lead, 40, 60)).astype(np.float32))
    return Micrograph(array, (0.25, 0.2), 400.0, Microscope(dose=400))


def test_png_has_its_origin_at_the_lower_left(tmp_path: Path) -> None:
    path = ramp().save(tmp_path / "image.png")
    with Image.open(path) as picture:
        assert picture.mode == "L"
        pixels = np.asarray(picture)
    assert pixels.shape == (40, 60)
    assert pixels[-1, 0] == pixels.min() == 0
    assert pixels[0, -1] == pixels.max() == 255


def test_png_is_stretched_between_percentiles_not_extremes(tmp_path: Path) -> None:
    image = ramp()
    array = image.array.clone()
    array[5, 5] = 1e6
    path = Micrograph(array, image.pixel_size, None, image.microscope).save(tmp_path / "spike.png")
    assert np.asarray(Image.open(path)).mean() > 100


def test_counts_of_16_bits_stay_16_bits(tmp_path: Path) -> None:
    image = ramp()
    counts = Micrograph(image.array.to(torch.uint16), image.pixel_size, 400.0, image.microscope)
    for name, read in (("image.tif", tifffile.imread), ("image.npy", np.load)):
        found = read(counts.save(tmp_path / name))
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, counts.numpy())
    with Image.open(counts.save(tmp_path / "image.png")) as picture:
        assert np.ptp(np.asarray(picture)) == 255


def test_png_of_one_value_is_grey(tmp_path: Path) -> None:
    path = Micrograph(torch.ones(8, 8), (0.2, 0.2), None, Microscope()).save(tmp_path / "flat.png")
    assert np.unique(np.asarray(Image.open(path))).tolist() == [128]


@pytest.mark.parametrize("lead", [(), (3,)])
def test_tif_keeps_values_and_says_the_pixel_size_as_imagej_does(tmp_path: Path, lead: tuple[int, ...]) -> None:
    image = ramp(*lead)
    path = image.save(tmp_path / "image.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        np.testing.assert_array_equal(file.asarray(), image.numpy())
        assert file.imagej_metadata["unit"] == "nm"
        tags = file.pages[0].tags
        for name, step in (("XResolution", 0.2), ("YResolution", 0.25)):
            numerator, denominator = tags[name].value
            assert denominator / numerator * 10 == pytest.approx(step)


def test_npy_keeps_the_array(tmp_path: Path) -> None:
    path = ramp(2, 3).save(tmp_path / "image.npy")
    np.testing.assert_array_equal(np.load(path), ramp(2, 3).numpy())


def test_an_existing_file_is_replaced_and_nothing_else_left(tmp_path: Path) -> None:
    path = tmp_path / "image.npy"
    path.write_text("old")
    ramp().save(path)
    assert np.load(path).shape == (40, 60)
    assert [p.name for p in tmp_path.iterdir()] == ["image.npy"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.npy"
    path.write_text("old")

    def full(file, array) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.np, "save", full)
    with pytest.raises(StoreError, match="No space left on device"):
        ramp().save(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["image.npy"]


def test_paths_and_shapes_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"end the name in \.png"):
        ramp().save(tmp_path / "image.jpg")
    with pytest.raises(StoreError, match=r"cannot write .*No such file or directory"):
        ramp().save(tmp_path / "nowhere" / "image.png")
    with pytest.raises(InvalidInput, match="one image"):
        ramp(2).save(tmp_path / "stack.png")
    with pytest.raises(InvalidInput, match="stack"):
        ramp(2, 2).save(tmp_path / "stack.tif")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(StoreError, match="directory"):
        ramp().save(tmp_path / "folder.npy")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.npy"]
