"""Draw one picture of each prefab.

    python examples/gallery.py FOLDER [NAME …]

Without names all are drawn, into FOLDER/NAME.png; `docs/gallery.md` shows them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ase import Atoms

import construction_zone as cz
from construction_zone import prefabs
from construction_zone.show import style
from construction_zone.show.colours import colouring
from construction_zone.show.scene import oblique

GAMMA = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
CARBON = cz.Amorphous("C", density=2.2, structure="random")
SIDE = 60.0
Picture = tuple[Callable[[], Atoms], str]
"""What makes the atoms, and what they are coloured by."""


def alone(make: Callable[[], cz.Zone]) -> Callable[[], Atoms]:
    """The atoms of a prefab by itself."""
    return lambda: cz.Scene.fitted([make()], periodic=(False, False, False)).atoms(seed=1)


def halved(make: Callable[[], cz.Zone]) -> Callable[[], Atoms]:
    """The atoms of a prefab, the quarter towards the viewer taken away to show what is inside."""

    def atoms() -> Atoms:
        found = alone(make)()
        middle = (found.positions.max(axis=0) + found.positions.min(axis=0)) / 2
        return found[~((found.positions[:, 0] > middle[0]) & (found.positions[:, 1] < middle[1]))]

    return atoms


def slice_of(make: Callable[[], cz.Zone], thickness: float = 12.0) -> Callable[[], Atoms]:
    """The atoms of a prefab in a slice through its middle, across the beam."""

    def atoms() -> Atoms:
        found = alone(make)()
        height = found.positions[:, 2] - found.cell.lengths()[2] / 2
        return found[abs(height) < thickness / 2]

    return atoms


def across(make: Callable[[], cz.Zone], height: float = 40.0) -> Callable[[], Atoms]:
    """The atoms of a prefab that fills the cell."""
    return lambda: cz.Scene([make().shifted((SIDE / 2, SIDE / 2, height / 2))], (SIDE, SIDE, height)).atoms(seed=1)


def tilted(material: str = "fcc Au") -> cz.Crystal:
    """A cubic crystal with [1-10] along the beam and (111) upright."""
    return cz.Crystal.named(material).with_zone_axis((1, -1, 0), second=(1, 1, 1), second_along=(0, 1, 0))


def gold(diameter: float = 40.0) -> cz.Zone:
    return prefabs.wulff("fcc Au", energies=GAMMA, diameter=diameter)


def dot() -> cz.Zone:
    return prefabs.wulff("wurtzite CdSe", energies={"10-10": 1.0, "0001": 1.1, "000-1": 1.1}, diameter=35)


def scattered() -> Atoms:
    """Particles scattered over a film, some touching as the beam sees them."""
    cell = (110.0, 110.0, 80.0)
    film = prefabs.film(CARBON, cell=cell[:2], thickness=15, seed=2).shifted((55, 55, 12))
    sizes = cz.distributions.Normal(26, 6, 14, 40)
    particles = prefabs.several("wulff", 7, seed=2, crystal="fcc Au", energies=GAMMA, diameter=sizes)
    placed = prefabs.scatter(particles, film, cell=cell, gap=1.0, seed=2)
    return cz.Scene([film, *placed], cell).atoms(seed=2)


def resting() -> Atoms:
    """A Winterbottom particle on a crystal, layer on layer."""
    ground = prefabs.slab("rocksalt MgO", cell=(80, 80), thickness=12).shifted((40, 40, 12))
    particle = prefabs.winterbottom("fcc Au", energies=GAMMA, interface=(1, 0, 0), interface_energy=0.5, diameter=40)
    placed = prefabs.rest(particle, ground, cell=(80, 80, 70), at=(40, 40), gap=2.5)
    return cz.Scene([ground, placed], (80, 80, 70)).atoms()


PICTURES: dict[str, Picture] = {
    "wulff": (alone(gold), "element"),
    "winterbottom": (
        alone(
            lambda: prefabs.winterbottom("fcc Au", energies=GAMMA, interface="111", interface_energy=0.0, diameter=40)
        ),
        "element",
    ),
    "cube": (alone(lambda: prefabs.cube("fcc Pt", edge=35, truncation=0.1)), "element"),
    "octahedron": (alone(lambda: prefabs.octahedron("fcc Au", edge_atoms=14)), "element"),
    "cuboctahedron": (alone(lambda: prefabs.cuboctahedron("fcc Pd", edge_atoms=9)), "element"),
    "truncated_octahedron": (alone(lambda: prefabs.truncated_octahedron("fcc Ag", edge_atoms=6)), "element"),
    "rhombic_dodecahedron": (alone(lambda: prefabs.rhombic_dodecahedron("bcc Fe", edge_atoms=9)), "element"),
    "tetrahedron": (alone(lambda: prefabs.tetrahedron("zincblende CdSe", edge=60, truncation=0.25)), "element"),
    "rod": (alone(lambda: prefabs.rod("wurtzite CdSe", length=80, diameter=30, caps="10-11")), "element"),
    "plate": (alone(lambda: prefabs.plate("hcp Co", thickness=14, diameter=60)), "element"),
    "tetrapod": (alone(lambda: prefabs.tetrapod(length=60, diameter=22)), "part"),
    "core_shell": (halved(lambda: prefabs.core_shell(dot(), "wurtzite ZnS", thickness=10)), "element"),
    "multi_shell": (
        halved(lambda: prefabs.multi_shell(gold(30), shells=[("fcc Pd", 8), ("fcc Ag", 8)])),
        "part",
    ),
    "janus": (alone(lambda: prefabs.janus(gold(), "fcc Ag")), "element"),
    "alloy_gradient": (halved(lambda: prefabs.alloy_gradient(gold(50), to="Pd")), "element"),
    "hollow": (halved(lambda: prefabs.hollow(prefabs.cube("fcc Pt", edge=45), thickness=9)), "element"),
    "porous": (alone(lambda: prefabs.porous(gold(60), porosity=0.35, pore_radius=7, seed=1)), "element"),
    "film": (
        across(
            lambda: prefabs.film(
                CARBON,
                cell=(SIDE, SIDE),
                thickness=14,
                roughness=2.5,
                correlation_length=12,
                holes=1,
                hole_radius=12,
                seed=2,
            )
        ),
        "element",
    ),
    "contamination": (
        alone(lambda: prefabs.contamination(CARBON, radius=30, thickness=14, irregularity=0.2, seed=1)),
        "element",
    ),
    "slab": (across(lambda: prefabs.slab("rocksalt MgO", cell=(SIDE, SIDE), thickness=12)), "element"),
    "rest": (resting, "element"),
    "scatter": (scattered, "zone"),
    "layers": (
        across(lambda: prefabs.layers("1H MoS2", count=2, stacking="AA'", cell=(SIDE, SIDE), step=0.5), 30.0),
        "element",
    ),
    "moire": (alone(lambda: prefabs.moire(angle=7.0, radius=24)), "part"),
    "nanotube": (alone(lambda: prefabs.nanotube(n=12, m=6, length=60)), "element"),
    "adatoms": (alone(lambda: prefabs.adatoms(gold(), coverage=0.08, element="Pd")), "element"),
    "stepped": (alone(lambda: prefabs.stepped(prefabs.cube("fcc Au", edge=35), facet=(0, 0, 1))), "element"),
    "roughened": (alone(lambda: prefabs.roughened(gold(), fraction=0.4)), "element"),
    "trimmed": (
        alone(lambda: prefabs.trimmed(prefabs.octahedron("zincblende CdSe", edge=45), fewest=2)),
        "element",
    ),
    "adsorbates": (
        alone(lambda: prefabs.adsorbates(gold(), "CO", coverage=0.2, height=1.9, head=1)),
        "element",
    ),
    "ligands": (
        alone(lambda: prefabs.ligands(gold(30), "octanethiolate", coverage=0.2, site="hollow")),
        "element",
    ),
    "twinned": (slice_of(lambda: prefabs.twinned(tilted(), radius=22, positions=[-5, 0, 4])), "layer"),
    "faulted": (
        slice_of(
            lambda: prefabs.faulted(tilted(), radius=24, defects=[("twin", -6), ("intrinsic", -2), ("extrinsic", 4)])
        ),
        "layer",
    ),
    "crossing_twins": (
        slice_of(lambda: prefabs.crossing_twins(cz.Crystal.fcc("Au").with_zone_axis((0, 1, -1)), radius=22)),
        "grain",
    ),
    "crossing_faults": (
        slice_of(lambda: prefabs.crossing_faults(cz.Crystal.fcc("Au").with_zone_axis((0, 1, -1)), radius=22)),
        "layer",
    ),
    "antiphase": (
        slice_of(
            lambda: prefabs.antiphase(
                cz.Crystal.zincblende("GaAs").with_zone_axis((0, 0, 1), second=(1, 1, 0), second_along=(1, 0, 0)),
                plane=(1, 1, 0),
                radius=18,
                positions=[0],
            ),
            8.0,
        ),
        "element",
    ),
    "decahedron": (alone(lambda: prefabs.decahedron("fcc Au", edge=6, column=4, reentrance=2)), "grain"),
    "icosahedron": (slice_of(lambda: prefabs.icosahedron("fcc Au", shells=7), 60.0), "layer"),
    "grain_boundary": (slice_of(lambda: prefabs.grain_boundary("fcc Au", radius=22, sigma=5)), "grain"),
    "polycrystal": (alone(lambda: prefabs.polycrystal("fcc Au", radius=40, grains=8, seed=1)), "grain"),
    "attached": (alone(lambda: prefabs.attached("fcc Au", radii=(20, 26), neck=13, twist=12)), "grain"),
    "dislocated": (
        slice_of(
            lambda: prefabs.dislocated(
                cz.Crystal.bcc("Fe").with_zone_axis((0, 0, 1)), radius=22, burgers=(1, 0, 0), line=(0, 0, 1)
            )
        ),
        "element",
    ),
    "dislocation_loop": (
        slice_of(
            lambda: prefabs.dislocation_loop(
                tilted(), radius=26, burgers=(1 / 3, 1 / 3, 1 / 3), plane=(1, 1, 1), loop_radius=13
            ),
            8.0,
        ),
        "element",
    ),
}
"""Every picture by the name of what it shows; a new prefab is one more line."""

SEEN = {"moire": (0.0, 90.0), "scatter": (20.0, 40.0), "nanotube": (70.0, 15.0), "film": (28.0, 35.0)}
SEEN |= dict.fromkeys(("twinned", "faulted", "crossing_twins", "crossing_faults", "antiphase"), (0.0, 90.0))
SEEN |= dict.fromkeys(("grain_boundary", "dislocated", "dislocation_loop", "icosahedron"), (0.0, 90.0))
"""Azimuth and elevation (degrees) of views that are not the usual one."""

OPENED = {"moire": 2.0}
"""Factors by which lattices are drawn larger than their atoms, to look between these."""


def draw(name: str, path: Path) -> None:
    """Draw the picture `name` into `path`."""
    make, colour = PICTURES[name]
    atoms = make()
    atoms.positions *= OPENED.get(name, 1.0)
    figure = style.canvas(2.6, 2.6)
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    oblique(axes, atoms, colouring(atoms, colour).rgb, *SEEN.get(name, (28.0, 25.0)), pixels=300)
    style.save(figure, path, dpi=105)


def main(folder: Path, names: list[str]) -> None:
    for name in names or list(PICTURES):
        draw(name, folder / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
