"""The compiled steps against the ones in plain torch, and both against plain numpy."""

from types import ModuleType

import ase
import numba
import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.simulate import steps_compiled, steps_torch
from construction_zone.simulate.core import FINE, SIZE, Cores
from construction_zone.simulate.fft.fields import cosine_and_sine
from construction_zone.simulate.fft.lanes import COUNT, load, store
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.job import prepare
from construction_zone.simulate.multislice import Multislice
from construction_zone.simulate.propagation import propagator
from construction_zone.simulate.window import WIDTH, window

MODULES = pytest.mark.parametrize("steps", [steps_torch, steps_compiled], ids=["torch", "compiled"])
DTYPES = pytest.mark.parametrize(("dtype", "rtol"), [(torch.complex128, 1e-9), (torch.complex64, 1e-5)])
SHAPES = pytest.mark.parametrize("shape", [(24, 30), (25, 27), (16, 33), (9, 8), (77, 26), (48, 64)])


def transmitted(steps: ModuleType, wave: torch.Tensor, *given: object) -> torch.Tensor:
    """`wave` through a slice; the compiled steps go on to the next plane at once, here over no distance."""
    made = steps.Wave(wave.clone())
    made.transmit(*given)
    if steps is steps_compiled:
        grid = Grid(tuple(wave.shape[-2:]), (1.0, 1.0))
        made.propagate(propagator(grid, 300e3, 0.0, dtype=wave.dtype, band_limit=False))
    return written(made, wave)


def written(made: object, like: torch.Tensor) -> torch.Tensor:
    array = torch.full_like(like, torch.nan)
    made.write(array)
    return array


def potentials_of(steps: ModuleType, shape: tuple[int, int], groups: list, factors: dict, shared: bool = False):
    """Potentials (batch 3, *shape) of `groups` of atoms, twice made, as those of later slices are."""
    dtype = torch.complex64 if next(iter(factors.values())).dtype == torch.float32 else torch.complex128
    made = steps.Potentials(steps.filters(factors), 3, shape, dtype)
    made.make([{next(iter(factors)): places(4, shape)}] * 2, False)
    made.make(groups, shared)
    return made


def two_groups(shape: tuple[int, int], real: torch.dtype) -> tuple[list[dict], dict]:
    """Two elements, of which one group has both and the other one."""
    factors = {z: field(shape, torch.complex128, z).real.to(real).contiguous() for z in (6, 79)}
    return [{6: places(11, shape), 79: places(5, shape)}, {79: places(9, shape)}], factors


def field(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.complex128)
    return made.to(dtype)


def places(count: int, shape: tuple[int, int], batch: int = 3) -> torch.Tensor:
    """Positions in samples, some on samples, across the seams, and outside the cell."""
    rng = np.random.default_rng(1)
    made = rng.uniform(-0.3, 1.3, (batch, count, 2)) * shape
    made[:, 0] = 0.0
    made[:, 1] = [shape[0] - 0.01, shape[1] - 0.49]
    made[:, 2] = [5.0, -1e-12]
    return torch.from_numpy(made)


def same(one: torch.Tensor, other: torch.Tensor, rtol: float) -> None:
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert float((one - other).abs().max()) <= rtol * float(other.abs().max())


@DTYPES
@SHAPES
@pytest.mark.parametrize("number", [1, 2])
def test_potentials(shape: tuple[int, int], number: int, dtype: torch.dtype, rtol: float) -> None:
    groups, factors = two_groups(shape, torch.float32 if dtype == torch.complex64 else torch.float64)
    groups = groups[2 - number :]
    expected = np.zeros((3, *shape), complex)
    for z, factor in factors.items():
        spread = np.stack([windows(group[z], shape) if z in group else np.zeros((3, *shape)) for group in groups])
        both = spread[0] + (1j * spread[1] if number == 2 else 0)
        expected += np.fft.ifft2(np.fft.fft2(both) * factor.double().numpy())
    for steps in (steps_compiled, steps_torch) if dtype == torch.complex64 else (steps_torch,):
        made = potentials_of(steps, shape, groups, factors)
        same(made.array(), torch.from_numpy(expected).to(dtype), rtol)


def windows(positions: torch.Tensor, shape: tuple[int, int]) -> np.ndarray:
    """The sum (batch, ny, nx) of the windows at `positions`, periodic, atom by atom."""
    made = np.zeros((len(positions), *shape))
    for b, atoms in enumerate(positions):
        for atom in atoms:
            lines = []
            for place, size in zip(atom.tolist(), shape, strict=True):
                line = np.zeros(size)
                for sample in int(np.floor(place - WIDTH / 2)) + 1 + np.arange(WIDTH):
                    line[sample % size] += float(window(torch.tensor(sample - place, dtype=torch.float64)))
                lines.append(line)
            made[b] += np.outer(*lines)
    return made


@MODULES
def test_what_is_spread_is_the_window_at_the_nearest_six_samples(steps: ModuleType) -> None:
    # a factor of 1 leaves the windows as they are
    real = torch.float32 if steps is steps_compiled else torch.float64
    dtype = torch.complex64 if steps is steps_compiled else torch.complex128
    made = steps.Potentials(steps.filters({6: torch.ones((16, 20), dtype=real)}), 1, (16, 20), dtype)
    made.make([{6: torch.tensor([[[0.3, 18.6]]], dtype=torch.float64)}], False)
    held = made.array()[0].real
    held = torch.where(held.abs() > 1e-5 * held.max(), held, 0).double()
    rows, columns = held.sum(1), held.sum(0)
    assert set(rows.nonzero().flatten().tolist()) == {14, 15, 0, 1, 2, 3}
    assert set(columns.nonzero().flatten().tolist()) == {16, 17, 18, 19, 0, 1}
    # the centre of gravity lies at the atom, as far as six samples of a symmetric window allow
    assert (np.arange(20).repeat(1) + np.where(np.arange(20) < 5, 20, 0)) @ columns.numpy() / columns.sum() == (
        pytest.approx(18.6, abs=2e-3)
    )


@DTYPES
@SHAPES
@pytest.mark.parametrize(("begin", "end"), [(True, True), (True, False), (False, True), (False, False)])
def test_add_filtered(shape: tuple[int, int], begin: bool, end: bool, dtype: torch.dtype, rtol: float) -> None:
    factor = field(shape, dtype, 2).real.contiguous()
    spreads, before = field((2, *shape), dtype, 3), field((2, *shape), dtype, 4)
    expected = np.fft.fft2(spreads.numpy().astype(complex)) * factor.numpy() + (0 if begin else before.numpy())
    total = torch.full_like(before, torch.nan) if begin else before.clone()
    steps_torch.add_filtered(total, spreads.clone(), factor, begin, end)
    same(total, torch.from_numpy(np.fft.ifft2(expected) if end else expected).to(dtype), rtol)


@SHAPES
@pytest.mark.parametrize("shared", [False, True])
def test_transmit(shape: tuple[int, int], shared: bool) -> None:
    dtype, rtol = torch.complex64, 1e-5
    wave, (groups, factors) = field((3, *shape), dtype, 5), two_groups(shape, torch.float32)
    elements = torch.tensor([0, 1, 0, 0, 1, 1, 0])
    patches = field((2, FINE, FINE, SIZE, SIZE), torch.complex128, 7).numpy()
    both = (steps_compiled, steps_torch)
    held = {steps: potentials_of(steps, shape, groups, factors, shared) for steps in both}
    exact = held[steps_torch].array().clone()
    sigma = 3 / float(torch.view_as_real(exact).abs().max())
    # in the order of two slices: the first has potentials that are not taken back yet, and twice if it is shared
    for part in (0, 0, 1, 1) if shared else (0, 1):
        made = []
        for steps in both:
            cores = Cores(places(7, shape), elements, steps.patches(patches, torch.device("cpu"), dtype))
            made.append(transmitted(steps, wave, held[steps], part, sigma, cores))
        same(*made, rtol)
    for part in (0, 1):
        phase = torch.view_as_real(exact)[..., part].double() * sigma
        plain = (wave.to(torch.complex128) * torch.polar(torch.ones_like(phase), phase)).to(dtype)
        for steps in both:
            made = held[steps] if shared else potentials_of(steps, shape, groups, factors, True)
            same(transmitted(steps, wave, made, part, sigma, None), plain, rtol)


@MODULES
def test_slices_and_propagations_in_turn(steps: ModuleType) -> None:
    # the compiled wave is kept half transformed between slices; what comes out is the plain product of all steps
    grid, dtype = Grid((40, 45), (4.0, 4.4)), torch.complex64
    kernel = propagator(grid, 200e3, 5.0, tilt=(4.0, -9.0))
    exact = propagator(grid, 200e3, 5.0, tilt=(4.0, -9.0), dtype=torch.complex128).whole()
    wave = steps.Wave(torch.ones((3, *grid.shape), dtype=dtype))
    expected = torch.ones((3, *grid.shape), dtype=torch.complex128)
    groups, factors = two_groups(grid.shape, torch.float32)
    potentials = potentials_of(steps, grid.shape, groups, factors)
    for number in range(6):
        if number % 2 == 0:
            potentials.make(groups, False)
            held = torch.view_as_real(potentials_of(steps_torch, grid.shape, groups, factors).array()).double()
        sigma = 0.3 / float(held.abs().max())
        wave.transmit(potentials, number % 2, sigma, None)
        phase = sigma * held[..., number % 2]
        expected = expected * torch.polar(torch.ones_like(phase), phase)
        for _ in range(1 + (number == 2)):  # twice in a row is allowed
            wave.propagate(kernel)
            expected = torch.fft.ifft2(torch.fft.fft2(expected) * exact)
        if number == 4:
            assert float((written(wave, expected.to(dtype)) - expected).abs().max()) < 3e-6
    assert float((written(wave, expected.to(dtype)) - expected).abs().max()) < 3e-6


@pytest.mark.parametrize("size", [1e-3, 1.0, 50.0, 5e3])
def test_single_precision_phases_of_any_size(size: float) -> None:
    # a float32 phase of size p is itself rounded by p·6e-8; cosine and sine add 2e-7 and the reduction 1e-7
    phase = size * torch.linspace(-1, 1, 40_000)
    cosine, sine = torch.empty_like(phase), torch.empty_like(phase)
    turned(phase.numpy(), cosine.numpy(), sine.numpy())
    found = torch.complex(cosine, sine)
    exact = torch.polar(torch.ones_like(phase.double()), phase.double())
    assert float((found - exact).abs().max()) < 6e-7
    assert float((found.abs() - 1).abs().max()) < 6e-7


@DTYPES
@SHAPES
@pytest.mark.parametrize("band_limit", [True, False])
def test_propagate(shape: tuple[int, int], band_limit: bool, dtype: torch.dtype, rtol: float) -> None:
    grid = Grid(shape, (shape[0] * 0.11, shape[1] * 0.13))
    kernel = propagator(grid, 300e3, 3.0, tilt=(5.0, -8.0), dtype=dtype, band_limit=band_limit)
    wave = field((2, *shape), dtype)
    expected = torch.from_numpy(np.fft.ifft2(np.fft.fft2(wave.numpy().astype(complex)) * kernel.whole().numpy()))
    for steps in (steps_compiled, steps_torch) if dtype == torch.complex64 else (steps_torch,):
        made = steps.Wave(wave.clone())
        made.propagate(kernel)
        same(written(made, wave), expected.to(dtype), rtol)
        made.propagate(kernel)
        twice = np.fft.ifft2(np.fft.fft2(wave.numpy().astype(complex)) * kernel.whole().numpy() ** 2)
        same(written(made, wave), torch.from_numpy(twice).to(dtype), rtol)


@SHAPES
@pytest.mark.parametrize("band_limit", [True, False])
def test_the_separable_propagator_is_the_formula(shape: tuple[int, int], band_limit: bool) -> None:
    grid = Grid(shape, (shape[0] * 0.11, shape[1] * 0.13))
    found = propagator(grid, 80e3, -4.0, tilt=(3.0, 7.0), dtype=torch.complex128, band_limit=band_limit).whole()
    ky = np.fft.fftfreq(shape[0], 0.11)[:, None]
    kx = np.fft.fftfreq(shape[1], 0.13)[None, :]
    phase = np.pi * wavelength(80e3) * 4 * (kx**2 + ky**2) + 8 * np.pi * (kx * np.tan(3e-3) + ky * np.tan(7e-3))
    # 2/3 of the coarser axis' Nyquist frequency
    band = np.hypot(kx, ky) <= 2 / 3 * 0.5 / 0.13 + 1e-12 if band_limit else np.ones(shape, dtype=bool)
    assert np.abs(found.numpy() - np.exp(1j * phase) * band).max() < 1e-12


@MODULES
def test_positions_at_the_seam_wrap(steps: ModuleType) -> None:
    dtype = torch.complex64 if steps is steps_compiled else torch.complex128
    patch = steps.patches(field((1, FINE, FINE, SIZE, SIZE), torch.complex128).numpy(), torch.device("cpu"), dtype)
    real = torch.float32 if steps is steps_compiled else torch.float64
    one, nothing = torch.ones((1, 20, 24), dtype=dtype), {6: torch.zeros((20, 24), dtype=real)}
    potentials = steps.Potentials(steps.filters(nothing), 1, (20, 24), dtype)
    potentials.make([{6: torch.zeros((1, 1, 2), dtype=torch.float64)}], True)

    def added(y: float, x: float) -> torch.Tensor:
        position = torch.tensor([[[y, x]]], dtype=torch.float64)
        cores = Cores(position, torch.tensor([0]), patch)
        return transmitted(steps, one, potentials, 0, 1.0, cores)[0] - 1

    inside, rtol = added(9.3, 11.6), 1e-6 if steps is steps_compiled else 1e-15
    same(torch.roll(inside, (-9, 12), (0, 1)), added(0.3, -0.4), rtol)
    same(torch.roll(inside, (11, 12), (0, 1)), added(20.3, 23.6), rtol)
    # a hair below a sample is that sample, not the last place of the pixel before it
    same(added(4.97, 7.99), added(5.0, 8.0), rtol)


@numba.njit
def turned(phase, cosine, sine):
    for n in range(0, len(phase), COUNT):
        a, b = cosine_and_sine(load(phase, n))
        store(cosine, n, a)
        store(sine, n, b)


def test_no_slice_goes_back_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    # what an accelerator would wait for, told by the steps in torch, which are those that it takes
    rng = np.random.default_rng(0)
    atoms = ase.Atoms("Au20C20", rng.uniform(0, 1, (40, 3)) * (8, 8, 12), cell=(8, 8, 12))
    made = prepare(atoms, phonons=None, sampling=0.2, dtype=torch.complex128, depths=[6, 12], tilts=[(0, 0), (1, 0)])
    compute = Multislice(made.specimen, made.optics)
    compute.waves(made.positions(0)[None])  # makes the propagators
    called = []

    def counting(name: str, function):
        def counted(*args, **kwargs):
            called.append(name)
            return function(*args, **kwargs)

        return counted

    places = [(torch, "from_numpy"), (torch, "tensor"), (torch, "as_tensor")]
    places += [(torch.Tensor, name) for name in ("numpy", "cpu", "item", "tolist", "__bool__", "__int__", "nonzero")]
    for place, name in places:
        monkeypatch.setattr(place, name, counting(name, getattr(place, name)))
    compute.waves(made.positions(0)[None])
    assert called == ["from_numpy"]  # where the atoms are
