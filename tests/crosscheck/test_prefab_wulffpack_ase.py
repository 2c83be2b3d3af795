"""Wulff and Winterbottom shapes against WulffPack, clusters against ASE, atom for atom."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.cluster import FaceCenteredCubic, Octahedron
from scipy.spatial import ConvexHull

from construction_zone import prefabs
from construction_zone.build import Crystal, Scene
from construction_zone.build.prefabs import facets, symmetry

wulffpack = pytest.importorskip("wulffpack")

GOLD = Crystal.fcc("Au")
A = float(GOLD.lattice[0, 0])

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")  # of spglib, in WulffPack


def positions(zone):
    return zone.generator.fill(zone.volume, cell=(1, 1, 1), periodic=(False,) * 3).positions


def same_set(ours, theirs):
    """Whether two sets of points are one, up to a translation."""
    ours, theirs = (points - points.mean(axis=0) for points in (ours, theirs))
    assert len(ours) == len(theirs)
    order = [np.lexsort(np.round(points, 4).T) for points in (ours, theirs)]
    np.testing.assert_allclose(ours[order[0]], theirs[order[1]], atol=1e-3)


def areas(volume, energies, crystal):
    """Area of each family of the ideal polyhedron."""
    planes = facets.planes_of(crystal, energies)
    hull = ConvexHull(volume.vertices)
    corners = volume.vertices[hull.simplices]
    size = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    which = np.argmax(hull.equations[:, :3] @ planes.normals.T, axis=1)
    found = {}
    for hkl in energies:
        members = set(symmetry.family(crystal, hkl))
        mine = np.array([tuple(planes.hkl[k].tolist()) in members for k in which])
        found[hkl] = float(size[mine].sum())
    return found


@pytest.mark.parametrize(
    "energies",
    [
        {(1, 1, 1): 1.28, (1, 0, 0): 1.63},
        {(1, 1, 1): 1.28, (1, 0, 0): 1.63, (1, 1, 0): 1.5, (3, 2, 1): 1.45},
        {(1, 0, 0): 1.0, (1, 1, 0): 1.2},
    ],
)
def test_wulff_volume_and_facets(energies):
    zone = prefabs.wulff(GOLD, energies=energies, volume=60_000.0)
    theirs = wulffpack.SingleCrystal(energies, primitive_structure=bulk("Au", a=A), natoms=60_000 / A**3 * 4)
    assert zone.volume.measure == pytest.approx(theirs.volume, rel=1e-6)
    ours = areas(zone.volume, energies, GOLD)
    total = sum(ours.values())
    for hkl, fraction in theirs.facet_fractions.items():
        assert ours[hkl] / total == pytest.approx(fraction, abs=1e-6)


def test_wulff_of_a_hexagonal_crystal():
    energies = {(0, 0, 0, 1): 1.0, (1, 0, -1, 0): 1.1, (1, 0, -1, 1): 1.15}
    cobalt = Crystal.hcp("Co")
    a, c = np.linalg.norm(cobalt.lattice[[0, 2]], axis=1)
    zone = prefabs.wulff(cobalt, energies=energies, volume=50_000.0)
    per_atom = np.sqrt(3) / 2 * a**2 * c / 2
    theirs = wulffpack.SingleCrystal(
        energies, primitive_structure=bulk("Co", "hcp", a=a, c=c), natoms=50_000 / per_atom
    )
    assert zone.volume.measure == pytest.approx(theirs.volume, rel=1e-6)
    ours = areas(zone.volume, energies, cobalt)
    for hkl, fraction in theirs.facet_fractions.items():
        assert ours[hkl] / sum(ours.values()) == pytest.approx(fraction, abs=1e-6)


@pytest.mark.parametrize("difference", [0.4, -0.3])
def test_winterbottom_volume_and_facets(difference):
    energies = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
    zone = prefabs.winterbottom(
        GOLD, energies=energies, interface=(1, 1, 1), interface_energy=difference, volume=60_000.0
    )
    theirs = wulffpack.Winterbottom(
        energies, (1, 1, 1), difference, primitive_structure=bulk("Au", a=A), natoms=60_000 / A**3 * 4
    )
    # WulffPack 1.5 adds the pyramid below an interface at a negative height to its volume: compare shapes, not sizes
    hull = ConvexHull(np.concatenate([facet.vertices for form in theirs.forms for facet in form.facets]))
    unit = (zone.volume.measure / hull.volume) ** (1 / 3)
    assert (unit == pytest.approx(1.0, rel=1e-9)) == (difference > 0)
    assert np.ptp(zone.volume.vertices[:, 2]) == pytest.approx(np.ptp(hull.points[:, 2]) * unit, rel=1e-6)
    normals, levels = zone.volume.planes
    ours = [
        facets.hull_area(zone.volume.vertices[np.abs(zone.volume.vertices @ n - level) < 1e-6], n)
        for n, level in zip(normals, levels, strict=True)
    ]
    assert sum(ours) == pytest.approx(hull.area * unit**2, rel=1e-6)
    interface = ours[int(np.argmin(normals[:, 2]))]
    assert interface / sum(ours) == pytest.approx(theirs.facet_fractions["interface"], rel=1e-6)


def test_faceted_cluster_of_ase_atom_for_atom():
    # in ASE a particle reaches n layers out from an atom along each family
    cluster = FaceCenteredCubic("Au", [(1, 0, 0), (1, 1, 1)], [6, 5], latticeconstant=A)
    heights = {(1, 0, 0): 6 * A / 2, (1, 1, 1): 5 * A / np.sqrt(3)}
    planes = facets.planes_of(GOLD, heights)
    same_set(positions(facets.zone_of(planes, GOLD, "wulff", "w")), cluster.positions)


@pytest.mark.parametrize(("length", "cutoff"), [(7, 0), (8, 0), (7, 2), (9, 3)])
def test_octahedra_of_ase_atom_for_atom(length, cutoff):
    theirs: Atoms = Octahedron("Au", length, cutoff, latticeconstant=A)
    truncation = (cutoff) / (length - 1)
    zone = prefabs.octahedron(GOLD, edge_atoms=length, truncation=truncation)
    same_set(positions(zone), theirs.positions)


def test_wulff_atoms_of_wulffpack_as_sets():
    energies = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
    theirs = wulffpack.SingleCrystal(energies, primitive_structure=bulk("Au", a=A), natoms=3000)
    # WulffPack's own polyhedron, filled by us about the atom that its atoms lie around
    reach = {form.miller_indices: float(np.linalg.norm(form.facets[0].distance_from_origin)) for form in theirs.forms}
    planes = facets.planes_of(GOLD, reach)
    same_set(positions(facets.zone_of(planes, GOLD, "wulff", "w")), theirs.atoms.positions)


def test_scene_around_a_prefab_changes_no_atom():
    zone = prefabs.wulff(GOLD, energies={(1, 1, 1): 1.28, (1, 0, 0): 1.63}, diameter=40)
    same_set(Scene.fitted([zone]).atoms().positions, positions(zone))
