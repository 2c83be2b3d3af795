"""The labels of one structure beside its mask, as its images show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from construction_zone.dataset.compose import Built
from construction_zone.dataset.exposures import Exposures, detector_of, distortion_of
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.views import View
from construction_zone.dataset.waves import above
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from construction_zone.image import Distortion
    from construction_zone.label.truth import Truth
    from construction_zone.simulate import Grid

ALL = -1
"""What the column `image` of a table says of rows that hold for all images of the structure."""

KEPT_BITS = 10
"""Of the mantissa of real numbers: a relative error below 5e-4, for half the size on disk."""

Row = dict[str, Any]


def labelled(
    recipe: Recipe, built: Built, exposures: Exposures, records: Sequence[Row]
) -> tuple[dict[str, np.ndarray], dict[str, list[Row]]]:
    """The labels that a recipe includes, as arrays (image, …, y, x) and tables by name.

    Arrays have one entry for all images, or one for each if images are distorted; real numbers are rounded to
    `KEPT_BITS`. Tables have a column ``image``: the image's number, or `ALL`.

    Parameters
    ----------
    recipe, built, exposures
        of the structure.
    records
        of its images: `drawn` and `seeds`; what was `made` gets the particles' ``cnr`` and ``snr`` if visibility is
        asked for.
    """
    wanted = recipe.labels.include
    if not wanted:
        return {}, {}
    from construction_zone.label.truth import MOVED

    found, own = looks(exposures, records)
    cut = any(look.plane is not None for look in found)
    shown: list[Truth] = []
    for number, look in enumerate(found):
        if not number or look.ground != found[number - 1].ground:
            straight = truth_of(recipe, built, look.view, look.plane)
        shown.append(shown_truth(straight, look.view, look.warp))
    tables = {
        name: [
            {"image": number if own else ALL, **row} for number, truth in enumerate(shown) for row in truth.tables[name]
        ]
        if name in MOVED or cut
        else [{"image": ALL, **row} for row in rows]
        for name, rows in straight.tables.items()
    }
    if "visibility" in wanted:
        tables["visibility"] = _visibility(recipe, exposures, shown, records)
    extra = () if "instances" in wanted else ("instances", "amodal")
    maps = {
        name: np.stack([rounded(truth.maps[name]) for truth in shown]) for name in straight.maps if name not in extra
    }
    return maps, {name: rows for name, rows in tables.items() if name not in extra}


@dataclass(frozen=True)
class Look:
    """How an image sees its structure: what part, through which distortion, down to which plane (Å; None for all)."""

    view: View
    warp: Distortion | None = None
    plane: float | None = None

    @property
    def ground(self) -> tuple[Grid, float | None]:
        """What labels of the whole cell are made for."""
        return self.view.pixels, self.plane


def looks(exposures: Exposures, records: Sequence[Row]) -> tuple[list[Look], bool]:
    """How each image sees its structure, and True; or how all of them do, and False."""
    found = [
        Look(
            exposures.view(record["drawn"]),
            distortion_of(record["drawn"], record["seeds"]["noise"]),
            exposures.plane(record["drawn"]),
        )
        for record in records
    ]
    own = exposures.recipe.imaging.crop is not None or any(
        look.warp is not None or look.plane is not None for look in found
    )
    return (found if own else found[:1]), own


def shown_truth(straight: Truth, view: View, warp: Distortion | None) -> Truth:
    """The labels of the whole cell as an image with this view and distortion shows them."""
    moved = straight.rolled(*view.roll)
    return view.cut_truth(moved if warp is None else moved.distorted(warp))


def shown_map(label: np.ndarray, view: View, warp: Distortion | None) -> np.ndarray:
    """A label (…, y, x) of the whole cell as an image with this view and distortion shows it."""
    from construction_zone.label.warp import distorted_map

    moved = view.rolled(label)
    return view.cut(moved if warp is None else distorted_map(moved, warp, view.step))


def rounded(label: np.ndarray) -> np.ndarray:
    """`label`; of real numbers the mantissa is rounded to `KEPT_BITS` bits, which compress well."""
    if label.dtype.kind != "f":
        return label
    bits = np.ascontiguousarray(label, np.float32).view(np.uint32)
    dropped = 23 - KEPT_BITS
    nearest = (bits + np.uint32(1 << (dropped - 1))) & np.uint32(0xFFFFFFFF << dropped & 0xFFFFFFFF)
    return np.where(np.isfinite(label), nearest.view(np.float32), label).astype(np.float32)


def truth_of(
    recipe: Recipe, built: Built, view: View, plane: float | None = None, wanted: Sequence[str] | None = None
) -> Truth:
    """The labels `wanted` (by default those that the recipe includes) of a structure, as no distortion moves them.

    They are of the whole cell with the pixels of `view`, and of atoms above `plane`.
    """
    from construction_zone.label.semantic import kinds
    from construction_zone.label.truth import Settings, truth

    own = recipe.labels
    asked = own.include if wanted is None else wanted
    include = [name for name in asked if name != "visibility"]
    if "visibility" in asked and "instances" not in include:
        include.append("instances")
    layers = own.layers
    if layers is None and plane is not None and "semantic" in include:
        layers = kinds(built.atoms, own.by)  # one set of layers, however much of the structure is seen
    settings = Settings(
        edge=own.edge,
        closing=own.closing,
        by=own.by,
        names=None if layers is None else tuple(layers),
        soft_edge=own.soft_edge,
        distance_reach=own.distance_reach,
        axis_tolerance=own.axis_tolerance,
        axis_indices=own.axis_indices,
        column_width=own.column_width,
    )
    atoms = above(built.atoms, plane)
    return truth(atoms, built.particles, view.pixels.shape, view.step, include=include, settings=settings)


SCORES = ("cnr", "cnr_film", "snr", "significance")
"""Of visibility, what the table of samples has."""


def _visibility(recipe: Recipe, exposures: Exposures, shown: Sequence[Truth], records: Sequence[Row]) -> list[Row]:
    """How well each particle is seen in each image, against the film where there are no particles."""
    from construction_zone.label.instances import unpacked
    from construction_zone.label.visibility import COLUMNS, visibilities

    rows: list[Row] = []
    for number, record in enumerate(records):
        truth = shown[number % len(shown)]
        particles = truth.tables["instances"]
        settings = record["drawn"]
        own = {path.removeprefix("imaging."): value for path, value in settings.items()}
        clean = exposures.take({**settings, "imaging.dose": None}, record["seeds"]["noise"])
        masks = unpacked(truth.maps["amodal"], len(particles))
        try:
            found = visibilities(
                clean,
                masks,
                truth.pixel_size,
                dose=own["dose"],
                resolution=recipe.labels.resolution,
                dqe=detector_of(recipe, own, exposures.beams.energy).dqe_zero,
                periodic=truth.periodic,
            )
        except InvalidInput:  # particles leave too little film to compare with
            found = [dict.fromkeys(COLUMNS) for _ in particles]
        record["made"] |= {name: [row[name] for row in found] for name in SCORES}
        rows += [
            {"image": number, "instance": particle["instance"], "zone": particle["zone"], **row}
            for particle, row in zip(particles, found, strict=True)
        ]
    return rows
