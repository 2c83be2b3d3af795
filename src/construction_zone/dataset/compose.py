"""From drawn values to a scene: particles that lie on substrates, in a cell as high as they need.

The first substrate begins `VACUUM` above the cell's entrance face. Each particle is a ball cut from a crystal at a
random place of its lattice, or a prefab; its lowest atom lies `contact` above a flat film's upper face (without one, at
the same height), or it rests on the atoms of what is uneven. The cell ends `VACUUM` above the highest of them, so that
the exit face, from which defocus counts, lies there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from construction_zone import conventions, seeding
from construction_zone.build import Scene, Zone, checks
from construction_zone.build.prefabs.placing import rest
from construction_zone.build.transforms import translation
from construction_zone.dataset.draw import draw_structure, structure_seed
from construction_zone.dataset.frames import motion, numbers_of
from construction_zone.dataset.given import from_file
from construction_zone.dataset.particles import ball, check_particles, filled, particle_zone
from construction_zone.dataset.parts import FromFiles, Particles
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.scenes import PlacedZones, check_placed, placed_scene
from construction_zone.dataset.substrates import VACUUM, atoms_of, check_substrates, substrate_zones, uneven
from construction_zone.errors import SceneError


@dataclass(frozen=True, eq=False)
class Built:
    """The atoms of a structure, the names of the zones that are particles, and what was drawn and made.

    Structures of one `family`, if it is told, go to the same split.
    """

    atoms: ase.Atoms
    particles: tuple[str, ...]
    drawn: dict[str, Any]
    made: dict[str, Any]
    seed: int
    family: str = ""


def build_structure(recipe: Recipe, index: int) -> Built:
    """The atoms of structure `index` of `recipe`, the same however many are made."""
    drawn = draw_structure(recipe, index)
    seed = seeding.integer(structure_seed(recipe, index), "build")
    if isinstance(recipe.scene, FromFiles):
        atoms, particles = from_file(recipe, drawn, index)
    else:
        scene, particles = compose(recipe, drawn, index)
        atoms = scene.atoms(seed=seed, surface=True)
    made = _made(recipe, atoms, particles, drawn)
    found = checks.report(atoms)
    if not found.ok:
        raise SceneError(f"structure {index} does not hold what its scene asks for:\n{found}")
    if isinstance(recipe.scene, FromFiles) and recipe.scene.frames == "configurations":
        path = recipe.scene_files()[drawn["scene.file"]]
        made["snapshots"] = len(numbers_of(path, recipe.scene))
        made["rms_displacement"] = motion(path, recipe.scene).u
    return Built(atoms, particles, drawn, made | {"checks": found.plain()}, seed, recipe.family(drawn))


def compose(recipe: Recipe, drawn: dict[str, Any], index: int = 0) -> tuple[Scene, tuple[str, ...]]:
    """The scene that `drawn` values of structure `index` describe, and the names of its particles' zones."""
    cell = (drawn["cell[0]"], drawn["cell[1]"])
    seed = structure_seed(recipe, index)
    if isinstance(recipe.scene, PlacedZones):
        return placed_scene(recipe, drawn, seed)
    zones = substrate_zones(recipe, drawn, seed)
    floor = float(zones[-1].volume.bounds[1, 2]) if zones else VACUUM
    top = max([floor, *(float(zone.volume.bounds[1, 2]) for zone in zones)])
    supported = bool(zones)
    ground = _ground(recipe, zones, cell, seed)
    names = []
    for path, group in recipe.groups:
        rest_on = None if ground is None else Ground(cell, drawn[f"{path}.contact"], drawn[f"{path}.embedded"], seed)
        lowest = floor + (drawn[f"{path}.contact"] if supported else 0.0) - drawn[f"{path}.embedded"]
        for k in range(drawn[f"{path}.count"]):
            zone, low, high = _particle(recipe, path, group, drawn, k, cell, seed)
            lift = lowest - low
            if rest_on is not None and ground is not None:
                lift = rest_on.lift(zone, ground, lift)
                if group.placing == "stacked":
                    ground = np.concatenate([ground, filled(zone, seed) + np.array([0.0, 0.0, lift])])
            zones.append(zone.moved(translation((0.0, 0.0, lift))))
            if group.labelled:
                names.append(zone.name)
            top = max(top, high + lift)
    return Scene(zones, cell=(*cell, top + VACUUM)), tuple(names)


def check_materials(recipe: Recipe) -> None:
    """Raise a `RecipeError` for each crystal, prefab or film of `recipe` that cannot be made."""
    if isinstance(recipe.scene, PlacedZones):
        check_placed(recipe)
    check_substrates(recipe)
    check_particles(recipe)


@dataclass(frozen=True, eq=False)
class Ground:
    """How particles come to rest on atoms: in a periodic `cell`, at the distance `contact`, then pushed down."""

    cell: tuple[float, float]
    contact: float
    embedded: float
    seed: np.random.SeedSequence

    def lift(self, zone: Zone, ground: NDArray[np.float64], otherwise: float) -> float:
        """By how much (Å) `zone` is lifted to rest on the atoms `ground` (n, 3); `otherwise` with nothing below it."""
        below = ase.Atoms(positions=ground) if len(ground) else None
        if below is None:
            return otherwise
        cell = (*self.cell, float(ground[:, 2].max()) + VACUUM)
        try:
            rested = rest(zone, below, cell=cell, gap=self.contact, embedded=self.embedded, seed=_build(self.seed))
        except SceneError:
            return otherwise
        return float(rested.volume.bounds[0, 2] - zone.volume.bounds[0, 2])


def _build(seed: np.random.SeedSequence) -> int:
    """The seed of the scene of the structure with this `seed`."""
    return seeding.integer(seed, "build")


def _ground(
    recipe: Recipe, substrates: list[Zone], cell: tuple[float, float], seed: np.random.SeedSequence
) -> NDArray[np.float64] | None:
    """The atoms that particles rest on, or None where all rest on the same height: that of a flat film, or of none."""
    if not uneven(recipe) and not any(group.placing == "stacked" for _, group in recipe.groups):
        return None
    return atoms_of(substrates, cell, seed)


def _particle(
    recipe: Recipe,
    path: str,
    group: Particles,
    drawn: dict[str, Any],
    k: int,
    cell: tuple[float, float],
    seed: np.random.SeedSequence,
) -> tuple[Zone, float, float]:
    """Particle `k` of a group at its place, and its lowest and highest atom in Å."""
    if group.prefab is None:
        return ball(recipe, path, group, drawn, k, cell)
    zone = particle_zone(recipe, path, group, drawn, k, seed)
    return zone.shifted((*drawn[f"{path}.position"][k], 0.0)), 0.0, float(filled(zone, seed)[:, 2].max())


def _made(recipe: Recipe, atoms: ase.Atoms, particles: tuple[str, ...], drawn: dict[str, Any]) -> dict[str, Any]:
    """What the atoms really are: counts, densities of flat films, where each particle lies.

    One substrate is called ``film``, whatever its name; several are told by name below ``substrates``.
    """
    members = {name: atoms.arrays["zone"] == number for number, name in enumerate(atoms.info["zones"])}
    cell = atoms.cell.lengths()
    made: dict[str, Any] = {"cell": cell.tolist(), "atoms": len(atoms)}
    found = {}
    for path, name, _ in recipe.substrates:
        found[name] = {"atoms": int(members[name].sum())}
        if drawn.get(f"{path}.thickness") is not None:
            mass = float(atoms.get_masses()[members[name]].sum()) / conventions.AVOGADRO  # g
            volume = float(cell[0] * cell[1]) * drawn[f"{path}.thickness"] * 1e-24  # cm³
            found[name]["density"] = mass / volume
    if isinstance(recipe.substrate, tuple):
        made["substrates"] = found
    elif found:
        (made["film"],) = found.values()
    elif "film" in members and isinstance(recipe.scene, FromFiles):
        made["film"] = {"atoms": int(members["film"].sum())}
    made["particle_atoms"] = [int(members[name].sum()) for name in particles]
    heights = [atoms.positions[members[name], 2] for name in particles]
    made["particle_bottom"] = [float(z.min()) for z in heights]
    made["particle_top"] = [float(z.max()) for z in heights]
    return made
