import pytest

from construction_zone import conventions


@pytest.mark.parametrize(
    ("energy", "wavelength", "sigma"),
    [
        (80e3, 0.041757, 1.0087e-3),
        (120e3, 0.033492, 8.638e-4),
        (200e3, 0.025079, 7.288e-4),
        (300e3, 0.019687, 6.526e-4),
    ],
)
def test_wavelength_and_interaction_parameter(energy: float, wavelength: float, sigma: float) -> None:
    # tabulated values (Kirkland, Advanced Computing in Electron Microscopy), right to their last digit
    assert conventions.wavelength(energy) == pytest.approx(wavelength, abs=6e-7)
    assert conventions.interaction_parameter(energy) == pytest.approx(sigma, rel=1e-4)


def test_projected_potential_factor() -> None:
    # h²/(2πm₀e) from SI constants (CODATA 2022): 6.62607015e-34² / (2π · 9.1093837139e-31 · 1.602176634e-19) V·m²
    assert conventions.PROJECTED_POTENTIAL_FACTOR == pytest.approx(
        6.62607015e-34**2 / (2 * 3.141592653589793 * 9.1093837139e-31 * 1.602176634e-19) * 1e20, rel=1e-9
    )
