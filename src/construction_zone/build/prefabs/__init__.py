"""Named structures with physical parameters: each function returns a `Zone` that knows what it was filled with.

>>> particle = cz.prefabs.wulff("fcc Au", energies={(1, 1, 1): 1.28, (1, 0, 0): 1.63}, diameter=40)
>>> cz.Scene.fitted([particle]).atoms().info["record"]["zones"]["wulff"]["fill"]["facets"]
"""

from construction_zone.build.prefabs.antiphase import antiphase
from construction_zone.build.prefabs.attachment import attached
from construction_zone.build.prefabs.base import PREFABS, Described, prefab
from construction_zone.build.prefabs.coreshell import alloy_gradient, core_shell, hollow, janus, multi_shell, porous
from construction_zone.build.prefabs.crossing import crossing_faults, crossing_twins
from construction_zone.build.prefabs.dislocations import dislocated
from construction_zone.build.prefabs.dressed import adatoms, adsorbates, roughened, stepped, trimmed
from construction_zone.build.prefabs.exposure import alpha_shape, coordination, normals, undercoordinated
from construction_zone.build.prefabs.grain_boundaries import grain_boundary
from construction_zone.build.prefabs.ligands import ligands
from construction_zone.build.prefabs.loops import dislocation_loop
from construction_zone.build.prefabs.multiply_twinned import decahedron, icosahedron
from construction_zone.build.prefabs.placing import rest, scatter, several
from construction_zone.build.prefabs.planar import faulted, twinned
from construction_zone.build.prefabs.polycrystals import polycrystal
from construction_zone.build.prefabs.rods import plate, rod
from construction_zone.build.prefabs.shapes import (
    cube,
    cuboctahedron,
    octahedron,
    rhombic_dodecahedron,
    tetrahedron,
    truncated_octahedron,
    winterbottom,
    wulff,
)
from construction_zone.build.prefabs.sheets import layers, moire, nanotube
from construction_zone.build.prefabs.substrates import contamination, film, slab
from construction_zone.build.prefabs.tetrapods import tetrapod

__all__ = [
    "PREFABS",
    "Described",
    "adatoms",
    "adsorbates",
    "alloy_gradient",
    "alpha_shape",
    "antiphase",
    "attached",
    "contamination",
    "coordination",
    "core_shell",
    "crossing_faults",
    "crossing_twins",
    "cube",
    "cuboctahedron",
    "decahedron",
    "dislocated",
    "dislocation_loop",
    "faulted",
    "film",
    "grain_boundary",
    "hollow",
    "icosahedron",
    "janus",
    "layers",
    "ligands",
    "moire",
    "multi_shell",
    "nanotube",
    "normals",
    "octahedron",
    "plate",
    "polycrystal",
    "porous",
    "prefab",
    "rest",
    "rhombic_dodecahedron",
    "rod",
    "roughened",
    "scatter",
    "several",
    "slab",
    "stepped",
    "tetrahedron",
    "tetrapod",
    "trimmed",
    "truncated_octahedron",
    "twinned",
    "undercoordinated",
    "winterbottom",
    "wulff",
]
