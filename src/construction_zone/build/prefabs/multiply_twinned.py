"""Multiply twinned particles: fcc crystals about a common axis or a common point, strained until they close."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.spatial import ConvexHull

from construction_zone.build.generators import Crystal
from construction_zone.build.generators.domains import Domain, Domains
from construction_zone.build.inputs import Floats
from construction_zone.build.modifiers import Modified
from construction_zone.build.prefabs.base import crystal_of, prefab
from construction_zone.build.prefabs.closure import Closure, icosahedral
from construction_zone.build.prefabs.facets import Size
from construction_zone.build.prefabs.marks import CUBIC, HEXAGONAL, Boundary, Marked
from construction_zone.build.prefabs.planar import space_of
from construction_zone.build.prefabs.symmetry import is_cubic
from construction_zone.build.prefabs.twinned_wulff import Pieces, grain_of, shape_of
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import ConvexPolyhedron, Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

StrainModel = Literal["homogeneous", "disclination"]

_BONDS = ((1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0))
"""Three bonds from an atom to others that touch each other, in half lattice constants; the last is a fivefold axis."""

_ON_WALL = 0.05
"""Bond lengths from a twin plane or an axis within which an atom is on it."""


@prefab
def decahedron(
    crystal: Crystal | str,
    *,
    edge: int | None = None,
    column: int = 1,
    reentrance: int = 0,
    energies: Any = None,
    twin_energy: float = 0.0,
    radius: float | None = None,
    diameter: float | None = None,
    atoms: int | None = None,
    volume: Volume | Zone | None = None,
    strain: StrainModel = "homogeneous",
    poisson: float = 0.3,
    seed: Seed = 0,
    name: str = "decahedron",
) -> Zone:
    """Five twinned fcc tetrahedra about a common axis along z: pentagonal bipyramid, Ino's or Marks's decahedron.

    Five times 70.529° leave 7.356°, which strain closes: "homogeneous" stretches each crystal along its [1-10] by
    1.02749; "disclination" gives the field of a wedge disclination in an isotropic cylinder with a free surface (Howie
    & Marks, Philos. Mag. A 49, 95 (1984)).

    Parameters
    ----------
    crystal
        An fcc crystal; its orientation plays no part.
    edge
        Atoms along the edges of the {100} facets across the axis (p of ASE's ``Decahedron``).
    column
        Atoms along their edges parallel to the axis (q); 1 gives the pentagonal bipyramid.
    reentrance
        Depth in atoms of Marks's re-entrant {111} facets (r); 0 for none.
    energies
        Or surface energies of families of planes in any unit, e.g. ``{(1, 1, 1): 1.28, (1, 0, 0): 1.63}``: the shape of
        least energy (Marks, J. Cryst. Growth 61, 556 (1983)), its axis through atoms.
    twin_energy
        Energy of the twin planes in the same unit, as each of the two crystals there counts it: below half of the least
        of the `energies`.
    radius, diameter, atoms
        Size of the particle of least energy, one of three: as in `facets.Size`.
    volume
        Or any volume to fill with the five crystals, anywhere about the axis.
    strain, poisson
        Model of the strain, and Poisson's ratio for "disclination".

    The record has the twin planes as `defects`, and the five `grains`.
    """
    base, cell = _fcc(crystal)
    _one_of(edge=edge, energies=energies, volume=volume)
    vertices = _pentagon(cell)
    half = np.array([0.0, 0.0, cell / math.sqrt(8)])
    tetrahedra = [np.array([vertices[k] + half, vertices[(k + 1) % 5] + half, 2 * half]) for k in range(5)]
    if edge is not None and (_whole("edge", edge, 1) + _whole("column", column, 1)) % 2:
        base = base.shifted(
            -np.array([1.0, 1.0, 0.0]) * cell / 4
        )  # an even number of atoms on the axis: none in the middle
    domains = [
        Domain(crystal, *_wedge(vertices[k], vertices[(k + 1) % 5], 2 * half))
        for k, crystal in enumerate(_mapped(base, cell, tetrahedra))
    ]
    walls = [_wall(vertex, 2 * half, [-vertex]) for vertex in vertices]
    if energies is not None:
        grain = grain_of(base, energies, twin_energy, _BONDS, about_axis=True)
        shape = shape_of(grain, domains, Size(radius, diameter, atoms=atoms), cell)
    else:
        shape = (
            _decahedral(vertices, float(2 * half[2]), edge, column, reentrance) if volume is None else space_of(volume)
        )
    width = np.ptp(shape.bounds, axis=0)[:2].mean() / 2
    relief = Closure(2, float(width), poisson)
    return _multiply_twinned("decahedron", domains, walls, 2 * half[None], shape, strain, relief, name)


@prefab
def icosahedron(
    crystal: Crystal | str,
    *,
    shells: int | None = None,
    energies: Any = None,
    twin_energy: float = 0.0,
    radius: float | None = None,
    diameter: float | None = None,
    atoms: int | None = None,
    volume: Volume | Zone | None = None,
    strain: StrainModel = "homogeneous",
    poisson: float = 0.3,
    seed: Seed = 0,
    name: str = "icosahedron",
) -> Zone:
    """Twenty twinned fcc tetrahedra about a common point: Mackay's icosahedron, of 13, 55, 147, 309, 561, … atoms.

    Radial bonds keep the length that they have in the crystal and tangential ones are 1.0515 times as long (Mackay,
    Acta Crystallogr. 15, 916 (1962)) if `strain` is "homogeneous"; "disclination" gives the isotropic field of a
    sphere with a free surface (Howie & Marks, Philos. Mag. A 49, 95 (1984)). A twofold axis is along z.

    Parameters
    ----------
    crystal
        An fcc crystal; its orientation plays no part.
    shells
        Shells of atoms about the middle atom: 1 gives 13 atoms.
    energies, twin_energy, radius, diameter, atoms
        Or surface energies, as in `decahedron`.
    volume
        Or any volume to fill with the twenty crystals, about the origin.
    strain, poisson
        As in `decahedron`.
    """
    base, cell = _fcc(crystal)
    _one_of(shells=shells, energies=energies, volume=volume)
    vertices = icosahedral() * cell / math.sqrt(2)
    hull = np.sort(ConvexHull(vertices).simplices, axis=1)
    faces = [vertices[list(face)] for face in sorted(map(tuple, hull.tolist()))]
    domains = [Domain(crystal, *_cone(face)) for crystal, face in zip(_mapped(base, cell, faces), faces, strict=True)]
    edges = sorted({pair for face in hull.tolist() for pair in combinations(face, 2)})
    walls = []
    for i, j in edges:
        across = np.cross(vertices[i], vertices[j])
        # between the two axes: what leaves them towards the outside of the sector is out
        sides = [np.cross(across, vertices[j]), np.cross(vertices[i], across)]
        walls.append(_wall(vertices[i], vertices[j], sides))
    if energies is not None:
        grain = grain_of(base, energies, twin_energy, _BONDS)
        shape = shape_of(grain, domains, Size(radius, diameter, atoms=atoms), cell)
    else:
        shape = ConvexPolyhedron(vertices * _whole("shells", shells, 1)) if volume is None else space_of(volume)
    relief = Closure(3, float(np.ptp(shape.bounds, axis=0).mean() / 2), poisson)
    return _multiply_twinned("icosahedron", domains, walls, vertices, shape, strain, relief, name)


@dataclass(frozen=True, eq=False)
class Axes:
    """The lines through `origin` along `directions` (m, 3) Å where more than two crystals meet: no stacking is known.

    A direction is as long as the bonds along it.
    """

    directions: Floats
    origin: Floats = field(default_factory=lambda: np.zeros(3))

    def moved(self, affine: Affine) -> Axes:
        """These lines after the map `affine`."""
        return Axes(affine.apply_direction(self.directions), affine.apply(self.origin))

    def enter(self, atoms: Atoms, made: list[dict[str, Any]]) -> None:
        """See `Mark.enter`."""
        away = atoms.positions - self.origin
        for line in self.directions:
            length = float(np.linalg.norm(line))
            across = away - np.outer(away @ line / length**2, line)
            atoms.arrays["layer"][(across * across).sum(axis=1) < (_ON_WALL * length) ** 2] = 0


def _fcc(crystal: Crystal | str) -> tuple[Crystal, float]:
    """The crystal with an atom at the origin and its axes along x, y, z, and its lattice constant (Å)."""
    given = crystal_of(crystal)
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    rest = given.fractional - given.fractional[0]
    rest = np.round(2 * (rest - np.floor(rest + 1e-6))) / 2
    found = {tuple(row) for row in rest.tolist()}
    if not is_cubic(given) or len(rest) != 4 or found != {tuple(row) for row in fcc.tolist()}:
        raise InvalidInput(
            f"multiply twinned particles need an fcc crystal in its cubic cell, not {given.phase}; give e.g. 'fcc Au'"
        )
    edge = float(np.linalg.norm(given.lattice[0]))
    return replace(given, lattice=edge * np.eye(3), pose=Affine(vector=-edge * given.fractional[0])), edge


def _mapped(base: Crystal, cell: float, tetrahedra: list[Floats]) -> list[Crystal]:
    """The crystal with three bonds to atoms that touch each other brought to the rows of each tetrahedron (3, 3)."""
    bonds = cell / 2 * np.array(_BONDS)
    crystals = []
    for rows in tetrahedra:
        own = bonds if np.linalg.det(bonds) * np.linalg.det(rows) > 0 else bonds[[1, 0, 2]]
        crystals.append(base.moved(Affine((np.linalg.inv(own) @ rows).T)))
    return crystals


def _pentagon(cell: float) -> Floats:
    """(5, 3) vectors in Å across the axis to the next row of atoms in each twin plane."""
    angles = math.pi / 2 + 2 * math.pi / 5 * np.arange(5)
    length = cell / 2 / math.cos(math.pi / 5)
    return np.stack([length * np.cos(angles), length * np.sin(angles), np.zeros(5)], axis=1)


def _wedge(first: Floats, second: Floats, axis: Floats) -> tuple[Floats, Floats]:
    return np.stack([-np.cross(axis, first), np.cross(axis, second)]), np.zeros(2)


def _cone(face: Floats) -> tuple[Floats, Floats]:
    """Planes through the origin and the edges of a triangle (3, 3), outwards."""
    normals = np.array([np.cross(face[i], face[(i + 1) % 3]) for i in range(3)])
    inner = face.mean(axis=0)
    return -normals * np.sign(normals @ inner)[:, None], np.zeros(3)


def _wall(first: Floats, second: Floats, sides: list[Floats]) -> Boundary:
    normal = np.cross(first, second)
    bond = float(np.linalg.norm(second))
    return Boundary(
        "twin",
        normal / np.linalg.norm(normal),
        0.0,
        reach=_ON_WALL * bond,
        beyond=1.2 * bond,
        normals=np.array([side / np.linalg.norm(side) for side in sides]),
        levels=np.full(len(sides), -_ON_WALL * bond),  # not on the axes
        layer=HEXAGONAL,
        about={"plane": [1, 1, 1]},
    )


def _decahedral(vertices: Floats, bond: float, edge: int | None, column: int, reentrance: int) -> Volume:
    """The hull of the atoms, one convex piece for each crystal if there are re-entrant facets."""
    edge, column = _whole("edge", edge, 1), _whole("column", column, 1)
    reentrance = _whole("reentrance", reentrance, 0)
    rings = edge + 2 * reentrance - 1  # to the {100} facets
    height = (edge + column + 2 * reentrance - 2) / 2 * bond
    if not rings:
        raise InvalidInput("a decahedron of edge 1 without re-entrance is a row of atoms; give edge=2 or more")
    most = rings - reentrance

    def corner(i: float, j: float, k: int) -> list[Floats]:
        place = i * vertices[k] + j * vertices[(k + 1) % 5]
        top = np.array([0.0, 0.0, height - (i + j) * bond / 2])
        return [place + top, place - top]

    pieces = []
    for k in range(5):
        outline = [(0, 0), (most, 0), (most, rings - most), (rings - most, most), (0, most)]
        pieces.append(np.array([point for i, j in outline for point in corner(i, j, k)]))
    if not reentrance:
        return ConvexPolyhedron(np.concatenate(pieces))
    return Pieces.of(pieces)


def _multiply_twinned(
    prefab_name: str,
    domains: list[Domain],
    walls: list[Boundary],
    axes: Floats,
    shape: Volume,
    strain: StrainModel,
    relief: Closure,
    name: str,
) -> Zone:
    if strain not in ("homogeneous", "disclination"):
        raise InvalidInput(f"strain is {strain!r}; give 'homogeneous' or 'disclination'")
    marked = Marked(Domains(domains), prefab_name, (*walls, Axes(axes)), CUBIC)
    return Zone(shape, marked if strain == "homogeneous" else Modified(marked, [relief]), name)


def _one_of(**given: Any) -> None:
    if sum(value is not None for value in given.values()) != 1:
        raise InvalidInput(f"give {', '.join(f'{name}=' for name in given)}: one of them")


def _whole(what: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InvalidInput(f"{what} is {value!r}; give a whole number, {least} or more")
    return int(value)
