"""Modifiers of atoms: exact amounts, seeds that do not disturb each other, records of what was done."""

import json

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial import cKDTree

from construction_zone.build import Ball, Block, Crystal, Scene, Zone, transforms
from construction_zone.build.modifiers import (
    Antisites,
    ConcentrationGradient,
    Custom,
    Interstitials,
    LinearProfile,
    Modified,
    RadialProfile,
    RandomAlloy,
    ShortRangeOrder,
    Strain,
    Substitution,
    ThermalSnapshot,
    Vacancies,
    warren_cowley,
)
from construction_zone.build.neighbours import close_pairs
from construction_zone.build.volumes import Slab
from construction_zone.errors import InvalidInput

HUGE = (1e3, 1e3, 1e3)
GOLD = Crystal.fcc("Au", a=4.0)
CUBE = Block.between((0, 0, 0), (40, 40, 40))  # 4000 atoms


def made(generator, modifiers, volume=CUBE, seed=0, **where):
    return Modified(generator, modifiers).fill(volume, cell=where.pop("cell", HUGE), seed=seed, **where)


def last_record(atoms):
    return atoms.info["record"]["modifiers"][-1]


def keys(atoms):
    return {tuple(row) for row in np.round(atoms.positions, 5) + 0.0}


# amounts


def test_vacancies_are_exactly_as_many_as_asked():
    full, holey = GOLD.fill(CUBE, cell=HUGE), made(GOLD, [Vacancies(0.0333)])
    assert len(holey) == 4000 - round(0.0333 * 4000)
    record = last_record(holey)
    assert record["count"] == 133 == len(record["positions"])
    assert keys(full) - keys(holey) == {tuple(row) for row in np.round(record["positions"], 5) + 0.0}
    assert len(made(GOLD, [Vacancies(count=7)])) == 3993


def test_vacancies_of_one_element_and_in_one_region():
    salt = Crystal.rocksalt("NaCl", a=5.0)
    atoms = made(salt, [Vacancies(0.5, of="Cl", within=Ball(12, (20, 20, 20)))])
    whole = salt.fill(CUBE, cell=HUGE)
    gone = np.array(last_record(atoms)["positions"])
    assert (atoms.numbers == 11).sum() == (whole.numbers == 11).sum()
    assert np.linalg.norm(gone - 20, axis=1).max() < 12.01
    inside = (whole.numbers == 17) & (np.linalg.norm(whole.positions - 20, axis=1) < 12)
    assert len(gone) == round(inside.sum() / 2)


def test_substitution_and_sublattices():
    atoms = made(Crystal.zincblende("GaAs"), [Substitution("In", 0.25, sublattice=0)])
    gallium, indium, arsenic = ((atoms.numbers == z).sum() for z in (31, 49, 33))
    assert indium == round(0.25 * (gallium + indium))
    assert arsenic == len(atoms) - gallium - indium
    assert set(atoms.arrays["sublattice"][atoms.numbers == 49]) == {0}
    assert last_record(atoms)["replaced"] == {"Ga": indium}


def test_random_alloy_has_the_composition_to_the_atom():
    atoms = made(GOLD, [RandomAlloy({"Au": 1, "Cu": 1, "Pd": 2})])
    assert last_record(atoms)["made"] == {"Cu": 1000, "Pd": 2000, "Au": 1000}
    assert (atoms.numbers == 46).sum() == 2000


def test_antisites_keep_the_composition():
    clean = Crystal.zincblende("GaAs").fill(CUBE, cell=HUGE)
    atoms = made(Crystal.zincblende("GaAs"), [Antisites(("Ga", "As"), count=20)])
    np.testing.assert_array_equal(np.bincount(atoms.numbers), np.bincount(clean.numbers))
    wrong = atoms.numbers != clean.numbers
    assert wrong.sum() == 40
    assert np.bincount(atoms.arrays["sublattice"][wrong & (atoms.numbers == 33)]).tolist() == [20]


def test_octahedral_interstitials_of_fcc():
    atoms = made(GOLD, [Interstitials("C", 0.01, sites=[[0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])])
    record = last_record(atoms)
    assert record["of_sites"] == 4000
    assert record["count"] == 40 == (atoms.numbers == 6).sum()
    carbon = atoms.positions[atoms.numbers == 6]
    nearest = np.linalg.norm(carbon[:, None] - atoms.positions[atoms.numbers == 79], axis=2).min(axis=1)
    np.testing.assert_allclose(nearest, 2.0, atol=1e-9)


def test_interstitial_sites_follow_the_strain():
    crystal = GOLD.moved(transforms.rotation((1, 2, 3), 20))
    strained = [Strain([0, 0, 0.1], frame="crystal"), Interstitials("C", 0.05, sites=[[0.5, 0.5, 0.5]])]
    atoms = made(crystal, strained, Ball(15))
    carbon, gold = atoms.positions[atoms.numbers == 6], atoms.positions[atoms.numbers == 79]
    inner = np.linalg.norm(carbon, axis=1) < 12
    nearest = np.sort(np.linalg.norm(carbon[inner][:, None] - gold, axis=2), axis=1)[:, :6]
    np.testing.assert_allclose(nearest, np.tile([2, 2, 2, 2, 2.2, 2.2], (len(nearest), 1)), atol=1e-9)


def test_holes_are_found_without_being_told():
    atoms = made(GOLD, [Interstitials("H", count=30, min_distance=1.7)], Ball(12))
    hydrogen, gold = atoms.positions[atoms.numbers == 1], atoms.positions[atoms.numbers == 79]
    near = np.linalg.norm(hydrogen[:, None] - gold, axis=2)
    # octahedral (2 Å) and tetrahedral (√3 Å) holes of fcc
    deep = np.linalg.norm(hydrogen, axis=1) < 9
    assert deep.any()
    nearest = near.min(axis=1)[deep]
    assert (np.isclose(nearest, 2, atol=1e-5) | np.isclose(nearest, np.sqrt(3), atol=1e-5)).all()
    together = close_pairs(hydrogen, 1.7, np.zeros(3))[0]
    assert len(together) == 0


def test_interstitials_keep_their_distance_across_the_seam():
    cell = (20.0, 20.0, 40.0)  # five cells of gold: a film without a seam
    film = Slab(16, center=(0, 0, 20))
    gold = GOLD.shifted((0.5, 0.5, 0.1))
    boxsize = np.array([20, 20, 0])
    atoms = Modified(gold, [Interstitials("H", 1.0, min_distance=1.7)]).fill(film, cell=cell)
    points, own = np.mod(atoms.positions, cell), atoms.numbers == 1
    assert len(close_pairs(points, 1.7, boxsize)[0]) == 0
    # the holes at the seam are found like all others: layers 1 Å apart, of two kinds
    layers = np.bincount(np.floor(points[own, 0]).astype(int), minlength=20)
    assert layers[::2].min() > 0.95 * layers[::2].max() > 30
    assert layers[1::2].min() > 0.95 * layers[1::2].max() > 30
    # where the crystal does not fit its cell, sites at the seam are too close to atoms on its other side
    octahedral = [[0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    atoms = Modified(gold, [Interstitials("H", 1.0, sites=octahedral, min_distance=1.9)]).fill(film, cell=(19, 19, 40))
    points, own = np.mod(atoms.positions, (19, 19, 40)), atoms.numbers == 1
    assert cKDTree(points[~own], boxsize=(19, 19, 0)).query(points[own])[0].min() >= 1.9
    assert own.sum() > 200


def test_thermal_snapshot_has_the_rms_asked_for():
    crystal = Crystal.diamond("C")
    atoms = made(crystal, [ThermalSnapshot()])
    shift = atoms.positions - atoms.arrays["ideal"]
    assert shift.std() == pytest.approx(0.042, rel=0.02)
    assert last_record(atoms)["rms"]["C"] == pytest.approx(np.sqrt((shift**2).mean()))
    mixed = made(Crystal.rocksalt("NaCl"), [ThermalSnapshot({"Na": 0.1, "Cl": 0.3})])
    shift = mixed.positions - mixed.arrays["ideal"]
    assert shift[mixed.numbers == 17].std() == pytest.approx(0.3, rel=0.05)


def test_concentration_follows_the_profile():
    profile = LinearProfile((0, 0, 0), (40, 0, 0))
    atoms = made(GOLD, [ConcentrationGradient("Cu", profile)])
    x, copper = atoms.positions[:, 0], atoms.numbers == 29
    for low in (0, 10, 20, 30):
        part = (x >= low) & (x < low + 10)
        expected = profile(atoms.positions[part]).mean()
        assert copper[part].mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / part.sum()))
    record = last_record(atoms)
    assert record["count"] == copper.sum()
    assert record["expected"] == pytest.approx(profile(atoms.positions).sum())


def test_radial_profiles_move_with_the_generator():
    shell = ConcentrationGradient("Ag", RadialProfile((0, 0, 0), [9.99, 10.01], [0, 1]))
    there = transforms.translation((20, 20, 20)) @ transforms.rotation((1, 1, 0), 30)
    atoms = Modified(GOLD, [shell]).moved(there).fill(Ball(15, (20, 20, 20)), cell=HUGE)
    radius = np.linalg.norm(atoms.positions - 20, axis=1)
    np.testing.assert_array_equal(atoms.numbers == 47, radius > 10)


def test_a_newcomer_vibrates_like_its_own_kind():
    crystal = Crystal.zincblende("GaAs").with_thermal_u({"Ga": 0.08, "As": 0.07})
    atoms = made(crystal, [Antisites(("Ga", "As"), count=10), Substitution("In", count=5, of="Ga")])
    u = {z: set(atoms.arrays["thermal_u"][atoms.numbers == z].tolist()) for z in (31, 33, 49)}
    assert u == {31: {0.08}, 33: {0.07}, 49: {0.0}}


# any function


def shift_up(atoms, rng):
    atoms.positions[:, 2] += rng.random()
    return atoms


def test_any_function_is_a_modifier():
    atoms = made(GOLD, [shift_up])
    shift = atoms.positions - atoms.arrays["ideal"]
    assert 0 < shift[0, 2] < 1
    np.testing.assert_allclose(shift, np.tile([0, 0, shift[0, 2]], (4000, 1)), atol=1e-12)
    assert last_record(atoms) == {
        "kind": "shift_up",
        "atoms_before": 4000,
        "atoms_after": 4000,
        "stayed": 4000,
        "moved": 4000,
    }


def test_a_function_may_delete_add_and_replace():
    fewer = made(GOLD, [lambda atoms, rng: atoms[atoms.positions[:, 0] > 20], Vacancies(0.5)])
    assert len(fewer) == round(0.5 * (GOLD.fill(CUBE, cell=HUGE).positions[:, 0] > 20).sum())
    more = made(GOLD, [lambda atoms, rng: atoms + Atoms("O", [[1, 1, 1]]), Vacancies(0.5, of="Au")])
    assert (more.numbers == 8).sum() == 1
    other = made(GOLD, [lambda atoms, rng: Atoms("H2", [[1, 1, 1], [2, 2, 2]]), ThermalSnapshot(0.1)])
    assert len(other) == 2


# seeds


def test_a_modifiers_seed_moves_no_other():
    def build(vacancy_seed=0, alloy_seed=0, thermal_seed=0):
        return made(
            Crystal.rocksalt("NaCl", a=5.0),
            [
                RandomAlloy({"Na": 0.5, "K": 0.5}, sublattice=0, seed=alloy_seed),
                Vacancies(0.1, of="Cl", seed=vacancy_seed),
                ThermalSnapshot(0.05, seed=thermal_seed),
            ],
        )

    def by_place(atoms):
        ideal = np.round(atoms.arrays["ideal"], 5) + 0.0
        shift = atoms.positions - atoms.arrays["ideal"]
        return {
            tuple(row): (z, tuple(s)) for row, z, s in zip(ideal.tolist(), atoms.numbers.tolist(), shift, strict=True)
        }

    base, other = by_place(build()), by_place(build(vacancy_seed=1))
    assert base.keys() != other.keys()
    common = base.keys() & other.keys()
    assert len(common) > 0.9 * len(base)
    assert all(base[place] == other[place] for place in common)  # same element, same displacement, to the bit
    again = by_place(build(alloy_seed=5))
    assert again.keys() == base.keys()
    assert all(np.array_equal(again[p][1], base[p][1]) for p in base)
    assert any(again[p][0] != base[p][0] for p in base)
    shaken = by_place(build(thermal_seed=5))
    assert shaken.keys() == base.keys()
    assert all(shaken[p][0] == base[p][0] for p in base)


def test_a_modifier_before_it_changes_nothing_of_the_next():
    plain, after = made(GOLD, [Vacancies(0.1)]), made(GOLD, [Substitution("Cu", 0.3), Vacancies(0.1)])
    assert keys(plain) == keys(after)


def test_two_of_a_kind_draw_differently():
    once = np.array(last_record(made(GOLD, [Vacancies(count=200)]))["positions"])
    twice = made(GOLD, [Vacancies(count=200), Vacancies(count=200)])
    assert len(twice) == 3600
    first, second = (np.array(entry["positions"]) for entry in twice.info["record"]["modifiers"])
    np.testing.assert_array_equal(first, once)
    assert not np.array_equal(first, second)


def test_the_same_seed_gives_the_same_bytes():
    modifiers = [RandomAlloy({"Au": 0.5, "Cu": 0.5}), Vacancies(0.02), ThermalSnapshot(0.1)]
    a, b, c = (made(GOLD, modifiers, seed=s) for s in (4, 4, 5))
    assert a.positions.tobytes() == b.positions.tobytes()
    assert a.numbers.tobytes() == b.numbers.tobytes()
    assert a.numbers.tobytes() != c.numbers.tobytes()


def test_records_are_plain_and_reach_the_scene():
    modifiers = [Strain([0.01, 0, 0], frame="lab"), RandomAlloy({"Au": 0.5, "Cu": 0.5}), Vacancies(0.02), shift_up]
    zone = Zone(Ball(10, (20, 20, 20)), Modified(GOLD, modifiers), "dot")
    atoms = Scene([zone], (40, 40, 40)).atoms()
    fill = atoms.info["record"]["zones"]["dot"]["fill"]
    assert [entry["kind"] for entry in fill["modifiers"]] == ["strain", "random_alloy", "vacancies", "shift_up"]
    json.dumps(fill)


# short-range order


def test_random_alloys_have_no_order():
    atoms = made(GOLD, [RandomAlloy({"Au": 0.3, "Cu": 0.7})])
    assert warren_cowley(atoms, ("Au", "Cu"), 2) == pytest.approx([0, 0], abs=0.03)


def test_warren_cowley_of_ordered_compounds():
    cell = (30 * 3.74 / 3,) * 3
    ordered = Crystal.prototype("L1_2", "Cu3Au", a=3.74).fill(Block.between((0, 0, 0), cell), cell=cell)
    ordered.set_cell(cell)
    ordered.pbc = True
    # gold has only copper around it: α = 1 − 1/c; then only gold
    assert warren_cowley(ordered, ("Au", "Cu"), 2) == pytest.approx([1 - 1 / 0.75, 1.0])


@pytest.mark.parametrize(
    ("composition", "targets", "volume"),
    [
        ({"Au": 0.5, "Cu": 0.5}, {"Au-Cu": -0.15}, Ball(20)),
        ({"Au": 0.25, "Cu": 0.75}, {("Cu", "Au"): [-0.2, 0.15]}, CUBE),
        ({"Au": 0.4, "Cu": 0.6}, {"Au-Cu": 0.2}, Ball(20)),
        ({"Au": 0.3, "Cu": 0.3, "Pd": 0.4}, {"Au-Cu": -0.2, "Au-Pd": 0.1}, Ball(20)),
    ],
)
def test_short_range_order_reaches_its_target(composition, targets, volume):
    atoms = made(GOLD, [RandomAlloy(composition), ShortRangeOrder(targets)], volume)
    record = last_record(atoms)
    for pair, wanted in targets.items():
        one, other = pair.split("-") if isinstance(pair, str) else pair
        name = "-".join(sorted((one, other)))
        wanted = [wanted] if isinstance(wanted, float) else wanted
        np.testing.assert_allclose(record["alpha"][name][: len(wanted)], wanted, atol=0.0051)
        if len(composition) == 2:  # counted again, from the atoms alone
            np.testing.assert_allclose(warren_cowley(atoms, (one, other), len(wanted)), wanted, atol=0.0051)
    before = made(GOLD, [RandomAlloy(composition)], volume)
    np.testing.assert_array_equal(np.bincount(before.numbers), np.bincount(atoms.numbers))
    assert record["changed"] == (before.numbers != atoms.numbers).sum() > 0


def test_order_on_one_sublattice_across_the_seam_and_under_strain():
    alloy = [RandomAlloy({"Ga": 0.5, "In": 0.5}, sublattice=0), ShortRangeOrder({"Ga-In": 0.1}, sublattice=0)]
    a = 5.6533
    cell = (6 * a,) * 3
    atoms = made(Crystal.zincblende("GaAs"), alloy, Block.between((0, 0, 0), cell), cell=cell, periodic=(True,) * 3)
    assert set(atoms.arrays["sublattice"][atoms.numbers == 33]) == {1}
    atoms.set_cell(cell)
    atoms.pbc = True
    assert warren_cowley(atoms, ("Ga", "In"))[0] == pytest.approx(0.1, abs=0.0051)
    strained = made(
        GOLD, [RandomAlloy("AuCu"), Strain([0.1, 0, 0], frame="lab"), ShortRangeOrder({"Au-Cu": -0.1})], Ball(18)
    )
    assert last_record(strained)["alpha"]["Au-Cu"][0] == pytest.approx(-0.1, abs=0.0051)


@pytest.mark.parametrize(
    ("composition", "targets", "message"),
    [
        ({"Au": 0.5, "Cu": 0.5}, {"Au-Cu": -0.9}, r"limit for this lattice"),  # fcc cannot go below −1/3
        ({"Au": 0.25, "Cu": 0.75}, {"Au-Cu": -0.6}, r"lies between -0\.3\d\d and 1"),
        ({"Au": 0.5, "Cu": 0.5}, {"Au-Cu": 1.2}, r"cannot be 1\.2"),
        ({"Au": 0.5, "Cu": 0.5}, {"Au-Pd": 0.1}, "no atom to choose"),
    ],
)
def test_impossible_order_says_the_limit(composition, targets, message):
    with pytest.raises(InvalidInput, match=message):
        made(GOLD, [RandomAlloy(composition), ShortRangeOrder(targets)], Ball(14))


# bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vacancies(), "fraction or a count"),
        (lambda: Vacancies(0.1, count=3), "one of the two"),
        (lambda: Vacancies(1.5), "from 0 to 1"),
        (lambda: Vacancies(count=-1), "whole number"),
        (lambda: Vacancies(0.1, of="Xq"), "not a chemical element"),
        (lambda: Vacancies(0.1, within="here"), "give a volume"),
        (lambda: Vacancies(0.1, sublattice="A"), "sublattice is 'A'"),
        (lambda: Substitution("Xq", 0.1), "not a chemical element"),
        (lambda: RandomAlloy({"Au": -1}), "above zero"),
        (lambda: Antisites(("Ga", "Ga"), 0.1), "two different elements"),
        (lambda: Interstitials("C", 0.1, sites=[[0, 0]]), "shape"),
        (lambda: ThermalSnapshot(-0.1), "not negative"),
        (lambda: ConcentrationGradient("Cu", lambda p: p), r"shape \(2, 3\)"),
        (lambda: ConcentrationGradient("Cu", lambda p: p[:, 0] + 5), "between 0 and 1"),
        (lambda: RadialProfile((0, 0, 0), [2, 1], [0, 1]), "rising"),
        (lambda: ShortRangeOrder({}), "targets"),
        (lambda: ShortRangeOrder({"Au": 0.1}), "no pair"),
        (lambda: ShortRangeOrder({"Au-Au": 0.1}), "one element only"),
        (lambda: ShortRangeOrder({"Au-Cu": [0.1, 0.2]}, cutoffs=[3.0]), "2 rising radii"),
        (lambda: Custom(3), "give a function"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


@pytest.mark.parametrize(
    ("modifier", "message"),
    [
        (Vacancies(0.1, of="Cu"), r"no atom to choose \(element Cu\).*Au"),
        (Vacancies(0.1, sublattice=7), "sublattice 7"),
        (Vacancies(0.1, within=Ball(1, (500, 0, 0))), "in the region"),
        (Vacancies(count=10**6), "only 4000 sites"),
        (Vacancies(1.0), "leave no atom"),
        (ThermalSnapshot(), "rms displacement of Au is not known"),
        (ThermalSnapshot({"Cu": 0.1}), "rms displacement of Au"),
        (Interstitials("C", 0.1, sites=[[0, 0, 0]]), "no site for C"),
        (lambda atoms, rng: atoms.positions, r"ndarray of shape \(4000, 3\)"),
        (lambda atoms, rng: None, "NoneType"),
    ],
)
def test_what_cannot_be_done(modifier, message):
    with pytest.raises(InvalidInput, match=message):
        made(GOLD, [modifier])
