"""The leaves of a recipe: numbers and words that may be distributions, each with its unit and limits.

A leaf is written as a plain value or as a mapping of one key: ``{uniform: [low, high]}``, ``{normal: [mean, sd]}``
(truncated to the field's limits), ``{integers: [low, high]}`` (both included) or ``{choice: [a, b, …]}``. After
validation it is a `Distribution`; it is written back in the same form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from construction_zone.distributions import Choice, Distribution, Fixed, Integers, Normal, Uniform
from construction_zone.errors import InvalidInput

Scope = Literal["structure", "particle", "image"]
"""What a leaf is drawn for: once a structure, once for each of its particles, or once for each of its images."""

KINDS = ("uniform", "normal", "integers", "choice")
ABSENT = Fixed(None)
"""Stands for a leaf that another field makes needless."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Quantity:
    """Annotation of a number of `unit` between `low` and `high` (both included), or of a distribution kept within them.

    `integer` asks for whole numbers, `discrete` for a number or a choice of numbers, and `optional` lets null stand
    for "none". `per` says what the number is drawn for.
    """

    unit: str
    low: float
    high: float
    per: Scope = "structure"
    integer: bool = False
    discrete: bool = False
    optional: bool = False

    def parse(self, raw: Any) -> Distribution:
        """`raw`, as YAML gives it or already a distribution, as a checked distribution."""
        if raw is ABSENT:
            return ABSENT
        found = read_distribution(raw, self._number, (self.low, self.high))
        if self.integer and isinstance(found, (Uniform, Normal)):
            raise InvalidInput("wants whole numbers; write {integers: [low, high]} or {choice: […]}")
        if self.discrete and not isinstance(found, (Fixed, Choice)):
            raise InvalidInput("wants a number or {choice: […]}, since it has to divide the cell into whole pixels")
        self._check_limits(found)
        return found

    def _number(self, raw: Any) -> float | int | None:
        if raw is None and self.optional:
            return None
        value = number(raw)
        if self.integer:
            if value != int(value):
                raise InvalidInput(f"{raw!r} is not a whole number")
            return int(value)
        return value

    def _check_limits(self, found: Distribution) -> None:
        values = [v for v in _listed(found) if v is not None]
        if values:
            low, high = min(values), max(values)
        elif isinstance(found, (Fixed, Choice)):
            return
        else:
            low, high = found.support
        if low < self.low or high > self.high:
            bad = low if low < self.low else high
            what = "" if isinstance(found, Fixed) else f"can be drawn as {bad:g}: "
            given = f"{bad:g} " if isinstance(found, Fixed) else ""
            raise InvalidInput(f"{what}{given}is outside the limits {self.limits}")

    @property
    def limits(self) -> str:
        """The limits with their unit, for people."""
        return f"{self.low:g} … {self.high:g}{' ' + self.unit if self.unit else ''}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _leaf_schema(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        one: dict[str, Any] = {
            "type": "integer" if self.integer else "number",
            "minimum": self.low,
            "maximum": self.high,
        }
        pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        kinds: dict[str, Any] = {"choice": _list_of(one)}
        if not self.discrete:
            kinds["integers"] = {**pair, "items": {**one, "type": "integer"}}
        if not self.discrete and not self.integer:
            kinds |= {"uniform": {**pair, "items": one}, "normal": pair}
        forms = [one, *({"type": "null"} for _ in range(self.optional)), *_one_key_objects(kinds)]
        return {"anyOf": forms, "description": self.limits, "x-unit": self.unit, "x-per": self.per}


@dataclass(frozen=True)
class Word:
    """Annotation of something that is no number (a name, a zone axis) or of a choice of such; `read` checks one."""

    read: Callable[[Any], Any]
    wants: str
    per: Scope = "structure"

    def parse(self, raw: Any) -> Distribution:
        """`raw` as a checked `Fixed` or `Choice`."""
        if raw is ABSENT:
            return ABSENT
        found = read_distribution(raw, self.read)
        if not isinstance(found, (Fixed, Choice)):
            raise InvalidInput(f"wants {self.wants} or {{choice: […]}}")
        return found

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _leaf_schema(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        one: dict[str, Any] = {"type": ["string", "array"]}
        forms = [one, *_one_key_objects({"choice": _list_of(one)})]
        return {"anyOf": forms, "description": self.wants, "x-per": self.per}


def number(raw: Any) -> float:
    """`raw` as a finite float; text such as ``300e3``, which YAML 1.1 takes for a word, counts as a number."""
    if isinstance(raw, str) and _NUMBER.fullmatch(raw.strip()):
        raw = float(raw)
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise InvalidInput(f"{_shown(raw)} is not a number")
    try:
        value = float(raw)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise InvalidInput(f"{_shown(raw)} is not a finite number")
    return value


def written(leaf: Distribution) -> Any:
    """`leaf` as plain data: what a recipe file would say."""
    match leaf:
        case Fixed():
            return _plain(leaf.value)
        case Uniform():
            return {"uniform": [leaf.low, leaf.high]}
        case Normal():
            return {"normal": [leaf.mean, leaf.sd]}
        case Integers():
            return {"integers": [int(leaf.low), int(leaf.high)]}
        case Choice():
            return {"choice": [_plain(option) for option in leaf.options]}
    raise InvalidInput(f"{type(leaf).__name__} cannot be written in a recipe; use one of {', '.join(KINDS)}")


def options(leaf: Distribution) -> tuple[Any, ...]:
    """Every value that a `Fixed` or a `Choice` can give."""
    values = _listed(leaf)
    if not values:
        raise InvalidInput(f"{type(leaf).__name__} has no list of options")
    return tuple(values)


def read_distribution(
    raw: Any, one: Callable[[Any], Any], limits: tuple[float, float] = (-math.inf, math.inf)
) -> Distribution:
    """`raw`, as YAML gives it or already a distribution, as a distribution; `one` checks a single value."""
    if isinstance(raw, Distribution):
        raw = written(raw)
    if not isinstance(raw, dict):
        return Fixed(one(raw))
    if len(raw) != 1:
        raise InvalidInput(f"a distribution has one key, one of {', '.join(KINDS)}; this has {len(raw)}")
    kind, given = next(iter(raw.items()))
    if kind not in KINDS:
        close = get_close_matches(str(kind), KINDS, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else f"; there are {', '.join(KINDS)}"
        raise InvalidInput(f"unknown distribution {_shown(kind)}{hint}")
    if not isinstance(given, (list, tuple)):
        raise InvalidInput(f"{kind}: wants a list, not {_shown(given)}")
    if kind == "choice":
        return Choice(tuple(one(option) for option in given))
    if len(given) != 2:
        raise InvalidInput(f"{kind}: wants two numbers, {'[mean, sd]' if kind == 'normal' else '[low, high]'}")
    a, b = (number(value) for value in given)
    if kind == "uniform":
        return Uniform(a, b)
    if kind == "integers":
        found = Integers(*(int(v) if v == int(v) else v for v in (a, b)))  # type: ignore[arg-type]
        return found
    return Normal(a, b, *limits)


def _leaf_schema(parse: Callable[[Any], Distribution]) -> CoreSchema:
    return core_schema.no_info_plain_validator_function(
        parse, serialization=core_schema.plain_serializer_function_ser_schema(written)
    )


def _listed(found: Distribution) -> list[Any]:
    if isinstance(found, Fixed):
        return [found.value]
    return list(found.options) if isinstance(found, Choice) else []


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "…"


def _list_of(one: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": one, "minItems": 1}


def _one_key_objects(kinds: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "object", "properties": {kind: schema}, "required": [kind], "additionalProperties": False}
        for kind, schema in kinds.items()
    ]
