"""Microscopes of known kinds: settings by name, and where each value comes from.

What differs from one instrument to the next of its kind, or is adjusted anew every day (defocus, astigmatism, coma),
is left at zero. Most values are typical of the kind rather than measured on one instrument; `SOURCES` tells which.
A focal spread that no source states is computed from chromatic aberration, energy spread and
instabilities by `widths.focal_spread`; what is assumed is said to be.
"""

from __future__ import annotations

from typing import Any

from construction_zone.errors import InvalidInput
from construction_zone.image.widths import Widths, focal_spread

PART_PER_MILLION = 1e-6

SETTINGS: dict[str, dict[str, float]] = {
    "titan_300_corrected": {"energy": 300e3, "Cs": 5e4, "focal_spread": 10.0, "source_size": 0.1},
    "tecnai_200_feg": {
        "energy": 200e3,
        "Cs": 1.2e7,
        "focal_spread": focal_spread(
            1.2e7,
            200e3,
            energy_spread=Widths.from_fwhm(0.7).sigma,
            voltage_instability=PART_PER_MILLION,
            current_instability=PART_PER_MILLION,
        ),
        "source_size": 0.1,
    },
    "tecnai_200_lab6": {
        "energy": 200e3,
        "Cs": 1.2e7,
        "focal_spread": focal_spread(
            1.2e7,
            200e3,
            energy_spread=Widths.from_fwhm(1.5).sigma,
            voltage_instability=PART_PER_MILLION,
            current_instability=PART_PER_MILLION,
        ),
        "source_size": 0.5,
    },
    "titan_80_corrected": {
        "energy": 80e3,
        "Cs": 5e4,
        "focal_spread": focal_spread(1.4e7, 80e3, energy_spread=Widths.from_fwhm(0.4).sigma),
        "source_size": 0.1,
    },
}
"""Fields of `Microscope` by name of the preset."""

_RANGES = (
    "the typical values of ReciPro's manual (https://seto77.github.io/ReciPro/en/9-hrtem-stem-simulator/"
    "1-hrtem-simulation/): Cs below 0.01 mm if corrected, Cc 1 to 2 mm, illumination semiangle 0.1 to 1 mrad"
)
_ENERGY_SPREAD = (
    "JEOL's glossary, 'energy spread' (https://www.jeol.com/words/semterms/20121024.013100.php): Schottky emitter 0.4 "
    "to 1 eV, thermionic tungsten 1 to 3 eV"
)
_SCHOTTKY = (
    "JEOL's glossary, 'Schottky-type electron gun' "
    "(https://www.jeol.co.jp/en/words/emterms/search_result.html?keyword=Schottky-type+electron+gun)"
)
_F20 = (
    "FEI Tecnai F20 with the S-TWIN lens, Loughborough Materials Characterisation Centre "
    "(https://www.lboro.ac.uk/departments/materials/undergraduate/student-facilities/tem/): Cs 1.2 mm, point "
    "resolution 2.4 Å, line resolution 1.5 Å"
)

SOURCES: dict[str, tuple[str, ...]] = {
    "titan_300_corrected": (
        "focal spread 10 Å at 300 kV, as simulated for networks that are tried on images of the TEAM 0.5, a corrected "
        "Titan: L. Rangel DaCosta, K. Oill and M. C. Scott, Strategies for effective transfer learning for HRTEM "
        "analysis with neural networks (https://www.elementalmicroscopy.org/articles/EM000010, 2026); taken for a "
        "standard deviation, which the article does not say (abTEM's focal_spread of 10 Å would be σ = 7.1 Å)",
        f"Cs 5 µm, source 0.1 mrad: typical, not measured; within {_RANGES}",
    ),
    "tecnai_200_feg": (
        f"Cs: {_F20}",
        f"Cc 1.2 mm, source 0.1 mrad: typical, not measured; within {_RANGES}",
        f"0.7 eV, taken for the full width at half maximum: {_SCHOTTKY}",
        "high voltage and lens current stable to 1 part in a million (σ): assumed",
    ),
    "tecnai_200_lab6": (
        f"Cs: that of the same lens: {_F20}",
        f"Cc 1.2 mm, source 0.5 mrad: typical, not measured; within {_RANGES}",
        f"1.5 eV full width at half maximum, assumed for LaB₆, between the cathodes of {_ENERGY_SPREAD}",
        "high voltage and lens current stable to 1 part in a million (σ): assumed",
    ),
    "titan_80_corrected": (
        f"Cs 5 µm, Cc 1.4 mm, source 0.1 mrad: typical, not measured; within {_RANGES}",
        f"0.4 eV full width at half maximum, the narrowest of {_ENERGY_SPREAD}; a monochromator gives less",
        "instabilities of voltage and lens current are assumed to be small beside that",
    ),
}
"""Where the values of each preset come from, and what is assumed."""


def settings(name: str) -> dict[str, Any]:
    """The fields of `Microscope` that the preset `name` sets.

    Raises
    ------
    InvalidInput
        If there is no preset of that name.
    """
    if name not in SETTINGS:
        raise InvalidInput(f"no preset is called {name!r}; there are {', '.join(SETTINGS)}")
    return dict(SETTINGS[name])
