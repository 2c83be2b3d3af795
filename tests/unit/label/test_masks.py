"""Projected masks against areas and outlines that can be written down."""

from __future__ import annotations

import math

import ase
import numpy as np
import pytest
from ase.build import bulk, graphene
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from construction_zone.errors import InvalidInput
from construction_zone.label.field import Field
from construction_zone.label.masks import CLOSING, EDGE, _offset_outline, projected, signed_distance, soft
from construction_zone.label.nodes import Nodes

TURNS = {
    "100": Rotation.identity(),
    "110": Rotation.from_matrix([[0, 0, 1], [2**-0.5, -(2**-0.5), 0], [2**-0.5, 2**-0.5, 0]]),
    "111": Rotation.align_vectors([[0, 0, 1]], [[1, 1, 1]])[0],
    "random": Rotation.random(random_state=3),
}


def atoms_at(points: np.ndarray, cell: tuple[float, float], pbc: bool = True) -> ase.Atoms:
    """Atoms at `points` (n, 2), given as x, y."""
    positions = np.column_stack([points, np.ones(len(points))])
    return ase.Atoms(f"Au{len(points)}", positions, cell=[*cell, 2], pbc=[pbc, pbc, False])


def gold_ball(radius: float, turn: Rotation, length: float) -> ase.Atoms:
    crystal = bulk("Au", a=4.0782, cubic=True) * (18, 18, 18)
    positions = turn.apply(crystal.positions - crystal.positions.mean(0) + [0.3, 0.4, 0.1])
    positions = positions[np.linalg.norm(positions, axis=1) <= radius] + length / 2
    return ase.Atoms(f"Au{len(positions)}", positions, cell=[length] * 3, pbc=[True, True, False])


def holes(mask: np.ndarray) -> int:
    return int((ndimage.binary_fill_holes(mask) & ~mask.astype(bool)).sum())


def test_one_atom_is_a_disc_of_the_edge() -> None:
    mask = projected(atoms_at(np.array([[10.0, 12.0]]), (20, 25)), (250, 200), (0.1, 0.1))
    y, x = np.mgrid[0:250, 0:200] * 0.1
    wanted = np.hypot(x - 10, y - 12) <= EDGE
    assert mask.dtype == np.uint8
    assert (mask != wanted).sum() <= 8  # pixels whose centres are on the rim to rounding
    assert mask.sum() * 0.01 == pytest.approx(math.pi * EDGE**2, rel=0.02)


@pytest.mark.parametrize("edge", [0.8, 1.4, 2.5])
def test_a_dense_disc_grows_by_the_edge(edge: float) -> None:
    y, x = np.mgrid[-12:12.01:0.4, -12:12.01:0.4]
    ring = 12 * np.exp(2j * np.pi * np.arange(400) / 400)
    inner = np.hypot(x, y) < 12
    points = np.concatenate([np.column_stack([x[inner], y[inner]]), np.column_stack([ring.real, ring.imag])]) + 20
    mask = projected(atoms_at(points, (40, 40)), (200, 200), (0.2, 0.2), edge=edge)
    assert mask.sum() * 0.04 == pytest.approx(math.pi * (12 + edge) ** 2, rel=5e-3)


def test_the_outline_lies_at_its_distance_across_the_seam_too() -> None:
    points = np.array([[1.0, 19.0], [3.0, 1.5], [10.0, 10.0]])
    periods = (20.0, 20.0)
    tree, field = cKDTree(points, boxsize=periods), Field((80, 80), (0.25, 0.25), periods)
    nodes = Nodes(field, [(0, 80), (0, 80)])
    found = nodes.crossings(tree.query(field.wrapped(nodes.places(np.ones(nodes.shape, bool))))[0].reshape(81, 81) - 3)
    outline = _offset_outline(tree, 3.0, found, field)
    separation = np.abs(outline[:, None] - points)
    nearest = np.hypot(*np.moveaxis(np.minimum(separation, 20 - separation), -1, 0)).min(1)
    assert np.quantile(np.abs(nearest - 3.0), 0.98) < 1e-9
    np.testing.assert_allclose(nearest, 3.0, atol=0.02)  # where two circles meet
    lone = np.hypot(*(outline - points[2]).T) < 4
    angles = np.sort(np.arctan2(*(outline[lone] - points[2]).T))
    assert np.diff(angles).max() * 3.0 < 0.36  # no piece of the circle is missing


@pytest.mark.parametrize(("gap", "filled"), [(5.8, True), (6.2, False)])
def test_a_slit_is_filled_up_to_twice_edge_and_closing(gap: float, filled: bool) -> None:
    y = np.arange(0, 40, 0.25)
    points = np.concatenate([np.column_stack([np.full_like(y, x), y]) for x in (20 - gap / 2, 20 + gap / 2)])
    mask = projected(atoms_at(points, (40, 40)), (200, 200), (0.2, 0.2))
    assert EDGE + CLOSING == 3.0
    assert mask[:, 100].all() == filled
    assert mask[:, 100].any() == filled
    width = gap + 2 * EDGE if filled else 4 * EDGE
    assert mask.sum(1).mean() * 0.2 == pytest.approx(width, abs=0.25)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("radius", [15.0, 25.0])
def test_a_gold_ball_is_a_whole_disc_in_any_orientation(orientation: str, radius: float) -> None:
    """Between the nominal disc and that disc grown by the edge: the outermost columns lie a little inside."""
    length = 64.0
    mask = projected(gold_ball(radius, TURNS[orientation], length), (320, 320), (0.2, 0.2))
    area = mask.sum() * 0.04
    assert 0.99 * math.pi * radius**2 < area < math.pi * (radius + EDGE) ** 2
    assert holes(mask) == 0
    assert ndimage.label(mask)[1] == 1
    y, x = np.mgrid[0:320, 0:320] * 0.2
    disc = np.hypot(x - length / 2, y - length / 2) <= radius
    assert 2 * (mask.astype(bool) & disc).sum() / (mask.sum() + disc.sum()) > 0.95


def test_without_closing_columns_stand_apart() -> None:
    """The test above can fail: the space between columns is really closed by the disc."""
    mask = projected(gold_ball(15.0, TURNS["110"], 64.0), (320, 320), (0.2, 0.2), closing=0.0, edge=1.0)
    assert ndimage.label(mask)[1] > 100


def test_a_honeycomb_is_filled() -> None:
    sheet = graphene(a=3.16, size=(8, 8, 1), vacuum=5).repeat(1)
    points = sheet.positions[:, :2] + 5
    mask = projected(atoms_at(points, (48, 40)), (400, 480), (0.1, 0.1))
    assert holes(mask) == 0


def test_a_mask_wraps_with_its_atoms() -> None:
    ball = gold_ball(15.0, TURNS["110"], 64.0)
    mask = projected(ball, (320, 320), (0.2, 0.2))
    moved = ball.copy()
    moved.positions[:, :2] += [0.2 * 170, 0.2 * -100]
    np.testing.assert_array_equal(
        projected(moved, (320, 320), (0.2, 0.2)), np.roll(mask, (-100, 170), axis=(0, 1)), strict=True
    )
    moved.wrap()
    np.testing.assert_array_equal(projected(moved, (320, 320), (0.2, 0.2)), np.roll(mask, (-100, 170), axis=(0, 1)))


def half_plane() -> ase.Atoms:
    """Atoms all over 5 < x < 15 of a 20 Å cell: the outline is at 5 − EDGE and 15 + EDGE."""
    y, x = np.mgrid[0:20:0.4, 5:15.01:0.4]
    return atoms_at(np.column_stack([x.ravel(), y.ravel()]), (20, 20))


@pytest.mark.parametrize("width", [0.3, 0.8, 1.5])
def test_a_soft_edge_is_the_error_function_of_the_distance(width: float) -> None:
    found = soft(half_plane(), (100, 100), (0.2, 0.2), width=width)
    assert found.dtype == np.float32
    x = np.arange(100) * 0.2
    inside = np.minimum(x - (5 - EDGE), 15 + EDGE - x)
    wanted = [(1 + math.erf(d / (math.sqrt(2) * width))) / 2 for d in inside]
    np.testing.assert_allclose(found, np.tile(wanted, (100, 1)), atol=0.02)
    hard = projected(half_plane(), (100, 100), (0.2, 0.2))
    decided = np.abs(found - 0.5) > 1e-3  # one row of pixels is on the outline to rounding
    np.testing.assert_array_equal(found[decided] > 0.5, hard[decided].astype(bool))


def test_the_signed_distance_is_that_to_the_outline() -> None:
    disc = atoms_at(np.array([[10.0, 10.0]]), (20, 20))
    found = signed_distance(disc, (100, 100), (0.2, 0.2), reach=3.0, edge=2.0)
    y, x = np.mgrid[0:100, 0:100] * 0.2
    np.testing.assert_allclose(found, np.clip(2.0 - np.hypot(y - 10, x - 10), -3, 3), atol=0.04)
    assert not soft(ase.Atoms(cell=[20, 20, 5], pbc=[True, True, False]), (100, 100), (0.2, 0.2)).any()


def test_without_periodicity_a_mask_is_cut_at_the_border() -> None:
    point = np.array([[0.5, 10.0]])
    open_cell = projected(atoms_at(point, (20, 20), pbc=False), (100, 100), (0.2, 0.2))
    assert open_cell[50, :9].all()
    assert not open_cell[:, 50:].any()
    assert projected(atoms_at(point, (20, 20)), (100, 100), (0.2, 0.2))[50, -4:].all()


def test_atoms_outside_an_open_field_leave_it_empty() -> None:
    assert not projected(atoms_at(np.array([[-30.0, 5.0]]), (20, 20), pbc=False), (10, 10), (2.0, 2.0)).any()


def test_x_is_the_last_axis_and_pixels_need_not_be_square() -> None:
    mask = projected(atoms_at(np.array([[15.0, 4.0]]), (20, 10)), (50, 40), (0.2, 0.5), edge=1.45)
    rows, columns = np.nonzero(mask)
    assert rows.mean() == pytest.approx(20, abs=0.01)
    assert columns.mean() == pytest.approx(30, abs=0.01)


def test_coarse_pixels_sample_the_same_outline() -> None:
    ball = gold_ball(15.0, TURNS["random"], 64.0)
    fine = projected(ball, (320, 320), (0.2, 0.2))
    coarse = projected(ball, (64, 64), (1.0, 1.0))
    assert (coarse != fine[::5, ::5]).sum() <= 3


def test_atoms_that_fill_the_cell_leave_no_gap_at_the_seam() -> None:
    y, x = np.mgrid[0:20:2.0, 0:20:2.0]
    full = atoms_at(np.column_stack([x.ravel(), y.ravel()]), (20, 20))
    assert projected(full, (100, 100), (0.2, 0.2)).all()


def test_no_atoms_give_an_empty_mask() -> None:
    mask = projected(ase.Atoms(cell=[20, 10, 5], pbc=[True, True, False]), (50, 100), (0.2, 0.2))
    assert mask.shape == (50, 100)
    assert mask.dtype == np.uint8
    assert not mask.any()


def test_what_does_not_fit_is_refused() -> None:
    one = atoms_at(np.array([[5.0, 5.0]]), (20, 10))
    with pytest.raises(InvalidInput, match=r"cover 20 Å, the periodic cell has 10 Å along y"):
        projected(one, (100, 100), (0.2, 0.2))
    with pytest.raises(InvalidInput, match="above zero"):
        projected(one, (0, 100), (0.2, 0.2))
    with pytest.raises(InvalidInput, match=r"give \(ny, nx\)"):
        projected(one, 100, (0.2, 0.2))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"give \(ny, nx\)"):
        projected(one, (50.5, 100), (0.2, 0.2))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="edge is -1"):
        projected(one, (50, 100), (0.2, 0.2), edge=-1)
    broken = one.copy()
    broken.positions[0, 0] = math.nan
    with pytest.raises(InvalidInput, match="not finite numbers"):
        projected(broken, (50, 100), (0.2, 0.2))
    slanted = one.copy()
    slanted.set_cell([[20, 0, 0], [5, 10, 0], [0, 0, 2]])
    with pytest.raises(InvalidInput, match="not orthogonal"):
        projected(slanted, (50, 100), (0.2, 0.2))
