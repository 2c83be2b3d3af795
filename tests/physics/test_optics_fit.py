"""Gradients through the microscope: to every aberration, the wave and the sums, and a fit that uses them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.image import aberrations, coherence, form
from construction_zone.image.detector import pixel_integrated

ROOT = Path(__file__).parents[2]
LAMBDA = wavelength(300e3)


def test_gradients_of_an_image_reach_every_aberration_and_the_wave() -> None:
    rng = np.random.default_rng(1)
    wave = torch.from_numpy(1 + 0.3 * (rng.normal(size=(1, 4, 6)) + 1j * rng.normal(size=(1, 4, 6)))).requires_grad_()
    names = aberrations.NAMES
    # each about half a radian at the corner, so that finite differences see all of them
    sizes = {f"C{n}{m}": 0.5 * LAMBDA / (LAMBDA * 1.2) ** (n + 1) for n, m in aberrations.TERMS}
    values = torch.tensor([rng.normal() for _ in names], dtype=torch.float64, requires_grad=True)
    tilts, shares = coherence.tilt_nodes(0.3, 2)

    def image(wave: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        given = {name: value * sizes.get(name, 1.0) for name, value in zip(names, values, strict=True)}
        fine = form.intensity(
            wave, (2.0, 3.0), LAMBDA, given,
            foci=(-9.0, 9.0), weights=(0.5, 0.5), tilts=tilts, tilt_weights=shares, semiangle=40.0, edge=8.0,
        )  # fmt: skip
        return pixel_integrated(fine, (4, 6))

    assert torch.autograd.gradcheck(image, (wave, values), fast_mode=True)


@pytest.mark.parametrize("given", [{"C12a": 20.0, "C12b": -5.0}, {"C12": 20.0, "phi12": 0.3}])
def test_the_differentiable_path_gives_the_same_image(given: dict[str, float]) -> None:
    rng = np.random.default_rng(1)
    wave = torch.from_numpy(1 + 0.3 * (rng.normal(size=(2, 20, 24)) + 1j * rng.normal(size=(2, 20, 24))))
    tensors = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in given.items()}
    settings = {"foci": (-9.0, 9.0), "weights": (0.5, 0.5), "source_size": 0.3}
    plain = form.intensity(wave, (4.0, 4.8), LAMBDA, given, **settings)
    through = form.intensity(wave, (4.0, 4.8), LAMBDA, tensors, **settings)
    assert through.requires_grad
    torch.testing.assert_close(through.detach(), plain)


def test_the_example_finds_defocus_and_astigmatism_of_a_noisy_image(tmp_path: Path) -> None:
    script = ROOT / "examples" / "fit_defocus.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    found = [float(v) for v in re.findall(r"(?:defocus|C12|at) (\d+\.\d+)", done.stdout)]
    assert found[:3] == [pytest.approx(95.0, abs=2.5), pytest.approx(30.0, abs=2.5), pytest.approx(0.5, abs=0.05)]
