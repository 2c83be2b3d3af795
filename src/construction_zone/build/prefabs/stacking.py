"""Close-packed crystals as stacks of sheets, and the planar faults that change the stacking.

A sheet is a triangular net of units: single atoms in fcc and hcp, pairs of atoms joined by the bond along the stacking
direction in diamond, zincblende and wurtzite. Cuts between sheets are then cuts of the glide set. A sheet lies at one
of three positions A, B, C (here 0, 1, 2), and the letters of a stack say all there is to say about its faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from construction_zone.build.generators import Crystal
from construction_zone.build.generators.domains import moved_planes
from construction_zone.build.inputs import Floats
from construction_zone.build.lattice_directions import plane_normal
from construction_zone.build.prefabs.symmetry import Miller, miller
from construction_zone.build.transforms import IDENTITY, Affine, rotation, translation
from construction_zone.errors import InvalidInput

_SAME = 1e-3
"""Fraction of the distance between units within which positions count as the same."""

_REACH = 6.0
"""How far sites are looked at, in units of the cube root of the volume of an atom."""

_FLATTEST, _TALLEST = 0.75, 1.0
"""Spacing of close-packed sheets in units of the distance in them: 0.816 for spheres, 0.95 in cadmium."""


@dataclass(frozen=True, eq=False)
class Stacking:
    """The sheets of a crystal along a plane normal.

    Parameters
    ----------
    normal
        Unit vector (3,) in the scene.
    point
        (3,) Å: on the lines along the normal through units of sheet 0.
    bottom
        Height normal·x (Å) of the lowest atoms of sheet 0.
    spacing, thickness
        Å from sheet to sheet, and from the lowest to the highest atoms of one.
    step
        (3,) Å across the normal: takes the units of a sheet at A to those of one at B, B to C, C to A.
    unit
        Å between neighbouring units of a sheet.
    cubic
        Whether the letters are ABCABC (else ABABAB); sheet 0 is at A and sheet 1 at B.
    """

    normal: Floats
    point: Floats
    bottom: float
    spacing: float
    thickness: float
    step: Floats
    unit: float
    cubic: bool

    @classmethod
    def of(cls, crystal: Crystal, hkl: Miller) -> Stacking:
        """The stacking of a crystal along the normal of (hkl).

        Raises `InvalidInput` where the planes are no close-packed sheets.
        """
        plane = miller(hkl, crystal)
        lattice = crystal.pose.apply_direction(crystal.lattice)
        normal = plane_normal(lattice, plane)
        complaint = InvalidInput(
            f"{crystal.phase} is no stack of close-packed sheets along ({' '.join(map(str, plane))}); give {{111}} of "
            "an fcc, diamond or zincblende crystal, or (0001) of an hcp or wurtzite crystal"
        )
        levels, net = _levels(crystal, lattice, normal, complaint)
        sheets = _sheets(levels, complaint)
        letters = np.array([sheet[0][1] for sheet in sheets])
        heights = np.array([sheet[0][0] for sheet in sheets])
        turns = np.mod(np.diff(letters), 3)
        cubic = bool((turns == turns[0]).all())
        if not cubic and not (turns[:-1] + turns[1:] == 3).all():
            raise complaint
        start = int(np.argmin(np.abs(heights)))
        spacing = float(np.diff(heights).mean())
        if np.ptp(np.diff(heights)) > _SAME * net.unit or not _FLATTEST < spacing / net.unit < _TALLEST:
            raise complaint
        forward = net.step if turns[start] == 1 else -net.step
        point = net.origin + letters[start] * net.step
        return cls(
            normal,
            point - (point @ normal) * normal,
            float(heights[start] + net.origin @ normal),
            spacing,
            float(sheets[start][-1][0] - sheets[start][0][0]),
            forward,
            net.unit,
            cubic,
        )

    def from_sheet(self, number: int) -> Stacking:
        """The same stack with its sheets numbered from the one that was `number`."""
        odd = number % 2 == 1
        letter = number if self.cubic else int(odd)
        return replace(
            self,
            point=self.point + letter % 3 * self.step,
            bottom=self.bottom + number * self.spacing,
            step=self.step if self.cubic or not odd else -self.step,
        )

    def middle(self, sheet: float) -> float:
        """Height (Å) of the middle of a sheet."""
        return self.bottom + sheet * self.spacing + self.thickness / 2

    def cut(self, sheet: int) -> float:
        """Height (Å) halfway between the highest atoms of `sheet` and the lowest of the next."""
        return self.bottom + sheet * self.spacing + (self.thickness + self.spacing) / 2

    def sheets(self, points: Floats) -> NDArray[np.int64]:
        """In which sheet (n,) atoms at `points` (n, 3) are."""
        return np.rint((points @ self.normal - self.middle(0)) / self.spacing).astype(np.int64)

    def moved(self, affine: Affine) -> Stacking:
        """This stack after the map `affine`."""
        if affine.is_identity:
            return self
        normals, levels = moved_planes(self.normal[None], np.array([self.bottom]), affine)
        scale = 1 / float(np.linalg.norm(self.normal @ np.linalg.inv(affine.matrix)))
        return replace(
            self,
            normal=normals[0],
            point=affine.apply(self.point),
            bottom=float(levels[0]),
            spacing=self.spacing * scale,
            thickness=self.thickness * scale,
            step=affine.apply_direction(self.step),
            unit=self.unit * float(np.linalg.norm(affine.apply_direction(self.step)) / np.linalg.norm(self.step)),
        )


@dataclass(frozen=True)
class Fault:
    """A kind of planar fault.

    Parameters
    ----------
    foreign
        Which sheets, counted from the fault's own, have the environment that the perfect crystal has not.
    cuts
        What happens above which sheet: "turn" by 180° about the normal, "shift" by one letter, or, of ABAB stacks,
        "slip" to the third letter and "climb", the same with the stack moved up by a sheet.
    """

    foreign: tuple[int, ...]
    cuts: tuple[tuple[int, Literal["turn", "shift", "slip", "climb", "return"]], ...]

    @property
    def span(self) -> int:
        """Sheets from the first to the last foreign one."""
        return self.foreign[-1]


CUBIC_FAULTS = {
    "twin": Fault((0,), ((0, "turn"),)),
    "intrinsic": Fault((0, 1), ((0, "shift"),)),
    "extrinsic": Fault((0, 2), ((0, "shift"), (1, "shift"))),
}
"""Faults of ABCABC: twin ABCBA, intrinsic ABC|BCA, extrinsic ABC|B|ABC; after Hirth & Lothe, *Theory of Dislocations*,
2nd ed. (1982), section 10-2."""

HEXAGONAL_FAULTS = {
    "I1": Fault((0,), ((0, "climb"),)),
    "I2": Fault((0, 1), ((0, "slip"),)),
    "E": Fault((0, 1, 2), ((0, "slip"), (1, "return"))),
}
"""Faults of ABABAB: I1 ABAB|CBCB, I2 ABAB|CACA, E ABAB|C|ABAB; Lähnemann et al., J. Phys. D 47, 423001 (2014)."""


def faults_of(stacking: Stacking) -> dict[str, Fault]:
    """The kinds of fault that a stack can have."""
    return CUBIC_FAULTS if stacking.cubic else HEXAGONAL_FAULTS


def name_of(foreign: Sequence[int], stacking: Stacking) -> str:
    """What the foreign sheets that are there make: a fault of which the surface took a part is another one."""
    if not stacking.cubic:
        return ("I1", "I2", "E")[len(foreign) - 1]
    if len(foreign) == 1:
        return "twin"
    return "intrinsic" if foreign[1] - foreign[0] == 1 else "extrinsic"


def above(stacking: Stacking, faults: Sequence[tuple[Fault, int]]) -> list[tuple[int, Affine, bool]]:
    """For each cut, from below to above: the sheet below it, the map of the unfaulted crystal to what is above it, and
    whether that is turned.

    `faults` are kinds and their sheets, in rising order.
    """
    state = _State(stacking)
    found = []
    for fault, sheet in faults:
        for offset, what in fault.cuts:
            state = state.after(sheet + offset, what)
            found.append((sheet + offset, state.affine, state.sense < 0))
    return found


@dataclass(frozen=True)
class _State:
    """The crystal above the last cut: its letters, and the map that takes the unfaulted one there."""

    stacking: Stacking
    affine: Affine = IDENTITY
    sense: int = 1
    offset: int = 0
    climbed: int = 0

    def letter(self, sheet: int) -> int:
        if self.stacking.cubic:
            return (self.sense * sheet + self.offset) % 3
        return ((sheet - self.climbed) % 2 + self.offset) % 3

    def after(self, sheet: int, what: str) -> _State:
        """The crystal above a cut over `sheet`."""
        own, stack = self.letter(sheet), self.stacking
        third = (-own - self.letter(sheet - 1)) % 3
        if what == "turn":
            axis = stack.point + own * stack.step
            turned = rotation(stack.normal, 180.0, axis) @ self.affine
            return replace(self, affine=turned, sense=-self.sense, offset=own + self.sense * sheet)
        if what == "shift":
            return self._to(sheet + 1, self.letter(sheet + 1) + self.sense)
        if what == "slip":
            return self._to(sheet + 1, third)
        lifted = replace(self, affine=translation(stack.spacing * stack.normal) @ self.affine, climbed=self.climbed + 1)
        if what == "climb":
            return lifted._to(sheet + 1, third)
        # over the inserted sheet the stack goes on from the letter that it has there already, the other way round
        return lifted._to(sheet + 1, self.letter(sheet + 1))

    def _to(self, sheet: int, letter: int) -> _State:
        steps = (letter - self.letter(sheet) + 1) % 3 - 1
        return replace(self, affine=translation(steps * self.stacking.step) @ self.affine, offset=self.offset + steps)


@dataclass(frozen=True, eq=False)
class _Net:
    """The triangular net of a level: a point of it (3,), the step to the next letter (3,), and its period (Å)."""

    origin: Floats
    step: Floats
    unit: float


def _levels(
    crystal: Crystal, lattice: Floats, normal: Floats, complaint: InvalidInput
) -> tuple[list[tuple[float, int, int]], _Net]:
    """(height above the origin of the net, letter, occupant) of the atomic levels near the crystal's origin."""
    basis = crystal.pose.apply_direction(crystal.positions)
    scale = float(np.cbrt(abs(np.linalg.det(lattice)) / len(basis)))
    most = np.ceil(_REACH * scale * np.linalg.norm(np.linalg.inv(lattice), axis=0)).astype(int)
    cells = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing="ij"), axis=-1).reshape(-1, 3)
    points = ((cells @ lattice)[:, None] + (basis - basis[0])).reshape(-1, 3)
    kinds = {kind: i for i, kind in enumerate(dict.fromkeys(map(repr, crystal.occupancy or crystal.numbers)))}
    occupant = np.array([kinds[repr(kind)] for kind in (crystal.occupancy or crystal.numbers)])
    occupant = np.tile(occupant, len(cells))
    heights = points @ normal
    across = points - heights[:, None] * normal
    # the net of the level through the origin
    inside = np.abs(heights) < _SAME * scale
    lengths = np.where(inside, np.linalg.norm(across, axis=1), np.inf)
    unit = float(np.sort(lengths)[1])
    ring = across[np.abs(lengths - unit) < _SAME * unit]
    if len(ring) != 6:
        raise complaint
    first = ring[0]
    second = rotation(normal, 60.0).apply_direction(first)
    if np.linalg.norm(ring - second, axis=1).min() > 2 * _SAME * unit:
        raise complaint
    frame = np.linalg.pinv(np.stack([first, second]))
    thirds = 3 * (across @ frame)  # whole on the three kinds of site, equal to each other modulo 3
    near = np.linalg.norm(across, axis=1) < 1.2 * unit
    near &= np.abs(heights) < 3.6 * unit
    order = np.flatnonzero(near)[np.argsort(heights[near], kind="stable")]
    levels: list[tuple[float, int, int]] = []
    for index in order:
        u, v = thirds[index]
        letter = round(u)
        if abs(u - letter) > 9 * _SAME or abs(v - round(v)) > 9 * _SAME or (letter - round(v)) % 3:
            raise complaint
        if levels and heights[index] - levels[-1][0] < _SAME * unit:
            if levels[-1][1:] != (letter % 3, int(occupant[index])):
                raise complaint  # another unit or another element in the same level
            continue
        levels.append((float(heights[index]), letter % 3, int(occupant[index])))
    return levels, _Net(crystal.pose.vector + basis[0], (first + second) / 3, unit)


def _sheets(levels: list[tuple[float, int, int]], complaint: InvalidInput) -> list[list[tuple[float, int, int]]]:
    """The levels in groups of the same letter, without the first and the last group, which may be cut."""
    groups: list[list[tuple[float, int, int]]] = []
    for level in levels:
        if groups and groups[-1][-1][1] == level[1]:
            groups[-1].append(level)
        else:
            groups.append([level])
    groups = groups[1:-1]
    same = {tuple(occupant for *_, occupant in group) for group in groups}
    if len(groups) < 4 or len(same) != 1 or len(groups[0]) > 2:
        raise complaint
    return groups
