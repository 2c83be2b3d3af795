"""Fit defocus and astigmatism of a noisy image by gradient descent through the microscope.

    python examples/fit_defocus.py

The specimen is known (its exit wave is at hand), the microscope's settings are not: the gradient of the misfit with
respect to each aberration comes through the lens, the squared wave and the pixels.
"""

from __future__ import annotations

import ase.build
import torch

import construction_zone as cz
from construction_zone.conventions import wavelength
from construction_zone.image import form
from construction_zone.image.detector import pixel_integrated

TRUTH = {"defocus": 95.0, "C12": 30.0, "phi12": 0.5}
DOSE, PIXEL = 400.0, 0.4

gold = ase.build.bulk("Au", cubic=True).repeat(5)
gold.rotate(20, "z", rotate_cell=False)
gold.rotate(8, "x", rotate_cell=False)
gold.positions += (12.8, 12.8, 14.0) - gold.positions.mean(axis=0)
gold.set_cell((25.6, 25.6, 28.0))
waves = cz.simulate.exit_waves(gold, energy=300e3, sampling=0.13, phonons=None).cropped(PIXEL)
image = cz.Microscope(**TRUTH, focal_spread=10, dose=DOSE).image(waves, seed=3)
electrons = image.array / (DOSE * image.pixel_size[0] * image.pixel_size[1])

foci, weights = cz.image.coherence.focal_nodes(10, 5)
found = torch.tensor([0.50, 0.0, 0.0], dtype=torch.float64, requires_grad=True)  # defocus, C12a, C12b in 100 Å
optimizer = torch.optim.LBFGS([found], max_iter=60, line_search_fn="strong_wolfe")


def misfit() -> torch.Tensor:
    optimizer.zero_grad()
    coefficients = {"C10": -100 * found[0], "C12a": 100 * found[1], "C12b": 100 * found[2]}
    fine = form.intensity(waves.array, waves.extent, wavelength(300e3), coefficients, foci=foci, weights=weights)
    loss = (pixel_integrated(fine, tuple(electrons.shape)) - electrons).square().mean()
    loss.backward()
    return loss


optimizer.step(misfit)
defocus, along, across = (100 * found.detach()).tolist()
fitted = cz.image.aberrations.polar({"C12a": along, "C12b": across})
print(f"defocus {defocus:.1f} Å (made with {TRUTH['defocus']:g})")
print(f"C12 {fitted['C12']:.1f} Å at {fitted['phi12']:.3f} rad (made with {TRUTH['C12']:g} at {TRUTH['phi12']:g})")
