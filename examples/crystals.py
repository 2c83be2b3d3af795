"""Draw crystals that are oriented, strained, bent, mixed, ordered and brought face to face.

python examples/crystals.py crystals.png
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes

import construction_zone as cz
from construction_zone.build import lattice_directions, modifiers, transforms
from construction_zone.show import spheres, style
from construction_zone.show.scene import oblique

CELL = (80.0, 80.0, 80.0)
MIDDLE = (40.0, 40.0, 40.0)
COLOURS = jmol_colors.copy()
COLOURS[29] = (0.78, 0.42, 0.20)


def built(*zones: cz.Zone) -> Atoms:
    """The atoms of a scene of `zones`."""
    return cz.Scene(list(zones), cell=CELL, periodic=(False, False, False)).atoms(seed=1)


def oriented() -> Atoms:
    """Gold with [110] along the beam and [001] up: two conditions leave no freedom."""
    gold = cz.Crystal.fcc("Au").with_zone_axis([1, 1, 0], second=[0, 0, 1], second_along=(0, 1, 0))
    return built(cz.Zone(cz.Ball(14, MIDDLE), gold.shifted(MIDDLE), "gold"))


def strained(frame: str) -> Atoms:
    """One layer of gold turned by 25° in the plane and stretched by 20 % along the x axis of one of the two frames."""
    gold = cz.Crystal.fcc("Au").moved(transforms.rotation((0, 0, 1), 25)).shifted(MIDDLE)
    stretched = cz.Modified(gold, [modifiers.Strain([0.20, 0, 0], frame=frame)])
    return built(cz.Zone(cz.Block((28, 28, 3), MIDDLE), stretched, "gold"))


def bent() -> Atoms:
    """A straight silicon wire, bent upwards to a radius of 40 Å with its shape."""
    silicon = cz.Crystal.diamond("Si").shifted(MIDDLE)
    bending = modifiers.Bending(radius=40, along=(1, 0, 0), toward=(0, -1, 0), point=MIDDLE)
    curved = cz.Modified(silicon, [modifiers.ShapeFollows(modifiers.Displacement(bending, frame="lab"))])
    return built(cz.Zone(cz.Block((60, 14, 14), MIDDLE), curved, "wire"))


def ordered(alpha: float) -> Atoms:
    """One (001) layer of a ball of Au₅₀Cu₅₀, its lattice constant by Vegard's law, with short-range order alpha."""
    alloy = cz.Crystal.alloy({"fcc Au": 0.5, "fcc Cu": 0.5})
    mixed = cz.Modified(alloy, [modifiers.ShortRangeOrder({"Au-Cu": alpha})]).moved(transforms.translation(MIDDLE))
    atoms = built(cz.Zone(cz.Ball(24, MIDDLE), mixed, "alloy"))
    return atoms[np.abs(atoms.positions[:, 2] - MIDDLE[2]) < 0.5]


def graded() -> Atoms:
    """A gold ball whose outside is silver: a radial profile of concentration, with 3 % vacancies."""
    profile = modifiers.RadialProfile((0, 0, 0), radii=(8, 16), fractions=(0.0, 1.0))
    grade = modifiers.ConcentrationGradient("Ag", profile)
    mixed = cz.Modified(cz.Crystal.fcc("Au"), [grade, modifiers.Vacancies(0.03)])
    ball = cz.Zone(cz.Ball(20), mixed, "particle").moved(transforms.translation(MIDDLE))
    atoms = built(ball)
    return atoms[atoms.positions[:, 2] < MIDDLE[2] + 0.5]


def face_to_face() -> Atoms:
    """A gold octahedron that sits with its (111) facet on MgO (001), Au [1-10] along MgO [110]."""
    gold, oxide = cz.Crystal.fcc("Au"), cz.Crystal.rocksalt("MgO").shifted((40, 40, 20))
    facets = np.array(list(itertools.product((1, -1), repeat=3)))
    # the plane through the outermost gold atoms below the facet, and that through the topmost of the oxide
    facet = lattice_directions.plane_of(gold, (1, 1, 1), near=14 * facets[0] / np.sqrt(3), side="below")
    top = lattice_directions.plane_of(oxide, (0, 0, 1), near=(40, 40, 25), side="below")
    motion = lattice_directions.face_to_face(
        facet.normal, facet.point, top.normal, top.point, gap=2.4,
        second=gold.direction([1, -1, 0]), second_to=oxide.direction([1, 1, 0]),
    )  # fmt: skip
    particle = cz.Zone(cz.ConvexPolyhedron.from_planes(facets, 14), gold, "gold").moved(motion)
    support = cz.Zone(top.below & cz.Block((56, 56, 9), (40, 40, 22)), oxide, "oxide", priority=1)
    return built(particle, support)


def from_above(axes: Axes, atoms: Atoms, radius: float = 1.25) -> None:
    """Draw `atoms` seen from +z."""
    points = spheres.looking(0, 90).project(atoms.positions)
    low, high = points.min(axis=0) - 2, points.max(axis=0) + 2
    extent = (low[0], high[0], low[1], high[1])
    pixel = float(max(high[:2] - low[:2])) / 320
    picture = spheres.render(points, np.full(len(atoms), radius), COLOURS[atoms.numbers], extent, pixel)
    axes.imshow(picture, origin="lower", extent=extent)
    style.bare(axes)


def from_aside(axes: Axes, atoms: Atoms) -> None:
    """Draw `atoms` seen from the side and above."""
    oblique(axes, atoms, COLOURS[atoms.numbers], pixels=320)


PANELS: dict[str, tuple[Callable[[], Atoms], Callable[[Axes, Atoms], None]]] = {
    "gold, [110] along the beam,\n[001] up": (oriented, from_above),
    "+20 % along x, frame='crystal'\n(crystal turned by 25°)": (lambda: strained("crystal"), from_above),
    "+20 % along x, frame='lab'\n(crystal turned by 25°)": (lambda: strained("lab"), from_above),
    "bent silicon wire": (bent, from_above),
    "Au₅₀Cu₅₀, α₁ = −0.25\n(one layer)": (lambda: ordered(-0.25), from_above),
    "Au₅₀Cu₅₀, α₁ = +0.35\n(one layer)": (lambda: ordered(0.35), from_above),
    "gold core, silver outside,\ncut open": (graded, from_above),
    "Au (111) on MgO (001)": (face_to_face, from_aside),
}


def main(path: str | Path) -> Path:
    """Build and draw all panels."""
    figure = style.canvas(8.0, 4.7)
    for index, (title, (build, draw)) in enumerate(PANELS.items()):
        axes = figure.add_subplot(2, 4, index + 1)
        draw(axes, build())
        axes.set_title(title, fontsize=7, color=style.INK, pad=2)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.92, wspace=0.06, hspace=0.14)
    return style.save(figure, path, dpi=110)


if __name__ == "__main__":
    print(main(sys.argv[1] if len(sys.argv) > 1 else "crystals.png"))
