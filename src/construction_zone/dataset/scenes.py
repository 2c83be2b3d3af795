"""Scenes in a recipe whose zones each have a place: what the file may say, and the zones that it makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from construction_zone import seeding
from construction_zone.build import Scene, Void, Zone
from construction_zone.build.inputs import Floats
from construction_zone.build.prefabs.base import bare
from construction_zone.build.transforms import translation
from construction_zone.dataset.fields import Quantity, Word
from construction_zone.dataset.named import MODIFIERS
from construction_zone.dataset.parts import Part, Whole, fixed, read_orientation
from construction_zone.dataset.prefabs import PrefabChoice, PrefabField
from construction_zone.dataset.problems import Inconsistent, tried
from construction_zone.dataset.spelling import listed
from construction_zone.distributions import Distribution, Fixed
from construction_zone.errors import InvalidInput, RecipeError, SceneError

VACUUM = 5.0
"""Å of vacuum at either end of the cell along the beam, where no height is given."""

_ALL_VOID = "all zones of the scene are void; fill at least one"
_ENDLESS = "a zone of the scene has no end along the beam; give scene.height in Å"

_Place = Annotated[Distribution, Quantity("Å", -1e5, 1e5, about="x, y, z by which it is shifted in the end")]


class PlacedZone(Part):
    """A zone at a stated place: a prefab, or a `volume` and a `generator`, perhaps with `modifiers`."""

    SHORT: ClassVar = ("volume", "generator", MODIFIERS)
    """Parameters of the prefab ``zone`` that an entry may give itself."""

    name: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z][\w -]*$", max_length=40, description="null: zone and its place in the list"),
    ] = None
    prefab: Annotated[PrefabChoice, PrefabField("structure", "or volume, generator and modifiers of a zone")]
    priority: Annotated[Whole, Field(ge=-1000, le=1000, description="where zones overlap the lower number wins")] = 0
    at: tuple[_Place, _Place, _Place] = (Fixed(0.0), Fixed(0.0), Fixed(0.0))
    orientation: Annotated[
        Distribution, Word(read_orientation, "'keep', 'random' or the zone axis along the beam, such as [1, 1, 0]")
    ] = fixed("keep")
    spin: Annotated[Distribution, Quantity("°", -360, 360, about="turn about the beam, after the orientation")] = fixed(
        0.0
    )
    labelled: Annotated[bool, Field(description="whether labels count it as a particle")] = True

    @model_validator(mode="before")
    @classmethod
    def _zone_or_prefab(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        given = [key for key in cls.SHORT if key in raw]
        if given and raw.get("prefab") is not None:
            raise Inconsistent([f".{given[0]}: belongs to a zone; with a prefab give it as its parameter"])
        if given and "generator" not in raw:
            raise Inconsistent([".generator: is missing"])
        if given:
            zone = {"name": "zone", **{key: raw[key] for key in given}}
            return {**{key: value for key, value in raw.items() if key not in cls.SHORT}, "prefab": zone}
        if raw.get("prefab") is None:
            raise Inconsistent([": wants a prefab, or a volume and a generator"])
        return raw


def _some(raw: Any) -> Any:
    if not isinstance(raw, (list, tuple)) or not raw:
        raise InvalidInput("wants a list of zones, such as [{volume: {name: ball, …}, generator: {name: crystal, …}}]")
    return raw


class PlacedZones(Part):
    """A scene of zones, each with a place of its own, in the order of their names in the labels."""

    zones: Annotated[tuple[PlacedZone, ...], BeforeValidator(_some), Field(max_length=200, description="at most 200")]
    height: Annotated[
        Distribution,
        Quantity("Å", 1, 1e5, optional=True, about="of the cell; null: fitted to the zones, 5 Å from either end"),
    ] = fixed(None)
    min_distance: Annotated[
        Distribution, Quantity("Å", 0.1, 20, about="atoms of different zones that are closer go, by priority")
    ] = fixed(2.0)

    def entries(self) -> tuple[tuple[str, str, PlacedZone], ...]:
        """Path, name and what is said of each zone."""
        return tuple((f"scene.zones[{k}]", one.name or f"zone {k}", one) for k, one in enumerate(self.zones))


def placed_scene(recipe: Any, drawn: Mapping[str, Any], seed: seeding.Seed) -> tuple[Scene, tuple[str, ...]]:
    """The scene of the structure with this `seed`, and the names of the zones that are particles.

    Raises `SceneError` if its height is to be fitted to a zone without an end along the beam.
    """
    from construction_zone.dataset.particles import material, turn_of

    cell = (drawn["cell[0]"], drawn["cell[1]"])
    zones, names = [], []
    for path, name, entry in recipe.scene.entries():
        where = f"{path}.prefab"
        zone: Zone = entry.prefab.made(
            lambda leaf: drawn[leaf],
            where,
            seeding.child(seed, where, "made"),
            name,
            lambda word, kind: material(recipe, word, kind),
            cell,
        )
        turn = turn_of(zone, drawn[f"{path}.orientation"], drawn[f"{path}.rotation"], drawn[f"{path}.spin"])
        at = [drawn[f"{path}.at[{axis}]"] for axis in range(3)]
        zone = zone.moved(turn).moved(translation(at))
        zones.append(Zone(zone.volume, zone.generator, name, entry.priority))
        if entry.labelled and not isinstance(bare(zone.generator), Void):
            names.append(name)
    height = drawn["scene.height"]
    if height is None:
        zones, height = _fitted(zones)
    return Scene(zones, cell=(*cell, height), min_distance=drawn["scene.min_distance"]), tuple(names)


def check_placed(recipe: Any) -> None:
    """Make each zone at the ends of its distributions; a `RecipeError` says what cannot be made, or cannot be seen."""
    from construction_zone.dataset.fields import options
    from construction_zone.dataset.particles import material

    cell = (float(min(options(recipe.cell[0]))), float(min(options(recipe.cell[1]))))
    filled = False
    for path, name, entry in recipe.scene.entries():
        for label, value in entry.prefab.trials(f"{path}.prefab"):
            with tried(f"{path}.prefab.{label}"):
                made = entry.prefab.made(
                    value, f"{path}.prefab", 0, name, lambda word, kind: material(recipe, word, kind), cell
                )
                if not isinstance(made, Zone):
                    raise InvalidInput("is no zone")
            if not isinstance(bare(made.generator), Void):
                filled = True
                with tried(path):
                    _check_height(entry, name, made.volume.bounds, recipe.scene.height)
    if not filled:
        raise RecipeError(f"the recipe cannot be used:\n  scene.zones: {_ALL_VOID}")


def _check_height(entry: PlacedZone, name: str, bounds: Floats, height: Distribution) -> None:
    """Raise a `SceneError` if a zone, of these `bounds` (2, 3) before it is placed, lies in no cell that is drawn."""
    low, high = bounds[:, 2].tolist()
    turned = listed(entry.orientation) != ("keep",)
    if None in (listed(height) or ()):
        if not turned and not math.isfinite(high - low):
            raise SceneError(_ENDLESS)
        return
    if turned:
        high = float(np.linalg.norm(np.abs(bounds).max(axis=0)))
        low = -high
    low, high, tallest = low + entry.at[2].support[0], high + entry.at[2].support[1], height.support[1]
    if low >= tallest or high <= 0:
        raise SceneError(
            f"zone {name!r} leaves the cell along z: it reaches from {low:.2f} to {high:.2f} Å, the cell from 0 to "
            f"{tallest:g} Å; enlarge the cell or move the zone"
        )


def contradictions_of(scene: PlacedZones) -> Any:
    """What does not go together in a scene of placed zones."""
    names = [name for _, name, _ in scene.entries()]
    for path, name, _ in scene.entries():
        if names.count(name) > 1:
            yield f"{path}.name: {name!r} is taken; give each zone a name of its own"


def _fitted(zones: list[Zone]) -> tuple[list[Zone], float]:
    """The zones shifted along z to begin `VACUUM` above the cell's entrance face, and the height of the cell (Å)."""
    ends = np.array([zone.volume.bounds[:, 2] for zone in zones if not isinstance(bare(zone.generator), Void)])
    if not len(ends):
        raise SceneError(_ALL_VOID)
    if not np.isfinite(ends).all():
        raise SceneError(_ENDLESS)
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    return [zone.shifted((0, 0, VACUUM - low)) for zone in zones], high - low + 2 * VACUUM
