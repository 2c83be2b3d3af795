"""Volumes, what fills them and what changes that, asked for in a recipe by name."""

from __future__ import annotations

import jsonschema
import numpy as np
import pytest

from construction_zone.dataset.compose import build_structure
from construction_zone.dataset.draw import draw_structure
from construction_zone.dataset.named import NAMED
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.errors import RecipeError

BALL = {"name": "ball", "radius": 10}
SIZE = {"name": "ball", "radius": {"uniform": [8, 11]}}
GOLD = {"name": "crystal", "crystal": "fcc Au"}
WULFF = {"name": "wulff", "crystal": "fcc Au", "energies": {"111": 1.28, "100": 1.63}, "diameter": 22}
SIDES = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
HALF = {"name": "half_space", "normal": [0, 0, 1]}

VOLUMES = {
    "ball": BALL,
    "block": {"size": [16, {"uniform": [14, 18]}, 12]},
    "capsule": {"radius": 7, "length": 18},
    "cone": {"radius": 10, "height": 20},
    "cylinder": {"radius": 8, "length": 16},
    "difference": {"volume": BALL, "without": [{"name": "slab", "thickness": 4}]},
    "ellipsoid": {"semi_axes": [12, 9, 7]},
    "half_space": {"normal": [0, 0, 1]},
    "intersection": {"volumes": [SIZE, HALF]},
    "mesh": {"file": "octahedron.obj", "scale": 10},
    "moved": {"volume": {"name": "block", "size": [16, 8, 8]}, "shift": [0, 0, 3], "degrees": {"uniform": [0, 90]}},
    "offset": {"volume": SIZE, "distance": 2},
    "polyhedron": {"normals": SIDES, "distances": 8},
    "rough": {"volume": BALL, "amplitude": 1, "correlation_length": 6},
    "shell": {"volume": BALL, "thickness": 4},
    "slab": {"thickness": {"uniform": [8, 12]}},
    "union": {"volumes": [SIZE, {"name": "cylinder", "radius": 4, "length": 30}]},
}
UNBOUNDED = {"half_space", "slab"}
GENERATORS = {
    "alloy": {"parts": {"fcc Au": 0.5, "fcc Cu": 0.5}},
    "amorphous": {"composition": "SiO2", "density": {"uniform": [2.1, 2.3]}},
    "crystal": {"crystal": "fcc Au", "a": 4.2, "zone_axis": [1, 1, 0], "offset": "random"},
    "molecule": {"molecule": "C60"},
    "void": {},
}
STRAIGHT = {"burgers": [2.04, 2.04, 0], "line": [1, -1, 2], "point": [0.3, 0.4, 0.5]}
MODIFIERS = {
    "anisotropic_dislocation": {**STRAIGHT, "stiffness": [192.9, 163.8, 41.5]},
    "antisites": {"pair": ["Cd", "Se"], "fraction": 0.04},
    "bending": {"radius": 300, "along": [1, 0, 0], "toward": [0, 0, 1]},
    "concentration_gradient": {
        "to": "Ag",
        "profile": {"name": "linear", "start": [0, 0, -10], "end": [0, 0, {"uniform": [8, 10]}]},
    },
    "deformation": {"gradient": [[1.01, 0, 0], [0, 1, 0], [0, 0, 1]]},
    "dislocation": STRAIGHT,
    "dislocation_loop": {"burgers": [2.04, 2.04, 0], "corners": [[5, 0, 0.1], [0, 5, 0.1], [-5, -5, 0.1]]},
    "interstitials": {"element": "C", "count": 2, "sites": [[0.5, 0.5, 0.5]]},
    "misfit": {"mismatch": 0.01, "normal": [0, 0, 1]},
    "random_alloy": {"composition": {"Au": 0.5, "Cu": 0.5}},
    "shape_follows": {"modifier": {"name": "strain", "tensor": {"uniform": [0.01, 0.02]}}},
    "short_range_order": {"targets": {"Cd-Se": [-0.3]}, "tolerance": 2},
    "strain": {"tensor": [[{"uniform": [0.01, 0.02]}, 0, 0], [0, 0, 0], [0, 0, 0]]},
    "strain_gradient": {"rate": 5e-4, "along": [0, 0, 1]},
    "substitution": {"to": "Pt", "fraction": {"uniform": [0.1, 0.2]}},
    "thermal_snapshot": {"rms": {"Au": 0.08}},
    "vacancies": {
        "fraction": 0.05,
        "within": {"choice": [{"name": "slab", "thickness": 8}, {"name": "ball", "radius": 9}]},
    },
}
OTHER_CRYSTAL = {"antisites": "zincblende CdSe", "short_range_order": "zincblende CdSe"}


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(Recipe.schema())


@pytest.fixture
def raw(tmp_path):
    corners = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    faces = [(1, 3, 5), (3, 2, 5), (2, 4, 5), (4, 1, 5), (3, 1, 6), (2, 3, 6), (4, 2, 6), (1, 4, 6)]
    lines = [f"v {x} {y} {z}" for x, y, z in corners] + [f"f {a} {b} {c}" for a, b, c in faces]
    (tmp_path / "octahedron.obj").write_text("\n".join(lines))
    return {
        "version": 1,
        "seed": 3,
        "count": 3,
        "cell": [60, 60],
        "substrate": {"amorphous": "C", "density": 2.0, "thickness": 6},
    }


def with_prefab(raw, prefab, **more):
    return {**raw, "particles": {"prefab": prefab, "count": 1, **more}}


def zone(volume=BALL, generator=GOLD, **more):
    return {"name": "zone", "volume": volume, "generator": generator, **more}


def test_everything_that_has_a_name_is_asked_for_here():
    assert (set(VOLUMES), set(GENERATORS), set(MODIFIERS)) == tuple(
        set(NAMED[kind]) for kind in ("volume", "generator", "modifier")
    )


def asked(raw, validator, prefab, folder):
    """The first structure with this particle, and the record of what filled it."""
    file = with_prefab(raw, prefab)
    assert not [error.message for error in validator.iter_errors(file)]
    recipe = load(file, folder=folder)
    assert load(recipe.plain(), folder=folder).plain() == recipe.plain()
    built = build_structure(recipe, 0)
    return built, built.atoms.info["record"]["zones"]["particle 0"]


@pytest.mark.parametrize("name", sorted(set(VOLUMES) - UNBOUNDED))
def test_every_volume_bounds_a_particle(raw, validator, tmp_path, name):
    prefab = zone({"name": name, **VOLUMES[name]}, modifiers=[])
    built, record = asked(raw, validator, prefab, tmp_path)
    drawn = {path for path, value in built.drawn.items() if path.startswith("particles.prefab.zone.volume")}
    assert len([path for path in drawn if isinstance(built.drawn[path][0], float)]) >= str(prefab).count("uniform")
    assert record["generator"] == "Crystal"
    assert record["atoms"] > 30


@pytest.mark.parametrize("name", sorted(UNBOUNDED))
def test_what_has_no_end_is_no_particle(raw, name):
    with pytest.raises(RecipeError, match=r"particles\.prefab\.zone: is no particle: it has no end"):
        load(with_prefab(raw, zone({"name": name, **VOLUMES[name]})))


def test_volumes_hold_what_they_say(raw, validator, tmp_path):
    """A ball, and a block cut from it: all atoms within, and as many as the crystal's density asks for."""
    built, _ = asked(raw, validator, zone({"name": "ball", "radius": 18}), tmp_path)
    assert built.made["particle_atoms"][0] == pytest.approx(4 / 3 * np.pi * 18**3 / (4.0786**3 / 4), rel=0.05)
    sides = {"name": "block", "size": [20, 24, 28]}
    turned = with_prefab(raw, zone(sides), orientation="keep")
    at = build_structure(load(turned), 0)
    points = at.atoms.positions[at.atoms.arrays["zone"] == 1]
    assert np.sort(np.ptp(points, axis=0)[2:])[0] == pytest.approx(28, abs=4.08)


@pytest.mark.parametrize("name", ["alloy", "amorphous", "crystal", "molecule"])
def test_every_generator_fills_a_particle(raw, validator, tmp_path, name):
    _, record = asked(raw, validator, zone(SIZE, {"name": name, **GENERATORS[name]}), tmp_path)
    assert record["generator"] == {"alloy": "Crystal"}.get(name, name.capitalize())
    if name == "crystal":
        lattice = np.array(record["lattice"])
        np.testing.assert_allclose(np.linalg.norm(lattice, axis=1), 4.2)
    if name == "molecule":
        assert record["elements"] == {"C": 60}


def test_a_molecule_needs_no_volume_and_may_be_a_file(raw, tmp_path):
    from ase.build import molecule

    molecule("C6H6").write(tmp_path / "mine.xyz")
    recipe = load(
        with_prefab(raw, {"name": "zone", "generator": {"name": "molecule", "molecule": "mine.xyz"}}), folder=tmp_path
    )
    assert list(recipe.structure_files()) == ["mine.xyz"]
    assert build_structure(recipe, 0).atoms.info["record"]["zones"]["particle 0"]["elements"] == {"C": 6, "H": 6}


def test_nothing_is_no_particle(raw):
    with pytest.raises(RecipeError, match=r"particles\.prefab\.zone: is no particle: void has no atoms"):
        load(with_prefab(raw, zone(generator={"name": "void"})))


@pytest.mark.parametrize("name", sorted(MODIFIERS))
def test_every_modifier_leaves_its_record(raw, validator, tmp_path, name):
    if name == "anisotropic_dislocation":
        pytest.importorskip("matscipy")
    crystal = {**GOLD, "crystal": OTHER_CRYSTAL.get(name, "fcc Au")}
    built, record = asked(raw, validator, zone(SIZE, crystal, modifiers=[{"name": name, **MODIFIERS[name]}]), tmp_path)
    kinds = [done["kind"] for done in record["fill"]["modifiers"]]
    fields = ("dislocation", "dislocation_loop", "anisotropic_dislocation", "bending", "misfit", "strain_gradient")
    assert kinds == [{"shape_follows": "strain"}.get(name, "displacement" if name in fields else name)]
    where = "particles.prefab.zone.modifiers[0]"
    assert any(path.startswith(where) for path in built.drawn)


def test_modifiers_do_what_was_drawn(raw):
    changes = [
        {"name": "strain", "tensor": {"uniform": [0.01, 0.02]}},
        {"name": "vacancies", "fraction": {"uniform": [0.1, 0.2]}},
    ]
    recipe = load(with_prefab(raw, {**WULFF, "modifiers": changes}, count=2))
    bare = build_structure(load(with_prefab(raw, WULFF, count=2)), 0)
    built = build_structure(recipe, 0)
    where = "particles.prefab.wulff.modifiers"
    for k in range(2):
        fill = built.atoms.info["record"]["zones"][f"particle {k}"]["fill"]
        strain, gaps = fill["modifiers"]
        tensor = built.drawn[f"{where}[0].tensor"][k]
        np.testing.assert_allclose(strain["gradient_crystal"], np.eye(3) * (1 + tensor), atol=1e-12)
        whole = bare.made["particle_atoms"][k]
        assert gaps["of_sites"] == whole
        assert built.made["particle_atoms"][k] == whole - round(built.drawn[f"{where}[1].fraction"][k] * whole)
        assert fill["prefab"] == "wulff"
        assert fill["facets"]
    assert built.drawn[f"{where}[0].tensor"][0] != built.drawn[f"{where}[0].tensor"][1]


def test_a_changed_prefab_keeps_its_grains_and_faults(raw):
    twins = {"name": "twinned", "crystal": "fcc Au", "radius": 13, "count": 1, "edge": 1}
    change = {"modifiers": [{"name": "thermal_snapshot", "rms": 0.05}, {"name": "vacancies", "count": 5}]}
    plain = build_structure(load(with_prefab(raw, twins)), 0).atoms
    changed = build_structure(load(with_prefab(raw, {**twins, **change})), 0).atoms
    assert len(changed) == len(plain) - 5
    assert (
        changed.info["record"]["zones"]["particle 0"]["grains"] == plain.info["record"]["zones"]["particle 0"]["grains"]
    )
    assert set(np.unique(changed.arrays["grain"])) == set(np.unique(plain.arrays["grain"]))
    assert len(set(plain.arrays["grain"])) > 2


@pytest.mark.parametrize("name", ["icosahedron", "decahedron", "core_shell"])
def test_a_strained_particle_keeps_its_atoms(raw, name):
    given = {
        "icosahedron": {"crystal": "fcc Au", "shells": 3},
        "decahedron": {"crystal": "fcc Au", "edge": 4, "column": 2},
        "core_shell": {"core": WULFF, "shell": "fcc Ag", "thickness": 5},
    }[name]
    stretch = {"modifiers": [{"name": "strain", "tensor": 0.03}]}
    raw["cell"] = [100, 100]  # so that none lies across its edge
    plain = build_structure(load(with_prefab(raw, {"name": name, **given}, orientation="keep")), 0).atoms
    strained = build_structure(load(with_prefab(raw, {"name": name, **given, **stretch}, orientation="keep")), 0).atoms
    assert len(plain) == len(strained)
    own = [np.ptp(atoms.positions[atoms.arrays["zone"] == 1], axis=0) for atoms in (plain, strained)]
    np.testing.assert_allclose(own[1], own[0] * 1.03, rtol=1e-6)


def test_a_substrate_of_any_volume_and_material(raw):
    slab = zone(
        {"name": "slab", "thickness": {"uniform": [6, 9]}}, {"name": "amorphous", "composition": "Si", "density": 2.3}
    )
    recipe = load({**raw, "substrate": {"prefab": {**slab, "modifiers": [{"name": "vacancies", "fraction": 0.1}]}}})
    built = build_structure(recipe, 0)
    thick = built.drawn["substrate.prefab.zone.volume.thickness"]
    assert 6 <= thick <= 9
    assert built.atoms.positions[:, 2].min() == pytest.approx(5, abs=0.5)
    expected = 60 * 60 * thick * 2.3 / 28.0855 * 0.602214 * 0.9
    assert len(built.atoms) == pytest.approx(expected, rel=0.01)


def test_named_things_stand_where_prefabs_take_them(raw):
    prefab = {
        "name": "core_shell",
        "core": WULFF,
        "shell": {"name": "amorphous", "composition": "SiO2", "density": 2.2},
    }
    recipe = load(with_prefab(raw, {**prefab, "thickness": 5}))
    assert set(build_structure(recipe, 0).atoms.info["record"]["zones"]["particle 0"]["elements"]) == {"Au", "Si", "O"}
    shells = {"name": "multi_shell", "core": WULFF, "shells": [["fcc Ag", {"uniform": [4, 6]}]]}
    drawn = draw_structure(load(with_prefab(raw, shells)), 0)
    assert 4 <= drawn["particles.prefab.multi_shell.shells[0][1]"][0] <= 6
    within = {
        "name": "twinned",
        "crystal": "fcc Au",
        "volume": {"name": "cylinder", "radius": 10, "length": 20},
        "count": 1,
    }
    assert build_structure(load(with_prefab(raw, {**within, "edge": 1})), 0).made["particle_atoms"][0] > 200


def test_choices_and_sweeps_of_parts(raw):
    cylinder = {"name": "cylinder", "radius": 8, "length": {"uniform": [12, 20]}}
    recipe = load(with_prefab(raw, zone({"choice": [SIZE, cylinder]}), count=2))
    drawn = [draw_structure(recipe, index) for index in range(6)]
    assert {kind for one in drawn for kind in one["particles.prefab.zone.volume"]} == {"ball", "cylinder"}
    swept = dict(with_prefab(raw, zone(generator={"sweep": [GOLD, {"name": "molecule", "molecule": "C60"}]})))
    del swept["count"]
    recipe = load(swept)
    assert recipe.count == 2
    kinds = [build_structure(recipe, k).atoms.info["record"]["zones"]["particle 0"]["generator"] for k in range(2)]
    assert kinds == ["Crystal", "Molecule"]


def test_parts_follow_variables(raw):
    recipe = load(
        {
            **with_prefab(raw, zone({"name": "ball", "radius": {"variable": "size", "scale": 0.5}})),
            "variables": {"size": {"uniform": [18, 20], "per": "particle"}},
        }
    )
    drawn = draw_structure(recipe, 0)
    assert drawn["particles.prefab.zone.volume.radius"][0] == drawn["variables.size"][0] / 2


def test_a_structure_alone_is_the_same_as_in_a_batch(raw):
    rough = {"name": "rough", "volume": SIZE, "amplitude": 1, "correlation_length": 6}
    prefab = zone(rough, modifiers=[{"name": "vacancies", "fraction": {"uniform": [0.01, 0.1]}}])
    one, other = load(with_prefab(raw, prefab)), load(with_prefab(raw, prefab)).with_(count=100)
    build_structure(other, 0)
    assert build_structure(one, 1).atoms.positions.tobytes() == build_structure(other, 1).atoms.positions.tobytes()
    assert build_structure(one, 1).atoms.positions.tobytes() != build_structure(one, 0).atoms.positions.tobytes()


@pytest.mark.parametrize(
    ("prefab", "told"),
    [
        (zone({"name": "bal", "radius": 3}), "prefab.volume.name: there is no volume 'bal'; did you mean 'ball'?"),
        (zone({"radius": 3}), "prefab.volume: wants a mapping with the name of a volume, such as {name: ball, …}"),
        (zone("ball"), "prefab.volume: wants a mapping with the name of a volume"),
        (zone({"name": "ball", "radios": 3}), "prefab.volume.radios: unknown key; did you mean 'radius'?"),
        (zone({"name": "ball"}), "prefab.volume.radius: is missing"),
        (zone({"name": "ball", "radius": -3}), "prefab.zone: volume: radius is -3"),
        (zone({"name": "mesh", "file": "none.stl"}), "prefab.zone.volume.file: no file none.stl"),
        (zone({"name": "ball", "radius": {"unifrom": [1, 2]}}), "prefab.volume.radius: unknown distribution 'unifrom'"),
        (
            zone({"name": "union", "volumes": [BALL, {"name": "blok"}]}),
            "prefab.volume.volumes[1].name: there is no volume",
        ),
        (zone({"name": "union", "volumes": BALL}), "prefab.volume.volumes: wants a list of volumes"),
        (zone({"choice": [BALL, {"name": "x"}]}), "prefab.volume.choice[1].name: there is no volume 'x'"),
        (zone({"name": "crystal", "crystal": "fcc Au"}), "prefab.volume.name: there is no volume 'crystal'"),
        (zone(generator={"name": "crystal", "crystal": "fcc Xx"}), "prefab.zone: generator: "),
        (zone(generator={**GOLD, "offset": "rand"}), "prefab.zone: generator: offset is 'rand'"),
        (zone(generator={"name": "molecule", "molecule": "C61"}), "prefab.zone: generator: ASE knows no molecule"),
        ({"name": "zone", "generator": GOLD}, "prefab.zone: volume is missing; only a molecule goes without"),
        (
            {**WULFF, "modifiers": [{"name": "vacancy"}]},
            "prefab.modifiers[0].name: there is no modifier 'vacancy'; did",
        ),
        (
            {**WULFF, "modifiers": {"name": "vacancies"}},
            "prefab.modifiers: wants a list of modifiers, such as [{name: vac",
        ),
        ({**WULFF, "modifiers": [{"name": "vacancies", "fraction": 2}]}, "prefab.wulff: modifiers[0]: "),
        ({**WULFF, "modifiers": [{"name": "vacancies", "seed": 2}]}, "prefab.modifiers[0].seed: unknown key"),
        ({**WULFF, "modifiers": ["vacancies"]}, "prefab.modifiers[0]: wants a mapping with the name of a modifier"),
    ],
)
def test_bad_parts_are_refused_by_path(raw, prefab, told):
    with pytest.raises(RecipeError) as error:
        load(with_prefab(raw, prefab))
    assert f"particles.{told}" in str(error.value)


def test_the_schema_refuses_what_is_wrong_by_its_form(raw, validator):
    for prefab in (
        zone({"name": "bal", "radius": 3}),
        zone({"name": "ball", "radios": 3}),
        {**WULFF, "modifiers": {"name": "vacancies"}},
        {**WULFF, "modifiers": [{"name": "vacancy"}]},
    ):
        assert list(validator.iter_errors(with_prefab(raw, prefab)))


def test_files_of_volumes_count_by_their_contents(raw, tmp_path):
    file = with_prefab(raw, zone({"name": "mesh", "file": "octahedron.obj", "scale": 10}))
    recipe = load(file, folder=tmp_path)
    assert recipe.identity()["particles"]["prefab"]["volume"]["file"].startswith("sha256:")
