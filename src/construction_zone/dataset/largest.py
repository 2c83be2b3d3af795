"""Which of a recipe's structures are the largest, told from what is drawn, before anything is built."""

from __future__ import annotations

from typing import Any

from construction_zone.dataset.draw import draw_leaves
from construction_zone.dataset.recipe import Recipe

DRAWN = 1000
"""Structures whose values are drawn for that."""


def largest(recipe: Recipe, asked: range) -> list[int]:
    """Numbers of the first of `asked`, the largest first: by what their waves take, then by their height."""
    drawn = {index: draw_leaves(recipe, index) for index in asked[:DRAWN]}
    return sorted(drawn, key=lambda index: _size(recipe, drawn[index]), reverse=True)


def _size(recipe: Recipe, drawn: dict[str, Any]) -> tuple[float, float]:
    """What a structure's waves take (samples of all configurations), and about how high it is in Å."""
    area = float(drawn.get("cell[0]", 1.0)) * float(drawn.get("cell[1]", 1.0))
    shape = recipe.simulation.shape
    grid = area / drawn["simulation.sampling"] ** 2 if shape is None else float(shape[0] * shape[1])
    samples = grid * (drawn["simulation.phonons"] or 1)
    # the height of prefabs without a radius is known only once they are made
    paths = tuple(f"{path}." for path, _ in recipe.groups)
    radii = [leaf for path, leaf in drawn.items() if path.startswith(paths) and path.endswith(".radius")]
    widest = max((radius for leaf in radii for radius in leaf or ()), default=0.0)
    return samples, (drawn.get("substrate.thickness") or 0.0) + 2 * widest
