import ase
import numpy as np
import pytest

from construction_zone import simulate
from construction_zone.errors import InvalidInput, SceneError


def rod() -> ase.Atoms:
    """Atoms 2 Å apart along z through the middle of the cell, the upper half of gold."""
    z = np.arange(-8.0, 9.0, 2.0)
    places = np.stack([np.full(9, 12.0), np.full(9, 10.0), z + 12], axis=1)
    return ase.Atoms(["C"] * 4 + ["Au"] * 5, places, cell=(24, 20, 24), pbc=True)


@pytest.mark.parametrize("tilt", [(10.0, 0.0), (0.0, -10.0), (8.0, 6.0), (-30.0, 20.0)])
def test_what_lay_along_the_beam_leans_by_the_angles(tilt: tuple[float, float]) -> None:
    turned = simulate.tilted(rod(), tilt)
    along = turned.positions[-1] - turned.positions[0]
    size = np.hypot(*tilt)
    towards = np.array(tilt) / size
    angle = np.radians(size)
    assert along == pytest.approx(16 * np.array([*(np.sin(angle) * towards), np.cos(angle)]))
    assert turned.positions[4, :2] == pytest.approx([12, 10])  # the middle stays
    assert turned.get_all_distances() == pytest.approx(rod().get_all_distances())


def test_the_picture_does_not_spin() -> None:
    flat = ase.Atoms("C2", [[10, 10, 5], [10 + 3, 10, 5]], cell=(20, 20, 10))
    turned = simulate.tilted(flat, (20.0, 0.0))
    along = turned.positions[1] - turned.positions[0]
    assert along[1] == pytest.approx(0)
    assert along[0] == pytest.approx(3 * np.cos(np.radians(20)))
    assert along[2] == pytest.approx(-3 * np.sin(np.radians(20)))  # towards the entrance on the side it leans to


def test_the_cell_fits_in_height_and_keeps_its_margin() -> None:
    turned = simulate.tilted(rod(), (15.0, 0.0))
    assert turned.cell.lengths()[:2] == pytest.approx([24, 20])
    z = turned.positions[:, 2]
    assert z.min() == pytest.approx(4)
    assert turned.cell.lengths()[2] - z.max() == pytest.approx(4)
    simulate.exit_waves(turned, sampling=0.2, phonons=None)


def test_a_tilted_beam_and_a_tilted_specimen_show_the_same() -> None:
    # a beam that leans by θ sees what a straight one sees of the specimen leaning the other way, but for where slices
    # begin: in the beam's frame what lies Δz before the exit face appears moved by +Δz·tanθ
    theta = 1.0  # degree
    straight_beam = simulate.exit_waves(simulate.tilted(rod(), (-theta, 0.0)), sampling=0.1, phonons=None)
    leaning_beam = simulate.exit_waves(
        rod(), sampling=0.1, phonons=None, tilts=[(1e3 * np.tan(np.radians(theta)), 0.0)]
    ).at("tilt", 0)
    wrong_way = simulate.exit_waves(simulate.tilted(rod(), (theta, 0.0)), sampling=0.1, phonons=None)

    def profile(waves: simulate.ExitWaves) -> np.ndarray:
        strength = (waves.array[0].abs().square() - 1).abs().sum(0).numpy()
        return strength / np.linalg.norm(strength)

    def likeness(one: simulate.ExitWaves, other: simulate.ExitWaves) -> float:
        # the largest over shifts: the frames differ by one
        spectrum = np.fft.rfft(profile(one)) * np.fft.rfft(profile(other)).conj()
        return float(np.fft.irfft(spectrum, one.array.shape[-1]).max())

    assert likeness(leaning_beam, straight_beam) > 0.95
    assert likeness(leaning_beam, wrong_way) < likeness(leaning_beam, straight_beam) - 0.03


def test_no_tilt_is_no_change() -> None:
    same = simulate.tilted(rod(), (0.0, 0.0))
    assert np.array_equal(same.positions, rod().positions)
    assert np.array_equal(same.numbers, rod().numbers)
    assert same.cell.lengths() == pytest.approx(rod().cell.lengths())


@pytest.mark.parametrize("bad", [(90.0, 0.0), (70.0, 70.0), (float("nan"), 0.0), (1.0,), 5.0])
def test_angles_that_are_none(bad: object) -> None:
    with pytest.raises(InvalidInput, match="two angles"):
        simulate.tilted(rod(), bad)  # type: ignore[arg-type]


def test_atoms_that_would_leave_the_cell() -> None:
    narrow = rod()
    narrow.set_cell([14, 12, 24])
    with pytest.raises(SceneError, match=r"atoms leave the cell in x or y by this tilt.*tilts="):
        simulate.tilted(narrow, (60.0, 0.0))


def test_ideal_positions_turn_along_and_an_untilted_record_is_left_out() -> None:
    atoms = rod()
    atoms.set_array("ideal", atoms.positions - [0.1, 0.0, 0.2])
    atoms.info["record"] = {"zones": {}}
    turned = simulate.tilted(atoms, (20.0, 0.0))
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    assert turned.positions - turned.arrays["ideal"] == pytest.approx(
        np.tile([0.1 * c + 0.2 * s, 0.0, 0.2 * c - 0.1 * s], (9, 1))
    )
    assert "record" not in turned.info
    assert "record" in atoms.info
    assert atoms.arrays["ideal"] == pytest.approx(atoms.positions - [0.1, 0.0, 0.2])
    assert "record" in simulate.tilted(atoms, (0.0, 0.0)).info


@pytest.mark.parametrize("form", ["rms", "tensors"])
def test_anisotropic_displacements_turn_along(form: str) -> None:
    # 0.2 Å along +z becomes 0.2 Å along where +z went
    atoms = rod()
    rms = np.tile([0.0, 0.0, 0.2], (len(atoms), 1))
    atoms.set_array("thermal_u", rms if form == "rms" else rms[:, :, None] ** 2 * np.eye(3))
    made = simulate.tilted(atoms, (20.0, 0.0)).arrays["thermal_u"]
    along = np.array([np.sin(np.radians(20)), 0.0, np.cos(np.radians(20))])
    assert made == pytest.approx(np.tile(0.04 * np.outer(along, along), (len(atoms), 1, 1)), abs=1e-12)
