"""Columns against those of crystals that can be counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from label_scenes import PIXEL, SHAPE, A, alone, ball, tilted, upright

import construction_zone as cz
from construction_zone.build import modifiers, transforms
from construction_zone.label.columns import atomic_columns, heat_map


def steps(x: float, y: float) -> tuple[int, int]:
    """Half lattice constants from the middle of the field, modulo its size."""
    near = [round(((v - 24 + 24) % 48 - 24) / (A / 2)) for v in (x, y)]
    return near[0], near[1]


def test_columns_of_gold_along_001() -> None:
    atoms = alone(ball(cz.Crystal.fcc("Au")))
    found = atomic_columns(atoms)
    # every (x, y) at which atoms stand, and how many of them
    wanted: dict[tuple, list[float]] = {}
    for x, y, z in atoms.positions:
        wanted.setdefault(steps(x, y), []).append(z)
    assert len(found) == len(wanted)
    for row in found:
        heights = wanted[steps(row["x"], row["y"])]
        assert row["atoms"] == len(heights)
        assert row["formula"] == f"Au{len(heights)}"
        assert row["spread"] == pytest.approx(max(heights) - min(heights), abs=1e-5)
        assert row["bottom"] == pytest.approx(min(heights), abs=1e-5)
    assert sum(row["atoms"] for row in found) == len(atoms)


def test_dumbbells_along_110_are_two_columns_a_quarter_cell_apart() -> None:
    found = atomic_columns(alone(ball(upright("zincblende GaAs"), radius=12)))
    gallium = np.array([[r["x"], r["y"]] for r in found if r["formula"].startswith("Ga")])
    arsenic = np.array([[r["x"], r["y"]] for r in found if r["formula"].startswith("As")])
    assert len(gallium) + len(arsenic) == len(found)  # no column holds both
    near = np.linalg.norm(gallium[:, None] - arsenic, axis=2).min(axis=1)
    assert np.median(near) == pytest.approx(5.6533 / 4, abs=1e-3)


def test_wurtzite_along_its_axis_has_both_elements_in_a_column() -> None:
    found = atomic_columns(alone(ball(cz.Crystal.wurtzite("CdSe"), radius=14)))
    middle = [r for r in found if r["atoms"] > 6]
    assert middle
    assert all(r["formula"].startswith("Cd") and "Se" in r["formula"] for r in middle)


def test_other_orientations_have_no_columns() -> None:
    turned = cz.Crystal.fcc("Au").moved(transforms.random_rotation(np.random.default_rng(1)))
    assert atomic_columns(alone(ball(turned))) == []
    assert atomic_columns(alone(ball(tilted(25.0)))) == []
    assert atomic_columns(alone(ball(tilted(25.0))), tolerance=30.0)


def test_tilted_columns_stay_whole_and_stand_at_the_mean_of_their_atoms() -> None:
    straight, leaning = atomic_columns(alone(ball(tilted(0.0)))), atomic_columns(alone(ball(tilted(15.0))))
    assert len(straight) == len(leaning)
    assert sorted(r["atoms"] for r in straight) == sorted(r["atoms"] for r in leaning)


def test_bent_columns_stay_whole() -> None:
    """Atoms of a column move by up to 1.4 Å against each other, and still make one column."""

    def bow(x: np.ndarray) -> np.ndarray:
        return np.stack([0.006 * x[:, 2] ** 2, 0 * x[:, 2], 0 * x[:, 2]], axis=1)

    crystal = cz.Crystal.fcc("Au")
    bent = alone(ball(crystal, modifiers=(modifiers.Displacement(bow, frame="crystal"),)))
    moved = bent.positions - bent.arrays["ideal"]
    found = atomic_columns(bent)
    assert np.ptp(moved[:, 0]) > 1.2
    ideal = {tuple(p) for p in bent.arrays["ideal"][:, :2].round(3)}
    assert len(found) == len(ideal)


def test_columns_are_put_together_across_the_seam() -> None:
    inside = atomic_columns(alone(ball(cz.Crystal.fcc("Au"))))
    across = atomic_columns(alone(ball(cz.Crystal.fcc("Au"), at=(1.0, 47.0, 24.0))))
    assert len(inside) == len(across)
    shifted = {steps(row["x"] + 23, row["y"] - 23): row["atoms"] for row in across}
    assert shifted == {steps(row["x"], row["y"]): row["atoms"] for row in inside}
    assert all(0 <= row["x"] < 48 and 0 <= row["y"] < 48 for row in across)


def test_a_heat_map_is_a_gaussian_at_each_column() -> None:
    rows = [{"x": 10.03, "y": 20.11}, {"x": 0.1, "y": 47.9}]
    found = heat_map(rows, SHAPE, PIXEL, width=0.5)
    y, x = np.mgrid[0:240, 0:240] * 0.2

    def gaussian(px: float, py: float) -> np.ndarray:
        dx, dy = (np.abs(v) for v in (x - px, y - py))
        return np.exp(-(np.minimum(dx, 48 - dx) ** 2 + np.minimum(dy, 48 - dy) ** 2) / (2 * 0.5**2))

    np.testing.assert_allclose(found, np.maximum(gaussian(10.03, 20.11), gaussian(0.1, 47.9)), atol=4e-4)
    cut = heat_map(rows, SHAPE, PIXEL, width=0.5, periodic=(False, False))
    assert cut[-1, 0] > 0.9
    assert not cut[0, 0] > 0
    assert not heat_map([], SHAPE, PIXEL).any()


def test_pure_columns_are_where_the_potential_peaks() -> None:
    from scipy import ndimage

    from construction_zone.label.thickness import potential_map

    atoms = alone(ball(cz.Crystal.fcc("Au"), radius=10))
    found = [row for row in atomic_columns(atoms) if row["atoms"] > 2]
    peaks = potential_map(atoms, SHAPE, PIXEL)
    highest = (peaks == ndimage.maximum_filter(peaks, 9)) & (peaks > 3000)
    places = np.argwhere(highest) * 0.2
    for row in found:
        assert np.hypot(*(places - [row["y"], row["x"]]).T).min() < 0.15
    assert math.isclose(A / 2, np.sort(np.hypot(*(places - places[len(places) // 2]).T))[1] * 1, abs_tol=0.3)
