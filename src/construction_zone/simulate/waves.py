"""Exit waves and what is known about them; written to and read from zarr groups."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from construction_zone.errors import InvalidInput, StoreError
from construction_zone.simulate.grid import Grid, fourier_resample
from construction_zone.simulate.propagation import propagated, propagator
from construction_zone.simulate.stored import write_array

FORMAT = "construction-zone exit waves 1"


_READING = (OSError, LookupError, ValueError, RuntimeError, TypeError, AttributeError, ArithmeticError, MemoryError)
"""What zarr, numpy and we raise over waves that are missing or damaged."""


@dataclass(frozen=True, eq=False)
class ExitWaves:
    """Complex waves of the configurations of one structure.

    Attributes
    ----------
    array
        torch complex tensor (…, configuration, y, x). A plane wave in vacuum is 1; the phase grows with potential.
    sampling
        (dy, dx) in Å: pixel i of an axis lies at i times its step.
    energy
        of the electrons, in eV.
    z
        plane of the waves in Å from the cell's entrance face; an exit wave's is the cell's height.
    seeds
        the seed of each configuration's thermal displacements; (None,) for atoms at rest.
    dims
        names of the array's axes.
    metadata
        how the waves were made; plain numbers, strings, lists and dicts.
    """

    array: torch.Tensor
    sampling: tuple[float, float]
    energy: float
    z: float
    seeds: tuple[int | None, ...] = (None,)
    dims: tuple[str, ...] = ("configuration", "y", "x")
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (isinstance(self.array, torch.Tensor) and self.array.is_complex() and self.array.ndim >= 3):
            raise InvalidInput("waves must be a complex torch tensor of shape (…, configuration, y, x)")
        if len(self.dims) != self.array.ndim or self.dims[-3:] != ("configuration", "y", "x"):
            raise InvalidInput(f"dims {self.dims} do not name the axes of an array of shape {tuple(self.array.shape)}")
        if len(self.seeds) != self.array.shape[-3]:
            raise InvalidInput(f"{len(self.seeds)} seeds for {self.array.shape[-3]} configurations; give one each")

    @property
    def grid(self) -> Grid:
        """The waves' grid."""
        ny, nx = self.array.shape[-2:]
        return Grid((ny, nx), (ny * self.sampling[0], nx * self.sampling[1]))

    @property
    def extent(self) -> tuple[float, float]:
        """Size of the field (Ly, Lx) in Å."""
        return self.grid.extent

    def numpy(self) -> np.ndarray:
        """The waves as a numpy array (…, configuration, y, x)."""
        return np.asarray(self.array.detach().cpu().numpy())

    def resampled(self, shape: tuple[int, int]) -> ExitWaves:
        """The waves on a grid of `shape` (ny, nx) over the same field, cropped or padded in Fourier space."""
        step = (self.extent[0] / shape[0], self.extent[1] / shape[1])
        return replace(self, array=fourier_resample(self.array, shape), sampling=step)

    def cropped(self, pixel_size: float) -> ExitWaves:
        """The waves cropped in Fourier space to the grid whose steps are nearest to `pixel_size` (Å).

        This keeps frequencies up to 1/(2·pixel_size), what an image with such pixels can hold. A grid that is
        already coarser is returned as it is.
        """
        if not (np.isfinite(pixel_size) and pixel_size > 0):
            raise InvalidInput(f"pixel_size is {pixel_size!r}; give a positive length in Å")
        ny, nx = (
            min(n, max(1, round(length / pixel_size))) for n, length in zip(self.grid.shape, self.extent, strict=True)
        )
        return self.resampled((ny, nx))

    def at(self, dim: str, index: int) -> ExitWaves:
        """The waves at one place of the leading axis `dim`: "tilt" or "depth", whose plane is then `z`."""
        if dim not in self.dims[:-3]:
            leading = ", ".join(map(repr, self.dims[:-3])) or "none"
            raise InvalidInput(f"the waves have no leading axis {dim!r}; theirs are: {leading}")
        axis = self.dims.index(dim)
        if not -self.array.shape[axis] <= index < self.array.shape[axis]:
            raise InvalidInput(f"{dim} {index} is not there; the waves have {self.array.shape[axis]}")
        listed = f"{dim}s"
        metadata = {key: value for key, value in self.metadata.items() if key != listed}
        if listed in self.metadata:
            metadata[dim] = self.metadata[listed][index]
        z = float(metadata["depth"]) if dim == "depth" and "depth" in metadata else self.z
        dims = self.dims[:axis] + self.dims[axis + 1 :]
        return replace(self, array=self.array.select(axis, index), dims=dims, z=z, metadata=metadata)

    def only_configuration(self, index: int) -> ExitWaves:
        """The waves of one configuration alone; the axis stays."""
        count = self.array.shape[-3]
        if not -count <= index < count:
            raise InvalidInput(f"configuration {index} is not there; the waves have {count}")
        chosen = index % count
        return replace(self, array=self.array[..., chosen : chosen + 1, :, :], seeds=(self.seeds[chosen],))

    def without_padding(self) -> ExitWaves:
        """The waves over the cell alone, cut out of the field that `exit_waves(pad=…)` added; no longer periodic."""
        top, left = self.metadata.get("pad", (0, 0))
        ny, nx = self.grid.shape
        if "padded_shape" in self.metadata and tuple(self.metadata["padded_shape"]) != (ny, nx):
            raise InvalidInput("the waves were resampled since they were padded; remove the padding first")
        rows, columns = self.metadata.get("cell_shape", (ny, nx))
        metadata = {k: v for k, v in self.metadata.items() if k not in ("pad", "cell_shape", "padded_shape")}
        return replace(self, array=self.array[..., top : top + rows, left : left + columns], metadata=metadata)

    def diffraction_pattern(self) -> torch.Tensor:
        """Intensities (…, ky, kx) of the beams, averaged over configurations; they add up to the mean of |ψ|².

        Zero frequency is at [ny // 2, nx // 2], and neighbouring pixels are 1/extent apart in Å⁻¹.
        """
        beams = torch.fft.fft2(self.array, norm="forward").abs().square().mean(dim=-3)
        return torch.fft.fftshift(beams, dim=(-2, -1))

    def power_spectrum(self) -> torch.Tensor:
        """|FFT|² (…, ky, kx) of the mean intensity without its mean; zero frequency is at [ny // 2, nx // 2].

        That of an image in focus by a perfect microscope.
        """
        intensity = self.array.abs().square().mean(dim=-3)
        intensity = intensity - intensity.mean(dim=(-2, -1), keepdim=True)
        return torch.fft.fftshift(torch.fft.fft2(intensity, norm="forward").abs().square(), dim=(-2, -1))

    def propagated(self, distance: float) -> ExitWaves:
        """The waves after free propagation over `distance` (Å, negative: back) along the beam."""
        grid = self.grid
        kernel = propagator(
            grid, self.energy, distance, dtype=self.array.dtype, device=self.array.device, band_limit=False
        )
        return replace(self, array=propagated(self.array, kernel), z=self.z + distance)

    def save(self, path: str | Path) -> None:
        """Write the waves as the zarr group `path`, a new folder; it appears whole or not at all."""
        import zarr

        path = Path(path)
        if path.exists():
            raise StoreError(f"{path} exists; waves are not written over anything, give another name or remove it")
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
        try:
            group = zarr.open_group(partial, mode="w-", attributes=self.attributes())
            write_array(group, "waves", self.numpy().astype(np.complex64, copy=False), self.dims)
            os.replace(partial, path)
        except OSError as error:
            raise StoreError(
                f"cannot write waves to {path}: {error.strerror or error}; nothing was left there"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                shutil.rmtree(partial)

    def attributes(self) -> dict[str, Any]:
        """All but the array, as plain values for storage beside it."""
        return {
            "format": FORMAT,
            "dims": list(self.dims),
            "sampling": list(self.sampling),
            "energy": self.energy,
            "z": self.z,
            "seeds": list(self.seeds),
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_attributes(cls, array: torch.Tensor, attributes: Mapping[str, Any]) -> ExitWaves:
        """Waves from an array and the `attributes` stored beside it."""
        try:
            if attributes["format"] != FORMAT:
                raise StoreError(f"the waves have the format {attributes['format']!r}; this version reads {FORMAT!r}")
            dy, dx = attributes["sampling"]
            return cls(
                array=array,
                sampling=(float(dy), float(dx)),
                energy=float(attributes["energy"]),
                z=float(attributes["z"]),
                seeds=tuple(None if s is None else int(s) for s in attributes["seeds"]),
                dims=tuple(attributes["dims"]),
                metadata=dict(attributes["metadata"]),
            )
        except (KeyError, TypeError) as error:
            raise StoreError(f"the stored waves lack or garble {error}; the store is damaged, make it again") from error

    @classmethod
    def load(cls, path: Any, *, device: torch.device | str = "cpu") -> ExitWaves:
        """Read waves that `save` wrote: at a path, or in whatever else zarr opens as a store."""
        import zarr

        try:
            group = zarr.open_group(path, mode="r")
            stored: Any = group["waves"]
            waves = cls.from_attributes(torch.from_numpy(np.asarray(stored[...])), dict(group.attrs))
        except _READING as error:
            raise StoreError(f"{path} holds no exit waves that can be read ({error})") from error
        return replace(waves, array=waves.array.to(device))
