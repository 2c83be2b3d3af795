"""Particles whose surface is changed: adatoms, steps, roughness, adsorbed molecules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import inputs, surfaces
from construction_zone.build.generators import Crystal, Molecule
from construction_zone.build.inputs import Floats
from construction_zone.build.neighbours import has_near, tree
from construction_zone.build.prefabs.base import prefab
from construction_zone.build.prefabs.compound import crystal_under, nearest_neighbour
from construction_zone.build.prefabs.dressing import dressed, share, with_atoms, with_molecules
from construction_zone.build.prefabs.exposure import coordination, normals
from construction_zone.build.prefabs.facets import plane_towards, shown
from construction_zone.build.prefabs.symmetry import Miller
from construction_zone.build.transforms import align, rotation
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_BONDED = 1.2
"""Sites of a lattice are neighbours up to this many times its shortest distance."""

_SUPPORT = 3
"""Neighbours that a new atom on a surface needs: a hollow of a close-packed or a square facet."""


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
    return dressed(particle, _Adatoms(share(coverage, "coverage"), element, None), "adatoms", 6.0, seed, name)


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
    return dressed(particle, _Adatoms(share(covered, "covered"), None, facet), "stepped", 8.0, seed, name)


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
    return dressed(particle, _Roughening(share(fraction, "fraction")), "roughened", 0.0, seed, name)


@prefab
def trimmed(particle: Zone, *, fewest: int = 2, seed: Seed = 0, name: str = "trimmed") -> Zone:
    """A particle without the atoms that hang on it by fewer than `fewest` bonds, which a cut leaves behind.

    A plane that cuts a compound leaves atoms with one bond, such as Se over a {111} of CdSe that is cut through the
    three bonds of its Cd. They go, and then those that have lost neighbours by it, until all that are left have as many
    as asked for. A bond is up to 1.2 times the shortest distance of the crystal, or of the sum of covalent radii if the
    particle is none.

    Parameters
    ----------
    particle
        Any zone of a bounded volume.
    fewest
        Bonds that an atom needs to stay. Two is right for tetrahedral crystals: with three, edge after edge goes.
    seed
        Has no part in it.

    The record has how many atoms were `removed`, in how many `rounds`.
    """
    if isinstance(fewest, bool) or fewest != int(fewest) or fewest < 1:
        raise InvalidInput(f"fewest is {fewest!r}; give a whole number of bonds, 1 or more")
    return dressed(particle, _Trimming(int(fewest)), "trimmed", 0.0, seed, name)


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
        share(coverage, "coverage"),
        inputs.not_negative(spacing, "spacing"),
        inputs.positive(height, "height"),
        int(head),
    )
    size = float(np.linalg.norm(molecule.positions - molecule.positions[head], axis=1).max())
    return dressed(particle, change, "adsorbates", height + size + 1.0, seed, name)


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
        return with_atoms(atoms, kinds, places[chosen], sublattice[chosen]), {
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
class _Trimming:
    """Takes atoms with fewer than `fewest` bonds away until there are none."""

    fewest: int

    def __call__(self, atoms: Atoms, crystal: Crystal | None, rng: np.random.Generator) -> tuple[Atoms, dict[str, Any]]:
        cutoff = None if crystal is None else _BONDED * nearest_neighbour(crystal)
        before, rounds = len(atoms), 0
        while len(atoms):
            stays = coordination(atoms, cutoff) >= self.fewest
            if stays.all():
                break
            atoms, rounds = atoms[stays], rounds + 1
        if not len(atoms):
            raise SceneError(f"no atom has {self.fewest} bonds that stay; ask for fewer")
        return atoms, {"fewest": self.fewest, "removed": before - len(atoms), "rounds": rounds}


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
        joined = with_molecules(atoms, crystal, self.molecule, placed)
        return joined, {"molecules": wanted, "exposed": len(exposed), "coverage": wanted / len(exposed)}


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
