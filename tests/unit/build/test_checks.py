"""Checks against closed forms: shells of lattices, the ideal gas, densities from handbooks."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from construction_zone.build import Amorphous, Ball, Block, Crystal, Scene, Zone, checks, region
from construction_zone.errors import InvalidInput

GOLD = bulk("Au", "fcc", 4.08, cubic=True).repeat((6, 6, 6))
SALT = bulk("NaCl", "rocksalt", 5.64, cubic=True).repeat((4, 4, 4))


@pytest.fixture(scope="module")
def gas():
    rng = np.random.default_rng(1)
    return Atoms("C20000", rng.uniform(0, 40, (20000, 3)), cell=[40, 40, 40])


def test_shells_of_fcc():
    found = checks.pair_distribution(GOLD, reach=6.5, bins=130)
    full = np.flatnonzero(found.counts)
    nearest = 4.08 / np.sqrt(2)
    np.testing.assert_allclose(found.r[full], nearest * np.sqrt([1, 2, 3, 4, 5]), atol=0.03)
    np.testing.assert_allclose(found.counts[full], [12, 6, 24, 12, 24])
    # g(r) integrated over a shell with the mean density gives the same numbers
    shell = 4 / 3 * np.pi * np.diff(np.linspace(0, 6.5, 131) ** 3)
    density = (len(GOLD) - 1) / GOLD.get_volume()
    np.testing.assert_allclose((found.total * shell * density)[full], [12, 6, 24, 12, 24])


def test_partials_of_rock_salt():
    found = checks.pair_distribution(SALT, reach=4.2, bins=84)
    assert set(found.partial) == {"Cl-Cl", "Cl-Na", "Na-Na"}
    for pair, first in (("Cl-Na", 5.64 / 2), ("Na-Na", 5.64 / np.sqrt(2)), ("Cl-Cl", 5.64 / np.sqrt(2))):
        assert found.r[np.flatnonzero(found.partial[pair])[0]] == pytest.approx(first, abs=0.03)
    # all pairs together: each partial weighs as its pairs
    n = len(SALT)
    half = n / 2
    weights = {"Cl-Cl": half * (half - 1), "Na-Na": half * (half - 1), "Cl-Na": 2 * half * half}
    mixed = sum(weights[pair] * g for pair, g in found.partial.items()) / (n * (n - 1))
    np.testing.assert_allclose(mixed, found.total, atol=1e-12)


@pytest.mark.parametrize("periodic", [(True, True, True), (True, True, False), (True, False, False), (False,) * 3])
def test_the_ideal_gas_is_one_everywhere(gas, periodic):
    gas = gas.copy()
    gas.pbc = periodic
    found = checks.pair_distribution(gas, reach=14, bins=14)
    np.testing.assert_allclose(found.total[2:], 1, atol=0.01)
    np.testing.assert_allclose(found.partial["C-C"], found.total)


def test_a_thin_film_of_ideal_gas_is_one_beyond_its_thickness():
    rng = np.random.default_rng(2)
    film = Atoms("C20000", rng.uniform(0, 1, (20000, 3)) * (60, 60, 6) + (0, 0, 10), cell=[60, 60, 40], pbc=(1, 1, 0))
    found = checks.pair_distribution(film, reach=15, bins=15)
    np.testing.assert_allclose(found.total[2:], 1, atol=0.015)
    assert checks.density(film, kind="number") == pytest.approx(20000 / (60 * 60 * 6), rel=0.001)


def test_a_ball_of_ideal_gas_is_one_in_its_own_volume(gas):
    gas = gas.copy()
    gas.pbc = False
    ball = Ball(18, (20, 20, 20))
    found = checks.pair_distribution(gas, reach=12, bins=6, volume=ball)
    np.testing.assert_allclose(found.total, 1, atol=0.025)
    assert checks.density(gas, ball, kind="number") == pytest.approx(20000 / 40**3, rel=0.02)


def test_overlap_of_a_film_and_of_a_ball_in_closed_form():
    r = np.array([0.5, 3, 8, 20, 35])
    film = np.where(r < 10, 1 - r / 20, 10 / (2 * r))
    np.testing.assert_allclose(region.box_overlap(r, np.array([10.0])), film, atol=2e-4)
    np.testing.assert_array_equal(region.box_overlap(r, np.zeros(0)), 1)
    radius, r = 12.0, np.array([1.0, 4, 9, 16, 23])
    atoms = Atoms("C", [[20, 20, 20]], cell=[40, 40, 40])
    space = region.of(atoms, Ball(radius, (20, 20, 20)))
    np.testing.assert_allclose(space.overlap(r), 1 - 3 * r / (4 * radius) + r**3 / (16 * radius**3), atol=0.01)
    assert space.size == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.005)


def test_a_volume_through_the_seam(gas):
    gas = gas.copy()
    gas.pbc = True
    ball = Ball(15, (1, 39, 20))
    found = checks.pair_distribution(gas, reach=10, bins=5, volume=ball)
    np.testing.assert_allclose(found.total, 1, atol=0.03)


@pytest.mark.parametrize(
    ("atoms", "density"),
    [(GOLD, 19.27), (bulk("Si", cubic=True).repeat(3), 2.33), (SALT, 2.16)],
)
def test_density_of_crystals(atoms, density):
    assert checks.density(atoms) == pytest.approx(density, abs=0.01)


def test_coordination_by_species():
    assert checks.coordination(SALT)["Na"] == {"Na": 0.0, "Cl": 6.0}
    ceria = bulk("CeO2", "fluorite", 5.411, cubic=True).repeat(3)
    assert checks.coordination(ceria, 2.6) == {"O": {"O": 0.0, "Ce": 4.0}, "Ce": {"O": 8.0, "Ce": 0.0}}
    assert checks.report(ceria, cutoffs=2.6).coordination == checks.coordination(ceria, 2.6)
    cadmium_selenide = Crystal.wurtzite("CdSe").fill(Block.between((0, 0, 0), (30, 30, 30)), cell=(30, 30, 30))
    interior = checks.coordination(cadmium_selenide, {("Cd", "Se"): 3.0, "default": 4.5})
    assert 3 < interior["Cd"]["Se"] < 4  # 4 less the bonds cut at faces
    assert checks.coordination(GOLD, 3.0)["Au"]["Au"] == 12
    assert checks.coordination(GOLD, 4.2)["Au"]["Au"] == 18


def test_closest_and_outside():
    atoms = Atoms("AuCC", [[1, 1, 1], [9.5, 1, 1], [5, 5, 12]], cell=[10, 10, 10], pbc=(True, True, False))
    assert checks.closest(atoms) == {"Au-C": pytest.approx(1.5)}
    assert checks.outside(atoms).tolist() == [False, False, True]
    atoms.pbc = True
    assert not checks.outside(atoms).any()
    assert checks.closest(atoms, below=1.4) == {}


def test_the_report_tells_and_judges():
    report = checks.report(SALT, min_distance={"Cl-Na": 3.0})
    assert not report.ok
    assert report.too_close == {"Cl-Na": 3.0}
    assert report.composition == {"Na": 0.5, "Cl": 0.5}
    assert report.peaks == pytest.approx((2.82, 3.99), abs=0.03)
    text = str(report)
    for part in ("512 atoms", "2.16", "CLOSER THAN 3 Å", "6.00 Cl (< 3.22 Å)"):
        assert part in text
    assert json.loads(report.json())["ok"] is False
    assert checks.report(SALT, min_distance=2.8).ok
    assert not checks.report(Atoms("C2", [[0, 0, 1], [1, 1, 9]], cell=[3, 3, 5], pbc=(True, True, False))).ok


def zoned(zone, numbers=(6, 6, 79, 79), **info):
    # two carbons 1.4 Å apart, two golds 2.9 Å apart; across the seam along x a carbon is 1.7 Å from a gold
    atoms = Atoms(
        numbers, [[1, 5, 5], [2.4, 5, 5], [9.3, 5, 5], [6.4, 5, 5]], cell=[10, 10, 10], pbc=(True, True, False)
    )
    atoms.set_array("zone", np.array(zone))
    atoms.info.update(info)
    return atoms


def test_contacts_are_between_zones_only_and_across_the_seam():
    assert checks.contacts(zoned([0, 0, 1, 1])) == {"Au-C": pytest.approx(1.7)}
    assert checks.contacts(zoned([0, 1, 2, 3])) == {
        "C-C": pytest.approx(1.4),
        "Au-C": pytest.approx(1.7),
        "Au-Au": pytest.approx(2.9),
    }
    assert checks.contacts(zoned([0, 1, 1, 1]), below=1.6) == {"C-C": pytest.approx(1.4)}
    assert checks.contacts(zoned([1, 1, 1, 1])) == {}
    assert checks.contacts(GOLD) == {}


def test_the_report_holds_contacts_against_what_the_scene_was_made_with():
    asked = {"min_distance": {"default": 1.0, "Au-C": 1.8}}
    report = checks.report(zoned([0, 0, 1, 1], record=asked))
    assert not report.ok
    assert report.too_close_contacts == {"Au-C": 1.8}
    assert "contact Au-C  1.700 Å  CLOSER THAN 1.8 Å" in str(report)
    assert checks.report(zoned([0, 0, 0, 0], record=asked)).ok
    assert checks.report(zoned([0, 0, 1, 1], record=asked), contact=1.6).ok
    assert json.loads(report.json()) == report.plain() | {"peaks": list(report.peaks)}


def test_a_sheet_has_no_density_but_all_else():
    sheet = Atoms("C2", [[0, 0, 1], [1.42, 0, 1]], cell=[8, 8, 5], pbc=(True, True, False))
    report = checks.report(sheet)
    assert (report.density, report.number_density, report.peaks) == (None, None, ())
    assert report.closest == {"C-C": pytest.approx(1.42)}
    assert report.coordination == {"C": {"C": 1.0}}
    assert "density" not in str(report)


def test_noise_makes_no_peaks():
    """Hard balls put down at random have the edge at their smallest distance, and no shell."""
    carbon = Amorphous("C", 2.2, structure="random", min_distance=1.4)
    film = Scene([Zone(Block.between((0, 0, 0), (25, 25, 25)), carbon, "film")], (25, 25, 25)).atoms()
    peaks = checks.report(film).peaks
    assert len(peaks) <= 1
    assert all(1.4 < peak < 1.7 for peak in peaks)


def test_a_report_of_a_zone_in_its_volume():
    ball = Ball(14, (20, 20, 25))
    atoms = Scene([Zone(ball, Crystal.fcc("Au").shifted((20, 20, 25)), "ball")], (40, 40, 50)).atoms()
    report = checks.report(atoms, volume=ball)
    assert report.density == pytest.approx(19.3, rel=0.03)
    assert report.peaks[0] == pytest.approx(2.884, abs=0.03)


def test_what_cannot_be_checked():
    with pytest.raises(InvalidInput, match="no atoms"):
        checks.report(Atoms())
    with pytest.raises(InvalidInput, match="lie in a plane"):
        checks.density(Atoms("C2", [[0, 0, 0], [1, 0, 0]]))
    with pytest.raises(InvalidInput, match="not along x, y and z"):
        checks.report(bulk("Au"))
    with pytest.raises(InvalidInput, match="needs two"):
        checks.pair_distribution(GOLD, volume=Ball(1.0, (0.5, 0.5, 0.5)))
    with pytest.raises(InvalidInput, match="choose 'mass' or 'number'"):
        checks.density(GOLD, kind="charge")
