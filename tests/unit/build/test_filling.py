"""Filling goes by stretches of cells: it must find what asking about every site finds, in the same order."""

import itertools
import time

import numpy as np
import pytest

from construction_zone.build import Ball, Block, Crystal, Cylinder, HalfSpace, transforms
from construction_zone.build.generators import filling, lattice
from construction_zone.build.volumes import (
    Capsule,
    Cone,
    ConvexPolyhedron,
    Custom,
    Ellipsoid,
    Mesh,
    Offset,
    Rough,
    Slab,
)

HUGE = (1e3, 1e3, 1e3)
TRICLINIC = Crystal([[4.0, 0.3, 0.1], [1.1, 5.0, 0.2], [-0.7, 0.9, 6.0]], [[0, 0, 0], [0.3, 0.6, 0.2]], [79, 8])


def sphere(points):
    return (points**2).sum(axis=1) < 40**2


CUBE_CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))
CUBE_FACES = [(0, 2, 1), (1, 2, 3), (4, 5, 6), (5, 7, 6), (0, 1, 4), (1, 5, 4), (2, 6, 3), (3, 6, 7), (0, 4, 2)]
CUBE_FACES = np.array([*CUBE_FACES, (2, 4, 6), (1, 3, 5), (3, 7, 5)])

VOLUMES = {
    "ball": Ball(40, (1, 2, 3)),
    "shell": Ball(40) - Ball(30, (4, 0, 0)),
    "union": Ball(25) | Block((80, 12, 12)).moved(transforms.rotation((1, 1, 0), 33)),
    "egg": Ball(20).moved(transforms.affine(np.diag([2.0, 1.5, 0.7]))),
    "cylinder": Cylinder(15, 90, axis=(1, 2, 3)),
    "rough": Rough(Ball(30), 2.0, 8.0, seed=1),
    "grown": Offset(Block((40, 40, 40)), 6.0),
    "polyhedron": ConvexPolyhedron([(40, 0, -9), (-30, 30, -8), (-20, -30, -7), (0, 10, 40), (5, 0, -30)]),
    "mesh": Mesh(50.0 * CUBE_CORNERS - 25, CUBE_FACES).moved(transforms.affine([[1, 0.5, 0], [0, 1, 0], [0.2, 0, 1]])),
    "inside only": Custom(sphere, gives="inside", within=((-45, -45, -45), (45, 45, 45))),
}


@pytest.mark.parametrize("name", VOLUMES)
@pytest.mark.parametrize("crystal", [Crystal.fcc("Au"), TRICLINIC], ids=["fcc", "triclinic"])
def test_stretches_find_what_single_sites_find(name, crystal, monkeypatch):
    volume = VOLUMES[name]
    crystal = crystal.moved(transforms.rotation((3, 1, 2), 77) @ transforms.translation((0.4, 0.1, -0.2)))
    monkeypatch.setattr(filling, "_SITES_PER_CHUNK", 500)
    by_stretch = crystal.fill(volume, cell=HUGE)
    monkeypatch.setattr(filling, "_FEW", 10**9)  # then every site is asked about
    one_by_one = crystal.fill(volume, cell=HUGE)
    assert len(by_stretch) > 500
    np.testing.assert_array_equal(by_stretch.positions, one_by_one.positions)
    np.testing.assert_array_equal(by_stretch.numbers, one_by_one.numbers)


@pytest.mark.parametrize("volume", [HalfSpace((1, 0.3, 2), (30, 30, 30)), Slab(20, (0, 0.2, 1), (30, 30, 25))])
def test_clipped_volumes(volume, monkeypatch):
    crystal = TRICLINIC.moved(transforms.rotation((3, 1, 2), 77))
    cell = (90.0, 80.0, 70.0)
    by_stretch = crystal.fill(volume, cell=cell)
    assert (by_stretch.positions >= -1e-5).all()
    assert (by_stretch.positions < cell).all()
    monkeypatch.setattr(filling, "_FEW", 10**9)
    np.testing.assert_array_equal(by_stretch.positions, crystal.fill(volume, cell=cell).positions)


FACES = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0), (0, -1, 0), (0, 0, -1), (1, 1, 1), (-1, -1, -1)]
CONTENTS = {
    "ball": (Ball(26), 4 / 3 * np.pi * 26**3),
    "ellipsoid": (Ellipsoid((35, 25, 20)), 4 / 3 * np.pi * 35 * 25 * 20),
    "block": (Block((40, 45, 42)), 40 * 45 * 42),
    "cylinder": (Cylinder(22, 50, axis=(1, 1, 3)), np.pi * 22**2 * 50),
    "capsule": (Capsule(18, 90, axis=(1, 0, 1)), np.pi * 18**2 * 54 + 4 / 3 * np.pi * 18**3),
    "cone": (Cone(40, 45, axis=(0, 1, 1)), np.pi * 40**2 * 45 / 3),
    "frustum": (Cone(35, 30, top_radius=15), np.pi / 3 * 30 * (35**2 + 35 * 15 + 15**2)),
    # a cube less two corners that the planes x + y + z = ±20√3 cut off, each a tetrahedron of legs 60 − 20√3
    "polyhedron": (ConvexPolyhedron.from_planes(FACES, 20), 40**3 - (60 - 20 * np.sqrt(3)) ** 3 / 3),
    "mesh": (Mesh(42.0 * CUBE_CORNERS, CUBE_FACES), 42**3),
    "sheared": (
        Ball(26).moved(transforms.affine([[1, 0.5, 0], [0, 1.2, 0.3], [0, 0, 0.9]])),
        1.08 * 4 / 3 * np.pi * 26**3,
    ),
    "slab in a ball": (Ball(30) & Slab(20), np.pi * (30**2 * 20 - 2 / 3 * 10**3)),
    "hollow ball": (Ball(30).shell(8), 4 / 3 * np.pi * (30**3 - 22**3)),
    "grown block": (
        Block((30, 30, 30)).offset(6),
        30**3 + 6 * 30**2 * 6 + 3 * np.pi * 6**2 * 30 + 4 / 3 * np.pi * 6**3,
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_atoms_count_the_content_of_a_shape(name):
    volume, content = CONTENTS[name]
    rng = np.random.default_rng(5)
    counts = []
    for _ in range(6):
        gold = Crystal.fcc("Au").moved(transforms.random_rotation(rng)).shifted(rng.uniform(0, 4, 3))
        counts.append(len(gold.fill(volume, cell=HUGE)))
    assert np.mean(counts) == pytest.approx(content * 4 / 4.07825**3, rel=0.008)


def test_chunks_change_nothing(monkeypatch):
    crystal = TRICLINIC.moved(transforms.rotation((1, 2, 0), 20))
    whole = crystal.fill(Ball(35), cell=HUGE)
    monkeypatch.setattr(filling, "_SITES_PER_CHUNK", 500)
    monkeypatch.setattr(filling, "_STRETCH", 3)
    monkeypatch.setattr(lattice, "_ROWS_PER_CHUNK", 7)
    pieces = crystal.fill(Ball(35), cell=HUGE)
    np.testing.assert_array_equal(whole.numbers, pieces.numbers)
    np.testing.assert_allclose(whole.positions, pieces.positions, atol=1e-9)


def test_most_sites_are_never_asked_about(monkeypatch):
    asked = []
    contains = Ball.contains
    monkeypatch.setattr(Ball, "contains", lambda self, points: asked.append(len(points)) or contains(self, points))
    atoms = Crystal.fcc("Au").fill(Ball(150), cell=HUGE)
    assert sum(asked) < 0.8 * len(atoms)


def test_speed_and_memory_of_filling():
    import tracemalloc

    gold = Crystal.fcc("Au").moved(transforms.rotation((1, 2, 3), 17))
    gold.fill(Ball(50), cell=HUGE)
    start = time.perf_counter()
    atoms = gold.fill(Ball(120), cell=HUGE)
    assert len(atoms) / (time.perf_counter() - start) > 5e5  # ten times slower than measured: this is no benchmark
    tracemalloc.start()
    atoms = gold.fill(Ball(120), cell=HUGE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / len(atoms) < 200  # bytes: 4 GB would do for 2·10⁷ atoms
