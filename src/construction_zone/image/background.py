"""What inelastic scattering does to an unfiltered image: an estimate by the thickness of the specimen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import torch

from construction_zone.errors import InvalidInput


def mean_free_path(atomic_number: float, energy: float, collection: float) -> float:
    """The total inelastic mean free path in Å, to about ±20 %.

    λ = 106 F (E₀/E_m)/ln(2β E₀/E_m) nm with F = (1 + E₀/1022)/(1 + E₀/511)², E_m = 7.6 Z^0.36 eV, E₀ in keV and β in
    mrad: T. Malis, S. C. Cheng and R. F. Egerton, J. Electron Microsc. Tech. 8, 193 (1988).

    Parameters
    ----------
    atomic_number
        Z, the mean one of a compound.
    energy
        of the electrons in eV.
    collection
        semi-angle β that reaches the image, in mrad: the objective aperture. The formula is for β below about 20 mrad.
    """
    for name, value in (("atomic_number", atomic_number), ("energy", energy), ("collection", collection)):
        if isinstance(value, bool) or not isinstance(value, Real) or not (math.isfinite(value) and value > 0):
            raise InvalidInput(f"{name} is {value!r}; give a number above zero")
    kilovolts = energy / 1e3
    relativity = (1 + kilovolts / 1022) / (1 + kilovolts / 511) ** 2
    ratio = kilovolts / (7.6 * atomic_number**0.36)
    if 2 * collection * ratio <= math.e:
        raise InvalidInput(
            f"a collection angle of {collection:g} mrad is too small for this formula; give 1 mrad or more"
        )
    return 10 * 106 * relativity * ratio / math.log(2 * collection * ratio)


@dataclass(frozen=True)
class InelasticBackground:
    """Electrons that lost energy, as a blurred copy of the elastic image underneath it.

    An estimate, not a simulation: of the electrons at a place where the specimen is t thick, exp(−t/λ) lost no energy
    and make the image that was simulated. The others are focused elsewhere (chromatic aberration) and were scattered
    over a range (delocalisation); they carry the same image blurred by a Gaussian, or, in an energy-filtered image,
    are gone. It conserves electrons unless filtered; it knows nothing of the fine structure of inelastic images.

    Parameters
    ----------
    mean_free_path
        λ in Å (see `mean_free_path`: 300 kV and 10 mrad give 1870 Å for carbon and 870 Å for gold).
    blur
        standard deviation of the Gaussian in Å. About C_c·(ΔE/E)·α: 15 Å for a plasmon loss of 25 eV at 300 kV,
        C_c = 1.8 mm and beams of α = 10 mrad.
    filtered
        whether an energy filter takes these electrons out.
    """

    mean_free_path: float
    blur: float = 15.0
    filtered: bool = False

    def __post_init__(self) -> None:
        for name in ("mean_free_path", "blur"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise InvalidInput(f"InelasticBackground: {name} is {value!r}; give a finite number in Å")
        if self.mean_free_path <= 0 or self.blur < 0:
            raise InvalidInput("InelasticBackground: give a mean_free_path above zero and a blur of zero or more, in Å")

    def apply(
        self, intensity: torch.Tensor, thickness: float | torch.Tensor, pixel_size: tuple[float, float]
    ) -> torch.Tensor:
        """`intensity` with this background.

        Parameters
        ----------
        intensity
            real (…, y, x), periodic.
        thickness
            of the specimen in Å, one number or (y, x).
        pixel_size
            (dy, dx) in Å.

        Raises
        ------
        InvalidInput
            If a thickness is negative or NaN.
        """
        depth = torch.as_tensor(thickness, dtype=intensity.dtype, device=intensity.device)
        if not bool((depth >= 0).all()) or not bool(torch.isfinite(depth).all()):
            raise InvalidInput("thickness is negative, NaN or infinite somewhere; give zero or more, in Å")
        elastic = torch.exp(-depth / self.mean_free_path)
        if self.filtered:
            return intensity * elastic
        ny, nx = intensity.shape[-2:]
        ky = torch.fft.fftfreq(ny, pixel_size[0], dtype=intensity.dtype, device=intensity.device)[:, None]
        kx = torch.fft.rfftfreq(nx, pixel_size[1], dtype=intensity.dtype, device=intensity.device)[None, :]
        gauss = torch.exp(-2 * (math.pi * self.blur) ** 2 * (ky**2 + kx**2))
        lost = torch.fft.irfft2(torch.fft.rfft2(intensity * (1 - elastic)) * gauss, s=(ny, nx))
        return intensity * elastic + lost
