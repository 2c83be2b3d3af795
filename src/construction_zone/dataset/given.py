"""Structures from a user's files: their atoms, zones and cell, made fit to be simulated."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from construction_zone.build import files
from construction_zone.dataset.frames import chosen, motion
from construction_zone.dataset.parts import FromFiles
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.substrates import VACUUM
from construction_zone.errors import InvalidInput, RecipeError, SceneError

MOST_FILES = 10_000

MOST_FRAMES = 1_000_000

BACKGROUND = ("film", "substrate", "support", "slab", "contamination", "layers")
"""Zones that are no particles where a recipe does not say which are."""

_BLANK: dict[str, Any] = {"grain": 0, "phase": 0, "thermal_u": 0.0}
"""Arrays that atoms of a scene have, with what stands where nothing is known."""


def from_file(recipe: Recipe, drawn: Mapping[str, Any], index: int) -> tuple[ase.Atoms, tuple[str, ...]]:
    """The atoms of structure `index` from its file, and the names of the zones that are particles.

    Of frames that are configurations they are at their mean places.
    """
    assert isinstance(recipe.scene, FromFiles)
    path = recipe.scene_files()[drawn["scene.file"]]
    if recipe.scene.frames == "configurations":
        atoms = motion(path, recipe.scene).mean
    else:
        atoms = files.frame(path, drawn["scene.frame"]) if "scene.frame" in drawn else files.read(path)
    cell = None if recipe.cell is None else (drawn["cell[0]"], drawn["cell[1]"])
    return prepared(atoms, cell, recipe.scene.particles, path.name)


def prepared(
    atoms: ase.Atoms, cell: tuple[float, float] | None, particles: list[str] | None, name: str
) -> tuple[ase.Atoms, tuple[str, ...]]:
    """A user's `atoms` in a cell that suits the beam, with the arrays of a scene, and the zones that are particles.

    With `cell` (Lx, Ly in Å) the atoms are brought to its middle, unless it is the file's own; without, the file's own
    must be orthogonal. Along the beam the cell begins and ends 5 Å from the outermost atoms. Zones are the file's array
    ``zone`` (names, or indices into ``info["zones"]``), else all atoms are of the zone ``particle``.
    """
    made = atoms.copy()
    _zones(made)
    zones = list(made.info["zones"])
    meant = [zone for zone in zones if zone.split()[0] not in BACKGROUND] if particles is None else list(particles)
    absent = [zone for zone in meant if zone not in zones]
    if absent:
        raise SceneError(f"{name} has no zone {absent[0]!r}, which scene.particles names; it has {', '.join(zones)}")
    own = np.asarray(atoms.cell)
    lengths = atoms.cell.lengths()
    if cell is None:
        if not np.allclose(own[:2], np.diag(lengths)[:2], atol=1e-6) or (lengths[:2] <= 0).any():
            raise SceneError(f"{name} has no orthogonal cell along x and y; give the recipe a cell to put it into")
        cell = (float(lengths[0]), float(lengths[1]))
    same = np.allclose(own[:2], np.diag([*cell, 0.0])[:2], atol=1e-3)
    low, high = made.positions.min(axis=0), made.positions.max(axis=0)
    shift = np.array([0.0, 0.0, VACUUM - low[2]])
    if not same:
        wide = (high - low)[:2] - np.array(cell)
        if (wide > 0).any():
            raise SceneError(
                f"{name} is {high[0] - low[0]:.4g} × {high[1] - low[1]:.4g} Å, which does not fit a cell of "
                f"{cell[0]:g} × {cell[1]:g} Å; give the recipe a larger one"
            )
        shift[:2] = np.array(cell) / 2 - (low + high)[:2] / 2
    made.positions += shift
    made.set_cell([*cell, float(high[2] - low[2]) + 2 * VACUUM])
    made.pbc = (True, True, False)
    made.positions[:, :2] %= np.array(cell)
    return made, tuple(meant)


def check_scene(recipe: Recipe, name: str) -> None:
    """Raise a `RecipeError` if the files of a recipe's scene are not there, or the first cannot be used."""
    if not isinstance(recipe.scene, FromFiles):
        return
    found = recipe.scene_files()
    wanted = f"{name} cannot be used:\n  scene.from_files: "
    if not found:
        raise RecipeError(f"{wanted}no structure files in {recipe.scene.from_files}")
    if len(found) > MOST_FILES:
        raise RecipeError(f"{wanted}{len(found)} files; at most {MOST_FILES} in one recipe, split them into several")
    missing = [path for path in found if not os.path.isfile(path)]
    if missing:
        raise RecipeError(f"{wanted}no file {missing[0]}")
    try:
        first = _first(recipe, found)
        cell = None if recipe.cell is None else _largest(recipe)
        prepared(first, cell, recipe.scene.particles, found[0].name)
    except (InvalidInput, SceneError) as error:
        raise RecipeError(f"{wanted}{error}") from error


def _first(recipe: Recipe, found: list[Path]) -> ase.Atoms:
    """The first structure of the files `found`."""
    scene = recipe.scene
    assert isinstance(scene, FromFiles)
    if scene.frames == "last":
        return files.read(found[0])
    if scene.frames == "configurations":
        return motion(found[0], scene).mean
    count = recipe.sweep("structure").size
    if not count:
        raise SceneError(f"scene.slice {scene.slice!r} leaves none of the frames; give another")
    if count > MOST_FRAMES:
        raise SceneError(f"there are {count} frames (and sweeps); at most {MOST_FRAMES}, take some with scene.slice")
    drawn = chosen(scene, found, {"scene.frame": 0})
    return files.frame(found[drawn["scene.file"]], drawn["scene.frame"])


def first_cell(path: Path) -> tuple[float, float]:
    """Edges along x and y (Å) of the cell in a file."""
    lengths = files.read(path).cell.lengths()
    return float(lengths[0]), float(lengths[1])


def _largest(recipe: Recipe) -> tuple[float, float]:
    assert recipe.cell is not None
    return recipe.cell[0].support[1], recipe.cell[1].support[1]


def _zones(atoms: ase.Atoms) -> None:
    """Give `atoms` the arrays and names that atoms of a scene have, as far as they lack them."""
    count = len(atoms)
    given = atoms.arrays.get("zone")
    if given is None:
        atoms.set_array("zone", np.zeros(count, dtype=np.int64))
        atoms.info["zones"] = ["particle"]
    elif given.dtype.kind in "US":
        texts, index = np.unique(given.astype(str), return_inverse=True)
        _number(atoms, index, [str(text) for text in texts])
    else:
        names = [str(name) for name in atoms.info.get("zones", [])]
        if given.dtype.kind not in "iu" or given.min() < 0:
            raise SceneError("the array zone holds neither names nor numbers that count info['zones'] from 0")
        names += [f"zone {k}" for k in range(len(names), int(given.max()) + 1)]
        _number(atoms, given, names)
    if "phases" not in atoms.info or "phase" not in atoms.arrays:
        atoms.arrays.pop("phase", None)
        atoms.info["phases"] = ["given"]
    for name, blank in _BLANK.items():
        if name not in atoms.arrays:
            atoms.set_array(name, np.full(count, blank))
    if "id" not in atoms.arrays:
        atoms.set_array("id", np.arange(count))


def _number(atoms: ase.Atoms, index: NDArray[Any], names: list[str]) -> None:
    del atoms.arrays["zone"]
    atoms.set_array("zone", index.astype(np.int64))
    atoms.info["zones"] = names
