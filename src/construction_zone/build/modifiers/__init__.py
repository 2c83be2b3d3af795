"""What changes the atoms that a generator makes, in a stated order: `Modified(generator, [first, second, …])`."""

from construction_zone.build.modifiers.anisotropic import AnisotropicDislocation
from construction_zone.build.modifiers.base import AtomModifier, Modified, Setting, SpaceModifier
from construction_zone.build.modifiers.chemistry import (
    Antisites,
    ConcentrationGradient,
    LinearProfile,
    RadialProfile,
    RandomAlloy,
    Substitution,
)
from construction_zone.build.modifiers.custom import Custom, ThermalSnapshot
from construction_zone.build.modifiers.defects import Interstitials, Vacancies
from construction_zone.build.modifiers.dislocations import Dislocation
from construction_zone.build.modifiers.fields import Bending, Misfit, StrainGradient
from construction_zone.build.modifiers.loops import DislocationLoop
from construction_zone.build.modifiers.order import ShortRangeOrder, warren_cowley
from construction_zone.build.modifiers.shape import ShapeFollows
from construction_zone.build.modifiers.strain import Deformation, Displacement, Strain

__all__ = [
    "AnisotropicDislocation",
    "Antisites",
    "AtomModifier",
    "Bending",
    "ConcentrationGradient",
    "Custom",
    "Deformation",
    "Dislocation",
    "DislocationLoop",
    "Displacement",
    "Interstitials",
    "LinearProfile",
    "Misfit",
    "Modified",
    "RadialProfile",
    "RandomAlloy",
    "Setting",
    "ShapeFollows",
    "ShortRangeOrder",
    "SpaceModifier",
    "Strain",
    "StrainGradient",
    "Substitution",
    "ThermalSnapshot",
    "Vacancies",
    "warren_cowley",
]
