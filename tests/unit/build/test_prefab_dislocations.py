from itertools import pairwise

import judges
import numpy as np
import pytest
from scipy.spatial import cKDTree

import construction_zone as cz
from construction_zone.build.modifiers import Dislocation
from construction_zone.build.transforms import random_rotation, translation
from construction_zone.errors import InvalidInput

OPEN = (False, False, False)
GOLD = cz.Crystal.fcc("Au")
A = GOLD.lattice[0, 0]
BOND = A / np.sqrt(2)

CHARACTERS = {"edge": (1, -1, 2), "screw": (1, 1, 0), "mixed": (1, 0, 1)}
"""Lines of dislocations with the Burgers vector a/2[110]."""


def atoms_of(zone):
    return zone.generator.fill(zone.volume, cell=(1.0, 1.0, 1.0), periodic=OPEN)


def gold(character, **kwargs):
    return cz.prefabs.dislocated("fcc Au", burgers=(0.5, 0.5, 0), line=CHARACTERS[character], **kwargs)


def circuit(points, axes, centre, half):
    """What is missing at the end of a right-handed square circuit about the line, walked along lattice vectors.

    The steps between neighbours are rounded to those of the perfect crystal, whose sum does not close about a line.
    """
    local = (points - centre) @ axes.T
    tree = cKDTree(points)
    corners = np.array([[half, -half], [half, half], [-half, half], [-half, -half], [half, -half]])
    perfect = (GOLD.positions[None] + np.array(list(np.ndindex(3, 3, 3)))[:, None] * A - A).reshape(-1, 3)
    perfect = perfect[(np.linalg.norm(perfect, axis=1) < 1.1 * BOND) & (np.linalg.norm(perfect, axis=1) > 0.1)]

    def nearest(place):
        return int(tree.query(centre + place @ axes[:2])[1])

    start = here = nearest(corners[0])
    walked = np.zeros(3)
    for first, second in pairwise(corners):
        for step in np.linspace(0, 1, 60)[1:]:
            target = centre + (first + step * (second - first)) @ axes[:2]
            near = [j for j in tree.query_ball_point(points[here], 1.25 * BOND) if j != here]
            best = min([here, *near], key=lambda j: np.linalg.norm(points[j] - target))
            if best != here:
                taken = points[best] - points[here]
                walked += perfect[np.argmin(np.linalg.norm(perfect - taken, axis=1))]
                here = best
    # back to the first atom, along neighbours
    for _ in range(6):
        if here == start:
            break
        near = [j for j in tree.query_ball_point(points[here], 1.25 * BOND) if j != here]
        best = min(near, key=lambda j: np.linalg.norm(points[j] - points[start]))
        taken = points[best] - points[here]
        walked += perfect[np.argmin(np.linalg.norm(perfect - taken, axis=1))]
        here = best
    assert here == start
    assert (np.hypot(local[:, 0], local[:, 1]) > 0).all()
    return walked


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_burgers_circuit_about_the_line_misses_the_burgers_vector(character):
    zone = gold(character, radius=26)
    atoms = atoms_of(zone)
    (defect,) = atoms.info["record"]["dislocations"]
    assert defect["character"] == character
    burgers, line, point = (np.array(defect[key]) for key in ("burgers", "line", "point"))
    np.testing.assert_allclose(burgers, np.array([A, A, 0]) / 2, atol=1e-9)
    field = Dislocation(tuple(burgers), tuple(line))
    missing = circuit(atoms.positions, field.axes, point, 12.0)
    # walked in the perfect crystal, a right-handed circuit ends short of its start by b, or beyond it: the sign is a
    # convention, which has to be the same for all characters
    np.testing.assert_allclose(missing, -burgers, atol=1e-6)
    away = circuit(atoms.positions, field.axes, point + 17 * field.axes[0] + 17 * field.axes[1], 4.0)
    np.testing.assert_allclose(away, 0, atol=1e-9)


def test_the_displacement_of_a_circuit_is_the_burgers_vector_and_jumps_along_the_cut_alone():
    field = Dislocation((1.5, 0.7, 2.0), (0, 0, 1), (0.3, -0.2, 0))
    axes = field.axes
    radius = np.array([0.5, 3.0, 40.0])
    for r in radius:
        above, below = (np.array(field.point) + r * (-axes[0] + s * 1e-9 * axes[1]) for s in (1, -1))
        jump = field(np.array([above]))[0] - field(np.array([below]))[0]
        np.testing.assert_allclose(jump, field.burgers, atol=1e-6)
        # the jump lies in the cut: nothing overlaps and nothing gapes
        assert abs(jump @ axes[1]) < 1e-6
        other = [field(np.array([np.array(field.point) + r * (axes[0] + s * 1e-9 * axes[1])]))[0] for s in (1, -1)]
        np.testing.assert_allclose(*other, atol=1e-6)


def test_the_field_is_in_equilibrium():
    """Navier's equation: (1 − 2ν)∇²u + ∇(∇·u) = 0."""
    nu, h = 0.37, 1e-2
    field = Dislocation((2.0, 0, 1.0), (0, 0, 1), poisson=nu)
    rng = np.random.default_rng(0)
    points = rng.uniform(2, 6, size=(20, 3)) * [1, 1, 0]

    def second(i, j):
        e, f = h * np.eye(3)[i], h * np.eye(3)[j]
        if i == j:
            return (field(points + e) - 2 * field(points) + field(points - e)) / h**2
        return (field(points + e + f) - field(points + e - f) - field(points - e + f) + field(points - e - f)) / (
            4 * h**2
        )

    laplace = sum(second(i, i) for i in range(3))
    gradient = np.stack([sum(second(i, j)[:, j] for j in range(3)) for i in range(3)], axis=1)
    scale = np.abs(second(0, 0)).max()
    assert np.abs((1 - 2 * nu) * laplace + gradient).max() < 1e-3 * scale


@pytest.mark.parametrize("character", CHARACTERS)
def test_no_atom_is_doubled_or_lost(character):
    atoms = atoms_of(gold(character, radius=24))
    whole = GOLD.fill(cz.Ball(24), cell=(1.0, 1.0, 1.0), periodic=OPEN)
    assert judges.shortest(atoms.positions) > 0.75 * BOND
    assert len(atoms) == pytest.approx(len(whole), rel=0.015)
    inside = np.linalg.norm(atoms.positions, axis=1) < 24 - 1.3 * BOND
    (defect,) = atoms.info["record"]["dislocations"]
    field = Dislocation(tuple(defect["burgers"]), tuple(defect["line"]), tuple(defect["point"]))
    local = (atoms.positions - defect["point"]) @ field.axes.T
    far = inside & (np.hypot(local[:, 0], local[:, 1]) > 5)
    # away from the core every atom has its twelve neighbours, across the cut as well
    assert set(judges.coordination(atoms.positions, BOND)[far].tolist()) == {12}


def test_the_crystal_is_squeezed_on_the_side_of_the_extra_half_plane():
    """Hirth & Lothe: an edge compresses along its Burgers vector above the glide plane and stretches below."""
    atoms = atoms_of(gold("edge", radius=24))
    (defect,) = atoms.info["record"]["dislocations"]
    field = Dislocation(tuple(defect["burgers"]), tuple(defect["line"]))
    local = (atoms.positions - defect["point"]) @ field.axes.T
    first, second = cKDTree(local).query_pairs(1.25 * BOND, output_type="ndarray").T
    steps = local[second] - local[first]
    along = np.abs(steps[:, 0]) > 0.85 * np.linalg.norm(steps, axis=1)
    lengths, middles = np.abs(steps[along, 0]), ((local[first] + local[second]) / 2)[along]
    near = np.abs(middles[:, 0]) < 6
    assert lengths[near & (middles[:, 1] > 2) & (middles[:, 1] < 8)].mean() < 0.98 * BOND
    assert lengths[near & (middles[:, 1] < -2) & (middles[:, 1] > -8)].mean() > 1.02 * BOND


def test_the_dislocation_moves_with_the_particle_and_leaves_the_record_with_its_line():
    rng = np.random.default_rng(2)
    zone = gold("mixed", radius=18)
    there = translation((5, 6, 7)) @ random_rotation(rng)
    still, moved = atoms_of(zone), atoms_of(zone.moved(there))
    np.testing.assert_allclose(moved.positions, there.apply(still.positions), atol=1e-6)
    one, other = (a.info["record"]["dislocations"][0] for a in (still, moved))
    np.testing.assert_allclose(there.apply_direction(one["burgers"]), other["burgers"], atol=1e-9)
    np.testing.assert_allclose(there.apply(one["point"]), other["point"], atol=1e-6)
    elsewhere = cz.prefabs.dislocated(
        "fcc Au", volume=cz.Ball(15, center=(40, 0, 0)), burgers=(0.5, 0.5, 0), line=(1, 1, 0), point=(0, 0, 1.0)
    )
    assert atoms_of(elsewhere).info["record"]["dislocations"] == []
    # a line just outside displaces the atoms and is not in them
    beside = gold("screw", radius=15, point=(0, 0, 17.0))
    atoms = atoms_of(beside)
    assert atoms.info["record"]["dislocations"] == []
    assert np.abs(atoms.positions - atoms.arrays["ideal"]).max() > 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"burgers": (1 / 6, 1 / 6, -1 / 3), "line": (1, -1, 0)}, "no lattice vector.*partial"),
        ({"burgers": (0.5, 0.5, 0), "line": (1, 1, 0), "poisson": 0.5}, "Poisson"),
        ({"burgers": (0, 0, 0), "line": (1, 1, 0)}, "zero"),
    ],
)
def test_impossible_dislocations_say_why(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        cz.prefabs.dislocated("fcc Au", radius=12, **arguments)


def test_zincblende_takes_only_vectors_between_equal_sites():
    cz.prefabs.dislocated("zincblende CdSe", radius=12, burgers=(0.5, 0.5, 0), line=(1, 1, 0))
    with pytest.raises(InvalidInput, match="no lattice vector"):
        cz.prefabs.dislocated("zincblende CdSe", radius=12, burgers=(0.25, 0.25, 0.25), line=(1, 1, 0))
