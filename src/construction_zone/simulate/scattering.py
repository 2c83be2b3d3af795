"""Electron scattering factors of the elements.

Lobato & Van Dyck, Acta Cryst. A70 (2014) 636: f_e(q) = Σ₁⁵ aᵢ (2 + bᵢq²)/(1 + bᵢq²)², which has the right limits at
small and large angles. Coefficients for H … Lr are in ``lobato.csv``.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray
from scipy.special import kn

from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR
from construction_zone.errors import InvalidInput


@cache
def _lobato_table() -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    text = files(__package__).joinpath("lobato.csv").read_text()
    table = {}
    for row in csv.DictReader(text.splitlines()):
        a = np.array([float(row[f"a{i}"]) for i in range(1, 6)])
        b = np.array([float(row[f"b{i}"]) for i in range(1, 6)])
        table[row["symbol"]] = (a, b)
    return table


def lobato_coefficients(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients a (5,) in Å and b (5,) in Å² of the element with atomic `number`."""
    symbol = chemical_symbols[number] if 0 < number < len(chemical_symbols) else None
    if symbol not in _lobato_table():
        raise InvalidInput(
            f"there is no scattering factor for atomic number {number}{f' ({symbol})' if symbol else ''}; "
            "the table of Lobato & Van Dyck covers H (1) to Lr (103)"
        )
    return _lobato_table()[symbol]


def scattering_factor(number: int, q: ArrayLike) -> NDArray[np.float64]:
    """f_e in Å at spatial frequencies `q` = 1/d in Å⁻¹ (any shape), first Born approximation, rest mass."""
    a, b = lobato_coefficients(number)
    bq2 = np.multiply.outer(np.square(np.asarray(q, dtype=np.float64)), b)
    return np.asarray((a * (2 + bq2) / (1 + bq2) ** 2).sum(-1))


def projected_potential(number: int, radius: ArrayLike) -> NDArray[np.float64]:
    """Potential of one atom projected along the beam, in V·Å, at distances `radius` > 0 in Å.

    The two-dimensional transform of `scattering_factor` in closed form:
    v_z(ρ) = 2 Σ a′ᵢ [ (2/b′ᵢ) K₀(b′ᵢρ) + ρ K₁(b′ᵢρ) ] with a′ = C π² a b^(−3/2), b′ = 2π/√b, C = h²/(2πm₀e).
    """
    a, b = lobato_coefficients(number)
    scale = PROJECTED_POTENTIAL_FACTOR * np.pi**2 * a / b**1.5
    width = 2 * np.pi / np.sqrt(b)
    rho = np.asarray(radius, dtype=np.float64)[..., None]
    return np.asarray((2 * scale * (2 / width * kn(0, width * rho) + rho * kn(1, width * rho))).sum(-1))
