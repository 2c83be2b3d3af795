"""From drawn values to a scene: particles that lie on a film, in a cell as high as they need.

The film begins `VACUUM` above the cell's entrance face. Each particle is a ball cut from a crystal at a random place of
its lattice; its lowest atom lies `contact` above the film's upper face (without a film, at the same height). The cell
ends `VACUUM` above the highest of them, so that the exit face, from which defocus counts, lies there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np

from construction_zone import conventions, seeding
from construction_zone.build import Amorphous, Ball, Block, Crystal, Scene, Zone, checks
from construction_zone.build.transforms import Affine, rotation, translation
from construction_zone.dataset.draw import draw_structure, structure_seed
from construction_zone.dataset.fields import options
from construction_zone.dataset.particles import check_prefabs, particle_zone, top_of
from construction_zone.dataset.recipe import Recipe, is_structure_file
from construction_zone.errors import InvalidInput, RecipeError, SceneError

VACUUM = 5.0
"""Å of vacuum at either end of the cell along the beam."""

FILM = "film"


@dataclass(frozen=True, eq=False)
class Built:
    """The atoms of a structure, the names of the zones that are particles, and what was drawn and made."""

    atoms: ase.Atoms
    particles: tuple[str, ...]
    drawn: dict[str, Any]
    made: dict[str, Any]
    seed: int


def build_structure(recipe: Recipe, index: int) -> Built:
    """The atoms of structure `index` of `recipe`, the same however many are made."""
    drawn = draw_structure(recipe, index)
    seed = seeding.integer(structure_seed(recipe, index), "build")
    scene, particles = compose(recipe, drawn, index)
    atoms = scene.atoms(seed=seed, surface=True)
    made = _made(atoms, particles, drawn)
    found = checks.report(atoms)
    if not found.ok:
        raise SceneError(f"structure {index} does not hold what its scene asks for:\n{found}")
    return Built(atoms, particles, drawn, made | {"checks": found.plain()}, seed)


def compose(recipe: Recipe, drawn: dict[str, Any], index: int = 0) -> tuple[Scene, tuple[str, ...]]:
    """The scene that `drawn` values of structure `index` describe, and the names of its particles' zones."""
    width, depth = drawn["cell[0]"], drawn["cell[1]"]
    zones, floor = [], VACUUM
    if recipe.substrate is not None:
        floor += drawn["substrate.thickness"]
        film = Amorphous(
            drawn["substrate.amorphous"], density=drawn["substrate.density"], structure=recipe.substrate.structure
        )
        zones.append(Zone(Block.between((0, 0, VACUUM), (width, depth, floor)), film, name=FILM, priority=1))
    top, names = floor, []
    for k in range(drawn.get("particles.count", 0)):
        if recipe.particles is not None and recipe.particles.prefab is not None:
            seed = structure_seed(recipe, index)
            zone = particle_zone(recipe, drawn, k, seed)
            lowest = floor + (drawn["particles.contact"] if recipe.substrate is not None else 0.0)
            zones.append(zone.shifted((*drawn["particles.position"][k], lowest)))
            names.append(zone.name)
            top = max(top, lowest + top_of(zone, seed))
            continue
        ball, crystal = _particle(recipe, drawn, k)
        heights = crystal.fill(ball, cell=(width, depth, 4 * ball.radius)).positions[:, 2]
        lowest = floor + (drawn["particles.contact"] if recipe.substrate is not None else 0.0)
        lift = translation((0.0, 0.0, lowest - float(heights.min())))
        names.append(f"particle {k}")
        zones.append(Zone(ball.moved(lift), crystal.moved(lift), name=names[-1]))
        top = max(top, lowest + float(np.ptp(heights)))
    return Scene(zones, cell=(width, depth, top + VACUUM)), tuple(names)


def check_materials(recipe: Recipe) -> None:
    """Raise a `RecipeError` for each crystal or film of `recipe` that cannot be made."""
    bad: list[str] = []
    if recipe.substrate is not None:
        density = recipe.substrate.density.support[0]
        for formula in options(recipe.substrate.amorphous):
            try:
                Amorphous(formula, density=density, structure=recipe.substrate.structure)
            except InvalidInput as error:
                bad.append(f"  substrate.amorphous: {error}")
    if recipe.particles is not None and recipe.particles.prefab is not None:
        check_prefabs(recipe)
    elif recipe.particles is not None:
        for name in options(recipe.particles.crystal):
            try:
                crystal_of(recipe, name)
            except InvalidInput as error:
                bad.append(f"  particles.crystal: {error}")
    if bad:
        raise RecipeError("the recipe cannot be used:\n" + "\n".join(bad))


def crystal_of(recipe: Recipe, name: str) -> Crystal:
    """The crystal that a recipe calls `name`: a prototype, or what its structure file holds."""
    if is_structure_file(name):
        return Crystal.read(recipe.structure_files()[name])
    return Crystal.named(name)


def _particle(recipe: Recipe, drawn: dict[str, Any], k: int) -> tuple[Ball, Crystal]:
    """Ball and crystal of particle `k`, with the ball's centre at z = 0."""
    crystal = crystal_of(recipe, drawn["particles.crystal"][k])
    axis, turn = drawn["particles.orientation"][k], drawn["particles.rotation"][k]
    if turn is not None:
        crystal = crystal.moved(Affine(np.array(turn), np.zeros(3)))
    else:
        crystal = crystal.with_zone_axis(axis).moved(rotation((0, 0, 1), drawn["particles.spin"][k]))
    centre = np.array([*drawn["particles.position"][k], 0.0])
    origin = centre + crystal.direction(drawn["particles.offset"][k])
    return Ball(drawn["particles.radius"][k], center=tuple(centre)), crystal.moved(translation(origin))


def _made(atoms: ase.Atoms, particles: tuple[str, ...], drawn: dict[str, Any]) -> dict[str, Any]:
    """What the atoms really are: counts, the film's density, where each particle lies."""
    members = {name: atoms.arrays["zone"] == number for number, name in enumerate(atoms.info["zones"])}
    cell = atoms.cell.lengths()
    made: dict[str, Any] = {"cell": cell.tolist(), "atoms": len(atoms)}
    if FILM in members:
        mass = float(atoms.get_masses()[members[FILM]].sum()) / conventions.AVOGADRO  # g
        volume = float(cell[0] * cell[1]) * drawn["substrate.thickness"] * 1e-24  # cm³
        made["film"] = {"atoms": int(members[FILM].sum()), "density": mass / volume}
    made["particle_atoms"] = [int(members[name].sum()) for name in particles]
    heights = [atoms.positions[members[name], 2] for name in particles]
    made["particle_bottom"] = [float(z.min()) for z in heights]
    made["particle_top"] = [float(z.max()) for z in heights]
    return made
