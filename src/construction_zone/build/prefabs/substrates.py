"""What particles lie on: amorphous films of any relief, crystalline slabs, and graphene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.build.generators import Crystal, Generator
from construction_zone.build.prefabs.base import Described, crystal_of, prefab
from construction_zone.build.prefabs.compound import material_of
from construction_zone.build.prefabs.facets import shown
from construction_zone.build.prefabs.placing import arranged
from construction_zone.build.prefabs.relief import Relief, rough
from construction_zone.build.prefabs.repeats import fitted_repeat
from construction_zone.build.prefabs.symmetry import Miller, miller
from construction_zone.build.transforms import Affine, translation
from construction_zone.build.volumes import Block, Ellipsoid, HalfSpace, Rough, Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_PIXEL = 4.0
"""Å: films are measured in columns of this width."""


@prefab
def film(
    material: Generator | str = "amorphous C",
    *,
    cell: Sequence[float],
    thickness: float,
    density: float | None = None,
    roughness: float = 0.0,
    correlation_length: float = 20.0,
    wedge: float = 0.0,
    holes: int = 0,
    hole_radius: float = 20.0,
    hole_gap: float = 5.0,
    seed: Seed = 0,
    name: str = "film",
) -> Zone:
    """A film across the whole cell: flat, rough on both faces, a wedge, with round holes, or all of these.

    It is centred on the origin; shift it by half the cell to bring it into a scene. Its priority number is 1, so that
    particles win.

    Parameters
    ----------
    material
        An amorphous material or its name; "amorphous C" has 2.2 g/cm³ if no `density` is given.
    cell
        (Lx, Ly) of the scene in Å, with which the relief repeats.
    thickness
        Mean thickness in Å.
    roughness
        rms height of each face in Å; the faces are independent.
    correlation_length
        Å over which the correlation of the heights falls to 1/e.
    wedge
        Angle in degrees by which the upper face rises along x. A wedge does not repeat: it has a step at the seam.
    holes, hole_radius, hole_gap
        How many round holes go through, their radius and their least distance in Å.
    seed
        Decides relief and holes.
    """
    size = _sides(cell)
    thick = inputs.positive(thickness, "thickness")
    rms = inputs.not_negative(roughness, "roughness")
    if material == "amorphous C" and density is None:
        density = 2.2
    slope = math.tan(math.radians(wedge)) if abs(wedge) < 89 else math.nan
    if not math.isfinite(slope) or abs(slope) * size[0] / 2 >= thick:
        raise InvalidInput(f"wedge is {wedge!r}°; over {size[0]:g} Å the film of {thick:g} Å would end")
    length = inputs.positive(correlation_length, "correlation_length")
    faces = [rough(size, rms, length, seeding.generator(seed, face)) for face in ("upper", "lower")]
    radius = inputs.positive(hole_radius, "hole_radius")
    centres = np.zeros((0, 2))
    if holes:
        try:
            centres = arranged([radius] * int(holes), size, hole_gap, seed=seeding.child(seed, "holes"))
        except SceneError as error:
            raise SceneError(str(error).replace("particles", "holes").replace(", or stacked=True", "")) from None
        centres -= np.array(size) / 2
    volume = Relief(size, thick, slope, faces[0], faces[1], centres, radius)
    generator = Described(material_of(material, density), "film", _Film(size, len(centres)))
    return Zone(volume, generator, name, priority=1)


@prefab
def slab(
    crystal: Crystal | str,
    *,
    cell: Sequence[float],
    thickness: float,
    plane: Miller = (0, 0, 1),
    max_strain: float = 0.03,
    seed: Seed = 0,
    name: str = "slab",
) -> Zone:
    """A crystalline slab across the whole cell, a plane (hkl) up, strained a little so that it repeats with the cell.

    Parameters
    ----------
    crystal
        Its pose does not matter: (hkl) is turned to +z and the shortest lattice vector in it to +x.
    cell
        (Lx, Ly) of the scene in Å.
    thickness
        Å; the slab ends between two layers.
    plane
        (hkl) of the surface.
    max_strain
        The largest strain along x or y that is allowed; the record has what it took.
    seed
        Decides where the lattice lies along x and y.

    Raises `InvalidInput` where no repeat is near enough, naming lengths that would fit.
    """
    size = _sides(cell)
    thick = inputs.positive(thickness, "thickness")
    given = crystal_of(crystal)
    indices = miller(plane, given)
    fit = fitted_repeat(given, indices, size, max_strain)
    levels = np.sort(fit.crystal.fill(_column(fit, thick), cell=(1.0, 1.0, 1.0), periodic=(False,) * 3).positions[:, 2])
    gaps = np.flatnonzero(np.diff(levels) > 0.1)
    middles = (levels[gaps] + levels[gaps + 1]) / 2
    low = float(middles[np.argmin(np.abs(middles + thick / 2))])
    high = float(middles[np.argmin(np.abs(middles - low - thick))])
    if high <= low:
        raise InvalidInput(f"thickness is {thick:g} Å, less than a layer of {shown(plane)}; give more")
    block = Block((size[0], size[1], high - low))
    along = seeding.generator(seed, "offset").uniform(size=2) * fit.edges
    grown = fit.crystal.moved(translation((along[0], along[1], -(low + high) / 2)))
    generator = Described(grown, "slab", _Slab(fit.strain, fit.repeats, indices))
    return Zone(block, generator, name, priority=1)


@prefab
def contamination(
    material: Generator | str = "amorphous C",
    *,
    radius: float,
    thickness: float,
    density: float | None = None,
    irregularity: float = 0.15,
    seed: Seed = 0,
    name: str = "contamination",
) -> Zone:
    """A flat cap of amorphous material with an irregular outline, such as the electron beam makes of hydrocarbons.

    Its flat side is below; its priority number is 2, so that films and particles win. Contamination under the beam is
    reviewed by Egerton, Li & Malac, Micron 35, 399 (2004).

    Parameters
    ----------
    material
        An amorphous material or its name; "amorphous C" has 2.0 g/cm³ if no `density` is given.
    radius, thickness
        Å, of the cap without its irregularity.
    irregularity
        rms displacement of the surface as a share of the thickness, below 0.25.
    seed
        Decides the outline.
    """
    wide, high = inputs.positive(radius, "radius"), inputs.positive(thickness, "thickness")
    share = inputs.not_negative(irregularity, "irregularity", "")
    if share >= 0.25:
        raise InvalidInput(f"irregularity is {share:g}; above 0.25 of the thickness the cap would end here and there")
    cap: Volume = Ellipsoid((wide, wide, high))
    if share:
        cap = Rough(cap, share * high, wide / 2, seeding.integer(seed, "outline"))
    if material == "amorphous C" and density is None:
        density = 2.0
    volume = (cap & HalfSpace((0.0, 0.0, -1.0))).moved(translation((0.0, 0.0, -high / 2)))
    generator = Described(material_of(material, density), "contamination", _Cap())
    return Zone(volume, generator, name, priority=2)


@dataclass(frozen=True)
class _Cap:
    """Describes the size of a cap."""

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        local = placed.inverse.apply(atoms.positions)
        across = np.linalg.norm(local[:, :2], axis=1)
        return {"radius": float(across.max()), "thickness": float(np.ptp(local[:, 2]))}


@dataclass(frozen=True)
class _Film:
    """Describes the thickness of a film, from the highest and lowest atoms of its columns, and its holes."""

    size: tuple[float, float]
    holes: int

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        local = placed.inverse.apply(atoms.positions)
        counts = [max(1, round(side / _PIXEL)) for side in self.size]
        index = [
            np.mod(np.floor((local[:, k] / self.size[k] + 0.5) * counts[k]).astype(int), counts[k]) for k in (0, 1)
        ]
        column = index[0] * counts[1] + index[1]
        top, bottom = np.full(counts[0] * counts[1], -np.inf), np.full(counts[0] * counts[1], np.inf)
        np.maximum.at(top, column, local[:, 2])
        np.minimum.at(bottom, column, local[:, 2])
        counted = np.bincount(column, minlength=len(top))
        full = counted > 1
        # n points at random in a length reach over (n − 1)/(n + 1) of it
        reach = (top - bottom)[full] * (counted[full] + 1) / (counted[full] - 1)
        return {
            "thickness": float(reach.mean()),
            "top_rms": float(top[full].std()),
            "covered": float(full.mean()),
            "holes": self.holes,
        }


@dataclass(frozen=True)
class _Slab:
    """Describes a slab: its strain along x and y, how often its surface cell repeats, its layers' extent."""

    strain: tuple[float, float]
    repeats: tuple[int, int]
    plane: tuple[int, int, int]

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        height = placed.inverse.apply(atoms.positions)[:, 2]
        return {
            "plane": list(self.plane),
            "strain": list(self.strain),
            "repeats": list(self.repeats),
            "thickness": float(np.ptp(height)),
        }


def _column(fit: Any, thick: float) -> Block:
    """A column of a slab that holds every layer at least once, and some more than its thickness."""
    return Block((fit.edges[0], fit.edges[1], 2 * thick + 40.0))


def _sides(cell: Sequence[float]) -> tuple[float, float]:
    sides = tuple(float(side) for side in cell)[:2]
    if len(sides) != 2:
        raise InvalidInput(f"cell is {cell!r}; give (Lx, Ly) in Å")
    return (inputs.positive(sides[0], "cell x"), inputs.positive(sides[1], "cell y"))
