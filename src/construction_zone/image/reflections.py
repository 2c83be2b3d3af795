"""The strongest reflection of a specimen, for telling when an aperture stops it."""

from __future__ import annotations

import torch

from construction_zone import conventions
from construction_zone.image.beams import Beams, frequencies

LONGEST_SPACING = 5.0
"""Å. Beams of wider spacing are the scattering of shapes and of disorder around the direct beam, not reflections."""

FAINTEST = 1e-4
"""A reflection holds at least this share of the scattered intensity beyond the longest spacing; noise does not."""


def strongest(beams: Beams) -> float | None:
    """Spatial frequency in Å⁻¹ of the strongest beam of d < 5 Å, averaged over all waves, or None if there is none."""
    intensity = beams.array.detach().abs().square().flatten(0, -3).mean(dim=0)
    ky, kx = frequencies((intensity.shape[0], intensity.shape[1]), beams.grid.extent, intensity.device)
    k = torch.hypot(kx, ky)
    beyond = torch.where(k >= 1 / LONGEST_SPACING, intensity, 0)
    total, highest = float(beyond.sum()), float(beyond.max())
    if highest <= max(FAINTEST * total, 1e-12 * float(intensity.sum())):
        return None
    return float(k.flatten()[beyond.argmax()])


def stopped(beams: Beams, aperture: float) -> float | None:
    """Spacing in Å of the strongest reflection if an `aperture` (mrad) stops it, else None."""
    k = strongest(beams)
    if k is None or aperture * 1e-3 >= k * conventions.wavelength(beams.energy):
        return None
    return 1 / k
