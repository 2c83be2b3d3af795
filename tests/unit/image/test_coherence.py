"""Foci and envelopes, against the Gaussian integrals they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.image import coherence

LAMBDA = wavelength(300e3)


@pytest.mark.parametrize("nodes", [3, 7, 20])
def test_foci_have_the_moments_of_a_gaussian(nodes: int) -> None:
    offsets, weights = (np.asarray(v) for v in coherence.focal_nodes(12.0, nodes))
    assert len(offsets) == nodes
    assert weights.sum() == pytest.approx(1)
    assert weights @ offsets == pytest.approx(0, abs=1e-12)
    assert weights @ offsets**2 == pytest.approx(12.0**2)
    assert weights @ offsets**4 == pytest.approx(3 * 12.0**4)


def test_no_spread_has_one_focus() -> None:
    assert coherence.focal_nodes(0.0, 9) == ((0.0,), (1.0,))


def test_the_sum_over_foci_damps_a_beat_as_the_envelope_says() -> None:
    spread = 10.0
    k = torch.linspace(0, 2, 40, dtype=torch.float64)
    offsets, weights = coherence.focal_nodes(spread, 7)
    beats = sum(w * torch.cos(math.pi * LAMBDA * f * k**2) for f, w in zip(offsets, weights, strict=True))
    assert (beats - coherence.focal_envelope(k, LAMBDA, spread)).abs().max() < 0.01


@pytest.mark.parametrize(("spread", "energy", "highest"), [(10, 300e3, 1.5), (40, 200e3, 1.5), (25, 80e3, 1.0)])
def test_chosen_nodes_keep_the_tolerance_and_no_fewer_would(spread: float, energy: float, highest: float) -> None:
    lam = wavelength(energy)
    nodes = coherence.nodes_needed(spread, lam, highest)
    k = np.linspace(0, highest, 300)

    def error(count: int) -> float:
        offsets, weights = (np.asarray(v) for v in coherence.focal_nodes(spread, count))
        found = np.cos(np.pi * lam * np.outer(k**2, offsets)) @ weights
        return float(np.abs(found - np.exp(-0.5 * (np.pi * lam * spread * k**2) ** 2)).max())

    assert error(nodes) < 1.01 * coherence.TOLERANCE
    assert nodes == coherence.FEWEST_NODES or error(nodes - 2) > coherence.TOLERANCE


def test_more_than_the_most_nodes_are_never_chosen() -> None:
    assert coherence.nodes_needed(500.0, LAMBDA, 2.0) == coherence.MOST_NODES


def test_source_envelope_is_the_average_over_tilts_of_the_linear_phase() -> None:
    """Averaged over a Gaussian of beam directions, exp(i θ·∇χ) becomes the envelope."""
    theta, c10 = 0.5, -800.0
    k = torch.linspace(0, 1, 5, dtype=torch.float64)
    slope = 2 * np.pi / LAMBDA * c10 * LAMBDA * k.numpy()
    places, weights = np.polynomial.hermite.hermgauss(60)
    tilts = theta * 1e-3 * places  # exp(−t²/θ²): θ is the 1/e half-angle
    wanted = (np.cos(np.outer(slope, tilts)) @ weights) / weights.sum()
    found = coherence.source_envelope(k, torch.zeros(1), LAMBDA, {"C10": c10}, theta)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-9)


@pytest.mark.parametrize("nodes", [2, 5])
def test_directions_have_the_moments_of_the_source(nodes: int) -> None:
    tilts, weights = coherence.tilt_nodes(0.4, nodes)
    x, y = np.asarray(tilts).T
    share = np.asarray(weights)
    assert len(tilts) == nodes**2
    assert share.sum() == pytest.approx(1)
    assert share @ x == pytest.approx(0, abs=1e-12)
    # the density exp(−t²/θ²)/(πθ²) has ⟨x²⟩ = θ²/2
    assert share @ x**2 == pytest.approx(0.08)
    assert share @ y**2 == pytest.approx(0.08)
    assert share @ (x * y) == pytest.approx(0, abs=1e-12)
    assert coherence.tilt_nodes(0.0, nodes) == (((0.0, 0.0),), (1.0,))


def test_chosen_directions_keep_the_tolerance_and_fewer_would_not() -> None:
    given, theta, highest = {"C10": -900.0, "C30": 1.2e7}, 0.3, 0.6
    lam = wavelength(200e3)
    nodes, left = coherence.tilt_nodes_needed(theta, lam, given, highest)
    k = torch.linspace(0, highest, 400, dtype=torch.float64)
    slope = coherence.gradient(k, torch.zeros(1), lam, given)[0].numpy()

    def error(count: int) -> float:
        tilts, weights = coherence.tilt_nodes(theta, count)
        found = np.cos(1e-3 * np.outer(slope, np.asarray(tilts)[:, 0])) @ np.asarray(weights)
        return float(np.abs(found - np.exp(-((1e-3 * theta * slope) ** 2) / 4)).max())

    assert error(nodes) < 1.02 * coherence.TOLERANCE
    assert error(nodes - 1) > coherence.TOLERANCE
    assert left == pytest.approx(error(nodes), rel=0.05)


def test_directions_have_a_limit_and_what_it_leaves_is_told() -> None:
    nodes, left = coherence.tilt_nodes_needed(1.0, LAMBDA, {"C30": 1.2e7}, 1.5)
    assert nodes == coherence.MOST_TILT_NODES
    assert left > coherence.TOLERANCE
