"""Compiled code that is older than a source of the package is forgotten."""

import os
import subprocess
import sys
from pathlib import Path

from construction_zone.compiling import drop_stale

INNER = "from numba import njit\n\n\n@njit(cache=True)\ndef inner(x):\n    return x + {}\n"
OUTER = (
    "from inner import inner\nfrom numba import njit\n\n\n@njit(cache=True)\ndef outer(x):\n    return inner(x)\n\n\n"
    "print(outer(1))\n"
)


def test_a_function_is_compiled_again_when_one_that_it_calls_has_changed(tmp_path: Path) -> None:
    def run() -> str:
        return subprocess.run(
            [sys.executable, "outer.py"], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    def write(number: int, age: float) -> None:
        (tmp_path / "inner.py").write_text(INNER.format(number))
        os.utime(tmp_path / "inner.py", times=(age, age))

    (tmp_path / "outer.py").write_text(OUTER)
    long_ago = (tmp_path / "outer.py").stat().st_mtime - 100
    write(1, long_ago)
    assert run() == "2"
    assert drop_stale(tmp_path) == 0
    write(5, long_ago + 200)
    assert run() == "2"  # numba alone has not noticed
    assert drop_stale(tmp_path) == 2
    assert run() == "6"
