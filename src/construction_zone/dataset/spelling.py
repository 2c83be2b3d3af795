"""How values and distributions are spelt in a recipe, read from YAML and written back in the same form.

A plain value stands for itself. A distribution is a mapping of one key, some with further ones beside it::

    {uniform: [low, high]}                      {log_uniform: [low, high]}
    {normal: [mean, sd]}                        {truncated_normal: [mean, sd, low, high]}
    {integers: [low, high]}                     {choice: [a, b], weights: [3, 1]}
    {sweep: [a, b, c], sd: 15}                  {sweep: {from: -250, to: 250, step: 50}, sd: 15}
    {variable: size, scale: 0.5, offset: 3}     {variable: metal, map: {gold: fcc Au, silver: fcc Ag}}
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np

from construction_zone.distributions import (
    Choice,
    Distribution,
    Fixed,
    Integers,
    LogUniform,
    Normal,
    Sweep,
    TruncatedNormal,
    Uniform,
)
from construction_zone.errors import InvalidInput

Scope = Literal["structure", "particle", "image"]
"""What a leaf is drawn for: once a structure, once for each of its particles, or once for each of its images."""

KINDS: dict[str, tuple[str, ...]] = {
    "uniform": (),
    "log_uniform": (),
    "normal": (),
    "truncated_normal": (),
    "integers": (),
    "choice": ("weights",),
    "sweep": ("sd",),
    "variable": ("scale", "offset", "map"),
}
"""The distributions, with the keys that may stand beside each."""

MOST_POINTS = 10_000
"""Points of one sweep."""

_PAIRS = {"uniform": "[low, high]", "log_uniform": "[low, high]", "normal": "[mean, sd]", "integers": "[low, high]"}
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
"""Text that counts as a number."""


@dataclass(frozen=True)
class Variable:
    """A named value that several leaves share, drawn once for each `per`."""

    leaf: Distribution
    per: Scope = "structure"


Variables = Mapping[str, Variable]


@dataclass(frozen=True, eq=False)
class Linked:
    """A leaf that follows a variable: `scale` times its value plus `offset`, or what `table` has for it."""

    name: str
    source: Distribution
    scale: float = 1.0
    offset: float = 0.0
    table: tuple[tuple[Any, Any], ...] | None = None
    mapped: bool = False

    @property
    def options(self) -> tuple[Any, ...] | None:
        """Every value that there can be, if they can be listed."""
        return None if self.table is None else tuple(value for _, value in self.table)

    @property
    def support(self) -> tuple[float, float]:
        if self.table is not None:
            return Choice(tuple(value for _, value in self.table)).support
        ends = sorted(self.scale * end + self.offset for end in self.source.support)
        return (ends[0], ends[1])

    def of(self, value: Any) -> Any:
        """The leaf's value where the variable has `value`."""
        if self.table is not None:
            return next(own for key, own in self.table if key == value)
        return self.scale * value + self.offset

    def draw(self, rng: np.random.Generator) -> Any:
        """A value for a newly drawn variable: for trials, since what is linked is not drawn by itself."""
        return self.of(self.source.draw(rng))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Linked) and written(self) == written(other) and self.source == other.source

    def __hash__(self) -> int:
        return hash((self.name, self.scale, self.offset))


def number(raw: Any) -> float:
    """`raw` as a finite float; text such as ``300e3``, which YAML 1.1 takes for a word, counts as a number."""
    if isinstance(raw, str) and NUMBER.fullmatch(raw.strip()):
        raw = float(raw)
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise InvalidInput(f"{shown(raw)} is not a number")
    try:
        value = float(raw)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise InvalidInput(f"{shown(raw)} is not a finite number")
    return value


def is_distribution(raw: Any) -> bool:
    """Whether a mapping is meant as a distribution."""
    return isinstance(raw, Mapping) and any(isinstance(key, str) and key in KINDS for key in raw)


def written(leaf: Distribution) -> Any:
    """`leaf` as plain data: what a recipe file would say."""
    match leaf:
        case Fixed():
            return plain(leaf.value)
        case Uniform():
            return {"uniform": [leaf.low, leaf.high]}
        case LogUniform():
            return {"log_uniform": [leaf.low, leaf.high]}
        case TruncatedNormal():
            ends = [end if math.isfinite(end) else None for end in (leaf.low, leaf.high)]
            return {"truncated_normal": [leaf.mean, leaf.sd, *ends]}
        case Normal():
            return {"normal": [leaf.mean, leaf.sd]}
        case Integers():
            return {"integers": [int(leaf.low), int(leaf.high)]}
        case Choice():
            weights = {} if leaf.weights is None else {"weights": list(leaf.weights)}
            return {"choice": [plain(option) for option in leaf.options], **weights}
        case Sweep():
            spread = {"sd": leaf.sd} if leaf.sd else {}
            return {"sweep": [plain(point) for point in leaf.points], **spread}
        case Linked():
            found: dict[str, Any] = {"variable": leaf.name}
            if leaf.mapped:
                found["map"] = {key: plain(value) for key, value in leaf.table or ()}
            found |= {"scale": leaf.scale} if leaf.scale != 1 else {}
            found |= {"offset": leaf.offset} if leaf.offset != 0 else {}
            return found
    raise InvalidInput(f"{type(leaf).__name__} cannot be written in a recipe; use one of {', '.join(KINDS)}")


def listed(leaf: Distribution) -> tuple[Any, ...] | None:
    """Every value that `leaf` can give, or None if they cannot be listed."""
    match leaf:
        case Fixed():
            return (leaf.value,)
        case Choice() | Linked():
            return leaf.options
        case Sweep():
            return None if leaf.sd else leaf.points
    return None


def options(leaf: Distribution) -> tuple[Any, ...]:
    """Every value that a leaf of single values can give."""
    values = listed(leaf)
    if values is None:
        raise InvalidInput(f"{type(leaf).__name__} has no list of options")
    return values


def read_distribution(
    raw: Any,
    one: Callable[[Any], Any],
    limits: tuple[float, float] = (-math.inf, math.inf),
    variables: Variables | None = None,
    per: Scope = "structure",
) -> Distribution:
    """`raw`, as YAML gives it or already a distribution, as a distribution; `one` checks a single value.

    `variables` are those that a leaf drawn for each `per` may follow; ``{variable: …}`` looks its name up there.
    """
    if isinstance(raw, Distribution):
        if isinstance(raw, Linked):
            return raw
        raw = written(raw)
    if not isinstance(raw, Mapping):
        return Fixed(one(raw))
    kind = _kind(raw)
    given = raw[kind]
    if kind == "variable":
        return _linked(raw, one, variables or {}, per)
    if kind == "sweep":
        sd = number(raw.get("sd", 0))
        return Sweep(tuple(one(point) for point in _points(given)), sd, *(limits if sd else (-math.inf, math.inf)))
    if not isinstance(given, (list, tuple)):
        raise InvalidInput(f"{kind}: wants a list, not {shown(given)}")
    if kind == "choice":
        return Choice(tuple(one(option) for option in given), _weights(raw))
    if kind == "truncated_normal":
        return _truncated(given, limits)
    if len(given) != 2:
        raise InvalidInput(f"{kind}: wants two numbers, {_PAIRS[kind]}")
    a, b = (number(value) for value in given)
    if kind == "integers":
        found = Integers(*(int(v) if v == int(v) else v for v in (a, b)))  # type: ignore[arg-type]
        return found
    if kind == "normal":
        return Normal(a, b, *limits)
    return Uniform(a, b) if kind == "uniform" else LogUniform(a, b)


def read_variables(raw: Any) -> dict[str, Variable]:
    """The section ``variables`` of a recipe: name → value or distribution, with ``per`` beside the distribution."""
    if not isinstance(raw, Mapping):
        raise InvalidInput(f"wants a mapping of names to distributions, not {shown(raw)}")
    return {_name(name): read_variable(value, str(name)) for name, value in raw.items()}


def read_variable(raw: Any, name: str = "variable") -> Variable:
    """One variable: a value, or a distribution with ``per`` (structure, particle or image) beside its key."""
    if isinstance(raw, Variable):
        return raw
    per: Any = "structure"
    if isinstance(raw, Mapping):
        raw = dict(raw)
        per = raw.pop("per", per)
    if per not in ("structure", "particle", "image"):
        raise InvalidInput(f"{name}: per is {shown(per)}; a variable is drawn per structure, particle or image")
    if is_distribution(raw) and "variable" in raw:
        raise InvalidInput(f"{name}: follows another variable; give it a value or a distribution of its own")
    try:
        return Variable(read_distribution(raw, _scalar), per)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from error


def written_variables(variables: Variables) -> dict[str, Any]:
    """The section ``variables`` as plain data."""
    found = {}
    for name, variable in variables.items():
        leaf = written(variable.leaf)
        found[name] = {**leaf, "per": variable.per} if isinstance(leaf, dict) else leaf
    return found


def plain(value: Any) -> Any:
    """A single value as YAML would give it."""
    return [plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def shown(raw: Any) -> str:
    """`raw` for a message, shortened."""
    try:
        text = repr(raw)
    except (ValueError, RecursionError):  # numbers of thousands of digits, mappings that hold themselves
        return f"a {type(raw).__name__}"
    return text if len(text) <= 60 else text[:57] + "…"


def _kind(raw: Mapping[Any, Any]) -> str:
    kinds = [key for key in raw if isinstance(key, str) and key in KINDS]
    if len(kinds) != 1 and (len(raw) != 1 or kinds):
        raise InvalidInput(f"a distribution has one key, one of {', '.join(KINDS)}; this has {len(kinds or raw)}")
    if not kinds:
        kind = next(iter(raw))
        close = get_close_matches(str(kind), KINDS, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else f"; there are {', '.join(KINDS)}"
        raise InvalidInput(f"unknown distribution {shown(kind)}{hint}")
    kind = kinds[0]
    beside = [key for key in raw if key != kind and key not in KINDS[kind]]
    if beside:
        known = ", ".join(KINDS[kind]) or "nothing"
        raise InvalidInput(f"{kind}: {shown(beside[0])} is not known beside it; there may be {known}")
    return str(kind)


def _points(given: Any) -> list[Any]:
    """The points of a sweep: a list, or ``{from, to, step}`` or ``{from, to, count}``, ends included."""
    if isinstance(given, (list, tuple)):
        points = list(given)
    elif isinstance(given, Mapping):
        if set(given) not in ({"from", "to", "step"}, {"from", "to", "count"}):
            raise InvalidInput("sweep: wants a list, {from, to, step} or {from, to, count}")
        start, stop = number(given["from"]), number(given["to"])
        if "count" in given:
            count = number(given["count"])
            if count != int(count) or not 2 <= count <= MOST_POINTS:
                raise InvalidInput(f"sweep: count is {count:g}; give a whole number from 2 to {MOST_POINTS}")
            return [float(point) for point in np.linspace(start, stop, int(count))]
        step = number(given["step"])
        if step == 0 or (stop - start) / step < 0:
            raise InvalidInput(f"sweep: steps of {step:g} do not lead from {start:g} to {stop:g}")
        steps = (stop - start) / step
        if not steps < MOST_POINTS:
            raise InvalidInput(f"sweep: has {steps + 1:.3g} points; give at most {MOST_POINTS}")
        if abs(steps - round(steps)) > 1e-6:
            raise InvalidInput(f"sweep: steps of {step:g} from {start:g} do not end at {stop:g}")
        # multiples of the step, rounded to what people write: 0.1·3 is 0.3
        points = [float(f"{start + k * step:.12g}") for k in range(round(steps) + 1)]
    else:
        raise InvalidInput(f"sweep: wants a list, {{from, to, step}} or {{from, to, count}}, not {shown(given)}")
    if len(points) > MOST_POINTS:
        raise InvalidInput(f"sweep: has {len(points)} points; give at most {MOST_POINTS}")
    return points


def _weights(raw: Mapping[Any, Any]) -> tuple[float, ...] | None:
    if raw.get("weights") is None:
        return None
    if not isinstance(raw["weights"], (list, tuple)):
        raise InvalidInput(f"weights: wants a list, not {shown(raw['weights'])}")
    return tuple(number(weight) for weight in raw["weights"])


def _truncated(given: list[Any] | tuple[Any, ...], limits: tuple[float, float]) -> TruncatedNormal:
    if len(given) != 4:
        raise InvalidInput("truncated_normal: wants four numbers, [mean, sd, low, high], null for no limit")
    mean, sd = number(given[0]), number(given[1])
    ends = [limit if end is None else number(end) for end, limit in zip(given[2:], limits, strict=True)]
    if ends[0] > ends[1]:
        raise InvalidInput(f"truncated_normal: the limits [{ends[0]:g}, {ends[1]:g}] are inverted; write low, high")
    return TruncatedNormal(mean, sd, *ends)


def _linked(raw: Mapping[Any, Any], one: Callable[[Any], Any], variables: Variables, per: Scope) -> Linked:
    name = raw["variable"]
    if not isinstance(name, str) or name not in variables:
        close = get_close_matches(str(name), variables, n=1)
        there = f"there are {', '.join(variables)}" if variables else "give it under variables:"
        raise InvalidInput(f"no variable {shown(name)}; " + (f"did you mean '{close[0]}'?" if close else there))
    variable = variables[name]
    if variable.per not in ("structure", per):
        raise InvalidInput(f"the variable {name} is drawn per {variable.per}, this per {per}; both must be the same")
    scale, offset, source = number(raw.get("scale", 1)), number(raw.get("offset", 0)), variable.leaf
    values = listed(source)
    if "map" in raw:
        if "scale" in raw or "offset" in raw:
            raise InvalidInput("a variable has a map or a scale and offset, not both")
        given = raw["map"]
        if values is None or not isinstance(given, Mapping):
            raise InvalidInput(f"map: wants a mapping, from each value that the variable {name} can have")
        missing = [value for value in values if value not in given]
        if missing:
            raise InvalidInput(f"map: has nothing for {shown(missing[0])}, which the variable {name} can be")
        return Linked(name, source, table=tuple((key, one(value)) for key, value in given.items()), mapped=True)
    if values is not None:
        table = tuple((value, one(_scaled(value, scale, offset))) for value in values)
        return Linked(name, source, scale, offset, table)
    one(_scaled(source.support[0] if math.isfinite(source.support[0]) else 0.0, scale, offset))
    if isinstance(source, Integers) and scale == int(scale) and offset == int(offset):
        scale, offset = int(scale), int(offset)  # whole numbers stay so
    return Linked(name, source, scale, offset)


def _scaled(value: Any, scale: float, offset: float) -> Any:
    return value if scale == 1 and offset == 0 else scale * number(value) + offset


def _name(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.isidentifier():
        raise InvalidInput(f"{shown(raw)} cannot name a variable; use letters, digits and _")
    return raw


def _scalar(raw: Any) -> Any:
    """A value of a variable: a number where it can be one, else a word or a list of such."""
    if isinstance(raw, (list, tuple)):
        return tuple(_scalar(inner) for inner in raw)
    if raw is None or isinstance(raw, bool):
        raise InvalidInput(f"{shown(raw)} is no value of a variable; give a number, a word or a list of such")
    try:
        value = number(raw)
    except InvalidInput:
        if isinstance(raw, str):
            return raw
        raise
    return int(raw) if isinstance(raw, int) else value
