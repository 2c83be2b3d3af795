"""What a recipe may ask for in its section `labels`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from construction_zone.dataset.fields import Quantity, number
from construction_zone.dataset.parts import Part, Whole, fixed, read_text
from construction_zone.distributions import Distribution
from construction_zone.errors import InvalidInput

NAMES = (
    "semantic",
    "soft",
    "distance",
    "instances",
    "classes",
    "orientation",
    "columns",
    "strain",
    "thickness",
    "potential",
    "defects",
    "visibility",
)
"""Labels beside the mask: those of `label.truth.LABELS`, and how well each particle is seen."""

ALL = tuple(name for name in NAMES if name != "distance")
"""What ``all`` stands for. It means what it did in the first recipes, whose datasets would else be others; labels that
came later are asked for by name: ``[all, distance]``."""


def _included(raw: Any) -> list[str]:
    if raw == "all":
        return list(ALL)
    if not isinstance(raw, (list, tuple)):
        raise InvalidInput(f"{raw!r} is no list of labels; give some of {', '.join(NAMES)}, or all")
    raw = [*(name for name in raw if name != "all"), *(ALL if "all" in raw else ())]
    unknown = [name for name in raw if name not in NAMES]
    if unknown:
        raise InvalidInput(f"there is no label {unknown[0]!r}; choose from {', '.join(NAMES)}, or write all")
    return [name for name in NAMES if name in raw]


def _layers(raw: Any) -> list[str] | None:
    if raw is None:
        return None
    if not isinstance(raw, (list, tuple)) or not raw:
        raise InvalidInput(f"{raw!r} is no list of names; give one a layer, such as [Au, C]")
    return [read_text(name) for name in raw]


Number = Annotated[float, BeforeValidator(number)]


class Labels(Part):
    """The mask of the particles: from their projected atoms, or from the phase of their exit wave in vacuum.

    `threshold` (radians), `blur` (Å) and `order` belong to ``exit_wave``; null stands for what `label.exit_wave` does.
    `include` names further labels; the other fields say how these and projected masks are made (`label.truth`).
    """

    mask: Literal["projected", "exit_wave"] = "projected"
    threshold: Annotated[Distribution, Quantity("rad", 1e-3, 3.14, optional=True)] = fixed(None)
    blur: Annotated[Distribution, Quantity("Å", 0, 100, optional=True)] = fixed(None)
    order: Literal["blur_then_threshold", "threshold_then_blur"] | None = None
    include: Annotated[list[str], BeforeValidator(_included), Field(description=f"some of {', '.join(NAMES)}")] = Field(
        default_factory=list
    )
    by: Annotated[Literal["zone", "phase", "element"], Field(description="what the semantic masks tell apart")] = (
        "phase"
    )
    layers: Annotated[
        list[str] | None,
        BeforeValidator(_layers),
        Field(description="names of the semantic masks; null: those of the kinds that each structure has"),
    ] = None
    edge: Annotated[Number, Field(ge=0, le=20, description="Å by which masks reach beyond projected atoms")] = 1.4
    closing: Annotated[Number, Field(ge=0, le=50, description="Å: what such a disc cannot enter is filled")] = 1.6
    soft_edge: Annotated[Number, Field(gt=0, le=20, description="Å, sd of the soft mask's edge")] = 0.5
    distance_reach: Annotated[
        Number, Field(gt=0, le=1000, description="Å from the mask's outline up to which the distance is told")
    ] = 10.0
    axis_tolerance: Annotated[
        Number, Field(ge=0, le=500, description="mrad within which a zone axis counts as along the beam")
    ] = 20.0
    axis_indices: Annotated[Whole, Field(ge=1, le=10, description="largest index of a low-index zone axis")] = 2
    column_width: Annotated[Number, Field(gt=0, le=20, description="Å, sd of a column in the heat map")] = 0.4
    resolution: Annotated[
        Number, Field(gt=0, le=50, description="Å at which visibility looks at the image, full width at half maximum")
    ] = 1.5
