"""The section ``imaging`` of a recipe: everything between the exit wave and the picture, drawn for each image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from construction_zone.dataset.fields import Quantity, Word, one_of
from construction_zone.dataset.parts import MOST_WAVES, Part, Whole, at_least, fixed, read_text, sides_of
from construction_zone.dataset.problems import Inconsistent
from construction_zone.dataset.spelling import shown
from construction_zone.distributions import Distribution
from construction_zone.errors import InvalidInput

MOST_IMAGES = 100_000
"""Images of one structure: repeats times the points of all sweeps of imaging."""

MOST_PIXELS = 65536
"""Of a crop, along one side."""

DETECTORS = ("ideal", "US1000", "Falcon", "Falcon4i", "K2", "K3")


def _length(about: str) -> Quantity:
    return Quantity("Å", -1e10, 1e10, "image", about=about)


def _azimuth(of: str) -> Quantity:
    return Quantity("rad", -7, 7, "image", about=f"azimuth of {of}, from x towards y")


def _optional(unit: str, low: float, high: float, about: str) -> Quantity:
    return Quantity(unit, low, high, "image", optional=True, about=about)


_SIDE = {"type": "integer", "minimum": 1, "maximum": MOST_PIXELS}
_SHAPE = {"anyOf": [_SIDE, {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2}]}


def _shape(raw: Any) -> list[int]:
    sides = list(raw) if isinstance(raw, (list, tuple)) else [raw, raw]
    if len(sides) != 2:
        raise InvalidInput(f"{shown(raw)} is neither a number of pixels nor two, [y, x]")
    return sides_of(sides, MOST_PIXELS, "pixels")


class Detector(Part):
    """What records the image: a preset or the ideal counter, with whatever is given instead of its values."""

    preset: Annotated[
        Distribution,
        Word(one_of(*DETECTORS), f"one of {', '.join(DETECTORS)}", "image", about="a camera by name"),
    ] = fixed("ideal")
    curves: Annotated[
        Distribution,
        Word(read_text, "the path of a CSV file", "image", optional=True, about="MTF and noise, instead of a preset"),
    ] = fixed(None)
    dqe_zero: Annotated[Distribution, _optional("", 0.01, 1, "detective quantum efficiency at zero frequency")] = fixed(
        None
    )
    gain: Annotated[Distribution, _optional("counts per electron", 1e-6, 1e6, "")] = fixed(None)
    gain_residue: Annotated[Distribution, _optional("", 0, 1, "relative sd of what gain correction left")] = fixed(None)
    offset: Annotated[Distribution, _optional("counts", -1e6, 1e6, "added to every pixel")] = fixed(None)
    dark: Annotated[Distribution, _optional("counts", 0, 1e6, "mean dark current of an exposure")] = fixed(None)
    readout: Annotated[Distribution, _optional("counts", 0, 1e6, "standard deviation of readout noise")] = fixed(None)
    dead: Annotated[Distribution, _optional("", 0, 0.5, "share of pixels that read nothing")] = fixed(None)
    hot: Annotated[Distribution, _optional("", 0, 0.5, "share of pixels that read too much")] = fixed(None)
    hot_level: Annotated[Distribution, _optional("counts", 0, 1e6, "by how much")] = fixed(None)
    spikes: Annotated[Distribution, _optional("per million pixels", 0, 1e6, "X-ray and cosmic-ray hits")] = fixed(None)
    spike_level: Annotated[Distribution, _optional("counts", 0, 1e6, "mean size of a hit")] = fixed(None)
    falloff: Annotated[Distribution, Quantity("", 0, 0.9, "image", about="light missing in the corners")] = fixed(0.0)
    slope: Annotated[Distribution, Quantity("", -0.9, 0.9, "image", about="change of light across the image")] = fixed(
        0.0
    )
    slope_azimuth: Annotated[Distribution, Quantity("°", -360, 360, "image", about="direction of the slope")] = fixed(
        0.0
    )
    saturation: Annotated[Distribution, _optional("counts", 1, 1e9, "counts at which a pixel is full")] = fixed(None)
    output: Annotated[
        Literal["electrons", "counts", "uint16"], Field(description="electrons, counts, or counts as whole numbers")
    ] = "electrons"
    serial: Annotated[
        Distribution,
        Quantity("", 0, 2**53, "image", integer=True, about="of the camera: decides its fixed pattern"),
    ] = fixed(0)


class Distortion(Part):
    """Geometric distortion of image and labels alike, about the middle of the image."""

    scale: Annotated[Distribution, Quantity("", -0.5, 1, "image", about="error of the magnification")] = fixed(0.0)
    shear: Annotated[Distribution, Quantity("", -1, 1, "image", about="how far x moves by y")] = fixed(0.0)
    ellipse: Annotated[Distribution, Quantity("", -1, 1, "image", about="stretch along the azimuth")] = fixed(0.0)
    azimuth: Annotated[Distribution, Quantity("°", -360, 360, "image", about="of the ellipse")] = fixed(0.0)
    rotation: Annotated[Distribution, Quantity("°", -360, 360, "image", about="from x towards y")] = fixed(0.0)
    shift_x: Annotated[Distribution, Quantity("Å", -1e5, 1e5, "image", about="image shift towards x")] = fixed(0.0)
    shift_y: Annotated[Distribution, Quantity("Å", -1e5, 1e5, "image", about="image shift towards y")] = fixed(0.0)
    field: Annotated[Distribution, Quantity("Å", 0, 100, "image", about="rms of a smooth random field")] = fixed(0.0)
    correlation: Annotated[
        Distribution, Quantity("Å", 1, 1e5, "image", about="length over which the field is correlated")
    ] = fixed(50.0)


class Background(Part):
    """Electrons that lost energy, estimated by the thickness: see `image.InelasticBackground`."""

    mean_free_path: Annotated[
        Distribution,
        _optional("Å", 10, 1e6, "inelastic mean free path; null: by the formula for the specimen's mean Z"),
    ] = fixed(None)
    blur: Annotated[Distribution, Quantity("Å", 0, 1000, "image", about="sd of the blur of these electrons")] = fixed(
        15.0
    )
    filtered: Annotated[
        Distribution,
        Word(one_of(True, False), "true or false", "image", about="an energy filter takes them out"),
    ] = fixed(False)


class Frames(Part):
    """A dose-fractionated exposure: frames along the drift, each with noise of its own; their sum is the image."""

    count: Annotated[Distribution, Quantity("", 1, 1000, "image", integer=True, about="of frames")] = fixed(10)
    jitter: Annotated[Distribution, Quantity("Å", 0, 100, "image", about="random step between frames")] = fixed(0.0)
    aligned: Annotated[
        Distribution,
        Word(one_of(True, False), "true or false", "image", about="frames are moved back before they are added"),
    ] = fixed(False)
    keep: Annotated[bool, Field(description="keep every frame too, as they were recorded, under the name frames")] = (
        False
    )


class Crop(Part):
    """A part of the cell as each image, of so many pixels, which may be of a size of their own in each image."""

    shape: Annotated[
        list[int],
        BeforeValidator(_shape),
        WithJsonSchema(_SHAPE),
        Field(description="pixels along y and x, the same for all images: one number or [y, x]"),
    ]
    pixel_size: Annotated[
        Distribution,
        _optional("Å", 0.005, 10, "the nearest that divides the cell is taken; null: imaging.pixel_size"),
    ] = fixed(None)
    x: Annotated[
        Distribution, Quantity("", 0, 1, "image", about="where the crop's middle lies, a share of the cell along x")
    ] = fixed(0.5)
    y: Annotated[
        Distribution, Quantity("", 0, 1, "image", about="where the crop's middle lies, a share of the cell along y")
    ] = fixed(0.5)


class Wave(Part):
    """Which wave each image is of, where `simulation.depths` or `simulation.tilts` give a structure several."""

    depth: Annotated[
        Distribution, _optional("Å", 0, 1e5, "one of simulation.depths; null: the exit face of the whole cell")
    ] = fixed(None)
    tilt: Annotated[
        Distribution,
        Quantity(
            "", 0, MOST_WAVES - 1, "image", integer=True, optional=True,
            about="number of one of simulation.tilts, from 0; null: the intensities of all are averaged",
        ),
    ] = fixed(None)  # fmt: skip


class Imaging(Part):
    """The microscope, drawn for each image; `defocus` counts from the plane `zero`, underfocus positive (−C10)."""

    pixel_size: Annotated[
        Distribution, Quantity("Å", 0.005, 10, discrete=True, about="of the images; drawn for each structure")
    ] = fixed(0.2)
    per_structure: Annotated[
        Whole, at_least(1, "images of each structure, at each point of what imaging sweeps", MOST_IMAGES)
    ] = 1
    microscope: Annotated[
        str | None, Field(description="a preset whose values stand for what is not given, such as titan_300_corrected")
    ] = None
    zero: Annotated[
        Literal["stored", "top", "middle", "bottom", "minimum_contrast"],
        Field(
            description="plane from which defocus counts: that of the stored wave (the exit face), a plane of the "
            "particles, or where their image in vacuum has the least contrast"
        ),
    ] = "stored"
    defocus: Annotated[Distribution, _length("underfocus is positive (−C10)")] = fixed(0.0)
    Cs: Annotated[Distribution, _length("spherical aberration C30")] = fixed(0.0)
    C12: Annotated[Distribution, _length("twofold astigmatism")] = fixed(0.0)
    phi12: Annotated[Distribution, _azimuth("C12")] = fixed(0.0)
    C21: Annotated[Distribution, _length("coma")] = fixed(0.0)
    phi21: Annotated[Distribution, _azimuth("C21")] = fixed(0.0)
    C23: Annotated[Distribution, _length("threefold astigmatism")] = fixed(0.0)
    phi23: Annotated[Distribution, _azimuth("C23")] = fixed(0.0)
    C32: Annotated[Distribution, _length("star aberration")] = fixed(0.0)
    phi32: Annotated[Distribution, _azimuth("C32")] = fixed(0.0)
    C34: Annotated[Distribution, _length("fourfold astigmatism")] = fixed(0.0)
    phi34: Annotated[Distribution, _azimuth("C34")] = fixed(0.0)
    C41: Annotated[Distribution, _length("fourth-order coma")] = fixed(0.0)
    phi41: Annotated[Distribution, _azimuth("C41")] = fixed(0.0)
    C43: Annotated[Distribution, _length("three-lobe aberration")] = fixed(0.0)
    phi43: Annotated[Distribution, _azimuth("C43")] = fixed(0.0)
    C45: Annotated[Distribution, _length("fivefold astigmatism")] = fixed(0.0)
    phi45: Annotated[Distribution, _azimuth("C45")] = fixed(0.0)
    C50: Annotated[Distribution, _length("fifth-order spherical aberration")] = fixed(0.0)
    C52: Annotated[Distribution, _length("fifth-order star aberration")] = fixed(0.0)
    phi52: Annotated[Distribution, _azimuth("C52")] = fixed(0.0)
    C54: Annotated[Distribution, _length("fifth-order rosette aberration")] = fixed(0.0)
    phi54: Annotated[Distribution, _azimuth("C54")] = fixed(0.0)
    C56: Annotated[Distribution, _length("sixfold astigmatism")] = fixed(0.0)
    phi56: Annotated[Distribution, _azimuth("C56")] = fixed(0.0)
    focal_spread: Annotated[Distribution, Quantity("Å", 0, 1e5, "image", about="standard deviation σ")] = fixed(0.0)
    focal_nodes: Annotated[
        Distribution,
        Quantity("", 3, 64, "image", integer=True, optional=True, about="foci of the sum; null: as many as are needed"),
    ] = fixed(None)
    source_size: Annotated[Distribution, Quantity("mrad", 0, 100, "image", about="1/e half-angle")] = fixed(0.0)
    coherence: Annotated[
        Literal["focal_sum", "full", "envelope"],
        Field(description="a sum over foci, over foci and beam directions, or envelopes (fast, approximate)"),
    ] = "focal_sum"
    tilt_nodes: Annotated[
        Distribution,
        Quantity("", 1, 64, "image", integer=True, optional=True, about="beam directions along each axis for full"),
    ] = fixed(None)
    beam_tilt_x: Annotated[
        Distribution, Quantity("mrad", -50, 50, "image", about="tilt of the beam against the lens, towards x")
    ] = fixed(0.0)
    beam_tilt_y: Annotated[
        Distribution, Quantity("mrad", -50, 50, "image", about="tilt of the beam against the lens, towards y")
    ] = fixed(0.0)
    aperture: Annotated[Distribution, _optional("mrad", 0.01, 1000, "radius of the objective aperture; null: none")] = (
        fixed(None)
    )
    aperture_edge: Annotated[Distribution, Quantity("mrad", 0, 100, "image", about="width of its soft edge")] = fixed(
        0.0
    )
    drift: Annotated[
        Distribution, Quantity("Å", 0, 1000, "image", about="what the image moves during the exposure")
    ] = fixed(0.0)
    drift_angle: Annotated[
        Distribution, Quantity("°", -360, 360, "image", about="direction of the drift, from x towards y")
    ] = fixed(0.0)
    vibration: Annotated[
        Distribution, Quantity("Å", 0, 100, "image", about="standard deviation of the jitter along each axis")
    ] = fixed(0.0)
    dose: Annotated[Distribution, _optional("e⁻/Å²", 1e-3, 1e9, "null: an image without noise")] = fixed(None)
    detector: Detector = Detector()
    distortion: Distortion | None = None
    background: Background | None = None
    frames: Frames | None = None
    crop: Crop | None = None
    wave: Wave | None = None

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, raw: Any) -> Any:
        """Values of the named microscope for what is not given."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("microscope"), str):
            return raw
        from construction_zone.image.presets import SETTINGS

        if raw["microscope"] not in SETTINGS:
            known = ", ".join(sorted(SETTINGS))
            raise Inconsistent([f"imaging.microscope: there is no preset {raw['microscope']!r}; there are {known}"])
        values = {name: value for name, value in SETTINGS[raw["microscope"]].items() if name in cls.model_fields}
        return {**values, **raw}
