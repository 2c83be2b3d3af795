"""Dose-fractionated stacks: many short exposures of a drifting image, and their sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import numpy as np
import torch

from construction_zone import seeding
from construction_zone.errors import InvalidInput
from construction_zone.image.detector import Detector
from construction_zone.simulate.grid import Grid


def drift_path(frames: int, drift: tuple[float, float], jitter: float = 0.0, seed: seeding.Seed = 0) -> np.ndarray:
    """Where the image is at the beginning and end of each frame: (frames + 1, 2) as (y, x) in Å, from (0, 0).

    Parameters
    ----------
    frames
        how many.
    drift
        (y, x) in Å from the beginning of the first frame to the end of the last, at constant speed.
    jitter
        standard deviation in Å, along each axis, of a random step added between the ends of successive frames.
    seed
        of the jitter.
    """
    if isinstance(frames, bool) or not isinstance(frames, int) or frames < 1:
        raise InvalidInput(f"frames is {frames!r}; give a whole number, 1 or more")
    numbers = (*drift, jitter)
    if len(drift) != 2 or not all(isinstance(v, Real) and math.isfinite(v) for v in numbers) or jitter < 0:
        raise InvalidInput(f"drift is {drift!r} and jitter {jitter!r}; give (y, x) in Å, and zero or more")
    steps = np.outer(np.linspace(0, 1, frames + 1), drift)
    steps[1:] += np.cumsum(jitter * seeding.generator(seed, "drift").standard_normal((frames, 2)), axis=0)
    return steps


def shifted(
    image: torch.Tensor, extent: tuple[float, float], begin: Sequence[float], end: Sequence[float] | None = None
) -> torch.Tensor:
    """A periodic image (…, y, x), moved by `begin`, or blurred over the straight way from `begin` to `end` ((y, x), Å).

    Done in the spectrum, so a shift is exact; the way multiplies it by sinc(k·(end − begin)).
    """
    ny, nx = image.shape[-2:]
    ky = torch.fft.fftfreq(ny, extent[0] / ny, dtype=torch.float64, device=image.device)[:, None]
    kx = torch.fft.rfftfreq(nx, extent[1] / nx, dtype=torch.float64, device=image.device)[None, :]
    end = begin if end is None else end
    turns = ky * ((begin[0] + end[0]) / 2) + kx * ((begin[1] + end[1]) / 2)
    blur = torch.sinc(ky * (end[0] - begin[0]) + kx * (end[1] - begin[1]))
    spectrum = torch.fft.rfft2(image)
    return torch.fft.irfft2(
        spectrum * torch.polar(blur.abs(), -2 * math.pi * turns + math.pi * (blur < 0)).to(spectrum), s=(ny, nx)
    )


def movie(
    intensity: torch.Tensor,
    pixels: Grid,
    dose: float,
    path: np.ndarray,
    detector: Detector | None = None,
    seed: seeding.Seed = 0,
) -> torch.Tensor:
    """Frames of equal dose while the image moves along `path`; each is blurred by its own motion.

    Parameters
    ----------
    intensity
        real (…, My, Mx), vacuum = 1, periodic, on a grid that is a whole multiple of that of `pixels`.
    pixels
        grid of the frames.
    dose
        of the whole stack, in electrons per Å².
    path
        (frames + 1, 2), see `drift_path`.
    detector
        None for an ideal counter.
    seed
        each frame has noise of its own.

    Returns
    -------
    (frames, …, ny, nx); the image of the whole exposure is the sum over frames.
    """
    path = np.asarray(path, float)
    if path.ndim != 2 or path.shape[1] != 2 or len(path) < 2 or not np.isfinite(path).all():
        raise InvalidInput(f"path has the shape {path.shape}; give (frames + 1, 2) finite places (y, x) in Å")
    if not (isinstance(dose, Real) and math.isfinite(dose) and dose > 0):
        raise InvalidInput(f"dose is {dose!r}; give electrons per Å² above zero, for the whole stack")
    camera = Detector() if detector is None else detector
    frames = len(path) - 1
    return torch.stack(
        [
            camera.record(
                shifted(intensity, pixels.extent, path[i], path[i + 1]),
                pixels,
                dose / frames,
                seeding.child(seed, "frame", i),
            )
            for i in range(frames)
        ]
    )


def aligned_sum(frames: torch.Tensor, pixels: Grid, path: np.ndarray) -> torch.Tensor:
    """The sum of frames (frames, …, y, x) after each was moved back from the middle of its part of `path`."""
    path = np.asarray(path, float)
    if path.shape != (len(frames) + 1, 2):
        raise InvalidInput(f"path has the shape {path.shape}; {len(frames)} frames need {(len(frames) + 1, 2)}")
    middles = (path[:-1] + path[1:]) / 2
    moved = [shifted(f.double(), pixels.extent, -m) for f, m in zip(frames, middles, strict=True)]
    return torch.stack(moved).sum(0)
