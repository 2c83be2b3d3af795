"""What moves while the picture is taken: image shift, drift and vibration, as factors on the intensity's spectrum.

They act on the intensity, after the wave is squared and before it meets pixels, and so do not depend on the detector.
"""

from __future__ import annotations

import math

import torch


def shift(kx: torch.Tensor, ky: torch.Tensor, along_x: float, along_y: float) -> torch.Tensor:
    """exp[−2πi(k_x s_x + k_y s_y)]: the image moved by (`along_x`, `along_y`) in Å; double precision."""
    phase = -2 * math.pi * (kx.double() * along_x + ky.double() * along_y)
    return torch.complex(torch.cos(phase), torch.sin(phase))


def drift(kx: torch.Tensor, ky: torch.Tensor, length: float, angle: float) -> torch.Tensor:
    """sinc(k·d): even motion along a straight path of `length` (Å) about its middle; double precision.

    Parameters
    ----------
    kx, ky
        spatial frequencies in Å⁻¹, of shapes that broadcast.
    length
        what the image moves during the exposure, in Å.
    angle
        of the path in degrees from x towards y.
    """
    turned = math.radians(angle)
    return torch.sinc(length * (math.cos(turned) * kx.double() + math.sin(turned) * ky.double()))


def vibration(kx: torch.Tensor, ky: torch.Tensor, rms: float) -> torch.Tensor:
    """exp(−2π²u²k²): a Gaussian jitter of standard deviation u = `rms` (Å) along each axis; double precision."""
    return torch.exp(-2 * (math.pi * rms) ** 2 * (kx.double() ** 2 + ky.double() ** 2))
