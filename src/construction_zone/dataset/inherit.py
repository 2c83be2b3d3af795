"""Recipes made of others: ``extends: base.yaml``, and single values set from outside.

Mappings are merged key by key; lists, distributions and prefabs of another name are replaced as a whole. A prefab takes
the place of what it stands for, and the other way round. A value of null takes the base's away.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from construction_zone.dataset.spelling import is_distribution, shown
from construction_zone.dataset.yaml_text import parse_yaml, read_yaml
from construction_zone.errors import RecipeError

EXTENDS = "extends"
DEEPEST = 20
"""Recipes that may extend each other in a row."""

INSTEAD = {"prefab": ("crystal", "radius", "amorphous", "density", "thickness", "structure")}
"""Key → those that it takes the place of."""

FILES = ("curves", "from_files", "crystal", "material", "core", "shell", "arms", "file", "molecule", "ligand")
"""Keys whose words may be files, which are looked for beside the recipe that names them."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_PATH = re.compile(r"[^.\[\]]+(\[\d+\])*(\.[^.\[\]]+(\[\d+\])*)*")


def read(path: Path, seen: Sequence[Path] = ()) -> Any:
    """The recipe in the file at `path` as plain data, merged with what it extends.

    Raises `RecipeError` where a file cannot be read, or recipes extend each other in a circle.
    """
    here = path.absolute().resolve()
    if here in seen:
        chain = " extends ".join(step.name for step in [*seen[list(seen).index(here) :], here])
        raise RecipeError(f"{seen[0]}: {chain}, in a circle; take one extends: away")
    if len(seen) >= DEEPEST:
        raise RecipeError(f"{seen[0]} extends more than {DEEPEST} recipes in a row")
    return extended(read_yaml(path), str(path), path.absolute().parent, [*seen, here])


def extended(raw: Any, name: str, folder: Path, seen: Sequence[Path] = ()) -> Any:
    """Plain data merged with the recipes that its ``extends`` names, relative to `folder`."""
    if not isinstance(raw, Mapping) or EXTENDS not in raw:
        return raw
    given = raw[EXTENDS]
    bases = [given] if isinstance(given, str) else given
    if not isinstance(bases, list) or not bases or not all(isinstance(base, str) and base.strip() for base in bases):
        raise RecipeError(f"{name} cannot be used:\n  extends: {shown(given)} is no recipe file, nor a list of such")
    found: Any = {}
    for base in bases:
        path = (folder / Path(base).expanduser()).absolute()
        if not os.path.isfile(path):
            raise RecipeError(f"{name} cannot be used:\n  extends: no file {base} ({path})")
        below = read(path, seen)
        if not isinstance(below, Mapping):
            raise RecipeError(f"{name} cannot be used:\n  extends: {base} is no recipe")
        found = merged(found, below if path.parent == folder else _rooted(below, path.parent))
    return merged(found, {key: value for key, value in raw.items() if key != EXTENDS})


def merged(base: Any, over: Any) -> Any:
    """`base` with what `over` says instead."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)) or is_distribution(base) or is_distribution(over):
        return over
    if isinstance(over.get("name"), str) and "name" in base and base["name"] != over["name"]:
        return over
    kept = dict(base)
    for key, others in INSTEAD.items():
        if over.get(key) is not None:
            kept = {name: value for name, value in kept.items() if name not in others}
        elif any(name in over for name in others):
            kept.pop(key, None)
    return {**kept, **{key: merged(kept.get(key), value) for key, value in over.items()}}


def with_values(raw: Any, settings: Sequence[str], name: str = "recipe") -> Any:
    """Plain data with single values set: each of `settings` is ``path=value``, such as ``imaging.dose=100``.

    A path has steps joined by dots, places in lists in brackets; the value is YAML. Raises `RecipeError`.
    """
    for setting in settings:
        path, found, text = setting.partition("=")
        path = path.strip()
        if not found or not _PATH.fullmatch(path):
            raise RecipeError(f"--set {setting}: give PATH=VALUE, such as imaging.dose=100 or cell[0]=128")
        value = parse_yaml(text.encode(), f"--set {path}")
        steps = [int(index) if index else key for key, index in _STEP.findall(path)]
        raw = _set(raw, steps, value, f"{name} cannot be used:\n  --set {path}: ")
    return raw


def _set(place: Any, steps: list[Any], value: Any, wrong: str) -> Any:
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(place, list) or step >= len(place):
            there = f"{len(place)} entries" if isinstance(place, list) else "no list"
            raise RecipeError(f"{wrong}there is no [{step}]; there are {there}".replace("are no list", "is no list"))
        return [
            _set(one, rest, value, wrong) if rest and k == step else value if k == step else one
            for k, one in enumerate(place)
        ]
    if place is None:
        place = {}
    if not isinstance(place, Mapping):
        raise RecipeError(f"{wrong}{step!r} would lie below {shown(place)}, which is no mapping; set that as a whole")
    return {**place, step: _set(place.get(step), rest, value, wrong) if rest else value}


def _rooted(raw: Any, folder: Path, key: str = "") -> Any:
    """Plain data of a recipe in another `folder`, with the files that it names as absolute paths."""
    if isinstance(raw, Mapping):
        return {
            name: _rooted(value, folder, key if name in ("choice", "sweep", "map") or key == "map" else str(name))
            for name, value in raw.items()
        }
    if isinstance(raw, list):
        return [_rooted(value, folder, key) for value in raw]
    if isinstance(raw, str) and key in FILES and os.path.exists(folder / raw):
        return str(folder / raw)
    return raw
