"""Strain that takes the shape along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from construction_zone.build.arrays import IDEAL
from construction_zone.build.modifiers.base import Record, Setting, SpaceModifier
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class ShapeFollows:
    """A strain or displacement that comes after the volume has cut the atoms, so that the shape deforms with them.

    Alone, `Strain`, `Deformation` and `Displacement` strain the material first and fill the volume with it: a strained
    block is as large as the volume says. With this around them a straight wire becomes a bent one, and a block that is
    stretched by a tenth is longer by a tenth.

    Parameters
    ----------
    modifier
        `Strain`, `Deformation` or `Displacement`.
    """

    modifier: SpaceModifier

    def __post_init__(self) -> None:
        if not isinstance(self.modifier, SpaceModifier) or isinstance(self.modifier, type):
            raise InvalidInput(f"{self.modifier!r} moves no space; give a Strain, a Deformation or a Displacement")

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return self.modifier.kind

    def apply(self, atoms: Atoms, setting: Setting) -> tuple[Atoms, Record]:
        """The moved atoms; the record is that of the strain, with "shape": "follows"."""
        moved = atoms.copy()
        moved.arrays.setdefault(IDEAL, atoms.positions.copy())
        moved.positions, record = self.modifier.mapping(setting.pose).after(atoms.positions)
        return moved, {**record, "shape": "follows"}
