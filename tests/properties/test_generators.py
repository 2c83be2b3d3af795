"""What must hold for any crystal, any strain and any order of modifiers."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from construction_zone.build import Ball, Block, Crystal, transforms
from construction_zone.build.generators.prototypes import PROTOTYPES
from construction_zone.build.modifiers import (
    Deformation,
    Modified,
    RandomAlloy,
    Substitution,
    ThermalSnapshot,
    Vacancies,
)

HUGE = (1e4, 1e4, 1e4)
quick = settings(derandomize=True, max_examples=20, deadline=None)

number = st.floats(-0.15, 0.15, allow_subnormal=False)
matrix = st.lists(number, min_size=9, max_size=9).map(lambda m: np.eye(3) + np.reshape(m, (3, 3)))
direction = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)
rotation = st.builds(transforms.rotation, direction, st.floats(-180, 180))
volume = st.one_of(
    st.builds(Ball, st.floats(6, 12), st.tuples(*[st.floats(-5, 5)] * 3)),
    st.builds(lambda size, turn: Block(size).moved(turn), st.tuples(*[st.floats(8, 16)] * 3), rotation),
)
modifier = st.one_of(
    st.builds(Vacancies, st.floats(0, 0.4), seed=st.integers(0, 3)),
    st.builds(Substitution, st.just("Cu"), st.floats(0, 1), seed=st.integers(0, 3)),
    st.builds(ThermalSnapshot, st.floats(0, 0.2), seed=st.integers(0, 3)),
    st.builds(lambda x: RandomAlloy({"Au": x, "Ag": 1 - x}), st.floats(0.1, 0.9)),
    st.builds(Deformation, matrix, frame=st.sampled_from(["crystal", "lab"])),
)


@quick
@given(matrix, rotation, volume, st.sampled_from(["crystal", "lab"]))
def test_straining_a_generator_is_straining_its_lattice(gradient, turn, shape, frame):
    assume(np.linalg.det(gradient) > 0.3)
    gold = Crystal.fcc("Au").moved(turn)
    strained = Modified(gold, [Deformation(gradient, frame=frame)]).fill(shape, cell=HUGE)
    map_ = transforms.affine(gradient)
    reference = gold.moved(turn @ map_ @ turn.inverse if frame == "crystal" else map_).fill(shape, cell=HUGE)

    def clear(points):
        rows = np.round(points[np.abs(shape.signed_distance(points)) > 1e-3], 3) + 0.0
        return rows[np.lexsort(rows.T)]

    assert len(clear(strained.positions)) == len(clear(reference.positions))
    distance = np.linalg.norm(clear(strained.positions)[:, None] - clear(reference.positions), axis=2).min(axis=1)
    assert distance.max(initial=0.0) < 2e-3


@quick
@given(st.lists(modifier, max_size=4), volume, st.integers(0, 100))
def test_same_seed_same_bytes_and_all_atoms_inside(modifiers, shape, seed):
    assume(all(np.linalg.det(m.gradient) > 0.3 for m in modifiers if isinstance(m, Deformation)))
    generator = Modified(Crystal.fcc("Au"), modifiers)
    atoms, again = (generator.fill(shape, cell=HUGE, seed=seed) for _ in range(2))
    assert atoms.arrays.keys() == again.arrays.keys()
    for name, values in atoms.arrays.items():
        assert values.tobytes() == again.arrays[name].tobytes()
        assert len(values) == len(atoms)
    if not any(isinstance(m, ThermalSnapshot) for m in modifiers):
        assert (shape.signed_distance(atoms.positions) < 1e-5).all()
    assert [entry["kind"] for entry in atoms.info["record"]["modifiers"]] == [m.kind for m in modifiers]


@quick
@given(st.sampled_from(sorted(PROTOTYPES)), st.floats(3, 7), st.floats(0.8, 1.8), rotation)
def test_any_prototype_has_the_density_of_its_cell(name, a, ratio, turn):
    kind = PROTOTYPES[name]
    symbols = ["Ti", "O", "S"][: len(kind.ratio)]
    formula = "".join(s + (str(n) if n > 1 else "") for s, n in zip(symbols, kind.ratio, strict=True))
    constants = {"a": a} if kind.axes == "cubic" or (kind.sheet and kind.u is None) else {"a": a, "c": a * ratio}
    try:
        crystal = Crystal.prototype(name, formula, **constants)
    except ValueError:
        assume(False)  # atoms on top of each other: these constants make no such structure
        return
    assert len(crystal.numbers) % sum(kind.ratio) == 0
    assert np.bincount(crystal.sublattice).tolist() == [len(crystal.numbers) * n // sum(kind.ratio) for n in kind.ratio]
    if kind.sheet is None:
        atoms = crystal.moved(turn).fill(Ball(20), cell=HUGE)
        density = len(crystal.numbers) / abs(np.linalg.det(crystal.lattice))
        assert abs(len(atoms) / (4 / 3 * np.pi * 20**3 * density) - 1) < 0.06
