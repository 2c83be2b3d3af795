"""The tasks of `build_vs_czone.py`, done by this package: ``python _build_ours.py TASK '{"option": value}'``."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import construction_zone as cz
from construction_zone.build import checks, realise, transforms

AMORPHOUS_CARBON = 0.1103075
"""Atoms per Å³, czone's default; 2.20 g/cm³."""

DENSITY = AMORPHOUS_CARBON * 12.011 / 6.02214076e23 * 1e24
GOLD = 4.0782
CLEARANCE = 2.0


def versions() -> dict[str, Any]:
    from importlib.metadata import version

    return {name: version(name) for name in ("construction-zone", "numpy", "numba", "scipy", "ase")}


def random_film(x: float, y: float, z: float, rounds: int) -> dict[str, Any]:
    carbon = cz.Amorphous("C", density=DENSITY, structure="random", min_distance=1.4)
    atoms, times = _timed(lambda seed: _film(carbon, x, y, z, seed), rounds)
    return times | _facts(atoms) | {"closest": checks.closest(_in_cell(atoms, x, y, z)), "asked": {"C-C": 1.4}}


def relaxed_film(x: float, y: float, z: float, rounds: int) -> dict[str, Any]:
    carbon = cz.Amorphous("C", density=DENSITY, structure="relaxed")
    atoms, times = _timed(lambda seed: _film(carbon, x, y, z, seed), rounds)
    return times | _facts(atoms) | {"closest": checks.closest(_in_cell(atoms, x, y, z))}


def random_film_of(atoms: int) -> dict[str, Any]:
    edge = (atoms / AMORPHOUS_CARBON) ** (1 / 3)
    carbon = cz.Amorphous("C", density=DENSITY, structure="random", min_distance=1.4)
    made, times = _timed(lambda seed: _film(carbon, edge, edge, edge, seed), 1 if atoms > 10**6 else 3)
    return times | _facts(made)


def crystal() -> dict[str, Any]:
    names = ["fcc Au", "wurtzite CdSe", "rutile TiO2", "spinel Fe3O4", "bcc Fe"]
    made, times = _timed(lambda seed: [cz.Crystal.named(name) for name in names], 20)
    return {"first": times["first"] / len(names), "then": times["then"] / len(made), "memory": _memory()}


def ball(atoms: int) -> dict[str, Any]:
    radius = (atoms * GOLD**3 / 4 * 3 / 4 / np.pi) ** (1 / 3)
    gold = cz.Crystal.fcc("Au", a=GOLD)
    middle = (radius, radius, radius)
    cell = (2 * radius, 2 * radius, 2 * radius)

    def fill(seed: int) -> Any:
        return gold.moved(transforms.rotation((1, 2, 3), 10 * seed)).fill(
            cz.Ball(radius, middle), cell=cell, periodic=(False, False, False)
        )

    made, times = _timed(fill, 1 if atoms > 10**6 else 5)
    return times | _facts(made)


def scene(x: float, y: float, z: float, rounds: int) -> dict[str, Any]:
    """A film with three gold balls of 20 to 25 Å, each cut by a twin plane through its middle."""

    def make(seed: int) -> Any:
        carbon = cz.Amorphous("C", density=DENSITY, structure="random", min_distance=1.4)
        zones = [cz.Zone(cz.Block.between((0, 0, 5), (x, y, 5 + z)), carbon, name="film", priority=1)]
        rng = np.random.default_rng(seed)
        scale = min(1.0, x / 100)
        for k, radius in enumerate((20.0 * scale, 22.5 * scale, 25.0 * scale)):
            place = np.array([x * (0.25 + 0.25 * k), y * (0.25 + 0.5 * (k % 2)), 5 + z + 0.9 * radius])
            zones += twinned(cz.Crystal.fcc("Au", a=GOLD), radius, place, transforms.random_rotation(rng), f"ball {k}")
        return cz.Scene(zones, cell=(x, y, z + 70), min_distance=CLEARANCE).atoms(seed=seed)

    atoms, times = _timed(make, rounds)
    asked = {"C-C": 1.4, "Au-C": CLEARANCE, "Au-Au": f"{GOLD / np.sqrt(2):.3f}"}
    return times | _facts(atoms) | {"closest": checks.closest(atoms), "asked": asked}


def twinned(gold: Any, radius: float, place: Any, turn: Any, name: str) -> list[Any]:
    """Two zones: a half ball, and one of the crystal mirrored in a (111) plane of atoms."""
    normal = turn.apply_direction([1, 1, 1])
    normal /= np.linalg.norm(normal)
    half = gold.moved(turn).shifted(place)
    twin = half.moved(transforms.reflection(normal, place))
    # the plane of atoms belongs to the lower half alone
    cut = place + 0.1 * normal
    ball_ = cz.Ball(radius, tuple(place))
    lower = ball_ & cz.HalfSpace(tuple(normal), tuple(cut))
    upper = ball_ & cz.HalfSpace(tuple(-normal), tuple(cut))
    return [cz.Zone(lower, half, name=name), cz.Zone(upper, twin, name=f"{name}, twin")]


def merge_and_check(atoms: int) -> dict[str, Any]:
    """Filled zones merged into a scene and checked; the filling itself is not counted."""
    a = 3.5668 * (0.17626 / AMORPHOUS_CARBON) ** (1 / 3)
    edge = a * round((atoms / 0.0632) ** (1 / 3) / a)
    carbon = cz.Crystal.named("diamond C", a=a)
    zones = [cz.Zone(cz.Block.between((0, 0, 0.05 * edge), (edge, edge, 0.5 * edge)), carbon, name="film", priority=1)]
    radius = edge / 4.2
    for k, (u, v) in enumerate(((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))):
        place = (u * edge, v * edge, 0.5 * edge + 0.9 * radius)
        gold = cz.Crystal.fcc("Au", a=GOLD).moved(transforms.rotation((1, 2, 3), 20 * k)).shifted(place)
        zones.append(cz.Zone(cz.Ball(radius, place), gold, name=f"ball {k}"))
    scene_ = cz.Scene(zones, cell=(edge, edge, 1.05 * edge), min_distance={("C", "Au"): 2.2, "default": 2.0})
    parts = [realise.filled(scene_, zone, 0) for zone in scene_.zones]
    merge, report, whole = [], [], []
    for _ in range(2 if atoms > 10**6 else 4):
        start = time.perf_counter()
        made = realise.joined(scene_, parts, 0)
        middle = time.perf_counter()
        found = checks.report(made)
        end = time.perf_counter()
        merge.append(middle - start)
        report.append(end - middle)
        whole.append(end - start)
    return _facts(made) | {
        "first": whole[0],
        "then": statistics.median(whole[1:]),
        "merge": statistics.median(merge[1:]),
        "report": statistics.median(report[1:]),
        "zones": len(zones),
        "closest": found.closest,
    }


def memory(megabytes: float) -> dict[str, Any]:
    """Bytes read and written a second by numpy's copy; the best of several."""
    source = np.ones(int(megabytes * 1e6 / 8))
    target = np.empty_like(source)
    best = np.inf
    for _ in range(7):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return {"bytes_per_second": 2 * source.nbytes / best, "megabytes": megabytes}


def _film(material: Any, x: float, y: float, z: float, seed: int) -> Any:
    return material.fill(cz.Block.between((0, 0, 0), (x, y, z)), cell=(x, y, z), seed=seed)


def _in_cell(atoms: Any, x: float, y: float, z: float) -> Any:
    whole = atoms.copy()
    whole.cell, whole.pbc = (x, y, z), (True, True, False)
    return whole


def _timed(make: Callable[[int], Any], rounds: int) -> tuple[Any, dict[str, float]]:
    """What `make` gives, and how long it took first and then (median)."""
    start = time.perf_counter()
    made = make(0)
    times = {"first": time.perf_counter() - start}
    then = []
    for seed in range(1, rounds + 1):
        start = time.perf_counter()
        made = make(seed)
        then.append(time.perf_counter() - start)
    return made, times | {"then": statistics.median(then)}


def _facts(atoms: Any) -> dict[str, Any]:
    """To be called before anything is made of `atoms`, which would raise the peak of memory."""
    moved = sum(array.nbytes for array in atoms.arrays.values())
    return {"atoms": len(atoms), "bytes_per_atom": moved / len(atoms), "memory": _memory()}


def _memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))
