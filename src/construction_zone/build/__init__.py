"""Atoms in space: generators populate, volumes bound, a scene merges."""

from construction_zone.build import (
    checks,
    files,
    lattice_directions,
    local_structure,
    modifiers,
    prefabs,
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
