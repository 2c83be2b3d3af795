import judges
import numpy as np
import pytest
from scipy.spatial import cKDTree

import construction_zone as cz
from construction_zone.errors import InvalidInput

OPEN = (False, False, False)


def atoms_of(zone):
    return zone.generator.fill(zone.volume, cell=(1.0, 1.0, 1.0), periodic=OPEN)


def bonds(atoms, reach):
    """Pairs of neighbours of the same element, and all pairs."""
    first, second = cKDTree(atoms.positions).query_pairs(reach, output_type="ndarray").T
    return int((atoms.numbers[first] == atoms.numbers[second]).sum()), len(first)


def test_zincblende_goes_on_with_its_sublattices_exchanged():
    crystal = cz.Crystal.zincblende("GaAs")
    zone = cz.prefabs.antiphase(crystal, plane=(1, 1, 0), radius=16, positions=[0])
    atoms, whole = atoms_of(zone), crystal.fill(cz.Ball(16), cell=(1, 1, 1), periodic=OPEN)
    # the same sites
    assert len(atoms) == len(whole)
    assert cKDTree(whole.positions).query(atoms.positions)[0].max() < 1e-9
    (defect,) = atoms.info["record"]["defects"]
    assert defect["kind"] == "antiphase boundary"
    # on one side the same elements as before, on the other the others
    elements = whole.numbers[cKDTree(whole.positions).query(atoms.positions)[1]]
    beyond = (atoms.positions - defect["point"]) @ np.array(defect["normal"]) > 0
    np.testing.assert_array_equal(elements[~beyond], atoms.numbers[~beyond])
    assert (elements[beyond] != atoms.numbers[beyond]).all()
    # and wrong bonds are at the boundary alone: one of the bonds of each atom next to it
    bond = crystal.lattice[0, 0] * np.sqrt(3) / 4
    wrong, _ = bonds(atoms, 1.2 * bond)
    assert 0 < wrong <= defect["atoms"] / 2
    assert bonds(whole, 1.2 * bond)[0] == 0


def test_an_ordered_alloy_has_wrong_neighbours_at_its_boundary_and_nowhere_else():
    """Cu₃Au: no two gold atoms are neighbours, nor are they across a conservative (100) boundary; in (111) they are."""
    crystal = cz.Crystal.prototype("L1_2", "Cu3Au")
    nearest = crystal.lattice[0, 0] / np.sqrt(2)

    def gold_pairs(plane, shift):
        zone = cz.prefabs.antiphase(crystal, plane=plane, radius=15, positions=[0], shift=shift)
        atoms = atoms_of(zone)
        gold = atoms.positions[atoms.numbers == 79]
        return len(cKDTree(gold).query_pairs(1.1 * nearest)), atoms

    assert gold_pairs((1, 0, 0), (0, 0.5, 0.5))[0] == 0
    pairs, atoms = gold_pairs((1, 1, 1), (0.5, -0.5, 0))
    assert pairs > 10
    assert judges.shortest(atoms.positions) == pytest.approx(nearest)


def test_boundaries_are_where_they_were_asked_for_and_in_the_record_if_they_are_there():
    zone = cz.prefabs.antiphase("L1_0 CuAu", plane=(0, 0, 1), volume=cz.Ball(20, center=(9, 8, 7)), positions=[-2, 3])
    atoms = atoms_of(zone)
    heights = [defect["point"][2] for defect in atoms.info["record"]["defects"]]
    c = cz.Crystal.named("L1_0 CuAu").lattice[2, 2]
    assert heights[1] - heights[0] == pytest.approx(5 * c)
    part = zone.generator.fill(zone.volume & cz.HalfSpace((0, 0, 1), (0, 0, 10)), cell=(1, 1, 1), periodic=OPEN)
    assert len(part.info["record"]["defects"]) == 1
    drawn = [atoms_of(cz.prefabs.antiphase("L1_0 CuAu", plane=(0, 0, 1), radius=16, count=2, seed=s)) for s in range(8)]
    assert all(len(a.info["record"]["defects"]) == 2 for a in drawn)
    assert len({a.info["record"]["defects"][0]["point"][2] for a in drawn}) > 2


@pytest.mark.parametrize(("material", "plane"), [("zincblende GaAs", (1, 1, 0)), ("L1_0 CuAu", (0, 0, 1))])
def test_beyond_the_second_boundary_everything_is_as_before(material, plane):
    crystal = cz.Crystal.named(material)
    atoms = atoms_of(cz.prefabs.antiphase(crystal, plane=plane, radius=16, positions=[-1, 2]))
    first, second = atoms.info["record"]["defects"]
    height = atoms.positions @ np.array(first["normal"])
    low, high = (np.dot(defect["point"], defect["normal"]) for defect in (first, second))
    whole = crystal.fill(cz.Ball(17), cell=(1, 1, 1), periodic=OPEN)
    same = whole.numbers[cKDTree(whole.positions).query(atoms.positions)[1]] == atoms.numbers
    middle = (height > low) & (height < high)
    assert same[~middle].all()
    assert not same[middle].any()


@pytest.mark.parametrize(
    ("crystal", "arguments", "message"),
    [
        ("fcc Au", {}, "no order"),
        ("L1_0 CuAu", {"shift": (1, 0, 0)}, "lattice vector"),
        ("L1_0 CuAu", {"shift": (0.3, 0, 0)}, "does not take the sites"),
        ("L1_0 CuAu", {"count": 99}, "99 boundaries do not fit"),
        ("L1_0 CuAu", {"positions": [1, 1]}, "twice"),
        ("L1_0 CuAu", {"positions": [50]}, "reach out of the volume"),
        ("L1_0 CuAu", {"positions": [0], "count": 1}, "one of the two"),
    ],
)
def test_impossible_boundaries_say_why(crystal, arguments, message):
    with pytest.raises(InvalidInput, match=message):
        cz.prefabs.antiphase(crystal, plane=(0, 0, 1), radius=15, **arguments)


# faults that cross


@pytest.mark.parametrize(("wedge", "angle"), [("acute", 70.53), ("obtuse", 109.47)])
def test_crossing_twins_are_two_twins_and_a_sigma_nine_boundary(wedge, angle):
    atoms = atoms_of(cz.prefabs.crossing_twins("fcc Au", radius=24, wedge=wedge))
    bond = cz.Crystal.fcc("Au").lattice[0, 0] / np.sqrt(2)
    defects = atoms.info["record"]["defects"]
    assert [defect["kind"] for defect in defects] == ["twin", "twin", "grain boundary"]
    normals = [np.array(defect["normal"]) for defect in defects]
    # outward normals of a wedge make the supplement of its angle
    assert np.degrees(np.arccos(normals[0] @ normals[1])) == pytest.approx(180 - angle, abs=0.01)
    kind, axis = judges.close_packed(atoms.positions, bond)
    for index in (0, 1):
        on = (atoms.arrays["defect"] == index) & (kind == judges.HEXAGONAL)
        assert on.sum() > 20
        np.testing.assert_allclose(np.abs(axis[on] @ normals[index]), 1, atol=1e-6)
    first, second = (np.array(atoms.info["record"]["grains"][i]["orientation"]) for i in (1, 2))
    turn = np.linalg.inv(first) @ second
    assert np.abs(9 * turn - np.rint(9 * turn)).max() < 1e-9
    assert judges.shortest(atoms.positions) >= 0.75 * bond
    # the whole is its own mirror image, but for the atoms that were too close at the boundary
    mirrored = atoms.positions - 2 * np.outer((atoms.positions - defects[2]["point"]) @ normals[2], normals[2])
    far = np.abs((atoms.positions - defects[2]["point"]) @ normals[2]) > 0.8 * bond
    inside = far & (np.linalg.norm(mirrored, axis=1) < 23)
    assert cKDTree(atoms.positions).query(mirrored[inside])[0].max() < 1e-6


@pytest.mark.parametrize("material", ["fcc Au", "zincblende CdSe"])
def test_crossing_faults_are_two_layers_of_hexagonal_atoms_each(material):
    atoms = atoms_of(cz.prefabs.crossing_faults(material, radius=24))
    a = cz.Crystal.named(material).lattice[0, 0]
    judge, bond = (
        (judges.close_packed, a / np.sqrt(2)) if "Au" in material else (judges.tetrahedral, a * np.sqrt(3) / 4)
    )
    kind, axis = judge(atoms.positions, bond)
    defects = atoms.info["record"]["defects"]
    assert [(defect["kind"], defect["sheets"]) for defect in defects] == [("intrinsic", 2)] * 3
    for index, defect in enumerate(defects):
        on = (atoms.arrays["defect"] == index) & (kind == judges.HEXAGONAL)
        assert on.sum() > 20
        np.testing.assert_allclose(np.abs(axis[on] @ defect["normal"]), 1, atol=1e-6)
    # no other hexagonal atoms
    assert (atoms.arrays["defect"][kind == judges.HEXAGONAL] >= 0).all()
    np.testing.assert_allclose(defects[1]["normal"], defects[2]["normal"], atol=1e-9)
    assert judges.shortest(atoms.positions) >= 0.75 * bond


def test_crossing_needs_the_right_lattice():
    with pytest.raises(InvalidInput, match="need an fcc crystal"):
        cz.prefabs.crossing_twins("diamond Si", radius=15)
    with pytest.raises(InvalidInput, match="close-packed"):
        cz.prefabs.crossing_faults("bcc Fe", radius=15)
    with pytest.raises(InvalidInput, match="'acute' or 'obtuse'"):
        cz.prefabs.crossing_twins("fcc Au", radius=15, wedge="right")
