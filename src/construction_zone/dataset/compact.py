"""Exit waves in fewer bits: rounded to steps so small that electron counting hides them.

Real and imaginary parts are rounded to multiples of a power of two, after dither: uniform random numbers of one step's
width are added first, so that the mean of the error is zero whatever the wave, and it is white where the wave is smooth
(Gray & Stockham, IEEE Trans. Inf. Theory 39, 805 (1993)). What is left is a complex wave of few significant bits, which
the compression of the store shrinks, and which every reader of complex numbers reads.

The budget: the error of either part has a variance of step² f(1 − f), with f the place between two steps; that is
step²/6 on average and step²/4 at most. Through a unitary microscope it stays what it is, and changes the intensity
I = |ψ|² by 2 Re(ψ* δψ), whose standard deviation is at most step·√I. Counting D electrons per Å² on pixels of a gives
one of √(I/(D a²)). Their ratio, step·a·√D, depends neither on I nor, both being white, on the pixels that
an image has later; a mean over n configurations divides it by √n.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from construction_zone import seeding
from construction_zone.errors import InvalidInput
from construction_zone.simulate.waves import ExitWaves

DOSE = 1e4
"""Electrons per Å² up to which the error is small against counting."""
SHARE = 0.1
"""Largest ratio of the error's standard deviation to that of counting, at `DOSE`."""


def step_for(sampling: tuple[float, float], dose: float = DOSE, share: float = SHARE) -> float:
    """The largest power of two whose rounding changes images by at most `share` of the shot noise at `dose`."""
    if not (dose > 0 and math.isfinite(dose) and share > 0 and math.isfinite(share)):
        raise InvalidInput(f"dose is {dose!r} and share {share!r}; give positive numbers")
    return 2.0 ** math.floor(math.log2(share / math.sqrt(dose * sampling[0] * sampling[1])))


def compact(waves: ExitWaves, seed: seeding.Seed = 0, dose: float = DOSE, share: float = SHARE) -> ExitWaves:
    """`waves` rounded to `step_for` their sampling, with `seed` for the dither; the metadata tell the step."""
    step = step_for(waves.sampling, dose, share)
    values = waves.numpy().astype(np.complex64)
    parts = values.view(np.float32)
    dither = seeding.generator(seed, "compact").random(parts.shape, np.float32) - np.float32(0.5)
    # whole numbers times a power of two: exact in 32 bits
    rounded = np.rint(parts / np.float32(step) + dither) * np.float32(step)
    # no negative zeros, which would cost bits
    array = torch.from_numpy((rounded + np.float32(0)).view(np.complex64)).to(waves.array.device)
    return replace(waves, array=array, metadata={**waves.metadata, "rounded_to": step})
