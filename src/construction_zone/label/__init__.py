"""Ground truth from atoms and waves: masks on the image's grid."""

from construction_zone.label.exit_wave import phase_mask
from construction_zone.label.masks import projected

__all__ = ["phase_mask", "projected"]
