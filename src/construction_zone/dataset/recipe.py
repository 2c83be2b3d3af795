"""What a dataset is made of: the recipe, checked where it comes in.

`load` reads a YAML file (or a mapping) into a frozen `Recipe`, whose leaves are distributions, or raises a
`RecipeError` that lists every bad field by its path. Lengths are in Å, energies in eV, angles in mrad.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from construction_zone.dataset.fields import ABSENT, Quantity, Scope, Word, number, options
from construction_zone.dataset.prefabs import PrefabChoice
from construction_zone.dataset.problems import Inconsistent, describe
from construction_zone.dataset.yaml_text import read_yaml
from construction_zone.distributions import Choice, Distribution, Fixed, Normal
from construction_zone.errors import InvalidInput, RecipeError

STRUCTURE_SUFFIXES = (".cif", ".xyz", ".extxyz", ".vasp", ".poscar", ".json", ".pdb", ".xsf")
"""A crystal whose name ends like this, or that holds a slash, is a structure file."""


def _text(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise InvalidInput(f"{raw!r} is not a name")
    return raw.strip()


def _orientation(raw: Any) -> str | tuple[int, int, int]:
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


def _whole(raw: Any) -> Any:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    value = number(raw)
    if value != int(value):
        raise InvalidInput(f"{raw!r} is not a whole number")
    return int(value)


def _fixed(value: Any) -> Any:
    return Field(default=Fixed(value))


Whole = Annotated[int, BeforeValidator(_whole)]


class Part(BaseModel):
    """A mapping in a recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def plain(self) -> dict[str, Any]:
        """This part as plain data with every default spelt out."""
        return self.model_dump()


class Substrate(Part):
    """An amorphous film across the whole cell, at the side where the beam enters."""

    amorphous: Annotated[Distribution, Word(_text, "an element or a formula such as C")]
    density: Annotated[Distribution, Quantity("g/cm³", 0.01, 25)]
    thickness: Annotated[Distribution, Quantity("Å", 1, 5000)]
    structure: Literal["random", "relaxed"] | None = None


class Particles(Part):
    """Particles that lie on the film, at random places, `gap` Å apart as the beam sees them.

    They are balls of `crystal` and `radius`, or whatever `prefab` describes (see `dataset.prefabs`).
    """

    count: Annotated[Distribution, Quantity("", 0, 1000, integer=True)] = _fixed(1)
    crystal: Annotated[
        Distribution, Word(_text, "a crystal such as 'fcc Au' or a structure file such as crystals/au.cif", "particle")
    ]
    radius: Annotated[Distribution, Quantity("Å", 2, 1000, "particle")]
    prefab: PrefabChoice | None = None
    orientation: Annotated[
        Distribution, Word(_orientation, "'random' or the zone axis along the beam, such as [1, 1, 0]", "particle")
    ] = _fixed("random")
    gap: Annotated[Distribution, Quantity("Å", 0, 1000)] = _fixed(10.0)
    contact: Annotated[Distribution, Quantity("Å", 2, 20)] = _fixed(2.2)

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

    energy: Annotated[Distribution, Quantity("eV", 10e3, 10e6)] = _fixed(300e3)
    sampling: Annotated[Distribution, Quantity("Å", 0.005, 1)] = _fixed(0.1)
    slice_thickness: Annotated[Distribution, Quantity("Å", 0.1, 50)] = _fixed(2.0)
    phonons: Annotated[Distribution, Quantity("", 0, 1000, integer=True, optional=True)] = _fixed(8)


_LENGTH = Quantity("Å", -1e10, 1e10, "image")
_AZIMUTH = Quantity("rad", -7, 7, "image")


class Imaging(Part):
    """The microscope, drawn for each image; `defocus` counts from the exit face, underfocus positive (−C10)."""

    pixel_size: Annotated[Distribution, Quantity("Å", 0.005, 10, discrete=True)] = _fixed(0.2)
    per_structure: Annotated[Whole, Field(ge=1, le=100_000)] = 1
    defocus: Annotated[Distribution, _LENGTH] = _fixed(0.0)
    Cs: Annotated[Distribution, _LENGTH] = _fixed(0.0)
    C12: Annotated[Distribution, _LENGTH] = _fixed(0.0)
    phi12: Annotated[Distribution, _AZIMUTH] = _fixed(0.0)
    C21: Annotated[Distribution, _LENGTH] = _fixed(0.0)
    phi21: Annotated[Distribution, _AZIMUTH] = _fixed(0.0)
    C23: Annotated[Distribution, _LENGTH] = _fixed(0.0)
    phi23: Annotated[Distribution, _AZIMUTH] = _fixed(0.0)
    C32: Annotated[Distribution, _LENGTH] = _fixed(0.0)
    phi32: Annotated[Distribution, _AZIMUTH] = _fixed(0.0)
    C34: Annotated[Distribution, _LENGTH] = _fixed(0.0)
    phi34: Annotated[Distribution, _AZIMUTH] = _fixed(0.0)
    focal_spread: Annotated[Distribution, Quantity("Å", 0, 1e5, "image")] = _fixed(0.0)
    source_size: Annotated[Distribution, Quantity("mrad", 0, 100, "image")] = _fixed(0.0)
    aperture: Annotated[Distribution, Quantity("mrad", 0.01, 1000, "image", optional=True)] = _fixed(None)
    dose: Annotated[Distribution, Quantity("e⁻/Å²", 1e-3, 1e9, "image", optional=True)] = _fixed(None)


class Labels(Part):
    """The mask of the particles: from their projected atoms, or from the phase of their exit wave in vacuum.

    `threshold` (radians), `blur` (Å) and `order` belong to ``exit_wave``; null stands for what `label.exit_wave` does.
    """

    mask: Literal["projected", "exit_wave"] = "projected"
    threshold: Annotated[Distribution, Quantity("rad", 1e-3, 3.14, optional=True)] = _fixed(None)
    blur: Annotated[Distribution, Quantity("Å", 0, 100, optional=True)] = _fixed(None)
    order: Literal["blur_then_threshold", "threshold_then_blur"] | None = None


class Recipe(Part):
    """A dataset: `count` structures made from `seed`, each drawn from what the parts say."""

    version: Annotated[Literal[1], BeforeValidator(_whole)]
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 0
    count: Annotated[Whole, Field(ge=1, le=100_000_000)] = 1
    cell: tuple[
        Annotated[Distribution, Quantity("Å", 1, 1e5, discrete=True)],
        Annotated[Distribution, Quantity("Å", 1, 1e5, discrete=True)],
    ]
    substrate: Substrate | None = None
    particles: Particles | None = None
    simulation: Simulation = Simulation()
    imaging: Imaging = Imaging()
    labels: Labels = Labels()

    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        found = list(_contradictions(self))
        if found:
            raise Inconsistent(found)
        return self

    @classmethod
    def schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The JSON schema of a recipe, for editors."""
        return cls.model_json_schema(*args, **kwargs)

    def text(self) -> str:
        """The recipe as YAML with every default spelt out."""
        return yaml.safe_dump(self.plain(), sort_keys=False, allow_unicode=True, width=120)

    def with_(self, *, seed: int | None = None, count: int | None = None) -> Recipe:
        """The same recipe with another seed or count."""
        changed = {key: value for key, value in (("seed", seed), ("count", count)) if value is not None}
        return load({**self.plain(), **changed}, folder=self._folder) if changed else self

    def leaves(self, per: Scope) -> Iterator[tuple[str, Distribution]]:
        """Dotted path and distribution of each leaf that is drawn once per `per`."""
        return _leaves(self, "", per)

    def structure_files(self) -> dict[str, Path]:
        """The structure files that the recipe names, as written → where they are."""
        if self.particles is None:
            return {}
        if self.particles.prefab is None:
            words = list(options(self.particles.crystal))
        else:
            leaves = [leaf for _, leaf in self.particles.prefab.leaves() if isinstance(leaf, (Fixed, Choice))]
            words = [word for leaf in leaves for word in options(leaf)]
        names = [name for name in words if isinstance(name, str) and is_structure_file(name)]
        return {name: (self._folder / Path(name).expanduser()).absolute() for name in names}

    def identity(self) -> dict[str, Any]:
        """Everything that decides what structure *i* is: all but `count`, structure files by their contents."""
        plain = self.plain()
        del plain["count"]
        digests = {name: _digest(path) for name, path in self.structure_files().items()}
        if plain["particles"] is not None:
            plain["particles"] = _replaced(plain["particles"], digests)
            if plain["particles"]["prefab"] is None:
                del plain["particles"]["prefab"]  # recipes of balls stay what they were
        return plain

    def digest(self) -> str:
        """SHA-256 of `identity`, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()


def load(source: str | Path | Mapping[str, Any], *, folder: str | Path | None = None) -> Recipe:
    """A checked `Recipe` from a YAML file or from a mapping of the same form.

    Structure files are looked for beside the recipe file, or in `folder` (default: the working directory).
    Raises `RecipeError` with each bad field by its path, and `StructureFileError` for a missing structure file.
    """
    from construction_zone.dataset.compose import check_materials

    if isinstance(source, Mapping):
        raw: Any = dict(source)
        name = "recipe"
        place = Path(folder) if folder is not None else Path.cwd()
    else:
        path = Path(source)
        raw, name, place = read_yaml(path), str(path), Path(folder) if folder is not None else path.absolute().parent
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(f"{name} cannot be used:\n" + "\n".join(describe(error, Recipe))) from None
    recipe._folder = place
    for file_name, file in recipe.structure_files().items():
        if not file.is_file():
            raise RecipeError(f"{name} cannot be used:\n  particles.crystal: no file {file_name} ({file})")
    check_materials(recipe)
    return recipe


def is_structure_file(crystal: str) -> bool:
    """Whether a recipe's `crystal` names a structure file rather than a prototype."""
    return "/" in crystal or crystal.lower().endswith(STRUCTURE_SUFFIXES)


def differences(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str = "") -> list[str]:
    """``path: a's value, b's value`` for each leaf where two plain recipes differ."""
    found: list[str] = []
    for key in dict.fromkeys([*a, *b]):
        x, y = a.get(key), b.get(key)
        if isinstance(x, Mapping) and isinstance(y, Mapping):
            found += differences(x, y, f"{prefix}{key}.")
        elif x != y:
            found.append(f"{prefix}{key}: {x} there, {y} here")
    return found


def _leaves(part: Part, prefix: str, per: Scope) -> Iterator[tuple[str, Distribution]]:
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Part):
            yield from _leaves(value, f"{prefix}{name}.", per)
        elif isinstance(value, PrefabChoice):
            yield from (value.leaves() if per == "particle" else ())
        elif value is ABSENT:
            continue
        elif isinstance(value, tuple):
            yield from ((f"{prefix}{name}[{i}]", leaf) for i, leaf in enumerate(value) if per == "structure")
        elif isinstance(value, Distribution):
            scopes = [m.per for m in info.metadata if isinstance(m, (Quantity, Word))]
            if scopes == [per]:
                yield f"{prefix}{name}", value


def _reach(leaf: Distribution) -> tuple[float, float]:
    """Where draws lie in practice: the support, or for a normal one 4 standard deviations about the mean."""
    low, high = leaf.support
    if isinstance(leaf, Normal):
        return max(low, leaf.mean - 4 * leaf.sd), min(high, leaf.mean + 4 * leaf.sd)
    return low, high


def _contradictions(recipe: Recipe) -> Iterator[str]:
    """Fields that are fine alone but do not go together."""
    if recipe.substrate is None and recipe.particles is None:
        yield "particles: there is neither a substrate nor a particle; give at least one"
    for axis, leaf in enumerate(recipe.cell):
        for side, pixel in product(options(leaf), options(recipe.imaging.pixel_size)):
            pixels = round(side / pixel)
            if pixels < 1 or abs(side / pixel - pixels) > 1e-6:
                nearest = max(pixels, 1) * pixel
                yield (
                    f"cell[{axis}]: {side:g} Å is not a whole number of image pixels of {pixel:g} Å "
                    f"({side / pixel:.6g}); the nearest cell is {nearest:.10g} Å"
                )
    coarsest, finest = _reach(recipe.simulation.sampling)[1], min(options(recipe.imaging.pixel_size))
    if coarsest > finest * (1 + 1e-9):
        yield (
            f"imaging.pixel_size: {finest:g} Å is finer than the wave's sampling of {coarsest:g} Å; "
            "take larger pixels or a finer simulation.sampling"
        )
    if recipe.labels.mask == "projected":
        for name in ("threshold", "blur", "order"):
            if recipe.labels.plain()[name] is not None:
                yield f"labels.{name}: belongs to mask: exit_wave; leave it out with mask: projected"
    if recipe.particles is not None:
        yield from _crowding(recipe, recipe.particles)


def _crowding(recipe: Recipe, particles: Particles) -> Iterator[str]:
    if particles.prefab is not None:
        return  # how wide they are is known when they are made
    side = min(min(options(leaf)) for leaf in recipe.cell)
    most, gap = _reach(particles.count)[1], _reach(particles.gap)
    smallest, largest = _reach(particles.radius)
    if most >= 1 and 2 * largest + gap[1] > side:
        yield (
            f"particles.radius: {largest:g} Å with a gap of {gap[1]:g} Å does not fit a periodic cell of {side:g} Å; "
            "the diameter plus the gap may be no more than the cell"
        )
    area = math.prod(min(options(leaf)) for leaf in recipe.cell)
    needed = most * (2 * smallest + gap[0]) ** 2 * math.sqrt(3) / 2  # each disc's share of the densest packing
    if needed > area:
        yield f"particles.count: {most:g} particles of {smallest:g} Å, {gap[0]:g} Å apart, cannot fit {area:g} Å²"


def _replaced(plain: Any, words: Mapping[str, str]) -> Any:
    """Plain data with some words replaced wherever they stand."""
    if isinstance(plain, dict):
        return {key: _replaced(value, words) for key, value in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [_replaced(value, words) for value in plain]
    return words.get(plain, plain) if isinstance(plain, str) else plain


def _digest(path: Path) -> str:
    try:
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        raise RecipeError(f"particles.crystal: {path} cannot be read: {error.strerror}") from error
