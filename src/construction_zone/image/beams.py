"""The Fourier crop of exit waves that imaging works on, made once for any number of images."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from construction_zone import conventions
from construction_zone.errors import InvalidInput
from construction_zone.simulate.grid import Grid
from construction_zone.simulate.waves import ExitWaves


@dataclass(frozen=True, eq=False)
class Beams:
    """The beams of exit waves, up to a limit: what `Microscope.image` transforms back, without another forward FFT.

    Attributes
    ----------
    array
        complex (…, configuration, ny, nx): amplitudes of the beams, frequencies rising along both axes.
    grid
        of the waves that the beams were made of; it limits the pixels of an image.
    energy, z, dims
        as of the waves.
    tilts
        of the beam towards x and y in mrad: one for each place of the axis "tilt", else one.
    """

    array: torch.Tensor
    grid: Grid
    energy: float
    z: float
    dims: tuple[str, ...] = ("configuration", "y", "x")
    tilts: tuple[tuple[float, float], ...] = ((0.0, 0.0),)

    @property
    def compiles(self) -> bool:
        """Whether images are formed by compiled loops: single precision on the CPU, without gradients."""
        return self.array.device.type == "cpu" and self.array.dtype == torch.complex64 and not self.array.requires_grad

    @property
    def widest(self) -> float:
        """The largest scattering angle in mrad up to which beams in all directions are there."""
        ny, nx = self.array.shape[-2:]
        reach = min(ny // 2 / self.grid.extent[0], nx // 2 / self.grid.extent[1])
        return 1e3 * conventions.wavelength(self.energy) * reach

    @classmethod
    def of(cls, waves: ExitWaves, highest: float | None = None) -> Beams:
        """The beams of `waves` with |kx| and |ky| up to `highest` (Å⁻¹), or all of them.

        Multislice fills two thirds of the band of its grid; `highest=waves.grid.cutoff` leaves out the empty rest of
        waves as they were simulated, which makes imaging more than twice as fast.

        Raises
        ------
        InvalidInput
            If the waves hold NaN, or `highest` is not a positive frequency.
        """
        array = waves.array
        # a sum is finite only if all is; infinities of both signs give NaN
        if not bool(torch.isfinite(torch.view_as_real(array.detach()).sum())):
            raise InvalidInput("the waves hold NaN or infinite values; simulate them again before imaging")
        if highest is not None and not highest > 0:
            raise InvalidInput(f"highest is {highest!r}; give a spatial frequency in Å⁻¹ above zero, or None for all")
        tilts = waves.metadata.get("tilts", [waves.metadata.get("tilt", (0.0, 0.0))])
        return cls(
            array=centred(array, waves.grid, highest),
            grid=waves.grid,
            energy=waves.energy,
            z=waves.z,
            dims=waves.dims,
            tilts=tuple((float(x), float(y)) for x, y in tilts),
        )


def centred(waves: torch.Tensor, grid: Grid, highest: float | None = None) -> torch.Tensor:
    """Amplitudes (…, ny, nx) of the beams of `waves` (…, y, x) with rising frequencies, up to `highest` (Å⁻¹)."""
    # one transform per wave: a batched one rounds differently, and bits should not depend on company
    flat = waves.reshape(-1, *grid.shape)
    spectra = torch.stack([torch.fft.fftshift(torch.fft.fft2(wave, norm="forward")) for wave in flat])
    rows, columns = (_kept(n, length, highest) for n, length in zip(grid.shape, grid.extent, strict=True))
    return spectra[:, rows, columns].reshape(*waves.shape[:-2], rows.stop - rows.start, columns.stop - columns.start)


def frequencies(
    shape: tuple[int, int], extent: tuple[float, float], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """ky (ny, 1) and kx (1, nx) in Å⁻¹ of centred beams: zero is at [ny // 2, nx // 2]."""
    ky, kx = (
        (torch.arange(n, dtype=torch.float64, device=device) - n // 2) / length
        for n, length in zip(shape, extent, strict=True)
    )
    return ky[:, None], kx[None, :]


def _kept(size: int, length: float, highest: float | None) -> slice:
    """Which of `size` centred frequencies are at most `highest`; zero stays at the middle, rounded down."""
    if highest is None:
        return slice(0, size)
    reach = int(highest * length + 1e-9)
    if 2 * reach + 1 >= size:
        return slice(0, size)
    return slice(size // 2 - reach, size // 2 + reach + 1)
