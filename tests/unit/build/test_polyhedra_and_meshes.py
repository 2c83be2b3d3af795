"""Convex polyhedra and triangle meshes: contents in closed form, each against the other, and broken surfaces."""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull, cKDTree

from construction_zone.build import transforms
from construction_zone.build.volumes import Ball, Block, ConvexPolyhedron, Mesh
from construction_zone.build.volumes.crossings import columns
from construction_zone.build.volumes.triangles import distance_to_triangles, triangle_tree
from construction_zone.errors import InvalidInput, MissingExtra, StructureFileError

TILT = transforms.translation((3, -5, 2)) @ transforms.rotation((1, 2, -1), 37)
SHEAR = transforms.affine([[1.2, 0.3, 0.0], [0.0, 0.8, 0.2], [0.1, 0.0, -1.5]], (1, 2, 3))
AXES = np.vstack([np.eye(3), -np.eye(3)])
CORNERS = np.array(list(product((-1, 1), repeat=3)), dtype=float)


def box_faces() -> np.ndarray:
    """Triangles of the cube with corners in the order of `CORNERS`, seen from outside."""
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def torus(major: float, minor: float, n: int = 60, m: int = 30) -> Mesh:
    u, v = (k.ravel() for k in np.meshgrid(np.arange(n), np.arange(m), indexing="ij"))
    a, b = 2 * np.pi * u / n, 2 * np.pi * v / m
    ring = major + minor * np.cos(b)
    vertices = np.column_stack([ring * np.cos(a), ring * np.sin(a), minor * np.sin(b)])

    def corner(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        return (i % n) * m + j % m

    one = np.column_stack([corner(u, v), corner(u + 1, v), corner(u + 1, v + 1)])
    two = np.column_stack([corner(u, v), corner(u + 1, v + 1), corner(u, v + 1)])
    return Mesh(vertices, np.concatenate([one, two]))


def test_solids_in_closed_form() -> None:
    assert ConvexPolyhedron(CORNERS).measure == pytest.approx(8)
    assert ConvexPolyhedron(AXES * 3).measure == pytest.approx(4 / 3 * 27)
    assert ConvexPolyhedron(AXES * 3).moved(SHEAR).measure == pytest.approx(36 * abs(np.linalg.det(SHEAR.matrix)))
    # a cube of half-length 1 cut by {111} at √3 − t/√3 loses eight corners of t³/6
    t = 0.8
    truncated = ConvexPolyhedron.from_planes(
        np.vstack([AXES, CORNERS]), [1] * 6 + [np.sqrt(3) - t / np.sqrt(3)] * 8, center=(7, 8, 9)
    )
    assert truncated.measure == pytest.approx(8 - 8 * t**3 / 6)
    assert len(truncated.vertices) == 24
    assert len(truncated.planes[0]) == 14
    np.testing.assert_allclose(truncated.bounds, [[6, 7, 8], [8, 9, 10]])


def test_planes_and_corners_are_the_same_solid() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        normals = rng.normal(size=(12, 3))
        distances = rng.uniform(2, 4, 12)
        # close it with a box, far enough not to cut the rest often
        solid = ConvexPolyhedron.from_planes(np.vstack([normals, AXES]), [*distances, *[5] * 6], center=(1, 2, 3))
        units = normals / np.linalg.norm(normals, axis=1)[:, None]
        queries = rng.uniform(-6, 6, (3000, 3))
        inside = (queries @ units.T <= distances).all(axis=1) & (np.abs(queries) <= 5).all(axis=1)
        np.testing.assert_array_equal(solid.moved(TILT).contains(TILT.apply(queries + np.array([1, 2, 3]))), inside)
        again = ConvexPolyhedron.from_planes(*solid.planes)
        assert again.measure == pytest.approx(solid.measure)


def test_planes_need_not_be_in_general_position() -> None:
    # twelve {110} planes: four meet in each of six corners of a rhombic dodecahedron
    normals = [p for p in product((-1, 0, 1), repeat=3) if np.abs(p).sum() == 2]
    dodecahedron = ConvexPolyhedron.from_planes(normals, np.sqrt(2))
    assert len(dodecahedron.vertices) == 14
    assert len(dodecahedron.planes[0]) == 12
    assert dodecahedron.measure == pytest.approx(16)
    # planes that touch a corner only, or lie outside, change nothing
    touched = ConvexPolyhedron.from_planes([*AXES, (1, 1, 1), (1, 1, 0)], [1] * 6 + [np.sqrt(3), 4])
    assert touched.measure == pytest.approx(8)
    assert len(touched.vertices) == 8


@pytest.mark.parametrize("motion", [transforms.IDENTITY, TILT, SHEAR], ids=["as made", "tilted", "sheared"])
def test_distance_to_a_polyhedron(motion: transforms.Affine) -> None:
    solid = ConvexPolyhedron(AXES * (3, 4, 5)).moved(motion)
    faces = motion.apply(AXES * (3, 4, 5))[[(i, j, k) for i in (0, 3) for j in (1, 4) for k in (2, 5)]]
    rng = np.random.default_rng(1)
    queries = motion.apply(rng.uniform(-8, 8, (1500, 3)))
    weights = np.array([(i, j, 40 - i - j) for i in range(41) for j in range(41 - i)]) / 40
    nearest, _ = cKDTree(np.concatenate([weights @ face for face in faces])).query(queries)
    distance = solid.signed_distance(queries)
    assert (np.abs(distance) <= nearest + 1e-9).all()
    assert (nearest <= np.hypot(distance, 0.2)).all()
    np.testing.assert_array_equal(distance <= 1e-6, solid.contains(queries))


def test_distance_to_a_cube_is_that_to_a_block() -> None:
    queries = np.random.default_rng(2).uniform(-4, 4, (3000, 3))
    expected = Block((2, 2, 2)).signed_distance(queries)
    np.testing.assert_allclose(ConvexPolyhedron(CORNERS).signed_distance(queries), expected, atol=1e-12)
    np.testing.assert_allclose(Mesh(CORNERS, box_faces()).signed_distance(queries), expected, atol=1e-12)


def test_sharp_growth_moves_every_face() -> None:
    cube = ConvexPolyhedron(CORNERS)
    assert cube.grown(0.5).measure == pytest.approx(27)
    assert cube.grown(-0.5).measure == pytest.approx(1)
    with pytest.raises(InvalidInput, match="no polyhedron"):
        cube.grown(-1)


def test_nearest_triangle_by_the_tree_and_one_by_one() -> None:
    rng = np.random.default_rng(3)
    centres = rng.uniform(-9, 9, (700, 1, 3))
    triangles = centres + rng.normal(size=(700, 3, 3)) * rng.uniform(0.01, 4, (700, 1, 1))
    queries = rng.uniform(-12, 12, (300, 3))
    one_by_one = [distance_to_triangles(np.broadcast_to(q, (700, 3)), triangles).min() for q in queries]
    tree = triangle_tree(triangles)
    np.testing.assert_allclose(tree.distance(queries), one_by_one, atol=1e-12)
    limited = tree.distance(queries, 0.5)
    np.testing.assert_array_equal(limited[limited < 0.5], tree.distance(queries)[limited < 0.5])
    assert (np.array(one_by_one)[limited >= 0.5] >= 0.5).all()


def test_distance_to_a_triangle_in_closed_form() -> None:
    triangle = np.array([[0, 0, 0], [4, 0, 0], [0, 3, 0]], dtype=float)
    points = np.array([[1, 1, 2], [1, 1, -2], [2, -3, 4], [-3, -4, 0], [6, 0, 0], [4, 3, 0], [1, 1, 0]], dtype=float)
    expected = [2, 2, 5, 5, 2, 12 / 5, 0]
    found = distance_to_triangles(points, np.broadcast_to(triangle, (7, 3, 3)))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    sliver = np.array([[0, 0, 0], [1, 0, 0], [3, 0, 0]], dtype=float)
    np.testing.assert_allclose(distance_to_triangles(np.array([[2.0, 1, 0]]), sliver[None]), 1)


@pytest.mark.parametrize("motion", [transforms.IDENTITY, TILT, SHEAR], ids=["as made", "tilted", "sheared"])
def test_a_mesh_holds_what_its_polyhedron_holds(motion: transforms.Affine) -> None:
    rng = np.random.default_rng(4)
    solid = ConvexPolyhedron(rng.normal(size=(60, 3)) * (9, 7, 5))
    hull = ConvexHull(solid.vertices)
    faces = hull.simplices.copy()
    a, b, c = (solid.vertices[faces[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0
    faces[inward] = faces[inward][:, ::-1]
    mesh = Mesh(solid.vertices, faces).moved(motion)
    solid = solid.moved(motion)
    queries = motion.apply(rng.uniform(-20, 20, (40_000, 3)))
    depth = solid.signed_distance(queries)
    clear = np.abs(depth) > 1e-5
    np.testing.assert_array_equal(mesh.contains(queries)[clear], solid.contains(queries)[clear])
    np.testing.assert_allclose(mesh.signed_distance(queries[:2000]), depth[:2000], atol=1e-9)
    np.testing.assert_allclose(mesh.bounds, solid.bounds)
    assert mesh.measure == pytest.approx(solid.measure)


def test_a_torus() -> None:
    mesh = torus(10, 3)
    # the polygon of 30 corners in the tube, swept by one of 60 (Pappus, facet by facet)
    tube = 0.5 * 30 * 9 * np.sin(2 * np.pi / 30)
    assert mesh.measure == pytest.approx(tube * 10 * 60 * np.sin(2 * np.pi / 60), rel=1e-3)
    queries = np.random.default_rng(5).uniform((-14, -14, -4), (14, 14, 4), (60_000, 3))
    exact = np.hypot(np.hypot(queries[:, 0], queries[:, 1]) - 10, queries[:, 2]) - 3
    clear = np.abs(exact) > 0.1
    np.testing.assert_array_equal(mesh.contains(queries)[clear], exact[clear] < 0)
    np.testing.assert_allclose(mesh.signed_distance(queries[:3000]), exact[:3000], atol=0.05)


def test_meshes_side_by_side_share_no_lattice_point() -> None:
    # every point lies on corners, edges and faces: of the triangles, of the columns and of the cells alike
    points = np.stack(np.meshgrid(*[np.arange(-1.0, 4.0)] * 3), axis=-1).reshape(-1, 3)
    cubes = [
        Mesh(CORNERS, box_faces()).moved(transforms.translation((2 * i, 2 * j, 2 * k)))
        for i, j, k in product((0, 1), repeat=3)
    ]
    held = np.sum([cube.contains(points) for cube in cubes], axis=0)
    inside = ((points >= -1) & (points < 3)).all(axis=1)
    np.testing.assert_array_equal(held, inside.astype(int))


def test_rays_through_corners_and_edges_count_once() -> None:
    points = np.stack(np.meshgrid(*[np.arange(-1.5, 2, 0.5)] * 3), axis=-1).reshape(-1, 3)
    lines = columns(CORNERS, box_faces())
    np.testing.assert_array_equal(lines.winding(points), ((points >= -1) & (points < 1)).all(axis=1))


def test_rounding_does_not_decide_on_which_side_of_a_face_a_point_lies() -> None:
    points = np.stack(np.meshgrid(*[np.arange(-1.0, 2.0, 0.25)] * 3), axis=-1).reshape(-1, 3)
    cube = Mesh(CORNERS, box_faces())
    for degrees in range(7, 360, 50):
        turn = transforms.rotation((1, 2, -1), degrees, origin=(30, 20, 10))
        np.testing.assert_array_equal(
            cube.moved(turn).contains(turn.apply(points)), ((points >= -1) & (points < 1)).all(axis=1)
        )


def test_a_cavity_and_overlapping_bodies() -> None:
    outer, inner = box_faces(), box_faces()[:, ::-1] + 8
    hollow = Mesh(np.concatenate([3 * CORNERS, CORNERS]), np.concatenate([outer, inner]))
    np.testing.assert_array_equal(hollow.contains([[0, 0, 0], [2, 0, 0], [4, 0, 0]]), [False, True, False])
    assert hollow.measure == pytest.approx(216 - 8)
    pair = Mesh(np.concatenate([CORNERS, CORNERS + 0.5]), np.concatenate([outer, outer + 8]))
    np.testing.assert_array_equal(pair.contains([[0.3, 0.3, 0.3], [-0.7, 0, 0], [1.2, 0, 0]]), [True, True, True])


def test_a_mesh_that_is_inside_out_is_turned() -> None:
    turned = Mesh(CORNERS, box_faces()[:, ::-1])
    assert turned == Mesh(CORNERS, box_faces())
    assert turned.measure == pytest.approx(8)
    assert turned.contains([(0, 0, 0)]).all()


def one_face_turned() -> np.ndarray:
    faces = box_faces()
    faces[0] = faces[0, ::-1]
    return faces


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (CORNERS, box_faces()[1:], "not closed: 3 of 18 edges"),
        (CORNERS, one_face_turned(), "disagree about which side"),
        (CORNERS * (1, 1, 0), box_faces(), "no volume"),
        (CORNERS, box_faces() + 1, "corners 1 to 8"),
        (CORNERS, box_faces().astype(float), "whole numbers"),
        (CORNERS, np.zeros((0, 3), int), r"shape \(0, 3\)"),
        (CORNERS[:, :2], box_faces(), r"shape \(8, 2\)"),
        (CORNERS * np.nan, box_faces(), "not finite"),
    ],
)
def test_meshes_that_are_no_volume(vertices: np.ndarray, faces: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Mesh(vertices, faces)


@pytest.mark.parametrize(
    ("normals", "distances", "message"),
    [
        (AXES[1:], 1, "do not close"),
        ([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)], 1, "do not close"),
        ([(0, 0, 1)], 1, "do not close"),
        (AXES, [1, 1, 1, -2, 1, 1], "no polyhedron"),
        (AXES, [1, 1, 1, -1, 1, 1], "no polyhedron"),
        (AXES, [1, 2], "6 normals"),
        (AXES, [1, 1, 1, 1, 1, np.nan], "not all finite"),
        ([*AXES, (0, 0, 0)], 1, "normal 6 is the zero vector"),
    ],
)
def test_planes_that_bound_nothing(normals: object, distances: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        ConvexPolyhedron.from_planes(normals, distances)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "points",
    [
        CORNERS[:3],
        CORNERS * (1, 1, 0),
        TILT.apply(CORNERS * (1, 0, 1)),
        np.outer(np.arange(5), (1, 2, 3)),
        np.zeros((6, 3)),
    ],
)
def test_flat_hulls(points: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="lie in a plane"):
        ConvexPolyhedron(points)


@pytest.mark.parametrize("suffix", ["stl", "obj", "ply"])
def test_mesh_files(tmp_path: Path, suffix: str) -> None:
    trimesh = pytest.importorskip("trimesh")
    ball = trimesh.creation.icosphere(subdivisions=3, radius=2)
    file = tmp_path / f"ball.{suffix}"
    ball.export(file)
    mesh = Mesh.read(file, scale=10)
    assert mesh.measure == pytest.approx(ball.volume * 1000, rel=1e-5)
    queries = np.random.default_rng(6).uniform(-25, 25, (20_000, 3))
    clear = np.abs(Ball(20).signed_distance(queries)) > 0.3
    np.testing.assert_array_equal(mesh.contains(queries)[clear], Ball(20).contains(queries)[clear])


def test_a_file_with_triangles_turned_either_way_is_put_right(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    trimesh.Trimesh(CORNERS, one_face_turned(), process=False).export(tmp_path / "cube.stl")
    assert Mesh.read(tmp_path / "cube.stl").measure == pytest.approx(8)


def test_broken_mesh_files(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    with pytest.raises(StructureFileError, match="no file"):
        Mesh.read(tmp_path / "none.stl")
    (tmp_path / "text.stl").write_text("not a mesh")
    with pytest.raises(StructureFileError, match=r"text\.stl"):
        Mesh.read(tmp_path / "text.stl")
    (tmp_path / "cube.what").write_text("")
    with pytest.raises(StructureFileError, match=r"cube\.what"):
        Mesh.read(tmp_path / "cube.what")
    trimesh.Trimesh(CORNERS, box_faces()[2:], process=False).export(tmp_path / "open.stl")
    with pytest.raises(StructureFileError, match="not closed"):
        Mesh.read(tmp_path / "open.stl")


def test_without_trimesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trimesh", None)
    with pytest.raises(MissingExtra, match=r"construction-zone\[mesh\]"):
        Mesh.read(tmp_path / "ball.stl")
    assert Mesh(CORNERS, box_faces()).measure == pytest.approx(8)  # only files need it


def test_equal_solids_are_equal_and_hash_alike() -> None:
    one, two = ConvexPolyhedron(CORNERS), ConvexPolyhedron(np.vstack([CORNERS, 0.5 * CORNERS]))
    assert one == two
    assert hash(one) == hash(two)
    assert one != one.moved(TILT)
    mesh = Mesh(CORNERS, box_faces())
    assert hash(mesh) == hash(Mesh(CORNERS, box_faces()))
    assert mesh != mesh.moved(TILT)
    with pytest.raises(ValueError, match="read-only"):
        mesh.vertices[0] = 0
