"""Lines of dislocations where they were put."""

from __future__ import annotations

import numpy as np
import pytest
from label_scenes import PIXEL, SHAPE, alone, ball, upright

import construction_zone as cz
from construction_zone.build import prefabs, variant
from construction_zone.image.distortions import Distortion
from construction_zone.label.dislocations import dislocation_lines
from construction_zone.label.masks import EDGE
from construction_zone.label.warp import distorted_rows


def iron(line: tuple[int, int, int], at: tuple[float, float, float] = (24, 24, 24)) -> cz.Zone:
    """Iron with [001] along the beam and an edge dislocation along `line`."""
    crystal = cz.Crystal.bcc("Fe").with_zone_axis((0, 0, 1))
    return prefabs.dislocated(crystal, radius=15, burgers=(1, 0, 0), line=line).shifted(at)


def test_a_line_along_the_beam_is_a_point() -> None:
    atoms = alone(iron((0, 0, 1)))
    (row,) = dislocation_lines(atoms)
    told = atoms.info["record"]["zones"]["dislocated"]["fill"]["dislocations"][0]
    assert (row["zone"], row["kind"], row["character"]) == ("dislocated", "line", "edge")
    assert row["inclination"] == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(row["path"], [told["point"][:2]] * 2, atol=1e-6)
    assert np.linalg.norm(row["burgers"]) == pytest.approx(cz.Crystal.bcc("Fe").lattice[0, 0])


def test_a_line_across_the_beam_goes_through_the_particle() -> None:
    atoms = alone(iron((0, 1, 0)))
    (row,) = dislocation_lines(atoms)
    assert row["inclination"] == pytest.approx(90)
    (x0, y0), (x1, y1) = row["path"]
    assert x0 == pytest.approx(x1, abs=1e-6)
    assert abs(y1 - y0) == pytest.approx(30 + 2 * EDGE, abs=4)
    assert (y0 + y1) / 2 == pytest.approx(24, abs=1.5)


def test_a_particle_that_the_seam_cuts_has_a_whole_line() -> None:
    inside, across = (dislocation_lines(alone(iron((0, 1, 0), at)))[0]["path"] for at in ((24, 24, 24), (24, 47, 24)))
    np.testing.assert_allclose(np.array(across) - inside, [[0, 23]] * 2, atol=1e-6)


def test_a_loop_is_the_ring_of_its_corners() -> None:
    """A loop in (111), which is edge-on along [1-10]: the ring is a line in projection."""
    edge_on = prefabs.dislocation_loop(upright(), radius=18, loop_radius=8, burgers=(0.5, -0.5, 0), plane="111")
    atoms = alone(edge_on.shifted((24, 24, 24)))
    (row,) = dislocation_lines(atoms)
    told = atoms.info["record"]["zones"]["dislocation_loop"]["fill"]["dislocations"][0]
    assert (row["kind"], row["character"]) == ("loop", told["character"])
    path = np.array(row["path"])
    np.testing.assert_allclose(path, np.array(told["corners"])[:, :2])
    assert row["inclination"] == pytest.approx(0, abs=1e-4)
    assert np.ptp(path[:, 1]) < 1e-6 < 14 < np.ptp(path[:, 0]) < 17


def test_there_are_none_where_none_were_made() -> None:
    assert dislocation_lines(alone(ball(cz.Crystal.fcc("Au"), 8))) == []
    zones = [iron((0, 0, 1)), prefabs.cube("fcc Au", edge=8).shifted((6, 6, 24))]
    atoms = cz.Scene(zones, cell=(48, 48, 48)).atoms(seed=0)
    assert len(dislocation_lines(atoms)) == 1
    assert dislocation_lines(variant(atoms, only=["cube"])) == []


def test_paths_move_with_the_image() -> None:
    rows = dislocation_lines(alone(iron((0, 1, 0))))
    (moved,) = distorted_rows(rows, Distortion(shear=0.1), SHAPE, PIXEL, periodic=(True, True))
    wanted = [[x + 0.1 * (y - 24), y] for x, y in rows[0]["path"]]
    np.testing.assert_allclose(moved["path"], wanted)
