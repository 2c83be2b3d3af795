"""Images on other grids: band-limited pixel sizes, crops, and cubic splines between the pixels."""

from __future__ import annotations

import math
from typing import Literal

import torch

from construction_zone.errors import InvalidInput

Boundary = Literal["mirror", "periodic"]
"""What lies beyond the edge of an image: its mirror image about the outermost pixels, or the image again."""


def resampled(image: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """The band-limited image of the same extent on a grid `shape`: its spectrum cropped, or padded with zeros.

    Pixel 0 stays where it is and the mean is kept. What both grids carry is not changed; what the coarser grid cannot
    carry is taken out, not folded back. The image is taken as periodic.

    Parameters
    ----------
    image
        real (…, y, x).
    shape
        (ny, nx).
    """
    if min(shape) < 1 or any(int(n) != n for n in shape):
        raise InvalidInput(f"shape is {shape}; give two whole numbers of pixels, 1 or more")
    spectrum = torch.fft.fft2(image, norm="forward")
    for axis, new in zip((-2, -1), shape, strict=True):
        old = spectrum.shape[axis]
        if new == old:
            continue
        small = min(new, old)
        both = torch.arange(-((small - 1) // 2), (small - 1) // 2 + 1, device=image.device)
        size = list(spectrum.shape)
        size[axis] = new
        wanted = spectrum.new_zeros(size)
        kept = spectrum.index_select(axis, both % old)
        wanted = wanted.index_copy(axis, both % new, kept)
        if small % 2 == 0:
            # the wave that the smaller grid samples twice a period is a cosine: half of it on either side
            half = torch.tensor([small // 2], device=image.device)
            edge = spectrum.index_select(axis, half % old)
            if new > old:
                wanted = wanted.index_copy(axis, half, edge / 2).index_copy(axis, new - half, edge / 2)
            else:
                wanted = wanted.index_copy(axis, half, edge + spectrum.index_select(axis, old - half))
        spectrum = wanted
    return torch.fft.ifft2(spectrum, norm="forward").real


def cropped(image: torch.Tensor, corner: tuple[int, int], shape: tuple[int, int]) -> torch.Tensor:
    """The part of `image` (…, y, x) of `shape` pixels that begins at pixel `corner` (y, x); for masks alike.

    Raises
    ------
    InvalidInput
        If it reaches beyond the image.
    """
    for begin, size, there in zip(corner, shape, image.shape[-2:], strict=True):
        if begin < 0 or size < 1 or begin + size > there:
            raise InvalidInput(
                f"a crop of {shape} pixels from {corner} reaches beyond an image of {tuple(image.shape[-2:])}"
            )
    return image[..., corner[0] : corner[0] + shape[0], corner[1] : corner[1] + shape[1]]


def cubic(image: torch.Tensor, y: torch.Tensor, x: torch.Tensor, boundary: Boundary) -> torch.Tensor:
    """`image` (…, ny, nx) between its pixels, by the cubic B-spline that goes through them.

    The spline's coefficients are found with transforms (M. Unser, IEEE Signal Processing Magazine 16 (6), 22 (1999)).
    It passes waves of up to half the Nyquist frequency to within 1 %; differentiable in the image and the places.

    Parameters
    ----------
    image
        real (…, ny, nx).
    y, x
        places in pixels, each of shape (my, mx).
    boundary
        what lies beyond the edge.

    Returns
    -------
    (…, my, mx).
    """
    if boundary == "mirror":
        image = torch.cat((image, image[..., 1:-1, :].flip(-2)), -2)
        image = torch.cat((image, image[..., :, 1:-1].flip(-1)), -1)
    height, width = image.shape[-2:]
    ky = torch.arange(height, device=image.device, dtype=image.dtype) * (2 * math.pi / height)
    kx = torch.arange(width // 2 + 1, device=image.device, dtype=image.dtype) * (2 * math.pi / width)
    spline = ((2 + torch.cos(ky)) / 3)[:, None] * ((2 + torch.cos(kx)) / 3)[None, :]
    weights = torch.fft.irfft2(torch.fft.rfft2(image) / spline, s=(height, width))
    flat = weights.reshape(*image.shape[:-2], height * width)
    row, column = torch.floor(y), torch.floor(x)
    along_y, along_x = _basis((y - row).to(image.dtype)), _basis((x - column).to(image.dtype))
    total = torch.zeros((*image.shape[:-2], *y.shape), dtype=image.dtype, device=image.device)
    rows = [(row.long() + i - 1) % height * width for i in range(4)]
    columns = [(column.long() + j - 1) % width for j in range(4)]
    for at_y, part_y in zip(rows, along_y, strict=True):
        for at_x, part_x in zip(columns, along_x, strict=True):
            values = flat.index_select(-1, (at_y + at_x).reshape(-1)).unflatten(-1, y.shape)
            total = total + values * (part_y * part_x)
    return total


def nearest(mask: torch.Tensor, y: torch.Tensor, x: torch.Tensor, boundary: Boundary) -> torch.Tensor:
    """The value of `mask` (…, ny, nx), of any type, at the pixels nearest to places (my, mx)."""
    ny, nx = mask.shape[-2:]
    return mask[..., _folded(y.round().long(), ny, boundary), _folded(x.round().long(), nx, boundary)]


def _folded(index: torch.Tensor, size: int, boundary: Boundary) -> torch.Tensor:
    if boundary == "periodic" or size == 1:
        return index % size
    index = index % (2 * size - 2)
    return torch.minimum(index, 2 * size - 2 - index)


def _basis(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The cubic B-spline's weights of the four pixels around a place `t` beyond the second of them."""
    return (
        (1 - t) ** 3 / 6,
        (4 - 6 * t**2 + 3 * t**3) / 6,
        (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6,
        t**3 / 6,
    )
