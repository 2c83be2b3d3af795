"""Phase masks: what they find, and where they are known to fail."""

from __future__ import annotations

import math

import ase
import numpy as np
import pytest
import torch
from ase.build import bulk

import construction_zone as cz
from construction_zone.build.transforms import random_rotation
from construction_zone.errors import InvalidInput
from construction_zone.label import phase_mask, projected
from construction_zone.label.exit_wave import blurred, middle
from construction_zone.simulate import exit_waves
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.waves import ExitWaves


def with_phase(phase: np.ndarray, sampling: float = 0.2) -> ExitWaves:
    array = torch.polar(torch.ones(1, *phase.shape), torch.from_numpy(phase[None].astype(np.float32)))
    return ExitWaves(array, (sampling, sampling), 300e3, 20.0)


def half_plane(level: float) -> np.ndarray:
    """`level` on columns 50…99 of 200, else none; 0.2 Å."""
    phase = np.zeros((100, 200))
    phase[:, 50:100] = level
    return phase


@pytest.mark.parametrize(
    ("order", "level", "found"),
    [
        ("threshold_then_blur", 0.19, 0),
        ("threshold_then_blur", 0.2, 1),
        ("blur_then_threshold", 0.048, 0),
        ("blur_then_threshold", 0.05, 1),
    ],
)
def test_the_threshold_is_on_the_phase(order, level: float, found: int) -> None:
    """The literature's is π/16 = 0.196; what is blurred first is compared with a quarter of that."""
    assert phase_mask(with_phase(half_plane(level)), order=order)[50, 75] == found
    assert phase_mask(with_phase(half_plane(0.3)), order=order, threshold=0.31)[50, 75] == 0
    assert phase_mask(with_phase(half_plane(0.3)), order=order, threshold=0.29)[50, 75] == 1


def test_thresholding_first_keeps_an_edge_where_it_is() -> None:
    mask = phase_mask(with_phase(half_plane(1.0)), order="threshold_then_blur")
    np.testing.assert_array_equal(mask, (half_plane(1.0) > 0).astype(np.uint8))


def test_blurring_first_moves_an_edge_by_the_gaussian() -> None:
    """A step of 1 rad blurred with σ falls to π/16 where the normal distribution says: 0.856 σ outside."""
    blur = 1.6
    mask = phase_mask(with_phase(half_plane(1.0)), blur=blur, threshold=math.pi / 16)
    shift = 0.8552 * blur
    # the step lies half a pixel before column 50
    assert mask[50].sum() * 0.2 == pytest.approx(10 + 2 * shift, abs=0.4)


def test_a_phase_that_wraps_is_lost_only_where_it_is_thresholded_first() -> None:
    beyond = with_phase(half_plane(4.0))  # comes back as 4 − 2π < 0
    assert not phase_mask(beyond, order="threshold_then_blur").any()
    assert phase_mask(beyond)[50, 60:90].all()


def test_blur_is_a_gaussian_of_its_standard_deviation() -> None:
    grid = Grid((64, 80), (16.0, 20.0))
    point = torch.zeros(grid.shape, dtype=torch.complex128)
    point[32, 40] = 1
    found = blurred(point, grid, 1.3).real
    y, x = np.mgrid[0:64, 0:80] * 0.25
    wanted = np.exp(-((x - 10) ** 2 + (y - 8) ** 2) / (2 * 1.3**2)) * 0.25**2 / (2 * np.pi * 1.3**2)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-8)


def test_the_mask_is_on_the_grid_of_the_image() -> None:
    phase = np.zeros((100, 200))
    phase[20:60, 50:100] = 1.0
    fine = phase_mask(with_phase(phase, 0.1))
    coarse = phase_mask(with_phase(phase, 0.1), pixel_size=0.2)
    assert coarse.shape == (50, 100)
    assert (coarse != fine[::2, ::2]).sum() == 0


def gold(radius: float, axis: str) -> tuple[ase.Atoms, ExitWaves, np.ndarray]:
    """A gold ball, its static wave, and its nominal disc on 0.2 Å pixels."""
    crystal = bulk("Au", a=4.0782, cubic=True) * (12, 12, 12)
    positions = crystal.positions - crystal.positions.mean(0) + [0.3, 0.4, 0.1]
    if axis == "110":
        positions = positions @ np.array([[0, 0, 1], [2**-0.5, -(2**-0.5), 0], [2**-0.5, 2**-0.5, 0]]).T
    positions = positions[np.linalg.norm(positions, axis=1) <= radius] + [20.0, 20.0, radius + 2]
    atoms = ase.Atoms(f"Au{len(positions)}", positions, cell=[40, 40, 2 * radius + 4], pbc=[True, True, False])
    y, x = np.mgrid[0:200, 0:200] * 0.2
    return atoms, exit_waves(atoms, sampling=0.1, phonons=None), np.hypot(x - 20, y - 20) <= radius


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first.astype(bool) & second.astype(bool)).sum() / (first.sum() + second.sum()))


@pytest.mark.parametrize("axis", ["110", "100"])
def test_heavy_columns_defeat_thresholding_first_but_neither_blurring_first_nor_projection(axis: str) -> None:
    atoms, waves, disc = gold(15.0, axis)
    plane = middle(atoms)
    assert dice(phase_mask(waves, 0.2, plane=plane, order="threshold_then_blur"), disc) < 0.1
    assert dice(phase_mask(waves, 0.2, plane=plane), disc) > 0.8
    assert dice(projected(atoms, (200, 200), (0.2, 0.2)), disc) > 0.95


def crystals() -> dict[str, tuple[cz.Crystal, float]]:
    """Crystals as they stand in the beam, and the radius in Å of the ball that is cut of them."""
    gold, dot, silicon = cz.Crystal.fcc("Au"), cz.Crystal.wurtzite("CdSe"), cz.Crystal.diamond("Si")
    axes = {"Au": (gold, "100 110 111 112"), "CdSe": (dot, "001 100 110"), "Si": (silicon, "110")}
    turned = {"Au": (gold, 8, 25.0), "CdSe": (dot, 4, 25.0), "Si": (silicon, 2, 25.0), "small Si": (silicon, 2, 10.0)}
    return {
        f"{name} [{axis}]": (crystal.with_zone_axis([int(u) for u in axis]), 25.0)
        for name, (crystal, indices) in axes.items()
        for axis in indices.split()
    } | {
        f"{name} random {k}": (crystal.moved(random_rotation(np.random.default_rng(k))), radius)
        for name, (crystal, count, radius) in turned.items()
        for k in range(count)
    }


@pytest.mark.parametrize("name", crystals())
def test_both_masks_agree_in_any_orientation(name: str) -> None:
    """Dice of at least 0.9 between projected atoms and the phase, blurred first, in the plane of the middle.

    Of gold, CdSe and silicon, 5 nm across; of silicon of 2 nm, which π/16 does not see at all, 0.85.
    """
    crystal, radius = crystals()[name]
    side, height = 64.0 if radius > 20 else 32.0, 2 * radius + 4
    centre = (side / 2, side / 2, height / 2)
    atoms = cz.Scene([cz.Zone(cz.Ball(radius, center=centre), crystal.shifted(centre), "ball")],
                     (side, side, height)).atoms()  # fmt: skip
    waves = exit_waves(atoms, sampling=0.16, phonons=None)
    phase = phase_mask(waves, 0.32, plane=middle(atoms))
    found = dice(phase, projected(atoms, (round(side / 0.32), round(side / 0.32)), (0.32, 0.32)))
    assert found >= (0.9 if radius > 20 else 0.85)


def test_the_plane_is_where_the_wave_is_looked_at() -> None:
    _, waves, _ = gold(8.0, "100")
    far = waves.propagated(400)
    np.testing.assert_array_equal(phase_mask(far, 0.2, plane=10.0), phase_mask(waves.propagated(10.0 - waves.z), 0.2))
    assert (phase_mask(far, 0.2) != phase_mask(far, 0.2, plane=10.0)).any()


def test_middle_lies_between_lowest_and_highest_atom() -> None:
    assert middle(ase.Atoms("Au3", [[0, 0, 4.0], [0, 0, 5.0], [0, 0, 10.0]])) == 7.0
    with pytest.raises(InvalidInput, match="no atoms"):
        middle(ase.Atoms())


def test_wrong_input_is_refused() -> None:
    good = with_phase(half_plane(1.0))
    two = ExitWaves(good.array.repeat(2, 1, 1), good.sampling, good.energy, good.z, seeds=(1, 2))
    with pytest.raises(InvalidInput, match="phonons=None"):
        phase_mask(two)
    for name, value in (("threshold", 0.0), ("threshold", 4.0), ("blur", -1.0), ("blur", math.nan), ("order", "both")):
        with pytest.raises(InvalidInput, match=name):
            phase_mask(good, **{name: value})
    with pytest.raises(InvalidInput, match="finer than these waves carry"):
        phase_mask(good, 0.05)
    good.array[0, 0, 0] = math.nan
    with pytest.raises(InvalidInput, match="NaN"):
        phase_mask(good)
