"""Exit waves by abTEM (extra "abtem", GPL): the same slices, grid, displacements and planes, its own potentials."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import ase
import numpy as np
import torch
from numpy.typing import NDArray

from construction_zone.errors import InvalidInput, missing_extra
from construction_zone.simulate.multislice import Optics, Specimen
from construction_zone.simulate.propagation import Tilt


class AbTEM:
    """Multislice of one specimen by abTEM, infinite projection."""

    def __init__(self, specimen: Specimen, optics: Optics) -> None:
        try:
            import abtem
        except ImportError as error:
            raise missing_extra("abtem", "abtem") from error
        if optics.device.type != "cpu" or optics.dtype != torch.complex64 or optics.split != "standard":
            raise InvalidInput(
                "engine='abtem' computes on the CPU in complex64 with the standard split; leave device, dtype and split"
            )
        self.abtem, self.specimen, self.optics = abtem, specimen, optics

    def waves(self, positions: NDArray[np.float64], step_done: Callable[[], None]) -> torch.Tensor:
        """Waves (variant, tilt, depth, batch, y, x) for atoms at `positions` (batch, n, 3) in Å."""
        made = [
            [
                np.stack([self._run(each, chosen, tilt, step_done) for each in positions], axis=1)
                for tilt in self.optics.tilts
            ]
            for chosen in self.specimen.variants
        ]
        return torch.from_numpy(np.asarray(made, dtype=np.complex64))

    def _run(
        self, positions: NDArray[np.float64], chosen: NDArray[np.bool_], tilt: Tilt, step_done: Callable[[], None]
    ) -> NDArray[np.complex64]:
        """Waves (depth, y, x) of one configuration."""
        slices, optics = self.specimen.slices, self.optics
        # every atom in the middle of its slice, so that abTEM sorts it into the same
        placed = positions.copy()
        for index, members in enumerate(slices.members):
            placed[members, 2] = slices.boundaries[index : index + 2].mean()
        extent = optics.grid.extent
        atoms = ase.Atoms(
            self.specimen.numbers[chosen],
            placed[chosen],
            cell=(extent[1], extent[0], slices.boundaries[-1]),
            pbc=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # abTEM's own
            potential = self.abtem.Potential(
                atoms,
                gpts=optics.grid.shape[::-1],
                slice_thickness=tuple(slices.thicknesses),
                projection="infinite",
                parametrization=optics.parametrization,
                exit_planes=tuple(k - 1 for k in optics.depths),
            )
            waves = self.abtem.PlaneWave(energy=optics.energy, tilt=tilt).multislice(potential, lazy=False)
        for _ in range(max(optics.depths)):
            step_done()
        array = np.asarray(waves.array)
        array = array.reshape(len(optics.depths), *array.shape[-2:])
        return np.ascontiguousarray(array.swapaxes(-1, -2))  # abTEM's axes are x, y
