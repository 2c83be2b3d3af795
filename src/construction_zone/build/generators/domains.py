"""Crystals side by side: space cut by planes into domains, each with a crystal of its own.

Twins, stacking faults, multiply twinned particles, grain boundaries and polycrystals are all of this kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import distances, inputs, merge, torus
from construction_zone.build.arrays import assembled
from construction_zone.build.distances import PairDistances
from construction_zone.build.generators import sites
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.generators.crystal import Crystal
from construction_zone.build.generators.filling import sites_in_volume
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import BOUNDARY, Volume
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed, child, generator

if TYPE_CHECKING:
    from ase import Atoms


_SAME_PERIOD = 1e-6
"""Å."""


@dataclass(frozen=True, eq=False)
class Domain:
    """A crystal in a convex region, {x: normal·x ≤ level for every plane}.

    Parameters
    ----------
    crystal
        What is there, where it stands in the scene.
    normals
        (k, 3) outwards, in the scene; any lengths. With no plane the domain is all of space.
    levels
        (k,) in Å, from the scene's origin, for normals of length 1.
    grain
        Number of the crystal grain; domains may share one. Default: the domain's place in the list.
    """

    crystal: Crystal
    normals: Floats
    levels: Floats
    grain: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.crystal, Crystal):
            raise InvalidInput(f"crystal is {self.crystal!r}; give a Crystal such as Crystal.fcc('Au')")
        rows = np.asarray(self.normals, dtype=np.float64).reshape(-1, 3)
        levels = np.asarray(self.levels, dtype=np.float64)
        if levels.shape != (len(rows),) or not np.isfinite(levels).all():
            raise InvalidInput(f"{len(rows)} normals but levels {levels.tolist()}; give one (Å) a plane")
        lengths = np.linalg.norm(rows, axis=1)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise InvalidInput(f"normals {rows.tolist()} are not all directions; give finite vectors that are not zero")
        object.__setattr__(self, "normals", inputs.frozen(rows / lengths[:, None]))
        object.__setattr__(self, "levels", inputs.frozen(levels))

    def depths(self, points: Floats) -> Floats:
        """Distance (n, k) in Å of `points` (n, 3) to each plane, negative inside."""
        return np.asarray(points @ self.normals.T - self.levels)

    def moved(self, affine: Affine) -> Domain:
        """This domain after the map `affine`, planes and crystal."""
        normals, levels = moved_planes(self.normals, self.levels, affine)
        return replace(self, crystal=self.crystal.moved(affine), normals=normals, levels=levels)


@dataclass(frozen=True, eq=False)
class Domains:
    """Crystals in domains that share their faces.

    An atom on a face belongs to the first of the domains that touch it there, so that each is held once.

    Parameters
    ----------
    domains
        In the order of their precedence and of their atoms.
    min_distance
        Å, one or one a pair of elements: of two atoms of different domains that are closer, the one of the later domain
        goes. None where the lattices fit together.
    period
        (Lx, Ly, Lz) in Å of the cell across whose seams the domains go on, 0 along axes where they do not: no other
        cell can be filled with them, and they cannot be turned.

    The record has `grains`: for each its number, `phase`, `orientation` (3 × 3, from the crystal's own axes to the
    scene), `lattice` (its vectors as rows, Å, in the scene), `atoms`; and `removed`, the atoms that went for being too
    close.
    """

    domains: Sequence[Domain]
    _: KW_ONLY
    min_distance: distances.Given | None = None
    period: Point = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        given = tuple(self.domains)
        if not given or not all(isinstance(domain, Domain) for domain in given):
            raise InvalidInput(f"domains is {self.domains!r}; give a list of at least one Domain")
        numbered = [replace(d, grain=i) if d.grain is None else d for i, d in enumerate(given)]
        object.__setattr__(self, "domains", tuple(numbered))
        if self.min_distance is not None:
            object.__setattr__(self, "min_distance", PairDistances.of(self.min_distance))

    @property
    def phase(self) -> str:
        """Name of the material of the first domain."""
        return self.domains[0].crystal.phase

    @property
    def pose(self) -> Affine:
        """Origin and orientation of the first domain's crystal."""
        return self.domains[0].crystal.pose

    @property
    def lattice(self) -> Floats:
        """The lattice of the first domain (rows, Å, in its own frame)."""
        return self.domains[0].crystal.lattice

    def moved(self, affine: Affine) -> Domains:
        """This generator after the map `affine`."""
        if any(self.period) and not np.array_equal(affine.matrix, np.eye(3)):
            raise InvalidInput("domains that go on across the seams of a cell cannot be turned; only shift them")
        return replace(self, domains=[domain.moved(affine) for domain in self.domains])

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The atoms inside `volume`, domain by domain; see `Generator.fill`."""
        for axis, period in enumerate(self.period):
            if period and abs(cell[axis] - period) > _SAME_PERIOD:
                raise SceneError(
                    f"the domains go on across seams {period:g} Å apart along {'xyz'[axis]}, where the cell is "
                    f"{cell[axis]:g} Å long; make them for this cell"
                )
        box, bounds = torus.window(volume, cell), volume.bounds
        end = np.where(np.isfinite(bounds[1]), np.inf, np.asarray(cell) - BOUNDARY)
        start = np.where(np.isfinite(bounds[0]), -np.inf, -BOUNDARY)
        clip = np.stack([start, end])
        found = [_Found.of(index, domain, volume, box, clip) for index, domain in enumerate(self.domains)]
        if len(self.domains) > 1:
            found = [part.kept(self._first(part)) for part in found]
        if torus.overlaps_itself(volume, cell, periodic):
            found = [part.kept(torus.first_images(volume, part.positions, cell, periodic)) for part in found]
        found = [part.occupied(self.domains[part.index].crystal, seed) for part in found]
        before = sum(len(part.positions) for part in found)
        if self.min_distance is not None:
            found = self._apart(found, cell, periodic)
        total = sum(len(part.positions) for part in found)
        if not total:
            raise SceneError(
                f"no atom of {self.phase} lies in the volume; enlarge it, or move the domains or the volume"
            )
        return self._assembled(found, before - total)

    def _first(self, part: _Found) -> Bools:
        """Which atoms of a domain lie in no earlier one; only those on its faces can."""
        stays = np.ones(len(part.positions), dtype=bool)
        domain = self.domains[part.index]
        if not len(domain.levels) or not len(stays):
            return stays
        edge = np.flatnonzero(domain.depths(part.positions).max(axis=1) >= -2 * BOUNDARY)
        for earlier in self.domains[: part.index]:
            if not len(edge):
                break
            inside = earlier.depths(part.positions[edge]).max(axis=1, initial=-np.inf) <= BOUNDARY
            stays[edge[inside]] = False
            edge = edge[~inside]
        return stays

    def _apart(self, found: list[_Found], cell: Point, periodic: Periodic) -> list[_Found]:
        """The parts without the atoms that are too close to those of earlier domains."""
        limits: Any = self.min_distance
        near = []
        for part in found:
            depth = self.domains[part.index].depths(part.positions).max(axis=1, initial=-np.inf)
            near.append(np.flatnonzero(depth > -limits.largest - BOUNDARY))
        keep = merge.keep_apart(
            [torus.wrap(part.positions[index], cell, periodic) for part, index in zip(found, near, strict=True)],
            [part.numbers[index] for part, index in zip(found, near, strict=True)],
            list(range(len(found))),
            limits,
            cell,
            periodic,
        )
        apart = []
        for part, index, stays in zip(found, near, keep, strict=True):
            mask = np.ones(len(part.positions), dtype=bool)
            mask[index] = stays
            apart.append(part.kept(mask))
        return apart

    def _assembled(self, found: list[_Found], removed: int) -> Atoms:
        crystals = [self.domains[part.index].crystal for part in found]
        phases = list(dict.fromkeys(c.phase for c in crystals))
        counts = [len(part.positions) for part in found]
        grains = [int(self.domains[part.index].grain or 0) for part in found]
        numbers = np.concatenate([part.numbers for part in found])
        first = dict(zip(reversed(grains), reversed(crystals), strict=True))
        atoms_of = {g: sum(n for n, own in zip(counts, grains, strict=True) if own == g) for g in first}
        record: dict[str, Any] = {
            "grains": [
                {
                    "grain": g,
                    "phase": first[g].phase,
                    "orientation": first[g].pose.matrix.tolist(),
                    "lattice": first[g].pose.apply_direction(first[g].lattice).tolist(),
                    "atoms": atoms_of[g],
                }
                for g in sorted(first)
                if atoms_of[g]
            ]
        }
        if self.min_distance is not None:
            record["removed"] = removed
        if any(crystal.occupancy for crystal in crystals):
            record["occupancy"] = sites.census(numbers)
        atoms = assembled(
            numbers,
            np.concatenate([part.positions for part in found]),
            {
                "thermal_u": np.concatenate([c.thermal_u[part.site] for c, part in zip(crystals, found, strict=True)]),
                "sublattice": np.concatenate(
                    [c.sublattice[part.site] for c, part in zip(crystals, found, strict=True)]
                ),
                "phase": np.repeat([phases.index(c.phase) for c in crystals], counts),
                "grain": np.repeat(grains, counts),
            },
            record,
        )
        atoms.info["phases"] = phases
        return atoms


@dataclass(frozen=True, eq=False)
class _Found:
    """Atoms of the domain `index`: positions (n, 3), the site of the basis (n,) and, once known, the elements."""

    index: int
    positions: Floats
    site: NDArray[Any]
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, index: int, domain: Domain, volume: Volume, box: Floats, clip: Floats) -> _Found:
        """The sites of a domain in `volume`; `box` and `clip` as of `sites_in_volume`."""
        crystal = domain.crystal
        own = box_of_planes(domain.normals, domain.levels, box)
        if own is None:
            return cls(index, np.zeros((0, 3)), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        positions, site = sites_in_volume(
            _Part(volume, domain, own),
            crystal.pose.apply_direction(crystal.lattice),
            crystal.pose.apply_direction(crystal.positions),
            crystal.pose.vector,
            own,
            clip,
            (domain.normals, domain.levels + BOUNDARY),
        )
        return cls(index, positions, site, crystal.numbers[site])

    def kept(self, mask: Bools) -> _Found:
        """Only the atoms of `mask` (n,)."""
        if mask.all():
            return self
        return replace(self, positions=self.positions[mask], site=self.site[mask], numbers=self.numbers[mask])

    def occupied(self, crystal: Crystal, seed: Seed) -> _Found:
        """With elements drawn where the crystal has occupancies; empty sites go."""
        if not crystal.occupancy or not len(self.positions):
            return self
        drawn = sites.drawn(crystal.occupancy, self.site, generator(child(seed, "domain", self.index), "occupancy"))
        return replace(self, numbers=drawn).kept(drawn > 0)


@dataclass(frozen=True, eq=False)
class _Part(Volume):
    """What lies in a volume and in a domain, whose bounds (2, 3) together are known."""

    volume: Volume
    domain: Domain
    box: Floats

    @property
    def bounds(self) -> Floats:
        return self.box

    def moved(self, affine: Affine) -> Volume:
        raise NotImplementedError("parts of volumes are made anew for each fill")

    def _contains(self, points: Floats) -> Bools:
        heights = self.domain.normals @ points.T - self.domain.levels[:, None]
        inside: Bools = np.asarray((heights <= BOUNDARY).all(axis=0))
        held = np.flatnonzero(inside)
        inside[held] = self.volume._contains(points[held])
        return inside

    def _signed_distance(self, points: Floats) -> Floats:
        planes = self.domain.depths(points).max(axis=1, initial=-np.inf)
        return np.maximum(planes, self.volume._signed_distance(points))


def moved_planes(normals: Floats, levels: Floats, affine: Affine) -> tuple[Floats, Floats]:
    """Unit `normals` (k, 3) and `levels` (k,) of the planes normal·x = level after the map `affine`."""
    rows = normals @ np.linalg.inv(affine.matrix)
    lengths = np.linalg.norm(rows, axis=1)
    rows = rows / lengths[:, None]
    return rows, levels / lengths + rows @ affine.vector


def box_of_planes(normals: Floats, levels: Floats, box: Floats) -> Floats | None:
    """The (2, 3) box around the part of `box` (2, 3) where normal·x ≤ level for every plane; None if there is none."""
    corners = np.array([[box[(i >> axis) & 1, axis] for axis in range(3)] for i in range(8)])
    beyond = corners @ normals.T - levels
    if (beyond > BOUNDARY).all(axis=0).any():
        return None
    cutting = (beyond > BOUNDARY).any(axis=0)
    if not cutting.any():
        return box
    # corners of a convex polyhedron are where three of its planes meet
    rows = np.concatenate([np.eye(3), -np.eye(3), normals[cutting]])
    heights = np.concatenate([box[1], -box[0], levels[cutting]])
    crossed = _crossed(rows)
    i, j, k = _triples(len(rows))
    volume = (rows[i] * crossed[j, k]).sum(axis=1)
    meet = np.abs(volume) > 1e-9
    i, j, k = i[meet], j[meet], k[meet]
    at = heights[i, None] * crossed[j, k] + heights[j, None] * crossed[k, i] + heights[k, None] * crossed[i, j]
    points = at / volume[meet, None]
    slack = 1e-6 * (1 + float(np.abs(box).max()))
    points = points[(points @ rows.T <= heights + slack).all(axis=1)]
    if not len(points):
        return None
    return np.stack([np.maximum(points.min(axis=0) - slack, box[0]), np.minimum(points.max(axis=0) + slack, box[1])])


@lru_cache(maxsize=64)
def _triples(count: int) -> NDArray[np.int64]:
    return np.array(list(combinations(range(count), 3))).T


def _crossed(rows: Floats) -> Floats:
    """The cross product (m, m, 3) of each two of `rows` (m, 3)."""
    x, y, z = rows.T
    yz, zx, xy = np.outer(y, z), np.outer(z, x), np.outer(x, y)
    return np.stack([yz - yz.T, zx - zx.T, xy - xy.T], axis=-1)
