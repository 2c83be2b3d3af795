"""What a recipe names, with its parameters: a prefab, a volume, a generator, a modifier, or a choice among some.

Every parameter is a node: a distribution, a mapping or a list of nodes, or another named thing. Each leaf has a path,
by which it is drawn; what was drawn is then made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from construction_zone import seeding
from construction_zone.dataset.fields import whole
from construction_zone.dataset.named import MODIFIERS, NAMED, modified, parameters, seeded
from construction_zone.dataset.spelling import Linked, listed, written
from construction_zone.distributions import Choice, Distribution, Fixed, Sweep
from construction_zone.errors import InvalidInput

GIVEN = "cell"
"""Parameter that a recipe sets itself where it is not given: the scene's edges along x and y, of substrates."""

TRIALS = 64
"""Options of a choice, or points of a sweep, that are tried when a recipe is read."""

Node = Any
"""A `Distribution`, a `Prefab`, a `PrefabChoice`, or a dict or a tuple of nodes."""

Reader = Callable[[str, str], Any]
"""What makes of a word what a parameter of this type takes: of a file's name what the file holds."""


@dataclass(frozen=True, eq=False)
class Prefab:
    """One prefab, volume, generator or modifier (its `kind`) with its parameters."""

    name: str
    parameters: dict[str, Node]
    kind: str = "prefab"

    def leaves(self, prefix: str) -> Iterator[tuple[str, Distribution]]:
        """Dotted path and distribution of every leaf."""
        return _leaves(self.parameters, prefix)

    def plain(self) -> dict[str, Any]:
        """What a recipe file would say."""
        return {"name": self.name, **_plain(self.parameters)}

    def made(
        self,
        value: Callable[[str], Any],
        prefix: str,
        seed: seeding.Seed,
        name: str,
        read: Reader,
        cell: tuple[float, float] | None = None,
    ) -> Any:
        """What is named, with the drawn values that `value` knows by path; `read` reads names that are files.

        `name` is that of a prefab's zone. `cell` goes to prefabs that take one, where the recipe gives none.
        """
        known = parameters(self.kind, self.name)

        def filled(node: Node, path: str, kind: str) -> Any:
            if isinstance(node, (Prefab, PrefabChoice)):
                try:
                    return node.made(value, path, seeding.child(seed, path), "particle", read, cell)
                except InvalidInput as error:
                    if type(error) is not InvalidInput:
                        raise
                    raise InvalidInput(f"{path.removeprefix(f'{prefix}.')}: {error}") from error
            if isinstance(node, dict):
                return {key: filled(inner, f"{path}.{key}", kind) for key, inner in node.items()}
            if isinstance(node, tuple):
                return tuple(filled(inner, f"{path}[{k}]", kind) for k, inner in enumerate(node))
            return _given(value(path), kind, read)

        found = {
            key: filled(node, f"{prefix}.{key}", str(known[key].annotation)) for key, node in self.parameters.items()
        }
        changes = found.pop(MODIFIERS, ()) if self.kind == "prefab" else ()
        sized = self.kind == "prefab" and cell is not None and _spans(known) and not _sized(found)
        if sized:
            found[GIVEN] = cell
        if seeded(self.kind, self.name):
            found["seed"] = seeding.child(seed, prefix)
        if self.kind == "prefab":
            found["name"] = name
        made = NAMED[self.kind][self.name](**found)
        if not changes:
            return made
        # a particle keeps its atoms when it is strained; a lone volume is what it says, and so is what spans the cell
        return modified(made, changes, follow=self.name != "zone" and not sized)


@dataclass(frozen=True, eq=False)
class PrefabChoice:
    """One of several of a kind, drawn by `weights` or swept through; often there is just one."""

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

    def made(
        self,
        value: Callable[[str], Any],
        path: str,
        seed: seeding.Seed,
        name: str,
        read: Reader,
        cell: tuple[float, float] | None = None,
    ) -> Any:
        """What the drawn option gives, with the drawn values that `value` knows by path; see `Prefab.made`."""
        label = value(path)
        return self.options[self.labels.index(label)].made(value, f"{path}.{label}", seed, name, read, cell)

    def trials(self, path: str) -> Iterator[tuple[str, Callable[[str], Any]]]:
        """Values at the ends of all distributions and each option of all choices, to see that prefabs can be made."""
        leaves = dict(self.leaves(path))
        for label, option in zip(self.labels, self.options, strict=True):
            own = [leaf for _, leaf in option.leaves(f"{path}.{label}")]
            most = min(max([2, *[len(listed(leaf) or ()) for leaf in own]]), TRIALS)
            for turn in range(most):
                ends = {name: _end(leaf, turn) for name, leaf in leaves.items()} | {path: label}
                yield label, ends.__getitem__


def _spans(known: Mapping[str, inspect.Parameter]) -> bool:
    """Whether a prefab can be as wide as the scene: its cell has two edges, where the box of others has three."""
    return GIVEN in known and "Point" not in str(known[GIVEN].annotation)


def _sized(arguments: Mapping[str, Any]) -> bool:
    """Whether a prefab's size is given already: as its cell, or, of flakes, as their radius."""
    return arguments.get(GIVEN) is not None or ("radius" in arguments and "thickness" not in arguments)


def _leaves(node: Node, prefix: str) -> Iterator[tuple[str, Distribution]]:
    if isinstance(node, (Prefab, PrefabChoice)):
        yield from node.leaves(prefix)
    elif isinstance(node, dict):
        for key, inner in node.items():
            yield from _leaves(inner, f"{prefix}.{key}")
    elif isinstance(node, tuple):
        for k, inner in enumerate(node):
            yield from _leaves(inner, f"{prefix}[{k}]")
    else:
        yield prefix, node


def _plain(node: Node) -> Any:
    if isinstance(node, (Prefab, PrefabChoice)):
        return node.plain()
    if isinstance(node, tuple):
        return [_plain(inner) for inner in node]
    if isinstance(node, dict):
        return {key: _plain(inner) for key, inner in node.items()}
    return written(node)


def _given(value: Any, kind: str, read: Reader) -> Any:
    if isinstance(value, str):
        return read(value, kind)
    return tuple(_given(inner, kind, read) for inner in value) if isinstance(value, (list, tuple)) else value


def _end(leaf: Distribution, turn: int) -> Any:
    if isinstance(leaf, Linked):
        return leaf.of(_end(leaf.source, turn))
    values = listed(leaf)
    if values is not None:
        return values[turn % len(values)]
    value = leaf.support[turn % 2]
    return int(value) if whole(leaf) else float(np.clip(value, -1e9, 1e9))
