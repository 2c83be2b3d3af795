"""Planar faults as OVITO sees them: common-neighbour analysis and IdentifyDiamond, against the record."""

import os

import judges
import numpy as np
import pytest

import construction_zone as cz
from construction_zone import seeding
from construction_zone.build.transforms import random_rotation, translation

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

KINDS = {"fcc Au": ("twin", "intrinsic", "extrinsic"), "zincblende CdSe": ("twin", "intrinsic", "extrinsic")}
KINDS |= {"wurtzite CdSe": ("I1", "I2", "E"), "hcp Mg": ("I1", "I2", "E")}


@pytest.fixture(scope="module")
def ovito():
    # a missing libEGL or libGL is an ImportError too
    return pytest.importorskip("ovito", exc_type=ImportError)


def types(ovito, atoms, tetrahedral):
    """CUBIC, HEXAGONAL or OTHER of each atom by OVITO."""
    from ovito.data import DataCollection, SimulationCell
    from ovito.modifiers import CommonNeighborAnalysisModifier, IdentifyDiamondModifier
    from ovito.pipeline import Pipeline, StaticSource

    data = DataCollection()
    cell = SimulationCell(pbc=(False, False, False))
    cell[:, :3] = np.diag(np.ptp(atoms.positions, axis=0) + 20)
    cell[:, 3] = atoms.positions.min(axis=0) - 10
    data.objects.append(cell)
    data.create_particles(count=len(atoms)).create_property("Position", data=atoms.positions)
    modifier = IdentifyDiamondModifier() if tetrahedral else CommonNeighborAnalysisModifier()
    pipeline = Pipeline(source=StaticSource(data=data))
    pipeline.modifiers.append(modifier)
    found = np.asarray(pipeline.compute().particles["Structure Type"])
    kind = type(modifier).Type
    if tetrahedral:
        cubic, hexagonal = kind.CUBIC_DIAMOND, kind.HEX_DIAMOND
    else:
        cubic, hexagonal = kind.FCC, kind.HCP
    return np.select([found == int(cubic), found == int(hexagonal)], [judges.CUBIC, judges.HEXAGONAL], judges.OTHER)


def particle(material, seed):
    """A defected particle somewhere, turned somehow, of a shape drawn at random."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(20, 27) * (1.3 if "CdSe" in material else 1.0)
    centre = rng.uniform(-60, 60, size=3)
    shapes = (
        cz.Ball(radius, center=centre),
        cz.Ellipsoid((radius, 0.8 * radius, 1.2 * radius), center=centre),
        cz.Block((1.6 * radius, 1.5 * radius, 1.8 * radius), center=centre),
    )
    zone = cz.prefabs.faulted(
        cz.Crystal.named(material).moved(random_rotation(rng)),
        volume=shapes[int(rng.integers(len(shapes)))],
        count=int(rng.integers(0, 4)) if "Au" in material else int(rng.integers(0, 3)),
        kinds=KINDS[material],
        plane="random",
        seed=seeding.child(seed, "particle"),
    )
    moved = zone.moved(random_rotation(rng)).moved(translation(rng.uniform(-30, 30, size=3)))
    atoms = cz.Scene.fitted([moved], periodic=(False, False, False)).atoms()
    return atoms, atoms.info["record"]["zones"]["faulted"]


def seen(kind, atoms, material, spacing):
    """The faults that atoms of these kinds show: (name, height) from below, and the normal (None without a fault)."""
    prototype = material.split()[0]
    judge = judges.tetrahedral if prototype in ("zincblende", "wurtzite") else judges.close_packed
    bond = spacing * {"fcc": np.sqrt(1.5), "hcp": 3.19 / 2.605, "zincblende": 0.75, "wurtzite": 0.75}[prototype]
    judged, axis = judge(atoms.positions, bond)
    assert np.mean(judged != kind) < 0.002
    own = (judged == judges.HEXAGONAL) & (kind == judges.HEXAGONAL)
    if not own.any():
        return [], None
    normal = judges.common_axis(axis[own])
    hexagonal = prototype in ("hcp", "wurtzite")
    foreign = kind == (judges.CUBIC if hexagonal else judges.HEXAGONAL)
    name = judges.hexagonal_faults if hexagonal else judges.cubic_faults
    points = atoms.positions[foreign]
    if judge is judges.tetrahedral:
        points = points + judges.to_middle_of_bond(atoms, normal, bond)[foreign]
    return name(points, normal, spacing), normal


@pytest.mark.parametrize("material", KINDS)
def test_the_record_of_fifty_particles_is_what_ovito_finds(ovito, material):
    found = 0
    crystal = cz.Crystal.named(material)
    hexagonal = material.split()[0] in ("hcp", "wurtzite")
    spacing = crystal.lattice[2, 2] / (2 if hexagonal else np.sqrt(3))
    for seed in range(50):
        atoms, record = particle(material, seed)
        kind = types(ovito, atoms, tetrahedral=material.split()[0] in ("zincblende", "wurtzite"))
        faults, normal = seen(kind, atoms, material, spacing)
        made = record["fill"]["defects"]
        if made:
            assert normal is not None, seed
            for defect in made:
                assert abs(float(np.dot(defect["normal"], normal))) > np.cos(np.radians(1)), seed
        recorded = sorted((float(np.dot(defect["point"], normal)), defect["kind"]) for defect in made)
        assert [name for _, name in recorded] == [name for name, _ in faults], seed
        # the scene was moved into its cell together with what the record says
        offsets = [height - there for (height, _), (_, there) in zip(recorded, faults, strict=True)]
        assert np.abs(offsets).max(initial=0) < 0.2 * spacing, seed
        found += len(faults)
    print(f"{material}: {found} faults in 50 particles, all recorded")
    assert found > 30


@pytest.mark.parametrize(
    "zone",
    [
        cz.prefabs.icosahedron("fcc Au", shells=6),
        cz.prefabs.icosahedron("fcc Au", shells=6, strain="disclination"),
        cz.prefabs.decahedron("fcc Au", edge=6, column=4, reentrance=1),
        cz.prefabs.crossing_twins("fcc Au", radius=22),
        cz.prefabs.crossing_faults("fcc Au", radius=22),
        cz.prefabs.crossing_faults("zincblende CdSe", radius=22),
    ],
    ids=["icosahedron", "relaxed icosahedron", "decahedron", "crossing twins", "crossing faults", "in zincblende"],
)
def test_layers_are_what_ovito_calls_them(ovito, zone):
    atoms = cz.Scene.fitted([zone], periodic=(False, False, False)).atoms()
    kind = types(ovito, atoms, tetrahedral=len(np.unique(atoms.numbers)) == 2)
    layer = atoms.arrays["layer"]
    seen = (kind != judges.OTHER) & (layer > 0)
    assert seen.sum() > 0.3 * len(atoms)
    np.testing.assert_array_equal(kind[seen], layer[seen])
    assert (kind[layer == 2] == judges.HEXAGONAL).sum() > 30


@pytest.mark.parametrize("material", ["fcc Au", "diamond Si"])
@pytest.mark.parametrize(
    ("burgers", "heights"),
    [((-1 / 3,) * 3, (-0.5, 0.5)), ((1 / 3,) * 3, (-1, 1)), ((1 / 6, 1 / 6, -1 / 3), (-0.5, 0.5))],
)
def test_faulted_loops_are_what_ovito_sees(ovito, material, burgers, heights):
    metal = material == "fcc Au"
    zone = cz.prefabs.dislocation_loop(
        cz.Crystal.named(material).moved(random_rotation(np.random.default_rng(4))),
        volume=cz.Ball(27, center=(20, -10, 30)),
        burgers=burgers,
        plane="111",
        loop_radius=15,
    )
    atoms = cz.Scene.fitted([zone], periodic=(False, False, False)).atoms()
    (defect,) = atoms.info["record"]["zones"]["dislocation_loop"]["fill"]["dislocations"]
    kind = types(ovito, atoms, tetrahedral=not metal)
    normal, spacing = np.array(defect["normal"]), cz.Crystal.named(material).lattice[0, 0] / np.sqrt(3)
    offset = atoms.positions - defect["point"]
    height = offset @ normal
    near = np.linalg.norm(offset - height[:, None] * normal, axis=1) < 8
    found = height[near & (kind == judges.HEXAGONAL)] / spacing
    assert len(found) > 30
    # of the pairs of atoms in tetrahedral crystals each lies 3/8 of a spacing off the middle of its sheet
    reach = 0.2 if metal else 0.375 + 0.2
    assert np.abs(found[:, None] - heights).min(axis=1).max() < reach
    assert all((np.abs(found - level) < reach).sum() > 10 for level in heights)
    core = near & (np.abs(height) < 10)
    assert (kind[core] == judges.OTHER).mean() < 0.05
