"""The point group of a crystal, and the families of planes that it makes equivalent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.build.lattice_directions import reciprocal_vector
from construction_zone.errors import InvalidInput

Indices = tuple[int, int, int]
Miller = Sequence[int] | str
"""(1, 1, 1), (1, 0, -1, 0), "111", "10-10" or "1 1 1"."""

_SAME_LENGTH = 1e-4
"""Relative difference below which lattice vectors count as equally long."""

_SAME_PLACE = 0.02
"""Å within which a site falls on another after an operation."""


@lru_cache(maxsize=256)
def point_group(crystal: Crystal) -> NDArray[np.int64]:
    """The operations (m, 3, 3) of the crystal's point group: fractional coordinates f (rows) go to f @ W.

    They are the whole-number matrices that keep the metric of the lattice and, with some translation, bring each site
    onto one of the same occupation.
    """
    fractional, kinds = crystal.fractional, _kinds(crystal)
    rarest = np.flatnonzero(kinds == np.argmin(np.bincount(kinds)))
    kept = [w for w in _lattice_group(crystal.lattice) if _maps_sites(crystal, fractional @ w, kinds, rarest)]
    return np.array(kept)


def family(crystal: Crystal, hkl: Miller) -> list[Indices]:
    """All planes that the point group makes equivalent to (hkl), in a fixed order; (hkl) itself is the first."""
    first = miller(hkl, crystal)
    found = {_indices(w @ np.array(first)) for w in point_group(crystal)}
    return [first, *sorted(found - {first}, reverse=True)]


def miller(hkl: Miller, crystal: Crystal) -> Indices:
    """(hkl) as three whole numbers without a common divisor; four indices need a hexagonal lattice."""
    given: Iterable[int | str] = hkl
    if isinstance(hkl, str):
        given = hkl.strip(" (){}").split() if " " in hkl.strip() else re.findall(r"-?\d", hkl)
    try:
        values = [float(value) for value in given]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"(hkl) is {hkl!r}; give whole numbers such as (1, 1, 1) or '111'") from error
    if not all(math.isfinite(value) and value == int(value) for value in values):
        raise InvalidInput(f"(hkl) is {hkl!r}; give whole numbers such as (1, 1, 1) or '111'")
    try:
        reciprocal_vector(crystal.lattice, values)
    except InvalidInput as error:
        raise InvalidInput(f"{crystal.phase} has no planes {hkl!r}: {error}") from error
    return _indices(np.array([values[0], values[1], values[-1]]))


def is_cubic(crystal: Crystal) -> bool:
    """Whether the three lattice vectors are equally long and at right angles."""
    metric = crystal.lattice @ crystal.lattice.T
    return bool(np.allclose(metric, metric[0, 0] * np.eye(3), rtol=0, atol=_SAME_LENGTH * metric[0, 0]))


def centred_on(crystal: Crystal, origin: Sequence[float] | str, rng: np.random.Generator) -> Crystal:
    """`crystal` with the point `origin` of its cell (fractions, or "random") at the scene's origin."""
    if isinstance(origin, str):
        if origin != "random":
            raise InvalidInput(f"origin is {origin!r}; give three fractions of the cell, or 'random'")
        place = rng.uniform(size=3)
    else:
        place = np.array(inputs.point(origin, "origin"))
    return crystal.shifted(-crystal.pose.apply(place @ crystal.lattice))


def _indices(values: NDArray[np.float64] | NDArray[np.int64]) -> Indices:
    whole = [round(float(value)) for value in values]
    divisor = math.gcd(*whole)
    return (whole[0] // divisor, whole[1] // divisor, whole[2] // divisor)


def _kinds(crystal: Crystal) -> NDArray[np.int64]:
    keys = list(crystal.occupancy) if crystal.occupancy else crystal.numbers.tolist()
    order = {key: number for number, key in enumerate(dict.fromkeys(map(repr, keys)))}
    return np.array([order[repr(key)] for key in keys], dtype=np.int64)


def _lattice_group(lattice: Floats) -> list[NDArray[np.int64]]:
    """The whole-number matrices W with (W L)(W L)ᵀ = L Lᵀ."""
    metric = lattice @ lattice.T
    longest = math.sqrt(float(metric.diagonal().max())) * (1 + _SAME_LENGTH)
    most = np.floor(longest * np.linalg.norm(np.linalg.inv(lattice), axis=0)).astype(int)
    vectors = np.array(list(product(*[range(-n, n + 1) for n in most])))
    squares = np.einsum("ij,jk,ik->i", vectors, metric, vectors)
    rows = [vectors[np.isclose(squares, metric[i, i], rtol=2 * _SAME_LENGTH, atol=0)] for i in range(3)]
    slack = 2 * _SAME_LENGTH * math.sqrt(float(metric.diagonal().max()))
    slack *= math.sqrt(float(metric.diagonal().max()))
    found = []
    for first in rows[0]:
        for second in rows[1]:
            if abs(first @ metric @ second - metric[0, 1]) > slack:
                continue
            third = rows[2]
            fits = np.abs(third @ metric @ first - metric[0, 2]) <= slack
            fits &= np.abs(third @ metric @ second - metric[1, 2]) <= slack
            found += [np.stack([first, second, row]) for row in third[fits]]
    return found


def _maps_sites(crystal: Crystal, turned: Floats, kinds: NDArray[np.int64], rarest: NDArray[np.intp]) -> bool:
    for other in rarest:
        shifted = turned + (crystal.fractional[other] - turned[rarest[0]])
        delta = shifted[:, None] - crystal.fractional
        delta -= np.round(delta)
        close = np.linalg.norm(delta @ crystal.lattice, axis=2) < _SAME_PLACE
        if (close & (kinds[:, None] == kinds)).any(axis=1).all():
            return True
    return False
