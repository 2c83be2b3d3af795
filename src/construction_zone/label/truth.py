"""All labels of a scene at once, by name, and what a distortion of the image makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ase
import numpy as np

from construction_zone.build import variant
from construction_zone.errors import InvalidInput
from construction_zone.image.distortions import Distortion
from construction_zone.image.resample import Boundary
from construction_zone.label import (
    classes,
    columns,
    defects,
    dislocations,
    instances,
    masks,
    orientation,
    semantic,
    strain,
    warp,
)
from construction_zone.label import thickness as matter
from construction_zone.label.field import TAIL, Field

MOVED = ("columns", "defects", "dislocations", "instances")
"""Tables with places in the image, which a distortion moves."""

Periodic = tuple[bool, bool]
Size = tuple[float, float]


@dataclass(frozen=True)
class Settings:
    """What labels are made with.

    Parameters
    ----------
    edge, closing
        Å, of every mask: see `masks.projected`.
    by, names
        kinds of the semantic masks and, if not all that are there, their names: see `semantic.semantic_masks`.
    soft_edge
        Å, standard deviation of the edge of the soft mask: see `masks.soft`.
    distance_reach
        Å, where the signed distance ends on both sides: see `masks.signed_distance`.
    axis_tolerance, axis_indices
        mrad within which a zone axis is along the beam, and the largest index of one: see `orientation.orientations`.
    column_width
        Å, standard deviation of a column in the heat map.
    """

    edge: float = masks.EDGE
    closing: float = masks.CLOSING
    by: semantic.By = "phase"
    names: tuple[str, ...] | None = None
    soft_edge: float = masks.WIDTH
    axis_tolerance: float = orientation.TOLERANCE
    axis_indices: int = orientation.MOST
    column_width: float = columns.WIDTH
    distance_reach: float = masks.REACH


DEFAULT = Settings()


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels of one scene on the pixels of its images.

    Parameters
    ----------
    maps
        (…, ny, nx) by name.
    tables
        rows by name.
    pixel_size
        (dy, dx) in Å.
    periodic
        whether the image goes on at its opposite edge, along y and x.
    settings
        what they were made with.
    """

    maps: dict[str, np.ndarray]
    tables: dict[str, list[dict[str, Any]]]
    pixel_size: Size
    periodic: Periodic
    settings: Settings = field(default_factory=Settings)

    def distorted(self, distortion: Distortion, boundary: Boundary = "periodic") -> Truth:
        """The same labels after the `distortion` of their image: see `warp.distorted_map` and `warp.distorted_rows`.

        Boxes and areas are measured again, and the heat map of columns is drawn anew. What is a property of the
        specimen (a strain, a thickness, an orientation) is moved and not changed.
        """
        around = self.periodic if boundary == "periodic" else (False, False)
        # what only moved still goes on at the opposite edge; what was turned or stretched does not
        moved = not distortion.field and np.allclose(distortion.matrix, np.eye(2), rtol=0, atol=1e-12)
        still = around if moved else (False, False)
        maps = {
            name: warp.distorted_map(label, distortion, self.pixel_size, boundary)
            for name, label in self.maps.items()
            if name != "columns"
        }
        shape = next((label.shape[-2:] for label in self.maps.values()), None)
        tables = dict(self.tables)
        if shape is not None:
            extent = (shape[0], shape[1])
            for name in MOVED:
                if name in tables:
                    tables[name] = warp.distorted_rows(
                        tables[name], distortion, extent, self.pixel_size, around, once=name == "instances"
                    )
            if "columns" in self.maps:
                width = self.settings.column_width
                near = warp.distorted_rows(
                    self.tables["columns"], distortion, extent, self.pixel_size, around, margin=TAIL * width
                )
                # what repeats is already among them; the distorted image itself does not
                maps["columns"] = columns.heat_map(near, extent, self.pixel_size, periodic=(False, False), width=width)
        if "instances" in tables and "amodal" in maps:
            whole = instances.unpacked(maps["amodal"], len(tables["instances"]))
            seen = instances.measures(maps["instances"], whole, self.pixel_size, periodic=still)
            tables["instances"] = [{**row, **new} for row, new in zip(tables["instances"], seen, strict=True)]
        return replace(self, maps={name: maps[name] for name in self.maps}, tables=tables, periodic=still)

    def rolled(self, rows: int, columns: int) -> Truth:
        """The same labels of a scene that is moved along y and x by whole pixels, over the edges of its periodic cell.

        Lines stay whole: each goes where its middle comes to lie.
        """
        if not (rows or columns):
            return self
        if not all(self.periodic):
            raise InvalidInput("labels of a cell that does not repeat along x and y cannot be moved over its edges")
        maps = {name: np.roll(label, (rows, columns), axis=(-2, -1)) for name, label in self.maps.items()}
        shape = next((label.shape[-2:] for label in self.maps.values()), None)
        shift = (columns * self.pixel_size[1], rows * self.pixel_size[0])
        period = None if shape is None else (shape[1] * self.pixel_size[1], shape[0] * self.pixel_size[0])
        tables = {
            name: [warp.moved_row(row, shift, period) for row in table] if name in MOVED else table
            for name, table in self.tables.items()
        }
        return self._measured(replace(self, maps=maps, tables=tables))

    def cropped(self, corner: tuple[int, int], shape: tuple[int, int]) -> Truth:
        """The labels of the part of the image of `shape` pixels that begins at pixel `corner` (y, x).

        Places count from its first pixel. Columns and lines that lie beyond it are left out; instances stay, so that
        their numbers are those of the maps, with the area and boxes of what is left of them.
        """
        (row, column), (ny, nx) = corner, shape
        maps = {
            name: np.ascontiguousarray(label[..., row : row + ny, column : column + nx])
            for name, label in self.maps.items()
        }
        shift = (-column * self.pixel_size[1], -row * self.pixel_size[0])
        size = (nx * self.pixel_size[1], ny * self.pixel_size[0])
        tables = dict(self.tables)
        for name in MOVED:
            if name in tables:
                moved = [warp.moved_row(row, shift) for row in tables[name]]
                tables[name] = moved if name == "instances" else [row for row in moved if warp.reaches(row, size)]
        return self._measured(replace(self, maps=maps, tables=tables, periodic=(False, False)))

    def _measured(self, moved: Truth) -> Truth:
        """`moved` with boxes and areas of instances as its maps have them."""
        if "instances" not in moved.tables or "amodal" not in moved.maps:
            return moved
        rows = moved.tables["instances"]
        whole = instances.unpacked(moved.maps["amodal"], len(rows))
        seen = instances.measures(moved.maps["instances"], whole, moved.pixel_size, periodic=moved.periodic)
        both = [{**row, **new} for row, new in zip(rows, seen, strict=True)]
        return replace(moved, tables={**moved.tables, "instances": both})


@dataclass(frozen=True, eq=False)
class _Scene:
    """What every label is made of."""

    atoms: ase.Atoms
    particles: list[str]
    alone: ase.Atoms
    shape: tuple[int, int]
    pixel_size: Size
    mask: np.ndarray
    periodic: Periodic
    settings: Settings


def truth(
    atoms: ase.Atoms,
    particles: Sequence[str],
    shape: tuple[int, int],
    pixel_size: Size,
    *,
    include: Sequence[str],
    settings: Settings = DEFAULT,
) -> Truth:
    """The labels `include` of a scene, of `LABELS`.

    Parameters
    ----------
    atoms
        all of a scene, as `Scene.atoms` gives them.
    particles
        names of the zones that are particles.
    shape, pixel_size
        (ny, nx) and (dy, dx) in Å of the image.
    include
        * ``semantic``: map (kind, y, x) and table of the kinds' names;
        * ``soft``: map, the particles' mask with a soft edge;
        * ``distance``: map, how far inside the mask's outline each pixel lies, in Å, negative outside;
        * ``instances``: maps ``instances`` and ``amodal`` (bits, see `instances.packed`), table with boxes and depth;
        * ``classes``: maps ``classes`` (see `classes.CLASSES`) and ``grains``;
        * ``orientation``: table ``grains``;
        * ``columns``: table, and the map that is a heat map;
        * ``strain``: map (exx, eyy, exy, rotation; y, x);
        * ``thickness``, ``potential``: maps, of all matter;
        * ``defects``: tables ``defects`` of planes that cut the projection, and ``dislocations``.
    settings
        widths and tolerances.

    Raises
    ------
    InvalidInput
        If there is no such label, or no such particle.
    """
    unknown = [name for name in include if name not in LABELS]
    if unknown:
        raise InvalidInput(f"there is no label {unknown[0]!r}; choose from {', '.join(LABELS)}")
    names = [str(name) for name in particles]
    absent = [name for name in names if name not in atoms.info.get("zones", ())]
    if absent:
        raise InvalidInput(f"there is no zone {absent[0]!r}; there are {', '.join(atoms.info.get('zones', ()))}")
    periods = Field.of(atoms, shape, pixel_size).periods
    alone = variant(atoms, only=names) if names else atoms[:0]
    mask = masks.projected(alone, shape, pixel_size, edge=settings.edge, closing=settings.closing)
    periodic = (bool(periods[0]), bool(periods[1]))
    scene = _Scene(atoms, names, alone, shape, pixel_size, mask, periodic, settings)
    maps: dict[str, np.ndarray] = {}
    tables: dict[str, list[dict[str, Any]]] = {}
    for name in LABELS:
        if name in include:
            more_maps, more_tables = LABELS[name](scene)
            maps |= more_maps
            tables |= more_tables
    return Truth(maps, tables, pixel_size, periodic, settings)


_Made = tuple[dict[str, np.ndarray], dict[str, list[dict[str, Any]]]]


def _semantic(scene: _Scene) -> _Made:
    own = scene.settings
    names = semantic.kinds(scene.atoms, own.by) if own.names is None else list(own.names)
    found = semantic.semantic_masks(
        scene.atoms, scene.shape, scene.pixel_size, by=own.by, names=names, edge=own.edge, closing=own.closing
    )
    return {"semantic": found}, {"semantic": [{"layer": k, "name": name} for k, name in enumerate(names)]}


def _soft(scene: _Scene) -> _Made:
    own = scene.settings
    return {
        "soft": masks.soft(
            scene.alone, scene.shape, scene.pixel_size, width=own.soft_edge, edge=own.edge, closing=own.closing
        )
    }, {}


def _distance(scene: _Scene) -> _Made:
    own = scene.settings
    return {
        "distance": masks.signed_distance(
            scene.alone, scene.shape, scene.pixel_size, reach=own.distance_reach, edge=own.edge, closing=own.closing
        )
    }, {}


def _instances(scene: _Scene) -> _Made:
    own = scene.settings
    found = instances.instance_masks(
        scene.atoms, scene.particles, scene.shape, scene.pixel_size, edge=own.edge, closing=own.closing
    )
    return {"instances": found.modal, "amodal": instances.packed(found.amodal)}, {"instances": found.table}


def _classes(scene: _Scene) -> _Made:
    return {
        name: make(scene.atoms, scene.shape, scene.pixel_size, particles=scene.particles, within=scene.mask)
        for name, make in (("classes", classes.class_map), ("grains", classes.grain_map))
    }, {}


def _orientation(scene: _Scene) -> _Made:
    own = scene.settings
    rows = orientation.orientations(scene.alone, tolerance=own.axis_tolerance, most=own.axis_indices)
    return {}, {"grains": rows}


def _columns(scene: _Scene) -> _Made:
    own = scene.settings
    rows = columns.atomic_columns(scene.alone, tolerance=own.axis_tolerance, most=own.axis_indices)
    drawn = columns.heat_map(
        rows, scene.shape, scene.pixel_size, periodic=scene.periodic, width=own.column_width
    )  # fmt: skip
    return {"columns": drawn}, {"columns": rows}


def _strain(scene: _Scene) -> _Made:
    return {"strain": strain.strain_map(scene.alone, scene.shape, scene.pixel_size, within=scene.mask)}, {}


def _thickness(scene: _Scene) -> _Made:
    return {"thickness": matter.thickness_map(scene.atoms, scene.shape, scene.pixel_size)}, {}


def _potential(scene: _Scene) -> _Made:
    return {"potential": matter.potential_map(scene.atoms, scene.shape, scene.pixel_size)}, {}


def _defects(scene: _Scene) -> _Made:
    edge = scene.settings.edge
    return {}, {
        "defects": defects.defect_lines(scene.alone, edge=edge),
        "dislocations": dislocations.dislocation_lines(scene.alone, edge=edge),
    }


LABELS: dict[str, Callable[[_Scene], _Made]] = {
    "semantic": _semantic,
    "soft": _soft,
    "distance": _distance,
    "instances": _instances,
    "classes": _classes,
    "orientation": _orientation,
    "columns": _columns,
    "strain": _strain,
    "thickness": _thickness,
    "potential": _potential,
    "defects": _defects,
}
"""The labels by name, in the order in which they are made."""
