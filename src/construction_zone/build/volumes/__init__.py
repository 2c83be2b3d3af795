"""Regions of space that bound what generators fill."""

from construction_zone.build.volumes.base import BOUNDARY, Measured, Volume
from construction_zone.build.volumes.combine import Difference, Intersection, Union
from construction_zone.build.volumes.custom import Custom
from construction_zone.build.volumes.mesh import Mesh
from construction_zone.build.volumes.offset import Nothing, Offset, offset, shell
from construction_zone.build.volumes.polyhedron import ConvexPolyhedron
from construction_zone.build.volumes.primitives import Ball, Block, Cylinder, HalfSpace
from construction_zone.build.volumes.probe import find_point, finite_bounds
from construction_zone.build.volumes.rough import Rough
from construction_zone.build.volumes.rounded import Capsule, Cone, Ellipsoid
from construction_zone.build.volumes.slab import Slab

__all__ = [
    "BOUNDARY",
    "Ball",
    "Block",
    "Capsule",
    "Cone",
    "ConvexPolyhedron",
    "Custom",
    "Cylinder",
    "Difference",
    "Ellipsoid",
    "HalfSpace",
    "Intersection",
    "Measured",
    "Mesh",
    "Nothing",
    "Offset",
    "Rough",
    "Slab",
    "Union",
    "Volume",
    "find_point",
    "finite_bounds",
    "offset",
    "shell",
]
