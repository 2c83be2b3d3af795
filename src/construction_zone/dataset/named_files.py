"""Which words of a recipe name files, and which files a folder gives it."""

from __future__ import annotations

import os.path
from collections.abc import Callable
from pathlib import Path

STRUCTURE_SUFFIXES = (".cif", ".xyz", ".extxyz", ".vasp", ".poscar", ".json", ".pdb", ".xsf")
"""A crystal whose name ends like this, or that holds a slash, is a structure file."""

MESH_SUFFIXES = (".stl", ".obj", ".ply")
"""What the name of a file with the surface of a volume ends like."""


TRAJECTORY_SUFFIXES = (".traj", ".lammpstrj", ".dump")
"""What is taken from a folder too where frames are asked for."""


def list_files(names: str | list[str], place: Callable[[str], Path], *, trajectories: bool = False) -> list[Path]:
    """The structure files that a list names, or those in a folder, by name; `trajectories` too if asked for."""
    if isinstance(names, list):
        return [place(name) for name in names]
    folder = place(names)
    if os.path.isfile(folder):
        return [folder]
    try:
        inside = sorted(
            path
            for path in folder.iterdir()
            if path.is_file()
            and (is_structure_file(path.name) or (trajectories and path.name.lower().endswith(TRAJECTORY_SUFFIXES)))
        )
    except OSError:
        return []
    return inside


def is_structure_file(crystal: str) -> bool:
    """Whether a recipe's `crystal` names a structure file rather than a prototype."""
    return "/" in crystal or crystal.lower().endswith(STRUCTURE_SUFFIXES)


def is_file(word: str) -> bool:
    """Whether a word names a file of a structure or of a surface."""
    return is_structure_file(word) or word.lower().endswith(MESH_SUFFIXES)
