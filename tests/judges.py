"""Judges of local structure for tests, written on their own: they share no code with the package.

An atom is judged by its twelve neighbours in a close packing (first neighbours of a metal, second neighbours of a
tetrahedral crystal): how many of them have a partner opposite through the atom. All twelve have one in fcc, the six in
the plane have one in hcp. That is another criterion than the common-neighbour analysis of the package and of OVITO.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

OTHER, CUBIC, HEXAGONAL = 0, 1, 2

_FAR = 1.2
"""Neighbours are closer than this many bond lengths."""

_OPPOSITE = 0.3
"""Bond lengths by which a neighbour may miss the place opposite of another."""


def close_packed(points, bond):
    """CUBIC, HEXAGONAL or OTHER (n,) for the atoms of a close-packed metal, and the axis (n, 3) of hexagonal ones."""
    tree = cKDTree(points)
    around = tree.query_ball_point(points, _FAR * bond)
    return _judged(points, [[j for j in near if j != i] for i, near in enumerate(around)], bond)


def tetrahedral(points, bond):
    """The same for the atoms of a diamond-like crystal whose nearest neighbours are `bond` (Å) apart."""
    tree = cKDTree(points)
    first = [[j for j in near if j != i] for i, near in enumerate(tree.query_ball_point(points, _FAR * bond))]
    second = []
    for i, near in enumerate(first):
        beyond = {k for j in near for k in first[j]} - {i}
        second.append(sorted(beyond) if len(near) == 4 and all(len(first[j]) == 4 for j in near) else [])
    return _judged(points, second, bond * np.sqrt(8 / 3))


def coordination(points, bond):
    """Number (n,) of neighbours closer than 1.2 bond lengths."""
    return cKDTree(points).query_ball_point(points, _FAR * bond, return_length=True) - 1


def shortest(points):
    """The shortest distance (Å) between two of `points`."""
    return float(cKDTree(points).query(points, k=2)[0][:, 1].min())


def common_axis(axes):
    """The line (3,) that axes (n, 3), given up to their sign, have in common."""
    return np.linalg.eigh(axes.T @ axes)[1][:, -1]


def levels(points, normal, spacing):
    """Heights of the planes (m,) across `normal` that hold `points`, in rising order, and how many each holds."""
    heights = np.sort(points @ normal)
    groups = np.split(heights, np.flatnonzero(np.diff(heights) > spacing / 4) + 1)
    return np.array([group.mean() for group in groups]), np.array([len(group) for group in groups])


def runs(heights, spacing, reach):
    """Heights in groups: those less than `reach` spacings above the one before belong together."""
    breaks = np.flatnonzero(np.diff(heights) > (reach + 0.5) * spacing) + 1
    return np.split(heights, breaks)


def to_middle_of_bond(atoms, normal, bond):
    """What brings each atom (n, 3) of a binary crystal to the middle of its bond along `normal`."""
    points, (first, _) = atoms.positions, np.unique(atoms.numbers)
    pairs = cKDTree(points).query_pairs(_FAR * bond, output_type="ndarray")
    pairs = pairs[atoms.numbers[pairs[:, 0]] != atoms.numbers[pairs[:, 1]]]
    low = np.where(atoms.numbers[pairs[:, 0]] == first, *pairs.T)
    high = np.where(atoms.numbers[pairs[:, 0]] == first, *pairs.T[::-1])
    along = (points[high] - points[low]) @ normal
    up = np.sign(along[np.abs(along) > 0.9 * bond].mean())
    return np.where(atoms.numbers == first, 1, -1)[:, None] * up * bond / 2 * normal


def cubic_faults(points, normal, spacing):
    """Twins and stacking faults (name, height) that hexagonal atoms among cubic ones make, lowest first."""
    if not len(points):
        return []
    heights, _ = levels(points, normal, spacing)
    names = []
    for run in runs(heights, spacing, 2):
        gaps = tuple(np.rint(np.diff(run) / spacing).astype(int).tolist())
        name = {(): "twin", (1,): "intrinsic", (2,): "extrinsic"}.get(gaps, f"unknown {gaps}")
        names.append((name, float(run.mean())))
    return names


def hexagonal_faults(points, normal, spacing):
    """Basal faults (name, height) that cubic atoms among hexagonal ones make, lowest first."""
    if not len(points):
        return []
    heights, _ = levels(points, normal, spacing)
    names = {1: "I1", 2: "I2", 3: "E"}
    return [(names.get(len(run), f"{len(run)} layers"), float(run.mean())) for run in runs(heights, spacing, 1)]


def _judged(points, neighbours, distance):
    kind = np.zeros(len(points), dtype=int)
    axis = np.full((len(points), 3), np.nan)
    for i, near in enumerate(neighbours):
        if len(near) != 12:
            continue
        vectors = points[near] - points[i]
        sums = np.linalg.norm(vectors[:, None] + vectors, axis=2)
        paired = sums.min(axis=1) < _OPPOSITE * distance
        if paired.all():
            # so they do about the middle of an icosahedron, but without right angles
            units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
            kind[i] = CUBIC if (np.abs(units @ units.T) < 0.2).any() else OTHER
        elif paired.sum() == 6:
            singular = np.linalg.svd(vectors[paired])
            if singular[1][2] < 0.1 * singular[1][0]:
                kind[i] = HEXAGONAL
                axis[i] = singular[2][2]
    return kind, axis
