"""Electron scattering factors of the elements, and the projected potentials that they are the transforms of.

"lobato": Lobato & Van Dyck, Acta Cryst. A70 (2014) 636, f_e(q) = Σ₁⁵ aᵢ (2 + bᵢq²)/(1 + bᵢq²)², which has the right
limits at small and large angles; H … Lr in ``lobato.csv``.
"kirkland": Kirkland, Advanced Computing in Electron Microscopy, 2nd ed. (2010), appendix C,
f_e(q) = Σ₁³ aᵢ/(q² + bᵢ) + Σ₁³ cᵢ exp(−dᵢq²); H … Lr in ``kirkland.csv``.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray
from scipy.special import kn

from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR
from construction_zone.errors import InvalidInput

Parametrization: TypeAlias = Literal["lobato", "kirkland"]

PARAMETRIZATIONS = {"lobato": ("a", "b"), "kirkland": ("a", "b", "c", "d")}
"""Names of the parametrizations, and of the coefficients of each."""


@cache
def _table(parametrization: Parametrization) -> dict[str, tuple[NDArray[np.float64], ...]]:
    letters = PARAMETRIZATIONS[parametrization]
    table = {}
    for row in csv.DictReader(files(__package__).joinpath(f"{parametrization}.csv").read_text().splitlines()):
        table[row["symbol"]] = tuple(
            np.array([float(value) for name, value in row.items() if name.startswith(letter) and name != "symbol"])
            for letter in letters
        )
    return table


def coefficients(number: int, parametrization: Parametrization = "lobato") -> tuple[NDArray[np.float64], ...]:
    """Coefficients of the element with atomic `number`.

    "lobato": a (5,) in Å, b (5,) in Å². "kirkland": a (3,) in Å⁻¹, b (3,) in Å⁻², c (3,) in Å, d (3,) in Å².
    """
    if parametrization not in PARAMETRIZATIONS:
        raise InvalidInput(
            f"parametrization is {parametrization!r}; choose one of {', '.join(map(repr, PARAMETRIZATIONS))}"
        )
    symbol = chemical_symbols[number] if 0 < number < len(chemical_symbols) else None
    if symbol not in _table(parametrization):
        raise InvalidInput(
            f"there is no scattering factor for atomic number {number}{f' ({symbol})' if symbol else ''}; "
            f"the table {parametrization!r} covers H (1) to Lr (103)"
        )
    return _table(parametrization)[symbol]


def scattering_factor(number: int, q: ArrayLike, parametrization: Parametrization = "lobato") -> NDArray[np.float64]:
    """f_e in Å at spatial frequencies `q` = 1/d in Å⁻¹ (any shape), first Born approximation, rest mass."""
    q2 = np.square(np.asarray(q, dtype=np.float64))
    total = np.zeros_like(q2)
    # term by term: grids are large
    if parametrization == "kirkland":
        for a, b, c, d in zip(*coefficients(number, parametrization), strict=True):
            total += a / (q2 + b) + c * np.exp(-d * q2)
    else:
        for a, b in zip(*coefficients(number, parametrization), strict=True):
            total += a * (2 + b * q2) / (1 + b * q2) ** 2
    return total


def projected_potential(
    number: int, radius: ArrayLike, parametrization: Parametrization = "lobato"
) -> NDArray[np.float64]:
    """Potential of one atom projected along the beam, in V·Å, at distances `radius` > 0 in Å.

    The two-dimensional transform of C·`scattering_factor` in closed form, C = h²/(2πm₀e).
    "lobato": 2 Σ a′ᵢ [ (2/b′ᵢ) K₀(b′ᵢρ) + ρ K₁(b′ᵢρ) ] with a′ = C π² a b^(−3/2), b′ = 2π/√b.
    "kirkland": 2πC Σ aᵢ K₀(2πρ√bᵢ) + πC Σ (cᵢ/dᵢ) exp(−π²ρ²/dᵢ).
    """
    rho = np.asarray(radius, dtype=np.float64)[..., None]
    if parametrization == "kirkland":
        a, b, c, d = coefficients(number, parametrization)
        inner = 2 * a * kn(0, 2 * np.pi * rho * np.sqrt(b)) + c / d * np.exp(-((np.pi * rho) ** 2) / d)
        return np.asarray(np.pi * PROJECTED_POTENTIAL_FACTOR * inner.sum(-1))
    a, b = coefficients(number, parametrization)
    scale = PROJECTED_POTENTIAL_FACTOR * np.pi**2 * a / b**1.5
    width = 2 * np.pi / np.sqrt(b)
    return np.asarray((2 * scale * (2 / width * kn(0, width * rho) + rho * kn(1, width * rho))).sum(-1))
