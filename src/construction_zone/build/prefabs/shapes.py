"""Faceted single crystals: Wulff and Winterbottom shapes, and the regular forms of cubic crystals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from construction_zone import seeding
from construction_zone.build import inputs
from construction_zone.build.generators import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.build.prefabs import facets
from construction_zone.build.prefabs.base import crystal_of, prefab
from construction_zone.build.prefabs.facets import Planes, Size
from construction_zone.build.prefabs.symmetry import Miller, centred_on, is_cubic, miller
from construction_zone.build.transforms import align, translation
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

Origin = Sequence[float] | str
"""Which point of the lattice's cell (fractions) lies in the middle of the particle; "random" draws one."""

_ON_ATOM = (0.0, 0.0, 0.0)


@prefab
def wulff(
    crystal: Crystal | str,
    *,
    energies: Any,
    radius: float | None = None,
    diameter: float | None = None,
    volume: float | None = None,
    atoms: int | None = None,
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "wulff",
) -> Zone:
    """A crystal in its shape of least surface energy: each facet at a distance ∝ its energy from the middle.

    G. Wulff, Z. Kristallogr. 34, 449 (1901). The families are expanded by the crystal's own point group.

    Parameters
    ----------
    crystal
        Turned as its pose says.
    energies
        Surface energy of each family of planes in any unit, e.g. ``{(1, 1, 1): 1.28, (1, 0, 0): 1.63}``, or a pymatgen
        ``WulffShape``.
    radius, diameter, volume, atoms
        The size, one of four; see `facets.Size`.
    origin
        The point of the cell in the middle of the particle: three fractions, or "random".
    seed
        Decides a random `origin`.

    Raises `InvalidInput` for energies that are missing or not above zero, and planes that the lattice does not have.
    """
    size = Size(radius, diameter, volume, atoms)
    placed = centred_on(crystal_of(crystal), origin, seeding.generator(seed, "origin"))
    planes, content = facets.about_its_middle(_closed(placed, energies))
    return facets.zone_of(facets.sized(planes, content, size, placed), placed, "wulff", name)


@prefab
def winterbottom(
    crystal: Crystal | str,
    *,
    energies: Any,
    interface: Miller,
    interface_energy: float,
    substrate_energy: float = 0.0,
    radius: float | None = None,
    diameter: float | None = None,
    volume: float | None = None,
    atoms: int | None = None,
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "winterbottom",
) -> Zone:
    """A crystal in its shape of least energy on a substrate, which it meets with the facet `interface`, turned to −z.

    The interface lies at the height γ_interface − γ_substrate, which may be negative (W. L. Winterbottom, Acta Metall.
    15, 303 (1967)). Lattice and facets turn together. The other parameters are those of `wulff`.

    Parameters
    ----------
    interface
        (hkl) of the particle that faces the substrate.
    interface_energy, substrate_energy
        Of the interface and of the free substrate, in the unit of `energies`.

    Raises `InvalidInput` where the particle would wet the substrate completely.
    """
    size = Size(radius, diameter, volume, atoms)
    given = crystal_of(crystal)
    down = align(facets.plane_towards(given, interface), (0.0, 0.0, -1.0), origin=given.pose.vector)
    placed = centred_on(given.moved(down), origin, seeding.generator(seed, "origin"))
    free = _closed(placed, energies)
    level = float(interface_energy) - float(substrate_energy)
    if not math.isfinite(level):
        raise InvalidInput(f"interface_energy − substrate_energy is {level}; give finite energies")
    wetting = float(free.corners()[:, 2].max())
    if level <= -wetting * (1 - 1e-6):
        raise InvalidInput(
            f"interface_energy − substrate_energy is {level:g}: the particle wets the substrate completely; it must be "
            f"above {-wetting:g}"
        )
    bottom = np.array([0.0, 0.0, -1.0])
    same = facets.same_plane(free, bottom)
    # a free facet below the interface would be the stable one: then the particle does not touch with more
    level = min([level, *free.heights[same].tolist()])
    cut = Planes(
        np.vstack([free.hkl[~same], [miller(interface, placed)]]),
        np.vstack([free.normals[~same], bottom]),
        np.append(free.heights[~same], level),
    )
    planes, content = facets.about_its_middle(cut)
    return facets.zone_of(facets.sized(planes, content, size, placed), placed, "winterbottom", name)


def _closed(crystal: Crystal, energies: Any) -> Planes:
    planes = facets.planes_of(crystal, _energies(energies))
    facets.refuse_open(planes, crystal, "surface energy")
    return planes


def _energies(given: Any) -> Mapping[Miller, float]:
    """Surface energies as a mapping, whatever they come as."""
    if hasattr(given, "miller_list") and hasattr(given, "e_surf_list"):  # a pymatgen WulffShape
        return {tuple(hkl): float(e) for hkl, e in zip(given.miller_list, given.e_surf_list, strict=True)}
    if not isinstance(given, Mapping):
        raise InvalidInput(
            f"energies is {given!r}; give one for each family of planes, e.g. {{(1, 1, 1): 1.28, (1, 0, 0): 1.63}}, or "
            "a pymatgen WulffShape"
        )
    return given


# regular forms of cubic crystals: planes in units in which the edge of the uncut form is `edge`

_Rows = list[tuple[tuple[int, ...], float]]

_CUBE = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
_OCTAHEDRON = list(product((1, -1), repeat=3))
_TETRAHEDRON = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
_DODECAHEDRON = [hkl for hkl in product((1, -1, 0), repeat=3) if sorted(map(abs, hkl)) == [0, 1, 1]]


@prefab
def cube(
    crystal: Crystal | str,
    *,
    truncation: float = 0.0,
    radius: float | None = None,
    diameter: float | None = None,
    volume: float | None = None,
    atoms: int | None = None,
    edge: float | None = None,
    edge_atoms: int | None = None,
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "cube",
) -> Zone:
    """A cube of {100} facets, its corners cut by {111} if `truncation` is above 0.

    Parameters
    ----------
    crystal
        A cubic crystal in its conventional cell.
    truncation
        Share of each edge that a cut takes at either end, 0 to 0.5 (0.5 is a cuboctahedron).
    radius, diameter, volume, atoms
        The size, as in `wulff`.
    edge
        Or the edge of the uncut form, Å.
    edge_atoms
        Or the number of lattice points along an edge of the uncut form, which then lies on lattice points: these are
        the closed shells that magic numbers count.
    origin, seed
        As in `wulff`.
    """
    cut = _share(truncation)
    rows: _Rows = [(hkl, 0.5) for hkl in _CUBE]
    rows += [(hkl, (3 - 2 * cut) / math.sqrt(12)) for hkl in _OCTAHEDRON]
    sizes = {"radius": radius, "diameter": diameter, "volume": volume, "atoms": atoms}
    return _form("cube", crystal, rows, (0.5, 0.5, 0.5), (1, 0, 0), sizes, edge, edge_atoms, origin, seed, name)


@prefab
def octahedron(
    crystal: Crystal | str,
    *,
    truncation: float = 0.0,
    radius: float | None = None,
    diameter: float | None = None,
    volume: float | None = None,
    atoms: int | None = None,
    edge: float | None = None,
    edge_atoms: int | None = None,
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "octahedron",
) -> Zone:
    """An octahedron of {111} facets, its corners cut by {100} if `truncation` is above 0.

    A truncation of 1/3 gives the regular truncated octahedron, 1/2 the cuboctahedron. Parameters as in `cube`.
    """
    cut = _share(truncation)
    corner = math.sqrt(0.5)
    rows: _Rows = [(hkl, corner / math.sqrt(3)) for hkl in _OCTAHEDRON]
    rows += [(hkl, corner * (1 - cut)) for hkl in _CUBE]
    sizes = {"radius": radius, "diameter": diameter, "volume": volume, "atoms": atoms}
    tip = (corner, 0.0, 0.0)
    return _form("octahedron", crystal, rows, tip, (1, -1, 0), sizes, edge, edge_atoms, origin, seed, name)


@prefab
def cuboctahedron(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    diameter: float | None = None,
    volume: float | None = None,
    atoms: int | None = None,
    edge: float | None = None,
    edge_atoms: int | None = None,
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "cuboctahedron",
) -> Zone:
    """A regular cuboctahedron of {100} and {111} facets, all edges `edge` long. Parameters as in `cube`."""
    corner = math.sqrt(0.5)
    rows: _Rows = [(hkl, corner) for hkl in _CUBE]
    rows += [(hkl, 2 * corner / math.sqrt(3)) for hkl in _OCTAHEDRON]
    sizes = {"radius": radius, "diameter": diameter, "volume": volume, "atoms": atoms}
    tip = (corner, corner, 0.0)
    return _form("cuboctahedron", crystal, rows, tip, (1, -1, 0), sizes, edge, edge_atoms, origin, seed, name)


@prefab
def truncated_octahedron(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    diameter: float | None = None,
    volume: float | None = None,
    atoms: int | None = None,
    edge: float | None = None,
    edge_atoms: int | None = None,
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "truncated_octahedron",
) -> Zone:
    """A regular truncated octahedron, its squares {100} and hexagons {111} with edges of the same length `edge`.

    Parameters as in `cube`.
    """
    unit = math.sqrt(0.5)
    rows: _Rows = [(hkl, 2 * unit) for hkl in _CUBE]
    rows += [(hkl, 3 * unit / math.sqrt(3)) for hkl in _OCTAHEDRON]
    sizes = {"radius": radius, "diameter": diameter, "volume": volume, "atoms": atoms}
    tip = (2 * unit, unit, 0.0)
    return _form("truncated_octahedron", crystal, rows, tip, (1, -1, 0), sizes, edge, edge_atoms, origin, seed, name)


@prefab
def rhombic_dodecahedron(
    crystal: Crystal | str,
    *,
    radius: float | None = None,
    diameter: float | None = None,
    volume: float | None = None,
    atoms: int | None = None,
    edge: float | None = None,
    edge_atoms: int | None = None,
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "rhombic_dodecahedron",
) -> Zone:
    """A rhombic dodecahedron of {110} facets. Parameters as in `cube`."""
    rows: _Rows = [(hkl, math.sqrt(2 / 3)) for hkl in _DODECAHEDRON]
    sizes = {"radius": radius, "diameter": diameter, "volume": volume, "atoms": atoms}
    tip = (2 / math.sqrt(3), 0.0, 0.0)
    return _form("rhombic_dodecahedron", crystal, rows, tip, (1, 1, 1), sizes, edge, edge_atoms, origin, seed, name)


@prefab
def tetrahedron(
    crystal: Crystal | str,
    *,
    truncation: float = 0.0,
    polarity: int = 1,
    radius: float | None = None,
    diameter: float | None = None,
    volume: float | None = None,
    atoms: int | None = None,
    edge: float | None = None,
    edge_atoms: int | None = None,
    origin: Origin = _ON_ATOM,
    seed: Seed = 0,
    name: str = "tetrahedron",
) -> Zone:
    """A tetrahedron of the four facets (111), (1-1-1), (-11-1), (-1-11), or of their opposites if `polarity` is −1.

    With `truncation` (as in `cube`) the other four {111} cut its corners. Other parameters as in `cube`.
    """
    cut = _share(truncation)
    if polarity not in (1, -1):
        raise InvalidInput(f"polarity is {polarity!r}; give 1 for (111) facets or −1 for their opposites")
    unit = 1 / math.sqrt(24)  # height of a face of the tetrahedron of edge 1
    faces = [(h * polarity, k * polarity, m * polarity) for h, k, m in _TETRAHEDRON]
    rows: _Rows = [(hkl, unit) for hkl in faces]
    rows += [((-h, -k, -m), unit * (3 - 4 * cut)) for h, k, m in faces]
    sizes = {"radius": radius, "diameter": diameter, "volume": volume, "atoms": atoms}
    h, k, m = faces[0]
    tip = (-h * unit * math.sqrt(3), -k * unit * math.sqrt(3), -m * unit * math.sqrt(3))
    return _form("tetrahedron", crystal, rows, tip, (1, 1, 0), sizes, edge, edge_atoms, origin, seed, name)


def _share(truncation: float) -> float:
    value = inputs.not_negative(truncation, "truncation", "")
    if value > 0.5:
        raise InvalidInput(f"truncation is {value:g}; it is the share of an edge cut off at each end, 0 to 0.5")
    return value


def _form(
    prefab_name: str,
    crystal: Crystal | str,
    rows: _Rows,
    tip: tuple[float, float, float],
    along: tuple[int, int, int],
    sizes: dict[str, Any],
    edge: float | None,
    edge_atoms: int | None,
    origin: Origin,
    seed: Seed,
    name: str,
) -> Zone:
    """A form of a cubic crystal: `rows` are planes and heights of the form whose edge is 1.

    `tip` is a corner of it and `along` the lattice direction of its edges.
    """
    given = crystal_of(crystal)
    if not is_cubic(given):
        raise InvalidInput(f"a {prefab_name} needs a cubic crystal; the cell of {given.phase} is not a cube")
    asked = [key for key, value in {**sizes, "edge": edge, "edge_atoms": edge_atoms}.items() if value is not None]
    if len(asked) != 1:
        raise InvalidInput(
            f"{', '.join(asked) or 'no size'} given; give one of radius=, diameter=, volume=, atoms=, edge= and "
            "edge_atoms="
        )
    placed = centred_on(given, origin, seeding.generator(seed, "origin"))
    turn = placed.pose.matrix
    hkl = np.array([row for row, _ in rows])
    normals: Floats = (hkl / np.linalg.norm(hkl, axis=1)[:, None]) @ turn.T
    planes = Planes(hkl, normals, np.array([height for _, height in rows]))
    if edge is not None:
        return facets.zone_of(planes.scaled(inputs.positive(edge, "edge")), placed, prefab_name, name)
    if edge_atoms is not None:
        if isinstance(edge_atoms, bool) or edge_atoms != int(edge_atoms) or edge_atoms < 2:
            raise InvalidInput(f"edge_atoms is {edge_atoms!r}; give a whole number, 2 or more")
        length = (int(edge_atoms) - 1) * _step(placed, along)
        placed = centred_on(placed, _ON_ATOM, seeding.generator(seed, "origin"))
        placed = placed.moved(translation(turn @ (np.array(tip) * length)))
        return facets.zone_of(planes.scaled(length), placed, prefab_name, name)
    middle, content = facets.about_its_middle(planes)
    size = Size(**sizes)
    return facets.zone_of(facets.sized(middle, content, size, placed), placed, prefab_name, name)


def _step(crystal: Crystal, along: tuple[int, int, int]) -> float:
    """The shortest lattice translation along [uvw] in Å, centred cells included."""
    full = np.array(along, dtype=np.float64)
    length = float(np.linalg.norm(full @ crystal.lattice))
    for parts in (4, 3, 2):
        shifted = crystal.fractional + full / parts
        delta = shifted[:, None] - crystal.fractional
        delta -= np.round(delta)
        near = (np.linalg.norm(delta @ crystal.lattice, axis=2) < 0.02) & (crystal.numbers[:, None] == crystal.numbers)
        if near.any(axis=1).all():
            return length / parts
    return length
