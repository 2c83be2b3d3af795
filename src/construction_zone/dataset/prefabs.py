"""Prefabs in a recipe: any of them by name, each parameter a value or a distribution.

``{name: wulff, crystal: fcc Au, energies: {"111": 1.28, "100": 1.63}, diameter: {uniform: [30, 50]}}`` is checked
against the signature of the prefab. A parameter that is itself a particle (the core in a core–shell particle) is
another such mapping; ``{choice: [{name: …}, {name: …}]}`` draws a prefab for each particle.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from construction_zone import seeding
from construction_zone.build.prefabs import PREFABS
from construction_zone.build.zone import Zone
from construction_zone.dataset.fields import variables_of, whole
from construction_zone.dataset.problems import Inconsistent
from construction_zone.dataset.spelling import (
    Linked,
    Scope,
    Variables,
    is_distribution,
    listed,
    number,
    read_distribution,
    shown,
    written,
)
from construction_zone.distributions import Choice, Distribution, Fixed, Normal, Sweep, TruncatedNormal
from construction_zone.errors import InvalidInput

OWN = ("seed", "name")
"""Parameters that a recipe sets itself."""
GIVEN = "cell"
"""Parameter that a recipe sets itself where it is not given: the scene's edges along x and y, of substrates."""

MARK = "x-prefab"
"""Stands in a JSON schema for that of a prefab."""

TRIALS = 64
"""Options of a choice, or points of a sweep, that are tried when a recipe is read."""

Node = Any
"""A `Distribution`, a `Prefab`, or a dict of nodes."""


@dataclass(frozen=True, eq=False)
class Prefab:
    """One prefab with its parameters, each a distribution, a dict of such, or another prefab."""

    name: str
    parameters: dict[str, Node]

    def leaves(self, prefix: str) -> Iterator[tuple[str, Distribution]]:
        """Dotted path and distribution of every leaf."""
        return _leaves(self.parameters, prefix)

    def plain(self) -> dict[str, Any]:
        """What a recipe file would say."""
        return {"name": self.name, **_plain(self.parameters)}

    def zone(
        self,
        value: Callable[[str], Any],
        prefix: str,
        seed: seeding.Seed,
        name: str,
        material: Callable[[str], Any],
        cell: tuple[float, float] | None = None,
    ) -> Zone:
        """The zone with the drawn values that `value` knows by path; `material` reads names that are files.

        `cell` goes to prefabs that take one, where the recipe gives none.
        """

        def filled(node: Node, path: str) -> Any:
            if isinstance(node, Prefab):
                return node.zone(value, path, seeding.child(seed, path), "particle", material, cell)
            if isinstance(node, dict):
                return {key: filled(inner, f"{path}.{key}") for key, inner in node.items()}
            return _given(value(path), material)

        arguments = {key: filled(node, f"{prefix}.{key}") for key, node in self.parameters.items()}
        if cell is not None and GIVEN in inspect.signature(PREFABS[self.name]).parameters and not _sized(arguments):
            arguments[GIVEN] = cell
        return PREFABS[self.name](**arguments, seed=seeding.child(seed, prefix), name=name)


@dataclass(frozen=True, eq=False)
class PrefabChoice:
    """One of several prefabs, drawn by `weights` or swept through; often there is just one."""

    options: tuple[Prefab, ...]
    weights: tuple[float, ...] | None = None
    swept: bool = False

    @property
    def labels(self) -> list[str]:
        """A name for each option: that of the prefab, numbered where it comes more than once."""
        names = [option.name for option in self.options]
        return [f"{name} {k}" if names.count(name) > 1 else name for k, name in enumerate(names)]

    def leaves(self, path: str) -> Iterator[tuple[str, Distribution]]:
        """Path and distribution of every leaf below `path`; that of `path` itself draws the option."""
        labels = self.labels
        yield path, self._drawn()
        for label, option in zip(labels, self.options, strict=True):
            yield from option.leaves(f"{path}.{label}")

    def plain(self) -> dict[str, Any]:
        """What a recipe file would say."""
        options = [option.plain() for option in self.options]
        if self.swept:
            return {"sweep": options}
        weights = {} if self.weights is None else {"weights": list(self.weights)}
        return options[0] if len(options) == 1 else {"choice": options, **weights}

    def _drawn(self) -> Distribution:
        labels = tuple(self.labels)
        if self.swept:
            return Sweep(labels)
        return Fixed(labels[0]) if len(labels) == 1 else Choice(labels, self.weights)

    def zone(
        self,
        value: Callable[[str], Any],
        path: str,
        seed: seeding.Seed,
        name: str,
        material: Callable[[str], Any],
        cell: tuple[float, float] | None = None,
    ) -> Zone:
        """The zone with the drawn values that `value` knows by path."""
        label = value(path)
        return self.options[self.labels.index(label)].zone(value, f"{path}.{label}", seed, name, material, cell)

    def trials(self, path: str) -> Iterator[tuple[str, Callable[[str], Any]]]:
        """Values at the ends of all distributions and each option of all choices, to see that prefabs can be made."""
        leaves = dict(self.leaves(path))
        for label, option in zip(self.labels, self.options, strict=True):
            own = [leaf for _, leaf in option.leaves(f"{path}.{label}")]
            most = min(max([2, *[len(listed(leaf) or ()) for leaf in own]]), TRIALS)
            for turn in range(most):
                ends = {name: _end(leaf, turn) for name, leaf in leaves.items()} | {path: label}
                yield label, ends.__getitem__


@dataclass(frozen=True)
class PrefabField:
    """Annotation of a prefab, or a choice of them, whose parameters are drawn for each `per`."""

    per: Scope
    about: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            lambda raw, info: None if raw is None else read(raw, variables_of(info), self.per),
            serialization=core_schema.plain_serializer_function_ser_schema(_plain_choice),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return prefab_schema(self.about) | {"x-per": self.per}


def _plain_choice(choice: PrefabChoice | None) -> dict[str, Any] | None:
    return None if choice is None else choice.plain()


def read(raw: Any, variables: Variables | None = None, per: Scope = "particle") -> PrefabChoice:
    """`raw`, as YAML gives it, checked; raises `Inconsistent` that names each bad parameter by its path.

    `variables` are those that parameters, drawn for each `per`, may follow.
    """
    if isinstance(raw, PrefabChoice):
        return raw
    known = Known(variables or {}, per)
    if not isinstance(raw, Mapping) or not {"choice", "sweep"} & set(raw):
        return PrefabChoice((_prefab(raw, "", known),))
    kind = "sweep" if "sweep" in raw else "choice"
    given = raw[kind]
    beside = {"weights"} if kind == "choice" else set()
    if not isinstance(given, (list, tuple)) or not given or set(raw) - {kind} - beside:
        raise Inconsistent([": wants one prefab, {choice: […], weights: […]} or {sweep: […]} of prefabs"])
    options = tuple(_prefab(option, f".{kind}[{k}]", known) for k, option in enumerate(given))
    try:
        weights = read_distribution({**raw, kind: list(range(len(options)))}, number) if kind == "choice" else None
    except InvalidInput as error:
        raise Inconsistent([f": {error}"]) from error
    return PrefabChoice(options, weights.weights if isinstance(weights, Choice) else None, kind == "sweep")


def prefab_schema(about: str = "") -> dict[str, Any]:
    """JSON schema of a prefab, or of a choice or sweep of them."""
    one = {MARK: True}
    named = {"allOf": [one, {"type": "object", "required": ["name"]}]}
    many = {"type": "array", "items": named, "minItems": 1}
    weights = {"type": "array", "items": {"type": "number", "minimum": 0}}
    forms = [
        {"type": "null"},
        {"not": {"anyOf": [{"required": ["choice"]}, {"required": ["sweep"]}]}, "allOf": [one]},
        {
            "type": "object",
            "properties": {"choice": many, "weights": weights},
            "required": ["choice"],
            "additionalProperties": False,
        },
        {"type": "object", "properties": {"sweep": many}, "required": ["sweep"], "additionalProperties": False},
    ]
    return {"anyOf": forms, "description": about or "a prefab by name, with its parameters"}


@dataclass(frozen=True)
class Known:
    """What parameters may follow, and for what they are drawn."""

    variables: Variables
    per: Scope


def _prefab(raw: Any, path: str, outer: Known) -> Prefab:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str):
        raise Inconsistent([f"{path}: wants a mapping with the name of a prefab, such as {{name: wulff, …}}"])
    name = raw["name"]
    if name not in PREFABS:
        close = get_close_matches(name, PREFABS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(sorted(PREFABS))}"
        raise Inconsistent([f"{path}.name: there is no prefab {name!r}; {hint}"])
    known = {key: p for key, p in inspect.signature(PREFABS[name]).parameters.items() if key not in OWN}
    bad: list[str] = []
    found: dict[str, Node] = {}
    for key, value in raw.items():
        if key == "name":
            continue
        if key not in known:
            close = get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f"did you mean '{close[0]}'?" if close else f"{name} has {', '.join(known)}"
            bad.append(f"{path}.{key}: unknown key; {hint}")
            continue
        try:
            found[key] = _node(value, str(known[key].annotation), f"{path}.{key}", outer)
        except Inconsistent as error:
            bad += error.problems
        except InvalidInput as error:
            bad.append(f"{path}.{key}: {error}")
    needed = {key for key, p in known.items() if p.default is p.empty} - (
        {GIVEN} if outer.per == "structure" else set()
    )
    bad += [f"{path}.{key}: is missing" for key in known if key in needed and key not in raw]
    if bad:
        raise Inconsistent(bad)
    return Prefab(name, found)


def _node(raw: Any, annotation: str, path: str, outer: Known) -> Node:
    """A parameter whose type the signature gives as `annotation`."""
    if annotation == "Zone":
        return _prefab(raw, path, outer)
    if "Zone" in annotation.split(" | ") and isinstance(raw, Mapping) and "name" in raw:
        return _prefab(raw, path, outer)  # a particle for its shape
    kind = annotation.split(" | ")[0]
    if isinstance(raw, Mapping) and not is_distribution(raw) and kind not in ("float", "int", "bool", "str"):
        return _mapping(raw, path, outer)
    # a mapping that is no distribution is told what one looks like
    found = read_distribution(raw, _reader(annotation), variables=outer.variables, per=outer.per)
    if kind == "int" and not whole(found):
        raise InvalidInput("wants whole numbers; write {integers: [low, high]} or {choice: […]}")
    if isinstance(found, Normal) and not isinstance(found, TruncatedNormal):
        # a size is never negative, and no draw is far out
        low, high = found.mean - 4 * found.sd, found.mean + 4 * found.sd
        return Normal(found.mean, found.sd, max(low, 1e-9) if found.mean > 0 else low, high)
    return found


def _mapping(raw: Mapping[Any, Any], path: str, outer: Known) -> dict[str, Node]:
    """A mapping of numbers, such as surface energies by plane."""
    found: dict[str, Node] = {}
    bad: list[str] = []
    for key, value in raw.items():
        try:
            found[str(key)] = _node(value, "float", f"{path}.{key}", outer)
        except Inconsistent as error:
            bad += error.problems
        except InvalidInput as error:
            bad.append(f"{path}.{key}: {error}")
    if bad:
        raise Inconsistent(bad)
    return found


def _reader(annotation: str) -> Callable[[Any], Any]:
    """What checks one value of a parameter of this type."""
    kinds = annotation.split(" | ")

    def one(raw: Any) -> Any:
        if raw is None and "None" in kinds:
            return None
        if kinds[0] in ("float", "int"):
            value = number(raw)
            if kinds[0] == "int" and value != int(value):
                raise InvalidInput(f"{shown(raw)} is not a whole number")
            return int(value) if kinds[0] == "int" else value
        if kinds[0] == "bool" and not isinstance(raw, bool):
            raise InvalidInput(f"{shown(raw)} is neither true nor false")
        return tuple(raw) if isinstance(raw, list) else raw

    return one


def _sized(arguments: Mapping[str, Any]) -> bool:
    """Whether a prefab's size is given already: as its cell, or, of flakes, as their radius."""
    return arguments.get(GIVEN) is not None or ("radius" in arguments and "thickness" not in arguments)


def _leaves(node: Node, prefix: str) -> Iterator[tuple[str, Distribution]]:
    if isinstance(node, Prefab):
        yield from node.leaves(prefix)
    elif isinstance(node, dict):
        for key, inner in node.items():
            yield from _leaves(inner, f"{prefix}.{key}")
    else:
        yield prefix, node


def _plain(node: Node) -> Any:
    if isinstance(node, Prefab):
        return node.plain()
    if isinstance(node, dict):
        return {key: _plain(inner) for key, inner in node.items()}
    return written(node)


def _given(value: Any, material: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return material(value)
    return tuple(_given(inner, material) for inner in value) if isinstance(value, (list, tuple)) else value


def _end(leaf: Distribution, turn: int) -> Any:
    if isinstance(leaf, Linked):
        return leaf.of(_end(leaf.source, turn))
    values = listed(leaf)
    if values is not None:
        return values[turn % len(values)]
    value = leaf.support[turn % 2]
    return int(value) if whole(leaf) else float(np.clip(value, -1e9, 1e9))
