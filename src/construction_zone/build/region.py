"""The part of space that a set of atoms is counted in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from construction_zone.build import torus
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.neighbours import corners
from construction_zone.build.periodicity import wrapped
from construction_zone.build.torus import Periodic
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms

_SAMPLES = 1 << 15
"""Points at which volumes are asked: their size is then good to about 0.3 %."""


@dataclass(frozen=True, eq=False)
class Region:
    """A region with the atoms in it.

    Parameters
    ----------
    points
        (n, 3) positions of all atoms in Å, brought into the cell.
    inside
        (n,) which of them are in the region.
    boxsize
        (3,) periods in Å, 0 on open axes.
    size
        Å³.
    overlap
        The chance, for distances (k,) in Å, that a point at this distance from a point of the region, in any
        direction, is in the region too (the isotropic set covariance over the size).
    """

    points: Floats
    inside: Bools
    boxsize: Floats
    size: float
    overlap: Callable[[Floats], Floats]


def of(atoms: Atoms, volume: Volume | None = None) -> Region:
    """The region of `volume`, or without it the cell, ended at the outermost atoms along axes that do not repeat."""
    points, boxsize = wrapped(atoms)
    if not len(points):
        raise InvalidInput("there are no atoms; give at least one")
    if volume is not None:
        return _of_volume(atoms, points, boxsize, volume)
    lengths = _lengths(points, boxsize)
    if lengths.min() <= 0:
        raise InvalidInput("the atoms lie in a plane, which has no volume; give the volume that they are in")
    everything = np.ones(len(points), dtype=bool)
    return Region(points, everything, boxsize, float(np.prod(lengths)), lambda r: box_overlap(r, lengths[boxsize == 0]))


def is_flat(atoms: Atoms) -> bool:
    """Whether the atoms lie in a plane or on a line across an axis that does not repeat, so that they fill no space."""
    points, boxsize = wrapped(atoms)
    return not len(points) or bool(_lengths(points, boxsize).min() <= 0)


def _lengths(points: Floats, boxsize: Floats) -> Floats:
    low, high = corners(points)
    return np.where(boxsize > 0, boxsize, high - low)


def box_overlap(r: Floats, lengths: Floats) -> Floats:
    """The overlap (k,) at distances `r` (Å) of a box that is `lengths` (m,) long on its open axes, and repeats else.

    It is the mean over directions u of the product of (1 − r|u_i|/L_i), which is 1 − r/2L for one axis and r < L.
    """
    if not len(lengths):
        return np.ones_like(r)
    nodes, weights = np.polynomial.legendre.leggauss(96)
    cosine, angle = (nodes + 1) / 2, (nodes + 1) * np.pi / 4  # one octant stands for all
    sine = np.sqrt(1 - cosine**2)
    # one open axis may be the polar one
    axes = [np.broadcast_to(cosine[:, None], (96, 96)), sine[:, None] * np.cos(angle), sine[:, None] * np.sin(angle)]
    left = np.ones((len(r), 96, 96))
    for along, length in zip(axes, lengths, strict=False):
        left *= np.clip(1 - r[:, None, None] * along / length, 0, None)
    return np.asarray(np.einsum("kij,i,j->k", left, weights / 2, weights / 2))


def _of_volume(atoms: Atoms, points: Floats, boxsize: Floats, volume: Volume) -> Region:
    cell, periodic = _cell(atoms, points), (bool(boxsize[0]), bool(boxsize[1]), bool(boxsize[2]))
    box = torus.window(volume, cell)
    draws = np.random.default_rng(0)  # the same points for all: part of the method, not of any structure
    samples = box[0] + _halton(_SAMPLES, 3) * (box[1] - box[0])
    mine = volume.contains(samples)
    if not mine.any():
        raise InvalidInput("the volume is too thin to be measured, or empty; give a larger one")
    samples = samples[mine]
    directions = draws.normal(size=samples.shape)
    directions /= np.linalg.norm(directions, axis=1)[:, None]

    def overlap(r: Floats) -> Floats:
        shares = [
            _inside(volume, torus.wrap(samples + distance * directions, cell, periodic), cell, periodic, box).mean()
            for distance in r
        ]
        return np.array(shares)

    size = float(np.prod(box[1] - box[0]) * mine.mean())
    return Region(points, _inside(volume, points, cell, periodic, box), boxsize, size, overlap)


def _inside(volume: Volume, points: Floats, cell: Point, periodic: Periodic, box: Floats) -> Bools:
    """Which wrapped points are in the volume, ended at the cell on open axes where it has no end."""
    found = torus.contains(volume, points, cell, periodic)
    for axis in np.flatnonzero(torus.clipped_axes(volume) & ~np.asarray(periodic)):
        found &= (points[:, axis] >= box[0, axis]) & (points[:, axis] <= box[1, axis])
    return found


def _cell(atoms: Atoms, points: Floats) -> Point:
    """Edges in Å; where there are none, up to the last atom."""
    lengths = np.diag(atoms.cell.array).copy()
    high = corners(points)[1]
    lengths = np.where(lengths > 0, lengths, np.maximum(high, 1.0))
    return (float(lengths[0]), float(lengths[1]), float(lengths[2]))


def _halton(count: int, axes: int) -> Floats:
    """The first `count` points (count, axes) of the Halton sequence in [0, 1)."""
    columns = []
    for base in (2, 3, 5)[:axes]:
        left, share, value = np.arange(1, count + 1), 1.0, np.zeros(count)
        while left.any():
            share /= base
            value += share * (left % base)
            left //= base
        columns.append(value)
    return np.stack(columns, axis=1)
