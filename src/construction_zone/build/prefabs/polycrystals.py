"""Voronoi polycrystals: grains about seed points, each in an orientation of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay, QhullError

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.generators.domains import Domain, Domains
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.prefabs import coincidence
from construction_zone.build.prefabs.base import Described, crystal_of, prefab
from construction_zone.build.prefabs.grain_boundaries import OVERLAP
from construction_zone.build.prefabs.planar import ball_or
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import IDENTITY, Affine, align, composed, mistilt, random_rotation, rotation
from construction_zone.build.volumes import Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_FEW = 8
"""Seeds up to which every pair is taken to share a face: the search for faces needs more points than that."""

_TRIES = 1000
"""Points tried for each seed before a volume counts as too thin to hold them."""


@dataclass(frozen=True)
class Texture:
    """Grains with the lattice direction [uvw] along `along` in the scene, but for a random tilt; any spin about it.

    Parameters
    ----------
    uvw, along
        Directions in the crystal, as three whole numbers or text such as "111" or "1 -1 0", and in the scene.
    spread
        Root mean square tilt, degrees.
    """

    uvw: Sequence[int] | str
    along: Point = (0.0, 0.0, 1.0)
    spread: float = 0.0

    def __post_init__(self) -> None:
        given = re.findall(r"-?\d", self.uvw) if isinstance(self.uvw, str) else self.uvw
        indices = inputs.point([float(index) for index in given], "uvw")
        inputs.direction(indices, "uvw")
        object.__setattr__(self, "uvw", tuple(int(index) for index in indices))
        object.__setattr__(self, "along", inputs.point(inputs.direction(self.along, "along"), "along"))
        object.__setattr__(self, "spread", inputs.not_negative(self.spread, "spread", "degrees"))

    def drawn(self, crystal: Crystal, rng: np.random.Generator) -> Affine:
        """The orientation of a grain of `crystal`."""
        turned = align(crystal.direction(tuple(int(index) for index in self.uvw)), self.along)
        spun = rotation(self.along, float(rng.uniform(0, 360)))
        return composed(turned, spun, mistilt(self.spread, rng, self.along))


@prefab
def polycrystal(
    crystal: Crystal | str,
    *,
    grains: int | None = None,
    seeds: ArrayLike | None = None,
    radius: float | None = None,
    volume: Volume | Zone | None = None,
    cell: Point | None = None,
    periodic: Periodic = (True, True, False),
    texture: Sequence[int] | str | None = None,
    along: Point = (0.0, 0.0, 1.0),
    spread: float = 0.0,
    overlap: float = OVERLAP,
    seed: Seed = 0,
    name: str = "polycrystal",
) -> Zone:
    """Grains that each hold what is nearest to their seed, in random orientations.

    Parameters
    ----------
    crystal
        Its orientation plays no part.
    grains
        Number of seeds, drawn uniformly from the volume.
    seeds
        Or the seeds themselves, (n, 3) in Å.
    radius, volume
        A ball about the origin (Å), or any volume anywhere.
    cell
        Edge lengths (Å) of a scene's cell in which the grains are to go on across the seam; seeds are then drawn from
        the cell. Give a volume that has no end along these axes, e.g. a ``Slab``.
    periodic
        Along which axes of `cell` the grains go on.
    texture
        A lattice direction, such as (1, 1, 1) or "111", that all grains have along `along`, but for a random tilt of
        `spread` (root mean square, degrees), and with any spin about it. Default: orientations uniform on SO(3).
    overlap
        As in `grain_boundary`: of two atoms of different grains that are too close, that of the later grain goes.
    seed
        Decides seeds and orientations; those of a grain do not depend on how many follow it.

    The record has the `grains` with their `orientation`, and `boundaries`: pairs of grains that share a face of their
    Voronoi cells, both holding atoms, with the `disorientation` in degrees.

    Raises `InvalidInput` for coinciding seeds and volumes in which no seeds can be drawn.
    """
    region = ball_or(volume, radius)
    base = replace(crystal_of(crystal), pose=IDENTITY)
    if (grains is None) == (seeds is None):
        raise InvalidInput("give grains= (a number) or seeds= (points), one of the two")
    box = None if cell is None else np.array(inputs.cell(cell))
    repeats = inputs.periodic(periodic) if box is not None else (False, False, False)
    drawn = seeds is None
    places = _drawn_seeds(region, _count(grains), box, seed) if drawn else inputs.points(np.asarray(seeds), "seeds")
    style = None if texture is None else Texture(texture, along, spread)
    poses = []
    for number, place in enumerate(places):
        rng = seeding.generator(seed, "grain", number, "orientation")
        turn = random_rotation(rng) if style is None else style.drawn(base, rng)
        corner = rng.uniform(size=3) @ base.lattice  # which point of the lattice is at the seed
        poses.append(composed(Affine(vector=-corner), turn, Affine(vector=place)))
    domains, faces = voronoi(base, places, poses, box, repeats)
    limits = coincidence.shortest_distances(base, inputs.not_negative(overlap, "overlap", ""))
    period = np.where(repeats, box if box is not None else 0.0, 0.0)
    filler = Domains(domains, min_distance=limits, period=inputs.point(period, "period"))
    return Zone(region, Described(filler, "polycrystal", Boundaries(faces, base)), name)


def voronoi(
    crystal: Crystal, seeds: Floats, poses: Sequence[Affine], box: Floats | None, periodic: Periodic
) -> tuple[list[Domain], tuple[tuple[int, int], ...]]:
    """The Voronoi cells of `seeds` (n, 3) as domains, and the pairs of seeds that share a face.

    With a periodic `box` there are domains for the images of each seed, too, of the same grain.
    """
    steps = [(0,) if box is None or not repeats else (0, -1, 1) for repeats in periodic]
    shifts = np.array(list(product(*steps)), dtype=np.float64) * (box if box is not None else 1.0)
    points = (shifts[:, None] + seeds).reshape(-1, 3)
    count = len(seeds)
    pairs = _neighbours(points)
    delta = points[pairs[:, 1]] - points[pairs[:, 0]]
    length = np.linalg.norm(delta, axis=1)
    if len(length) and length.min() < 1e-6:
        raise InvalidInput(f"two seeds are {length.min():.3g} Å apart; give different points")
    normal = delta / length[:, None]
    level = np.einsum("ij,ij->i", normal, (points[pairs[:, 0]] + points[pairs[:, 1]]) / 2)
    # each face bounds the cells on either side
    owner = np.concatenate([pairs[:, 0], pairs[:, 1]])
    normals, levels = np.concatenate([normal, -normal]), np.concatenate([level, -level])
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(points) + 1))
    domains = []
    for index in range(len(points)):
        own = order[starts[index] : starts[index + 1]]
        image, grain = divmod(index, count)
        pose = Affine(vector=shifts[image]) @ poses[grain]
        domains.append(Domain(crystal.moved(pose), normals[own], levels[own], grain))
    both = np.sort(pairs % count, axis=1)
    faces = {(i, j) for i, j in both.tolist() if i != j}
    return domains, tuple(sorted(faces))


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Describes which grains meet, and at what angle.

    Parameters
    ----------
    faces
        Pairs of grains whose cells share a face.
    crystal
        What they are of.
    """

    faces: tuple[tuple[int, int], ...]
    crystal: Crystal

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        """`boundaries` between grains that hold atoms."""
        turns = {grain["grain"]: np.array(grain["orientation"]) for grain in atoms.info["record"]["grains"]}
        symmetry = coincidence.proper_rotations(self.crystal)
        return {
            "boundaries": [
                {"grains": [i, j], "disorientation": coincidence.disorientation(turns[i], turns[j], symmetry)}
                for i, j in self.faces
                if i in turns and j in turns
            ]
        }


def _neighbours(points: Floats) -> NDArray[np.int64]:
    """Pairs (m, 2) of points whose Voronoi cells share a face; some more where that is not known."""
    every = np.array(np.triu_indices(len(points), 1)).T
    if len(points) <= _FEW:
        return every
    try:
        # scipy's list of Voronoi ridges misses some that reach to infinity; the dual edges are complete
        simplices = Delaunay(points).simplices
    except QhullError:  # all on a plane
        return every
    edges = simplices[:, list(combinations(range(4), 2))].reshape(-1, 2)
    return np.asarray(np.unique(np.sort(edges, axis=1), axis=0), dtype=np.int64)


def _drawn_seeds(volume: Volume, count: int, box: Floats | None, seed: Seed) -> Floats:
    bounds = volume.bounds
    if box is not None:
        bounds = np.stack([np.maximum(bounds[0], 0.0), np.minimum(bounds[1], box)])
    if not np.isfinite(bounds).all():
        raise InvalidInput("the volume has no end on some side; give cell= (Å) to draw seeds from, or seeds=")
    places = np.empty((count, 3))
    for number in range(count):
        rng = seeding.generator(seed, "grain", number, "place")
        tried = bounds[0] + rng.uniform(size=(_TRIES, 3)) * (bounds[1] - bounds[0])
        inside = np.flatnonzero(volume.contains(tried))
        if not len(inside):
            raise InvalidInput(
                f"none of {_TRIES} random points lies in the volume, which fills too little of its bounds; give seeds="
            )
        places[number] = tried[inside[0]]
    return places


def _count(grains: int | None) -> int:
    if grains is None or isinstance(grains, bool) or grains != int(grains) or grains < 1:
        raise InvalidInput(f"grains is {grains!r}; give a whole number, 1 or more")
    return int(grains)
