"""Atoms in space: generators populate, volumes bound, a scene merges."""

from construction_zone.build import checks, files, local_structure, surfaces, thickness, transforms
from construction_zone.build.generators import Amorphous, Crystal, Generator
from construction_zone.build.scene import Scene, variant
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import Ball, Block, Cylinder, HalfSpace, Volume
from construction_zone.build.zone import Zone

__all__ = [
    "Affine",
    "Amorphous",
    "Ball",
    "Block",
    "Crystal",
    "Cylinder",
    "Generator",
    "HalfSpace",
    "Scene",
    "Volume",
    "Zone",
    "checks",
    "files",
    "local_structure",
    "surfaces",
    "thickness",
    "transforms",
    "variant",
]
