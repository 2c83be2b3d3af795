"""Figures of scenes, images and datasets. Drawn with matplotlib's Agg canvas: no display, no global state."""

from construction_zone.show.figure1 import figure1
from construction_zone.show.sampled import histograms
from construction_zone.show.scene import scene
from construction_zone.show.sheet import contact_sheet

__all__ = ["contact_sheet", "figure1", "histograms", "scene"]
