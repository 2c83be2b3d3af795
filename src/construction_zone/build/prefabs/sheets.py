"""Two-dimensional materials: stacks of sheets, twisted pairs, and nanotubes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from construction_zone import seeding
from construction_zone.build import inputs, reference
from construction_zone.build.distances import PairDistances
from construction_zone.build.generators import Crystal, Generator, Molecule
from construction_zone.build.generators.prototypes import PROTOTYPES, SHEET_SPACING
from construction_zone.build.inputs import Floats
from construction_zone.build.modifiers import Displacement, Modified, Vacancies
from construction_zone.build.prefabs.base import Described, prefab
from construction_zone.build.prefabs.compound import Compound, Part
from construction_zone.build.prefabs.relief import Heights, rough
from construction_zone.build.prefabs.repeats import fitted_repeat
from construction_zone.build.transforms import Affine, rotation, translation
from construction_zone.build.volumes import Block, Cylinder, Volume
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

_SHEETS = tuple(name for name, kind in PROTOTYPES.items() if kind.sheet is not None)

_PLACES = {"A": (0.0, 0.0), "B": (1 / 3, 2 / 3), "C": (2 / 3, 1 / 3)}
"""Where the layers of a stacking lie, in fractions of the sheet's cell."""


@prefab
def layers(
    material: str = "graphene C",
    *,
    count: int = 1,
    stacking: str = "AB",
    spacing: float | None = None,
    cell: Sequence[float] | None = None,
    radius: float | None = None,
    ripple: float = 0.0,
    ripple_length: float = 30.0,
    vacancies: float = 0.0,
    step: float | None = None,
    max_strain: float = 0.03,
    seed: Seed = 0,
    name: str = "layers",
) -> Zone:
    """Sheets of a two-dimensional material on top of each other, across the cell or as a round flake.

    Parameters
    ----------
    material
        "graphene C", "h-BN-sheet BN" or a "1H" sheet such as "1H MoS2".
    count
        How many sheets.
    stacking
        Their places in turn, as letters A, B and C; a dash marks a sheet turned by 180°. "AB" is graphite, "ABC"
        rhombohedral, "AA'" hexagonal BN and 2H MoS2.
    spacing
        Å from sheet to sheet. Default: half of c of the bulk crystal.
    cell
        (Lx, Ly) of the scene in Å, into which the sheets are strained to repeat, by `max_strain` at most; their
        zigzag direction is x.
    radius
        Or the radius of a flake in Å.
    ripple, ripple_length
        rms height of ripples and the correlation length of their random relief, Å. All sheets move together.
    vacancies
        The fraction of the atoms that is missing, at random.
    step
        Which share of the width, from −x on, the topmost sheet covers; it ends at a step edge. None: all.
    seed
        Decides ripples and places; vacancies too, with the seed of the scene.
    """
    single = _sheet(material)
    if isinstance(count, bool) or count != int(count) or count < 1:
        raise InvalidInput(f"count is {count!r}; give a whole number of sheets, 1 or more")
    apart = _bulk_spacing(material) if spacing is None else inputs.positive(spacing, "spacing")
    stack = _stacked(single, int(count), stacking, apart)
    thickness = (int(count) - 1) * apart + _thickness(single)
    layout = _Layout(cell, radius, max_strain, ripple, ripple_length, vacancies, seed)
    top = None if step is None else (step, thickness / 2 - apart / 2)
    return layout.zone(stack, "layers", thickness, name, step=top)


@prefab
def moire(
    material: str = "graphene C",
    *,
    angle: float | None = None,
    indices: tuple[int, int] | None = None,
    spacing: float | None = None,
    cell: Sequence[float] | None = None,
    radius: float | None = None,
    ripple: float = 0.0,
    ripple_length: float = 30.0,
    vacancies: float = 0.0,
    max_strain: float = 0.03,
    seed: Seed = 0,
    name: str = "moire",
) -> Zone:
    """Two sheets, one twisted on the other, by any angle (as a flake) or by one at which they repeat.

    Parameters
    ----------
    material, spacing, radius, ripple, ripple_length, vacancies, max_strain, seed
        As in `layers`.
    angle
        Degrees; needs `radius`, for twisted sheets repeat in no cell in general.
    indices
        (m, n), coprime: cos θ = (m² + 4mn + n²)/(2(m² + mn + n²)), and the pair repeats with a hexagon of side
        a·√(m² + mn + n²) (J. M. B. Lopes dos Santos et al., Phys. Rev. Lett. 99, 256802 (2007)).
    cell
        (Lx, Ly) of the scene in Å; needs `indices`.
    """
    single = _sheet(material)
    if (angle is None) == (indices is None):
        raise InvalidInput("give angle= or indices=(m, n), one of the two")
    apart = _bulk_spacing(material) if spacing is None else inputs.positive(spacing, "spacing")
    thickness = apart + _thickness(single)
    if indices is not None:
        pair, turn = _commensurate(single, indices, apart)
        layout = _Layout(cell, radius, max_strain, ripple, ripple_length, vacancies, seed)
        return layout.zone(pair, "moire", thickness, name, twist=_Twist(turn, (int(indices[0]), int(indices[1]))))
    if radius is None or cell is not None:
        raise InvalidInput("sheets twisted by angle= repeat in no cell; give radius= for a flake, or indices=(m, n)")
    if ripple:
        raise InvalidInput("ripple= needs indices=(m, n); flakes twisted by any angle= are flat")
    twist = rotation((0, 0, 1), float(angle or 0.0))
    disc = Cylinder(inputs.positive(radius, "radius"), _thickness(single) + 1.0)
    down, up = translation((0, 0, -apart / 2)), translation((0, 0, apart / 2))
    offset = seeding.generator(seed, "offset").uniform(size=3) * [1, 1, 0]
    lower = single.shifted(offset @ single.lattice)
    parts = (
        Part("lower", disc.moved(down), _modified(lower.moved(down), None, vacancies)),
        Part("upper", disc.moved(up), _modified(lower.moved(up @ twist), None, vacancies)),
    )
    compound: Generator = Compound(parts, PairDistances(0.0))
    volume = Cylinder(disc.radius, thickness + 1.0)
    return Zone(volume, Described(compound, "moire", _Twist(float(angle or 0.0), None)), name)


@prefab
def nanotube(
    *,
    n: int,
    m: int = 0,
    length: float,
    element: str = "C",
    bond: float | None = None,
    seed: Seed = 0,
    name: str = "nanotube",
) -> Zone:
    """A single-walled (n, m) nanotube along z of about `length` (Å): whole unit cells, one or more, made by ASE.

    `bond` is in Å; default: that of graphene. `seed` turns the tube about its axis.
    """
    from ase.build import nanotube as ase_nanotube

    for label, value in (("n", n), ("m", m)):
        if isinstance(value, bool) or value != int(value) or value < 0 or n < 1:
            raise InvalidInput(f"{label} is {value!r}; give whole numbers n ≥ 1 and m ≥ 0")
    if bond is None:
        if element != "C":
            raise InvalidInput(f"the bond length of {element} tubes is not known; give bond= in Å")
        bond = float(np.linalg.norm(Crystal.named("graphene C").lattice[0])) / math.sqrt(3)
    period = float(ase_nanotube(int(n), int(m), length=1, bond=bond, symbol=element).cell[2, 2])
    cells = max(1, round(inputs.positive(length, "length") / period))
    tube = ase_nanotube(int(n), int(m), length=cells, bond=inputs.positive(bond, "bond"), symbol=element)
    u = reference.displacements().get((f"graphene {element}", element), 0.0)
    turn = rotation((0, 0, 1), float(seeding.generator(seed, "spin").uniform(0, 360)))
    made = Molecule.from_structure(tube, phase=f"nanotube {element}").with_thermal_u(u).moved(turn)
    radius = float(np.linalg.norm(made.positions[:, :2], axis=1).max())
    volume = Cylinder(radius + 0.5, float(np.ptp(made.positions[:, 2])) + 1.0)
    return Zone(volume, Described(made, "nanotube", _Tube(int(n), int(m), period, cells, radius)), name)


@dataclass(frozen=True)
class _Stack:
    """Describes a stack of sheets: strain and repeats in the cell, and the height of its relief."""

    strain: tuple[float, float] | None
    repeats: tuple[int, int] | None
    twist: _Twist | None = None

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        made: dict[str, Any] = {"height": float(np.ptp(placed.inverse.apply(atoms.positions)[:, 2]))}
        if self.strain is not None:
            made |= {"strain": list(self.strain), "repeats": list(self.repeats or ())}
        if self.twist is not None:
            made |= self.twist(atoms, placed)
        return made


@dataclass(frozen=True)
class _Twist:
    """Describes a twist, in degrees."""

    angle: float
    indices: tuple[int, int] | None

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        return {"angle": self.angle} | ({"indices": list(self.indices)} if self.indices else {})


@dataclass(frozen=True)
class _Tube:
    """Describes a nanotube."""

    n: int
    m: int
    period: float
    cells: int
    radius: float

    def __call__(self, atoms: Atoms, placed: Affine) -> dict[str, Any]:
        return {"indices": [self.n, self.m], "length": self.period * self.cells, "radius": self.radius}


@dataclass(frozen=True)
class _Lift:
    """A displacement along z by the height at a place."""

    heights: Heights

    def __call__(self, points: Floats) -> Floats:
        lifted = np.zeros_like(points)
        lifted[:, 2] = self.heights(points)
        return lifted


@dataclass(frozen=True)
class _Layout:
    """How far sheets reach, and what is done to them; see `layers`."""

    cell: Sequence[float] | None
    radius: float | None
    max_strain: float
    ripple: float
    ripple_length: float
    vacancies: float
    seed: Seed

    def zone(
        self,
        stack: Crystal,
        kind: str,
        thickness: float,
        name: str,
        *,
        step: tuple[float, float] | None = None,
        twist: _Twist | None = None,
    ) -> Zone:
        """A stack that is centred on z = 0; `step` is the top sheet's share of the width and the height below it."""
        if (self.cell is None) == (self.radius is None):
            raise InvalidInput("give cell=(Lx, Ly) for sheets across the cell or radius= for a flake, one of the two")
        rms = inputs.not_negative(self.ripple, "ripple")
        high = thickness + 1.0 + 10 * rms
        offset = seeding.generator(self.seed, "offset").uniform(size=2)
        if self.cell is not None:
            size = (inputs.positive(self.cell[0], "cell x"), inputs.positive(self.cell[1], "cell y"))
            fit = fitted_repeat(stack, (0, 0, 1), size, self.max_strain)
            crystal = fit.crystal.shifted((offset[0] * fit.edges[0], offset[1] * fit.edges[1], 0.0))
            volume: Volume = Block((size[0], size[1], high))
            describe = _Stack(fit.strain, fit.repeats, twist)
        else:
            wide = inputs.positive(self.radius, "radius")
            size = (2 * wide, 2 * wide)
            crystal = stack.shifted(offset @ stack.lattice[:2])
            volume = Cylinder(wide, high)
            describe = _Stack(None, None, twist)
        if step is not None:
            share, level = step
            if not 0 < share < 1:
                raise InvalidInput(f"step is {share!r}; give the share of the width that the top sheet covers, 0 to 1")
            if rms:
                raise InvalidInput("ripples and a step edge do not go together; leave out ripple= or step=")
            corner = ((share - 0.5) * size[0], -size[1], level)
            volume = volume - Block.between(corner, (size[0], size[1], high / 2 + 1))
        relief = self._relief(size, rms) if rms else None
        return Zone(volume, Described(_modified(crystal, relief, self.vacancies), kind, describe), name)

    def _relief(self, size: tuple[float, float], rms: float) -> Heights:
        length = inputs.positive(self.ripple_length, "ripple_length")
        if self.cell is None:  # a flake need not repeat, and may be as small as one ripple
            size = (max(size[0], 2 * length), max(size[1], 2 * length))
        elif length > min(size) / 2:
            raise InvalidInput(f"ripple_length is {length:g} Å; a cell of {min(size):g} Å holds half its side at most")
        return rough(size, rms, length, seeding.generator(self.seed, "ripple"))


def _modified(crystal: Crystal, relief: Heights | None, vacancies: float) -> Generator:
    modifiers: list[Any] = []
    if relief is not None:
        modifiers.append(Displacement(_Lift(relief), "crystal"))
    if vacancies:
        modifiers.append(Vacancies(vacancies))
    return Modified(crystal, modifiers) if modifiers else crystal


def _sheet(material: str) -> Crystal:
    if not isinstance(material, str) or material.split()[0] not in _SHEETS:
        raise InvalidInput(
            f"material is {material!r}; give a sheet: {', '.join(repr(name + ' …') for name in _SHEETS)}, e.g. "
            "'graphene C' or '1H MoS2'"
        )
    return Crystal.named(material)


def _bulk_spacing(material: str) -> float:
    prototype, formula = material.split()
    row = reference.lattices().get((str(PROTOTYPES[prototype].sheet), formula))
    if row is None or row.c is None:
        raise InvalidInput(f"the spacing of {material} is not in the table; give spacing= in Å")
    return row.c / 2


def _thickness(single: Crystal) -> float:
    heights = _heights(single)
    return float(heights.max() - heights.min())


def _heights(single: Crystal) -> Floats:
    """Heights (n,) in Å of the sites about z = 0."""
    shares = single.fractional[:, 2]
    return np.asarray((shares - np.round(shares)) * SHEET_SPACING)


def _stacked(single: Crystal, count: int, stacking: str, apart: float) -> Crystal:
    """`count` sheets, centred on z = 0, as one crystal whose next stack is far away."""
    tokens = re.findall(r"[ABC]'?", stacking)
    if not tokens or "".join(tokens) != stacking:
        raise InvalidInput(f"stacking is {stacking!r}; give letters A, B and C, e.g. 'AB', 'ABC' or \"AA'\"")
    flat, height = single.fractional[:, :2], _heights(single)
    sites, numbers, thermal, sublattice = [], [], [], []
    for index in range(count):
        token = tokens[index % len(tokens)]
        turned = -1.0 if token.endswith("'") else 1.0
        z = turned * height + (index - (count - 1) / 2) * apart
        sites.append(np.column_stack([turned * flat + _PLACES[token[0]], z / SHEET_SPACING]))
        numbers.append(single.numbers)
        thermal.append(single.thermal_u)
        sublattice.append(single.sublattice + index * (int(single.sublattice.max()) + 1))
    return replace(
        single,
        fractional=np.concatenate(sites),
        numbers=np.concatenate(numbers),
        thermal_u=np.concatenate(thermal),
        sublattice=np.concatenate(sublattice),
    )


def _commensurate(single: Crystal, indices: Sequence[int], apart: float) -> tuple[Crystal, float]:
    """Two sheets twisted by the angle of (m, n) as one crystal, and the angle in degrees."""
    if len(indices) != 2 or any(isinstance(i, bool) or i != int(i) or i < 1 for i in indices):
        raise InvalidInput(f"indices is {indices!r}; give two whole numbers (m, n) above zero")
    m, n = int(indices[0]), int(indices[1])
    if math.gcd(m, n) != 1 or m == n:
        raise InvalidInput(f"indices is ({m}, {n}); give two different numbers without a common divisor")
    a, b = single.lattice[0], single.lattice[0] + single.lattice[1]  # at 60°
    long = np.stack([m * a + n * b, -n * a + (m + n) * b, single.lattice[2]])
    # the upper sheet has its own n·a + m·b where the lower one has m·a + n·b
    other = n * a + m * b
    turn = math.degrees(math.atan2(long[0, 1], long[0, 0]) - math.atan2(other[1], other[0]))
    height = _heights(single)
    sites, order = [], []
    reach = 2 * (m + n) + 1
    cells = np.array(list(product(range(-reach, reach + 1), repeat=2)), dtype=np.float64)
    for index, lift in enumerate((-apart / 2, apart / 2)):
        flat = (cells[:, None] + single.fractional[:, :2]).reshape(-1, 2) @ single.lattice[:2]
        flat[:, 2] = np.tile(height, len(cells)) + lift
        if index:
            flat = rotation((0, 0, 1), turn).apply(flat)
        fractional = flat @ np.linalg.inv(long)
        inside = ((fractional[:, :2] > -1e-9) & (fractional[:, :2] < 1 - 1e-9)).all(axis=1)
        sites.append(fractional[inside])
        order.append(np.tile(np.arange(len(height)), len(cells))[inside] + index * len(height))
    which = np.concatenate(order)
    site = which % len(height)
    pair = Crystal(
        long,
        np.concatenate(sites),
        single.numbers[site],
        single.phase,
        single.thermal_u[site],
        sublattice=which,
    )
    return pair, turn
