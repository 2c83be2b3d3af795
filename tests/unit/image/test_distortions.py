"""Distortions move image, labels and points alike; grids change without aliasing; backgrounds add up."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.errors import InvalidInput
from construction_zone.image.background import InelasticBackground, mean_free_path
from construction_zone.image.distortions import Distortion
from construction_zone.image.resample import cropped, cubic, resampled

SHAPE, PIXEL = (120, 160), (0.25, 0.2)
KINDS = {
    "scale": Distortion(scale=0.05),
    "shear": Distortion(shear=0.08),
    "ellipse": Distortion(ellipse=0.1, azimuth=30),
    "rotation": Distortion(rotation=17),
    "shift": Distortion(shift=(1.3, -2.1)),
    "field": Distortion(field=0.8, correlation=9.0, seed=3),
    "all": Distortion(0.03, 0.04, 0.05, 20, -10, (0.7, 0.4), 0.5, 8.0, 4),
}
SPOTS = np.array([[9.0, 8.0], [20.1, 9.3], [16.0, 15.0], [11.2, 21.0], [24.0, 22.5]])


def spots(points: np.ndarray, width: float = 0.9) -> torch.Tensor:
    """Gaussian spots (n, y, x) about points (x, y) in Å."""
    y, x = torch.arange(SHAPE[0]) * PIXEL[0], torch.arange(SHAPE[1]) * PIXEL[1]
    return torch.stack(
        [torch.exp(-((x - px)[None, :] ** 2 + (y - py)[:, None] ** 2) / 2 / width**2).double() for px, py in points]
    )


def centres(images: torch.Tensor) -> np.ndarray:
    y, x = torch.arange(SHAPE[0]) * PIXEL[0], torch.arange(SHAPE[1]) * PIXEL[1]
    weight = images.double() / images.double().sum((-2, -1), keepdim=True)
    return torch.stack(((weight * x).sum((-2, -1)), (weight * y[:, None]).sum((-2, -1))), -1).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_image_labels_and_points_go_to_the_same_places(kind: str) -> None:
    distortion = KINDS[kind]
    wanted = distortion.apply_points(SPOTS, SHAPE, PIXEL)
    assert np.abs(wanted - SPOTS).max() > 0.1
    # a field bends spots: small ones less
    width, tolerance = (0.4, 0.02) if distortion.field else (0.9, 1e-3)
    np.testing.assert_allclose(centres(distortion.apply(spots(SPOTS, width), PIXEL)), wanted, atol=tolerance)
    labels = (spots(SPOTS) > 0.5).to(torch.uint8) * 7
    moved = distortion.apply_labels(labels, PIXEL)
    assert moved.dtype == torch.uint8
    assert set(moved.unique().tolist()) == {0, 7}
    np.testing.assert_allclose(centres(moved), wanted, atol=0.13)  # half a pixel


TILT = math.radians(30)
MATRICES = {
    "scale": np.diag([1.05, 1.05]),
    "shear": np.array([[1, 0.08], [0, 1]]),
    "ellipse": np.eye(2)
    + 0.05 * np.array([[math.cos(2 * TILT), math.sin(2 * TILT)], [math.sin(2 * TILT), -math.cos(2 * TILT)]]),
    "rotation": np.array([[math.cos(0.296706), -math.sin(0.296706)], [math.sin(0.296706), math.cos(0.296706)]]),
    "shift": np.eye(2),
}


@pytest.mark.parametrize("kind", MATRICES)
def test_a_wave_is_distorted_as_its_closed_form(kind: str) -> None:
    """cos k·r becomes cos k·s(r), with the source s(r) of each pixel written out here."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] * np.array(PIXEL)[:, None, None]

    def wave(px: np.ndarray, py: np.ndarray) -> np.ndarray:
        return 1 + 0.3 * np.cos(2.0 * px + 1.5 * py)

    moved = KINDS[kind].apply(torch.from_numpy(wave(x, y)), PIXEL).numpy()
    shift = np.array([-2.1, 1.3]) if kind == "shift" else np.zeros(2)
    source = np.linalg.solve(MATRICES[kind], np.stack((x - 16 - shift[0], y - 15 - shift[1])).reshape(2, -1))
    source = source.reshape(2, *SHAPE) + np.array([16.0, 15.0])[:, None, None]
    near = np.all((source > 3) & (source < np.array([28.0, 26.0])[:, None, None]), axis=0)  # a mirror has a kink
    assert near.mean() > 0.4
    np.testing.assert_allclose(moved[near], wave(*source)[near], atol=1e-3)


def test_the_matrix_is_rotation_ellipse_shear_and_scale() -> None:
    assert np.linalg.det(Distortion(scale=0.1).matrix) == pytest.approx(1.21)
    assert np.linalg.det(Distortion(shear=0.3, rotation=40).matrix) == pytest.approx(1)
    singular = np.linalg.svd(Distortion(ellipse=0.1, azimuth=77).matrix)[1]
    np.testing.assert_allclose(singular, [1.05, 0.95])
    np.testing.assert_allclose(Distortion(ellipse=0.1, azimuth=90).matrix @ [0, 1], [0, 1.05], atol=1e-12)
    np.testing.assert_allclose(Distortion(rotation=90).matrix @ [1, 0], [0, 1], atol=1e-12)
    np.testing.assert_allclose(Distortion(shear=0.2).matrix @ [0, 1], [0.2, 1])


def test_the_field_has_its_size_and_correlation_length() -> None:
    far, near = [], []
    step = 6.0
    base = np.stack(np.meshgrid(np.arange(8) * 60.0, np.arange(8) * 60.0), -1).reshape(-1, 2)
    for seed in range(60):
        distortion = Distortion(field=1.5, correlation=10.0, seed=seed)
        here, there = distortion._field(base), distortion._field(base + np.array([step, 0]))
        far.append((here**2).mean())
        near.append((here * there).mean())
    assert np.mean(far) == pytest.approx(1.5**2, rel=0.06)
    assert np.mean(near) / np.mean(far) == pytest.approx(math.exp(-(step**2) / 200), abs=0.04)


def test_the_field_is_the_same_on_every_grid_and_at_every_point() -> None:
    distortion = KINDS["field"]
    y, x = np.arange(30) * 0.9, np.arange(40) * 0.8
    grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)
    np.testing.assert_allclose(distortion._field_map(y, x).reshape(-1, 2), distortion._field(grid.reshape(-1, 2)))


def test_fine_and_coarse_grids_are_warped_by_the_same_map() -> None:
    distortion = KINDS["all"]
    coarse = spots(SPOTS).sum(0)
    fine = resampled(coarse, (240, 320))
    twice = distortion.apply(fine, (0.125, 0.1))[::2, ::2]
    once = distortion.apply(coarse, PIXEL)
    inside = distortion.inside(SHAPE, PIXEL)
    inside[:4] = inside[-4:] = False
    inside[:, :4] = inside[:, -4:] = False
    torch.testing.assert_close(twice[inside], once[inside], atol=2e-3, rtol=0)


def test_nothing_changes_nothing_and_seeds_change_fields() -> None:
    image = torch.rand(2, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(Distortion().apply(image, PIXEL), image)
    assert torch.equal(Distortion().apply_labels(image > 0.5, PIXEL), image > 0.5)
    assert bool(Distortion().inside(SHAPE, PIXEL).all())
    one, two = (Distortion(field=1.0, correlation=10, seed=s).apply(image, PIXEL) for s in (1, 2))
    assert not torch.equal(one, two)
    torch.testing.assert_close(Distortion(field=1.0, correlation=10, seed=1).apply(image[1], PIXEL), one[1])


def test_beyond_the_edge_is_a_mirror_or_the_next_cell() -> None:
    image = torch.rand(*SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    right = Distortion(shift=(0.0, 3 * PIXEL[1]))
    torch.testing.assert_close(right.apply(image, PIXEL, "periodic"), image.roll(3, 1))
    mirrored = right.apply(image, PIXEL)
    torch.testing.assert_close(mirrored[:, 3:], image[:, :-3])
    torch.testing.assert_close(mirrored[:, :3], image[:, 1:4].flip(1))
    labels = torch.arange(160).expand(*SHAPE)
    assert right.apply_labels(labels, PIXEL, "periodic")[0, :4].tolist() == [157, 158, 159, 0]
    assert right.apply_labels(labels, PIXEL)[0, :4].tolist() == [3, 2, 1, 0]
    assert right.inside(SHAPE, PIXEL)[0, :4].tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scale": math.nan}, "scale"),
        ({"scale": -1.0}, "leaves nothing"),
        ({"ellipse": 2.0}, "leaves nothing"),
        ({"rotation": "left"}, "rotation"),
        ({"shift": (1.0, math.inf)}, "shift"),
        ({"shift": (1.0,)}, "shift"),
        ({"field": -1.0}, "zero or more"),
        ({"correlation": 0.0}, "over a length"),
        ({"field": 30.0, "correlation": 50.0}, "folds the image over"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_distortion_without_meaning_is_refused(given, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        Distortion(**given)


def test_what_cannot_be_warped_is_refused() -> None:
    with pytest.raises(InvalidInput, match="use apply_labels"):
        Distortion(scale=0.1).apply(torch.zeros(4, 4, dtype=torch.int64), PIXEL)
    with pytest.raises(InvalidInput, match="pixel_size"):
        Distortion(scale=0.1).apply(torch.zeros(4, 4), (0.2, 0.0))


def test_gradients_pass_through_a_distortion() -> None:
    image = torch.rand(6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: KINDS["all"].apply(given, (1.0, 1.0)), image)


@pytest.mark.parametrize(
    ("old", "new"), [((24, 30), (36, 40)), ((24, 30), (17, 20)), ((25, 31), (20, 44)), ((8, 8), (9, 7))]
)
def test_other_pixel_sizes_keep_every_wave_they_carry_and_fold_none_back(old, new) -> None:
    y, x = (torch.arange(n, dtype=torch.float64) / n for n in old)
    v, u = (torch.arange(n, dtype=torch.float64) / n for n in new)
    for i in range((old[0] - 1) // 2 + 1):
        for j in range(-((old[1] - 1) // 2), (old[1] - 1) // 2 + 1, 4):
            wave = torch.cos(2 * math.pi * (i * y[:, None] + j * x[None, :]) + 0.4)
            kept = 2 * i < new[0] and 2 * abs(j) < new[1]
            folded = 2 * i == new[0] or 2 * abs(j) == new[1]
            if folded:
                continue
            wanted = torch.cos(2 * math.pi * (i * v[:, None] + j * u[None, :]) + 0.4) * kept
            torch.testing.assert_close(resampled(wave, new), wanted, atol=1e-12, rtol=0)


def test_an_even_grid_comes_back_from_a_finer_one() -> None:
    image = torch.rand(2, 12, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fine = resampled(image, (24, 30))
    torch.testing.assert_close(fine[:, ::2, ::3], image)
    torch.testing.assert_close(resampled(fine, (12, 10)), image)
    with pytest.raises(InvalidInput, match="shape"):
        resampled(image, (0, 4))


def test_crops_are_parts_and_stay_inside() -> None:
    image = torch.arange(60).reshape(1, 6, 10)
    assert torch.equal(cropped(image, (2, 3), (3, 4)), image[:, 2:5, 3:7])
    for corner, shape in (((4, 0), (3, 4)), ((-1, 0), (2, 2)), ((0, 0), (0, 2))):
        with pytest.raises(InvalidInput, match="reaches beyond"):
            cropped(image, corner, shape)


def test_a_cubic_spline_passes_half_the_nyquist_frequency_to_three_hundredths() -> None:
    x = torch.arange(64, dtype=torch.float64)
    places = torch.linspace(0, 63, 500, dtype=torch.float64)[None, :].expand(3, -1)
    rows = torch.zeros_like(places) + torch.tensor([0.0, 1.3, 2.7], dtype=torch.float64)[:, None]
    for cycles, error in ((4, 1e-4), (8, 1.2e-3), (16, 0.03)):
        wave = torch.cos(2 * math.pi * cycles * x / 64).expand(8, 64)
        wanted = torch.cos(2 * math.pi * cycles * places / 64)
        assert (cubic(wave, rows, places, "periodic") - wanted).abs().max().item() < error


def test_mean_free_paths_are_those_of_malis() -> None:
    # by hand for carbon at 100 kV and 10 mrad: F = 0.7682, E_m = 14.49 eV, E0/E_m = 6.903, ln 138.1 = 4.928
    assert mean_free_path(6, 100e3, 10) == pytest.approx(10 * 106 * 0.7682 * 6.903 / 4.928, rel=1e-3)
    assert mean_free_path(79, 300e3, 10) < mean_free_path(6, 300e3, 10)
    for wrong in ((0, 3e5, 10), (6, -1, 10), (6, 3e5, math.nan), (6, 3e5, 0.01)):
        with pytest.raises(InvalidInput):
            mean_free_path(*wrong)


def test_the_background_conserves_electrons_and_damps_contrast_as_it_says() -> None:
    background = InelasticBackground(mean_free_path=1000.0, blur=5.0)
    x = torch.arange(64, dtype=torch.float64) * 0.5
    k = 2 * math.pi * 2 / 32
    image = (1 + 0.2 * torch.cos(k * x)).expand(40, 64)
    found = background.apply(image, 300.0, (0.5, 0.5))
    kept = math.exp(-0.3)
    wanted = 1 + 0.2 * torch.cos(k * x) * (kept + (1 - kept) * math.exp(-((5 * k) ** 2) / 2))
    torch.testing.assert_close(found, wanted.expand(40, 64))
    thick = torch.zeros(40, 64, dtype=torch.float64)
    thick[:, 20:40] = 500.0
    assert background.apply(image, thick, (0.5, 0.5)).mean().item() == pytest.approx(image.mean().item())
    filtered = InelasticBackground(1000.0, filtered=True).apply(image, thick, (0.5, 0.5))
    torch.testing.assert_close(filtered, image * torch.exp(-thick / 1000))
    assert torch.equal(background.apply(image, 0.0, (0.5, 0.5)), image)


@pytest.mark.parametrize(
    "given", [{"mean_free_path": 0.0}, {"mean_free_path": 1e3, "blur": -1.0}, {"mean_free_path": math.nan}]
)
def test_a_background_without_meaning_is_refused(given) -> None:
    with pytest.raises(InvalidInput, match="InelasticBackground"):
        InelasticBackground(**given)


@pytest.mark.parametrize("thickness", [-1.0, math.nan, math.inf])
def test_a_thickness_that_is_none_is_refused(thickness: float) -> None:
    with pytest.raises(InvalidInput, match="thickness"):
        InelasticBackground(1000.0).apply(torch.ones(4, 4), thickness, (0.5, 0.5))
