"""From atoms to exit waves: the calls that users make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import ase
import numpy as np
import torch

from construction_zone import seeding
from construction_zone.simulate import engines
from construction_zone.simulate.job import prepare
from construction_zone.simulate.multislice import Split
from construction_zone.simulate.phonons import Displacements
from construction_zone.simulate.plan import Estimate, check_memory, with_seconds
from construction_zone.simulate.progress import Progress, Step
from construction_zone.simulate.propagation import Tilt
from construction_zone.simulate.scattering import Parametrization
from construction_zone.simulate.slicing import SliceThickness
from construction_zone.simulate.threads import torch_on_one
from construction_zone.simulate.waves import ExitWaves


def exit_waves(
    atoms: ase.Atoms | Iterable[ase.Atoms],
    *,
    energy: float = 300e3,
    sampling: float = 0.1,
    shape: tuple[int, int] | None = None,
    slice_thickness: SliceThickness = 2.0,
    phonons: int | range | None = 8,
    displacements: Displacements = None,
    seed: seeding.Seed = 0,
    tilts: Sequence[Tilt] | None = None,
    depths: Sequence[float] | None = None,
    parametrization: Parametrization = "lobato",
    cores: bool = True,
    split: Split = "standard",
    pad: float = 0.0,
    engine: str = "torch",
    workers: int | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.complex64,
    progress: bool = False,
) -> ExitWaves:
    """Simulate the exit waves of `atoms` by multislice with frozen phonons.

    Parameters
    ----------
    atoms
        in an orthogonal cell whose height is the path of the beam (+z); the cell repeats in x and y. Or the snapshots
        of a trajectory, each of which is a configuration (`phonons` and `displacements` do not apply): the same atoms
        in the same cell, slices taken from the first.
    energy
        of the electrons, in eV.
    sampling
        largest distance between samples, in Å; the grid's sizes are rounded up to ones that suit the FFT, which the
        result's `sampling` tells.
    shape
        the grid's sizes (ny, nx) instead, taken as they are: `Grid.fast_shape` has the next ones that suit the FFT, and
        sizes with prime factors above 13 take up to seven times as long.
    slice_thickness
        largest thickness of equal slices in Å; or one slice to each lattice plane; or the thickness of every slice.
        Each atom acts wholly in the slice that its position at rest lies in.
    phonons
        number of frozen-phonon configurations, or the range of their numbers (range(8, 16): eight more); None for one
        configuration of atoms at rest.
    displacements
        rms thermal displacement per axis in Å: one number, one per element symbol, or an array for each atom, also
        anisotropic (see `phonons.displacement_roots`); by default what the atoms' phases say (array ``thermal_u``),
        then the elements' values at 300 K.
    seed
        of the displacements. Configuration k is the same however many are made, and an atom (by its array ``id``)
        moves alike in any subset of a scene.
    tilts
        tilts of the beam towards x and y in mrad, each of which gives waves in the tilted beam's own frame (leading
        axis "tilt"). For tilts of more than a degree or two rotate the atoms (`tilted`).
    depths
        heights in Å from the entrance, on boundaries of slices, at which waves are wanted (axis "depth").
        Default: the exit face alone.
    parametrization
        "lobato" or "kirkland" scattering factors.
    cores
        whether the atoms' cores are given back to the transmission function (see `core`).
    split
        "standard" or "symmetric": a slice acts at its entrance, as in other codes, or in its middle, whose error is of
        second order in the thickness.
    pad
        Å of vacuum added on each side in x and y, for cells that are not periodic; see
        `ExitWaves.without_padding`.
    engine
        "torch" or "abtem": ours, or abTEM's (extra "abtem"; GPL) on the same grid, slices and displacements.
    workers
        CPU threads that take configurations side by side. Default: as many as torch uses. Bits do not depend on it.
    device, dtype
        where and how to compute: torch.complex64, or torch.complex128 for reference.
    progress
        show a progress bar.

    Returns
    -------
    ExitWaves
        array ([tilt,] [depth,] configuration, y, x) at the exit face, z = the cell's height.

    Raises
    ------
    InvalidInput
        if the atoms, their cell, an element or a parameter cannot be used (`GridError` for the grid and its memory).

    Notes
    -----
    Displacements along the beam are left out: within a slice's infinite projection they act only where an atom would
    change slice, so that they could but empty one slice into the next.
    """
    settings = {name: value for name, value in locals().items() if name != "atoms"}
    return exit_wave_variants(atoms, None, **settings)["all"]


def exit_wave_variants(
    atoms: ase.Atoms | Iterable[ase.Atoms],
    variants: Mapping[str, object] | None,
    *,
    engine: str = "torch",
    workers: int | None = None,
    progress: bool = False,
    **settings: Any,
) -> dict[str, ExitWaves]:
    """Exit waves of subsets of `atoms`, such as the whole scene and its particles in vacuum, in one run.

    Slices that hold the same atoms in several variants are made once. `variants` names each subset and gives booleans
    (n,) or indices (None: all atoms, as "all"); the settings are those of `exit_waves`. In every variant an atom has
    the same displacement.
    """
    job = prepare(atoms, variants=variants, **settings)
    batch, threads = job.batch(workers)
    check_memory(job.estimate(batch * threads), job.optics.device)
    compute = engines.engine(engine)(job.specimen, job.optics)
    shape = (len(job.names), len(job.optics.tilts), len(job.optics.depths), job.configurations)
    waves = torch.empty((*shape, *job.optics.grid.shape), dtype=job.optics.dtype, device=job.optics.device)
    starts = range(0, job.configurations, batch)
    with Progress(progress, len(starts) * max(job.optics.depths)) as step_done:

        def run(start: int) -> None:
            moved = np.stack([job.positions(k) for k in range(start, min(start + batch, job.configurations))])
            waves[..., start : start + len(moved), :, :] = compute.waves(moved, step_done)

        _each(run, starts, threads, step_done)
    return {name: job.result(waves[v], engine) for v, name in enumerate(job.names)}


def plan_exit_waves(
    atoms: ase.Atoms | Iterable[ase.Atoms],
    *,
    engine: str = "torch",
    workers: int | None = None,
    progress: bool = False,
    **settings: Any,
) -> Estimate:
    """The grid, slices, memory, disk and time that `exit_waves` with the same settings would use.

    A few transforms of the grid's size are timed, nothing else is computed. Of another engine than ours the time is not
    known (None), and the memory is that of ours.
    """
    engines.engine(engine)
    job = prepare(atoms, **settings)
    batch, threads = job.batch(workers)
    needed = job.estimate(batch * threads)
    if engine != "torch":
        return needed
    return with_seconds(needed, threads, job.optics.dtype, job.optics.device)


def _each(run: Callable[[int], None], starts: Sequence[int], threads: int, step_done: Step) -> None:
    """Call `run` for each of `starts`, in `threads` at a time with one torch thread each; Ctrl-C ends all at once."""
    with torch_on_one(), ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(run, start) for start in starts]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            step_done.stop()
            pool.shutdown(cancel_futures=True)
            raise
