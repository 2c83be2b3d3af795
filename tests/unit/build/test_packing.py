import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial import cKDTree

from construction_zone.build import Amorphous, Ball, Block
from construction_zone.build.generators.packing import first_come, random_sequential
from construction_zone.errors import SceneError

SILICA = {("Si", "O"): 1.5, ("O", "O"): 2.2, "default": 2.6}


def nearest_images(points, boxsize):
    """All distances (n, n), to the nearest image; the distance of a point to its own images on the diagonal."""
    delta = points[:, None] - points[None]
    for axis in np.flatnonzero(boxsize):
        delta[..., axis] -= np.round(delta[..., axis] / boxsize[axis]) * boxsize[axis]
    lengths = np.linalg.norm(delta, axis=-1)
    periods = [period for period in boxsize if period]
    np.fill_diagonal(lengths, min(periods) if periods else np.inf)
    return lengths


def one_by_one(candidates, species, distances, boxsize):
    """The rule itself, point after point."""
    kept = []
    for point in candidates:
        if len(kept) == len(species):
            break
        delta = np.array(kept).reshape(-1, 3) - point
        for axis in np.flatnonzero(boxsize):
            delta[:, axis] -= np.round(delta[:, axis] / boxsize[axis]) * boxsize[axis]
        needed = distances[species[len(kept)], species[: len(kept)]]
        if (np.linalg.norm(delta, axis=1) >= needed).all():
            kept.append(point)
    return np.array(kept)


@pytest.mark.parametrize("periodic", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1)])
@pytest.mark.parametrize("cell", [(9.0, 7.0, 8.0), (3.0, 11.0, 5.5), (2.6, 2.6, 40.0)])
def test_the_compiled_rule_is_the_one_by_one_rule(periodic, cell):
    boxsize = np.where(periodic, cell, 0.0)
    distances = np.array([[2.6, 1.5], [1.5, 2.2]])
    candidates = np.random.default_rng(3).random((2000, 3)) * cell
    species = np.random.default_rng(4).integers(0, 2, 400)
    box = np.array([np.zeros(3), cell])
    expected = one_by_one(candidates, species, distances, boxsize)
    supply = iter(np.array_split(candidates, 7))
    points, _ = random_sequential(lambda n: next(supply), species[: len(expected)], distances, box, boxsize)
    np.testing.assert_array_equal(points, expected)
    assert len(points) >= 10


def test_of_one_species_it_agrees_with_first_come():
    candidates = np.random.default_rng(0).random((5000, 3)) * 12
    stays = candidates[first_come(candidates, 1.3, np.full(3, 12.0))]
    points, tried = random_sequential(
        lambda n: candidates,
        np.zeros(len(stays), dtype=int),
        np.array([[1.3]]),
        np.array([[0.0] * 3, [12.0] * 3]),
        np.full(3, 12.0),
    )
    np.testing.assert_array_equal(points, stays)
    assert tried <= 5000


@pytest.mark.parametrize("periodic", [(False, False, False), (True, True, False), (False, True, True), (True,) * 3])
def test_every_pair_of_species_keeps_its_distance_across_every_seam(periodic):
    cell = (21.0, 17.0, 19.0)
    material = Amorphous("SiO2", 2.20, structure="random", min_distance=SILICA)
    atoms = material.fill(Block.between((0, 0, 0), cell), cell=cell, seed=2, periodic=periodic)
    assert len(atoms) == round(material.number_density * 21 * 17 * 19)
    lengths = nearest_images(atoms.positions, np.where(periodic, cell, 0.0))
    silicon = atoms.numbers == 14
    for a, b, distance in ((silicon, silicon, 2.6), (silicon, ~silicon, 1.5), (~silicon, ~silicon, 2.2)):
        found = lengths[np.ix_(a, b)].min()
        assert distance <= found < distance + 0.15


def test_a_pair_that_is_not_listed_has_the_default_of_the_material():
    plain = Amorphous("SiO2", 2.20, structure="random").min_distance
    assert plain == pytest.approx(1.8 * 0.66)  # 1.8 × the covalent radius of oxygen
    material = Amorphous("SiO2", 2.20, structure="random", min_distance={"O-O": 2.2})
    assert material.min_distance.plain() == {"default": plain, "O-O": 2.2}
    cell = (18.0, 18.0, 18.0)
    atoms = material.fill(Block.between((0, 0, 0), cell), cell=cell, seed=0, periodic=(True,) * 3)
    lengths = nearest_images(atoms.positions, np.array(cell))
    oxygen = atoms.numbers == 8
    assert lengths[np.ix_(oxygen, oxygen)].min() >= 2.2
    assert plain <= lengths[np.ix_(~oxygen, oxygen)].min() < plain + 0.3


def test_a_film_is_new_for_every_seed_and_the_same_for_the_same():
    film = Block.between((0, 0, 0), (50, 50, 20))
    material = Amorphous("C", 2.20, structure="random")
    fills = [material.fill(film, cell=(50, 50, 30), seed=seed).positions for seed in range(6)]
    assert fills[3].tobytes() == material.fill(film, cell=(50, 50, 30), seed=3).positions.tobytes()
    for k, points in enumerate(fills):
        for other in fills[:k]:
            near = cKDTree(other).query(points)[0]
            # the chance of an atom within 0.1 Å of a place: 0.11 · 4π/3 · 0.001
            assert (near < 0.1).mean() < 0.002


def test_another_process_with_one_thread_gives_the_same_bytes():
    film, cell = Block.between((0, 0, 0), (40, 40, 10)), (40, 40, 20)
    code = (
        "from construction_zone.build import Amorphous, Block; import sys;"
        "film = Block.between((0, 0, 0), (40, 40, 10));"
        "fills = [Amorphous('C', 2.2, structure=s).fill(film, cell=(40, 40, 20), seed=1) for s in sys.argv[1:]];"
        "sys.stdout.buffer.write(b''.join(atoms.positions.tobytes() for atoms in fills))"
    )
    command = [sys.executable, "-c", code, "random", "relaxed"]
    threads = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env={**os.environ, **threads}, check=True, capture_output=True)
    here = [Amorphous("C", 2.2, structure=s).fill(film, cell=cell, seed=1) for s in ("random", "relaxed")]
    assert done.stdout == b"".join(atoms.positions.tobytes() for atoms in here)


def test_positions_are_uniform_in_the_volume():
    ball = Ball(12, (15, 15, 15))
    atoms = Amorphous("C", 1.0, structure="random").fill(ball, cell=(30, 30, 30), seed=0, periodic=(False,) * 3)
    share = np.linalg.norm(atoms.positions - 15, axis=1) ** 3 / 12**3  # uniform in [0, 1]
    counts, _ = np.histogram(share, bins=8, range=(0, 1))
    # far enough from close packing to be nearly independent, except where the surface draws atoms
    assert np.abs(counts[:7] - len(atoms) / 8).max() < 5 * np.sqrt(len(atoms) / 8)


def test_different_spheres_that_cannot_be_packed_say_how_far_it_got():
    tight = {("Si", "O"): 1.8, ("O", "O"): 2.6, ("Si", "Si"): 3.1}
    material = Amorphous("SiO2", 2.20, structure="random", min_distance=tight)
    cell = (18.0, 18.0, 18.0)
    with pytest.raises(SceneError, match=r"fractions of O 0.41, Si 0.35; .*; \d+ of 386 atoms placed in \d+ trials"):
        material.fill(Block.between((0, 0, 0), cell), cell=cell, periodic=(True,) * 3)


def test_a_film_as_long_as_its_cell_may_start_anywhere():
    film = Block((40, 40, 10), center=(0, 0, 10))
    atoms = Amorphous("C", density=2.0, structure="random").fill(film, cell=(40, 40, 30))
    quarters = np.histogram2d(atoms.positions[:, 0], atoms.positions[:, 1], bins=2, range=[[0, 40], [0, 40]])[0]
    # 401 atoms each but for the spread of a random packing, which is below that of a Poisson process
    assert np.all(np.abs(quarters - len(atoms) / 4) < 5 * np.sqrt(len(atoms) / 4))
