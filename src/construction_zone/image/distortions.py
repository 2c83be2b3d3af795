"""Geometric distortions: one map of the image plane that warps image, labels and points alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Real

import numpy as np
import torch

from construction_zone import seeding
from construction_zone.errors import InvalidInput
from construction_zone.image.resample import Boundary, cubic, nearest

STEEPEST = 0.2
"""How much a random field may stretch (rms), where it would begin to fold the image over."""

WAVES = 64
"""Plane waves that make up a random field."""


@dataclass(frozen=True)
class Distortion:
    """A distortion of the image plane, about the middle of the image.

    What was at r − c comes to A·(r − c) + c + shift, and then moves by a smooth random field, with
    A = rotation · ellipse · shear · (1 + scale). The same map is used for images, masks and points, and on any grid.
    Distort the intensity before electrons are counted: interpolated noise is no longer noise of independent pixels.

    Parameters
    ----------
    scale
        relative error of the magnification: 0.02 makes everything 2 % larger.
    shear
        how far x moves for each unit of y.
    ellipse
        stretch along `azimuth`, (1 + e/2), with (1 − e/2) across: the elliptical distortion of projector lenses.
    azimuth
        degrees, from x towards y.
    rotation
        degrees, from x towards y.
    shift
        (y, x) in Å.
    field
        rms displacement of the smooth random field in Å, along each axis.
    correlation
        length over which the field is correlated, in Å: its correlation is exp(−r²/2ℓ²).
    seed
        of the field.

    Raises
    ------
    InvalidInput
        If a value has no meaning, or the map would fold the image over.
    """

    scale: float = 0.0
    shear: float = 0.0
    ellipse: float = 0.0
    azimuth: float = 0.0
    rotation: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    field: float = 0.0
    correlation: float = 50.0
    seed: int = 0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            for number in value if item.name == "shift" else (value,):
                if isinstance(number, bool) or not isinstance(number, Real) or not math.isfinite(number):
                    raise InvalidInput(f"Distortion: {item.name} is {value!r}; give finite numbers")
        if len(self.shift) != 2:
            raise InvalidInput(f"Distortion: shift is {self.shift!r}; give (y, x) in Å")
        if self.scale <= -1 or abs(self.ellipse) >= 2:
            raise InvalidInput(
                f"Distortion: scale {self.scale:g} or ellipse {self.ellipse:g} leaves nothing of the image; both are "
                "relative changes, such as 0.02"
            )
        if self.field < 0 or self.correlation <= 0:
            raise InvalidInput(
                f"Distortion: field is {self.field:g} Å over {self.correlation:g} Å; give zero or more, over a length"
            )
        if self.field / self.correlation > STEEPEST:
            raise InvalidInput(
                f"Distortion: a field of {self.field:g} Å over {self.correlation:g} Å folds the image over; give at "
                f"most {STEEPEST:g} of the correlation length"
            )
        seeding.sequence(self.seed)

    @property
    def matrix(self) -> np.ndarray:
        """A, which acts on columns (x, y)."""
        turn, stretch = _rotation(self.rotation), _rotation(self.azimuth)
        ellipse = stretch @ np.diag([1 + self.ellipse / 2, 1 - self.ellipse / 2]) @ stretch.T
        result: np.ndarray = turn @ ellipse @ np.array([[1, self.shear], [0, 1]]) * (1 + self.scale)
        return result

    def apply(
        self, image: torch.Tensor, pixel_size: tuple[float, float], boundary: Boundary = "mirror"
    ) -> torch.Tensor:
        """`image` warped, by cubic splines on the grid that it has.

        Parameters
        ----------
        image
            real (…, y, x).
        pixel_size
            (dy, dx) in Å.
        boundary
            what comes in from beyond the edge: "mirror", or "periodic" for an image of a periodic cell (see `inside`).

        Raises
        ------
        InvalidInput
            If the image is not real numbers.
        """
        if not image.is_floating_point():
            raise InvalidInput(f"an image of {image.dtype} cannot be interpolated; use apply_labels for labels")
        y, x = self._sources(image, pixel_size)
        return cubic(image, y, x, boundary)

    def apply_labels(
        self, mask: torch.Tensor, pixel_size: tuple[float, float], boundary: Boundary = "mirror"
    ) -> torch.Tensor:
        """`mask` (…, y, x), of any type, warped by the same map: each pixel takes the nearest old one's label."""
        y, x = self._sources(mask, pixel_size)
        return nearest(mask, y, x, boundary)

    def apply_points(self, points: np.ndarray, shape: tuple[int, int], pixel_size: tuple[float, float]) -> np.ndarray:
        """Where points (n, 2) as (x, y) in Å of an image of `shape` pixels have gone; they may have left the image."""
        middle = _middle(shape, pixel_size)
        straight = (np.asarray(points, float) - middle) @ self.matrix.T + middle + np.array(self.shift[::-1])
        if not self.field:
            return straight
        moved = straight
        for _ in range(100):  # moved = straight + field(moved); the field is a contraction
            before, moved = moved, straight + self._field(moved)
            if np.abs(moved - before).max(initial=0) < 1e-9:
                break
        return moved

    def inside(self, shape: tuple[int, int], pixel_size: tuple[float, float]) -> torch.Tensor:
        """Boolean (ny, nx): which pixels of the warped image show what was in the image, not what is beyond it."""
        y, x = self._sources(torch.empty(shape), pixel_size)
        return (y >= -0.5) & (y <= shape[0] - 0.5) & (x >= -0.5) & (x <= shape[1] - 0.5)

    def _sources(self, image: torch.Tensor, pixel_size: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
        """The place (y, x), in pixels, that each pixel of the warped image is taken from."""
        shape = (int(image.shape[-2]), int(image.shape[-1]))
        if len(pixel_size) != 2 or not all(math.isfinite(d) and d > 0 for d in pixel_size):
            raise InvalidInput(f"pixel_size is {pixel_size!r}; give (dy, dx) in Å above zero")
        y, x = np.arange(shape[0]) * pixel_size[0], np.arange(shape[1]) * pixel_size[1]
        points = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)
        middle = _middle(shape, pixel_size)
        if self.field:
            points = points - self._field_map(y, x)
        points = (points - middle - np.array(self.shift[::-1])) @ np.linalg.inv(self.matrix).T + middle
        places = torch.from_numpy(points).to(image.device)
        return places[..., 1] / pixel_size[0], places[..., 0] / pixel_size[1]

    def _waves(self) -> tuple[np.ndarray, np.ndarray]:
        """Wave vectors (2, WAVES, 2) as (x, y) and phases (2, WAVES) of the random field along x and y.

        It is a sum of plane waves so that it is the same on every grid, and at every point.
        """
        rng = seeding.generator(self.seed, "distortion field")
        return rng.standard_normal((2, WAVES, 2)) / self.correlation, rng.uniform(0, 2 * np.pi, (2, WAVES))

    def _field(self, points: np.ndarray) -> np.ndarray:
        """The random field (n, 2) at points (n, 2), as (x, y) in Å."""
        k, phases = self._waves()
        waves = np.cos(np.einsum("pc,awc->pwa", points, k) + phases.T)
        return np.asarray(waves.sum(1) * (self.field * math.sqrt(2 / WAVES)))

    def _field_map(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The random field (ny, nx, 2) on a grid; exp(i(k_y y + k_x x)) is a product, which saves the cosines."""
        k, phases = self._waves()
        along_x = np.exp(1j * (np.einsum("x,aw->awx", x, k[..., 0]) + phases[..., None]))
        along_y = np.exp(1j * np.einsum("y,aw->awy", y, k[..., 1]))
        both = np.einsum("awy,awx->ayx", along_y, along_x, optimize=True).real
        return np.asarray(np.moveaxis(both, 0, -1) * (self.field * math.sqrt(2 / WAVES)))


def _rotation(degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s], [s, c]])


def _middle(shape: tuple[int, int], pixel_size: tuple[float, float]) -> np.ndarray:
    """The middle of the extent, (x, y) in Å: the same on every grid of that extent."""
    return np.array([shape[1] * pixel_size[1] / 2, shape[0] * pixel_size[0] / 2])
