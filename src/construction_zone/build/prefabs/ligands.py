"""Molecules that cover a particle: ligands bound by one atom, standing off its surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import elements, inputs, surfaces
from construction_zone.build.generators import Crystal, Molecule
from construction_zone.build.inputs import Floats
from construction_zone.build.neighbours import tree
from construction_zone.build.prefabs import alkyl
from construction_zone.build.prefabs.base import prefab
from construction_zone.build.prefabs.dressing import dressed, share, with_molecules
from construction_zone.build.prefabs.exposure import BOND, alpha_shape, normals
from construction_zone.build.transforms import align, rotation
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

Site = Literal["top", "bridge", "hollow"]

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

_AROUND = 8.0
"""Å about a site within which atoms can be in the way of the anchor."""


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

    def __call__(self, atoms: Atoms, crystal: Crystal | None, rng: np.random.Generator) -> tuple[Atoms, dict[str, Any]]:
        if self.on is not None and self.on not in atoms.numbers:
            raise SceneError(f"on= names an element that {atoms.get_chemical_formula()} does not contain")
        exposed, area, sites, down, out = self._sites(atoms)
        wanted = max(1, round(self.coverage * exposed))
        lengths = self._bonds(atoms)
        surface = tree(atoms.positions, _OPEN)
        crowd = _Crowd(atoms.numbers, atoms.positions)
        anchors: list[Floats] = []
        placed: list[Floats] = []
        settled, latest = self._crowd([]), self._crowd([])
        for index in rng.permutation(len(sites)):
            if len(placed) == wanted:
                break
            head = _lowered(sites[index], down[index], atoms.positions, lengths, surface)
            if head is None or (anchors and np.linalg.norm(np.array(anchors) - head, axis=1).min() < self.spacing):
                continue
            turned = self._turned(head, out[index], crowd, (settled, latest), rng)
            if turned is None:
                continue
            anchors.append(head)
            placed.append(turned)
            apart = len(placed) % _BATCH
            if not apart:
                settled = self._crowd(placed)
            latest = self._crowd(placed[len(placed) - apart :])
        if len(placed) < wanted:
            raise SceneError(
                f"only {len(placed)} of {wanted} molecules {self.molecule.phase} fitted the {len(sites)} {self.site} "
                f"sites of {exposed} exposed atoms, {self.spacing:g} Å apart and without a clash; lower coverage or "
                "spacing, or give a smaller ligand"
            )
        heads = np.array(anchors)
        nearest = float(tree(heads, _OPEN).query(heads, k=2)[0][:, 1].min()) if len(heads) > 1 else None
        made = {
            "ligand": self.molecule.phase,
            "molecules": wanted,
            "exposed": exposed,
            "coverage": wanted / exposed,
            "per_nm2": wanted / (area / 100),
            "spacing": nearest,
            "bond": float(surface.query(heads)[0].max()),
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
            sites = ends.mean(axis=1) if self.site == "bridge" else _circumcentres(ends)
        out = normals(atoms)[groups].mean(axis=1)
        length = np.linalg.norm(out, axis=1)
        good = (length > 0.1) & np.isfinite(sites).all(axis=1)
        groups, sites, out = groups[good], sites[good], out[good] / length[good, None]
        line = _equally_far(atoms.positions[groups], out)
        # the two halves of a square have one middle
        _, first = np.unique(np.round(sites, 2), axis=0, return_index=True)
        first = np.sort(first)
        if not len(first):
            raise SceneError(
                f"the surface has no {self.site} site for {self.molecule.phase}; give another site= or on="
            )
        return int(at_surface.sum()), area / 2, sites[first], line[first], out[first]

    def _crowd(self, placed: list[Floats]) -> _Crowd:
        return _Crowd(np.tile(self.molecule.numbers, len(placed)), np.concatenate([np.zeros((0, 3)), *placed]))

    def _bonds(self, atoms: Atoms) -> Floats:
        if self.bond is not None:
            return np.full(len(atoms), self.bond)
        return np.asarray(_covalent(atoms.numbers) + _covalent(self.molecule.numbers[self.anchor]))

    def _turned(
        self, head: Floats, out: Floats, crowd: _Crowd, others: tuple[_Crowd, ...], rng: np.random.Generator
    ) -> Floats | None:
        """The atoms (n, 3) of a molecule at `head` that is in nobody's way."""
        own = self.molecule.positions
        middle = own.mean(axis=0)
        upright = align(middle if np.linalg.norm(middle) > 1e-6 else (0, 0, 1), (0, 0, 1))
        away = np.linalg.norm(own, axis=1)
        bonded = away < BOND * (_covalent(self.molecule.numbers) + _covalent(self.molecule.numbers[self.anchor]))
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


class _Crowd:
    """Atoms that others must keep away from."""

    def __init__(self, numbers: NDArray[np.int64], points: Floats) -> None:
        self.trees = {int(z): tree(points[numbers == z], _OPEN) for z in np.unique(numbers)}

    def touches(self, numbers: NDArray[np.int64], points: Floats, shares: Floats) -> bool:
        """Whether one of `points` (n, 3) is closer to one of the crowd than its share (n,) of their radii."""
        radii = _radii(numbers)
        return any(
            bool((known.query(points)[0] < shares * (radii + _radii(np.array([z]))[0])).any())
            for z, known in self.trees.items()
        )


def _covalent(numbers: Any) -> Floats:
    """Covalent radii in Å."""
    from ase.data import covalent_radii

    return np.asarray(covalent_radii[numbers])


def _radii(numbers: NDArray[np.int64]) -> Floats:
    """van der Waals radii (n,) in Å."""
    from ase.data.vdw_alvarez import vdw_radii

    return np.nan_to_num(np.asarray(vdw_radii, dtype=np.float64)[numbers], nan=2.0)


def _lowered(site: Floats, out: Floats, points: Floats, lengths: Floats, known: Any) -> Floats | None:
    """Where a ball that comes down along `out` over `site` first is a bond away from an atom; None if it meets none."""
    near = np.array(known.query_ball_point(site, _AROUND), dtype=np.int64)
    offset = points[near] - site
    along = offset @ out
    square = lengths[near] ** 2 - ((offset**2).sum(axis=1) - along**2)
    met = square > 0
    if not met.any():
        return None
    return np.asarray(site + float((along[met] + np.sqrt(square[met])).max()) * out)


def _equally_far(corners: Floats, out: Floats) -> Floats:
    """Unit vectors (m, 3) next to `out` (m, 3) that are across all edges between the corners (m, 1 to 3, 3)."""
    if corners.shape[1] == 1:
        return out
    edge = corners[:, 1] - corners[:, 0]
    edge /= np.linalg.norm(edge, axis=1)[:, None]
    if corners.shape[1] == 2:
        line = out - (out * edge).sum(axis=1)[:, None] * edge
    else:
        normal = np.cross(edge, corners[:, 2] - corners[:, 0])
        line = normal * np.sign((normal * out).sum(axis=1))[:, None]
    length = np.linalg.norm(line, axis=1)
    return np.where(length[:, None] > 1e-6, line / np.maximum(length, 1e-6)[:, None], out)


def _circumcentres(corners: Floats) -> Floats:
    """The points (m, 3) as far from each of three corners (m, 3, 3), in their plane."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(a, b)
    square = (normal**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = (
            (a**2).sum(axis=1)[:, None] * np.cross(b, normal) + (b**2).sum(axis=1)[:, None] * np.cross(normal, a)
        ) / (2 * square[:, None])
    return np.asarray(corners[:, 0] + np.where(square[:, None] > 1e-6, shift, np.nan))
