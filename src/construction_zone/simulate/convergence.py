"""How many frozen-phonon configurations an image needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.errors import InvalidInput
from construction_zone.simulate.run import exit_waves
from construction_zone.simulate.waves import ExitWaves


@dataclass(frozen=True)
class Convergence:
    """How the mean image over configurations settles.

    Attributes
    ----------
    configurations
        as many as are needed for `change`, or None if `most` were not enough.
    error
        (n,) what is left after 1 … n configurations: the standard error of the mean, rms over the pixels, over the
        standard deviation of the mean image.
    """

    configurations: int | None
    error: NDArray[np.float64]


def phonons_needed(
    atoms: ase.Atoms,
    change: float,
    *,
    image: Callable[[ExitWaves], NDArray[np.floating]] | None = None,
    most: int = 64,
    step: int = 4,
    **settings: Any,
) -> Convergence:
    """How many configurations it takes until the rest would change the image of `atoms` by less than `change`.

    Parameters
    ----------
    change
        rms over the pixels, in units of the standard deviation of the image (0.05 is 5 % of its contrast).
    image
        makes the noiseless image (y, x) of one configuration's waves, such as
        ``lambda waves: scope.image(waves, pixel_size=0.2).numpy()``; default: |ψ|² at the exit face.
    most
        configurations tried at most; `step` at a time.
    settings
        those of `exit_waves`, without phonons.
    """
    if not (np.isfinite(change) and change > 0):
        raise InvalidInput(f"change is {change!r}; give a part of the image's contrast, such as 0.05")
    if most < 2 or step < 1:
        raise InvalidInput(f"most is {most!r} and step {step!r}; give at least 2 and 1 configurations")
    form = image or (lambda waves: waves.array.abs().square().mean(dim=-3).to(torch.float64).cpu().numpy())
    total = square = None
    errors: list[float] = []
    for start in range(0, most, step):
        stop = min(start + step, most)
        waves = exit_waves(atoms, phonons=range(start, stop), **settings)
        for k in range(stop - start):
            one = np.asarray(form(waves.only_configuration(k)), dtype=np.float64)
            total = one if total is None else total + one
            square = one**2 if square is None else square + one**2
            n = len(errors) + 1
            mean = total / n
            spread = np.maximum(square / n - mean**2, 0).mean() * n / max(n - 1, 1)
            errors.append(np.inf if n == 1 else float(np.sqrt(spread / n) / mean.std()))
            if errors[-1] < change:
                return Convergence(n, np.array(errors))
    return Convergence(None, np.array(errors))
