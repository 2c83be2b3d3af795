"""Exposed atoms and thickness, counted by hand."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.cluster import Icosahedron, Octahedron
from scipy.spatial import Delaunay

from construction_zone.build import Block, Crystal, Scene, Zone, surfaces
from construction_zone.build.thickness import thickness
from construction_zone.errors import InvalidInput


def test_outer_shell_of_closed_clusters():
    for cluster, shell in ((Icosahedron("Au", 5), 10 * 4**2 + 2), (Octahedron("Au", 5), 4 * 4**2 + 2)):
        found = surfaces.exposed(cluster)
        assert found.sum() == shell
        reach = np.linalg.norm(cluster.positions - cluster.positions.mean(axis=0), axis=1)
        assert found[reach.argmax()]
        assert not found[reach.argmin()]


def test_a_slab_has_two_faces_and_no_seam():
    slab = fcc111("Au", (6, 6, 7), a=4.08, orthogonal=True, vacuum=8)
    slab.pbc = (True, True, False)
    heights = np.round(slab.positions[:, 2], 3)
    np.testing.assert_array_equal(surfaces.exposed(slab), (heights == heights.min()) | (heights == heights.max()))


@pytest.mark.parametrize("name", ["fcc Au", "diamond C", "zincblende CdSe", "wurtzite CdSe", "rocksalt MgO", "bcc Fe"])
def test_bulk_has_no_surface(name):
    crystal = Crystal.named(name)
    block = crystal.fill(Block.between((0, 0, 0), (34, 34, 34)), cell=(34, 34, 34))
    inner = ((block.positions > 9) & (block.positions < 25)).all(axis=1)
    found = surfaces.exposed(block)
    assert inner.sum() > 100
    assert not found[inner].any()
    assert found.any()
    outermost = block.positions[:, 2] == block.positions[:, 2].max()
    assert found[outermost].all()


def test_a_vacancy_is_no_surface_but_a_hole_is():
    gold = bulk("Au", "fcc", 4.08, cubic=True).repeat(5)
    middle = gold.cell.lengths() / 2
    order = np.argsort(np.linalg.norm(gold.positions - middle, axis=1))
    vacancy, hole = gold.copy(), gold.copy()
    del vacancy[order[:1]]
    del hole[order[:43]]
    assert not surfaces.exposed(vacancy).any()
    assert 30 < surfaces.exposed(hole).sum() < 100
    # 2.04 Å fits an octahedral hole, 2.88 Å a vacancy
    assert surfaces.exposed(vacancy, probe=2.5).sum() == 12
    assert surfaces.exposed(gold, probe=2.1).sum() == 0
    assert surfaces.exposed(gold, probe=2.0).all()


@pytest.mark.parametrize("radius", [2.0, 3.3, 4.5])
def test_against_the_alpha_shape_of_the_triangulation(radius):
    """Exposed are the corners of Delaunay tetrahedra whose circumscribed balls are at least as large, and the hull."""
    points = np.random.default_rng(3).uniform(0, 26, (2000, 3))
    points = points[np.linalg.norm(points - 13, axis=1) < 12.5]
    mesh = Delaunay(points)
    corners = points[mesh.simplices]
    edges = corners[:, 1:] - corners[:, :1]
    centres = np.linalg.solve(edges, (edges**2).sum(axis=2)[..., None] / 2)[..., 0]
    expected = np.zeros(len(points), dtype=bool)
    expected[mesh.simplices[np.linalg.norm(centres, axis=1) >= radius]] = True
    expected[mesh.convex_hull] = True
    found = surfaces.exposed(Atoms(f"C{len(points)}", points), probe=radius)
    assert 0 < expected.sum() < len(points)
    np.testing.assert_array_equal(found, expected)


def test_an_atom_alone_or_in_a_row_is_exposed():
    assert surfaces.exposed(Atoms("Au", [[1, 1, 1]])).all()
    assert surfaces.exposed(Atoms("Au3", [[1, 1, 1], [2, 1, 1], [3.5, 1, 1]])).all()
    assert surfaces.exposed(Atoms("Au", [[1, 1, 1]], cell=[4, 4, 4], pbc=(True, False, False))).all()
    assert not surfaces.exposed(Atoms("Au", [[1, 1, 1]], cell=[3, 3, 3], pbc=True)).any()


def test_bad_probe():
    with pytest.raises(InvalidInput, match="probe is -1"):
        surfaces.exposed(bulk("Au", cubic=True), probe=-1)
    assert len(surfaces.exposed(Atoms())) == 0


def test_thickness_of_a_slab_and_a_step():
    volume = Block.between((0, 0, 5), (40, 40, 30)) | Block.between((0, 0, 5), (20, 40, 45))
    atoms = Scene([Zone(volume, Crystal.fcc("Au", a=4.0), "step")], (40, 40, 60), min_distance=0).atoms()
    found = thickness(atoms, 1.0)
    assert found.shape == (40, 40)
    # layers at z = 6 … 28 and 6 … 44, and 1 Å beyond
    np.testing.assert_allclose(found[:, 25:35], 28 - 6 + 2, atol=1.01)
    np.testing.assert_allclose(found[:, 5:15], 44 - 6 + 2, atol=1.01)


def test_thickness_leaves_out_hollows_and_wraps():
    two = Block.between((0, 0, 5), (40, 40, 15)) | Block.between((0, 0, 35), (40, 40, 45))
    atoms = Scene([Zone(two, Crystal.fcc("Au", a=4.0), "two")], (40, 40, 60)).atoms()
    found = thickness(atoms, 0.8)
    np.testing.assert_allclose(found, (14 - 6 + 2) + (44 - 36 + 2), atol=1.7)
    ball = Atoms("Au", [[0.2, 10, 5]], cell=[20, 20, 10], pbc=(True, True, False))
    found = thickness(ball, 0.5)
    assert found[20, 0] > 1
    assert found[20, -1] > 1
    assert found[20, 20] == 0


def test_thickness_in_rectangular_cells_knows_x_from_y():
    atoms = Atoms("Au", [[20, 5, 5]], cell=[40, 10, 10], pbc=(True, True, False))
    found = thickness(atoms, 1.0)
    assert found.shape == (10, 40)
    assert np.unravel_index(found.argmax(), found.shape) == (5, 20)
    with pytest.raises(InvalidInput, match="voxels; enlarge them"):
        thickness(Atoms("Au", [[0, 0, 0]], cell=[1e4, 1e4, 10], pbc=True), 0.5)
    with pytest.raises(InvalidInput, match="no atoms"):
        thickness(Atoms())
