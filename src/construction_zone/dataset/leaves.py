"""Walks through recipes: their leaves, checked or plain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from construction_zone.dataset.fields import ABSENT, Quantity, Scope, Word
from construction_zone.dataset.parts import Part
from construction_zone.dataset.prefabs import PrefabChoice, PrefabField
from construction_zone.distributions import Distribution


def leaves_of(part: Part, prefix: str, per: Scope) -> Iterator[tuple[str, Distribution]]:
    """Dotted path and distribution of each leaf of a part that is drawn once per `per`."""
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Part):
            yield from leaves_of(value, f"{prefix}{name}.", per)
        elif isinstance(value, PrefabChoice):
            scope = next(m.per for m in info.metadata if isinstance(m, PrefabField))
            yield from (value.leaves(f"{prefix}{name}") if per == scope else ())
        elif value is ABSENT:
            continue
        elif isinstance(value, tuple) and value and isinstance(value[0], Part):
            for i, group in enumerate(value):
                yield from leaves_of(group, f"{prefix}{name}[{i}].", per)
        elif isinstance(value, tuple):
            yield from ((f"{prefix}{name}[{i}]", leaf) for i, leaf in enumerate(value) if per == "structure")
        # recipes are walked for every image, and isinstance of a protocol is slow
        elif hasattr(value, "draw") and [m.per for m in info.metadata if isinstance(m, (Quantity, Word))] == [per]:
            yield f"{prefix}{name}", value


def unit_leaves(part: Part, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and unit of each leaf of a part that has one."""
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Part):
            yield from unit_leaves(value, f"{prefix}{name}.")
        elif isinstance(value, tuple):
            for i, inner in enumerate(value):
                yield from unit_leaves(inner, f"{prefix}{name}[{i}].") if isinstance(inner, Part) else ()
        for mark in info.metadata:
            if isinstance(mark, Quantity) and mark.unit:
                yield f"{prefix}{name}", mark.unit


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


def replaced(plain: Any, words: Mapping[str, str]) -> Any:
    """Plain data with some words replaced wherever they stand."""
    if isinstance(plain, dict):
        return {key: replaced(value, words) for key, value in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [replaced(value, words) for value in plain]
    return words.get(plain, plain) if isinstance(plain, str) else plain
