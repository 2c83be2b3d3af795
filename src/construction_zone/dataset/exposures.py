"""The images of one structure: what a recipe's imaging section asks for, done to its exit waves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import ase
import numpy as np

from construction_zone import seeding
from construction_zone.build import variant
from construction_zone.build.thickness import thickness
from construction_zone.dataset.parts import nearest_depth
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.views import View, crop_of
from construction_zone.dataset.waves import above
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    import torch

    from construction_zone.image import Beams, Detector, Distortion, InelasticBackground, Microscope
    from construction_zone.simulate import ExitWaves, Grid

LARGEST_COLLECTION = 20.0
"""mrad. What an objective lens without an aperture is taken to collect of inelastic electrons; the formula for the mean
free path holds up to there."""

_PREFIX = "imaging."
_CAMERA = ("preset", "curves", "falloff", "slope", "slope_azimuth")
"""Fields of the detector that are no fields of `image.Detector`."""


@dataclass(frozen=True, eq=False)
class Exposure:
    """An image (y, x), float32; of a stack its `frames` (frame, y, x), and the place (frame, 2: y, x) of each in Å."""

    image: np.ndarray
    frames: np.ndarray | None = None
    places: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Exposures:
    """Exit waves of a structure, ready to be imaged any number of times.

    Attributes
    ----------
    recipe
        whose imaging is done.
    beams
        of the exit waves.
    atoms
        of the structure: for its thickness and heights.
    zero
        plane from which defocus counts, in Å from the entrance face.
    pixel_size
        of the images, Å.
    waves
        all of them, where there are several by depth or tilt: `beams` are those at the exit face.
    """

    recipe: Recipe
    beams: Beams
    atoms: ase.Atoms
    zero: float
    pixel_size: float
    waves: ExitWaves | None = None
    _chosen: dict[tuple[float | None, int | None], Beams] = field(default_factory=dict)
    _thick: dict[float | None, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        atoms: ase.Atoms,
        particles: tuple[str, ...],
        waves: ExitWaves,
        vacuum: ExitWaves | None,
        pixel_size: float,
    ) -> Exposures:
        """What is wanted to image `waves` of `atoms`, of which the zones `particles` are the particles.

        `vacuum` are the waves of the particles alone, which the plane of least contrast is found with (see
        `needs_vacuum`); those of all atoms are taken where there are no particles.
        """
        from construction_zone.image import Beams
        from construction_zone.image.focus import zero_plane

        meant = variant(atoms, only=list(particles)) if particles else atoms
        leaving = waves.at("depth", -1) if "depth" in waves.dims else waves
        single = leaving.at("tilt", 0) if "tilt" in waves.dims else leaving
        zero = zero_plane(recipe.imaging.zero, single if vacuum is None or not particles else vacuum, meant)
        several = None if single is waves else waves
        return cls(recipe, Beams.of(leaving), atoms, zero, pixel_size, several)

    def view(self, settings: Mapping[str, Any]) -> View:
        """What an image under `settings` (dotted paths as drawn) shows of the cell."""
        own = {path.removeprefix(_PREFIX): value for path, value in settings.items()}
        crop = self.recipe.imaging.crop
        if crop is None or "crop.x" not in own:
            return View.whole(self.beams.grid, self.pixel_size)
        return crop_of(own, crop.shape, self.beams.grid, self.pixel_size)

    def plane(self, settings: Mapping[str, Any]) -> float | None:
        """Plane in Å from the entrance of the wave that an image under `settings` is of; None for the exit face."""
        depth = settings.get("imaging.wave.depth")
        if depth is None or self.waves is None:
            return None
        number = nearest_depth(self.recipe.simulation.depths, depth)
        assert number is not None
        return float(self.waves.metadata["depths"][number])

    def made(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What the record of an image under `settings` tells beside its intensity, where it is not of the whole."""
        made = {} if "imaging.crop.x" not in settings else self.view(settings).made
        plane, tilt = self.plane(settings), settings.get("imaging.wave.tilt")
        if plane is not None:
            made["depth"] = plane
        if tilt is not None and self.waves is not None:
            made["tilt"] = [float(part) for part in self.waves.metadata["tilts"][tilt]]
        return made

    def _beams(self, settings: Mapping[str, Any]) -> Beams:
        """Of the wave, or the waves of an ensemble of tilts, that an image under `settings` is of."""
        depth, tilt = settings.get("imaging.wave.depth"), settings.get("imaging.wave.tilt")
        if self.waves is None or (depth is None and tilt is None):
            return self.beams
        if (depth, tilt) not in self._chosen:
            from construction_zone.image import Beams

            waves = self.waves
            if "depth" in waves.dims:
                number = -1 if depth is None else nearest_depth(self.recipe.simulation.depths, depth)
                assert number is not None
                waves = waves.at("depth", number)
            if tilt is not None:
                waves = waves.at("tilt", tilt)
            self._chosen[depth, tilt] = Beams.of(waves)
        return self._chosen[depth, tilt]

    def take(self, settings: Mapping[str, Any], seed: seeding.Seed) -> np.ndarray:
        """The image (y, x), float32, under `settings` (dotted paths as drawn), with noise from `seed`."""
        return self.expose(settings, seed).image

    def expose(self, settings: Mapping[str, Any], seed: seeding.Seed) -> Exposure:
        """The same with the frames that it is the sum of, where there are any."""
        import torch

        from construction_zone.image.stacks import shifted

        own = {path.removeprefix(_PREFIX): value for path, value in settings.items() if path.startswith(_PREFIX)}
        camera = detector_of(self.recipe, own, self.beams.energy)
        scope = self.microscope(own, camera)
        plane = self.plane(settings)
        view = self.view(settings)
        pixels = view.pixels
        fine = scope.intensity(self._beams(settings))
        step = (pixels.extent[0] / fine.shape[-2], pixels.extent[1] / fine.shape[-1])
        background = self._background(own, plane)
        if background is not None:
            fine = background.apply(fine, self._thickness_map(fine, plane), step)
        if any(view.roll):
            fine = shifted(fine, pixels.extent, view.shift)
        distortion = distortion_of(own, seed)
        if distortion is not None:
            fine = distortion.apply(fine, step, boundary="periodic")

        def seen(image: torch.Tensor) -> np.ndarray:
            return view.cut(np.asarray(image.detach().to(torch.float32).cpu().numpy()))

        if scope.dose is None:
            return Exposure(seen(camera.expected(fine, pixels)))
        if "frames.count" not in own:
            return Exposure(seen(camera.record(fine, pixels, scope.dose, seed)))
        image, frames, path = _summed(fine, pixels, scope.dose, camera, own, seed)
        return Exposure(seen(image), seen(frames), (path[:-1] + path[1:]) / 2)

    def microscope(self, own: Mapping[str, Any], camera: Detector) -> Microscope:
        """The microscope of settings without the prefix."""
        from construction_zone.image import Microscope

        names = {one.name for one in fields(Microscope)}
        given = {name: value for name, value in own.items() if name in names}
        given |= {"coherence": self.recipe.imaging.coherence, "detector": camera}
        if "frames.count" in own:
            given["drift"] = 0.0  # each frame is blurred by its own part of it
        if self.recipe.imaging.zero != "stored":
            given["zero"] = self.zero
        return Microscope(**given)

    def _thickness_map(self, like: torch.Tensor, plane: float | None) -> torch.Tensor:
        """The thickness of the specimen down to `plane` (y, x) in Å on the grid of `like`."""
        import torch
        from scipy.ndimage import map_coordinates

        ny, nx = like.shape[-2:]
        if plane not in self._thick:
            self._thick[plane] = np.asarray(thickness(above(self.atoms, plane)))
        rows, columns = self._thick[plane].shape
        places = np.meshgrid(np.arange(ny) * (rows / ny), np.arange(nx) * (columns / nx), indexing="ij")
        found = map_coordinates(self._thick[plane], places, order=1, mode="grid-wrap")
        return torch.from_numpy(np.ascontiguousarray(found)).to(like)

    def _background(self, own: Mapping[str, Any], plane: float | None) -> InelasticBackground | None:
        if "background.blur" not in own:
            return None
        from construction_zone.image import InelasticBackground
        from construction_zone.image.background import mean_free_path

        path = own["background.mean_free_path"]
        if path is None:
            collection = min(own["aperture"] or LARGEST_COLLECTION, LARGEST_COLLECTION)
            passed = above(self.atoms, plane)
            path = mean_free_path(
                float((passed if len(passed) else self.atoms).numbers.mean()), self.beams.energy, collection
            )
        return InelasticBackground(path, own["background.blur"], own["background.filtered"])


def needs_vacuum(recipe: Recipe) -> bool:
    """Whether imaging wants the exit waves of the particles in vacuum."""
    return recipe.imaging.zero == "minimum_contrast"


def distortion_of(settings: Mapping[str, Any], seed: seeding.Seed) -> Distortion | None:
    """The distortion of an image that was drawn with `settings` and taken with `seed`: for its labels too.

    None where nothing is distorted. Paths may begin with ``imaging.``.
    """
    own = {path.removeprefix(_PREFIX): value for path, value in settings.items()}
    if "distortion.scale" not in own:
        return None
    from construction_zone.image import Distortion

    given = {path.removeprefix("distortion."): v for path, v in own.items() if path.startswith("distortion.")}
    shift = (given.pop("shift_y"), given.pop("shift_x"))
    if not any(given[name] for name in ("scale", "shear", "ellipse", "rotation", "field")) and shift == (0, 0):
        return None
    return Distortion(**given, shift=shift, seed=seeding.integer(seed, "distortion"))


def detector_of(recipe: Recipe, own: Mapping[str, Any], energy: float) -> Detector:
    """The detector of settings without the prefix, for electrons of `energy` (eV)."""
    from construction_zone.image import detectors
    from construction_zone.image.detector import Illumination

    given = {path.removeprefix("detector."): v for path, v in own.items() if path.startswith("detector.")}
    light = Illumination(given["falloff"], given["slope"], given["slope_azimuth"])
    changes = {name: value for name, value in given.items() if name not in _CAMERA and value is not None}
    changes |= {"illumination": light, "output": recipe.imaging.detector.output}
    if given["curves"] is None:
        return detectors.named(given["preset"], energy, **changes)
    if given["preset"] != "ideal":
        raise InvalidInput("imaging.detector: give a preset or curves, not both")
    return detectors.from_csv(recipe.file(given["curves"]), **changes)


def _summed(
    fine: torch.Tensor, pixels: Grid, dose: float, camera: Detector, own: Mapping[str, Any], seed: seeding.Seed
) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """The sum of a stack of frames along the drift, about its middle, or moved back to it; the frames; their path."""
    from construction_zone.image.stacks import aligned_sum, drift_path, movie

    angle, length = np.deg2rad(own["drift_angle"]), own["drift"]
    drift = (float(length * np.sin(angle)), float(length * np.cos(angle)))
    path = drift_path(own["frames.count"], drift, own["frames.jitter"], seed)
    path -= (path[:-1] + path[1:]).mean(axis=0) / 2
    frames = movie(fine, pixels, dose, path, camera, seed)
    image = aligned_sum(frames, pixels, path) if own["frames.aligned"] else frames.double().sum(0)
    return image, frames, path
