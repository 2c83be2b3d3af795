"""Draw volumes filled with gold: primitives, polyhedra and meshes, combined, hollowed and roughened.

python examples/shapes.py shapes.png
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
from ase.data.colors import jmol_colors

import construction_zone as cz
from construction_zone.build import transforms, volumes
from construction_zone.show import style
from construction_zone.show.scene import oblique

CELL = (90.0, 90.0, 90.0)
MIDDLE = transforms.translation((45, 45, 45))


def truncated_octahedron(cube: float = 17.0, octahedron: float = 15.0) -> volumes.ConvexPolyhedron:
    """The usual shape of small fcc particles: {100} planes `cube` Å from the middle, {111} planes `octahedron` Å."""
    hundreds = [sign * row for row in np.eye(3) for sign in (1, -1)]
    elevens = list(itertools.product((1, -1), repeat=3))
    return cz.ConvexPolyhedron.from_planes([*hundreds, *elevens], [cube] * 6 + [octahedron] * 8)


def ring(radius: float = 14.0, tube: float = 6.0, around: int = 36, across: int = 18) -> volumes.Mesh:
    """A closed triangle mesh; `Mesh.read` takes one from an STL or OBJ file."""
    u, v = np.meshgrid(np.arange(around) * 2 * np.pi / around, np.arange(across) * 2 * np.pi / across, indexing="ij")
    far = radius + tube * np.cos(v)
    corners = np.stack([far * np.cos(u), far * np.sin(u), tube * np.sin(v)], axis=-1).reshape(-1, 3)
    i, j = np.divmod(np.arange(around * across), across)
    right, up = (i + 1) % around * across + j, i * across + (j + 1) % across
    both = (i + 1) % around * across + (j + 1) % across
    here = i * across + j
    return cz.Mesh(corners, np.concatenate([np.stack([here, right, both], 1), np.stack([here, both, up], 1)]))


def gallery() -> dict[str, volumes.Volume]:
    """The volumes by their titles."""
    ball, polyhedron = cz.Ball(18), truncated_octahedron()
    half = cz.HalfSpace((1, -1, 0))
    return {
        "Ellipsoid((20, 13, 9))": cz.Ellipsoid((20, 13, 9)),
        "Cylinder(10, 34), turned": cz.Cylinder(10, 34).moved(transforms.rotation((1, -1, 0), 55)),
        "Capsule(9, 40)": cz.Capsule(9, 40),
        "Cone(17, 30, top_radius=6)": cz.Cone(17, 30, base=(0, 0, -15), top_radius=6),
        "ConvexPolyhedron.from_planes": polyhedron,
        "Mesh": ring(),
        "union  |": cz.Ball(13, (-10, 0, 0)) | cz.Ball(13, (10, 0, 0)),
        "difference  −": ball - cz.Ball(13, (12, -12, 8)),
        "intersection  &": ball & cz.Slab(17, normal=(0, 0, 1)),
        "shell(5), cut open": ball.shell(5) & half,
        "offset(6) of a Block": cz.Block((22, 22, 22)).offset(6),
        "Rough(Ball(18), 1.5, 7)": volumes.Rough(ball, amplitude=1.5, correlation_length=7, seed=1),
    }


def main(path: str | Path) -> Path:
    """Fill every volume of the gallery with a gold crystal and draw it."""
    gold = cz.Crystal.fcc("Au")
    shapes = gallery()
    figure = style.canvas(8.0, 6.3)
    for index, (title, volume) in enumerate(shapes.items()):
        # the volume moves, and the crystal stays where it is
        zone = cz.Zone(volume, gold, "shape").moved(MIDDLE, what="volume")
        atoms = cz.Scene([zone], cell=CELL).atoms()
        axes = figure.add_subplot(3, 4, index + 1)
        oblique(axes, atoms, np.tile(jmol_colors[79], (len(atoms), 1)), pixels=300)
        axes.set_title(f"{title}\n{len(atoms)} atoms", fontsize=7, color=style.INK, pad=2)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.94, wspace=0.05, hspace=0.22)
    return style.save(figure, path, dpi=110)


if __name__ == "__main__":
    print(main(sys.argv[1] if len(sys.argv) > 1 else "shapes.png"))
