"""Crystals: a lattice with a basis, in any orientation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from construction_zone.build import elements, inputs, lattice_directions, torus
from construction_zone.build.arrays import assembled
from construction_zone.build.generators import sites
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.generators.filling import sites_in_volume
from construction_zone.build.generators.sites import Occupancy
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine, align, translation
from construction_zone.build.volumes import BOUNDARY, Volume
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed, generator

if TYPE_CHECKING:
    from pymatgen.core import Structure

CLOSEST_SITES = 0.5
"""Å. A crystal with two sites closer than this is refused: its symmetry was expanded wrongly."""


@dataclass(frozen=True, eq=False)
class Crystal:
    """An infinite crystal.

    Parameters
    ----------
    lattice
        (3, 3) in Å with the lattice vectors a, b, c as *rows*; a site is at ``fractional @ lattice``.
    fractional
        (n, 3) fractional coordinates of the sites.
    numbers
        (n,) atomic numbers.
    phase
        Name of the material, e.g. "fcc Au".
    thermal_u
        (n,) rms thermal displacement per axis in Å; 0 where it is not known.
    pose
        Origin and orientation in the scene.
    occupancy
        For each site the probability of each element there, e.g. {"Au": 0.7, "Cu": 0.2}; what is missing to 1 is the
        probability of a vacancy. Empty where every site holds its element of `numbers`. Each atom is drawn on its own.
    sublattice
        (n,) a number for each site, which atoms carry as the array `sublattice`. Default: sites with the same elements
        share a number.

    Raises `InvalidInput` for flat lattices, unknown elements, occupancies above 1 and sites that lie on top of each
    other.
    """

    lattice: Floats
    fractional: Floats
    numbers: NDArray[np.int64]
    phase: str = "crystal"
    thermal_u: Floats = field(default_factory=lambda: np.zeros(0))
    _: KW_ONLY
    pose: Affine = IDENTITY
    occupancy: Sequence[Occupancy] = ()
    sublattice: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        lattice = inputs.points(self.lattice, "lattice")
        if lattice.shape != (3, 3):
            raise InvalidInput(f"lattice has shape {lattice.shape}; give three lattice vectors as rows (3, 3) in Å")
        lengths = np.linalg.norm(lattice, axis=1)
        if lengths.min() == 0 or abs(np.linalg.det(lattice)) < 1e-6 * float(np.prod(lengths)):
            raise InvalidInput(f"lattice {lattice.tolist()} encloses no volume; give three independent lattice vectors")
        fractional = inputs.points(self.fractional, "fractional coordinates")
        numbers = np.asarray(self.numbers, dtype=np.int64)
        if numbers.shape != (len(fractional),):
            raise InvalidInput(f"{len(fractional)} sites but atomic numbers of shape {numbers.shape}; give one a site")
        if ((numbers < 1) | (numbers >= len(chemical_symbols))).any():
            raise InvalidInput(f"atomic numbers {sorted(set(numbers.tolist()))} are not all elements")
        thermal = np.zeros(len(fractional)) if np.size(self.thermal_u) == 0 else np.asarray(self.thermal_u, dtype=float)
        if thermal.shape != (len(fractional),) or not np.isfinite(thermal).all() or (thermal < 0).any():
            raise InvalidInput(f"thermal_u is {thermal.tolist()}; give one rms displacement (Å, ≥ 0) a site")
        fractional = fractional - np.floor(fractional)
        fractional[fractional > 1 - 1e-9] = 0.0
        occupancy = sites.checked_occupancy(self.occupancy, len(fractional))
        object.__setattr__(self, "occupancy", occupancy)
        sublattice = np.asarray(self.sublattice, dtype=np.int64)
        if sublattice.size == 0:
            sublattice = sites.grouped(occupancy or numbers.tolist())
        if sublattice.shape != (len(fractional),) or (sublattice < 0).any():
            raise InvalidInput(f"sublattice is {sublattice.tolist()}; give one number (≥ 0) a site")
        for name, value, dtype in (
            ("sublattice", sublattice, np.int64),
            ("lattice", lattice, np.float64),
            ("fractional", fractional, np.float64),
            ("numbers", numbers, np.int64),
            ("thermal_u", thermal, np.float64),
        ):
            object.__setattr__(self, name, inputs.frozen(value, dtype))
        _refuse_coinciding(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Crystal):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        arrays = (self.lattice, self.fractional, self.numbers, self.thermal_u, self.sublattice)
        return (self.phase, self.pose, self.occupancy, *(array.tobytes() for array in arrays))

    # where crystals come from

    @classmethod
    def read(cls, path: str | PathLike[str], *, phase: str | None = None) -> Crystal:
        """The crystal in a CIF or any other periodic structure file that ASE or pymatgen reads.

        Partly filled sites of a CIF become occupancies. Raises `StructureFileError` if the file is missing or broken.
        """
        from construction_zone.build.generators import sources

        return sources.read(path, phase)

    @classmethod
    def from_structure(cls, structure: Structure | Atoms, *, phase: str | None = None) -> Crystal:
        """The crystal of a pymatgen `Structure` (which may be disordered) or a periodic `ase.Atoms`."""
        from construction_zone.build.generators import sources

        return sources.from_structure(structure, phase)

    @classmethod
    def from_spacegroup(
        cls,
        group: int | str,
        species: Sequence[str],
        coords: ArrayLike,
        cell: Sequence[float],
        *,
        setting: int = 1,
        phase: str | None = None,
    ) -> Crystal:
        """The crystal of a space group and the sites of its asymmetric unit.

        Parameters
        ----------
        group
            Number (1 … 230) or Hermann–Mauguin symbol such as "P 63 m c".
        species
            Element of each site.
        coords
            (n, 3) fractional coordinates of the sites.
        cell
            (a, b, c, alpha, beta, gamma) in Å and degrees.
        setting
            1 or 2, as in the International Tables: origin choice, or hexagonal (1) against rhombohedral (2) axes.
        """
        from construction_zone.build.generators import sources

        return sources.from_spacegroup(group, species, coords, cell, setting, phase)

    @classmethod
    def fcc(cls, element: str, a: float | None = None) -> Crystal:
        """Face-centred cubic, e.g. ``Crystal.fcc("Au")``; `a` in Å (from the reference table if not given)."""
        from construction_zone.build.generators import prototypes

        return prototypes.make("fcc", element, a=a)

    @classmethod
    def bcc(cls, element: str, a: float | None = None) -> Crystal:
        """Body-centred cubic; `a` in Å (from the reference table if not given)."""
        from construction_zone.build.generators import prototypes

        return prototypes.make("bcc", element, a=a)

    @classmethod
    def hcp(cls, element: str, a: float | None = None, c: float | None = None) -> Crystal:
        """Hexagonal close-packed; `a` and `c` in Å (from the reference table if neither is given)."""
        from construction_zone.build.generators import prototypes

        return prototypes.make("hcp", element, a=a, c=c)

    @classmethod
    def diamond(cls, element: str, a: float | None = None) -> Crystal:
        """Diamond structure; `a` in Å (from the reference table if not given)."""
        from construction_zone.build.generators import prototypes

        return prototypes.make("diamond", element, a=a)

    @classmethod
    def zincblende(cls, formula: str, a: float | None = None) -> Crystal:
        """Zincblende, cation first: ``Crystal.zincblende("GaAs")``; `a` in Å (from the table if not given)."""
        from construction_zone.build.generators import prototypes

        return prototypes.make("zincblende", formula, a=a)

    @classmethod
    def wurtzite(cls, formula: str, a: float | None = None, c: float | None = None, u: float | None = None) -> Crystal:
        """Wurtzite, cation first; `a`, `c` in Å and `u` from the table if not given (`u`: else the ideal 3/8)."""
        from construction_zone.build.generators import prototypes

        return prototypes.make("wurtzite", formula, a=a, c=c, u=u)

    @classmethod
    def rocksalt(cls, formula: str, a: float | None = None) -> Crystal:
        """Rock salt, e.g. ``Crystal.rocksalt("PbS")``; `a` in Å (from the reference table if not given)."""
        from construction_zone.build.generators import prototypes

        return prototypes.make("rocksalt", formula, a=a)

    @classmethod
    def fluorite(cls, formula: str, a: float | None = None) -> Crystal:
        """Fluorite MX₂, e.g. ``Crystal.fluorite("CeO2")``; `a` in Å (from the reference table if not given)."""
        from construction_zone.build.generators import prototypes

        return prototypes.make("fluorite", formula, a=a)

    @classmethod
    def prototype(
        cls, prototype: str, formula: str, *, a: float | None = None, c: float | None = None, u: float | None = None
    ) -> Crystal:
        """The crystal of `formula` in any structure of `prototypes.PROTOTYPES`, e.g. ("rutile", "TiO2").

        `a` and `c` in Å and the free coordinate `u` come from the reference table if not given. "graphene",
        "h-BN-sheet" and "1H" are single sheets in the plane z = 0 of their own frame.
        """
        from construction_zone.build.generators import prototypes

        return prototypes.make(prototype, formula, a=a, c=c, u=u)

    @classmethod
    def named(cls, name: str, **constants: float) -> Crystal:
        """The prototype crystal called "<prototype> <formula>", e.g. ``Crystal.named("fcc Au")``, as recipes do."""
        from construction_zone.build.generators import prototypes

        return prototypes.named(name, **constants)

    @classmethod
    def alloy(cls, parts: Mapping[str | Crystal, float], *, phase: str | None = None) -> Crystal:
        """A solid solution, e.g. ``Crystal.alloy({"zincblende GaAs": 0.7, "zincblende InAs": 0.3})``.

        The lattice vectors and free coordinates are the means of those of the parts, weighted by their mole fractions
        (Vegard, Z. Phys. 5, 17 (1921)), and each site is occupied at random in the same proportions. The parts must
        have the same structure, site for site.
        """
        from construction_zone.build.generators import alloys

        return alloys.vegard(parts, phase)

    # what crystals do

    @property
    def positions(self) -> Floats:
        """(n, 3) positions in Å of the sites of one cell, in the crystal's own frame."""
        return np.asarray(self.fractional @ self.lattice)

    def direction(self, uvw: Sequence[float]) -> Floats:
        """The lattice direction [uvw], or [UVTW] of a hexagonal crystal, as a vector (Å) in the scene."""
        return self.pose.apply_direction(lattice_directions.direction(self.lattice, uvw))

    def normal(self, hkl: Sequence[float]) -> Floats:
        """The unit normal (3,) in the scene of the planes (hkl), or (hkil) of a hexagonal crystal."""
        # normals are dual to directions: a pose that shears turns them another way
        vector = lattice_directions.reciprocal_vector(self.lattice, hkl) @ np.linalg.inv(self.pose.matrix)
        return np.asarray(vector / np.linalg.norm(vector))

    def with_zone_axis(
        self,
        uvw: Sequence[float],
        along: ArrayLike = (0.0, 0.0, 1.0),
        *,
        second: Sequence[float] | None = None,
        second_along: ArrayLike | None = None,
    ) -> Crystal:
        """This crystal turned about its own origin so that the lattice direction [uvw] points `along` the beam.

        With `second`, another lattice direction, and `second_along`, the spin about `along` is fixed as well. Planes
        may fix it too: see `lattice_directions.zone_axis`.
        """
        turned = None if second is None else self.direction(second)
        return self.moved(align(self.direction(uvw), along, turned, second_along, origin=self.pose.vector))

    def with_plane(
        self,
        hkl: Sequence[float],
        along: ArrayLike = (0.0, 0.0, 1.0),
        *,
        second: Sequence[float] | None = None,
        second_along: ArrayLike | None = None,
    ) -> Crystal:
        """This crystal turned about its own origin so that the normal of (hkl) points `along` a direction.

        `second`, a lattice direction, and `second_along` are as in `with_zone_axis`.
        """
        turned = None if second is None else self.direction(second)
        return self.moved(align(self.normal(hkl), along, turned, second_along, origin=self.pose.vector))

    def with_thermal_u(self, displacements: float | Mapping[str, float]) -> Crystal:
        """This crystal with rms thermal displacements per axis in Å, one for all or one for each element."""
        if isinstance(displacements, Mapping):
            by_number = {
                elements.number(s): inputs.not_negative(u, f"displacement of {s}") for s, u in displacements.items()
            }
            values = [by_number.get(int(z), u) for z, u in zip(self.numbers, self.thermal_u, strict=True)]
            return replace(self, thermal_u=np.array(values))
        return replace(self, thermal_u=np.full(len(self.numbers), inputs.not_negative(displacements, "displacement")))

    def with_occupancy(self, occupancy: Mapping[str | int, Mapping[str, float]]) -> Crystal:
        """This crystal with occupancies by element or by sublattice, e.g. {"Au": {"Au": 0.75, "Cu": 0.25}}."""
        return replace(self, occupancy=sites.replaced(self, occupancy))

    def strained(self, tensor: ArrayLike) -> Crystal:
        """This crystal with its lattice vectors strained, v' = (1 + ε)v, by a (3, 3) symmetric ε in its own frame."""
        from construction_zone.build.modifiers.strain import small_strain

        return replace(self, lattice=self.lattice @ (np.eye(3) + small_strain(tensor)).T)

    def moved(self, affine: Affine) -> Crystal:
        """This crystal after the map `affine`."""
        moved = copy(self)  # the rest is checked already
        object.__setattr__(moved, "pose", affine @ self.pose)
        return moved

    def shifted(self, vector: ArrayLike) -> Crystal:
        """This crystal shifted by `vector` (Å)."""
        return self.moved(translation(vector))

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The atoms inside `volume`, cell by cell; see `Generator.fill`.

        Only a crystal with occupancies draws from the seed. The atoms carry `sublattice`, and `phase`, which is 0.
        """
        box = torus.window(volume, cell)
        lattice = self.pose.apply_direction(self.lattice)
        basis = self.pose.apply_direction(self.positions)
        bounds = volume.bounds
        end = np.where(np.isfinite(bounds[1]), np.inf, np.asarray(cell) - BOUNDARY)
        start = np.where(np.isfinite(bounds[0]), -np.inf, -BOUNDARY)
        positions, site = sites_in_volume(volume, lattice, basis, self.pose.vector, box, np.stack([start, end]))
        if len(positions) and torus.overlaps_itself(volume, cell, periodic):
            single = torus.first_images(volume, positions, cell, periodic)
            positions, site = positions[single], site[single]
        numbers = self.numbers[site]
        record: dict[str, Any] = {}
        if self.occupancy and len(positions):
            numbers = sites.drawn(self.occupancy, site, generator(seed, "occupancy"))
            present = numbers > 0
            record["occupancy"] = sites.census(numbers)
            positions, site, numbers = positions[present], site[present], numbers[present]
        if not len(positions):
            raise SceneError(
                f"no atom of {self.phase} lies in the volume; enlarge it, or move the crystal or the volume"
            )
        return assembled(
            numbers,
            positions,
            {
                "thermal_u": self.thermal_u[site],
                "sublattice": self.sublattice[site],
                "phase": np.zeros(len(positions), dtype=np.int64),
            },
            record,
        )


def _refuse_coinciding(crystal: Crystal) -> None:
    # a few neighbouring cells suffice: a shortest vector of an ordinary cell is among them
    shifts = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    count = len(crystal.numbers)
    if count > 4000:  # quadratic; such cells come from simulations, whose atoms the scene checks anyway
        return
    for shift in shifts[13:]:
        delta = crystal.positions[:, None, :] - (crystal.positions + shift @ crystal.lattice)
        distance = np.linalg.norm(delta, axis=2)
        if not shift.any():
            distance[np.diag_indices(count)] = np.inf
        if distance.min() < CLOSEST_SITES:
            i, j = np.unravel_index(int(distance.argmin()), distance.shape)
            a, b = (chemical_symbols[int(crystal.numbers[k])] for k in (i, j))
            raise InvalidInput(
                f"{crystal.phase}: sites {int(i)} ({a}) and {int(j)} ({b}) are {distance.min():.3f} Å apart, closer "
                f"than {CLOSEST_SITES} Å; check the lattice, the space-group setting and the coordinates"
            )
