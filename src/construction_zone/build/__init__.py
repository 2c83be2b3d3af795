"""Atoms in space: generators populate, volumes bound, a scene merges."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from construction_zone.build import (
    checks,
    files,
    lattice_directions,
    local_structure,
    modifiers,
    surfaces,
    thickness,
    transforms,
    volumes,
)
from construction_zone.build.generators import Amorphous, Crystal, Generator, Molecule, Void
from construction_zone.build.modifiers import Modified
from construction_zone.build.scene import Scene, variant
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import (
    Ball,
    Block,
    Capsule,
    Cone,
    ConvexPolyhedron,
    Cylinder,
    Ellipsoid,
    HalfSpace,
    Mesh,
    Slab,
    Volume,
)
from construction_zone.build.zone import Zone

if TYPE_CHECKING:
    from construction_zone.build import prefabs

__all__ = [
    "Affine",
    "Amorphous",
    "Ball",
    "Block",
    "Capsule",
    "Cone",
    "ConvexPolyhedron",
    "Crystal",
    "Cylinder",
    "Ellipsoid",
    "Generator",
    "HalfSpace",
    "Mesh",
    "Modified",
    "Molecule",
    "Scene",
    "Slab",
    "Void",
    "Volume",
    "Zone",
    "checks",
    "files",
    "lattice_directions",
    "local_structure",
    "modifiers",
    "prefabs",
    "surfaces",
    "thickness",
    "transforms",
    "variant",
    "volumes",
]


def __getattr__(name: str) -> Any:
    if name == "prefabs":  # on first use: scripts without prefabs start sooner
        return import_module("construction_zone.build.prefabs")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
