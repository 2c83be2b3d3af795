"""The same waves on an accelerator as on the CPU; run with make test-gpu."""

import ase
import numpy as np
import pytest
import torch

from construction_zone import simulate


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_an_accelerator_gives_the_waves_of_the_cpu(dtype: torch.dtype) -> None:
    rng = np.random.default_rng(0)
    atoms = ase.Atoms("Au60C60", rng.uniform(0, 1, (120, 3)) * (20, 16, 12), cell=(20, 16, 12), pbc=True)
    settings = {"phonons": 3, "displacements": 0.08, "tilts": [(0, 0), (3, -1)], "depths": [6, 12], "dtype": dtype}
    cpu = simulate.exit_waves(atoms, **settings)
    gpu = simulate.exit_waves(atoms, device="cuda", **settings)
    # rounding only: about 60 operations on numbers near 1, of which the phases are as large as 10
    tolerance = 2e-4 if dtype == torch.complex64 else 1e-9
    torch.testing.assert_close(gpu.array.cpu(), cpu.array, atol=tolerance, rtol=0)
