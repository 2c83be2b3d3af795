"""The lens at many foci: exp(−iχ), source envelope and aperture, of which only separable phases change with focus."""

from __future__ import annotations

import math

import torch

from construction_zone.image.aberrations import Coefficients, aperture, ctf, gradient, phase_factor


class Lens:
    """What the lens multiplies the spectrum of a wave with, for one direction of the beam and any focus.

    χ is computed once. A change of defocus by f multiplies exp(−iχ) by exp(iπf α_y²/λ)·exp(iπf α_x²/λ), two vectors,
    and the source envelope exp[−(θ²/4)|∇χ|²] by the exponential of a quadratic in f.

    Parameters
    ----------
    kx, ky
        spatial frequencies (1, nx) and (ny, 1) in Å⁻¹, double precision.
    wavelength
        Å.
    coefficients
        aberrations (see `aberrations.chi`).
    step
        distance (along y, along x) between samples of k in Å⁻¹.
    source_size
        1/e half-angle θ of the illumination in mrad, as an envelope.
    focal_spread
        standard deviation of the focus in Å, as an envelope.
    semiangle, edge
        radius and width of the edge of the objective aperture in mrad; None for no aperture.
    tilt
        of the beam towards x and y in mrad: χ and the aperture are taken at k + tilt/λ.
    dtype
        complex type of the transfer.
    """

    def __init__(
        self,
        kx: torch.Tensor,
        ky: torch.Tensor,
        wavelength: float,
        coefficients: Coefficients,
        *,
        step: tuple[float, float],
        source_size: float = 0.0,
        focal_spread: float = 0.0,
        semiangle: float | None = None,
        edge: float = 0.0,
        tilt: tuple[float, float] = (0.0, 0.0),
        dtype: torch.dtype = torch.complex64,
    ) -> None:
        shifted_x, shifted_y = kx + 1e-3 * tilt[0] / wavelength, ky + 1e-3 * tilt[1] / wavelength
        self.base = ctf(shifted_x, shifted_y, wavelength, coefficients, dtype)
        if semiangle is not None:
            stop = aperture(shifted_x, shifted_y, wavelength, semiangle, step, edge)
            self.base = self.base * stop.to(self.base.real.dtype)
        if focal_spread:
            # about the tilted beam, whose own phase does not matter
            squares = (wavelength * shifted_x) ** 2 + (wavelength * shifted_y) ** 2
            squares = squares - (1e-3 * tilt[0]) ** 2 - (1e-3 * tilt[1]) ** 2
            damped = torch.exp(-0.5 * (math.pi * focal_spread / wavelength * squares) ** 2)
            self.base = self.base * damped.to(self.base.real.dtype)
        self.angles = (wavelength * shifted_x, wavelength * shifted_y)
        self.wavelength = wavelength
        self.slopes: tuple[torch.Tensor, torch.Tensor] | None = None
        if source_size:
            self.damping = (1e-3 * source_size) ** 2 / 4
            own_x, own_y = (torch.full_like(kx[:1, :1], 1e-3 * angle / wavelength) for angle in tilt)
            of_beam = gradient(own_x, own_y, wavelength, coefficients)
            slopes = gradient(shifted_x, shifted_y, wavelength, coefficients)
            self.slopes = (slopes[0] - of_beam[0], slopes[1] - of_beam[1])
            self.relative = (wavelength * kx, wavelength * ky)

    def at(self, focus: float = 0.0) -> torch.Tensor:
        """The transfer (ny, nx) at a defocus that is larger by `focus` (Å) than −C10."""
        result, phases = self.parts(focus)
        for phase in phases or ():
            result = result * phase
        return result

    def parts(self, focus: float = 0.0) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor] | None]:
        """The transfer at `focus` as a product: (ny, nx), and (ny, 1) and (1, nx) or None where they are 1."""
        result, phases = self.base, None
        x, y = self.angles
        if focus:
            rate = -math.pi * focus / self.wavelength
            phases = (phase_factor(rate * y**2, result.dtype), phase_factor(rate * x**2, result.dtype))
        if self.slopes is not None:
            change = 2 * math.pi * focus / self.wavelength
            along_x = self.slopes[0] - change * self.relative[0]
            along_y = self.slopes[1] - change * self.relative[1]
            result = result * torch.exp(-self.damping * (along_x**2 + along_y**2)).to(result.real.dtype)
        return result, phases
