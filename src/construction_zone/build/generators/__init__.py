"""What fills volumes with atoms."""

from construction_zone.build.generators.amorphous import Amorphous
from construction_zone.build.generators.base import Generator
from construction_zone.build.generators.crystal import Crystal
from construction_zone.build.generators.molecule import Molecule
from construction_zone.build.generators.void import Void

__all__ = ["Amorphous", "Crystal", "Generator", "Molecule", "Void"]
