"""Prefabs in a recipe, and whatever else it names: any of them, each parameter a value or a distribution.

``{name: wulff, crystal: fcc Au, energies: {"111": 1.28, "100": 1.63}, diameter: {uniform: [30, 50]}}`` is checked
against the signature of the prefab. A parameter that is itself a particle (the core in a core–shell particle), a
volume, a generator or a modifier is another such mapping; ``{choice: [{name: …}, {name: …}]}`` draws one of several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from construction_zone.dataset.fields import variables_of, whole
from construction_zone.dataset.named import NAMED, kinds_in, only_named, parameters
from construction_zone.dataset.nodes import GIVEN, Node, Prefab, PrefabChoice
from construction_zone.dataset.problems import Inconsistent
from construction_zone.dataset.spelling import (
    Scope,
    Variables,
    is_distribution,
    number,
    read_distribution,
    shown,
)
from construction_zone.distributions import Choice, Normal, TruncatedNormal
from construction_zone.errors import InvalidInput

__all__ = ["MARK", "Prefab", "PrefabChoice", "PrefabField", "prefab_schema", "read"]

MARK = "x-prefab"
"""Stands in a JSON schema for that of a prefab."""

_SCALARS = ("float", "int", "bool", "str")
_EXAMPLES = {"prefab": "wulff", "volume": "ball", "generator": "crystal", "modifier": "vacancies", "profile": "linear"}


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
        return PrefabChoice((_named(raw, "", known, ("prefab",)),))
    return _choice(raw, "", known, ("prefab",))


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


def _choice(raw: Mapping[Any, Any], path: str, outer: Known, kinds: tuple[str, ...]) -> PrefabChoice:
    """A choice or a sweep of named things."""
    kind = "sweep" if "sweep" in raw else "choice"
    given = raw[kind]
    beside = {"weights"} if kind == "choice" else set()
    if not isinstance(given, (list, tuple)) or not given or set(raw) - {kind} - beside:
        raise Inconsistent(
            [f"{path}: wants one {kinds[0]}, {{choice: […], weights: […]}} or {{sweep: […]}} of {kinds[0]}s"]
        )
    options = tuple(_named(option, f"{path}.{kind}[{k}]", outer, kinds) for k, option in enumerate(given))
    try:
        weights = read_distribution({**raw, kind: list(range(len(options)))}, number) if kind == "choice" else None
    except InvalidInput as error:
        raise Inconsistent([f"{path}: {error}"]) from error
    return PrefabChoice(options, weights.weights if isinstance(weights, Choice) else None, kind == "sweep")


def _named(raw: Any, path: str, outer: Known, kinds: tuple[str, ...]) -> Prefab:
    """One of the named things of these kinds."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str):
        first = _EXAMPLES[kinds[0]]
        raise Inconsistent([f"{path}: wants a mapping with the name of a {kinds[0]}, such as {{name: {first}, …}}"])
    name = raw["name"]
    kind = next((kind for kind in kinds if name in NAMED[kind]), None)
    if kind is None:
        there = sorted({name for kind in kinds for name in NAMED[kind]})
        close = get_close_matches(name, there, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(there)}"
        raise Inconsistent([f"{path}.name: there is no {' or '.join(kinds)} {name!r}; {hint}"])
    known = parameters(kind, name)
    bad: list[str] = []
    found: dict[str, Node] = {}
    for key, value in raw.items():
        if key == "name":
            continue
        if key not in known:
            close = get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f"did you mean '{close[0]}'?" if close else f"{name} has {', '.join(known) or 'no parameters'}"
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
    return Prefab(name, found, kind)


def _node(raw: Any, annotation: str, path: str, outer: Known, listed: bool = False) -> Node:
    """A parameter whose type the signature gives as `annotation`; `listed` inside a list."""
    kinds, words = kinds_in(annotation), annotation.split(" | ")
    many = kinds and annotation.startswith("tuple[")
    if many and not listed and not isinstance(raw, (list, tuple)):
        raise Inconsistent([f"{path}: wants a list of {kinds[0]}s, such as [{{name: {_EXAMPLES[kinds[0]]}, …}}]"])
    if kinds and isinstance(raw, Mapping) and _named_options(raw):
        return _choice(raw, path, outer, kinds)
    if kinds and isinstance(raw, Mapping) and not is_distribution(raw):
        return _named(raw, path, outer, kinds)
    if (many and listed) or (only_named(annotation) and not (raw is None and "None" in words)):
        return _named(raw, path, outer, kinds)
    scalar = words[0] in _SCALARS and not listed
    if isinstance(raw, (list, tuple)) and (many or (not scalar and _holds_mapping(raw))):
        return _parts(raw, annotation, path, outer)
    maps = not scalar or any(word.startswith("Mapping") for word in words)
    if isinstance(raw, Mapping) and not is_distribution(raw) and maps:
        return _mapping(raw, annotation, path, outer)
    # a mapping that is no distribution is told what one looks like
    found = read_distribution(raw, _reader("Any" if listed else annotation), variables=outer.variables, per=outer.per)
    if words[0] == "int" and not listed and not whole(found):
        raise InvalidInput("wants whole numbers; write {integers: [low, high]} or {choice: […]}")
    if isinstance(found, Normal) and not isinstance(found, TruncatedNormal):
        # a size is never negative (one in a list may be a place), and no draw is far out
        low, high = found.mean - 4 * found.sd, found.mean + 4 * found.sd
        return Normal(found.mean, found.sd, max(low, 1e-9) if found.mean > 0 and not listed else low, high)
    return found


def _parts(raw: list[Any] | tuple[Any, ...], annotation: str, path: str, outer: Known) -> tuple[Node, ...]:
    """A list of named things, or one of whose entries some are distributions."""
    found: list[Node] = []
    bad: list[str] = []
    for k, value in enumerate(raw):
        try:
            found.append(_node(value, annotation, f"{path}[{k}]", outer, listed=True))
        except Inconsistent as error:
            bad += error.problems
        except InvalidInput as error:
            bad.append(f"{path}[{k}]: {error}")
    if bad:
        raise Inconsistent(bad)
    return tuple(found)


def _mapping(raw: Mapping[Any, Any], annotation: str, path: str, outer: Known) -> dict[str, Node]:
    """A mapping of numbers, such as surface energies by plane, or of what the annotation says."""
    inner = "Any" if "Mapping[str, Any]" in annotation else "float"
    found: dict[str, Node] = {}
    bad: list[str] = []
    for key, value in raw.items():
        try:
            found[str(key)] = _node(value, inner, f"{path}.{key}", outer)
        except Inconsistent as error:
            bad += error.problems
        except InvalidInput as error:
            bad.append(f"{path}.{key}: {error}")
    if bad:
        raise Inconsistent(bad)
    return found


def _named_options(raw: Mapping[Any, Any]) -> bool:
    """Whether `raw` chooses or sweeps among named things."""
    given = raw.get("choice", raw.get("sweep"))
    return isinstance(given, (list, tuple)) and any(isinstance(one, Mapping) and "name" in one for one in given)


def _holds_mapping(raw: Any) -> bool:
    return isinstance(raw, Mapping) or (isinstance(raw, (list, tuple)) and any(map(_holds_mapping, raw)))


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
