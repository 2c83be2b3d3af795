"""YAML from outside: safe types only, each key once, bounded in size and depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from construction_zone.errors import RecipeError

MOST_BYTES = 1_000_000
MOST_VALUES = 100_000
"""Values after aliases are followed: an alias bomb is small on disk and huge when walked."""
DEEPEST = 50


class _OneKeyLoader(yaml.SafeLoader):
    """YAML's safe loader, with a key that is written twice refused instead of the last one taken."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    mark = key_node.start_mark
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key '{key_node.value}' is written twice", mark
                    )
                seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> Any:
    """The contents of the YAML file at `path` as plain Python data. Raises `RecipeError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse_yaml(data, str(path))


def parse_yaml(data: bytes, name: str = "recipe") -> Any:
    """YAML text as plain Python data. Raises `RecipeError` that says where the text is wrong."""
    if len(data) > MOST_BYTES:
        raise RecipeError(f"{name} is longer than {MOST_BYTES:,} bytes, which no recipe needs")
    try:
        found = yaml.load(data.decode("utf-8"), Loader=_OneKeyLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise RecipeError(f"{name} is not valid YAML{where}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise RecipeError(f"{name} is not valid YAML: {error}") from error
    except RecursionError:
        raise RecipeError(f"{name} is nested too deeply") from None
    _check_size(found, name)
    return found


def _check_size(found: Any, name: str) -> None:
    layer, values = [found], 0
    for _ in range(DEEPEST):
        values += len(layer)
        if values > MOST_VALUES:
            raise RecipeError(f"{name} holds more than {MOST_VALUES:,} values when its aliases are followed")
        below: list[Any] = []
        for value in layer:
            if isinstance(value, dict):
                below += [*value.keys(), *value.values()]
            elif isinstance(value, (list, tuple, set)):
                below += value
            if len(below) > MOST_VALUES:
                raise RecipeError(f"{name} holds more than {MOST_VALUES:,} values when its aliases are followed")
        if not below:
            return
        layer = below
    raise RecipeError(f"{name} is nested too deeply")
