"""The segmentation network and its file."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from construction_zone import seeding
from construction_zone.dataset.files import write_whole
from construction_zone.errors import InvalidInput, missing_extra

FORMAT = "construction-zone unet 1"


@dataclass(frozen=True)
class Architecture:
    """A residual U-Net for one-channel images and one class.

    Attributes
    ----------
    channels
        Features at each level, the finest first; each further level has half the resolution.
    units
        Convolutions in a residual unit.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128)
    units: int = 2

    def __post_init__(self) -> None:
        if len(self.channels) < 2 or min(self.channels) < 1:
            raise InvalidInput(f"channels are {self.channels}; give two or more numbers of features, each at least 1")
        if self.units < 1:
            raise InvalidInput(f"units is {self.units}; give at least 1")

    @property
    def stride(self) -> int:
        """Pixels of the image per pixel of the coarsest level."""
        return 2 ** (len(self.channels) - 1)


class Segmenter(nn.Module):
    """A MONAI U-Net that takes images of any size: (n, 1, y, x) standardised images to (n, 1, y, x) logits.

    Sides are padded by their edge values to what the network takes, and its answer is cut back.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        try:
            from monai.networks.nets.unet import UNet
        except ImportError as problem:
            raise missing_extra("MONAI", "learn") from problem
        self.architecture = architecture
        self.body = UNet(
            spatial_dims=2,
            in_channels=1,
            out_channels=1,
            channels=architecture.channels,
            strides=(2,) * (len(architecture.channels) - 1),
            num_res_units=architecture.units,
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, 1, y, x): the logarithm of the odds that a pixel belongs to a particle."""
        stride = self.architecture.stride
        ny, nx = images.shape[-2:]
        below, right = (max(length + -length % stride, 2 * stride) - length for length in (ny, nx))
        result: torch.Tensor = self.body(functional.pad(images, (0, right, 0, below), mode="replicate"))
        return result[..., :ny, :nx]


def unet(architecture: Architecture | None = None, seed: seeding.Seed = 0) -> Segmenter:
    """An untrained network with weights drawn from `seed`; the global random state of torch is left as it was.

    Raises
    ------
    MissingExtra
        MONAI is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seeding.integer(seed, "weights"))
        return Segmenter(architecture or Architecture())


def standardised(images: torch.Tensor) -> torch.Tensor:
    """Images (…, y, x) with mean 0 and standard deviation 1, each on its own; a flat image becomes 0."""
    middle = images - images.mean(dim=(-2, -1), keepdim=True)
    spread = middle.square().mean(dim=(-2, -1), keepdim=True).sqrt()
    return middle / spread.clamp_min(torch.finfo(images.dtype).tiny)


def save(network: Segmenter, path: str | Path) -> None:
    """Write the weights of `network` and its architecture to `path`, whole or not at all."""
    content = {
        "format": FORMAT,
        "architecture": asdict(network.architecture),
        "state": {name: value.detach().cpu() for name, value in network.state_dict().items()},
    }
    data = BytesIO()
    torch.save(content, data)
    write_whole(Path(path), data.getvalue())


def load(path: str | Path, device: str | torch.device = "cpu") -> Segmenter:
    """The network that `save` wrote to `path`, ready to predict; only tensors and plain values are unpickled.

    Raises
    ------
    InvalidInput
        The file is missing or not one of these.
    """
    try:
        content: Any = torch.load(path, map_location=device, weights_only=True)
        if content["format"] != FORMAT:
            raise KeyError(content["format"])
        kept = content["architecture"]
        network = unet(Architecture(tuple(kept["channels"]), kept["units"]))
        network.load_state_dict(content["state"])
    except FileNotFoundError as problem:
        raise InvalidInput(f"there is no model at {str(path)!r}; give the model.pt of a training run") from problem
    except (pickle.UnpicklingError, OSError, RuntimeError, KeyError, TypeError, EOFError, ValueError) as problem:
        raise InvalidInput(f"{str(path)!r} is not a model of this package; give the model.pt of a run") from problem
    return network.to(device).eval()
