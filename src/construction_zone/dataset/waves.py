"""The exit waves of one structure, as its recipe's simulation section asks for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import ase
import numpy as np

from construction_zone import seeding
from construction_zone.dataset.recipe import Recipe
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from construction_zone.simulate import ExitWaves


def settings_of(recipe: Recipe, drawn: Mapping[str, Any], atoms: ase.Atoms | None = None) -> dict[str, Any]:
    """What `simulate.exit_waves` takes, but phonons, seed and device, for `drawn` values by dotted path.

    With `atoms`, all waves that the recipe asks for: at each of its depths, and the exit face, for each of its tilts.
    Without, the one at the exit face for the tilt that is drawn.
    """
    simulation = recipe.simulation
    tilt = (drawn["simulation.tilt_x"], drawn["simulation.tilt_y"])
    tilts = [tilt] if any(tilt) else None
    if atoms is not None and simulation.tilts is not None:
        tilts = [(tilt[0] + x, tilt[1] + y) for x, y in simulation.tilts]
    return {
        "energy": drawn["simulation.energy"],
        "sampling": drawn["simulation.sampling"],
        "shape": None if simulation.shape is None else (simulation.shape[0], simulation.shape[1]),
        "slice_thickness": drawn["simulation.slice_thickness"],
        "displacements": simulation.displacements,
        "tilts": tilts,
        "depths": None if atoms is None else _depths(recipe, drawn, atoms),
        "parametrization": simulation.parametrization,
        "cores": simulation.cores,
        "split": simulation.split,
        "engine": simulation.engine,
    }


def simulated(
    recipe: Recipe,
    atoms: ase.Atoms | Iterable[ase.Atoms],
    drawn: Mapping[str, Any],
    phonons: int | None,
    seed: seeding.Seed,
    device: str = "cpu",
    *,
    several: bool = False,
) -> ExitWaves:
    """The exit waves (configuration, y, x) of `atoms`, or of snapshots of them; `phonons` None for atoms at rest.

    With `several` all waves that the recipe asks for, ([tilt,] [depth,] configuration, y, x): the last of "depth" is
    the exit face.
    """
    from construction_zone.simulate import exit_waves

    if not isinstance(atoms, ase.Atoms):
        atoms = list(atoms)
    first = atoms if isinstance(atoms, ase.Atoms) else atoms[0]
    settings = settings_of(recipe, drawn, first if several else None)
    _fine_enough(recipe, drawn, first)
    begin = recipe.simulation.first_phonon
    numbers = range(begin, begin + phonons) if phonons and begin else phonons
    waves = exit_waves(atoms, phonons=numbers, seed=seed, device=device, **settings)
    if several and recipe.simulation.tilts is not None:
        return waves
    return waves.at("tilt", 0) if "tilt" in waves.dims else waves


def above(atoms: ase.Atoms, plane: float | None) -> ase.Atoms:
    """Those of `atoms` that a wave at `plane` (Å from the entrance, a boundary of slices) has passed; None for all."""
    if plane is None:
        return atoms
    from construction_zone.simulate.slicing import EDGE

    return atoms[atoms.positions[:, 2] + EDGE < plane]


def _fine_enough(recipe: Recipe, drawn: Mapping[str, Any], atoms: ase.Atoms) -> None:
    """Raise `InvalidInput` if the grid that a recipe gives is too coarse for the pixels of the images."""
    shape, pixel = recipe.simulation.shape, drawn["imaging.pixel_size"]
    for axis, count in enumerate(reversed(shape or [])):
        length = float(atoms.cell[axis, axis])
        if length / count > pixel * (1 + 1e-9):
            raise InvalidInput(
                f"simulation.shape: {count} samples over {length:g} Å along {'xy'[axis]} are coarser than "
                f"imaging.pixel_size, {pixel:g} Å; give at least {math.ceil(length / pixel - 1e-6)}"
            )


def _depths(recipe: Recipe, drawn: Mapping[str, Any], atoms: ase.Atoms) -> list[float] | None:
    """The boundaries of slices nearest to the depths of a recipe, and the exit face. Raises `InvalidInput`."""
    wanted = recipe.simulation.depths
    if wanted is None:
        return None
    from construction_zone.simulate.slicing import cut

    height = float(atoms.cell[2, 2])
    boundaries = cut(atoms.positions[:, 2], height, drawn["simulation.slice_thickness"]).boundaries
    nearest = [int(np.abs(boundaries - depth).argmin()) for depth in wanted]
    for number, (depth, index) in enumerate(zip(wanted, nearest, strict=True)):
        if depth >= height or index == len(boundaries) - 1:
            raise InvalidInput(
                f"simulation.depths: {depth:g} Å is not above the last slice of a structure that is {height:.4g} Å "
                "high; its exit face is kept in any case"
            )
        if index == 0 or index in nearest[:number]:
            taken = "the entrance" if index == 0 else f"the boundary at {boundaries[index]:.4g} Å, which has been taken"
            raise InvalidInput(
                f"simulation.depths: {depth:g} Å is nearest to {taken}; take thinner slices or other depths"
            )
    return [float(boundaries[index]) for index in nearest] + [height]
