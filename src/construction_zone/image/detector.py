"""The detector: intensity integrated over pixels, and electrons counted."""

from __future__ import annotations

import numpy as np
import torch

from construction_zone.errors import InvalidInput


def pixel_integrated(intensity: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Mean intensity over each pixel of a grid `shape` that covers the same extent; pixel i is centred at i·dx.

    A pixel averages over its rectangle, which multiplies the spectrum of the intensity by sinc(k_x dx)·sinc(k_y dy);
    then the result is sampled. Frequencies beyond the image's Nyquist limit fold back as they do on a real detector,
    damped by the sinc, not with the full strength that an intensity formed on the coarse grid would have.

    Parameters
    ----------
    intensity
        real (…, My, Mx), band-limited, on a grid that is a whole multiple of `shape`.
    shape
        (ny, nx) of the image.
    """
    fine = (intensity.shape[-2], intensity.shape[-1])
    step = (fine[0] // shape[0], fine[1] // shape[1])
    assert fine == (step[0] * shape[0], step[1] * shape[1]), "the intensity's grid is no multiple of the image's"
    ky = torch.fft.fftfreq(fine[0], 1 / fine[0], dtype=torch.float64, device=intensity.device) / shape[0]
    kx = torch.fft.rfftfreq(fine[1], 1 / fine[1], dtype=torch.float64, device=intensity.device) / shape[1]
    box = (torch.sinc(ky)[:, None] * torch.sinc(kx)[None, :]).to(intensity.dtype)
    # one transform per image: a batched one rounds differently, and bits should not depend on company
    averaged = [torch.fft.irfft2(torch.fft.rfft2(one) * box, s=fine) for one in intensity.reshape(-1, *fine)]
    return torch.stack(averaged)[:, :: step[0], :: step[1]].reshape(*intensity.shape[:-2], *shape)


def poisson(intensity: torch.Tensor, dose: float, pixel_area: float, rng: np.random.Generator) -> torch.Tensor:
    """Electrons counted in each pixel: Poisson numbers of mean dose × pixel area × intensity.

    Drawn on the CPU, so that a seed gives the same counts wherever the intensity was computed; the gradient ends here.

    Parameters
    ----------
    intensity
        real, any shape, vacuum = 1; rounding below zero counts as zero.
    dose
        electrons per Å².
    pixel_area
        Å².
    rng
        where the numbers come from.

    Returns
    -------
    float32, the shape and device of `intensity`.

    Raises
    ------
    InvalidInput
        If the dose is not a positive number.
    """
    if not (np.isfinite(dose) and dose > 0):
        raise InvalidInput(f"dose is {dose!r}; give electrons per Å² above zero, or None for an image without noise")
    mean = intensity.detach().cpu().double().numpy().clip(min=0) * (dose * pixel_area)
    return torch.from_numpy(rng.poisson(mean).astype(np.float32)).to(intensity.device)
