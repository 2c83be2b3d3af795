"""Units, axes, signs and constants, stated once.

Lengths are in Å (defocus and spherical aberration too), energies in eV, beam angles in mrad, rotations in degrees
(azimuths of aberrations in radians), densities in g/cm³, doses in electrons per Å².

Space is x, y, z; the beam runs along +z and enters at z = 0. Arrays are (…, y, x) and pixel *i* lies at *i*·dx.
Waves are psi = exp(+2πi k·r), a potential V advances the phase by +σV, and the microscope multiplies by exp(−iχ).
"""

from __future__ import annotations

import math

ELECTRON_REST_ENERGY = 510_998.950_69
"""m₀c² in eV (CODATA 2022)."""

PLANCK_TIMES_C = 12_398.419_843_320_026
"""hc in eV·Å (exact in the SI of 2019)."""

BOHR_RADIUS = 0.529_177_210_544
"""a₀ in Å (CODATA 2022)."""

HARTREE = 27.211_386_245_981
"""Hartree energy in eV (CODATA 2022); the squared charge in V·Å is HARTREE·BOHR_RADIUS."""

ELEMENTARY_CHARGE_SQUARED = HARTREE * BOHR_RADIUS
"""e²/(4πε₀) in eV·Å: 14.4."""

PROJECTED_POTENTIAL_FACTOR = 2 * math.pi * BOHR_RADIUS * ELEMENTARY_CHARGE_SQUARED
"""h²/(2πm₀e) in V·Å²: the transform of a projected potential is this times the electron scattering factor f_e(q)."""

AVOGADRO = 6.022_140_76e23
"""Per mole (exact)."""


def lorentz_factor(energy: float) -> float:
    """Relativistic γ = 1 + E/m₀c² of an electron accelerated to `energy` (eV)."""
    return 1 + energy / ELECTRON_REST_ENERGY


def wavelength(energy: float) -> float:
    """Relativistic wavelength λ = hc/√(E(2m₀c² + E)) in Å of an electron of `energy` (eV)."""
    return PLANCK_TIMES_C / math.sqrt(energy * (2 * ELECTRON_REST_ENERGY + energy))


def interaction_parameter(energy: float) -> float:
    """σ = 2πγm₀eλ/h² in rad V⁻¹ Å⁻¹: the phase a wave gains per volt-ångström of projected potential.

    With λ in Å and m₀c², hc in eV units this is 2πγ·m₀c²·λ/(hc)².
    """
    return 2 * math.pi * lorentz_factor(energy) * ELECTRON_REST_ENERGY * wavelength(energy) / PLANCK_TIMES_C**2
