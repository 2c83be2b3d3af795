"""Every prefab can be asked for in a recipe, with parameters that are drawn."""

import pytest

from construction_zone.build.prefabs import PREFABS
from construction_zone.dataset.draw import draw_structure
from construction_zone.dataset.recipe import load

GAMMA = {"111": 1.28, "100": {"uniform": [1.4, 1.8]}}
SIZE = {"uniform": [18, 24]}
GOLD = {"name": "wulff", "crystal": "fcc Au", "energies": GAMMA, "diameter": SIZE}
BALL = {"crystal": "fcc Au", "radius": {"uniform": [12, 15]}}
FORM = {"crystal": {"choice": ["fcc Au", "fcc Pt"]}, "diameter": SIZE, "origin": "random"}

ASKED = {
    "wulff": GOLD,
    "winterbottom": {
        "crystal": "fcc Au",
        "energies": GAMMA,
        "interface": "111",
        "interface_energy": {"uniform": [-0.5, 0.5]},
        "diameter": SIZE,
    },
    "cube": {**FORM, "truncation": {"uniform": [0, 0.2]}},
    "octahedron": FORM,
    "cuboctahedron": FORM,
    "truncated_octahedron": FORM,
    "rhombic_dodecahedron": FORM,
    "tetrahedron": {**FORM, "polarity": {"choice": [1, -1]}},
    "rod": {"crystal": "wurtzite CdSe", "length": {"uniform": [30, 40]}, "diameter": 16},
    "plate": {"crystal": "hcp Co", "thickness": {"uniform": [8, 12]}, "diameter": 26},
    "tetrapod": {"length": {"uniform": [30, 40]}, "diameter": 14},
    "core_shell": {"core": GOLD, "shell": {"choice": ["fcc Ag", "fcc Pd"]}, "thickness": {"uniform": [4, 8]}},
    "multi_shell": {"core": GOLD, "shells": [["fcc Pd", 5], ["fcc Ag", 5]]},
    "janus": {"particle": GOLD, "other": "fcc Ag", "fraction": {"uniform": [0.3, 0.7]}},
    "alloy_gradient": {"particle": GOLD, "to": "Pd", "outer": {"uniform": [0.5, 1]}},
    "hollow": {"particle": GOLD, "thickness": {"uniform": [5, 6]}},
    "porous": {"particle": GOLD, "porosity": {"uniform": [0.1, 0.3]}, "pore_radius": 4},
    "layers": {"material": {"choice": ["graphene C", "1H MoS2"]}, "radius": SIZE},
    "moire": {"angle": {"uniform": [2, 28]}, "radius": 20},
    "nanotube": {"n": {"integers": [6, 10]}, "m": {"integers": [0, 5]}, "length": 30},
    "contamination": {"radius": {"uniform": [12, 20]}, "thickness": 8},
    "adatoms": {"particle": GOLD, "coverage": {"uniform": [0.05, 0.2]}},
    "stepped": {"particle": GOLD, "covered": {"uniform": [0.3, 0.7]}},
    "roughened": {"particle": GOLD, "fraction": {"uniform": [0.1, 0.4]}},
    "trimmed": {"particle": {**GOLD, "crystal": "zincblende CdSe"}, "fewest": 2},
    "adsorbates": {"particle": GOLD, "molecule": "CO", "coverage": {"uniform": [0.05, 0.1]}, "head": 1},
    "ligands": {"particle": GOLD, "ligand": {"choice": ["ethanethiolate", "butylamine"]}, "coverage": 0.05},
    "twinned": {**BALL, "count": {"integers": [0, 2]}, "plane": "random", "edge": 1},
    "faulted": {
        "crystal": "wurtzite CdSe",
        "volume": {"name": "rod", "crystal": "wurtzite CdSe", "length": {"uniform": [40, 50]}, "diameter": 20},
        "count": {"integers": [0, 1]},
        "kinds": ["I1", "I2"],
    },
    "crossing_twins": {**BALL, "wedge": {"choice": ["acute", "obtuse"]}},
    "crossing_faults": BALL,
    "antiphase": {"crystal": "zincblende GaAs", "plane": "110", "radius": 14, "count": 1},
    "decahedron": {"crystal": "fcc Au", "edge": {"integers": [3, 5]}, "column": 2},
    "icosahedron": {"crystal": "fcc Au", "shells": {"integers": [2, 4]}},
    "grain_boundary": {**BALL, "angle": {"uniform": [5, 40]}},
    "polycrystal": {**BALL, "grains": {"integers": [2, 5]}},
    "attached": {"crystal": "fcc Au", "radii": [14, 12], "neck": 7, "twist": {"uniform": [0, 20]}},
    "dislocated": {**BALL, "burgers": [0.5, 0.5, 0], "line": {"choice": [[1, -1, 2], [1, 1, 0]]}},
    "dislocation_loop": {
        **BALL,
        "burgers": {"choice": [[0.5, -0.5, 0], [0.5, 0.5, 0]]},
        "plane": "111",
        "loop_radius": {"uniform": [4, 6]},
        "point": "random",
    },
}

ACROSS_THE_CELL = {"film", "slab"}
"""Substrates, which a recipe has a place of its own for."""


def test_every_prefab_of_a_particle_is_asked_for_here():
    assert set(ASKED) | ACROSS_THE_CELL == set(PREFABS)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_it_is_read_and_drawn_anew_for_each_particle(name):
    recipe = load(
        {
            "version": 1,
            "seed": 3,
            "count": 2,
            "cell": [160, 160],
            "substrate": {"amorphous": "C", "density": 2.0, "thickness": 8},
            "particles": {"count": 2, "prefab": {"name": name, **ASKED[name]}, "gap": 2, "orientation": "keep"},
        }
    )
    drawn = draw_structure(recipe, 0)
    values = {key: value for key, value in drawn.items() if key.startswith(f"particles.prefab.{name}.")}
    assert all(len(value) == 2 for value in values.values())
    continuous = str(ASKED[name]).count("uniform")
    assert sum(value[0] != value[1] for value in values.values()) >= continuous
