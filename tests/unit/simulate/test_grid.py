import numpy as np
import pytest
import torch

from construction_zone.errors import GridError
from construction_zone.simulate.grid import Grid, check_band, fast_length, fourier_resample


def test_covering_grid_is_at_least_as_fine_as_asked() -> None:
    grid = Grid.covering((102.4, 33.3), 0.1)
    assert grid.shape == (1024, 360)  # 333 is 3²·37: the next size without a prime above 5 is 360
    assert max(grid.sampling) <= 0.1


def test_the_next_sizes_that_suit_the_fft() -> None:
    def smooth(n: int) -> bool:
        for p in (2, 3, 5):
            while n % p == 0:
                n //= p
        return n == 1

    for n in range(1, 700):
        fast = fast_length(n)
        assert smooth(fast)
        assert not any(smooth(k) for k in range(n, fast))
    assert Grid((499, 500), (50, 50)).fast_shape == (500, 500)


def test_resampling_keeps_band_limited_waves() -> None:
    def wave(ny: int, nx: int) -> torch.Tensor:
        y, x = torch.arange(ny)[:, None] / ny, torch.arange(nx)[None, :] / nx
        return 1 + 0.5 * torch.exp(2j * torch.pi * (3 * x - 2 * y)) + 0.2j * torch.exp(-2j * torch.pi * 4 * x)

    for old, new in [((16, 18), (30, 25)), ((15, 30), (11, 12)), ((16, 16), (16, 24))]:
        torch.testing.assert_close(fourier_resample(wave(*old), new), wave(*new), atol=1e-5, rtol=0)


def test_cropping_removes_what_the_new_grid_cannot_hold() -> None:
    x = torch.arange(32) / 32
    wave = (1 + torch.exp(2j * torch.pi * 9 * x)).expand(32, 32)
    torch.testing.assert_close(fourier_resample(wave, (16, 16)), torch.ones(16, 16, dtype=wave.dtype))


def test_frequencies_are_cycles_per_angstrom() -> None:
    ky, kx = Grid((4, 8), (2.0, 2.0)).frequencies()
    assert np.allclose(ky[:, 0], [0, 0.5, -1.0, -0.5])
    assert kx.max() == 1.5


@pytest.mark.parametrize("sampling", [0, -0.1, float("nan"), float("inf")])
def test_bad_sampling(sampling: float) -> None:
    with pytest.raises(GridError, match="positive distance"):
        Grid.covering((10, 10), sampling)


def test_band_is_checked_against_the_energy() -> None:
    check_band(Grid.covering((10, 10), 0.1), 300e3)
    with pytest.raises(GridError, match=r"at most 0\.33 Å"):
        check_band(Grid.covering((10, 10), 0.5), 300e3)
    with pytest.raises(GridError, match="paraxial"):
        check_band(Grid.covering((10, 10), 0.05), 5e3)
    with pytest.raises(GridError, match="300e3 for 300 kV"):
        check_band(Grid.covering((10, 10), 0.1), 300)
