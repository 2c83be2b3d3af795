"""From a scene to its atoms: zones are filled, merged, put together and checked."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import arrays, inputs, merge, record, surfaces, torus
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed, child

if TYPE_CHECKING:
    from ase import Atoms

    from construction_zone.build.scene import Scene
    from construction_zone.build.zone import Zone

CLOSEST_ATOMS = 0.5
"""Å. A scene with two atoms closer than this is refused."""

REPORTED = 3.2
"""Å. The record tells the shortest distance of every pair of elements that comes closer than this."""

SEAM = 0.9
"""A warning tells of atoms of a zone that meet their own images closer than this share of the distance inside it."""

_EDGE = 1e-5
"""Å by which an atom may lie outside the cell through rounding."""


@dataclass(frozen=True, eq=False)
class _Fill:
    """What the generator of a zone made: its atoms, their places in the cell, and the indices of those that stay."""

    zone: Zone
    part: Atoms
    points: Floats
    kept: NDArray[np.intp]
    merged: record.Merged


def realised(scene: Scene, seed: Seed, surface: bool) -> Atoms:
    """The atoms of `scene` with their arrays and record; see `Scene.atoms`."""
    return joined(scene, [filled(scene, zone, seed) for zone in scene.zones], seed, surface)


def filled(scene: Scene, zone: Zone, seed: Seed) -> Atoms:
    """What the generator of `zone` puts into it, before the zones of `scene` are merged."""
    try:
        part = zone.generator.fill(
            zone.volume, cell=scene.cell, seed=child(seed, "build", zone.name), periodic=scene.periodic
        )
        inputs.points(part.positions.reshape(-1, 3), "positions")
    except InvalidInput as error:
        raise SceneError(f"zone {zone.name!r}: {error}") from error
    return part


def joined(scene: Scene, parts: list[Atoms], seed: Seed, surface: bool = False) -> Atoms:
    """The atoms that zones were filled with, merged and checked; `parts` are in the order of the scene's zones."""
    fills = _merged(scene, parts)
    atoms = _assembled(scene, fills)
    _refuse_outside(scene, atoms)
    closest = merge.closest(atoms.positions, atoms.numbers, REPORTED, np.where(scene.periodic, scene.cell, 0.0))
    _refuse_coinciding(scene, atoms, closest)
    _warn_of_seams(scene, fills, atoms, closest)
    if surface:
        atoms.set_array("surface", surfaces.exposed(atoms))
    atoms.info["record"] = _record(scene, seed, fills, atoms, closest)
    return atoms


def _merged(scene: Scene, parts: list[Atoms]) -> list[_Fill]:
    cell, periodic = scene.cell, scene.periodic
    points = [torus.wrap(part.positions, cell, periodic) for part in parts]
    priorities = [int(zone.priority) for zone in scene.zones]
    volumes = [zone.volume for zone in scene.zones]
    outside = merge.outside_rivals(points, volumes, priorities, cell, periodic)
    kept = [np.flatnonzero(stays) for stays in outside]
    apart = merge.keep_apart(
        [own[index] for own, index in zip(points, kept, strict=True)],
        [part.numbers[index] for part, index in zip(parts, kept, strict=True)],
        priorities,
        scene.distances,
        cell,
        periodic,
    )
    fills = []
    for zone, part, own, index, far in zip(scene.zones, parts, points, kept, apart, strict=True):
        left = index[far]
        if len(part) and not len(left):
            raise SceneError(f"zone {zone.name!r} is left with no atoms: other zones cover it; move or shrink them")
        merged = record.Merged(len(part), len(part) - len(index), len(index) - len(left))
        fills.append(_Fill(zone, part, own, left, merged))
    return fills


def _assembled(scene: Scene, fills: list[_Fill]) -> Atoms:
    from ase import Atoms

    parts, kept = [fill.part for fill in fills], [fill.kept for fill in fills]
    points, names = [fill.points for fill in fills], [fill.zone.name for fill in fills]
    atoms = Atoms(
        numbers=np.concatenate([part.numbers[index] for part, index in zip(parts, kept, strict=True)]),
        positions=np.concatenate([own[index] for own, index in zip(points, kept, strict=True)]),
        cell=scene.cell,
        pbc=scene.periodic,
    )
    phases, phase = arrays.phase_numbers(parts, [fill.zone.generator.phase for fill in fills], kept)
    found: dict[str, Any] = {
        "id": np.arange(len(atoms)),
        "zone": np.repeat(np.arange(len(parts)), [len(index) for index in kept]),
        "grain": arrays.grain_numbers(parts, kept),
        "phase": phase,
        "thermal_u": np.zeros(len(atoms)),
        **arrays.gathered(parts, kept, names),
    }
    ideal = arrays.ideal_positions(parts, points, kept)
    if ideal is not None:
        found[arrays.IDEAL] = ideal
    for name, values in found.items():
        atoms.set_array(name, values)
    atoms.info["zones"] = names
    atoms.info["phases"] = phases
    return atoms


def _refuse_outside(scene: Scene, atoms: Atoms) -> None:
    for axis in np.flatnonzero(~np.asarray(scene.periodic)):
        column = atoms.positions[:, axis]
        out = (column < -_EDGE) | (column > scene.cell[axis] + _EDGE)
        if out.any():
            names = sorted({scene.zones[i].name for i in atoms.arrays["zone"][out].tolist()})
            raise SceneError(
                f"{int(out.sum())} atoms of zone {', '.join(map(repr, names))} leave the cell along {'xyz'[axis]}: "
                f"they reach from {column.min():.2f} to {column.max():.2f} Å, the cell from 0 to "
                f"{scene.cell[axis]:g} Å; enlarge the cell or move the zone"
            )


def _refuse_coinciding(scene: Scene, atoms: Atoms, closest: dict[str, tuple[float, int, int]]) -> None:
    if not closest:
        return
    distance, first, second = min(closest.values())
    if distance >= CLOSEST_ATOMS:
        return
    names = [scene.zones[int(atoms.arrays["zone"][i])].name for i in (first, second)]
    place = ", ".join(f"{value:.2f}" for value in atoms.positions[first])
    where = f"zone {names[0]!r}" if names[0] == names[1] else f"zones {names[0]!r} and {names[1]!r}"
    cause = (
        "its parts overlap themselves, perhaps across a periodic seam that does not fit the lattice"
        if names[0] == names[1]
        else f"min_distance is {scene.distances}; raise it or give the zones different priorities"
    )
    raise SceneError(f"two atoms of {where} are {distance:.3f} Å apart at ({place}) Å: {cause}")


def _warn_of_seams(scene: Scene, fills: list[_Fill], atoms: Atoms, closest: dict[str, tuple[float, int, int]]) -> None:
    """Warn of a zone whose atoms meet those of its own image, across a period, closer than they come inside it."""
    for pair, (distance, *ends) in closest.items():
        first, second = (int(atoms.arrays["zone"][i]) for i in ends)
        apart = np.abs(atoms.positions[ends[0]] - atoms.positions[ends[1]])
        if first != second or np.linalg.norm(apart) <= distance + _EDGE:
            continue
        fill = fills[first]
        whole, numbers = fill.part.positions[fill.kept], fill.part.numbers[fill.kept]
        inside = merge.closest(whole, numbers, REPORTED, np.zeros(3)).get(pair, (REPORTED,))[0]
        if distance < SEAM * inside:
            axes = " and ".join(f"{'xyz'[axis]}" for axis in np.flatnonzero(apart > np.asarray(scene.cell) / 2))
            warnings.warn(
                f"zone {fill.zone.name!r} meets itself across the period along {axes}: {pair} come as close as "
                f"{distance:.2f} Å there, and inside it {inside:.2f} Å; give the cell a length that fits the lattice, "
                "make the zone smaller than the cell, or let the cell not repeat there",
                stacklevel=2,
            )


def _record(
    scene: Scene, seed: Seed, fills: list[_Fill], atoms: Atoms, closest: dict[str, tuple[float, int, int]]
) -> dict[str, Any]:
    ends = np.cumsum([len(fill.kept) for fill in fills])
    zones = {}
    first = arrays.first_grains([fill.part for fill in fills])
    for index, (fill, end) in enumerate(zip(fills, ends, strict=True)):
        own_rows = slice(int(end) - len(fill.kept), int(end))
        left = {name: values[own_rows] for name, values in atoms.arrays.items()}
        own = child(seed, "build", fill.zone.name)
        zones[fill.zone.name] = record.zone_record(
            fill.zone, index, own, fill.merged, first[index], left, fill.part.info.get("record") or {}
        )
    return {
        "format": record.FORMAT,
        "seed": record.seed_record(seed),
        "cell": list(scene.cell),
        "periodic": list(scene.periodic),
        "min_distance": scene.distances.plain(),
        "atoms": len(atoms),
        "zones": zones,
        "checks": {"below": REPORTED, "closest": {pair: found[0] for pair, found in closest.items()}},
    }
