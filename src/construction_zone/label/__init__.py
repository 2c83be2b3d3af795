"""Ground truth from atoms and waves, on the image's grid: masks, instances, classes, columns, strain, visibility …"""

from construction_zone.label.classes import CLASSES, class_map, grain_map
from construction_zone.label.columns import atomic_columns, heat_map
from construction_zone.label.defects import defect_lines
from construction_zone.label.dislocations import dislocation_lines
from construction_zone.label.exit_wave import phase_mask
from construction_zone.label.instances import Instances, instance_masks
from construction_zone.label.masks import projected, signed_distance, soft
from construction_zone.label.orientation import orientations
from construction_zone.label.semantic import semantic_masks
from construction_zone.label.strain import atomic_strain, strain_map
from construction_zone.label.thickness import potential_map, thickness_map
from construction_zone.label.visibility import visibilities
from construction_zone.label.warp import distorted_map, distorted_rows

__all__ = [
    "CLASSES",
    "Instances",
    "atomic_columns",
    "atomic_strain",
    "class_map",
    "defect_lines",
    "dislocation_lines",
    "distorted_map",
    "distorted_rows",
    "grain_map",
    "heat_map",
    "instance_masks",
    "orientations",
    "phase_mask",
    "potential_map",
    "projected",
    "semantic_masks",
    "signed_distance",
    "soft",
    "strain_map",
    "thickness_map",
    "visibilities",
]
