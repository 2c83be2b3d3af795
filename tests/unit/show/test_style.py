"""Scale bars, grey levels, axes and atomic writing, measured on rendered pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from construction_zone.errors import InvalidInput, StoreError
from construction_zone.show import style


def rendered(image, pixel_size, inches=4.0, dpi=100):
    """The grey levels (rows from the top) of `image` drawn edge to edge, and its nm per rendered pixel."""
    figure = style.canvas(inches, inches)
    axes = figure.add_axes((0, 0, 1, 1))
    style.image_axes(axes, image, pixel_size)
    figure.set_dpi(dpi)
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].mean(axis=2), image.shape[1] * pixel_size[1] / 10 / (inches * dpi)


@pytest.mark.parametrize(
    ("available", "length"), [(3.1, 2), (0.99, 0.5), (5, 5), (10, 10), (49.9, 20), (0.3, 0.2), (1, 1), (0.1, 0.1)]
)
def test_a_round_length_is_the_longest_that_fits(available, length):
    assert style.round_length(available) == pytest.approx(length)


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf")])
def test_a_field_without_width_has_no_scale_bar(bad):
    with pytest.raises(InvalidInput, match="wider than zero"):
        style.round_length(bad)


def test_the_scale_bar_is_as_long_as_it_says():
    image = np.tile([0.0, 0.0, 0.5, 1.0], (256, 64))
    image[:, :128] = 0.25
    grey, nm = rendered(image, (0.25, 0.25))
    lower = grey[int(0.9 * len(grey)) :, : grey.shape[1] // 2]
    longest = max((lower > 250).sum(axis=1))
    assert longest * nm == pytest.approx(style.round_length(0.3 * 6.4), abs=2 * nm)


def test_row_zero_is_at_the_bottom_and_column_zero_at_the_left():
    image = np.zeros((8, 8))
    image[0, 7] = 1
    grey, _ = rendered(image, (5.0, 5.0))
    assert grey[-20, -20] > 250
    assert grey[20, -20] < 5


def test_pixel_centres_lie_at_whole_steps():
    left, right, bottom, top = style.extent((3, 5), (2.0, 4.0))
    x, y = np.linspace(left, right, 11)[1::2], np.linspace(bottom, top, 7)[1::2]
    np.testing.assert_allclose(x, np.arange(5) * 0.4, atol=1e-12)
    np.testing.assert_allclose(y, np.arange(3) * 0.2, atol=1e-12)


def test_grey_limits_are_percentiles_that_a_few_hot_pixels_do_not_move():
    image = np.linspace(0, 1, 10_001)
    image[-20:] = 1e6
    assert style.grey_limits(image) == pytest.approx((0.005, 0.995), abs=1e-3)
    low, high = style.grey_limits(np.full((4, 4), 3.0))
    assert low < 3 < high


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    style.save(style.canvas(1, 1), path)
    before = path.read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="No space left"):
        style.save(style.canvas(2, 2), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        style.save(style.canvas(1, 1), tmp_path / "file" / "a.png")
    with pytest.raises(InvalidInput, match=r"\.png"):
        style.save(style.canvas(1, 1), tmp_path / "a.bmp")
