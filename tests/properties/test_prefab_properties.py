"""What must hold for any prefab of a particle, anywhere and in any orientation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from construction_zone import prefabs
from construction_zone.build import Crystal, Scene, transforms
from construction_zone.build.prefabs.compound import crystal_under, nearest_neighbour

quick = settings(derandomize=True, max_examples=12, deadline=None)

number = st.floats(-40, 40, allow_subnormal=False)
vector = st.tuples(number, number, number)
motion = st.builds(
    lambda axis, angle, shift: transforms.translation(shift) @ transforms.rotation(axis, angle),
    vector.filter(lambda v: np.linalg.norm(v) > 0.1),
    st.floats(-360, 360),
    vector,
)
origin = st.one_of(st.just("random"), st.tuples(*[st.floats(0, 1)] * 3))
size = st.floats(14, 34)
seed = st.integers(0, 2**32)
cubic = st.sampled_from(["fcc Au", "fcc Pt", "bcc Fe", "zincblende CdSe", "diamond Si", "rocksalt PbS"])
energy = st.floats(0.8, 1.4)

wulff = st.builds(
    lambda crystal, a, b, c, d, o, s: prefabs.wulff(
        crystal, energies={"111": a, "-1-1-1": b, "100": c} if "zinc" in crystal else {"111": a, "100": c, "110": b},
        diameter=d, origin=o, seed=s,
    ),
    cubic, energy, energy, energy, size, origin, seed,
)  # fmt: skip
forms = st.builds(
    lambda form, crystal, d, o, s: form(crystal, diameter=d, origin=o, seed=s),
    st.sampled_from(
        [prefabs.cube, prefabs.octahedron, prefabs.cuboctahedron, prefabs.truncated_octahedron,
         prefabs.rhombic_dodecahedron, prefabs.tetrahedron]
    ),
    cubic, size, origin, seed,
)  # fmt: skip
flat = st.builds(
    lambda crystal, gamma, d, o, s: prefabs.winterbottom(
        crystal, energies={"111": 1.28, "100": 1.63}, interface="111", interface_energy=gamma, diameter=d, origin=o,
        seed=s,
    ),
    st.sampled_from(["fcc Au", "fcc Pt", "rocksalt PbS"]), st.floats(-0.8, 1.2), size, origin, seed,
)  # fmt: skip
rods = st.builds(
    lambda crystal, length, d, caps, o, s: prefabs.rod(
        crystal, length=length + d * 1.3, diameter=d, caps=caps, origin=o, seed=s
    ),
    st.sampled_from(["wurtzite CdSe", "hcp Co"]), size, st.floats(14, 24), st.sampled_from(["flat", "10-11", "round"]),
    origin, seed,
)  # fmt: skip
single = st.one_of(wulff, forms, flat, rods)
coherent = st.builds(
    lambda core, t: prefabs.core_shell(core, crystal_under(core.generator), thickness=t, epitaxial=True),
    single, st.floats(3, 8),
)  # fmt: skip


def alone(zone, seed=0):
    return Scene.fitted([zone], padding=3.0, periodic=(False, False, False)).atoms(seed=seed)


@quick
@given(st.one_of(single, coherent), motion)
def test_no_two_atoms_are_closer_than_the_lattice_allows(zone, move):
    atoms = alone(zone.moved(move))
    allowed = nearest_neighbour(crystal_under(zone.generator))
    distance, _ = cKDTree(atoms.positions).query(atoms.positions, k=2)
    assert distance[:, 1].min() >= allowed - 1e-6


@quick
@given(single, motion)
def test_motion_changes_no_atom_and_no_record(zone, move):
    here, there = alone(zone), alone(zone.moved(move))
    assert len(here) == len(there)
    record, other = (atoms.info["record"]["zones"][zone.name]["fill"] for atoms in (here, there))
    assert record["diameter"] == other["diameter"]
    told = [[(f["hkl"], f["atoms"], f["layers"]) for f in fill["facets"]] for fill in (record, other)]
    assert told[0] == told[1]


@quick
@given(single)
def test_facets_of_the_record_are_on_the_atoms(zone):
    atoms = alone(zone)
    shift = atoms.positions.mean(axis=0)
    for facet in atoms.info["record"]["zones"][zone.name]["fill"]["facets"]:
        heights = (atoms.positions - shift) @ np.array(facet["normal"])
        assert (heights > heights.max() - 1e-3).sum() == facet["atoms"]
        assert facet["area"] > 0


@quick
@given(single, seed)
def test_same_seed_same_bytes(zone, number):
    one, other = alone(zone, number), alone(zone, number)
    assert one.positions.tobytes() == other.positions.tobytes()
    assert one.info["record"] == other.info["record"]


def test_sample_alone_is_the_sample_in_the_batch():
    from construction_zone.distributions import Uniform

    asked = {
        "crystal": "fcc Au",
        "energies": {"111": 1.28, "100": 1.63},
        "diameter": Uniform(14, 30),
        "origin": "random",
    }
    few, many = (prefabs.several("wulff", count, seed=5, **asked) for count in (2, 7))
    assert few == many[:2]
    assert len({zone.volume for zone in many}) == 7


@pytest.mark.parametrize("name", ["fcc Au", "wurtzite CdSe"])
def test_prefabs_compare_and_hash_by_value(name):
    made = [prefabs.rod(Crystal.named(name), length=40, diameter=20, axis=axis, sides="110" if "fcc" in name else "100")
            for axis in ((0, 0, 1), (0, 0, 1))]  # fmt: skip
    assert made[0] == made[1]
    assert hash(made[0]) == hash(made[1])
