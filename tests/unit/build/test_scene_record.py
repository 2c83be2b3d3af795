"""Arrays and record of a scene: what a generator knows comes through merging, files and the store."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from ase import Atoms

from construction_zone.build import (
    Amorphous,
    Ball,
    Block,
    Crystal,
    Scene,
    Zone,
    files,
    modifiers,
    prefabs,
    transforms,
    variant,
)
from construction_zone.build.transforms import IDENTITY, Affine
from construction_zone.dataset.compose import Built
from construction_zone.dataset.stages import keep_built, read_atoms
from construction_zone.dataset.store import Store
from construction_zone.errors import SceneError

CELL = (30.0, 30.0, 40.0)
GOLD = Crystal.fcc("Au")


@dataclass(frozen=True)
class Made:
    """A generator that returns given atoms."""

    atoms: Atoms
    pose: Affine = IDENTITY
    phase: str = "made"

    def fill(self, volume, *, cell, seed=0, periodic=(True, True, False)):
        return self.atoms.copy()

    def moved(self, affine):
        return self


def made(positions, record=None, **arrays):
    atoms = Atoms(f"Au{len(positions)}", positions)
    for name, values in arrays.items():
        atoms.set_array(name, np.asarray(values))
    if record is not None:
        atoms.info["record"] = record
    return Made(atoms)


def scene(*generators, **options):
    volumes = (Block.between((0, 0, 10 * k), (30, 30, 10 * k + 9)) for k in range(len(generators)))
    zones = [Zone(v, g, f"zone {k}") for k, (v, g) in enumerate(zip(volumes, generators, strict=True))]
    return Scene(zones, CELL, **options)


def test_any_array_comes_through_and_blanks_fill_the_gaps():
    knowing = made(
        [[5, 5, 5], [9, 5, 5]],
        sublattice=[1, 0],
        defect=[0, 2],
        layer=[1, 2],
        surface=[True, False],
        weight=[0.5, 0.25],
        label=["a", "bc"],
        spin=[[1.0, 2, 3], [4, 5, 6]],
        masses=[190.0, 191.0],
    )
    arrays = scene(knowing, made([[5, 5, 15]])).atoms().arrays
    for name, expected in (
        ("sublattice", [1, 0, -1]),
        ("defect", [0, 2, -1]),
        ("layer", [1, 2, 0]),
        ("surface", [True, False, False]),
        ("label", ["a", "bc", "-"]),
    ):
        assert arrays[name].tolist() == expected
    np.testing.assert_array_equal(arrays["weight"], [0.5, 0.25, np.nan])
    np.testing.assert_array_equal(arrays["spin"], [[1, 2, 3], [4, 5, 6], [np.nan] * 3])
    np.testing.assert_allclose(arrays["masses"], [190, 191, 196.97], atol=0.01)
    assert arrays["thermal_u"].tolist() == [0, 0, 0]


def test_arrays_follow_their_atoms_when_others_go():
    loser = made([[5, 5, 10.4], [20, 20, 10.4], [5, 9, 10.4]], defect=[7, 8, 9])
    atoms = scene(made([[5, 5, 8.9]]), loser).atoms()
    assert atoms.arrays["defect"].tolist() == [-1, 8, 9]
    record = atoms.info["record"]["zones"]["zone 1"]
    assert (record["filled"], record["too_close"], record["overlapping"], record["atoms"]) == (3, 1, 0, 2)
    assert record["defects"] == [8, 9]


def test_ideal_positions_are_beside_the_atoms_also_across_the_seam():
    strained = made([[31, 5, 5], [9, 5, 5]], ideal=[[29.5, 5, 5], [9, 4, 5]])
    atoms = scene(strained, made([[5, 5, 15]])).atoms()
    np.testing.assert_allclose(atoms.positions[0], [1, 5, 5])
    np.testing.assert_allclose(atoms.positions - atoms.arrays["ideal"], [[1.5, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_grains_count_on_from_zone_to_zone():
    atoms = scene(made([[5, 5, 5], [9, 5, 5]], grain=[0, 3]), made([[5, 5, 15]], grain=[1]), made([[5, 5, 25]])).atoms()
    assert atoms.arrays["grain"].tolist() == [0, 3, 5, 6]
    zones = atoms.info["record"]["zones"]
    assert [zones[name]["grains"] for name in atoms.info["zones"]] == [[0, 3], [5], [6]]


def test_a_zone_may_be_of_several_phases():
    parts = made([[5, 5, 5], [9, 5, 5]], phase=[1, 0])
    parts.atoms.info["phases"] = ["core", "shell"]
    atoms = scene(parts, made([[5, 5, 15]])).atoms()
    assert [atoms.info["phases"][k] for k in atoms.arrays["phase"]] == ["shell", "core", "made"]


def test_the_record_tells_what_was_made():
    ball = Ball(8, (15, 15, 24))
    turned = GOLD.moved(transforms.rotation((1, 2, 3), 40)).shifted((15, 15, 24))
    film = Zone(Block.between((0, 0, 2), (30, 30, 18)), Amorphous("C", 2.2, structure="random"), "film", priority=1)
    built = Scene(
        [film, Zone(ball, turned, "ball")], CELL, min_distance={("C", "Au"): 2.4}, periodic=(True, True, False)
    )
    atoms = built.atoms(seed=11)
    record = atoms.info["record"]
    assert json.loads(json.dumps(record)) == record
    assert (record["seed"], record["cell"], record["atoms"]) == (11, list(CELL), len(atoms))
    assert record["min_distance"] == {"default": 2.0, "Au-C": 2.4}
    gold = record["zones"]["ball"]
    np.testing.assert_allclose(gold["pose"]["matrix"], turned.pose.matrix)
    np.testing.assert_allclose(gold["lattice"], [turned.direction(v) for v in np.eye(3)])
    assert (gold["generator"], gold["phase"], gold["volume"]["kind"]) == ("Crystal", "fcc Au", "Ball")
    assert gold["elements"] == {"Au": int((atoms.numbers == 79).sum())} == {"Au": gold["atoms"]}
    carbon = record["zones"]["film"]
    assert carbon["filled"] == carbon["atoms"] + carbon["overlapping"] + carbon["too_close"]
    assert carbon["overlapping"] > 0
    assert carbon["too_close"] > 0
    # the zone's own seed fills it alone, as it was filled in the scene
    alone = film.generator.fill(film.volume, cell=CELL, seed=np.random.SeedSequence(**carbon["seed"]))
    left = variant(atoms, only="film").positions
    assert {tuple(p) for p in left.tolist()} <= {tuple(p) for p in alone.positions.tolist()}
    assert record["checks"]["closest"]["Au-Au"] == pytest.approx(4.0782 / np.sqrt(2), abs=1e-3)
    assert record["checks"]["closest"]["Au-C"] >= 2.4


def test_strain_and_vacancies_and_the_lattice_of_a_modified_crystal_are_told(tmp_path):
    turned = GOLD.moved(transforms.rotation((1, 2, 3), 40)).shifted((15, 15, 20))
    strain = modifiers.Strain(np.diag([0.02, 0, 0]), frame="crystal")
    changed = modifiers.Modified(turned, [strain, modifiers.Vacancies(0.05)])
    atoms = Scene([Zone(Ball(9, (15, 15, 20)), changed, "ball")], CELL).atoms(seed=4)
    told = atoms.info["record"]["zones"]["ball"]
    np.testing.assert_allclose(told["lattice"], [turned.direction(v) for v in np.eye(3)])
    np.testing.assert_allclose(told["pose"]["matrix"], turned.pose.matrix)
    steps = told["fill"]["modifiers"]
    assert [step["kind"] for step in steps] == ["strain", "vacancies"]
    assert "0.02" in json.dumps(steps[0])
    # strained by 2 % along the crystal's first axis
    moved = (atoms.positions - atoms.arrays["ideal"]) @ turned.pose.matrix
    places = (atoms.arrays["ideal"] - (15, 15, 20)) @ turned.pose.matrix
    np.testing.assert_allclose(moved, places * (0.02, 0, 0), atol=1e-9)
    back = files.read(files.write(atoms, tmp_path / "ball.xyz"))
    assert back.info["record"] == atoms.info["record"]
    np.testing.assert_allclose(back.arrays["ideal"], atoms.arrays["ideal"], atol=1e-7)


def test_what_the_generator_says_is_kept_in_plain_values():
    said = {"defects": [{"normal": np.array([1.0, 1, 1]), "kind": "twin"}], "count": np.int64(3), "bad": float("nan")}
    atoms = scene(made([[5, 5, 5]], record=said)).atoms()
    fill = atoms.info["record"]["zones"]["zone 0"]["fill"]
    assert fill == {"defects": [{"normal": [1, 1, 1], "kind": "twin"}], "count": 3, "bad": None}
    with pytest.raises(SceneError, match=r"zone 'zone 0': .* fill\.shape\[0\] is a Ball"):
        scene(made([[5, 5, 5]], record={"shape": [Ball(3)]})).atoms()


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"spin": [1.0]},
            {"spin": [[1.0, 2, 3]]},
            "zones 'zone 0' and 'zone 1' disagree about the atoms' array 'spin'",
        ),
        ({"tag": ["a"]}, {"tag": [1]}, "disagree about the atoms' array 'tag'"),
        ({"what": np.array([None], dtype=object)}, {}, "zone 'zone 0': the atoms' array 'what' is of type object"),
    ],
)
def test_arrays_that_do_not_go_together(first, second, message):
    with pytest.raises(SceneError, match=message):
        scene(made([[5, 5, 5]], **first), made([[5, 5, 15]], **second)).atoms()


@pytest.fixture
def full_scene():
    names = 'the "first\\ zone', "100 % Ångström"
    knowing = made(
        [[31, 5, 5], [9, 5, 5]],
        record={"note": 'a "quoted" \\ Å, 50 %', "normals": [[1, 1, 1]], "Å %": True},
        ideal=[[29.5, 5, 5], [9, 4, 5]],
        defect=[0, -1],
        surface=[True, False],
        weight=[0.5, 0.25],
        label=["a", "bc"],
    )
    volumes = Block.between((0, 0, 0), (30, 30, 9)), Block.between((0, 0, 10), (30, 30, 19))
    zones = [Zone(v, g, n) for v, g, n in zip(volumes, (knowing, made([[5, 5, 15]])), names, strict=True)]
    return Scene(zones, CELL).atoms(seed=np.random.SeedSequence(2**100, spawn_key=(1, 2)))


def assert_same(back, atoms):
    assert set(back.arrays) == set(atoms.arrays)
    for name, values in atoms.arrays.items():
        assert back.arrays[name].dtype.kind == values.dtype.kind, name
        if values.dtype.kind == "f":
            np.testing.assert_allclose(back.arrays[name], values, atol=1e-7)
        else:
            np.testing.assert_array_equal(back.arrays[name], values)
    assert back.info["record"] == atoms.info["record"]
    assert list(back.info["zones"]) == atoms.info["zones"]


def test_arrays_and_record_survive_extended_xyz(tmp_path, full_scene):
    assert_same(files.read(files.write(full_scene, tmp_path / "scene.xyz")), full_scene)


def test_arrays_and_record_survive_the_store(tmp_path, full_scene):
    store = Store(tmp_path)
    keep_built(store, 3, Built(full_scene, (), {}, {}, 0))
    back = read_atoms(store, 3)
    assert_same(back, full_scene)
    np.testing.assert_array_equal(back.positions, full_scene.positions)
    assert back.pbc.tolist() == full_scene.pbc.tolist()
    assert back.cell.lengths().tolist() == list(CELL)
    assert back.info["phases"] == full_scene.info["phases"]


def test_the_surface_is_that_of_the_whole_scene():
    """Of two slabs in contact only the outer faces are free; each alone has two."""
    gold = Crystal.fcc("Au", a=4.0)
    zones = [
        Zone(Block.between((0, 0, z), (24, 24, z + 8)), gold, name) for name, z in (("lower", 3.0), ("upper", 11.0))
    ]
    atoms = Scene(zones, (24, 24, 30)).atoms(surface=True)
    heights = atoms.positions[:, 2]
    np.testing.assert_array_equal(atoms.arrays["surface"], (heights == heights.min()) | (heights == heights.max()))
    assert "surface" not in Scene(zones, (24, 24, 30)).atoms().arrays
    variants = Scene(zones, (24, 24, 30)).variants(without=["upper"], surface=True)
    left = variants["without upper"]
    assert left.arrays["surface"].sum() == (heights == heights.min()).sum()
    np.testing.assert_array_equal(left.arrays["id"], np.flatnonzero(atoms.arrays["zone"] == 0))


def test_variants_keep_arrays_and_record(full_scene):
    left = variant(full_scene, without=["100 % Ångström"])
    assert left.arrays["label"].tolist() == ["a", "bc"]
    assert left.info["record"] == full_scene.info["record"]


def test_the_record_knows_the_lattice_of_every_grain():
    """Neighbours in a grain are lattice vectors of the lattice that the record tells, twins and shells too."""
    ball = prefabs.twinned("fcc Au", radius=12, positions=[0])
    shelled = prefabs.core_shell(prefabs.cube("fcc Au", edge=16), "fcc Ag", thickness=5).shifted((40, 0, 0))
    atoms = Scene.fitted([ball, shelled], periodic=(False, False, False)).atoms()
    zones = atoms.info["record"]["zones"]
    told = {}
    for grain in zones[ball.name]["fill"]["grains"]:
        told[zones[ball.name]["first_grain"] + grain["grain"]] = grain["lattice"]
    for part in zones[shelled.name]["fill"]["parts"]:
        told[zones[shelled.name]["first_grain"] + part["first_grain"]] = part["lattice"]
    assert sorted(told) == np.unique(atoms.arrays["grain"]).tolist() == [0, 1, 2, 3]
    for number, lattice in told.items():
        points = atoms.positions[atoms.arrays["grain"] == number]
        indices = (points - points[0]) @ np.linalg.inv(lattice)
        np.testing.assert_allclose(2 * indices, np.round(2 * indices), atol=1e-6)
