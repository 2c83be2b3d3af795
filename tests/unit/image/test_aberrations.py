"""The aberration phase, its gradient and the aperture, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from construction_zone.conventions import wavelength
from construction_zone.errors import InvalidInput
from construction_zone.image import aberrations

LAMBDA = wavelength(300e3)
EVERYTHING = {
    "C10": -350.0,
    "C12": 40.0,
    "phi12": 0.3,
    "C21": 900.0,
    "phi21": -1.1,
    "C23": 700.0,
    "phi23": 2.0,
    "C30": 2.7e6,
    "C32": 4e4,
    "phi32": 0.7,
    "C34": 6e4,
    "phi34": -0.2,
    "C41": 2e6,
    "phi41": 1.4,
    "C43": 1.5e6,
    "phi43": 0.3,
    "C45": 1e6,
    "phi45": -0.5,
    "C50": 4e7,
    "C52": 3e7,
    "phi52": 1.2,
    "C54": 2e7,
    "phi54": 0.1,
    "C56": 5e7,
    "phi56": 0.45,
}


def at(k: float, azimuth: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(k * math.cos(azimuth)), torch.tensor(k * math.sin(azimuth))


@pytest.mark.parametrize(("n", "m"), aberrations.TERMS)
@pytest.mark.parametrize("azimuth", [0.0, 0.4, 2.5, -1.3])
def test_each_term_is_its_polar_formula(n: int, m: int, azimuth: float) -> None:
    k, size, turned = 0.83, 1234.5, 0.6
    given = {f"C{n}{m}": size} | ({f"phi{n}{m}": turned} if m else {})
    alpha = LAMBDA * k
    wanted = 2 * math.pi / LAMBDA * alpha ** (n + 1) / (n + 1) * size * math.cos(m * (azimuth - turned))
    kx, ky = at(k, azimuth)
    assert aberrations.chi(kx.double(), ky.double(), LAMBDA, given).item() == pytest.approx(wanted, rel=1e-5)


def test_defocus_and_spherical_aberration_have_their_textbook_form() -> None:
    k = torch.linspace(0, 2, 50, dtype=torch.float64)
    defocus, spherical = 600.0, 1.2e7
    found = aberrations.chi(k, torch.zeros(1), LAMBDA, {"C10": -defocus, "C30": spherical})
    wanted = math.pi / 2 * spherical * LAMBDA**3 * k**4 - math.pi * LAMBDA * defocus * k**2
    torch.testing.assert_close(found, wanted)


def test_azimuth_counts_from_x_towards_y() -> None:
    along_y = aberrations.chi(*at(1.0, math.pi / 2), LAMBDA, {"C12": 100.0, "phi12": math.pi / 2})
    assert along_y.item() == pytest.approx(math.pi * LAMBDA * 100)
    along_x = aberrations.chi(*at(1.0, 0.0), LAMBDA, {"C12": 100.0, "phi12": math.pi / 2})
    assert along_x.item() == pytest.approx(-math.pi * LAMBDA * 100)


def test_a_row_in_the_table_is_all_that_a_higher_order_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aberrations, "TERMS", (*aberrations.TERMS, (7, 8)))
    monkeypatch.setattr(aberrations, "NAMES", (*aberrations.NAMES, "C78", "phi78"))
    found = aberrations.chi(*at(1.5, 0.9), LAMBDA, {"C78": 1e6, "phi78": 0.2})
    wanted = 2 * math.pi / LAMBDA * (1.5 * LAMBDA) ** 8 / 8 * 1e6 * math.cos(8 * 0.7)
    assert found.item() == pytest.approx(wanted, rel=1e-5)


def test_gradient_is_that_of_chi() -> None:
    kx = torch.linspace(-1.5, 1.5, 7, dtype=torch.float64).requires_grad_()
    ky = torch.linspace(-1.2, 1.4, 7, dtype=torch.float64).requires_grad_()
    by_x, by_y = torch.autograd.grad(aberrations.chi(kx, ky, LAMBDA, EVERYTHING).sum(), (kx, ky))
    along_x, along_y = aberrations.gradient(kx, ky, LAMBDA, EVERYTHING)
    torch.testing.assert_close(along_x * LAMBDA, by_x)
    torch.testing.assert_close(along_y * LAMBDA, by_y)


def test_phase_keeps_its_accuracy_at_thousands_of_radians() -> None:
    kx = torch.tensor([2.0], dtype=torch.float64)
    exact = math.pi / 2 * 1.3e7 * 0.0251**3 * 16
    assert exact > 1000
    transfer = aberrations.ctf(kx, torch.zeros(1), 0.0251, {"C30": 1.3e7})
    assert transfer.dtype == torch.complex64
    np.testing.assert_allclose(transfer.numpy(), np.exp(-1j * exact), atol=1e-6)


def test_transfer_is_differentiable_in_the_coefficients() -> None:
    k = torch.linspace(-1, 1, 5, dtype=torch.float64)
    values = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (20.0, 5.0, 0.4)]

    def transfer(c10: torch.Tensor, c12: torch.Tensor, phi12: torch.Tensor) -> torch.Tensor:
        given = {"C10": c10, "C12": c12, "phi12": phi12}
        return aberrations.ctf(k, k[:, None], LAMBDA, given, dtype=torch.complex128)

    assert torch.autograd.gradcheck(transfer, values)


def test_an_unknown_coefficient_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"C99.*known ones are C10"):
        aberrations.chi(torch.zeros(1), torch.zeros(1), LAMBDA, {"C99": 1.0})


def test_aperture_has_its_radius_and_an_edge_one_sample_wide() -> None:
    step = (0.02, 0.01)
    ky = 0.02 * torch.arange(-80, 81, dtype=torch.float64)[:, None]
    kx = 0.01 * torch.arange(-160, 161, dtype=torch.float64)[None, :]
    radius = 1.0  # on samples along both axes
    disc = aberrations.aperture(kx, ky, LAMBDA, 1e3 * LAMBDA * radius, step)
    assert disc[80, 160] == 1
    torch.testing.assert_close(disc[80, 260], torch.tensor(0.5, dtype=torch.float64))
    torch.testing.assert_close(disc[130, 160], torch.tensor(0.5, dtype=torch.float64))
    assert disc[80, 259] == 1
    assert disc[80, 261] == 0
    assert disc.sum() * step[0] * step[1] == pytest.approx(math.pi * radius**2, rel=1e-3)


def test_even_the_smallest_aperture_passes_the_direct_beam() -> None:
    k = torch.tensor([0.0, 0.1])
    assert aberrations.aperture(k, torch.zeros(1), LAMBDA, 1e-9, (0.1, 0.1)).tolist() == [1.0, 0.0]


def test_cartesian_parts_are_the_same_aberration() -> None:
    parts = aberrations.cartesian(EVERYTHING)
    assert parts["C12a"] == pytest.approx(40 * math.cos(0.6))
    assert parts["C12b"] == pytest.approx(40 * math.sin(0.6))
    assert "phi12" not in parts
    kx, ky = (
        torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)[None],
        torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None],
    )
    whole = aberrations.chi(kx, ky, LAMBDA, EVERYTHING)
    torch.testing.assert_close(aberrations.chi(kx, ky, LAMBDA, parts), whole)
    assert aberrations.polar(parts) == pytest.approx(aberrations.polar(EVERYTHING))
    assert aberrations.polar({"C12a": -3.0}) == pytest.approx({"C12": 3.0, "phi12": math.pi / 2})


def test_one_aberration_in_two_forms_is_refused() -> None:
    with pytest.raises(InvalidInput, match="both C12 and C12a"):
        aberrations.chi(torch.zeros(1), torch.zeros(1), LAMBDA, {"C12": 1.0, "C12a": 1.0})


def test_a_grid_and_a_list_of_points_give_the_same() -> None:
    kx, ky = (
        torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)[None],
        torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None],
    )
    grid = aberrations.chi(kx, ky, LAMBDA, EVERYTHING)
    points = aberrations.chi(kx.expand(5, 7).flatten(), ky.expand(5, 7).flatten(), LAMBDA, EVERYTHING)
    torch.testing.assert_close(grid.flatten(), points)


def test_a_soft_edge_has_its_width_and_keeps_the_area() -> None:
    k = 0.005 * torch.arange(-300, 301, dtype=torch.float64)
    disc = aberrations.aperture(k[None], k[:, None], LAMBDA, 20.0, (0.005, 0.005), edge=4.0)
    across = disc[300, 300:]
    angles = 1e3 * LAMBDA * k[300:]
    assert across[angles < 17.9].min() == 1
    assert across[angles > 22.1].max() == 0
    torch.testing.assert_close(across, ((22 - angles) / 4).clamp(0, 1))


@pytest.mark.parametrize("shape", [(33, 50), (64, 64), (5, 7)])
def test_the_transfer_on_a_grid_is_right_to_single_precision_after_thousands_of_radians(shape) -> None:
    ky, kx = (torch.linspace(-2.5, 2.4, n, dtype=torch.float64) for n in shape)
    grid = (kx[None, :], ky[:, None], LAMBDA, EVERYTHING)
    assert aberrations.chi(*grid).abs().max() > 3000
    found, wanted = aberrations.ctf(*grid), aberrations.ctf(*grid, torch.complex128)
    assert found.dtype == torch.complex64
    torch.testing.assert_close(found.to(torch.complex128), wanted, rtol=0, atol=5e-7)


def test_a_gradient_reaches_the_transfer_of_single_precision() -> None:
    ky, kx = (torch.linspace(-1, 1, n, dtype=torch.float64) for n in (6, 8))
    c10 = torch.tensor(-50.0, dtype=torch.float64, requires_grad=True)
    aberrations.ctf(kx[None, :], ky[:, None], LAMBDA, {"C10": c10}).real.sum().backward()
    assert c10.grad is not None
    assert abs(float(c10.grad)) > 1e-3
