"""The parts of a recipe: what each section of the file may hold, with units, limits and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from ase.data import atomic_numbers
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from construction_zone.dataset.fields import ABSENT, Quantity, Word, number
from construction_zone.dataset.prefabs import PrefabChoice, PrefabField
from construction_zone.dataset.problems import Inconsistent
from construction_zone.dataset.spelling import shown
from construction_zone.distributions import Distribution, Fixed
from construction_zone.errors import InvalidInput

FRAMES = re.compile(r"(-?\d{0,9}):(-?\d{0,9})(?::(\d{0,9}))?", re.ASCII)
"""A slice of frames, start:stop:step."""


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


def read_files(raw: Any) -> str | list[str]:
    """A folder, or the names of files."""
    if isinstance(raw, (list, tuple)) and raw:
        return [read_text(name) for name in raw]
    return read_text(raw)


def read_slice(raw: Any) -> str | None:
    """A slice of frames as ASE and Python write it."""
    if raw is None:
        return None
    found = FRAMES.fullmatch(raw.replace(" ", "")) if isinstance(raw, str) else None
    if found is None or found[3] == "0":
        raise InvalidInput(
            f'{shown(raw)} is no slice of frames; give "start:stop:step" in quotes, counted from 0, such as "100::10"'
        )
    return found[0]


def read_displacements(raw: Any) -> float | dict[str, float] | None:
    """Rms displacements in Å: one number, one for each element, or null."""
    if raw is None:
        return None
    if isinstance(raw, Mapping):
        found = {str(symbol): _displacement(value, f"{symbol}: ") for symbol, value in raw.items()}
        unknown = [symbol for symbol in found if symbol not in atomic_numbers or symbol == "X"]
        if unknown:
            raise InvalidInput(f"{shown(unknown[0])} is no element; give symbols such as Au")
        return found
    return _displacement(raw)


def _displacement(raw: Any, what: str = "") -> float:
    value = number(raw)
    if not 0 <= value <= 2:
        raise InvalidInput(f"{what}{value:g} is outside the limits 0 … 2 Å")
    return value


def whole_number(raw: Any) -> Any:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    value = number(raw)
    if value != int(value):
        raise InvalidInput(f"{shown(raw)} is not a whole number")
    return int(value)


def fixed(value: Any) -> Any:
    return Field(default=Fixed(value))


Whole = Annotated[int, BeforeValidator(whole_number)]


def at_least(low: int, about: str, high: int) -> Any:
    """A field of a whole number from `low` to `high`, whose limits stand in the JSON schema too."""
    return Field(ge=low, le=high, description=about, json_schema_extra={"minimum": low, "maximum": high})


class Part(BaseModel):
    """A mapping in a recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def plain(self) -> dict[str, Any]:
        """This part as plain data with every default spelt out."""
        return self.model_dump()


class Substrate(Part):
    """What lies across the whole cell, at the side where the beam enters: a flat amorphous film, or a prefab.

    Prefabs are ``film`` (rough, wedge, with holes), ``slab``, ``layers`` (graphene, …), ``moire`` or what is made of
    them; their ``cell`` is the scene's. Of several, each lies on the one before.
    """

    name: Annotated[str | None, Field(pattern=r"^[A-Za-z][\w -]*$", max_length=40, description="of its zone")] = None
    amorphous: Annotated[Distribution, Word(read_text, "an element or a formula such as C")]
    density: Annotated[Distribution, Quantity("g/cm³", 0.01, 25)]
    thickness: Annotated[Distribution, Quantity("Å", 1, 5000)]
    structure: Annotated[
        Literal["random", "relaxed"] | None,
        Field(description="random places or a relaxed tile; null: relaxed if known"),
    ] = None
    prefab: Annotated[PrefabChoice | None, PrefabField("structure", "instead of a flat film")] = None
    embedded: Annotated[
        Distribution, Quantity("Å", 0, 1000, about="by which it reaches into the one below, which stays as it is")
    ] = Field(default=ABSENT)

    @model_validator(mode="before")
    @classmethod
    def _film_or_prefab(cls, raw: Any) -> Any:
        if isinstance(raw, Mapping) and raw.get("embedded", ABSENT) is None:
            raw = {**raw, "embedded": ABSENT}
        return _instead(raw, ("amorphous", "density", "thickness"), ("structure",), "a flat film")


class Particles(Part):
    """Particles that lie on the substrate, at random places, `gap` Å apart as the beam sees them.

    They are balls of `crystal` and `radius`, or whatever `prefab` describes (see `dataset.prefabs`).
    """

    name: Annotated[str | None, Field(pattern=r"^[A-Za-z][\w -]*$", max_length=40, description="of their zones")] = None
    count: Annotated[Distribution, Quantity("", 0, 1000, integer=True, about="of particles")] = fixed(1)
    crystal: Annotated[
        Distribution,
        Word(read_text, "a crystal such as 'fcc Au' or a structure file such as crystals/au.cif", "particle"),
    ]
    radius: Annotated[Distribution, Quantity("Å", 2, 1000, "particle", about="of balls")]
    prefab: Annotated[PrefabChoice | None, PrefabField("particle", "instead of balls")] = None
    orientation: Annotated[
        Distribution, Word(read_orientation, "'random' or the zone axis along the beam, such as [1, 1, 0]", "particle")
    ] = fixed("random")
    placing: Annotated[
        Literal["apart", "anywhere", "stacked"],
        Field(
            description="apart from those placed before, anywhere on the substrate, or anywhere and falling on top of "
            "those placed before"
        ),
    ] = "apart"
    gap: Annotated[Distribution, Quantity("Å", 0, 1000, about="least distance, as the beam sees it")] = fixed(10.0)
    overlap: Annotated[
        Distribution, Quantity("", 0, 0.9, about="share of their radii by which projected particles may overlap")
    ] = fixed(0.0)
    contact: Annotated[Distribution, Quantity("Å", 2, 20, about="distance to the atoms below")] = fixed(2.2)
    embedded: Annotated[Distribution, Quantity("Å", 0, 1000, about="by which they are then pushed down")] = fixed(0.0)
    labelled: Annotated[bool, Field(description="whether labels count them as particles")] = True

    @model_validator(mode="before")
    @classmethod
    def _balls_or_prefab(cls, raw: Any) -> Any:
        return _instead(raw, ("crystal", "radius"), (), "balls")


def _instead(raw: Any, keys: tuple[str, ...], more: tuple[str, ...], what: str) -> Any:
    """`raw` with `keys` marked absent where there is a prefab, which they and `more` do not go with."""
    if not isinstance(raw, Mapping) or raw.get("prefab") is None:
        return raw
    for key in (*keys, *more):
        if raw.get(key) is not None and raw[key] is not ABSENT:
            raise Inconsistent([f".{key}: belongs to {what}; with a prefab give it as its parameter"])
    return {**raw, **dict.fromkeys(keys, ABSENT)}


class FromFiles(Part):
    """Structures from a user's files instead of drawn ones, in turn.

    Zones are told by the files' array ``zone`` and its names, or all atoms are of one zone, ``particle``.
    """

    from_files: Annotated[
        str | list[str],
        BeforeValidator(read_files),
        Field(description="a folder, whose structure files are taken by name, or a list of files"),
    ]
    frames: Annotated[
        Literal["last", "each", "configurations"],
        Field(
            description="of files with several: the last, each as a structure of its own, or all as the configurations "
            "of one"
        ),
    ] = "last"
    slice: Annotated[
        str | None,
        BeforeValidator(read_slice),
        Field(description='frames that are taken, as "start:stop:step" in quotes, such as "100::10"; null: all'),
    ] = None
    particles: Annotated[
        list[str] | None, Field(description="zones that labels count as particles; null: all but films and the like")
    ] = None


MOST_WAVES = 1000
"""Tilts, and depths, of one structure."""

MOST_SAMPLES = 65536
"""Of a grid along one side."""

_GRID = {
    "anyOf": [
        {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "integer", "minimum": 1, "maximum": MOST_SAMPLES},
        },
        {"type": "null"},
    ]
}
_TILTS = {
    "anyOf": [
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        },
        {"type": "null"},
    ]
}


def read_tilts(raw: Any) -> list[list[float]] | None:
    """Tilts [x, y] of the beam in mrad, at least one."""
    if raw is None:
        return None
    pairs = raw if isinstance(raw, (list, tuple)) and 0 < len(raw) <= MOST_WAVES else []
    found = [[number(value) for value in pair] for pair in pairs if isinstance(pair, (list, tuple)) and len(pair) == 2]
    if not found or len(found) != len(pairs):
        raise InvalidInput(f"{shown(raw)} is no list of tilts; give [x, y] in mrad for each, such as [[0, 0], [2, 0]]")
    bad = [value for pair in found for value in pair if abs(value) > 50]
    if bad:
        raise InvalidInput(f"{bad[0]:g} is outside the limits -50 … 50 mrad")
    return found


def read_shape(raw: Any) -> list[int] | None:
    """Sizes [ny, nx] of a grid."""
    if raw is None:
        return None
    if not isinstance(raw, (list, tuple)) or len(raw) != 2:
        raise InvalidInput(f"{shown(raw)} is no grid; give its sizes [ny, nx], such as [512, 512]")
    return sides_of(raw, MOST_SAMPLES, "samples")


def sides_of(raw: Sequence[Any], most: int, of: str) -> list[int]:
    """Whole numbers from 1 to `most` of samples or pixels along each side."""
    found = [int(whole_number(side)) for side in raw]
    bad = [side for side in found if not 1 <= side <= most]
    if bad:
        raise InvalidInput(f"{bad[0]} is outside the limits 1 … {most} {of}")
    return found


def read_depths(raw: Any) -> list[float] | None:
    """Rising heights in Å, at least one."""
    if raw is None:
        return None
    if not isinstance(raw, (list, tuple)) or not 0 < len(raw) <= MOST_WAVES:
        raise InvalidInput(f"{shown(raw)} is no list of depths; give heights in Å such as [20, 40]")
    found = sorted({number(value) for value in raw})
    bad = [value for value in found if not 0 < value <= 1e5]
    if bad:
        raise InvalidInput(f"{bad[0]:g} is outside the limits above 0 … 100000 Å")
    return found


def nearest_depth(depths: list[float] | None, depth: float) -> int | None:
    """The number of that of `depths` which is `depth`, but for rounding; None if none is."""
    near = [k for k, known in enumerate(depths or ()) if abs(known - depth) < 1e-6]
    return near[0] if near else None


class Simulation(Part):
    """How the exit waves are computed; see `simulate.exit_waves`."""

    energy: Annotated[Distribution, Quantity("eV", 10e3, 10e6, about="of the electrons")] = fixed(300e3)
    sampling: Annotated[Distribution, Quantity("Å", 0.005, 1, about="largest distance between samples")] = fixed(0.1)
    shape: Annotated[
        list[int] | None,
        BeforeValidator(read_shape),
        WithJsonSchema(_GRID),
        Field(description="[ny, nx] of the grid, taken as they are, instead of sampling"),
    ] = None
    slice_thickness: Annotated[
        Distribution,
        Quantity("Å", 0.1, 50, words=("planes",), about="largest thickness of a slice, or one to each lattice plane"),
    ] = fixed(2.0)
    phonons: Annotated[
        Distribution,
        Quantity("", 0, 1000, integer=True, optional=True, about="frozen-phonon configurations; null or 0: at rest"),
    ] = fixed(8)
    displacements: Annotated[
        float | dict[str, float] | None,
        BeforeValidator(read_displacements),
        Field(description="rms thermal displacement per axis in Å, one or by element; null: as tabulated"),
    ] = None
    tilt_x: Annotated[Distribution, Quantity("mrad", -50, 50, about="tilt of the beam towards x")] = fixed(0.0)
    tilt_y: Annotated[Distribution, Quantity("mrad", -50, 50, about="tilt of the beam towards y")] = fixed(0.0)
    tilts: Annotated[
        list[list[float]] | None,
        BeforeValidator(read_tilts),
        WithJsonSchema(_TILTS),
        Field(description="[x, y] in mrad, each a wave of its own, added to tilt_x, tilt_y: an ensemble or a series"),
    ] = None
    depths: Annotated[
        list[float] | None,
        BeforeValidator(read_depths),
        Field(description="Å from the entrance at which waves are kept too, on the nearest boundary of slices"),
    ] = None
    parametrization: Annotated[Literal["lobato", "kirkland"], Field(description="of the scattering factors")] = "lobato"
    cores: Annotated[bool, Field(description="give the atoms' cores back to the transmission function")] = True
    first_phonon: Annotated[
        Whole, at_least(0, "number of the first configuration: 8 goes on where phonons: 8 ended", 1_000_000)
    ] = 0
    split: Annotated[
        Literal["standard", "symmetric"], Field(description="a slice acts at its entrance, or in its middle")
    ] = "standard"
    engine: Annotated[Literal["torch", "abtem"], Field(description="ours, or abTEM's (extra abtem)")] = "torch"
