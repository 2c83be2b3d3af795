"""Relaxed amorphous material for a box of any size: boxes cut from tiles, put side by side, and mended where they meet.

The box is divided into equal parts no larger than a tile, by seams that wander. Each is cut from a tile chosen at
random, at a random place (a tile repeats, so any place will do) and in one of the 48 orientations of a cube. Where
parts meet, atoms that coincide are made one, atoms are put into the gaps until their number is right, and all near a
seam relax in the potential of mean force of the tiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.data import chemical_symbols

from construction_zone.build import neighbours
from construction_zone.build.generators import pieces
from construction_zone.build.generators.pieces import Draw, Inside, Piece
from construction_zone.build.generators.seams import WANDER, Seams
from construction_zone.build.generators.tiles import STEPS, Material
from construction_zone.build.inputs import Bools, Floats
from construction_zone.build.neighbours import Integers
from construction_zone.errors import SceneError
from construction_zone.seeding import Seed, generator

STRAIN = 0.01
"""Tiles are stretched or compressed along all axes alike by at most this."""

DENSITIES = (0.9, 1.1)
"""Densities that films may have, over that of the tiles: what strain leaves is made up by single atoms."""

_SOFT = 2.3  # Å from a seam within which atoms move
_GAP = 1.5  # Å from a seam within which atoms are added or taken away
_STEEP = 2.0  # an atom so much farther along an axis may be as near across a seam that slopes


def film(
    material: Material, lengths: Floats, boxsize: Floats, density: float, amounts: Integers, seed: Seed
) -> tuple[Piece, dict[str, Any]]:
    """Atoms in a box, `amounts` (s,) of each kind of the material, and the record of how they were made.

    Parameters
    ----------
    lengths, boxsize
        (3,) Å: the box, and its periods (0 along axes that do not repeat).
    density
        Atoms per Å³, between `DENSITIES` of the tiles'.

    Raises `SceneError` if some of the atoms find no place.
    """
    stretch = float(np.clip((material.number_density / density) ** (1 / 3), 1 - STRAIN, 1 + STRAIN))
    cut, seams, record = assembled(material, lengths, boxsize, stretch, generator(seed, "tiles"))
    distance = seams.distance(cut.points)
    piece, left = pieces.merged(cut, distance < _STEEP * pieces.floors(material).max())
    record |= {"strain": stretch - 1, "merged": len(left) - len(piece.points)}
    distance = distance[left]
    piece = pieces.relaxed(piece, distance < _SOFT, 0, parting=4)

    # what the cut left with fewer than half its bonds is of more use elsewhere
    bonds = pieces.bond_counts(piece, distance < _GAP + material.bonds.max())
    dangling = (2 * bonds < material.most[piece.species]) & (distance < _GAP)
    piece, distance = piece.part(~dangling), distance[~dangling]

    rng = generator(seed, "gaps")

    def inside(points: Floats) -> Bools:
        return np.asarray(((points >= 0) & (points <= lengths)).all(axis=1))

    # first what the seams lack, then what the density asked for differs by from that of the strained tiles
    even = material.number_density / stretch**3 * lengths.prod() * amounts / amounts.sum()
    lack = np.round(even).astype(int) - piece.amounts
    piece, stays = adjusted(piece, lack, distance < _GAP, gaps(rng, seams), inside)
    distance = _with_new(distance[stays], piece)
    rest = amounts - piece.amounts
    piece, kept = adjusted(piece, rest, np.ones(len(distance), dtype=bool), anywhere(rng, lengths), inside)
    require(piece, amounts)
    distance = _with_new(distance[kept], piece)
    if len(piece.points) > kept.sum():
        distance[neighbours.has_near(piece.points, piece.points[kept.sum() :], _SOFT, boxsize)] = 0.0
    record["removed"] = int(dangling.sum() + (~stays).sum() + (~kept).sum())
    record["added"] = len(piece.points) + record["removed"] - int(left.sum())
    piece = pieces.relaxed(piece, distance < _SOFT, 8, parting=6)
    # two atoms that have not moved are as far apart as in the tile
    met = np.ones(len(distance), dtype=bool) if rest.any() else distance < _SOFT + material.reach
    piece = _apart(piece, met, anywhere(rng, lengths), inside)
    require(piece, amounts)
    return piece, record


def assembled(
    material: Material, lengths: Floats, boxsize: Floats, stretch: float, rng: np.random.Generator
) -> tuple[Piece, Seams, dict[str, Any]]:
    """A box filled with parts of tiles, not mended yet, with its seams and the record of the parts."""
    from construction_zone.build.generators import _cutting

    edge = material.edge * stretch
    seams = Seams.drawn(lengths, boxsize, edge, rng)
    many = int(seams.parts.prod())
    chosen = rng.integers(len(material.tiles), size=many)
    offsets = rng.integers(STEPS, size=(many, 3))
    turns = rng.permuted(np.tile(np.arange(3), (many, 1)), axis=1)
    flips = rng.random((many, 3)) < 0.5
    room = int(1.2 * material.number_density / stretch**3 * lengths.prod()) + 1000
    while True:
        points, kinds = np.empty((room, 3)), np.empty(room, dtype=np.int64)
        atoms, count = np.empty(room, dtype=np.int64), 0
        for part, place in enumerate(np.ndindex(*seams.parts.tolist())):
            tile, before = material.tiles[int(chosen[part])], count
            count = _cutting.cut(
                tile.positions, edge / STEPS, offsets[part], turns[part], flips[part], np.array(place), WANDER,
                lengths, boxsize, seams.parts, seams.first, seams.size, *seams.heights, points, atoms, count,
            )  # fmt: skip
            kinds[before:count] = material.species(tile)[atoms[before:count]]
        if count <= room:
            break
        room = count
    piece = Piece(material, points[:count], kinds[:count], lengths, boxsize)
    order = piece.grid(material.reach)[-1]  # atoms that are near each other in space are so in memory
    record = {
        "tiles": [tile.name for tile in material.tiles],
        "source": material.tiles[0].source,
        "parts": seams.parts.tolist(),
    }
    return piece.part(order), seams, record


def anywhere(rng: np.random.Generator, lengths: Floats) -> Draw:
    """Draws points (n, 3) uniform in a box."""
    return lambda count: rng.random((count, 3)) * lengths


def gaps(rng: np.random.Generator, seams: Seams) -> Draw:
    """Draws points (about n, 3) near the seams of a box, or anywhere if it has none."""
    share = float((seams.distance(rng.random((4096, 3)) * seams.lengths) < _GAP).mean())

    def draw(count: int) -> Floats:
        if share == 0.0:
            return rng.random((count, 3)) * seams.lengths
        points = rng.random((int(count / share) + 1, 3)) * seams.lengths
        return points[seams.distance(points) < _GAP]

    return draw


def adjusted(piece: Piece, change: Integers, where: Bools, draw: Draw, inside: Inside) -> tuple[Piece, Bools]:
    """The piece with `change` (s,) more (or fewer) atoms of each kind, as far as that can be, and which (n,) stayed.

    The worst bonded of those `where` (n,) go; new ones, which are the last, take the best of the sites drawn.
    """
    gone = np.zeros(len(piece.points), dtype=bool)
    for kind in np.flatnonzero(change < 0):
        gone |= pieces.worst(piece, int(kind), -int(change[kind]), where)
    piece = piece.part(~gone)
    for kind in np.flatnonzero(change > 0):
        piece = pieces.with_more(piece, int(kind), int(change[kind]), draw, inside)
    return piece, ~gone


def require(piece: Piece, amounts: Integers) -> None:
    """Raise `SceneError` if the piece does not hold `amounts` (s,) of each kind."""
    if (piece.amounts != amounts).any():
        names = ", ".join(
            f"{have} of {want} {chemical_symbols[z]}"
            for z, have, want in zip(piece.material.kinds, piece.amounts, amounts, strict=True)
        )
        raise SceneError(
            f"the relaxed material takes only {names} atoms at distances that its tiles have; lower the density, "
            "enlarge the volume, or give structure='random'"
        )


def _with_new(distance: Floats, piece: Piece) -> Floats:
    """The distances to seams of all atoms of a piece; the new ones, its last, count as on a seam."""
    return np.concatenate([distance, np.zeros(len(piece.points) - len(distance))])


def _apart(piece: Piece, near: Bools, draw: Draw, inside: Inside) -> Piece:
    """The piece without pairs closer than the floors: the worse bonded atom of each finds another place.

    Only pairs of atoms `near` (n,) those that have moved are looked at. The places found keep the floors themselves.
    """
    index = np.flatnonzero(near)
    pairs, _ = pieces.pairs_closer(piece.part(index), piece.floors)
    if not len(pairs):
        return piece
    pairs = index[pairs]
    worse = np.argmax(pieces.energies(piece, pairs.ravel()).reshape(-1, 2), axis=1)
    stays = np.ones(len(piece.points), dtype=bool)
    stays[pairs[np.arange(len(pairs)), worse]] = False
    amounts, piece = piece.amounts, piece.part(stays)
    return adjusted(piece, amounts - piece.amounts, np.zeros(len(piece.points), dtype=bool), draw, inside)[0]
