"""Thickness of slabs and balls, and potentials against the closed form."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from label_scenes import PIXEL, SHAPE, alone, ball, film
from scipy import ndimage

import construction_zone as cz
from construction_zone.build import prefabs
from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR
from construction_zone.label.thickness import potential_map, thickness_map
from construction_zone.simulate.scattering import projected_potential, scattering_factor


def test_a_film_is_as_thick_as_it_is() -> None:
    found = thickness_map(alone(film(5, 25)), SHAPE, PIXEL)
    assert found.dtype == np.float32
    assert found.shape == SHAPE
    assert np.median(found) == pytest.approx(20, abs=1.0)


def test_a_relaxed_film_is_as_thick_as_it_is_with_its_pores() -> None:
    """Its carbon has pores some 8 Å wide, which its density of 2.2 g/cm³ counts in."""
    carbon = prefabs.film(cz.Amorphous("C", density=2.2), cell=(48, 48), thickness=20, seed=1).shifted((24, 24, 14))
    found = thickness_map(alone(carbon), SHAPE, PIXEL)
    assert found.mean() == pytest.approx(20, abs=1.0)
    assert found.min() > 12
    hole = prefabs.film(cz.Amorphous("C", density=2.2), cell=(48, 48), thickness=20, holes=1, hole_radius=12, seed=1)
    found = thickness_map(alone(hole.shifted((24, 24, 14))), SHAPE, PIXEL)
    assert (found == 0).mean() == pytest.approx(np.pi * 12**2 / 48**2, rel=0.2)


def test_a_film_under_a_ball_is_not_counted_twice() -> None:
    """The beam crosses the ball and the film; the wedge between them that a ball of 6 Å cannot enter stays empty."""
    gold = ball(cz.Crystal.fcc("Au"), radius=12, at=(24, 24, 28))
    both = cz.Scene([film(5, 15), gold], cell=(48, 48, 48)).atoms(seed=0)
    found, y = thickness_map(both, SHAPE, PIXEL), np.arange(240) * 0.2
    assert found[np.abs(y - 24) < 1][:, np.abs(y - 24) < 1].mean() == pytest.approx(10 + 24, abs=2.5)
    away = np.hypot(*np.meshgrid(y - 24, y - 24))
    rim = (away > 9) & (away < 10)
    assert found[rim].mean() == pytest.approx(10 + 2 * np.sqrt(12**2 - 9.5**2), abs=2.5)


def test_a_ball_is_as_thick_as_its_chord() -> None:
    found = thickness_map(alone(ball(cz.Crystal.fcc("Au"), radius=15)), SHAPE, PIXEL)
    y, x = np.mgrid[0:240, 0:240] * 0.2 - 24
    away = np.hypot(x, y)
    chord = 2 * np.sqrt(np.maximum(15.0**2 - away**2, 0))
    inner = away < 12
    # a rolling ball dips between the outermost atoms: 0.4 to 0.8 Å on either side, and a voxel is 1 Å
    assert -2.2 < np.mean((found - chord)[inner]) < 0.3
    assert np.std((found - chord)[inner]) < 1.5
    assert not found[away > 19].any()


def test_the_map_is_on_the_pixels_and_goes_across_the_seam() -> None:
    inside = thickness_map(alone(ball(cz.Crystal.fcc("Au"), radius=12)), SHAPE, PIXEL)
    across = thickness_map(alone(ball(cz.Crystal.fcc("Au"), radius=12, at=(0.0, 24.0, 24.0))), SHAPE, PIXEL)
    np.testing.assert_allclose(np.roll(inside, -120, axis=1), across, atol=1e-4)
    coarse = thickness_map(alone(ball(cz.Crystal.fcc("Au"), radius=12)), (48, 48), (1.0, 1.0))
    np.testing.assert_allclose(coarse, inside[::5, ::5], atol=1e-4)


def atom(symbol: str, x: float, y: float) -> ase.Atoms:
    return ase.Atoms(symbol, [[x, y, 5.0]], cell=[48, 48, 10], pbc=[True, True, False])


@pytest.mark.parametrize("parametrization", ["lobato", "kirkland"])
def test_an_atom_has_its_potential_wherever_it_stands(parametrization: str) -> None:
    """Away from the core, where the band's limit does not matter, it is the closed form; its integral is C f_e(0)."""
    x, y = 20.13, 31.07
    found = potential_map(atom("Au", x, y), SHAPE, PIXEL, parametrization=parametrization)
    wanted = PROJECTED_POTENTIAL_FACTOR * float(scattering_factor(79, 0.0, parametrization))
    assert found.sum() * 0.04 == pytest.approx(wanted, rel=1e-4)
    row, column = np.mgrid[0:240, 0:240] * 0.2
    away = np.hypot(column - x, row - y)
    ring = (away > 0.8) & (away < 3)
    form = projected_potential(79, away[ring], parametrization)
    assert np.abs(found[ring] - form).max() < 0.015 * found.max()
    assert np.abs(found[ring] - form).mean() < 0.005 * found.max()
    peak = np.unravel_index(found.argmax(), SHAPE)
    assert [peak[1] * 0.2, peak[0] * 0.2] == pytest.approx([x, y], abs=0.1)


def test_potentials_add_up_and_thermal_motion_blurs_them() -> None:
    one, other = atom("Au", 20, 20), atom("C", 25, 22)
    both = one + other
    np.testing.assert_allclose(
        potential_map(both, SHAPE, PIXEL),
        potential_map(one, SHAPE, PIXEL) + potential_map(other, SHAPE, PIXEL),
        atol=0.05,
    )
    warm = one.copy()
    warm.set_array("thermal_u", np.array([0.2]))
    blurred, sharp = potential_map(warm, SHAPE, PIXEL), potential_map(one, SHAPE, PIXEL)
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=1e-4)
    # the second moment of what is left after the Gaussian: a ratio of spectra
    ratio = np.abs(np.fft.fft2(blurred)[0, 48] / np.fft.fft2(sharp)[0, 48])  # 1 Å⁻¹
    assert ratio == pytest.approx(np.exp(-2 * (np.pi * 0.2) ** 2), rel=1e-3)


def test_it_is_what_a_thin_object_does_to_the_phase() -> None:
    """σV of one atom is the phase of its wave, where the multislice grid carries the same band."""
    from construction_zone.conventions import interaction_parameter
    from construction_zone.simulate import exit_waves

    carbon = atom("C", 24, 24)
    wave = exit_waves(carbon, energy=300e3, shape=SHAPE, phonons=None, cores=False, slice_thickness=10.0)
    phase = wave.array[0].angle().numpy()
    found = interaction_parameter(300e3) * potential_map(carbon, SHAPE, PIXEL)
    # the wave keeps 2/3 of the band; what is left below a Gaussian of 0.4 Å both have
    seen, wanted = (ndimage.gaussian_filter(a.astype(float), 2.0, mode="wrap") for a in (phase, found))
    np.testing.assert_allclose(seen, wanted, atol=0.03 * wanted.max())


def test_without_atoms_there_is_nothing() -> None:
    empty = ase.Atoms(cell=[48, 48, 10], pbc=[True, True, False])
    assert not thickness_map(empty, SHAPE, PIXEL).any()
    assert not potential_map(empty, SHAPE, PIXEL).any()
