"""Images under drawn conditions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from construction_zone.distributions import Choice, Normal, Uniform
from construction_zone.errors import InvalidInput
from construction_zone.image import Beams, Microscope, augment
from construction_zone.simulate.waves import ExitWaves

CONDITIONS = {"defocus": Normal(50.0, 20.0), "dose": Uniform(100.0, 300.0), "Cs": 1e4, "pixel_size": Choice((0.2, 0.4))}


def waves() -> ExitWaves:
    rng = np.random.default_rng(0)
    array = 1 + 0.2 * (rng.normal(size=(2, 32, 40)) + 1j * rng.normal(size=(2, 32, 40)))
    return ExitWaves(torch.from_numpy(array).to(torch.complex64), (0.2, 0.2), 300e3, 20.0, seeds=(0, 1))


def test_it_is_a_pure_function() -> None:
    first, conditions = augment(waves(), CONDITIONS, seed=5)
    again, same = augment(Beams.of(waves()), CONDITIONS, seed=5)
    _, differs = augment(waves(), CONDITIONS, seed=6)
    assert torch.equal(first.array, again.array)
    assert conditions == same
    assert conditions["defocus"] != differs["defocus"]
    assert set(conditions) == set(CONDITIONS)
    assert first.microscope.defocus == conditions["defocus"]
    assert first.pixel_size[0] == conditions["pixel_size"]


def test_what_is_drawn_depends_on_its_own_distribution_alone() -> None:
    _, few = augment(waves(), {"defocus": CONDITIONS["defocus"]}, seed=5)
    _, many = augment(waves(), CONDITIONS, seed=5)
    assert few["defocus"] == many["defocus"]


def test_the_microscope_keeps_what_is_not_drawn() -> None:
    base = Microscope(focal_spread=10, source_size=0.2, dose=200)
    image, _ = augment(waves(), {"defocus": 80.0}, seed=1, microscope=base, pixel_size=0.4)
    assert image.microscope == Microscope(focal_spread=10, source_size=0.2, dose=200, defocus=80.0)
    assert image.pixel_size == pytest.approx((0.4, 0.4))


def test_an_unknown_condition_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="unknown conditions: focus"):
        augment(waves(), {"focus": 3.0}, seed=0)
