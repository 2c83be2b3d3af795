"""Faceted particles: magic numbers, Wulff's theorem, symmetry, sizes, records and what is refused."""

import math

import numpy as np
import pytest

from construction_zone import prefabs
from construction_zone.build import Crystal, Scene, transforms
from construction_zone.build.prefabs import symmetry
from construction_zone.errors import InvalidInput

GOLD = Crystal.fcc("Au")
A = float(GOLD.lattice[0, 0])
ENERGIES = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}


def made(zone, seed=0):
    atoms = Scene.fitted([zone]).atoms(seed=seed)
    return atoms, atoms.info["record"]["zones"][zone.name]["fill"]


def count(zone):
    return len(made(zone)[0])


@pytest.mark.parametrize(
    ("form", "law"),
    [
        # closed forms of the numbers of lattice points, n = atoms along an edge
        (prefabs.cuboctahedron, lambda n: (10 * (n - 1) ** 3 + 15 * (n - 1) ** 2 + 11 * (n - 1) + 3) // 3),
        (prefabs.octahedron, lambda n: n * (2 * n**2 + 1) // 3),
        (prefabs.tetrahedron, lambda n: n * (n + 1) * (n + 2) // 6),
        (prefabs.truncated_octahedron, lambda n: 16 * n**3 - 33 * n**2 + 24 * n - 6),
        (prefabs.cube, lambda n: 4 * (n - 1) ** 3 + 6 * (n - 1) ** 2 + 3 * (n - 1) + 1),
    ],
)
@pytest.mark.parametrize("edge_atoms", [2, 3, 4, 5])
def test_closed_shells_have_magic_numbers(form, law, edge_atoms):
    assert count(form(GOLD, edge_atoms=edge_atoms)) == law(edge_atoms)


def test_first_shells_of_the_bcc_rhombic_dodecahedron():
    # n³ + (n + 1)³ points of the two interpenetrating cubes, and pyramids on the faces: 15, 65, 175, …
    iron = Crystal.bcc("Fe")
    assert [count(prefabs.rhombic_dodecahedron(iron, edge_atoms=n)) for n in (2, 3, 4)] == [15, 65, 175]


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("fcc Au", 48),
        ("zincblende CdSe", 24),
        ("diamond Si", 48),
        ("wurtzite CdSe", 12),
        ("hcp Co", 24),
        ("rutile TiO2", 16),
        ("spinel Fe3O4", 48),
    ],
)
def test_order_of_the_point_group(name, order):
    assert len(symmetry.point_group(Crystal.named(name))) == order


def test_the_point_group_tells_elements_apart():
    # A at the corners, B on one kind of face centre, C on the others: of the 48 operations 16 keep the faces of B
    crystal = Crystal(4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], [79, 29, 47, 47])
    assert len(symmetry.point_group(crystal)) == 16
    assert len(symmetry.family(crystal, (1, 0, 0))) == 4


@pytest.mark.parametrize(
    "zone",
    [
        prefabs.wulff("zincblende CdSe", energies={"111": 1.0, "-1-1-1": 1.6, "100": 1.5}, diameter=40),
        prefabs.wulff("wurtzite CdSe", energies={"10-10": 1.0, "0001": 1.0, "000-1": 2.0}, atoms=1500),
        prefabs.winterbottom(GOLD, energies=ENERGIES, interface="111", interface_energy=-0.3, diameter=40),
        prefabs.tetrahedron(GOLD, diameter=40, truncation=0.1),
        prefabs.tetrahedron(GOLD, edge=40),
    ],
)
def test_particles_are_centred_on_the_origin(zone):
    points = np.random.default_rng(0).uniform(-45, 45, (200_000, 3))
    np.testing.assert_allclose(points[zone.volume.contains(points)].mean(axis=0), 0, atol=0.6)


def test_families_follow_the_point_group():
    assert len(symmetry.family(GOLD, (1, 1, 1))) == 8
    assert len(symmetry.family(GOLD, (1, 2, 3))) == 48
    assert symmetry.family(Crystal.zincblende("CdSe"), (1, 1, 1)) == [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
    assert symmetry.family(Crystal.wurtzite("CdSe"), "0001") == [(0, 0, 1)]
    assert len(symmetry.family(Crystal.wurtzite("CdSe"), (1, 0, -1, 0))) == 6
    alloy = GOLD.with_occupancy({"Au": {"Au": 0.5, "Cu": 0.5}})
    assert len(symmetry.point_group(alloy)) == 48


def test_facets_lie_at_distances_in_proportion_to_their_energies():
    atoms, record = made(prefabs.wulff(GOLD, energies=ENERGIES, diameter=80))
    heights = {(1, 1, 1): [], (1, 0, 0): []}
    for facet in record["facets"]:
        heights[tuple(sorted(map(abs, facet["hkl"]), reverse=True))].append(facet["height"])
    assert len(heights[1, 1, 1]) == 8
    assert len(heights[1, 0, 0]) == 6
    # each height is that of the last layer within the ideal distance, one spacing at most below it
    scale = 40 * (4 / 3 * math.pi / content_of_wulff()) ** (1 / 3)
    for hkl, spacing in (((1, 1, 1), A / math.sqrt(3)), ((1, 0, 0), A / 2)):
        ideal = scale * ENERGIES[hkl]
        assert all(ideal - spacing < height <= ideal + 1e-6 for height in heights[hkl])
    assert record["diameter"] == pytest.approx((6 * len(atoms) * A**3 / 4 / math.pi) ** (1 / 3))
    assert record["diameter"] == pytest.approx(80, rel=0.03)


def content_of_wulff():
    """Of the truncated octahedron with heights 1.28 {111} and 1.63 {100}: the octahedron less six pyramids."""
    reach = math.sqrt(3) * ENERGIES[1, 1, 1]  # of the octahedron's corners
    return 4 / 3 * reach**3 - 6 * (2 / 3) * (reach - ENERGIES[1, 0, 0]) ** 3


def test_facet_records_count_atoms_layers_and_areas():
    _, record = made(prefabs.octahedron(GOLD, edge_atoms=9))
    edge = 8 * A / math.sqrt(2)
    assert len(record["facets"]) == 8
    for facet in record["facets"]:
        assert facet["atoms"] == 45  # a triangle with nine atoms along its edge
        assert facet["area"] == pytest.approx(math.sqrt(3) / 4 * edge**2)
        assert facet["layers"] == 5  # nine layers from face to face, the middle one through the centre
        np.testing.assert_allclose(facet["height"], edge / math.sqrt(6), atol=1e-6)


def test_lattice_and_facets_turn_together():
    turned = GOLD.with_zone_axis([1, 1, 0])
    _, record = made(prefabs.wulff(turned, energies=ENERGIES, diameter=40))
    for facet in record["facets"]:
        wanted = turned.pose.apply_direction(facet["hkl"]) / np.linalg.norm(facet["hkl"])
        np.testing.assert_allclose(facet["normal"], wanted, atol=1e-12)


def test_records_follow_motions():
    turn = transforms.rotation((1, 2, 3), 71) @ transforms.translation((3, -4, 5))
    zone = prefabs.wulff(GOLD, energies=ENERGIES, diameter=40)
    _, here = made(zone)
    _, there = made(zone.moved(turn))
    assert there["diameter"] == here["diameter"]
    for before, after in zip(here["facets"], there["facets"], strict=True):
        assert (before["hkl"], before["atoms"], before["layers"]) == (after["hkl"], after["atoms"], after["layers"])
        np.testing.assert_allclose(after["normal"], turn.apply_direction(before["normal"]), atol=1e-9)


def test_a_facet_that_is_not_there_is_not_in_the_record():
    # at 1.8 the {100} planes only just fail to touch the {111} octahedron's corners at √3·1
    _, record = made(prefabs.wulff(GOLD, energies={(1, 1, 1): 1.0, (1, 0, 0): 1.8}, diameter=50))
    assert {tuple(map(abs, facet["hkl"])) for facet in record["facets"]} == {(1, 1, 1)}


def test_number_of_atoms_is_the_nearest_the_shape_allows():
    for wanted in (300, 1000, 5000):
        found = count(prefabs.wulff(GOLD, energies=ENERGIES, atoms=wanted))
        others = [
            count(prefabs.wulff(GOLD, energies=ENERGIES, volume=wanted * A**3 / 4 * factor))
            for factor in np.linspace(0.7, 1.4, 15)
        ]
        assert abs(found - wanted) <= min(abs(other - wanted) for other in others)


def test_size_is_that_of_the_ball_of_the_same_content():
    zone = prefabs.wulff(GOLD, energies=ENERGIES, radius=25)
    assert zone.volume.measure == pytest.approx(4 / 3 * math.pi * 25**3)
    assert prefabs.wulff(GOLD, energies=ENERGIES, diameter=50).volume == zone.volume


def test_named_and_text_indices_mean_the_same():
    one = prefabs.wulff("fcc Au", energies={"111": 1.28, "1 0 0": 1.63}, diameter=40)
    assert one == prefabs.wulff(GOLD, energies=ENERGIES, diameter=40)


def test_random_origin_comes_from_the_seed():
    zones = [prefabs.wulff(GOLD, energies=ENERGIES, diameter=40, origin="random", seed=seed) for seed in (1, 1, 2)]
    assert zones[0] == zones[1]
    assert zones[0] != zones[2]


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")  # of spglib, inside pymatgen
def test_energies_of_a_pymatgen_wulff_shape():
    from pymatgen.analysis.wulff import WulffShape
    from pymatgen.core import Lattice

    shape = WulffShape(Lattice.cubic(A), [(1, 1, 1), (1, 0, 0)], [1.28, 1.63])
    zone = prefabs.wulff(GOLD, energies=shape, diameter=40)
    assert zone == prefabs.wulff(GOLD, energies=ENERGIES, diameter=40)
    assert shape.area_fraction_dict[1, 1, 1] == pytest.approx(fraction_of(zone, (1, 1, 1)), rel=1e-6)


def fraction_of(zone, hkl):
    """The share of the polyhedron's area that faces along a family."""
    corners = zone.volume.vertices
    from scipy.spatial import ConvexHull

    hull = ConvexHull(corners)
    areas = np.linalg.norm(
        np.cross(
            corners[hull.simplices[:, 1]] - corners[hull.simplices[:, 0]],
            corners[hull.simplices[:, 2]] - corners[hull.simplices[:, 0]],
        ),
        axis=1,
    )
    flat = np.abs(hull.equations[:, :3])
    unit = np.sort(np.array(hkl) / np.linalg.norm(hkl))
    mine = np.abs(np.sort(flat, axis=1) - unit).max(axis=1) < 1e-6
    return areas[mine].sum() / areas.sum()


# Winterbottom

BOTTOM = {"interface": (1, 1, 1), "substrate_energy": 0.0, "energies": ENERGIES}


def test_winterbottom_interface_lies_at_the_difference_of_energies():
    # the distance of the middle of the free shape from the interface, from opposite free facets
    for difference in (0.5, 0.0, -0.7):
        zone = prefabs.winterbottom(GOLD, **BOTTOM, interface_energy=difference, volume=2e5)
        low, high = zone.volume.bounds[:, 2]
        normals, levels = zone.volume.planes
        top = levels[np.argmax(normals[:, 2])]  # the (−1−1−1) facet on top, at 1.28
        assert top == pytest.approx(high)
        tilted = np.flatnonzero(np.abs(normals[:, 2] - 1 / 3) < 1e-6)  # {111} facets at 70.5° to it, also at 1.28
        # with p the height of the free shape's centre: levels are p·n_z + s·γ
        matrix = np.array([[1.0, 1.28], [1 / 3, 1.28]])
        p, s = np.linalg.solve(matrix, [top, levels[tilted].mean()])
        assert -low == pytest.approx(-p + s * difference, abs=1e-6)


def test_winterbottom_turns_the_lattice_with_the_facets():
    atoms, record = made(prefabs.winterbottom(GOLD, **BOTTOM, interface_energy=-0.2, diameter=50))
    layers = np.unique(np.round(atoms.positions[:, 2], 3))
    np.testing.assert_allclose(np.diff(layers), A / math.sqrt(3), atol=2e-3)  # {111} layers lie flat
    bottom = [facet for facet in record["facets"] if facet["hkl"] == [1, 1, 1]]
    np.testing.assert_allclose(bottom[0]["normal"], (0, 0, -1), atol=1e-12)


def test_winterbottom_without_adhesion_is_the_free_shape():
    free = prefabs.wulff(GOLD, energies=ENERGIES, volume=5e4)
    on = prefabs.winterbottom(GOLD, **BOTTOM, interface_energy=5.0, volume=5e4)
    assert len(free.volume.vertices) == len(on.volume.vertices)


def test_complete_wetting_is_refused():
    with pytest.raises(InvalidInput, match="wets the substrate completely"):
        prefabs.winterbottom(GOLD, **BOTTOM, interface_energy=-1.28, diameter=50)


# rods and plates


def test_wurtzite_rod_has_its_length_width_and_six_sides():
    atoms, record = made(prefabs.rod("wurtzite CdSe", length=90, diameter=40))
    sides = [facet for facet in record["facets"] if facet["hkl"][2] == 0]
    assert len(sides) == 6
    assert all(18 < facet["height"] <= 20 for facet in sides)
    assert 83 < np.ptp(atoms.positions[:, 2]) <= 90


def test_caps_of_rods():
    flat, pointed, blunt = (
        made(prefabs.rod("wurtzite CdSe", length=100, diameter=30, caps=caps))[0] for caps in ("flat", "10-11", "round")
    )
    assert len(pointed) < len(blunt) < len(flat)
    local = blunt.positions - blunt.get_positions().mean(axis=0)
    end = np.abs(local[:, 2]) > 45
    # half a ball about a point 50 − R below the tip, R = 30/√3 to the prism's edges
    radius = 30 / math.sqrt(3)
    assert np.linalg.norm(local[end, :2], axis=1).max() < math.sqrt(radius**2 - (45 - 50 + radius) ** 2) + 1.0
    assert end.any()


def test_plate_is_a_short_rod():
    plate, rod = prefabs.plate("hcp Co", thickness=15, diameter=60), prefabs.rod("hcp Co", length=15, diameter=60)
    assert plate.volume == rod.volume
    assert made(plate)[1]["prefab"] == "plate"


# what is refused


@pytest.mark.parametrize(
    ("energies", "message"),
    [
        ({}, "give one for each family"),
        (1.3, "give one for each family"),
        ({(1, 1, 1): -1.0}, "above zero"),
        ({(1, 1, 1): 0.0}, "above zero"),
        ({(1, 1, 1): float("nan")}, "above zero"),
        ({(1, 1, 1): None}, "give a number"),
        ({(1, 1, 1): 1.0, (1, -1, 1): 2.0}, "given twice"),
        ({(1, 0, -1, 0): 1.0}, "no planes"),
        ({(0, 0, 0): 1.0}, "all zeros"),
        ({(1, 1, 1): -1.0}, "is -1; it must be finite and above zero"),
        ({(0.5, 1, 1): 1.0}, "whole numbers"),
        ({"abc": 1.0}, "three numbers"),
    ],
)
def test_bad_energies(energies, message):
    with pytest.raises(InvalidInput, match=message):
        prefabs.wulff(GOLD, energies=energies, diameter=40)


@pytest.mark.parametrize(
    ("crystal", "energies", "missing"),
    [
        ("wurtzite CdSe", {"10-10": 1.0, "0001": 1.0}, r"\(0 0 -1\)"),
        ("hcp Co", {"10-10": 1.0}, r"\(0 0 -?1\)"),
        ("hcp Co", {"0001": 1.0}, r"towards"),
        ("zincblende CdSe", {(1, 0, 0): 1.0, (1, 1, 1): 1.0}, None),
    ],
)
def test_an_open_particle_names_the_plane_that_is_missing(crystal, energies, missing):
    if missing is None:
        prefabs.wulff(crystal, energies=energies, diameter=40)
        return
    with pytest.raises(InvalidInput, match=missing):
        prefabs.wulff(crystal, energies=energies, diameter=40)


@pytest.mark.parametrize("sizes", [{}, {"radius": 10, "diameter": 20}, {"radius": -1}, {"atoms": 10.5}, {"volume": 0}])
def test_bad_sizes(sizes):
    with pytest.raises(InvalidInput):
        prefabs.wulff(GOLD, energies=ENERGIES, **sizes)


@pytest.mark.parametrize("form", [prefabs.cube, prefabs.octahedron, prefabs.tetrahedron, prefabs.cuboctahedron])
def test_forms_need_a_cubic_crystal(form):
    with pytest.raises(InvalidInput, match="cubic"):
        form("hcp Co", edge=30)


@pytest.mark.parametrize(
    "call",
    [
        lambda: prefabs.cube(GOLD, edge=20, truncation=0.7),
        lambda: prefabs.cube(GOLD),
        lambda: prefabs.cube(GOLD, edge=20, atoms=30),
        lambda: prefabs.octahedron(GOLD, edge_atoms=1),
        lambda: prefabs.tetrahedron(GOLD, edge=20, polarity=2),
        lambda: prefabs.rod("wurtzite CdSe", length=50, diameter=30, sides="0001"),
        lambda: prefabs.rod("wurtzite CdSe", length=30, diameter=30, caps="round"),
        lambda: prefabs.wulff("nonsense", energies=ENERGIES, radius=10),
        lambda: prefabs.wulff(3, energies=ENERGIES, radius=10),
        lambda: prefabs.wulff(GOLD, energies=ENERGIES, radius=10, origin="middle"),
        lambda: prefabs.wulff(GOLD, energies=ENERGIES, radius=10, seed=-1, origin="random"),
    ],
)
def test_other_bad_input(call):
    with pytest.raises(InvalidInput):
        call()
