"""Particles whose surface is changed: adatoms, steps, roughness, adsorbed molecules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from construction_zone import seeding
from construction_zone.build import arrays, inputs, surfaces
from construction_zone.build.generators import Crystal, Generator, Molecule
from construction_zone.build.generators.base import PERIODIC_FILM
from construction_zone.build.inputs import Floats, Point
from construction_zone.build.neighbours import has_near, tree
from construction_zone.build.prefabs.base import prefab
from construction_zone.build.prefabs.compound import crystal_under, nearest_neighbour
from construction_zone.build.prefabs.exposure import coordination, normals
from construction_zone.build.prefabs.facets import plane_towards, shown
from construction_zone.build.prefabs.symmetry import Miller
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import Affine, align, rotation
from construction_zone.build.volumes import Volume, finite_bounds
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_BONDED = 1.2
"""Sites of a lattice are neighbours up to this many times its shortest distance."""

_SUPPORT = 3
"""Neighbours that a new atom on a surface needs: a hollow of a close-packed or a square facet."""


class Change(Protocol):
    """What is done to a particle's atoms."""

    def __call__(self, atoms: Atoms, crystal: Crystal | None, rng: np.random.Generator) -> tuple[Atoms, dict[str, Any]]:
        """The changed atoms and what was done, in plain values."""
        ...


@dataclass(frozen=True)
class Dressed:
    """A particle with a change of its surface, as a generator.

    Parameters
    ----------
    particle
        The zone that is changed.
    change
        What is done.
    prefab
        Name of the prefab.
    own_seed
        The prefab's seed; the scene's decides too.
    """

    particle: Zone
    change: Change
    prefab: str
    own_seed: int

    @property
    def generator(self) -> Generator:
        """What fills the particle."""
        return self.particle.generator

    @property
    def phase(self) -> str:
        """Name of the material: that of the particle."""
        return self.particle.generator.phase

    @property
    def pose(self) -> Affine:
        """Origin and orientation of the particle."""
        return self.particle.generator.pose

    @property
    def lattice(self) -> Floats | None:
        """The lattice of the particle, if it has one."""
        return getattr(self.particle.generator, "lattice", None)

    def moved(self, affine: Affine) -> Dressed:
        """This generator after the map `affine`."""
        return replace(self, particle=self.particle.moved(affine))

    def fill(self, volume: Volume, *, cell: Point, seed: Seed = 0, periodic: Periodic = PERIODIC_FILM) -> Atoms:
        """The changed atoms that lie in `volume`; see `Generator.fill`."""
        inner = self.particle
        atoms = inner.generator.fill(inner.volume, cell=cell, seed=seed, periodic=periodic)
        record = atoms.info.get("record", {})
        rng = seeding.generator(seed, "dressed", self.prefab, self.own_seed)
        changed, made = self.change(atoms, crystal_under(inner.generator), rng)
        inside = volume.contains(changed.positions)
        if not inside.any():
            raise SceneError(f"the surface of {self.phase} was changed until no atom was left in the volume")
        info = changed.info
        changed = changed[inside]
        changed.info = {**info, "record": {"prefab": self.prefab, **made, "base": record}}
        return changed


@prefab
def adatoms(
    particle: Zone, *, coverage: float = 0.1, element: str | None = None, seed: Seed = 0, name: str = "adatoms"
) -> Zone:
    """A crystalline particle with single atoms on its surface, on sites of its own lattice.

    Parameters
    ----------
    particle
        A zone filled with a crystal.
    coverage
        Which share of the free sites with at least three neighbours is taken.
    element
        Of the adatoms. Default: that of the site.
    seed
        Which sites (the seed of the scene decides too).
    """
    share = _share(coverage, "coverage")
    return _dressed(particle, _Adatoms(share, element, None), "adatoms", 6.0, seed, name)


@prefab
def stepped(
    particle: Zone, *, facet: Miller = (1, 1, 1), covered: float = 0.5, seed: Seed = 0, name: str = "stepped"
) -> Zone:
    """A crystalline particle with a further layer on part of a facet: a terrace that ends at a straight step.

    `covered` is the share of the facet's sites that it takes; the direction of the step is drawn from the seeds.
    """
    crystal = crystal_under(particle.generator)
    if crystal is None:
        raise InvalidInput("the particle is no crystal, so it has no facet to put a step on")
    plane_towards(crystal, facet)
    return _dressed(particle, _Adatoms(_share(covered, "covered"), None, facet), "stepped", 8.0, seed, name)


@prefab
def roughened(particle: Zone, *, fraction: float = 0.3, seed: Seed = 0, name: str = "roughened") -> Zone:
    """A particle that lost some of its surface: atoms go one by one, those with the fewest neighbours most often.

    Parameters
    ----------
    particle
        Any zone of a bounded volume.
    fraction
        How many go, as a share of the exposed atoms.
    seed
        Which (the seed of the scene decides too).
    """
    return _dressed(particle, _Roughening(_share(fraction, "fraction")), "roughened", 0.0, seed, name)


@prefab
def adsorbates(
    particle: Zone,
    molecule: Molecule | str,
    *,
    coverage: float = 0.2,
    spacing: float = 4.0,
    height: float = 2.2,
    head: int = 0,
    seed: Seed = 0,
    name: str = "adsorbates",
) -> Zone:
    """A particle with molecules on its exposed atoms, upright along the local normal and at a random spin.

    Parameters
    ----------
    particle
        Any zone of a bounded volume.
    molecule
        What is adsorbed: a molecule, or a name that ASE knows such as "CO".
    coverage
        Molecules for each exposed atom.
    spacing
        Least distance in Å between the heads of molecules.
    height
        Å from the exposed atom to the head.
    head
        Index of the atom of the molecule that binds; the rest points away.
    seed
        Where (the seed of the scene decides too).

    When realised, raises `SceneError`, saying how many fitted, if there is no room for the coverage.
    """
    if isinstance(molecule, str):
        molecule = Molecule.named(molecule)
    if not isinstance(molecule, Molecule):
        raise InvalidInput(f"molecule is {molecule!r}; give a Molecule, or a name such as 'CO'")
    if isinstance(head, bool) or not 0 <= head < len(molecule.numbers):
        raise InvalidInput(f"head is {head!r}; the molecule has atoms 0 to {len(molecule.numbers) - 1}")
    change = _Adsorption(
        molecule,
        _share(coverage, "coverage"),
        inputs.not_negative(spacing, "spacing"),
        inputs.positive(height, "height"),
        int(head),
    )
    size = float(np.linalg.norm(molecule.positions - molecule.positions[head], axis=1).max())
    return _dressed(particle, change, "adsorbates", height + size + 1.0, seed, name)


@dataclass(frozen=True)
class _Adatoms:
    """Takes a share of the free lattice sites on the surface; of those on one facet, all on one side of a line."""

    share: float
    element: str | None
    facet: Miller | None

    def __call__(self, atoms: Atoms, crystal: Crystal | None, rng: np.random.Generator) -> tuple[Atoms, dict[str, Any]]:
        if crystal is None:
            raise SceneError("the particle is no crystal, so its surface has no lattice sites")
        places, numbers, sublattice = _free_sites(atoms, crystal)
        made: dict[str, Any] = {}
        if self.facet is not None:
            normal = plane_towards(crystal, self.facet)
            top = float((atoms.positions @ normal).max())
            above = places @ normal > top + 1e-3
            places, numbers, sublattice = places[above], numbers[above], sublattice[above]
        count = round(self.share * len(places))
        if not count:
            raise SceneError(f"{self.share:g} of {len(places)} free sites is no atom; raise the share")
        if self.facet is None:
            chosen = np.sort(rng.permutation(len(places))[:count])
        else:
            along = align((0, 0, 1), normal).apply_direction([np.cos(a := rng.uniform(0, 2 * np.pi)), np.sin(a), 0.0])
            chosen = np.sort(np.argsort(places @ along, kind="stable")[:count])
            made |= {"facet": shown(self.facet), "along": along.tolist()}
        kinds = numbers[chosen] if self.element is None else np.full(count, _number(self.element))
        return _with(atoms, kinds, places[chosen], sublattice[chosen]), {
            **made,
            "added": count,
            "of_sites": len(places),
        }


@dataclass(frozen=True)
class _Roughening:
    """Takes exposed atoms away, one after the other, with the probability of their missing neighbours."""

    fraction: float

    def __call__(self, atoms: Atoms, crystal: Crystal | None, rng: np.random.Generator) -> tuple[Atoms, dict[str, Any]]:
        exposed = surfaces.exposed(atoms)
        count = round(self.fraction * int(exposed.sum()))
        if count >= len(atoms):
            raise SceneError(f"{count} of {len(atoms)} atoms would go; lower fraction")
        near = _neighbours(atoms)
        left = np.array([len(found) for found in near], dtype=np.float64)
        most, stays = left.max(), np.ones(len(atoms), dtype=bool)
        for _ in range(count):
            weight = np.where(stays & (left < most), (most - left + 1e-9) ** 2, 0.0)
            gone = int(np.searchsorted(np.cumsum(weight), rng.uniform() * weight.sum(), side="right"))
            stays[gone] = False
            left[near[gone]] -= 1
        bonded = stays & (left > 0)  # what hangs in the air goes too
        return atoms[bonded], {"removed": int((~bonded).sum()), "exposed": int(exposed.sum())}


@dataclass(frozen=True)
class _Adsorption:
    """Puts molecules on exposed atoms."""

    molecule: Molecule
    coverage: float
    spacing: float
    height: float
    head: int

    def __call__(self, atoms: Atoms, crystal: Crystal | None, rng: np.random.Generator) -> tuple[Atoms, dict[str, Any]]:
        exposed = np.flatnonzero(surfaces.exposed(atoms))
        out = normals(atoms)[exposed]
        heads = atoms.positions[exposed] + self.height * out
        free = ~has_near(heads, atoms.positions, 0.8 * self.height, np.zeros(3)) & out.any(axis=1)
        wanted = max(1, round(self.coverage * len(exposed)))
        own = self.molecule.positions - self.molecule.positions[self.head]
        up = own.mean(axis=0) if np.linalg.norm(own.mean(axis=0)) > 1e-6 else np.array([0.0, 0.0, 1.0])
        taken: list[Floats] = []
        placed: list[Floats] = []
        for index in rng.permutation(np.flatnonzero(free)):
            if len(placed) == wanted:
                break
            spin = rotation((0, 0, 1), float(rng.uniform(0, 360)))
            if taken and np.linalg.norm(np.array(taken) - heads[index], axis=1).min() < self.spacing:
                continue
            turned = (align((0, 0, 1), out[index]) @ spin @ align(up, (0, 0, 1))).apply(own) + heads[index]
            others = atoms.positions if not placed else np.concatenate([atoms.positions, *placed])
            if tree(others, np.zeros(3)).query(turned)[0].min() < 0.6 * self.height:
                continue
            taken.append(heads[index])
            placed.append(turned)
        if len(placed) < wanted:
            raise SceneError(
                f"only {len(placed)} of {wanted} molecules {self.molecule.phase} fitted {len(exposed)} exposed atoms, "
                f"{self.spacing:g} Å apart; lower coverage or spacing"
            )
        places, numbers = np.concatenate(placed), np.tile(self.molecule.numbers, wanted)
        joined = _with(atoms, numbers, places, np.full(len(places), -1), np.tile(self.molecule.thermal_u, wanted))
        names = list(atoms.info.get("phases", [])) or [crystal.phase if crystal is not None else "particle"]
        joined.arrays["phase"][len(atoms) :] = len(names)
        joined.info["phases"] = [*names, self.molecule.phase]
        return joined, {"molecules": wanted, "exposed": len(exposed), "coverage": wanted / len(exposed)}


def _dressed(particle: Zone, change: Change, kind: str, grown: float, seed: Seed, name: str) -> Zone:
    finite_bounds(particle.volume, f"{kind}()")
    volume = particle.volume.offset(grown) if grown else particle.volume
    return Zone(volume, Dressed(particle, change, kind, seeding.integer(seed, kind)), name, particle.priority)


def _share(value: float, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise InvalidInput(f"{what} is {value!r}; give a share above 0 and up to 1")
    return float(value)


def _number(element: str) -> int:
    from construction_zone.build import elements

    return elements.number(element)


def _neighbours(atoms: Atoms) -> list[NDArray[np.int64]]:
    known = tree(np.asarray(atoms.positions), np.zeros(3))
    shortest = float(np.median(known.query(atoms.positions, k=2)[0][:, 1]))
    found = known.query_ball_point(atoms.positions, _BONDED * shortest)
    return [np.array([j for j in near if j != i], dtype=np.int64) for i, near in enumerate(found)]


def _free_sites(atoms: Atoms, crystal: Crystal) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Lattice sites (m, 3) around the particle that no atom holds and that have enough neighbours among the atoms.

    Their elements (m,) and sublattices (m,) too; of sites that would be closer than a bond the first is kept.
    """
    from construction_zone.build.volumes import Block

    reach = _BONDED * nearest_neighbour(crystal)
    low, high = atoms.positions.min(axis=0) - reach, atoms.positions.max(axis=0) + reach
    box = Block.between(low, high)
    sites = crystal.fill(box, cell=tuple((high - low).tolist()), periodic=(False, False, False))
    known = tree(np.asarray(atoms.positions), np.zeros(3))
    nearest = known.query(sites.positions)[0]
    support = np.array([len(near) for near in known.query_ball_point(sites.positions, reach)])
    needed = min(_SUPPORT, max(1, int(coordination(atoms, reach).max()) - 1))
    free = (nearest > 0.9 * reach / _BONDED) & (support >= needed)
    sublattice = np.asarray(sites.arrays["sublattice"], dtype=np.int64)
    return sites.positions[free], sites.numbers[free], sublattice[free]


def _with(
    atoms: Atoms,
    numbers: NDArray[np.int64],
    places: Floats,
    sublattice: NDArray[np.int64],
    thermal_u: Floats | None = None,
) -> Atoms:
    """The atoms and some more after them; a new atom is displaced like the others of its element."""
    joined: dict[str, NDArray[Any]] = {}
    for name, values in atoms.arrays.items():
        blank = np.full((len(places), *values.shape[1:]), arrays.blank_of(name, values.dtype), dtype=values.dtype)
        joined[name] = np.concatenate([values, blank])
    first = len(atoms)
    joined["numbers"][first:], joined["positions"][first:] = numbers, places
    if "sublattice" in joined:
        joined["sublattice"][first:] = sublattice
    for name in ("phase", "grain", "part"):
        if name in joined:
            joined[name][first:] = 0
    if arrays.IDEAL in joined:
        joined[arrays.IDEAL][first:] = places
    if thermal_u is not None:
        joined["thermal_u"][first:] = thermal_u
    else:
        known = dict(zip(atoms.numbers.tolist(), atoms.arrays["thermal_u"].tolist(), strict=True))
        joined["thermal_u"][first:] = [known.get(z, 0.0) for z in np.asarray(numbers).tolist()]
    if "phase" not in joined:
        joined["phase"] = np.zeros(first + len(places), dtype=np.int64)
    made = arrays.assembled(joined.pop("numbers"), joined.pop("positions"), joined)
    made.info.update(atoms.info)
    return made
