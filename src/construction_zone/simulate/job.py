"""A simulation as asked for, checked and ready to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.errors import InvalidInput
from construction_zone.simulate import checked
from construction_zone.simulate.core import table_samples
from construction_zone.simulate.grid import Grid, check_band
from construction_zone.simulate.multislice import Optics, Specimen, Split, steps_for
from construction_zone.simulate.phonons import Displacements, displaced, displacement_roots
from construction_zone.simulate.plan import Estimate, batch_size, estimate
from construction_zone.simulate.propagation import Tilt
from construction_zone.simulate.scattering import PARAMETRIZATIONS, Parametrization
from construction_zone.simulate.slicing import SliceThickness, cut, up_to
from construction_zone.simulate.waves import ExitWaves


@dataclass(frozen=True)
class Job:
    """A simulation, checked and ready to run."""

    specimen: Specimen
    optics: Optics
    names: tuple[str, ...]
    rest: tuple[NDArray[np.float64], ...]
    roots: NDArray[np.float64] | None
    ids: NDArray[np.int64]
    seed: seeding.Seed
    configurations: int
    pad: tuple[int, int]
    cell_shape: tuple[int, int]
    depths: tuple[float, ...] | None
    tilted: bool
    phonons: tuple[int, ...] | None
    sampling: float

    def positions(self, k: int) -> NDArray[np.float64]:
        """Positions (n, 3) in Å of the atoms in configuration `k`."""
        if self.roots is None:
            return self.rest[k]
        assert self.phonons is not None
        return displaced(self.rest[0], self.roots, self.ids, self.seed, self.phonons[k])

    def batch(self, workers: int | None) -> tuple[int, int]:
        """How many configurations are computed as one batch, and how many batches side by side."""
        if workers is not None and (not isinstance(workers, (int, np.integer)) or workers < 1):
            raise InvalidInput(f"workers is {workers!r}; give a whole number of threads, 1 or more")
        if self.optics.device.type == "cpu":
            return 1, min(workers or torch.get_num_threads(), self.configurations)
        return batch_size(self.estimate(1), self.optics.device), 1

    def estimate(self, at_a_time: int) -> Estimate:
        """What it takes with `at_a_time` configurations being computed at once."""
        used = range(max(self.optics.depths))
        groups = [(m, v) for i in used for m, v in self.specimen.groups(i)]
        steps = steps_for(self.optics.grid.shape, self.optics.dtype, self.optics.device)
        running = len(self.names) * len(self.optics.tilts)
        waves = running * len(self.optics.depths)
        return estimate(
            self.optics.grid,
            slices=len(self.specimen.slices),
            configurations=self.configurations,
            waves=waves,
            fields=steps.FIELDS + steps.FIELDS_OF_A_WAVE * running + waves,
            transmissions=sum(len(v) for _, v in groups) * len(self.optics.tilts),
            potentials=sum(1 + len(np.unique(self.specimen.numbers[m])) for m, _ in groups) / 2,
            elements=len(np.unique(self.specimen.numbers)),
            table=table_samples(self.optics.grid.sampling) if self.optics.cores else 0,
            item_bytes=8 if self.optics.dtype == torch.complex64 else 16,
            at_a_time=at_a_time,
        )

    def result(self, array: torch.Tensor, engine: str) -> ExitWaves:
        """Waves (tilt, depth, configuration, y, x) of one variant with all that is known about them."""
        slices, optics = self.specimen.slices, self.optics
        dims: tuple[str, ...] = ("tilt", "depth", "configuration", "y", "x")
        for axis, wanted in ((1, self.depths is not None), (0, self.tilted)):
            if not wanted:
                array, dims = array.squeeze(axis), (*dims[:axis], *dims[axis + 1 :])
        metadata: dict[str, Any] = {
            "engine": engine,
            "potential": optics.parametrization,
            "cores": optics.cores and engine == "torch",
            "split": optics.split,
            "slice_thickness": float(slices.thicknesses.mean()),
            "slices": len(slices),
            "sampling_asked": self.sampling,
            "phonons": None if self.phonons is None else list(self.phonons),
        }
        if self.tilted:
            metadata["tilts"] = [list(tilt) for tilt in optics.tilts]
        if self.depths is not None:
            metadata["depths"] = [float(slices.boundaries[k]) for k in optics.depths]
        if any(self.pad):
            metadata |= {
                "pad": list(self.pad),
                "cell_shape": list(self.cell_shape),
                "padded_shape": list(optics.grid.shape),
            }
        seeds: tuple[int | None, ...] = (None,) * self.configurations
        if self.phonons is not None:
            seeds = tuple(seeding.integer(self.seed, "phonons", k) for k in self.phonons)
        return ExitWaves(
            array=array,
            sampling=optics.grid.sampling,
            energy=float(optics.energy),
            z=float(slices.boundaries[max(optics.depths)]),
            seeds=seeds,
            dims=dims,
            metadata=metadata,
        )


def prepare(
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
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.complex64,
    variants: Mapping[str, object] | None = None,
) -> Job:
    """The `Job` of `exit_waves` with these settings, for `variants` of the atoms (all of them if None)."""
    snapshots, is_trajectory = checked.snapshots_of(atoms), not isinstance(atoms, ase.Atoms)
    chosen_configurations = None if is_trajectory else _configurations(phonons)
    if is_trajectory and (phonons not in (None, 8) or displacements is not None):
        raise InvalidInput("snapshots are the configurations; leave phonons= and displacements= out")
    if dtype not in (torch.complex64, torch.complex128):
        raise InvalidInput(f"dtype is {dtype}; use torch.complex64 or torch.complex128")
    if split not in ("standard", "symmetric"):
        raise InvalidInput(f"split is {split!r}; choose 'standard' or 'symmetric'")
    if parametrization not in PARAMETRIZATIONS:
        raise InvalidInput(
            f"parametrization is {parametrization!r}; choose one of {', '.join(map(repr, PARAMETRIZATIONS))}"
        )
    chosen_device = checked.device_of(device)
    energy, sampling = inputs.number(energy, "energy"), inputs.number(sampling, "sampling")
    first = snapshots[0]
    for each in snapshots:
        checked.check_atoms(each, parametrization)
    _same_atoms(snapshots)
    height = checked.height_of(first)
    roots = None if chosen_configurations is None else displacement_roots(first, displacements)
    lengths = first.cell.lengths()
    grid = _grid((float(lengths[1]), float(lengths[0])), sampling, shape)
    check_band(grid, energy)
    cell_shape = grid.shape
    grid, margin, shift = _padded(grid, pad)
    slices = cut(first.get_positions()[:, 2], height, slice_thickness)
    wanted = (len(slices),) if depths is None else tuple(int(k) for k in up_to(slices, depths))
    everything = {"all": np.ones(len(first), dtype=bool)}
    members = checked.members_of(everything if variants is None else variants, len(first))
    return Job(
        specimen=Specimen(first.numbers.astype(np.int64), slices, tuple(members.values())),
        optics=Optics(
            grid, float(energy), checked.tilts_of(tilts), wanted, split, parametrization, cores, dtype, chosen_device
        ),
        names=tuple(members),
        rest=tuple(each.get_positions() + shift for each in snapshots),
        roots=roots,
        ids=np.asarray(first.arrays.get("id", np.arange(len(first))), dtype=np.int64),
        seed=seed,
        configurations=len(snapshots) if chosen_configurations is None else len(chosen_configurations),
        pad=margin,
        cell_shape=cell_shape,
        depths=None if depths is None else tuple(depths),
        tilted=tilts is not None,
        phonons=chosen_configurations,
        sampling=float(sampling),
    )


def _configurations(phonons: int | range | None) -> tuple[int, ...] | None:
    """The numbers of the frozen-phonon configurations wanted."""
    if phonons is None:
        return None
    if isinstance(phonons, range) and len(phonons) and min(phonons) >= 0:
        return tuple(phonons)
    if isinstance(phonons, (int, np.integer)) and not isinstance(phonons, bool) and phonons >= 1:
        return tuple(range(int(phonons)))
    raise InvalidInput(
        f"phonons is {phonons!r}; give a whole number of configurations, a range of their numbers, or None for atoms "
        "at rest"
    )


def _same_atoms(snapshots: Sequence[ase.Atoms]) -> None:
    first = snapshots[0]
    for number, other in enumerate(snapshots):
        if not np.array_equal(other.numbers, first.numbers) or not np.allclose(other.cell, first.cell, atol=1e-6):
            raise InvalidInput(
                f"snapshot {number} has other atoms or another cell than the first; a trajectory moves the same "
                "atoms in one cell"
            )


def _grid(extent: tuple[float, float], sampling: float, shape: tuple[int, int] | None) -> Grid:
    if shape is None:
        return Grid.covering(extent, sampling)
    sizes = np.asarray(shape)
    if sizes.shape != (2,) or sizes.dtype.kind not in "iu" or np.any(sizes < 1):
        raise InvalidInput(f"shape is {shape!r}; give two whole numbers (ny, nx)")
    return Grid((int(shape[0]), int(shape[1])), extent)


def _padded(grid: Grid, pad: float) -> tuple[Grid, tuple[int, int], NDArray[np.float64]]:
    """`grid` with at least `pad` Å more on each side, the samples (y, x) added there, and the shift of atoms in Å."""
    pad = inputs.not_negative(pad, "pad")
    if pad == 0:
        return grid, (0, 0), np.zeros(3)
    dy, dx = grid.sampling
    wider = [
        Grid.covering((length + 2 * pad,) * 2, step).shape[0]
        for length, step in zip(grid.extent, grid.sampling, strict=True)
    ]
    margin = ((wider[0] - grid.shape[0] + 1) // 2, (wider[1] - grid.shape[1] + 1) // 2)
    padded = Grid((wider[0], wider[1]), (wider[0] * dy, wider[1] * dx))
    return padded, margin, np.array([margin[1] * dx, margin[0] * dy, 0.0])
