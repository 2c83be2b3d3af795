"""Which crystal structure surrounds an atom: common-neighbour analysis with an adaptive cutoff.

Two of an atom's nearest neighbours are bonded if they are closer than a cutoff taken from the atom's own bond lengths
(Stukowski, Modelling Simul. Mater. Sci. Eng. 20, 045021 (2012)). For each neighbour count the neighbours in common
with the atom, the bonds among these, and how the bonds hang together (Honeycutt and Andersen, J. Phys. Chem. 91, 4950
(1987)): 421 twelve times is fcc, 421 and 422 six times each is hcp, 555 twelve times is the centre of an icosahedron;
444 six times and 666 eight times is bcc. In tetrahedral crystals the same is asked of the twelve second neighbours
(Maras et al., Comput. Phys. Commun. 205, 13 (2016)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import neighbours
from construction_zone.build.inputs import Floats
from construction_zone.build.periodicity import wrapped

if TYPE_CHECKING:
    from ase import Atoms

NAMES = ("other", "fcc", "hcp", "bcc", "icosahedral", "cubic diamond", "hexagonal diamond")
"""What the numbers of `classify` mean."""

OTHER, FCC, HCP, BCC, ICOSAHEDRAL, CUBIC_DIAMOND, HEXAGONAL_DIAMOND = range(7)

_CHUNK = 20_000
_HALFWAY = (1 + np.sqrt(2)) / 2
"""The cutoff lies halfway between first and second neighbours of a close packing, in units of the first."""


def classify(atoms: Atoms) -> NDArray[np.int64]:
    """The structure (n,) around each atom, as an index into `NAMES`.

    Elements are not told apart: an ordered alloy on an fcc lattice is fcc; zincblende is cubic diamond, wurtzite
    hexagonal diamond. Atoms at surfaces and at defect cores are "other".
    """
    points, boxsize = wrapped(atoms)
    result = np.zeros(len(points), dtype=np.int64)
    if len(points) < 5:
        return result
    tree = neighbours.tree(points, boxsize)
    for start in range(0, len(points), _CHUNK):
        own = slice(start, start + _CHUNK)
        vectors, index = _nearest(tree, points, points[own], boxsize, 14)
        found = _close_packed(vectors[:, :12])
        left = found == OTHER
        found[left] = np.where(_is_bcc(vectors[left]), BCC, OTHER)
        left = np.flatnonzero(found == OTHER)
        second = _second_shell(tree, points, boxsize, index[left, :4], left + start)
        found[left] = np.array([OTHER, CUBIC_DIAMOND, HEXAGONAL_DIAMOND, OTHER, OTHER])[_close_packed(second)]
        result[own] = found
    return result


def _nearest(
    tree: object, points: Floats, centres: Floats, boxsize: Floats, count: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Vectors (m, count, 3) in Å from `centres` to their nearest other points, and which those are.

    Missing ones are NaN vectors with the index of the last point.
    """
    distance, index = tree.query(centres, k=count + 1)  # type: ignore[attr-defined]
    index, missing = np.asarray(index)[:, 1:], ~np.isfinite(distance[:, 1:])
    index = np.minimum(index, len(points) - 1)
    vectors = _shortest(points[index] - centres[:, None], boxsize)
    vectors[missing] = np.nan
    return vectors, index


def _shortest(vectors: Floats, boxsize: Floats) -> Floats:
    for axis in np.flatnonzero(boxsize):
        vectors[..., axis] -= np.round(vectors[..., axis] / boxsize[axis]) * boxsize[axis]
    return vectors


def _second_shell(
    tree: object, points: Floats, boxsize: Floats, first: NDArray[np.int64], centre: NDArray[np.int64]
) -> Floats:
    """Vectors (m, 12, 3) to the neighbours of the four nearest neighbours `first` (m, 4) of each atom `centre` (m,).

    Of the four nearest of each neighbour the atom itself is left out, so that there are three each; NaN where it is
    not among them.
    """
    if not len(centre):
        return np.zeros((0, 12, 3))
    unique, place = np.unique(first, return_inverse=True)
    _, around = _nearest(tree, points, points[unique], boxsize, 4)
    second = around[place.reshape(first.shape)]  # (m, 4, 4)
    itself = second == centre[:, None, None]
    vectors = _shortest(points[second] - points[centre][:, None, None], boxsize)
    ordered = np.take_along_axis(vectors, np.argsort(itself, axis=2, kind="stable")[..., None], axis=2)[:, :, :3]
    ordered[itself.sum(axis=2) != 1] = np.nan
    return ordered.reshape(-1, 12, 3)


def _close_packed(vectors: Floats) -> NDArray[np.int64]:
    """fcc, hcp, icosahedral or other, from the vectors (m, 12, 3) to twelve neighbours."""
    cutoff = _HALFWAY * np.linalg.norm(vectors, axis=2).mean(axis=1)
    common, bonds, chain = _signatures(vectors, cutoff)
    four = (common == 4) & (bonds == 2)
    is_421, is_422 = (four & (chain == 1)).sum(axis=1), (four & (chain == 2)).sum(axis=1)
    is_555 = ((common == 5) & (bonds == 5)).sum(axis=1)
    return np.select(
        [is_421 == 12, (is_421 == 6) & (is_422 == 6), is_555 == 12], [FCC, HCP, ICOSAHEDRAL], OTHER
    ).astype(np.int64)


def _is_bcc(vectors: Floats) -> NDArray[np.bool_]:
    """Whether fourteen neighbours at `vectors` (m, 14, 3) are those of a bcc lattice."""
    lengths = np.linalg.norm(vectors, axis=2)
    cutoff = _HALFWAY * (2 / np.sqrt(3) * lengths[:, :8].mean(axis=1) + lengths[:, 8:].mean(axis=1)) / 2
    common, bonds, _ = _signatures(vectors, cutoff)
    is_444 = ((common == 4) & (bonds == 4)).sum(axis=1)
    is_666 = ((common == 6) & (bonds == 6)).sum(axis=1)
    return np.asarray((is_444 == 6) & (is_666 == 8))


def _signatures(vectors: Floats, cutoff: Floats) -> tuple[Floats, Floats, Floats]:
    """For each neighbour (m, k): common neighbours, bonds among them, and the most bonds that one of them has."""
    delta = vectors[:, :, None] - vectors[:, None]
    bonded = np.einsum("mijc,mijc->mij", delta, delta) < (cutoff**2)[:, None, None]
    count = bonded.shape[1]
    bonded[:, np.arange(count), np.arange(count)] = False
    adjacent = bonded.astype(np.float32)
    # entry (j, k), for bonded j and k: the common neighbours of j to which k is bonded in turn
    shared = (adjacent @ adjacent) * adjacent
    return adjacent.sum(axis=2), shared.sum(axis=2) / 2, shared.max(axis=2)
