"""Faceted particles: planes, the polyhedron between them, its size, and the facets that atoms really make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.build.lattice_directions import plane_normal, plane_spacing
from construction_zone.build.prefabs.base import Described
from construction_zone.build.prefabs.symmetry import Indices, Miller, family, miller
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import ConvexPolyhedron
from construction_zone.build.volumes.polyhedron import corners_of_planes
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

_ON_FACET = 1e-3
"""Å. Atoms this close to the outermost plane belong to the facet."""

_SAME_SHELL = 1e-6
"""Relative difference of the sizes at which two sites enter a growing particle, below which they enter together."""


@dataclass(frozen=True, eq=False)
class Planes:
    """Planes about the origin in the scene.

    Parameters
    ----------
    hkl
        (m, 3) their indices.
    normals
        (m, 3) unit vectors outwards.
    heights
        (m,) distances from the origin, in any unit.
    """

    hkl: NDArray[np.int64]
    normals: Floats
    heights: Floats

    def scaled(self, factor: float) -> Planes:
        """These planes with all heights times `factor`."""
        return Planes(self.hkl, self.normals, self.heights * factor)

    def shifted(self, vector: Floats) -> Planes:
        """These planes moved by `vector`."""
        return Planes(self.hkl, self.normals, self.heights + self.normals @ vector)

    def with_(self, other: Planes) -> Planes:
        """These planes and those of `other`."""
        return Planes(
            np.concatenate([self.hkl, other.hkl]),
            np.concatenate([self.normals, other.normals]),
            np.concatenate([self.heights, other.heights]),
        )

    def corners(self) -> Floats:
        """Corners (n, 3) of the polyhedron between the planes, `InvalidInput` if it is open or nothing is left."""
        corners = corners_of_planes(self.normals, self.heights)
        if corners is None:
            raise InvalidInput("the planes leave no polyhedron between them; check the energies and sizes")
        return corners


@dataclass(frozen=True)
class Size:
    """How large a particle is: one of four.

    Parameters
    ----------
    radius, diameter
        Of the ball that holds as much, Å.
    volume
        Å³, of the polyhedron that bounds the atoms' centres.
    atoms
        The number of atoms; the nearest number that the shape allows is taken. About an atom or another point of high
        symmetry whole shells of atoms come at once, so that the number may be tens off; about a random `origin` it is
        met. The record has the number that came out.
    """

    radius: float | None = None
    diameter: float | None = None
    volume: float | None = None
    atoms: int | None = None

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) != 1:
            raise InvalidInput(
                f"{', '.join(given) or 'no size'} given; give one of radius=, diameter=, volume=, atoms="
            )
        for name, value in given.items():
            unit = {"volume": "Å³", "atoms": ""}.get(name, "Å")
            inputs.positive(value, name, unit)
        if self.atoms is not None and (isinstance(self.atoms, bool) or self.atoms != int(self.atoms)):
            raise InvalidInput(f"atoms is {self.atoms!r}; give a whole number")

    @property
    def content(self) -> float | None:
        """Å³, unless the number of atoms is given."""
        if self.volume is not None:
            return float(self.volume)
        radius = self.radius if self.radius is not None else None if self.diameter is None else self.diameter / 2
        return None if radius is None else 4 / 3 * math.pi * radius**3


def planes_of(crystal: Crystal, heights: Mapping[Miller, float], what: str = "surface energy") -> Planes:
    """The planes of the families {hkl} of a crystal where it stands, each at the height of its family.

    Raises `InvalidInput` for heights that are not above zero, families given twice and planes that the lattice does
    not have.
    """
    if not isinstance(heights, Mapping) or not heights:
        raise InvalidInput(f"{what} is {heights!r}; give one for each family of planes, e.g. {{(1, 1, 1): 1.28}}")
    rows: dict[Indices, float] = {}
    for hkl, height in heights.items():
        value = inputs.positive(height, f"the {what} of {shown(hkl)}", "")
        members = family(crystal, hkl)
        if members[0] in rows:
            raise InvalidInput(f"the {what} of {shown(hkl)} is given twice: an equivalent plane is in the list already")
        rows |= dict.fromkeys(members, value)
    lattice = crystal.pose.apply_direction(crystal.lattice)
    return Planes(
        np.array(list(rows)),
        np.array([plane_normal(lattice, hkl) for hkl in rows]),
        np.array(list(rows.values())),
    )


def refuse_open(planes: Planes, crystal: Crystal, what: str) -> None:
    """Raise `InvalidInput`, naming a plane that would help, where the planes do not close."""
    low_index = [hkl for hkl in product((-1, 0, 1), repeat=3) if any(hkl)]
    found = linprog(planes.normals.sum(axis=0), A_ub=planes.normals, b_ub=np.zeros(len(planes.normals)), bounds=(-1, 1))
    ways = [] if found.x is None or np.linalg.norm(found.x) < 1e-6 else [found.x]
    if not ways and np.linalg.matrix_rank(planes.normals, tol=1e-6) == 3:
        return
    if not ways:  # all normals in a plane or on a line: open both ways
        ways = [np.linalg.svd(planes.normals)[2][2]]
    lattice = crystal.pose.apply_direction(crystal.lattice)
    best = max(low_index, key=lambda hkl: float(plane_normal(lattice, hkl) @ ways[0]))
    raise InvalidInput(
        f"the planes {', '.join(shown(row) for row in planes.hkl[:6])}{', …' if len(planes.hkl) > 6 else ''} leave a "
        f"particle of {crystal.phase} open towards {shown(best)}; give a {what} for that plane too"
    )


def about_its_middle(planes: Planes) -> tuple[Planes, float]:
    """The planes moved so that the centroid of the polyhedron is the origin, and its content."""
    centroid, content = centroid_and_content(planes.corners())
    return planes.shifted(-centroid), content


def sized(planes: Planes, content: float, size: Size, crystal: Crystal) -> Planes:
    """The `planes` (about the middle, around `content`) scaled to a size; the crystal stands where it will stay."""
    if size.content is not None:
        return planes.scaled((size.content / content) ** (1 / 3))
    wanted = int(size.atoms or 0)
    per_atom = abs(float(np.linalg.det(crystal.lattice))) / len(crystal.numbers)
    scale = (wanted * per_atom / content) ** (1 / 3)
    # the size at which each site enters; a small particle may need more room than its content says
    margin = 2 * per_atom ** (1 / 3) / float(planes.heights.min())
    volume = ConvexPolyhedron(planes.scaled(1.02 * scale + margin).corners())
    sites = crystal.fill(volume, cell=(1.0, 1.0, 1.0), periodic=(False, False, False)).positions
    entry = np.zeros(len(sites))
    for normal, height in zip(planes.normals, planes.heights, strict=True):
        np.maximum(entry, sites @ (normal / height), out=entry)
    entry.sort()
    ends = np.flatnonzero(np.diff(entry) > _SAME_SHELL * entry[-1])
    if not len(ends):
        raise InvalidInput(f"no particle of {wanted} atoms; give a larger number")
    last = int(ends[np.argmin(np.abs(ends + 1 - wanted))])
    return planes.scaled(float(entry[last] + entry[last + 1]) / 2)


def zone_of(planes: Planes, crystal: Crystal, prefab: str, name: str, volume: Any = None) -> Zone:
    """The zone between the planes (in Å), filled with the crystal."""
    shape = ConvexPolyhedron(planes.corners()) if volume is None else volume
    return Zone(shape, Described(crystal, prefab, Facets.of(planes, crystal)), name)


@dataclass(frozen=True)
class Facets:
    """Describes the facets that atoms really make.

    Parameters
    ----------
    hkl
        Indices of the planes that may be facets.
    normals
        Their unit normals, where the particle was made.
    levels
        For each plane, where the atomic layers across it repeat: (spacing Å, distances of the layers in one spacing).
    per_atom
        Å³.
    """

    hkl: tuple[Indices, ...]
    normals: tuple[tuple[float, float, float], ...]
    levels: tuple[tuple[float, tuple[float, ...]], ...]
    per_atom: float

    @classmethod
    def of(cls, planes: Planes, crystal: Crystal) -> Facets:
        """What to look for in a particle of `crystal` between `planes`."""
        at = crystal.pose.apply(crystal.positions)
        lattice = crystal.pose.apply_direction(crystal.lattice)
        levels = []
        for hkl, normal in zip(planes.hkl, planes.normals, strict=True):
            spacing = plane_spacing(lattice, hkl)
            rest = np.mod(at @ normal + _ON_FACET / 2, spacing) - _ON_FACET / 2
            levels.append((spacing, tuple(sorted({round(float(value), 3) for value in rest}))))
        return cls(
            tuple((int(row[0]), int(row[1]), int(row[2])) for row in planes.hkl),
            tuple((float(x), float(y), float(z)) for x, y, z in planes.normals),
            tuple(levels),
            abs(float(np.linalg.det(crystal.lattice))) / len(crystal.numbers),
        )

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        """`diameter` (Å, of the ball of as many atoms) and the `facets`.

        Of each: `hkl`, `normal` in the scene, `height` of its outermost `atoms` above the particle's origin (Å), the
        `area` of their hull (Å²), and the `layers` from the origin up to it. A row of atoms is no facet.
        """
        normals = placed.apply_direction(np.array(self.normals))
        local = atoms.positions - placed.vector
        found = []
        for index, normal in enumerate(normals):
            heights = local @ normal
            height = float(heights.max())
            face = local[heights > height - _ON_FACET]
            area = hull_area(face, normal)
            if area == 0:
                continue
            spacing, levels = self.levels[index]
            found.append(
                {
                    "hkl": list(self.hkl[index]),
                    "normal": normals[index].tolist(),
                    "height": height,
                    "area": area,
                    "atoms": len(face),
                    "layers": sum(max(0, math.floor((height - level + _ON_FACET) / spacing) + 1) for level in levels),
                }
            )
        return {"diameter": 2 * (3 * len(atoms) * self.per_atom / (4 * math.pi)) ** (1 / 3), "facets": found}


def hull_area(points: Floats, normal: Floats) -> float:
    """The area of the convex hull of `points` (n, 3) in a plane, 0 if they lie on a line."""
    if len(points) < 3:
        return 0.0
    across = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    across /= np.linalg.norm(across)
    flat = points @ np.stack([across, np.cross(normal, across)], axis=1)
    if np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)[1] < _ON_FACET:
        return 0.0
    return float(ConvexHull(flat).volume)


def centroid_and_content(corners: Floats) -> tuple[Floats, float]:
    """The centroid (3,) and the content of the hull of `corners` (n, 3)."""
    hull, inner = ConvexHull(corners), corners.mean(axis=0)
    triangles = corners[hull.simplices] - inner
    parts = np.abs(np.linalg.det(triangles)) / 6
    return inner + (parts[:, None] * triangles.sum(axis=1)).sum(axis=0) / 4 / parts.sum(), float(parts.sum())


def shown(hkl: Any) -> str:
    """(1 1 1): a plane for people."""
    return f"({hkl})" if isinstance(hkl, str) else f"({' '.join(f'{int(index)}' for index in hkl)})"


def plane_towards(crystal: Crystal, hkl: Miller) -> Floats:
    """The unit normal (3,) of (hkl) where the crystal stands."""
    return plane_normal(crystal.pose.apply_direction(crystal.lattice), miller(hkl, crystal))


def same_plane(planes: Planes, normal: Sequence[float] | Floats) -> NDArray[np.bool_]:
    """Which planes (m,) have this unit normal."""
    return np.asarray(planes.normals @ np.asarray(normal) > 1 - 1e-9)
