"""Coincidence-site lattices of cubic crystals, and how close atoms of two crystals may come."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols

from construction_zone.build.distances import PairDistances
from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.build.prefabs.symmetry import point_group
from construction_zone.errors import InvalidInput

_LISTED = 49
"""Errors list the Σ up to this one."""


def rotations(axis: Sequence[int], most: int) -> dict[int, list[float]]:
    """The angles (degrees, rising, up to 180) about a cubic [uvw] that give each Σ up to `most`.

    θ = 2 atan(y√N/x) with N = u² + v² + w² and Σ = x² + Ny², halved until it is odd, for all coprime x, y
    (S. Ranganathan, Acta Crystallogr. 21, 197 (1966)).
    """
    u, v, w = (int(index) for index in axis)
    divisor = math.gcd(u, v, w)
    square = (u * u + v * v + w * w) // divisor**2
    found: dict[int, list[float]] = {}
    # an even x² + Ny² may be halved twice, and no more: squares leave 0 or 1 when divided by 4
    reach = math.isqrt(8 * most) + 1
    for x in range(reach + 1):
        for y in range(reach + 1):
            if math.gcd(x, y) != 1:
                continue
            sigma = x * x + square * y * y
            while sigma % 2 == 0:
                sigma //= 2
            if 1 < sigma <= most:
                angle = math.degrees(2 * math.atan2(y * math.sqrt(square), x))
                if not any(abs(angle - other) < 1e-9 for other in found.setdefault(sigma, [])):
                    found[sigma].append(angle)
    return {sigma: sorted(found[sigma]) for sigma in sorted(found)}


def angle_of(sigma: int, axis: Sequence[int]) -> float:
    """The smallest angle (degrees) about a cubic [uvw] that gives Σ.

    Raises `InvalidInput` if none does, listing the Σ that there are.
    """
    if isinstance(sigma, bool) or sigma != int(sigma) or sigma < 3 or sigma % 2 == 0:
        raise InvalidInput(f"sigma is {sigma!r}; give an odd whole number, 3 or more")
    known = rotations(axis, max(int(sigma), _LISTED))
    if int(sigma) not in known:
        listed = ", ".join(f"{s} ({angles[0]:.2f}°)" for s, angles in known.items() if s <= _LISTED)
        raise InvalidInput(
            f"there is no Σ{sigma} about [{' '.join(str(int(index)) for index in axis)}]; there are Σ = {listed}"
        )
    return known[int(sigma)][0]


def proper_rotations(crystal: Crystal) -> Floats:
    """The rotations (m, 3, 3), in the crystal's own frame, that its point group has."""
    inverse = np.linalg.inv(crystal.lattice)
    turns = np.array([inverse @ w @ crystal.lattice for w in point_group(crystal)]).transpose(0, 2, 1)
    return np.asarray(turns[np.linalg.det(turns) > 0])


def disorientation(first: Floats, second: Floats, symmetry: Floats) -> float:
    """The smallest angle (degrees) that turns a crystal oriented as `first` (3, 3) into one oriented as `second`."""
    between = np.linalg.inv(first) @ second
    traces = np.einsum("mij,ji->m", symmetry, between)
    return math.degrees(math.acos(min(1.0, max(-1.0, (float(traces.max()) - 1) / 2))))


def shortest_distances(crystal: Crystal, share: float) -> PairDistances:
    """`share` of the shortest distance of each two elements in the crystal."""
    cells = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    lattice = crystal.pose.apply_direction(crystal.lattice)
    basis = crystal.pose.apply_direction(crystal.positions)
    points = ((cells @ lattice)[:, None] + basis).reshape(-1, 3)
    numbers = np.tile(crystal.numbers, len(cells))
    found: dict[tuple[str, str], float] = {}
    for kind in np.unique(crystal.numbers).tolist():
        own = basis[crystal.numbers == kind]
        for other in np.unique(crystal.numbers).tolist():
            distance: Floats = np.linalg.norm(own[:, None] - points[numbers == other], axis=2)
            distance[distance < 1e-6] = np.inf
            first, second = sorted((chemical_symbols[kind], chemical_symbols[other]))
            found[first, second] = share * float(distance.min())
    if crystal.occupancy:  # any element may be anywhere
        return PairDistances(min(found.values()))
    return PairDistances(min(found.values()), tuple(sorted(found.items())))
