"""The fields of imaging and simulation: each reaches the image or the wave, and does what it says."""

from __future__ import annotations

import copy
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.draw import draw_image
from construction_zone.dataset.exposures import Exposures, distortion_of
from construction_zone.dataset.imaging import Background, Distortion, Frames, Imaging
from construction_zone.dataset.imaging import Detector as Camera
from construction_zone.dataset.recipe import load
from construction_zone.dataset.waves import settings_of, simulated
from construction_zone.errors import RecipeError
from construction_zone.image import Detector, Microscope
from construction_zone.image.aberrations import NAMES

SIZES = {"1": 3e1, "2": 3e4, "3": 1e7, "4": 1e9, "5": 1e10}
"""Å of an aberration of each order that a wave of 20 mrad takes note of."""


@pytest.fixture(scope="module")
def scene():
    """A built structure with its waves, and its particles' waves in vacuum."""
    raw = {
        "version": 1,
        "seed": 3,
        "cell": [24, 20],
        "substrate": {"amorphous": "C", "density": 2.2, "thickness": 6, "structure": "random"},
        "particles": {"crystal": "fcc Au", "radius": 5, "gap": 0},
        "simulation": {"sampling": 0.2, "phonons": 1},
        "imaging": {"pixel_size": 0.4, "dose": 400, "focal_spread": 10, "defocus": -60},
    }
    recipe = load(raw)
    built = build_structure(recipe, 0)
    waves = simulated(recipe, built.atoms, built.drawn, 1, 5).cropped(0.4)
    from construction_zone.build import variant

    vacuum = simulated(recipe, variant(built.atoms, only=list(built.particles)), built.drawn, None, 0).cropped(0.4)
    return raw, built, waves, vacuum


def image(scene, seed=7, **settings):
    raw, built, waves, vacuum = scene
    recipe = load({**raw, "imaging": {**raw["imaging"], **settings}})
    exposures = Exposures.of(recipe, built.atoms, built.particles, waves, vacuum, 0.4)
    return exposures.take(draw_image(recipe, 0, 0), seed)


def test_the_image_is_the_microscope_s_own(scene):
    _, _, waves, _ = scene
    scope = Microscope(dose=400, focal_spread=10, defocus=-60)
    assert np.array_equal(image(scene), scope.image(waves, pixel_size=0.4, seed=7).numpy())


def test_every_aberration_has_a_field():
    wanted = (set(NAMES) - {"C10", "C30"}) | {"defocus", "Cs"}
    assert wanted <= set(Imaging.model_fields)


def test_every_setting_of_the_microscope_and_the_detector_is_reached_or_named():
    """What is left out on purpose is named here, with what stands for it."""
    instead = {"shift_x": "distortion.shift_x, which moves labels too", "shift_y": "", "energy": "simulation.energy"}
    assert {field.name for field in fields(Microscope)} - set(Imaging.model_fields) == set(instead)
    detector = Imaging().detector
    curves = {"mtf": "preset or curves", "nnps": "preset or curves", "illumination": "falloff, slope, slope_azimuth"}
    assert {field.name for field in fields(Detector)} - set(type(detector).model_fields) == set(curves)


CAMERA = {"detector": {"preset": "K2"}}
SPOILT = {"detector": {"hot": 0.02, "hot_level": 50}}
HIT = {"detector": {"spikes": 2e4, "spike_level": 50}}
SLOPED = {"detector": {"slope": 0.2}}

CHANGES = [
    *((name, SIZES[name[1]], {}) for name in NAMES if name[0] == "C" and name not in ("C10", "C30")),
    *((f"phi{name[1:]}", 0.7, {name: SIZES[name[1]]}) for name in NAMES if name[0] == "C" and name[2] != "0"),
    ("defocus", 100, {}),
    ("Cs", 1e7, {}),
    ("focal_spread", 60, {}),
    ("focal_nodes", 3, {"focal_spread": 60}),
    ("source_size", 2, {}),
    ("coherence", "envelope", {"focal_spread": 60}),
    ("tilt_nodes", 2, {"coherence": "full", "source_size": 2}),
    ("beam_tilt_x", 10, {"Cs": 1e6}),
    ("beam_tilt_y", 10, {"Cs": 1e6}),
    ("aperture", 15, {}),
    ("aperture_edge", 10, {"aperture": 15}),
    ("drift", 2, {}),
    ("drift_angle", 90, {"drift": 2}),
    ("vibration", 1, {}),
    ("dose", 100, {}),
    ("zero", "top", {}),
    ("zero", "middle", {}),
    ("zero", "bottom", {}),
    ("zero", "minimum_contrast", {}),
    ("microscope", "titan_300_corrected", {}),
    ("detector.preset", "K2", {}),
    ("detector.dqe_zero", 0.3, CAMERA),
    ("detector.gain", 3, {"detector": {"output": "counts"}}),
    ("detector.gain_residue", 0.1, {}),
    ("detector.offset", 40, {"detector": {"output": "counts"}}),
    ("detector.dark", 40, {}),
    ("detector.readout", 5, {}),
    ("detector.dead", 0.05, {}),
    ("detector.hot", 0.05, {"detector": {"hot_level": 50}}),
    ("detector.hot_level", 500, SPOILT),
    ("detector.spikes", 4e4, {"detector": {"spike_level": 50}}),
    ("detector.spike_level", 500, HIT),
    ("detector.falloff", 0.3, {}),
    ("detector.slope", 0.2, {}),
    ("detector.slope_azimuth", 30, SLOPED),
    ("detector.saturation", 50, {}),
    ("detector.output", "uint16", {"detector": {"gain": 2.5}}),
    ("detector.serial", 5, SPOILT),
    ("distortion.scale", 0.05, {}),
    ("distortion.shear", 0.05, {}),
    ("distortion.ellipse", 0.05, {}),
    ("distortion.azimuth", 40, {"distortion": {"ellipse": 0.05}}),
    ("distortion.rotation", 5, {}),
    ("distortion.shift_x", 1, {}),
    ("distortion.shift_y", 1, {}),
    ("distortion.field", 1, {}),
    ("distortion.correlation", 20, {"distortion": {"field": 1}}),
    ("background", {}, {}),
    ("background.mean_free_path", 20, {}),
    ("background.blur", 3, {"background": {"mean_free_path": 20}}),
    ("background.filtered", True, {"background": {"mean_free_path": 20}}),
    ("frames.count", 4, {}),
    ("frames.jitter", 0.5, {}),
    ("frames.aligned", True, {"drift": 2, "frames": {"count": 4}}),
]
"""Field, a value of it, and what else must be given for it to matter."""


def test_every_field_of_imaging_is_changed_by_some_test():
    """Those that are left out have tests of their own."""
    known = {name for name, _ in _fields(Imaging)}
    elsewhere = {"pixel_size", "per_structure", "detector.curves", "crop", "frames.keep", "wave"}
    assert known - elsewhere == {name for name, _, _ in CHANGES} - {"background"}


def _fields(part, prefix=""):
    for name in part.model_fields:
        inner = {"detector": Camera, "distortion": Distortion, "background": Background, "frames": Frames}.get(name)
        if inner is None or prefix:
            yield f"{prefix}{name}", part
        else:
            yield from _fields(inner, f"{name}.")


@pytest.mark.parametrize(("name", "value", "other"), CHANGES, ids=lambda value: value if type(value) is str else "")
@pytest.mark.filterwarnings("ignore:.*stops the strongest reflection")
@pytest.mark.filterwarnings("ignore:.*would expect fewer than zero electrons")
def test_each_setting_changes_the_image(scene, name, value, other):
    section, _, field = name.rpartition(".")
    given = {section: {**other.get(section, {}), field: value}} if section else {field: value}
    plain, changed = image(scene, **other), image(scene, **{**other, **given})
    assert changed.shape == plain.shape
    assert np.isfinite(changed).all()
    assert not np.array_equal(plain, changed)


def test_defocus_counts_from_the_plane_that_is_named(scene):
    """From the particles' middle and from the exit face, the same focus gives the same image."""
    _, built, waves, _ = scene
    gold = built.atoms.positions[built.atoms.numbers == 79, 2]
    middle = (gold.min() + gold.max()) / 2
    counted = image(scene, zero="middle", defocus=30, dose=None)
    # from the stored plane, focusing on the middle means a defocus of (z − middle)
    direct = Microscope(defocus=30 + waves.z - middle, focal_spread=10).image(waves, pixel_size=0.4).numpy()
    assert np.allclose(counted, direct, atol=1e-5)


def test_the_plane_of_least_contrast_lies_in_the_particle(scene):
    raw, built, waves, vacuum = scene
    recipe = load({**raw, "imaging": {**raw["imaging"], "zero": "minimum_contrast"}})
    plane = Exposures.of(recipe, built.atoms, built.particles, waves, vacuum, 0.4).zero
    gold = built.atoms.positions[built.atoms.numbers == 79, 2]
    assert gold.min() - 5 < plane < gold.max() + 5
    assert abs(plane - waves.z) > 1


def test_an_image_and_its_label_are_distorted_alike(scene):
    """A shift by whole pixels: what was at x is 2 pixels further, in both."""
    settings = {"distortion": {"shift_x": 0.8, "shift_y": -0.4}, "dose": None}
    plain, moved = image(scene, dose=None), image(scene, **settings)
    assert np.allclose(moved, np.roll(plain, (-1, 2), axis=(0, 1)), atol=2e-3)
    raw = scene[0]
    recipe = load({**raw, "imaging": {**raw["imaging"], **settings}})
    warp = distortion_of(draw_image(recipe, 0, 0), 7)
    label = torch.zeros(plain.shape)
    label[5, 6] = 1
    assert warp.apply_labels(label, (0.4, 0.4), boundary="periodic")[4, 8] == 1


def test_no_distortion_is_none(scene):
    assert distortion_of({"imaging.defocus": 3}, 0) is None
    recipe = load({**scene[0], "imaging": {"pixel_size": 0.4, "distortion": {}}})
    assert distortion_of(draw_image(recipe, 0, 0), 0) is None


def test_frames_add_up_to_the_dose(scene):
    stack = image(scene, frames={"count": 8, "jitter": 0.2}, drift=1.0)
    assert stack.mean() == pytest.approx(400 * 0.16, rel=0.02)
    aligned = image(scene, frames={"count": 8, "jitter": 0.2, "aligned": True}, drift=1.0)
    assert aligned.mean() == pytest.approx(400 * 0.16, rel=0.02)


def test_frames_that_are_aligned_are_sharper_than_their_drifting_sum(scene):
    drift = {"drift": 6.0, "dose": 1e5}
    blurred, aligned, still = (
        image(scene, **drift, frames={"count": 8}),
        image(scene, **drift, frames={"count": 8, "aligned": True}),
        image(scene, dose=1e5),
    )
    assert blurred.std() < 0.8 * still.std()
    assert aligned.std() > 0.85 * still.std()


def test_frames_that_are_kept_are_those_of_the_sum(scene, tmp_path):
    """Each frame is where its place says, and they add up to the image bit for bit; nothing else changes."""
    from construction_zone.dataset.generate import generate
    from construction_zone.dataset.loader import ImageDataset

    raw = copy.deepcopy(scene[0])
    stack = {"count": 5, "jitter": 0.0}
    raw["imaging"] |= {
        "drift": 8.0,
        "drift_angle": 90,
        "dose": 1e6,
        "per_structure": 2,
        "frames": stack | {"keep": True},
    }
    generate(raw, tmp_path / "data", workers=1, progress=False)
    dataset = ImageDataset(tmp_path / "data", labels=("mask", "frames"))
    plain = copy.deepcopy(raw)
    del plain["imaging"]["frames"]["keep"]
    generate(plain, tmp_path / "plain", workers=1, progress=False)
    for item, other in zip(dataset, ImageDataset(tmp_path / "plain"), strict=True):
        frames = item["frames"]
        assert frames.shape == (5, *item["image"].shape[-2:])
        torch.testing.assert_close(frames.double().sum(0).float(), item["image"][0], rtol=0, atol=0)
        torch.testing.assert_close(item["image"], other["image"], rtol=0, atol=0)
        places = np.array(item["record"]["made"]["image"]["frames"])
        assert places == pytest.approx(np.outer(np.linspace(-3.2, 3.2, 5), [1, 0]))
        # the first frame, moved to where the last lies: 16 pixels
        ends = [frames[0].roll(16, 0), frames[4]]
        assert np.corrcoef(*(end.numpy().ravel() for end in ends))[0, 1] > 0.95
        assert np.corrcoef(*(end.numpy().ravel() for end in frames[[0, 4]]))[0, 1] < 0.6


def test_inelastic_electrons_lower_the_contrast_and_conserve_electrons(scene):
    plain, lossy = image(scene, dose=None), image(scene, dose=None, background={"mean_free_path": 20})
    fine, lossy_fine = (one - gaussian_filter(one, 3, mode="wrap") for one in (plain, lossy))
    assert lossy_fine.std() < 0.9 * fine.std()
    assert lossy.mean() == pytest.approx(plain.mean(), rel=1e-4)
    filtered = image(scene, dose=None, background={"mean_free_path": 20, "filtered": True})
    assert filtered.mean() < 0.9 * plain.mean()


def test_a_named_microscope_gives_what_is_not_given(scene):
    recipe = load({**scene[0], "imaging": {"pixel_size": 0.4, "microscope": "titan_300_corrected", "Cs": 7e4}})
    drawn = draw_image(recipe, 0, 0)
    assert (drawn["imaging.Cs"], drawn["imaging.focal_spread"], drawn["imaging.source_size"]) == (7e4, 10.0, 0.1)
    assert load(recipe.plain()).digest() == recipe.digest()


def test_curves_of_a_detector_are_found_beside_the_recipe(scene, tmp_path):
    (tmp_path / "camera.csv").write_text("frequency,mtf\n0,1\n0.25,0.8\n0.5,0.5\n0.75,0.3\n1,0.1\n")
    raw, built, waves, vacuum = scene
    raw = {**raw, "imaging": {**raw["imaging"], "dose": None, "detector": {"curves": "camera.csv"}}}
    recipe = load(raw, folder=tmp_path)
    assert recipe.structure_files() == {"camera.csv": tmp_path / "camera.csv"}
    taken = Exposures.of(recipe, built.atoms, built.particles, waves, vacuum, 0.4).take(draw_image(recipe, 0, 0), 0)
    assert taken.std() < image(scene, dose=None).std()


def test_settings_of_simulation_reach_it():
    raw = {
        "version": 1,
        "cell": [24, 20],
        "particles": {"crystal": "fcc Au", "radius": 5, "gap": 0},
        "simulation": {
            "slice_thickness": "planes",
            "displacements": {"Au": 0.1},
            "tilt_x": 3,
            "parametrization": "kirkland",
            "cores": False,
            "split": "symmetric",
            "sampling": 0.2,
            "phonons": 0,
        },
        "imaging": {"pixel_size": 0.4},
    }
    recipe = load(raw)
    built = build_structure(recipe, 0)
    given = settings_of(recipe, built.drawn)
    assert given["slice_thickness"] == "planes"
    assert given["displacements"] == {"Au": 0.1}
    assert given["tilts"] == [(3, 0)]
    assert (given["parametrization"], given["cores"], given["split"]) == ("kirkland", False, "symmetric")
    waves = simulated(recipe, built.atoms, built.drawn, None, 0)
    assert waves.dims == ("configuration", "y", "x")
    straight = copy.deepcopy(raw)
    straight["simulation"]["tilt_x"] = 0
    untilted = simulated(load(straight), built.atoms, build_structure(load(straight), 0).drawn, None, 0)
    assert not torch.allclose(waves.array, untilted.array, atol=1e-3)
    assert replace(untilted, z=0).z == 0


@pytest.mark.parametrize(
    ("section", "wanted"),
    [
        ({"detector": {"preset": "K9"}}, "imaging.detector.preset: 'K9' is not known; use 'ideal', 'US1000'"),
        ({"detector": {"preset": "K2", "curves": "x.csv"}}, "imaging.detector.curves: a preset has curves"),
        ({"detector": {"gane": 1}}, "imaging.detector.gane: unknown key; did you mean 'gain'?"),
        ({"detector": {"readout": -1}}, "imaging.detector.readout: -1 is outside the limits 0"),
        ({"detector": {"falloff": 0.8, "slope": 0.9}}, "imaging.detector.falloff: with the slope"),
        ({"zero": "bottom up"}, "imaging.zero: 'bottom up' is not known; use 'stored', 'top'"),
        ({"microscope": "titanic"}, "imaging.microscope: there is no preset 'titanic'"),
        ({"microscope": "tecnai_200_feg"}, "imaging.microscope: tecnai_200_feg is set up for 200000 eV"),
        ({"frames": {}, "dose": None}, "imaging.frames: frames are of counted electrons"),
        ({"frames": {"count": {"integers": [2, 3]}, "keep": True}}, "imaging.frames.count: frames that are kept"),
        ({"distortion": {"field": 20}}, "imaging.distortion.field: 20 Å over 50 Å folds the image over"),
        ({"background": {"filtered": 1}}, "imaging.background.filtered: 1 is not known; use true, false"),
        ({"background": 4}, "imaging.background: wants a mapping of mean_free_path, blur, filtered, not 4"),
        ({"C99": 1}, "imaging.C99: unknown key"),
        ({"coherence": "none"}, "imaging.coherence: 'none' is not known; use 'focal_sum', 'full' or 'envelope'"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_by_path(scene, section, wanted):
    with pytest.raises(RecipeError) as caught:
        load({**scene[0], "imaging": {**scene[0]["imaging"], **section}})
    assert f"\n  {wanted}" in str(caught.value)


@pytest.mark.parametrize(
    ("section", "wanted"),
    [
        ({"slice_thickness": "thick"}, "simulation.slice_thickness: 'thick' is not a number"),
        ({"displacements": {"Xx": 0.1}}, "simulation.displacements: 'Xx' is no element"),
        ({"displacements": -1}, "simulation.displacements: -1 is outside the limits"),
        ({"cores": 3}, "simulation.cores: 3: input should be a valid boolean"),
        ({"energy": 200e3, "sampling": 0.2}, None),
    ],
    ids=str,
)
def test_what_is_wrong_with_simulation_is_told(scene, section, wanted):
    raw = {**scene[0], "simulation": {"sampling": 0.2, **section}}
    if wanted is None:
        assert load(raw).simulation.energy.support == (200e3, 200e3)
        return
    with pytest.raises(RecipeError) as caught:
        load(raw)
    assert f"\n  {wanted}" in str(caught.value)


def test_distortion_fields_are_those_of_the_image_room():
    from construction_zone.image import Distortion as Warp

    assert {field.name for field in fields(Warp)} - set(Distortion.model_fields) == {"shift", "seed"}


def test_a_dataset_of_distorted_images_keeps_a_mask_for_each(scene, tmp_path):
    from construction_zone.dataset.generate import generate
    from construction_zone.dataset.loader import ImageDataset

    raw = copy.deepcopy(scene[0])
    raw["imaging"] |= {"distortion": {"rotation": {"uniform": [-30, 30]}}, "per_structure": 3, "zero": "middle"}
    generate(raw, tmp_path / "data", workers=1, progress=False)
    items = [ImageDataset(tmp_path / "data")[k] for k in range(3)]
    masks = [item["mask"].numpy() for item in items]
    assert not np.array_equal(masks[0], masks[1])
    assert max(mask.sum() for mask in masks) < 1.1 * min(mask.sum() for mask in masks)
    for item, mask in zip(items, masks, strict=True):
        image = item["image"][0].numpy()
        assert image[mask > 0].std() > image[mask == 0].std()  # the particle is where the mask says
