"""Compiled code that was made from other sources than those of today is forgotten, and needs no place on disk."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from construction_zone import compiling
from construction_zone.compiling import drop_stale, fingerprint

INNER = "from numba import njit\n\n\n@njit(cache=True)\ndef inner(x):\n    return x + {}\n"
OUTER = (
    "from inner import inner\nfrom numba import njit\n\n\n@njit(cache=True)\ndef outer(x):\n    return inner(x)\n\n\n"
    "print(outer(1))\n"
)


# also from an archive that was made before the code was compiled: sources can come in with old times
@pytest.mark.parametrize("later", [-200, 200])
def test_a_function_is_compiled_again_when_one_that_it_calls_has_changed(tmp_path: Path, later: float) -> None:
    cache = tmp_path / "cache"

    def run() -> str:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
        return subprocess.run(
            [sys.executable, "outer.py"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def write(number: int, age: float) -> None:
        (tmp_path / "inner.py").write_text(INNER.format(number))
        os.utime(tmp_path / "inner.py", times=(age, age))

    def dropped() -> int:
        return drop_stale(next(folder for folder in cache.iterdir()), fingerprint(tmp_path))

    (tmp_path / "outer.py").write_text(OUTER)
    long_ago = (tmp_path / "outer.py").stat().st_mtime - 100
    write(1, long_ago)
    assert run() == "2"
    assert dropped() == 2  # nobody had said what they were made from
    assert run() == "2"
    assert dropped() == 0
    write(5, long_ago + later)
    assert run() == "2"  # numba alone has not noticed
    assert dropped() == 2
    assert run() == "6"


def test_without_a_place_for_its_cache_numba_still_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="no locator"):
        numba.njit(cache=True)(lambda x: x + 1)
    assert compiling.njit()(lambda x: x + 1)(2) == 3


def test_compiled_code_is_kept_on_disk() -> None:
    from construction_zone.simulate.fft import fields

    folder = Path(fields.rows.stats.cache_path)
    assert (folder / compiling.MARK).read_text() == fingerprint(Path(compiling.__file__).parent)
