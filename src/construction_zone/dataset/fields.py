"""The leaves of a recipe: numbers and words that may be distributions, each with its unit and limits.

How a leaf is written is told in `spelling`. After validation it is a `Distribution`; it is written back in the same
form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from construction_zone.dataset.spelling import (
    KINDS,
    NUMBER,
    Linked,
    Scope,
    Variables,
    listed,
    number,
    options,
    read_distribution,
    shown,
    written,
)
from construction_zone.distributions import Distribution, Fixed, Integers
from construction_zone.errors import InvalidInput

__all__ = ["ABSENT", "KINDS", "Quantity", "Scope", "Word", "number", "options", "read_distribution", "written"]


class _Absent(Fixed):
    """A leaf without a value, of which there is one in every process."""

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT = _Absent(None)
"""Stands for a leaf that another field makes needless."""


MISTAKEN = {"eV": ("keV", 1e3), "g/cm³": ("kg/m³", 1e-3), "mrad": ("rad", 1e3)}
"""Unit → one that values are given in by mistake, and how many of ours that is."""


@dataclass(frozen=True)
class Quantity:
    """Annotation of a number of `unit` between `low` and `high` (both included), or of a distribution kept within them.

    `integer` asks for whole numbers, `discrete` for a number or a choice of numbers, and `optional` lets null stand
    for "none"; `words` may stand for numbers too. `per` says what the number is drawn for, `about` what it is.
    """

    unit: str
    low: float
    high: float
    per: Scope = "structure"
    integer: bool = False
    discrete: bool = False
    optional: bool = False
    words: tuple[str, ...] = ()
    about: str = ""

    def parse(self, raw: Any, variables: Variables | None = None) -> Distribution:
        """`raw`, as YAML gives it or already a distribution, as a checked distribution."""
        if raw is ABSENT:
            return ABSENT
        found = read_distribution(raw, self._number, (self.low, self.high), variables, self.per)
        if self.integer and not whole(found):
            raise InvalidInput("wants whole numbers; write {integers: [low, high]} or {choice: […]}")
        if self.discrete and listed(found) is None:
            raise InvalidInput("wants a number or {choice: […]}, since it has to divide the cell into whole pixels")
        self._check_limits(found)
        return found

    def _number(self, raw: Any) -> float | int | str | None:
        if raw is None and self.optional:
            return None
        if isinstance(raw, str) and raw in self.words:
            return raw
        value = number(raw)
        if self.integer:
            if value != int(value):
                raise InvalidInput(f"{shown(raw)} is not a whole number")
            return int(value)
        return value

    def _check_limits(self, found: Distribution) -> None:
        values = listed(found)
        numbers = [value for value in values or () if isinstance(value, (int, float))]
        if numbers:
            low, high = min(numbers), max(numbers)
        elif values is not None:
            return
        else:
            low, high = found.support
        if low < self.low or high > self.high:
            bad = low if low < self.low else high
            what = "" if isinstance(found, Fixed) else f"can be drawn as {bad:g}: "
            given = f"{bad:g} " if isinstance(found, Fixed) else ""
            raise InvalidInput(f"{what}{given}is outside the limits {self.limits}{self._meant(found)}")

    def _meant(self, found: Distribution) -> str:
        """What a single value would be if it were given in a unit that is often taken instead."""
        other, factor = MISTAKEN.get(self.unit, ("", 0.0))
        if not isinstance(found, Fixed) or not self.low <= found.value * factor <= self.high or not factor:
            return ""
        return f"; {found.value:g} {other} is {found.value * factor:g} {self.unit}"

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
        text = {"type": "string", "pattern": f"^ *{NUMBER.pattern} *$"}  # 300e3 is a word in YAML 1.1
        forms = [one, text, *({"type": "null"} for _ in range(self.optional)), *({"const": w} for w in self.words)]
        continuous = not self.discrete and not self.integer
        drawn = distribution_schemas({"anyOf": forms}, one, whole=not self.discrete, continuous=continuous)
        about = {"description": ": ".join(filter(None, (self.about, self.limits)))}
        return {"anyOf": [*forms, *drawn], **about, "x-unit": self.unit, "x-per": self.per}


@dataclass(frozen=True)
class Word:
    """Annotation of something that is no number (a name, a zone axis) or of a choice of such; `read` checks one."""

    read: Callable[[Any], Any]
    wants: str
    per: Scope = "structure"
    optional: bool = False
    about: str = ""

    def parse(self, raw: Any, variables: Variables | None = None) -> Distribution:
        """`raw` as a checked distribution of single values."""
        if raw is ABSENT:
            return ABSENT
        found = read_distribution(raw, self._one, variables=variables, per=self.per)
        if listed(found) is None:
            raise InvalidInput(f"wants {self.wants} or {{choice: […]}}")
        return found

    def _one(self, raw: Any) -> Any:
        return None if raw is None and self.optional else self.read(raw)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _leaf_schema(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        one: dict[str, Any] = {"type": ["string", "array", *(["null"] if self.optional else [])]}
        forms = [one, *distribution_schemas(one, one, whole=False, continuous=False)]
        about = ": ".join(filter(None, (self.about, self.wants)))
        return {"anyOf": forms, "description": about, "x-per": self.per}


def one_of(*names: str | bool) -> Callable[[Any], Any]:
    """What checks that a value is one of `names`."""
    known = ", ".join(repr(name) if isinstance(name, str) else str(name).lower() for name in names)

    def read(raw: Any) -> Any:
        # 0 and 1 are equal to false and true, and are not meant
        if not any(type(raw) is type(name) and raw == name for name in names):
            raise InvalidInput(f"{shown(raw)} is not known; use {known}")
        return raw

    return read


def whole(leaf: Distribution) -> bool:
    """Whether all that `leaf` can give are whole numbers; listed ones were checked one by one."""
    if isinstance(leaf, Linked) and leaf.table is None:
        return isinstance(leaf.source, Integers) and isinstance(leaf.scale, int) and isinstance(leaf.offset, int)
    return isinstance(leaf, Integers) or listed(leaf) is not None


def distribution_schemas(
    option: dict[str, Any], one: dict[str, Any], *, whole: bool, continuous: bool
) -> list[dict[str, Any]]:
    """JSON schemas of the distributions whose values are each an `option`, or between the limits of a number `one`."""
    any_number: dict[str, Any] = {"type": "number"}
    pair = {"type": "array", "items": any_number, "minItems": 2, "maxItems": 2}
    many = {"type": "array", "items": option, "minItems": 1}
    span = {"from": any_number, "to": any_number}
    spans = [
        {"type": "object", "properties": {**span, last: any_number}, "required": ["from", "to", last]}
        for last in ("step", "count")
    ]
    numbers = whole or continuous
    found = {
        "choice": (many, {"weights": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1}}),
        "sweep": ({"anyOf": [many, *spans]} if numbers else many, {"sd": {"type": "number", "minimum": 0}}),
        "variable": (
            {"type": "string"},
            {"scale": any_number, "offset": any_number, "map": {"type": "object"}},
        ),
    }
    if whole:
        found["integers"] = ({**pair, "items": {**one, "type": "integer"}}, {})
    if continuous:
        ends = {"type": ["number", "null"]}
        four = {"prefixItems": [any_number, any_number, ends, ends], "items": False, "minItems": 4}
        found["uniform"] = found["log_uniform"] = ({**pair, "items": one}, {})
        found["normal"] = (pair, {})
        found["truncated_normal"] = ({"type": "array", **four}, {})
    return [
        {
            "type": "object",
            "properties": {kind: schema, **beside},
            "required": [kind],
            "additionalProperties": False,
        }
        for kind, (schema, beside) in found.items()
    ]


VARIABLES: dict[str, Any] = {
    "type": "object",
    "description": "values that several fields follow, by name; per: structure (default), particle or image",
    "additionalProperties": {
        "anyOf": [
            {"type": ["number", "string", "array"]},
            *(
                {**form, "properties": {**form["properties"], "per": {"enum": ["structure", "particle", "image"]}}}
                for form in distribution_schemas({}, {"type": "number"}, whole=True, continuous=True)
                if "variable" not in form["properties"]
            ),
        ]
    },
}
"""JSON schema of the section ``variables``."""


def variables_of(info: ValidationInfo) -> Variables:
    """The variables of the recipe that is being validated."""
    return (info.context or {}).get("variables") or {}


def _leaf_schema(parse: Callable[[Any, Variables | None], Distribution]) -> CoreSchema:
    def checked(raw: Any, info: ValidationInfo) -> Distribution:
        return parse(raw, variables_of(info))

    return core_schema.with_info_plain_validator_function(
        checked, serialization=core_schema.plain_serializer_function_ser_schema(written)
    )
