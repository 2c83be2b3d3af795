"""What the benchmarks of the wave engine share: scenes, a converged wave, errors, abTEM, facts about the machine."""

from __future__ import annotations

import os
import platform
import warnings
from datetime import date
from importlib.metadata import version
from pathlib import Path

import ase
import ase.build
import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

import construction_zone as cz
from construction_zone.conventions import PROJECTED_POTENTIAL_FACTOR, interaction_parameter, wavelength
from construction_zone.simulate.scattering import scattering_factor

SLICE = 2.0
"""Å. Slices of all waves that are compared."""

HIGHEST = 2.0
"""Å⁻¹. Errors are of the beams up to here."""


def gold_on_carbon(cell: float = 32.0, diameter: float = 15.0) -> ase.Atoms:
    """A gold ball in a random orientation on 18 Å of uniformly random carbon, 0.11 atoms per Å³."""
    rng = np.random.default_rng(11)
    carbon = rng.uniform([0, 0, 1], [cell, cell, 19], (int(0.11 * cell**2 * 18), 3))
    return _with_ball(carbon, cell, diameter, 20.0)


def cadmium_selenide(cell: float = 32.0) -> ase.Atoms:
    """A wurtzite CdSe ball of 22 Å in a random orientation, in vacuum."""
    crystal = ase.build.bulk("CdSe", "wurtzite", a=4.2985, c=7.0150, u=0.3767).repeat(12)
    sites = Rotation.random(rng=np.random.default_rng(5)).apply(crystal.positions - crystal.positions.mean(axis=0))
    ball = np.linalg.norm(sites, axis=1) < 11
    return ase.Atoms(crystal.numbers[ball], sites[ball] + [cell / 2, cell / 2, 13], cell=(cell, cell, 26), pbc=True)


def film_and_particle(cell: float = 128.0, film: float = 50.0, diameter: float = 50.0) -> ase.Atoms:
    """A gold particle on a film of random carbon: some 94,000 atoms in a cell of 128 × 128 × 100 Å."""
    carbon = cz.Amorphous("C", density=2.20, structure="random")
    zone = cz.Zone(cz.Block.between((0, 0, 0), (cell, cell, film)), carbon, name="film")
    sites = cz.Scene([zone], cell=(cell, cell, film)).atoms(seed=1).positions
    return _with_ball(sites, cell, diameter, film)


def _with_ball(carbon: np.ndarray, cell: float, diameter: float, height: float) -> ase.Atoms:
    reach = 2 * int(diameter / 4.0782) + 4
    sites = np.argwhere(np.indices((2 * reach,) * 3).sum(axis=0) % 2 == 0) - reach
    gold = Rotation.random(rng=np.random.default_rng(4)).apply(sites * 4.0782 / 2)
    gold = gold[np.linalg.norm(gold, axis=1) < diameter / 2] + [cell / 2, cell / 2, height + diameter / 2]
    carbon = carbon[cKDTree(gold).query(carbon)[0] > 2.0]
    top = 2 * np.ceil((height + diameter) / 2)
    symbols = ["C"] * len(carbon) + ["Au"] * len(gold)
    return ase.Atoms(symbols, np.vstack([carbon, gold]), cell=(cell, cell, top), pbc=True)


def converged_wave(atoms: ase.Atoms, energy: float, sampling: float = 0.0125) -> np.ndarray:
    """The exit wave by direct sums over atoms for the structure factors, in double precision; nothing of ours in it
    but the table of scattering factors."""
    lx, _, lz = atoms.cell.lengths()
    n = round(lx / sampling)
    k, half = np.fft.fftfreq(n, lx / n), np.abs(np.fft.rfftfreq(n, lx / n))
    q = np.hypot(k[:, None], half[None, :])
    factors = {
        z: PROJECTED_POTENTIAL_FACTOR / (lx / n) ** 2 * scattering_factor(int(z), q) for z in np.unique(atoms.numbers)
    }
    band = np.hypot(k[:, None], k[None, :]) <= 2 / 3 * n / lx / 2
    count = round(lz / SLICE)
    kernel = torch.from_numpy(band * np.exp(-1j * np.pi * wavelength(energy) * lz / count * np.add.outer(k**2, k**2)))
    wave = torch.ones((n, n), dtype=torch.complex128)
    index = np.clip(np.floor(atoms.positions[:, 2] / (lz / count)).astype(int), 0, count - 1)
    for i in range(count):
        spectrum = torch.zeros((n, n // 2 + 1), dtype=torch.complex128)
        for z, factor in factors.items():
            x, y = atoms.positions[(index == i) & (atoms.numbers == z), :2].T
            rows = torch.from_numpy(np.exp(-2j * np.pi * np.outer(k, y)))
            columns = torch.from_numpy(np.exp(-2j * np.pi * np.outer(x, half)))
            spectrum += (rows @ columns) * torch.from_numpy(factor)
        phase = torch.fft.irfft2(spectrum, s=(n, n)) * interaction_parameter(energy)
        wave = torch.fft.ifft2(torch.fft.fft2(wave * torch.polar(torch.ones_like(phase), phase)) * kernel)
    return wave.numpy()


def beams(wave: np.ndarray, cell: float, highest: float = HIGHEST) -> np.ndarray:
    """Fourier coefficients of ψ − 1 with |k| < `highest` (Å⁻¹), in an order that does not depend on the grid."""
    orders = np.arange(-int(highest * cell) - 1, int(highest * cell) + 2)
    spectrum = np.fft.fft2(wave - 1, norm="forward")[np.ix_(orders, orders)]
    return spectrum[np.hypot(*np.meshgrid(orders, orders)) / cell < highest]


def error(wave: np.ndarray, reference: np.ndarray, cell: float) -> float:
    """Relative L2 error of ψ − 1 below `HIGHEST` against the `beams` of a converged wave."""
    return float(np.linalg.norm(beams(wave, cell) - reference) / np.linalg.norm(reference))


def abtem_waves(
    atoms: ase.Atoms,
    energy: float,
    sampling: float,
    *,
    slice_thickness: float = SLICE,
    configurations: int | None = None,
    displacements: dict[str, float] | None = None,
    workers: int = 1,
) -> np.ndarray:
    """Exit waves (configuration, y, x) by abTEM: infinite projection, Lobato potentials, lazy, dask `workers`."""
    import abtem
    import dask

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # abTEM's own
        frozen = atoms
        if configurations is not None:
            frozen = abtem.FrozenPhonons(atoms, num_configs=configurations, sigmas=displacements, seed=1)
        potential = abtem.Potential(
            frozen, sampling=sampling, slice_thickness=slice_thickness, projection="infinite", parametrization="lobato"
        )
        waves = abtem.PlaneWave(energy=energy).multislice(potential, lazy=True)
        with dask.config.set(scheduler="threads", num_workers=workers):
            array = np.asarray(waves.compute(progress_bar=False).array)
    return array.reshape(-1, *array.shape[-2:]).swapaxes(-1, -2)  # abTEM's axes are x, y


def machine() -> str:
    """Versions and hardware, for the foot of a table."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    names = ("construction-zone", "torch", "scipy", "numba", "numpy", "abtem")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{date.today():%Y-%m-%d}, {os.cpu_count()} cores of {model}, Python {platform.python_version()}, {versions}"
