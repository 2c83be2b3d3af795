"""The JSON schema of recipe files, and the table of their fields."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from construction_zone.dataset import inherit
from construction_zone.dataset.fields import ABSENT, Quantity, Word, distribution_schemas
from construction_zone.dataset.labels import NAMES
from construction_zone.dataset.named import NAMED, TYPES, kinds_in, only_named, parameters
from construction_zone.dataset.prefabs import MARK, PrefabField
from construction_zone.dataset.spelling import written
from construction_zone.distributions import Distribution

_NULL = {"type": "null"}
_ONE_OF = {"Particles": ("crystal", "radius"), "Substrate": ("amorphous", "density", "thickness")}
"""Sections that need either these fields or a prefab."""


@dataclass(frozen=True)
class Row:
    """A field of a recipe: its dotted path, unit, limits or what it wants, default, what it is drawn for, and about."""

    path: str
    unit: str
    limits: str
    default: str
    per: str
    about: str


def of_files(found: dict[str, Any]) -> dict[str, Any]:
    """pydantic's schema made that of recipe files: they may extend others, which then need not be whole."""
    needed = found.pop("required", [])
    file = {"type": "string", "description": "recipe file, relative to this one"}
    extends = {"anyOf": [file, {"type": "array", "items": file, "minItems": 1}], "description": "recipes to begin with"}
    found["properties"] = {inherit.EXTENDS: extends, **found["properties"]}
    found["if"] = {"not": {"required": [inherit.EXTENDS]}}
    whole: dict[str, Any] = {}
    for name, keys in _ONE_OF.items():
        section = found["$defs"][name]
        section.pop("required", None)
        for key in keys:  # null is how they are written beside a prefab
            section["properties"][key]["anyOf"].append(_NULL)
        whole[name.lower()] = {"anyOf": [_NULL, {"required": list(keys)}, {"required": ["prefab"]}]}
    for name, one in list(whole.items()):  # of each there may be a list
        several = {"type": "array", "items": one, "minItems": 1}
        whole[name] = {"anyOf": [several, {"not": {"type": "array"}, **one}]}
    found["$defs"]["Substrate"]["properties"]["embedded"]["anyOf"].append(_NULL)
    found["then"] = {"required": [*needed], "properties": whole}
    found["$defs"] |= {kind: _of_kind(kind) for kind in NAMED}
    placed = found["$defs"]["PlacedZone"]
    placed["required"].remove("prefab")
    placed["properties"] |= {key: _parameter(str(p.annotation)) for key, p in parameters("prefab", "zone").items()}
    placed["anyOf"] = [{"required": ["prefab"]}, {"required": ["generator"]}]
    include = found["$defs"]["Labels"]["properties"]["include"]
    include["anyOf"] = [{"const": "all"}, {"type": include.pop("type"), "items": {"enum": ["all", *NAMES]}}]
    del include["items"]
    result: dict[str, Any] = _linked(found)
    return result | {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Recipe of a dataset"}


def rows(model: type[BaseModel], prefix: str = "") -> Iterator[Row]:
    """Every field of a recipe, in order."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = _models_of(info.annotation)
        if inner:
            about = " Or: ".join(_first(one.__doc__) for one in inner)
            yield Row(path, "", "a section", _default(info), "", about)
            for one in inner:
                yield from rows(one, f"{path}.")
            continue
        yield _row(path, info)


def _row(path: str, info: FieldInfo) -> Row:
    about, unit, limits, per = info.description or "", "", "", ""
    for mark in _marks(info):
        per = mark.per
        if isinstance(mark, Quantity):
            unit, about = mark.unit, mark.about or about
            limits = f"{mark.low:.6g} … {mark.high:.6g}"
            limits += ", whole" if mark.integer else ", or a list of choices" if mark.discrete else ""
            limits += "".join(f", {word}" for word in mark.words) + (", null" if mark.optional else "")
        else:
            limits = mark.wants if isinstance(mark, Word) else "a prefab"
            about = mark.about or about
    return Row(path, unit, limits or _plain_limits(info), _default(info), per, about)


def _marks(info: FieldInfo) -> list[Any]:
    kinds = (Quantity, Word, PrefabField)
    found = [mark for mark in info.metadata if isinstance(mark, kinds)]
    return found or [mark for mark in _inner_metadata(info.annotation) if isinstance(mark, kinds)][:1]


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
    for inner in get_args(annotation):
        yield from _inner_metadata(inner)


def _plain_limits(info: FieldInfo) -> str:
    """Limits of a field that is not drawn."""
    words = [value for part in _literals(info.annotation) for value in get_args(part)]
    if words:
        return ", ".join([*(str(word) for word in words), *(["null"] if info.default is None else [])])
    ends = [f"{sign} {value}" for mark in info.metadata for sign, value in _ends(mark)]
    if info.annotation is bool:
        return "true, false"
    return ", ".join(ends) or {"dict": "a mapping"}.get(getattr(info.annotation, "__name__", ""), "")


def _ends(mark: Any) -> Iterator[tuple[str, Any]]:
    for name, sign in (("ge", "≥"), ("le", "≤"), ("lt", "<"), ("gt", ">")):
        if getattr(mark, name, None) is not None:
            yield sign, getattr(mark, name)


def _literals(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Literal:
        yield annotation
    for inner in get_args(annotation) if get_origin(annotation) is not Literal else ():
        yield from _literals(inner)


def _models_of(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Annotated, Union, types.UnionType, tuple):
        return list(dict.fromkeys(model for inner in get_args(annotation) for model in _models_of(inner)))
    return []


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "needed"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, Distribution):
        value = None if value is ABSENT else written(value)
    if isinstance(value, tuple):
        value = [written(leaf) for leaf in value]
    if isinstance(value, dict):
        return ""
    return f"{value:g}" if type(value) is float else value if isinstance(value, str) else json.dumps(value)


def _first(text: str | None) -> str:
    return inspect.cleandoc(text or "").split("\n\n")[0].replace("\n", " ")


def _of_kind(kind: str) -> dict[str, Any]:
    """Schema of a prefab, a volume, a generator or a modifier: its name, and by that its parameters."""
    cases = []
    for name, function in sorted(NAMED[kind].items()):
        known = parameters(kind, name)
        then = {
            "description": _first(function.__doc__),
            "properties": {"name": True, **{key: _parameter(str(p.annotation)) for key, p in known.items()}},
            "additionalProperties": False,
        }
        cases.append({"if": {"properties": {"name": {"const": name}}}, "then": then})
    return {"type": "object", "properties": {"name": {"enum": sorted(NAMED[kind])}}, "allOf": cases}


def _parameter(annotation: str) -> Any:
    words = annotation.split(" | ")
    if only_named(annotation):
        refs = [{"$ref": f"#/$defs/{kind}"} for kind in kinds_in(annotation)]
        many = {"type": "array", "items": {"anyOf": refs}, "minItems": 1}
        chosen = [{"type": "object", "required": [word], "properties": {word: many}} for word in ("choice", "sweep")]
        none = [_NULL] if "None" in words else []
        return {"anyOf": [*({"required": ["name"], **ref} for ref in refs), *chosen, *none]}
    if annotation.startswith("tuple[") and kinds_in(annotation):
        (kind,) = kinds_in(annotation)
        return {"type": "array", "items": _parameter(next(word for word, of in TYPES.items() if of == kind))}
    one: dict[str, Any] = {"type": "integer" if words[0] == "int" else "number"}
    if words[0] not in ("float", "int") or not {"float", "int", "None"} >= set(words):
        return True
    forms = [one, {"type": "string"}, *([_NULL] if "None" in words else [])]
    option = {"anyOf": forms}
    return {"anyOf": [*forms, *distribution_schemas(option, one, whole=True, continuous=words[0] == "float")]}


def _linked(node: Any) -> Any:
    """`node` with the marks that stand for a prefab made references to its schema."""
    if isinstance(node, dict):
        if MARK in node:
            return {"$ref": "#/$defs/prefab"}
        return {key: _linked(value) for key, value in node.items()}
    return [_linked(value) for value in node] if isinstance(node, list) else node
