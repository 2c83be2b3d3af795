"""Partial coherence: the spread of focus as a sum over foci, the source size as an envelope.

Three widths of a Gaussian are in use: its standard deviation σ, its 1/e half-width √2·σ, and its full width at half
maximum 2.355·σ. Focal spread is σ here, the source size is the 1/e half-angle.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from construction_zone.image.aberrations import Coefficients, gradient

TOLERANCE = 0.01
"""How far the damping of a beat may be from a Gaussian focus where the number of nodes is chosen for the user."""

FEWEST_NODES, MOST_NODES = 9, 64
"""Bounds of the number of nodes that is chosen for the user.

For σ = 10 Å at 300 kV, gold on carbon at room temperature in 0.2 Å pixels, 9 nodes leave an error of 2 % of the image's
standard deviation (7: 3 %, 13: 0.7 %), from beats of beams beyond 2 Å⁻¹; shot noise at 400 e⁻/Å² is 70 % of it.
"""


def focal_nodes(spread: float, nodes: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Offsets of defocus (Å) and weights (sum 1) that stand for a Gaussian spread of focus.

    Intensities formed at the Gauss–Hermite foci √2·σ·ξ and added with these weights damp the beat of two beams k₁, k₂
    by exp[−½(πλσ(k₁²−k₂²))²], as the transmission cross coefficient demands (K. Ishizuka, Ultramicroscopy 5, 55
    (1980)), and conserve the mean intensity. 5 nodes are right to 0.01 up to πλσ|k₁²−k₂²| = 1.9, 7 up to 2.6, 9 up to
    3.3, 15 up to 5; faster beats come back undamped. No spread has one node.

    Parameters
    ----------
    spread
        standard deviation σ of the focus in Å.
    nodes
        number of nodes.
    """
    if spread == 0:
        return (0.0,), (1.0,)
    places, weights = np.polynomial.hermite.hermgauss(nodes)
    offsets = math.sqrt(2) * spread * places
    return tuple(float(v) for v in offsets), tuple(float(w) for w in weights / weights.sum())


def nodes_needed(spread: float, wavelength: float, highest: float) -> int:
    """The number of focal nodes that damps the beats of the direct beam with all others to within `TOLERANCE`.

    At least `FEWEST_NODES`, at most `MOST_NODES`.

    Parameters
    ----------
    spread
        standard deviation σ of the focus in Å.
    wavelength
        Å.
    highest
        spatial frequency of the outermost beam that matters, in Å⁻¹.
    """
    beats = np.linspace(0, math.pi * wavelength * spread * highest**2, 500)
    wanted = np.exp(-(beats**2) / 2)
    for nodes in range(FEWEST_NODES, MOST_NODES, 2):
        offsets, weights = focal_nodes(1.0, nodes)
        found = np.cos(np.outer(beats, offsets)) @ np.asarray(weights)
        if np.abs(found - wanted).max() <= TOLERANCE:
            return nodes
    return MOST_NODES


def focal_envelope(k: torch.Tensor, wavelength: float, spread: float) -> torch.Tensor:
    """exp[−½(πλσk²)²]: what a spread of focus leaves of the beat of a beam k (Å⁻¹) with the direct beam.

    It describes linear imaging only and is for comparison: images are made by the explicit sum over `focal_nodes`.
    """
    return torch.exp(-0.5 * (math.pi * wavelength * spread * k**2) ** 2)


def source_envelope(
    kx: torch.Tensor, ky: torch.Tensor, wavelength: float, coefficients: Coefficients, source_size: float
) -> torch.Tensor:
    """exp[−(θ²/4)|∇_αχ|²]: the quasi-coherent envelope of a Gaussian source, in double precision.

    It damps the amplitude of each beam as its beat with the direct beam is damped, which holds where the direct beam
    is by far the strongest; beats of scattered beams with each other come out wrong and a little intensity is lost.

    Parameters
    ----------
    kx, ky
        spatial frequencies in Å⁻¹, of shapes that broadcast.
    wavelength
        Å.
    coefficients
        aberrations at the focus at hand (see `aberrations.chi`).
    source_size
        1/e half-angle θ of the illumination in mrad.
    """
    along_x, along_y = gradient(kx, ky, wavelength, coefficients)
    return torch.exp(-((source_size * 1e-3) ** 2) / 4 * (along_x**2 + along_y**2))
