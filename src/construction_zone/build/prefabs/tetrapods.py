"""Tetrapods: four wurtzite arms on a zincblende core."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.build.distances import PairDistances
from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.build.prefabs.base import Described, crystal_of, of_kind, prefab
from construction_zone.build.prefabs.compound import Part, nearest_neighbour, together
from construction_zone.build.prefabs.facets import planes_of
from construction_zone.build.prefabs.shapes import tetrahedron
from construction_zone.build.transforms import Affine, align, translation
from construction_zone.build.volumes import ConvexPolyhedron
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_CLOSE = 0.8
"""Atoms of different parts keep this share of a bond apart."""

_CORE, _TRUNCATION = 2.2, 0.25
"""Edge of the core in diameters of an arm, and its truncation: an arm then stands on each facet."""

_MISFIT = 0.02


@prefab
def tetrapod(
    core: Crystal | str = "zincblende CdSe",
    arms: Crystal | str = "wurtzite CdSe",
    *,
    length: float,
    diameter: float,
    seed: Seed = 0,
    name: str = "tetrapod",
) -> Zone:
    """Four wurtzite arms along c on the {111} facets of a zincblende core (Fiore et al., JACS 131, 2274 (2009)).

    The stacking goes on across each facet: only it changes, from ABC to ABAB, and no bond is broken.

    Parameters
    ----------
    core, arms
        A zincblende and a wurtzite crystal of the same material.
    length
        Of each arm beyond the core, Å.
    diameter
        Across opposite {10-10} sides of an arm, Å.
    seed
        Where in the lattice the middle of the core lies.

    Raises `InvalidInput` for other structures, or where the two lattices differ by more than 2 % at the facet.
    """
    inner = of_kind(crystal_of(core), ("zincblende",), "the core of a tetrapod")
    outer = of_kind(crystal_of(arms), ("wurtzite",), "the arms of a tetrapod")
    long, wide = inputs.positive(length, "length"), inputs.positive(diameter, "diameter")
    side = float(np.linalg.norm(inner.lattice[0])) / np.sqrt(2)
    misfit = float(np.linalg.norm(outer.lattice[0])) / side - 1
    if abs(misfit) > _MISFIT:
        raise InvalidInput(
            f"{outer.phase} differs from {inner.phase} by {misfit:+.1%} in the facet; give two forms of one material"
        )
    edge = _CORE * wide
    middle = tetrahedron(inner, edge=edge, truncation=_TRUNCATION, origin="random", seed=seeding.child(seed, "core"))
    placed = middle.generator.pose
    facets = planes_of(replace(inner, pose=placed), {(1, 1, 1): 1.0})
    depth = edge / np.sqrt(24)  # of the facets of the tetrahedron
    parts = [Part("core", middle.volume, middle.generator)]
    for index, normal in enumerate(facets.normals):
        arm = _grown(replace(inner, pose=placed), outer, normal, depth)
        sides = np.array([arm.pose.apply_direction(_side(outer, k)) for k in range(6)])
        prism = ConvexPolyhedron.from_planes(
            np.concatenate([sides, [normal, -normal]]), [*[wide / 2] * 6, depth + long, -depth]
        )
        parts.append(Part(f"arm {index}", prism - middle.volume, arm))
    volume, compound = together(parts, PairDistances(_CLOSE * nearest_neighbour(inner)))
    describe = _Arms(tuple(tuple(row) for row in facets.normals.tolist()), float(depth))
    return Zone(volume, Described(compound, "tetrapod", describe), name)


@dataclass(frozen=True)
class _Arms:
    """Describes how far the arms reach beyond the core's facets."""

    normals: tuple[tuple[float, ...], ...]
    depth: float

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        local = placed.inverse.apply(atoms.positions)
        part = atoms.arrays["part"]
        reach = [
            float((local[part == k + 1] @ np.array(normal)).max(initial=self.depth)) - self.depth
            for k, normal in enumerate(self.normals)
        ]
        return {"arms": reach}


def _grown(core: Crystal, arms: Crystal, normal: Floats, depth: float) -> Crystal:
    """The wurtzite crystal with c along `normal`, a cation on a cation of the core's last layer below `depth`."""
    lattice = core.pose.apply_direction(core.lattice)
    # a nearest-neighbour direction of the core in the facet: half a face diagonal
    diagonals = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1], [1, 1, 0], [1, 0, 1], [0, 1, 1]]) @ lattice / 2
    in_plane = diagonals[int(np.argmin(np.abs(diagonals @ normal)))]
    turned = arms.moved(align((0, 0, 1), normal, arms.lattice[0], in_plane))
    spacing = float(np.linalg.norm(core.lattice[0])) / np.sqrt(3)
    cation = core.pose.apply(core.positions[0])
    layer = float(cation @ normal) + spacing * np.floor((depth - float(cation @ normal)) / spacing)
    # half a face diagonal that is inclined to the facet rises by one layer
    up = diagonals[int(np.argmax(np.abs(diagonals @ normal)))]
    rise = float(up @ normal)
    site = cation + round((layer - float(cation @ normal)) / rise) * up
    # of the sites of that layer the one under the middle of the arm, so that what misfit there is grows outwards
    flat = diagonals[np.abs(diagonals @ normal) < 1e-6][:2]
    steps = np.linalg.lstsq(flat.T, layer * normal - site, rcond=None)[0]
    site = site + np.round(steps) @ flat
    return turned.moved(translation(site - turned.pose.apply(arms.positions[0])))


def _side(crystal: Crystal, number: int) -> Floats:
    """The normal of the {10-10} side `number` of six, in the crystal's own frame."""
    first = crystal.lattice[0] + 0.5 * crystal.lattice[1]
    angle = np.radians(60 * number)
    across = np.cross(crystal.lattice[2] / np.linalg.norm(crystal.lattice[2]), first)
    made = np.cos(angle) * first + np.sin(angle) * across
    return np.asarray(made / np.linalg.norm(made))
