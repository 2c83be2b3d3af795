"""What an image shows of its cell: all of it, or a crop with pixels of a size of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from construction_zone.label.truth import Truth
    from construction_zone.simulate import Grid


@dataclass(frozen=True)
class View:
    """The part of its cell that an image shows.

    A crop is brought to the middle of the cell, as the stage would bring it there, before anything is distorted or
    recorded: the camera covers the whole cell, and the crop is cut out of its image. The cell repeats, so that a crop
    may lie across its edge.

    Attributes
    ----------
    asked
        size of the pixels asked for, in Å; `pixels` has the nearest that divides the cell.
    pixels
        grid of the image of the whole cell.
    shape
        (ny, nx) of the image.
    corner
        row and column of the whole image at which it begins.
    """

    asked: float
    pixels: Grid
    shape: tuple[int, int]
    corner: tuple[int, int] = (0, 0)

    @classmethod
    def whole(cls, waves: Grid, pixel_size: float) -> View:
        """The whole cell of waves on the grid `waves`."""
        from construction_zone.image.form import image_grid

        pixels = image_grid(waves, pixel_size)
        return cls(pixel_size, pixels, pixels.shape)

    @classmethod
    def crop(cls, waves: Grid, pixel_size: float, shape: tuple[int, int], middle: tuple[float, float]) -> View:
        """A crop of `shape` whose middle lies at `middle` (y, x), in shares of the cell.

        Raises `InvalidInput` if the cell is smaller, or the waves do not carry such pixels.
        """
        found = cls.whole(waves, pixel_size)
        there = found.pixels.shape
        if shape[0] > there[0] or shape[1] > there[1]:
            raise InvalidInput(
                f"a crop of {shape[0]} × {shape[1]} pixels of {pixel_size:g} Å is larger than the cell, which has "
                f"{there[0]} × {there[1]}; take fewer or smaller pixels"
            )
        corner = [int(np.floor(m * n - size / 2 + 1e-9)) % n for m, n, size in zip(middle, there, shape, strict=True)]
        return cls(pixel_size, found.pixels, shape, (corner[0], corner[1]))

    @property
    def step(self) -> tuple[float, float]:
        """(dy, dx) of the pixels in Å."""
        return self.pixels.sampling

    @property
    def roll(self) -> tuple[int, int]:
        """Rows and columns by which the crop is brought to the middle of the cell."""
        return self._first[0] - self.corner[0], self._first[1] - self.corner[1]

    @property
    def shift(self) -> tuple[float, float]:
        """The same in Å."""
        return self.roll[0] * self.step[0], self.roll[1] * self.step[1]

    @property
    def _first(self) -> tuple[int, int]:
        (ny, nx), (rows, columns) = self.pixels.shape, self.shape
        return (ny - rows) // 2, (nx - columns) // 2

    @property
    def made(self) -> dict[str, Any]:
        """What the record of an image tells of its crop: ``pixel_size`` (dy, dx) and ``corner`` (y, x) in Å."""
        return {
            "pixel_size": list(self.step),
            "corner": [k * d for k, d in zip(self.corner, self.step, strict=True)],
        }

    def rolled(self, label: NDArray[Any]) -> NDArray[Any]:
        """A label (…, y, x) of the whole cell with the crop in its middle."""
        return np.roll(label, self.roll, axis=(-2, -1)) if any(self.roll) else label

    def cut(self, label: NDArray[Any]) -> NDArray[Any]:
        """The crop of what was brought to the middle."""
        if self.shape == self.pixels.shape:
            return label
        (row, column), (ny, nx) = self._first, self.shape
        return np.ascontiguousarray(label[..., row : row + ny, column : column + nx])

    def cut_truth(self, truth: Truth) -> Truth:
        """The same of labels that were brought to the middle."""
        return truth if self.shape == self.pixels.shape else truth.cropped(self._first, self.shape)


def crop_of(own: Mapping[str, Any], shape: list[int], waves: Grid, pixel_size: float) -> View:
    """The crop that settings without the prefix ``imaging.`` ask for, with pixels of `pixel_size` by default."""
    size = pixel_size if own["crop.pixel_size"] is None else own["crop.pixel_size"]
    return View.crop(waves, size, (shape[0], shape[1]), (own["crop.y"], own["crop.x"]))
