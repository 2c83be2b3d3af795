from collections import Counter

import judges
import numpy as np
import pytest

import construction_zone as cz
from construction_zone.build.prefabs.room import Room
from construction_zone.build.prefabs.stacking import CUBIC_FAULTS, Stacking
from construction_zone.build.transforms import Affine, rotation
from construction_zone.errors import InvalidInput

OPEN = (False, False, False)
CUBIC = ("fcc Au", "diamond Si", "zincblende CdSe")
HEXAGONAL = ("hcp Co", "wurtzite CdSe")


def atoms_of(zone, **kwargs):
    return zone.generator.fill(zone.volume, cell=(1.0, 1.0, 1.0), periodic=OPEN, **kwargs)


def bond(material):
    crystal = cz.Crystal.named(material)
    points = np.concatenate([crystal.positions + shift @ crystal.lattice for shift in np.ndindex(2, 2, 2)])
    return judges.shortest(points)


def judged(atoms, material):
    tetrahedral = material.split()[0] in ("diamond", "zincblende", "wurtzite")
    return (judges.tetrahedral if tetrahedral else judges.close_packed)(atoms.positions, bond(material))


FAULTS = [(m, k, s) for m in CUBIC for k, s in (("twin", (0,)), ("intrinsic", (0, 1)), ("extrinsic", (0, 2)))]
FAULTS += [(m, k, s) for m in HEXAGONAL for k, s in (("I1", (0,)), ("I2", (0, 1)), ("E", (0, 1, 2)))]


@pytest.mark.parametrize(("material", "kind", "sheets"), FAULTS)
def test_each_fault_has_the_layers_of_the_literature(material, kind, sheets):
    zone = cz.prefabs.faulted(material, radius=16, defects=[(kind, 0)])
    atoms = atoms_of(zone)
    normal = np.array([0, 0, 1.0]) if material in HEXAGONAL else np.ones(3) / np.sqrt(3)
    edge = cz.Crystal.named(material).lattice[2, 2]
    spacing = edge / 2 if material in HEXAGONAL else edge / np.sqrt(3)
    # count from the sheet through the middle of the bond, whatever that is: only differences matter
    record = atoms.info["record"]["defects"]
    assert [defect["kind"] for defect in record] == [kind]
    kinds, _ = judged(atoms, material)
    foreign = kinds == (judges.HEXAGONAL if material in CUBIC else judges.CUBIC)
    heights, _ = judges.levels(atoms.positions[foreign], normal, spacing / 2)
    if material.split()[0] not in ("fcc", "hcp"):  # a sheet has two levels
        heights = (heights[::2] + heights[1::2]) / 2
    assert tuple(np.rint((heights - heights[0]) / spacing).astype(int).tolist()) == sheets
    assert record[0]["point"] @ normal == pytest.approx(heights.mean(), abs=1e-6)
    assert np.array(record[0]["normal"]) @ normal == pytest.approx(1)
    # what atoms say is what the judge finds where it can tell
    known = kinds > 0
    np.testing.assert_array_equal(atoms.arrays["layer"][known], kinds[known])
    assert judges.shortest(atoms.positions) == pytest.approx(bond(material), rel=0.01)


@pytest.mark.parametrize("material", ["diamond Si", "zincblende CdSe", "wurtzite CdSe"])
def test_tetrahedral_crystals_keep_their_bonds_across_every_fault(material):
    kinds = ("I1", "I2", "E") if "wurtzite" in material else ("twin", "intrinsic", "extrinsic")
    for kind in kinds:
        atoms = atoms_of(cz.prefabs.faulted(material, radius=18, defects=[(kind, 0)]))
        inside = np.linalg.norm(atoms.positions, axis=1) < 18 - bond(material) - 0.1
        assert set(judges.coordination(atoms.positions, bond(material))[inside].tolist()) == {4}
        if "CdSe" in material:  # and every bond is of a cation with an anion
            close = np.linalg.norm(atoms.positions[:, None] - atoms.positions, axis=2) < 1.2 * bond(material)
            same = atoms.numbers[:, None] == atoms.numbers
            assert not (close & same & ~np.eye(len(atoms), dtype=bool)).any()


def test_a_twin_of_gold_is_a_mirror_image():
    atoms = atoms_of(cz.prefabs.twinned("fcc Au", radius=14, positions=[0]))
    normal = np.ones(3) / np.sqrt(3)
    mirrored = atoms.positions - 2 * np.outer(atoms.positions @ normal, normal)
    distance = np.linalg.norm(mirrored[:, None] - atoms.positions, axis=2).min(axis=1)
    assert distance.max() < 1e-9


def test_the_twin_of_zincblende_keeps_its_polarity():
    atoms = atoms_of(cz.prefabs.twinned("zincblende GaAs", radius=14, positions=[0]))
    normal = np.ones(3) / np.sqrt(3)
    gallium = atoms.numbers == 31
    vectors = atoms.positions[~gallium] - atoms.positions[gallium][:, None]
    bonds = vectors[np.linalg.norm(vectors, axis=2) < 2.6]
    along = bonds @ normal / np.linalg.norm(bonds, axis=1)
    # the vertical bonds point from Ga to As on both sides
    assert (along > 0.9).any()
    assert not (along < -0.9).any()


def test_the_intrinsic_fault_is_the_shift_of_the_literature():
    """Above the cut everything is shifted by a/6[11-2] (Hirth & Lothe), below it nothing is."""
    a = cz.Crystal.fcc("Au").lattice[0, 0]
    crystal, normal = cz.Crystal.fcc("Au"), np.ones(3) / np.sqrt(3)
    zone = cz.prefabs.faulted(crystal, radius=14, defects=[("intrinsic", 0)])
    height = zone.generator.domains.domains[0].levels[0]
    atoms = atoms_of(zone)
    above = atoms.positions @ normal > height
    for part, shift in ((~above, np.zeros(3)), (above, a / 6 * np.array([1, 1, -2]))):
        fractional = 2 * (atoms.positions[part] - shift) / a
        whole = np.rint(fractional).astype(int)
        assert np.abs(fractional - whole).max() < 1e-9
        assert not (whole.sum(axis=1) % 2).any()


def test_lamellae_of_several_twins_turn_the_crystal_back_and_forth():
    atoms = atoms_of(cz.prefabs.twinned("fcc Au", radius=20, positions=[-4, 0, 4]))
    grains = atoms.info["record"]["grains"]
    turns = [np.array(grain["orientation"]) for grain in grains]
    assert [grain["grain"] for grain in grains] == [0, 1, 2, 3]
    np.testing.assert_allclose(turns[0], turns[2], atol=1e-12)
    np.testing.assert_allclose(turns[1], turns[3], atol=1e-12)
    assert np.trace(turns[0].T @ turns[1]) == pytest.approx(-1)  # 180°
    assert [defect["sheet"] for defect in atoms.info["record"]["defects"]] == [-4, 0, 4]


@pytest.mark.parametrize("centre", [(0, 0, 0), (40, -25, 13.3)])
def test_sheets_are_counted_from_the_middle_of_the_volume(centre):
    atoms = atoms_of(cz.prefabs.twinned("fcc Au", volume=cz.Ball(12, center=centre), positions=[0]))
    (defect,) = atoms.info["record"]["defects"]
    normal = np.array(defect["normal"])
    spacing = cz.Crystal.fcc("Au").lattice[0, 0] / np.sqrt(3)
    assert abs((np.array(defect["point"]) - centre) @ normal) <= spacing / 2 + 1e-9
    assert np.linalg.norm(np.array(defect["point"]) - centre) < 4


def test_the_record_moves_with_the_particle():
    zone = cz.prefabs.faulted("fcc Au", radius=15, defects=[("twin", -1), ("intrinsic", 3)])
    turn = rotation((1, 2, 3), 40.0, origin=(5, 0, 0))
    still, moved = atoms_of(zone), atoms_of(zone.moved(turn))
    assert len(still) == len(moved)
    np.testing.assert_array_equal(still.arrays["defect"].sum(), moved.arrays["defect"].sum())
    for one, other in zip(still.info["record"]["defects"], moved.info["record"]["defects"], strict=True):
        np.testing.assert_allclose(turn.apply_direction(one["normal"]), other["normal"], atol=1e-9)
        np.testing.assert_allclose(turn.apply(one["point"]), other["point"], atol=1e-6)
        assert one["kind"] == other["kind"]


def test_a_defect_that_did_not_end_up_in_the_particle_is_not_in_the_record():
    zone = cz.prefabs.twinned("fcc Au", radius=20, positions=[-3, 4])
    half = zone.volume & cz.HalfSpace((-1, -1, -1), (0, 0, 0))
    atoms = zone.generator.fill(half, cell=(1.0, 1.0, 1.0), periodic=OPEN)
    assert [defect["sheet"] for defect in atoms.info["record"]["defects"]] == [4]
    assert set(atoms.arrays["defect"].tolist()) == {-1, 0}


def test_a_fault_of_which_the_surface_leaves_half_is_what_is_left():
    """ABCB: with one sheet above the cut an intrinsic fault is a twin."""
    zone = cz.prefabs.faulted("fcc Au", radius=20, defects=[("intrinsic", 0)])
    stack = zone.generator.marks[0].stack
    half = zone.volume & cz.HalfSpace(stack.normal, stack.cut(1) * stack.normal)
    atoms = zone.generator.fill(half, cell=(1.0, 1.0, 1.0), periodic=OPEN)
    assert [(d["kind"], d["sheet"], d["sheets"]) for d in atoms.info["record"]["defects"]] == [("twin", 0, 1)]


def test_random_defects_keep_their_distance_and_all_arrangements_are_equally_likely():
    """Two twins at least four sheets apart in the seven sheets −3 … 3: six arrangements."""
    room = Room.of(Stacking.of(cz.Crystal.fcc("Au"), (1, 1, 1)), cz.Ball(13))
    rng = np.random.default_rng(1)
    drawn = [tuple(s for _, s in room.drawn(2, ["twin"], CUBIC_FAULTS, 4, 2, rng)) for _ in range(1200)]
    counts = Counter(drawn)
    assert set(counts) == {(-3, 1), (-3, 2), (-3, 3), (-2, 2), (-2, 3), (-1, 3)}
    assert min(counts.values()) > 150  # 200 expected, σ = 13


def test_as_many_as_fit_fit_and_one_more_is_an_error():
    volume = cz.Block((30, 30, 30))
    crystal = cz.Crystal.fcc("Au").with_plane((1, 1, 1))
    most = cz.prefabs.twinned(crystal, volume=volume, count=3)
    assert len(atoms_of(most).info["record"]["defects"]) == 3
    with pytest.raises(InvalidInput, match=r"4 defects .* do not fit: the volume holds 13 sheets"):
        cz.prefabs.twinned(crystal, volume=volume, count=4)


def test_random_planes_are_variants_of_the_family():
    zones = [cz.prefabs.twinned("fcc Au", radius=12, plane="random", seed=seed) for seed in range(12)]
    planes = {tuple(zone.generator.marks[0].hkl) for zone in zones}
    assert {tuple(np.abs(plane).tolist()) for plane in planes} == {(1, 1, 1)}
    assert len(planes) > 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crystal": "bcc Fe", "count": 1}, "no stack of close-packed sheets"),
        ({"crystal": "rocksalt PbS", "count": 1}, "no stack of close-packed sheets"),
        ({"crystal": "fcc Au", "count": 1, "plane": (1, 0, 0)}, "no stack of close-packed sheets"),
        ({"crystal": "fcc Au", "count": 1, "kinds": ["I1"]}, "no fault 'I1'.*twin, intrinsic, extrinsic"),
        ({"crystal": "hcp Co", "count": 1, "kinds": ["twin"]}, "no fault 'twin'.*I1, I2, E"),
        ({"crystal": "fcc Au", "count": 99}, "do not fit"),
        ({"crystal": "fcc Au", "defects": [("twin", 50)]}, "no atoms on both sides"),
        ({"crystal": "fcc Au", "defects": [("twin", 0), ("twin", 2)]}, "so close"),
        ({"crystal": "fcc Au", "defects": [("twin", 0), ("twin", 0)]}, "so close"),
        ({"crystal": "fcc Au", "count": 1, "spacing": 1}, "spacing"),
        ({"crystal": "fcc Au", "count": -1}, "count"),
        ({"crystal": "fcc Au"}, "defects=.*count="),
    ],
)
def test_impossible_asks_say_why(arguments, message):
    crystal = arguments.pop("crystal")
    with pytest.raises(InvalidInput, match=message):
        cz.prefabs.faulted(crystal, radius=15, **arguments)


def test_same_seed_same_bytes_and_alone_as_in_the_batch():
    def made(seed):
        return atoms_of(cz.prefabs.twinned("fcc Au", radius=15, count=2, plane="random", seed=seed))

    batch = [made(seed) for seed in range(5)]
    again = made(3)
    assert again.positions.tobytes() == batch[3].positions.tobytes()
    assert again.info["record"] == batch[3].info["record"]
    assert batch[2].info["record"] != batch[3].info["record"]


def test_alloys_keep_their_composition_on_both_sides():
    alloy = cz.Crystal.fcc("Au").with_occupancy({"Au": {"Au": 0.5, "Cu": 0.5}})
    atoms = atoms_of(cz.prefabs.twinned(alloy, radius=22, positions=[0]), seed=5)
    for grain in (0, 1):
        share = (atoms.numbers[atoms.arrays["grain"] == grain] == 29).mean()
        assert 0.44 < share < 0.56


def test_the_stack_of_gold():
    a = cz.Crystal.fcc("Au").lattice[0, 0]
    stack = Stacking.of(cz.Crystal.fcc("Au"), (1, 1, 1))
    assert stack.cubic
    assert stack.spacing == pytest.approx(a / np.sqrt(3))
    assert stack.unit == pytest.approx(a / np.sqrt(2))
    # a/6[11-2] or one of its mates, 120° away
    assert any(np.allclose(stack.step, a / 6 * np.roll([1, 1, -2], i), atol=1e-9) for i in range(3))


def test_pairs_of_zincblende_are_joined_by_the_vertical_bond():
    a = cz.Crystal.zincblende("GaAs").lattice[0, 0]
    for plane in ((1, 1, 1), (-1, 1, 1), (1, -1, -1)):
        stack = Stacking.of(cz.Crystal.zincblende("GaAs"), plane)
        assert stack.thickness == pytest.approx(a * np.sqrt(3) / 4)
        # the cut lies in the gap of the glide set, a√3/12 wide
        assert stack.cut(0) - stack.bottom - stack.thickness == pytest.approx(a * np.sqrt(3) / 24)


@pytest.mark.parametrize(("material", "thin", "thick"), [("fcc Au", 2.5, 3.0), ("zincblende CdSe", 3.5, 4.5)])
def test_a_twin_that_no_atom_shows_is_not_in_the_record(material, thin, thick):
    """In a needle along the normal, about a row of units: only with all six neighbours in the sheet is there a twin."""
    for radius, kinds in ((thin, []), (thick, ["twin"])):
        needle = cz.Cylinder(radius, 40, axis=(1, 1, 1))
        atoms = atoms_of(cz.prefabs.twinned(material, volume=needle, positions=[0]))
        assert [defect["kind"] for defect in atoms.info["record"]["defects"]] == kinds
        kind, _ = judged(atoms, material)
        assert (kind == judges.HEXAGONAL).any() == bool(kinds)


def test_faults_are_found_in_a_particle_that_was_stretched():
    zone = cz.prefabs.faulted("fcc Au", radius=16, defects=[("twin", -2), ("intrinsic", 2)])
    stretch = Affine(np.diag([1.04, 0.98, 1.01]), (3.0, -2.0, 9.0)) @ rotation((1, 0, 2), 30)
    still, moved = atoms_of(zone), atoms_of(zone.moved(stretch))
    np.testing.assert_allclose(moved.positions, stretch.apply(still.positions), atol=1e-9)
    np.testing.assert_array_equal(moved.arrays["defect"], still.arrays["defect"])
    for one, other in zip(still.info["record"]["defects"], moved.info["record"]["defects"], strict=True):
        assert (stretch.apply(one["point"]) - other["point"]) @ other["normal"] == pytest.approx(0, abs=1e-9)
        # the normal stays at right angles to what lies in the plane
        across = np.linalg.svd(np.array([one["normal"]]))[2][1:]
        np.testing.assert_allclose(stretch.apply_direction(across) @ other["normal"], 0, atol=1e-9)


def test_twins_go_into_the_shape_of_another_particle():
    particle = cz.prefabs.wulff("fcc Au", energies={(1, 1, 1): 1.0, (1, 0, 0): 1.2}, diameter=36)
    atoms = atoms_of(cz.prefabs.twinned("fcc Au", volume=particle, count=1, seed=3))
    assert len(atoms.info["record"]["defects"]) == 1
    assert len(atoms) == pytest.approx(len(atoms_of(particle)), rel=0.05)
    with pytest.raises(InvalidInput, match="give a volume such as"):
        cz.prefabs.twinned("fcc Au", volume="ball")
