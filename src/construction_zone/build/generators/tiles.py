"""Relaxed tiles of amorphous material that ship with the package, and what their atoms tell of their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.elements import Composition, composition
from construction_zone.build.inputs import Floats
from construction_zone.build.neighbours import Integers, close_pairs

STEPS = 65_536
"""Parts of an edge in which positions are stored."""

REACH = 1.3
"""How far, in mean distances between atoms (density to the power −1/3), the potential of mean force looks."""

_BIN = 0.01
_BLUR = 0.06
_LEAST = 0.02
_OUTWARD = 0.02  # of its distance: how far the well of the second shell is moved out, see `measured`
_KNOTS = 4096
_PARTING = 12.0  # spring of the potential that parts atoms, Å⁻²: their wells are some 100 deep at the bottom


@dataclass(frozen=True, eq=False)
class Tile:
    """A cube of relaxed material that repeats along all axes.

    Parameters
    ----------
    name
        E.g. "C_1".
    positions
        (n, 3) uint16 in units of `edge` / 65536, so that shifting by whole numbers wraps by itself.
    numbers
        (n,) atomic numbers.
    edge
        Å.
    source
        How it was made, with the citation.
    """

    name: str
    positions: NDArray[np.uint16]
    numbers: NDArray[np.uint8]
    edge: float
    source: str


@dataclass(frozen=True, eq=False)
class Material:
    """The tiles of one material, with what they share.

    Parameters
    ----------
    tiles
        All of one edge and composition.
    kinds
        (s,) atomic numbers, ascending.
    shortest
        (s, s) Å, the shortest distance between atoms of two elements in any tile; inf where none comes within `reach`.
    reach
        Å, how far the potential goes.
    energy
        (s, s, m) potential of mean force −ln g(r), at m even steps of r² from 0 to `reach`².
    force
        (2, s, s, m) −(dV/dr)/r of that potential, and of one that parts atoms up to the second shell.
    bonds
        (s, s) Å, up to where atoms of two elements are bonded: the gap after the first peak of g(r); 0 if they are not.
    most
        (s,) how many bonded neighbours an atom has at most, but for one in a hundred.
    """

    tiles: tuple[Tile, ...]
    kinds: Integers
    shortest: Floats
    reach: float
    energy: Floats
    force: Floats
    bonds: Floats
    most: Integers

    def species(self, tile: Tile) -> Integers:
        """(n,) the kinds of the atoms of a tile."""
        return np.searchsorted(self.kinds, tile.numbers.astype(np.int64))

    @property
    def edge(self) -> float:
        """Å."""
        return self.tiles[0].edge

    @property
    def number_density(self) -> float:
        """Atoms per Å³ of the tiles, on average."""
        return float(np.mean([len(tile.numbers) for tile in self.tiles])) / self.edge**3


def folder() -> Traversable:
    """Where the tiles lie: files called FORMULA_NUMBER.npz."""
    return files("construction_zone.build") / "data" / "amorphous"


@cache
def available() -> tuple[str, ...]:
    """The formulas of which there are tiles."""
    names = (entry.name for entry in folder().iterdir() if entry.name.endswith(".npz"))
    return tuple(sorted({name.rsplit("_", 1)[0] for name in names}))


def formula(units: Composition) -> str | None:
    """The one of `available()` that has the composition `units`, or None."""
    for name in available():
        if _shares(composition(name)) == _shares(units):
            return name
    return None


def _shares(units: Composition) -> dict[str, float]:
    whole = sum(amount for _, amount in units)
    return {symbol: round(amount / whole, 9) for symbol, amount in units}


@cache
def material(formula: str) -> Material:
    """The tiles of `formula`, one of `available()`."""
    return measured(tuple(_read(folder() / name) for name in _files(formula)))


@cache
def number_density(formula: str) -> float:
    """Atoms per Å³ of the tiles of `formula`, on average; cheaper than `material`."""
    tiles = [_read(folder() / name) for name in _files(formula)]
    return float(np.mean([len(tile.numbers) for tile in tiles])) / tiles[0].edge ** 3


def _files(formula: str) -> list[str]:
    return sorted(entry.name for entry in folder().iterdir() if entry.name.startswith(f"{formula}_"))


def measured(tiles: tuple[Tile, ...]) -> Material:
    """`tiles` with their shortest distances and their potential of mean force.

    The potential V = −ln g(r), from the g(r) of each pair of elements, has its wells at the bond lengths and a wall
    between the first and the second shell. It is no model of the bonding, but relaxing with it brings the atoms of a
    seam to distances that the tiles have, and off those that they have not. Bonds pull second neighbours inwards, which
    −ln g does not know: the second shell of what relaxes in it comes out 2 % too near. So its well is moved out by as
    much, in the manner of iterative Boltzmann inversion (Reith, Pütz & Müller-Plathe, J. Comput. Chem. 24, 1624, 2003).
    """
    kinds = np.unique(np.concatenate([tile.numbers for tile in tiles])).astype(np.int64)
    edge, count = tiles[0].edge, sum(len(tile.numbers) for tile in tiles)
    reach = REACH * (len(tiles) * edge**3 / count) ** (1 / 3)
    bins = round(reach / _BIN)
    pairs, shortest = np.zeros((len(kinds), len(kinds), bins)), np.full((len(kinds), len(kinds)), np.inf)
    amounts = np.zeros(len(kinds))
    for tile in tiles:
        species = np.searchsorted(kinds, tile.numbers.astype(np.int64))
        found, lengths = close_pairs(tile.positions.astype(np.float64) * (edge / STEPS), bins * _BIN, np.full(3, edge))
        for first, second in (found.T, found.T[::-1]):
            where = (species[first], species[second])
            np.add.at(pairs, (*where, np.minimum((lengths / _BIN).astype(int), bins - 1)), 1.0)
            np.minimum.at(shortest, where, lengths)
        amounts += np.bincount(species, minlength=len(kinds))
    radius = (np.arange(bins) + 0.5) * _BIN
    even = amounts[:, None, None] * amounts[None, :, None] / (len(tiles) * edge**3) * 4 * np.pi * radius**2 * _BIN
    g = _blurred(pairs, even)
    bonds, second = _shells(radius, g, shortest)
    energy, force = _potential(radius, g, shortest, second, bins * _BIN)
    most = np.array([_most(tiles, kinds, bonds, kind) for kind in range(len(kinds))])
    return Material(tiles, kinds, shortest, bins * _BIN, energy, force, bonds, most)


def _shells(radius: Floats, g: Floats, shortest: Floats) -> tuple[Floats, Floats]:
    """Where the gap between the first and the second shell lies, and where the second peaks, (s, s) in Å.

    0 for elements that are not bonded to each other: those that come no nearer than 1.3 times the shortest bond.
    """
    bonds, second = np.zeros_like(shortest), np.zeros_like(shortest)
    for i, j in np.argwhere(shortest < 1.3 * shortest.min()):
        first = radius[np.argmax(np.where(radius < 1.3 * shortest[i, j], g[i, j], 0.0))]
        between = (radius > first) & (radius < 1.6 * first)
        least = g[i, j][between].min()
        bonds[i, j] = radius[between & (g[i, j] < least + 0.01)].mean()
        beyond = (radius > bonds[i, j]) & (radius < 1.4 * bonds[i, j])
        second[i, j] = radius[beyond][np.argmax(g[i, j][beyond])]
    return bonds, second


def _most(tiles: tuple[Tile, ...], kinds: Integers, bonds: Floats, kind: int) -> int:
    """The number of bonded neighbours that no more than one in a hundred atoms of a kind exceeds."""
    around = []
    for tile in tiles:
        species = np.searchsorted(kinds, tile.numbers.astype(np.int64))
        points = tile.positions.astype(np.float64) * (tile.edge / STEPS)
        pairs, lengths = close_pairs(points, float(bonds.max()), np.full(3, tile.edge))
        pairs = pairs[lengths < bonds[species[pairs[:, 0]], species[pairs[:, 1]]]]
        around.append(np.bincount(pairs.ravel(), minlength=len(points))[species == kind])
    return int(np.quantile(np.concatenate(around), 0.99, method="lower"))


def _blurred(pairs: Floats, even: Floats) -> Floats:
    """g(r), the histograms `pairs` (s, s, bins) over those of evenly spread atoms, blurred."""
    x = np.arange(-round(4 * _BLUR / _BIN), round(4 * _BLUR / _BIN) + 1) * _BIN
    kernel = np.exp(-((x / _BLUR) ** 2) / 2)

    def blur(values: Floats) -> Floats:
        pad = len(x) // 2
        padded = np.pad(values, pad, mode="edge")
        return np.convolve(padded, kernel / kernel.sum(), mode="valid")

    return np.apply_along_axis(blur, 2, pairs) / even


def _potential(radius: Floats, g: Floats, shortest: Floats, second: Floats, reach: float) -> tuple[Floats, Floats]:
    """Tables of V, (s, s, m), and of −V′/r, (2, s, s, m), in even steps of r²."""
    r = np.sqrt(np.arange(_KNOTS) * (reach**2 / (_KNOTS - 1)))
    energy, force = np.empty((*g.shape[:2], _KNOTS)), np.empty((2, *g.shape[:2], _KNOTS))
    taper = np.clip((reach - radius) / 0.3, 0.0, 1.0)
    for i, j in np.ndindex(g.shape[:2]):
        v = -np.log(g[i, j] + _LEAST)
        v = (v - v[-1]) * taper
        near = min(float(shortest[i, j]), reach)
        if second[i, j] > 0:
            share = np.clip((radius - near) / (second[i, j] - near), 0.0, 1.0)
            v = np.interp(radius - _OUTWARD * second[i, j] * share, radius, v)
        start = float(np.interp(near, radius, v))
        v = np.where(radius < near, start + 20 * (near - radius) + 60 * (near - radius) ** 2, v)
        slope = np.gradient(v, radius)
        energy[i, j] = np.interp(r, radius, v)
        slope[-1] = 0.0
        force[0, i, j] = -np.interp(r, radius, slope) / np.maximum(r, 0.2)
        force[1, i, j] = _PARTING * np.maximum(second[i, j] - r, 0.0) / np.maximum(r, 0.2)
    return energy, force


def _read(path: Traversable) -> Tile:
    with path.open("rb") as file, np.load(file) as data:
        return Tile(
            path.name.removesuffix(".npz"),
            data["positions"],
            data["numbers"],
            float(data["edge"]),
            str(data["source"]),
        )
