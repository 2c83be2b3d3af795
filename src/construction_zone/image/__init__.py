"""Exit waves to micrographs: aberrations, partial coherence, detector, dose.

`Microscope.image` takes `ExitWaves` and gives a `Micrograph`; the modules below hold the plain functions on tensors.
"""

from construction_zone.image.micrograph import Micrograph
from construction_zone.image.microscope import Microscope

__all__ = ["Micrograph", "Microscope"]
