import judges
import numpy as np
import pytest
from scipy.spatial import cKDTree

import construction_zone as cz
from construction_zone.build.prefabs.closure import DECAHEDRAL_STRETCH, Closure
from construction_zone.build.transforms import random_rotation, rotation, translation
from construction_zone.errors import InvalidInput

OPEN = (False, False, False)
A = cz.Crystal.fcc("Au").lattice[0, 0]
BOND = A / np.sqrt(2)


def atoms_of(zone):
    return zone.generator.fill(zone.volume, cell=(1.0, 1.0, 1.0), periodic=OPEN)


@pytest.mark.parametrize(("shells", "count"), [(1, 13), (2, 55), (3, 147), (4, 309), (5, 561)])
def test_icosahedra_have_the_closed_shells_of_mackay(shells, count):
    atoms = atoms_of(cz.prefabs.icosahedron("fcc Au", shells=shells))
    assert len(atoms) == count
    assert judges.shortest(atoms.positions) == pytest.approx(BOND)


@pytest.mark.parametrize("shells", [2, 5])
def test_icosahedra_are_those_of_ase_atom_for_atom(shells):
    from ase.cluster import Icosahedron

    ours = atoms_of(cz.prefabs.icosahedron("fcc Au", shells=shells)).positions
    theirs = Icosahedron("Au", shells + 1, latticeconstant=A).positions
    # both have twofold axes along x, y and z; of the two ways to put them one fits
    ways = [ours, ours[:, [1, 0, 2]]]
    assert min(cKDTree(theirs).query(way)[0].max() for way in ways) < 1e-6
    assert len(ours) == len(theirs)


@pytest.mark.parametrize(
    "shape", [(2, 1, 0), (2, 2, 0), (5, 1, 0), (4, 3, 0), (3, 2, 1), (2, 3, 1), (3, 3, 2), (1, 5, 2), (1, 2, 1)]
)
def test_decahedra_are_those_of_ase_atom_for_atom(shape):
    """ASE leaves the twin planes as they are and strains what is between; here only one axis is stretched."""
    from ase.cluster import Decahedron

    edge, column, reentrance = shape
    ours = atoms_of(cz.prefabs.decahedron("fcc Au", edge=edge, column=column, reentrance=reentrance)).positions
    theirs = Decahedron("Au", *shape, latticeconstant=A).positions
    across = np.cos(np.arctan(np.sqrt(0.5))) / np.cos(np.pi / 5)
    theirs = (theirs - theirs.mean(axis=0)) * [across, across, 1]
    assert len(ours) == len(theirs)
    assert cKDTree(theirs).query(ours)[0].max() < 1e-6


def test_the_decahedron_is_stretched_along_one_axis_by_the_known_amount():
    assert pytest.approx(1.02749, abs=5e-6) == DECAHEDRAL_STRETCH
    zone = cz.prefabs.decahedron("fcc Au", edge=4)
    for domain in zone.generator.domains.domains:
        singular = np.linalg.svd(domain.crystal.pose.matrix, compute_uv=False)
        np.testing.assert_allclose(np.sort(singular), [1, 1, DECAHEDRAL_STRETCH], atol=1e-9)


def test_tangential_bonds_of_the_icosahedron_are_longer_than_radial_ones():
    zone = cz.prefabs.icosahedron("fcc Au", shells=1)
    outer = np.array([p for p in atoms_of(zone).positions if np.linalg.norm(p) > 1])
    assert judges.shortest(outer) / np.linalg.norm(outer[0]) == pytest.approx(1.0515, abs=1e-4)


def test_planes_and_axes_hold_their_atoms_once_and_know_them():
    atoms = atoms_of(cz.prefabs.icosahedron("fcc Au", shells=5))
    assert judges.shortest(atoms.positions) == pytest.approx(BOND)
    layer, defect = atoms.arrays["layer"], atoms.arrays["defect"]
    # Mackay: 30 twin planes with 1 + 2 + 3 + 4 atoms each between the axes, 12 axes of 5 atoms about the middle one
    assert (layer == 2).sum() == 30 * 10
    assert (layer == 0).sum() == 12 * 5 + 1
    np.testing.assert_array_equal(np.bincount(defect[layer == 2]), np.full(30, 10))
    assert set(defect[layer != 2].tolist()) == {-1}
    assert len(atoms.info["record"]["defects"]) == 30
    assert len(atoms.info["record"]["grains"]) == 20


@pytest.mark.parametrize("strain", ["homogeneous", "disclination"])
def test_atoms_on_twin_planes_are_hexagonal_and_those_between_cubic(strain):
    for zone in (
        cz.prefabs.icosahedron("fcc Au", shells=5, strain=strain),
        cz.prefabs.decahedron("fcc Au", edge=5, column=3, strain=strain),
    ):
        atoms = atoms_of(zone)
        kind, _ = judges.close_packed(atoms.positions, BOND)
        known = kind > 0
        assert known.sum() > 60
        np.testing.assert_array_equal(kind[known], atoms.arrays["layer"][known])


def test_the_record_has_the_twin_planes_where_they_are():
    rng = np.random.default_rng(5)
    zone = cz.prefabs.decahedron("fcc Au", edge=5, column=2)
    moved = zone.moved(random_rotation(rng)).moved(translation((30, -20, 7)))
    atoms = atoms_of(moved)
    defects = atoms.info["record"]["defects"]
    assert len(defects) == 5
    for index, defect in enumerate(defects):
        on = atoms.positions[atoms.arrays["defect"] == index]
        assert np.abs((on - defect["point"]) @ np.array(defect["normal"])).max() < 1e-6
        assert len(on) == defect["atoms"]
    normals = np.array([defect["normal"] for defect in defects])
    angles = np.degrees(np.arccos(np.abs(normals @ normals.T)))[np.triu_indices(5, 1)]
    np.testing.assert_allclose(np.sort(angles), [36] * 5 + [72] * 5, atol=1e-6)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_disclination_field_is_in_equilibrium_and_its_surface_free(dimensions):
    """Along the radius: d(σ_rr)/dr + (m/r)(σ_rr − σ_θθ) = 0, σ_rr(R) = 0, with Hooke's law and m = 1 or 2."""
    radius, nu = 40.0, 0.36
    field = Closure(dimensions, radius, nu)
    r = np.linspace(2, radius, 4001)
    factor = 0.02
    u = field._radial(r, factor)
    m = dimensions - 1
    kappa = factor / {2: 0.5, 3: 2 / 3}[dimensions]
    radial, hoop = np.gradient(u, r, edge_order=2), u / r + kappa
    lame = 2 * nu / (1 - 2 * nu)  # λ for μ = 1
    trace = radial + m * hoop
    s_r, s_t = lame * trace + 2 * radial, lame * trace + 2 * hoop
    balance = np.gradient(s_r, r, edge_order=2) + m / r * (s_r - s_t)
    assert np.abs(balance[20:-20]).max() < 1e-4 * np.abs(s_r).max()
    assert abs(s_r[-1]) < 1e-5 * np.abs(s_r).max()


def test_the_disclination_closes_the_gap_and_leaves_the_crystal_near_its_density():
    kinds = {}
    for strain in ("homogeneous", "disclination"):
        atoms = atoms_of(cz.prefabs.decahedron("fcc Au", edge=10, column=6, strain=strain))
        kinds[strain] = atoms
    still, moved = kinds["homogeneous"], kinds["disclination"]
    np.testing.assert_array_equal(still.numbers, moved.numbers)
    np.testing.assert_allclose(moved.arrays["ideal"], still.positions)
    np.testing.assert_allclose(moved.positions[:, 2], still.positions[:, 2])
    # atoms of a twin plane stay in it
    for index in range(5):
        on = moved.positions[moved.arrays["defect"] == index]
        normal = np.array(moved.info["record"]["defects"][index]["normal"])
        assert np.abs(on @ normal).max() < 1e-9
    record = moved.info["record"]["modifiers"][0]
    assert record["kind"] == "disclination"
    lengths = {}
    for name, atoms in kinds.items():
        distance, _ = cKDTree(atoms.positions).query(atoms.positions, k=13)
        full = distance[:, 12] < 1.2 * BOND
        lengths[name] = distance[full, 1:].mean()
    # stretching one axis dilates; the relaxed field does not on the whole
    assert lengths["homogeneous"] > BOND * 1.005
    assert lengths["disclination"] == pytest.approx(BOND, rel=0.004)


def test_the_strained_particle_moves_as_a_whole():
    turn = rotation((1, 2, 0.5), 77, origin=(3, 4, 5))
    zone = cz.prefabs.icosahedron("fcc Au", shells=3, strain="disclination")
    np.testing.assert_allclose(atoms_of(zone.moved(turn)).positions, turn.apply(atoms_of(zone).positions), atol=1e-9)


def test_five_crystals_fill_any_volume():
    atoms = atoms_of(cz.prefabs.decahedron("fcc Au", volume=cz.Ball(20)))
    assert len(atoms.info["record"]["grains"]) == 5
    assert len(atoms.info["record"]["defects"]) == 5
    density = len(atoms) / (4 / 3 * np.pi * 20**3) * A**3 / 4
    assert density == pytest.approx(1 / DECAHEDRAL_STRETCH, rel=0.02)
    assert judges.shortest(atoms.positions) > 0.99 * BOND


ENERGIES = {(1, 1, 1): 1.0, (1, 0, 0): 1.1}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of spglib, as WulffPack calls it
@pytest.mark.parametrize("twin_energy", [1e-6, 0.03])
def test_decahedra_of_least_energy_are_those_of_wulffpack_atom_for_atom(twin_energy):
    from ase.build import bulk
    from wulffpack import Decahedron

    theirs = Decahedron(ENERGIES, twin_energy, bulk("Au", a=A), natoms=1000).atoms.positions
    zone = cz.prefabs.decahedron("fcc Au", energies=ENERGIES, twin_energy=twin_energy, atoms=len(theirs))
    ours = atoms_of(zone).positions
    assert len(ours) == len(theirs)
    half_turn = rotation((0, 0, 1), 36)  # the Ino facet of theirs is at −y
    assert cKDTree(theirs).query(half_turn.apply(ours))[0].max() < 1e-6


def test_icosahedra_of_least_energy_are_closed_shells_and_have_the_size_asked_for():
    atoms = atoms_of(cz.prefabs.icosahedron("fcc Au", energies={(1, 1, 1): 1.0}, atoms=600))
    assert len(atoms) == 561
    zone = cz.prefabs.icosahedron("fcc Au", energies=ENERGIES, twin_energy=0.1, diameter=40)
    assert zone.volume.measure == pytest.approx(4 / 3 * np.pi * 20**3)


def test_a_twin_energy_makes_the_notch_of_marks():
    """Without it facets of one crystal go on in the next; with it the {111} turn in at the twin planes."""
    from scipy.spatial import ConvexHull

    def notch(twin_energy):
        zone = cz.prefabs.decahedron("fcc Au", energies=ENERGIES, twin_energy=twin_energy, diameter=60)
        pieces = getattr(zone.volume, "polyhedra", [zone.volume])
        hull = ConvexHull(np.concatenate([piece.vertices for piece in pieces])).volume
        return 1 - zone.volume.measure / hull

    assert notch(0.2) > notch(0.05) > 0.001


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cz.prefabs.icosahedron("hcp Co", shells=2), "need an fcc crystal"),
        (lambda: cz.prefabs.decahedron("bcc Fe", edge=3), "need an fcc crystal"),
        (lambda: cz.prefabs.decahedron("fcc Au", energies=ENERGIES, twin_energy=0.5, radius=10), "twin_energy is 0.5"),
        (lambda: cz.prefabs.icosahedron("fcc Au", energies=ENERGIES, twin_energy=0.4, radius=10), "twin_energy is 0.4"),
        (lambda: cz.prefabs.decahedron("fcc Au", energies={(1, 1, 1): -1}, radius=10), "surface energy"),
        (lambda: cz.prefabs.decahedron("fcc Au", energies=ENERGIES), "radius=, diameter="),
        (lambda: cz.prefabs.icosahedron("fcc Au", shells=0), "shells is 0"),
        (lambda: cz.prefabs.decahedron("fcc Au", edge=1), "row of atoms"),
        (lambda: cz.prefabs.decahedron("fcc Au", edge=2.5), "edge is 2.5"),
        (lambda: cz.prefabs.decahedron("fcc Au"), "edge=.*energies=.*volume=: one of them"),
        (lambda: cz.prefabs.decahedron("fcc Au", edge=3, strain="none"), "'homogeneous' or 'disclination'"),
        (lambda: cz.prefabs.decahedron("fcc Au", edge=3, strain="disclination", poisson=0.5), "Poisson"),
    ],
)
def test_impossible_particles_say_why(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
