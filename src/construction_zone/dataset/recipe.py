"""What a dataset is made of: the recipe, checked where it comes in.

`load` reads a YAML file (or a mapping) into a frozen `Recipe`, whose leaves are distributions, or raises a
`RecipeError` that lists every bad field by its path. Lengths are in Å, energies in eV, angles in mrad.
"""

from __future__ import annotations

import hashlib
import json
import os.path
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PrivateAttr,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from construction_zone.dataset import inherit
from construction_zone.dataset.consistency import contradictions
from construction_zone.dataset.fields import VARIABLES, Quantity, Scope, options
from construction_zone.dataset.frames import total
from construction_zone.dataset.imaging import Imaging
from construction_zone.dataset.labels import Labels
from construction_zone.dataset.leaves import leaves_of, replaced
from construction_zone.dataset.named_files import is_file, list_files
from construction_zone.dataset.parts import (
    FromFiles,
    Part,
    Particles,
    Simulation,
    Substrate,
    Whole,
    at_least,
    read_text,
    whole_number,
)
from construction_zone.dataset.problems import Inconsistent, describe
from construction_zone.dataset.scenes import PlacedZones
from construction_zone.dataset.spelling import Variable, listed, read_variables, written_variables
from construction_zone.dataset.sweeps import SweepGrid
from construction_zone.distributions import Distribution
from construction_zone.errors import InvalidInput, RecipeError

MOST_STRUCTURES = 100_000_000

VERSION = 1
"""Version of the form of recipes. Fields were added since the first, none was changed or taken away."""


_ABSENT = object()

LATER: dict[str, Any] = {
    "scene.frames": "last",
    "scene.slice": None,
    "simulation.first_phonon": 0,
    "simulation.shape": None,
    "simulation.tilts": None,
    "simulation.depths": None,
    "imaging.crop": None,
    "imaging.wave": None,
    "imaging.frames.keep": False,
    "labels.distance_reach": 10.0,
}
"""Fields that came after the first recipes, with their defaults, at which they are no part of a recipe's identity: so
that datasets begun before go on."""


def read_version(raw: Any) -> int:
    """The version of a recipe's form; those up to `VERSION` are read."""
    found = whole_number(raw)
    if found > VERSION:
        raise InvalidInput(
            f"{found} is newer than this version of construction-zone reads, which is up to {VERSION}; update it"
        )
    if found < 1:
        raise InvalidInput(f"{found} is not known; use {VERSION}")
    return int(found)


def _how_many(raw: Any) -> str:
    return "(several)" if isinstance(raw, (list, tuple)) else "(one)"


def _which_scene(raw: Any) -> str:
    zones = isinstance(raw, PlacedZones) or (isinstance(raw, Mapping) and "zones" in raw)
    return "(zones)" if zones else "(files)"


class Storage(Part):
    """How the data are kept, and under which terms others may use them.

    `waves`: ``exact`` keeps them as they were computed; ``compact`` rounds them, by less than a tenth of the shot noise
    at 10⁴ e⁻/Å², to a third of the size (see `dataset.compact`). `licence` is what the data card tells.
    """

    waves: Literal["exact", "compact"] = "exact"
    licence: Annotated[str, BeforeValidator(read_text)] | None = None


class Recipe(Part):
    """A dataset: `count` structures made from `seed`, each drawn from what the parts say."""

    version: Annotated[int, BeforeValidator(read_version), at_least(1, "of the form of recipes", VERSION)]
    seed: Annotated[Whole, at_least(0, "of everything that is drawn", 2**63 - 1)] = 0
    count: Annotated[
        Whole, at_least(1, "structures; left out: one for each point of what they sweep", MOST_STRUCTURES)
    ] = 1
    variables: Annotated[
        dict[str, Variable],
        BeforeValidator(read_variables),
        PlainSerializer(written_variables),
        WithJsonSchema(VARIABLES),
    ] = Field(default_factory=dict, description="values that several fields follow")
    cell: (
        tuple[
            Annotated[Distribution, Quantity("Å", 1, 1e5, discrete=True, about="[x, y], periodic")],
            Annotated[Distribution, Quantity("Å", 1, 1e5, discrete=True, about="[x, y], periodic")],
        ]
        | None
    ) = None
    substrate: (
        Annotated[
            Annotated[Substrate, Tag("(one)")]
            | Annotated[tuple[Substrate, ...], Tag("(several)"), Field(max_length=20)],
            Discriminator(_how_many),
        ]
        | None
    ) = None
    particles: (
        Annotated[
            Annotated[Particles, Tag("(one)")]
            | Annotated[tuple[Particles, ...], Tag("(several)"), Field(max_length=50)],
            Discriminator(_how_many),
        ]
        | None
    ) = None
    scene: (
        Annotated[
            Annotated[FromFiles, Tag("(files)")] | Annotated[PlacedZones, Tag("(zones)")],
            Discriminator(_which_scene),
        ]
        | None
    ) = None
    simulation: Simulation = Simulation()
    imaging: Imaging = Imaging()
    labels: Labels = Labels()
    storage: Storage = Storage()

    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        found = list(contradictions(self))
        if found:
            raise Inconsistent(found)
        return self

    @classmethod
    def schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The JSON schema of a recipe file, for editors."""
        from construction_zone.dataset.schema import of_files

        return of_files(cls.model_json_schema(*args, **kwargs))

    def text(self) -> str:
        """The recipe as YAML with every default spelt out."""
        return yaml.safe_dump(self.plain(), sort_keys=False, allow_unicode=True, width=120)

    def with_(self, *, seed: int | None = None, count: int | None = None) -> Recipe:
        """The same recipe with another seed or count."""
        changed = {key: value for key, value in (("seed", seed), ("count", count)) if value is not None}
        return load({**self.plain(), **changed}, folder=self._folder) if changed else self

    @property
    def images_per_structure(self) -> int:
        """Images taken of each structure: `per_structure` of every combination of what imaging sweeps."""
        return self.imaging.per_structure * self.sweep("image").size

    @property
    def groups(self) -> tuple[tuple[str, Particles], ...]:
        """The groups of particles with the path of each: ``particles``, or ``particles[0]``, … of a list."""
        if self.particles is None or isinstance(self.particles, Particles):
            return () if self.particles is None else (("particles", self.particles),)
        return tuple((f"particles[{k}]", group) for k, group in enumerate(self.particles))

    @property
    def substrates(self) -> tuple[tuple[str, str, Substrate], ...]:
        """The substrates from the lowest on, with the path and the name of each: one is called film."""
        if self.substrate is None:
            return ()
        if isinstance(self.substrate, Substrate):
            return (("substrate", self.substrate.name or "film", self.substrate),)
        return tuple(
            (f"substrate[{k}]", one.name or f"film {k}" if k else one.name or "film", one)
            for k, one in enumerate(self.substrate)
        )

    def sweep(self, per: Literal["structure", "image"], files: bool = True) -> SweepGrid:
        """What is swept from structure to structure (particles' leaves too, and `files`), or from image to image."""
        scopes: tuple[Scope, ...] = ("image",) if per == "image" else ("structure", "particle")
        swept = [(f"variables.{name}", known.leaf) for name, known in self.variables.items() if known.per in scopes]
        grid = SweepGrid.of([*swept, *(leaf for scope in scopes for leaf in self.leaves(scope))])
        if files and per == "structure" and isinstance(self.scene, FromFiles):
            paths = self.scene_files()
            if self.scene.frames == "each":
                return SweepGrid((*grid.axes, ("scene.frame", total(self.scene, paths))))
            return SweepGrid((*grid.axes, ("scene.file", len(paths))))
        return grid

    def leaves(self, per: Scope) -> Iterator[tuple[str, Distribution]]:
        """Dotted path and distribution of each leaf that is drawn once per `per`."""
        return leaves_of(self, "", per)

    def scene_files(self) -> list[Path]:
        """The files that structures are taken from, in turn."""
        if not isinstance(self.scene, FromFiles):
            return []
        return list_files(self.scene.from_files, self.file, trajectories=self.scene.frames != "last")

    def structure_files(self) -> dict[str, Path]:
        """The files that the recipe names, as written → where they are: of crystals, and of detectors' curves."""
        words: list[Any] = []
        for _, group in self.groups:
            if group.prefab is None:
                words += options(group.crystal)
            else:
                words += [word for _, leaf in group.prefab.leaves("") for word in listed(leaf) or ()]
        for _, _, layer in self.substrates:
            leaves = () if layer.prefab is None else layer.prefab.leaves("")
            words += [word for _, leaf in leaves for word in listed(leaf) or ()]
        if isinstance(self.scene, PlacedZones):
            for entry in self.scene.zones:
                words += [word for _, leaf in entry.prefab.leaves("") for word in listed(leaf) or ()]
        names = [word for word in words if isinstance(word, str) and is_file(word)]
        names += [word for word in options(self.imaging.detector.curves) if word is not None]
        return {name: self.file(name) for name in names}

    def family(self, drawn: Mapping[str, Any]) -> str:
        """Hash that structures share which are of one trajectory and go to the same split; empty for others."""
        if not isinstance(self.scene, FromFiles) or self.scene.frames != "each":
            return ""
        return _digest(self.scene_files()[drawn["scene.file"]])

    def file(self, name: str) -> Path:
        """Where a file lies that the recipe calls `name`."""
        return (self._folder / Path(name).expanduser()).absolute()

    def moved(self, keep: Callable[[Path], str]) -> dict[str, Any]:
        """The recipe as plain data, with what `keep` gives for each file in place of its name."""
        plain = self.plain()
        names = {name: keep(path) for name, path in self.structure_files().items()}
        for key in ("substrate", "particles", "scene"):
            plain[key] = replaced(plain[key], names)
        plain["imaging"]["detector"] = replaced(plain["imaging"]["detector"], names)
        if isinstance(self.scene, FromFiles):
            plain["scene"]["from_files"] = [keep(path) for path in self.scene_files()]
        return plain

    def identity(self) -> dict[str, Any]:
        """Everything that decides what structure *i* is: all but `count`, structure files by their contents."""
        plain = self.moved(_digest)
        del plain["count"]
        if isinstance(self.particles, Particles) and self.particles.prefab is None:
            del plain["particles"]["prefab"]  # recipes of balls stay what they were
        if isinstance(self.substrate, Substrate):  # and so do those of one substrate
            for key in ("name", "embedded"):
                if plain["substrate"][key] is None:
                    del plain["substrate"][key]
        for path, value in LATER.items():
            *sections, name = path.split(".")
            part: Any = plain
            for section in sections:
                part = part.get(section) if isinstance(part, dict) else None
            if isinstance(part, dict) and part.get(name, _ABSENT) == value:
                del part[name]
        return plain

    def digest(self) -> str:
        """SHA-256 of `identity`, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()


def load(
    source: str | Path | Mapping[str, Any], *, folder: str | Path | None = None, settings: Sequence[str] = ()
) -> Recipe:
    """A checked `Recipe` from a YAML file or from a mapping of the same form.

    ``extends: other.yaml`` takes another recipe as the base (see `inherit`); `settings` such as ``imaging.dose=100`` go
    over both.
    Structure files are looked for beside the recipe file, or in `folder` (default: the working directory).
    Raises `RecipeError` with each bad field by its path, and `StructureFileError` for a missing structure file.
    """
    from construction_zone.dataset.compose import check_materials
    from construction_zone.dataset.given import check_scene

    if isinstance(source, Mapping):
        name = "recipe"
        place = Path(folder) if folder is not None else Path.cwd()
        raw: Any = inherit.extended(dict(source), name, place.absolute())
    else:
        path = Path(source)
        raw, name, place = inherit.read(path), str(path), Path(folder) if folder is not None else path.absolute().parent
    raw = inherit.with_values(raw, settings, name)
    try:
        recipe = Recipe.model_validate(raw, context={"variables": _variables(raw)})
    except ValidationError as error:
        raise RecipeError(f"{name} cannot be used:\n" + "\n".join(describe(error, Recipe))) from None
    recipe._folder = place
    check_scene(recipe, name)
    if "count" not in raw:
        recipe = recipe.model_copy(update={"count": recipe.sweep("structure").size})
    for file_name, file in recipe.structure_files().items():
        if not os.path.isfile(file):
            leaves = [leaf for per in ("structure", "particle", "image") for leaf in recipe.leaves(per)]
            what = next(path for path, leaf in leaves if file_name in (listed(leaf) or ()))
            raise RecipeError(f"{name} cannot be used:\n  {what}: no file {file_name} ({file})")
    check_materials(recipe)
    _check_curves(recipe, name)
    return recipe


def _check_curves(recipe: Recipe, name: str) -> None:
    """Raise a `RecipeError` for a file of a detector's curves that cannot be used."""
    for curves in options(recipe.imaging.detector.curves):
        if curves is not None:
            from construction_zone.image import detectors

            try:
                detectors.from_csv(recipe.file(curves))
            except InvalidInput as error:
                raise RecipeError(f"{name} cannot be used:\n  imaging.detector.curves: {error}") from error


def _variables(raw: Any) -> dict[str, Variable]:
    """The variables that leaves may follow; what is wrong with the section is told by its own validation."""
    try:
        return read_variables(raw.get("variables", {})) if isinstance(raw, Mapping) else {}
    except InvalidInput:
        return {}


def _digest(path: Path) -> str:
    try:
        found = path.stat()
        return f"sha256:{_hash(path, found.st_ino, found.st_size, found.st_mtime_ns)}"
    except OSError as error:
        raise RecipeError(f"particles.crystal: {path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=10_000)
def _hash(path: Path, *state: int) -> str:
    """SHA-256 of a file, which is asked for with every structure; `state` changes when the file does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
