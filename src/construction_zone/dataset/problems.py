"""What is wrong with a recipe, in words: one line a field, by its path, with a guess at what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from construction_zone.errors import InvalidInput, RecipeError, SceneError

TAGS = ("(one)", "(several)", "(files)", "(zones)")
"""Names of the forms that a section may take, which paths leave out."""


class Inconsistent(ValueError):
    """Fields that are wrong, one ``path: message`` each; a path that begins with a dot goes on from where it is."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@contextmanager
def tried(path: str) -> Iterator[None]:
    """Raise a `RecipeError` that names `path` if what a recipe describes there cannot be made."""
    try:
        yield
    except (InvalidInput, SceneError, TypeError) as error:
        raise RecipeError(f"the recipe cannot be used:\n  {path}: {error}") from error
    except (ValueError, ArithmeticError, MemoryError) as error:
        raise RecipeError(
            f"the recipe cannot be used:\n  {path}: cannot be made, its numbers are too large or too small ({error})"
        ) from error


def describe(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """The indented lines ``path: what is wrong`` of a pydantic `error` about `model`, in the order of the fields."""
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        cause = problem.get("ctx", {}).get("error")
        place = tuple(step for step in problem["loc"] if step not in TAGS)
        if isinstance(cause, Inconsistent):
            lines += [_path(place) + line if line[0] in ".:" else line for line in cause.problems]
            continue
        lines.append(f"{_path(place)}: {_message(problem, problem['loc'], model, cause)}")
    return [f"  {line}" for line in lines]


def _message(problem: Any, place: tuple[int | str, ...], model: type[BaseModel], cause: Any) -> str:
    match problem["type"]:
        case "extra_forbidden":
            known = list(_fields_at(model, place[:-1]))
            close = get_close_matches(str(place[-1]), known, n=1, cutoff=0.5)
            return "unknown key; " + (f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known)}")
        case "missing":
            return "is missing"
        case "model_type" | "model_attributes_type":
            return f"wants a mapping of {', '.join(_fields_at(model, place))}, not {_shown(problem['input'])}"
        case "tuple_type" | "too_short" | "too_long":
            numbers = "three numbers, [x, y, z]" if place[-1] == "at" else "two numbers, [x, y]"
            return f"wants {numbers}, not {_shown(problem['input'])}"
        case "invalid_key":
            return "keys must be words"
        case "literal_error":
            return f"{_shown(problem['input'])} is not known; use {problem['ctx']['expected']}"
        case "value_error" if cause is not None:
            return str(cause)
    text = problem["msg"]
    return f"{_shown(problem['input'])}: {text[:1].lower()}{text[1:]}"


def _fields_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    for k, step in enumerate(place):
        if isinstance(step, int) or step in TAGS:
            continue
        info = model.model_fields.get(str(step))
        inner = _models_of(info.annotation) if info is not None else []
        if not inner:
            return []
        model = inner["(zones)" in place[k + 1 : k + 2]] if len(inner) > 1 else inner[0]
    return [*model.model_fields, *getattr(model, "SHORT", ())]


def _models_of(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) is Annotated:
        return _models_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType, list, tuple):
        return list(dict.fromkeys(model for inner in get_args(annotation) for model in _models_of(inner)))
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def _path(place: tuple[int | str, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".") or "recipe"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
