"""Commands for one step of the way: atoms, waves, images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from construction_zone.cli import report
from construction_zone.cli.recipes import RecipeFile

if TYPE_CHECKING:
    import ase


def build(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option(metavar="SCENE.xyz", help="File in any format of ASE; .XYZ for Prismatic.")],
    index: Annotated[int, typer.Option(min=0, help="Which structure of the recipe.")] = 0,
) -> None:
    """Build the atoms of one structure of RECIPE, write them, and report what they are like.

    Example: [bold]czone build recipes/gold_on_carbon.yaml --out scene.xyz --index 3[/bold]
    """
    from construction_zone.build import checks, files
    from construction_zone.dataset.compose import build_structure
    from construction_zone.dataset.recipe import load

    built = build_structure(load(recipe), index)
    if out.suffix == ".XYZ":
        _set_displacements(built.atoms)
    files.write(built.atoms, out)
    cell = " × ".join(f"{length:.1f}" for length in built.atoms.cell.lengths())
    report.out.print(
        f"{out}: {len(built.atoms)} atoms in {cell} Å ({', '.join(built.atoms.info['zones'])})", markup=False
    )
    report.out.print(str(checks.report(built.atoms)), markup=False, highlight=False)


def simulate(
    structure: Annotated[Path, typer.Argument(metavar="STRUCTURE_FILE", help="Atoms in an orthogonal cell.")],
    out: Annotated[Path, typer.Option(metavar="WAVES.zarr", help="Zarr group to write; must not exist.")],
    energy: Annotated[float, typer.Option(help="Of the electrons, eV.")] = 300e3,
    sampling: Annotated[float, typer.Option(help="Largest distance between samples, Å.")] = 0.1,
    slice_thickness: Annotated[
        str, typer.Option("--slice-thickness", "--slices", help="Å, or planes: a slice to each lattice plane.")
    ] = "2",
    phonons: Annotated[int, typer.Option(min=0, help="Frozen-phonon configurations; 0 for atoms at rest.")] = 8,
    frame: Annotated[
        str | None,
        typer.Option(help="Of a trajectory: which one, from 0 (-1: the last), or all, each then a configuration."),
    ] = None,
    tilt: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y", help="Of the beam, mrad; several: their images are averaged."),
    ] = None,
    depth: Annotated[
        list[float] | None, typer.Option(help="Å from the entrance at which a wave is wanted; also several.")
    ] = None,
    pad: Annotated[float, typer.Option(help="Vacuum on each side of a cell that does not repeat, Å.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the thermal displacements.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    engine: Annotated[str, typer.Option(help="torch (ours) or abtem.")] = "torch",
) -> None:
    """Simulate the exit waves of the atoms in STRUCTURE_FILE; the beam runs along +z.

    Example: [bold]czone simulate scene.xyz --out waves.zarr --phonons 8[/bold]
    """
    from construction_zone.errors import StoreError

    if out.exists():
        raise StoreError(f"{out} exists; waves are not written over anything, give another name or remove it")
    chosen = _frame(structure, frame)
    cut, tilts = _slices(slice_thickness), [_pair(each) for each in tilt or ()]
    from construction_zone.simulate import exit_waves

    waves = exit_waves(
        chosen,
        energy=energy,
        sampling=sampling,
        slice_thickness=cut,
        phonons=phonons or None,
        tilts=tilts or None,
        depths=sorted(depth) if depth else None,
        pad=pad,
        seed=seed,
        device=device,
        engine=engine,
        progress=True,
    )
    waves.save(out)
    steps = " × ".join(f"{step:.4g}" for step in waves.sampling)
    report.out.print(f"{out}: {_shape(waves.array.shape)} at {steps} Å, z = {waves.z:.1f} Å", markup=False)


def image(
    waves: Annotated[Path, typer.Argument(metavar="WAVES", help="Zarr group of exit waves.", exists=True)],
    out: Annotated[Path, typer.Option(metavar="IMAGE", help="Image to write: .png, .tif or .npy.")],
    defocus: Annotated[float, typer.Option(help="Å from the exit face, underfocus positive.")] = 0.0,
    Cs: Annotated[float, typer.Option("--Cs", help="Spherical aberration, Å.")] = 0.0,
    focal_spread: Annotated[float, typer.Option(help="Standard deviation of the focus, Å.")] = 0.0,
    source_size: Annotated[float, typer.Option(help="1/e half-angle of the illumination, mrad.")] = 0.0,
    aperture: Annotated[float | None, typer.Option(help="Radius of the objective aperture, mrad.")] = None,
    dose: Annotated[float | None, typer.Option(help="e⁻/Å²; without it there is no noise.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Å; by default the sampling of the waves.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
) -> None:
    """Take an image of stored exit waves, without simulating again.

    Example: [bold]czone image waves.zarr --out image.png --defocus -100 --focal-spread 10 --dose 400[/bold]
    """
    from construction_zone.image import Microscope
    from construction_zone.simulate import ExitWaves

    scope = Microscope(
        defocus=defocus, Cs=Cs, focal_spread=focal_spread, source_size=source_size, aperture=aperture, dose=dose
    )
    micrograph = scope.image(ExitWaves.load(waves), pixel_size=pixel_size, seed=seed)
    micrograph.save(out)
    size = micrograph.pixel_size[0]
    report.out.print(f"{out}: {_shape(micrograph.array.shape)} pixels of {size:.4g} Å", markup=False)


def _frame(structure: Path, wanted: str | None) -> ase.Atoms | list[ase.Atoms]:
    """The atoms of a file that are to be simulated: its only frame, the one that is wanted, or all of them."""
    from construction_zone.build import files
    from construction_zone.errors import InvalidInput

    found = files.frames(structure)
    if wanted == "all":
        return found
    if wanted is None:
        if len(found) > 1:
            raise InvalidInput(
                f"{structure} holds {len(found)} frames; say which with --frame (0 … {len(found) - 1}, or -1 for the "
                "last), or --frame all to have each be a configuration"
            )
        return found[0]
    try:
        number = int(wanted)
    except ValueError:
        raise InvalidInput(f"--frame {wanted} is neither a number nor all") from None
    if not -len(found) <= number < len(found):
        raise InvalidInput(f"there is no frame {number}; {structure} holds {len(found)}, 0 … {len(found) - 1}")
    if len(found) > 1:
        report.out.print(f"{structure}: frame {number % len(found)} of 0 … {len(found) - 1}", markup=False)
    return found[number]


def _slices(text: str) -> float | Literal["planes"]:
    from construction_zone.errors import InvalidInput

    if text == "planes":
        return "planes"
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"--slice-thickness {text}: give a length in Å, or planes") from None


def _pair(text: str) -> tuple[float, float]:
    from construction_zone.errors import InvalidInput

    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"--tilt {text}: give the tilts towards x and y in mrad, such as 2,0") from None
    return x, y


def _set_displacements(atoms: ase.Atoms) -> None:
    """Give each atom of which its phase tells no displacement that of its element, as simulating here would do."""
    from construction_zone.errors import InvalidInput
    from construction_zone.simulate.phonons import displacement_roots

    try:
        roots = displacement_roots(atoms)
    except InvalidInput as error:
        report.err.print(f"the file says of some atoms that they are at rest: {error}", markup=False)
        return
    if roots.ndim == 1:
        atoms.set_array("thermal_u", roots)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(str(length) for length in shape)
