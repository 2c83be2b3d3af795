"""Construction Zone: labelled atomic-resolution electron microscopy data, from atoms to trained models.

>>> import construction_zone as cz
>>> gold = cz.Crystal.fcc("Au").with_zone_axis([1, 1, 0])
>>> scene = cz.Scene([cz.Zone(cz.Ball(15, center=(25, 25, 25)), gold, name="particle")], cell=(50, 50, 50))
>>> atoms = scene.atoms(seed=0)

Rooms that compute waves and images (`cz.simulate`, `cz.image`, …) are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from construction_zone import build, conventions, distributions, errors, seeding
from construction_zone.build import (
    Affine,
    Amorphous,
    Ball,
    Block,
    Capsule,
    Cone,
    ConvexPolyhedron,
    Crystal,
    Cylinder,
    Ellipsoid,
    HalfSpace,
    Mesh,
    Modified,
    Molecule,
    Scene,
    Slab,
    Void,
    Zone,
)

if TYPE_CHECKING:
    from construction_zone import dataset, image, label, learn, show, simulate
    from construction_zone.build import prefabs
    from construction_zone.image import Microscope

__version__ = version("construction-zone")

_ROOMS = ("dataset", "image", "label", "learn", "show", "simulate")

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
    "HalfSpace",
    "Mesh",
    "Microscope",
    "Modified",
    "Molecule",
    "Scene",
    "Slab",
    "Void",
    "Zone",
    "build",
    "conventions",
    "dataset",
    "distributions",
    "errors",
    "image",
    "label",
    "learn",
    "prefabs",
    "seeding",
    "show",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name == "prefabs":
        return import_module(f"{__name__}.build.prefabs")
    if name == "Microscope":
        return import_module(f"{__name__}.image").Microscope
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
