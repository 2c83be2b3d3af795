"""The multislice loop: waves go through slices of potential, one transmission and one propagation at a time.

Cowley & Moodie, Acta Cryst. 10 (1957) 609. A slice acts by t = exp(iσv_z), and the wave propagates over Δz by
exp(−iπλΔz k²). In the standard split t acts at the entrance of its slice; in the symmetric one (Strang, SIAM J. Numer.
Anal. 5 (1968) 506) in its middle, which makes the error of the splitting second order in Δz. The band is limited to 2/3
of Nyquist on the propagator alone; the potential keeps its whole band, which makes t more exact, and the cores of the
atoms are given back to it (see `core`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.conventions import interaction_parameter
from construction_zone.simulate.core import Cores, core_patches
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.potential import form_factors
from construction_zone.simulate.propagation import Propagator, Tilt, propagator
from construction_zone.simulate.scattering import Parametrization
from construction_zone.simulate.slicing import Slices

Split: TypeAlias = Literal["standard", "symmetric"]


@dataclass(frozen=True)
class Specimen:
    """What the electrons go through, all but where the atoms are at the moment.

    Attributes
    ----------
    numbers
        (n,) atomic numbers.
    slices
        of the atoms along the beam.
    variants
        for each variant of the specimen (n,) which of the atoms it has.
    """

    numbers: NDArray[np.int64]
    slices: Slices
    variants: tuple[NDArray[np.bool_], ...]

    def groups(self, index: int) -> list[tuple[NDArray[np.int64], tuple[int, ...]]]:
        """The different sets of atoms that variants have in slice `index`, and which variants have each."""
        found: dict[bytes, tuple[NDArray[np.int64], tuple[int, ...]]] = {}
        for number, chosen in enumerate(self.variants):
            members = self.slices.members[index]
            members = members[chosen[members]]
            if len(members):
                key = members.tobytes()
                found[key] = (members, (*found[key][1], number) if key in found else (number,))
        return list(found.values())


@dataclass(frozen=True)
class Optics:
    """The electrons and how their way is computed; `depths` counts the slices above each plane that is wanted."""

    grid: Grid
    energy: float
    tilts: tuple[Tilt, ...]
    depths: tuple[int, ...]
    split: Split
    parametrization: Parametrization
    cores: bool
    dtype: torch.dtype
    device: torch.device


@dataclass(frozen=True)
class _Group:
    """Atoms that act together in one slice: their indices on the device, so that no slice has to bring them there.

    `elements` (n,) says which of the engine's elements each of `members` (n,) is, `of_element` has the members of each
    atomic number, and `variants` are those in which they act.
    """

    members: torch.Tensor
    elements: torch.Tensor
    of_element: dict[int, torch.Tensor]
    variants: tuple[int, ...]


class Multislice:
    """Multislice of one specimen: what does not depend on where the atoms are, made once.

    `waves` may be called from several threads at a time.
    """

    def __init__(self, specimen: Specimen, optics: Optics) -> None:
        self.specimen, self.optics = specimen, optics
        real = torch.float32 if optics.dtype == torch.complex64 else torch.float64
        factors = form_factors(
            specimen.numbers, optics.grid, parametrization=optics.parametrization, dtype=real, device=optics.device
        )
        self.elements = list(factors)
        self.steps = steps_for(optics.grid.shape, optics.dtype, optics.device)
        self.filters = self.steps.filters(factors)
        self.groups = [
            [self._group(members, variants) for members, variants in specimen.groups(index)]
            for index in range(max(optics.depths))
        ]
        self.patches: Any = None
        if optics.cores:
            made = [
                core_patches(z, float(optics.energy), optics.grid.sampling, optics.parametrization) for z in factors
            ]
            self.patches = self.steps.patches(np.stack(made), optics.device, optics.dtype)
        self.sigma = interaction_parameter(optics.energy)
        self._kernels: dict[tuple[float, Tilt], Propagator] = {}

    def kernel(self, distance: float, tilt: Tilt) -> Propagator:
        """The propagator over `distance` in Å, made once for distances that agree to 1e-6 Å."""
        key = (round(distance, 6), tilt)
        if key not in self._kernels:
            optics = self.optics
            self._kernels[key] = propagator(
                optics.grid, optics.energy, key[0], tilt=tilt, dtype=optics.dtype, device=optics.device
            )
        return self._kernels[key]

    def waves(self, positions: NDArray[np.float64], step_done: Callable[[], None] | None = None) -> torch.Tensor:
        """Waves (variant, tilt, depth, batch, y, x) for atoms at `positions` (batch, n, 3) in Å.

        The incident wave is 1. Before the first atom nothing is computed, and a run of empty slices is one
        propagation. `step_done` is called after every slice and may raise to end the run.
        """
        optics, slices = self.optics, self.specimen.slices
        samples = torch.from_numpy(positions[..., 1::-1] / np.asarray(optics.grid.sampling)).to(optics.device)
        runs = [[_Run(self, tilt, len(positions)) for tilt in optics.tilts] for _ in self.specimen.variants]
        shape = (len(runs), len(optics.tilts), len(optics.depths), len(positions), *optics.grid.shape)
        result = torch.empty(shape, dtype=optics.dtype, device=optics.device)
        potentials = self._potentials(samples)
        heights = slices.boundaries
        for index in range(len(slices) + 1):
            if index in optics.depths:
                for v, variant in enumerate(runs):
                    for t, run in enumerate(variant):
                        run.to(heights[index])
                        run.wave.write(result[v, t, optics.depths.index(index)])
            if index == max(optics.depths):
                break
            acts = heights[index] if optics.split == "standard" else (heights[index] + heights[index + 1]) / 2
            for group in self.groups[index]:
                made, part = next(potentials)
                cores = self._cores(samples, group)
                for v in group.variants:
                    for run in runs[v]:
                        run.through(made, part, cores, acts)
            if step_done is not None:
                step_done()
        return result

    def _potentials(self, samples: torch.Tensor) -> Iterator[tuple[Any, int]]:
        """The potentials of each group of each slice in turn, which are made two at a time: and which of the two."""
        optics = self.optics
        groups = [group for in_slice in self.groups for group in in_slice]
        potentials = self.steps.Potentials(self.filters, len(samples), optics.grid.shape, optics.dtype)
        for start in range(0, len(groups), 2):
            pair = groups[start : start + 2]
            shared = len(pair[0].variants) * len(optics.tilts) > 1
            potentials.make([{z: samples[:, members] for z, members in g.of_element.items()} for g in pair], shared)
            for part in range(len(pair)):
                yield potentials, part

    def _group(self, members: NDArray[np.int64], variants: tuple[int, ...]) -> _Group:
        def there(indices: NDArray[np.integer]) -> torch.Tensor:
            return torch.from_numpy(indices).to(self.optics.device)

        numbers = self.specimen.numbers[members]
        elements = np.searchsorted(self.elements, numbers)
        of_element = {int(z): there(members[numbers == z]) for z in np.unique(numbers)}
        return _Group(there(members), there(elements), of_element, variants)

    def _cores(self, samples: torch.Tensor, group: _Group) -> Cores | None:
        return None if self.patches is None else Cores(samples[:, group.members], group.elements, self.patches)


class _Run:
    """One wave on its way through the specimen: at `z`, and 1 as long as it is not `disturbed`."""

    def __init__(self, parent: Multislice, tilt: Tilt, batch: int) -> None:
        self.parent, self.steps, self.tilt = parent, parent.steps, tilt
        optics = parent.optics
        shape = (batch, *optics.grid.shape)
        self.wave = self.steps.Wave(torch.ones(shape, dtype=optics.dtype, device=optics.device))
        self.z, self.disturbed = 0.0, False

    def to(self, z: float) -> None:
        """Propagate the wave to the plane `z` in Å."""
        if self.disturbed and abs(z - self.z) > 1e-9:
            self.wave.propagate(self.parent.kernel(z - self.z, self.tilt))
        self.z = z

    def through(self, potentials: Any, part: int, cores: Cores | None, z: float) -> None:
        """Take the wave through a slice that acts at the plane `z` in Å; see `steps_torch.Wave.transmit`."""
        self.to(z)
        self.wave.transmit(potentials, part, self.parent.sigma, cores)
        self.disturbed = True


def steps_for(shape: tuple[int, int], dtype: torch.dtype, device: torch.device) -> ModuleType:
    """The steps that compute fields of `shape` and `dtype` on `device`: compiled ones where there are any."""
    from construction_zone.simulate import steps_torch

    if device.type == "cpu":
        from construction_zone.simulate import steps_compiled

        if steps_compiled.can_do(shape, dtype):
            return steps_compiled
    return steps_torch
