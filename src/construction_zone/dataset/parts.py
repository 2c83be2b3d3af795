"""The parts of a recipe: what each section of the file may hold, with units, limits and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from construction_zone.dataset.fields import ABSENT, Quantity, Word, number
from construction_zone.dataset.prefabs import PrefabChoice
from construction_zone.dataset.problems import Inconsistent
from construction_zone.distributions import Distribution, Fixed
from construction_zone.errors import InvalidInput

MOST_IMAGES = 100_000
"""Images of one structure: repeats times the points of all sweeps of imaging."""


def read_text(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise InvalidInput(f"{raw!r} is not a name")
    return raw.strip()


def read_orientation(raw: Any) -> str | tuple[int, int, int]:
    if raw in ("random", "keep"):
        return str(raw)
    if isinstance(raw, str) and raw.startswith("facet "):
        return raw
    if isinstance(raw, (list, tuple)) and len(raw) == 3:
        values = [number(value) for value in raw]
        if all(value == int(value) for value in values) and any(values):
            return (int(values[0]), int(values[1]), int(values[2]))
    raise InvalidInput(
        f"{raw!r} is neither 'random' nor a zone axis such as [1, 1, 0], nor 'facet 1 1 1' (down), nor 'keep'"
    )


def whole_number(raw: Any) -> Any:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    value = number(raw)
    if value != int(value):
        raise InvalidInput(f"{raw!r} is not a whole number")
    return int(value)


def fixed(value: Any) -> Any:
    return Field(default=Fixed(value))


Whole = Annotated[int, BeforeValidator(whole_number)]


class Part(BaseModel):
    """A mapping in a recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def plain(self) -> dict[str, Any]:
        """This part as plain data with every default spelt out."""
        return self.model_dump()


class Substrate(Part):
    """An amorphous film across the whole cell, at the side where the beam enters."""

    amorphous: Annotated[Distribution, Word(read_text, "an element or a formula such as C")]
    density: Annotated[Distribution, Quantity("g/cm³", 0.01, 25)]
    thickness: Annotated[Distribution, Quantity("Å", 1, 5000)]
    structure: Literal["random", "relaxed"] | None = None


class Particles(Part):
    """Particles that lie on the film, at random places, `gap` Å apart as the beam sees them.

    They are balls of `crystal` and `radius`, or whatever `prefab` describes (see `dataset.prefabs`).
    """

    count: Annotated[Distribution, Quantity("", 0, 1000, integer=True)] = fixed(1)
    crystal: Annotated[
        Distribution,
        Word(read_text, "a crystal such as 'fcc Au' or a structure file such as crystals/au.cif", "particle"),
    ]
    radius: Annotated[Distribution, Quantity("Å", 2, 1000, "particle")]
    prefab: PrefabChoice | None = None
    orientation: Annotated[
        Distribution, Word(read_orientation, "'random' or the zone axis along the beam, such as [1, 1, 0]", "particle")
    ] = fixed("random")
    gap: Annotated[Distribution, Quantity("Å", 0, 1000)] = fixed(10.0)
    contact: Annotated[Distribution, Quantity("Å", 2, 20)] = fixed(2.2)

    @model_validator(mode="before")
    @classmethod
    def _balls_or_prefab(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping) or raw.get("prefab") is None:
            return raw
        for key in ("crystal", "radius"):
            if raw.get(key) is not None and raw[key] is not ABSENT:
                raise Inconsistent([f"particles.{key}: belongs to balls; with a prefab give it as its parameter"])
        return {**raw, "crystal": ABSENT, "radius": ABSENT}


class Simulation(Part):
    """How the exit waves are computed; `phonons` counts configurations, null or 0 for a static one."""

    energy: Annotated[Distribution, Quantity("eV", 10e3, 10e6)] = fixed(300e3)
    sampling: Annotated[Distribution, Quantity("Å", 0.005, 1)] = fixed(0.1)
    slice_thickness: Annotated[Distribution, Quantity("Å", 0.1, 50)] = fixed(2.0)
    phonons: Annotated[Distribution, Quantity("", 0, 1000, integer=True, optional=True)] = fixed(8)


_LENGTH = Quantity("Å", -1e10, 1e10, "image")
_AZIMUTH = Quantity("rad", -7, 7, "image")


class Imaging(Part):
    """The microscope, drawn for each image; `defocus` counts from the exit face, underfocus positive (−C10)."""

    pixel_size: Annotated[Distribution, Quantity("Å", 0.005, 10, discrete=True)] = fixed(0.2)
    per_structure: Annotated[Whole, Field(ge=1, le=MOST_IMAGES)] = 1
    defocus: Annotated[Distribution, _LENGTH] = fixed(0.0)
    Cs: Annotated[Distribution, _LENGTH] = fixed(0.0)
    C12: Annotated[Distribution, _LENGTH] = fixed(0.0)
    phi12: Annotated[Distribution, _AZIMUTH] = fixed(0.0)
    C21: Annotated[Distribution, _LENGTH] = fixed(0.0)
    phi21: Annotated[Distribution, _AZIMUTH] = fixed(0.0)
    C23: Annotated[Distribution, _LENGTH] = fixed(0.0)
    phi23: Annotated[Distribution, _AZIMUTH] = fixed(0.0)
    C32: Annotated[Distribution, _LENGTH] = fixed(0.0)
    phi32: Annotated[Distribution, _AZIMUTH] = fixed(0.0)
    C34: Annotated[Distribution, _LENGTH] = fixed(0.0)
    phi34: Annotated[Distribution, _AZIMUTH] = fixed(0.0)
    focal_spread: Annotated[Distribution, Quantity("Å", 0, 1e5, "image")] = fixed(0.0)
    source_size: Annotated[Distribution, Quantity("mrad", 0, 100, "image")] = fixed(0.0)
    aperture: Annotated[Distribution, Quantity("mrad", 0.01, 1000, "image", optional=True)] = fixed(None)
    dose: Annotated[Distribution, Quantity("e⁻/Å²", 1e-3, 1e9, "image", optional=True)] = fixed(None)
