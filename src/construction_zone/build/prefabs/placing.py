"""Where particles lie: at rest on a substrate, and scattered over it.

Both work with atoms, not with volumes: a particle rests when its atoms touch those below, and how wide it is as the
beam sees it is how far its atoms reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from construction_zone import seeding
from construction_zone.build import inputs, torus
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.neighbours import tree
from construction_zone.build.prefabs.base import PREFABS, bare
from construction_zone.build.prefabs.compound import crystal_under
from construction_zone.build.prefabs.facets import plane_towards
from construction_zone.build.prefabs.symmetry import Miller
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import align, random_rotation, rotation
from construction_zone.build.zone import Zone
from construction_zone.distributions import Distribution
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

FILM: Periodic = (True, True, False)
TOUCHING = 2.5
"""Å between the atoms of a particle and those that it rests on, where nothing else is asked."""

TRIES = 500
"""Places tried for a particle before the whole arrangement is begun again."""
ARRANGEMENTS = 20

_DOWN = (0.0, 0.0, -1.0)


def rest(
    particle: Zone,
    on: Zone | Atoms | float,
    *,
    cell: Point,
    at: tuple[float, float] | None = None,
    facet: Miller | None = None,
    spin: float = 0.0,
    gap: float = TOUCHING,
    embedded: float = 0.0,
    periodic: Periodic = FILM,
    seed: Seed = 0,
) -> Zone:
    """The particle, moved so that it lies on the +z side of something.

    Parameters
    ----------
    particle
        Any zone of a bounded volume.
    on
        What it lies on: a zone (filled as it will be in a scene with this `cell` and `seed`), atoms, or a height z in
        Å above which nothing lies.
    cell
        Edges (Lx, Ly, Lz) of the scene in Å.
    at
        x and y of the middle of its atoms. Default: where they are.
    facet
        (hkl) of its crystal that is turned to −z. Default: it keeps its orientation.
    spin
        Degrees about z by which it is turned after that.
    gap
        The shortest distance, Å, from its atoms to those that it rests on; above a height z, that of its lowest atom.
    embedded
        Å by which it is then pushed down. Let it win the overlap by its priority.
    periodic
        Along which axes the cell repeats.
    seed
        The seed of the scene, so that the atoms of `on` are those that will be there.

    Raises `InvalidInput` for a facet of what is no crystal and for a particle as wide as a cell that repeats,
    `SceneError` if there is nothing below the particle.
    """
    turned = _turned(particle, facet, spin)
    atoms = _filled(turned, seed)
    for axis in np.flatnonzero(periodic):
        width, edge = float(np.ptp(atoms[:, axis])), inputs.cell(cell)[axis]
        if width >= edge:
            raise InvalidInput(
                f"the particle is {width:.1f} Å wide along {'xyz'[axis]}, where the cell repeats after {edge:g} Å: it "
                "would overlap its own image; enlarge the cell, or take a smaller particle"
            )
    middle = (atoms.max(axis=0) + atoms.min(axis=0)) / 2
    place = (middle[0], middle[1]) if at is None else (float(at[0]), float(at[1]))
    shift = np.array([place[0] - middle[0], place[1] - middle[1], 0.0])
    below = on if isinstance(on, (int, float)) else _atoms_of(on, cell, periodic, seed)
    lift = drop(atoms + shift, below, inputs.not_negative(gap, "gap"), inputs.cell(cell), periodic)
    shift[2] = lift - inputs.not_negative(embedded, "embedded")
    return turned.shifted(shift)


def several(prefab: str | Callable[..., Zone], count: int, *, seed: Seed = 0, **parameters: Any) -> list[Zone]:
    """`count` zones of a prefab whose parameters are drawn anew for each, named "particle 0", "particle 1", ….

    Parameters
    ----------
    prefab
        A prefab or its name.
    parameters
        Its parameters; each may be a distribution, e.g. ``diameter=Normal(40, 5, 20, 60)``.
    seed
        Parameter p of particle k is drawn from the child (p, k) of it, so that neither moves the others.
    """
    if isinstance(prefab, str):
        if prefab not in PREFABS:
            raise InvalidInput(f"there is no prefab {prefab!r}; there are {', '.join(sorted(PREFABS))}")
        prefab = PREFABS[prefab]
    made = []
    for k in range(count):
        values = {
            key: value.draw(seeding.generator(seed, key, k)) if isinstance(value, Distribution) else value
            for key, value in parameters.items()
        }
        made.append(prefab(**values, seed=seeding.child(seed, "prefab", k), name=f"particle {k}"))
    return made


def scatter(
    particles: Sequence[Zone],
    on: Zone | Atoms | float,
    *,
    cell: Point,
    gap: float = 0.0,
    overlap: float = 0.0,
    orientation: Literal["random", "keep"] | Miller = "random",
    stacked: bool = False,
    contact: float = TOUCHING,
    embedded: float = 0.0,
    periodic: Periodic = FILM,
    seed: Seed = 0,
) -> list[Zone]:
    """The particles, at random places on a substrate.

    Parameters
    ----------
    particles
        Zones with different names, such as `several` makes; placed in the order of the list.
    on, cell, embedded, periodic
        As in `rest`; so is `seed`, which also decides the places.
    gap
        Least distance in Å between particles as the beam sees them, each taken as the circle about its atoms.
    overlap
        Which share of the sum of two radii the circles may overlap by, 0 to 1.
    orientation
        "random" (uniform on SO(3)), "keep", or (hkl): this facet down, with a random spin.
    stacked
        Whether particles may lie on top of each other; then they fall one after the other, and gap and overlap do not
        count.
    contact
        Shortest distance in Å between the atoms of a particle and those that it rests on; see `rest`.

    Raises `SceneError`, saying how many fitted, if there is no room.
    """
    size = inputs.cell(cell)
    _named_apart(particles)
    turned = [
        _oriented(zone, orientation, seeding.generator(seed, "orientation", k)) for k, zone in enumerate(particles)
    ]
    filled = [_filled(zone, seed) for zone in turned]
    circles = [_circle(atoms) for atoms in filled]
    if stacked:
        centres = np.array(
            [
                _free_place(radius, size, periodic, seeding.generator(seed, "place", k))
                for k, (_, radius) in enumerate(circles)
            ]
        )
    else:
        least = inputs.not_negative(gap, "gap")
        if not 0 <= overlap < 1:
            raise InvalidInput(f"overlap is {overlap!r}; give a share from 0 to below 1")
        centres = arranged([radius for _, radius in circles], (size[0], size[1]), least, overlap, periodic, seed)
    ground = on if isinstance(on, (int, float)) else _atoms_of(on, size, periodic, seed)
    placed: list[Zone] = []
    for zone, atoms, (middle, _), centre in zip(turned, filled, circles, centres, strict=True):
        shift = np.array([centre[0] - middle[0], centre[1] - middle[1], 0.0])
        shift[2] = drop(atoms + shift, ground, contact, size, periodic)
        if stacked:
            ground = _joined(ground, atoms + shift)
        shift[2] -= inputs.not_negative(embedded, "embedded")
        placed.append(zone.shifted(shift))
    return placed


def arranged(
    radii: Sequence[float],
    cell: tuple[float, float],
    gap: float = 0.0,
    overlap: float = 0.0,
    periodic: Periodic = FILM,
    seed: Seed = 0,
) -> Floats:
    """Random centres (n, 2) in the `cell` (Å) of circles of `radii` that keep `gap` apart; see `scatter`.

    Circles are placed in turn where there is room; if one finds none, all are placed anew. Raises `SceneError` that
    says how many fitted when no arrangement is found.
    """
    size, repeats = np.asarray(cell, dtype=np.float64), np.asarray(periodic[:2])
    most = 0
    for arrangement in range(ARRANGEMENTS):
        centres: list[Floats] = []
        for k, radius in enumerate(radii):
            rng = seeding.generator(seed, "place", k, arrangement)
            room = np.where(repeats, 0.0, radius)
            if (2 * room > size).any() or (repeats & (2 * radius * (1 - overlap) + gap > size)).any():
                raise SceneError(
                    f"a particle of radius {radius:.4g} Å does not fit a cell of {size[0]:g} × {size[1]:g} Å; take a "
                    "larger cell or smaller particles"
                )
            tried = room + rng.uniform(size=(TRIES, 2)) * (size - 2 * room)
            for centre, other in zip(centres, radii, strict=False):
                step = tried - centre
                step -= np.where(repeats, size * np.round(step / size), 0.0)
                tried = tried[np.hypot(*step.T) >= (radius + other) * (1 - overlap) + gap]
            if not len(tried):
                break
            centres.append(tried[0])
        if len(centres) == len(radii):
            return np.array(centres).reshape(-1, 2)
        most = max(most, len(centres))
    raise SceneError(
        f"only {most} of {len(radii)} particles fitted {size[0]:g} × {size[1]:g} Å, {gap:g} Å apart with an overlap of "
        f"{overlap:g}, in {ARRANGEMENTS} arrangements; take fewer or smaller particles, a smaller gap, or stacked=True"
    )


def _turned(particle: Zone, facet: Miller | None, spin: float) -> Zone:
    if facet is not None:
        crystal = crystal_under(particle.generator)
        if crystal is None:
            raise InvalidInput(f"zone {particle.name!r} is no crystal, so it has no facet {facet!r}; leave facet= out")
        particle = particle.moved(align(plane_towards(crystal, facet), _DOWN))
    return particle if not spin else particle.moved(rotation((0, 0, 1), spin))


def _oriented(zone: Zone, orientation: Any, rng: np.random.Generator) -> Zone:
    if isinstance(orientation, str) and orientation == "keep":
        return zone
    if isinstance(orientation, str) and orientation == "random":
        return zone.moved(random_rotation(rng))
    return _turned(zone, orientation, float(rng.uniform(0, 360)))


def _filled(zone: Zone, seed: Seed) -> Floats:
    """The atoms (n, 3) of a zone by itself; filled with the seed that a scene would use."""
    bounds = zone.volume.bounds
    if not np.isfinite(bounds).all():
        raise InvalidInput(f"zone {zone.name!r} has no end, so it cannot be placed; bound its volume")
    size = np.maximum(bounds[1] - bounds[0], 1.0)
    made = bare(zone.generator).fill(
        zone.volume,
        cell=(float(size[0]), float(size[1]), float(size[2])),
        seed=seeding.child(seed, "build", zone.name),
        periodic=(False, False, False),
    )
    return np.asarray(made.positions)


def _atoms_of(on: Any, cell: Point, periodic: Periodic, seed: Seed) -> Floats:
    if isinstance(on, Zone):
        own = seeding.child(seed, "build", on.name)
        return np.asarray(bare(on.generator).fill(on.volume, cell=cell, seed=own, periodic=periodic).positions)
    if hasattr(on, "positions"):
        return np.asarray(on.positions)
    raise InvalidInput(f"on is {on!r}; give a zone, atoms, or a height in Å")


def drop(atoms: Floats, below: Floats | float, gap: float, cell: Point, periodic: Periodic) -> float:
    """By how much (Å) to lift `atoms` so that they come to rest `gap` from those `below`, having fallen from above.

    An atom touches one below it at the horizontal distance r when it is √(gap² − r²) higher; the largest lift counts.
    """
    if isinstance(below, (int, float)):
        return float(below) + gap - float(atoms[:, 2].min())
    size = np.array([cell[0] if periodic[0] else 0.0, cell[1] if periodic[1] else 0.0])
    atoms, below = (torus.wrap(points, cell, (periodic[0], periodic[1], False)) for points in (atoms, below))
    # the lowest layers give a lift that the rest can only raise: who cannot is left out
    first = _rise(atoms[atoms[:, 2] < atoms[:, 2].min() + 2 * max(gap, 1.0)], below, gap, size)
    reach = float(below[:, 2].max()) + gap - atoms[:, 2]
    fallers, tops = atoms[reach >= first], below[below[:, 2] + gap - atoms[:, 2].min() >= first]
    best = max(first, _rise(fallers, tops, gap, size))
    if best == -np.inf:
        raise SceneError("there is nothing below the particle to rest on; move it, or give a height")
    return best


def _rise(atoms: Floats, below: Floats, gap: float, size: Floats) -> float:
    """The largest lift that a pair of atoms needs, −inf if none meets; `size` (2,) are periods, 0 on open axes."""
    if not len(atoms) or not len(below):
        return -np.inf
    known, reach = tree(atoms[:, :2], size), max(gap, 1e-6)
    below = below[np.isfinite(known.query(below[:, :2], distance_upper_bound=reach)[0])]
    if not len(below):
        return -np.inf
    near = known.query_ball_point(below[:, :2], reach)
    counts = np.array([len(found) for found in near])
    low = np.repeat(np.arange(len(below)), counts)
    high = np.fromiter(chain.from_iterable(near), dtype=np.intp, count=int(counts.sum()))
    step = atoms[high, :2] - below[low, :2]
    step -= np.where(size > 0, size * np.round(step / np.where(size > 0, size, 1.0)), 0.0)
    room = np.sqrt(np.maximum(gap**2 - np.einsum("ij,ij->i", step, step), 0))
    return float((below[low, 2] + room - atoms[high, 2]).max())


def _circle(atoms: Floats) -> tuple[Floats, float]:
    """The middle (2,) and radius (Å) of a circle about the projected `atoms`."""
    flat = atoms[:, :2]
    middle = (flat.max(axis=0) + flat.min(axis=0)) / 2
    return middle, float(np.linalg.norm(flat - middle, axis=1).max())


def _free_place(radius: float, cell: Point, periodic: Periodic, rng: np.random.Generator) -> Floats:
    size, room = np.array(cell[:2]), np.where(periodic[:2], 0.0, radius)
    if (2 * room > size).any():
        raise SceneError(f"a particle of radius {radius:.4g} Å does not fit a cell of {size[0]:g} × {size[1]:g} Å")
    return np.asarray(room + rng.uniform(size=2) * (size - 2 * room))


def _joined(ground: Floats | float, more: Floats) -> Floats:
    if isinstance(ground, (int, float)):
        raise InvalidInput("stacked particles need atoms to fall on; give on= as a zone")
    return np.concatenate([ground, more])


def _named_apart(particles: Sequence[Zone]) -> None:
    names = [zone.name for zone in particles]
    if len(set(names)) < len(names):
        raise InvalidInput(f"several particles are called {names[0]!r} or alike; give each a name of its own, name=")
