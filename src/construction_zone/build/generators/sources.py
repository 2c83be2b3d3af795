"""Crystals from files, from other packages' objects and from space groups."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from construction_zone.build import elements, files, inputs
from construction_zone.build.generators import sites
from construction_zone.build.generators.crystal import Crystal
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput, StructureFileError

if TYPE_CHECKING:
    from pymatgen.core import Structure


def read(path: str | PathLike[str], phase: str | None) -> Crystal:
    """The crystal in a structure file; see `Crystal.read`."""
    try:
        atoms = files.read(path)
    except StructureFileError as error:
        if "partly filled" not in str(error):
            raise
        from pymatgen.core import Structure  # reads some disordered files that ASE does not

        return from_structure(Structure.from_file(str(path)), phase)
    try:
        return _from_atoms(atoms, phase)
    except InvalidInput as error:
        raise StructureFileError(f"{path}: {error}") from error


def from_structure(structure: Structure | Atoms, phase: str | None) -> Crystal:
    """The crystal of a pymatgen `Structure` or a periodic `ase.Atoms`."""
    if isinstance(structure, Atoms):
        return _from_atoms(structure, phase)
    # duck typing keeps pymatgen unimported until somebody brings it
    if not (hasattr(structure, "lattice") and hasattr(structure, "frac_coords") and hasattr(structure, "is_ordered")):
        raise InvalidInput(f"{type(structure).__name__} is no structure; give a pymatgen Structure or an ase.Atoms")
    occupants = [_summed((_symbol(specie), float(x)) for specie, x in site.species.items()) for site in structure]
    labels = [str(site.label) for site in structure]
    # a label such as "O2" names a sublattice; without labels pymatgen repeats the species
    named = any(label != site.species_string for label, site in zip(labels, structure, strict=True))
    return Crystal(
        np.array(structure.lattice.matrix),
        np.array(structure.frac_coords),
        sites.majority(tuple(tuple(kinds.items()) for kinds in occupants)),
        phase or (structure.composition.reduced_formula if structure.is_ordered else structure.composition.formula),
        occupancy=occupants,
        sublattice=sites.grouped(labels) if named else np.zeros(0, dtype=np.int64),
    )


def from_spacegroup(
    group: int | str,
    species: Sequence[str],
    coords: ArrayLike,
    cell: Sequence[float],
    setting: int,
    phase: str | None,
) -> Crystal:
    """The crystal of a space group; see `Crystal.from_spacegroup`."""
    from ase.spacegroup import crystal
    from ase.spacegroup.spacegroup import SpacegroupError, SpacegroupNotFoundError

    given = inputs.points(coords, "coords")
    names = [species] if isinstance(species, str) else list(species)
    if len(names) != len(given):
        raise InvalidInput(f"{len(names)} species but {len(given)} coordinates; give one element a site")
    for name in names:
        elements.number(name)
    cellpar = np.asarray(cell, dtype=np.float64)
    if cellpar.shape != (6,) or not np.isfinite(cellpar).all() or (cellpar <= 0).any() or (cellpar[3:] >= 180).any():
        raise InvalidInput(f"cell is {list(cell)}; give (a, b, c, alpha, beta, gamma) in Å and degrees")
    metric = _metric(cellpar)
    if np.linalg.det(metric) <= 1e-9 * float(np.prod(np.diag(metric))):
        raise InvalidInput(f"cell is {list(cell)}: no three edges make such angles with each other; check the angles")
    try:
        atoms = crystal(
            names,
            given,
            spacegroup=group,
            setting=setting,
            cellpar=cellpar.tolist(),
            onduplicates="error",
            symprec=1e-3,
        )
    except SpacegroupNotFoundError as error:
        raise InvalidInput(
            f"{group!r} (setting {setting}) is no space group: {error}; give a number from 1 to 230 or a symbol "
            "such as 'F m -3 m'"
        ) from error
    except (SpacegroupError, ValueError) as error:
        raise InvalidInput(f"space group {group!r}: {error}; give each orbit of equivalent sites once") from error
    # symmetry operations keep all lengths, in a cell that has the symmetry
    turned = [turn.T @ metric @ turn for turn in atoms.info["spacegroup"].get_op()[0]]
    if np.abs(np.array(turned) - metric).max() > 1e-3 * metric.max():
        raise InvalidInput(
            f"cell is {list(cell)}, which has not the symmetry of space group {group!r}; check the edges and angles "
            "(a = b = c and 90° if it is cubic, a = b and gamma = 120° if it is hexagonal)"
        )
    return _from_atoms(atoms, phase)


def _metric(cellpar: Floats) -> Floats:
    """(3, 3) scalar products of the edges (a, b, c, alpha, beta, gamma), Å and degrees."""
    cosines = np.eye(3)
    for k, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        cosines[i, j] = cosines[j, i] = np.cos(np.radians(cellpar[3 + k]))
    return cosines * np.outer(cellpar[:3], cellpar[:3])


def _from_atoms(atoms: Atoms, phase: str | None) -> Crystal:
    if not len(atoms):
        raise InvalidInput("the structure has no atoms")
    if atoms.cell.rank < 3:
        raise InvalidInput("the structure has no three-dimensional cell, so it is no crystal; give one with a cell")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fractional = atoms.get_scaled_positions(wrap=True)
    symbols = atoms.get_chemical_symbols()
    for symbol in sorted(set(symbols)):
        elements.number(symbol)
    kinds = atoms.arrays.get("spacegroup_kinds")  # ASE numbers the orbits of a CIF or a space group
    partial = {str(kind): shares for kind, shares in atoms.info.get("occupancy", {}).items()}
    if kinds is None or not partial:
        occupants: list[dict[str, float]] = []
    else:
        occupants = [_summed(partial[str(kind)].items()) for kind in kinds.tolist()]
    return Crystal(
        np.array(atoms.cell.array),
        fractional,
        atoms.numbers,
        phase or atoms.get_chemical_formula(mode="reduce" if len(atoms) > 500 else "metal", empirical=True),
        occupancy=occupants,
        sublattice=np.zeros(0, dtype=np.int64) if kinds is None else sites.grouped(kinds.tolist()),
    )


def _summed(shares: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Occupancies by element; ions of one element (Fe2+, Fe3+) count together."""
    total: dict[str, float] = {}
    for symbol, amount in shares:
        total[symbol] = total.get(symbol, 0.0) + float(amount)
    return total


def _symbol(specie: Any) -> str:
    element = getattr(specie, "element", specie)  # a Species with a charge holds its Element
    return str(getattr(element, "symbol", element))
