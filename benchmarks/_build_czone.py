"""The tasks of `build_vs_czone.py`, done by czone in its environment: ``python _build_czone.py TASK '{…}'``."""

import json
import resource
import sys
import time
from importlib.metadata import version

import numpy as np
from czone.generator import AmorphousGenerator, Generator
from czone.generator.amorphous_algorithms import gen_p_substrate
from czone.prefab import fccTwin
from czone.scene import Scene
from czone.transform import Rotation, Translation
from czone.volume import Sphere, Volume, makeRectPrism
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation as Turn

GOLD = 4.0782


def versions():
    return {name: version(name) for name in ("czone", "numpy", "scipy", "ase", "pymatgen")}


def random_film(x, y, z):
    np.random.seed(1)  # noqa: NPY002 - czone draws from numpy's global state
    start = time.perf_counter()
    points = gen_p_substrate([x, y, z], min_dist=1.4)
    taken = time.perf_counter() - start
    facts = {"first": taken, "atoms": len(points), "memory": memory()}
    return {**facts, "closest": closest(points, np.full(len(points), 6), (x, y))}


def crystal():
    start = time.perf_counter()
    gold()
    return {"first": time.perf_counter() - start, "memory": memory()}


def gold():
    return Generator.from_spacegroup(
        Z=[79], coords=np.array([[0.0, 0, 0]]), cellDims=np.full(3, GOLD), cellAngs=np.full(3, 90.0), sgn=225
    )


def ball(atoms):
    radius = (atoms * GOLD**3 / 4 * 3 / 4 / np.pi) ** (1 / 3)
    times = []
    for k in range(1 if atoms > 10**6 else 4):
        turned = gold()
        turned.transform(Rotation(Turn.from_rotvec(0.2 * k * np.ones(3)).as_matrix()))
        volume = Volume(alg_objects=[Sphere(radius=radius, center=np.zeros(3))], generator=turned)
        start = time.perf_counter()
        volume.populate_atoms()
        times.append(time.perf_counter() - start)
    return {"first": float(np.median(times[1:] or times)), "atoms": len(volume.atoms), "memory": memory()}


def scene(x, y, z):
    """A film with three gold balls of 20 to 25 Å, each with one twin."""
    np.random.seed(1)  # noqa: NPY002 - czone draws from numpy's global state
    start = time.perf_counter()
    crystal_ = gold()
    film = Volume(points=makeRectPrism(x, y, z), generator=AmorphousGenerator(), priority=2)
    parts = [film]
    scale = min(1.0, x / 100)
    for k, radius in enumerate((20.0 * scale, 22.5 * scale, 25.0 * scale)):
        particle = Volume(alg_objects=[Sphere(radius=radius, center=np.zeros(3))], generator=crystal_)
        twin = fccTwin(generator=crystal_, volume=particle, N=1).build_object()
        twin.priority = 1
        twin.transform(Rotation(Turn.random(random_state=k).as_matrix()))
        place = np.array([x * (0.25 + 0.25 * k), y * (0.25 + 0.5 * (k % 2)), z + 0.9 * radius])
        twin.transform(Translation(shift=place))
        parts.append(twin)
    whole = Scene(bounds=np.array([[0, 0, 0], [x, y, z + 65]]), objects=parts)
    whole.populate()
    points, species = whole.all_atoms, whole.all_species
    taken = time.perf_counter() - start
    facts = {"first": taken, "atoms": len(points), "memory": memory()}
    return {**facts, "closest": closest(points, species, (x, y))}


def twins():
    """Three twins in a gold ball of 25 Å: with the crystal made anew, and with one that is there."""
    np.random.seed(1)  # noqa: NPY002 - czone draws from numpy's global state

    def make(crystal_):
        particle = Volume(alg_objects=[Sphere(radius=25.0, center=np.zeros(3))], generator=crystal_)
        twinned = fccTwin(generator=crystal_, volume=particle, N=3).build_object()
        twinned.populate_atoms()

    there, times = gold(), {"with": [], "without": []}
    for _ in range(5):
        start = time.process_time()
        make(gold())
        times["with"].append(time.process_time() - start)
        start = time.process_time()
        make(there)
        times["without"].append(time.process_time() - start)
    return {name: float(np.median(seconds)) for name, seconds in times.items()}


def closest(points, numbers, periods):
    """Shortest distance of each pair of elements, across the seams along x and y too."""
    points = np.array(points, dtype=float)
    for axis, period in enumerate(periods):
        points[:, axis] %= period
    box = np.array([*periods, 0.0])
    names = {6: "C", 79: "Au"}
    trees = {
        z: (cKDTree(points[numbers == z], boxsize=box), points[numbers == z]) for z in names if (numbers == z).any()
    }
    found = {}
    for a in trees:
        for b in trees:
            if a > b:
                continue
            distance, _ = trees[b][0].query(trees[a][1], k=2 if a == b else 1)
            column = distance[:, 1] if a == b else distance
            found["-".join(sorted((names[a], names[b])))] = float(column.min())
    return found


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))
