"""Imports between rooms go one way, and heavy packages are imported only where they are used."""

import ast
import resource
import subprocess
import sys
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "construction_zone"
FOUNDATIONS = {"compiling", "conventions", "distributions", "errors", "seeding"}
CHAIN = ["build", "simulate", "image", "label", "dataset"]
MAY_IMPORT = {room: FOUNDATIONS | set(CHAIN[: i + 1]) for i, room in enumerate(CHAIN)}
MAY_IMPORT["learn"] = FOUNDATIONS | {"dataset", "learn"}
MAY_IMPORT["show"] = FOUNDATIONS | {*CHAIN, "learn", "show"}
MAY_IMPORT["cli"] = FOUNDATIONS | {*CHAIN, "learn", "show", "cli"}
MAY_IMPORT.update(dict.fromkeys(FOUNDATIONS, FOUNDATIONS))

GLOBAL_RANDOM_STATE = {"seed", "rand", "randn", "random", "uniform", "normal", "choice", "shuffle", "permutation"}


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "construction_zone":
            names = [f"construction_zone.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        elif isinstance(node, ast.ImportFrom):
            pytest.fail(f"{path.relative_to(PACKAGE)}: write imports in full, from construction_zone.… import …")
        rooms |= {name.split(".")[1] for name in names if name.startswith("construction_zone.")}
    return rooms


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_lies_before_them(path: Path) -> None:
    room = room_of(path)
    beyond = imported_rooms(path) - MAY_IMPORT[room]
    # a lone `from construction_zone import __version__` names no room
    assert beyond - {"__version__"} == set(), f"{room} must not import {beyond}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_global_random_state(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = ast.unparse(node.func.value)
        assert not (owner in ("np.random", "numpy.random", "random") and node.func.attr in GLOBAL_RANDOM_STATE)
        assert f"{owner}.{node.func.attr}" != "torch.manual_seed", "seed a torch.Generator instead"


def test_building_needs_no_torch_and_imports_fast() -> None:
    code = "import sys, construction_zone as cz; cz.Crystal, cz.Scene; sys.exit('torch' in sys.modules)"
    seconds = []
    for _ in range(3):  # the fastest of three: the first one fills the disk cache
        start = processor_time()
        subprocess.run([sys.executable, "-c", code], check=True)
        seconds.append(processor_time() - start)
    assert min(seconds) < 1.5


def processor_time() -> float:
    """Seconds of processor time of all processes that this one has started; other work does not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    # by default pytest leaves out folders called build, of which there is one
    tests = Path(__file__).parents[1]
    folders = {path.parent for path in tests.rglob("test_*.py")}
    for pattern in pytestconfig.getini("norecursedirs"):
        assert not [f for f in folders if fnmatch(f.relative_to(tests).as_posix(), pattern) or fnmatch(f.name, pattern)]


def test_no_two_modules_of_tests_have_the_same_name() -> None:
    # pytest imports them by name alone
    names = Counter(path.name for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_numba_is_used_through_its_door() -> None:
    # whose import removes compiled code that is older than a source
    for path in sources():
        if path.name not in ("compiling.py", "lanes.py"):
            assert "numba" not in {name.split(".")[0] for name in imported_modules(path)}, path


def imported_modules(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
