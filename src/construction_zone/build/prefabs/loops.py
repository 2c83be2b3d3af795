"""A dislocation loop in any volume, with the atoms that its Burgers vector adds or takes away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from construction_zone import seeding
from construction_zone.build import inputs, lattice_directions, torus
from construction_zone.build.generators import Crystal
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.modifiers import DislocationLoop
from construction_zone.build.neighbours import tree
from construction_zone.build.prefabs.base import Described, crystal_of, prefab
from construction_zone.build.prefabs.compound import nearest_neighbour
from construction_zone.build.prefabs.loop_discs import SAME, as_point, disc_of
from construction_zone.build.prefabs.planar import ball_or
from construction_zone.build.prefabs.symmetry import Miller, miller
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.build.volumes import Volume, finite_bounds
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_SETTLED = 1e-7
"""Å within which the place of an atom has to be found."""

_NEARLY = 0.5
"""Å within which the place of an atom next to the line is taken as found: the field has no meaning there."""

_MOST_ROUNDS = 80
_DAMPED = 20
"""Rounds after which half steps are taken: next to the line the field changes faster than places do."""

_CLOSEST = 0.75
"""Shortest distances of the crystal that two atoms at the line may be apart; else one of them goes."""

_TRIES = 500

_OPEN = np.zeros(3)


@prefab
def dislocation_loop(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    burgers: Sequence[float],
    plane: Miller,
    loop_radius: float,
    sides: int = 24,
    toward: Sequence[float] | None = None,
    point: ArrayLike | Literal["random"] | None = None,
    poisson: float = 0.3,
    seed: Seed = 0,
    name: str = "dislocation_loop",
) -> Zone:
    """A crystal with a dislocation loop: of vacancies, of interstitials or of shear, perfect or faulted.

    The crystal on the side of the plane's normal is moved by `burgers` against that below the disc: along the normal
    the disc takes up interstitials, against it it is one of vacancies, and in the plane it is a shear loop. Each atom
    lies where its lattice site plus the displacement at its own place is (isotropic elasticity, an infinite medium; see
    `DislocationLoop`), so that the disc gains or loses just the atoms that b asks for: as many as fit b·n times its
    area. Cores are not relaxed.

    Parameters
    ----------
    crystal
        Turned as its pose says.
    radius, volume
        A ball about the origin (Å), or any volume anywhere.
    burgers
        In lattice terms: a lattice vector, or in fcc, diamond and zincblende on {111} those of faulted loops, Frank's
        ±1/3⟨111⟩ along the normal (+ interstitials and an extrinsic fault, − vacancies and an intrinsic one; Hirth &
        Lothe, *Theory of Dislocations*, 2nd ed. (1982), section 10-2) and Shockley's 1/6⟨112⟩ that makes an intrinsic
        fault.
    plane
        (hkl) of the disc.
    loop_radius, sides
        Å from its centre to its corners, and how many corners it has; 24 are all but a circle, 6 a hexagon.
    toward
        [uvw] of the first corner. Default: any direction of the plane.
    point
        Its centre (Å), by default the middle of the volume, or "random". It moves along the normal to where the disc
        lies between sheets of atoms.
    poisson
        Poisson's ratio.
    seed
        Decides a random centre.

    The record has `dislocations`, if part of the line has atoms around it, with one entry: its `character` (vacancy,
    interstitial or shear), whether it is `faulted`, its `burgers` (Å), `normal`, `point` and `corners` (Å) in the
    scene, and the share `inside` of its corners in the material. `inserted` and `removed` are the atoms that the disc
    gained and lost.

    Raises `InvalidInput` for other vectors, and for a disc that does not fit the volume.
    """
    given = crystal_of(crystal)
    region = ball_or(volume, radius)
    finite_bounds(region, "dislocation_loop()")
    own = replace(given, pose=IDENTITY)
    vector = lattice_directions.direction(given.lattice, burgers)
    inputs.direction(vector, "burgers")
    hkl = miller(plane, given)
    normal = lattice_directions.plane_normal(given.lattice, hkl)
    size = inputs.positive(loop_radius, "loop_radius")
    if isinstance(sides, bool) or sides != int(sides) or not 3 <= sides <= 200:
        raise InvalidInput(f"sides is {sides!r}; give a whole number from 3 to 200")
    first = _first(given, normal, toward)
    disc = disc_of(own, vector, hkl, normal)

    def loop_at(centre: Floats) -> DislocationLoop:
        level = disc.level(float(normal @ given.pose.inverse.apply(centre)))
        local = given.pose.inverse.apply(centre)
        local = local + (level - float(normal @ local)) * normal
        return DislocationLoop.regular(
            as_point(vector), size, as_point(normal), int(sides), as_point(first), as_point(local), poisson
        )

    def outside(loop: DislocationLoop) -> int:
        return int((~region.contains(given.pose.apply(np.array(loop.corners)))).sum())

    if isinstance(point, str):
        if point != "random":
            raise InvalidInput(f"point is {point!r}; give three numbers in Å, or 'random'")
        rng = seeding.generator(seed, "loop")
        low, high = region.bounds
        tried = (loop_at(rng.uniform(low, high)) for _ in range(_TRIES))
        found = next((loop for loop in tried if not outside(loop)), None)
        if found is None:
            raise InvalidInput(f"a loop of {size:g} Å does not fit the volume in {_TRIES} tries; make it smaller")
    else:
        found = loop_at(region.bounds.mean(axis=0) if point is None else inputs.points(point, "point")[0])
        if missing := outside(found):
            raise InvalidInput(
                f"{missing} of the {sides} corners of the loop lie outside the volume; give a smaller loop_radius, "
                "another point or a larger volume"
            )
    filled = Looped(given, found, disc.width, disc.filler)
    return Zone(region, Described(filled, "dislocation_loop", _Loop(found, given.pose, disc.faulted)), name)


@dataclass(frozen=True)
class Looped:
    """A crystal with a dislocation loop, as a generator.

    Parameters
    ----------
    crystal
        What is dislocated.
    loop
        In the frame of the crystal.
    width, filler
        Å about the disc that are filled with the sheet below it, moved by `filler` (Å), instead of what comes there
        from both sides; 0 for loops that leave no gap which the lattice does not fill.
    """

    crystal: Crystal
    loop: DislocationLoop
    width: float = 0.0
    filler: Point = (0.0, 0.0, 0.0)

    @property
    def generator(self) -> Crystal:
        """What is dislocated."""
        return self.crystal

    @property
    def phase(self) -> str:
        """Name of the material."""
        return self.crystal.phase

    @property
    def pose(self) -> Affine:
        """Origin and orientation of the crystal."""
        return self.crystal.pose

    @property
    def lattice(self) -> Floats:
        """The lattice of the crystal."""
        return self.crystal.lattice

    def moved(self, affine: Affine) -> Looped:
        """This generator after the map `affine`."""
        return replace(self, crystal=self.crystal.moved(affine))

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The atoms in `volume`; see `Generator.fill`."""
        reach = 2.0 * float(np.linalg.norm(self.pose.apply_direction(self.loop.burgers)))
        atoms = self.crystal.fill(volume.offset(reach), cell=cell, seed=seed, periodic=(False, False, False))
        sites = self.pose.inverse.apply(atoms.positions)
        index, places, extra = self._placed(sites)
        dislocated = atoms[index]
        from construction_zone.build.arrays import IDEAL

        dislocated.set_array(IDEAL, dislocated.positions.copy())
        dislocated.positions = self.pose.apply(places)
        kept = volume.contains(dislocated.positions) & _apart(
            places, extra, _CLOSEST * nearest_neighbour(replace(self.crystal, pose=IDENTITY))
        )
        # a site that no atom came from, of those well inside
        used = np.zeros(len(sites), dtype=bool)
        used[index[kept]] = True
        inside = volume.contains(atoms.positions) & self._near(sites)
        made = dislocated[kept]
        if not len(made):
            raise SceneError(f"the volume holds no atom of {self.phase}")
        made.info = dict(atoms.info)
        made.info["record"] = {"inserted": int((extra & kept).sum()), "removed": int((inside & ~used).sum())}
        if torus.overlaps_itself(volume, cell, periodic):
            made = made[torus.first_images(volume, made.positions, cell, periodic)]
        return made

    def _near(self, points: Floats) -> Bools:
        """Which of `points` (n, 3) may have two places, or none, because of the disc."""
        loop, size = self.loop, float(np.linalg.norm(self.loop.burgers))
        offset = points - _centre(loop)
        height = offset @ loop.normal
        across = np.linalg.norm(offset - height[:, None] * loop.normal, axis=1)
        reach = np.linalg.norm(np.array(loop.corners) - _centre(loop), axis=1).max()
        return np.asarray((np.abs(height) < size + self.width + 1.0) & (across < reach + size + 1.0))

    def _placed(self, sites: Floats) -> tuple[NDArray[np.int64], Floats, Bools]:
        """Which site (m,) each atom comes from, where it is (m, 3), and whether it is one more than the crystal has."""
        near = self._near(sites)
        far = np.flatnonzero(~near)
        close = np.flatnonzero(near)
        places = [self._settled(sites[far], 0)[0]]
        index, extra = [far], [np.zeros(len(far), dtype=bool)]
        taken = np.zeros(len(close), dtype=bool)
        for side in (1, -1):
            there, found = self._settled(sites[close], side)
            # where the lattice fills the gap, or closes it, places tell which side is right; else the sites do
            height, within = self._over(sites[close] if self.width else there)
            # beside the disc both sides are one: what lies in its very plane there is taken by either
            own = (height >= 0) if side > 0 else (height < 0) | (~taken & ~within)
            own &= found
            index.append(close[own])
            places.append(there[own])
            extra.append(taken[own])
            taken |= own
        if self.width:
            height = (sites[close] - _centre(self.loop)) @ self.loop.normal
            sheet = close[(height < 0) & (height > -self.width)]
            there, found = self._settled(sites[sheet] + np.array(self.filler), 1)
            height, within = self._over(there)
            own = found & within & (np.abs(height) < self.width / 2)
            index.append(sheet[own])
            places.append(there[own])
            extra.append(np.ones(int(own.sum()), dtype=bool))
        numbers, gained = np.concatenate(index), np.concatenate(extra)
        order = np.lexsort((gained, numbers))
        return numbers[order], np.concatenate(places)[order], gained[order]

    def _over(self, points: Floats) -> tuple[Floats, Bools]:
        """Heights (n,) over the disc, and which points (n,) lie above or below it."""
        loop = self.loop
        corners = np.array(loop.corners)
        offset = points - _centre(loop)
        height = offset @ loop.normal
        within = np.ones(len(points), dtype=bool)
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            within &= (points - start) @ np.cross(loop.normal, end - start) > 0
        return height, within

    def _settled(self, sites: Floats, side: int) -> tuple[Floats, Bools]:
        """Places (n, 3) with place = site + u(place), and whether they were found.

        On `side` 1 or −1 of the disc the field goes on through it as it is on that side.
        """
        loop, burgers = self.loop, np.array(self.loop.burgers)
        places = sites + side * burgers / 2 * self._over(sites)[1][:, None]
        missing = np.arange(len(sites))
        step = np.zeros((0, 3))
        for turn in range(_MOST_ROUNDS):
            here = places[missing]
            angle = loop.solid_angle(here)
            if side:
                height, within = self._over(here)
                angle = angle - side * 4 * np.pi * (within & (side * height < 0))
            step = sites[missing] + loop.smooth(here) - np.outer(angle, burgers) / (4 * np.pi) - here
            places[missing] = here + (step if turn < _DAMPED else step / 2)
            far = np.abs(step).max(axis=1) > _SETTLED
            missing, step = missing[far], step[far]
            if not len(missing):
                break
        found = np.ones(len(sites), dtype=bool)
        found[missing] = np.abs(step).max(axis=1, initial=0.0) < _NEARLY
        return places, found


@dataclass(frozen=True)
class _Loop:
    """Describes a loop, if part of its line has atoms around it."""

    loop: DislocationLoop
    pose: Affine
    faulted: bool

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        """`dislocations`: none or one."""
        pose, loop = placed @ self.pose, self.loop
        corners = pose.apply(np.array(loop.corners))
        burgers = pose.apply_direction(loop.burgers)
        reach = 3.0 * float(np.linalg.norm(burgers))
        near = tree(np.asarray(atoms.positions), _OPEN).query_ball_point(corners, reach)
        # the middle of half a ball lies 3/8 of its radius off its centre
        held = [
            len(found) > 3 and np.linalg.norm(atoms.positions[found].mean(axis=0) - corner) < 0.25 * reach
            for found, corner in zip(near, corners, strict=True)
        ]
        if not any(held):
            return {"dislocations": []}
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        opening = loop.opening
        character = "shear" if abs(opening) < SAME else "interstitial" if opening > 0 else "vacancy"
        return {
            "dislocations": [
                {
                    "kind": "loop",
                    "character": character,
                    "faulted": self.faulted,
                    "burgers": burgers.tolist(),
                    "normal": (normal / np.linalg.norm(normal)).tolist(),
                    "point": corners.mean(axis=0).tolist(),
                    "corners": corners.tolist(),
                    "inside": sum(map(bool, held)) / len(held),
                }
            ]
        }


def _first(crystal: Crystal, normal: Floats, toward: Sequence[float] | None) -> Floats:
    if toward is None:
        return np.asarray(np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))]))
    along = lattice_directions.direction(crystal.lattice, toward)
    across = along - (along @ normal) * normal
    if np.linalg.norm(across) < SAME * np.linalg.norm(along):
        raise InvalidInput(f"toward {list(toward)} is along the normal of the loop; give a direction in its plane")
    return np.asarray(across)


def _apart(places: Floats, extra: Bools, closest: float) -> Bools:
    """Which atoms (n,) stay so that none is closer than `closest` Å to another; the inserted ones go first."""
    stays = np.ones(len(places), dtype=bool)
    pairs = tree(places, _OPEN).query_pairs(closest, output_type="ndarray")
    for first, second in sorted(pairs.tolist(), key=lambda pair: (min(pair), max(pair))):
        if stays[first] and stays[second]:
            stays[first if extra[first] and not extra[second] else second] = False
    return stays


def _centre(loop: DislocationLoop) -> Floats:
    return np.asarray(np.mean(loop.corners, axis=0))
