"""Scenes whose labels can be written down."""

from __future__ import annotations

import ase
import numpy as np

import construction_zone as cz
from construction_zone.build.modifiers import Modified

SIDE = 48.0
SHAPE, PIXEL = (240, 240), (0.2, 0.2)
A = 4.07825
"""Lattice constant of gold, Å."""


def ball(crystal: cz.Crystal, radius: float = 15.0, modifiers: tuple = (), at: tuple = (24.0, 24.0, 24.0)) -> cz.Zone:
    """A ball of a crystal whose own origin is at its centre."""
    placed = crystal.shifted(at)
    return cz.Zone(cz.Ball(radius, center=at), Modified(placed, list(modifiers)) if modifiers else placed, name="ball")


def alone(zone: cz.Zone, side: float = SIDE) -> ase.Atoms:
    """The atoms of a zone in a periodic field of `side`."""
    return cz.Scene([zone], cell=(side, side, side)).atoms(seed=0)


def upright(material: str = "fcc Au") -> cz.Crystal:
    """A cubic crystal with [1-10] along the beam and (111) across y."""
    return cz.Crystal.named(material).with_zone_axis((1, -1, 0), second=(1, 1, 1), second_along=(0, 1, 0))


def tilted(angle: float) -> cz.Crystal:
    """Gold along [001], turned by `angle` (mrad) about x."""
    return cz.Crystal.fcc("Au").moved(cz.build.transforms.rotation((1, 0, 0), float(np.degrees(angle * 1e-3))))


def film(low: float = 5.0, high: float = 15.0, side: float = SIDE) -> cz.Zone:
    """Amorphous carbon between two heights."""
    carbon = cz.Amorphous("C", density=2.0, structure="random")
    return cz.Zone(cz.Block.between((0, 0, low), (side, side, high)), carbon, name="film", priority=1)
