"""A micrograph and the files it is written to."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from construction_zone.errors import InvalidInput, StoreError

if TYPE_CHECKING:
    from construction_zone.image.microscope import Microscope

STRETCH = (0.1, 99.9)
"""Percentiles of an image that a PNG shows as black and white."""


@dataclass(frozen=True, eq=False)
class Micrograph:
    """An image and how it was taken.

    Parameters
    ----------
    array
        (…, y, x), float32: electrons per pixel if there is a dose, else intensity with vacuum 1; counts, float32 or
        uint16, where the detector delivers them.
    pixel_size
        (dy, dx) in Å; pixel i is centred at i·dx.
    dose
        electrons per Å², or None for an image without noise.
    microscope
        what it was taken with.
    """

    array: torch.Tensor
    pixel_size: tuple[float, float]
    dose: float | None
    microscope: Microscope

    @property
    def extent(self) -> tuple[float, float]:
        """(Ly, Lx) in Å."""
        return (self.array.shape[-2] * self.pixel_size[0], self.array.shape[-1] * self.pixel_size[1])

    def numpy(self) -> np.ndarray:
        """The image as a numpy array (…, y, x)."""
        result: np.ndarray = self.array.detach().cpu().numpy()
        return result

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the image to `path`; what it is written as, its suffix says.

        ``.png``: 8 bits, stretched from the 0.1 to the 99.9 percentile, the origin at the lower left. ``.tif``: float32
        (uint16 if that is what it holds) with the pixel size where ImageJ finds it (in nm), rows in array order (y = 0
        first). ``.npy``: the array. The file appears whole or not at all.

        Raises
        ------
        InvalidInput
            If the suffix is not one of these, or the shape does not fit it.
        StoreError
            If the path cannot be written.
        """
        path = Path(path)
        writers: dict[str, Callable[[Path], None]] = {
            ".png": self._write_png,
            ".tif": self._write_tif,
            ".tiff": self._write_tif,
            ".npy": self._write_npy,
        }
        if path.suffix.lower() not in writers:
            raise InvalidInput(f"cannot write {path.name!r} as an image; end the name in .png, .tif or .npy")
        _replace(path, writers[path.suffix.lower()])
        return path

    def _write_png(self, path: Path) -> None:
        from PIL import Image

        if self.array.ndim != 2:
            raise InvalidInput(
                f"a .png holds one image, this is {tuple(self.array.shape)}; pick one, or write .tif or .npy"
            )
        Image.fromarray(stretched(self.numpy())[::-1]).save(path, format="PNG")

    def _write_tif(self, path: Path) -> None:
        import tifffile

        if self.array.ndim not in (2, 3):
            raise InvalidInput(
                f"a .tif holds an image or a stack, this is {tuple(self.array.shape)}; write .npy instead"
            )
        pixels_per_nm = (10 / self.pixel_size[1], 10 / self.pixel_size[0])
        image = self.numpy()
        if image.dtype != np.uint16:
            image = image.astype(np.float32)
        tifffile.imwrite(path, image, imagej=True, resolution=pixels_per_nm, metadata={"unit": "nm"})

    def _write_npy(self, path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, self.numpy())


def stretched(image: np.ndarray, percentiles: tuple[float, float] = STRETCH) -> np.ndarray:
    """`image` as uint8, linear between two of its percentiles; an image of one value is mid-grey."""
    low, high = np.percentile(image, percentiles)
    if not high > low:
        return np.full(image.shape, 128, np.uint8)
    levels: np.ndarray = np.clip((image - low) / (high - low) * 255 + 0.5, 0, 255)
    return levels.astype(np.uint8)


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    """Have `write` make a file beside `path`, then put it in its place."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"cannot write {path} ({reason}); nothing was left there, give another place") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
