"""Widths of a Gaussian by their names, and the focal spread that a microscope's instabilities make.

A number such as "0.7 eV" or "30 Å" means nothing without its width: the standard deviation σ, the 1/e half-width √2·σ
and the full width at half maximum 2√(2 ln 2)·σ = 2.355·σ are all in use. Here focal spread, energy spread and
instabilities are standard deviations; the size of the source is the 1/e half-angle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from construction_zone import conventions
from construction_zone.errors import InvalidInput


@dataclass(frozen=True)
class Widths:
    """One Gaussian's width under its three names, in any unit.

    Attributes
    ----------
    sigma
        standard deviation.
    """

    sigma: float

    def __post_init__(self) -> None:
        if isinstance(self.sigma, bool) or not isinstance(self.sigma, (int, float)) or not 0 <= self.sigma < math.inf:
            raise InvalidInput(f"a width is {self.sigma!r}; give a finite number, zero or more")

    @property
    def one_over_e(self) -> float:
        """Half-width where the Gaussian has fallen to 1/e: √2·σ."""
        return math.sqrt(2) * self.sigma

    @property
    def fwhm(self) -> float:
        """Full width at half maximum: 2√(2 ln 2)·σ."""
        return 2 * math.sqrt(2 * math.log(2)) * self.sigma

    @classmethod
    def from_one_over_e(cls, half_width: float) -> Widths:
        """Of a Gaussian that has fallen to 1/e at `half_width` from its middle."""
        return cls(half_width / math.sqrt(2))

    @classmethod
    def from_fwhm(cls, width: float) -> Widths:
        """Of a Gaussian as wide as `width` at half its height."""
        return cls(width / (2 * math.sqrt(2 * math.log(2))))


def focal_spread(
    Cc: float,
    energy: float,
    *,
    energy_spread: float = 0.0,
    voltage_instability: float = 0.0,
    current_instability: float = 0.0,
) -> float:
    """Standard deviation of the focus in Å.

    σ_f = Cc √[(κΔE/E)² + (κΔV/V)² + (2ΔI/I)²] with κ = (1 + E/m₀c²)/(1 + E/2m₀c²), the relativistic factor by which
    the focal length of a magnetic lens follows the energy (L. Reimer and H. Kohl, Transmission Electron Microscopy,
    5th ed. (Springer 2008), ch. 2).

    Parameters
    ----------
    Cc
        chromatic aberration in Å (1 mm is 1e7 Å).
    energy
        eV.
    energy_spread
        standard deviation ΔE of the electrons' energy in eV (`Widths.from_fwhm(0.7).sigma` for 0.7 eV FWHM).
    voltage_instability, current_instability
        standard deviations ΔV/V of the high voltage and ΔI/I of the lens current, as fractions.
    """
    for name, value in (("Cc", Cc), ("energy_spread", energy_spread), ("voltage_instability", voltage_instability)):
        if not 0 <= value < math.inf:
            raise InvalidInput(f"{name} is {value!r}; give a finite number, zero or more")
    if not (energy > 0 and 0 <= current_instability < math.inf):
        raise InvalidInput(
            f"energy is {energy!r} eV and current_instability {current_instability!r}; give a positive energy and a "
            "fraction of zero or more"
        )
    gamma = conventions.lorentz_factor(energy)
    relativistic = gamma / ((1 + gamma) / 2)
    by_voltage = relativistic * math.hypot(energy_spread / energy, voltage_instability)
    return Cc * math.hypot(by_voltage, 2 * current_instability)
