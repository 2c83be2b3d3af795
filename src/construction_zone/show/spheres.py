"""Atoms as lit spheres: a small depth-buffered renderer on numpy arrays.

Each atom covers the pixels of its disc with the height of its front surface; the highest atom wins a pixel. The cost
is (atoms) × (pixels per disc), in whole-array operations: 10⁵ atoms take a few seconds. Atoms whose centre lies
outside the picture are left out; centres are rounded to half a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LIGHT = np.array([-0.42, 0.62, 0.66])
"""Direction to the lamp in camera axes: right, up, towards the viewer."""

SUPERSAMPLE = 2
"""Rays per pixel and axis."""


@dataclass(frozen=True)
class Camera:
    """A parallel projection: rows of `axes` (3, 3) are right, up and towards the viewer in scene coordinates."""

    axes: NDArray

    def project(self, points: NDArray) -> NDArray:
        """Scene points (n, 3) in camera coordinates, Å."""
        return np.asarray(points, dtype=float) @ self.axes.T


def looking(azimuth: float, elevation: float) -> Camera:
    """A camera turned by `azimuth` degrees about +z and raised by `elevation` degrees; z stays upright.

    Azimuth 0 and elevation 0 look along +y: x points right and z up. Elevation 90 looks along −z: x right, y up.
    """
    a, e = math.radians(azimuth), math.radians(elevation)
    right = np.array([math.cos(a), math.sin(a), 0.0])
    back = np.array([math.sin(a), -math.cos(a), 0.0])
    toward = math.cos(e) * back + math.sin(e) * np.array([0.0, 0.0, 1.0])
    return Camera(np.stack([right, np.cross(toward, right), toward]))


def render(
    points: NDArray, radii: NDArray, colours: NDArray, extent: tuple[float, float, float, float], pixel: float
) -> NDArray:
    """A picture of spheres, (height, width, 4) float RGBA in 0…1 with its origin at the lower left.

    Parameters
    ----------
    points
        (n, 3) centres in camera coordinates (right, up, towards the viewer), Å.
    radii, colours
        (n,) in Å and (n, 3) RGB.
    extent
        left, right, bottom, top of the picture, Å.
    pixel
        Size of a pixel, Å.
    """
    left, right, bottom, top = extent
    fine = pixel / SUPERSAMPLE
    rows = SUPERSAMPLE * max(1, round((top - bottom) / pixel))
    columns = SUPERSAMPLE * max(1, round((right - left) / pixel))
    centres = np.column_stack([points[:, 0] - left, points[:, 1] - bottom, points[:, 2]]) / fine
    centres[:, :2] = np.floor(centres[:, :2])
    winner = _front(centres, np.asarray(radii, dtype=float) / fine, (rows, columns))
    shade = np.zeros((rows, columns, 4))
    hit = winner >= 0
    if hit.any():
        atom = winner[hit]
        radius = radii[atom] / fine
        row, column = np.nonzero(hit)
        x, y = (column - centres[atom, 0]) / radius, (row - centres[atom, 1]) / radius
        normal = np.column_stack([x, y, np.sqrt(np.clip(1 - x**2 - y**2, 0, None))])
        height = np.zeros((rows, columns))
        height[hit] = (centres[atom, 2] + normal[:, 2] * radius) * fine
        lit = _lamp(colours[atom], normal) * _shadow(height, hit, fine)[hit][:, None]
        shade[hit] = np.column_stack([np.clip(lit, 0, 1), np.ones(len(atom))])
    return _averaged(shade)


def _front(centres: NDArray, radii: NDArray, shape: tuple[int, int]) -> NDArray:
    """Which sphere is in front at each pixel, (rows, columns), −1 where none is; lengths in pixels, x and y whole.

    A pixel keeps the largest of (height of the surface, number of the atom), packed into one integer.
    """
    rows, columns = shape
    margin = math.ceil(float(radii.max())) + 1 if len(radii) else 0
    stride = columns + 2 * margin
    front = np.full((rows + 2 * margin) * stride, -1, dtype=np.int64)
    x, y = centres[:, 0].astype(np.int64) + margin, centres[:, 1].astype(np.int64) + margin
    atoms = np.flatnonzero((x >= margin) & (x < columns + margin) & (y >= margin) & (y < rows + margin))
    if len(atoms):
        floor = float((centres[atoms, 2] - radii[atoms]).min())
        scale = 2.0**30 / max(float((centres[atoms, 2] + radii[atoms]).max()) - floor, 1e-9)
        for radius in np.unique(radii[atoms]):
            some = atoms[radii[atoms] == radius]
            place = y[some] * stride + x[some]
            packed = ((centres[some, 2] - floor) * scale).astype(np.int64) << 32 | some
            reach = math.floor(radius)
            for j in range(-reach, reach + 1):
                for i in range(-reach, reach + 1):
                    rise = radius**2 - i**2 - j**2
                    if rise >= 0:
                        np.maximum.at(front, place + (j * stride + i), packed + (int(math.sqrt(rise) * scale) << 32))
    front = front.reshape(rows + 2 * margin, stride)[margin : margin + rows, margin : margin + columns]
    return np.where(front >= 0, front & 0xFFFFFFFF, -1)


def _lamp(colours: NDArray, normal: NDArray) -> NDArray:
    """Colours (n, 3) under one lamp and some daylight (Blinn–Phong)."""
    light = LIGHT / np.linalg.norm(LIGHT)
    half = light + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    diffuse = np.clip(normal @ light, 0, None)[:, None]
    gloss = np.clip(normal @ half, 0, None)[:, None] ** 40
    rim = 0.72 + 0.28 * np.clip(normal[:, 2:], 0, None) ** 0.5
    return (colours * (0.42 + 0.68 * diffuse)) * rim + 0.22 * gloss


def _shadow(height: NDArray, hit: NDArray, pixel: float) -> NDArray:
    """Darkening of what lies below its surroundings, in 0…1: two widths of blurred height (Å) minus the height.

    The depth darkening of Luft, Colditz & Deussen, ACM Trans. Graph. 25, 1206 (2006).
    """
    light = np.ones_like(height)
    for width, strength in ((1.2, 0.55), (6.0, 0.25)):
        sigma = width / pixel
        weight = ndimage.gaussian_filter(hit.astype(float), sigma, truncate=2)
        around = ndimage.gaussian_filter(np.where(hit, height, 0), sigma, truncate=2)
        below = np.where(hit, around / np.maximum(weight, 1e-6) - height, 0)
        light *= 1 - strength * np.clip(below / (2 * width), 0, 1)
    return light


def _averaged(shade: NDArray) -> NDArray:
    """Mean of each block of rays, with colours weighted by their coverage."""
    rows, columns, n = shade.shape[0] // SUPERSAMPLE, shade.shape[1] // SUPERSAMPLE, SUPERSAMPLE
    blocks = shade.reshape(rows, n, columns, n, 4)
    alpha = blocks[..., 3].mean(axis=(1, 3))
    colour = (blocks[..., :3] * blocks[..., 3:]).mean(axis=(1, 3)) / np.maximum(alpha, 1e-9)[..., None]
    return np.concatenate([colour, alpha[..., None]], axis=2)
