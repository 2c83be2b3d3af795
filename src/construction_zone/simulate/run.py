"""From atoms to exit waves: the call that users make."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ase
import numpy as np
import torch

from construction_zone import seeding
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.simulate.grid import Grid, check_band
from construction_zone.simulate.multislice import Slices, equal_slices, exit_wave
from construction_zone.simulate.phonons import displaced, rms_displacements
from construction_zone.simulate.plan import Estimate, check_memory, estimate
from construction_zone.simulate.potential import form_factors
from construction_zone.simulate.waves import ExitWaves


def exit_waves(
    atoms: ase.Atoms,
    *,
    energy: float = 300e3,
    sampling: float = 0.1,
    slice_thickness: float = 2.0,
    phonons: int | None = 8,
    displacements: Mapping[str, float] | float | None = None,
    seed: seeding.Seed = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.complex64,
    progress: bool = False,
) -> ExitWaves:
    """Simulate the exit waves of `atoms` by multislice with frozen phonons.

    Parameters
    ----------
    atoms
        in an orthogonal cell whose height is the path of the beam (+z); the cell repeats in x and y.
    energy
        of the electrons, in eV.
    sampling
        largest distance between samples, in Å; the grid's sizes are rounded up to ones that suit the FFT.
    slice_thickness
        largest thickness of a slice, in Å; the cell is cut into equal slices.
    phonons
        number of frozen-phonon configurations; None for one configuration of atoms at rest.
    displacements
        rms thermal displacement per axis in Å, one number or one per element symbol; by default what the atoms'
        phases say (array ``thermal_u``), then the elements' values at 300 K.
    seed
        of the displacements. Configuration k is the same however many are made, and an atom (by its array ``id``)
        moves alike in any subset of a scene.
    device, dtype
        where and how to compute: complex64, or complex128 for reference.
    progress
        show a progress bar.

    Returns
    -------
    ExitWaves
        array (configuration, y, x) at the exit face, z = the cell's height.

    Raises
    ------
    InvalidInput
        if the atoms, their cell, an element or a parameter cannot be used (`GridError` for the grid and its memory).

    Notes
    -----
    Displacements along the beam are left out: within a slice's infinite projection they act only where an atom would
    change slice, so that they could but empty one slice into the next.
    """
    device, height = _checked_device(device), _checked_cell(atoms)
    if dtype not in (torch.complex64, torch.complex128):
        raise InvalidInput(f"dtype is {dtype}; use torch.complex64 or torch.complex128")
    if phonons is not None and (not isinstance(phonons, (int, np.integer)) or phonons < 1):
        raise InvalidInput(f"phonons is {phonons!r}; give a whole number of configurations, or None for atoms at rest")
    u = None if phonons is None else rms_displacements(atoms, displacements)
    plan = plan_exit_waves(
        atoms, energy=energy, sampling=sampling, slice_thickness=slice_thickness, phonons=phonons, dtype=dtype
    )
    check_memory(plan, device)

    positions = atoms.get_positions()
    slices = equal_slices(positions[:, 2], height, slice_thickness)
    real = torch.float32 if dtype == torch.complex64 else torch.float64
    factors = form_factors(atoms.numbers, plan.grid, dtype=real, device=device)
    ids = np.asarray(atoms.arrays.get("id", np.arange(len(atoms))), dtype=np.int64)
    waves = torch.empty((plan.configurations, *plan.grid.shape), dtype=dtype, device=device)
    with _Progress(progress, plan.configurations * len(slices.members)) as step_done:
        for k in range(plan.configurations):
            moved = positions if u is None else displaced(positions, u, ids, seed, k)
            waves[k] = exit_wave(
                moved, atoms.numbers, slices, factors, energy, dtype=dtype, device=device, step_done=step_done
            )
    return ExitWaves(
        array=waves,
        sampling=plan.grid.sampling,
        energy=float(energy),
        z=height,
        seeds=(None,) if u is None else tuple(seeding.integer(seed, "phonons", k) for k in range(plan.configurations)),
        metadata=_metadata(slices, sampling, phonons),
    )


def plan_exit_waves(
    atoms: ase.Atoms,
    *,
    energy: float = 300e3,
    sampling: float = 0.1,
    slice_thickness: float = 2.0,
    phonons: int | None = 8,
    dtype: torch.dtype = torch.complex64,
) -> Estimate:
    """The grid, slices and memory that `exit_waves` would use; nothing is allocated."""
    height = _checked_cell(atoms)
    lengths = atoms.cell.lengths()
    grid = Grid.covering((float(lengths[1]), float(lengths[0])), sampling)
    check_band(grid, energy)
    count = len(equal_slices(np.empty(0), height, slice_thickness).members)
    return estimate(grid, count, phonons or 1, len(np.unique(atoms.numbers)), 8 if dtype == torch.complex64 else 16)


def _checked_cell(atoms: ase.Atoms) -> float:
    """The height of the cell of `atoms` in Å, after checking that multislice can use them."""
    cell = np.asarray(atoms.cell)
    if not np.all(np.isfinite(cell)) or np.any(np.diag(cell) <= 0):
        raise InvalidInput("the atoms have no cell with three lengths; set one with atoms.set_cell([Lx, Ly, Lz]) in Å")
    if np.any(np.abs(cell - np.diag(np.diag(cell))) > 1e-6):
        raise InvalidInput(
            f"the cell {cell.round(3).tolist()} is not orthogonal along x, y, z; multislice needs such a cell: "
            "cut or rotate the structure into one (for instance with a Scene)"
        )
    if len(atoms) == 0:
        raise InvalidInput("there are no atoms; give at least one (the wave of an empty cell is 1 everywhere)")
    positions, height = atoms.get_positions(), float(cell[2, 2])
    if not np.all(np.isfinite(positions)):
        bad = int(np.flatnonzero(~np.isfinite(positions).all(1))[0])
        raise InvalidInput(
            f"atom {bad} ({atoms.symbols[bad]}) has the position {positions[bad].tolist()}; it must be finite"
        )
    out = np.flatnonzero((positions[:, 2] < -1e-3) | (positions[:, 2] > height + 1e-3))
    if len(out):
        raise SceneError(
            f"{len(out)} of {len(atoms)} atoms lie outside the cell along the beam (first: atom {out[0]} at "
            f"z = {positions[out[0], 2]:.3f} Å, cell 0 … {height:.3f} Å); centre the atoms or make the cell higher"
        )
    return height


def _checked_device(device: torch.device | str) -> torch.device:
    try:
        wanted = torch.device(device)
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(
            f"the device {str(device)!r} cannot be used here ({str(error).splitlines()[0]}); use 'cpu'"
        ) from error
    return wanted


def _metadata(slices: Slices, sampling: float, phonons: int | None) -> dict[str, object]:
    return {
        "engine": "torch",
        "potential": "lobato",
        "slice_thickness": slices.thickness,
        "slices": len(slices.members),
        "sampling_asked": sampling,
        "phonons": phonons,
    }


class _Progress:
    """A progress bar over slices, or nothing."""

    def __init__(self, shown: bool, total: int) -> None:
        self.shown, self.total = shown, total

    def __enter__(self) -> Callable[[], None] | None:
        if not self.shown:
            return None
        from rich.progress import Progress

        self.bar = Progress(transient=True)
        self.bar.start()
        task = self.bar.add_task("exit waves", total=self.total)
        return lambda: self.bar.advance(task)

    def __exit__(self, *exception: object) -> None:
        if self.shown:
            self.bar.stop()
