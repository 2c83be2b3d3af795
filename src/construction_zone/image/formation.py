"""Σ|ψ|² of waves from their beams, on a grid that holds all of it, and what pixels make of it.

Beams come with rising frequencies and fill the first rows and columns of the transform. That moves every wave by a
phase that is linear in position, which |ψ|² does not see, and leaves zeros at the end only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch

from construction_zone.image.sampling import folded_columns, sampled

if TYPE_CHECKING:
    from construction_zone.image.lens import Lens


class IntensitySum(Protocol):
    """A sum of |ψ|²; asked once, at the end, for its intensity or its image."""

    def add(self, beams: torch.Tensor, lens: Lens, focus: float, share: float) -> None:
        """Add `share`·|F⁻¹[beams · lens.at(focus)]|²."""

    def intensity(self) -> torch.Tensor:
        """The sum on its grid, (my, mx)."""

    def sampled(self, shape: tuple[int, int], factors: Sequence[torch.Tensor]) -> torch.Tensor:
        """The sum with its spectrum multiplied by `factors`, sampled on a grid `shape` (see `sampling.sampled`)."""


def intensity_sum(shape: tuple[int, int], beams: torch.Tensor, differentiable: bool) -> IntensitySum:
    """An empty sum on a grid `shape` for waves like `beams`: compiled where it can be, else of whole tensors."""
    if beams.device.type == "cpu" and beams.dtype == torch.complex64 and not differentiable:
        from construction_zone.image.formation_compiled import transformable

        if all(transformable(size) for size in shape):
            return CompiledIntensity(shape)
    return TensorIntensity(shape, beams)


class TensorIntensity:
    """The sum by operations on whole tensors: on any device, of any precision, differentiable."""

    def __init__(self, shape: tuple[int, int], beams: torch.Tensor) -> None:
        self.total = torch.zeros(shape, dtype=beams.real.dtype, device=beams.device)

    def add(self, beams: torch.Tensor, lens: Lens, focus: float, share: float) -> None:
        my, mx = self.total.shape
        columns = torch.fft.ifft(beams * lens.at(focus), n=my, dim=-2, norm="forward")
        wave = torch.fft.ifft(columns, n=mx, dim=-1, norm="forward")
        if torch.is_grad_enabled() and (wave.requires_grad or self.total.requires_grad):
            self.total = self.total + share * (wave.real.square() + wave.imag.square())
        else:
            self.total.addcmul_(wave.real, wave.real, value=share).addcmul_(wave.imag, wave.imag, value=share)

    def intensity(self) -> torch.Tensor:
        return self.total

    def sampled(self, shape: tuple[int, int], factors: Sequence[torch.Tensor]) -> torch.Tensor:
        return sampled(self.total, shape, factors)


class CompiledIntensity:
    """The sum by compiled loops, single precision on the CPU."""

    def __init__(self, shape: tuple[int, int]) -> None:
        from construction_zone.image.formation_compiled import CompiledSum

        self.shape = shape
        self.sum = CompiledSum(shape)

    def add(self, beams: torch.Tensor, lens: Lens, focus: float, share: float) -> None:
        self.sum.add(beams.detach().resolve_conj(), *lens.parts(focus), share)

    def intensity(self) -> torch.Tensor:
        return self.sum.intensity()

    def sampled(self, shape: tuple[int, int], factors: Sequence[torch.Tensor]) -> torch.Tensor:
        from construction_zone.image.formation_compiled import joined, transformable

        both = [factor for factor in factors if min(factor.shape) > 1]
        if any(factor.is_complex() for factor in both):
            return sampled(self.intensity(), shape, factors)
        along_y, along_x = (
            joined(factors, axis, size) for axis, size in ((0, self.shape[0]), (1, self.shape[1] // 2 + 1))
        )
        if not both and all(transformable(size) for size in shape):
            return torch.from_numpy(self.sum.image(shape, along_y, along_x))
        grid = math.prod(both[1:], start=both[0]).to(torch.float32).numpy() if both else None
        spectrum = torch.from_numpy(self.sum.spectrum(shape, along_y, along_x, grid))
        if both:
            spectrum = folded_columns(spectrum, self.shape[1], shape)
        return torch.fft.irfft2(spectrum, s=shape, norm="forward")
