"""Images under drawn conditions, for training loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from construction_zone import seeding
from construction_zone.distributions import Distribution
from construction_zone.errors import InvalidInput
from construction_zone.image.beams import Beams
from construction_zone.image.micrograph import Micrograph
from construction_zone.image.microscope import Microscope
from construction_zone.simulate.waves import ExitWaves

_SETTINGS = tuple(field.name for field in fields(Microscope))


def augment(
    waves: ExitWaves | Beams,
    conditions: Mapping[str, Any],
    seed: seeding.Seed,
    *,
    microscope: Microscope | None = None,
    pixel_size: float | None = None,
) -> tuple[Micrograph, dict[str, Any]]:
    """One image of `waves` under conditions drawn from `conditions`, and what was drawn.

    A pure function: the same arguments give the same image in any process and in any order. Each condition is drawn
    from a stream of its own, so that adding one does not change what is drawn for the others or the noise.

    Parameters
    ----------
    waves
        what to image; `Beams` where many images are taken of one wave.
    conditions
        fields of `Microscope`, each with a value or a `Distribution` to draw it from; "pixel_size" too.
    seed
        of the conditions and the noise.
    microscope
        whose other settings are kept; None for a perfect one.
    pixel_size
        Å, unless it is among the conditions.

    Returns
    -------
    The micrograph, and the conditions with a value in place of each distribution.

    Raises
    ------
    InvalidInput
        If a name is no setting, or a value that was drawn has no meaning.
    """
    unknown = sorted(set(conditions) - {*_SETTINGS, "pixel_size"})
    if unknown:
        raise InvalidInput(f"unknown conditions: {', '.join(unknown)}; a Microscope has {', '.join(_SETTINGS)}")
    drawn = {
        name: value.draw(seeding.generator(seed, "condition", name)) if isinstance(value, Distribution) else value
        for name, value in conditions.items()
    }
    settings = {name: value for name, value in drawn.items() if name != "pixel_size"}
    scope = replace(microscope or Microscope(), **settings)
    image = scope.image(waves, pixel_size=drawn.get("pixel_size", pixel_size), seed=seeding.child(seed, "image"))
    return image, drawn
