"""Wave aberrations: the phase χ, its gradient, the aperture, and the coherent transfer exp(−iχ).

Coefficients carry the Krivanek names C10, C12, phi12, … (lengths in Å, azimuths in radians); `defocus` is −C10 and
`Cs` is C30. Phases are computed in double precision, since χ of an uncorrected lens reaches thousands of radians,
and come back in the precision asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch

from construction_zone.errors import InvalidInput

TERMS: tuple[tuple[int, int], ...] = ((1, 0), (1, 2), (2, 1), (2, 3), (3, 0), (3, 2), (3, 4))
"""Order n and multiplicity m of every coefficient C_nm there is; n + 1 − m is even in each."""

NAMES: tuple[str, ...] = tuple(
    name for n, m in TERMS for name in ((f"C{n}{m}",) if m == 0 else (f"C{n}{m}", f"phi{n}{m}"))
)
"""Names of all coefficients and azimuths: C10, C12, phi12, …"""

Coefficients: TypeAlias = Mapping[str, float | torch.Tensor]
"""Coefficients by name; what is left out is zero. Zero-dimensional tensors may carry a gradient."""


def chi(kx: torch.Tensor, ky: torch.Tensor, wavelength: float, coefficients: Coefficients) -> torch.Tensor:
    """The aberration phase χ(k) in radians, in double precision.

    χ = (2π/λ) Σ αⁿ⁺¹/(n+1) C_nm cos m(φ − φ_nm), with α = λ|k| and φ the azimuth of k counted from x towards y
    (Krivanek's notation: O. L. Krivanek et al., Ultramicroscopy 78, 1 (1999)). It is evaluated as a polynomial
    in λkx and λky, which is smooth at k = 0.

    Parameters
    ----------
    kx, ky
        spatial frequencies in Å⁻¹, of shapes that broadcast.
    wavelength
        Å.
    coefficients
        C_nm in Å, phi_nm in radians, by name (`NAMES`).

    Raises
    ------
    InvalidInput
        If a name is not a coefficient.
    """
    _check_names(coefficients)
    x, y = (wavelength * kx.double()), (wavelength * ky.double())
    squared = x**2 + y**2
    total = torch.zeros_like(squared)
    for n, m in TERMS:
        if f"C{n}{m}" in coefficients:
            scale, cosine, sine = _term(coefficients, n, m, wavelength, total)
            real, imaginary = _power(x, y, m)
            total = total + scale * squared ** ((n + 1 - m) // 2) * (cosine * real + sine * imaginary)
    return total


def gradient(
    kx: torch.Tensor, ky: torch.Tensor, wavelength: float, coefficients: Coefficients
) -> tuple[torch.Tensor, torch.Tensor]:
    """∂χ/∂α_x and ∂χ/∂α_y (radians per radian of beam angle α = λk), in double precision.

    Parameters and errors are those of `chi`.
    """
    _check_names(coefficients)
    x, y = (wavelength * kx.double()), (wavelength * ky.double())
    squared = x**2 + y**2
    along_x, along_y = torch.zeros_like(squared), torch.zeros_like(squared)
    for n, m in TERMS:
        if f"C{n}{m}" not in coefficients:
            continue
        scale, cosine, sine = _term(coefficients, n, m, wavelength, along_x)
        radial = (n + 1 - m) // 2
        if radial:
            real, imaginary = _power(x, y, m)
            outer = 2 * radial * scale * squared ** (radial - 1) * (cosine * real + sine * imaginary)
            along_x, along_y = along_x + outer * x, along_y + outer * y
        if m:
            # d(ωᵐ)/dx = mωᵐ⁻¹ and d(ωᵐ)/dy = imωᵐ⁻¹ with ω = α_x + iα_y
            real, imaginary = _power(x, y, m - 1)
            inner = m * scale * squared**radial
            along_x = along_x + inner * (cosine * real + sine * imaginary)
            along_y = along_y + inner * (sine * real - cosine * imaginary)
    return along_x, along_y


def aperture(
    kx: torch.Tensor, ky: torch.Tensor, wavelength: float, semiangle: float, step: tuple[float, float]
) -> torch.Tensor:
    """A round aperture: 1 inside, 0 outside, with a linear edge one frequency sample wide; double precision.

    Parameters
    ----------
    kx, ky
        spatial frequencies in Å⁻¹, of shapes that broadcast.
    wavelength
        Å.
    semiangle
        radius in mrad.
    step
        distance (along y, along x) between samples of k in Å⁻¹, which sets the width of the edge by direction.
    """
    k = torch.hypot(kx.double(), ky.double())
    width = torch.hypot(step[1] * kx.double(), step[0] * ky.double()) / torch.where(k > 0, k, 1)
    edge = (semiangle * 1e-3 / wavelength - k) / torch.where(k > 0, width, 1)
    # the direct beam always passes: it is at the centre of any aperture
    return torch.where(k > 0, (edge + 0.5).clamp(0, 1), 1)


def ctf(
    kx: torch.Tensor,
    ky: torch.Tensor,
    wavelength: float,
    coefficients: Coefficients,
    dtype: torch.dtype = torch.complex64,
) -> torch.Tensor:
    """The coherent transfer exp(−iχ) that multiplies the spectrum of a wave psi = exp(+2πi k·r).

    Parameters and errors are those of `chi`; `dtype` is the complex type of the result.
    """
    phase = chi(kx, ky, wavelength, coefficients)
    return torch.complex(torch.cos(phase), -torch.sin(phase)).to(dtype)


def _check_names(coefficients: Coefficients) -> None:
    unknown = sorted(set(coefficients) - set(NAMES))
    if unknown:
        raise InvalidInput(f"unknown aberrations: {', '.join(unknown)}; the known ones are {', '.join(NAMES)}")


def _term(
    coefficients: Coefficients, n: int, m: int, wavelength: float, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(2π/λ)·C_nm/(n+1), cos mφ_nm and sin mφ_nm as double-precision tensors."""
    size = torch.as_tensor(coefficients[f"C{n}{m}"], dtype=torch.float64, device=like.device)
    azimuth = torch.as_tensor(coefficients.get(f"phi{n}{m}", 0.0), dtype=torch.float64, device=like.device)
    return 2 * torch.pi / wavelength / (n + 1) * size, torch.cos(m * azimuth), torch.sin(m * azimuth)


def _power(x: torch.Tensor, y: torch.Tensor, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Real and imaginary part of (x + iy)ᵐ."""
    real, imaginary = torch.ones_like(x + y), torch.zeros_like(x + y)
    for _ in range(m):
        real, imaginary = real * x - imaginary * y, real * y + imaginary * x
    return real, imaginary
