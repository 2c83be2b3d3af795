"""Wave aberrations: the phase χ, its gradient, the aperture, and the coherent transfer exp(−iχ).

Coefficients carry the Krivanek names C10, C12, phi12, … to fifth order (lengths in Å, azimuths in radians), or, where
there is an azimuth, Cartesian parts C12a = C12·cos 2φ12 and C12b = C12·sin 2φ12; `defocus` is −C10 and `Cs` is C30.
Phases are computed in double precision, since χ of an uncorrected lens reaches thousands of radians.

χ is a polynomial in the beam angles λkx and λky. On a grid it is a product of three small matrices, the powers of
λky, the coefficients, and the powers of λkx, which costs the same however many aberrations there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

import numpy as np
import torch

from construction_zone.errors import InvalidInput

TERMS: tuple[tuple[int, int], ...] = (
    *((1, 0), (1, 2)),
    *((2, 1), (2, 3)),
    *((3, 0), (3, 2), (3, 4)),
    *((4, 1), (4, 3), (4, 5)),
    *((5, 0), (5, 2), (5, 4), (5, 6)),
)
"""Order n and multiplicity m of every coefficient C_nm there is; n + 1 − m is even in each."""

NAMES: tuple[str, ...] = tuple(
    name for n, m in TERMS for name in ((f"C{n}{m}",) if m == 0 else (f"C{n}{m}", f"phi{n}{m}"))
)
"""Polar names of all coefficients and azimuths: C10, C12, phi12, …"""

CARTESIAN_NAMES: tuple[str, ...] = tuple(f"C{n}{m}{part}" for n, m in TERMS if m for part in "ab")
"""Names of the Cartesian parts: C12a, C12b, C21a, …"""

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
        C_nm in Å, phi_nm in radians, by name (`NAMES`), or Cartesian parts in Å (`CARTESIAN_NAMES`).

    Raises
    ------
    InvalidInput
        If a name is not a coefficient, or one is given in both forms.
    """
    return _evaluated(
        polynomial(wavelength, coefficients, kx.device), wavelength * kx.double(), wavelength * ky.double()
    )


def gradient(
    kx: torch.Tensor, ky: torch.Tensor, wavelength: float, coefficients: Coefficients
) -> tuple[torch.Tensor, torch.Tensor]:
    """∂χ/∂α_x and ∂χ/∂α_y (radians per radian of beam angle α = λk), in double precision.

    Parameters and errors are those of `chi`.
    """
    matrix = polynomial(wavelength, coefficients, kx.device)
    rising = torch.arange(1, matrix.shape[0], dtype=torch.float64, device=matrix.device)
    x, y = wavelength * kx.double(), wavelength * ky.double()
    along_x = torch.nn.functional.pad(matrix[:, 1:] * rising, (0, 1))
    along_y = torch.nn.functional.pad(matrix[1:] * rising[:, None], (0, 0, 0, 1))
    return _evaluated(along_x, x, y), _evaluated(along_y, x, y)


def polynomial(wavelength: float, coefficients: Coefficients, device: torch.device | str = "cpu") -> torch.Tensor:
    """χ as a matrix P: χ = Σ P[i, j] α_yⁱ α_xʲ, in radians with α in radians; double precision, differentiable."""
    parts = parts_of(coefficients)
    size = max(n for n, _ in TERMS) + 2
    total = torch.zeros((size, size), dtype=torch.float64, device=device)
    for (n, m), pair in parts.items():
        for value, basis in zip(pair, _basis(n, m), strict=True):
            if isinstance(value, torch.Tensor) or value:
                number = torch.as_tensor(value, dtype=torch.float64, device=device)
                factor = 2 * math.pi / wavelength / (n + 1)
                total = total + number * (factor * torch.from_numpy(basis).to(device))
    return total


def parts_of(
    coefficients: Coefficients,
) -> dict[tuple[int, int], tuple[float | torch.Tensor, float | torch.Tensor]]:
    """The Cartesian parts (C_a, C_b) in Å of every aberration that is given, by its (n, m); C_b of a round one is 0.

    Raises
    ------
    InvalidInput
        If a name is not a coefficient, or one is given in both forms.
    """
    known = {*NAMES, *CARTESIAN_NAMES}
    unknown = sorted(set(coefficients) - known)
    if unknown:
        raise InvalidInput(f"unknown aberrations: {', '.join(unknown)}; the known ones are {', '.join(NAMES)}")
    result: dict[tuple[int, int], tuple[float | torch.Tensor, float | torch.Tensor]] = {}
    for n, m in TERMS:
        polar, cartesian = f"C{n}{m}", [f"C{n}{m}a", f"C{n}{m}b"]
        given = [name for name in cartesian if name in coefficients]
        if polar in coefficients and given:
            raise InvalidInput(f"both {polar} and {given[0]} are given; give {polar} and phi{n}{m}, or both parts")
        if given:
            result[n, m] = (coefficients.get(cartesian[0], 0.0), coefficients.get(cartesian[1], 0.0))
        elif polar in coefficients and m == 0:
            result[n, m] = (coefficients[polar], 0.0)
        elif polar in coefficients:
            result[n, m] = _turned(coefficients[polar], coefficients.get(f"phi{n}{m}", 0.0), m)
    return result


def cartesian(coefficients: Mapping[str, float]) -> dict[str, float]:
    """The same aberrations by Cartesian names; round ones keep theirs (C10, C30, C50)."""
    result: dict[str, float] = {}
    for (n, m), (a, b) in parts_of(coefficients).items():
        result |= {f"C{n}{m}": float(a)} if m == 0 else {f"C{n}{m}a": float(a), f"C{n}{m}b": float(b)}
    return result


def polar(coefficients: Mapping[str, float]) -> dict[str, float]:
    """The same aberrations by polar names, with sizes from 0 up and azimuths from −π/m to π/m."""
    result: dict[str, float] = {}
    for (n, m), (a, b) in parts_of(coefficients).items():
        if m == 0:
            result[f"C{n}{m}"] = float(a)
        else:
            result[f"C{n}{m}"] = math.hypot(a, b)
            result[f"phi{n}{m}"] = math.atan2(b, a) / m
    return result


def tilted(
    coefficients: Mapping[str, float], tilt: tuple[float, float]
) -> tuple[dict[str, float], tuple[float, float]]:
    """What aberrations look like from a tilted beam: the coefficients of χ(α + τ) − χ(τ) and the shift of the image.

    C30 in a beam tilted by τ shows an axial coma, a twofold astigmatism and a defocus: C21 = 3·C30·τ,
    C12 = C30·τ² and C10 = 2·C30·τ² along the tilt (F. Zemlin et al., Ultramicroscopy 3, 49 (1978)). All orders are
    taken along exactly, since χ is a polynomial.

    Parameters
    ----------
    coefficients
        by polar or Cartesian names, Å and radians.
    tilt
        of the beam towards x and y in mrad.

    Returns
    -------
    Coefficients by polar names, and the shift of the image (along x, along y) in Å.
    """
    # λ drops out: (λ/2π)χ is a length times powers of angles
    matrix = polynomial(2 * math.pi, coefficients).numpy()
    size = len(matrix)
    moves = []
    for angle in (1e-3 * tilt[1], 1e-3 * tilt[0]):
        rows = [[math.comb(i, p) * angle ** (i - p) if i >= p else 0.0 for i in range(size)] for p in range(size)]
        moves.append(np.array(rows))
    moved = moves[0] @ matrix @ moves[1].T
    result: dict[str, float] = {}
    for n in sorted({n for n, _ in TERMS}):
        # the terms of one order are independent polynomials of degree n + 1, and span all there are
        names = [(m, part) for k, m in TERMS if k == n for part in range(2 if m else 1)]
        columns = np.stack([_basis(n, m)[part].ravel() / (n + 1) for m, part in names], axis=1)
        wanted = np.where(np.add.outer(np.arange(size), np.arange(size)) == n + 1, moved, 0).ravel()
        values = np.linalg.lstsq(columns, wanted, rcond=None)[0]
        for (m, part), value in zip(names, values, strict=True):
            result[f"C{n}{m}" + ("ab"[part] if m else "")] = float(value)
    # Σ exp(2πik·r − iχ) with χ = 2πk·s is the wave moved by s = ∂(λχ/2π)/∂α
    return polar(result), (float(moved[0, 1]), float(moved[1, 0]))


def aperture(
    kx: torch.Tensor,
    ky: torch.Tensor,
    wavelength: float,
    semiangle: float,
    step: tuple[float, float],
    edge: float = 0.0,
) -> torch.Tensor:
    """A round aperture: 1 inside, 0 outside, ½ at its radius, with a soft linear edge; double precision.

    Parameters
    ----------
    kx, ky
        spatial frequencies in Å⁻¹, of shapes that broadcast.
    wavelength
        Å.
    semiangle
        radius in mrad.
    step
        distance (along y, along x) between samples of k in Å⁻¹: the edge is at least one sample wide.
    edge
        width of the edge in mrad.
    """
    k = torch.hypot(kx.double(), ky.double())
    width = torch.hypot(step[1] * kx.double(), step[0] * ky.double()) / torch.where(k > 0, k, 1)
    width = width.clamp(min=edge * 1e-3 / wavelength)
    distance = (semiangle * 1e-3 / wavelength - k) / torch.where(k > 0, width, 1)
    # the direct beam always passes: it is at the centre of any aperture
    return torch.where(k > 0, (distance + 0.5).clamp(0, 1), 1)


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
    on_grid = kx.ndim == ky.ndim == 2 and kx.shape[0] == 1 and ky.shape[1] == 1
    if on_grid and dtype == torch.complex64 and kx.device.type == "cpu":
        matrix = polynomial(wavelength, coefficients, kx.device)
        if not (matrix.requires_grad or kx.requires_grad or ky.requires_grad):
            from construction_zone.image._phases import fill_transfer

            result = torch.empty((ky.shape[0], kx.shape[1]), dtype=dtype)
            x, y = (wavelength * k.double().reshape(-1) for k in (kx, ky))
            fill_transfer(matrix.numpy(), y.numpy(), x.numpy(), torch.view_as_real(result).view(-1).numpy())
            return result
    return phase_factor(chi(kx, ky, wavelength, coefficients), dtype)


def phase_factor(phase: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """exp(−i·phase) of a double-precision `phase`, whole turns taken off before it is made single."""
    if dtype == torch.complex64 and phase.device.type == "cpu" and not phase.requires_grad:
        from construction_zone.image._phases import fill_phase_factors

        result = torch.empty(phase.shape, dtype=dtype)
        fill_phase_factors(phase.reshape(-1).numpy(), torch.view_as_real(result).view(-1, 2).numpy())
        return result
    if dtype == torch.complex64:
        phase = (phase - 2 * math.pi * torch.round(phase.detach() / (2 * math.pi))).float()
    return torch.complex(torch.cos(phase), -torch.sin(phase))


def _turned(
    size: float | torch.Tensor, azimuth: float | torch.Tensor, m: int
) -> tuple[float | torch.Tensor, float | torch.Tensor]:
    if isinstance(size, torch.Tensor) or isinstance(azimuth, torch.Tensor):
        angle = m * torch.as_tensor(azimuth, dtype=torch.float64)
        return size * torch.cos(angle), size * torch.sin(angle)
    return size * math.cos(m * azimuth), size * math.sin(m * azimuth)


def _evaluated(matrix: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Σ matrix[i, j] yⁱ xʲ for `x` and `y` (double) that broadcast."""
    if x.ndim == y.ndim == 2 and x.shape[0] == 1 and y.shape[1] == 1:
        return _powers(y[:, 0], len(matrix)) @ matrix @ _powers(x[0], len(matrix)).T
    columns, rows = _powers(x, len(matrix)), _powers(y, len(matrix))
    return (rows * (columns @ matrix.T)).sum(dim=-1)


def _powers(x: torch.Tensor, count: int) -> torch.Tensor:
    """1, x, x², … along a new last axis of length `count`."""
    result = [torch.ones_like(x)]
    for _ in range(count - 1):
        result.append(result[-1] * x)
    return torch.stack(result, dim=-1)


def _basis(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """αⁿ⁺¹ cos mφ and αⁿ⁺¹ sin mφ as polynomials: coefficients of yⁱxʲ, in matrices that hold every order."""
    return _expanded(n, m, max(order for order, _ in TERMS) + 2)


@cache
def _expanded(n: int, m: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    total = np.zeros((size, size), complex)
    total[0, 0] = 1
    omega, squared = ((0, 1, 1), (1, 0, 1j)), ((2, 0, 1), (0, 2, 1))  # x + iy and x² + y²: powers of y, of x, factor
    for factor in (omega,) * m + (squared,) * ((n + 1 - m) // 2):
        grown = np.zeros_like(total)
        for i, j, value in factor:
            grown[i:, j:] += value * total[: size - i, : size - j]
        total = grown
    return total.real.copy(), total.imag.copy()
