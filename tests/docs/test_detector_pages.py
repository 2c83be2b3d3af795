"""The page about dose, detectors and realism: its code runs, its pictures are those that the script draws."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from construction_zone.image import detectors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "detectors_and_realism.md").read_text(encoding="utf-8")
PICTURES = ("dose_series.png", "detectors.png", "distortions.png", "realism.png")


@pytest.mark.parametrize("block", re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
def test_each_block_of_code_runs(block: str) -> None:
    exec(compile(block, "detectors_and_realism.md", "exec"), {})


def test_the_users_file_on_the_page_is_read(tmp_path: Path) -> None:
    path = tmp_path / "camera.csv"
    path.write_text(re.findall(r"^```\n(frequency.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0])
    assert detectors.from_csv(path, dqe_zero=0.5).dqe(0.0) == pytest.approx(0.5)


def test_the_script_draws_the_pages_pictures(tmp_path: Path) -> None:
    place = ROOT / "examples" / "detectors_and_realism.py"
    specification = importlib.util.spec_from_file_location("detectors_and_realism_example", place)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    contrast = module.main(tmp_path, radius=6.0, film=4.0, length=32.0)
    for name in PICTURES:
        assert (tmp_path / name).stat().st_size > 10_000
        assert (ROOT / "docs" / "images" / name).stat().st_size < 150_000
        assert f"../images/{name}" in PAGE
    # what each knob takes away, but for contamination, which adds speckle of its own, and noise, which is left out
    values = list(contrast.values())
    assert values[0] > values[1] > values[3] > values[4] > values[6]
    for name in contrast:
        assert f"| {name} |" in PAGE


def test_the_benchmark_of_the_sampler_prints_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    place = ROOT / "benchmarks" / "poisson_sampler.py"
    specification = importlib.util.spec_from_file_location("poisson_sampler_benchmark", place)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    table = module.main(pixels=200_000, rounds=2)
    assert set(table) == set(module.MEANS)
    assert table[16.0]["one thread"] > 2 * table[16.0]["torch.poisson"]
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(table)
