import judges
import numpy as np
import pytest
from scipy.spatial import cKDTree

import construction_zone as cz
from construction_zone.build.generators.domains import Domain, Domains
from construction_zone.build.prefabs import coincidence
from construction_zone.build.prefabs.polycrystals import Texture
from construction_zone.build.transforms import random_rotation, translation
from construction_zone.errors import InvalidInput, SceneError

OPEN = (False, False, False)
GOLD = cz.Crystal.fcc("Au")
A = GOLD.lattice[0, 0]
BOND = A / np.sqrt(2)


def atoms_of(zone, cell=(1.0, 1.0, 1.0), periodic=OPEN, **kwargs):
    return zone.generator.fill(zone.volume, cell=cell, periodic=periodic, **kwargs)


# coincidence-site lattices


def test_sigmas_and_angles_are_those_of_the_tables():
    """Grimmer, Bollmann & Warrington, Acta Crystallogr. A30, 197 (1974), table 1: disorientations about low indices."""
    known = {
        (0, 0, 1): {5: 36.87, 13: 22.62, 17: 28.07, 25: 16.26, 29: 43.60},
        (1, 1, 0): {3: 70.53, 9: 38.94, 11: 50.48, 19: 26.53},
        (1, 1, 1): {3: 60.00, 7: 38.21, 13: 27.80, 19: 46.83, 21: 21.79},
    }
    for axis, angles in known.items():
        for sigma, angle in angles.items():
            assert coincidence.angle_of(sigma, axis) == pytest.approx(angle, abs=0.005)


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 1, 0), (1, 1, 1), (2, 1, 0), (3, 1, 1)])
def test_sigma_times_the_rotation_is_whole(axis):
    """Σ is the smallest number that makes the rotation matrix whole (Grimmer et al., as above)."""
    from scipy.spatial.transform import Rotation

    for sigma, angles in coincidence.rotations(axis, 15).items():
        for angle in angles[:2]:
            turn = Rotation.from_rotvec(np.radians(angle) * np.array(axis) / np.linalg.norm(axis)).as_matrix()
            assert np.abs(sigma * turn - np.rint(sigma * turn)).max() < 1e-6
            assert all(np.abs(s * turn - np.rint(s * turn)).max() > 1e-6 for s in range(1, sigma))


def test_a_sigma_that_does_not_exist_lists_those_that_do():
    with pytest.raises(InvalidInput, match=r"no Σ7 about \[0 0 1\]; there are Σ = 5 \(36.87°\), 13"):
        cz.prefabs.grain_boundary("fcc Au", radius=10, sigma=7)
    with pytest.raises(InvalidInput, match="odd"):
        cz.prefabs.grain_boundary("fcc Au", radius=10, sigma=4)
    with pytest.raises(InvalidInput, match="cubic crystals"):
        cz.prefabs.grain_boundary("hcp Co", radius=10, sigma=7)


# tilt and twist


def test_a_symmetric_tilt_boundary_is_a_mirror():
    """The mirror image of the part at x < 0 is that at x > 0, but for atoms near the plane, of which some went."""
    atoms = atoms_of(cz.prefabs.grain_boundary("fcc Au", radius=18, sigma=5))
    left = atoms.positions[atoms.positions[:, 0] < -1.5] * [-1, 1, 1]
    right = atoms.positions[atoms.positions[:, 0] > 1.5]
    assert len(left) == len(right)
    assert cKDTree(right).query(left)[0].max() < 1e-9
    # and the coinciding rows in the plane are there once
    on = atoms.positions[np.abs(atoms.positions[:, 0]) < 1e-6]
    assert len(on) > 5
    assert judges.shortest(on) > 1


def test_the_first_grain_is_turned_by_its_share():
    for share in (0.0, 0.5, 1.0):
        zone = cz.prefabs.grain_boundary("fcc Au", radius=12, angle=20.0, share=share)
        first, second = (np.array(g["orientation"]) for g in atoms_of(zone).info["record"]["grains"])
        between = first @ second.T
        assert np.degrees(np.arctan2(between[1, 0], between[0, 0])) == pytest.approx(20)
        assert abs(first[:, 2] @ [0, 0, 1]) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["tilt", "twist"])
def test_grains_keep_apart_and_the_record_says_so(kind):
    zone = cz.prefabs.grain_boundary("fcc Au", radius=20, angle=17.0, axis=(1, 1, 0), kind=kind, overlap=0.8)
    atoms = atoms_of(zone)
    assert judges.shortest(atoms.positions) >= 0.8 * BOND
    (defect,) = atoms.info["record"]["defects"]
    assert defect["normal"] == [1, 0, 0]
    assert defect["disorientation"] == pytest.approx(17)
    assert defect["type"] == kind
    wide = atoms_of(cz.prefabs.grain_boundary("fcc Au", radius=20, angle=17.0, axis=(1, 1, 0), kind=kind, overlap=0))
    assert len(wide) - len(atoms) == atoms.info["record"]["removed"] > 0
    assert set(atoms.arrays["grain"].tolist()) == {0, 1}
    assert (atoms.arrays["grain"] == (atoms.positions[:, 0] > 1e-5)).all()


def test_the_shift_moves_the_second_grain_as_a_whole():
    still = atoms_of(cz.prefabs.grain_boundary("fcc Au", radius=20, angle=15, overlap=0))
    moved = atoms_of(cz.prefabs.grain_boundary("fcc Au", radius=20, angle=15, overlap=0, shift=(0, 0.7, 0.4)))
    first = [a.positions[a.arrays["grain"] == 0] for a in (still, moved)]
    np.testing.assert_array_equal(*first)
    inner = still.positions[(still.arrays["grain"] == 1) & (np.linalg.norm(still.positions, axis=1) < 18)]
    assert cKDTree(moved.positions).query(inner + np.array([0, 0.7, 0.4]))[0].max() < 1e-9


def test_a_boundary_of_the_whole_turn_is_none():
    atoms = atoms_of(cz.prefabs.grain_boundary("fcc Au", radius=14, angle=90))
    assert atoms.info["record"]["defects"] == []
    assert judges.shortest(atoms.positions) == pytest.approx(BOND)


def test_the_coherent_twin_is_the_sigma_three_boundary():
    atoms = atoms_of(cz.prefabs.grain_boundary("fcc Au", radius=16, sigma=3, axis=(1, 1, 0), plane=(1, -1, 0)))
    kind, axis = judges.close_packed(atoms.positions, BOND)
    hexagonal = kind == judges.HEXAGONAL
    # 35.26° about [110] to either side of (1-10) are {111}
    assert hexagonal.sum() > 30
    np.testing.assert_allclose(np.abs(axis[hexagonal] @ [1, 0, 0]), 1, atol=1e-6)
    assert np.ptp(atoms.positions[hexagonal, 0]) < 1e-6


def test_attached_particles_are_one_crystal_unless_turned():
    one = atoms_of(cz.prefabs.attached("fcc Au", radii=(14, 18), neck=9))
    assert judges.shortest(one.positions) == pytest.approx(BOND)
    assert one.info["record"]["defects"] == []
    volume = cz.prefabs.attached("fcc Au", radii=(14, 18), neck=9).volume
    assert volume.contains([(0, 8.9, 0), (0, 0, -8.9), (0, 9.1, 0), (0, 0, -9.1)]).tolist() == [
        True,
        True,
        False,
        False,
    ]
    neck = one.positions[np.abs(one.positions[:, 0]) < A / np.sqrt(3)]
    assert np.hypot(neck[:, 1], neck[:, 2]).max() < 9 + A
    assert (one.positions[:, 0] < 0).sum() > 400
    assert (one.positions[:, 0] > 0).sum() > 800
    turned = atoms_of(cz.prefabs.attached("fcc Au", radii=(14, 18), neck=9, twist=12, tilt=3))
    (defect,) = turned.info["record"]["defects"]
    assert defect["disorientation"] == pytest.approx(12.4, abs=0.2)
    # a twist of 60° about [111] is a twin
    twin = atoms_of(cz.prefabs.attached("fcc Au", radii=(14, 18), neck=9, twist=60))
    assert twin.info["record"]["defects"][0]["disorientation"] == pytest.approx(60)


def test_faceted_particles_are_attached_by_their_ends():
    cubes = (cz.Block((20, 20, 20), center=(50, 3, 1)), cz.Block((12, 12, 12)))
    zone = cz.prefabs.attached("fcc Au", volumes=cubes, facet=(1, 0, 0), neck=5, twist=10)
    low, high = zone.volume.bounds
    np.testing.assert_allclose([low[0], high[0]], [-20, 12])
    np.testing.assert_allclose(high[1:], [10, 10])
    assert len(atoms_of(zone).info["record"]["defects"]) == 1
    with pytest.raises(InvalidInput, match="thinner neck"):
        cz.prefabs.attached("fcc Au", radii=(10, 5), neck=6)


# polycrystals


def test_each_atom_is_in_the_grain_of_the_nearest_seed():
    seeds = np.random.default_rng(3).uniform(-25, 25, size=(12, 3))
    atoms = atoms_of(cz.prefabs.polycrystal("fcc Au", radius=28, seeds=seeds))
    nearest = cKDTree(seeds).query(atoms.positions)[1]
    np.testing.assert_array_equal(atoms.arrays["grain"], nearest)
    assert judges.shortest(atoms.positions) >= 0.75 * BOND
    density = (len(atoms) + atoms.info["record"]["removed"]) / (4 / 3 * np.pi * 28**3)
    assert density == pytest.approx(4 / A**3, rel=0.01)


def test_grains_are_crystals_in_the_orientations_of_the_record():
    atoms = atoms_of(cz.prefabs.polycrystal("fcc Au", radius=22, grains=4, seed=7))
    for grain in atoms.info["record"]["grains"]:
        points = atoms.positions[atoms.arrays["grain"] == grain["grain"]]
        assert len(points) == grain["atoms"]
        lattice = A / 2 * (1 - np.eye(3)) @ np.array(grain["orientation"]).T
        steps = (points - points[0]) @ np.linalg.inv(lattice)
        assert np.abs(steps - np.rint(steps)).max() < 1e-6


def test_periodic_grains_go_on_across_the_seam():
    cell = (45.0, 40.0, 30.0)
    zone = cz.prefabs.polycrystal("fcc Au", volume=cz.Slab.between(0, 30), grains=5, cell=cell, seed=2)
    scene = cz.Scene([zone], cell)
    atoms = scene.atoms()
    tree = cKDTree(np.mod(atoms.positions, [45, 40, 1e9]), boxsize=[45, 40, 0])
    assert tree.query(tree.data, k=2)[0][:, 1].min() >= 0.75 * BOND
    # as many neighbours at the seam as elsewhere
    neighbours = tree.query_ball_point(tree.data, 1.2 * BOND, return_length=True) - 1
    inside = (tree.data[:, 2] > 5) & (tree.data[:, 2] < 25)
    seam = inside & ((tree.data[:, 0] < 1.5) | (tree.data[:, 0] > 43.5))
    assert neighbours[seam].mean() == pytest.approx(neighbours[inside].mean(), abs=0.5)


def test_periodic_grains_fit_no_other_cell():
    zone = cz.prefabs.polycrystal("fcc Au", volume=cz.Slab.between(0, 20), grains=3, cell=(40, 40, 20))
    with pytest.raises(SceneError, match="seams 40 Å apart along x, where the cell is 50 Å"):
        cz.Scene([zone], (50, 40, 20)).atoms()
    with pytest.raises(InvalidInput, match="cannot be turned"):
        zone.moved(random_rotation(np.random.default_rng(0)))
    whole = cz.Scene([zone], (40, 40, 20)).atoms()
    shifted = cz.Scene([zone.shifted((11, -7, 0))], (40, 40, 20)).atoms()
    assert len(whole) == len(shifted)


def test_textured_grains_share_an_axis():
    zone = cz.prefabs.polycrystal("fcc Au", radius=20, grains=6, texture="111", along=(0, 1, 0))
    turns = [np.array(g["orientation"]) for g in atoms_of(zone).info["record"]["grains"]]
    for turn in turns:
        np.testing.assert_allclose(turn @ np.ones(3) / np.sqrt(3), [0, 1, 0], atol=1e-9)
    spins = {round(float((turn @ [1, -1, 0])[0]), 3) for turn in turns}
    assert len(spins) == 6
    assert Texture("1 -1 0") == Texture((1, -1, 0))
    spread = Texture("001", spread=5.0)
    tilts = [
        np.degrees(np.arccos(np.clip(spread.drawn(GOLD, np.random.default_rng(k)).matrix[2, 2], -1, 1)))
        for k in range(400)
    ]
    assert np.sqrt(np.mean(np.square(tilts))) == pytest.approx(5, rel=0.1)


def test_a_grain_does_not_depend_on_how_many_follow():
    few = cz.prefabs.polycrystal("fcc Au", radius=20, grains=3, seed=4)
    many = cz.prefabs.polycrystal("fcc Au", radius=20, grains=6, seed=4)
    for one, other in zip(few.generator.generator.domains, many.generator.generator.domains, strict=False):
        assert one.crystal.pose == other.crystal.pose
    again = cz.prefabs.polycrystal("fcc Au", radius=20, grains=6, seed=4)
    assert atoms_of(many).positions.tobytes() == atoms_of(again).positions.tobytes()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cz.prefabs.polycrystal("fcc Au", radius=10), "grains= .*seeds="),
        (lambda: cz.prefabs.polycrystal("fcc Au", radius=10, grains=0), "grains is 0"),
        (lambda: cz.prefabs.polycrystal("fcc Au", radius=10, grains=2, texture=(0, 0, 0)), "uvw is the zero vector"),
        (lambda: cz.prefabs.polycrystal("fcc Au", radius=10, seeds=[(0, 0, 0), (0, 0, 0)]), "two seeds"),
        (lambda: cz.prefabs.grain_boundary("fcc Au", radius=10), "angle= .*sigma="),
        (lambda: cz.prefabs.grain_boundary("fcc Au", radius=10, angle=5, plane=(1, 1, 1)), "does not hold the axis"),
        (lambda: cz.prefabs.grain_boundary("fcc Au", radius=10, angle=5, share=2), "share"),
        (lambda: cz.prefabs.grain_boundary("fcc Au", angle=5), "radius="),
    ],
)
def test_impossible_boundaries_say_why(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


# domains


def test_an_atom_on_a_face_is_held_once_by_the_first_domain():
    up, down = np.array([[0, 0, 1.0]]), np.array([[0, 0, -1.0]])
    block = cz.Block((4 * A + 0.1,) * 3)
    for first, second in ((up, down), (down, up)):
        both = Domains([Domain(GOLD, first, np.zeros(1)), Domain(GOLD, second, np.zeros(1))])
        atoms = both.fill(block, cell=(1, 1, 1), periodic=OPEN)
        whole = GOLD.fill(block, cell=(1, 1, 1), periodic=OPEN)
        assert len(atoms) == len(whole)
        assert cKDTree(whole.positions).query(atoms.positions)[0].max() < 1e-9
        on = np.abs(atoms.positions[:, 2]) < 1e-9
        assert set(atoms.arrays["grain"][on].tolist()) == {0}


def test_eight_domains_that_meet_in_a_point_are_the_crystal():
    rng = np.random.default_rng(0)
    turn = random_rotation(rng)
    octants = [
        Domain(GOLD, -np.diag(signs), np.zeros(3))
        for signs in np.array(np.meshgrid(*[(1.0, -1.0)] * 3)).reshape(3, 8).T
    ]
    there = translation((3, 2, 1)) @ turn
    atoms = Domains(octants).moved(there).fill(cz.Ball(17).moved(there), cell=(1, 1, 1), periodic=OPEN)
    whole = GOLD.moved(there).fill(cz.Ball(17).moved(there), cell=(1, 1, 1), periodic=OPEN)
    assert len(atoms) == len(whole)
    assert cKDTree(whole.positions).query(atoms.positions)[0].max() < 1e-9
    assert {grain["grain"] for grain in atoms.info["record"]["grains"]} == set(range(8))


def test_domains_of_different_crystals_keep_their_phases():
    silver = cz.Crystal.fcc("Ag")
    up, down = np.array([[0, 0, 1.0]]), np.array([[0, 0, -1.0]])
    both = Domains([Domain(GOLD, up, np.zeros(1)), Domain(silver, down, np.zeros(1))])
    atoms = both.fill(cz.Ball(10), cell=(1, 1, 1), periodic=OPEN)
    assert atoms.info["phases"] == ["fcc Au", "fcc Ag"]
    np.testing.assert_array_equal(atoms.arrays["phase"] == 1, atoms.numbers == 47)


def test_domains_refuse_what_they_cannot_be():
    with pytest.raises(InvalidInput, match="normals"):
        Domain(GOLD, np.zeros((1, 3)), np.zeros(1))
    with pytest.raises(InvalidInput, match="levels"):
        Domain(GOLD, np.eye(3), np.zeros(2))
    with pytest.raises(InvalidInput, match="at least one Domain"):
        Domains([])
