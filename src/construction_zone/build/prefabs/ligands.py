"""Molecules that cover a particle: ligands bound by one atom, standing off its surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from construction_zone.build import elements, inputs, surfaces
from construction_zone.build.generators import Crystal, Molecule
from construction_zone.build.inputs import Floats
from construction_zone.build.neighbours import tree
from construction_zone.build.prefabs import alkyl
from construction_zone.build.prefabs.base import prefab
from construction_zone.build.prefabs.contacts import Crowd, circumcentres, covalent, equally_far, lowered
from construction_zone.build.prefabs.dressing import dressed, share, with_molecules
from construction_zone.build.prefabs.exposure import BOND, alpha_shape, normals
from construction_zone.build.transforms import align, rotation
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

Site = Literal["top", "bridge", "hollow"]
Packing = Literal["random", "dense"]

_OPEN = np.zeros(3)
"""No direction repeats."""

_CONTACT = 0.7
"""Atoms that are not bonded are at least this share of the sum of their van der Waals radii apart."""

_NEXT = 0.6
"""The same for the atoms next to the anchor, of which the atom that binds it is the second neighbour."""

_BATCH = 32
"""Molecules after which the tree of those that are settled is made anew."""

_TRIES = 24
"""Spins and tilts that are tried at a site."""

_EDGE = 1.3
"""Bridges are between exposed atoms up to this many times the shortest distance apart."""


@prefab
def ligands(
    particle: Zone,
    ligand: Molecule | str = "dodecanethiolate",
    *,
    coverage: float = 0.2,
    spacing: float = 4.5,
    anchor: int = 0,
    site: Site = "top",
    on: str | None = None,
    bond: float | None = None,
    tilt: float = 30.0,
    packing: Packing = "random",
    displacement: float = 0.2,
    seed: Seed = 0,
    name: str = "ligands",
) -> Zone:
    """A particle covered with molecules that are bound by one atom, turned and tilted so that none touches another.

    The anchor is lowered onto its site along the local normal until it is a bond away from the nearest atom. The rest
    of the molecule stands off along the normal, tilted at random by up to `tilt` and spun at random; where it comes
    closer than 0.7 of the sum of van der Waals radii (Alvarez, Dalton Trans. 42, 8617 (2013)) to another ligand or to
    the particle it is turned anew, and left out if no turn helps. Molecules are rigid. Alkanethiolates on flat gold
    stand about 5 Å apart, tilted by about 30° (Love et al., Chem. Rev. 105, 1103 (2005)); on small particles they are
    denser at the sulfur.

    Parameters
    ----------
    particle
        Any zone of a bounded volume.
    ligand
        A `Molecule`, or a name: straight chains of up to 18 carbons such as "dodecanethiolate" and "hexylamine", or
        what ``ase.build.molecule`` knows.
    coverage
        Molecules for each exposed atom.
    spacing
        Least distance in Å between anchors.
    anchor
        Index of the atom of the molecule that binds.
    site
        Over an exposed atom ("top"), between two ("bridge") or over the middle of three or four ("hollow").
    on
        Element that binds them, where the particle has several: "Cd" for CdSe.
    bond
        Å from the anchor to the nearest atom. Default: the sum of the covalent radii (Cordero et al., Dalton Trans.
        2832 (2008)), 2.41 Å of gold and sulfur.
    tilt
        Largest angle in degrees between the local normal and the molecule, from its anchor to its middle.
    packing
        "random": each free site is as likely as any other, which jams at two thirds or less of what has room. "dense":
        each further molecule takes the free site nearest to those that are there, as a monolayer grows from islands.
    displacement
        rms thermal displacement per axis (Å) of ligand atoms that have none of their own. The default, B = 3 Å², is an
        assumption for chains that are free to move.
    seed
        Where and how turned (the seed of the scene decides too).

    The record has the number of `molecules`, of `exposed` atoms, the `coverage` and `per_nm2` of the surface that came
    out, the least `spacing` and the longest `bond`.

    When realised, raises `SceneError`, saying how many fitted, if there is no room for the coverage.
    """
    if isinstance(ligand, str):
        ligand = alkyl.named(ligand)
    if not isinstance(ligand, Molecule):
        raise InvalidInput(f"ligand is {ligand!r}; give a Molecule, or a name such as 'dodecanethiolate'")
    if isinstance(anchor, bool) or anchor != int(anchor) or not 0 <= anchor < len(ligand.numbers):
        raise InvalidInput(f"anchor is {anchor!r}; the molecule has atoms 0 to {len(ligand.numbers) - 1}")
    if site not in get_args(Site):
        raise InvalidInput(f"site is {site!r}; give {', '.join(map(repr, get_args(Site)))}")
    if packing not in get_args(Packing):
        raise InvalidInput(f"packing is {packing!r}; give {', '.join(map(repr, get_args(Packing)))}")
    if not 0 <= inputs.not_negative(tilt, "tilt", "°") <= 90:
        raise InvalidInput(f"tilt is {tilt:g}°; give at most 90°")
    known = ligand.thermal_u > 0
    thermal = np.where(known, ligand.thermal_u, inputs.positive(displacement, "displacement"))
    own = Molecule(ligand.positions - ligand.positions[int(anchor)], ligand.numbers, ligand.phase, thermal)
    change = _Covering(
        own,
        int(anchor),
        share(coverage, "coverage"),
        inputs.not_negative(spacing, "spacing"),
        site,
        None if on is None else elements.number(on),
        None if bond is None else inputs.positive(bond, "bond"),
        float(tilt),
        packing,
    )
    reach = float(np.linalg.norm(own.positions, axis=1).max())
    return dressed(particle, change, "ligands", reach + 4.0, seed, name)


@dataclass(frozen=True)
class _Covering:
    """Binds molecules to sites of the surface; the anchor of `molecule` is its origin."""

    molecule: Molecule
    anchor: int
    coverage: float
    spacing: float
    site: Site
    on: int | None
    bond: float | None
    tilt: float
    packing: Packing

    def __call__(self, atoms: Atoms, crystal: Crystal | None, rng: np.random.Generator) -> tuple[Atoms, dict[str, Any]]:
        if self.on is not None and self.on not in atoms.numbers:
            raise SceneError(f"on= names an element that {atoms.get_chemical_formula()} does not contain")
        exposed, area, sites, down, out = self._sites(atoms)
        wanted = max(1, round(self.coverage * exposed))
        lengths = self._bonds(atoms)
        surface = tree(atoms.positions, _OPEN)
        crowd = Crowd(atoms.numbers, atoms.positions)
        heads = [lowered(*place, atoms.positions, lengths, surface) for place in zip(sites, down, strict=True)]
        free = np.array([head is not None for head in heads])
        places = np.array([np.full(3, np.inf) if head is None else head for head in heads])
        rank, away = rng.permutation(len(sites)), np.full(len(sites), np.inf)
        anchors: list[Floats] = []
        placed: list[Floats] = []
        settled, latest = self._crowd([]), self._crowd([])
        while len(placed) < wanted:
            left = np.flatnonzero(free & (away >= self.spacing))
            if not len(left):
                break
            # within the rounding of a lattice, sites are equally near
            near = np.round(away[left], 2) if self.packing == "dense" else np.zeros(len(left))
            index = int(left[np.lexsort((rank[left], near))[0]])
            free[index] = False
            turned = self._turned(places[index], out[index], crowd, (settled, latest), rng)
            if turned is None:
                continue
            anchors.append(places[index])
            placed.append(turned)
            away[free] = np.minimum(away[free], np.linalg.norm(places[free] - places[index], axis=1))
            number = len(placed) % _BATCH
            if not number:
                settled = self._crowd(placed)
            latest = self._crowd(placed[len(placed) - number :])
        if len(placed) < wanted:
            raise SceneError(
                f"only {len(placed)} of {wanted} molecules {self.molecule.phase} fitted the {len(sites)} {self.site} "
                f"sites of {exposed} exposed atoms, {self.spacing:g} Å apart and without a clash; lower coverage or "
                "spacing, or give a smaller ligand"
            )
        bound = np.array(anchors)
        nearest = float(tree(bound, _OPEN).query(bound, k=2)[0][:, 1].min()) if len(bound) > 1 else None
        made = {
            "ligand": self.molecule.phase,
            "molecules": wanted,
            "exposed": exposed,
            "coverage": wanted / exposed,
            "per_nm2": wanted / (area / 100),
            "spacing": nearest,
            "bond": float(surface.query(bound)[0].max()),
        }
        return with_molecules(atoms, crystal, self.molecule, placed), made

    def _sites(self, atoms: Atoms) -> tuple[int, float, Floats, Floats, Floats]:
        """The number of exposed atoms, the area (Å²) of the surface, and the sites (n, 3).

        Of each the line (n, 3) on which its atoms are equally far, and the way out (n, 3).
        """
        at_surface, triangles = alpha_shape(atoms, surfaces.PROBE)
        corners = atoms.positions[triangles]
        area = float(
            np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
        )
        binds = np.ones(len(atoms), dtype=bool) if self.on is None else atoms.numbers == self.on
        if self.site == "top":
            groups = np.flatnonzero(at_surface & binds)[:, None]
            sites = atoms.positions[groups[:, 0]]
        else:
            groups = triangles
            if self.site == "bridge":
                groups = np.unique(np.concatenate([groups[:, :2], groups[:, 1:], groups[:, ::2]]), axis=0)
                steps = np.linalg.norm(np.diff(atoms.positions[groups], axis=1)[:, 0], axis=1)
                groups = groups[steps < _EDGE * steps.min(initial=np.inf)]
            groups = groups[binds[groups].all(axis=1)]
            ends = atoms.positions[groups]
            sites = ends.mean(axis=1) if self.site == "bridge" else circumcentres(ends)
        out = normals(atoms)[groups].mean(axis=1)
        length = np.linalg.norm(out, axis=1)
        good = (length > 0.1) & np.isfinite(sites).all(axis=1)
        groups, sites, out = groups[good], sites[good], out[good] / length[good, None]
        line = equally_far(atoms.positions[groups], out)
        # the two halves of a square have one middle
        _, first = np.unique(np.round(sites, 2), axis=0, return_index=True)
        first = np.sort(first)
        if not len(first):
            raise SceneError(
                f"the surface has no {self.site} site for {self.molecule.phase}; give another site= or on="
            )
        return int(at_surface.sum()), area / 2, sites[first], line[first], out[first]

    def _crowd(self, placed: list[Floats]) -> Crowd:
        return Crowd(np.tile(self.molecule.numbers, len(placed)), np.concatenate([np.zeros((0, 3)), *placed]))

    def _bonds(self, atoms: Atoms) -> Floats:
        if self.bond is not None:
            return np.full(len(atoms), self.bond)
        return np.asarray(covalent(atoms.numbers) + covalent(self.molecule.numbers[self.anchor]))

    def _turned(
        self, head: Floats, out: Floats, crowd: Crowd, others: tuple[Crowd, ...], rng: np.random.Generator
    ) -> Floats | None:
        """The atoms (n, 3) of a molecule at `head` that is in nobody's way."""
        own = self.molecule.positions
        middle = own.mean(axis=0)
        upright = align(middle if np.linalg.norm(middle) > 1e-6 else (0, 0, 1), (0, 0, 1))
        away = np.linalg.norm(own, axis=1)
        bonded = away < BOND * (covalent(self.molecule.numbers) + covalent(self.molecule.numbers[self.anchor]))
        share_of = np.where(bonded, _NEXT, _CONTACT)
        share_of[self.anchor] = 0.0
        for _ in range(_TRIES):
            spin, azimuth = rng.uniform(0, 360, size=2)
            lean = rng.uniform(0, self.tilt)
            turn = rotation((0, 0, 1), azimuth) @ rotation((1, 0, 0), lean) @ rotation((0, 0, 1), spin) @ upright
            points = (align((0, 0, 1), out) @ turn).apply(own) + head
            everywhere = np.full(len(points), _CONTACT)
            if not crowd.touches(self.molecule.numbers, points, share_of) and not any(
                other.touches(self.molecule.numbers, points, everywhere) for other in others
            ):
                return np.asarray(points)
        return None
