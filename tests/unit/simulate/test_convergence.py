import ase
import numpy as np
import pytest

from construction_zone import simulate
from construction_zone.errors import InvalidInput
from construction_zone.simulate import ExitWaves


def atoms() -> ase.Atoms:
    return ase.Atoms("Au2", [[2, 2, 1], [5, 4, 1.5]], cell=(8, 6, 2))


SETTINGS = {"sampling": 0.2, "displacements": 0.02, "seed": 2}


def noise(waves: ExitWaves) -> np.ndarray:
    """An image of mean pattern of deviation 2 with independent noise of deviation 1 in each of its pixels."""
    rng = np.random.default_rng(waves.seeds[0])
    return np.tile([10.0, 14.0], (200, 100)) + rng.normal(size=(200, 200))


def test_independent_noise_falls_with_the_root_of_the_number() -> None:
    found = simulate.phonons_needed(atoms(), 0.12, image=noise, most=40, **SETTINGS)
    n = np.arange(1, len(found.error) + 1)
    assert np.isinf(found.error[0])
    # the standard error 1/√n over the deviation √(4 + 1/n) of the mean image; that of 40,000 pixels is known to 1 %
    assert found.error[1:] == pytest.approx((1 / np.sqrt(n * (4 + 1 / n)))[1:], rel=0.03)
    # 0.5/√n < 0.12 from n = 18 on
    assert found.configurations == len(found.error)
    assert found.configurations in (17, 18)
    assert np.all(found.error[:-1] >= 0.12)


def test_the_answer_does_not_depend_on_the_step() -> None:
    one, other = (simulate.phonons_needed(atoms(), 0.1, most=30, step=step, **SETTINGS) for step in (1, 7))
    assert one.configurations == other.configurations
    assert one.configurations is not None
    assert np.array_equal(one.error, other.error)


def test_the_error_is_that_of_the_images() -> None:
    found = simulate.phonons_needed(atoms(), 1e-6, most=6, **SETTINGS)
    assert found.configurations is None
    assert len(found.error) == 6
    images = simulate.exit_waves(atoms(), phonons=6, **SETTINGS).array.abs().square().double().numpy()
    spread = np.sqrt((images.var(axis=0, ddof=1) / 6).mean())
    assert found.error[-1] == pytest.approx(spread / images.mean(axis=0).std(), rel=1e-5)


@pytest.mark.parametrize(
    "bad", [{"change": 0}, {"change": float("nan")}, {"change": 0.1, "most": 1}, {"change": 0.1, "step": 0}]
)
def test_questions_that_are_none(bad: dict) -> None:
    with pytest.raises(InvalidInput, match=r"part of the image's contrast|at least 2 and 1"):
        simulate.phonons_needed(atoms(), **bad)
