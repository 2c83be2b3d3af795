"""Defected particles, anywhere and turned anyhow: no atoms too close, a record that tells the truth, the same bytes."""

import judges
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import construction_zone as cz
from construction_zone import seeding
from construction_zone.build.transforms import random_rotation, translation

OPEN = (False, False, False)
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)

CLOSEST = {
    "twinned": 1.0,
    "faulted": 0.99,
    "decahedron": 1.0,
    "icosahedron": 1.0,
    "crossing_twins": 0.75,
    "crossing_faults": 0.75,
    "grain_boundary": 0.75,
    "polycrystal": 0.75,
    "attached": 0.75,
    "dislocated": 0.7,
}
"""How close atoms may be, in units of the shortest bond of the crystal."""

BONDS = {"fcc Au": np.sqrt(0.5), "zincblende CdSe": np.sqrt(3) / 4, "wurtzite CdSe": None, "hcp Co": None}


def drawn(prefab, material, seed):
    """A prefab with parameters drawn from a seed; None if it is not for this material."""
    rng = seeding.generator(seed, "parameters")
    own = {"seed": seeding.child(seed, "prefab")}
    radius = float(rng.uniform(12, 18))
    crystal = cz.Crystal.named(material).moved(random_rotation(rng))
    cubic, make = material.split()[0] in ("fcc", "zincblende"), getattr(cz.prefabs, prefab)
    if prefab in ("twinned", "crossing_faults", "crossing_twins") and not cubic:
        return None
    if prefab in ("decahedron", "icosahedron", "crossing_twins") and "fcc" not in material:
        return None
    if prefab in ("twinned", "faulted"):
        volume = cz.Ball(radius + 4, center=rng.uniform(-50, 50, size=3))
        kinds = (
            {} if prefab == "twinned" else {"kinds": ("intrinsic", "extrinsic", "twin") if cubic else ("I1", "I2", "E")}
        )
        return make(crystal, volume=volume, count=int(rng.integers(0, 2)), plane="random", edge=1, **kinds, **own)
    if prefab == "decahedron":
        return make(material, edge=int(rng.integers(2, 6)), column=int(rng.integers(1, 4)), **own)
    if prefab == "icosahedron":
        return make(material, shells=int(rng.integers(1, 5)), **own)
    if prefab == "grain_boundary":
        kind = ("tilt", "twist")[int(rng.integers(2))]
        return make(material, radius=radius, angle=float(rng.uniform(3, 60)), kind=kind, **own)
    if prefab == "polycrystal":
        return make(material, radius=radius, grains=int(rng.integers(1, 7)), **own)
    if prefab == "attached":
        facet = (1, 1, 1) if cubic else (0, 0, 1)
        return make(material, radii=(radius, 12), neck=7, twist=float(rng.uniform(0, 60)), facet=facet, **own)
    if prefab == "dislocated":
        burgers = (0.5, 0.5, 0) if cubic else (1, 0, 0)
        lines = ((1, 1, 0), (1, -1, 2), (1, 0, 1)) if cubic else ((1, 0, 0), (0, 0, 1), (0, 1, 0))
        return make(crystal, radius=radius, burgers=burgers, line=lines[int(rng.integers(3))], **own)
    return make(crystal, radius=radius, **own)


def placed(zone, seed):
    rng = seeding.generator(seed, "place")
    moved = zone.moved(random_rotation(rng)).moved(translation(rng.uniform(-40, 40, size=3)))
    return moved.generator.fill(moved.volume, cell=(1.0, 1.0, 1.0), seed=seed, periodic=OPEN)


def bond(material):
    crystal = cz.Crystal.named(material)
    cells = np.array(list(np.ndindex(2, 2, 2)))
    return judges.shortest(np.concatenate([crystal.positions + cell @ crystal.lattice for cell in cells]))


@pytest.mark.parametrize("prefab", CLOSEST)
@SETTINGS
@given(seed=st.integers(0, 10**6), material=st.sampled_from(sorted(BONDS)))
def test_anywhere_in_any_orientation_no_two_atoms_are_closer_than_the_lattice_allows(prefab, seed, material):
    zone = drawn(prefab, material, seed)
    if zone is None:
        return
    atoms = placed(zone, seed)
    if len(atoms) > 1:
        assert judges.shortest(atoms.positions) >= (CLOSEST[prefab] - 1e-6) * bond(material)
    counts = np.bincount(atoms.arrays.get("grain", np.zeros(len(atoms), dtype=int)))
    for grain in atoms.info["record"].get("grains", []):
        assert counts[grain["grain"]] == grain["atoms"]
    if "defect" in atoms.arrays:
        made = atoms.info["record"]["defects"]
        assert set(atoms.arrays["defect"].tolist()) <= {-1, *range(len(made))}
        for index, defect in enumerate(made):
            assert (atoms.arrays["defect"] == index).sum() <= defect["atoms"]
            assert np.linalg.norm(defect["normal"]) == pytest.approx(1)


@pytest.mark.parametrize("prefab", CLOSEST)
def test_a_sample_alone_is_what_it_is_in_the_batch(prefab):
    def sample(index):
        return placed(drawn(prefab, "fcc Au", seeding.child(11, index)), seeding.child(11, index, "fill"))

    batch = [sample(index) for index in range(4)]
    alone = sample(2)
    for name, values in batch[2].arrays.items():
        assert values.tobytes() == alone.arrays[name].tobytes()
    assert batch[2].info["record"] == alone.info["record"]


@SETTINGS
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(0, 3),
    material=st.sampled_from(["fcc Au", "zincblende CdSe", "hcp Co", "wurtzite CdSe"]),
)
def test_the_record_is_what_another_judge_finds(seed, count, material):
    """As OVITO does in the crosscheck: number, kind, normal within 1° and place within 0.2 spacings."""
    rng = np.random.default_rng(seed)
    cubic = material.split()[0] in ("fcc", "zincblende")
    crystal = cz.Crystal.named(material).moved(random_rotation(rng))
    spacing = crystal.lattice[2, 2] / (np.sqrt(3) if cubic else 2)
    kinds = ("twin", "intrinsic", "extrinsic") if cubic else ("I1", "I2", "E")
    volume = cz.Ball(float(rng.uniform(6.5, 7.5)) * spacing, center=rng.uniform(-40, 40, size=3))
    zone = cz.prefabs.faulted(
        crystal, volume=volume, count=min(count, 1 + (material == "fcc Au")), kinds=kinds, seed=seed
    )
    atoms = placed(zone, seed)
    metal = material.split()[0] in ("fcc", "hcp")
    judge = judges.close_packed if metal else judges.tetrahedral
    kind, axis = judge(atoms.positions, bond(material))
    made = atoms.info["record"]["defects"]
    hexagonal = kind == judges.HEXAGONAL
    if not hexagonal.any():
        assert made == []
        return
    normal = judges.common_axis(axis[hexagonal])
    points = atoms.positions
    if not metal:
        points = points + judges.to_middle_of_bond(atoms, normal, bond(material))
    foreign = points[hexagonal if cubic else kind == judges.CUBIC]
    found = (judges.cubic_faults if cubic else judges.hexagonal_faults)(foreign, normal, spacing)
    recorded = sorted((float(np.dot(defect["point"], normal)), defect["kind"]) for defect in made)
    assert [name for _, name in recorded] == [name for name, _ in found]
    for (height, _), (_, there) in zip(recorded, found, strict=True):
        assert abs(height - there) < 0.2 * spacing
    for defect in made:
        assert abs(np.dot(defect["normal"], normal)) > np.cos(np.radians(1))
