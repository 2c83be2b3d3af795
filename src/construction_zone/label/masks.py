"""Masks from atoms: the outline of projected particles."""

from __future__ import annotations

import math
from numbers import Real

import ase
import numpy as np
from scipy.spatial import cKDTree
from scipy.special import erf

from construction_zone.errors import InvalidInput
from construction_zone.label.field import Field
from construction_zone.label.nodes import FINEST, Nodes

EDGE = 1.4
"""Å by which the mask reaches beyond the outermost projected atoms: about half a bond between metal atoms."""

CLOSING = 1.6
"""Å: gaps that a disc of this radius cannot enter are filled."""

WIDTH = 0.5
"""Standard deviation in Å of the soft edge: about that of a micrograph's own resolution."""

REACH = 10.0
"""Å inside and outside the outline up to which a signed distance is told."""

_SLACK = 2 * FINEST
"""Å by which distances between the nodes of a grid can differ from those that they stand for."""


def projected(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    edge: float = EDGE,
    closing: float = CLOSING,
) -> np.ndarray:
    """The mask of `atoms` projected along the beam: 1 where they are, 0 elsewhere.

    Each atom is a disc of radius `edge`; their union is closed morphologically with a disc of radius `closing`, so that
    what a rolling disc of that radius cannot enter belongs to the mask too. Seen along a zone axis, the space between
    columns is filled as long as no empty circle between them is larger than edge + closing: 3 Å by default, where the
    widest of common crystals, wurtzite CdSe along [0001], has 2.5 Å. In any orientation the mask ends `edge` beyond the
    outermost columns. Particles whose outermost atoms are nearer than 2·(edge + closing) in projection can be bridged.
    A pixel belongs to the mask if its centre does; pixel i is centred at i·dx.

    Parameters
    ----------
    atoms
        those of the particles (a variant of the scene); their orthogonal cell repeats where ``atoms.pbc`` says so.
    shape
        (ny, nx) of the mask.
    pixel_size
        (dy, dx) in Å. Along a periodic axis, shape times pixel size is the cell.
    edge, closing
        Å.

    Returns
    -------
    uint8 (ny, nx).

    Raises
    ------
    InvalidInput
        If positions are not finite, the cell does not fit the mask, or a length is wrong.
    """
    field = Field.of(atoms, shape, pixel_size)
    mask = np.zeros(field.shape, np.uint8)
    rows, columns, distance = _signed_distance(atoms, field, edge, closing, 0.0)
    mask[field.at(rows, columns)] = distance >= 0
    return mask


def soft(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    width: float = WIDTH,
    edge: float = EDGE,
    closing: float = CLOSING,
) -> np.ndarray:
    """The mask of `projected` with a soft edge: ½[1 + erf(d/(√2·width))] at a distance d inside its outline.

    It is 0.5 on the outline, 0.84 one `width` (Å) inside it and 0.16 one outside, and beyond four it is 1 or 0. Float32
    (ny, nx); parameters and errors as of `projected`.
    """
    width = _length("width", width)
    if not width:
        return projected(atoms, shape, pixel_size, edge=edge, closing=closing).astype(np.float32)
    distance = signed_distance(atoms, shape, pixel_size, reach=4 * width, edge=edge, closing=closing)
    result = (1 + erf(distance / (math.sqrt(2) * width))) / 2
    result[distance <= -4 * width] = 0
    result[distance >= 4 * width] = 1
    return np.asarray(result, np.float32)


def signed_distance(
    atoms: ase.Atoms,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    reach: float = REACH,
    edge: float = EDGE,
    closing: float = CLOSING,
) -> np.ndarray:
    """How far inside the outline of `projected` each pixel lies, in Å, from −`reach` to `reach`; float32 (ny, nx).

    Right to 0.01 Å near the outline, and to 0.05 Å farther away.
    """
    field, reach = Field.of(atoms, shape, pixel_size), _length("reach", reach)
    result = np.full(field.shape, -reach, np.float32)
    rows, columns, distance = _signed_distance(atoms, field, edge, closing, reach)
    result[field.at(rows, columns)] = np.clip(distance, -reach, reach)
    return result


def _signed_distance(
    atoms: ase.Atoms, field: Field, edge: float, closing: float, wanted: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and the distance (rows, columns) in Å inside the outline there; right up to ±`wanted`.

    Outside these pixels it is below −`wanted`. Transforms on a grid tell it to within `_SLACK`; only where that does
    not decide are exact distances looked for.
    """
    edge, closing = _length("edge", edge), _length("closing", closing)
    points = field.wrapped(np.asarray(atoms.get_positions())[:, 1::-1])
    if len(points) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 0))
    reach = edge + closing
    tree = cKDTree(points, boxsize=field.periods)
    nodes = Nodes.about(field, points, reach + max(0.0, wanted - closing) + FINEST)
    distance = nodes.distances(nodes.holding(points), reach + _SLACK) - reach
    close = np.abs(distance) < _SLACK
    distance[close] = tree.query(field.wrapped(nodes.places(close)))[0] - reach
    outline = _offset_outline(tree, reach, nodes.crossings(distance), field)

    rows, columns = field.pixels(nodes.window)
    own = np.ix_(*nodes.of_pixels(rows, columns))
    inside = distance <= 0
    # the closing: what lies at least `closing` inside the outline of the discs of radius edge + closing
    far = closing + wanted + 2 * _SLACK
    depth = np.where(inside, nodes.distances(~inside, far), -nodes.distances(inside, far))[own]
    unsure = np.abs(depth - closing) <= wanted + _SLACK
    y, x = (index * step for index, step in zip(np.meshgrid(rows, columns, indexing="ij"), field.steps, strict=True))
    centres = field.wrapped(np.column_stack([y[unsure], x[unsure]]))
    away = cKDTree(outline, boxsize=field.periods).query(centres)[0]
    depth[unsure] = np.where(inside[own][unsure], away, -away)
    return rows, columns, depth - closing


def _length(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        raise InvalidInput(f"{name} is {value!r}; give a length in Å, zero or more")
    return float(value)


def _offset_outline(tree: cKDTree, reach: float, found: np.ndarray, field: Field) -> np.ndarray:
    """Points (n, 2) on the curve at distance `reach` from the points of `tree`, from points `found` near it.

    Each is moved to its distance along the line from its nearest atom.
    """
    found = field.wrapped(found)
    away, nearest = tree.query(found)
    offset = found - np.asarray(tree.data)[nearest]
    for axis, period in enumerate(field.periods):
        if period:
            offset[:, axis] -= period * np.round(offset[:, axis] / period)
    return field.wrapped(found + offset * (reach / away - 1)[:, None])
