"""Several subsets of a scene in one run, and what is not computed at all."""

import ase
import numpy as np
import pytest
import torch

from construction_zone import simulate
from construction_zone.errors import InvalidInput
from construction_zone.simulate import steps_compiled
from construction_zone.simulate.fft import fields


def scene() -> ase.Atoms:
    """Carbon up to 6 Å, gold from 6 to 12 Å, and a shuffled array of ids."""
    rng = np.random.default_rng(0)
    places = np.vstack([rng.uniform([0, 0, 0], [8, 9, 5.9], (40, 3)), rng.uniform([2, 2, 6.1], [6, 6, 12], (9, 3))])
    atoms = ase.Atoms("C40Au9", places, cell=(8, 9, 12))
    atoms.set_array("id", rng.permutation(60)[:49])
    return atoms


GOLD = np.arange(49) >= 40
SETTINGS = {"sampling": 0.1, "seed": 3, "phonons": 2, "displacements": {"C": 0.1, "Au": 0.08}}


POTENTIALS = ("spread_rows", "filtered_columns")
WAVE = ("propagate", "transmit")


class Count:
    """How often the steps of multislice are called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: dict[str, int] = {}
        for place, names in ((fields, POTENTIALS), (steps_compiled.Wave, WAVE)):
            for name in names:
                monkeypatch.setattr(place, name, self._counting(name, getattr(place, name)))

    def _counting(self, name: str, function):
        def counted(*args):
            self.calls[name] = self.calls.get(name, 0) + 1
            return function(*args)

        return counted


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_variants_are_the_separate_runs(dtype: torch.dtype) -> None:
    atoms = scene()
    variants = {"scene": np.ones(49, dtype=bool), "gold": GOLD, "some": np.array([45, 3, 17, 40])}
    tilts, depths = [(0.0, 0.0), (5.0, 2.0)], [8.0, 12.0]
    made = simulate.exit_wave_variants(atoms, variants, tilts=tilts, depths=depths, dtype=dtype, **SETTINGS)
    assert list(made) == list(variants)
    # potentials are made in pairs, in other pairs than alone: they agree to what the FFTs round
    tolerance = 2e-5 if dtype == torch.complex64 else 1e-12
    for name, chosen in variants.items():
        mask = chosen if chosen.dtype == bool else np.isin(np.arange(49), chosen)
        alone = simulate.exit_waves(atoms[mask], tilts=tilts, depths=depths, dtype=dtype, **SETTINGS)
        assert made[name].dims == alone.dims
        assert made[name].seeds == alone.seeds
        assert made[name].z == alone.z
        assert float((made[name].array - alone.array).abs().max()) < tolerance


def test_variants_share_the_slices_they_have_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    count = Count(monkeypatch)
    settings = {**SETTINGS, "phonons": None}
    simulate.exit_waves(scene(), **settings)
    alone = dict(count.calls)
    count.calls.clear()
    made = simulate.exit_wave_variants(scene(), {"scene": np.ones(49, dtype=bool), "gold": GOLD}, **settings)
    # all that gold alone needs is in the scene's upper three slices, which hold nothing else
    for name in POTENTIALS:
        assert count.calls[name] == alone[name]
    assert count.calls["transmit"] == alone["transmit"] + 3
    assert count.calls["propagate"] == alone["propagate"] + 3
    assert float((made["gold"].array - 1).abs().max()) > 0.1


def test_the_same_variant_twice_costs_no_potentials(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = np.ones(49, dtype=bool)
    count = Count(monkeypatch)
    made = simulate.exit_wave_variants(scene(), {"a": everything, "b": np.arange(49)}, **{**SETTINGS, "phonons": None})
    assert count.calls["spread_rows"] == 4
    assert torch.equal(made["a"].array, made["b"].array)


def test_vacuum_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # two atoms with 20 Å of vacuum before them, 20 Å between and 20 Å behind them, in slices of 1 Å
    atoms = ase.Atoms("Au2", [[4, 4, 20.5], [4, 4, 41.5]], cell=(8, 8, 62))
    count = Count(monkeypatch)
    wave = simulate.exit_waves(atoms, sampling=0.1, slice_thickness=1.0, phonons=None)
    assert count.calls == {"spread_rows": 1, "filtered_columns": 1, "transmit": 2, "propagate": 2}
    close = ase.Atoms("Au2", [[4, 4, 0.5], [4, 4, 21.5]], cell=(8, 8, 42))
    assert torch.equal(simulate.exit_waves(close, sampling=0.1, slice_thickness=1.0, phonons=None).array, wave.array)


def test_an_empty_variant_is_vacuum() -> None:
    made = simulate.exit_wave_variants(scene(), {"nothing": np.zeros(49, dtype=bool), "gold": GOLD}, **SETTINGS)
    assert torch.equal(made["nothing"].array, torch.ones_like(made["nothing"].array))


@pytest.mark.parametrize(
    "bad", [np.ones(48, dtype=bool), np.array([49]), np.array([-1]), np.ones((49, 1), dtype=bool), [0.5]]
)
def test_choices_that_are_none(bad: object) -> None:
    with pytest.raises(InvalidInput, match=r"'gold' is no choice of 49 atoms; give booleans of shape \(49,\)"):
        simulate.exit_wave_variants(scene(), {"gold": bad}, **SETTINGS)


def test_no_variants() -> None:
    with pytest.raises(InvalidInput, match="there are no variants"):
        simulate.exit_wave_variants(scene(), {}, **SETTINGS)
