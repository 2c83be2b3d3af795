"""How exact exit waves are, beside abTEM's at the same sampling, against waves by direct sums over atoms.

    python benchmarks/exit_wave_accuracy.py [--out docs/benchmarks/exit_wave_accuracy.md]

Two scenes at rest: a 15 Å gold ball on 18 Å of random carbon at 300 kV, and a 22 Å ball of CdSe at 80 kV, in a cell of
32 Å with slices of 2 Å. The reference has structure factors by direct summation in double precision at 0.0125 Å with
the same slices. Told is the relative L2 error of ψ − 1 for |k| < 2 Å⁻¹. Takes some minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import _waves

from construction_zone import simulate

SCENES = {"gold on carbon, 300 kV": (_waves.gold_on_carbon, 300e3), "CdSe, 80 kV": (_waves.cadmium_selenide, 80e3)}
SAMPLINGS = (0.05, 0.1, 0.125, 0.16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the table, as a page, to this file")
    given = parser.parse_args()
    rows = []
    for name, (make, energy) in SCENES.items():
        atoms = make()
        cell = float(atoms.cell.lengths()[0])
        reference = _waves.beams(_waves.converged_wave(atoms, energy), cell)
        for sampling in SAMPLINGS:
            ours = {
                cores: simulate.exit_waves(atoms, energy=energy, sampling=sampling, phonons=None, cores=cores).numpy()[
                    0
                ]
                for cores in (True, False)
            }
            peer = _waves.abtem_waves(atoms, energy, sampling)[0]
            errors = [_waves.error(wave, reference, cell) for wave in (ours[True], ours[False], peer)]
            rows.append((name, sampling, *errors))
            print(name, sampling, *(f"{e:.4f}" for e in errors), flush=True)
    page = _page(rows)
    print(page)
    if given.out:
        given.out.write_text(page, encoding="utf-8")


def _page(rows: list[tuple]) -> str:
    table = "\n".join(
        f"| {name} | {sampling:g} | {ours:.4f} | {plain:.4f} | {peer:.4f} | {peer / ours:.1f} |"
        for name, sampling, ours, plain, peer in rows
    )
    return f"""# How exact exit waves are

Relative L2 error of ψ − 1 for |k| < 2 Å⁻¹ against a wave whose structure factors are direct sums over atoms, in double
precision at 0.0125 Å with the same 2 Å slices. *Cores* is the default (`cores=True`).

| scene | sampling / Å | ours, cores | ours, without | abTEM | abTEM / ours |
|---|---|---|---|---|---|
{table}

Made by `benchmarks/exit_wave_accuracy.py`; {_waves.machine()}.
"""


if __name__ == "__main__":
    main()
