"""The exit waves of one structure, as its recipe's simulation section asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ase

from construction_zone import seeding
from construction_zone.dataset.recipe import Recipe

if TYPE_CHECKING:
    from construction_zone.simulate import ExitWaves


def settings_of(recipe: Recipe, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """What `simulate.exit_waves` takes, but phonons, seed and device, for `drawn` values by dotted path."""
    simulation = recipe.simulation
    tilt = (drawn["simulation.tilt_x"], drawn["simulation.tilt_y"])
    return {
        "energy": drawn["simulation.energy"],
        "sampling": drawn["simulation.sampling"],
        "slice_thickness": drawn["simulation.slice_thickness"],
        "displacements": simulation.displacements,
        "tilts": [tilt] if any(tilt) else None,
        "parametrization": simulation.parametrization,
        "cores": simulation.cores,
        "split": simulation.split,
        "engine": simulation.engine,
    }


def simulated(
    recipe: Recipe,
    atoms: ase.Atoms,
    drawn: Mapping[str, Any],
    phonons: int | None,
    seed: seeding.Seed,
    device: str = "cpu",
) -> ExitWaves:
    """The exit waves (configuration, y, x) of `atoms`; `phonons` None for atoms at rest."""
    from construction_zone.simulate import exit_waves

    waves = exit_waves(atoms, phonons=phonons, seed=seed, device=device, **settings_of(recipe, drawn))
    return waves.at("tilt", 0) if "tilt" in waves.dims else waves
