"""Exit waves to micrographs: aberrations, partial coherence, detector, dose.

`Microscope.image` takes `ExitWaves` and gives a `Micrograph`; the modules below hold the plain functions on tensors.
"""

from construction_zone.image.augment import augment
from construction_zone.image.background import InelasticBackground
from construction_zone.image.beams import Beams
from construction_zone.image.camera import Illumination
from construction_zone.image.curves import Curve
from construction_zone.image.detector import Detector
from construction_zone.image.distortions import Distortion
from construction_zone.image.micrograph import Micrograph
from construction_zone.image.microscope import Microscope

__all__ = [
    "Beams",
    "Curve",
    "Detector",
    "Distortion",
    "Illumination",
    "InelasticBackground",
    "Micrograph",
    "Microscope",
    "augment",
]
