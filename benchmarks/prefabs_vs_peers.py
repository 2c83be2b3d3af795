"""Particles with defects: this package against czone 2022.9.20 and WulffPack, in one run.

    python benchmarks/prefabs_vs_peers.py                    # makes an environment for czone under ~/.cache
    python benchmarks/prefabs_vs_peers.py --czone PYTHON     # uses one that has czone
    python benchmarks/prefabs_vs_peers.py --out docs/benchmarks/prefabs.md

Every task runs in a fresh process with one thread; told are seconds of processor time (which other work on the machine
lengthens less than the clock): the first, in which compiled code is loaded, and the median of the following ones. Twins
are filled and no more, as czone's are; the rest goes through a scene, with record and checks of distances. The
reference scene is 128 × 128 × 40 Å of amorphous carbon with five twinned 18 Å particles at random places and
orientations, merged and checked; a thousand different ones are made in one process to see whether memory grows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--czone", metavar="PYTHON", help="interpreter of an environment with czone")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "construction-zone-benchmarks")
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="also write the table, as a page, to this file")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        print(json.dumps(TASKS[given.task](given.scenes)))
        return
    peer = given.czone
    if peer is None:
        from build_vs_czone import _environment

        peer = _environment(given.cache)
    found = {name: _ask([sys.executable, __file__, "--task", name, "--scenes", str(given.scenes)]) for name in TASKS}
    found["czone"] = _ask([peer, str(HERE / "_build_czone.py"), "twins", "{}"])
    page = _page(found, given.scenes)
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")


def _ask(command: list[str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **THREADS}, cwd=HERE)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _timed(call: Callable[[int], object], rounds: int = 7) -> dict:
    """The first time of `call`, and the median of those that follow."""
    seconds, made = [], None
    for k in range(rounds):
        start = time.process_time()
        made = call(k)
        seconds.append(time.process_time() - start)
    return {"first": seconds[0], "next": median(seconds[1:]), "atoms": len(made)}  # type: ignore[arg-type]


def _atoms(zone: object) -> object:
    import construction_zone as cz

    return cz.Scene.fitted([zone]).atoms()


def _twins(_: int) -> dict:
    import construction_zone as cz

    gold = cz.Crystal.fcc("Au")

    def make(crystal: object, seed: int) -> object:
        zone = cz.prefabs.twinned(crystal, radius=25, count=3, seed=seed)
        return zone.generator.fill(zone.volume, cell=(60, 60, 60), periodic=(False,) * 3, seed=seed)

    with_crystal = _timed(lambda k: make("fcc Au", k), rounds=15)
    without = _timed(lambda k: make(gold, k), rounds=15)
    return {**with_crystal, "without": without["next"]}


def _wulff(_: int) -> dict:
    import construction_zone as cz

    energies = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
    return _timed(lambda _: _atoms(cz.prefabs.wulff("fcc Au", energies=energies, atoms=100_000)), rounds=4)


def _wulffpack(_: int) -> dict:
    from ase.build import bulk
    from wulffpack import SingleCrystal

    def make(_: int) -> object:
        energies = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
        return SingleCrystal(energies, primitive_structure=bulk("Au", a=4.0782), natoms=100_000).atoms

    return _timed(make, rounds=2)


def _decahedron(_: int) -> dict:
    import construction_zone as cz

    return _timed(lambda _: _atoms(cz.prefabs.decahedron("fcc Au", edge=40, column=22)), rounds=4)


def _icosahedron(_: int) -> dict:
    import construction_zone as cz

    return _timed(lambda _: _atoms(cz.prefabs.icosahedron("fcc Au", shells=31)), rounds=4)


def _polycrystal(_: int) -> dict:
    import construction_zone as cz

    edge = (1_000_000 / 4) ** (1 / 3) * 4.0782
    block = cz.Block((edge, edge, edge))
    return _timed(lambda k: _atoms(cz.prefabs.polycrystal("fcc Au", volume=block, grains=100, seed=k)), rounds=3)


def _scenes(count: int) -> dict:
    import numpy as np

    import construction_zone as cz
    from construction_zone.build import checks
    from construction_zone.build.transforms import random_rotation

    film = cz.Zone(cz.Block.between((0, 0, 2), (128, 128, 42)), cz.Amorphous("C", density=2.2), name="film", priority=1)

    def make(k: int) -> object:
        rng = np.random.default_rng(k)
        spots = rng.permutation(9)[:5]
        zones = [film]
        for n, spot in enumerate(spots):
            count = int(rng.integers(0, 3))
            particle = cz.prefabs.twinned("fcc Au", radius=18, count=count, seed=10 * k + n, name=f"particle {n}")
            place = (21 + 42 * (spot % 3) + rng.uniform(-2, 2), 21 + 42 * (spot // 3) + rng.uniform(-2, 2), 62.0)
            zones.append(particle.moved(random_rotation(rng)).shifted(place))
        atoms = cz.Scene(zones, cell=(128, 128, 90)).atoms(seed=k)
        assert checks.report(atoms).ok
        return atoms

    first = _timed(make, rounds=5)
    start, memory = time.process_time(), []
    for k in range(count):
        make(100 + k)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    taken = (time.process_time() - start) / count
    return {**first, "each": taken, "memory_at_tenth": memory[count // 10], "memory_at_end": memory[-1]}


TASKS: dict[str, Callable[[int], dict]] = {
    "twins": _twins,
    "wulff": _wulff,
    "wulffpack": _wulffpack,
    "decahedron": _decahedron,
    "icosahedron": _icosahedron,
    "polycrystal": _polycrystal,
    "scenes": _scenes,
}


def _page(found: dict[str, dict], scenes: int) -> str:
    twins, peer, wulff, pack = found["twins"], found["czone"], found["wulff"], found["wulffpack"]
    scene = found["scenes"]
    rows = [
        ("three twins in a 25 Å ball, with the crystal", twins["first"], twins["next"], peer["with"]),
        ("the same, without the crystal", None, twins["without"], peer["without"]),
        (f"Wulff, {wulff['atoms']:,} atoms", wulff["first"], wulff["next"], pack["next"]),
        (f"decahedron, {found['decahedron']['atoms']:,} atoms", *_both(found["decahedron"]), None),
        (f"icosahedron, {found['icosahedron']['atoms']:,} atoms", *_both(found["icosahedron"]), None),
        (f"Voronoi polycrystal, {found['polycrystal']['atoms']:,} atoms", *_both(found["polycrystal"]), None),
        (f"reference scene, {scene['atoms']:,} atoms", *_both(scene), None),
    ]
    table = "\n".join(
        f"| {task} | {_ms(first)} | {_ms(after)} | {_ms(other)} | {'' if other is None else f'{other / after:.0f}×'} |"
        for task, first, after, other in rows
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("construction-zone", "numpy", "numba", "wulffpack"))
    return f"""# Prefabs beside czone and WulffPack

One thread, each task in a process of its own; seconds of processor time. *First* includes what is compiled or read
once; *then* is the median of further ones. The peer is czone 2022.9.20 for twins (with its crystal from a space group,
and without) and WulffPack for the Wulff particle.

| task | first | then | peer | peer / then |
|---|---|---|---|---|
{table}

{scenes:,} different reference scenes in one process: {_ms(scene["each"])} each, peak memory
{scene["memory_at_tenth"]:.0f} MB after a tenth of them and {scene["memory_at_end"]:.0f} MB after all.

Made by `benchmarks/prefabs_vs_peers.py` on {date.today():%Y-%m-%d}, {os.cpu_count()} cores, load
{os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {versions}.
"""


def _both(task: dict) -> tuple[float, float]:
    return task["first"], task["next"]


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{1e3 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


if __name__ == "__main__":
    main()
