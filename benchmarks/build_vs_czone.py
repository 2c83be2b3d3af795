"""Building atoms: this package against czone 2022.9.20, in one run.

    python benchmarks/build_vs_czone.py                    # makes an environment for czone under ~/.cache
    python benchmarks/build_vs_czone.py --czone PYTHON     # uses one that has czone
    python benchmarks/build_vs_czone.py --out docs/benchmarks/build.md

czone needs pip < 24.1 to install and its own environment. Each task of each code runs in a fresh process; the first
time that a task is done there is told apart from the median of the following ones, and so is what compiling costs where
numba's cache is empty. The two codes take turns, so that other load on the machine meets both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
CZONE = "2022.9.20"
PIP = "23.2.1"
"""The last pip but one that takes czone's requirement "pymatgen>=2022.x.x"."""

THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--czone", metavar="PYTHON", help="interpreter of an environment with czone")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "construction-zone-benchmarks")
    parser.add_argument("--out", type=Path, help="also write the tables, as a page, to this file")
    parser.add_argument("--small", action="store_true", help="small sizes, to see whether everything runs")
    given = parser.parse_args()
    peer = given.czone or _environment(given.cache)
    page = _page(_run(peer, given.small))
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")


def _environment(cache: Path) -> str:
    """The interpreter of an environment with czone under `cache`, made if needed."""
    folder = cache / f"czone-{CZONE}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"making an environment for czone {CZONE} in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        for what in (f"pip=={PIP}", f"czone=={CZONE}"):
            subprocess.run([python, "-m", "pip", "install", "--quiet", what], check=True)
        (folder / "ready").touch()
    return str(python)


def _ask(python: str, script: str, task: str, extra: dict[str, str] | None = None, **options: float) -> dict:
    """What the task of a script found, in a process of its own; where it failed, why."""
    command = [python, str(HERE / script), task, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **THREADS, **(extra or {})})
    print(f"  {script} {task} {options or ''}: {done.returncode}", file=sys.stderr)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["killed"])[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def _run(peer: str, small: bool) -> dict:
    def ours(task: str, **options: float) -> dict:
        return _ask(sys.executable, "_build_ours.py", task, **options)

    def theirs(task: str, **options: float) -> dict:
        return _ask(peer, "_build_czone.py", task, **options)

    def uncompiled(task: str, **options: float) -> dict:
        with tempfile.TemporaryDirectory() as empty:
            return _ask(sys.executable, "_build_ours.py", task, {"NUMBA_CACHE_DIR": empty}, **options)

    film = {"x": 70, "y": 70, "z": 20} if small else {"x": 128, "y": 128, "z": 50}
    sizes = [10**4, 10**5] if small else [10**4, 10**5, 10**6, 10**7]
    rounds = {"rounds": 2 if small else 5}
    found = {
        "versions": {"ours": ours("versions"), "czone": theirs("versions")},
        "film": {"ours": ours("random_film", **film, **rounds), "czone": theirs("random_film", **film)},
        "relaxed": {"ours": ours("relaxed_film", **film, **rounds)},
        "crystal": {"ours": ours("crystal"), "czone": theirs("crystal")},
        "scene": {"ours": ours("scene", **film, **rounds), "czone": theirs("scene", **film)},
        "merge": {"ours": ours("merge_and_check", atoms=sizes[-1] if small else 10**6)},
        "floor": ours("memory", megabytes=64 if small else 512),
        "ball": {n: {"ours": ours("ball", atoms=n), "czone": theirs("ball", atoms=n)} for n in sizes},
        "compiling": {
            "random_film": uncompiled("random_film", x=40, y=40, z=20, rounds=1),
            "scene": uncompiled("scene", x=70, y=70, z=20, rounds=1),
            "merge_and_check": uncompiled("merge_and_check", atoms=10**4),
        },
        "growth": {
            n: {"film": ours("random_film_of", atoms=n), "merge": ours("merge_and_check", atoms=n)} for n in sizes
        },
    }
    return found


def _page(found: dict) -> str:
    floor = found["floor"]["bytes_per_second"]
    versions = found["versions"]
    lines = [
        "# Building atoms: time, memory and smallest distances",
        "",
        f"Made by `python benchmarks/build_vs_czone.py --out docs/benchmarks/build.md` on {date.today()}, on "
        f"{_processor()} ({os.cpu_count()} logical cores, one thread used, "
        f"load average {os.getloadavg()[0]:.1f} at the end), {platform.system()}, "
        f"Python {platform.python_version()}. Ours: {_listed(versions['ours'])}. Peer: {_listed(versions['czone'])}.",
        "",
        "Each task of each code ran in a fresh process. *First* is the first time in the process, with kernels loaded "
        "from numba's cache; *then* is the median of the following ones, each with a new seed. The ratio is czone's "
        "time over our *then*. Memory is the peak of the whole process, imports included. In brackets, what was asked.",
        "",
        "| Task | ours, first | ours, then | czone | ratio | memory: ours | czone | atoms: ours | czone |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [
        ("random a-C film (≥ 200×)", found["film"]),
        ("relaxed a-C film, same size (< 0.3 s)", found["relaxed"]),
        ("a prototype crystal made (< 5 ms)", found["crystal"]),
        ("film and three twinned balls (≥ 50×)", found["scene"]),
        *((f"gold ball of {n:,} atoms (≥ 4×)", pair) for n, pair in found["ball"].items()),
        ("merge and check 10⁶ atoms (< 2 s)", found["merge"]),
    ]
    lines += [_row(name, pair) for name, pair in rows]
    compiling = ", ".join(
        f"{task.replace('_', ' ')} {_time(facts['first'])}"
        for task, facts in found["compiling"].items()
        if "first" in facts
    )
    lines += ["", f"With numba's cache empty, once after installing, the first call takes: {compiling}."]
    check = found["merge"]["ours"]
    if "then" in check:
        lines += [
            "",
            f"Merging and checking: {check['atoms']:,} atoms of {check['zones']} zones that overlap; merging, "
            f"per-atom arrays, the record and the refusal of atoms that coincide or leave the cell take "
            f"{_time(check['merge'])}, the full report (closest approaches and contacts, density, composition, "
            f"coordination, g(r), atoms outside) another {_time(check['report'])}.",
        ]
    lines += [
        "",
        "## Smallest distances, Å",
        "",
        "| Scene | pair | asked | ours | czone |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, pair in (("random a-C film", found["film"]), ("film and three twinned balls", found["scene"])):
        ours, peer = pair["ours"].get("closest", {}), pair["czone"].get("closest", {})
        for between in sorted(ours.keys() | peer.keys()):
            asked = pair["ours"].get("asked", {}).get(between, "–")
            lines.append(f"| {name} | {between} | {asked} | {_length(ours, between)} | {_length(peer, between)} |")
    lines += [
        "",
        "Distances across the periodic seams (x and y) count in both codes. Gold–gold is the crystal's own, "
        "4.0782 / √2 Å; less than that means atoms on top of each other where twin and matrix meet.",
        "",
        "## Bytes moved, and growth from 10⁴ to 10⁷ atoms",
        "",
        f"Memory bandwidth in this run, `numpy.copyto` of {found['floor']['megabytes']:g} MB: {floor / 1e9:.1f} GB/s "
        "read and written. The floor of a task is the time to write the arrays that it returns once at that rate.",
        "",
        "| Task | atoms | bytes per atom | time per atom | floor per atom | time over floor | peak memory |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for n, pair in found["ball"].items():
        lines.append(_growth("gold ball", n, pair["ours"], floor))
    for n, row in found["growth"].items():
        lines.append(_growth("random a-C", n, row["film"], floor))
    for n, row in found["growth"].items():
        lines.append(_growth("merge and check", n, row["merge"], floor))
    return "\n".join([*lines, ""])


def _row(name: str, pair: dict) -> str:
    ours, peer = pair["ours"], pair.get("czone", {})
    cells = [name]
    cells += [ours["failed"], "–"] if "failed" in ours else [_time(ours["first"]), _time(ours["then"])]
    cells.append(_time(peer["first"]) if "first" in peer else peer.get("failed", "–"))
    cells.append(f"{peer['first'] / ours['then']:.0f}×" if "first" in peer and "then" in ours else "–")
    cells += [f"{side['memory'] / 1e9:.2f} GB" if "memory" in side else "–" for side in (ours, peer)]
    cells += [f"{side['atoms']:,}" if "atoms" in side else "–" for side in (ours, peer)]
    return "| " + " | ".join(cells) + " |"


def _growth(name: str, atoms: int, ours: dict, floor: float) -> str:
    if "failed" in ours:
        return f"| {name} | {atoms:,} | {ours['failed']} | – | – | – | – |"
    least = ours["bytes_per_atom"] / floor
    each = ours["then"] / ours["atoms"]
    return (
        f"| {name} | {ours['atoms']:,} | {ours['bytes_per_atom']:.0f} | {each * 1e9:,.0f} ns | {least * 1e9:.1f} ns "
        f"| {each / least:,.0f}× | {ours['memory'] / 1e9:.2f} GB |"
    )


def _length(found: dict, pair: str) -> str:
    return f"{found[pair]:.3f}" if pair in found else "–"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _listed(versions: dict) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items() if name not in ("memory", "failed"))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
