"""The benchmark of many structures: bounds that do not hang on the machine, and its page."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

PLACE = Path(__file__).parents[2] / "benchmarks" / "scaling.py"


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.syspath_prepend(PLACE.parent)  # its tasks are found there by other processes
    return importlib.import_module("scaling")


def test_a_structure_with_every_label_is_at_most_20_files(scaling):
    from construction_zone.dataset.labels import NAMES

    for labels in ([], list(NAMES)):
        each, rest = scaling.files_of({**scaling.SMALL, "labels": {"include": labels}})
        assert 8 <= each <= 20
        assert rest < 30


def test_slopes_are_those_of_lines(scaling):
    rng = np.random.default_rng(0)
    assert scaling.slope([7, 10, 13, 16]) == pytest.approx(3)
    assert abs(scaling.slope(list(rng.normal(0, 1, 1000)))) < 0.01


@pytest.mark.slow
def test_memory_stays_flat_over_many_structures(scaling):
    found = scaling.alone(scaling.memory_of, 150)
    assert found["slope"] < 20e3
    assert found["most"] < found["first"] + 20e6


def test_the_page_works_the_million_out_and_warns_of_other_work(scaling):
    found = {
        "load": 0.0,
        "rates": {("workers", 1): 1.0, ("workers", 2): 1.9, ("processes", 1): 1.0, ("processes", 2): 2.0},
        "rounds": 1,
        "structures": 1,
        "steps": {"build": 1, "simulate": 1, "image": 1, "label": 1, "store": 1, "disk": 2e6},
        "scheduler": {"seconds": 0.005, "growth": 10.0},
        "tasks": 1,
        "memory": {"slope": 1e3, "first": 5e8, "most": 5e8},
        "samples": 1,
        "files": {"images and mask": (12.0, 9.0), "all labels": (17.0, 9.0)},
        "million": {"ten each": {"structures": 1e5, "seconds": 3.6, "disk": 3e7, "memory": 1e9}},
    }
    page = scaling.page_of(found)
    assert "The load" not in page
    assert "The load was 2.0 before the run" in scaling.page_of({**found, "load": 2.0})
    assert "| 60.0 | 114.0 | 1.90 |" in page
    assert (
        "100,000 × 3.60 s = 100 h | 2.1 days | 0.5 h | 100,000 × 30.00 MB = 3.00 TB | 1.7 million | 1.0 GB | 720 |"
        in page
    )
